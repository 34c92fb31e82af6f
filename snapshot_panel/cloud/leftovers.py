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

"""Deleting the empty images that refused requests left behind."""

from collections.abc import Collection
import logging

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import leftovers

LOG = logging.getLogger(__name__)

# How many one look deletes: each is read again before.
_AT_ONCE = 10


def clear(session: asking.Session, instance: facts.Instance,
          images: Collection[facts.Image]) -> set[str]:
    """Delete what provably is left of refused requests.

    Nothing else depends on it: where a service fails, a later look does it.

    :param images: the instance's snapshots as just read.
    :returns: the ids of those that were deleted.
    """
    found = leftovers.suspects(instance, images, timeutils.utcnow(True))
    if not found:
        return set()
    actions = asking.outcome(lambda: nova.list_actions(session, instance.id))
    if isinstance(actions, errors.CloudError):
        LOG.info('Leftovers of %s stay: %s', instance.id, actions)
        return set()
    refused = [image for image in found
               if leftovers.is_refused(image, images, actions)]
    return {image.id for image in refused[:_AT_ONCE]
            if _delete(session, instance, image)}


def _delete(session: asking.Session, instance: facts.Instance,
            image: facts.Image) -> bool:
    """Delete one, if it still is what it was; return whether."""
    try:
        # Glance last, right before it goes.
        fresh = nova.get_instance(session, instance.id)
        again = glance.find_image(session, image.id)
        if again is None or not leftovers.suspects(
                fresh, [again], timeutils.utcnow(True)):
            return False
        glance.delete_image(session, image.id)
    except errors.CloudError as problem:
        LOG.warning('Image %s of %s stays: %s', image.id, instance.id,
                    problem)
        return False
    LOG.warning(
        'Image %s (%s) of %s was deleted: it has no data, is %d s old, and '
        'all snapshots that Nova began since its request made other images, '
        'so Nova had refused the request', image.id,
        errors.one_line(image.name), instance.id,
        (timeutils.utcnow(True) - again.created).total_seconds()
        if again.created else -1)
    return True
