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

"""Taking snapshots and settling them, whatever fails or is done meanwhile."""

import dataclasses
import json
import logging
import threading
from unittest import mock

from django.core.cache.backends import filebased
from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
import pytest
import requests

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now')

Rule = verdict.Rule
Verdict = verdict.Verdict

OTHER = '66666666-ffff-4fff-8fff-666666666666'
NOVA_DOWN = nova_exceptions.ClientException(500)
GLANCE_DOWN = glance_exceptions.HTTPServiceUnavailable()


@pytest.fixture(autouse=True)
def cloud(nova_client, glance_client):
    """Both services answer unless a test says otherwise."""


def names(calls):
    """Return the calls of both services by name, in order."""
    # What is asked of Glance is among them as images.list and images.get.
    return [name for name, _args, _kwargs in calls.mock_calls
            if name != 'glance.get']


def patches(glance_client):
    """Return what was written on images, a dict for each patch."""
    return [{operation['path'][1:]: operation['value']
             for operation in json.loads(call.kwargs['data'])}
            for call in glance_client.http_client.patch.call_args_list]


def remembered(nova_client):
    """Return what was written on the server, a memory for each."""
    return [records.read_memories(builders.instance(metadata=call.args[1]))[0]
            for call in nova_client.servers.set_meta.call_args_list]


# together

def test_calls_together_keep_their_order_and_their_errors():
    problem = errors.NotFound('Nova', '')

    def fail():
        raise problem

    assert asking.together(lambda: 1, fail, lambda: 3) == (1, problem, 3)


def test_a_bug_is_not_taken_for_a_failing_service():
    with pytest.raises(ZeroDivisionError):
        asking.together(lambda: 1 / 0)


# meanwhile

def test_what_is_done_meanwhile_is_done_in_this_thread():
    problem = errors.NotFound('Nova', '')

    assert asking.meanwhile(
        threading.current_thread, lambda: 1,
        mock.Mock(side_effect=problem)) == (
            threading.current_thread(), (1, problem))


def test_it_does_not_wait_for_the_others():
    done = threading.Event()

    assert asking.meanwhile(done.set, lambda: done.wait(30)) == (
        None, (True,))


def test_what_fails_meanwhile_is_raised():
    with pytest.raises(ZeroDivisionError):
        asking.meanwhile(lambda: 1 / 0, lambda: 1)


# overview and one

def test_an_overview_asks_three_questions(user_request, glance_client, calls):
    glance_client.images.list.return_value = [
        answers.glance_image(builders.sealed())]

    found = snapshots.overview(user_request, 10, name='web')

    assert [instance.name for instance in found.instances] == ['web']
    assert [image.id for image in found.snapshots] == [builders.SNAPSHOT]
    assert found.problems == ()
    assert sorted(names(calls)) == ['images.list', 'images.list',
                                    'servers.list']


def test_a_cut_list_is_completed_for_some(user_request, settings,
                                          nova_client, glance_client, calls):
    settings.SNAPSHOT_PANEL = {'snapshots_listed': 1}
    nova_client.servers.list.return_value = [
        answers.server(id=name) for name in ('web', 'old', 'none', 'unseen')]
    latest, older = (
        {**answers.glance_image(builders.sealed()), 'instance_uuid': name}
        for name in ('web', 'old'))
    older['id'] = OTHER
    glance_client.images.list.return_value = [latest]
    found = snapshots.overview(user_request, 10)
    web, old, none, unseen = found.instances
    glance_client.images.list.side_effect = lambda **options: {
        'old': [older]}.get(options.get('instance_uuid'), [])

    full = snapshots.complete(user_request, found, [web, old, none])

    assert [found.reaches(each) for each in found.instances] == [
        True, False, False, False]
    assert [full.reaches(each) for each in found.instances] == [
        True, True, True, False]
    assert [len(full.snapshots_of(each)) for each in found.instances] == [
        1, 1, 0, 0]
    assert all(map(full.knows, found.instances))
    assert names(calls).count('images.list') == 2 + 1 + 2 * 2


def test_the_rows_know_of_hidden_snapshots(user_request, glance_client):
    glance_client.images.list.return_value = [
        {**answers.glance_image(builders.sealed()), 'os_hidden': True}]
    found = snapshots.overview(user_request, 10)
    web, = found.instances
    assert found.snapshots_of(web) == []

    full = snapshots.complete(user_request, found, [web])

    assert [image.id for image in full.snapshots_of(web)] == [
        builders.SNAPSHOT]


def test_what_glance_does_not_say_is_not_known(user_request, settings,
                                               glance_client):
    settings.SNAPSHOT_PANEL = {'snapshots_listed': 1}
    glance_client.images.list.return_value = [
        {**answers.glance_image(builders.sealed()), 'instance_uuid': 'web'}]
    found = snapshots.overview(user_request, 10)
    glance_client.images.list.side_effect = GLANCE_DOWN

    full = snapshots.complete(user_request, found, found.instances)

    instance, = full.instances
    assert full.reaches(instance)
    assert not full.knows(instance)


def test_an_overview_without_glance_still_has_its_instances(user_request,
                                                            glance_client):
    glance_client.images.list.side_effect = GLANCE_DOWN

    found = snapshots.overview(user_request, 10)

    assert len(found.instances) == 1
    assert [problem.service for problem in found.problems] == ['Glance']


