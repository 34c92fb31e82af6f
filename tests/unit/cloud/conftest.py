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

"""Clients of the services that do nothing."""

from unittest import mock

from cinderclient.v3 import limits as cinder_limits
from cinderclient.v3 import volume_snapshots
from cinderclient.v3 import volumes
from django.core.cache import cache
from django import http
from glanceclient.common import http as glance_http
from novaclient.v2 import flavors
from novaclient.v2 import instance_action
from novaclient.v2 import keypairs
from novaclient.v2 import limits
from novaclient.v2 import servers
from oslo_utils import timeutils
import pytest

from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from tests.unit import builders
from tests.unit.cloud import answers
from tests.unit import fakes


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()


@pytest.fixture
def now():
    """The time of the builders, wherever the time is asked for."""
    with mock.patch.object(timeutils, 'utcnow', autospec=True,
                           return_value=builders.NOW):
        yield


@pytest.fixture
def user_request():
    made = http.HttpRequest()
    made.user = mock.Mock(tenant_id='project', username='ann',
                          service_catalog=[])
    return made


@pytest.fixture
def calls():
    """Every call of any service, in order."""
    return mock.Mock()


@pytest.fixture
def nova_client(calls):
    """A client of Nova: one running instance, nothing done to it yet."""
    client = mock.Mock(spec_set=['servers', 'instance_action', 'limits',
                                 'flavors', 'keypairs'])
    client.flavors = mock.create_autospec(flavors.FlavorManager,
                                          instance=True)
    client.keypairs = mock.create_autospec(keypairs.KeypairManager,
                                           instance=True)
    client.flavors.list.return_value = []
    client.keypairs.list.return_value = []
    client.servers = mock.create_autospec(servers.ServerManager,
                                          instance=True)
    client.instance_action = mock.create_autospec(
        instance_action.InstanceActionManager, instance=True)
    client.limits = mock.create_autospec(limits.LimitsManager, instance=True)
    client.limits.get.return_value = limits.Limits(
        mock.Mock(), {'absolute': {'maxServerMeta': 128}}, loaded=True)
    calls.attach_mock(client.limits, 'limits')
    calls.attach_mock(client.servers, 'servers')
    calls.attach_mock(client.instance_action, 'actions')
    client.servers.list.return_value = [answers.server()]
    client.servers.get.return_value = answers.server()
    client.servers.get_console_output.return_value = answers.text(
        builders.started().text)
    client.servers.create_image.return_value = answers.text(
        builders.SNAPSHOT, builders.OWN)
    client.instance_action.list.return_value = [answers.nova_action('reboot')]
    with mock.patch.object(nova, 'client', autospec=True,
                           return_value=client):
        yield client


@pytest.fixture
def glance_client(calls):
    """A client of Glance: no images."""
    client = mock.Mock(spec_set=['images', 'http_client', 'data'])
    client.images = mock.Mock(spec_set=['list', 'get', 'delete'])
    client.http_client = mock.create_autospec(glance_http.HTTPClient,
                                              instance=True)
    calls.attach_mock(client.images, 'images')
    calls.attach_mock(client.http_client, 'glance')
    client.images.list.return_value = []
    client.images.get.return_value = answers.glance_image(
        builders.image(id=builders.BASE_IMAGE))
    client.http_client.get.side_effect = (
        lambda url: fakes.answer_images(client.images, url))
    # Unless a test gives it data, there is none: then the other evidence
    # decides.
    client.data = fakes.Data(refusal=404)
    with mock.patch.object(glance, 'client', autospec=True,
                           return_value=client), mock.patch.object(
            glance, 'open_data', client.data):
        yield client


@pytest.fixture
def cinder_client(calls):
    """A client of Cinder: two volumes, and a snapshot of each."""
    client = mock.Mock(spec_set=['volumes', 'volume_snapshots', 'limits'])
    client.limits = mock.create_autospec(cinder_limits.LimitsManager,
                                         instance=True)
    client.limits.get.return_value = cinder_limits.Limits(
        mock.Mock(), {'absolute': {
            'totalSnapshotsUsed': 2, 'maxTotalSnapshots': 10,
            'totalGigabytesUsed': 30, 'maxTotalVolumeGigabytes': 1000}})
    client.volumes = mock.create_autospec(volumes.VolumeManager,
                                          instance=True)
    client.volume_snapshots = mock.create_autospec(
        volume_snapshots.SnapshotManager, instance=True)
    calls.attach_mock(client.volumes, 'volumes')
    calls.attach_mock(client.volume_snapshots, 'copies')
    client.volumes.get.side_effect = lambda volume_id: answers.cinder_volume(
        builders.VOLUMES.index(volume_id))
    client.volume_snapshots.get.side_effect = (
        lambda copy_id: answers.cinder_copy(builders.COPIES.index(copy_id)))
    with mock.patch.object(cinder, 'client', autospec=True,
                           return_value=client):
        yield client
