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

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import datetime
import logging
import re
import typing

from openstack_dashboard.api import base

from horizon.utils import memoized

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud.clients import nova_client
from snapshot_panel.cloud.clients import nova_exceptions
from snapshot_panel.cloud.clients import nova_versions
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import reading
from snapshot_panel.cloud import sessions
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import successor

LOG = logging.getLogger(__name__)

# From here on Nova shows the image properties that an instance carries.
EMBEDDED_VERSION = nova_versions.APIVersion('2.98')
# What python-novaclient can be constructed with (fact 8), and the oldest
# that the panel needs: 2.51 shows events to members, 2.58 limits actions.
_CLIENT_VERSION = nova_versions.APIVersion('2.96')
_OLDEST_VERSION = nova_versions.APIVersion('2.58')

_VERSION_TTL = 3600
_ACTIONS_LIMIT = 50
# As much of a console is looked at, in characters. Libvirt's driver gives
# 100 KiB; what others give is read by each page, and kept in the cache.
_CONSOLE_LIMIT = 256 << 10


def _make_client(session: asking.Session) -> typing.Any:
    """Return a client that shows embedded properties where the cloud can."""
    errors.require('Nova')
    nova_url = base.url_for(session, 'compute')
    # With no name of its own the client says that of the session.
    made = nova_client.Client(
        _OLDEST_VERSION.get_string(), user_agent=None,
        session=sessions.make(session, nova_url, 'Nova'))
    # As our own error: before 26.0 Horizon's memoized takes a TypeError for
    # an argument that cannot be hashed, warns, and asks again.
    with errors.asking('Nova'):
        version = _best_version(made, nova_url)
    # The constructor refuses what it does not know, the wire does not.
    made.api_version = version
    made.client.api_version = version
    return made


client: Callable[[asking.Session], typing.Any] = memoized.memoized(
    _make_client)


def _best_version(made: typing.Any, nova_url: str) -> typing.Any:
    """Return the version to speak, which a cloud keeps for a while."""
    # The URL may name the project; Nova's version does not depend on it.
    key = 'snapshot_panel:nova:%s' % re.sub(r'[^!-~]', '', nova_url)
    newest = cache.get(key)
    if newest is None:
        current = made.versions.get_current()
        newest = reading.name(getattr(current, 'version', None))
        if not re.fullmatch(r'([0-9]+\.[0-9]+)?', newest):
            raise ValueError('no version: %.100r' % newest)
        cache.set(key, newest, _VERSION_TTL)
    if not newest:
        return _OLDEST_VERSION
    newest = nova_versions.APIVersion(newest)
    if newest >= EMBEDDED_VERSION:
        return EMBEDDED_VERSION
    return min(newest, _CLIENT_VERSION)


@dataclasses.dataclass(frozen=True)
class InstancePage:
    """Some of the project's instances, and whether there are others."""

    instances: tuple[facts.Instance, ...]
    more: bool = False
    previous: bool = False


def list_instances(session: asking.Session, limit: int,
                   marker: str | None = None, backwards: bool = False,
                   name: str = '', status: str = '', image: str = ''
                   ) -> InstancePage:
    """Return a page of the project's instances, newest first.

    :param limit: how many at most.
    :param marker: id of the instance next to the page.
    :param backwards: take those before the marker.
    :param name: a part of the name, taken literally.
    :param status: Nova's name of a status.
    :param image: id of the image that they were booted from.
    """
    options: dict[str, str | int] = {
        'project_id': session.user.tenant_id, 'limit': limit + 1}
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
            servers = client(session).servers.list(
                search_opts=options,
                sort_keys=['created_at', 'display_name', 'uuid'],
                sort_dirs=[direction] * 3)
        except nova_exceptions.BadRequest:
            if not marker:
                raise
            # The instance that marked the page was deleted meanwhile.
            return list_instances(session, limit, name=name, status=status,
                                  image=image)
        instances = [_instance(server) for server in servers]
    over = len(instances) > limit
    instances = instances[:limit]
    if backwards:
        return InstancePage(tuple(reversed(instances)), more=True,
                            previous=over)
    return InstancePage(tuple(instances), more=over, previous=bool(marker))


