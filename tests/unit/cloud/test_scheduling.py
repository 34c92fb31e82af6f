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

"""Schedules that Mistral runs, asked over its REST API."""

import contextlib
from unittest import mock

from horizon import exceptions as horizon_exceptions
from openstack_dashboard.api import base
import pytest
import requests

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import mistral
from snapshot_panel.cloud import scheduling
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow
from tests.unit import builders
from tests.unit import fakes

NAME = workflow.name(builders.INSTANCE)
NIGHTLY = schedules.Schedule(schedules.Period.DAILY, 2, 7, builders.NOW)
PATTERN = '30 2 * * *'
HOSTILE = "<% $.x %> {{ _.y }} it's: \"\n"


@pytest.fixture(params=['workflowv2', 'workflow'])
def service(request, user_request, nova_client):
    """Mistral, under either name in the catalog, with and without /v2."""
    made = fakes.Workflows()
    user_request.user.token.id = 'token'
    user_request.META['REMOTE_ADDR'] = '192.0.2.7'
    url = made.url if request.param == 'workflow' else made.url[:-2]

    def find(_request, kind):
        if kind == request.param:
            return url
        raise horizon_exceptions.ServiceCatalogException(kind)

    with mock.patch.object(base, 'url_for', autospec=True, side_effect=find
                           ), mock.patch.object(
            requests.adapters.HTTPAdapter, 'send', autospec=True,
            side_effect=made):
        yield made


@pytest.fixture
def begin(user_request, service):
    def call(**changes):
        instance = builders.instance(**changes)
        scheduling.begin(user_request, instance, NIGHTLY, PATTERN)
        return instance
    return call


def written(nova_client):
    """Return what was written last of the schedule, on the server."""
    return nova_client.servers.set_meta.call_args.args[1][schedules.KEY]


def test_a_schedule_is_a_workflow_and_a_trigger_of_its_name(
        begin, service, nova_client, user_request):
    begin(name=HOSTILE)

    assert service.workflows == {NAME: workflow.text(builders.INSTANCE)}
    assert service.triggers == {NAME: {
        'name': NAME, 'workflow_name': NAME, 'pattern': PATTERN,
        'workflow_input': {'server': builders.INSTANCE,
                           'name': HOSTILE[:-1] + '\ufffd',
                           'by': user_request.user.username}}}
    assert written(nova_client) == NIGHTLY.value()
    assert '<% $.x' not in service.workflows[NAME]


@pytest.mark.parametrize('done, noted', [
    ([builders.action('reboot', 'req-2'), builders.action('create', 'req-1')],
     {schedules.AFTER: 'req-2'}), ([], {})])
def test_what_was_done_before_is_noted_for_the_first_snapshot(
        begin, nova_client, done, noted):
    nova_client.instance_action.list.return_value = [
        mock.Mock(action=each.name, request_id=each.request_id, user_id=None)
        for each in done]

    begin()

    assert nova_client.servers.set_meta.call_args.args[1] == {
        schedules.KEY: NIGHTLY.value(), **noted}


@pytest.mark.parametrize('problem', [
    errors.nova_exceptions.Forbidden(403),
    errors.nova_exceptions.NotFound(404),
    errors.nova_exceptions.ClientException(500)])
def test_who_may_not_see_what_was_done_has_a_schedule_all_the_same(
        begin, service, nova_client, problem):
    nova_client.instance_action.list.side_effect = problem

    begin()

    assert set(service.triggers) == {NAME}
    assert nova_client.servers.set_meta.call_args.args[1] == {
        schedules.KEY: NIGHTLY.value()}


@pytest.mark.parametrize('missing', workflow.ASKS)
def test_a_service_that_cannot_ask_takes_the_snapshots_all_the_same(
        begin, service, missing):
    service.actions.discard(missing)

    begin()

    assert service.workflows == {NAME: workflow.text(builders.INSTANCE,
                                                     asks=False)}
    assert set(service.triggers) == {NAME}


def test_a_schedule_is_changed_by_making_it_again(begin, service):
    begin()
    begin(name='other')

    assert len(service.workflows) == len(service.triggers) == 1
    assert service.triggers[NAME]['workflow_input']['name'] == 'other'


def test_what_the_service_has_is_told(begin, service, user_request):
    instance = begin()
    service.runs = [(NAME, 'ERROR', 'boom'), (NAME, 'SUCCESS', None),
                    ('other', 'ERROR', 'x')]

    assert scheduling.look(user_request, instance) == scheduling.Engine(
        mistral.Trigger(PATTERN, builders.NOW.replace(day=23, hour=3)),
        mistral.Run(builders.NOW, failed=False), workflow=True)


