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
import re
import statistics
import threading
import time

from tests.cloud import wire

# Between two looks at the memory, in seconds.
_PAUSE = 2
# Of Horizon's log: not of the panel, which says there that a guest lied.
_ERROR = re.compile(r' ERROR django|\[(ERROR|CRITICAL)\]|^Traceback')
_PAGE = os.sysconf('SC_PAGE_SIZE') / 2 ** 20


class Tally:
    """How long each kind of question took, and what went wrong.

    Filled by many threads. ``seconds`` are lists by the name of a question.
    """

    def __init__(self):
        self.seconds = collections.defaultdict(list)
        self.wrong = collections.Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def timed(self, name):
        """Count the block as a question, or as wrong where it fails."""
        begin = time.monotonic()
        try:
            yield
        # Also what requests raises, and an answer that is no JSON.
        except (AssertionError, OSError, ValueError) as error:
            with self._lock:
                self.wrong[f'{name}: {type(error).__name__}: {error}'[
                    :300]] += 1
        else:
            with self._lock:
                self.seconds[name].append(time.monotonic() - begin)

    def count(self, *names):
        """Return how many questions of these kinds were answered."""
        return sum(len(self.seconds[name]) for name in names)


def percentiles(seconds):
    """Return the median and the 95th percentile; zeros of nothing."""
    if len(seconds) < 2:
        return (*seconds, 0.0)[0], (*seconds, 0.0)[0]
    return statistics.median(seconds), statistics.quantiles(
        seconds, n=20, method='inclusive')[-1]


class Found:
    """What was measured.

    ``memory`` are pairs of seconds and MiB, of all of Horizon's processes;
    ``requests`` are those that Horizon sent, by service, and ``errors`` how
    many its log has.
    """

    def __init__(self):
        self.memory, self.requests = [], collections.Counter()
        self.errors = 0

    @property
    def _warm(self):
        """What is left once the processes have all that they keep."""
        return self.memory[len(self.memory) // 3:]

    @property
    def slope(self):
        """How fast the memory grew, in MiB a minute, once it was warm."""
        points = self._warm
        if len(points) < 3:
            return 0.0
        return 60 * statistics.linear_regression(
            *map(list, zip(*points))).slope

    @property
    def growth(self):
        """What that came to meanwhile, as a part of the memory."""
        points = self._warm
        minutes = (points[-1][0] - points[0][0]) / 60
        return self.slope * minutes / statistics.mean(
            size for _second, size in points)

    @property
    def text(self):
        """Say it in a line."""
        first, last = (self.memory[at][1] for at in (0, -1))
        return (f'{first:.0f} to {last:.0f} MiB, slope '
                f'{self.slope:+.2f} MiB a minute')


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
    log = pathlib.Path(cloud.logs, 'dashboard.log')
    begin = log.stat().st_size
    with wire.Wire(cloud).listen() as sent:
        thread.start()
        try:
            yield found
        finally:
            over.set()
            thread.join()
    found.requests.update(each.service for each in sent)
    with log.open(errors='replace') as file:
        file.seek(begin)
        found.errors = sum(bool(_ERROR.search(line)) for line in file)


def _resident(leader):
    """Return the MiB of memory of the processes of a session."""
    pages = 0
    for folder in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            fields = (folder / 'stat').read_text().rpartition(')')[2].split()
            if int(fields[3]) == leader:
                pages += int((folder / 'statm').read_text().split()[1])
    return pages * _PAGE
