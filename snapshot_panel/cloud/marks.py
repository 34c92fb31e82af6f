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

"""When judges looked at a project: a mark in Django's cache.

Pages find it where the judge shares Horizon's cache. Elsewhere they say
nothing of a judge, which is what they know.
"""

import dataclasses
import datetime

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache

# Nobody counts on a judge that has not come for so long, in seconds.
_TTL = 3600
# How many visits are kept, and how many times as long as the shortest the
# longest time between two of them may be: somebody who runs the command by
# hand has no interval.
_KEPT = 4
_REGULAR = 2


@dataclasses.dataclass(frozen=True)
class Visits:
    """When judges looked, newest first, and in which interval one is to.

    ``every`` is in seconds, None where it was not told: a timer starts it.
    """

    at: tuple[datetime.datetime, ...]
    every: int | None = None

    @property
    def interval(self) -> float | None:
        """Within how many seconds one comes again, None if unknown.

        What was told, or longer where the last ones took longer; else what
        was seen, where that was regular.
        """
        times = [(later - earlier).total_seconds()
                 for later, earlier in zip(self.at, self.at[1:])]
        if self.every is not None:
            return max([self.every, *times])
        if len(self.at) < _KEPT or max(times) > _REGULAR * min(times):
            return None
        return max(times)


def leave(session: asking.Session, now: datetime.datetime,
          every: int | None = None) -> None:
    """Leave a mark that a judge has looked at all of a project.

    :param every: as :class:`Visits` has it.
    """
    before = visits(session)
    at = (now, *(before.at if before else ()))[:_KEPT]
    cache.set(_key(session), Visits(at, every), _TTL)


def visits(session: asking.Session) -> Visits | None:
    """Return when judges looked at the project, None if none did lately."""
    kept: Visits | None = cache.get(_key(session))
    return kept


def last(session: asking.Session) -> datetime.datetime | None:
    """Return when a judge last looked at the project, None if unknown."""
    kept = visits(session)
    return kept.at[0] if kept else None


def _key(session: asking.Session) -> str:
    return cache.of_release('snapshot_panel:judged:'
                            + session.user.tenant_id)
