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

"""Starts, watches and stops the demo's processes, by their pid files."""

import dataclasses
import functools
import os
import pathlib
import signal
import socket
import subprocess
import time
import typing

from tests.cloud import layout as layouts

STOP_SECONDS = 10
LOG_TAIL = 25


@dataclasses.dataclass
class Process:
    """A process of ours, and where it writes."""

    name: str
    popen: subprocess.Popen
    log: pathlib.Path
    # Starts it again where it was killed, as an init system would.
    again: typing.Callable | None = None


class ProcessDied(layouts.SetupError):
    """A process ended that should run."""


class Processes:
    """The processes of one demo.

    :param layout: the Layout of this demo
    """

    def __init__(self, layout):
        self._layout = layout
        self._running = []

    def start(self, name, python, module, *arguments, environment=None,
              killable=False):
        """Start ``python -m module arguments`` in a session of its own.

        :param killable: it is started again whenever it is killed
        """
        process = self.start_command(
            name, [str(python), '-m', module, *map(str, arguments)],
            environment)
        if killable:
            process.again = functools.partial(
                self.start, name, python, module, *arguments,
                environment=environment, killable=True)
        return process

    def start_command(self, name, command, environment=None):
        """Start a program in a session of its own."""
        log = self._layout.logs / f'{name}.log'
        with log.open('ab') as output:
            popen = subprocess.Popen(
                command, cwd=self._layout.folder,
                stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True, env=clean_environment(environment))
        process = Process(name, popen, log)
        _write_pid_file(self._layout.pids / f'{name}.pid', popen.pid)
        self._running.append(process)
        return process

    def finish(self, process, seconds):
        """Wait until a process has done its work.

        :raises ProcessDied: it failed, or was not done in time
        """
        try:
            code = process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessDied(f'{process.name} was not done after {seconds} '
                              f's. {_tail(process)}') from None
        self._forget(process)
        if code:
            raise ProcessDied(
                f'{process.name} {_how(code)}. {_tail(process)}')

    @property
    def pids(self):
        """The process ids by name."""
        return {each.name: each.popen.pid for each in self._running}

    def check(self):
        """Look at all processes.

        :raises ProcessDied: one of them has ended
        """
        for process in list(self._running):
            code = process.popen.poll()
            if code is not None:
                self._forget(process)
                if process.again and code == -signal.SIGKILL:
                    process.again()
                    continue
                raise ProcessDied(f'{process.name} {_how(code)} though it '
                                  f'should run. {_tail(process)}')

    def stop(self):
        """Stop all processes, the latest first; never fails."""
        for process in reversed(self._running):
            _signal_group(process.popen.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in reversed(list(self._running)):
            try:
                process.popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            # The group, for a master that died before its workers.
            _signal_group(process.popen.pid, signal.SIGKILL)
            process.popen.wait()
            self._forget(process)

    def _forget(self, process):
        self._running.remove(process)
        (self._layout.pids / f'{process.name}.pid').unlink(missing_ok=True)


def clean_environment(extra=None):
    """Return the environment for a process of the demo."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(('OS_', 'DJANGO_'))}
    environment |= {
        'PYTHONPATH': str(layouts.REPOSITORY), 'PYTHONUNBUFFERED': '1',
        # oslo.log and the like look no further than this machine.
        'NO_PROXY': '127.0.0.1,localhost',
        'no_proxy': '127.0.0.1,localhost',
    }
    return environment | (extra or {})


def take_over(layout):
    """Make sure that no other demo uses the folder, and clear its traces.

    :raises SetupError: a process of another start still runs
    """
    for path in sorted(layout.pids.glob('*.pid')):
        pid = running_pid(path)
        if pid is None:
            path.unlink(missing_ok=True)
        elif pid != os.getpid():
            raise layouts.SetupError(
                f'A demo runs in {layout.folder} already ({path.stem}, '
                f'process {pid}). Stop it: python -m tests.cloud stop '
                f'--folder {layout.folder}')
    layout.pids.mkdir(parents=True, exist_ok=True)
    _write_pid_file(layout.pids / 'launcher.pid', os.getpid())


def stop_by_files(layout):
    """Stop what another launcher started; return the names."""
    names = []
    # The launcher first: it stops the others itself.
    paths = sorted(layout.pids.glob('*.pid'),
                   key=lambda path: path.stem != 'launcher')
    for path in paths:
        pid = running_pid(path)
        if pid is None:
            path.unlink(missing_ok=True)
            continue
        names.append(path.stem)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS + 5
        while running_pid(path) and time.monotonic() < deadline:
            time.sleep(0.1)
        if running_pid(path):
            _signal_group(pid, signal.SIGKILL)
        path.unlink(missing_ok=True)
    return names


def running_pid(path):
    """Return the process that a pid file means, or None where it is gone.

    A number that another program got meanwhile is not taken for ours: the
    start time of the process stands in the file too.
    """
    try:
        pid, started = path.read_text().split()
        return int(pid) if _start_time(int(pid)) == started else None
    except (OSError, ValueError):
        return None


def used_ports(base):
    """Return which of a demo's ports are taken: {port: service}."""
    used = {}
    for port, service in enumerate(layouts.LISTENERS, base):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((layouts.HOST, port))
            except OSError:
                used[port] = service
    return used


def check_ports_free(layout):
    """Check that nobody listens on the demo's ports.

    :raises SetupError: some are in use
    """
    used = used_ports(layout.port_base)
    if used:
        names = ', '.join(f'{port} ({name})' for port, name in used.items())
        last = layout.port_base + len(layouts.LISTENERS) - 1
        raise layouts.SetupError(
            f'In use already: port {names}. The demo takes '
            f'{layout.port_base} to {last}. Stop what listens there, or '
            f'choose other ports with --port-base or DEMO_PORT.')


def _write_pid_file(path, pid):
    try:
        path.write_text(f'{pid} {_start_time(pid)}\n')
    except OSError:
        # It ended at once; whoever waits for it says so.
        pass


def _start_time(pid):
    """Return when a process started, in the kernel's own measure."""
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    fields = stat.rpartition(')')[2].split()
    if fields[0] == 'Z':
        raise OSError('a zombie runs no more')
    return fields[19]


def _signal_group(pid, number):
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _how(code):
    return (f'was killed by signal {-code}' if code < 0 else
            f'ended with code {code}')


def _tail(process):
    lines = process.log.read_text(errors='replace').splitlines()[-LOG_TAIL:]
    shown = '\n'.join('    ' + line[:200] for line in lines)
    return f'Start again when it is fixed. The end of {process.log}:\n{shown}'
