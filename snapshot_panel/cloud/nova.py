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

"""What the panel asks of Nova."""

import dataclasses
import logging
import re
import typing

from django.core.cache import cache
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
from novaclient import api_versions
from novaclient import client as nova_client
from novaclient import exceptions as nova_exceptions
from openstack_dashboard.api import _nova as horizon_nova
from openstack_dashboard.api import base
from oslo_utils import timeutils
from oslo_utils import uuidutils

from horizon.utils import memoized

from snapshot_panel.cloud import errors
from snapshot_panel import conf
from snapshot_panel.consistency import facts

LOG = logging.getLogger(__name__)

# From here on Nova shows the image properties that an instance carries.
EMBEDDED_VERSION = api_versions.APIVersion('2.98')
# What python-novaclient can be constructed with (fact 8), and the oldest
# that the panel needs: 2.51 shows events to members, 2.58 limits actions.
_CLIENT_VERSION = api_versions.APIVersion('2.96')
_OLDEST_VERSION = api_versions.APIVersion('2.58')

_VERSION_TTL = 3600
_ACTIONS_LIMIT = 50


@memoized.memoized
def client(request):
    """Return a client that shows embedded properties where the cloud can."""
    token, nova_url = request.user.token.id, base.url_for(request, 'compute')
    # Not by the user's name and Keystone's address, as Horizon does it: then
    # the client asks Keystone for another token first, each time.
    keys = session.Session(
        token_endpoint.Token(nova_url, token),
        verify=not horizon_nova.INSECURE and (horizon_nova.CACERT or True),
        timeout=conf.get_config()['request_timeout'])
    made = nova_client.Client(_OLDEST_VERSION.get_string(), session=keys)
    version = _best_version(made, nova_url)
    # The constructor refuses what it does not know, the wire does not.
    made.api_version = version
    made.client.api_version = version
    return made


def _best_version(made, nova_url):
    """Return the version to speak, which a cloud keeps for a while."""
    # The URL may name the project; Nova's version does not depend on it.
    key = 'snapshot_panel:nova:%s' % re.sub(r'[^!-~]', '', nova_url)
    newest = cache.get(key)
    if newest is None:
        current = made.versions.get_current()
        newest = getattr(current, 'version', '') or ''
        cache.set(key, newest, _VERSION_TTL)
    if not newest:
        return _OLDEST_VERSION
    newest = api_versions.APIVersion(newest)
    if newest >= EMBEDDED_VERSION:
        return EMBEDDED_VERSION
    return min(newest, _CLIENT_VERSION)


@dataclasses.dataclass(frozen=True)
class InstancePage:
    """Some of the project's instances, and whether there are others."""

    instances: typing.Tuple[facts.Instance, ...]
    more: bool = False
    previous: bool = False


def list_instances(request, limit, marker=None, backwards=False, name='',
                   status='', image=''):
    """Return a :class:`InstancePage` of the project's instances, newest first.

    :param int limit: how many at most.
    :param str marker: id of the instance next to the page.
    :param bool backwards: take those before the marker.
    :param str name: a part of the name, taken literally.
    :param str status: Nova's name of a status.
    :param str image: id of the image that they were booted from.
    """
    options = {'project_id': request.user.tenant_id, 'limit': limit + 1}
    if marker:
        options['marker'] = marker
    if name:
        # Nova takes a regular expression.
        options['name'] = re.escape(name)
    if status:
        options['status'] = status
    if image:
        options['image'] = image
    direction = 'asc' if backwards else 'desc'
    with errors.asking('Nova'):
        try:
            servers = client(request).servers.list(
                search_opts=options,
                sort_keys=['created_at', 'display_name', 'uuid'],
                sort_dirs=[direction] * 3)
        except nova_exceptions.BadRequest:
            if not marker:
                raise
            # The instance that marked the page was deleted meanwhile.
            return list_instances(request, limit, name=name, status=status,
                                  image=image)
    found = [_instance(server) for server in servers]
    over = len(found) > limit
    found = found[:limit]
    if backwards:
        return InstancePage(tuple(reversed(found)), more=True, previous=over)
    return InstancePage(tuple(found), more=over, previous=bool(marker))


def get_instance(request, instance_id):
    """Return one of the project's instances.

    :raises errors.NotFound: also where it is another project's, which an
        administrator could see.
    """
    # The id becomes a part of an address.
    if not uuidutils.is_uuid_like(instance_id):
        raise errors.NotFound('Nova', 'instance %s' % instance_id)
    with errors.asking('Nova'):
        server = client(request).servers.get(instance_id)
    if server.tenant_id != request.user.tenant_id:
        raise errors.NotFound('Nova', 'instance %s' % instance_id)
    return _instance(server)


