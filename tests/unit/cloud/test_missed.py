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

"""A night that nobody took a snapshot in is made up for, once."""

import contextlib
import dataclasses
import datetime
from unittest import mock

from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import missed
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now')

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
# Set up long ago; NOW is noon, and a night is missed after thirty hours.
DAILY = schedules.Schedule(schedules.Period.DAILY, 3, 7,
                           builders.NOW - 60 * DAY)
WEEKLY = schedules.Schedule(schedules.Period.WEEKLY, 3, 7,
                            builders.NOW - 60 * DAY)


def scheduled(value=DAILY.value(), **changes):
    return builders.instance(metadata={schedules.KEY: value}, **changes)


def image(age, **changes):
    return builders.image(created=builders.NOW - age, **changes)


class Cloud:
    """An instance with its snapshots, and Nova's record of it."""

    def __init__(self, nova_client):
        self.instance, self.images = scheduled(), []
        self.actions = [answers.nova_action('create', start_time=(
            '2026-01-01T00:00:00.000000'))]
        self.taken = []
        nova_client.instance_action.list.side_effect = (
            lambda _id, **_options: list(self.actions))

    def one(self, _session, _instance_id):
        return self.instance, self.images

    def did(self, name, age):
        moment = builders.NOW - age
        self.actions.insert(0, answers.nova_action(
            name, 'req-%d' % len(self.actions),
            start_time=moment.strftime('%Y-%m-%dT%H:%M:%S.000000')))

    def take(self, _session, instance_id, name, **options):
        self.taken.append((instance_id, name, options))
        self.did('createImage', 0 * HOUR)
        return taking.Attempt(self.instance, mock.Mock(), name, taking.Taken(
            builders.SNAPSHOT, action=self.actions[0].request_id))


@pytest.fixture
def cloud(nova_client):
    made = Cloud(nova_client)
    with mock.patch.object(snapshots, 'one', autospec=True,
                           side_effect=made.one), mock.patch.object(
            taking, 'take_if_ready', autospec=True,
            side_effect=made.take) as made.taking, mock.patch.object(
            snapshots, 'delete', autospec=True) as made.delete:
        yield made


@pytest.mark.parametrize('instance, images, suspected', [
    (scheduled(), [], True), (scheduled(), [image(31 * HOUR)], True),
    (scheduled(), [image(29 * HOUR)], False),
    # Whatever it is, it was taken.
    (scheduled(), [image(31 * HOUR), image(HOUR, status='queued')], False),
    (scheduled(WEEKLY.value()), [image(31 * HOUR)], False),
    (scheduled(WEEKLY.value()), [image(8 * DAY)], True),
    (scheduled(schedules.paused_value(DAILY)), [], False),
    (builders.instance(), [], False), (scheduled(status='SHUTOFF'), [], True),
    (scheduled(status='ERROR'), [], False),
    (scheduled(status='SHELVED_OFFLOADED'), [], False),
    (scheduled(task_state='image_snapshot'), [], False),
    (scheduled(image_id=None), [], False)])
def test_a_night_is_missed_where_nothing_was_taken(instance, images,
                                                   suspected):
    assert missed.suspected(instance, images, builders.NOW) == suspected


def test_a_new_schedule_has_missed_nothing():
    young = schedules.Schedule(schedules.Period.DAILY, 3, 7,
                               builders.NOW - DAY)

    assert not missed.suspected(scheduled(young.value()), [], builders.NOW)


def test_what_was_missed_is_taken_as_the_schedule_takes_it(
        cloud, user_request):
    name = missed.take(user_request, cloud.instance)

    (instance_id, taken, options), = cloud.taken
    assert (instance_id, taken) == (builders.INSTANCE, name)
    assert options['accept'] is verdict.Verdict.CRASH
    made = builders.image(options['extra'], name=name)
    assert schedules.made(cloud.instance, made)


def test_it_is_taken_once_whoever_dies_afterwards(cloud, user_request):
    names = [missed.take(user_request, cloud.instance) for _round in range(3)]

    assert names[1:] == [None, None]
    assert len(cloud.taken) == 1


@pytest.fixture
def meanwhile(cloud):
    """Let somebody ask for a snapshot between the look and the request."""
    def ask(answer):
        def take(*arguments, **options):
            cloud.did('createImage', 0 * HOUR)
            return answer(*arguments, **options)
        cloud.taking.side_effect = take
    return ask


