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

"""Nova and Cinder learn who asks, and from where."""

import types
from unittest import mock

from horizon import exceptions as horizon_exceptions
from openstack_dashboard.api import base
import pytest
import requests

import snapshot_panel
from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import sessions
from tests.unit import builders
from tests.unit.cloud import answers

NOVA, CINDER = 'http://nova/v2.1', 'http://cinder/v3/project'
OURS = ' snapshot_panel/%s ' % snapshot_panel.__version__


@pytest.fixture
def catalog():
    """Where each service is, by its type; others are not there."""
    urls = {'compute': NOVA, 'volumev3': CINDER}

    def find(_request, kind):
        if kind not in urls:
            raise horizon_exceptions.ServiceCatalogException(kind)
        return urls[kind]

    with mock.patch.object(base, 'url_for', autospec=True, side_effect=find):
        yield urls


@pytest.fixture
def sent(user_request):
    """What goes out on the wire, with answers that hold nothing."""
    user_request.user.token.id = 'token'
    user_request.META['REMOTE_ADDR'] = '192.0.2.7'

    def answer(_adapter, request, **_options):
        made = requests.Response()
        made.status_code, made.url, made.request = 200, request.url, request
        made._content = b'{}'
        made.raw = types.SimpleNamespace(version=11)
        return made

    with mock.patch.object(requests.adapters.HTTPAdapter, 'send',
                           autospec=True, side_effect=answer) as send:
        yield send


def headers(sent):
    return sent.call_args.args[1].headers


def ask_nova(session):
    return asking.outcome(lambda: nova.get_instance(
        session, builders.INSTANCE))


def ask_cinder(session):
    with mock.patch.object(cinder, 'client', answers.REAL_CINDER_CLIENT):
        return asking.outcome(lambda: cinder.get_volume(
            session, builders.VOLUMES[0]))


@pytest.mark.parametrize('ask, url', [(ask_nova, NOVA), (ask_cinder, CINDER)])
def test_a_service_learns_the_users_address_and_token(
        user_request, catalog, sent, ask, url):
    ask(user_request)

    assert sent.call_args.args[1].url.startswith(url)
    assert headers(sent)['X-Auth-Token'] == 'token'
    assert headers(sent)['Forwarded'].startswith('for=192.0.2.7;by=')
    # Nobody asked Keystone for another token first.
    assert {call.args[1].url[:len(url)] for call in sent.call_args_list} == {
        url}


def test_behind_a_proxy_the_address_is_the_one_that_horizon_believes(
        settings, user_request, catalog, sent):
    settings.SECURE_PROXY_ADDR_HEADER = 'HTTP_X_FORWARDED_FOR'
    user_request.META['HTTP_X_FORWARDED_FOR'] = '198.51.100.9'

    ask_nova(user_request)

    assert headers(sent)['Forwarded'].startswith('for=198.51.100.9;by=')


@pytest.mark.parametrize('ask', [ask_nova, ask_cinder])
def test_a_service_learns_that_it_is_the_panel_of_horizon(
        user_request, catalog, sent, ask):
    ask(user_request)

    agent = headers(sent)['User-Agent']
    assert agent.startswith('horizon ') and OURS in agent


def test_without_an_address_nothing_is_said_of_it(user_request, catalog,
                                                  sent):
    del user_request.META['REMOTE_ADDR']

    ask_nova(user_request)

    assert 'Forwarded' not in headers(sent)


@pytest.mark.parametrize('no_verify, bundle, verify', [
    (False, None, True), (False, '/ca.pem', '/ca.pem'), (True, None, False),
    (True, '/ca.pem', False)])
def test_certificates_are_checked_as_horizon_does(
        settings, user_request, no_verify, bundle, verify):
    settings.OPENSTACK_SSL_NO_VERIFY = no_verify
    settings.OPENSTACK_SSL_CACERT = bundle

    assert sessions.make(user_request, NOVA, 'Nova').verify == verify


@pytest.mark.parametrize('timeout', [60, 5])
def test_no_client_waits_for_ever(settings, user_request, catalog, sent,
                                  timeout):
    settings.SNAPSHOT_PANEL = {'request_timeout': timeout}

    ask_cinder(user_request)

    assert sent.call_args.kwargs['timeout'] == timeout


@pytest.mark.parametrize('kind', ['block-storage', 'block-store', 'volume'])
def test_cinder_is_found_by_each_of_its_names(user_request, catalog, sent,
                                              kind):
    catalog[kind] = catalog.pop('volumev3')

    ask_cinder(user_request)

    assert sent.call_args.args[1].url.startswith(CINDER)


def test_a_cloud_without_cinder_is_no_traceback(user_request, catalog, sent):
    del catalog['volumev3']

    assert isinstance(ask_cinder(user_request), errors.Unavailable)
