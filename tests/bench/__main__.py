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

"""``python -m tests.bench``: see the package."""

import argparse
import shutil
import signal
import statistics
import subprocess
import sys

from tests.bench import browser as browsers
from tests.bench import disks
from tests.bench import pages
from tests.bench import report
from tests.bench import seed
from tests.bench import taking
from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import running
from tests import progress

FOLDER = layouts.REPOSITORY / '.demo' / 'bench'
RESULTS = layouts.REPOSITORY / 'results' / 'bench.json'
SMALL, MIDDLE, LARGE = seed.SIZES
ROWS = (20, 100)
# How many snapshots are taken at once from one page.
AT_ONCE = 20
# Whose page follows them; whose instances snapshots are timed on.
FOLLOWED, TIMED = MIDDLE, LARGE
# How many snapshots that the panel did not take are judged by their disks.
JUDGED = 100
# (users, looks of each): with more, Horizon's own page takes too long.
CROWDS = {pages.INDEX: ((10, 3), (100, 1)), pages.INSTANCES: ((10, 1),)}


def main():
    """Measure; return the exit status."""
    arguments = _parser().parse_args()
    # A SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = report.Report()
    # What is kept of another version of the demo may not fit this one.
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with running.run(FOLDER) as cloud:
            seed.ensure(FOLDER, cloud)
            _measure(cloud, arguments.short, results)
    except layouts.SetupError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    finally:
        # Also what came before a Ctrl-C.
        if results.cases:
            results.print()
            results.write(RESULTS)
    return 0 if _judge(arguments.short) and results.good else 1


def _judge(short):
    """Let the judge go over large projects; return whether it keeps to it.

    In a process of its own: Horizon is not to be loaded into this one.
    """
    progress.say('The judge, without a cloud')
    return not subprocess.call([
        sys.executable, '-m', 'tests.bench.judging',
        *(['--short'] if short else [])])


def _measure(cloud, short, results):
    rounds, looks = (3, 1) if short else (5, 2)
    cases = [(SMALL, 20), (LARGE, 20)] if short else [
        (size, rows) for size in seed.SIZES for rows in ROWS
        # Fewer instances than rows make the same page.
        if size >= rows or rows == ROWS[0]]
    with browsers.open_browser() as browser:
        for size, rows in cases:
            progress.say(f'Pages: {size} instances, {rows} rows')
            results.cases.append(report.Case(
                size, rows, pages.take_turns(cloud, size, rows, rounds),
                browsers.take_turns(browser, cloud, size, rows, looks)))
        results.weight = pages.weight(
            clients.Dashboard(cloud), pages.PATHS[pages.INSTANCES])
        progress.say('Taking snapshots')
        results.accepted, results.sealed = taking.take_turns(
            cloud, TIMED, rounds)
        progress.say(f'Following {AT_ONCE} snapshots')
        results.followed[AT_ONCE] = browsers.follow(
            browser, cloud, FOLLOWED, AT_ONCE)
        progress.say(f'Judging {JUDGED} snapshots')
        results.disks = disks.judge_all(cloud, FOLLOWED, JUDGED)
    if short:
        return
    for size in seed.SIZES:
        for page, crowds in CROWDS.items():
            for users, each in crowds:
                progress.say(f'{users} users: {size} instances, {page}')
                seconds, rate = pages.crowd(cloud, size, users, page, each)
                results.crowds[size, users, page] = (
                    statistics.median(seconds), rate)


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.bench',
        description='The panel\'s pages against Horizon\'s own.')
    parser.add_argument('--short', action='store_true',
                        help='a few minutes: fewer sizes and rounds')
    return parser


if __name__ == '__main__':
    sys.exit(main())