@pytest.mark.parametrize('state, info, failed', [
    ('ERROR', 'boom', True), ('CANCELLED', None, True)])
def test_a_run_that_failed_says_why(service, user_request, state, info,
                                    failed):
    service.runs = [(NAME, state, info)]

    assert mistral.get_last_run(user_request, NAME) == mistral.Run(
        builders.NOW, failed, info or '')


@pytest.mark.parametrize('state', ['RUNNING', 'PAUSED', 'IDLE', 'new'])
def test_a_run_that_has_not_ended_is_no_failure(service, user_request, state):
    service.runs = [(NAME, state, None)]

    assert mistral.get_last_run(user_request, NAME) == mistral.Run(
        builders.NOW, failed=False, ended=False)


def test_nothing_is_what_there_is_before(service, user_request):
    assert scheduling.look(user_request, builders.instance()) == (
        scheduling.Engine(None, None, workflow=False))


def test_a_pause_keeps_the_choice(begin, service, user_request, nova_client):
    begin()

    scheduling.pause(user_request, builders.instance(
        metadata={schedules.KEY: NIGHTLY.value()}))

    assert service.triggers == {}
    assert written(nova_client) == schedules.paused_value(NIGHTLY)


def test_the_end_leaves_nothing_and_can_be_repeated(
        begin, service, user_request, nova_client):
    instance = begin()

    for _time in range(2):
        scheduling.end(user_request, instance)

    assert service.triggers == service.workflows == {}
    assert [call.args for call in nova_client.servers.delete_meta
            .call_args_list] == 2 * [(instance.id, [schedules.AFTER]),
                                     (instance.id, [schedules.KEY])]
    # A workflow that has a trigger is not deleted.
    assert service.asked[-4:-2] == ['DELETE /cron_triggers/' + NAME,
                                    'DELETE /workflows/' + NAME]


class Killed(BaseException):
    """Horizon's process is not there any more."""


class Schedule:
    """An instance's schedule, as Nova and Mistral have it."""

    def __init__(self, session, nova_client, service):
        self._session, self._service = session, service
        self._metadata = {}
        nova_client.servers.set_meta.side_effect = (
            lambda _server, items: self._metadata.update(items))
        nova_client.servers.delete_meta.side_effect = (
            lambda _server, keys: [self._metadata.pop(key, None)
                                   for key in keys])

    @property
    def _instance(self):
        return builders.instance(metadata=dict(self._metadata))

    def begin(self):
        scheduling.begin(self._session, self._instance, NIGHTLY, PATTERN)

    def pause(self):
        scheduling.pause(self._session, self._instance)

    def end(self):
        scheduling.end(self._session, self._instance)

    def look(self):
        return scheduling.look(self._session, self._instance)

    @property
    def whole(self):
        return (schedules.read(self._instance) == NIGHTLY
                and set(self._service.triggers)
                == set(self._service.workflows) == {NAME})

    @property
    def gone(self):
        return not (self._metadata or self._service.triggers
                    or self._service.workflows)


@pytest.mark.parametrize('service', ['workflow'], indirect=True)
@pytest.mark.parametrize('lost', [False, True])
@pytest.mark.parametrize('death', [requests.ConnectionError, Killed])
@pytest.mark.parametrize('before, act', [
    ('', 'begin'), ('begin', 'begin'), ('begin', 'pause'), ('pause', 'begin'),
    ('begin', 'end'), ('pause', 'end')])
def test_who_is_killed_at_any_moment_leaves_what_is_known_again(
        before, act, death, lost, service, user_request, nova_client):
    # Horizon itself, or the service while Horizon waits for its answer.
    def play(left):
        service.workflows.clear()
        service.triggers.clear()
        service.asked.clear()
        schedule = Schedule(user_request, nova_client, service)
        if before:
            schedule.begin()
            getattr(schedule, before)()
        begun = len(service.asked)
        service.left, service.lost, service.death = left, lost, death
        with contextlib.suppress(Killed, errors.CloudError):
            getattr(schedule, act)()
        service.left = None
        return schedule, len(service.asked) - begun

    moments = play(None)[1]
    assert moments
    for left in range(moments):
        for afterwards in 'begin', 'end':
            schedule, _asked = play(left)

            engine = schedule.look()
            assert engine.workflow or schedule.gone
            assert engine.trigger is None or engine.workflow
            getattr(schedule, afterwards)()
            assert schedule.whole if afterwards == 'begin' else schedule.gone


