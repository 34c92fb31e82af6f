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

"""What Horizon needs meanwhile: memory, and requests to the services."""

import collections
import contextlib
import os
import pathlib
import threading
import time

from tests.cloud import wire

# Between two looks at the memory, in seconds.
_PAUSE = 2
_PAGE = os.sysconf('SC_PAGE_SIZE') / 2 ** 20


class Found:
    """What was measured.

    ``memory`` are pairs of seconds and MiB, of all of Horizon's processes;
    ``requests`` are those that Horizon sent, by service.
    """

    def __init__(self):
        self.memory, self.requests = [], collections.Counter()

    @property
    def slope(self):
        """How fast the memory grew, in MiB a minute, once it was warm."""
        points = self.memory[len(self.memory) // 3:]
        if len(points) < 3:
            return 0.0
        middle = sum(second for second, _size in points) / len(points)
        spread = sum((second - middle) ** 2 for second, _size in points)
        return 60 * sum((second - middle) * size
                        for second, size in points) / spread

    def text(self, looks):
        """Return it as a line; ``looks`` is how often rows were asked for."""
        first, last = (self.memory[at][1] for at in (0, -1))
        return ('memory %.0f to %.0f MiB, slope %+.1f MiB a minute; '
                'requests for each look: %s' % (
                    first, last, self.slope, ', '.join(
                        '%s %.1f' % (name, number / max(1, looks))
                        for name, number in sorted(self.requests.items()))))


@contextlib.contextmanager
def measure(cloud):
    """Give a :class:`Found`, which is filled while the block runs.

    :param cloud: the content of ready.json as attributes
    """
    found, over = Found(), threading.Event()

    def look():
        begin = time.monotonic()
        while not over.is_set():
            found.memory.append((time.monotonic() - begin,
                                 _resident(cloud.pids['dashboard'])))
            over.wait(_PAUSE)
    thread = threading.Thread(target=look)
    with wire.Wire(cloud).listen() as sent:
        thread.start()
        try:
            yield found
        finally:
            over.set()
            thread.join()
    found.requests.update(each.service for each in sent if each.service)


def _resident(leader):
    """Return the MiB of memory of the processes of a session."""
    pages = 0
    for folder in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            fields = (folder / 'stat').read_text().rpartition(')')[2].split()
            if int(fields[3]) == leader:
                pages += int((folder / 'statm').read_text().split()[1])
    return pages * _PAGE
