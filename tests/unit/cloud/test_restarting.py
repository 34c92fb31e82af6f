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


"""Stop, snapshot and start again, with processes that die at any call."""

import dataclasses
from unittest import mock

import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from tests.unit import builders

CALLS = ('get_instance', 'list_actions', 'set_metadata', 'delete_metadata',
         'stop', 'start', 'create_image')


class Died(BaseException):
    """The process is gone."""


class Cloud:
    """Nova and Glance with one instance, as far as a plan asks them.

    ``die`` kills the process at its n-th call, before or after the service
    did its part; ``refuse`` makes a call fail.
    """

    def __init__(self):
        self.instance = builders.instance()
        self.actions = builders.actions()
        self.images = {}
        self.count, self.die, self.refuse = 0, None, {}
        self.done = []

    def call(self, name, *args):
        self.count += 1
        if self.die == (self.count, 'before'):
            raise Died()
        if name in self.refuse:
            raise self.refuse[name]('Nova', '')
        answer = getattr(self, name)(*args)
        if self.die == (self.count, 'after'):
            raise Died()
        return answer

    def change(self, **changes):
        self.instance = dataclasses.replace(self.instance, **changes)

    def act(self, name, status, task):
        """Do as Nova does: one thing at a time, and each on record."""
        if self.instance.task_state or self.instance.status != status:
            raise errors.Conflict('Nova', name)
        action = builders.action(name, 'req-%d' % len(self.actions))
        self.actions = [action] + self.actions
        self.done.append(name)
        self.change(task_state=task)
        return action

    def finish(self):
        """Let Nova end what it works on."""
        task = self.instance.task_state
        status = {'powering-off': 'SHUTOFF', 'powering-on': 'ACTIVE'}
        self.change(task_state=None,
                    status=status.get(task, self.instance.status))
        if task == 'image_uploading':
            image_id, image = self.images.popitem()
            self.images[image_id] = dataclasses.replace(image,
                                                        status='active')

    def get_instance(self, *_args):
        return self.instance

    def list_actions(self, *_args):
        return list(self.actions)

    def set_metadata(self, _request, _instance_id, items):
        self.change(metadata={**self.instance.metadata, **items})

    def delete_metadata(self, _request, _instance_id, key):
        self.change(metadata={
            name: value for name, value in self.instance.metadata.items()
            if name != key})

    def stop(self, *_args):
        self.act('stop', 'ACTIVE', 'powering-off')

    def start(self, *_args):
        self.act('start', 'SHUTOFF', 'powering-on')

    def create_image(self, _request, _instance_id, name, properties):
        action = self.act('createImage', 'SHUTOFF', 'image_uploading')
        self.images[builders.SNAPSHOT] = builders.image(
            properties, status='saving', name=name, updated=builders.NOW)
        return builders.SNAPSHOT, action.request_id

    @property
    def plan(self):
        return records.read_plan(self.instance)


@pytest.fixture
def cloud():
    made = Cloud()
    with mock.patch.multiple(nova, **{
            name: mock.create_autospec(
                getattr(nova, name),
                side_effect=lambda *args, name=name: made.call(name, *args))
            for name in CALLS}), mock.patch.object(
            glance, 'add_properties', autospec=True), mock.patch.object(
            glance, 'get_image', autospec=True,
            side_effect=lambda _request, image_id: made.images[image_id]), \
            mock.patch.object(
                snapshots, 'one', autospec=True, side_effect=lambda *_args: (
                    made.instance, list(made.images.values()))), \
            mock.patch.object(
                guests, 'ask_guest', autospec=True,
                side_effect=lambda *_args: checklist.Guest(
                    True, None, made.list_actions())), \
            mock.patch.object(
                settling, 'settle', autospec=True,
                side_effect=lambda _request, instance, images, unread: (
                    instance, images)), \
            mock.patch.object(restarting.timeutils, 'utcnow', autospec=True,
                              return_value=builders.NOW):
        yield made


def look(user_request, cloud):
    """Do what a page's script does."""
    return restarting.carry_on(user_request, cloud.instance,
                               list(cloud.images.values()))


def until_over(user_request, cloud, looks=20):
    for _look in range(looks):
        if not restart.unfinished(cloud.instance):
            return
        look(user_request, cloud)
        cloud.finish()


