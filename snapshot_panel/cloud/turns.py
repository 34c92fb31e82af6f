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

"""One asks for all who want to know the same at the same time.

A page with running snapshots is asked for by everybody who looks at it, and
each of these requests would find the same guests to be asked and the same
verdicts to be written. Who comes first takes a turn, in Django's cache. Where
processes share no cache, or a process dies, more than one does the work, which
costs requests and nothing else.
"""

from collections.abc import Iterator
import contextlib
import time

from snapshot_panel.cloud import cache

# How long a turn lasts at the most: one that was not ended belongs to a
# process that died, in seconds.
_LONGEST = 10
# How long somebody waits for another's turn, with the answer of a service
# within the bound of a page (page_timeout), and how often is looked.
_PATIENCE = 2
_PAUSE = 0.05


@contextlib.contextmanager
def take(key: str) -> Iterator[bool]:
    """Give whether it is our turn; what is over, is over for all.

    :param key: of what is done.
    """
    turn = _key(key)
    # Where the cache is down each has one.
    ours = cache.add(turn, True, _LONGEST)
    try:
        yield ours
    finally:
        if ours:
            cache.delete(turn)


def wait(key: str) -> None:
    """Return once nobody has a turn any more, or after a while."""
    end = time.monotonic() + _PATIENCE
    while cache.get(_key(key)) and time.monotonic() < end:
        time.sleep(_PAUSE)


def _key(key: str) -> str:
    return key + ':turn'
