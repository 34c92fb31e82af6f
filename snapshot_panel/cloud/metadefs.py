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

"""What the cloud itself says of image properties."""

import urllib.parse

from django.core.cache import cache

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.consistency import properties

# How long the definitions of properties are kept, in seconds.
_DEFINITIONS_TTL = 600

_IMAGE_TYPE = 'OS::Glance::Image'

_NAMESPACES = 100


def definitions(request):
    """Return what the cloud says of image properties.

    :returns: a dict of :class:`properties.Definition` by name, empty where
        the cloud has none or does not tell.
    """
    # A project may have definitions of its own.
    key = 'snapshot_panel:definitions:' + request.user.tenant_id
    found = cache.get(key)
    if found is None:
        try:
            found = _ask_definitions(request)
        except errors.CloudError:
            found = {}
        cache.set(key, found, _DEFINITIONS_TTL)
    return found


def _ask_definitions(request):
    query = urllib.parse.urlencode({'resource_types': _IMAGE_TYPE,
                                    'limit': _NAMESPACES})
    body = glance.ask(request, '/v2/metadefs/namespaces?' + query)
    names = sorted(each['namespace'] for each in body['namespaces'])
    found = {}
    # What another namespace says too does not count again: the first wins.
    for body in reversed(asking.for_each(
            lambda name: _ask_namespace(request, name), names)):
        if not isinstance(body, errors.CloudError):
            found.update(_read_definitions(body))
    return found


def _ask_namespace(request, name):
    # Asked for images, Glance puts the prefix for images before the names.
    query = urllib.parse.urlencode({'resource_type': _IMAGE_TYPE})
    return glance.ask(request, '/v2/metadefs/namespaces/%s?%s' % (
        urllib.parse.quote(name, safe=':'), query))


def _read_definitions(namespace):
    nested = [each.get('properties') or {}
              for each in namespace.get('objects') or ()]
    return {name: _read_definition(name, value)
            for group in [*nested, namespace.get('properties') or {}]
            for name, value in group.items()}


def _read_definition(name, value):
    kinds = {kind.value: kind for kind in properties.Kind}
    default = value.get('default')
    return properties.Definition(
        name, kinds.get(value.get('type'), properties.Kind.TEXT),
        choices=tuple(map(str, value.get('enum') or ())),
        lowest=value.get('minimum'), highest=value.get('maximum'),
        default='' if default is None else str(default),
        title=value.get('title') or '', help=value.get('description') or '')
