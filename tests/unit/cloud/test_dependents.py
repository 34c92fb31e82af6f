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


"""What is kept of an instance that is shelved, locked or on a volume."""

import json

from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict
from snapshot_panel.ui import lines
from snapshot_panel.ui import words
from tests import images
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now', 'nova_client', 'glance_client')


@pytest.mark.parametrize('status', facts.SHELVED)
def test_the_only_disk_of_a_shelved_instance_is_not_deleted(
        status, user_request, nova_client, glance_client):
    nova_client.servers.get.return_value = answers.server(status=status)
    glance_client.images.get.side_effect = lambda _id: answers.glance_image(
        builders.image(name='former-name-shelved'))

    with pytest.raises(errors.InUse) as refused:
        snapshots.delete(user_request, builders.INSTANCE, builders.SNAPSHOT)

    assert not glance_client.images.delete.called
    assert 'Unshelve' in words.error(refused.value)


def no_one_runs(nova_client, glance_client, **changes):
    """Let there be a snapshot that nobody depends on."""
    nova_client.servers.list.return_value = []
    values = {**answers.glance_image(builders.sealed()), **changes}
    glance_client.images.get.side_effect = lambda _id: dict(values)


def delete(user_request, **options):
    snapshots.delete(user_request, builders.INSTANCE, builders.SNAPSHOT,
                     **options)


def test_what_nobody_needs_is_deleted(user_request, nova_client,
                                      glance_client):
    no_one_runs(nova_client, glance_client)

    delete(user_request, shown='web-1')

    glance_client.images.delete.assert_called_once_with(builders.SNAPSHOT)
    options = nova_client.servers.list.call_args.kwargs['search_opts']
    assert options['image'] == builders.SNAPSHOT


def test_what_instances_run_from_stays(user_request, nova_client,
                                       glance_client):
    no_one_runs(nova_client, glance_client)
    nova_client.servers.list.return_value = [answers.server(name='heir')]

    with pytest.raises(errors.InUse) as refused:
        delete(user_request)

    assert not glance_client.images.delete.called
    assert 'heir' in words.error(refused.value)


@pytest.mark.parametrize('statuses, stays', [
    ([], False), (['rejected'], False), (['accepted'], True),
    (['rejected', 'pending'], True)])
def test_what_another_project_was_given_stays(
        statuses, stays, user_request, nova_client, glance_client):
    no_one_runs(nova_client, glance_client, visibility='shared')
    answer = glance_client.http_client.get.side_effect
    glance_client.http_client.get.side_effect = lambda url: (
        (None, {'members': [{'status': each} for each in statuses]})
        if url.endswith('/members') else answer(url))

    problem = asking.outcome(lambda: delete(user_request))

    assert isinstance(problem, errors.InUse) is stays
    assert glance_client.images.delete.called is not stays


def test_of_an_image_that_is_not_shared_nobody_asks_for_members(
        user_request, nova_client, glance_client):
    no_one_runs(nova_client, glance_client)

    delete(user_request)

    assert not any('members' in str(call) for call
                   in glance_client.http_client.get.call_args_list)


def test_where_nobody_says_who_needs_it_it_stays(user_request, nova_client,
                                                 glance_client):
    no_one_runs(nova_client, glance_client)
    nova_client.servers.list.side_effect = nova_exceptions.ClientException(500)

    with pytest.raises(errors.Unavailable):
        delete(user_request)

    assert not glance_client.images.delete.called


def test_what_was_renamed_since_it_was_shown_stays(user_request, nova_client,
                                                   glance_client):
    no_one_runs(nova_client, glance_client, name='keep-me')

    with pytest.raises(errors.InUse) as refused:
        delete(user_request, shown='web-1')

    assert not glance_client.images.delete.called
    assert 'web-1, keep-me' in words.error(refused.value)


@pytest.mark.parametrize('status, image', [
    ('ACTIVE', builders.image(name='web-shelved')),
    ('SHELVED', builders.image(name='web-1')),
    ('SHELVED', builders.asked(name='web-shelved'))])
