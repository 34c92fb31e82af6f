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

"""What is asked of Nova, which version is spoken, how answers are read."""

import datetime
import json
import re
from unittest import mock

from novaclient import api_versions
from novaclient import exceptions
from openstack_dashboard.api import base
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import facts
from tests.unit import builders
from tests.unit.cloud import answers

ELEVEN = datetime.datetime(2026, 11, 22, 11, tzinfo=datetime.timezone.utc)


# The client and its version

@pytest.fixture
def made():
    """What python-novaclient makes, in place of a client that asks."""
    with mock.patch.object(base, 'url_for', autospec=True,
                           return_value='http://nova'), \
            mock.patch.object(nova.nova_client, 'Client',
                              autospec=True) as client:
        yield client


@pytest.mark.parametrize('newest, spoken', [
    ('2.103', '2.98'), ('2.98', '2.98'), ('2.97', '2.96'), ('2.96', '2.96'),
    ('2.90', '2.90'), ('2.58', '2.58'), ('2.53', '2.53'), ('', '2.58')])
def test_the_best_version_of_the_cloud_is_spoken(user_request, made, newest,
                                                 spoken):
    made.return_value.versions.get_current.return_value.version = newest

    client = nova.client(user_request)

    wanted = api_versions.APIVersion(spoken)
    assert client.api_version == client.client.api_version == wanted


def test_a_cloud_that_tells_no_version_gets_the_oldest(user_request, made):
    made.return_value.versions.get_current.return_value = None

    client = nova.client(user_request)

    assert client.api_version == api_versions.APIVersion('2.58')


@pytest.mark.parametrize('newest', ['2.98', ''])
def test_a_clouds_version_is_asked_for_once(user_request, made, newest):
    current = made.return_value.versions.get_current
    current.return_value.version = newest

    nova.client.__wrapped__(user_request)
    nova.client.__wrapped__(user_request)

    assert current.call_count == 1


def test_the_client_does_not_wait_for_ever(settings, user_request, made):
    settings.SNAPSHOT_PANEL = {'request_timeout': 5}
    made.return_value.versions.get_current.return_value = None

    nova.client(user_request)

    keys = made.call_args.kwargs['session']
    assert (keys.timeout, keys.verify) == (5, True)


def test_the_users_own_token_is_used_as_it_is(user_request, made):
    user_request.user.token.id = 'token'
    made.return_value.versions.get_current.return_value = None

    nova.client(user_request)

    keys = made.call_args.kwargs['session']
    assert keys.get_token() == 'token'
    assert keys.get_endpoint() == 'http://nova'


# The list

def options(nova_client):
    return nova_client.servers.list.call_args.kwargs['search_opts']


def serve(nova_client, *names):
    nova_client.servers.list.return_value = [
        answers.server(id=name, name=name) for name in names]


def listed(user_request, *arguments, **named):
    page = nova.list_instances(user_request, *arguments, **named)
    return ([instance.name for instance in page.instances], page.previous,
            page.more)


def test_one_more_than_wanted_is_asked_for(user_request, nova_client):
    nova.list_instances(user_request, 2)

    assert options(nova_client) == {'project_id': 'project', 'limit': 3}
    assert nova_client.servers.list.call_args.kwargs['sort_dirs'] == [
        'desc'] * 3


def test_the_first_page_may_be_the_only_one(user_request, nova_client):
    serve(nova_client, 'c', 'b')

    assert listed(user_request, 2) == (['c', 'b'], False, False)


def test_the_first_page_may_have_others_behind(user_request, nova_client):
    serve(nova_client, 'd', 'c', 'b')

    assert listed(user_request, 2) == (['d', 'c'], False, True)


def test_a_page_behind_a_marker_has_one_before(user_request, nova_client):
    serve(nova_client, 'b', 'a')

    assert listed(user_request, 2, 'c') == (['b', 'a'], True, False)
    assert options(nova_client)['marker'] == 'c'


def test_the_page_before_a_marker_is_turned_round(user_request,
                                                  nova_client):
    serve(nova_client, 'c', 'd', 'e')

    assert listed(user_request, 2, 'b', backwards=True) == (
        ['d', 'c'], True, True)
    assert nova_client.servers.list.call_args.kwargs['sort_dirs'] == [
        'asc'] * 3


def test_going_back_ends_at_the_first_page(user_request, nova_client):
    serve(nova_client, 'c', 'd')

    assert listed(user_request, 2, 'b', backwards=True) == (
        ['d', 'c'], False, True)


