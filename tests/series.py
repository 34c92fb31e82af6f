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

"""``python -m tests.series [--walk] [SERIES ...]``: tests on each Horizon.

The unit tests, or with ``--walk`` what users come for, in a browser on a demo
cloud with that Horizon. They run in tox's environments, by the Python at hand.
What came of it is written into ``doc/source/series.csv``, which the
documentation shows: a row for each series, what was not asked for as it was.
All series' unit tests take about an hour on two cores, a walk takes some
minutes.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import subprocess
import sys
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).parents[1]
TABLE = ROOT / 'doc/source/series.csv'
TOX = (sys.executable, '-m', 'tox', 'run', '-qq')
# Which OpenStack each series of Horizon belongs to.
SERIES = {
    '23.1': '2023.1', '23.3': '2023.2', '24.0': '2024.1', '25.1': '2024.2',
    '25.3': '2025.1', '25.5': '2025.2', '25.7': '2026.1', '26.0': '2026.2',
    '27.0': '2026.2',
}
HEADINGS = ('Horizon', 'OpenStack', 'It declares Python', 'Run with Python',
            'Django', 'Unit tests', 'Browser walk')
UNIT_TESTS, BROWSER_WALK = 5, 6
NOT_RUN = 'not run'
# From the front page to a verdict and its proof, the editor of an image, all
# pages on a telephone; schedules where there is no Mistral.
WALK = ('tests/browser/test_tasks.py', 'tests/browser/test_instance.py::'
        'test_a_schedule_is_chosen_and_copied')
# Run in the environment itself.
VERSIONS = '''
import importlib.metadata, json, platform, re
horizon = importlib.metadata.metadata('horizon')
found = [re.fullmatch(r'Programming Language :: Python :: (3\\.\\d+)', each)
         for each in horizon.get_all('Classifier')]
print(json.dumps([horizon['Version'], ', '.join(
    each[1] for each in found if each), platform.python_version(),
    importlib.metadata.version('Django')]))
'''


def run_unit_tests(name: str) -> tuple[list[str], str]:
    """Run the unit tests with one series of Horizon.

    :returns: what the table says of the series, and of the tests.
    """
    environment = 'horizon-' + name
    series, failure = install(name, environment)
    if failure:
        return series, failure
    report = new_report(environment)
    subprocess.run([*TOX, '-e', environment, '--', 'tests/unit', '-q',
                    '--tb=short', '--junitxml=%s' % report], cwd=ROOT)
    return series, result(report)


def walk(name: str) -> tuple[list[str], str]:
    """Do in a browser what users come for, with one series of Horizon.

    :returns: what the table says of the series, and of the walk.
    """
    newest = name == list(SERIES)[-1]
    environment = 'dashboard' if newest else 'dashboard-' + name
    series, failure = install(name, environment)
    if failure:
        return series, failure
    report = new_report(environment)
    subprocess.run(
        [*TOX, '-e', 'functional', '--', *WALK, '-n', '0', '-v',
         '-m', 'not long', '--tb=short', '--junitxml=%s' % report],
        cwd=ROOT, env={**os.environ,
                       'DASHBOARD_PYTHON': str(python_of(environment))})
    return series, result(report)


def install(name: str, environment: str) -> tuple[list[str], str]:
    """Make an environment of tox.

    :returns: what the table says of the series in it, and why it could not
        be made, '' where it could.
    """
    print(environment, flush=True)
    made = subprocess.run([*TOX, '--notest', '-e', environment], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if made.returncode:
        return ([name, SERIES[name], '', '%d.%d' % sys.version_info[:2], ''],
                'not installed: ' + reason(made.stdout))
    horizon, declared, python, django = json.loads(subprocess.run(
        [python_of(environment), '-c', VERSIONS], check=True, text=True,
        stdout=subprocess.PIPE).stdout)
    return [horizon, SERIES[name], declared, python, django], ''


def python_of(environment: str) -> pathlib.Path:
    """Return the Python of an environment of tox."""
    return ROOT / '.tox' / environment / 'bin/python'


def new_report(environment: str) -> pathlib.Path:
    """Return where the tests shall write; what was there is gone."""
    report = ROOT / '.tox' / environment / 'report.xml'
    report.unlink(missing_ok=True)
    return report


def reason(output: str) -> str:
    """Return why pip could not install something, by what it printed."""
    errors = [line.partition('ERROR: ')[2] for line in output.splitlines()
              if line.startswith('ERROR: ')]
    return errors[0] if errors else 'see tox'


def result(report: pathlib.Path) -> str:
    """Return what pytest's report in XML says, in a few words."""
    if not report.exists():
        return 'did not end'
    # What pytest counts holds subtests too from 9 on, and some series keep an
    # older one.
    words = {'failure': 'failed', 'error': 'failed', 'skipped': 'skipped'}
    counts = collections.Counter(
        next((words[each.tag] for each in test if each.tag in words),
             'passed')
        for test in ElementTree.parse(report).getroot().iter('testcase'))
    return ', '.join('%d %s' % (counts[word], word) for word in (
        'failed', 'passed', 'skipped') if counts[word])


def read() -> dict[str, list[str]]:
    """Return the rows of the table by their series."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline='') as file:
        _headings, *rows = csv.reader(file)
    return {series_of(row): [*row, *[NOT_RUN] * (len(HEADINGS) - len(row))]
            for row in rows}


def series_of(row: list[str]) -> str:
    """Return the series that a row is about; it has a version of it."""
    return '.'.join(row[0].split('.')[:2])


def write(rows: dict[str, list[str]]) -> None:
    """Write the table, with a row for each series in their order."""
    with TABLE.open('w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([HEADINGS, *(
            rows.get(name) or empty(name) for name in SERIES)])


def empty(name: str) -> list[str]:
    """Return the row of a series that nothing ran with."""
    return [name, SERIES[name], '', '', '', NOT_RUN, NOT_RUN]


def main(arguments: list[str]) -> int:
    """Try series, all if none is named; return the exit status."""
    parser = argparse.ArgumentParser(prog='python -m tests.series')
    parser.add_argument('--walk', action='store_true',
                        help='in a browser, and not the unit tests')
    parser.add_argument('names', nargs='*', metavar='SERIES',
                        help=', '.join(SERIES))
    asked = parser.parse_args(arguments)
    unknown = set(asked.names) - set(SERIES)
    if unknown:
        print('series: %s; there are %s' % (
            ', '.join(sorted(unknown)), ', '.join(SERIES)), file=sys.stderr)
        return 2
    run, column = (walk, BROWSER_WALK) if asked.walk else (
        run_unit_tests, UNIT_TESTS)
    status = 0
    for name in asked.names or SERIES:
        series, told = run(name)
        # After each, so that nothing is lost when it is interrupted.
        rows = read()
        row = [*series, *rows.get(name, empty(name))[UNIT_TESTS:]]
        row[column] = told
        write({**rows, name: row})
        print('  '.join(filter(None, [*series, told])), flush=True)
        status |= 'passed' not in told or 'failed' in told
    return int(status)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
