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

"""Launching what takes the place of an instance without a channel."""

from unittest import mock

from novaclient import exceptions
from novaclient.v2 import flavors
from novaclient.v2 import keypairs
from novaclient.v2 import servers
import pytest
import requests

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import succession
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import successor
from tests.unit import builders
from tests.unit.cloud import answers

Outcome = succession.Outcome
SOURCE = builders.image()
OLD = builders.instance(flavor='m1.tiny', security_groups=('web',),
                        key_name='ann', user_id='me', zone='az1')
WANTED = successor.Blueprint('web-ready', builders.SNAPSHOT, '7',
                             ('net-1', 'net-2'), ('web',), 'ann', 'az1')


def flavor(**changes):
    return flavors.Flavor(mock.Mock(), {
        'id': '7', 'name': 'm1.tiny', 'vcpus': 1, 'ram': 512, 'disk': 2,
        **changes}, loaded=True)


def interface(network):
    return servers.NetworkInterface(mock.Mock(), {'net_id': network},
                                    loaded=True)


@pytest.fixture
def cloud(nova_client):
    """A Nova that has all that the old instance was launched with."""
    nova_client.servers.list.return_value = []
    nova_client.flavors.list.return_value = [
        flavor(id='8', name='m1.tin'), flavor()]
    nova_client.keypairs.list.return_value = [
        keypairs.Keypair(mock.Mock(), {'keypair': {'name': 'ann'}},
                         loaded=True)]
    nova_client.servers.interface_list.return_value = [
        interface('net-1'), interface('net-2')]
    nova_client.servers.create.return_value = answers.server(id='heir')
    return nova_client


def launch(user_request, shown=WANTED.digest):
    return succession.launch(user_request, OLD, SOURCE, 'me', shown)


def test_what_was_shown_is_launched(user_request, cloud):
    offer = succession.offer(user_request, OLD, SOURCE, 'me')

    assert offer.blueprint == WANTED
    assert offer.flavor == nova.Flavor('7', 'm1.tiny', 1, 512, 2)
    assert launch(user_request) is Outcome.LAUNCHED
    cloud.servers.create.assert_called_once_with(
        'web-ready', builders.SNAPSHOT, '7',
        nics=[{'net-id': 'net-1'}, {'net-id': 'net-2'}],
        security_groups=['web'], key_name='ann', availability_zone='az1',
        config_drive=None)


def test_without_interfaces_nova_is_told_so(user_request, cloud):
    cloud.servers.interface_list.return_value = []
    offer = succession.offer(user_request, OLD, SOURCE, 'me')

    launch(user_request, offer.blueprint.digest)

    named = cloud.servers.create.call_args.kwargs
    assert (named['nics'], named['security_groups']) == ('none', None)


def test_a_second_click_launches_nothing(user_request, cloud):
    launch(user_request)

    # Nova may not list yet what it was just asked for.
    assert launch(user_request) is Outcome.ALREADY
    assert cloud.servers.create.call_count == 1


@pytest.mark.parametrize('status, outcome', [
    ('ACTIVE', Outcome.ALREADY), ('BUILD', Outcome.ALREADY),
    ('SHUTOFF', Outcome.ALREADY), ('ERROR', Outcome.LAUNCHED)])
def test_what_runs_from_the_snapshot_is_not_launched_again(
        user_request, cloud, status, outcome):
    cloud.servers.list.return_value = [answers.server(
        id='heir', image={'id': builders.SNAPSHOT}, status=status)]

    assert launch(user_request) is outcome
    assert cloud.servers.create.called == (outcome is Outcome.LAUNCHED)
    assert cloud.servers.list.call_args.kwargs['search_opts'][
        'image'] == builders.SNAPSHOT


@pytest.mark.parametrize('change', ['flavors', 'networks', 'keys'])
def test_nothing_is_launched_that_was_not_shown(user_request, cloud, change):
    if change == 'flavors':
        cloud.flavors.list.return_value = []
    elif change == 'networks':
        cloud.servers.interface_list.return_value = [interface('net-1')]
    else:
        cloud.keypairs.list.return_value = []

    assert launch(user_request) is Outcome.MOVED
    assert not cloud.servers.create.called