def all_instances(session: asking.Session) -> list[facts.Instance]:
    """Return all of the project's instances, newest first.

    A request for as many as Nova gives at once, and one that finds no more.
    """
    with errors.asking('Nova'):
        servers = client(session).servers.list(
            search_opts={'project_id': session.user.tenant_id}, limit=-1)
        return [_instance(server) for server in servers]


def get_instance(session: asking.Session, instance_id: str
                 ) -> facts.Instance:
    """Return one of the project's instances.

    :raises errors.NotFound: also where it is another project's, which an
        administrator could see.
    """
    # The id becomes a part of an address.
    if not bounded.is_id(instance_id):
        raise errors.NotFound('Nova', 'instance %s' % instance_id)
    with errors.asking('Nova'):
        instance = _instance(client(session).servers.get(instance_id))
    if instance.project_id != session.user.tenant_id:
        raise errors.NotFound('Nova', 'instance %s' % instance_id)
    return instance


def _instance(server: typing.Any) -> facts.Instance:
    """Read a server as python-novaclient gives it."""
    image = reading.mapping(server.image or {})
    embedded = image.get('properties')
    flavor = reading.mapping(getattr(server, 'flavor', None) or {})
    addresses = reading.mapping(getattr(server, 'addresses', None) or {})
    return facts.Instance(
        id=reading.identifier(server.id), name=reading.name(server.name),
        status=reading.text(server.status),
        task_state=reading.text_or_none(
            getattr(server, 'OS-EXT-STS:task_state', None)),
        image_id=reading.text_or_none(image.get('id')),
        properties=(facts.UNKNOWN_PROPERTIES if embedded is None else
                    facts.Properties(reading.properties(embedded),
                                     facts.Source.EMBEDDED)),
        metadata=reading.texts(server.metadata),
        project_id=reading.text(server.tenant_id),
        created=reading.moment_or_none(server.created),
        updated=reading.moment_or_none(getattr(server, 'updated', None)),
        volume_ids=tuple(
            reading.identifier(volume['id']) for volume in reading.entries(
                getattr(server, 'os-extended-volumes:volumes_attached', None)
                or ())),
        locked=bool(getattr(server, 'locked', False)),
        # From 2.73 on; None where nobody gave one.
        locked_reason=reading.name(getattr(server, 'locked_reason', None)),
        flavor=reading.name(flavor.get('original_name')),
        ephemeral=reading.size(flavor.get('ephemeral') or 0),
        swap=reading.size(flavor.get('swap') or 0),
        networks=tuple(addresses),
        addresses={name: _fixed(each) for name, each in addresses.items()},
        # Not there where it has none; each interface may name one again.
        security_groups=tuple(dict.fromkeys(
            reading.text(reading.mapping(group)['name']) for group
            in reading.entries(getattr(server, 'security_groups', None)
                               or ()))),
        key_name=reading.name(getattr(server, 'key_name', None)),
        user_id=reading.text_or_none(getattr(server, 'user_id', None)),
        zone=_zone(server),
        config_drive=bool(getattr(server, 'config_drive', False)),
        # By default Nova shows it to administrators only.
        root_device=reading.name(getattr(
            server, 'OS-EXT-SRV-ATTR:root_device_name', None)))


# The zone of hosts that are in none; nobody should ask for it by its name.
_NO_ZONE = 'nova'


def _zone(server: typing.Any) -> str:
    """Read the availability zone that an instance was launched into."""
    if hasattr(server, 'pinned_availability_zone'):
        # From 2.96 on; None where nobody chose one.
        return reading.name(server.pinned_availability_zone)
    zone = reading.name(getattr(server, 'OS-EXT-AZ:availability_zone', None))
    return '' if zone == _NO_ZONE else zone