def whole(user_request, cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    until_over(user_request, cloud)


ALL = ['stop', 'createImage', 'start']


def test_it_is_stopped_copied_and_started(user_request, cloud):
    whole(user_request, cloud)

    assert cloud.done == ALL
    assert (cloud.instance.status, cloud.plan) == (facts.RUNNING, None)


def test_the_snapshot_is_that_of_who_asked(user_request, cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    user_request.user.username = 'somebody else'
    look(user_request, cloud)

    image = cloud.images[builders.SNAPSHOT]
    assert image.properties[records.REQUESTED_BY] == 'ann'
    assert image.properties[records.AFTER_ACTION] == cloud.actions[
        1].request_id
    assert cloud.plan.image_id == builders.SNAPSHOT


def test_a_name_of_four_bytes_costs_no_stop_for_nothing(user_request, cloud):
    user_request.user.username = '\U00020bb7田'
    cloud.change(name='\U00020bb7-web')

    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    look(user_request, cloud)

    image = cloud.images[builders.SNAPSHOT]
    written = [image.name, *image.properties.values(),
               *cloud.instance.metadata.values()]
    assert [text for text in written if max(text, default='') > '\uffff'] == []
    assert image.properties[records.REQUESTED_BY] == '\ufffd田'


@pytest.mark.parametrize('name', ['stop', 'create_image', 'start'])
def test_too_many_requests_lose_nothing(user_request, cloud, name):
    cloud.refuse = {name: errors.TooMany}
    with pytest.raises(errors.TooMany):
        whole(user_request, cloud)

    cloud.refuse = {}
    if not restart.unfinished(cloud.instance):
        restarting.begin(user_request, builders.INSTANCE)
        cloud.finish()
    until_over(user_request, cloud)

    assert cloud.done == ALL
    assert (cloud.instance.status, cloud.plan) == (facts.RUNNING, None)


@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize('count', range(1, 60))
def test_whoever_looks_next_carries_on_wherever_a_process_dies(
        user_request, cloud, count, when):
    cloud.die = (count, when)
    died = False
    try:
        whole(user_request, cloud)
    except Died:
        died = True
    cloud.die = None
    if not died:
        # So many calls are not made: nothing to be seen here.
        assert cloud.count < count
        return

    cloud.finish()
    until_over(user_request, cloud)
    if cloud.plan is not None or cloud.instance.status != facts.RUNNING:
        # A call that may still be on its way is waited for.
        later = builders.ago(-restart.GRACE - 1)
        restarting.timeutils.utcnow.return_value = later
        until_over(user_request, cloud)

    assert cloud.instance.status == facts.RUNNING
    assert cloud.done in ([], ALL, ['stop', 'start'])
    assert cloud.done.count('createImage') <= 1
    if cloud.done == ['stop', 'start']:
        assert cloud.plan.cause == 'not-taken'
    elif cloud.done:
        assert cloud.plan is None


def test_two_at_once_do_each_thing_once(user_request, cloud):
    """Both have read before either acts, at every step."""
    restarting.begin(user_request, builders.INSTANCE)
    for _look in range(12):
        read = cloud.instance, list(cloud.images.values())
        for _who in range(2):
            restarting.carry_on(user_request, *read)
        cloud.finish()

    assert cloud.done == ALL
    assert (cloud.instance.status, cloud.plan) == (facts.RUNNING, None)


def test_two_who_read_in_the_same_moment_do_each_thing_once(user_request,
                                                            cloud):
    """The reading just before the act is older than the other's act."""
    restarting.begin(user_request, builders.INSTANCE)
    for _look in range(12):
        instance, images = cloud.instance, list(cloud.images.values())
        for _who in range(2):
            fresh = iter([instance])
            with mock.patch.object(
                    cloud, 'get_instance',
                    lambda *_args, fresh=fresh: next(fresh, cloud.instance)):
                restarting.carry_on(user_request, instance, images)
        cloud.finish()

    assert cloud.done == ALL
    assert cloud.instance.status == facts.RUNNING


@pytest.mark.parametrize('changes', [
    {'status': 'SHUTOFF'}, {'status': 'PAUSED'}, {'status': 'SUSPENDED'},
    {'task_state': 'image_uploading'},
    {'metadata': records.Plan('taking', None, '', 'x', None).metadata()}])
def test_only_a_running_idle_instance_is_stopped(user_request, cloud,
                                                 changes):
    cloud.change(**changes)

    with pytest.raises(errors.Conflict):
        restarting.begin(user_request, builders.INSTANCE)

    assert cloud.done == []


@pytest.mark.parametrize('kind', [errors.Conflict, errors.Forbidden])
def test_a_stop_that_is_refused_leaves_no_plan(user_request, cloud, kind):
    cloud.refuse = {'stop': kind}

    with pytest.raises(kind):
        restarting.begin(user_request, builders.INSTANCE)

    assert cloud.plan is None


def test_a_plan_that_cannot_be_written_stops_nothing(user_request, cloud):
    cloud.refuse = {'set_metadata': errors.OverLimit}

    with pytest.raises(errors.OverLimit):
        restarting.begin(user_request, builders.INSTANCE)

    assert cloud.done == []


def test_who_comes_second_with_the_same_changes_nothing(user_request, cloud):
    snapshots.one.side_effect = None
    snapshots.one.return_value = (cloud.instance, [])
    restarting.begin(user_request, builders.INSTANCE)
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    until_over(user_request, cloud)

    assert cloud.done == ALL
    assert cloud.plan is None


@pytest.mark.parametrize('kind, cause', [
    (errors.OverLimit, 'over-quota'), (errors.Refused, 'not-taken')])
def test_a_snapshot_that_is_refused_starts_it_again(user_request, cloud,
                                                    kind, cause):
    cloud.refuse = {'create_image': kind}

    whole(user_request, cloud)

    assert cloud.done == ['stop', 'start']
    assert (cloud.instance.status, cloud.plan.cause) == (facts.RUNNING, cause)


def test_who_may_not_take_it_leaves_it_to_others(user_request, cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    cloud.refuse = {'create_image': errors.Forbidden}
    with pytest.raises(errors.Forbidden):
        look(user_request, cloud)
    cloud.refuse = {}

    until_over(user_request, cloud)

    assert cloud.done == ALL


def test_an_instance_that_does_not_start_is_told_and_can_be_started(
        user_request, cloud):
    cloud.refuse = {'start': errors.Conflict}
    whole(user_request, cloud)
    assert (cloud.instance.status, cloud.plan.cause) == (facts.STOPPED,
                                                         'start-failed')
    cloud.refuse = {}

    restarting.start(user_request, builders.INSTANCE)
    cloud.finish()
    until_over(user_request, cloud)

    assert cloud.done == ALL
    assert (cloud.instance.status, cloud.plan) == (facts.RUNNING, None)


@pytest.mark.parametrize('kind', [errors.Unavailable, errors.Forbidden])
def test_a_start_that_may_still_be_is_tried_again(user_request, cloud, kind):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    look(user_request, cloud)
    cloud.finish()
    cloud.refuse = {'start': kind}
    with pytest.raises(kind):
        look(user_request, cloud)
    cloud.refuse = {}

    until_over(user_request, cloud)

    assert cloud.done == ALL


def test_a_start_by_hand_is_the_end(user_request, cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    cloud.start()
    cloud.finish()

    until_over(user_request, cloud)

    assert cloud.done == ['stop', 'start']
    assert cloud.plan.cause == 'interfered'


def test_a_cancelled_one_is_started_again_without_a_snapshot(user_request,
                                                             cloud):
    restarting.begin(user_request, builders.INSTANCE)
    restarting.cancel(user_request, builders.INSTANCE)
    cloud.finish()

    until_over(user_request, cloud)

    assert cloud.done == ['stop', 'start']
    assert (cloud.instance.status, cloud.plan) == (facts.RUNNING, None)


def test_once_the_snapshot_is_begun_it_is_not_cancelled(user_request, cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    look(user_request, cloud)

    restarting.cancel(user_request, builders.INSTANCE)

    assert cloud.plan.step == 'taking'


def test_a_left_one_stays_shut_off(user_request, cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    look(user_request, cloud)

    restarting.leave(user_request, builders.INSTANCE)
    cloud.finish()
    until_over(user_request, cloud)

    assert cloud.done == ['stop', 'createImage']
    assert (cloud.instance.status, cloud.plan) == (facts.STOPPED, None)


def test_without_a_plan_a_look_asks_for_nothing(user_request, cloud):
    look(user_request, cloud)

    assert cloud.count == 0


def test_what_moved_on_meanwhile_is_left_to_the_next_look(user_request,
                                                          cloud):
    restarting.begin(user_request, builders.INSTANCE)
    cloud.finish()
    read = cloud.instance
    look(user_request, cloud)

    instance, _images = restarting.carry_on(user_request, read, [])

    assert instance == cloud.instance
    assert cloud.done == ['stop', 'createImage']
