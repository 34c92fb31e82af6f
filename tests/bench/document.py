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

"""``python -m tests.bench.document``: the numbers for the documentation.

Writes doc/source/performance-numbers.txt from results/bench.json.
"""

import json
import os
import platform

from tests.bench import pages
from tests.bench import report
from tests.bench import seed
from tests.cloud import layout as layouts

RESULTS = layouts.REPOSITORY / 'results' / 'bench.json'
PAGE = layouts.REPOSITORY / 'doc' / 'source' / 'performance-numbers.txt'
# Rows a page.
ROWS = 20
USERS = (1, 10, 100)
# The Horizon that is reckoned with: so many processes, on as many cores.
PROCESSES = 8
COMPARED = (pages.INDEX, pages.INSTANCES)


def main():
    """Write the page."""
    numbers = json.loads(RESULTS.read_text())
    PAGE.write_text('\n'.join(
        [f'Measured with Python {platform.python_version()} on '
         f'{os.cpu_count()} cores, which ran Horizon, all services and the '
         'browser.', '']
        + _cases(numbers) + _growth(numbers) + _snapshots(numbers)
        + _disks(numbers)
        + _goals(numbers)) + '\n')


def _cases(numbers):
    lines = []
    for case in numbers['cases']:
        lines += _table(
            f'{case["instances"]} instances, {case["rows"]} rows a page: '
            f'the index takes {case["share"]:.2f} of Instances\' time',
            ['Page', *case['pages'][pages.INDEX]],
            [[name, *map(report.number, values.values())]
             for name, values in case['pages'].items()])
    return lines


def _growth(numbers):
    """Return the table of users; ``~`` marks what was not measured."""
    alone = {(case['instances'], page): case['pages'][page]
             for case in numbers['cases'] if case['rows'] == ROWS
             for page in COMPARED}
    crowds = {(each['instances'], each['page'], each['users']): each
              for each in numbers['crowds']}
    rows = []
    for size in seed.SIZES:
        for page in COMPARED:
            one = alone[size, page]
            cells = [report.number(one['seconds'])]
            for users in USERS[1:]:
                if (size, page, users) in crowds:
                    cells.append(report.number(
                        crowds[size, page, users]['seconds']))
                else:
                    # As fast as ten users were served, each waits for all.
                    rate = crowds[size, page, USERS[1]]['per second']
                    cells.append('~' + report.number(users / rate))
            served = max(one['seconds'],
                         USERS[-1] * one['CPU of Horizon'] / PROCESSES)
            rows.append([str(size), page, *cells, '~' + report.number(served)])
    return _table(
        f'Seconds for a page of {ROWS} rows, users looking at once; the last '
        f'column: {PROCESSES} processes of Horizon on {PROCESSES} cores and '
        'services that keep up',
        ['Instances', 'Page', *(f'{users} at once' for users in USERS),
         f'{USERS[-1]}, {PROCESSES} processes'], rows)


def _snapshots(numbers):
    rows = [[f'To createImage accepted: {way}', report.number(seconds)]
            for way, seconds in numbers['accepted'].items()]
    rows.append(['From active to a sealed verdict',
                 report.number(numbers['sealed'])])
    lines = _table('Snapshots, medians in seconds', ['', 'Seconds'], rows)
    for count, (updates, nova, seconds) in numbers['followed'].items():
        lines += [f'While {count} snapshots ran from one open page, '
                  f'{seconds:.0f} seconds, its rows were updated '
                  f'{updates:.0f} times a minute and Nova was asked '
                  f'{nova:.0f} times a minute.', '']
    return lines


def _disks(numbers):
    names = ('snapshots', 'requests each', 'kB each', 'all requests each',
             'seconds each', 'seconds')
    return _table(
        'Snapshots judged by their disks, as "Judge all" does it',
        ['Disk', *names],
        [[kind, *(report.number(judged[name]) for name in names)]
         for kind, judged in numbers['disks'].items()])


def _goals(numbers):
    return _table('Goals', ['Goal', 'Wanted', 'Found', ''], [
        [goal['name'], goal['wanted'], goal['found'],
         'met' if goal['met'] else '**not met**']
        for goal in numbers['goals']])


def _table(title, head, rows):
    lines = [f'.. list-table:: {title}', '   :header-rows: 1', '']
    for row in [head, *rows]:
        for index, cell in enumerate(row):
            lines.append(f'   {"  -" if index else "* -"} {cell}'.rstrip())
    return [*lines, '']


if __name__ == '__main__':
    main()
