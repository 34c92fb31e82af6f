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

"""What the panel asks of Cinder.

Cinder's lists cannot be filtered by ids or by instance, and a project may
have thousands of volumes: each of the few that belong to an instance is asked
for by itself, all at the same time. Most instances have none and cost nothing.
"""

from cinderclient import exceptions as cinder_exceptions
from openstack_dashboard.api import cinder as horizon_cinder

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel import conf
from snapshot_panel.consistency import facts


def client(request):
    """Return Horizon's client, with a bound on how long it waits."""
    made = horizon_cinder.cinderclient(request)
    made.client.timeout = conf.get_config()['request_timeout']
    return made


def get_volume(request, volume_id):
    """Return a :class:`facts.Volume`.

    :raises errors.NotFound: where it does not exist (any more).
    """
    with errors.asking('Cinder'):
        found = client(request).volumes.get(volume_id)
    return facts.Volume(
        id=found.id, name=found.name or '', size=found.size,
        devices={each['server_id']: each.get('device') or ''
                 for each in found.attachments},
        multiattach=bool(getattr(found, 'multiattach', True)),
        properties=dict(getattr(found, 'volume_image_metadata', {})))


def get_snapshot(request, snapshot_id):
    """Return a :class:`facts.VolumeSnapshot`, also of one that is gone."""
    with errors.asking('Cinder'):
        try:
            found = client(request).volume_snapshots.get(snapshot_id)
        except cinder_exceptions.NotFound:
            return facts.VolumeSnapshot(snapshot_id, None)
    return facts.VolumeSnapshot(
        id=found.id, status=found.status, volume_id=found.volume_id,
        progress=getattr(
            found, 'os-extended-snapshot-attributes:progress', None),
        created=nova.parse_time(found.created_at),
        updated=nova.parse_time(getattr(found, 'updated_at', None)))


def get_usage(request):
    """Return the project's quotas of volumes, :class:`facts.Usage` by name.

    ``snapshots`` counts them, ``gigabytes`` are GiB of volumes and snapshots.
    """
    with errors.asking('Cinder'):
        limits = {limit.name: limit.value
                  for limit in client(request).limits.get().absolute}
    return {
        'snapshots': facts.Usage(limits['totalSnapshotsUsed'],
                                 limits['maxTotalSnapshots']),
        'gigabytes': facts.Usage(limits['totalGigabytesUsed'],
                                 limits['maxTotalVolumeGigabytes'])}
