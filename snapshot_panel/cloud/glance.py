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

import itertools
import json
import logging
import urllib.parse

from django.utils.encoding import iri_to_uri
from glanceclient import exc as glance_exceptions
from openstack_dashboard.api import glance as horizon_glance
from oslo_utils import timeutils
from oslo_utils import uuidutils

from snapshot_panel.cloud import errors
from snapshot_panel import conf
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties as rules

LOG = logging.getLogger(__name__)

_PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'


def client(request):
    """Return Horizon's client, with a bound on how long it waits."""
    made = horizon_glance.glanceclient(request)
    made.http_client.timeout = conf.get_config()['request_timeout']
    return made


def list_snapshots(request, instance_id=None, limit=None):
    """Return the project's newest snapshot images, newest first.

    :param str instance_id: only those of that instance.
    :param int limit: how many, as the operator set it if None.
    """
    filters = {'image_type': 'snapshot', 'owner': request.user.tenant_id}
    if instance_id:
        filters['instance_uuid'] = instance_id
    found = _list(request, filters,
                  limit or conf.get_config()['snapshots_listed'])
    # Some have inherited that property from another's.
    return [image for image in found
            if image.instance_id == instance_id or not instance_id]


def list_images(request, image_ids):
    """Return the images with these ids that the project can see."""
    if not image_ids:
        return []
    names = 'in:' + ','.join(sorted(image_ids))
    return _list(request, {'id': names}, len(image_ids))


def _list(request, filters, limit):
    return list(find(request, filters, limit, limit))


def find(request, filters, page_size, limit, sort='created_at:desc',
         marker=None):
    """Give images, newest first, as far as somebody takes them.

    :param dict filters: Glance's, by name.
    :param int page_size: how many one request asks for.
    :param int limit: how many there are at most.
    """
    options = {**filters, 'limit': page_size, 'sort': sort}
    if marker:
        options['marker'] = marker
    return itertools.islice(_follow(request, options), limit)


def _follow(request, options):
    path = '/v2/images?' + urllib.parse.urlencode(options)
    while path:
        body = ask(request, path)
        yield from map(image_of, body['images'])
        path = body.get('next')


def get_image(request, image_id):
    """Return one image.

    :raises errors.NotFound: where it does not exist (any more).
    """
    return image_of(ask(request, '/v2/images/' + urllib.parse.quote(
        image_id, safe='')))


def ask(request, path):
    """Return what Glance answers, as it is.

    Its client's own lists ask for the schema of an image first, each time,
    and hold every image against it.
    """
    with errors.asking('Glance'):
        _response, body = client(request).http_client.get(iri_to_uri(path))
        return body


def find_image(request, image_id):
    """Return one image, None where it does not exist (any more)."""
    # The id becomes a part of an address.
    if not uuidutils.is_uuid_like(image_id):
        return None
    try:
        image = get_image(request, image_id)
    except errors.NotFound:
        return None
    return None if image.gone else image


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
        size=values.get('size'), owner=values.get('owner'),
        protected=bool(values.get('protected')))


def get_usage(request):
    """Return the project's quotas of images, :class:`facts.Usage` by name.

    Empty where the cloud has none, or a Glance too old to tell them.
    """
    try:
        answer = ask(request, '/v2/info/usage')
    except errors.NotFound:
        return {}
    return {name: facts.Usage(quota['usage'], quota['limit'])
            for name, quota in answer['usage'].items()}


def add_properties(request, image_id, properties):
    """Write properties on an image and leave all others alone."""
    patch(request, image_id, [
        {'op': 'add', 'path': edits.pointer(name), 'value': value}
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