def test_an_overview_without_nova_still_has_its_snapshots(
        user_request, nova_client, glance_client):
    nova_client.servers.list.side_effect = NOVA_DOWN
    glance_client.images.list.return_value = [
        answers.glance_image(builders.sealed())]

    found = snapshots.overview(user_request, 10)

    assert (found.instances, len(found.snapshots)) == ((), 1)
    assert [problem.service for problem in found.problems] == ['Nova']


def test_a_service_without_a_client_spoils_its_part_only(user_request):
    nova.client.side_effect = NOVA_DOWN

    found = snapshots.overview(user_request, 10)

    assert [problem.service for problem in found.problems] == ['Nova']


def test_an_expired_token_is_not_an_error_of_ours(user_request,
                                                  nova_client):
    nova_client.servers.list.side_effect = nova_exceptions.Unauthorized(401)

    with pytest.raises(nova_exceptions.Unauthorized):
        snapshots.overview(user_request, 10)


def old_cloud(nova_client, **changes):
    """Let Nova show no embedded properties."""
    server = answers.server(image={'id': builders.BASE_IMAGE}, **changes)
    nova_client.servers.list.return_value = [server]
    nova_client.servers.get.return_value = server


def properties(user_request):
    instance, = snapshots.overview(user_request, 10).instances
    return instance.properties


def test_on_an_old_cloud_the_newest_snapshot_tells_the_properties(
        user_request, nova_client, glance_client, calls):
    old_cloud(nova_client)
    glance_client.images.list.return_value = [
        answers.glance_image(builders.image({'os_type': 'newer'})),
        answers.glance_image(builders.image({'os_type': 'older'}))]

    found = properties(user_request)

    assert found.source is facts.Source.SNAPSHOT
    assert found.values['os_type'] == 'newer'
    assert names(calls).count('images.list') == 2


def test_on_an_old_cloud_the_image_may_tell_the_properties(
        user_request, nova_client, glance_client):
    old_cloud(nova_client)
    glance_client.images.list.side_effect = [
        [], [],
        [answers.glance_image(builders.image(id=builders.BASE_IMAGE))]]

    found = properties(user_request)

    assert found.source is facts.Source.IMAGE
    assert found.flag(facts.AGENT_PROPERTY)


@pytest.mark.parametrize('images', [[], GLANCE_DOWN])
def test_on_an_old_cloud_the_properties_may_be_unknown(
        user_request, nova_client, glance_client, images):
    old_cloud(nova_client)
    glance_client.images.list.side_effect = [[], [], images, images]

    assert properties(user_request) == facts.UNKNOWN_PROPERTIES


def test_an_instance_on_a_volume_has_no_image_to_ask(user_request,
                                                     nova_client, calls):
    nova_client.servers.list.return_value = [answers.server(image='')]

    assert properties(user_request) == facts.UNKNOWN_PROPERTIES
    assert names(calls).count('images.list') == 2


def test_of_an_instance_on_a_volume_a_former_snapshot_tells(
        user_request, nova_client, glance_client):
    nova_client.servers.list.return_value = [answers.server(image='')]
    glance_client.images.list.return_value = [answers.glance_image(
        builders.sealed(properties=builders.mapping()))]

    found = properties(user_request)

    assert found.source is facts.Source.SNAPSHOT
    assert found.flag(facts.AGENT_PROPERTY)


def test_what_the_snapshot_of_an_heir_inherited_does_not_count(
        user_request, nova_client, glance_client):
    nova_client.servers.get.return_value = answers.server(image='')
    glance_client.images.list.return_value = [answers.glance_image(
        builders.sealed(properties=builders.mapping(), id=OTHER))]

    instance, images = snapshots.one(user_request, builders.INSTANCE)

    assert instance.properties == facts.UNKNOWN_PROPERTIES
    found, = known.snapshots(instance, images, builders.NOW,
                             facts.Deployment())
    assert found.decision.rule is Rule.OF_ANOTHER
    assert not found.counts


def test_only_the_instance_that_lacks_them_gets_other_properties(
        user_request, nova_client, glance_client):
    nova_client.servers.list.return_value = [
        answers.server(), answers.server(image={'id': 'old'}),
        answers.server(image='')]
    glance_client.images.list.side_effect = [
        [], [], [answers.glance_image(builders.image(id='old'))]]

    found = snapshots.overview(user_request, 10).instances

    assert [instance.properties.source for instance in found] == [
        facts.Source.EMBEDDED, facts.Source.IMAGE, facts.Source.NONE]


def test_one_instance_comes_with_its_snapshots(user_request, glance_client):
    glance_client.images.list.return_value = [
        answers.glance_image(builders.sealed())]

    instance, images = snapshots.one(user_request, builders.INSTANCE)

    assert instance.name == 'web'
    assert [image.id for image in images] == [builders.SNAPSHOT]


def test_one_instance_is_shown_without_glance(user_request, glance_client):
    glance_client.images.list.side_effect = GLANCE_DOWN

    instance, images = snapshots.one(user_request, builders.INSTANCE)

    assert instance.name == 'web'
    assert isinstance(images, errors.Unavailable)


