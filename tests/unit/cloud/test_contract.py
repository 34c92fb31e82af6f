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

"""openstacksdk asks and understands as the services' own clients do.

Each case runs with both, from our modules down to the wire: the requests must
be the same, and so must what comes of the answers.
"""

import contextlib
from http import HTTPStatus
import json
import re
import types
from unittest import mock
from urllib import parse

from django.core.cache import cache
from django import http
from openstack_dashboard.api import base
import pytest
import requests

from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import patience
from snapshot_panel.consistency import records
from snapshot_panel.consistency import successor
from tests.unit import builders
from tests.unit.cloud import answers
from tests.unit.cloud import standing_in

NOVA, CINDER = 'http://nova/v2.1/project', 'http://cinder/v3/project'
HEADERS = ('X-Auth-Token', 'Accept', 'Content-Type', 'OpenStack-API-Version',
           'X-OpenStack-Nova-API-Version')
SERVER = {
    **answers.server()._info, 'updated': '2026-11-22T11:30:00Z',
    'os-extended-volumes:volumes_attached': [{'id': builders.VOLUMES[0]}],
    'locked': True, 'locked_reason': 'ü', 'key_name': 'ann',
    'user_id': 'user', 'pinned_availability_zone': None,
    'security_groups': [{'name': 'web'}], 'config_drive': 'True',
    'flavor': {'original_name': 'small', 'ephemeral': 1, 'swap': 512},
    'addresses': {'lan': [
        {'addr': '192.0.2.7', 'OS-EXT-IPS:type': 'fixed'},
        {'addr': '198.51.100.7', 'OS-EXT-IPS:type': 'floating'}]}}
BARE = {name: SERVER[name] for name in (
    'id', 'name', 'status', 'tenant_id', 'metadata', 'created')} | {
    'image': ''}
ACTION = {'action': 'stop', 'request_id': 'req-1', 'user_id': 'u',
          'events': [answers.stop_event()]}
LIMITS = {'limits': {'rate': [], 'absolute': {
    'maxServerMeta': 128, 'totalSnapshotsUsed': 2, 'maxTotalSnapshots': 10,
    'totalGigabytesUsed': 30, 'maxTotalVolumeGigabytes': -1}}}
MEMORY = records.Memory(builders.SNAPSHOT, 'web 1', builders.NOW, 'ann')
WANTED = successor.Blueprint(
    'web ü', builders.BASE_IMAGE, '7', ('net', 'net'), ('web',), 'ann',
    'north', True)
ID = builders.INSTANCE


def changed(call):
    """Return the call, whose answer holds nothing to read."""
    return call, [{}]


# Each with what it is answered; the last answer is given again.
CASES = {
    'a page': (lambda session: nova.list_instances(
        session, 2, 'marker', name='a.b ü', status='ACTIVE', image='i'),
        [{'servers': [SERVER, BARE]}]),
    'a page backwards': (lambda session: nova.list_instances(
        session, 1, 'marker', backwards=True), [{'servers': [SERVER, BARE]}]),
    'all pages': (nova.all_instances, [
        {'servers': [SERVER]}, {'servers': [BARE]}, {'servers': []}]),
    'an instance': (lambda session: nova.get_instance(session, ID),
                    [{'server': SERVER}]),
    'another project': (lambda session: nova.get_instance(session, ID),
                        [{'server': {**SERVER, 'tenant_id': 'x'}}]),
    'a console': (lambda session: nova.get_console(session, ID),
                  [{'output': 'one\n\x1b[2Jtwo ü \ud800'}]),
    'actions': (lambda session: nova.list_actions(session, ID),
                [{'instanceActions': [ACTION]}]),
    'an action': (lambda session: nova.time_action(
        session, ID, builders.action('stop')), [{'instanceAction': ACTION}]),
    'networks': (lambda session: nova.list_networks(session, ID), [
        {'interfaceAttachments': [{'port_id': 'p', 'net_id': 'net'}]}]),
    'a flavor': (lambda session: nova.find_flavor(session, 'm1'), [
        {'flavors': [{'id': '1', 'name': 'm1', 'vcpus': 1, 'ram': 64,
                      'disk': 1}]}]),
    'no flavor': (lambda session: nova.find_flavor(session, 'm1'),
                  [{'flavors': []}]),
    'keys': (nova.list_keys, [{'keypairs': [{'keypair': {'name': 'ann'}}]}]),
    'a launch': (lambda session: nova.create_server(session, WANTED),
                 [{'server': {'id': 'new'}}]),
    'a bare launch': (lambda session: nova.create_server(
        session, successor.Blueprint('web', builders.BASE_IMAGE, '7')),
        [{'server': {'id': 'new'}}]),
    'metadata limit': (nova.get_metadata_limit, [LIMITS]),
    'a snapshot': (lambda session: nova.create_image(
        session, ID, 'web 1', {'a': 'ü'}), [{'image_id': builders.SNAPSHOT}]),
    'a memory': (lambda session: nova.remember(session, ID, MEMORY),
                 [{'metadata': {}}]),
    'no memory': changed(lambda session: nova.forget(session, ID, MEMORY)),
    'odd metadata': changed(lambda session: nova.delete_metadata(
        session, ID, 'an odd key.-_:')),
    'a stop': changed(lambda session: nova.stop(session, ID)),
    'a start': changed(lambda session: nova.start(session, ID)),
    'a volume': (lambda session: cinder.get_volume(session, 'v'), [
        {'volume': {**answers.cinder_volume()._info, 'bootable': 'true',
                    'volume_image_metadata': {'a': '1'}}}]),
    'a copy': (lambda session: cinder.get_snapshot(session, 'c'),
               [{'snapshot': answers.cinder_copy()._info}]),
    'usage': (cinder.get_usage, [LIMITS]),
}
# Nova and Cinder name the kind first; newer WebOb leaves that out.
BODIES = ({'kind': {'message': 'Because of x.', 'code': 1}},
          {'message': 'Because of x.', 'code': 1, 'title': 'Kind'}, None)
