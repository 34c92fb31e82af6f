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

from collections.abc import Callable
import typing

from horizon.utils import memoized

from snapshot_panel.cloud import asking
from snapshot_panel.cloud.clients import cinder_client
from snapshot_panel.cloud.clients import cinder_exceptions
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import reading
from snapshot_panel.cloud import sessions
from snapshot_panel.consistency import facts

# What catalogs call Cinder; the first that is there counts.
_TYPES = ('volumev3', 'block-storage', 'block-store', 'volume')


def _make_client(session: asking.Session) -> typing.Any:
    """Return a client of Cinder's third version.

    :raises horizon_exceptions.ServiceCatalogException: there is no Cinder.
    """
    errors.require('Cinder')
    # With no name of its own the client says that of the session.
    return cinder_client.Client('3', user_agent=None, session=sessions.make(
        session, sessions.find_url(session, _TYPES), 'Cinder'))


client: Callable[[asking.Session], typing.Any] = memoized.memoized(
    _make_client)


def get_volume(session: asking.Session, volume_id: str) -> facts.Volume:
    """Return a volume.

    :raises errors.NotFound: where it does not exist (any more).
    """
    with errors.asking('Cinder'):
        volume = client(session).volumes.get(volume_id)
        return facts.Volume(
            id=reading.identifier(volume.id), name=reading.name(volume.name),
            size=reading.size(volume.size),
            devices={reading.text(each['server_id']):
                     reading.name(each.get('device'))
                     for each in reading.entries(volume.attachments)},
            multiattach=bool(getattr(volume, 'multiattach', True)),
            properties=reading.properties(
                getattr(volume, 'volume_image_metadata', {})),
            # Cinder writes it as a word.
            bootable=getattr(volume, 'bootable', None) in ('true', True))


def get_snapshot(session: asking.Session, snapshot_id: str
                 ) -> facts.VolumeSnapshot:
    """Return the snapshot of a volume, also of one that is gone."""
    with errors.asking('Cinder'):
        try:
            copy = client(session).volume_snapshots.get(snapshot_id)
        except cinder_exceptions.NotFound:
            return facts.VolumeSnapshot(snapshot_id, None)
        return facts.VolumeSnapshot(
            id=reading.identifier(copy.id), status=reading.text(copy.status),
            volume_id=reading.text_or_none(copy.volume_id),
            progress=reading.text_or_none(getattr(
                copy, 'os-extended-snapshot-attributes:progress', None)),
            created=reading.moment_or_none(copy.created_at),
            updated=reading.moment_or_none(
                getattr(copy, 'updated_at', None)))


def get_usage(session: asking.Session) -> dict[str, facts.Usage]:
    """Return the project's quotas of volumes by name.

    ``snapshots`` counts them, ``gigabytes`` are GiB of volumes and snapshots.
    """
    with errors.asking('Cinder'):
        limits = {limit.name: limit.value
                  for limit in client(session).limits.get().absolute}
        return {
            'snapshots': facts.Usage(
                reading.number(limits['totalSnapshotsUsed']),
                reading.number(limits['maxTotalSnapshots'])),
            'gigabytes': facts.Usage(
                reading.number(limits['totalGigabytesUsed']),
                reading.number(limits['maxTotalVolumeGigabytes']))}