def test_one_instance_that_does_not_exist_is_not_found(user_request,
                                                       nova_client):
    nova_client.servers.get.side_effect = nova_exceptions.NotFound(404)

    with pytest.raises(errors.NotFound):
        snapshots.one(user_request, builders.INSTANCE)


# ask_guest and hear_guests

def test_the_record_is_read_before_the_console(user_request, calls):
    guest = guests.ask_guest(user_request, builders.instance())

    assert names(calls) == ['actions.list', 'servers.get_console_output']
    assert guest == checklist.Guest(
        True, builders.started().text,
        [builders.action('reboot', builders.BEFORE)])


def test_who_may_not_read_consoles_is_told_so(user_request, nova_client):
    nova_client.servers.get_console_output.side_effect = \
        nova_exceptions.Forbidden(403)

    with pytest.raises(errors.Forbidden):
        guests.ask_guest(user_request, builders.instance())


def test_who_may_not_read_consoles_may_take_snapshots(user_request,
                                                      nova_client):
    nova_client.servers.get_console_output.side_effect = \
        nova_exceptions.Forbidden(403)

    attempt = taking.take_if_ready(user_request, builders.INSTANCE,
                                   accept=Verdict.UNPROVEN)

    assert attempt.checklist.has(checklist.Finding.AGENT_NO_CONSOLE)
    assert attempt.taken.image_id == builders.SNAPSHOT


def test_of_a_stopped_instance_the_newest_stop_is_read(user_request,
                                                       nova_client, calls):
    nova_client.instance_action.list.return_value = [
        answers.nova_action('lock', 'req-lock'),
        answers.nova_action('stop', 'req-newer'),
        answers.nova_action('stop', 'req-older')]
    nova_client.instance_action.get.return_value = answers.nova_action(
        'stop', events=[answers.stop_event()])

    guest = guests.ask_guest(user_request,
                             builders.instance(status='SHUTOFF'))

    assert names(calls) == ['actions.list', 'images.get',
                            'actions.get']
    assert guest.image.id == builders.BASE_IMAGE
    assert [action.succeeded for action in guest.actions] == [
        False, True, False]


def test_a_stopped_instance_may_have_no_record(user_request, nova_client):
    nova_client.instance_action.list.side_effect = \
        nova_exceptions.NotFound(404)

    guest = guests.ask_guest(user_request,
                             builders.instance(status='SHUTOFF'))

    assert guest.actions == []


def test_a_running_guest_is_heard_by_one_request(user_request, calls):
    guest = guests.listen(user_request, builders.instance())

    assert names(calls) == ['servers.get_console_output']
    assert guest == checklist.Guest(True, builders.started().text)


@pytest.mark.parametrize('status', facts.SHELVED)
def test_a_shelved_guest_is_not_asked(user_request, calls, status):
    guest = guests.listen(user_request, builders.instance(status=status))

    assert not names(calls)
    assert guest == checklist.Guest(True)


def test_a_stopped_guest_is_told_of_by_the_record(user_request, calls):
    stopped = builders.instance(status='SHUTOFF')

    assert guests.listen(user_request, stopped) == guests.ask_guest(
        user_request, stopped)
    assert 'actions.list' in names(calls)


def hear(user_request, **changes):
    instance = builders.instance(**changes)
    return guests.hear_guests(user_request, [instance])[instance.id]


def consoles_read(calls):
    return names(calls).count('servers.get_console_output')


def test_what_a_guest_said_is_shared_for_a_while(user_request, calls):
    first = hear(user_request)
    second = hear(user_request)

    assert first == second
    assert first.at == builders.NOW
    assert consoles_read(calls) == 1


def test_a_guest_is_asked_anew_where_the_user_wants_it(user_request, calls):
    hear(user_request)

    guests.hear_guests(user_request, [builders.instance()], again=True)

    assert consoles_read(calls) == 2


@pytest.mark.parametrize('status', ['ACTIVE', 'SHUTOFF'])
def test_what_a_guest_said_is_shared_between_processes(
        user_request, nova_client, calls, tmp_path, status):
    nova_client.instance_action.list.return_value = [
        answers.nova_action('stop')]
    nova_client.instance_action.get.return_value = answers.nova_action(
        'stop', events=[answers.stop_event()])

    def in_a_process():
        # It pickles what it keeps, as every cache between processes does.
        kept = filebased.FileBasedCache(str(tmp_path), {})
        with mock.patch.object(cache, 'kept', kept):
            return hear(user_request, status=status)

    first = in_a_process()
    asked = names(calls)
    second = in_a_process()

    assert isinstance(first, guests.Heard)
    assert second == first
    assert names(calls) == asked


@pytest.mark.parametrize('changes', [
    {'id': 'other'}, {'project_id': 'other'}, {'status': 'PAUSED'}])
def test_what_another_guest_said_is_not_shared(user_request, calls,
                                               changes):
    hear(user_request)
    hear(user_request, **changes)

    assert consoles_read(calls) == 2


def test_what_a_guest_said_is_asked_anew_after_a_while(settings,
                                                       user_request, calls):
    settings.SNAPSHOT_PANEL = {'evidence_age': 0}

    hear(user_request)
    hear(user_request)

    assert consoles_read(calls) == 2


