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


"""What the cells of the index say.

Cells that say the same are rendered once for all rows: what a cell is made
of can be compared, and its template is given nothing else. None of these
texts is safe, so one cannot be taken for another that is. What differs in
nearly every row, such as a name, is apart, and put in afterwards.
"""

import dataclasses
import typing
from urllib import parse

from snapshot_panel.consistency import checklist
from snapshot_panel.ui import lines
from snapshot_panel.ui import markup
from snapshot_panel.ui import urls
from snapshot_panel.ui import words


@dataclasses.dataclass(frozen=True)
class Readiness:
    """What can be expected of a snapshot; see :class:`lines.InstanceRow`.

    ``blocker`` is the word for what is in the way, '' where the row says it
    elsewhere; ``page`` is the address of the instance as long as it is being
    restarted.
    """

    template: typing.ClassVar[str] = '_readiness'

    standing: checklist.Standing
    alarm: str
    restart: lines.RestartLine | None
    page: str
    busy: bool
    unheard: bool
    refused: bool
    blocker: str
    locked: bool

    @property
    def badge(self):
        return words.STANDINGS[self.standing]

    @classmethod
    def of(cls, row):
        alarm, restart = row.alarm, row.restart
        restarting = restart is not None and restart.done is not None
        return cls(
            standing=row.checklist.standing,
            alarm=alarm.found if alarm else '', restart=restart,
            page=urls.reverse('instance', row.id) if restarting else '',
            busy=row.busy, unheard=row.unheard, refused=row.refused,
            blocker='' if row.one_click else str(row.blocker_word),
            locked=row.instance.locked)

    def apart(self, row):
        return {}


@dataclasses.dataclass(frozen=True)
class Agent:
    """What is known of the guest agent.

    ``word`` is '' where the guest was not asked; ``blocks`` says that the
    cell beside it has the same word; ``again`` that it can be asked again.
    """

    template: typing.ClassVar[str] = '_agent'

    word: str = ''
    found: str = ''
    icon: str = ''
    blocks: bool = False
    failed: bool = False
    dated: bool = False
    again: bool = False

    @classmethod
    def of(cls, row):
        if row.refused:
            return cls()
        dated = bool(row.heard_at) and not row.problem
        more = {'failed': bool(row.problem), 'dated': dated,
                'again': row.asked and row.may_ask}
        if row.unasked:
            return cls(**more)
        agent = row.agent
        return cls(str(row.agent_word), agent.found, agent.badge.icon,
                   row.agent_blocks, **more)

    def apart(self, row):
        return {'name': row.name if self.again else '',
                'age': markup.age(row.heard_at) if self.dated else ''}


@dataclasses.dataclass(frozen=True)
class Proven:
    """When the last snapshot was taken that is proven consistent."""

    template: typing.ClassVar[str] = '_proven'

    proven: bool
    dated: bool
    never: bool

    @classmethod
    def of(cls, row):
        proven = row.proven is not None
        return cls(proven, proven and row.proven.dated, row.never_proven)

    def apart(self, row):
        return {'age': markup.age(row.proven.at) if self.dated else ''}


@dataclasses.dataclass(frozen=True)
class Latest:
    """The latest snapshot; see :class:`lines.SnapshotLine`.

    ``known`` and ``reached`` are the row's, of a row that has none. How old
    the last proven one is stands in the row's other column.
    """

    template: typing.ClassVar[str] = '_latest'

    known: bool
    reached: bool
    badge: words.Badge | None = None
    gone: bool = False
    step: tuple[int, str] | None = None
    delay: str = ''
    reason: str = ''
    note: str = ''
    dated: bool = False

    @classmethod
    def of(cls, row):
        line = row.latest
        if line is None:
            return cls(row.snapshots_known, row.snapshots_reached)
        same = row.proven is not None and row.proven.id == line.id
        return cls(True, True, line.badge, bool(line.gone), line.step,
                   line.delay, line.reason, line.note, line.dated and not same)

    def apart(self, row):
        line = row.latest
        if line is None:
            return {}
        return {'id': parse.quote(line.id, safe=''), 'name': line.name,
                'age': markup.age(line.at) if self.dated else ''}
