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

"""Whatever a service answers, callers get what they expect or our error.

The clients are the real ones; only the wire is not.
"""

import collections.abc
import contextlib
import copy
import dataclasses
import datetime
import json
import logging
import types
import typing
from unittest import mock

from cinderclient.v3 import client as cinder_client
from glanceclient.v2 import client as glance_client
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint
from novaclient import client as nova_client
from openstack_dashboard.api import base
import pytest
import requests

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import metadefs
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import reading
from snapshot_panel.cloud import sdk_cinder
from snapshot_panel.cloud import sdk_nova
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from tests.unit import builders
from tests.unit.cloud import answers
from tests.unit.cloud import standing_in

JSON = 'application/json'
UTC = datetime.timezone.utc

SERVER = {
    **answers.server()._info,
    'os-extended-volumes:volumes_attached': [{'id': builders.VOLUMES[0]}],
    'locked': True, 'locked_reason': 'x', 'addresses': {'lan': [
        {'addr': '192.0.2.7', 'OS-EXT-IPS:type': 'fixed'}]},
    'security_groups': [{'name': 'web'}], 'key_name': 'ann',
    'flavor': {'original_name': 'small'}, 'metadata': {'role': 'db'}}
IMAGE = {**answers.glance_image(builders.asked()), 'protected': False}
ACTION = {'action': 'stop', 'request_id': 'req-1', 'user_id': 'u',
          'events': [answers.stop_event()]}
QUOTA = {'usage': 1, 'limit': 2}
DEFINITIONS = {'properties': {'hw_x': {
    'title': 'X', 'type': 'integer', 'minimum': 1, 'maximum': 9,
    'default': 3, 'enum': [1], 'description': 'x'}},
    'objects': [{'properties': {'os_y': {'type': 'string'}}}],
    'namespaces': [{'namespace': 'A'}]}
LIMITS = {'limits': {'absolute': {
    'maxServerMeta': 128, 'totalSnapshotsUsed': 2, 'maxTotalSnapshots': 10,
    'totalGigabytesUsed': 30, 'maxTotalVolumeGigabytes': 1000}}}
INTERFACES = {'interfaceAttachments': [
    {'port_id': 'port', 'net_id': 'net', 'fixed_ips': []}]}

# Each function with a whole answer, and what it promises to return.
READERS = {
    'networks': (lambda session: nova.list_networks(session, 'id'),
                 INTERFACES, tuple),
    'instances': (lambda session: nova.list_instances(session, 5),
                  {'servers': [SERVER]}, nova.InstancePage),
    'instance': (lambda session: nova.get_instance(
        session, builders.INSTANCE), {'server': SERVER}, facts.Instance),
    'console': (lambda session: nova.get_console(session, 'x'),
                {'output': 'text'}, str | None),
    'actions': (lambda session: nova.list_actions(session, 'x'),
                {'instanceActions': [ACTION]}, list[facts.Action]),
    'action': (lambda session: nova.time_action(
        session, 'x', builders.action('stop')), {'instanceAction': ACTION},
        facts.Action),
    'metadata': (nova.get_metadata_limit, LIMITS, int | None),
    'snapshots': (lambda session: glance.list_snapshots(session),
                  {'images': [IMAGE]}, list[facts.Image]),
    'images': (lambda session: glance.list_images(session, {'x'}),
               {'images': [IMAGE]}, list[facts.Image]),
    'image': (lambda session: glance.get_image(session, 'x'), IMAGE,
              facts.Image),
    'image if any': (lambda session: glance.find_image(
        session, builders.SNAPSHOT), IMAGE, facts.Image | None),
    'usage': (glance.get_usage, {'usage': {'image_count_total': QUOTA}},
              collections.abc.Mapping[str, facts.Usage]),
    'volume': (lambda session: cinder.get_volume(session, 'x'), {
        'volume': answers.cinder_volume(
            volume_image_metadata={'a': '1'})._info}, facts.Volume),
    'copy': (lambda session: cinder.get_snapshot(session, 'x'),
             {'snapshot': answers.cinder_copy()._info},
             facts.VolumeSnapshot),
    'quotas': (cinder.get_usage, LIMITS,
               collections.abc.Mapping[str, facts.Usage]),
}
JUNK = {
    'HTML': ('<html>Welcome</html>', 'text/html', 200),
    'HTML called JSON': ('<html>Welcome</html>', JSON, 200),
    'object': ('{}', JSON, 200), 'list': ('[]', JSON, 200),
    'null': ('null', JSON, 200), 'text': ('"x"', JSON, 200),
    'number': ('5', JSON, 200), 'nothing': ('', JSON, 200),
    'nothing at all': ('', None, 200), 'half': ('{"server": {"id', JSON, 200),
    'choices': ('{"choices": []}', JSON, 300),
    'deep': ('[' * 100000, JSON, 200)}
# In the place of each value of a whole answer.
ODD = (None, '', 'x', '\ud800', -1, 1.5, True, 10 ** 30, [], {}, [None],
       {'x': {}}, [[]], '0001-01-01T00:00:00+14:00',
       '9999-12-31T23:59:59-14:00', '0001-01-01T00:00:00Z',
       '9999-12-31T23:59:59Z')


