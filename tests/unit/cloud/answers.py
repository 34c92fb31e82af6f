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

"""What services tell, as their clients do."""

import json
from unittest import mock

from cinderclient.v3 import volume_snapshots
from cinderclient.v3 import volumes
from glanceclient import exc as glance_exceptions
from novaclient import base
from novaclient.v2 import instance_action
from novaclient.v2 import servers

from snapshot_panel.cloud import cinder
from snapshot_panel.consistency import records
from tests.unit import builders

# The tests' client of Cinder takes its place.
REAL_CINDER_CLIENT = cinder.client


def cinder_volume(number=0, **changes):
    """Return a volume as python-cinderclient does."""
    volume = builders.volume(number)
    values = {
        'id': volume.id, 'name': volume.name, 'size': volume.size,
        'multiattach': volume.multiattach, 'attachments': [
            {'server_id': server_id, 'device': device}
            for server_id, device in volume.devices.items()]}
    return volumes.Volume(mock.Mock(), {**values, **changes}, loaded=True)


def cinder_copy(number=0, **changes):
    """Return a volume's snapshot as python-cinderclient does."""
    copy = builders.copy(number)
    values = {
        'id': copy.id, 'status': copy.status, 'volume_id': copy.volume_id,
        'os-extended-snapshot-attributes:progress': copy.progress,
        'created_at': '2026-11-22T11:59:14.960000',
        'updated_at': '2026-11-22T11:59:15.000000'}
    return volume_snapshots.Snapshot(mock.Mock(), {**values, **changes},
                                     loaded=True)


def text(value, request_id=None):
    """Return a text as python-novaclient does, with its request's id."""
    return base.StrWithMeta(value, request_id)


def server(**changes):
    """Return a server as python-novaclient does."""
    values = {
        'id': builders.INSTANCE, 'name': 'web', 'status': 'ACTIVE',
        'tenant_id': 'project', 'metadata': {},
        'created': '2026-11-22T11:00:00Z', 'OS-EXT-STS:task_state': None,
        'os-extended-volumes:volumes_attached': [],
        'image': {'id': builders.BASE_IMAGE,
                  'properties': {'hw_qemu_guest_agent': 'yes'}}}
    return servers.Server(mock.Mock(), {**values, **changes}, loaded=True)


def nova_action(name, request_id=builders.BEFORE, events=(), **changes):
    values = {'action': name, 'request_id': request_id, 'user_id': 'user',
              'events': events}
    return instance_action.InstanceAction(mock.Mock(),
                                          {**values, **changes}, loaded=True)


def stop_event(**changes):
    """Return the event of a stop that took five seconds."""
    return {'event': 'compute_stop_instance', 'result': 'Success',
            'start_time': '2026-11-22T11:00:00.000000',
            'finish_time': '2026-11-22T11:00:05.000000', **changes}


def glance_image(image):
    """Return an image as Glance tells it."""
    return {'id': image.id, 'name': image.name, 'status': image.status,
            'size': image.size, 'owner': image.owner, 'visibility': 'private',
            'tags': [], 'created_at': records.format_time(image.created),
            'updated_at': records.format_time(image.updated),
            **image.properties}


class Glance:
    """An image service that holds these images and does what is asked."""

    def __init__(self, client, *images):
        self.images = {image.id: glance_image(image)
                       for image in images}
        self.deleted = []
        client.images.list.side_effect = self.list
        client.images.get.side_effect = self.get
        client.images.delete.side_effect = self.delete
        client.http_client.patch.side_effect = self.patch

    def list(self, id, **_options):
        wanted = id.partition(':')[2].split(',')
        return [dict(self.images[each]) for each in wanted
                if each in self.images]

    def get(self, image_id):
        if image_id not in self.images:
            raise glance_exceptions.HTTPNotFound()
        return dict(self.images[image_id])

    def delete(self, image_id):
        self.get(image_id)
        del self.images[image_id]
        self.deleted.append(image_id)

    def patch(self, url, data, **_options):
        for operation in json.loads(data):
            self.images[url.rpartition('/')[2]][
                operation['path'][1:]] = operation['value']
