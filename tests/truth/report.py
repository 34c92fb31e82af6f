# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What came out: the table, the numbers and the file for programs."""

import collections
import dataclasses
import enum
import json
import statistics
import typing

from tests.truth import numbers
from tests.truth import oracle

CONSISTENT = ('application-consistent', 'filesystem-consistent')
CRASH = 'crash-consistent'
# Who took it: the panel's own button, or a command that knows no panel.
PANEL, PLAIN = WAYS = ('panel', 'plain')
COLUMNS = ('Scenario', 'Guest', 'Taken', 'Times', 'Nova', 'Panel', 'Disk',
           'Numbers', 'Agree')


@dataclasses.dataclass
class Snapshot:
    """One snapshot, and what the three said of it. Times are in seconds.

    ``guest_kind`` is what the guest is called, ``way`` one of WAYS. ``kit``
    tells whether the guest could have proven a freeze to the panel, and
    ``volumes`` whether its disks were Cinder's, so that the image has no
    data. By those that are ``timed`` the two ways are compared. ``account`` is
    what the guest wrote, ``opinion`` the oracle's, None where there was no
    image. ``revision`` is the tree that was tried, by git's name.
    """

    scenario: str
    guest_kind: str
    way: str
    image_id: str
    kit: bool
    volumes: bool = False
    nova: str = ''
    panel: str = ''
    rule: str = ''
    evidence: typing.Any = None
    account: typing.Optional[numbers.Account] = None
    opinion: typing.Optional[oracle.Opinion] = None
    to_active: typing.Optional[float] = None
    to_seal: typing.Optional[float] = None
    witnesses: typing.Sequence[str] = ()
    timed: bool = False
    revision: str = ''

    @classmethod
    def restore(cls, kept):
        """Return the snapshot that :meth:`Report.write` has kept."""
        fields = {field.name: kept[field.name]
                  for field in dataclasses.fields(cls) if field.name in kept}
        if fields.get('account'):
            fields['account'] = numbers.Account(**fields['account'])
        if fields.get('opinion'):
            fields['opinion'] = oracle.Opinion.restore(fields['opinion'])
        return cls(**fields)

    @property
    def at_rest(self):
        """Whether the oracle says so, by both of its words."""
        return self.opinion is not None and self.opinion.at_rest

    @property
    def tells(self):
        """Whether the disk in the image tells all by itself: ext4."""
        return (not self.volumes and self.opinion is not None
                and self.opinion.kinds == {'ext4'})

    @property
    def false_consistent(self):
        return self.panel in CONSISTENT and not self.at_rest

    @property
    def missed(self):
        """Return whether a consistent snapshot was not recognised."""
        return ((self.kit or self.tells) and self.at_rest
                and self.panel not in CONSISTENT)

    @property
    def undecided(self):
        """Return whether the disk could have told, and nothing was said."""
        return self.tells and self.panel not in (*CONSISTENT, CRASH)

    @property
    def agree(self):
        """Return a word for the table."""
        if self.false_consistent or self.missed or self.undecided:
            return 'NO'
        return 'yes' if self.panel in (*CONSISTENT, CRASH) else 'no claim'

    @property
    def stall(self):
        """How long the guest's writing stood still, None if unknown."""
        frozen = (self.evidence or {}).get('frozen')
        return max(frozen.values()) if frozen else None

    def row(self):
        opinion = self.opinion
        return (self.scenario, self.guest_kind, self.way, self.nova,
                f'{self.panel} ({self.rule})' if self.rule else self.panel,
                opinion.disk.value if opinion else '-',
                opinion.written.value if opinion and opinion.written else '-',
                self.agree)