class Wire:
    """What the next requests are answered with."""

    def __init__(self):
        self.answer()

    def answer(self, body='', kind=JSON, status=200):
        self.body, self.kind, self.status = body, kind, status

    def send(self, _adapter, request, **_options):
        if isinstance(self.body, Exception):
            raise self.body
        made = requests.Response()
        made.status_code, made.request, made.url = (
            self.status, request, request.url)
        made._content = self.body.encode()
        made.raw = types.SimpleNamespace(version=11)
        if self.kind:
            made.headers['Content-Type'] = self.kind
        return made


def own_clients():
    return nova_client.Client('2.90', session=keys('v2.1')), (
        cinder_client.Client(session=keys('v3')))


def openstacksdk():
    return sdk_nova.Client('2.90', session=keys('v2.1')), (
        sdk_cinder.Client('3', session=keys('v3')))


def keys(version):
    return keystone_session.Session(
        token_endpoint.Token('http://cloud/' + version, 'token'))


# By each client that there is for a service.
@pytest.fixture(params=[(own_clients, contextlib.nullcontext),
                        (openstacksdk, standing_in.clients_missing)],
                ids=['clients', 'sdk'])
def wire(request):
    """Answers on the wire, to the clients as they are."""
    make, horizon = request.param
    made = Wire()
    compute, volume = make()
    clients = {
        nova: compute, cinder: volume,
        glance: glance_client.Client('http://cloud', token='token')}
    with horizon(), mock.patch.object(
            requests.adapters.HTTPAdapter, 'send', autospec=True,
            side_effect=made.send):
        patches = [mock.patch.object(module, 'client', autospec=True,
                                     return_value=client)
                   for module, client in clients.items()]
        for patch in patches:
            patch.start()
        yield made
        for patch in patches:
            patch.stop()


def fits(value, promised):
    """Return whether a value is of a type, with all that it holds."""
    kind, inner = typing.get_origin(promised), typing.get_args(promised)
    if promised is typing.Any:
        return True
    if kind in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if kind in (list, tuple):
        return isinstance(value, kind) and all(
            fits(each, inner[0]) for each in value)
    if kind is collections.abc.Mapping:
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(each, inner[1])
            for key, each in value.items())
    if promised is str and isinstance(value, str):
        return value == value.encode(errors='replace').decode()
    if promised is float:
        return isinstance(value, (int, float))
    if promised is int and isinstance(value, bool):
        return False
    return isinstance(value, promised) and (
        not dataclasses.is_dataclass(promised) or all(
            fits(getattr(value, name), hint) for name, hint
            in typing.get_type_hints(promised).items()))


def mutants(whole):
    """Give the answer with each of its values replaced, and left out."""
    for path in list(_paths(whole)):
        for odd in ODD:
            made = copy.deepcopy(whole)
            _parent(made, path)[path[-1]] = odd
            yield path, odd, made
        made = copy.deepcopy(whole)
        del _parent(made, path)[path[-1]]
        yield path, 'left out', made


def _paths(value, path=()):
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for key, each in items:
        yield (*path, key)
        yield from _paths(each, (*path, key))


def _parent(value, path):
    for key in path[:-1]:
        value = value[key]
    return value


@pytest.mark.parametrize('name', READERS)
def test_a_whole_answer_is_read(name, user_request, wire):
    read, whole, promised = READERS[name]
    wire.answer(json.dumps(whole))

    assert fits(read(user_request), promised)


@pytest.mark.parametrize('junk', JUNK)
@pytest.mark.parametrize('name', READERS)
def test_what_is_no_answer_is_the_services_failure(name, junk, user_request,
                                                   wire, caplog):
    wire.answer(*JUNK[junk])

    with pytest.raises(errors.Unusable) as caught:
        READERS[name][0](user_request)

    assert caught.value.status == 502
    assert caught.value.service in ('Nova', 'Glance', 'Cinder')


@pytest.mark.parametrize('name', READERS)
def test_an_answer_with_something_odd_is_read_or_the_services_failure(
        name, user_request, wire):
    read, whole, promised = READERS[name]
    wrong = []

    for path, odd, body in mutants(whole):
        wire.answer(json.dumps(body))
        got = asking.outcome(lambda: read(user_request))
        if not isinstance(got, errors.CloudError) and not fits(got, promised):
            wrong.append((path, odd, got))

    assert wrong == []


@pytest.mark.parametrize('name, body', [
    ('instances', {'servers': [{**SERVER, 'id': None}]}),
    ('instance', {'server': {**SERVER, 'metadata': 'x'}}),
    ('snapshots', {'images': [{**IMAGE, 'id': ''}]}),
    ('images', {'images': [IMAGE, {}]}),
    ('image', {**IMAGE, 'size': -1}), ('image', {**IMAGE, 'size': '12'}),
    ('image', {**IMAGE, 'created_at': '0001-01-01T00:00:00+14:00'}),
    ('instance', {'server': {**SERVER, 'image': {'properties': 'x'}}}),
    ('volume', {'volume': {'id': 'x'}}),
    ('usage', {'usage': {'image_count_total': {}}})])