def test_a_console_that_one_user_may_not_read_is_not_shared(user_request,
                                                            nova_client):
    nova_client.servers.get_console_output.side_effect = [
        nova_exceptions.Forbidden(403), 'hello']

    assert isinstance(hear(user_request), errors.Forbidden)
    assert hear(user_request).guest.console == 'hello'


def test_a_guest_that_cannot_be_asked_spoils_its_part_only(user_request,
                                                           nova_client):
    nova_client.servers.get_console_output.side_effect = \
        lambda server: 'hello' if server == 'b' else fail(NOVA_DOWN)

    heard = guests.hear_guests(user_request, [
        builders.instance(id='a'), builders.instance(id='b')])

    assert isinstance(heard['a'], errors.Unavailable)
    assert heard['b'].guest.console == 'hello'


def fail(error):
    raise error


# take

def take(user_request, console=None, name='web-1', **guest):
    console = console or builders.started()
    guest = checklist.Guest(True, console.text, **{
        'actions': builders.actions(), **guest})
    return taking.take(user_request, builders.instance(), guest, name)


def test_a_snapshot_is_taken_then_remembered_then_bound(user_request,
                                                        calls):
    taken = take(user_request)

    assert taken == taking.Taken(builders.SNAPSHOT, action='req-own')
    assert names(calls) == ['servers.create_image', 'servers.set_meta',
                            'glance.patch']


def test_what_proves_it_later_is_written_down(user_request, nova_client,
                                              glance_client):
    console = builders.started()

    take(user_request, console)

    properties = nova_client.servers.create_image.call_args.args[2]
    named, = patches(glance_client)
    image = builders.image({**properties, **named})
    assert records.read_request(image) == records.Request(
        builders.NOW, 'ann', 'ACTIVE', console.baseline, builders.BEFORE,
        builders.OWN)
    assert remembered(nova_client) == [builders.memory(at=builders.NOW)]


def test_an_action_that_nova_did_not_tell_is_written_down_as_such(
        user_request, nova_client, glance_client):
    nova_client.servers.create_image.return_value = answers.text(
        builders.SNAPSHOT)

    take(user_request)

    assert patches(glance_client) == [records.bind(builders.SNAPSHOT, None)]


def test_until_the_image_is_named_nothing_on_it_counts(user_request,
                                                       nova_client):
    take(user_request)

    image = builders.image(nova_client.servers.create_image.call_args.args[2])
    assert verdict.look(image).rule is Rule.UNREAD


@pytest.mark.parametrize('actions', [None, []])
def test_what_is_not_known_is_written_down_as_such(user_request,
                                                   nova_client, actions):
    take(user_request, builders.Console(), actions=actions)

    properties = nova_client.servers.create_image.call_args.args[2]
    request = records.read_request(builders.image(
        {**properties, records.IMAGE: builders.SNAPSHOT}))
    assert (request.baseline, request.after_action) == (None, None)


def test_a_snapshot_that_is_refused_writes_nothing(user_request,
                                                   nova_client, calls):
    nova_client.servers.create_image.side_effect = \
        nova_exceptions.Conflict(409)

    with pytest.raises(errors.Conflict):
        take(user_request)

    assert names(calls) == ['servers.create_image']


def lose_the_answer(nova_client, glance_client, *images):
    """Let Nova begin a snapshot and its answer be lost.

    :param images: what is there then besides, and what ours has beyond what
        was asked for.
    """
    def lose(_instance_id, name, properties):
        glance_client.images.list.return_value = [
            answers.glance_image(builders.image(
                {**properties, **changes}, id=image_id, name=name,
                status='saving'))
            for image_id, changes in images]
        raise requests.ConnectionError('reset')
    nova_client.servers.create_image.side_effect = lose


def test_a_snapshot_whose_answer_is_lost_is_found_again(
        user_request, nova_client, glance_client):
    lose_the_answer(nova_client, glance_client, (builders.SNAPSHOT, {}))

    taken = take(user_request)

    assert (taken.image_id, taken.problems) == (builders.SNAPSHOT, ())
    assert patches(glance_client) == [records.bind(builders.SNAPSHOT, None)]
    assert len(remembered(nova_client)) == 1


@pytest.mark.parametrize('changes', [
    {records.IMAGE: builders.SNAPSHOT},
    {records.REQUESTED_AT: '2026-11-22T11:59:59Z'},
    {records.REQUESTED_BY: 'bob'}, {records.AFTER_ACTION: 'req-other'}])
def test_what_was_made_for_another_request_is_not_taken_for_ours(
        changes, user_request, nova_client, glance_client):
    lose_the_answer(nova_client, glance_client, (builders.SNAPSHOT, changes))

    with pytest.raises(errors.Unanswered):
        take(user_request)

    assert patches(glance_client) == []
    # Those that lists show, and the hidden ones.
    assert glance_client.images.list.call_count == 2


def test_of_two_that_may_be_ours_none_is_taken_for_it(
        user_request, nova_client, glance_client):
    lose_the_answer(nova_client, glance_client, (builders.SNAPSHOT, {}),
                    (builders.BASE_IMAGE, {}))

    with pytest.raises(errors.Unanswered):
        take(user_request)


def test_where_it_cannot_be_looked_for_it_may_have_begun(
        user_request, nova_client, glance_client):
    nova_client.servers.create_image.side_effect = \
        nova_exceptions.ClientException(500)
    glance_client.http_client.get.side_effect = GLANCE_DOWN

    with pytest.raises(errors.Unanswered):
        take(user_request)