PHRASES = [each.phrase for each in HTTPStatus]
STATUSES = (300, 400, 401, 403, 404, 405, 408, 409, 413, 429, 500, 501, 502,
            503, 504)
LOST = (requests.ConnectionError('refused'), requests.ConnectTimeout(),
        requests.ReadTimeout(), requests.exceptions.SSLError(),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.ContentDecodingError())


class Wire:
    """Answers requests, and keeps what was sent."""

    def __init__(self, bodies, status=200, headers=(), version='2.98'):
        self._bodies = list(bodies)
        self._status, self._headers = status, dict(headers)
        self._version = version
        self.sent = []

    def send(self, _adapter, request, **options):
        url = parse.urlsplit(request.url)
        agent = request.headers['User-Agent']
        self.sent.append((
            request.method, url.netloc + url.path,
            sorted(parse.parse_qsl(url.query)),
            json.loads(request.body) if request.body else None,
            {name: request.headers.get(name) for name in HEADERS},
            request.headers['Forwarded'].partition(';')[0],
            # python-novaclient adds itself.
            re.sub(r'python-novaclient/\S+ ', '', agent),
            options['timeout'], options['verify']))
        if url.netloc == 'nova' and url.path.count('/') <= 2:
            return self._tell_version(request, url.path)
        body = self._bodies.pop(0) if len(
            self._bodies) > 1 else self._bodies[0]
        if isinstance(body, Exception):
            raise body
        return response(request, self._status, body, self._headers)

    def _tell_version(self, request, path):
        # Older releases do not know the address that names the project.
        if not path.endswith('/'):
            return response(request, 404, {})
        return response(request, 200, {'version': {'version': self._version}})


def response(request, status, body, headers=()):
    made = requests.Response()
    made.status_code, made.url, made.request = status, request.url, request
    made.reason = HTTPStatus(status).phrase
    made._content = b'' if body is None else json.dumps(body).encode()
    made.raw = types.SimpleNamespace(version=11)
    made.headers.update({'Content-Type': 'application/json',
                         'X-Compute-Request-Id': 'req-7', **dict(headers)})
    return made


def visit():
    """Return a user's request to a page."""
    made = http.HttpRequest()
    made.META['REMOTE_ADDR'] = '192.0.2.7'
    made.user = mock.Mock(tenant_id='project', username='ann',
                          service_catalog=[])
    made.user.token.id = 'token'
    return made


def outcome(call, session):
    """Return what a call gives or what it raises, without words of ours."""
    try:
        return call(session)
    except errors.UNAUTHORIZED as problem:
        return 'expired', problem.code
    except errors.CloudError as problem:
        return (type(problem), problem.service, problem.said,
                errors.code(problem), errors.lasts(problem))


