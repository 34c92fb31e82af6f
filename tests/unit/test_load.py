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

"""What ``python -m tests.load`` makes of what it measured."""

import types

import pytest

from tests.bench import report
from tests import clients
from tests.load import crowd
from tests.load import document
from tests.load import measuring
from tests.load import window


@pytest.mark.parametrize('sizes, slope', [
    ([100] * 9, 0), ([100 + each for each in range(9)], 30),
    # What it takes to get warm is not counted.
    ([10, 50, 90] + [100] * 6, 0), ([100], 0)])
def test_the_slope_of_the_memory_is_that_of_a_warm_dashboard(sizes, slope):
    found = measuring.Found()
    found.memory = [(2.0 * at, size) for at, size in enumerate(sizes)]

    assert found.slope == pytest.approx(slope)


def test_what_the_memory_grew_by_is_told_as_a_part_of_it():
    found = measuring.Found()
    # 30 seconds, of which 20 count: from 110 to 130 MiB.
    found.memory = [(float(at), 100.0 + at) for at in range(31)]

    assert found.growth == pytest.approx(20 / 120, rel=0.01)


@pytest.mark.parametrize('seconds, expected', [
    ([], (0, 0)), ([2.0], (2, 2)), (list(range(101)), (50, 95))])
def test_percentiles_are_of_what_was_answered(seconds, expected):
    assert measuring.percentiles(seconds) == pytest.approx(expected)


def test_a_question_that_fails_is_wrong_and_has_no_time():
    tally = measuring.Tally()

    for error in (AssertionError('503'), ConnectionError('gone'),
                  ValueError('no JSON')):
        with tally.timed('page'):
            raise error
    with tally.timed('page'):
        pass

    assert tally.count('page') == 1
    assert sorted(tally.wrong) == [
        'page: AssertionError: 503', 'page: ConnectionError: gone',
        'page: ValueError: no JSON']


# The window ---------------------------------------------------------------

def row(key, *marks):
    return '<tr class="x" data-object-id="%s" %s><td>' % (
        key, ' '.join(f'data-{mark}="true"' for mark in marks))


WATCH = '<div id="snapshot-panel-watch" data-shown="page-1">'


class Horizon:
    """A visitor and a dashboard that write down what they are asked."""

    def __init__(self, page, *answers):
        self.dashboard = self
        self.page = page
        self.answers = list(answers)
        self.asked = []

    def get(self, path, id=None, shown=None):
        assert (shown == 'page-1') == bool(id)
        self.asked.append(('GET', path if id is None else id))
        return self._answer() if id else types.SimpleNamespace(
            text=WATCH + self.page)

    def post(self, path, id):
        assert path == clients.PANEL + 'rows/'
        self.asked.append(('POST', id))
        return self._answer()

    def _answer(self):
        return types.SimpleNamespace(status_code=200, json=lambda: {
            'problem': '', 'gone': [], **self.answers.pop(0)})


def rows(**marks):
    return {'rows': {key: row(key, *each) for key, each in marks.items()}}


def test_a_window_asks_as_the_pages_script_does(monkeypatch):
    monkeypatch.setattr(window, 'GUESTS_PER_REQUEST', 5)
    horizon = Horizon(
        row('a', 'unsettled') + ''.join(
            row(key, 'unasked') for key in 'bcdefgh'),
        rows(a=['unsettled']), rows(**dict.fromkeys('bcdef', [])),
        rows(**dict.fromkeys('gh', [])), rows(a=[]),
        rows(a=[]), rows(**dict.fromkeys('bcdef', ['unasked'])))
    tally = measuring.Tally()
    one = window.Window(horizon, tally)
    opened, settled = ('GET', 'Consistent Snapshots'), ('POST', ['a'])

    one.look()
    assert horizon.asked == [
        opened, settled, ('GET', list('bcdef')), ('GET', list('gh'))]
    one.look()
    assert horizon.asked[4:] == [settled]
    # Nothing is left. What is not told is not asked again at once.
    one.look()
    assert horizon.asked[5:] == [opened, settled, ('GET', list('bcdef'))]
    assert not tally.wrong


@pytest.mark.parametrize('answer', [
    {'rows': {}, 'problem': 'Nova does not answer.'},
    {'rows': {}, 'gone': ['a']}])
def test_a_problem_that_the_script_would_show_is_wrong(answer):
    tally = measuring.Tally()
    one = window.Window(Horizon(row('a', 'unsettled'), answer), tally)

    one.look()

    assert tally.wrong.total() == 1


