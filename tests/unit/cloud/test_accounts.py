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

"""Whom the judge asks as: what clouds.yaml says, as a request would."""

from unittest import mock

from keystoneauth1 import access
from keystoneauth1 import exceptions as keystone_exceptions
from keystoneauth1.identity import base as identity
from keystoneauth1.identity.generic import base as generic
from keystoneauth1 import session as keystone_session
from openstack import exceptions as sdk_exceptions
import pytest
import yaml

from snapshot_panel.cloud import accounts
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova

# What tests of Horizon's own make replace in these classes, for good, with
# what says nothing of the error. Here they are as they were before any ran.
_REPLACED = [
    (each, name, each.__dict__.get(name))
    for each in (keystone_exceptions.ClientException,
                 keystone_exceptions.Unauthorized,
                 sdk_exceptions.SDKException)
    for name in ('__init__', '__str__')]

AUTH = {'auth_url': 'https://keystone.test/v3', 'username': 'judge',
        'password': 'secret', 'project_name': 'web',
        'user_domain_id': 'default', 'project_domain_id': 'default'}


@pytest.fixture(autouse=True)
def real_exceptions(monkeypatch):
    for each, name, method in _REPLACED:
        if method is not None:
            monkeypatch.setattr(each, name, method)
        elif name in each.__dict__:
            monkeypatch.delattr(each, name)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch, tmp_path):
    """Read no account of whoever runs the tests."""
    monkeypatch.setenv('OS_CLIENT_CONFIG_FILE', str(tmp_path / 'clouds.yaml'))
    for name in ('OS_CLOUD', 'OS_AUTH_URL', 'OS_USERNAME'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path):
    """Write clouds.yaml: ``write(judge={...})``, the rest of each is AUTH."""
    def written(**clouds):
        (tmp_path / 'clouds.yaml').write_text(yaml.safe_dump({'clouds': {
            name: {**cloud, 'auth': {**AUTH, **cloud.get('auth', {})}}
            for name, cloud in clouds.items()}}))
    return written


def token(number=1, scoped=True):
    """Return what Keystone answers: two regions, each with two addresses."""
    catalog = [{'type': kind, 'endpoints': [
        {'region': region, 'region_id': region, 'interface': interface,
         'url': 'https://%s.%s.%s' % (kind, region, domain)}
        for region in ('north', 'south')
        for interface, domain in (('public', 'test'), ('internal', 'inside'))
    ]} for kind in ('compute', 'image', 'volumev3', 'identity')]
    body = {'user': {'id': 'judge-id', 'name': 'judge'}, 'catalog': catalog,
            'expires_at': '2999-01-01T00:00:00Z'}
    if scoped:
        body['project'] = {'id': 'project', 'name': 'web'}
    return access.AccessInfoV3({'token': body},
                               auth_token='token-%d' % number)


@pytest.fixture
def keystone():
    """Keystone, which lets in and gives the same token each time."""
    with mock.patch.object(identity.BaseIdentityPlugin, 'get_access',
                           autospec=True, return_value=token()) as answer:
        yield answer


def one(*arguments, **named):
    account, = accounts.accounts(*arguments, **named)
    return account


def test_a_session_tells_what_a_request_does(write, keystone):
    write(judge={'region_name': 'south'})

    user = one(['judge']).session().user

    assert (user.token.id, user.tenant_id, user.username,
            user.services_region) == ('token-1', 'project', 'judge', 'south')
    assert not user.is_superuser
    assert not user.has_perm('openstack.services.network')


def test_the_project_has_its_name(write, keystone):
    write(judge={})

    assert one(['judge']).project() == accounts.Project('project', 'web')


@pytest.mark.parametrize('cloud, address', [
    ({'region_name': 'south'}, 'https://image.south.test'),
    ({}, 'https://image.north.test'),
    ({'region_name': 'south', 'interface': 'internal'},
     'https://image.south.inside'),
    ({'image_endpoint_override': 'https://other.test'},
     'https://other.test')])
def test_horizons_client_finds_the_address_that_the_account_chooses(
        cloud, address, write, keystone):
    write(judge=cloud)

    made = glance.client(one(['judge']).session())

    assert made.http_client.endpoint == address


@pytest.mark.parametrize('cloud, verify', [
    ({}, True), ({'verify': False}, False),
    ({'cacert': '/etc/ssl/own.pem'}, '/etc/ssl/own.pem')])
def test_each_client_checks_certificates_as_the_account_says(
        cloud, verify, write, keystone):
    write(judge=cloud)
    session = one(['judge']).session()

    with mock.patch.object(nova, '_best_version', autospec=True,
                           return_value=nova.EMBEDDED_VERSION):
        asked = (nova.client(session).client.session.verify,
                 glance.client(session).http_client.session.verify,
                 cinder.client(session).client.session.verify)

    assert asked == (verify, verify, verify)


