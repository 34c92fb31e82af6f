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


"""Which older snapshots are deleted once a new one is proven consistent.

The rule is "keep the newest N that were proven consistent", the new one
included: whatever this panel made of this instance and is older than those
is deleted. So a consistent snapshot always stays.
"""

from collections.abc import Iterable
import dataclasses
import enum

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A snapshot that may be deleted.

    ``keeping`` is the largest N for which it is.
    """

    image: facts.Image
    keeping: int


def candidates(
        instance: facts.Instance, images: Iterable[facts.Image]
        ) -> tuple[Candidate, ...]:
    """Return a :class:`Candidate` for each snapshot that may be deleted.

    They come newest first. Snapshots that are protected, that are still
    being made or settled, or that this panel did not make are left out.

    :param images: the snapshots of the instance.
    """
    return tuple(each for each in _by_age(instance, images)
                 if not each.image.protected)


def spared(instance: facts.Instance, images: Iterable[facts.Image]
           ) -> tuple[Candidate, ...]:
    """Return the snapshots that would go, were they not protected.

    :param images: as :func:`candidates` takes them.
    """
    return tuple(each for each in _by_age(instance, images)
                 if each.image.protected)


def _by_age(instance: facts.Instance, images: Iterable[facts.Image]
            ) -> list[Candidate]:
    made = sorted((image for image in images if _ours(instance, image)),
                  key=lambda image: (image.created, image.id), reverse=True)
    offered: list[Candidate] = []
    keeping = 1
    for image in made:
        offered.append(Candidate(image, keeping))
        if _consistent(image):
            keeping += 1
    return offered


def going(offered: Iterable[Candidate], keep: int | None) -> tuple[str, ...]:
    """Return the ids of the candidates to delete where N is ``keep``.

    :param keep: how many consistent snapshots to keep, None to keep all.
    """
    return tuple(candidate.image.id for candidate in offered
                 if keep is not None and keep <= candidate.keeping)


def may_go(
        instance: facts.Instance, image: facts.Image, successor: facts.Image
        ) -> bool:
    """Return whether a snapshot that was chosen may still be deleted.

    :param image: the snapshot as just read.
    :param successor: the image that replaces it, as just read.
    """
    return (image.id in due(instance, successor)
            and _ours(instance, image) and not image.protected
            and not _touched(image, successor))


def _touched(image: facts.Image, successor: facts.Image) -> bool:
    """Return whether somebody changed a snapshot since it was chosen.

    Whoever renames one may mean to keep it. Its verdict was written before
    the successor was asked for; both times are Glance's.
    """
    return (image.updated is None or successor.created is None
            or image.updated > successor.created)


def due(instance: facts.Instance, image: facts.Image) -> tuple[str, ...]:
    """Return the ids of the snapshots that ``image`` replaces as of now.

    Empty unless it is proven consistent and they were not deleted yet.
    """
    if standing(image) is not Standing.DUE or not _ours(instance, image):
        return ()
    return records.read_replaces(image)


def holds_disk(instance: facts.Instance, image: facts.Image) -> bool:
    """Return whether an image may be a shelved instance's only disk.

    Nova names it after the instance, which may have been renamed since, and
    writes nothing of this panel's on it (fact 43).
    """
    return instance.status in facts.SHELVED and is_shelved_name(image)


def is_shelved_name(image: facts.Image) -> bool:
    """Return whether Nova may have made an image when it shelved."""
    return (image.name.endswith('-shelved')
            and records.read_request(image) is None)


class Standing(enum.Enum):
    """What has become of the snapshots that an image is to replace."""

    NOTHING = 'nothing'
    WAITING = 'waiting'
    DUE = 'due'
    DONE = 'done'
    DROPPED = 'dropped'


def standing(image: facts.Image) -> Standing:
    """Return the :class:`Standing` of what ``image`` replaces."""
    if not records.read_replaces(image):
        return Standing.NOTHING
    if not verdict.look(image).verdict.final:
        return Standing.WAITING
    if not _consistent(image):
        return Standing.DROPPED
    return Standing.DONE if records.has_replaced(image) else Standing.DUE


def _ours(instance: facts.Instance, image: facts.Image) -> bool:
    """Return whether this panel made and sealed it, of this instance."""
    return (image.active and image.created is not None
            and image.instance_id == instance.id
            and image.owner == instance.project_id
            and records.read_request(image) is not None
            and verdict.look(image).rule not in (
                verdict.Rule.UNSETTLED, verdict.Rule.NOT_OURS))


def _consistent(image: facts.Image) -> bool:
    return verdict.look(image).verdict.consistent
