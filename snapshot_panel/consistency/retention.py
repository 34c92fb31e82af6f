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


"""Which older snapshots are deleted: one rule for clicks, schedules, judges.

The rule is "keep the newest N that were proven consistent": whatever takes
part and is older than those is deleted. So one that is proven always stays.
Whoever deletes asks again just before, with what is there then
(:func:`lets_go`).
"""

from collections.abc import Iterable
import dataclasses
import enum

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict


class Maker(enum.Enum):
    """What had a snapshot made."""

    PANEL = 'panel'
    SCHEDULE = 'schedule'


# Whose snapshots take part. Somebody who clicks for a snapshot before an
# upgrade does not expect the nightly ones to push it out, nor the reverse.
CLICKED = frozenset({Maker.PANEL})
SCHEDULED = frozenset({Maker.SCHEDULE})
ALL = frozenset(Maker)

# Seen by other projects, whatever its list of members says.
_OPEN = ('public', 'community')


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A snapshot that may be deleted.

    ``newer`` is how many that are proven consistent are newer.
    """

    image: facts.Image
    newer: int

    @property
    def keeping(self) -> int:
        """The largest N for which it goes once one more is proven."""
        return self.newer + 1


def candidates(
        instance: facts.Instance, images: Iterable[facts.Image],
        makers: frozenset[Maker] = CLICKED) -> tuple[Candidate, ...]:
    """Return a :class:`Candidate` for each snapshot that may be deleted.

    They come newest first. Snapshots that are protected or open to other
    projects, that are still being made or settled, or that others made are
    left out.

    :param images: the snapshots of the instance.
    :param makers: whose snapshots take part.
    """
    return tuple(each for each in _by_age(instance, images, makers)
                 if not _spared(each.image))


def spared(instance: facts.Instance, images: Iterable[facts.Image],
           makers: frozenset[Maker] = CLICKED) -> tuple[Candidate, ...]:
    """Return those that would go, were they not protected or open to others.

    :param images: and makers, as :func:`candidates` takes them.
    """
    return tuple(each for each in _by_age(instance, images, makers)
                 if _spared(each.image))


def _spared(image: facts.Image) -> bool:
    return image.protected or image.visibility in _OPEN


def _by_age(instance: facts.Instance, images: Iterable[facts.Image],
            makers: frozenset[Maker]) -> list[Candidate]:
    made = sorted((image for image in images
                   if _takes_part(instance, image, makers)),
                  key=lambda image: (image.created, image.id), reverse=True)
    offered: list[Candidate] = []
    newer = 0
    for image in made:
        offered.append(Candidate(image, newer))
        if _consistent(image):
            newer += 1
    return offered


def going(offered: Iterable[Candidate], keep: int | None, coming: int = 1
          ) -> tuple[str, ...]:
    """Return the ids of the candidates to delete where N is ``keep``.

    :param keep: how many consistent snapshots to keep, None to keep all.
    :param coming: how many of those are still to be made, and proven before
        any goes: the one that is asked for at a click.
    """
    return tuple(candidate.image.id for candidate in offered
                 if keep is not None and keep <= candidate.newer + coming)


def keepers(offered: Iterable[Candidate], keep: int) -> tuple[str, ...]:
    """Return the ids of those that the rule keeps for their proof."""
    return tuple(each.image.id for each in offered
                 if each.newer < keep and _consistent(each.image))


def lets_go(instance: facts.Instance, image: facts.Image,
            images: Iterable[facts.Image], keep: int,
            makers: frozenset[Maker] = CLICKED) -> bool:
    """Return whether the rule lets one snapshot go now.

    :param images: others of the instance, as just read, among them the ones
        to keep.
    """
    return image.id in going(candidates(
        instance, [image, *(each for each in images if each.id != image.id)],
        makers), keep, coming=0)


def may_go(
        instance: facts.Instance, image: facts.Image, successor: facts.Image
        ) -> bool:
    """Return whether a snapshot that was chosen may still be deleted.

    :param image: the snapshot as just read.
    :param successor: the image that replaces it, as just read.
    """
    return (image.id in due(instance, successor)
            and lets_go(instance, image, [successor], keep=1)
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
    if (standing(image) is not Standing.DUE
            or not _takes_part(instance, image, CLICKED)):
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


def _takes_part(instance: facts.Instance, image: facts.Image,
                makers: frozenset[Maker]) -> bool:
    """Return whether one of these made it of this instance, and it is over."""
    return (image.active and image.created is not None
            and image.instance_id == instance.id
            and image.owner == instance.project_id
            and _maker(instance, image) in makers
            and verdict.look(image).rule not in (
                verdict.Rule.UNSETTLED, verdict.Rule.UNREAD,
                verdict.Rule.NOT_OURS))


def _maker(instance: facts.Instance, image: facts.Image) -> Maker | None:
    # A schedule's may have a record of the panel's as well.
    if schedules.made(instance, image):
        return Maker.SCHEDULE
    return (Maker.PANEL if records.read_request(image) is not None else None)


def _consistent(image: facts.Image) -> bool:
    return verdict.look(image).verdict.consistent
