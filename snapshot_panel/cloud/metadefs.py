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

import typing
import urllib.parse

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import reading
from snapshot_panel.consistency import properties

# How long the definitions of properties are kept, in seconds.
_DEFINITIONS_TTL = 600

_IMAGE_TYPE = 'OS::Glance::Image'

_NAMESPACES = 100


def definitions(session: asking.Session
                ) -> dict[str, properties.Definition]:
    """Return what the cloud says of image properties, by name.

    Empty where the cloud has no definitions or does not show them.
    """
    # A project may have definitions of its own.
    key = cache.of_release('snapshot_panel:definitions:'
                           + session.user.tenant_id)
    kept: dict[str, properties.Definition] | None = cache.get(key)
    if kept is not None:
        return kept
    answer = asking.outcome(lambda: _ask_definitions(session))
    fresh = {} if isinstance(answer, errors.CloudError) else answer
    cache.set(key, fresh, _DEFINITIONS_TTL)
    return fresh


def _ask_definitions(session: asking.Session
                     ) -> dict[str, properties.Definition]:
    query = urllib.parse.urlencode({'resource_types': _IMAGE_TYPE,
                                    'limit': _NAMESPACES})
    with errors.asking('Glance'):
        body = glance.ask(session, '/v2/metadefs/namespaces?' + query)
        names = sorted(reading.text(each['namespace'])
                       for each in reading.entries(body['namespaces']))
    merged: dict[str, properties.Definition] = {}
    # What another namespace says too does not count again: the first wins.
    for answer in reversed(asking.for_each(
            lambda name: _ask_namespace(session, name), names)):
        if not isinstance(answer, errors.CloudError):
            merged.update(answer)
    return merged


def _ask_namespace(session: asking.Session, name: str
                   ) -> dict[str, properties.Definition]:
    # Asked for images, Glance puts the prefix for images before the names.
    query = urllib.parse.urlencode({'resource_type': _IMAGE_TYPE})
    with errors.asking('Glance'):
        return _read_definitions(glance.ask(
            session, '/v2/metadefs/namespaces/%s?%s' % (
                urllib.parse.quote(name, safe=':'), query)))


def _read_definitions(namespace: dict[str, typing.Any]
                      ) -> dict[str, properties.Definition]:
    nested = [each.get('properties') or {}
              for each in reading.entries(namespace.get('objects') or [])]
    return {reading.text(name): _read_definition(name, value)
            for group in [*nested, namespace.get('properties') or {}]
            for name, value in reading.mapping(group).items()}


def _read_definition(name: str, value: typing.Any) -> properties.Definition:
    kinds = {kind.value: kind for kind in properties.Kind}
    default = value.get('default')
    return properties.Definition(
        name, kinds.get(reading.name(value.get('type')),
                        properties.Kind.TEXT),
        choices=tuple(reading.text(str(choice)) for choice
                      in reading.entries(value.get('enum') or [])),
        lowest=reading.bound(value.get('minimum')),
        highest=reading.bound(value.get('maximum')),
        default='' if default is None else reading.text(str(default)),
        title=reading.name(value.get('title')),
        help=reading.name(value.get('description')))
