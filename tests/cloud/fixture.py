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

"""The demo cloud as a pytest fixture: one for a whole run.

A plugin: name it in ``pytest_plugins``, or give pytest ``-p
tests.cloud.fixture``. Do not import the fixture into several modules, or
each of them gets a cloud of its own.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import types

import pytest

from tests.cloud import layout as layouts
from tests.cloud import rest
from tests.cloud import running

# How long a start with a fresh seed may take, on a busy machine, in seconds.
START_PATIENCE = 400
STOP_PATIENCE = 40
# A busy machine's Nova takes longer than the panel waits for a slow one: a
# page without instances is then right, and a test of its rows fails.
PAGE_TIMEOUT = 60
# The variable with which the panel finds no client of Nova and Cinder.
WITHOUT_CLIENTS = 'DEMO_WITHOUT_CLIENTS'
# Each process of pytest-xdist has a cloud of its own.
KEPT_LOGS = layouts.REPOSITORY / 'test-results' / (
    'cloud-logs-' + os.environ.get('PYTEST_XDIST_WORKER', 'main'))


@pytest.fixture(scope='session')
def cloud(request):
    """A running demo cloud: the content of its ready.json as attributes.

    With DEMO_READY in the environment, the running demo whose ready.json it
    names. With DEMO_WITHOUT_CLIENTS, the panel asks Nova and Cinder by
    openstacksdk there.
    """
    named = os.environ.get('DEMO_READY')
    if named:
        yield _load(pathlib.Path(named))
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix='demo-cloud-'))
    output = folder / 'launcher.log'
    _write_settings(folder / 'cloud')
    launcher = _start(folder / 'cloud', output)
    try:
        _wait_until_ready(launcher, output)
        yield _load(folder / 'cloud' / 'ready.json')
    finally:
        _stop(launcher)
        if request.session.testsfailed or sys.exc_info()[0]:
            _keep_logs(folder / 'cloud' / 'logs', output)
        shutil.rmtree(folder, ignore_errors=True)


def _load(path):
    """Return a ready.json as an object, after a look at who answers.

    :raises Failed: nobody does
    """
    try:
        content = types.SimpleNamespace(**json.loads(path.read_text()))
    except OSError as error:
        pytest.fail(f'No demo cloud is ready: {error}')
    for url in (content.auth_url, content.url + 'auth/login/'):
        if not rest.answers(url):
            pytest.fail(f'The demo cloud gives no answer at {url}')
    return content


def _write_settings(folder):
    settings = f"SNAPSHOT_PANEL['page_timeout'] = {PAGE_TIMEOUT}\n"
    if os.environ.get(WITHOUT_CLIENTS):
        settings += ('from tests.cloud import hiding\n'
                     'hiding.hide(*hiding.CLIENTS)\n')
    horizon = folder / 'horizon'
    horizon.mkdir(parents=True)
    (horizon / 'my_settings.py').write_text(settings)


def _start(folder, output):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith('DEMO_')}
    with output.open('w') as file:
        return subprocess.Popen(
            [sys.executable, '-m', 'tests.cloud', 'up', '--attached',
             '--hypervisor', 'model',
             '--folder', str(folder),
             '--port-base', str(running.free_ports())],
            cwd=layouts.REPOSITORY, env=environment,
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            # A Ctrl-C is for pytest, which then stops the cloud in order.
            start_new_session=True)


def _wait_until_ready(launcher, output):
    for _ in range(START_PATIENCE * 2):
        if 'Ready: ' in output.read_text():
            return
        try:
            launcher.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f'The demo cloud did not start:\n{output.read_text()}')
    pytest.fail(f'The demo cloud was not ready after {START_PATIENCE} s:\n'
                f'{output.read_text()}')


def _stop(launcher):
    launcher.send_signal(signal.SIGTERM)
    try:
        launcher.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        launcher.kill()
        launcher.wait()


def _keep_logs(logs, output):
    shutil.rmtree(KEPT_LOGS, ignore_errors=True)
    KEPT_LOGS.mkdir(parents=True)
    if logs.exists():
        shutil.copytree(logs, KEPT_LOGS, dirs_exist_ok=True)
    shutil.copy(output, KEPT_LOGS)
    print(f'\nThe demo cloud\'s logs are kept in {KEPT_LOGS}')
