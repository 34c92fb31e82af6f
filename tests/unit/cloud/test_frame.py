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

"""What is asked for Horizon's frame: ahead, and within a page's wait."""

import datetime
import json
import types
from unittest import mock

from django import http
from django.utils import timezone
from openstack_auth import user as auth_user
from openstack_dashboard.api import keystone as keystone_api
from openstack_dashboard.api import neutron
import pytest
import requests

from snapshot_panel.cloud import frame
from snapshot_panel.cloud import patience


@pytest.fixture
def request_():
    made = http.HttpRequest()
    made.user = mock.Mock()
    return made


@pytest.fixture
def listed():
    with mock.patch.object(neutron, 'list_extensions',
                           autospec=True) as listed:
        yield listed


def test_the_frames_questions_are_asked(request_, listed):
    projects = mock.PropertyMock()
    type(request_.user).authorized_tenants = projects

    for question in frame.questions(request_):
        question()

    assert projects.called
    listed.assert_called_once_with(request_)


def test_a_cloud_without_networks_is_not_asked_for_them(request_, listed):
    request_.user.has_perm.return_value = False

    for question in frame.questions(request_):
        question()

    assert not listed.called


def test_what_fails_is_left_to_the_frame(request_, listed):
    listed.side_effect = ValueError('no network')

    assert [question() for question in frame.questions(request_)] == [
        None, None]


@pytest.fixture
def page():
    """A page of a user who logged in, within a page's wait."""
    made = http.HttpRequest()
    made.META['REMOTE_ADDR'] = '192.0.2.7'
    made.session = {}
    made.user = auth_user.User(
        id='user', endpoint='http://keystone/v3', tenant_id='project',
        unscoped_token='unscoped', token=types.SimpleNamespace(
            id='scoped', expires=timezone.now() + datetime.timedelta(hours=1)))
    patience.limit(made)
    frame.bound(made)
    return made


@pytest.fixture
def keystone():
    """What Keystone answers: a text, or what it raises instead."""
    def send(_adapter, request, **_options):
        if isinstance(keystone.answer, Exception):
            raise keystone.answer
        made = requests.Response()
        made.status_code, made.url, made.request = 200, request.url, request
        made._content = keystone.answer.encode()
        made.raw = types.SimpleNamespace(version=11)
        return made

    with mock.patch.object(requests.adapters.HTTPAdapter, 'send',
                           autospec=True, side_effect=send) as keystone:
        yield keystone


def test_the_frame_lists_the_projects_that_keystone_knows(page, keystone):
    keystone.answer = json.dumps({'projects': [
        {'id': '2', 'name': 'web'}, {'id': '1', 'name': 'Mail'}]})

    names = [[each.name for each in page.user.authorized_tenants]
             for _twice in range(2)]

    assert names == [['Mail', 'web']] * 2
    assert keystone.call_count == 1


def test_without_an_answer_the_menu_asks_for_no_version(page, keystone):
    """It would break the page, after a wait of its own."""
    keystone.answer = requests.ConnectionError('nobody is there')

    assert list(page.user.authorized_tenants) == []
    asked = keystone.call_count
    version = keystone_api.get_identity_api_version(page)

    assert version < (3, 10)
    assert keystone.call_count == asked


def test_nobody_asks_keystone_for_an_answer_without_the_frame(page, keystone):
    assert not keystone.called


def test_a_keystone_that_hangs_costs_a_page_one_wait(
        settings, page, keystone):
    settings.SNAPSHOT_PANEL = {'page_timeout': 3}
    patience.limit(page)
    keystone.answer = requests.ReadTimeout()

    # The index asks ahead; then the frame comes, more than once.
    frame.questions(page)[0]()
    lists = [list(page.user.authorized_tenants) for _twice in range(2)]

    assert lists == [[], []]
    assert [call.kwargs['timeout'] for call in keystone.call_args_list] == [3]


@pytest.mark.parametrize('answer', [
    '{}', '[]', 'null', '', '<html></html>', '{"projects": [null]}',
    '{"projects": {"a": 1}}'])
def test_junk_of_keystone_does_not_break_the_frame(answer, page, keystone):
    keystone.answer = answer

    assert list(page.user.authorized_tenants) == []
    assert keystone.called
