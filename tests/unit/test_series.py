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

"""Every series of Horizon that is spoken of can be tried by a command."""

import configparser
import csv
import re
import subprocess
import sys
from unittest import mock

import pytest

from tests import series

# What pytest says of all is of another number: it counts subtests too.
REPORT = ('<testsuites><testsuite tests="20" failures="0" errors="0" '
          'skipped="0">%s</testsuite></testsuites>')


@pytest.fixture
def table(tmp_path):
    """A table of its own, which does not exist yet."""
    with mock.patch.object(series, 'TABLE', tmp_path / 'series.csv') as path:
        yield path


def test_the_series_are_those_of_tox_of_the_constraints_and_of_the_ci():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(series.ROOT / 'tox.ini')
    [of_tox] = [re.search('{(.+)}', name)[1].split(',')
                for name in tox if name.startswith('testenv:horizon-')]
    workflow = (series.ROOT / '.github/workflows/test.yml').read_text()
    pinned = [path.stem.removeprefix('horizon-') for path in
              (series.ROOT / 'tests/constraints').glob('horizon-*.txt')]

    assert of_tox == list(series.SERIES)
    assert re.findall(r'- horizon-([\d.]+)$', workflow, re.M) == of_tox
    # The newest has the constraints of all other tests.
    assert sorted([*pinned, of_tox[-1]]) == sorted(of_tox)


def test_each_series_has_a_dashboard_with_its_own_versions():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(series.ROOT / 'tox.ini')
    [section] = [name for name in tox
                 if name.startswith('testenv:dashboard-')]

    *others, _newest = series.SERIES
    assert re.search('{(.+)}', section)[1].split(',') == others
    assert re.findall(
        r'^([\d.]+): PIP_CONSTRAINT = .*{/}horizon-(.+)\.txt$',
        tox[section]['set_env'], re.M) == [(name, name) for name in others]
    assert 'testenv:dashboard' in tox


def test_the_tests_of_a_series_find_the_tests():
    # The processes of pytest-xdist have no path but the one of the first.
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(series.ROOT / 'tox.ini')
    commands = [tox[name]['commands'] for name in tox
                if name.startswith('testenv:horizon-')]

    assert [each.split()[:3] for each in commands] == [
        ['python', '-m', 'pytest']]


def test_the_documented_table_has_a_row_for_each_series():
    with series.TABLE.open(newline='') as file:
        headings, *rows = csv.reader(file)

    assert tuple(headings) == series.HEADINGS
    assert [series.series_of(row) for row in rows] == list(series.SERIES)
    assert all(row[1] == series.SERIES[series.series_of(row)]
               for row in rows)


@pytest.mark.parametrize('outcomes, words', [
    (9 * [''], '9 passed'), (9 * ['<failure/>'], '9 failed'),
    (['<failure/>', '<error/>', '<failure/><error/>', '', '<properties/>'],
     '3 failed, 2 passed'),
    (['', '<skipped/>'], '1 passed, 1 skipped')])
def test_a_report_is_told_in_a_few_words(tmp_path, outcomes, words):
    path = tmp_path / 'report.xml'
    path.write_text(REPORT % ''.join(
        '<testcase>%s</testcase>' % outcome for outcome in outcomes))

    assert series.result(path) == words
    assert series.result(tmp_path / 'none.xml') == 'did not end'


def test_a_series_that_cannot_be_installed_has_its_reason():
    output = ('horizon-26.0: install\n'
              "ERROR: Package 'horizon' requires a different Python: 3.10\n"
              'ERROR: more\n')
    failed = subprocess.CompletedProcess((), 1, stdout=output)

    with mock.patch.object(subprocess, 'run', return_value=failed):
        rows = [run('26.0') for run in (series.run_unit_tests, series.walk)]

    assert rows == 2 * [(
        ['26.0', '2026.2', '', '%d.%d' % sys.version_info[:2], ''],
        "not installed: Package 'horizon' requires a different Python: "
        '3.10')]


@pytest.mark.parametrize('arguments, run, results', [
    (['25.3'], 'run_unit_tests', ['8 passed', '5 passed']),
    (['--walk', '25.3'], 'walk', ['7 passed', '8 passed'])])
def test_one_series_leaves_the_others_as_they_were(table, arguments, run,
                                                   results):
    rows = {name: [name + '.9', of, '', '', '', '7 passed', '5 passed']
            for name, of in series.SERIES.items()}
    series.write(rows)
    new = ['25.3.10', '2025.1', '3.11', '3.11.2', '4.2']

    with mock.patch.object(series, run, autospec=True,
                           return_value=(new, '8 passed')):
        status = series.main(arguments)

    assert status == 0
    assert series.read() == {**rows, '25.3': [*new, *results]}


def test_a_table_without_walks_is_read(table):
    table.write_text('Horizon\n25.3.9,2025.1,3.11,3.11.2,4.2,7 passed\n')

    assert series.read() == {'25.3': [
        '25.3.9', '2025.1', '3.11', '3.11.2', '4.2', '7 passed', 'not run']}


@pytest.mark.parametrize('told, status', [
    ('5 passed', 0), ('1 failed, 5 passed', 1), ('did not end', 1),
    ('not installed: x', 1)])
@pytest.mark.parametrize('run, arguments', [
    ('run_unit_tests', []), ('walk', ['--walk'])])
def test_the_status_tells_whether_all_passed(table, run, arguments, told,
                                             status):
    with mock.patch.object(
            series, run, autospec=True,
            side_effect=lambda name: ([name, '', '', '', ''], told)):
        assert series.main(arguments) == status


@pytest.mark.parametrize('name, environment', [
    ('25.3', 'dashboard-25.3'), ('27.0', 'dashboard')])
def test_a_walk_has_the_dashboard_of_its_series(name, environment):
    done = subprocess.CompletedProcess((), 0, stdout='["1", "2", "3", "4"]')

    with mock.patch.object(subprocess, 'run', return_value=done) as run:
        series.walk(name)

    *arguments, report = run.call_args.args[0]
    assert environment in report
    assert [each for each in arguments if each.startswith('tests/')]
    assert run.call_args.kwargs['env']['DASHBOARD_PYTHON'].endswith(
        '.tox/%s/bin/python' % environment)


def test_what_is_walked_is_there():
    for each in series.WALK:
        path, _, test = each.partition('::')
        assert 'def %s' % (test + '(' if test else 'test_') in (
            series.ROOT / path).read_text()


def test_a_series_that_is_none_is_refused(table, capsys):
    assert series.main(['99.9']) == 2
    assert '99.9; there are 23.1, ' in capsys.readouterr().err