def test_what_cannot_be_written_is_told_and_the_rest_is_written(
        user_request, nova_client, glance_client):
    glance_client.http_client.patch.side_effect = GLANCE_DOWN

    taken = take(user_request)

    assert [problem.service for problem in taken.problems] == ['Glance']
    assert len(remembered(nova_client)) == 1


def test_a_server_that_remembers_nothing_is_told(user_request, nova_client,
                                                 glance_client):
    nova_client.servers.set_meta.side_effect = nova_exceptions.OverLimit(413)

    taken = take(user_request)

    assert [problem.service for problem in taken.problems] == ['Nova']
    assert len(patches(glance_client)) == 1


# take_if_ready

def test_a_ready_instance_is_asked_anew_and_taken(user_request, calls):
    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.taken.image_id == builders.SNAPSHOT
    assert attempt.name == 'web-20261122T120000Z'
    asked = names(calls)
    assert asked.index('actions.list') < asked.index(
        'servers.get_console_output') < asked.index('servers.create_image')


def test_what_is_shared_is_not_good_enough_to_take_one(user_request, calls):
    hear(user_request)

    taking.take_if_ready(user_request, builders.INSTANCE)

    assert consoles_read(calls) == 2


@pytest.mark.parametrize('accept, taken', [
    (None, False), (Verdict.FILESYSTEM, False), (Verdict.UNPROVEN, False),
    (Verdict.CRASH, True)])
def test_what_the_user_accepts_is_taken(user_request, nova_client, accept,
                                        taken):
    console = builders.started()
    console.say('stopped')
    nova_client.servers.get_console_output.return_value = console.text

    attempt = taking.take_if_ready(user_request, builders.INSTANCE,
                                   accept=accept)

    assert (attempt.taken is not None) == taken
    assert nova_client.servers.create_image.called == taken


def test_a_guest_without_the_kit_is_taken_for_its_disk_to_tell(
        user_request, nova_client):
    nova_client.servers.get_console_output.return_value = 'no witnesses'

    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.taken
    assert attempt.checklist.standing is checklist.Standing.LIKELY


def test_a_busy_instance_is_not_taken_whatever_is_accepted(user_request,
                                                           nova_client):
    nova_client.servers.get.return_value = answers.server(
        **{'OS-EXT-STS:task_state': 'image_uploading'})

    attempt = taking.take_if_ready(user_request, builders.INSTANCE,
                                   accept=Verdict.CRASH)

    assert attempt.taken is None
    assert not nova_client.servers.create_image.called


def unsettled(glance_client, nova_client, status='active'):
    """Let the instance have a snapshot whose freeze was witnessed."""
    console = builders.started()
    older = builders.asked(console.baseline, status=status)
    console.freeze()
    nova_client.servers.get_console_output.return_value = console.text
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('reboot')]
    glance_client.images.list.return_value = [answers.glance_image(older)]
    keep(glance_client, older)


def test_what_is_unsettled_is_settled_before_another_is_taken(
        user_request, nova_client, glance_client, calls):
    unsettled(glance_client, nova_client)

    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.taken.problems == ()
    assert patches(glance_client)[0] == seal_of(FROZEN)
    written = [name for name in names(calls)
               if name in ('glance.patch', 'servers.create_image')]
    assert written == ['glance.patch', 'servers.create_image', 'glance.patch']


@pytest.mark.parametrize('images', [
    [], [builders.sealed()], [builders.image()],
    [builders.asked(status='queued')]],
    ids=['none', 'sealed', 'not ours', 'not finished'])
def test_without_anything_to_settle_the_guest_is_asked_once(
        user_request, glance_client, calls, images):
    glance_client.images.list.return_value = [
        answers.glance_image(image) for image in images]

    taking.take_if_ready(user_request, builders.INSTANCE)

    assert consoles_read(calls) == 1
    assert len(patches(glance_client)) == 1


def test_settling_that_fails_is_logged_and_the_snapshot_is_taken(
        user_request, nova_client, glance_client, caplog):
    unsettled(glance_client, nova_client)
    glance_client.images.get.side_effect = GLANCE_DOWN

    with caplog.at_level(logging.WARNING, 'snapshot_panel'):
        attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.taken.image_id == builders.SNAPSHOT
    assert [record.getMessage().partition(': ')[0]
            for record in caplog.records] == [
        'Snapshots of ' + builders.INSTANCE]


def test_who_cannot_settle_may_still_take_snapshots(
        user_request, nova_client, glance_client):
    unsettled(glance_client, nova_client)
    nova_client.servers.get_console_output.side_effect = \
        nova_exceptions.Forbidden(403)

    attempt = taking.take_if_ready(user_request, builders.INSTANCE,
                                   accept=Verdict.UNPROVEN)

    assert attempt.taken is not None
    assert patches(glance_client) == [
        records.bind(builders.SNAPSHOT, builders.OWN)]


def test_without_glance_a_snapshot_is_taken(user_request, glance_client):
    glance_client.images.list.side_effect = GLANCE_DOWN

    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.taken is not None


