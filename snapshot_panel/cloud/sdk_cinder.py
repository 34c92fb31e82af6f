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

"""As much of python-cinderclient as the panel needs, by openstacksdk.

Names, arguments and results are the client's, so that :mod:`cinder` need not
know which of the two it has.
"""

import types
import typing

from snapshot_panel.cloud import sdk


class Client:
    """What the panel asks of Cinder."""

    def __init__(self, version: str, session: typing.Any,
                 user_agent: str | None = None) -> None:
        """Ask nobody yet.

        :param version: the only one that there is, '3'.
        :param session: of Keystone's; it says whose name the agent has.
        """
        service = sdk.Service(session, 'block_storage')
        self.volumes = _Manager(service, '/volumes/', 'volume')
        self.volume_snapshots = _Manager(service, '/snapshots/', 'snapshot')
        self.limits = sdk.Limits(service)


class _Manager:
    """Asks for one kind of thing."""

    def __init__(self, service: sdk.Service, path: str, key: str) -> None:
        self._service = service
        self._path = path
        self._key = key

    def get(self, thing_id: str) -> types.SimpleNamespace:
        return self._service.get(self._path + thing_id, self._key)