def test_other_snapshots_hold_nobodys_disk(status, image):
    instance = builders.instance(status=status)

    assert not retention.holds_disk(instance, image)


@pytest.mark.parametrize('refusal', [nova_exceptions.Conflict(409),
                                     nova_exceptions.Forbidden(403)])
def test_a_lock_leaves_nothing_unsettled(refusal, user_request, nova_client):
    nova_client.servers.delete_meta.side_effect = refusal
    locked = builders.remembering(builders.memory(), locked=True)
    image = builders.sealed()

    instance, _images = settling.settle(user_request, locked, [image])

    assert instance == locked
    assert not known.unsettled(locked, [image], builders.NOW,
                               facts.Deployment())


def test_what_is_only_locked_still_settles_what_waits():
    locked = builders.remembering(builders.memory(), locked=True)

    assert known.unsettled(locked, [builders.asked()], builders.NOW,
                           facts.Deployment())


def test_the_memory_is_written_before_the_image_is_bound(user_request,
                                                         calls):
    taking.take_if_ready(user_request, builders.INSTANCE)

    asked = [name for name, _args, _kwargs in calls.mock_calls]
    assert asked.index('servers.set_meta') < asked.index('glance.patch')


def test_each_snapshot_is_its_instances_whatever_its_root_is(user_request,
                                                             nova_client):
    taking.take_if_ready(user_request, builders.INSTANCE)

    written = nova_client.servers.create_image.call_args.args[2]
    assert written['instance_uuid'] == builders.INSTANCE
    assert written['image_type'] == 'snapshot'


Unbound = records.Unbound


@pytest.mark.parametrize('names, known_as', [
    (['createImage'], 'req-0'),
    (['createImage', 'createImage'], Unbound.SEVERAL_SINCE),
    (['createImage', 'createBackup'], Unbound.SEVERAL_SINCE),
    (['createBackup'], Unbound.NONE_SINCE), ([], Unbound.NONE_SINCE)])
def test_what_was_left_unbound_is_bound_where_its_action_is_known(
        names, known_as):
    image = builders.asked(properties={records.IMAGE: 'none'})
    done = builders.actions(*[builders.action(name, 'req-%d' % number)
                              for number, name in enumerate(names)])

    assert records.is_unbound(image)
    assert records.own_action(image, done) == known_as
    assert records.own_action(image, done[:len(names)]) is Unbound.TOO_LONG_AGO


def test_an_unbound_image_that_is_remembered_is_bound(
        user_request, nova_client, glance_client):
    unbound = builders.asked(properties={records.IMAGE: 'none'})
    glance_client.images.get.side_effect = lambda _id: answers.glance_image(
        builders.asked())
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('reboot')]

    settling.settle(user_request, builders.remembering(builders.memory()),
                    [unbound])

    first = glance_client.http_client.patch.call_args_list[0]
    assert json.loads(first.kwargs['data']) == [
        {'op': 'add', 'path': '/' + records.ACTION, 'value': builders.OWN},
        {'op': 'add', 'path': '/' + records.IMAGE,
         'value': builders.SNAPSHOT}]


def test_what_does_not_fit_is_not_judged_and_not_waited_for(
        user_request, nova_client, glance_client):
    instance = builders.remembering(builders.memory(), image_id=None)
    image = builders.asked()

    instance, _images = settling.settle(user_request, instance, [image])

    assert not glance_client.http_client.patch.called
    assert instance.metadata == {}
    assert not known.unsettled(instance, [image], builders.NOW,
                               facts.Deployment())


@pytest.mark.parametrize('refusal', [nova_exceptions.Conflict(409),
                                     nova_exceptions.Forbidden(403)])
