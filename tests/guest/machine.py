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

"""A guest in QEMU: its console, its agent, its disks and a root shell."""

import base64
import itertools
import json
import pathlib
import shutil
import socket
import subprocess
import time

KIT = pathlib.Path(__file__).parents[2].joinpath(
    'snapshot_panel', 'guest', 'consistency-kit.sh')
MEMORY = 384
# In software emulation, on a machine that is busy with other things.
BOOT_SECONDS = 480


class Channel:
    """A line-based conversation over one of the guest's virtio ports."""

    def __init__(self, path):
        self._path = path
        self._socket = None
        self._rest = b''

    def connect(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            self.close()
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(self._path))
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def send(self, line):
        self._socket.sendall(line + b'\n')

    def receive(self, timeout):
        """Return the next line; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while b'\n' not in self._rest:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionError(f'{self._path} is closed')
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b'\n')
        return line

    def close(self):
        if self._socket is not None:
            self._socket.close()


class CommandFailed(AssertionError):
    """A command in the guest ended with another status than 0."""


class AgentError(Exception):
    """The agent answered with an error."""


class Guest:
    """One guest, started with ``with``.

    :param image: folder of :func:`tests.guest.image.build`.
    :param folder: for this guest's disks, sockets and console.
    :param disks: sizes in bytes of more disks: vdb, vdc and so on.
    :param options: more words for the kernel's command line.
    """

    def __init__(self, image, folder, disks=(), options='rw',
                 channel=True):
        self.image = image
        self.folder = folder
        self.options = options
        self.channel = channel
        self.disks = [folder / 'vda.raw']
        shutil.copy(image / 'disk.raw', self.disks[0])
        for name, size in zip('bcdef', disks):
            self.disks.append(folder / f'vd{name}.raw')
            with open(self.disks[-1], 'wb') as file:
                file.truncate(size)
        self._console = folder / 'console'
        self._shell = Channel(folder / 'shell')
        self._agent = Channel(folder / 'agent')
        self._numbers = itertools.count(1)
        self.copies = []
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    # Power ----------------------------------------------------------------

    def start(self):
        """Boot, and wait until the shell answers."""
        ports = [('test.shell', 'shell')]
        if self.channel:
            ports.append(('org.qemu.guest_agent.0', 'agent'))
        command = [
            'qemu-system-x86_64', '-accel', 'tcg', '-smp', '1',
            '-m', str(MEMORY), '-display', 'none', '-nodefaults',
            '-no-reboot', '-kernel', str(self.image / 'vmlinuz'),
            '-initrd', str(self.image / 'initrd.img'), '-append',
            f'root=/dev/vda console=ttyS0 quiet {self.options}',
            '-serial', f'file:{self._console}', '-device', 'virtio-serial']
        for disk in self.disks:
            command += ['-drive', f'file={disk},format=raw,if=virtio']
        for name, path in ports:
            command += [
                '-chardev', f'socket,id={path},server=on,wait=off,'
                            f'path={self.folder / path}',
                '-device', f'virtserialport,chardev={path},name={name}']
        self._process = subprocess.Popen(command, cwd=self.folder)
        self._shell.connect(10)
        if self.channel:
            self._agent.connect(10)
        self._shell.send(base64.b64encode(b'true'))
        self._shell.receive(BOOT_SECONDS)

    def wait_off(self, timeout=300):
        """Wait until the guest powered itself off."""
        self._process.wait(timeout)
        self._close()

    def kill(self):
        """Pull the plug."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self):
        self._shell.close()
        self._agent.close()

    # What it says ---------------------------------------------------------

    @property
    def console(self):
        return self._console.read_text(errors='replace')

    def wait_console(self, text, after=0, timeout=180):
        """Wait until the console says ``text``; return the console."""
        deadline = time.monotonic() + timeout
        while text not in self.console[after:]:
            assert time.monotonic() < deadline, (
                f'no {text!r}:\n{self.console[after:]}')
            time.sleep(0.1)
        return self.console

    # Commands -------------------------------------------------------------

    def run(self, script, timeout=480, check=True):
        """Run a script as root in the guest; return its output.

        :returns: the output, or with ``check=False`` (status, output).
        """
        self._shell.send(base64.b64encode(script.encode()))
        status, _, output = self._shell.receive(timeout).partition(b' ')
        text = base64.b64decode(output).decode(errors='replace')
        if not check:
            return int(status), text
        if status != b'0':
            raise CommandFailed(f'{script}\n-> {status.decode()}\n{text}')
        return text

    def write(self, path, text, mode='644'):
        """Write a file in the guest."""
        content = base64.b64encode(text.encode()).decode()
        self.run(f"echo {content} | base64 -d >'{path}'"
                 f" && chmod {mode} '{path}'")

    def agent(self, command, timeout=180, **arguments):
        """Ask the agent; return its answer; raises AgentError."""
        self.agent_send(command, **arguments)
        return self.agent_receive(timeout)

    def agent_send(self, command, **arguments):
        self._agent.send(json.dumps(
            {'execute': command, 'arguments': arguments}).encode())

    def agent_receive(self, timeout=180):
        answer = json.loads(self._agent.receive(timeout).lstrip(b'\xff'))
        if 'error' in answer:
            raise AgentError(answer['error']['desc'])
        return answer['return']

    def sync_agent(self, timeout=180):
        """Wait until the agent answers, and forget what it said before."""
        number = next(self._numbers)
        deadline = time.monotonic() + timeout
        self._agent.send(json.dumps({'execute': 'guest-sync', 'arguments': {
            'id': number}}).encode())
        while True:
            left = deadline - time.monotonic()
            answer = json.loads(self._agent.receive(left).lstrip(b'\xff'))
            if answer.get('return') == number:
                return

    # Disks ----------------------------------------------------------------

    def copy_disks(self, whole=False):
        """Copy the disks as they are now; return the copies.

        :param whole: or only their beginnings, with the superblocks.
        """
        self.copies = [disk.with_suffix('.copy') for disk in self.disks]
        for disk, copy in zip(self.disks, self.copies):
            if whole:
                subprocess.run(['cp', '--sparse=always', disk, copy],
                               check=True)
            else:
                with open(disk, 'rb') as source:
                    copy.write_bytes(source.read(1 << 20))
        return self.copies


def is_clean(disk):
    """Return whether the ext4 file system in a file needs no recovery."""
    result = subprocess.run(['dumpe2fs', '-h', str(disk)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return ('Filesystem features:' in result.stdout
            and 'needs_recovery' not in result.stdout)