def test_a_page_with_an_error_is_wrong():
    tally = measuring.Tally()

    window.Window(Horizon(row('a') + (
        '<div class="alert alert-danger alert-dismissable fade in">')),
        tally).look()

    assert tally.wrong.total() == 1 and not tally.count(window.PAGE)


# The goals ----------------------------------------------------------------

def looked(**changes):
    """Return what document.of_looks() takes, of a run as it should be."""
    tally, theirs = measuring.Tally(), measuring.Tally()
    tally.seconds |= {window.PAGE: [1.0] * 50, window.SCRIPT: [1.0] * 950}
    theirs.seconds[window.INSTANCES] = [3.0] * 50
    found = measuring.Found()
    found.memory = [(2.0 * at, 400.0) for at in range(150)]
    found.requests.update({'nova': 1000, 'glance': 2000, 'cinder': 999})
    looks = crowd.Looks(300, tally, [20] * 1000, 0, 0, found)
    return {'looks': looks, 'compared': crowd.Looks(30, theirs),
            'taking': measuring.Tally(), 'judged': crowd.Judged(
                {'a': ['1', '2']}, 0, []), 'alone': 0.5, 'interval': 2,
            **changes}


def missed(goals):
    return [goal.name for goal in goals if not goal.met]


def test_a_run_as_it_should_be_meets_every_goal():
    assert missed(document.of_looks(**looked())) == []


def wrong_tally():
    tally = measuring.Tally()
    with tally.timed('any'):
        raise ValueError()
    return tally


def spoilt(change):
    run = looked()
    change(run)
    return missed(document.of_looks(**run))


def test_each_goal_of_looking_can_be_missed():
    assert spoilt(lambda run: run.update(taking=wrong_tally())) == [
        'answers that were errors']
    assert spoilt(lambda run: run['compared'].tally.wrong.update('x')) == [
        'answers that were errors']
    assert len(spoilt(lambda run: run['looks'].tally.seconds.update(
        {window.SCRIPT: [1.0] * 940 + [9.0] * 60}))) == 1
    assert spoilt(lambda run: run['looks'].found.requests.update(
        nova=2000)) == ['requests to Nova, to Glance']
    assert spoilt(lambda run: run.update(judged=crowd.Judged(
        {'a': ['1']}, 0, ['1: unproven']))) == [
            'snapshots with the verdict that their disks deserve']
    # Nothing was taken.
    assert spoilt(lambda run: run.update(judged=crowd.Judged(
        {'a': []}, 0, []))) == [
            'snapshots with the verdict that their disks deserve']
    assert spoilt(lambda run: setattr(run['looks'].found, 'memory', [
        (2.0 * at, 400.0 + at) for at in range(150)])) == [
            'memory of Horizon\'s processes']


def test_each_goal_of_clicking_can_be_missed():
    def clicked(taken=('a', 'b'), silent=0, images=None, clicks=10):
        found = crowd.Clicks(measuring.Tally())
        found.answers.update({'is being taken': 2, '': silent,
                              'not ready': 8 - silent})
        found.taken.update(taken)
        found.tally.seconds[crowd.CLICK] = [1.0] * 10
        return missed(document.of_clicks(clicks, found, crowd.Judged(
            images or {'a': ['1'], 'b': ['2']}, 0, [])))

    assert clicked() == []
    assert clicked(clicks=11) == ['clicks that were answered']
    assert clicked(silent=1) == [
        'clicks without a word of what came of them']
    odd = ['instances with more or fewer snapshots than clicks taken']
    assert clicked(images={'a': ['1', '3'], 'b': ['2']}) == odd
    assert clicked(images={'a': ['1'], 'b': []}) == odd


# The table ----------------------------------------------------------------

def test_a_run_replaces_its_own_rows_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(document, 'PATH', tmp_path / 'load.csv')

    document.write('5 users', [report.Goal('errors', '0', '1', False)])
    document.write('50 users', [report.Goal('errors', '0', '0', True)])
    document.write('5 users', [report.Goal('errors', '0', '0', True),
                               report.Goal('memory', '', '1 MiB', True)])

    assert document.read() == [
        ('5 users', 'errors', '0', '0', 'met'),
        ('5 users', 'memory', '', '1 MiB', 'met'),
        ('50 users', 'errors', '0', '0', 'met')]
