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


"""``python -m tests.faults``: what users see while a service fails.

Each service fails in each way, while a user looks and clicks. Writes the
table of the documentation, and fails where a page breaks, waits too long or
writes. On a demo cloud of its own or on the one whose ready.json DEMO_READY
names.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import sys

from tests.cloud import layout as layouts
from tests.cloud import running
from tests.faults import document
from tests.faults import looking

FOLDER = layouts.REPOSITORY / '.demo' / 'faults'


def main():
    """Let everything fail; return the exit status."""
    arguments = _parser().parse_args()
    # A SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not os.environ.get('DEMO_READY'):
        # Snapshots of an earlier run would be judged in this one.
        shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with _cloud() as cloud:
            found = _play(cloud, arguments)
    except layouts.SetupError as error:
        print(f'faults: {error}', file=sys.stderr)
        return 1
    wrong = [key for key, look in found.items() if look.wrong]
    print(f'{len(found)} looks, wrong: {len(wrong)}')
    return 1 if wrong else 0


def _cloud():
    ready = os.environ.get('DEMO_READY')
    return contextlib.nullcontext(
        running.load(pathlib.Path(ready))) if ready else running.run(FOLDER)


def _play(cloud, arguments):
    found = {}
    for service in arguments.service or looking.SERVICES:
        with looking.Stage(cloud, service).set() as look:
            for fault in arguments.fault or looking.FAULTS[service]:
                for seen in look(fault, *looking.PAGES[service]):
                    found[service, fault, seen.page] = seen
                    print(f'{service} {fault}, {seen.page}: {seen.status} in '
                          f'{seen.seconds:.1f} s: {seen.said[:200]}'
                          f'{" WRONG: " + seen.wrong if seen.wrong else ""}',
                          flush=True)
        if not arguments.fault:
            # What comes after may be ended.
            document.write({key: seen for key, seen in found.items()
                            if key[0] == service})
    return found


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.faults', description=__doc__.split('\n\n')[1])
    parser.add_argument('--service', action='append',
                        choices=looking.SERVICES)
    parser.add_argument('--fault', action='append', choices=sorted(
        set().union(*looking.FAULTS.values())))
    return parser


if __name__ == '__main__':
    sys.exit(main())
