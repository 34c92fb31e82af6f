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
import json
import statistics
import typing

from tests.truth import oracle

CONSISTENT = ('application-consistent', 'filesystem-consistent')
COLUMNS = ('Scenario', 'Times', 'Nova', 'Panel', 'Disk', 'Agree')


@dataclasses.dataclass
class Snapshot:
    """One snapshot, and what the three said of it. Times are in seconds.

    ``kit`` tells whether the guest could have proven a freeze.
    """

    scenario: str
    image_id: str
    kit: bool
    nova: str = ''
    panel: str = ''
    rule: str = ''
    evidence: typing.Any = None
    disk: typing.Optional[oracle.Disk] = None
    to_active: typing.Optional[float] = None
    to_seal: typing.Optional[float] = None
    witnesses: typing.Sequence[str] = ()

    @property
    def false_consistent(self):
        return self.panel in CONSISTENT and self.disk is not oracle.Disk.CLEAN

    @property
    def missed(self):
        """Return whether a consistent snapshot was not recognised."""
        return (self.kit and self.disk is oracle.Disk.CLEAN
                and self.panel not in CONSISTENT)

    @property
    def agree(self):
        """Return a word for the table."""
        if self.false_consistent or self.missed:
            return 'NO'
        return 'no claim' if self.panel == 'unproven' else 'yes'

    @property
    def stall(self):
        """How long the guest's writing stood still, None if unknown."""
        frozen = (self.evidence or {}).get('frozen')
        return max(frozen.values()) if frozen else None

    def row(self):
        return (self.scenario, self.nova, f'{self.panel} ({self.rule})',
                self.disk.value if self.disk else '-', self.agree)


@dataclasses.dataclass
class Report:
    """A whole run. ``plain`` are seconds from Nova's own call to active.

    ``ahead`` are the names of the scenarios that are still to be played.
    """

    ahead: list = dataclasses.field(default_factory=list)

    snapshots: list = dataclasses.field(default_factory=list)
    plain: list = dataclasses.field(default_factory=list)
    timed: list = dataclasses.field(default_factory=list)
    broken: dict = dataclasses.field(default_factory=dict)

    def add(self, snapshot):
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
            'click to active, median': _median(self.timed),
            'openstack server image create --wait, median':
                _median(self.plain),
            'active to sealed consistent verdict, median': _median(proven),
            'active to sealed consistent verdict, worst':
                max(proven, default=None),
            'active to any sealed verdict, worst': max(seals, default=None),
        }

    def print(self):
        """Print the table, the numbers and the last line."""
        times = collections.Counter(each.row() for each in self.snapshots)
        rows = [COLUMNS] + [(row[0], str(times[row]), *row[1:])
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
        scenarios = {each.scenario for each in self.snapshots}
        false = sum(each.false_consistent for each in self.snapshots)
        missed = sum(each.missed for each in self.snapshots)
        print(f'{len(scenarios)} scenarios, {len(self.snapshots)} snapshots,'
              f' false consistent: {false}, missed: {missed}', flush=True)

    def write(self, path):
        """Write the same as JSON."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({
            'snapshots': [dataclasses.asdict(each) | {
                'disk': each.disk and each.disk.value, 'agree': each.agree,
                'false_consistent': each.false_consistent,
                'missed': each.missed} for each in self.snapshots],
            'seconds': self.numbers(), 'broken': self.broken,
            'not played': self.ahead, 'good': self.good}, indent=2) + '\n')


def _median(values):
    return round(statistics.median(values), 2) if values else None