def asked(wire, call, session=None):
    """Return what was sent for a call, and what came of it."""
    cache.clear()
    places = {'compute': NOVA, 'volumev3': CINDER}
    with mock.patch.object(requests.adapters.HTTPAdapter, 'send', autospec=(
            True), side_effect=wire.send), mock.patch.object(
            base, 'url_for', autospec=True,
            side_effect=lambda _request, kind: places[kind]), \
            mock.patch.object(cinder, 'client', answers.REAL_CINDER_CLIENT):
        came = outcome(call, session or visit())
    return wire.sent, came


def both(call, *given, **options):
    """Return the same with each way to ask the services."""
    own = asked(Wire(*given, **options), call)
    with standing_in.clients_missing():
        instead = asked(Wire(*given, **options), call)
    return own, instead


@pytest.mark.parametrize('name', CASES)
def test_the_same_is_asked_and_understood(name):
    own, instead = both(*CASES[name])

    assert instead == own
    assert own[0][-1][4]['X-Auth-Token'] == 'token'


@pytest.mark.parametrize('version', [
    '2.103', '2.98', '2.97', '2.96', '2.90', '2.58', ''])
@pytest.mark.parametrize('name', ['an instance', 'a snapshot', 'actions'])
def test_the_same_version_is_spoken(name, version):
    own, instead = both(*CASES[name], version=version)

    assert instead == own
    assert own[0][-1][4]['X-OpenStack-Nova-API-Version'].startswith('2.')


@pytest.mark.parametrize('status', STATUSES)
@pytest.mark.parametrize('name', CASES)
def test_the_same_refusals_mean_the_same(name, status):
    call, _bodies = CASES[name]

    own, instead = both(call, BODIES[:1], status=status)

    # What was sent is the same too: nothing is tried again.
    assert instead == own


@pytest.mark.parametrize('body', BODIES[1:], ids=['plain', 'none'])
@pytest.mark.parametrize('status', STATUSES)
@pytest.mark.parametrize('name', ['an instance', 'a snapshot', 'usage'])
def test_their_words_are_found_wherever_they_are(name, status, body):
    call, _bodies = CASES[name]

    own, instead = both(call, [body], status=status)

    assert without_names(instead) == without_names(own)


def without_names(came):
    """Return it without a status' own name, which Cinder's client repeats."""
    sent, got = came
    if isinstance(got, tuple) and len(got) == 5 and got[2] in PHRASES:
        return sent, (*got[:2], '', *got[3:])
    return came


@pytest.mark.parametrize('headers, words', [
    ({'Retry-After': '30'}, 'Over.'), ({'Retry-After': '0'}, 'Over.'),
    ({}, 'This request was rate-limited.'), ({}, 'Quota exceeded.')])
@pytest.mark.parametrize('status', [403, 413, 429])
@pytest.mark.parametrize('name', ['a snapshot', 'an instance', 'usage'])
def test_a_quota_and_a_hurry_are_told_apart_alike(name, status, headers,
                                                  words):
    call, _bodies = CASES[name]

    own, instead = both(call, [{'x': {'message': words}}], status=status,
                        headers=headers)

    assert instead == own


@pytest.mark.parametrize('lost', LOST, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize('name', CASES)
def test_a_lost_answer_means_the_same(name, lost):
    call, _bodies = CASES[name]

    own, instead = both(call, [lost])

    assert without_words(instead) == without_words(own)
    assert issubclass(own[1][0], errors.CloudError)


def without_words(came):
    """Return it without keystoneauth1's words, which quote the address."""
    sent, got = came
    return sent, (*got[:2], *got[3:])


@pytest.mark.parametrize('name', ['an instance', 'usage'])
def test_a_page_waits_as_long_and_once(name):
    call, _bodies = CASES[name]
    sent = []

    for way in contextlib.nullcontext, standing_in.clients_missing:
        session, wire = visit(), Wire([requests.ReadTimeout()])
        patience.limit(session)
        with way():
            asked(wire, call, session)
            asked(wire, call, session)
        sent.append([(each[1], each[7]) for each in wire.sent])

    assert sent[0] == sent[1]
    assert len([where for where, _timeout in sent[0] if not where.startswith(
        'nova/v2.1') or 'servers' in where]) == 1
