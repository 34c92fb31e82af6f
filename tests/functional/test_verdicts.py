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

"""Each kind of guest gets the verdict that is true of it, never a better one.

Every snapshot is taken with the panel's own button on a real OpenStack. What
a guest does is in tests/cloud/guests.py, behaving as facts.md says of libvirt
and real guests.
"""

import json

import pytest

from tests import clients

AT_REST = ('filesystem-consistent', 'disk-at-rest')
IN_USE = ('crash-consistent', 'disk-in-use')
# What is true of a snapshot of each guest: (verdict, rule).
TRUTH = {
    'ready': AT_REST,
    'hook-ok': ('application-consistent', 'disk-at-rest-hooks'),
    # Whatever became of the witnesses, the disk tells.
    'late': AT_REST,
    'rotated': AT_REST,
    'no-kit': AT_REST,
    'reboot': AT_REST,
    'cut': AT_REST,
    'stuck': AT_REST,
    'extra-freeze': AT_REST,
    'whole-disk': AT_REST,
    'lvm': AT_REST,
    'agent-dead': IN_USE,
    'agent-stopped': IN_USE,
    'freeze-fails': IN_USE,
    'partial': IN_USE,
    'hook-fails': IN_USE,
    'replay': IN_USE,
    'typed': IN_USE,
    # The guest's root lies, with the right keys.
    'claims': IN_USE,
    'damaged': ('crash-consistent', 'disk-damaged'),
    # These disks cannot tell: the witnesses decide.
    'xfs': ('filesystem-consistent', 'freeze-witnessed'),
    'xfs-no-kit': ('unproven', 'no-witness'),
}


@pytest.fixture(scope='module')
def guests(cloud, openstack):
    """One instance for each kind of guest, by kind."""
    flavor = openstack.nova.flavors.list()[0]
    image = cloud.images['debian-12-agent']
    made = {
        kind: openstack.nova.servers.create(
            'test-' + kind, image, flavor, nics='none',
            meta={'demo_guest': kind}).id
        for kind in list(TRUTH) + ['discard']}
    for server_id in made.values():
        clients.wait_for(lambda: openstack.status(server_id) == 'ACTIVE',
                         'an instance to boot')
    yield made
    openstack.delete(made.values())


@pytest.fixture(scope='module')
def dashboard(cloud):
    """Horizon for a user who has all of the guests on one page."""
    horizon = clients.Dashboard(cloud)
    horizon.http.cookies.set('API_RESULT_PAGE_SIZE', '100')
    return horizon


@pytest.fixture(scope='module')
def settled(guests, openstack, dashboard):
    """Take all snapshots with the panel, look until all are settled."""
    for server_id in guests.values():
        dashboard.take(server_id)
    dashboard.settle(guests.values())
    return guests


@pytest.mark.parametrize('kind', sorted(TRUTH))
def test_the_verdict_is_true(kind, settled, openstack):
    images = openstack.snapshots(settled[kind])

    assert len(images) == 1
    image = images[0]
    assert image['status'] == 'active'
    assert (image['consistency_verdict'],
            image['consistency_rule']) == TRUTH[kind]
    assert image['consistency_image'] == image['id']


def test_a_claim_that_the_disk_denies_is_kept_with_the_verdict(settled,
                                                               openstack):
    image, = openstack.snapshots(settled['claims'])

    evidence = json.loads(image['consistency_evidence'])

    assert evidence['contradicts'] == 'freeze-witnessed'


def test_a_discarded_snapshot_is_reported(settled, openstack, dashboard):
    server_id = settled['discard']

    assert openstack.snapshots(server_id) == []
    row = dashboard.rows(server_id)[server_id]
    assert 'Discarded' in row
    assert 'refused the freeze' in row


def test_nothing_is_remembered_of_what_is_sealed(settled, openstack):
    metadata = openstack.nova.servers.get(settled['ready']).metadata

    assert [key for key in metadata if key.startswith('consistency')] == []


@pytest.mark.long
def test_a_seal_does_not_speak_for_a_descendant(settled, openstack,
                                                dashboard):
    """Properties are inherited by an instance and by its snapshots."""
    sealed = openstack.snapshots(settled['ready'])[0]
    flavor = openstack.nova.flavors.list()[0]
    heir = openstack.nova.servers.create(
        'test-heir', sealed['id'], flavor, nics='none',
        meta={'demo_guest': 'agent-dead'}).id
    clients.wait_for(lambda: openstack.status(heir) == 'ACTIVE', 'the heir')
    openstack.nova.servers.create_image(heir, 'by-hand')
    clients.wait_for(lambda: [image for image in openstack.snapshots(heir)
                              if image['status'] == 'active'], 'the image')

    inherited = openstack.snapshots(heir)[0]['consistency_verdict']

    unread = dashboard.rows(heir)[heir]
    dashboard.settle([heir])

    row = dashboard.rows(heir)[heir]
    openstack.delete([heir])
    assert inherited == 'filesystem-consistent'
    assert 'File-system consistent' not in unread + row
    assert 'Crash-consistent' in row
