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
import logging

from django import http
from openstack_dashboard.api import neutron

LOG = logging.getLogger(__name__)


def questions(request: http.HttpRequest) -> list[Callable[[], None]]:
    """Return calls that ask ahead what the frame is going to ask.

    Horizon keeps the answers for the request: the list of projects in its
    header, and Neutron's extensions, by which it chooses the entries of its
    menu. Asked one after the other behind the page's own questions, they take
    longer than these; asked beside them, nothing.
    """
    # A lazy object, made before threads share it.
    user = request.user
    calls = [lambda: user.authorized_tenants]
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