def test_an_expired_token_takes_nothing(user_request, nova_client,
                                        glance_client):
    unsettled(glance_client, nova_client)
    glance_client.images.get.side_effect = \
        glance_exceptions.HTTPUnauthorized()

    with pytest.raises(glance_exceptions.HTTPUnauthorized):
        taking.take_if_ready(user_request, builders.INSTANCE)

    assert not nova_client.servers.create_image.called


def test_a_name_may_be_given(user_request, nova_client):
    taking.take_if_ready(user_request, builders.INSTANCE, name='mine')

    assert nova_client.servers.create_image.call_args.args[1] == 'mine'


def test_a_name_that_is_made_fits():
    name = taking.default_name(builders.instance(name='日' * 255))

    assert len(name) == 255
    assert name.endswith('日-20261122T120000Z')


# settle

@pytest.fixture
def console():
    return builders.started()


@pytest.fixture
def image(console):
    """A snapshot that is to be settled."""
    return builders.asked(console.baseline)


@pytest.fixture
def frozen(nova_client, console, image, glance_client):
    """The guest witnessed the freeze for it, and Nova records it."""
    console.freeze()
    nova_client.servers.get_console_output.return_value = console.text
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('reboot')]
    keep(glance_client, image)


def keep(glance_client, *images):
    """Let Glance hold images, one reading each, the last one on and on."""
    held = [answers.glance_image(image) for image in images]
    glance_client.images.get.side_effect = \
        lambda _id: held.pop(0) if len(held) > 1 else held[0]


def seal_of(decision):
    # Made in the ten seconds between the times of builders.image.
    return dataclasses.replace(decision.seal(), seconds=10).properties()


FROZEN = verdict.Decision(Rule.FREEZE_WITNESSED, {
    'boot': builders.BOOT, 'frozen': {'/': 0.06}, 'seq': 2})


def test_a_verdict_is_sealed_once(user_request, image, frozen,
                                  glance_client):
    settling.settle(user_request, builders.instance(), [image])

    assert patches(glance_client) == [seal_of(FROZEN)]


def test_what_was_settled_is_returned(user_request, image, frozen,
                                      glance_client):
    sealed = builders.sealed(Rule.FREEZE_WITNESSED)
    keep(glance_client, image, sealed)
    other = builders.image(id=builders.BASE_IMAGE)

    instance, images = settling.settle(
        user_request, builders.remembering(builders.memory()),
        [image, other])

    assert instance == builders.instance()
    assert [verdict.look(image).rule for image in images] == [
        Rule.FREEZE_WITNESSED, Rule.UNREAD]


def test_a_verdict_is_the_same_whoever_settles(user_request, image, frozen,
                                               glance_client):
    settling.settle(user_request, builders.instance(), [image])
    settling.settle(user_request, builders.instance(), [image])

    first, second = patches(glance_client)
    assert first == second


def test_what_another_sealed_meanwhile_stays(user_request, image, frozen,
                                             glance_client, nova_client):
    keep(glance_client, builders.sealed(Rule.SILENT))

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [image])

    assert patches(glance_client) == []
    assert nova_client.servers.delete_meta.called


def test_the_memory_is_cleared_behind_the_seal(user_request, image, frozen,
                                               glance_client, calls):
    keep(glance_client, image, builders.sealed(Rule.FREEZE_WITNESSED))

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [image])

    assert names(calls)[-4:] == ['images.get', 'glance.patch', 'images.get',
                                 'servers.delete_meta']


def test_a_memory_without_its_seal_is_kept(user_request, image, frozen,
                                           glance_client, nova_client):
    glance_client.http_client.patch.side_effect = GLANCE_DOWN

    with pytest.raises(errors.Unavailable):
        settling.settle(user_request,
                        builders.remembering(builders.memory()), [image])

    assert not nova_client.servers.delete_meta.called


def test_a_memory_of_what_is_sealed_is_cleared(user_request, nova_client):
    settling.settle(user_request, builders.remembering(builders.memory()),
                    [builders.sealed()])

    nova_client.servers.delete_meta.assert_called_once_with(
        builders.INSTANCE, [builders.memory().key])


def test_a_memory_of_what_can_never_be_sealed_is_cleared(user_request,
                                                         nova_client):
    settling.settle(user_request, builders.remembering(builders.memory()),
                    [builders.asked(properties={records.IMAGE: 'none'})])

    assert nova_client.servers.delete_meta.called


def test_what_may_still_come_is_waited_for(user_request, console,
                                           glance_client, nova_client):
    image = builders.asked(console.baseline, updated=builders.ago(5))

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [image])

    assert patches(glance_client) == []
    assert not nova_client.servers.delete_meta.called


def test_an_image_that_is_being_made_costs_nothing(user_request, calls):
    image = builders.asked(status='saving')

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [image])

    assert names(calls) == []


@pytest.mark.parametrize('raised', [NOVA_DOWN,
                                    nova_exceptions.Conflict(409),
                                    nova_exceptions.Forbidden(403)])
def test_a_console_that_fails_seals_nothing(user_request, image, frozen,
                                            nova_client, glance_client,
                                            raised):
    nova_client.servers.get_console_output.side_effect = raised

    with pytest.raises(errors.CloudError):
        settling.settle(user_request, builders.instance(), [image])

    assert patches(glance_client) == []


