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

"""``python -m tests.series [SERIES ...]``: the unit tests on each Horizon.

Runs them in tox's environments, by the Python at hand, and writes what came
of it into ``doc/source/series.csv``, which the documentation shows: a row for
each series, those that were not asked for as they were. All series take
about an hour on two cores.
"""

import csv
import json
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
            'Django', 'Unit tests')
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


def try_series(name: str) -> list[str]:
    """Install one series, run the unit tests; return its row of the table."""
    environment = 'horizon-' + name
    print(environment, flush=True)
    made = subprocess.run([*TOX, '--notest', '-e', environment], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if made.returncode:
        return [name, SERIES[name], '', '%d.%d' % sys.version_info[:2], '',
                'not installed: ' + reason(made.stdout)]
    horizon, declared, python, django = json.loads(subprocess.run(
        [ROOT / '.tox' / environment / 'bin/python', '-c', VERSIONS],
        check=True, text=True, stdout=subprocess.PIPE).stdout)
    report = ROOT / '.tox' / environment / 'report.xml'
    report.unlink(missing_ok=True)
    subprocess.run([*TOX, '-e', environment, '--', 'tests/unit', '-q',
                    '--tb=short', '--junitxml=%s' % report], cwd=ROOT)
    return [horizon, SERIES[name], declared, python, django, result(report)]


def reason(output: str) -> str:
    """Return why pip could not install something, by what it printed."""
    errors = [line.partition('ERROR: ')[2] for line in output.splitlines()
              if line.startswith('ERROR: ')]
    return errors[0] if errors else 'see tox'


def result(report: pathlib.Path) -> str:
    """Return what pytest's report in XML says, in a few words."""
    if not report.exists():
        return 'did not end'
    counts = {name: 0 for name in ('tests', 'failures', 'errors', 'skipped')}
    for suite in ElementTree.parse(report).getroot().iter('testsuite'):
        for name in counts:
            counts[name] += int(suite.get(name, 0))
    failed = counts['failures'] + counts['errors']
    passed = counts['tests'] - failed - counts['skipped']
    return ', '.join('%d %s' % (count, word) for count, word in (
        (failed, 'failed'), (passed, 'passed'),
        (counts['skipped'], 'skipped')) if count)


def read() -> dict[str, list[str]]:
    """Return the rows of the table by their series."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline='') as file:
        _headings, *rows = csv.reader(file)
    return {series_of(row): row for row in rows}


def series_of(row: list[str]) -> str:
    """Return the series that a row is about; it has a version of it."""
    return '.'.join(row[0].split('.')[:2])


def write(rows: dict[str, list[str]]) -> None:
    """Write the table, with a row for each series in their order."""
    with TABLE.open('w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([HEADINGS, *(
            rows.get(name, [name, SERIES[name], '', '', '', 'not run'])
            for name in SERIES)])


def main(names: list[str]) -> int:
    """Try series, all if none is named; return the exit status."""
    unknown = set(names) - set(SERIES)
    if unknown:
        print('series: %s; there are %s' % (
            ', '.join(sorted(unknown)), ', '.join(SERIES)), file=sys.stderr)
        return 2
    status = 0
    for name in names or SERIES:
        row = try_series(name)
        # After each, so that nothing is lost when it is interrupted.
        write({**read(), name: row})
        print('  '.join(filter(None, row)), flush=True)
        status |= 'passed' not in row[-1] or 'failed' in row[-1]
    return int(status)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
