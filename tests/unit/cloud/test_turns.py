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

"""One asks for all who want to know the same at the same time."""

import concurrent.futures
import threading
from unittest import mock

import pytest

from snapshot_panel.cloud import cache
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import turns
from snapshot_panel.consistency import checklist
from tests.unit import builders
from tests.unit import fakes

HELLO = checklist.Guest(asked=True, console='hello')


@pytest.fixture(autouse=True)
def empty_cache():
    cache.kept.clear()


def test_a_turn_is_for_one_until_it_is_over():
    with turns.take('a') as first:
        with turns.take('a') as second, turns.take('b') as other:
            assert (first, second, other) == (True, False, True)
        # That one was not ours to end.
        with turns.take('a') as third:
            assert not third
    with turns.take('a') as fourth:
        assert fourth


def test_a_turn_is_over_where_it_failed():
    with pytest.raises(errors.Unavailable):
        with turns.take('a'):
            raise errors.Unavailable('Nova', 'down')

    with turns.take('a') as ours:
        assert ours


def test_a_process_that_died_keeps_its_turn_for_seconds_only():
    with mock.patch.object(cache, 'add', autospec=True) as add:
        with turns.take('a'):
            pass

    _key, _value, seconds = add.call_args.args
    assert seconds <= 10


def test_where_the_cache_is_down_each_has_a_turn():
    with (mock.patch.object(cache, 'kept', fakes.GoneCache()),
          turns.take('a') as ours, turns.take('a') as others):
        assert ours and others


def test_nobody_waits_longer_for_a_turn_than_a_page_can():
    clock = mock.Mock(monotonic=mock.Mock(side_effect=iter(range(100))))
    with mock.patch.object(turns, 'time', clock), turns.take('a'):
        turns.wait('a')

    assert 0 < clock.sleep.call_count < 5


def test_nobody_waits_where_nobody_has_a_turn():
    with mock.patch.object(turns, 'time', autospec=True) as clock:
        clock.monotonic.return_value = 0
        turns.wait('a')

    assert not clock.sleep.called


def hear_together(request, users, ask):
    """Return what users hear who all ask while one guest is asked."""
    begun = threading.Barrier(users)

    def hear(_user):
        begun.wait()
        return guests.hear_guests(
            request, [builders.instance()])[builders.INSTANCE]
    with mock.patch.object(guests, 'listen', ask):
        with concurrent.futures.ThreadPoolExecutor(users) as pool:
            return list(pool.map(hear, range(users)))


class Guest:
    """A guest that answers once somebody waits for another's answer."""

    def __init__(self, waited_for, *answers):
        self.waited_for = waited_for
        self.answers = list(answers)
        self.asked = 0
        self.lock = threading.Lock()

    def __call__(self, _session, _instance):
        with self.lock:
            self.asked += 1
            answer = self.answers.pop(0)
        self.waited_for.wait(10)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def waiting():
    """Give an event that is set once somebody waits for a turn."""
    event, wait = threading.Event(), turns.wait

    def say(key):
        event.set()
        wait(key)
    with mock.patch.object(turns, 'wait', say):
        yield event


def test_a_guest_is_asked_once_for_all_who_look_meanwhile(user_request,
                                                          waiting):
    guest = Guest(waiting, *[HELLO] * 6)

    heard = hear_together(user_request, 6, guest)

    assert guest.asked == 1
    assert [each.guest for each in heard] == [HELLO] * 6


def test_who_waited_for_an_answer_that_failed_asks(user_request, waiting):
    guest = Guest(waiting, errors.Unavailable('Nova', 'down'), HELLO)

    heard = hear_together(user_request, 2, guest)

    assert guest.asked == 2
    assert sorted(type(each).__name__ for each in heard) == [
        'Heard', 'Unavailable']


def carry_on(session, ours, meanwhile):
    """Carry an instance on, and others while that runs; return the calls."""
    done = []

    def settle(_session, instance, images, unread):
        done.append((instance.id, instance.project_id))
        if len(done) == 1:
            for each in meanwhile:
                answer = restarting.carry_on_once(session, each, ['as it was'])
                assert answer[0] is each
        return instance, images
    with mock.patch.object(restarting, 'carry_on', settle):
        restarting.carry_on_once(session, ours, [])
        restarting.carry_on_once(session, ours, [])
    return done


def test_an_instance_is_carried_on_by_one_at_a_time(user_request):
    ours = builders.instance()
    of_others = builders.instance(project_id='other')
    another = builders.instance(id='another')

    done = carry_on(user_request, ours, [ours, of_others, another])

    assert done == [(each.id, each.project_id) for each in (
        ours, of_others, another, ours)]