def _fixed(addresses: typing.Any) -> tuple[str, ...]:
    """Read the fixed addresses of an instance in one network."""
    found = [reading.mapping(each) for each in reading.entries(addresses)]
    return tuple(reading.text(each['addr']) for each in found
                 if each.get('OS-EXT-IPS:type') != 'floating')


def get_console(session: asking.Session, instance_id: str) -> str | None:
    """Return the newest part of the console log, None where there is none.

    An instance that is shut off has no console (fact 6).
    """
    with errors.asking('Nova'):
        try:
            console = reading.text(
                client(session).servers.get_console_output(instance_id))
        except nova_exceptions.NotFound:
            return None
    return console[-_CONSOLE_LIMIT:]


def list_actions(session: asking.Session, instance_id: str
                 ) -> list[facts.Action] | None:
    """Return the newest :class:`facts.Action` of an instance, newest first.

    None where the instance is gone. Start and finish are not in the list.
    """
    with errors.asking('Nova'):
        try:
            actions = _newest_actions(session, instance_id)
        except nova_exceptions.NotFound:
            return None
        return [facts.Action(reading.text(action.action),
                             reading.name(action.request_id),
                             reading.text_or_none(action.user_id))
                for action in actions]


def snapshot_asked_for(session: asking.Session, instance_id: str,
                       before: str | None = None
                       ) -> datetime.datetime | None:
    """Return when Nova last accepted a request for a snapshot.

    None where there was none among the newest actions of the instance.

    :param before: the request id of an action; only older ones count then.
    """
    with errors.asking('Nova'):
        actions = iter(_newest_actions(session, instance_id))
        if before is not None:
            # Leaves what comes after it; nothing where it is not there.
            any(action.request_id == before for action in actions)
        return max((reading.moment(action.start_time) for action in actions
                    if action.action in records.MADE), default=None)


def _newest_actions(session: asking.Session, instance_id: str
                    ) -> list[typing.Any]:
    found: list[typing.Any] = client(session).instance_action.list(
        instance_id, limit=_ACTIONS_LIMIT)
    return found


def time_action(session: asking.Session, instance_id: str,
                action: facts.Action) -> facts.Action:
    """Return the action with start, finish and outcome of its work."""
    with errors.asking('Nova'):
        try:
            detailed = client(session).instance_action.get(
                instance_id, action.request_id)
        except nova_exceptions.NotFound:
            return action
        events = [event for event in reading.entries(detailed.events or ())
                  if reading.text(event['event']).startswith('compute_')]
        if len(events) != 1:
            return action
        event = events[0]
        return dataclasses.replace(
            action, started=reading.moment_or_none(event.get('start_time')),
            finished=reading.moment_or_none(event.get('finish_time')),
            succeeded=event.get('result') == 'Success')


def list_networks(session: asking.Session, instance_id: str
                  ) -> tuple[str, ...]:
    """Return the id of the network of each interface of an instance."""
    with errors.asking('Nova'):
        return tuple(
            reading.identifier(interface.net_id) for interface
            in client(session).servers.interface_list(instance_id))


@dataclasses.dataclass(frozen=True)
class Flavor:
    """A size that an instance can have: ``ram`` in MiB, ``disk`` in GiB."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int


def find_flavor(session: asking.Session, name: str) -> Flavor | None:
    """Return the flavor of a name, None where this user can have none."""
    with errors.asking('Nova'):
        return next((
            Flavor(reading.identifier(each.id), reading.text(each.name),
                   reading.size(each.vcpus), reading.size(each.ram),
                   reading.size(each.disk))
            for each in client(session).flavors.list(is_public=None)
            if each.name == name), None)


def list_keys(session: asking.Session) -> frozenset[str]:
    """Return the names of the user's key pairs."""
    with errors.asking('Nova'):
        return frozenset(reading.text(each.name)
                         for each in client(session).keypairs.list())


