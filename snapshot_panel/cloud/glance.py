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

"""What the panel asks of Glance."""

import json
import logging

from glanceclient import exc as glance_exceptions
from openstack_dashboard.api import glance as horizon_glance
from oslo_utils import timeutils

from snapshot_panel.cloud import errors
from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties as rules

LOG = logging.getLogger(__name__)

_PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'


def client(request):
    """Return Horizon's client, with a bound on how long it waits."""
    made = horizon_glance.glanceclient(request)
    made.http_client.timeout = conf.get_config()['request_timeout']
    return made


def list_snapshots(request, instance_id=None):
    """Return the project's newest snapshot images, newest first.

    :param str instance_id: only those of that instance.
    """
    filters = {'image_type': 'snapshot', 'owner': request.user.tenant_id}
    if instance_id:
        filters['instance_uuid'] = instance_id
    return _list(request, filters, conf.get_config()['snapshots_listed'])


def list_images(request, image_ids):
    """Return the images with these ids that the project can see."""
    if not image_ids:
        return []
    names = 'in:' + ','.join(sorted(image_ids))
    return _list(request, {'id': names}, len(image_ids))


def _list(request, filters, limit):
    with errors.asking('Glance'):
        found = client(request).images.list(
            filters=filters, limit=limit, page_size=limit,
            sort='created_at:desc')
        return [image_of(image) for image in found]


def get_image(request, image_id):
    """Return one image.

    :raises errors.NotFound: where it does not exist (any more).
    """
    with errors.asking('Glance'):
        return image_of(client(request).images.get(image_id))


def image_of(values):
    """Return a :class:`facts.Image` of what Glance told."""
    values = dict(values)
    return facts.Image(
        id=values['id'], name=values.get('name') or '',
        status=values['status'],
        properties={name: str(value) for name, value in values.items()
                    if name not in rules.SCHEMA and value is not None},
        created=timeutils.parse_isotime(values['created_at']),
        updated=timeutils.parse_isotime(values['updated_at']),
        size=values.get('size'), owner=values.get('owner'))


def add_properties(request, image_id, properties):
    """Write properties on an image and leave all others alone."""
    patch(request, image_id, [
        {'op': 'add', 'path': rules.pointer(name), 'value': value}
        for name, value in sorted(properties.items())])


def patch(request, image_id, operations):
    """Apply a JSON patch to an image: all of it, or nothing.

    :param operations: list of dicts as Glance's JSON patch 2.1 has them.
    """
    with errors.asking('Glance'):
        client(request).http_client.patch(
            '/v2/images/%s' % image_id, headers={'Content-Type': _PATCH_TYPE},
            data=json.dumps(operations))


def delete_image(request, image_id):
    """Delete an image; it may be gone already."""
    with errors.asking('Glance'):
        try:
            client(request).images.delete(image_id)
        except glance_exceptions.HTTPNotFound:
            LOG.debug('Image %s was gone already', image_id)