@pytest.mark.parametrize('backwards', [False, True])
def test_where_the_marker_was_deleted_the_first_page_is_shown(
        user_request, nova_client, backwards):
    nova_client.servers.list.side_effect = [
        exceptions.BadRequest(400), [answers.server(name='a')]]

    found = listed(user_request, 2, 'gone', backwards=backwards,
                   status='ACTIVE', image='x')

    assert found == (['a'], False, False)
    assert options(nova_client) == {'project_id': 'project', 'limit': 3,
                                    'status': 'ACTIVE', 'image': 'x'}


def test_a_list_that_is_refused_is_our_error(user_request, nova_client):
    nova_client.servers.list.side_effect = exceptions.BadRequest(400)

    with pytest.raises(errors.Refused):
        nova.list_instances(user_request, 2, name='x')


@pytest.mark.parametrize('name', ['web', 'a.b*', '[', 'x y', '(', '日本'])
def test_a_name_is_taken_literally(user_request, nova_client, name):
    nova.list_instances(user_request, 2, name=name)

    assert re.fullmatch(options(nova_client)['name'], name)
    assert options(nova_client)['name'].count('\\') == len(
        [letter for letter in name if letter in '.*[( '])


# One instance

def test_an_instance_is_read(user_request, nova_client):
    nova_client.servers.get.return_value = answers.server(**{
        'metadata': {'role': 'db'}, 'OS-EXT-STS:task_state': 'rebooting',
        'updated': '2026-11-22T12:00:00Z'})

    instance = nova.get_instance(user_request, builders.INSTANCE)

    assert instance == builders.instance(
        metadata={'role': 'db'}, task_state='rebooting', created=ELEVEN,
        updated=builders.NOW)


@pytest.mark.parametrize('image, image_id, source', [
    ('', None, facts.Source.NONE), (None, None, facts.Source.NONE),
    ({'id': 'x'}, 'x', facts.Source.NONE),
    ({'id': 'x', 'properties': {}}, 'x', facts.Source.EMBEDDED)],
    ids=['volume', 'none', 'old cloud', 'no properties'])
def test_the_image_of_an_instance_is_read(user_request, nova_client, image,
                                          image_id, source):
    nova_client.servers.get.return_value = answers.server(image=image)

    instance = nova.get_instance(user_request, builders.INSTANCE)

    assert instance.image_id == image_id
    assert instance.volume_backed == (image_id is None)
    assert instance.properties.source is source


def test_another_projects_instance_is_not_found(user_request, nova_client):
    nova_client.servers.get.return_value = answers.server(
        tenant_id='another')

    with pytest.raises(errors.NotFound):
        nova.get_instance(user_request, builders.INSTANCE)


# Console and actions

def test_a_console_is_read(user_request, nova_client):
    nova_client.servers.get_console_output.return_value = answers.text(
        'hello')

    assert nova.get_console(user_request, 'x') == 'hello'


def test_a_console_is_plain_text(user_request, nova_client):
    assert type(nova.get_console(user_request, 'x')) is str


def test_an_instance_may_have_no_console(user_request, nova_client):
    nova_client.servers.get_console_output.side_effect = \
        exceptions.NotFound(404)

    assert nova.get_console(user_request, 'x') is None


@pytest.mark.parametrize('raised, expected', [
    (exceptions.Conflict(409), errors.Conflict),
    (exceptions.Forbidden(403), errors.Forbidden),
    (exceptions.ClientException(500), errors.Unavailable)])
def test_a_console_that_fails_is_our_error(user_request, nova_client, raised,
                                           expected):
    nova_client.servers.get_console_output.side_effect = raised

    with pytest.raises(expected):
        nova.get_console(user_request, 'x')


def test_actions_are_read_in_novas_order(user_request, nova_client):
    nova_client.instance_action.list.return_value = [
        answers.nova_action('stop', user_id=None),
        answers.nova_action('create', 'req-create')]

    assert nova.list_actions(user_request, 'x') == [
        facts.Action('stop', builders.BEFORE, None),
        facts.Action('create', 'req-create', 'user')]


def test_a_deleted_instance_has_no_actions(user_request, nova_client):
    nova_client.instance_action.list.side_effect = exceptions.NotFound(404)

    assert nova.list_actions(user_request, 'x') is None


def timed(user_request, nova_client, *events):
    nova_client.instance_action.get.return_value = answers.nova_action(
        'stop', events=list(events))
    return nova.time_action(user_request, 'x', builders.action('stop'))


def test_a_stop_has_the_times_of_its_work(user_request, nova_client):
    action = timed(user_request, nova_client, {'event': 'api_stop'},
                   answers.stop_event())

    assert action == builders.action(
        'stop', started=ELEVEN, succeeded=True,
        finished=ELEVEN + datetime.timedelta(seconds=5))


