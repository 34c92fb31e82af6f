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

"""A service by openstacksdk, where its own client is not there.

As Horizon asks Nova from 27 on. Only what sends requests is taken from it:
what it reads answers into has other names than the service gives, and forgets
under which id the service knows a request.
"""

import contextlib
import types
import typing

from openstack import connection
import requests

from snapshot_panel.cloud import reading
from snapshot_panel.cloud import refusals


class Service:
    """Sends requests to one service, once each.

    ``api_version`` is the microversion to speak, None for the service's
    first.
    """

    api_version: typing.Any = None

    def __init__(self, session: typing.Any, kind: str) -> None:
        """Ask nobody yet.

        :param session: of Keystone's, as :func:`sessions.make` does.
        :param kind: openstacksdk's name of the service.
        """
        # Some releases keep until the process ends what is not closed, and
        # the user's token with it. What sends the requests stays open.
        with contextlib.closing(connection.Connection(session=session)) as (
                made):
            self._proxy: typing.Any = getattr(made, kind)

    @property
    def url(self) -> str:
        """Where the service is."""
        return str(self._proxy.get_endpoint())

    def send(self, method: str, path: str, body: typing.Any = None,
             query: typing.Any = None) -> requests.Response:
        """Return the answer to one request.

        :param path: below :attr:`url`, or a whole address.
        :param body: what becomes JSON.
        :param query: as the library requests takes it.
        :raises refusals.ClientException: the service refused, or failed.
        """
        # Older releases would send once more what got no answer, and Nova
        # would take a second snapshot.
        answer: requests.Response = self._proxy.request(
            path, method, json=body, params=query, connect_retries=0,
            microversion=self.api_version and self.api_version.get_string(),
            headers={'Accept': 'application/json'})
        refusals.check(answer)
        return answer

    def get(self, path: str, key: str) -> types.SimpleNamespace:
        """Return a thing with what it has as attributes.

        :param key: under which the answer has it.
        """
        return thing(self.send('GET', path).json()[key])

    def list(self, path: str, key: str, query: typing.Any = None
             ) -> list[types.SimpleNamespace]:
        """Return several things as :meth:`get` does one."""
        return [thing(each) for each in reading.entries(
            self.send('GET', path, query=query).json()[key])]


def thing(told: typing.Any) -> types.SimpleNamespace:
    """Return what a service told of a thing, as attributes."""
    return types.SimpleNamespace(**reading.mapping(told))


class Limits:
    """What a project may have of a service's things."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def get(self) -> types.SimpleNamespace:
        """Return them, the absolute ones as things with name and value."""
        told = self._service.get('/limits', 'limits')
        return types.SimpleNamespace(absolute=[
            types.SimpleNamespace(name=name, value=value)
            for name, value in reading.mapping(told.absolute).items()])
