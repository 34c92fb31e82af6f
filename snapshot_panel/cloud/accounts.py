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

"""Who asks where nobody is logged in: accounts of clouds.yaml.

Files, environment and ways to log in are openstacksdk's. What comes of them
looks to this layer as Django's request does, so that pages and the judge
share everything that asks a service.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import threading
import typing

from django.conf import settings
from keystoneauth1 import exceptions as keystone_exceptions
from keystoneclient.v3 import client as keystone_client
from openstack import config as openstack_config
from openstack import exceptions as openstack_exceptions
import yaml

from snapshot_panel.cloud import errors
from snapshot_panel import conf

# What of an account says that it is for no project.
_OTHER_SCOPES = ('system_scope', 'domain_id', 'domain_name')
# As Horizon's settings call the interfaces of services.
_INTERFACES = {'public': 'publicURL', 'internal': 'internalURL',
               'admin': 'adminURL'}


class Misconfigured(Exception):
    """An account is not described well enough; the text says why."""


@dataclasses.dataclass(frozen=True)
class Token:
    """A token of Keystone; see :class:`asking.Token`."""

    id: str


@dataclasses.dataclass(frozen=True)
class User:
    """Who asks; see :class:`asking.User`.

    ``service_catalog`` is what Horizon's clients look for addresses in.
    """

    token: Token
    tenant_id: str
    username: str
    services_region: str | None
    service_catalog: Sequence[Mapping[str, typing.Any]]
    # Nothing is asked for that only an administrator may see.
    is_superuser: bool = False

    def has_perm(self, perm: str) -> bool:
        """Return whether the user has a permission of Horizon's."""
        return False


# Compared by identity, as a request is: the clients are kept for each.
@dataclasses.dataclass(frozen=True, eq=False)
class Session:
    """What a request is to a page: see :class:`asking.Session`.

    ``verify`` is how certificates are checked, as the library requests takes
    it; ``META`` tells from which address a browser came: none.
    """

    user: User
    verify: bool | str = True
    META: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Project:
    """A project of Keystone."""

    id: str
    name: str