def test_a_stop_that_failed_did_not_succeed(user_request, nova_client):
    action = timed(user_request, nova_client,
                   answers.stop_event(result='Error'))

    assert not action.succeeded


def test_a_stop_that_is_not_over_has_no_end(user_request, nova_client):
    action = timed(user_request, nova_client, answers.stop_event(
        finish_time=None, result=None))

    assert (action.started, action.finished) == (ELEVEN, None)


@pytest.mark.parametrize('count', [0, 2])
def test_a_stop_without_one_event_of_its_own_has_no_times(
        user_request, nova_client, count):
    action = timed(user_request, nova_client,
                   *[answers.stop_event()] * count)

    assert action == builders.action('stop')


def test_a_stop_that_is_forgotten_has_no_times(user_request, nova_client):
    nova_client.instance_action.get.side_effect = exceptions.NotFound(404)

    action = nova.time_action(user_request, 'x', builders.action('stop'))

    assert action == builders.action('stop')


# What is written

def test_a_snapshot_is_asked_for_with_its_properties(user_request,
                                                     nova_client):
    answer = nova.create_image(user_request, 'x', 'web-1', {'a': 'b'})

    assert answer == (builders.SNAPSHOT, builders.OWN)
    assert [type(value) for value in answer] == [str, str]
    nova_client.servers.create_image.assert_called_once_with(
        'x', 'web-1', {'a': 'b'})


@pytest.mark.parametrize('request_id', [None, []])
def test_nova_may_not_tell_by_which_action_it_knows_a_snapshot(
        user_request, nova_client, request_id):
    nova_client.servers.create_image.return_value = answers.text(
        builders.SNAPSHOT, request_id)

    answer = nova.create_image(user_request, 'x', 'web-1', {})

    assert answer == (builders.SNAPSHOT, None)


def test_a_memory_is_written_on_the_server(user_request, nova_client):
    nova.remember(user_request, 'x', builders.memory())

    (server, metadata), _named = nova_client.servers.set_meta.call_args
    assert server == 'x'
    assert json.loads(metadata['consistency_snapshot_'
                               + builders.SNAPSHOT]) == {
        'name': 'web-1', 'at': '2026-11-22T11:59:00Z', 'by': 'ann'}


@pytest.mark.parametrize('raised', [None, exceptions.NotFound(404)])
def test_a_memory_is_forgotten_even_if_it_is_gone(user_request, nova_client,
                                                  raised):
    nova_client.servers.delete_meta.side_effect = raised

    nova.forget(user_request, 'x', builders.memory())

    nova_client.servers.delete_meta.assert_called_once_with(
        'x', [builders.memory().key])


def test_a_memory_that_cannot_be_forgotten_is_our_error(user_request,
                                                        nova_client):
    nova_client.servers.delete_meta.side_effect = exceptions.Forbidden(403)

    with pytest.raises(errors.Forbidden):
        nova.forget(user_request, 'x', builders.memory())


@pytest.mark.parametrize('instance_id', ['', '..', '../images', 'x?y=z'])
def test_what_is_no_id_is_not_sent(instance_id, user_request, nova_client):
    with pytest.raises(errors.NotFound):
        nova.get_instance(user_request, instance_id)

    nova_client.servers.get.assert_not_called()


def test_a_lock_and_what_a_copy_is_launched_with_are_read(user_request,
                                                          nova_client):
    nova_client.servers.get.return_value = answers.server(
        locked=True, locked_reason='payroll',
        flavor={'original_name': 'small'}, key_name='ann',
        security_groups=[{'name': 'web'}, {'name': 'web'}],
        addresses={'lan': [
            {'addr': '192.0.2.7', 'OS-EXT-IPS:type': 'fixed'},
            {'addr': '198.51.100.7', 'OS-EXT-IPS:type': 'floating'}],
            'dmz': []})

    instance = nova.get_instance(user_request, builders.INSTANCE)

    assert instance.locked
    assert instance.locked_reason == 'payroll'
    assert instance.flavor == 'small'
    assert instance.networks == ('lan', 'dmz')
    assert instance.addresses == {'lan': ('192.0.2.7',), 'dmz': ()}
    assert instance.security_groups == ('web',)
    assert instance.key_name == 'ann'


def test_a_lock_may_have_no_reason(user_request, nova_client):
    nova_client.servers.get.return_value = answers.server(
        locked=True, locked_reason=None)

    instance = nova.get_instance(user_request, builders.INSTANCE)

    assert instance.locked_reason == ''


def test_how_much_metadata_an_instance_may_have_is_read(user_request,
                                                        nova_client):
    assert nova.get_metadata_limit(user_request) == 128