def test_a_vanished_snapshot_of_a_locked_instance_is_told_all_the_same(
        refusal, user_request, nova_client, glance_client):
    nova_client.servers.set_meta.side_effect = refusal
    glance_client.images.get.side_effect = glance_exceptions.HTTPNotFound()
    locked = builders.remembering(builders.memory(), locked=True)

    instance, _images = settling.settle(user_request, locked, [])

    found, = known.snapshots(instance, [], builders.NOW, facts.Deployment())
    assert found.decision.verdict is verdict.Verdict.DISCARDED
    assert not known.unsettled(instance, [], builders.NOW,
                               facts.Deployment())


def test_the_click_asks_which_volume_is_the_root(user_request, nova_client,
                                                 cinder_client):
    nova_client.servers.get.return_value = answers.server(**{
        'os-extended-volumes:volumes_attached': [
            {'id': builders.VOLUMES[0]}, {'id': builders.VOLUMES[1]}]})
    cinder_client.volumes.get.side_effect = lambda volume_id: (
        answers.cinder_volume(builders.VOLUMES.index(volume_id),
                              bootable='true'))

    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.instance.volume_backed
    assert attempt.checklist.has(checklist.Finding.ROOT_VOLUME)


@pytest.mark.parametrize('changes', [
    {'locked': True}, *({'status': status} for status in (
        'SHELVED', 'SHELVED_OFFLOADED', 'RESCUE', 'VERIFY_RESIZE', 'ERROR'))])
def test_what_nobody_can_write_down_leaves_no_row_busy(changes):
    sealed = builders.sealed()
    stopped = builders.instance(
        metadata={**builders.remembering(builders.memory()).metadata,
                  **builders.plan().metadata()}, **changes)

    assert not known.unsettled(stopped, [sealed], builders.NOW,
                               facts.Deployment())
    line = lines.RestartLine.of(stopped)
    assert (line.done, line.choices) == (None, ())


def test_a_plan_of_a_locked_instance_asks_for_nothing(user_request,
                                                      nova_client):
    locked = builders.instance(metadata=builders.plan().metadata(),
                               locked=True)

    assert restarting.carry_on(user_request, locked, []) == (locked, [])

    assert not nova_client.servers.mock_calls


def usage(images):
    return {'image_count_total': {'usage': images, 'limit': 2},
            'image_size_total': {'usage': 0, 'limit': 2}}


@pytest.mark.parametrize('server, images, cause', [
    ({'locked': True}, 1, errors.LOCKED), ({}, 2, errors.IMAGES_FULL),
    ({'metadata': {'key%d' % number: '' for number in range(128)}}, 1,
     errors.METADATA_FULL)])
def test_nothing_is_stopped_for_a_snapshot_that_would_be_refused(
        server, images, cause, user_request, nova_client, glance_client):
    nova_client.servers.get.return_value = answers.server(**server)
    answer = glance_client.http_client.get.side_effect
    glance_client.http_client.get.side_effect = lambda url: (
        (None, {'usage': usage(images)}) if 'usage' in url else answer(url))

    with pytest.raises(errors.InUse) as refused:
        restarting.begin(user_request, builders.INSTANCE)

    assert refused.value.cause == cause
    assert words.error(refused.value)
    assert not nova_client.servers.stop.called
    assert not nova_client.servers.set_meta.called


def test_with_room_for_it_the_instance_is_stopped(user_request, nova_client):
    restarting.begin(user_request, builders.INSTANCE)

    nova_client.servers.stop.assert_called_once_with(builders.INSTANCE)


@pytest.mark.parametrize('names, said', [
    (['createImage', 'createImage', 'reboot'], 'several snapshots'),
    (['reboot'], 'no snapshot since'), (['stop'], 'too long ago')])
