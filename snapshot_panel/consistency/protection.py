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

"""How well an instance is protected by the snapshots that it has."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
import datetime
import enum

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import known
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict


class Group(enum.Enum):
    """What an instance is counted as; it may be several of them, or none."""

    PROTECTED = 'protected'
    NOT_READY = 'not-ready'
    FAILING = 'failing'
    NEVER = 'never'
    OVERDUE = 'overdue'
    FROZEN = 'frozen'


# What is only spoken of where it is so.
ALARMS = frozenset({Group.OVERDUE, Group.FROZEN})


# How old the proof of a protected instance may be, if nobody chose.
AGE = datetime.timedelta(days=7)

# What an instance needs first comes first.
_WORST_FIRST = (Group.FROZEN, Group.OVERDUE, Group.FAILING,
                Group.NOT_READY, Group.NEVER)

_FAILED = (verdict.Verdict.CRASH, verdict.Verdict.DISCARDED)


def last_proven(snapshots: Iterable[known.Snapshot]) -> known.Snapshot | None:
    """Return the newest one that is proven consistent, None without one.

    :param snapshots: those of an instance, newest first.
    """
    return next((snapshot for snapshot in snapshots
                 if snapshot.decision.verdict.consistent), None)


def groups(instance: facts.Instance, checks: checklist.Checklist,
           snapshots: Sequence[known.Snapshot], now: datetime.datetime,
           age: datetime.timedelta,
           whole: bool = True) -> frozenset[Group]:
    """Return what an instance is counted as.

    :param snapshots: its snapshots as far as they are known, newest first.
    :param now: the reader's clock, aware.
    :param age: how old the proof of a protected instance may be.
    :param whole: these are all of its snapshots, so that one that is not
        among them does not exist.
    """
    proven = last_proven(snapshots)
    found = {
        Group.PROTECTED: any(_protects(snapshot, now - age)
                             for snapshot in snapshots),
        Group.NOT_READY: not_ready(checks),
        Group.FAILING: any(map(_failed, known.latest(snapshots))),
        Group.NEVER: whole and proven is None,
        Group.OVERDUE: (whole or proven is not None) and schedules.overdue(
            instance, proven.at if proven else None, now),
        Group.FROZEN: journey.left_frozen(checks)}
    return frozenset(group for group, holds in found.items() if holds)


def not_ready(checks: checklist.Checklist) -> bool:
    """Return whether something stands in the way that waiting does not end.

    What nobody has asked for yet stands in nobody's way.
    """
    return any(result.state is checklist.State.FAIL
               and result.finding is not checklist.Finding.BUSY
               for result in checks.missing)


def rank(found: Collection[Group]) -> tuple[bool, ...]:
    """Return what to sort by, so that the worst instance comes first."""
    return (*(group not in found for group in _WORST_FIRST),
            Group.PROTECTED in found)


def _protects(snapshot: known.Snapshot, since: datetime.datetime) -> bool:
    """Return whether it is proven, of that time or later, and can be used.

    Nothing can be launched from an image that is not active, such as one
    that the operator has deactivated (fact 44).
    """
    return (snapshot.decision.verdict.consistent
            and snapshot.image is not None and snapshot.image.active
            and snapshot.at is not None and snapshot.at >= since)


def _failed(snapshot: known.Snapshot) -> bool:
    """Return whether it is of no use, or known not to have been at rest."""
    return (snapshot.decision.verdict in _FAILED
            or snapshot.decision.rule is verdict.Rule.VOLUMES_FAILED)