def _instance(server):
    image = server.image or {}
    embedded = image.get('properties')
    return facts.Instance(
        id=server.id, name=server.name, status=server.status,
        task_state=getattr(server, 'OS-EXT-STS:task_state', None),
        image_id=image.get('id'),
        properties=(facts.UNKNOWN_PROPERTIES if embedded is None else
                    facts.Properties(embedded, facts.Source.EMBEDDED)),
        metadata=dict(server.metadata), project_id=server.tenant_id,
        created=parse_time(server.created),
        volume_ids=tuple(volume['id'] for volume in getattr(
            server, 'os-extended-volumes:volumes_attached', None) or ()),
        locked=bool(getattr(server, 'locked', False)),
        # From 2.73 on; None where nobody gave one.
        locked_reason=getattr(server, 'locked_reason', None) or '',
        flavor=(getattr(server, 'flavor', None) or {}).get(
            'original_name', ''),
        networks=tuple(getattr(server, 'addresses', None) or ()))


def parse_time(text):
    """Return an aware datetime of what a service wrote, or None."""
    if not text:
        return None
    return timeutils.parse_isotime(text if text.endswith('Z') else text + 'Z')


def get_console(request, instance_id):
    """Return the console log, None where there is none.

    An instance that is shut off has no console (fact 6).
    """
    with errors.asking('Nova'):
        try:
            # Plain text: novaclient's own kind of string cannot be cached.
            return str(
                client(request).servers.get_console_output(instance_id))
        except nova_exceptions.NotFound:
            return None


def list_actions(request, instance_id):
    """Return the newest :class:`facts.Action` of an instance, newest first.

    None where the instance is gone. Start and finish are not in the list.
    """
    with errors.asking('Nova'):
        try:
            found = client(request).instance_action.list(
                instance_id, limit=_ACTIONS_LIMIT)
        except nova_exceptions.NotFound:
            return None
    return [facts.Action(action.action, action.request_id, action.user_id)
            for action in found]


def time_action(request, instance_id, action):
    """Return the action with start, finish and outcome of its work."""
    with errors.asking('Nova'):
        try:
            found = client(request).instance_action.get(
                instance_id, action.request_id)
        except nova_exceptions.NotFound:
            return action
    events = [event for event in found.events or ()
              if event['event'].startswith('compute_')]
    if len(events) != 1:
        return action
    event = events[0]
    return dataclasses.replace(
        action, started=parse_time(event.get('start_time')),
        finished=parse_time(event.get('finish_time')),
        succeeded=event.get('result') == 'Success')


def get_metadata_limit(request):
    """Return how many keys an instance's metadata may have.

    None where Nova does not tell, below 0 where there is no limit.
    """
    with errors.asking('Nova'):
        found = {limit.name: limit.value
                 for limit in client(request).limits.get().absolute}
    return found.get('maxServerMeta')


def create_image(request, instance_id, name, properties):
    """Ask for a snapshot.

    :returns: the id of its image, and the request id by which Nova's record
        of actions knows it, None if Nova did not tell.
    """
    with errors.asking('Nova'):
        answer = client(request).servers.create_image(
            instance_id, name, properties)
    return str(answer), next(iter(answer.request_ids), None)


def remember(request, instance_id, memory):
    """Write what must survive a vanished image on the server."""
    set_metadata(request, instance_id, {memory.key: memory.value()})


def forget(request, instance_id, memory):
    """Remove it again; it may be gone already."""
    delete_metadata(request, instance_id, memory.key)


def set_metadata(request, instance_id, items):
    """Write items of a server's metadata and leave all others alone."""
    with errors.asking('Nova'):
        client(request).servers.set_meta(instance_id, items)


def delete_metadata(request, instance_id, key):
    """Remove an item of a server's metadata; it may be gone already."""
    with errors.asking('Nova'):
        try:
            client(request).servers.delete_meta(instance_id, [key])
        except nova_exceptions.NotFound:
            LOG.debug('%s has no %s', instance_id, key)


def stop(request, instance_id):
    """Ask a guest to shut down, and power it off after Nova's limit."""
    with errors.asking('Nova'):
        client(request).servers.stop(instance_id)


def start(request, instance_id):
    """Power an instance on."""
    with errors.asking('Nova'):
        client(request).servers.start(instance_id)
