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

"""A demo cloud of one's own, for as long as it is needed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import types

from tests.cloud import layout as layouts
from tests.cloud import processes

# The first time databases are made, and guests built, in seconds.
START_PATIENCE = 1500
STOP_PATIENCE = 40


@contextlib.contextmanager
def run(folder, hypervisor='model', **environment):
    """Give the content of ready.json as attributes; stop at the end.

    :param folder: pathlib.Path; what is seeded there stays for the next run
    :raises SetupError: it does not start
    """
    ready = folder / 'ready.json'
    ready.unlink(missing_ok=True)
    launcher = subprocess.Popen(
        [sys.executable, '-m', 'tests.cloud', 'up', '--attached',
         '--hypervisor', hypervisor, '--folder', str(folder),
         '--port-base', str(free_ports())], cwd=layouts.REPOSITORY,
        env=os.environ | environment, stdin=subprocess.DEVNULL,
        # A Ctrl-C is for us, who then stop the cloud in order.
        start_new_session=True)
    try:
        _await(ready, launcher)
        yield load(ready)
    finally:
        launcher.send_signal(signal.SIGTERM)
        try:
            launcher.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            launcher.kill()


def load(ready):
    """Return the content of a ready.json as attributes."""
    return types.SimpleNamespace(**json.loads(ready.read_text()))


def _await(ready, launcher):
    deadline = time.monotonic() + START_PATIENCE
    while not ready.exists():
        if launcher.poll() is not None or time.monotonic() > deadline:
            raise layouts.SetupError('the demo cloud does not start')
        time.sleep(0.5)


def free_ports():
    """Return the first of enough free ports in a row.

    :raises SetupError: found none
    """
    for base in random.sample(range(20000, 32000, 20), 50):
        if not processes.used_ports(base):
            return base
    raise layouts.SetupError('found no free ports')