def test_what_an_answer_lacks_is_not_made_up(name, body, user_request, wire):
    wire.answer(json.dumps(body))

    with pytest.raises(errors.Unusable):
        READERS[name][0](user_request)


def test_the_log_says_where_it_could_not_be_read(user_request, wire, caplog):
    wire.answer('[]')

    with caplog.at_level(logging.ERROR, 'snapshot_panel'), \
            pytest.raises(errors.Unusable):
        glance.get_image(user_request, 'x')

    assert caplog.records[0].exc_info


@pytest.mark.parametrize('junk', JUNK)
def test_definitions_that_cannot_be_read_are_none(junk, user_request, wire):
    wire.answer(*JUNK[junk])

    assert metadefs.definitions(user_request) == {}


def test_definitions_with_something_odd_are_read_or_left_out(
        user_request, wire):
    wrong = []

    for path, odd, body in mutants(DEFINITIONS):
        wire.answer(json.dumps(body))
        got = asking.outcome(lambda: metadefs._ask_definitions(user_request))
        if not isinstance(got, errors.CloudError) and not fits(
                got, collections.abc.Mapping[str, properties.Definition]):
            wrong.append((path, odd, got))

    assert wrong == []


@pytest.mark.parametrize('junk', JUNK)
def test_limits_that_cannot_be_read_are_unknown(junk, user_request, wire):
    wire.answer(*JUNK[junk])

    limits = details.ask_limits(user_request, builders.instance(
        image_id=None, volume_ids=builders.VOLUMES))

    assert limits.unknown == ('Nova', 'Glance', 'Cinder')


@pytest.mark.parametrize('body', [
    *JUNK.values(), ('{"versions": [{"id": "v2.1", "version": "x"}]}', JSON,
                     200), ('{"version": {"version": "2.x"}}', JSON, 200)])
def test_a_version_that_cannot_be_read_is_no_traceback(body, user_request):
    made = Wire()
    made.answer(*body)
    user_request.user.token.id = 'token'

    with mock.patch.object(base, 'url_for', autospec=True,
                           return_value='http://cloud/v2.1/'), \
            mock.patch.object(requests.adapters.HTTPAdapter, 'send',
                              autospec=True, side_effect=made.send):
        got = asking.outcome(lambda: nova.get_console(user_request, 'x'))

    assert isinstance(got, errors.CloudError)


def test_pages_that_never_end_do(user_request, wire):
    wire.answer('{"images": [], "next": "/v2/images?marker=x"}')

    assert glance.list_snapshots(user_request) == []


# What may have been begun

def create(session):
    return nova.create_image(session, builders.INSTANCE, 'web-1', {})


@pytest.mark.parametrize('body', [
    *JUNK.values(), ('{"image_id": "x"}', JSON, 202),
    ('{"image_id": null}', JSON, 202), ('', JSON, 500), ('', JSON, 502),
    ('', JSON, 503), ('', JSON, 504), ('', JSON, 408)])
def test_a_snapshot_without_a_usable_answer_may_have_begun(
        body, user_request, wire):
    wire.answer(*body)

    with pytest.raises(errors.Unanswered):
        create(user_request)


@pytest.mark.parametrize('raised', [
    requests.ConnectionError('reset'), requests.ReadTimeout(),
    requests.exceptions.ChunkedEncodingError()])
def test_a_snapshot_whose_answer_is_lost_may_have_begun(raised, user_request,
                                                        wire):
    wire.answer(raised)

    with pytest.raises(errors.Unanswered):
        create(user_request)


@pytest.mark.parametrize('status, kind', [
    (400, errors.Refused), (403, errors.Forbidden), (404, errors.NotFound),
    (409, errors.Conflict), (413, errors.OverLimit),
    (405, errors.Unavailable), (410, errors.Unavailable)])
def test_a_snapshot_that_is_refused_was_not_begun(status, kind, user_request,
                                                  wire):
    wire.answer('{}', JSON, status)

    with pytest.raises(kind) as caught:
        create(user_request)

    assert not isinstance(caught.value, errors.Unanswered)


def test_without_a_client_nothing_was_begun(user_request):
    with mock.patch.object(nova, 'client', autospec=True,
                           side_effect=requests.ConnectionError()), \
            pytest.raises(errors.Unavailable) as caught:
        create(user_request)

    assert not isinstance(caught.value, errors.Unanswered)


# Times

@pytest.mark.parametrize('text', [
    '2026-11-22T11:00:00Z', '2026-11-22T11:00:00.000000',
    '2026-11-22T13:00:00+02:00'])
def test_each_way_to_write_a_time_is_read(text):
    assert reading.moment_or_none(text) == datetime.datetime(
        2026, 11, 22, 11, tzinfo=UTC)


@pytest.mark.parametrize('text', [None, ''])
def test_no_time_is_none(text):
    assert reading.moment_or_none(text) is None
