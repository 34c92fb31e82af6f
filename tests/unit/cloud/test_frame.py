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

"""What is asked ahead for Horizon's frame."""

from unittest import mock

from django import http
from openstack_dashboard.api import neutron
import pytest

from snapshot_panel.cloud import frame


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
