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


"""Deleting what a proven snapshot replaces.

What goes was shown and written on the new image when the user asked for it.
Whoever looks next carries on: what is gone is gone, and what may not go any
more stays.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import logging

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import retention

LOG = logging.getLogger(__name__)

# How many images are asked for by their ids at once: they make one address.
_IDS_AT_ONCE = 50


def carry_out(session: asking.Session, instance: facts.Instance,
              images: Iterable[facts.Image]) -> list[facts.Image]:
    """Delete what the proven ones among these snapshots replace.

    :returns: the snapshots that are left.
    :raises errors.CloudError: where a service failed; the next look carries
        on.
    """
    images = list(images)
    gone: set[str] = set()
    for image in images:
        chosen = retention.due(instance, image)
        if chosen:
            gone |= _replace(session, instance, image, chosen)
    return [image for image in images if image.id not in gone]


def _replace(session: asking.Session, instance: facts.Instance,
             successor: facts.Image, chosen: Sequence[str]) -> set[str]:
    gone = set()
    for image in _present(session, chosen):
        # Each is checked just before it goes, and so is what replaces it.
        successor = glance.get_image(session, successor.id)
        if (retention.may_go(instance, image, successor)
                and _delete(session, instance, image)):
            LOG.warning('Snapshot %s (%s) of %s was deleted: %s (%s) was to '
                        'replace it, and is proven consistent', image.id,
                        errors.one_line(image.name), instance.id,
                        successor.id, errors.one_line(successor.name))
            gone.add(image.id)
    glance.add_properties(session, successor.id,
                          {records.REPLACED: records.DONE})
    return gone


def _present(session: asking.Session, chosen: Sequence[str]
             ) -> Iterator[facts.Image]:
    for first in range(0, len(chosen), _IDS_AT_ONCE):
        yield from glance.list_images(
            session, chosen[first:first + _IDS_AT_ONCE])


def _delete(session: asking.Session, instance: facts.Instance,
            image: facts.Image) -> bool:
    """Delete one; return False where the cloud does not let it go."""
    try:
        snapshots.delete(session, instance.id, image.id)
    except errors.NotFound:
        LOG.debug('Snapshot %s was gone already', image.id)
    except (errors.Forbidden, errors.Conflict) as problem:
        LOG.warning('Snapshot %s stays: %s', image.id, problem)
        return False
    return True