class Account:
    """One user of one cloud, logged in for one project."""

    def __init__(self, loader: typing.Any, name: str | None = None,
                 **more: typing.Any) -> None:
        """Take what openstacksdk read; nobody is asked yet.

        :param loader: its :class:`OpenStackConfig`.
        :param name: of the cloud, None for the one that it takes then.
        :param more: what counts instead of what is written there.
        :raises Misconfigured: it is not described well enough.
        """
        self._loader = loader
        with _explained():
            self._region = loader.get_one(name, **more)
        self._lock = threading.Lock()
        self._access: typing.Any = None
        self._session: Session | None = None
        self.cloud: str = self._region.name

    @property
    def address(self) -> str:
        """Keystone's address."""
        return str(self._region.get_auth_args().get('auth_url', ''))

    def session(self) -> Session:
        """Return a session whose token holds for some minutes to come.

        It is the same as before while the token is.

        :raises errors.CloudError: Keystone did not let the user in.
        """
        with self._lock, errors.asking('Keystone'):
            keys = self._keys()
            access = self._let_in(keys)
            if self._session is None or access is not self._access:
                self._session = self._made(access)
                self._access = access
            return self._session

    @staticmethod
    def _let_in(keys: typing.Any) -> typing.Any:
        try:
            return keys.auth.get_access(keys)
        except Exception as error:
            # So says keystoneauth1 what is missing, such as a password.
            if type(error) is not Exception:
                raise
            raise errors.Refused('Keystone', error) from error

    def project(self) -> Project:
        """Return the project that the account is logged in for.

        :raises errors.CloudError: Keystone did not let the user in, or for
            no project.
        """
        self.session()
        return Project(self._access.project_id, self._access.project_name)

    def renew(self) -> None:
        """Log in again for the next session: the token was refused."""
        with self._lock:
            self._keys().invalidate()

    def projects(self) -> list[Project]:
        """Return the projects that the user has a role in, by name.

        :raises errors.CloudError: Keystone did not say.
        """
        with errors.asking('Keystone'):
            keys = self._keys()
            self._let_in(keys)
            keystone = keystone_client.Client(
                session=keys,
                interface=self._region.get_interface('identity'))
            projects = [Project(str(each.id), str(each.name))
                        for each in keystone.auth.projects()
                        if getattr(each, 'enabled', True)]
        return sorted(projects, key=lambda each: (each.name, each.id))

    def scoped(self, project: Project) -> 'Account':
        """Return the account of the same user for another project."""
        others = [name for name in _OTHER_SCOPES
                  if name in self._region.get_auth_args()]
        return Account(self._loader, self.cloud, auth={
            **dict.fromkeys(others), 'project_id': project.id})

    def _keys(self) -> typing.Any:
        keys = self._region.get_session()
        if keys.timeout is None:
            keys.timeout = conf.get_config()['request_timeout']
        return keys

    def _made(self, access: typing.Any) -> Session:
        if not access.project_id:
            raise errors.Forbidden('Keystone', 'no project')
        region, catalog = self._catalog(access)
        return Session(
            User(Token(access.auth_token), access.project_id,
                 access.username or access.user_id, region, catalog),
            self._region.get_requests_verify_args()[0])

    def _catalog(self, access: typing.Any
                 ) -> tuple[str | None, list[dict[str, typing.Any]]]:
        """Return the region, and the addresses that the account chooses.

        One for each service, and written as Horizon's own settings expect
        it, whatever interface it is of.
        """
        services = access.service_catalog.catalog
        wanted = self._region.get_region_name() or None
        region = wanted or next(
            (each.get('region_id') or each.get('region')
             for service in services if service.get('type') == 'compute'
             for each in service.get('endpoints', ())), None)
        shown = next((interface for interface, name in _INTERFACES.items()
                      if name == settings.OPENSTACK_ENDPOINT_TYPE), 'public')
        return region, [
            {'type': service['type'], 'endpoints': [
                {'region': region, 'region_id': region, 'interface': shown,
                 'url': url}]}
            for service in services if service.get('type')
            for url in self._addresses(service, region)]

    def _addresses(self, service: Mapping[str, typing.Any],
                   region: str | None) -> Iterator[str]:
        """Give the address of a service, if there is one."""
        kind = service['type']
        own = self._region.get_endpoint(kind)
        interface = self._region.get_interface(kind) or 'public'
        urls = [each['url'] for each in service.get('endpoints', ())
                if each.get('interface') == interface
                # Keystone may be one for all regions.
                and (kind == 'identity' or region == (
                    each.get('region_id') or each.get('region')))]
        yield from ([own] if own else urls)[:1]


def at_hand() -> bool:
    """Return whether clouds.yaml or the environment names any account.

    What cannot be read counts: :func:`accounts` says what is wrong with it.
    """
    try:
        with _explained():
            loader = openstack_config.OpenStackConfig()
    except Misconfigured:
        return True
    return bool(loader.config_filename
                # Older releases of openstacksdk do not tell.
                or getattr(loader, 'secure_config_filename', None)
                or loader.envvar_key in loader.get_cloud_names())


def accounts(clouds: Sequence[str] = (), every: bool = False
             ) -> list[Account]:
    """Return the accounts that clouds.yaml or the environment describes.

    :param clouds: their names; the one that openstacksdk takes if empty.
    :param every: all that there are, whatever ``clouds`` says.
    :raises Misconfigured: one is not described well enough.
    """
    with _explained():
        loader = openstack_config.OpenStackConfig()
    names: list[str | None] = [None]
    if every:
        names = sorted(loader.get_cloud_names())
    elif clouds:
        names = list(dict.fromkeys(clouds))
    if not names:
        raise Misconfigured('clouds.yaml names no cloud')
    return [Account(loader, name) for name in names]


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    # Older releases of openstacksdk let the faults of a file through.
    except (openstack_exceptions.ConfigException, yaml.YAMLError,
            keystone_exceptions.ClientException) as error:
        raise Misconfigured(str(error)) from error
