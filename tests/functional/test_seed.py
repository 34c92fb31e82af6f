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

"""The demo as a user meets it: what the click does on each instance."""

import pytest

from tests import clients
from tests.cloud import disk

CONSISTENT = ('filesystem-consistent', 'application-consistent')

# The verdict of a snapshot taken now, by instance of the seed.
TRUTH = {
    'web-ready': 'filesystem-consistent',
    'db-hooks': 'application-consistent',
    # Nothing in the guest tells, but its disk does.
    'db-agent-no-kit': 'filesystem-consistent',
    'app-agent-stopped': 'crash-consistent',
    'legacy-no-channel': 'crash-consistent',
    # Its agent is dead, which its disk betrays.
    'pay-requires-quiesce': 'crash-consistent',
    'drifted': 'crash-consistent',
    'stopped-clean': 'filesystem-consistent',
    'stopped-hard': 'crash-consistent',
    'paused': 'crash-consistent',
    'files-data-volume': 'filesystem-consistent',
    'mail-on-volumes': 'filesystem-consistent',
    'batch-scratch': 'filesystem-consistent',
    # It was frozen, but XFS cannot tell, and it has no kit.
    'erp-xfs': 'unproven',
}
# The disks of this one are not in the image: see test_volumes.py.
ON_VOLUMES = {'mail-on-volumes'}


@pytest.fixture(scope='module')
def taken(cloud, openstack, dashboard):
    """Click on every seeded instance; return the new images by instance."""
    ids = {name: cloud.instances[name]
           for name in list(TRUTH) + ['next-is-discarded']}
    before = {name: {image['id'] for image in openstack.snapshots(server_id)}
              for name, server_id in ids.items()}
    for server_id in ids.values():
        dashboard.take(server_id)
    dashboard.settle(ids.values())
    return {name: [image for image in openstack.snapshots(server_id)
                   if image['id'] not in before[name]]
            for name, server_id in ids.items()}


@pytest.mark.parametrize('name', TRUTH)
def test_the_click_gives_the_verdict_that_is_true(name, taken):
    verdicts = [image['consistency_verdict'] for image in taken[name]]

    assert verdicts == [TRUTH[name]]


@pytest.mark.parametrize('name', sorted(set(TRUTH) - ON_VOLUMES))
def test_what_is_called_consistent_is_so_on_the_disk(name, taken, openstack):
    image = taken[name][0]

    content = openstack.content(image['id'])

    clean = disk.is_clean(content)
    assert clean or image['consistency_verdict'] not in CONSISTENT


def test_the_discarded_one_leaves_no_image_but_a_report(taken, cloud,
                                                        dashboard):
    server_id = cloud.instances['next-is-discarded']

    row = dashboard.rows(server_id)[server_id]

    assert taken['next-is-discarded'] == []
    assert 'Discarded' in row


@pytest.mark.parametrize('word', [
    'Application-consistent', 'File-system consistent', 'Unproven',
    'Crash-consistent', 'Discarded'])
def test_the_seed_has_a_former_snapshot_of_each_verdict(word, cloud,
                                                        dashboard):
    pages = [dashboard.get('%s%s/' % (clients.PANEL, server_id)).text
             for name, server_id in cloud.instances.items()
             if name != 'other-web']

    assert any(word in page for page in pages)
