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


"""Which older snapshots go when a new one is proven consistent.

The rule is "keep the newest N that were proven consistent", the new one
counted: whatever this panel made of this instance and is older than those
goes. So a consistent snapshot always stays.
"""

import dataclasses
import enum

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A snapshot that may go.

    ``keeping`` is the largest N with which it goes.
    """

    image: facts.Image
    keeping: int


def candidates(instance, images):
    """Return a :class:`Candidate` for each snapshot that may go.

    Newest first. Those that are protected, that are still being made or
    settled, and those that this panel did not make are none.

    :param instance: a :class:`facts.Instance`.
    :param images: its snapshots.
    """
    made = sorted((image for image in images if _ours(instance, image)),
                  key=lambda image: (image.created, image.id), reverse=True)
    found, keeping = [], 1
    for image in made:
        if not image.protected:
            found.append(Candidate(image, keeping))
        if _consistent(image):
            keeping += 1
    return tuple(found)


def going(found, keep):
    """Return the ids of the candidates that go where N is ``keep``."""
    return tuple(candidate.image.id for candidate in found
                 if keep is not None and keep <= candidate.keeping)


def may_go(instance, image, successor):
    """Return whether a snapshot that was chosen may still go.

    :param image: the snapshot as just read.
    :param successor: the :class:`facts.Image` that replaces it, likewise.
    """
    return (image.id in due(instance, successor)
            and _ours(instance, image) and not image.protected)


def due(instance, image):
    """Return the ids of what an image replaces and may be deleted now."""
    if standing(image) is not Standing.DUE or not _ours(instance, image):
        return ()
    return records.read_replaces(image)


class Standing(enum.Enum):
    """How it stands with what an image is to replace."""

    NOTHING = 'nothing'
    WAITING = 'waiting'
    DUE = 'due'
    DONE = 'done'
    DROPPED = 'dropped'


def standing(image):
    """Return the :class:`Standing` of what an image replaces."""
    if not records.read_replaces(image):
        return Standing.NOTHING
    if not verdict.look(image).verdict.final:
        return Standing.WAITING
    if not _consistent(image):
        return Standing.DROPPED
    return Standing.DONE if records.has_replaced(image) else Standing.DUE


def _ours(instance, image):
    """Return whether this panel made it of this instance, and sealed it."""
    return (image.active and image.created is not None
            and image.instance_id == instance.id
            and image.owner == instance.project_id
            and records.read_request(image) is not None
            and verdict.look(image).rule not in (
                verdict.Rule.UNSETTLED, verdict.Rule.NOT_OURS))


def _consistent(image):
    return verdict.look(image).verdict.consistent