@dataclasses.dataclass
class Report:
    """A whole run.

    ``ahead`` are the names of the scenarios that are still to be played,
    ``played`` of those that were; ``revision`` is the tree that is tried.
    """

    ahead: list = dataclasses.field(default_factory=list)
    revision: str = ''

    played: list = dataclasses.field(default_factory=list)
    snapshots: list = dataclasses.field(default_factory=list)
    broken: dict = dataclasses.field(default_factory=dict)

    def go_on(self, path):
        """Take over what an earlier run played, from what it has written."""
        kept = json.loads(path.read_text())
        self.snapshots += map(Snapshot.restore, kept['snapshots'])
        self.played += kept['played']
        self.ahead = [name for name in self.ahead
                      if name not in kept['played']]

    def add(self, snapshot):
        snapshot.revision = self.revision
        self.snapshots.append(snapshot)
        print(' | '.join(snapshot.row()), flush=True)
        if snapshot.agree == 'NO':
            print('\n'.join(snapshot.witnesses), flush=True)

    @property
    def good(self):
        return bool(self.snapshots) and not (
            self.broken or self.ahead
            or any(each.agree == 'NO' for each in self.snapshots))

    def numbers(self):
        """Return the measured times by name, in seconds."""
        stalls = [each.stall for each in self.snapshots
                  if each.stall is not None]
        seals = [each.to_seal for each in self.snapshots
                 if each.to_seal is not None]
        proven = [each.to_seal for each in self.snapshots
                  if each.to_seal is not None and each.panel in CONSISTENT]
        return {
            'writing stood still, median': _median(stalls),
            'writing stood still, worst': max(stalls, default=None),
            'click to active, median': self._to_active(PANEL),
            'openstack server image create --wait, median':
                self._to_active(PLAIN),
            'active to sealed consistent verdict, median': _median(proven),
            'active to sealed consistent verdict, worst':
                max(proven, default=None),
            'active to any sealed verdict, worst': max(seals, default=None),
        }

    def _to_active(self, way):
        return _median([each.to_active for each in self.snapshots
                        if each.timed and each.way == way
                        and each.to_active is not None])

    def print(self):
        """Print the table, the numbers and the last line."""
        times = collections.Counter(each.row() for each in self.snapshots)
        rows = [COLUMNS] + [(*row[:3], str(times[row]), *row[3:])
                            for row in times]
        widths = [max(map(len, column)) for column in zip(*rows)]
        print()
        for row in rows:
            print('  '.join(cell.ljust(width) for cell, width
                            in zip(row, widths)).rstrip())
        print()
        for name, seconds in self.numbers().items():
            print(f'{name}: {"-" if seconds is None else seconds} s')
        for name, error in self.broken.items():
            print(f'BROKEN {name}: {error}')
        for name in self.ahead:
            print(f'NOT PLAYED {name}')
        for revision, number in collections.Counter(
                each.revision for each in self.snapshots).items():
            print(f'{number} snapshots by {revision or "an unknown tree"}')
        print(self.last_line(), flush=True)

    def last_line(self):
        """Return the numbers that decide, in one line."""
        scenarios = {(each.scenario, each.guest_kind)
                     for each in self.snapshots}
        count = collections.Counter(
            name for each in self.snapshots
            for name in ('false_consistent', 'missed', 'undecided')
            if getattr(each, name))
        return (f'{len(scenarios)} scenarios, {len(self.snapshots)} snapshots'
                f', false consistent: {count["false_consistent"]}'
                f', missed: {count["missed"]}'
                f', undecided on ext4: {count["undecided"]}')

    def write(self, path):
        """Write the same as JSON."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({
            'snapshots': [dataclasses.asdict(each) | {
                'agree': each.agree,
                'false_consistent': each.false_consistent,
                'missed': each.missed, 'undecided': each.undecided}
                for each in self.snapshots],
            'seconds': self.numbers(), 'broken': self.broken,
            'played': self.played, 'not played': self.ahead,
            'good': self.good},
            indent=2, default=_plain) + '\n')


def _plain(value):
    """Return what JSON has no form for as what it has one for."""
    return value.value if isinstance(value, enum.Enum) else sorted(value)


def _median(values):
    return round(statistics.median(values), 2) if values else None