def test_of_two_judges_at_once_the_second_takes_its_own_back(
        cloud, user_request, meanwhile):
    # The first one's is made by then, so that Nova takes both.
    meanwhile(cloud.take)

    assert missed.take(user_request, cloud.instance) is None

    cloud.delete.assert_called_once_with(
        user_request, builders.INSTANCE, builders.SNAPSHOT)


def test_of_two_judges_at_once_the_first_keeps_its_own(cloud, user_request):
    def take(*arguments, **options):
        ours = cloud.take(*arguments, **options)
        cloud.did('createImage', 0 * HOUR)
        return ours
    cloud.taking.side_effect = take

    assert missed.take(user_request, cloud.instance)

    cloud.delete.assert_not_called()


def test_what_cannot_be_told_from_others_stays(cloud, user_request):
    cloud.taking.side_effect = lambda *arguments, **options: (
        dataclasses.replace(cloud.take(*arguments, **options),
                            taken=taking.Taken(builders.SNAPSHOT)))

    assert missed.take(user_request, cloud.instance)

    cloud.delete.assert_not_called()


BUSY = errors.Conflict('Nova', 'task_state image_snapshot')


def refuse(*_arguments, **_options):
    raise BUSY


def test_what_nova_refuses_because_another_judge_was_faster_is_no_failure(
        cloud, user_request, meanwhile):
    meanwhile(refuse)

    assert missed.take(user_request, cloud.instance) is None


@pytest.mark.parametrize('task_state, told', [
    (None, pytest.raises(errors.Conflict)),
    ('image_snapshot', contextlib.nullcontext())])
def test_what_nova_refuses_for_another_reason_is_a_failure(
        cloud, user_request, task_state, told):
    cloud.taking.side_effect = refuse

    now = scheduled(task_state=task_state)

    with told, mock.patch.object(missed.nova, 'get_instance', autospec=True,
                                 return_value=now):
        assert missed.take(user_request, cloud.instance) is None


@pytest.mark.parametrize('name, age, taken', [
    ('createImage', 29 * HOUR, False), ('createBackup', HOUR, False),
    ('createImage', 31 * HOUR, True), ('reboot', HOUR, True)])
def test_what_was_taken_and_is_gone_was_not_missed(
        cloud, user_request, name, age, taken):
    # Discarded by Nova, or deleted by somebody.
    cloud.did(name, age)

    missed.take(user_request, cloud.instance)

    assert bool(cloud.taken) == taken


@pytest.mark.parametrize('change', [
    {'instance': scheduled(schedules.paused_value(DAILY))},
    {'instance': builders.instance()},
    {'instance': scheduled(task_state='image_snapshot')},
    {'images': [image(HOUR, status='saving')]}])
def test_what_changed_since_it_was_listed_counts(cloud, user_request, change):
    listed = cloud.instance
    vars(cloud).update(change)

    assert missed.take(user_request, listed) is None
    assert not cloud.taken


def test_what_cannot_be_taken_is_left_to_a_later_round(
        cloud, user_request, caplog):
    cloud.taking.side_effect = lambda _session, _id, name, **_options: (
        taking.Attempt(cloud.instance, mock.Mock(), name))

    assert missed.take(user_request, cloud.instance) is None
    assert 'none can be taken now' in caplog.text


def test_an_instance_that_is_gone_is_not_found(cloud, user_request,
                                               nova_client):
    nova_client.instance_action.list.side_effect = (
        nova_exceptions.NotFound(404))

    with pytest.raises(errors.NotFound):
        missed.take(user_request, cloud.instance)


@pytest.mark.parametrize('start_time', [None, '', 'yesterday', 7])
def test_a_record_that_cannot_be_read_is_no_reason_to_take_one(
        cloud, user_request, start_time):
    cloud.actions.insert(0, answers.nova_action('createImage',
                                                start_time=start_time))

    with pytest.raises(errors.Unusable):
        missed.take(user_request, cloud.instance)
    assert not cloud.taken


@pytest.mark.parametrize('status', facts.NEVER_FROZEN)
def test_what_is_paused_is_taken_as_the_schedule_would(status):
    assert missed.suspected(scheduled(status=status), [], builders.NOW)
