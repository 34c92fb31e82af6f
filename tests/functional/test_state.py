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

"""A snapshot's state is in the cloud: nothing of Horizon is needed."""

import os
import signal

from tests import clients
from tests.cloud import rest


def restart_horizon(cloud):
    """Replace the processes that serve Horizon."""
    os.kill(cloud.pids['dashboard'], signal.SIGHUP)
    clients.wait_for(lambda: rest.answers(cloud.url + 'auth/login/'),
                     'Horizon to be back')


def test_nobody_has_to_look_for_a_snapshot_to_be_true(cloud, openstack):
    instance_id = cloud.instances['web-ready']
    first = clients.Dashboard(cloud, 'demo')
    before = {image['id'] for image in openstack.snapshots(instance_id)}

    first.click(instance_id)
    restart_horizon(cloud)
    clients.wait_for(lambda: openstack.idle(instance_id), 'the snapshot')
    second = clients.Dashboard(cloud, 'demo2')
    second.settle([instance_id])

    made = [image for image in openstack.snapshots(instance_id)
            if image['id'] not in before]
    assert [image['consistency_verdict'] for image in made] == [
        'filesystem-consistent']
    assert made[0]['consistency_requested_by'] == 'demo'


def test_settling_twice_changes_nothing(cloud, openstack, dashboard):
    instance_id = cloud.instances['web-ready']
    before = openstack.snapshots(instance_id)

    dashboard.rows(instance_id, settle=True)

    assert openstack.snapshots(instance_id) == before


def test_looking_changes_nothing(cloud, openstack, dashboard):
    instance_id = cloud.instances['next-is-discarded']
    metadata = openstack.nova.servers.get(instance_id).metadata

    dashboard.get(clients.PANEL)
    dashboard.get('%s%s/' % (clients.PANEL, instance_id))
    dashboard.rows(instance_id)

    assert openstack.nova.servers.get(instance_id).metadata == metadata