def create_server(session: asking.Session, wanted: successor.Blueprint
                  ) -> str:
    """Launch an instance and return its id.

    :raises errors.Unanswered: it may have been begun.
    """
    with errors.asking('Nova'):
        nova = client(session)
    try:
        with errors.changing('Nova'):
            return reading.identifier(nova.servers.create(
                wanted.name, wanted.image_id, wanted.flavor,
                nics=[{'net-id': each} for each in wanted.networks] or 'none',
                security_groups=list(wanted.security_groups) or None,
                key_name=wanted.key_name or None,
                availability_zone=wanted.zone or None,
                config_drive=wanted.config_drive or None).id)
    except (errors.Unavailable, errors.Unusable) as problem:
        if _was_refused(problem):
            raise
        raise errors.Unanswered('Nova', problem.reason) from problem


def get_metadata_limit(session: asking.Session) -> int | None:
    """Return how many keys an instance's metadata may have.

    None where Nova does not say, below 0 where there is no limit.
    """
    with errors.asking('Nova'):
        limits = {limit.name: limit.value
                  for limit in client(session).limits.get().absolute}
        most = limits.get('maxServerMeta')
        return None if most is None else reading.number(most)


def create_image(session: asking.Session, instance_id: str, name: str,
                 properties: Mapping[str, str]) -> tuple[str, str | None]:
    """Ask for a snapshot.

    :returns: the id of its image, and the request id by which Nova's record
        of actions knows it, None if Nova did not say.
    :raises errors.Unanswered: it may have been begun.
    """
    with errors.asking('Nova'):
        nova = client(session)
    try:
        with errors.changing('Nova'):
            answer = nova.servers.create_image(instance_id, name, properties)
            image_id = reading.text(answer)
            if not bounded.is_id(image_id):
                raise ValueError('no id of an image: %.100r' % image_id)
            request_ids = [reading.text(each) for each in answer.request_ids]
    except (errors.Unavailable, errors.Unusable) as problem:
        if _was_refused(problem):
            raise
        raise errors.Unanswered('Nova', problem.reason) from problem
    return image_id, next(iter(request_ids), None)


def _was_refused(problem: errors.CloudError) -> bool:
    """Return whether Nova itself said that it did nothing."""
    code = errors.code(problem)
    # 408 is what a proxy says that did not wait for the answer.
    return code is not None and 400 <= code < 500 and code != 408


def remember(session: asking.Session, instance_id: str,
             memory: records.Memory) -> None:
    """Write what must survive a vanished image on the server."""
    set_metadata(session, instance_id, {memory.key: memory.value()})


def forget(session: asking.Session, instance_id: str,
           memory: records.Memory) -> None:
    """Remove a memory from the server; it may be gone already."""
    delete_metadata(session, instance_id, memory.key)


def set_metadata(session: asking.Session, instance_id: str,
                 items: Mapping[str, str]) -> None:
    """Write items of a server's metadata and leave all others alone."""
    with errors.changing('Nova'):
        client(session).servers.set_meta(instance_id, items)


def delete_metadata(session: asking.Session, instance_id: str, key: str
                    ) -> None:
    """Remove an item of a server's metadata; it may be gone already."""
    with errors.changing('Nova'):
        try:
            client(session).servers.delete_meta(instance_id, [key])
        except nova_exceptions.NotFound:
            LOG.debug('%s has no %s', instance_id, key)


def stop(session: asking.Session, instance_id: str) -> None:
    """Ask a guest to shut down, and power it off after Nova's limit."""
    with errors.changing('Nova'):
        client(session).servers.stop(instance_id)


def start(session: asking.Session, instance_id: str) -> None:
    """Power an instance on."""
    with errors.changing('Nova'):
        client(session).servers.start(instance_id)
