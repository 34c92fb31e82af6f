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

"""How the clients of Nova and Cinder speak for the user."""

from collections.abc import Sequence
import typing

from django.conf import settings
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint
from openstack_auth import utils as auth_utils
from openstack_dashboard.api import base

import snapshot_panel
from snapshot_panel.cloud import asking
from snapshot_panel.cloud import patience
from snapshot_panel import conf


def make(session: asking.Session, url: str, service: str) -> typing.Any:
    """Return a session of Keystone's for one service.

    As Horizon's own since 27: the service learns from which address the user
    came, and its log tells who asks. Not by the user's name and Keystone's
    address, as Horizon did before: then each client first asks Keystone for
    another token.

    :param url: where the service is.
    :param service: its name.
    """
    verify = asking.verification(session)
    if verify is None:
        verify = (not settings.OPENSTACK_SSL_NO_VERIFY
                  and (settings.OPENSTACK_SSL_CACERT or True))
    made = keystone_session.Session(
        token_endpoint.Token(url, session.user.token.id), verify=verify,
        timeout=conf.get_config()['request_timeout'],
        original_ip=auth_utils.get_client_ip(session),
        app_name='horizon', additional_user_agent=[
            ('snapshot_panel', snapshot_panel.__version__)])
    patience.bound(session, made.session, service)
    return made


def find_url(session: asking.Session, kinds: Sequence[str]) -> str:
    """Return where the catalog has a service.

    :param kinds: what catalogs call it; the first that is there counts.
    :raises horizon_exceptions.ServiceCatalogException: none is there.
    """
    for kind in kinds[:-1]:
        try:
            return str(base.url_for(session, kind))
        except horizon_exceptions.ServiceCatalogException:
            pass
    return str(base.url_for(session, kinds[-1]))
