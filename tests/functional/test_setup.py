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

"""Guest setup and the tab in Horizon's instance details, with a cloud."""

import html

import pytest

from snapshot_panel import guest
from snapshot_panel.guest_setup import kit
from snapshot_panel.ui import systems
from tests import clients

TAB = '/project/instances/%s/?tab=instance_details__consistent_snapshots'
# What is known of an agent without a kit: its line at boot, or more where
# another test had the disk of the snapshot read before.
NO_KIT = ('The agent was started', 'The agent froze the last time')


@pytest.fixture(scope='module')
def other(cloud, openstack):
    """The id of an instance of another project."""
    client = clients.OpenStack(cloud, 'other', 'other')
    return client.nova.servers.list()[0].id


def setup(instance_id, rest=''):
    return '%s%s/setup/%s' % (clients.PANEL, instance_id, rest)


def status(dashboard, instance_id):
    answer = dashboard.get(setup(instance_id, 'status/'))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_gives_the_very_script(cloud, dashboard):
    page = dashboard.get(setup(cloud.instances['db-agent-no-kit']))

    assert page.status_code == 200
    text = html.unescape(page.text)
    assert systems.SYSTEMS[0].agent in text and kit.block() in text
    assert any(words in text for words in NO_KIT)


def test_a_file_can_be_downloaded(cloud, dashboard):
    instance_id = cloud.instances['db-agent-no-kit']

    answer = dashboard.get(setup(instance_id, 'files/' + guest.SCRIPT))

    assert answer.text == guest.script()
    assert 'attachment' in answer.headers['Content-Disposition']


def test_the_status_tells_the_agents_words(cloud, dashboard):
    for name, words in (('web-ready', ('The agent reports',)),
                        ('db-agent-no-kit', NO_KIT),
                        ('app-agent-stopped', ('The agent is stopped',)),
                        ('legacy-no-channel', ('No channel',)),
                        ('stopped-clean', ('does not run',))):
        told = status(dashboard, cloud.instances[name])['html']
        assert any(each in told for each in words), name


def test_a_reader_is_told_that_the_console_is_closed(cloud, reader):
    instance_id = cloud.instances['web-ready']

    page = reader.get(setup(instance_id))

    assert page.status_code == 200
    assert kit.block() in html.unescape(page.text)
    answer = status(reader, instance_id)
    assert answer['again'] is False
    assert 'may not read consoles' in answer['html']


@pytest.mark.parametrize('rest', ['', 'status/'])
def test_what_is_not_of_the_project_is_not_found(dashboard, other, rest):
    for instance_id in (other, 'nonsense'):
        assert dashboard.get(setup(instance_id, rest)).status_code == 404


def test_horizons_details_have_the_checklist(cloud, dashboard):
    for name, words in (('web-ready', 'Ready'),
                        ('legacy-no-channel', 'Not ready'),
                        ('stopped-clean', 'Clean shutdown')):
        instance_id = cloud.instances[name]

        page = dashboard.get(TAB % instance_id)

        tab = page.text.partition('id="instance_details__consistent')[2]
        assert words in tab, name
        assert setup(instance_id) in tab