def test_why_it_could_not_be_bound_is_said_and_nothing_else(
        names, said, user_request, nova_client, glance_client):
    nova_client.instance_action.list.return_value = [
        answers.nova_action(name, builders.BEFORE if name == 'reboot'
                            else 'req-%d' % number)
        for number, name in enumerate(names)]
    data = images.marked_image('xfs')
    unbound = builders.asked(size=len(data), checksum='sum', properties={
        records.IMAGE: 'none'})
    glance_client.data.data = data
    held = answers.glance_image(unbound)
    glance_client.images.get.side_effect = lambda _id: dict(held)
    glance_client.http_client.patch.side_effect = (
        lambda url, headers, data: held.update({
            each['path'][1:]: each['value'] for each in json.loads(data)}))

    _instance, (image,) = settling.settle(
        user_request, builders.remembering(builders.memory()), [unbound])

    decision = verdict.look(image)
    assert decision.rule is verdict.Rule.UNBOUND
    causes = [cause for cause in ('several snapshots', 'no snapshot since',
                                  'too long ago')
              if cause in words.reason(decision)]
    assert causes == [said]


@pytest.mark.parametrize('cause', [['several-since'], 'x', None, {}])
def test_a_cause_that_nobody_knows_is_not_said(cause):
    decision = verdict.Decision(verdict.Rule.UNBOUND, {'cause': cause})

    assert words.reason(decision) == words.reason(
        verdict.Decision(verdict.Rule.UNBOUND))


def test_what_nobody_could_bind_is_said():
    unbound = builders.asked(properties={
        records.IMAGE: 'none', **builders.mapping()})

    decision = verdict.look(unbound)

    assert decision.rule is verdict.Rule.UNBOUND
    assert 'could not be written' in words.reason(decision)


def look_ahead(user_request, *held):
    return dependents.look_ahead(user_request, builders.instance(), held)


def test_looking_ahead_costs_one_list_however_many_may_go(
        user_request, nova_client, glance_client, calls):
    held = [builders.aged(age) for age in range(1, 60)]
    nova_client.servers.list.return_value = [
        answers.server(name='heir', image={'id': held[7].id}),
        answers.server(name='other')]

    outlook = look_ahead(user_request, *held)

    assert len(calls.mock_calls) == 1
    assert {image_id: problem.names
            for image_id, problem in outlook.kept.items()} == {
                held[7].id: ('heir',)}
    assert (outlook.problems, outlook.cut) == ((), False)


def test_looking_ahead_asks_who_else_was_given_some(user_request, nova_client,
                                                    glance_client):
    nova_client.servers.list.return_value = []
    held = [builders.aged(age, visibility='shared') for age in range(1, 60)]
    given = held[3].id
    glance_client.http_client.get.side_effect = lambda url: (None, {
        'members': [{'status': 'accepted'}] if given in url else []})

    outlook = look_ahead(user_request, *held)

    assert {image_id: problem.cause
            for image_id, problem in outlook.kept.items()} == {
                given: errors.MEMBERS}
    # More than these are not asked for, and that is said.
    assert glance_client.http_client.get.call_count == 20
    assert outlook.cut


def test_looking_ahead_says_which_service_did_not(user_request, nova_client,
                                                  glance_client):
    nova_client.servers.list.side_effect = nova_exceptions.ClientException(500)
    glance_client.http_client.get.side_effect = (
        glance_exceptions.HTTPServiceUnavailable())

    outlook = look_ahead(user_request, builders.aged(1, visibility='shared'))

    assert [each.service for each in outlook.problems] == ['Glance', 'Nova']
    assert outlook.kept == {}


def test_looking_ahead_is_not_sure_where_there_are_more_instances(
        user_request, nova_client):
    nova_client.servers.list.return_value = [answers.server()] * 201

    assert look_ahead(user_request, builders.aged(1)).cut


@pytest.mark.parametrize('status', facts.SHELVED)
def test_looking_ahead_sees_a_shelved_disk(status, user_request, nova_client):
    nova_client.servers.list.return_value = []
    disk = builders.image(name='web-shelved')

    outlook = dependents.look_ahead(
        user_request, builders.instance(status=status), [disk])

    assert outlook.kept[disk.id].cause == errors.SHELVED
