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

"""Commands in a real guest, through the channel that the driver adds."""

import base64
import time
import uuid

from tests.guest import machine


class Shell:
    """A root shell in one guest (see tests/guest/image.py).

    :param path: of its socket
    """

    def __init__(self, path):
        self._channel = machine.Channel(path)

    def wait(self, timeout=machine.BOOT_SECONDS):
        """Wait until the guest has booted and answers."""
        deadline = time.monotonic() + timeout
        self._channel.connect(timeout)
        while True:
            # What is sent to a guest that just goes down is lost.
            mark = uuid.uuid4().hex
            self._channel.send(base64.b64encode(f'echo {mark}'.encode()))
            try:
                # There may be answers to earlier questions before it.
                while mark not in self._answer(10)[1]:
                    pass
                return self
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def run(self, script, timeout=240):
        """Run a script in the guest; return its output.

        :raises CommandFailed: its status is not 0
        """
        self._channel.send(base64.b64encode(script.encode()))
        status, text = self._answer(timeout)
        if status != b'0':
            raise machine.CommandFailed(
                f'{script}\n-> {status.decode()}\n{text}')
        return text

    def _answer(self, timeout):
        status, _, output = self._channel.receive(timeout).partition(b' ')
        return status, base64.b64decode(output).decode(errors='replace')

    def write(self, path, text, mode='644'):
        """Write a file in the guest."""
        content = base64.b64encode(text.encode()).decode()
        self.run(f"echo {content} | base64 -d >'{path}'"
                 f" && chmod {mode} '{path}'")

    def install_kit(self, kit):
        """Let the kit install itself and the agent.

        :param kit: the script as text
        """
        self.write('/root/consistency-kit.sh', kit, '755')
        self.run('sh /root/consistency-kit.sh install', timeout=480)

    def close(self):
        """Leave the shell to others: it has room for one."""
        self._channel.close()
