# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""A service that does not answer costs a page one wait."""

import copy
import types
from unittest import mock

from openstack_dashboard.api import base
import pytest
import requests

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import patience
from tests.unit import builders

GLANCE, NOVA = 'http://glance', 'http://nova/v2.1'


@pytest.fixture
def hung():
    """The beginnings of the addresses that give no answer."""
    return {GLANCE}


@pytest.fixture
def sent(user_request, hung):
    """What goes out on the wire."""
    user_request.user.token.id = 'token'
    user_request.META['REMOTE_ADDR'] = '192.0.2.7'

    def answer(_adapter, request, **_options):
        if request.url.startswith(tuple(hung)):
            raise requests.ReadTimeout(request=request)
        made = requests.Response()
        made.status_code, made.url, made.request = 200, request.url, request
        made._content = b'{}'
        made.raw = types.SimpleNamespace(version=11)
        return made

    places = {'image': GLANCE, 'compute': NOVA}
    with (mock.patch.object(requests.adapters.HTTPAdapter, 'send',
                            autospec=True, side_effect=answer) as send,
          mock.patch.object(base, 'url_for', autospec=True,
                            side_effect=lambda _request, kind:
                            places[kind])):
        yield send


def addresses(sent):
    return [call.args[1].url for call in sent.call_args_list]


def seconds(sent):
    return [call.kwargs['timeout'] for call in sent.call_args_list]


def ask_glance(session):
    return asking.outcome(lambda: glance.get_usage(session))


def ask_nova(session):
    return asking.outcome(lambda: nova.get_instance(
        session, builders.INSTANCE))


def change(session):
    return asking.outcome(lambda: glance.delete_image(
        session, builders.SNAPSHOT))


def test_a_page_waits_once_for_a_hung_service(user_request, sent):
    patience.limit(user_request)

    answers = [ask_glance(user_request), ask_glance(user_request)]

    assert len(addresses(sent)) == 1
    assert [type(each) for each in answers] == [errors.Unavailable] * 2
    assert all(each.service == 'Glance' for each in answers)


def test_a_page_waits_shorter_than_what_runs_behind_it(
        settings, user_request, sent):
    settings.SNAPSHOT_PANEL = {'page_timeout': 3, 'request_timeout': 50}
    ask_glance(user_request)

    patience.limit(user_request)
    ask_glance(user_request)

    assert seconds(sent) == [50, 3]


def test_who_acts_waits_as_long_as_a_request_may_and_once(
        settings, user_request, sent):
    settings.SNAPSHOT_PANEL = {'page_timeout': 3, 'request_timeout': 50}
    patience.limit(user_request, acts=True)

    ask_glance(user_request)
    ask_glance(user_request)

    assert seconds(sent) == [50]


def test_a_page_does_not_wait_longer_than_a_request_may(
        settings, user_request, sent):
    settings.SNAPSHOT_PANEL = {'page_timeout': 30, 'request_timeout': 2}
    patience.limit(user_request)

    ask_glance(user_request)

    assert seconds(sent) == [2]


def test_the_other_services_are_asked_all_the_same(user_request, sent):
    patience.limit(user_request)

    ask_glance(user_request)
    ask_nova(user_request)

    assert addresses(sent)[1].startswith(NOVA)


def test_one_page_does_not_spoil_another(user_request, sent):
    other = copy.copy(user_request)
    for page in (user_request, other):
        patience.limit(page)

        ask_glance(page)

    assert len(addresses(sent)) == 2


def test_behind_the_page_a_service_is_asked_again(user_request, sent):
    ask_glance(user_request)
    ask_glance(user_request)

    assert len(addresses(sent)) == 2


def test_what_changes_something_is_sent_and_may_take_longer(
        settings, user_request, sent, hung):
    settings.SNAPSHOT_PANEL = {'page_timeout': 3, 'request_timeout': 50}
    patience.limit(user_request)
    ask_glance(user_request)
    hung.clear()

    change(user_request)

    assert sent.call_args.args[1].method == 'DELETE'
    assert seconds(sent) == [3, 50]


def test_a_refusal_is_no_missing_answer(user_request, sent, hung):
    hung.clear()
    patience.limit(user_request)

    ask_glance(user_request)
    ask_glance(user_request)

    assert len(addresses(sent)) == 2