def test_a_session_lasts_as_long_as_its_token(write, keystone):
    write(judge={})
    account = one(['judge'])
    first = account.session()
    same = account.session()
    keystone.return_value = token(2)

    other = account.session()

    assert first is same
    assert other is not first
    assert other.user.token.id == 'token-2'


def test_a_refused_token_is_not_used_again(write):
    write(judge={})
    account = one(['judge'])
    with mock.patch.object(generic.BaseGenericPlugin, 'get_auth_ref',
                           autospec=True, side_effect=[token(1), token(2)]):
        first = account.session().user.token.id
        again = account.session().user.token.id
        account.renew()
        then = account.session().user.token.id

    assert (first, again, then) == ('token-1', 'token-1', 'token-2')


def test_a_wrong_password_is_an_error_of_keystones(write, keystone):
    write(judge={})
    keystone.side_effect = keystone_exceptions.Unauthorized('wrong')

    with pytest.raises(errors.CloudError, match='Keystone: wrong'):
        one(['judge']).session()


@pytest.mark.parametrize('question', ['session', 'project', 'projects'])
def test_a_password_that_is_missing_is_an_error_too(write, question):
    """Older releases of keystoneauth1 let Keystone say it."""
    write(judge={'auth': {'password': None}})

    with mock.patch.object(
            generic.BaseGenericPlugin, 'get_discovery', autospec=True,
            side_effect=keystone_exceptions.DiscoveryFailure), \
            mock.patch.object(
                keystone_session.Session, 'request', autospec=True,
                side_effect=keystone_exceptions.BadRequest('password')), \
            pytest.raises(errors.CloudError, match='password'):
        getattr(one(['judge']), question)()


@pytest.mark.parametrize('name, found', [
    (None, False), ('OS_CLOUD', False), ('OS_AUTH_URL', True)])
def test_an_account_is_at_hand_where_something_describes_one(
        name, found, monkeypatch):
    monkeypatch.setattr(accounts.openstack_config.loader, 'CONFIG_FILES', [])
    monkeypatch.setattr(accounts.openstack_config.loader, 'SECURE_FILES', [])
    if name:
        monkeypatch.setenv(name, 'x')

    assert accounts.at_hand() == found


def test_a_file_is_at_hand_even_if_it_is_not_described_well(tmp_path):
    (tmp_path / 'clouds.yaml').write_text('clouds: {judge: {}}')

    assert accounts.at_hand()


def test_an_account_of_no_project_is_refused(write, keystone):
    write(judge={})
    keystone.return_value = token(scoped=False)

    with pytest.raises(errors.Forbidden, match='no project'):
        one(['judge']).session()


@pytest.mark.parametrize('auth', [
    {}, {'system_scope': 'all'}, {'domain_id': 'default'}])
def test_another_project_takes_the_place_of_the_accounts_own(auth, write):
    write(judge={'auth': auth})
    account = one(['judge']).scoped(accounts.Project('other-id', 'other'))

    chosen = account._region.get_auth_args()

    assert chosen['project_id'] == 'other-id'
    assert not any(chosen.get(name) for name in auth)
    assert chosen['username'] == 'judge'


def test_projects_come_by_name_without_the_disabled(write, keystone):
    write(judge={})
    with mock.patch.object(accounts.keystone_client, 'Client') as client:
        client.return_value.auth.projects.return_value = [
            mock.Mock(id=name + '-id', enabled=name != 'closed')
            for name in ('web', 'shop', 'closed')]
        for each in client.return_value.auth.projects.return_value:
            each.name = each.id[:-3]

        found = one(['judge']).projects()

    assert found == [accounts.Project('shop-id', 'shop'),
                     accounts.Project('web-id', 'web')]


def test_all_clouds_are_taken_once_each(write):
    write(b={}, a={})

    assert [each.cloud for each in accounts.accounts(['b', 'b'])] == ['b']
    assert [each.cloud for each in accounts.accounts(every=True)] == [
        'a', 'b']


def test_the_environment_is_an_account_too(monkeypatch, keystone):
    for name, value in AUTH.items():
        monkeypatch.setenv('OS_' + name.upper(), value)

    assert one().session().user.tenant_id == 'project'


@pytest.mark.parametrize('clouds', [['missing'], []])
def test_what_is_not_described_is_named(clouds):
    with pytest.raises(accounts.Misconfigured, match='missing|auth'):
        accounts.accounts(clouds)


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    (tmp_path / 'clouds.yaml').write_text('clouds: [')

    with pytest.raises(accounts.Misconfigured):
        accounts.accounts(['judge'])


def test_all_of_no_clouds_is_a_mistake(tmp_path):
    (tmp_path / 'clouds.yaml').write_text('clouds: {}')

    with pytest.raises(accounts.Misconfigured):
        accounts.accounts(every=True)
