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

"""A cache that fails, or that others wrote to, holds nothing."""

import pickle
from unittest import mock

from django.core.cache.backends import base
import pytest

import snapshot_panel
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import succession
from tests.unit import builders
from tests.unit import fakes

KEY = 'snapshot_panel:something:1'


@pytest.fixture
def gone():
    made = fakes.GoneCache()
    with mock.patch.object(cache, 'kept', made):
        yield made


def test_what_is_kept_is_found():
    cache.set(KEY, 1, 60)
    cache.set_many({KEY + 'a': 2}, 60)

    assert cache.get(KEY) == 1
    assert cache.get_many({KEY: None, KEY + 'a': None, 'x': None}) == {
        KEY: 1, KEY + 'a': 2}
    assert not cache.add(KEY, 3, 60)
    cache.delete(KEY)
    assert cache.get(KEY) is None
    assert cache.add(KEY, 3, 60)


@pytest.mark.parametrize('problem', [
    ConnectionRefusedError(111, 'Connection refused'), TimeoutError(),
    ValueError('object too large for cache\n2026 forged'),
    pickle.UnpicklingError('invalid load key'),
    AttributeError("module has no attribute 'Heard'")])
def test_a_cache_that_fails_holds_nothing_and_says_so(gone, caplog, problem):
    gone.problem = problem

    cache.set(KEY, 1, 60)
    cache.set_many({KEY: 1}, 60)
    cache.delete(KEY)

    assert cache.get(KEY) is None
    assert cache.get_many([KEY]) == {}
    # Who would be turned away by it goes on.
    assert cache.add(KEY, 1, 60)
    assert len(caplog.messages) >= 6
    assert all(text.startswith('The cache failed: ') and text.isprintable()
               for text in caplog.messages)


def test_a_client_that_says_no_while_its_server_is_down_turns_nobody_away():
    """As pymemcache does after its first failure."""
    down = mock.create_autospec(base.BaseCache, instance=True)
    down.add.return_value = False
    down.get.return_value = None

    with mock.patch.object(cache, 'kept', down):
        assert cache.add(KEY, 1, 60)


def test_what_another_release_kept_is_not_read(user_request, nova_client):
    instance = builders.instance()
    with mock.patch.object(snapshot_panel, '__version__', '0.0.1'):
        # Without what this release knows of it.
        cache.set(guests._guest_key(instance), object(), 60)

    heard, = guests.hear_guests(user_request, [instance]).values()

    assert heard.guest.console
    assert nova_client.servers.get_console_output.called


@pytest.mark.usefixtures('gone')
def test_without_it_a_launch_is_not_turned_away(user_request):
    with mock.patch.object(
            succession, '_launch', autospec=True,
            return_value=succession.Outcome.LAUNCHED) as launch:
        outcome = succession.launch(
            user_request, builders.instance(), builders.sealed(), 'user', 'x')

    assert outcome is succession.Outcome.LAUNCHED
    assert launch.called
