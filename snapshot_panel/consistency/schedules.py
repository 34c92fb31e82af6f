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


"""Schedules: what an instance's metadata says, and whether it is kept.

A timer outside the cloud takes the snapshots, or the workflow service does
(:mod:`snapshot_panel.consistency.workflow`). The server's metadata says how
often and how many to keep, so that judges and pages know. Each snapshot has
a mark of the instance and of the moment that its name ends with, because
image properties are inherited: a snapshot of a rebuilt instance has another
name, and so has one that somebody renamed to keep it.
"""

from collections.abc import Iterable
import dataclasses
import datetime
import enum
import re

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records

# The server's metadata, and the property of an image.
KEY = 'consistency_schedule'
MARK = 'consistency_scheduled'

# The server's metadata: the request id of an entry in Nova's record of
# actions that was there before the schedule's next snapshot. The workflow
# service cannot read that record (fact 50).
AFTER = 'consistency_schedule_after'

# How many can be kept: all are read with each look at an instance.
MOST = 100

# How long a snapshot may take, with the judge that comes after it.
GRACE = datetime.timedelta(hours=6)

# What stands after a schedule that takes nothing for the time being. Nothing
# is overdue then, and nothing is deleted.
_PAUSED = ' paused'

# The moment as ``date -u`` writes it.
MOMENT = '%Y%m%dT%H%M%SZ'
_MOMENT = re.compile('[0-9]{8}T[0-9]{6}Z')


class Period(enum.Enum):
    """How often; values as they are written down."""

    DAILY = 'daily'
    WEEKLY = 'weekly'

    @property
    def length(self) -> datetime.timedelta:
        """The time between two snapshots."""
        return datetime.timedelta(days=1 if self is Period.DAILY else 7)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When an instance's snapshots are taken, and how many are kept.

    ``hour`` is that of the machine with the timer, the workflow service's is
    UTC; ``since`` is when it was set up, aware.
    """

    period: Period
    hour: int
    keep: int
    since: datetime.datetime

    def value(self) -> str:
        """Return the value of the metadata item."""
        return '%s %d %d %s' % (self.period.value, self.hour, self.keep,
                                records.format_time(self.since))


def read(instance: facts.Instance) -> Schedule | None:
    """Return the :class:`Schedule` of an instance, None without one.

    Anybody in the project may write metadata; what is no schedule is none.
    """
    return _parse(instance.metadata.get(KEY, ''), '')


def paused_value(schedule: Schedule) -> str:
    """Return the value of the metadata item of a schedule that rests."""
    return schedule.value() + _PAUSED


def read_paused(instance: facts.Instance) -> Schedule | None:
    """Return the :class:`Schedule` that rests, None where there is none."""
    return _parse(instance.metadata.get(KEY, ''), _PAUSED)


def _parse(text: str, ending: str) -> Schedule | None:
    words = text.removesuffix(ending).split(' ')
    if not text.endswith(ending) or len(words) != 4:
        return None
    period = next((each for each in Period if each.value == words[0]), None)
    hour, keep = _number(words[1], 0, 23), _number(words[2], 1, MOST)
    since = records.parse_time(words[3])
    if period is None or hour is None or keep is None or since is None:
        return None
    return Schedule(period, hour, keep, since)


def overdue(instance: facts.Instance, proven: datetime.datetime | None,
            now: datetime.datetime) -> bool:
    """Return whether the newest proof is older than the schedule allows.

    :param proven: when the newest snapshot that is proven consistent was
        made, None without one.
    :param now: the reader's clock, aware.
    """
    schedule = read(instance)
    if schedule is None:
        return False
    last = max(schedule.since, proven or schedule.since)
    return now - last > schedule.period.length + GRACE


def _number(text: str, least: int, most: int) -> int | None:
    if not re.fullmatch('[0-9]{1,3}', text):
        return None
    return int(text) if least <= int(text) <= most else None


def mark(instance_id: str, moment: str) -> str:
    """Return what a snapshot of a schedule is marked with.

    :param moment: the end of its name.
    """
    return '%s/%s' % (instance_id, moment)


def note(instance: facts.Instance, actions: Iterable[facts.Action] | None
         ) -> dict[str, str]:
    """Return what to write into the metadata for the next snapshot.

    :param actions: of the instance, newest first, None if unknown.
    :returns: items by name, none where nobody began that, or there is nothing
        new.
    """
    newest = next(iter(actions or ()), None)
    before = instance.metadata.get(AFTER)
    if before is None or newest is None or newest.request_id == before:
        return {}
    return {AFTER: newest.request_id}


def made(instance: facts.Instance, image: facts.Image) -> bool:
    """Return whether an instance's schedule had an image made."""
    owner, _, moment = image.properties.get(MARK, '').partition('/')
    return (owner == instance.id and bool(_MOMENT.fullmatch(moment))
            and image.name.endswith('-' + moment))


def unbound(instance: facts.Instance, image: facts.Image) -> bool:
    """Return whether a schedule's snapshot has a record nobody bound yet."""
    return (image.active and made(instance, image)
            and records.is_unbound(image))
