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

"""What came out: tables, goals, and the file for programs."""

import dataclasses
import json
import statistics
import typing

from tests.bench import disks
from tests.bench import pages
from tests.bench import taking

SHARE = 0.15
# In a browser, until nothing is left to come.
COMPLETE_SHARE = 0.5
REQUESTS = 3
WEIGHT = 10 * 1000


@dataclasses.dataclass(frozen=True)
class Goal:
    """One promise, and what became of it."""

    name: str
    wanted: str
    found: str
    met: bool

    def __str__(self):
        return (f'{"met" if self.met else "NOT MET":8}{self.name}: '
                f'{self.found} (goal: {self.wanted})')


@dataclasses.dataclass(frozen=True)
class Case:
    """The pages in a project of one size, at so many rows a page.

    ``visits`` are those of :func:`pages.take_turns`, ``complete`` the
    seconds of :func:`browser.take_turns`, each a list by page.
    """

    instances: int
    rows: int
    visits: typing.Mapping
    complete: typing.Mapping

    @property
    def name(self):
        return f'{self.instances} instances, {self.rows} rows a page'

    def median(self, page, name):
        return statistics.median(
            getattr(visit, name) for visit in self.visits[page])

    @property
    def share(self):
        """The index's time, as a part of Horizon's own page's.

        Of each round, so that both ran under the same load, the median.
        """
        return statistics.median(
            ours.seconds / theirs.seconds for ours, theirs in zip(
                self.visits[pages.INDEX], self.visits[pages.INSTANCES]))

    @property
    def complete_share(self):
        """The same of the time until complete, None where not measured."""
        rounds = list(zip(self.complete.get(pages.INDEX, ()),
                          self.complete.get(pages.INSTANCES, ())))
        return statistics.median(
            ours / theirs for ours, theirs in rounds) if rounds else None

    def requests(self, page):
        """What a page asks besides what Horizon's frame asks each time."""
        return round(self.median(page, 'requests') - (
            0 if page == pages.IMAGES else
            self.median(pages.FRAME, 'requests')))

    def table(self):
        """Return a dict of numbers by page."""
        found = {}
        for page in pages.PAGES:
            found[page] = {
                'requests': self.requests(page),
                'seconds': self.median(page, 'seconds'),
                'of Instances': (self.median(page, 'seconds')
                                 / self.median(pages.INSTANCES, 'seconds')),
                'CPU of Horizon': self.median(page, 'cpu'),
                'CPU of services': self.median(page, 'cloud_cpu'),
                'kB': self.median(page, 'size') / 1000,
                'complete': statistics.median(self.complete[page])
                if self.complete.get(page) else None}
        return found

    def goals(self):
        most = max(visit.requests for visit in self.visits[pages.INDEX]) - (
            min(visit.requests for visit in self.visits[pages.FRAME]))
        found = [
            Goal(f'index, {self.name}: part of Instances\' time',
                 f'at most {SHARE}', f'{self.share:.2f}',
                 self.share <= SHARE),
            Goal(f'index, {self.name}: requests',
                 f'at most {REQUESTS}', str(most), most <= REQUESTS)]
        share = self.complete_share
        if share is not None:
            found.append(Goal(
                f'index, {self.name}: complete, part of Instances\' time',
                f'at most {COMPLETE_SHARE}', f'{share:.2f}',
                share <= COMPLETE_SHARE))
        return found


@dataclasses.dataclass
class Report:
    """A whole run."""

    cases: list = dataclasses.field(default_factory=list)
    # What the panel adds to each other page, in bytes.
    weight: typing.Optional[int] = None
    # Of taking.take_turns, and of browser.follow by number of snapshots.
    accepted: dict = dataclasses.field(default_factory=dict)
    sealed: list = dataclasses.field(default_factory=list)
    followed: dict = dataclasses.field(default_factory=dict)
    # Of disks.judge_all.
    disks: dict = dataclasses.field(default_factory=dict)
    # (instances, users, page): (median seconds, looks a second).
    crowds: dict = dataclasses.field(default_factory=dict)

    def goals(self):
        found = [goal for case in self.cases for goal in case.goals()]
        if self.weight is not None:
            found.append(Goal(
                'compressed bytes on each other page', f'below {WEIGHT}',
                str(self.weight), self.weight < WEIGHT))
        if self.disks:
            found += _disk_goals(self.disks[disks.EXT4])
        return found

    @property
    def good(self):
        goals = self.goals()
        return bool(goals) and all(goal.met for goal in goals)

    def numbers(self):
        """Return everything as JSON holds it."""
        return {
            'cases': [{'instances': case.instances, 'rows': case.rows,
                       'share': case.share, 'pages': case.table()}
                      for case in self.cases],
            'weight': self.weight,
            'accepted': {way: _middle(seconds)
                         for way, seconds in self.accepted.items()},
            'sealed': _middle(self.sealed), 'followed': self.followed,
            'disks': {kind: judged.numbers()
                      for kind, judged in self.disks.items()},
            'crowds': [
                {'instances': size, 'users': users, 'page': page,
                 'seconds': seconds, 'per second': rate}
                for (size, users, page), (seconds, rate)
                in self.crowds.items()],
            'goals': [dataclasses.asdict(goal) for goal in self.goals()]}

    def print(self):
        for case in self.cases:
            print(f'\n{case.name}')
            _print_table(case.table())
        if self.crowds:
            print('\nUsers at once, 20 rows a page, each looking again at '
                  'once')
            _print_table({
                f'{size} instances, {users} users, {page}':
                    {'seconds': seconds, 'looks a second': rate}
                for (size, users, page), (seconds, rate)
                in self.crowds.items()})
        if self.accepted:
            print('\nFrom here to createImage accepted, median')
            for way in taking.WAYS:
                print(f'  {way}: {_middle(self.accepted[way]):.2f} s')
            print(f'From active to a sealed verdict, median: '
                  f'{_middle(self.sealed):.1f} s')
        for count, (updates, nova, seconds) in self.followed.items():
            print(f'While {count} snapshots ran ({seconds:.0f} s), one page '
                  f'open: {updates:.0f} row updates and {nova:.0f} requests '
                  f'to Nova a minute')
        for kind, judged in self.disks.items():
            print(f'Judged by their disks, {kind}: {judged}')
        print()
        for goal in self.goals():
            print(goal)

    def write(self, path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(self.numbers(), indent=2) + '\n')


def _disk_goals(judged):
    asked, size = judged.requests / judged.count, judged.size
    most = disks.MOST_BYTES
    return [
        Goal('requests to read a disk with ext4',
             f'at most {disks.MOST_REQUESTS}', number(asked),
             asked <= disks.MOST_REQUESTS),
        Goal('bytes to read of a disk with ext4', f'at most {most}',
             str(size), size <= most),
        Goal('snapshots judged by an ext4 that was at rest',
             str(judged.count), str(judged.consistent),
             judged.consistent == judged.count)]


def _middle(seconds):
    return statistics.median(seconds) if seconds else None


def number(value):
    """Return a measured value as the tables show it."""
    if value is None:
        return '-'
    return f'{value:.2f}' if isinstance(value, float) else str(value)


def _print_table(lines):
    """Print numbers by name for each name."""
    columns = list(next(iter(lines.values())))
    rows = [('', *columns)] + [
        (name, *map(number, numbers.values()))
        for name, numbers in lines.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print('  ' + '  '.join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths))))