def test_of_a_deleted_server_nothing_is_proven(user_request, image, frozen,
                                               nova_client, glance_client):
    gone = nova_exceptions.NotFound(404)
    nova_client.instance_action.list.side_effect = gone
    nova_client.servers.get_console_output.side_effect = gone
    nova_client.servers.delete_meta.side_effect = gone
    keep(glance_client, image, builders.sealed(Rule.NO_CONSOLE))

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [image])

    assert patches(glance_client) == [
        seal_of(verdict.Decision(Rule.NO_CONSOLE))]


def test_the_record_is_read_once_and_behind_the_console(
        user_request, image, frozen, nova_client, glance_client, calls):
    own = nova_client.instance_action.list.return_value
    other = answers.nova_action('createImage', 'req-other')
    nova_client.servers.get_console_output.side_effect = lambda _server: (
        own.insert(0, other) or nova_client.servers.get_console_output
        .return_value)

    settling.settle(user_request, builders.instance(), [image])

    assert names(calls)[:2] == ['servers.get_console_output', 'actions.list']
    assert names(calls).count('actions.list') == 1
    assert patches(glance_client) == [seal_of(verdict.Decision(
        Rule.SHARED_WINDOW, {'snapshots': 2}))]


def test_what_was_heard_while_settling_is_shared(user_request, image,
                                                 frozen, calls):
    settling.settle(user_request, builders.instance(), [image])
    hear(user_request)

    assert consoles_read(calls) == 1


@pytest.mark.parametrize('told, decision', [
    ({'shutdown_timeout': 60}, verdict.Decision(
        Rule.CLEAN_STOP, {'limit': 60, 'seconds': 5.0})),
    ({}, verdict.Decision(
        Rule.STOP_UNKNOWN, {'limit': None, 'seconds': 5.0}))],
    ids=['told', 'not told'])
def test_a_snapshot_of_a_stopped_instance_is_settled_when_it_runs_again(
        settings, user_request, nova_client, glance_client, told, decision):
    settings.SNAPSHOT_PANEL = told
    image = builders.asked(state='SHUTOFF')
    keep(glance_client, image)
    nova_client.instance_action.list.return_value = [
        answers.nova_action('start', 'req-start'),
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('stop')]
    nova_client.instance_action.get.return_value = answers.nova_action(
        'stop', events=[answers.stop_event()])

    settling.settle(user_request, builders.instance(), [image])

    assert patches(glance_client) == [seal_of(decision)]


# A vanished image

def vanish(glance_client):
    glance_client.images.get.side_effect = glance_exceptions.HTTPNotFound()


def test_a_vanished_image_is_remembered_with_its_cause(
        user_request, nova_client, glance_client, console):
    console.say('stopped')
    nova_client.servers.get_console_output.return_value = console.text
    vanish(glance_client)

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [])

    assert remembered(nova_client) == [builders.memory(
        gone=builders.NOW, cause=Rule.GONE_WITHOUT_AGENT.code)]
    assert not nova_client.servers.delete_meta.called


@pytest.mark.parametrize('status', ['deleted', 'pending_delete'])
def test_an_image_that_will_never_be_is_gone(user_request, nova_client,
                                             glance_client, status):
    image = builders.asked(status=status)
    keep(glance_client, image)

    settling.settle(user_request,
                    builders.remembering(builders.memory()), [image])

    assert [memory.cause for memory in remembered(nova_client)] == ['gone']


def test_an_image_that_a_list_did_not_hold_is_not_gone(
        user_request, nova_client, glance_client, image, frozen):
    settling.settle(user_request,
                    builders.remembering(builders.memory()), [])

    assert remembered(nova_client) == []
    assert patches(glance_client) == [seal_of(FROZEN)]


@pytest.mark.parametrize('changes', [
    {'instance_uuid': builders.BASE_IMAGE}, {'owner': 'another'}])
def test_a_copied_memory_settles_no_snapshot_of_another(
        user_request, nova_client, glance_client, console, frozen, changes):
    glance_client.images.get.side_effect = None
    glance_client.images.get.return_value = {
        **answers.glance_image(builders.asked(console.baseline)), **changes}

    instance, images = settling.settle(
        user_request, builders.remembering(builders.memory()), [])

    assert (patches(glance_client), images) == ([], [])
    assert not nova_client.servers.delete_meta.called
    noted, = remembered(nova_client)
    assert noted == records.read_memories(instance)[0]
    assert known.of_memory(noted).decision.rule is Rule.OF_ANOTHER
    assert not known.unsettled(instance, [], builders.NOW,
                               facts.Deployment())


def test_while_glance_is_down_nothing_is_gone(user_request, nova_client,
                                              glance_client):
    glance_client.images.get.side_effect = GLANCE_DOWN

    with pytest.raises(errors.Unavailable):
        settling.settle(user_request,
                        builders.remembering(builders.memory()), [])

    assert remembered(nova_client) == []


def test_a_loss_that_is_known_is_left_alone(user_request, calls):
    lost = builders.memory(gone=builders.NOW, cause='gone')

    settling.settle(user_request, builders.remembering(lost), [])

    assert names(calls) == []


def test_a_loss_can_be_dismissed(user_request, nova_client):
    lost = builders.memory(gone=builders.NOW, cause='gone')

    snapshots.dismiss(user_request, builders.remembering(lost),
                      builders.SNAPSHOT)

    nova_client.servers.delete_meta.assert_called_once_with(
        builders.INSTANCE, [lost.key])


