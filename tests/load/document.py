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

"""What was promised for many users, and the table of the documentation."""

import csv
import pathlib
import statistics

from tests.bench import report
from tests import budgets
from tests.load import crowd
from tests.load import measuring
from tests.load import window

PATH = pathlib.Path(__file__).parents[2] / 'doc/source/load.csv'
HEADINGS = ('Run', 'What', 'Wanted', 'Found', '')
# The memory may grow by this part of it while it is measured.
GROWTH = 0.05
# For how many seconds what a guest said is kept: evidence_age's default.
EVIDENCE_AGE = 30


def of_looks(looks, compared, taking, judged, alone, interval):
    """Return the goals of looking.

    :param looks: the :class:`crowd.Looks` at the panel
    :param compared: those at Horizon's own page
    :param taking: the :class:`measuring.Tally` of who took snapshots
    :param judged: the :class:`crowd.Judged` of these
    :param alone: how long the script waits where one user looks, in seconds
    :param interval: how often the script asks, in seconds
    """
    wrong = looks.tally.wrong + taking.wrong + compared.tally.wrong
    running = round(statistics.median(looks.running or [0]))
    return [
        _none('answers that were errors', wrong.total()),
        _none('errors in Horizon\'s log', looks.found.errors),
        _goal('snapshots without a verdict on a page, median', crowd.ROWS,
              running, running == crowd.ROWS),
        *_times(looks, compared),
        _served(looks, alone, interval),
        _goal('memory of Horizon\'s processes', f'+{GROWTH:.0%} at most',
              looks.found.text, looks.found.growth <= GROWTH),
        _requests(looks),
        _verdicts(judged)]


def of_clicks(clicks, found, judged):
    """Return the goals of clicking.

    :param clicks: how many there were
    :param found: the :class:`crowd.Clicks`
    :param judged: the :class:`crowd.Judged` of what they made
    """
    answered, taken = found.answers.total(), found.taken.total()
    odd = [key for key, images in judged.images.items()
           if len(images) != found.taken[key]]
    silent = sum(number for text, number in found.answers.items()
                 if not text)
    return [
        _goal('clicks that were answered', clicks, answered,
              answered == clicks and not found.tally.wrong),
        _none('clicks without a word of what came of them', silent),
        _goal('taken, refused with the reason', '',
              f'{taken}, {answered - taken}', taken),
        _none('instances with more or fewer snapshots than clicks taken',
              len(odd)),
        _goal('a click, with the page that it leads to: p50, p95', '',
              _seconds(found.tally.seconds[crowd.CLICK]), True),
        _verdicts(judged)]


def _times(looks, compared):
    """Return how long each kind of question took, and Horizon's own page."""
    theirs = compared.tally.seconds[window.INSTANCES]
    return [
        _goal(f'{name}: p50, p95', 'less than Instances',
              _seconds(ours), all(
                  our < their for our, their in zip(
                      measuring.percentiles(ours),
                      measuring.percentiles(theirs))))
        for name, ours in (
            (name, looks.tally.seconds[name])
            for name in (window.PAGE, window.SCRIPT)) if ours] + [
        _goal(f'{window.INSTANCES}: p50, p95', '', _seconds(theirs),
              bool(theirs))]


def _served(looks, alone, interval):
    """Return how many users get an answer as often as the page asks.

    Reckoned: with more of them, each waits longer than one who is alone.
    """
    rate = looks.tally.count(window.PAGE, window.SCRIPT) / looks.seconds
    return _goal(
        f'users whom this machine can answer every {interval} s', '',
        f'~{rate * (interval + alone):.0f} ({rate:.1f} answers a second; one '
        f'alone waits {alone:.1f} s)', True)


def _requests(looks):
    """Return the requests to Nova and Glance against their budget."""
    asked = looks.tally.count(window.PAGE, window.SCRIPT)
    # Nova's version is asked once in an hour.
    budget = round(
        1 + asked * (budgets.ROWS - 1)
        # The guests of a page once in a while for all who look, and again
        # once their snapshot has begun and is over.
        + budgets.LISTEN * (crowd.ROWS * (1 + looks.seconds / EVIDENCE_AGE)
                            + 2 * looks.clicks)
        + looks.clicks * (budgets.TAKEN + budgets.SETTLED)
        + looks.forms * (budgets.FORM + budgets.TAKEN))
    sent = {name: looks.found.requests[name] for name in ('nova', 'glance')}
    return _goal(
        'requests to Nova, to Glance', f'{budget} in all',
        f'{sent["nova"]}, {sent["glance"]} '
        f'({sum(sent.values()) / max(1, asked):.1f} a question)',
        sum(sent.values()) <= budget)


def _verdicts(judged):
    images = sum(map(len, judged.images.values()))
    return _goal('snapshots with the verdict that their disks deserve',
                 images, images - len(judged.wrong),
                 images and not judged.wrong)


def _none(name, number):
    return _goal(name, 0, number, not number)


def _goal(name, wanted, found, met):
    return report.Goal(name, str(wanted), str(found), bool(met))


def _seconds(values):
    return '%.1f s, %.1f s' % measuring.percentiles(values)


def write(run, goals):
    """Write the rows of a run; those of other runs stay.

    :param run: what it was, in a few words
    :param goals: a :class:`report.Goal` for each row
    """
    old = read()
    new = [(run, goal.name, goal.wanted, goal.found,
            'met' if goal.met else '**not met**') for goal in goals]
    runs = dict.fromkeys([row[0] for row in old] + [run])
    with PATH.open('w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([HEADINGS, *(
            row for name in runs
            for row in (new if name == run else old) if row[0] == name)])


def read():
    """Return the rows of the table, without its headings."""
    if not PATH.exists():
        return []
    with PATH.open(newline='') as file:
        return [tuple(row) for row in csv.reader(file)][1:]
