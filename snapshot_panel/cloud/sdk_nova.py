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

"""As much of python-novaclient as the panel needs, by openstacksdk.

Names, arguments and results are the client's, so that :mod:`nova` need not
know which of the two it has.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import types
import typing
from urllib import parse

from keystoneauth1 import discover

from snapshot_panel.cloud import reading
from snapshot_panel.cloud import refusals
from snapshot_panel.cloud import sdk


class APIVersion(tuple[int, ...]):
    """A microversion."""

    __slots__ = ()

    def __new__(cls, text: str) -> 'APIVersion':
        return super().__new__(cls, discover.normalize_version_number(text))

    def get_string(self) -> str:
        """Return it as it is written."""
        return str(discover.version_to_string(self))


class Client:
    """What the panel asks of Nova."""

    def __init__(self, version: str, session: typing.Any,
                 user_agent: str | None = None) -> None:
        """Ask nobody yet.

        :param version: the microversion to speak; :attr:`client` may get
            another.
        :param session: of Keystone's; it says whose name the agent has.
        """
        self.client = sdk.Service(session, 'compute')
        self.client.api_version = APIVersion(version)
        self.versions = _Versions(self.client)
        self.servers = _Servers(self.client)
        self.instance_action = _InstanceActions(self.client)
        self.flavors = _Flavors(self.client)
        self.keypairs = _Keypairs(self.client)
        self.limits = sdk.Limits(self.client)


class _Manager:
    """Asks for one kind of thing."""

    def __init__(self, service: sdk.Service) -> None:
        self._service = service


class _Versions(_Manager):

    def get_current(self) -> types.SimpleNamespace | None:
        """Return Nova's newest version, None where that is not told."""
        url = self._service.url
        try:
            try:
                return self._service.get(url, 'version')
            except refusals.NotFound:
                # The URL names the project.
                return self._service.get(
                    url.rpartition('/')[0] + '/', 'version')
        except refusals.Unauthorized:
            return None


class _Text(str):
    """A text, and by which ids Nova's log knows the request for it."""

    request_ids: list[str]

    def __new__(cls, text: str, request_id: str) -> '_Text':
        made = super().__new__(cls, text)
        made.request_ids = [request_id] if request_id else []
        return made


class _Servers(_Manager):

    def get(self, server: str) -> types.SimpleNamespace:
        return self._service.get('/servers/' + server, 'server')

    def interface_list(self, server: str) -> list[types.SimpleNamespace]:
        return self._service.list('/servers/%s/os-interface' % server,
                                  'interfaceAttachments')

    def list(self, search_opts: Mapping[str, str | int],
             limit: int | None = None, sort_keys: Sequence[str] = (),
             sort_dirs: Sequence[str] = ()) -> list[types.SimpleNamespace]:
        """Return servers; with a limit of -1 all of them, page by page."""
        query = [*search_opts.items(),
                 *(('sort_key', each) for each in sort_keys),
                 *(('sort_dir', each) for each in sort_dirs)]
        found: list[types.SimpleNamespace] = []
        while True:
            marker = [('marker', found[-1].id)] if found else []
            page = self._service.list('/servers/detail', 'servers',
                                      query + marker)
            found += page
            if limit != -1 or not page:
                return found

    def create(self, name: str, image: str, flavor: str,
               nics: str | Sequence[Mapping[str, str]],
               security_groups: Sequence[str] | None,
               key_name: str | None, availability_zone: str | None,
               config_drive: bool | None) -> types.SimpleNamespace:
        wanted: dict[str, typing.Any] = {
            'name': name, 'imageRef': image, 'flavorRef': flavor,
            'min_count': 1, 'max_count': 1, 'networks': (
                nics if isinstance(nics, str) else
                [{'uuid': each['net-id']} for each in nics])}
        if security_groups:
            wanted['security_groups'] = [
                {'name': each} for each in security_groups]
        more = {'key_name': key_name, 'availability_zone': availability_zone,
                'config_drive': config_drive}
        wanted.update({key: value for key, value in more.items() if value})
        return sdk.thing(self._service.send(
            'POST', '/servers', {'server': wanted}).json()['server'])

    def create_image(self, server: str, image_name: str,
                     metadata: Mapping[str, str]) -> _Text:
        answer = self._act(server, 'createImage', {
            'name': image_name, 'metadata': dict(metadata)})
        return _Text(reading.text(answer.json()['image_id']),
                     refusals.request_id(answer))

    def get_console_output(self, server: str) -> str:
        answer = self._act(server, 'os-getConsoleOutput', {'length': None})
        return reading.text(answer.json()['output'])

    def set_meta(self, server: str, metadata: Mapping[str, str]) -> None:
        answer = self._service.send(
            'POST', '/servers/%s/metadata' % server,
            {'metadata': dict(metadata)})
        reading.mapping(answer.json()['metadata'])

    def delete_meta(self, server: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._service.send('DELETE', '/servers/%s/metadata/%s' % (
                server, parse.quote(key, safe=':')))

    def stop(self, server: str) -> None:
        self._act(server, 'os-stop')

    def start(self, server: str) -> None:
        self._act(server, 'os-start')

    def _act(self, server: str, action: str, how: typing.Any = None
             ) -> typing.Any:
        return self._service.send('POST', '/servers/%s/action' % server,
                                  {action: how})


class _InstanceActions(_Manager):

    def list(self, server: str, limit: int) -> list[types.SimpleNamespace]:
        return self._service.list('/servers/%s/os-instance-actions' % server,
                                  'instanceActions', {'limit': limit})

    def get(self, server: str, request_id: str) -> types.SimpleNamespace:
        return self._service.get(
            '/servers/%s/os-instance-actions/%s' % (server, request_id),
            'instanceAction')


class _Flavors(_Manager):

    def list(self, is_public: bool | None) -> list[types.SimpleNamespace]:
        return self._service.list('/flavors/detail', 'flavors',
                                  {'is_public': str(is_public)})


class _Keypairs(_Manager):

    def list(self) -> list[types.SimpleNamespace]:
        return [sdk.thing(each.keypair) for each in
                self._service.list('/os-keypairs', 'keypairs')]
