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

"""The networks that a copy of an instance is launched in."""

from unittest import mock

from novaclient import exceptions as nova_exceptions
from novaclient.v2 import servers
import pytest

from snapshot_panel.cloud import details
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.ui import lines
from tests.unit import builders

pytestmark = pytest.mark.usefixtures('now', 'glance_client')

# Both networks are named alike, so Nova shows one name.
NETWORKS = ('11112222-0000-4000-8000-00000000000a',
            '11112222-0000-4000-8000-00000000000b')
NO_CHANNEL = builders.instance(networks=('lan',), properties=(
    facts.Properties({}, facts.Source.EMBEDDED)))


@pytest.fixture(autouse=True)
def interfaces(nova_client):
    nova_client.servers.interface_list.return_value = [
        servers.NetworkInterface(mock.Mock(), {
            'port_id': 'port', 'net_id': each, 'fixed_ips': []}, loaded=True)
        for each in NETWORKS]
    return nova_client.servers.interface_list


def relaunch(session, instance):
    """Return the way that launches a copy, as a page shows it."""
    row = lines.instance_row(instance, [],
                             details.ask_about(session, instance))
    ways = row.line(checklist.Check.CHANNEL).ways
    return next(way for way in ways if way.code == 'relaunch')


def test_the_command_names_each_by_its_id(user_request):
    way = relaunch(user_request, NO_CHANNEL)

    assert ' --network=%s --network=%s ' % NETWORKS in way.commands
    assert 'lan' not in way.commands
    assert way.note == ''


@pytest.mark.parametrize('refusal', [
    nova_exceptions.Forbidden(403), nova_exceptions.ClientException(500)])
def test_where_nova_does_not_tell_the_ids_the_page_says_so(
        refusal, user_request, interfaces):
    interfaces.side_effect = refusal

    way = relaunch(user_request, NO_CHANNEL)

    assert ' --network=lan ' in way.commands
    assert 'same name' in way.note


@pytest.mark.parametrize('changes', [
    {'properties': facts.Properties({facts.AGENT_PROPERTY: 'yes'},
                                    facts.Source.SNAPSHOT)},
    {'status': facts.STOPPED}, {'networks': ()}])
def test_where_no_page_shows_the_command_nobody_asks(
        changes, user_request, interfaces):
    details.ask_about(user_request, builders.instance(**{
        'networks': ('lan',), 'properties': NO_CHANNEL.properties,
        **changes}))

    assert not interfaces.called
