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

"""The services' own clients, each imported in this one place.

Horizon turns from them to openstacksdk, a service after the other, and will
not bring them for ever. Where one is not there the panel starts all the same,
and says what is missing when it is about to ask that service.
"""

import importlib
import logging
import typing

LOG = logging.getLogger(__name__)

# By service, the packages that it cannot be asked without.
MISSING: dict[str, str] = {}


class _Never(Exception):
    """What is asked of a client that is not there. Nobody raises it."""


class _Absent:
    """Stands for a module of a client that is not there.

    Whatever it is asked for is an exception that never comes, so that what
    handles a client's exceptions needs no case for a client without them.
    """

    def __getattr__(self, name: str) -> type[Exception]:
        return _Never


def _import(service: str, package: str, *modules: str) -> list[typing.Any]:
    try:
        return [importlib.import_module(package + '.' + name)
                for name in modules]
    except ImportError as error:
        LOG.warning('%s cannot be asked without python-%s: %s',
                    service, package, error)
        MISSING[service] = 'python-' + package
        return [_Absent() for _name in modules]


nova_client, nova_exceptions, nova_versions = _import(
    'Nova', 'novaclient', 'client', 'exceptions', 'api_versions')
cinder_client, cinder_exceptions = _import(
    'Cinder', 'cinderclient', 'client', 'exceptions')
[glance_exceptions] = _import('Glance', 'glanceclient', 'exc')
