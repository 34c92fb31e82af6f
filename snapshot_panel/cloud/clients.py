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
not bring them for ever. Nova and Cinder are asked by openstacksdk then. Where
that is not there either, or Glance's client is not, the panel starts all the
same, and says what is missing when it is about to ask that service.
"""

import importlib
import logging
import typing

from snapshot_panel.cloud import refusals

LOG = logging.getLogger(__name__)

# By service, the packages that it cannot be asked without.
MISSING: dict[str, str] = {}


class _Never(Exception):
    """What is asked of a client that is not there. Nobody raises it."""


class _StandIn:
    """Stands for a module of a client that is not there.

    It has what stands in for the client. Whatever else it is asked for is an
    exception that never comes, so that what handles a client's exceptions
    needs no case for a client without them.
    """

    def __init__(self, *modules: typing.Any) -> None:
        self._modules = (*modules, refusals)

    def __getattr__(self, name: str) -> typing.Any:
        return next((getattr(module, name) for module in self._modules
                     if hasattr(module, name)), _Never)


def _import(service: str, package: str, *modules: str,
            instead: str | None = None) -> list[typing.Any]:
    """Return a client's modules, or what stands in for them.

    :param instead: our module that asks the service by openstacksdk.
    """
    try:
        return [importlib.import_module(package + '.' + name)
                for name in modules]
    except ImportError as error:
        LOG.info('There is no python-%s: %s', package, error)
    return [_stand_in(service, package, instead)] * len(modules)


def _stand_in(service: str, package: str, instead: str | None) -> _StandIn:
    try:
        if instead:
            return _StandIn(importlib.import_module(instead))
    except ImportError as error:
        LOG.info('There is no openstacksdk: %s', error)
    LOG.warning('%s cannot be asked without python-%s', service, package)
    MISSING[service] = 'python-' + package
    return _StandIn()


nova_client, nova_exceptions, nova_versions = _import(
    'Nova', 'novaclient', 'client', 'exceptions', 'api_versions',
    instead='snapshot_panel.cloud.sdk_nova')
cinder_client, cinder_exceptions = _import(
    'Cinder', 'cinderclient', 'client', 'exceptions',
    instead='snapshot_panel.cloud.sdk_cinder')
[glance_exceptions] = _import('Glance', 'glanceclient', 'exc')