def test_after_a_look_it_can_be_launched_as_it_is_now(user_request, cloud):
    assert launch(user_request, 'other') is Outcome.MOVED
    assert launch(user_request) is Outcome.LAUNCHED


@pytest.mark.parametrize('raised, kind', [
    (exceptions.Forbidden(403, message='Quota exceeded for cores'),
     errors.OverLimit),
    (exceptions.Forbidden(403, message='Policy does not allow'),
     errors.Forbidden),
    (exceptions.BadRequest(400, message='Flavor\'s disk is too small'),
     errors.Refused),
    (exceptions.Conflict(409, message='Multiple security_group found'),
     errors.Conflict)])
def test_a_refusal_is_told_and_can_be_tried_again(user_request, cloud, raised,
                                                  kind):
    cloud.servers.create.side_effect = raised
    with pytest.raises(kind) as told:
        launch(user_request)
    assert told.value.said

    cloud.servers.create.side_effect = None
    assert launch(user_request) is Outcome.LAUNCHED


@pytest.mark.parametrize('raised', [
    exceptions.ClientException(504), exceptions.ClientException(408),
    requests.ConnectionError()])
def test_what_nobody_knows_is_not_tried_again_at_once(user_request, cloud,
                                                      raised):
    cloud.servers.create.side_effect = raised
    with pytest.raises(errors.Unanswered):
        launch(user_request)

    assert launch(user_request) is Outcome.ALREADY
    assert cloud.servers.create.call_count == 1


@pytest.mark.parametrize('part', ['flavors', 'networks'])
def test_what_cannot_be_asked_for_is_not_guessed(user_request, cloud, part):
    call = (cloud.flavors.list if part == 'flavors'
            else cloud.servers.interface_list)
    call.side_effect = exceptions.ClientException(503)

    offer = succession.offer(user_request, OLD, SOURCE, 'me')

    assert offer.blueprint is None
    assert [type(each) for each in offer.problems] == [errors.Unavailable]
    assert launch(user_request) is Outcome.MOVED


def test_without_the_list_of_keys_there_is_none(user_request, cloud):
    cloud.keypairs.list.side_effect = exceptions.Forbidden(403)

    offer = succession.offer(user_request, OLD, SOURCE, 'me')

    assert offer.blueprint.key_name == ''


def test_only_who_runs_from_these_is_looked_for(user_request, cloud):
    carrying = builders.image({facts.AGENT_PROPERTY: 'yes'}, id='carrying')
    newest, other = (
        builders.image({facts.AGENT_PROPERTY: 'no'}, id=name)
        for name in ('newest', 'other'))
    cloud.servers.list.side_effect = lambda **named: [answers.server(
        id='of-' + named['search_opts']['image'])]

    found = succession.launched_from(user_request, [newest, other, carrying])

    assert [each.id for each in found] == ['of-newest', 'of-carrying']
    assert succession.launched_from(user_request, []) == []


@pytest.mark.parametrize('told, zone', [
    ({'OS-EXT-AZ:availability_zone': 'az1'}, 'az1'),
    # That of hosts that are in none: nobody should ask for it.
    ({'OS-EXT-AZ:availability_zone': 'nova'}, ''),
    ({'OS-EXT-AZ:availability_zone': 'az1',
      'pinned_availability_zone': None}, ''),
    ({'OS-EXT-AZ:availability_zone': 'az1',
      'pinned_availability_zone': 'az2'}, 'az2'), ({}, '')])
def test_the_zone_is_the_one_that_was_chosen(user_request, nova_client, told,
                                             zone):
    nova_client.servers.get.return_value = answers.server(**told)

    assert nova.get_instance(user_request, builders.INSTANCE).zone == zone


def test_who_launched_it_and_its_drive_are_read(user_request, nova_client):
    nova_client.servers.get.return_value = answers.server(
        user_id='me', config_drive='True')

    instance = nova.get_instance(user_request, builders.INSTANCE)

    assert (instance.user_id, instance.config_drive) == ('me', True)
