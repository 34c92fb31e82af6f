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

"""The demo cloud's processes: which end the demo with them."""

import signal
import sys
import types

import pytest

from tests.cloud import processes


@pytest.fixture
def start(tmp_path):
    """Start something that runs until it is stopped."""
    layout = types.SimpleNamespace(
        folder=tmp_path, logs=tmp_path / 'logs', pids=tmp_path / 'pids')
    for folder in layout.logs, layout.pids:
        folder.mkdir()
    started = processes.Processes(layout)
    yield lambda killable: (started, started.start(
        'service', sys.executable, 'http.server', '--bind', '127.0.0.1', '0',
        killable=killable).popen)
    started.stop()


def end(process, number):
    process.send_signal(number)
    process.wait()


def test_what_may_be_killed_is_started_again_as_often(start, tmp_path):
    demo, process = start(killable=True)

    for _again in range(2):
        end(process, signal.SIGKILL)
        demo.check()

        pid = processes.running_pid(tmp_path / 'pids' / 'service.pid')
        assert demo.pids == {'service': pid}
        assert pid not in (None, process.pid)
        process = demo._running[0].popen


@pytest.mark.parametrize('killable, number', [
    (False, signal.SIGKILL), (True, signal.SIGABRT)])
def test_what_dies_otherwise_ends_the_demo(killable, number, start):
    demo, process = start(killable)
    end(process, number)

    with pytest.raises(processes.ProcessDied):
        demo.check()

    assert demo.pids == {}
