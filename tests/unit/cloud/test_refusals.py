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

"""What a service without a client of its own refuses."""

import json
from unittest import mock

from openstack import connection
import pytest
import requests

from snapshot_panel.cloud import refusals
from snapshot_panel.cloud import sdk
from snapshot_panel.cloud import sessions


def refused(status, body, **headers):
    """Return what an answer raises."""
    answer = requests.Response()
    answer.status_code = status
    answer._content = body if isinstance(body, bytes) else (
        json.dumps(body).encode())
    answer.headers.update({
        name.replace('_', '-'): value for name, value in headers.items()})
    with pytest.raises(refusals.ClientException) as raised:
        refusals.check(answer)
    return raised.value


@pytest.mark.parametrize('body, said', [
    ({'conflictingRequest': {'message': 'Locked.', 'code': 409}}, 'Locked.'),
    ({'message': 'Locked.', 'code': 409}, 'Locked.'),
    ({'faultstring': 'Locked.', 'debuginfo': None}, 'Locked.'),
    ({'error': {'message': 'half \ud800'}}, 'half ?'),
    ({'error': {'message': 7}}, ''), ({'error': 'Locked.'}, ''), ({}, ''),
    ([], ''), (b'', ''), (b'<html>Locked.</html>', ''),
    (b'[' * 100000, '')], ids=lambda value: repr(value)[:30])
def test_the_words_are_found(body, said):
    assert refused(409, body).message == said


@pytest.mark.parametrize('after, seconds', [
    ('30', 30), ('soon', 0), ('', 0), ('-1', 0), ('\u00b2', 0),
    ('Wed, 21 Oct 2026 07:28:00 GMT', 0)])
def test_when_to_come_again_is_a_number_or_not_known(after, seconds):
    assert refused(413, {}, Retry_After=after).retry_after == seconds


@pytest.mark.parametrize('body, headers, text', [
    ({'x': {'message': 'Full.'}}, {}, 'Full. (HTTP 413)'),
    ({}, {}, 'HTTP 413'),
    ({}, {'X_Openstack_Request_Id': 'req-1'},
     'HTTP 413 (Request-ID: req-1)')])
def test_a_log_finds_status_and_request(body, headers, text):
    assert str(refused(413, body, **headers)) == text


def keys(user_request):
    user_request.META['REMOTE_ADDR'] = '192.0.2.7'
    return sessions.make(user_request, 'http://nova/v2.1', 'Nova')


def test_openstacksdk_keeps_no_connection(user_request):
    with mock.patch.object(connection.Connection, 'close', autospec=True
                           ) as close:
        service = sdk.Service(keys(user_request), 'compute')

    assert close.call_count == 1
    assert service.url == 'http://nova/v2.1'


def test_no_release_of_openstacksdk_sends_anything_twice(user_request):
    service = sdk.Service(keys(user_request), 'compute')

    with mock.patch.object(service._proxy, 'request', autospec=True) as sent:
        sent.return_value.status_code = 202
        service.send('POST', '/servers/x/action', {'createImage': {}})

    # 4.5 would send once more what got no answer.
    assert sent.call_args.kwargs['connect_retries'] == 0