def test_without_the_action_nothing_is_set_up(begin, service, nova_client):
    service.actions.clear()

    with pytest.raises(errors.InUse) as problem:
        begin()

    assert problem.value.cause == errors.NO_ACTION
    assert service.workflows == service.triggers == {}
    assert not nova_client.servers.set_meta.called


def test_a_trigger_that_fails_leaves_a_schedule_that_rests(
        begin, service, nova_client):
    service.refusals['POST', '/cron_triggers'] = 500, 'no trust'

    with pytest.raises(errors.Unavailable):
        begin()

    assert written(nova_client) == schedules.paused_value(NIGHTLY)


@pytest.mark.parametrize('answer', [
    (409, 'Duplicate entry'), (None, requests.Timeout())])
def test_a_trigger_that_may_be_there_is_no_pause(
        begin, service, nova_client, answer):
    # Of somebody who came between, or with an answer that was lost.
    service.refusals['DELETE', '/cron_triggers'] = 204, {}
    service.refusals['POST', '/cron_triggers'] = answer
    service.triggers[NAME] = {'pattern': PATTERN, 'workflow_name': NAME}

    with pytest.raises(errors.CloudError):
        begin()

    assert written(nova_client) == NIGHTLY.value()


def test_metadata_that_cannot_be_written_stops_it_before_the_trigger(
        begin, service, nova_client):
    nova_client.servers.set_meta.side_effect = (
        errors.nova_exceptions.Conflict(409))

    with pytest.raises(errors.Conflict):
        begin()

    assert service.triggers == {}


@pytest.mark.parametrize('status, kind', [
    (400, errors.Refused), (403, errors.Forbidden), (409, errors.Conflict),
    (429, errors.TooMany), (500, errors.Unavailable),
    (503, errors.Unavailable)])
def test_what_the_service_refuses_is_told_in_its_words(
        begin, service, status, kind):
    service.refusals['PUT', '/workflows'] = status, 'because\nof <b>'

    with pytest.raises(errors.CloudError) as problem:
        begin()

    assert type(problem.value) is kind
    assert problem.value.service == 'Mistral'
    assert problem.value.said == 'because of'
    assert str(problem.value) == 'Mistral: because of <b> (HTTP %d)' % status


@pytest.mark.parametrize('body', [b'', {}, [], {'faultstring': 7}])
def test_a_refusal_without_words_is_one(service, user_request, body):
    service.refusals['GET', '/cron_triggers'] = 403, body

    with pytest.raises(errors.Forbidden) as problem:
        scheduling.look(user_request, builders.instance())

    assert (problem.value.said, problem.value.reason) == ('', 'HTTP 403')


@pytest.mark.parametrize('body', [
    requests.ConnectionError(), requests.Timeout()])
def test_a_service_that_is_down_is_a_problem(service, user_request, body):
    service.refusals['GET', '/cron_triggers'] = None, body

    with pytest.raises(errors.Unavailable):
        scheduling.look(user_request, builders.instance())


@pytest.mark.parametrize('body', [
    [], {}, {'executions': 1}, {'executions': [{}]}, {'executions': [
        {'state': 'ERROR', 'created_at': 'yesterday'}]}])
def test_an_answer_that_is_none_is_a_problem(service, user_request, body):
    service.refusals['GET', '/executions'] = 200, body

    with pytest.raises(errors.Unusable):
        scheduling.look(user_request, builders.instance())


def test_an_expired_token_leads_to_the_login(service, user_request):
    service.refusals['GET', '/cron_triggers'] = 401, 'Unauthorized'

    with pytest.raises(errors.UNAUTHORIZED):
        scheduling.look(user_request, builders.instance())


@pytest.mark.parametrize('changes, offered', [
    ({}, True), ({'image_id': None}, False), ({'id': 'no-id'}, False)])
def test_it_is_offered_where_its_snapshots_can_be_proven(
        service, user_request, changes, offered):
    instance = builders.instance(**changes)

    assert scheduling.offered(user_request, instance) == offered
    assert service.asked == []


def test_without_the_service_nothing_is_offered(user_request):
    with mock.patch.object(
            base, 'url_for', autospec=True,
            side_effect=horizon_exceptions.ServiceCatalogException('x')):
        assert not scheduling.offered(user_request, builders.instance())