@pytest.mark.parametrize('memory, image_id', [
    (builders.memory(), builders.SNAPSHOT),
    (builders.memory(gone=builders.NOW, cause='gone'), 'other')],
    ids=['not gone', 'another'])
def test_nothing_else_can_be_dismissed(user_request, nova_client, memory,
                                       image_id):
    snapshots.dismiss(user_request, builders.remembering(memory), image_id)

    assert not nova_client.servers.delete_meta.called


@pytest.mark.parametrize('problem', [errors.NotFound('Glance', 'gone'),
                                     errors.Unavailable('Glance', 'down')])
def test_the_image_of_today_may_be_out_of_reach(problem):
    with mock.patch.object(glance, 'get_image', autospec=True,
                           side_effect=problem):
        found = snapshots.image_today(None, builders.instance())

    assert found is None


def test_the_image_of_today_is_the_one_that_was_launched():
    with mock.patch.object(glance, 'get_image', autospec=True) as get_image:
        found = snapshots.image_today(None, builders.instance())

    get_image.assert_called_once_with(None, builders.BASE_IMAGE)
    assert found is get_image.return_value


def test_a_volume_has_no_image_of_today():
    with mock.patch.object(glance, 'get_image', autospec=True) as get_image:
        found = snapshots.image_today(None, builders.instance(image_id=None))

    assert found is None
    get_image.assert_not_called()


def test_a_deleted_snapshot_is_not_remembered(user_request, nova_client,
                                              glance_client):
    memory = builders.memory()
    nova_client.servers.get.return_value = answers.server(
        metadata={memory.key: memory.value()})
    nova_client.servers.list.return_value = []
    glance_client.images.get.return_value = answers.glance_image(
        builders.asked())

    snapshots.delete(user_request, builders.INSTANCE, builders.SNAPSHOT)

    glance_client.images.delete.assert_called_once_with(builders.SNAPSHOT)
    nova_client.servers.delete_meta.assert_called_once_with(
        builders.INSTANCE, [memory.key])


@pytest.mark.parametrize('changes', [
    {'instance_uuid': 'another'}, {'owner': 'another'}])
def test_only_a_snapshot_of_this_instance_and_project_is_deleted(
        changes, user_request, glance_client):
    glance_client.images.get.return_value = {
        **answers.glance_image(builders.asked()), **changes}

    with pytest.raises(errors.NotFound):
        snapshots.delete(user_request, builders.INSTANCE, builders.SNAPSHOT)

    assert not glance_client.images.delete.called


def test_chosen_snapshots_come_in_the_order_of_their_ids(
        user_request, nova_client, glance_client):
    other = '44444444-dddd-4ddd-8ddd-444444444444'
    glance_client.images.get.side_effect = lambda image_id: (
        answers.glance_image(builders.asked(id=image_id, owner='project')))

    _instance, images = snapshots.chosen(
        user_request, builders.INSTANCE, [other, builders.SNAPSHOT])

    assert [image.id for image in images] == [other, builders.SNAPSHOT]


@pytest.mark.parametrize('changes', [
    {'instance_uuid': 'another'}, {'owner': 'another'},
    {'status': 'deleted'}])
def test_what_is_not_this_instances_snapshot_cannot_be_chosen(
        changes, user_request, glance_client, nova_client):
    glance_client.images.get.return_value = {
        **answers.glance_image(builders.asked()), 'owner': 'project',
        **changes}

    _instance, images = snapshots.chosen(
        user_request, builders.INSTANCE, [builders.SNAPSHOT])

    assert images == [None]


def test_an_id_that_is_none_is_not_sent(user_request, nova_client,
                                        glance_client):
    _instance, images = snapshots.chosen(
        user_request, builders.INSTANCE, ['../../v2/tasks'])

    assert images == [None]
    assert not glance_client.images.get.called


def test_a_snapshot_that_is_gone_cannot_be_chosen(
        user_request, nova_client, glance_client):
    glance_client.images.get.side_effect = glance_exceptions.HTTPNotFound()

    assert snapshots.chosen(user_request, builders.INSTANCE,
                            [builders.SNAPSHOT])[1] == [None]


def test_without_glance_nothing_can_be_chosen(user_request, nova_client,
                                              glance_client):
    glance_client.images.get.side_effect = (
        glance_exceptions.CommunicationError())

    with pytest.raises(errors.Unavailable):
        snapshots.chosen(user_request, builders.INSTANCE,
                         [builders.SNAPSHOT])


# Instances on volumes

def test_their_snapshots_can_be_found(user_request, nova_client):
    nova_client.servers.get.return_value = answers.server(image='')

    taking.take_if_ready(user_request, builders.INSTANCE,
                         accept=Verdict.CRASH)

    written = nova_client.servers.create_image.call_args.args[2]
    assert written['instance_uuid'] == builders.INSTANCE
    assert written['image_type'] == 'snapshot'


@pytest.mark.parametrize('image_id, length', [('image', 255), (None, 242)])
def test_there_is_room_in_the_names_of_volume_snapshots(image_id, length):
    instance = builders.instance(name='x' * 255, image_id=image_id)

    assert len(taking.default_name(instance)) == length
