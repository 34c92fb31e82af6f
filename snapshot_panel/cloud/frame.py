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

"""What Horizon asks the services for the frame around every page."""

from collections.abc import Callable
import contextlib
import functools
import logging
import typing

from django import http
from django.utils import functional
from keystoneauth1 import discover
from openstack_auth import utils as auth_utils
from openstack_dashboard.api import keystone
from openstack_dashboard.api import neutron

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import patience

LOG = logging.getLogger(__name__)


def bound(request: http.HttpRequest) -> None:
    """Let the frame wait for Keystone as a page of ours does, and once.

    Horizon asks for the list of projects in its header, and for Keystone's
    version, by which its menu chooses an entry. It sets no bound, and what is
    no answer breaks its page. Here the header names the project of the page
    alone then, and the menu lacks that entry.
    """
    # Asked when the frame is made: most answers to clicks have none.
    request.user.authorized_tenants = functional.SimpleLazyObject(
        functools.partial(_projects, request))


def _projects(request: http.HttpRequest) -> list[typing.Any]:
    user = request.user
    keys = auth_utils.get_session(
        original_ip=auth_utils.get_client_ip(request))
    patience.bound(request, keys.session, 'Keystone')
    try:
        with errors.asking('Keystone'):
            found: list[typing.Any] = auth_utils.get_project_list(
                session=keys, user_id=user.id, auth_url=user.endpoint,
                token=user.unscoped_token, is_federated=user.is_federated)
            return found
    except errors.CloudError as problem:
        LOG.warning('No list of projects for the frame: %s', problem)
        _take_for_old(request)
        return []


def _take_for_old(request: http.HttpRequest) -> None:
    """Let Horizon's menu have a version of Keystone without asking for it.

    It asks by the client that Horizon keeps for the request, where that has
    the user's token.
    """
    with contextlib.suppress(errors.CloudError), errors.asking('Keystone'):
        client = keystone.keystoneclient(request)
        client.auth_token = request.user.token.id
        client.session.get_endpoint_data = (
            lambda **_asked: discover.EndpointData(api_version=(3, 0)))


def questions(request: http.HttpRequest) -> list[Callable[[], None]]:
    """Return calls that ask ahead what the frame is going to ask.

    Horizon keeps the answers for the request: the list of projects in its
    header, and Neutron's extensions, by which it chooses the entries of its
    menu. Asked one after the other behind the page's own questions, they take
    longer than these; asked beside them, nothing.
    """
    # A lazy object, made before threads share it.
    user = request.user
    calls: list[Callable[[], object]] = [lambda: user.authorized_tenants]
    if user.has_perm('openstack.services.network'):
        calls.append(lambda: neutron.list_extensions(request))
    return [_quiet(call) for call in calls]


def _quiet(call: Callable[[], object]) -> Callable[[], None]:
    def ask() -> None:
        try:
            call()
        except Exception as error:
            # The frame asks again then, and knows what to do.
            LOG.debug('Not asked ahead: %s', error)

    return ask
