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

"""``python -m tests.load``: many users at once, and what they were told.

First they look, as the script of the page does, while others keep taking
snapshots; then the same users open Horizon's own page of instances. Then all
click on the same instances, at the same time: each click is taken once or
refused with its reason. Last of each, the verdict of each snapshot is held
against its disk. Fails where a goal is missed. ``--minutes 60`` makes a soak
of it; ``--clicks 0`` and ``--minutes 0`` leave a part out. ``--write`` writes
the rows of this run in the documentation's table.
"""

import argparse
import shutil
import signal
import sys

from tests.bench import seed
from tests.cloud import layout as layouts
from tests.cloud import running
from tests.load import crowd
from tests.load import document
from tests import progress

FOLDER = layouts.REPOSITORY / '.demo' / 'load'
USERS, MINUTES, CLICKS = 50, 5, 1000
# How often one user looks before the others come.
ALONE = 5
# How long Horizon's own page is looked at, as a part of the minutes.
COMPARED = 0.1


def main():
    """Let them come; return the exit status."""
    arguments = _parser().parse_args()
    # A SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not arguments.keep:
        # Another version of the demo may have made it.
        shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with running.run(FOLDER) as cloud:
            seed.ensure(FOLDER, cloud)
            progress.say(f'{arguments.users} users log in')
            goals = _play(crowd.Crowd(cloud, arguments.users), arguments)
    except layouts.SetupError as error:
        print(f'load: {error}', file=sys.stderr)
        return 1
    return 0 if goals and all(goal.met for goal in goals) else 1


def _play(users, arguments):
    goals = []
    if arguments.minutes:
        run = f'{arguments.users} users, {arguments.minutes:g} minutes'
        found = _look(users, arguments.minutes)
        _report(run, found, arguments.write)
        goals += found
    if arguments.clicks:
        run = (f'{arguments.clicks} clicks on {arguments.instances} '
               f'instances, {arguments.users} users')
        found = _click(users, arguments)
        _report(run, found, arguments.write)
        goals += found
    return goals


def _look(users, minutes):
    with users.taking() as taking:
        progress.say(f'{crowd.ROWS} snapshots run; one user looks')
        alone = users.alone(ALONE)
        progress.say(f'All look, for {minutes:g} minutes')
        looks = users.look(60 * minutes, taking)
    # No more are begun; those that run go on.
    progress.say('The same at Horizon\'s Instances')
    compared = users.compare(60 * minutes * COMPARED)
    progress.say('The verdicts')
    judged = users.judge(users.ids[:crowd.ROWS])
    for tally in (looks.tally, taking, compared.tally):
        _print(tally.wrong)
    print(*judged.wrong, sep='\n')
    return document.of_looks(looks, compared, taking, judged,
                             alone, users.interval)


def _click(users, arguments):
    progress.say(f'{arguments.clicks} clicks')
    found = users.click(arguments.clicks, arguments.instances)
    progress.say('The verdicts')
    judged = users.judge(users.ids[:arguments.instances])
    _print(found.answers)
    _print(found.tally.wrong)
    print(*judged.wrong, sep='\n')
    return document.of_clicks(arguments.clicks, found, judged)


def _print(texts):
    for text, number in texts.most_common():
        print(f'  {number} times: {text[:300]}')


def _report(run, goals, written):
    print(run)
    for goal in goals:
        print(f'  {goal}')
    if written:
        document.write(run, goals)


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.load', description=__doc__.split('\n\n')[0])
    parser.add_argument('--users', type=int, default=USERS)
    parser.add_argument('--minutes', type=float, default=MINUTES,
                        help='of looking')
    parser.add_argument('--clicks', type=int, default=CLICKS)
    parser.add_argument('--instances', type=int, default=crowd.SIZE,
                        help='that are clicked on')
    parser.add_argument('--write', action='store_true',
                        help='write the rows of the documentation\'s table')
    parser.add_argument('--keep', action='store_true',
                        help='go on with the cloud of the run before')
    return parser


if __name__ == '__main__':
    sys.exit(main())
