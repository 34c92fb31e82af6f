# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The modelled guests leave disks that tell the truth about themselves.

The panel is not asked. Each snapshot is taken with Nova's own API, and what
Glance then holds is read: no kit, no record, no click.
"""

import dataclasses

import pytest

from snapshot_panel.disk import read_disk
from tests import clients
from tests.cloud import disk


@dataclasses.dataclass(frozen=True)
class Case:
    """A guest, and what the disk in its snapshot says.

    ``at_rest`` is what the model says of it, ``word`` the disk itself.
    """

    guest: str
    at_rest: bool
    word: str
    image: str = 'debian-12-agent'
    action: str = ''
    status: str = 'ACTIVE'


CASES = {
    'frozen': Case('ready', True, 'at-rest'),
    'frozen without a kit': Case('no-kit', True, 'at-rest'),
    'hook works': Case('hook-ok', True, 'at-rest'),
    'rebooted before the freeze': Case('reboot', True, 'at-rest'),
    'hook refuses': Case('hook-fails', False, 'in-use'),
    'freeze fails in silence': Case('freeze-fails', False, 'in-use'),
    'one file system is not frozen': Case('partial', False, 'in-use'),
    'agent stopped': Case('agent-stopped', False, 'in-use'),
    'agent dead, no kit': Case('agent-dead', False, 'in-use'),
    'never asked': Case('no-kit', False, 'in-use', 'debian-12'),
    'a freeze is only claimed': Case('claims', False, 'in-use'),
    'stopped': Case('no-kit', True, 'at-rest', action='stop',
                    status='SHUTOFF'),
    'powered off hard': Case('ignores-acpi', False, 'in-use', action='stop',
                             status='SHUTOFF'),
    'paused': Case('ready', False, 'in-use', action='pause',
                   status='PAUSED'),
    'whole disk': Case('whole-disk', True, 'at-rest'),
    'volume group': Case('lvm', True, 'at-rest'),
    'volume group, never asked': Case('lvm', False, 'in-use', 'debian-12'),
    'XFS frozen': Case('xfs', True, 'cannot-tell'),
    'XFS never asked': Case('xfs', False, 'cannot-tell', 'debian-12'),
    'frozen, with an error': Case('damaged', True, 'damaged'),
}


@pytest.fixture(scope='module')
def taken(cloud, openstack):
    """Take a snapshot of each case; return the images' ids by case."""
    nova = openstack.nova
    flavor = nova.flavors.list()[0]
    made = {name: nova.servers.create(
        'model-guest', cloud.images[case.image], flavor, nics='none',
        meta={'demo_guest': case.guest}).id for name, case in CASES.items()}
    for name, case in CASES.items():
        _wait(openstack, made[name], 'ACTIVE')
        if case.action:
            getattr(nova.servers, case.action)(made[name])
    for name, case in CASES.items():
        _wait(openstack, made[name], case.status)
    images = {name: nova.servers.create_image(server_id, 'model-snapshot')
              for name, server_id in made.items()}
    for image_id in images.values():
        clients.wait_for(lambda: openstack.glance.images.get(
            image_id)['status'] == 'active', 'a snapshot')
    yield images
    for image_id in images.values():
        openstack.glance.images.delete(image_id)
    openstack.delete(made.values())


def _wait(openstack, server_id, status):
    clients.wait_for(lambda: openstack.status(server_id) == status
                     and openstack.idle(server_id), 'an instance')


def word(data):
    """Return the word of the disk in these bytes of an image."""
    return read_disk(lambda offset, length: data[offset:offset + length],
                     len(data)).word.value


@pytest.mark.parametrize('name', CASES)
def test_the_disk_says_what_became_of_the_guest(name, taken, openstack):
    data = openstack.content(taken[name])

    assert word(data) == CASES[name].word
    assert disk.is_clean(data) is CASES[name].at_rest


@pytest.mark.parametrize('name, expected', [
    ('debian-12', 'at-rest'), ('debian-12-agent', 'at-rest'),
    ('rocky-9-agent', 'cannot-tell')])
def test_what_instances_are_made_from_tells_what_will_tell(
        name, expected, cloud, openstack):
    data = openstack.content(cloud.images[name])

    assert word(data) == expected
    assert disk.is_clean(data)


@pytest.mark.parametrize('name, image_type', [
    ('before-upgrade', 'snapshot'), ('nightly-batch-scratch', 'backup'),
    ('files-2025-01-31', 'snapshot')])
def test_the_seed_has_snapshots_that_the_panel_did_not_take(
        name, image_type, cloud, openstack):
    image = openstack.glance.images.get(cloud.images[name])

    assert image['image_type'] == image_type
    assert image['instance_uuid'] in cloud.instances.values()
    assert word(openstack.content(image['id'])) == 'at-rest'


def test_one_instance_has_disks_that_no_image_holds(cloud, openstack):
    flavor = openstack.nova.servers.get(
        cloud.instances['batch-scratch']).flavor

    assert flavor['ephemeral'] == 1
    assert flavor['swap'] == 256
