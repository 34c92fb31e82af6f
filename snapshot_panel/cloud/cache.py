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

"""Django's cache, which may fail: it saves questions and holds no truth.

A cache that is down, that does not take a value, or that holds what another
release of the panel kept, is one that holds nothing.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
import logging
import typing

from django.core.cache import cache as kept

import snapshot_panel

LOG = logging.getLogger(__name__)

_T = typing.TypeVar('_T')


def get(key: str) -> typing.Any:
    """Return what is kept, None where that is nothing."""
    return _attempt(lambda: kept.get(key), None)


def get_many(keys: Collection[str]) -> dict[str, typing.Any]:
    """Return what is kept of these, by key."""
    return _attempt(lambda: dict(kept.get_many(list(keys))), {})


def set(key: str, value: object, seconds: float) -> None:
    """Keep a value for a while."""
    _attempt(lambda: kept.set(key, value, seconds), None)


def set_many(values: Mapping[str, object], seconds: float) -> None:
    """Keep values by their keys for a while."""
    _attempt(lambda: kept.set_many(dict(values), seconds), None)


def add(key: str, value: object, seconds: float) -> bool:
    """Keep a value unless there is one; return False where there is."""
    added = _attempt(lambda: bool(kept.add(key, value, seconds)), True)
    # That of memcached says no as well while its server is down.
    return added or get(key) is None


def delete(key: str) -> None:
    """Forget a value; it may be gone already."""
    _attempt(lambda: kept.delete(key), None)


def of_release(key: str) -> str:
    """Return the key of what only this release of the panel can read.

    During an upgrade two hosts with one cache have different ones, and what
    is kept outlives a restart.
    """
    return key.replace(':', ':%s:' % snapshot_panel.__version__, 1)


def _attempt(call: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return call()
    except Exception as problem:
        # Each kind of cache has exceptions of its own, and what it holds can
        # raise any.
        LOG.warning('The cache failed: %.200r', problem)
        return otherwise
