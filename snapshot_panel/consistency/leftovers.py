# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Images that requests left behind which Nova refused.

Nova makes the image before it sees that the instance is busy, and answers with
an error: the image stays without data for ever, and nobody is told its id.
Whether it may go is a matter of proof, because a snapshot that is being made
looks much the same.
"""

from collections.abc import Iterable
import datetime

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart

# How long after a request its image may be looked at, in seconds. Nova writes
# its record within the request; no client and no proxy waits for as long.
AGE = 3600


def suspects(instance: facts.Instance, images: Iterable[facts.Image],
             now: datetime.datetime) -> list[facts.Image]:
    """Return the images that a refused request may have left behind.

    Each is this panel's own, has no data, was bound by nobody, is not
    remembered, and is older than :data:`AGE` by Glance's clock and by that of
    whoever asked. Nova works on nothing of the instance.

    :param images: of the instance, as just read.
    :param now: the reader's clock, aware.
    """
    if instance.task_state or restart.unfinished(instance):
        return []
    remembered = {memory.image_id
                  for memory in records.read_memories(instance)}
    return [image for image in images if image.id not in remembered
            and _empty(instance, image) and _old(image, now)]


def _empty(instance: facts.Instance, image: facts.Image) -> bool:
    """Return whether an image is an instance's own, and nothing is in it."""
    return (image.empty and not image.size and not image.checksum
            and not image.volume_backed and not image.protected
            and image.is_snapshot and image.instance_id == instance.id
            and image.owner is not None
            and image.owner == instance.project_id
            and records.is_unbound(image))


def _old(image: facts.Image, now: datetime.datetime) -> bool:
    moments = (image.created, image.updated, records.parse_time(
        image.properties.get(records.REQUESTED_AT)))
    return all(moment is not None and (now - moment).total_seconds() > AGE
               for moment in moments)


def is_refused(image: facts.Image, images: Iterable[facts.Image],
               actions: Iterable[facts.Action] | None) -> bool:
    """Return whether Nova refused the request that made an image, for sure.

    Nova records each request for a snapshot that it accepts. If each of those
    since this request is known to have made another image, none of them made
    this one.

    :param images: of the instance.
    :param actions: of the instance, newest first, None where it is gone.
    """
    made = records.made_since(image, actions or ())
    if made is None:
        return False
    bound = {each.properties.get(records.ACTION) for each in images
             if records.is_bound(each)}
    return all(action.request_id in bound for action in made
               if action.name == records.CREATE_IMAGE)
