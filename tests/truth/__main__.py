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

"""``python -m tests.truth``: see the package."""

import argparse
import contextlib
import pathlib
import signal
import subprocess
import sys
import traceback

from tests.cloud import layout as layouts
from tests.cloud import running
from tests.truth import report
from tests.truth import scenarios
from tests.truth import stage as stages

FOLDER = layouts.REPOSITORY / '.demo' / 'truth'
RESULTS = layouts.REPOSITORY / 'results' / 'truth.json'


def main():
    """Play the scenarios; return the exit status."""
    arguments = _parser().parse_args()
    # A SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = arguments.only or (
        scenarios.SHORT if arguments.short else list(scenarios.ALL))
    results = report.Report(names * arguments.repeat, _revision())
    if arguments.go_on:
        results.go_on(RESULTS)
    try:
        with _cloud(arguments.ready) as (cloud, folder):
            _play(cloud, folder, results)
    finally:
        # Also what came before a Ctrl-C.
        results.print()
        results.write(RESULTS)
    return 0 if results.good else 1


def _play(cloud, folder, results):
    layout = layouts.make_layout(folder, 0, 'qemu')
    stage = stages.Stage(cloud, layout, results)
    stage.clear()
    try:
        while results.ahead:
            name = results.ahead[0]
            stage.scenario = name.partition(' / ')[0]
            print(f'--- {name}', flush=True)
            try:
                scenarios.ALL[name](stage)
                stage.clean()
            except Exception as error:
                traceback.print_exc()
                results.broken[name] = f'{type(error).__name__}: {error}'
                # Nobody knows what it left behind.
                stage.clean(shared=True)
            else:
                results.played.append(name)
            results.ahead.pop(0)
    finally:
        stage.clean(shared=True)


def _revision():
    """Return git's name of this tree, '' where it is none of git's."""
    answer = subprocess.run(
        ['git', 'describe', '--always', '--dirty'], capture_output=True,
        text=True, cwd=layouts.REPOSITORY)
    return answer.stdout.strip()


@contextlib.contextmanager
def _cloud(ready):
    """Give the running cloud that ``ready`` names, or one of our own."""
    if ready:
        yield running.load(ready), ready.parent
        return
    # No instances of the demo: two guests are enough for two cores.
    with running.run(FOLDER, 'qemu', DEMO_INSTANCES='none') as cloud:
        yield cloud, FOLDER


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.truth',
        description='The verdicts against the disks.')
    parser.add_argument('--short', action='store_true',
                        help=', '.join(scenarios.SHORT))
    parser.add_argument('--only', action='append', choices=scenarios.ALL,
                        metavar='NAME', help='one scenario (may be given'
                        f' again): {"; ".join(scenarios.ALL)}')
    parser.add_argument('--repeat', type=int, default=1, metavar='N',
                        help='play all of them N times')
    parser.add_argument('--continue', action='store_true', dest='go_on',
                        help='what the last run did not play or broke on;'
                        ' the results are those of both')
    parser.add_argument('--ready', type=pathlib.Path,
                        help='ready.json of a running demo with QEMU')
    return parser


if __name__ == '__main__':
    sys.exit(main())
