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


"""Rotation: deleting what is older than the snapshots to keep.

What goes is decided by :mod:`.retention` from what was read last, and once
more, just before, from the snapshots that are kept for it. Whoever is killed
in the middle leaves the rest to the next round.
"""

from collections.abc import Sequence
import dataclasses
import logging

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import schedules

LOG = logging.getLogger(__name__)

# How many of one instance go in one round: each is asked about before.
_AT_ONCE = 20
# How many images are asked for by their ids at once: they make one address.
_IDS_AT_ONCE = 50

# What says that a snapshot stays, or is gone already.
_STAYS = (errors.Conflict, errors.Forbidden, errors.NotFound)


@dataclasses.dataclass(frozen=True)
class Rule:
    """How many proven snapshots are kept, and of whose.

    ``dry`` only looks.
    """

    keep: int
    makers: frozenset[retention.Maker]
    dry: bool = False


@dataclasses.dataclass(frozen=True)
class Rotated:
    """A snapshot that the rule lets go.

    ``newer`` is how many that are proven consistent are newer; ``kept`` is
    why it stays all the same, None where it goes; ``gone`` is whether it was
    deleted.
    """

    instance: facts.Instance
    image: facts.Image
    newer: int
    kept: errors.CloudError | None = None
    gone: bool = False

    @property
    def failed(self) -> bool:
        """Whether a service failed, so that nobody knows why it stays."""
        return self.kept is not None and not isinstance(self.kept, _STAYS)


def rule_of(instance: facts.Instance, keep: int | None, dry: bool
            ) -> Rule | None:
    """Return the :class:`Rule` for an instance, None where nothing goes.

    :param keep: what the operator wants for all that the panel and its
        schedules made; None to go by the instance's schedule.
    """
    if keep is not None:
        return Rule(keep, retention.ALL, dry)
    schedule = schedules.read(instance)
    if schedule is None:
        return None
    return Rule(schedule.keep, retention.SCHEDULED, dry)


def rotate(session: asking.Session, instance: facts.Instance,
           images: Sequence[facts.Image], rule: Rule,
           users: dependents.Users) -> list[Rotated]:
    """Delete what a rule lets go, and return what became of it.

    Where a service failed, that is the last that was tried, and the next
    round carries on.

    :param images: the instance's snapshots as just read.
    :param users: all instances of the project, by the id of the image that
        they run from.
    """
    offered = retention.candidates(instance, images, rule.makers)
    spared = (retention.spared(instance, images, rule.makers)
              if rule.dry else ())
    ids = set(retention.going(offered, rule.keep, coming=0))
    chosen = [each for each in offered if each.image.id in ids]
    if not chosen and not spared:
        return []
    outlook = dependents.look_among(
        session, instance, [each.image for each in chosen], users)
    found = [Rotated(instance, each.image, each.newer,
                     outlook.kept.get(each.image.id)) for each in chosen]
    if rule.dry:
        stay = set(retention.going(spared, rule.keep, coming=0))
        return sorted(found + [
            Rotated(instance, each.image, each.newer, errors.InUse(
                'Glance', errors.PROTECTED if each.image.protected
                else errors.OPEN)) for each in spared
            if each.image.id in stay], key=lambda each: each.newer)
    # The oldest first: whoever dies in the middle leaves the newest.
    free = [each for each in reversed(found) if each.kept is None][:_AT_ONCE]
    keepers = retention.keepers(offered, rule.keep)
    after: dict[str, Rotated] = {}
    for each in free:
        ended = after[each.image.id] = _let_go(session, each, rule, keepers)
        if ended.failed:
            break
    return [after.get(each.image.id, each) for each in found]


def _let_go(session: asking.Session, rotated: Rotated, rule: Rule,
            keepers: Sequence[str]) -> Rotated:
    """Delete one, if the rule still lets it go; return what became of it."""
    instance, image = rotated.instance, rotated.image
    try:
        fresh = _read(session, [image.id, *keepers])
        now = next((each for each in fresh if each.id == image.id), None)
        if now is None or not retention.lets_go(
                instance, now, fresh, rule.keep, rule.makers):
            # Somebody protects it, or one that is kept for it is gone.
            raise errors.Conflict('Glance', 'image %s changed' % image.id)
        snapshots.delete(session, instance.id, image.id)
    except errors.CloudError as problem:
        LOG.warning('Snapshot %s (%s) of %s stays: %s', image.id,
                    errors.one_line(image.name), instance.id, problem)
        return dataclasses.replace(rotated, kept=problem)
    LOG.warning('Snapshot %s (%s) of %s was deleted: the last %d proven '
                'consistent are kept, and %d are newer', image.id,
                errors.one_line(image.name), instance.id, rule.keep,
                rotated.newer)
    return dataclasses.replace(rotated, gone=True)


def _read(session: asking.Session, ids: Sequence[str]) -> list[facts.Image]:
    return [image for first in range(0, len(ids), _IDS_AT_ONCE)
            for image in glance.list_images(
                session, ids[first:first + _IDS_AT_ONCE])]
