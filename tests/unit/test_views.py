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

"""The pages: what they show, what they refuse and whom they ask."""

import html
import json
import re
from unittest import mock
from urllib import parse

from django.conf import settings
from django.test.utils import override_settings
from django.urls import reverse
from novaclient import exceptions as nova_exceptions
from openstack_auth import policy
from openstack_dashboard.test import helpers
import pytest

from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import frame
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import verdict
from snapshot_panel import forms as panel_forms
from snapshot_panel.instance import views as instance_views
from snapshot_panel.ui import lines
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import words
from tests import forms
from tests.unit import builders
from tests.unit.consistency import test_restart
from tests.unit.consistency import test_retention

pytestmark = pytest.mark.usefixtures('no_image_of_today')

INDEX = reverse('horizon:project:consistent_snapshots:index')
ROWS = reverse('horizon:project:consistent_snapshots:rows')
INSTANCE, SNAPSHOT, RESTART, DEED = (
    reverse('horizon:project:consistent_snapshots:' + name,
            args=[builders.INSTANCE])
    for name in ('instance', 'snapshot', 'restart', 'restart_choice'))

IMAGES = reverse('horizon:project:consistent_snapshots:images')
IMAGE = reverse('horizon:project:consistent_snapshots:image',
                args=[builders.BASE_IMAGE])

GLANCE_DOWN = errors.Unavailable('Glance', 'secret reason')
NOVA_DOWN = errors.Unavailable('Nova', 'secret reason')
EXPIRED = nova_exceptions.Unauthorized(401)
PROBLEMS = (errors.NotFound, errors.Forbidden, errors.Conflict,
            errors.OverLimit, errors.Refused, errors.Unavailable)

EVIL = '<script>alert("x")</script>' + '日' * 230
ESCAPED = '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;'
TAKE = 'instances__take__%s'


def guest(console=None):
    """Return a guest that was asked, ready unless a console says less."""
    console = builders.started() if console is None else console
    return checklist.Guest(True, console.text, builders.actions())


def overview(*instances, images=(), problems=(), **more):
    return snapshots.Overview(instances, images, problems=problems, **more)


def attempt(taken=None):
    instance = builders.instance()
    return taking.Attempt(
        instance, checklist.check(instance, guest(), facts.Deployment()),
        'web-1', taken)


TAKEN = attempt(taking.Taken(builders.SNAPSHOT))
NOT_TAKEN = attempt()


class PanelTestCase(helpers.TestCase):
    """A dashboard whose cloud has one ready instance and no snapshots."""

    def setUp(self):
        super().setUp()
        # The time of the builders, for our own eyes only.
        mock.patch.object(lines, 'timeutils', **{
            'utcnow.return_value': builders.NOW}).start()
        instance = builders.instance()
        self.overview = self.patch('overview', overview(instance))
        self.one = self.patch('one', (instance, []))
        self.hear = self.patch('hear_guests', {
            instance.id: guests.Heard(guest(), builders.NOW)}, guests)
        self.ask = self.patch('ask_guest_if_allowed', guest(), guests)
        self.limits = self.patch('ask_limits', facts.Limits(), details)
        self.take = self.patch('take_if_ready', TAKEN, taking)
        self.settle = self.patch('carry_on', None, restarting)
        # Nothing could be settled yet.
        self.settle.side_effect = lambda _request, instance, images: (
            instance, images)
        self.dismiss = self.patch('dismiss', None)
        # The services of the frame are not there.
        self.patch('questions', (), frame)

    def patch(self, name, result, module=snapshots):
        return mock.patch.object(module, name, autospec=True,
                                 return_value=result).start()

    def show(self, instance, *images):
        """Let the cloud have this one instance, with these snapshots."""
        self.overview.return_value = overview(instance, images=images)
        self.one.return_value = (instance, list(images))

    def assert_login(self, response):
        """The user is sent to log in, and comes back from there."""
        self.assertEqual(302, response.status_code)
        url = parse.urlsplit(response['location'])
        self.assertEqual(settings.LOGIN_URL, url.path)
        self.assertEqual(response.wsgi_request.get_full_path(),
                         parse.parse_qs(url.query)['next'][0])

    def text(self, url, **parameters):
        return self.client.get(url, parameters).content.decode()

    def act_as(self, role):
        """Give the user this role alone, and let the policies count."""
        self.setActiveUser(
            id=self.user.id, token=self.token, username=self.user.name,
            tenant_id=self.tenant.id, service_catalog=self.service_catalog,
            roles=[{'id': '1', 'name': role}],
            authorized_tenants=self.tenants.list())
        counting = override_settings(
            POLICY_CHECK_FUNCTION='openstack_auth.policy.check')
        counting.enable()
        self.addCleanup(counting.disable)
        policy.reset()
        self.addCleanup(policy.reset)


class IndexTest(PanelTestCase):

    def test_no_instances_are_said_to_be_none(self):
        self.overview.return_value = overview()

        response = self.client.get(INDEX)

        self.assertContains(response, 'No items to display')

    def test_every_instance_has_a_row(self):
        self.overview.return_value = overview(
            *[builders.instance(id=str(number), name='web-%d' % number)
              for number in range(30)])

        page = self.text(INDEX)

        assert page.count('data-object-id=') == 30
        assert 'web-29' in page

    def test_a_row_links_to_its_instance(self):
        self.assertContains(self.client.get(INDEX),
                            '<a href="%s" >web</a>' % INSTANCE, html=True)

    def test_the_index_leads_to_the_properties_of_images(self):
        self.assertContains(self.client.get(INDEX), 'href="%s"' % IMAGES)

    def test_a_page_is_asked_for_once(self):
        self.client.get(INDEX)

        self.assertEqual(1, self.overview.call_count)
        assert not self.hear.called
        assert not self.settle.called

    def test_the_next_page_and_the_one_before_are_linked(self):
        self.overview.return_value = overview(
            builders.instance(), more=True, previous=True)

        page = self.text(INDEX)

        assert '?marker=' + builders.INSTANCE in page
        assert '?prev_marker=' + builders.INSTANCE in page

    def test_the_marker_of_a_page_is_passed_on(self):
        for parameter, backwards in (('marker', False),
                                     ('prev_marker', True)):
            self.client.get(INDEX, {parameter: 'x'})

            named = self.overview.call_args.kwargs
            self.assertEqual(('x', backwards),
                             (named['marker'], named['backwards']))

    def test_without_glance_the_instances_are_shown(self):
        self.overview.return_value = overview(builders.instance(),
                                              problems=(GLANCE_DOWN,))

        page = self.text(INDEX)

        assert page.count('data-object-id=') == 1
        assert 'Glance: The service does not answer' in page
        assert 'Unknown' in page
        assert 'secret reason' not in page

    def test_without_nova_the_page_says_so(self):
        self.overview.return_value = overview(problems=(NOVA_DOWN,))

        response = self.client.get(INDEX)

        self.assertContains(response, 'Nova: The service does not answer')

    def test_names_are_text_and_nothing_else(self):
        lost = builders.memory(image_id=builders.BASE_IMAGE, name='<b>x</b>',
                               at=builders.NOW, gone=builders.NOW)
        self.show(builders.remembering(lost, name=EVIL),
                  builders.image(name=EVIL))

        for url in (INDEX, INSTANCE, SNAPSHOT):
            page = self.text(url)

            assert ESCAPED in page
            assert '<script>alert' not in page
            assert '<b>x</b>' not in page

    def test_what_a_hand_wrote_on_an_image_is_text_and_nothing_else(self):
        evil = builders.sealed(verdict.Rule.HOOKS_WITNESSED, {
            'frozen': {EVIL: EVIL}, 'hooks': {EVIL: True}})
        self.show(builders.instance(status=EVIL, task_state=EVIL), evil)

        for url in (INDEX, INSTANCE):
            page = self.text(url)

            assert ESCAPED in page
            assert '<script>alert' not in page

    def test_a_snapshot_is_shown_with_its_verdict(self):
        for image, word in (
                (builders.sealed(), 'File-system consistent'),
                (builders.image(), 'Unproven'),
                (builders.sealed(verdict.Rule.NO_CHANNEL),
                 'Crash-consistent')):
            self.show(builders.instance(), image)

            self.assertContains(self.client.get(INDEX), word)

    def test_a_snapshot_that_the_list_does_not_hold_is_in_progress(self):
        self.show(builders.remembering(builders.memory()))

        page = self.text(INDEX)

        assert 'web-1' in page
        assert 'data-unsettled="true"' in page

    def test_a_lost_snapshot_is_shown_with_its_cause(self):
        lost = builders.memory(gone=builders.NOW, cause='gone-without-agent')
        self.show(builders.remembering(lost))

        page = self.text(INDEX)

        assert 'Discarded' in page
        assert 'agent was stopped' in page

    def test_a_row_says_what_is_still_to_be_asked(self):
        for image, asked, settled in (
                (builders.sealed(), True, False),
                (builders.asked(), True, True),
                (builders.asked(status='queued', updated=builders.ago(5)),
                 True, True)):
            self.show(builders.instance(), image)

            page = self.text(INDEX)

            self.assertEqual(asked, 'data-unasked="true"' in page)
            self.assertEqual(settled, 'data-unsettled="true"' in page)

    def test_a_list_that_was_cut_is_not_the_last_word(self):
        self.overview.return_value = overview(builders.instance(), cut=True)

        page = self.text(INDEX)

        assert 'Looking for older ones' in page
        assert 'data-unasked="true"' in page

    def test_a_server_that_remembers_what_is_sealed_is_not_settled(self):
        self.show(builders.remembering(builders.memory()), builders.sealed())

        page = self.text(INDEX)

        assert 'data-unsettled="true"' in page
        assert str(words.VERDICTS[verdict.Verdict.FILESYSTEM].word) in page

    def test_a_loss_that_is_known_leaves_nothing_to_settle(self):
        self.show(builders.remembering(builders.memory(gone=builders.NOW)),
                  builders.sealed(id=builders.BASE_IMAGE))

        self.assertNotContains(self.client.get(INDEX), 'data-unsettled')

    def test_an_image_that_nobody_finishes_is_said_to_be_abandoned(self):
        for memories in ((), (builders.memory(),)):
            self.show(builders.remembering(*memories),
                      builders.asked(status='queued'))

            page = html.unescape(self.text(INDEX))

            assert str(words.RULES[verdict.Rule.ABANDONED]) in page
            assert 'data-unsettled="true"' not in page

    def test_an_image_of_a_refused_request_is_not_the_latest_snapshot(self):
        refused = builders.asked(properties={records.IMAGE: 'none'},
                                 id=builders.BASE_IMAGE, name='refused',
                                 status='queued', created=builders.ago(55))
        self.show(builders.instance(), refused, builders.sealed(name='good'))

        page = self.text(INDEX)

        assert 'good' in page
        assert 'refused' not in page
        self.assertContains(self.client.get(INSTANCE), 'refused')

    def test_a_busy_instance_is_said_to_be_busy(self):
        for task, busy in ((None, False), ('image_uploading', True)):
            self.show(builders.instance(task_state=task))

            cell = ui_tables.cell('_readiness')(lines.instance_row(
                self.overview.return_value.instances[0], []))

            self.assertEqual(busy, 'Busy' in cell)
            self.assertEqual(busy, 'Asking' not in cell)

    def test_a_snapshot_that_is_being_made_shows_its_step(self):
        self.show(builders.instance(task_state='image_uploading'),
                  builders.asked(status='saving'))

        self.assertContains(self.client.get(INDEX), 'aria-valuenow="75"')

    def test_an_expired_token_leads_to_the_login(self):
        self.overview.side_effect = EXPIRED

        response = self.client.get(INDEX)

        self.assert_login(response)


class ButtonsTest(PanelTestCase):

    def test_a_reader_sees_no_button(self):
        self.act_as('reader')

        page = self.text(INDEX)

        assert 'data-object-id=' in page
        assert 'instances__take' not in page
        assert SNAPSHOT not in page
        assert 'data-may-settle' not in page

    def test_a_member_sees_the_button_and_settles(self):
        self.act_as('member')

        page = self.text(INDEX)

        assert TAKE % builders.INSTANCE in page
        assert SNAPSHOT in page
        assert 'data-may-settle' in page

    def test_a_reader_cannot_press_the_button_that_is_not_there(self):
        self.act_as('reader')

        self.client.post(INDEX, {'action': TAKE % builders.INSTANCE})

        assert not self.take.called

    def test_an_instance_that_is_not_ready_has_another_button(self):
        self.show(builders.instance(task_state='rebooting'))

        page = self.text(INDEX)

        assert TAKE % builders.INSTANCE not in page
        assert SNAPSHOT in page


class ClickTest(PanelTestCase):

    def click(self, *instance_ids):
        if len(instance_ids) == 1:
            return self.client.post(INDEX, {
                'action': TAKE % instance_ids[0]})
        return self.client.post(INDEX, {'action': 'instances__take',
                                        'object_ids': instance_ids})

    def messages(self, response):
        return [str(message) for message in
                response.wsgi_request._messages._queued_messages]

    def test_a_click_takes_the_snapshot(self):
        response = self.click(builders.INSTANCE)

        self.take.assert_called_once_with(mock.ANY, builders.INSTANCE)
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(['Snapshot web-1 of web is being taken.'],
                         self.messages(response))

    def test_a_click_that_is_not_ready_opens_what_is_missing(self):
        self.take.return_value = NOT_TAKEN

        response = self.click(builders.INSTANCE)

        self.assertRedirectsNoFollow(response, SNAPSHOT)
        assert 'not ready' in self.messages(response)[0]

    def test_what_could_not_be_written_is_said(self):
        self.take.return_value = attempt(
            taking.Taken(builders.SNAPSHOT, (GLANCE_DOWN,)))

        response = self.click(builders.INSTANCE)

        assert 'could not be written down' in self.messages(response)[1]

    def test_each_of_several_is_taken_or_told(self):
        self.take.side_effect = [TAKEN, NOT_TAKEN, NOVA_DOWN]

        response = self.click('a', 'b', 'c')

        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(['a', 'b', 'c'], [
            call.args[1] for call in self.take.call_args_list])
        taken, not_ready, failed = self.messages(response)
        assert 'is being taken' in taken
        assert 'not ready' in not_ready
        assert failed.startswith('Nova: ')

    def test_one_that_is_named_twice_is_taken_once(self):
        self.click('a', 'a')

        self.take.assert_called_once_with(mock.ANY, 'a')

    def test_a_forged_id_takes_nothing_and_says_so(self):
        self.take.side_effect = errors.NotFound('Nova', 'x')

        response = self.click('forged')

        self.assertRedirectsNoFollow(response, INDEX)
        assert 'does not exist' in self.messages(response)[0]

    def test_the_user_comes_back_to_the_same_page(self):
        url = INDEX + '?marker=x'

        response = self.client.post(url, {
            'action': TAKE % builders.INSTANCE})

        self.assertRedirectsNoFollow(response, url)

    def test_an_expired_token_leads_to_the_login(self):
        self.take.side_effect = EXPIRED

        response = self.click(builders.INSTANCE)

        self.assert_login(response)


class RowsTest(PanelTestCase):

    def get(self, *instance_ids):
        return self.client.get(ROWS, {'id': instance_ids})

    def post(self, *instance_ids):
        return self.client.post(ROWS, {'id': instance_ids})

    def test_the_rows_that_are_asked_for_are_answered(self):
        self.overview.return_value = overview(
            builders.instance(), builders.instance(id='other'))

        answer = json.loads(self.get(builders.INSTANCE).content)

        self.assertEqual([builders.INSTANCE], list(answer['rows']))
        row = answer['rows'][builders.INSTANCE]
        assert row.strip().startswith('<tr')
        assert 'Ready' in row
        assert 'Running' in row

    def test_only_the_guests_that_are_asked_for_are_asked(self):
        self.overview.return_value = overview(
            builders.instance(), builders.instance(id='other'))

        self.get(builders.INSTANCE)

        _request, instances = self.hear.call_args.args
        self.assertEqual([builders.INSTANCE],
                         [instance.id for instance in instances])

    def test_not_all_guests_are_asked_at_once(self):
        ids = [str(number) for number in range(30)]
        self.overview.return_value = overview(
            *[builders.instance(id=number) for number in ids])
        self.hear.return_value = {}

        answer = json.loads(self.get(*ids).content)

        _request, instances = self.hear.call_args.args
        self.assertEqual(25, len(instances))
        self.assertEqual(30, len(answer['rows']))

    def test_a_guest_is_asked_anew_where_the_user_wants_it(self):
        self.overview.return_value = overview(builders.instance())

        self.client.get(ROWS, {'id': builders.INSTANCE, 'again': '1'})

        assert self.hear.call_args.kwargs['again']

    def test_no_projects_are_asked_for_without_the_frame(self):
        self.overview.return_value = overview(builders.instance())

        with mock.patch('openstack_auth.utils.get_project_list',
                        autospec=True) as listed:
            self.get(builders.INSTANCE)

        assert not listed.called

    def test_a_forged_id_is_no_row(self):
        answer = json.loads(self.get('forged').content)

        self.assertEqual({}, answer['rows'])

    def test_looking_settles_nothing(self):
        self.show(builders.instance(), builders.asked())

        self.get(builders.INSTANCE)

        assert not self.settle.called

    def test_only_what_is_wanted_and_not_settled_is_settled(self):
        pending = builders.asked()
        self.overview.return_value = overview(
            builders.instance(), builders.instance(id='sealed'),
            builders.instance(id='unwanted'), images=(
                pending, builders.sealed(properties={
                    'instance_uuid': 'sealed'}),
                builders.asked(properties={'instance_uuid': 'unwanted'})))

        self.post(builders.INSTANCE, 'sealed')

        self.settle.assert_called_once_with(
            mock.ANY, self.overview.return_value.instances[0], [pending])

    def test_a_memory_of_what_is_sealed_is_carried_on(self):
        sealed = builders.sealed()
        self.show(builders.remembering(builders.memory()), sealed)

        self.post(builders.INSTANCE)

        self.settle.assert_called_once_with(
            mock.ANY, self.overview.return_value.instances[0], [sealed])

    def test_an_expired_token_is_told_to_the_script(self):
        self.overview.side_effect = EXPIRED

        response = self.client.get(
            ROWS, HTTP_X_REQUESTED_WITH='XMLHttpRequest')

        self.assertEqual(401, response.status_code)
        assert settings.LOGIN_URL in response['X-Horizon-Location']

    def test_what_was_settled_is_shown_without_another_look(self):
        other = builders.instance(id='other')
        theirs = builders.sealed(properties={'instance_uuid': 'other'},
                                 name='theirs')
        self.overview.return_value = overview(
            builders.instance(), other, images=(builders.asked(), theirs))
        self.settle.side_effect = None
        self.settle.return_value = (builders.instance(), [builders.sealed()])

        answer = json.loads(self.post(builders.INSTANCE, 'other').content)

        assert 'consistent' in answer['rows'][builders.INSTANCE]
        assert 'theirs' in answer['rows']['other']
        self.assertEqual('', answer['problem'])
        self.assertEqual(1, self.overview.call_count)

    def test_without_anything_to_settle_one_look_is_enough(self):
        self.post(builders.INSTANCE)

        self.assertEqual(1, self.overview.call_count)

    def test_settling_that_fails_is_said_beside_the_rows(self):
        self.show(builders.instance(), builders.asked())
        self.settle.side_effect = GLANCE_DOWN

        answer = json.loads(self.post(builders.INSTANCE).content)

        assert answer['problem'].startswith('Glance: The service does not')
        assert builders.INSTANCE in answer['rows']

    def test_a_guest_that_cannot_be_asked_is_said_in_its_row(self):
        self.hear.return_value = {builders.INSTANCE: NOVA_DOWN}

        answer = json.loads(self.get(builders.INSTANCE).content)

        assert 'could not be asked' in answer['rows'][builders.INSTANCE]

    def test_a_service_that_fails_is_an_answer(self):
        for problem in (GLANCE_DOWN, NOVA_DOWN):
            self.overview.return_value = overview(problems=(problem,))

            response = self.get(builders.INSTANCE)

            self.assertEqual(503, response.status_code)
            answer = json.loads(response.content)
            assert answer['problem'].startswith(problem.service)
            assert 'secret reason' not in answer['problem']

    def test_an_expired_token_leads_to_the_login(self):
        self.overview.side_effect = EXPIRED

        response = self.get(builders.INSTANCE)

        self.assert_login(response)


class InstanceTest(PanelTestCase):

    def test_the_checks_and_the_snapshots_are_shown(self):
        self.show(builders.instance(), builders.sealed(name='monday'),
                  builders.image(id='another', name='tuesday'))

        page = self.text(INSTANCE)

        for word in ('Channel to the guest agent', 'Guest kit', 'monday',
                     'tuesday', 'by ann'):
            assert word in page

    def test_only_a_missing_channel_leads_to_the_properties_of_the_image(self):
        for values, image_id, linked in (
                ({}, builders.BASE_IMAGE, True),
                ({facts.AGENT_PROPERTY: 'yes'}, builders.BASE_IMAGE, False),
                ({}, None, False)):
            self.show(builders.instance(
                image_id=image_id, properties=facts.Properties(
                    values, facts.Source.EMBEDDED)))

            for url in (INSTANCE, SNAPSHOT):
                self.assertEqual(linked, IMAGE in self.text(url), url)

    def test_without_glance_the_checks_are_shown(self):
        self.one.return_value = (builders.instance(), GLANCE_DOWN)

        page = self.text(INSTANCE)

        assert 'Guest kit' in page
        assert 'the image service did not answer' in page

    def test_a_guest_that_cannot_be_asked_is_said(self):
        self.hear.return_value = {builders.INSTANCE: NOVA_DOWN}

        self.assertContains(self.client.get(INSTANCE), 'could not be asked')

    def test_a_problem_is_a_page_with_its_status(self):
        for kind in PROBLEMS:
            self.one.side_effect = kind('Nova', 'secret reason')

            for url in (INSTANCE, SNAPSHOT):
                response = self.client.get(url)

                self.assertEqual(kind.status, response.status_code)
                self.assertTemplateUsed(response,
                                        'consistent_snapshots/problem.html')
                self.assertNotContains(response, 'secret reason',
                                       status_code=kind.status)

    def test_an_expired_token_leads_to_the_login(self):
        self.one.side_effect = EXPIRED

        response = self.client.get(INSTANCE)

        self.assert_login(response)


class FormTest(PanelTestCase):

    def submit(self, **changes):
        return self.client.post(SNAPSHOT, {
            'name': 'mine', 'promise': 'filesystem-consistent',
            'strict': 'on', **changes})

    def test_a_ready_instance_is_offered_a_consistent_snapshot(self):
        page = self.text(SNAPSHOT)

        assert 'All checks hold.' in page
        assert 'value="Take consistent snapshot"' in page
        assert 'value="filesystem-consistent"' in page

    def test_what_is_left_out_is_told_before(self):
        self.show(builders.instance(volume_ids=('volume',)))

        with mock.patch.object(volumes, 'of_instance', autospec=True,
                               return_value=(builders.volume(),)):
            page = self.text(SNAPSHOT)

        assert 'Nothing stands in the way.' in page
        assert 'Not in the snapshot: web-0 (1 GiB, /dev/vda)' in page
        assert 'value="Take consistent snapshot"' in page

    def test_without_cinder_the_rest_stands(self):
        self.show(builders.instance(volume_ids=('volume',)))
        problem = errors.Unavailable('Cinder', 'down')

        with mock.patch.object(volumes, 'of_instance', autospec=True,
                               return_value=problem):
            page = self.text(SNAPSHOT)

        assert 'block storage service did not tell their names' in page
        assert 'value="Take consistent snapshot"' in page

    def test_what_is_missing_is_shown_with_its_remedy(self):
        self.ask.return_value = guest(builders.Console())

        page = self.text(SNAPSHOT)

        assert 'Install the guest kit' in page
        assert 'value="Take it anyway: unproven"' in page

    def test_a_busy_instance_is_offered_nothing(self):
        self.show(builders.instance(task_state='image_uploading'))

        page = self.text(SNAPSHOT)

        assert 'No snapshot can be taken now.' in page
        assert 'type="submit" value=' not in page

    def test_the_form_is_a_part_of_a_page_for_the_modal(self):
        response = self.client.get(
            SNAPSHOT, HTTP_X_REQUESTED_WITH='XMLHttpRequest')

        self.assertTemplateUsed(response,
                                'consistent_snapshots/_snapshot.html')
        self.assertTemplateNotUsed(response, 'base.html')
        self.assertContains(response, 'class="modal')
        self.assertContains(response, 'action="%s"' % SNAPSHOT)

    def test_the_form_is_a_page_of_its_own_without_the_script(self):
        response = self.client.get(SNAPSHOT)

        self.assertTemplateUsed(response, 'base.html')
        self.assertTemplateUsed(response,
                                'consistent_snapshots/_snapshot.html')

    def test_without_glance_the_form_is_shown(self):
        self.one.return_value = (builders.instance(), GLANCE_DOWN)

        self.assertContains(self.client.get(SNAPSHOT), 'All checks hold.')

    def test_the_snapshot_is_taken_as_it_was_promised(self):
        for promise in ('filesystem-consistent', 'unproven',
                        'crash-consistent'):
            response = self.submit(promise=promise)

            self.assertRedirectsNoFollow(response, INDEX)
            self.take.assert_called_with(
                mock.ANY, builders.INSTANCE, 'mine',
                accept=verdict.Verdict(promise), extra={}, keep=None,
                shown=[])

    def test_what_cannot_be_is_refused(self):
        for changes in ({'name': ''}, {'name': '  '}, {'name': 'x' * 256},
                        {'promise': ''}, {'promise': 'perfect'},
                        {'promise': 'application-consistent'},
                        {'promise': 'discarded'}):
            response = self.submit(**changes)

            self.assertFormErrors(response)

        assert not self.take.called

    def test_who_does_not_insist_gets_what_there_is(self):
        for promise, accepted in (
                ('filesystem-consistent', verdict.Verdict.CRASH),
                ('unproven', verdict.Verdict.UNPROVEN)):
            self.submit(promise=promise, strict='')

            self.assertEqual(accepted, self.take.call_args.kwargs['accept'])

    def test_only_a_promise_can_be_insisted_on(self):
        for console, offered in ((None, True), (builders.Console(), False)):
            self.ask.return_value = guest(console)

            self.assertEqual(offered, 'name="strict"' in self.text(SNAPSHOT))

    def test_properties_are_given_to_the_snapshot(self):
        self.submit(properties=' os_distro = debian\r\n\r\nempty=\r\na=b=c')

        self.assertEqual({'os_distro': 'debian', 'empty': '', 'a': 'b=c'},
                         self.take.call_args.kwargs['extra'])

    def test_a_property_that_cannot_be_is_refused_with_its_line(self):
        for line, reason in (
                ('x', 'name=value'), ('=x', 'needs a name'),
                ('consistency_rule=x', 'reserved'), ('size=1', 'reserved'),
                ('instance_uuid=x', 'reserved'),
                ('hw_qemu_guest_agent=yes', 'reserved'),
                ('os_shutdown_timeout=9999', 'reserved'),
                ('n\u00e4me=x', 'plain letters'), ('a=1', 'there twice'),
                ('A=1', 'there twice'), ('x=' + 'y' * 256, '255'),
                ('x=\U0001f600', 'emoji'), ('os_type=dos', 'linux'),
                ('os_require_quiesce=perhaps', 'yes, no')):
            response = self.submit(properties='a=1\n' + line)

            self.assertFormErrors(response, 1)
            self.assertContains(response, 'Line 2', msg_prefix=line)
            self.assertContains(response, reason, msg_prefix=line)

        assert not self.take.called

    def test_there_are_not_too_many_properties(self):
        for count, taken in ((100, True), (101, False)):
            self.submit(properties='\n'.join(
                'p%d=x' % number for number in range(count)))

            self.assertEqual(taken, self.take.called)
            self.take.reset_mock()

    def older(self, *rules):
        """Let there be sealed snapshots, newest first; return their ids."""
        images = [test_retention.made(age, rule)
                  for age, rule in enumerate(rules, 1)]
        self.show(builders.instance(), *images)
        return [image.id for image in images]

    def test_what_goes_is_shown_before(self):
        self.older(verdict.Rule.FREEZE_WITNESSED, verdict.Rule.SILENT)

        page = html.unescape(self.text(SNAPSHOT))

        for text in ('last 1 proven consistent, the new one counted: '
                     '2 older snapshots go',
                     'last 2 proven consistent, the new one counted: '
                     '1 older snapshot goes'):
            assert text in page
        assert 'the last 3' not in page
        for word in ('File-system consistent', 'Unproven', 'Keep all',
                     'openstack image delete'):
            assert word in page
        self.assertEqual(2, page.count('<li class="form-group switched"'))

    def test_what_goes_is_what_was_shown(self):
        ids = self.older(verdict.Rule.FREEZE_WITNESSED, verdict.Rule.SILENT)
        shown = forms.Form(self.text(SNAPSHOT)).data['shown']

        for keep, gone in (('', []), ('1', ids), ('2', ids[1:]), ('3', [])):
            self.submit(keep=keep, shown=shown)

            named = self.take.call_args.kwargs
            self.assertEqual((int(keep) if keep else None, gone),
                             (named['keep'], named['shown']))

    def test_what_will_go_is_said(self):
        shown = json.dumps([[builders.BASE_IMAGE, 1]])

        response = self.submit(keep='1', shown=shown)

        said = [str(message) for message in
                response.wsgi_request._messages._queued_messages]
        assert 'Once it is proven consistent, 1 older' in said[1]

    def test_a_forged_list_names_nothing(self):
        for shown in ('x', '[', '7', '[7]', '[[1]]', '{"a": 1}',
                      '[["x", "y"]]', '[' * 5000):
            self.submit(keep='1', shown=shown)

            self.assertEqual([], self.take.call_args.kwargs['shown'])

    def test_other_snapshots_than_those_shown_are_shown_anew(self):
        ids = self.older(verdict.Rule.FREEZE_WITNESSED)
        self.take.return_value = taking.Attempt(
            builders.instance(), TAKEN.checklist, 'web-1', moved=True)

        response = self.submit(keep='1', shown='[]')

        self.assertContains(response, 'other snapshots would go')
        data = forms.Form(response.content.decode()).data
        self.assertEqual([[ids[0], 1]], json.loads(data['shown']))

    def test_a_bad_number_to_keep_is_refused(self):
        for keep in ('0', '-1', 'x', '1.5'):
            self.submit(keep=keep)

        assert not self.take.called

    def test_why_nothing_can_go_is_said(self):
        self.assertContains(self.client.get(SNAPSHOT), 'no older snapshot')
        self.older(verdict.Rule.FREEZE_WITNESSED)
        with mock.patch.object(panel_forms, 'may_replace', autospec=True,
                               return_value=False):
            self.assertContains(self.client.get(SNAPSHOT),
                                'may not delete images')
            self.submit(keep='1')
        self.one.return_value = (builders.instance(), GLANCE_DOWN)
        self.assertContains(self.client.get(SNAPSHOT), 'all are kept')

        assert not self.take.called

    def test_what_becomes_of_older_ones_is_said_with_the_snapshot(self):
        for image, word in (
                (builders.sealed(), 'It replaced 1 older snapshot'),
                (builders.sealed(verdict.Rule.SILENT), 'nothing was deleted')):
            image.properties.update({records.REPLACES: builders.BASE_IMAGE,
                                     records.REPLACED: 'done'})
            self.show(builders.instance(), image)

            for url in (INDEX, INSTANCE):
                self.assertContains(self.client.get(url), word)

    def test_what_is_still_to_go_is_carried_on(self):
        self.show(builders.instance(), builders.sealed(properties={
            records.REPLACES: builders.BASE_IMAGE}))

        self.assertContains(self.client.get(INDEX), 'data-unsettled="true"')
        self.assertContains(self.client.get(INDEX), 'is being deleted')

    def test_the_longest_name_is_taken(self):
        self.submit(name='日' * 255)

        self.assertEqual('日' * 255, self.take.call_args.args[2])

    def test_an_instance_that_changed_meanwhile_is_not_taken(self):
        self.take.return_value = taking.Attempt(
            builders.instance(), checklist.check(
                builders.instance(), guest(builders.Console()),
                facts.Deployment()), 'web-1')
        self.ask.return_value = guest(builders.Console())

        response = self.submit()

        self.assertContains(response, 'not as it was')
        self.assertContains(response, 'missing now: Guest agent, Guest kit.')
        # What it offers now is what can be had now.
        self.assertContains(response, 'value="Take it anyway: unproven"')
        self.assertContains(response, 'value="unproven"')

    def test_what_the_cloud_refuses_is_said_in_the_form(self):
        for kind in PROBLEMS:
            self.take.side_effect = kind('Nova', 'secret reason')

            response = self.submit()

            self.assertFormErrors(response, 1)
            self.assertNotContains(response, 'secret reason')

    def test_an_expired_token_leads_to_the_login(self):
        self.take.side_effect = EXPIRED

        response = self.submit()

        self.assert_login(response)

    def test_a_reader_is_not_shown_the_form(self):
        self.act_as('reader')

        self.assertEqual(403, self.client.get(SNAPSHOT).status_code)
        self.assertEqual(403, self.submit().status_code)
        assert not self.take.called


class RestartTest(PanelTestCase):

    def setUp(self):
        super().setUp()
        self.begin = self.patch('begin', builders.instance(), restarting)
        self.ask.return_value = guest(builders.Console())

    def plan(self, step, status='SHUTOFF', **changes):
        made = test_restart.plan(step, **changes)
        self.show(builders.instance(status=status,
                                    metadata=made.metadata()))

    def test_it_is_offered_where_it_is_possible(self):
        for status, task, offered in (
                ('ACTIVE', None, True), ('ACTIVE', 'rebooting', False),
                ('PAUSED', None, False), ('SHUTOFF', None, False)):
            self.show(builders.instance(status=status, task_state=task))

            self.assertEqual(offered, RESTART in self.text(SNAPSHOT))
            self.assertEqual(offered, 'type="submit" value="Stop' in
                             self.text(RESTART))

    def test_a_ready_instance_is_not_stopped(self):
        self.ask.return_value = guest()

        assert RESTART not in self.text(SNAPSHOT)

    def test_the_downtime_is_said_before(self):
        page = self.text(RESTART)

        for word in ('will not be available', 'called unproven',
                     'openstack server stop', 'openstack server start'):
            assert word in page
        with override_settings(SNAPSHOT_PANEL={'shutdown_timeout': 61}):
            assert 'within 61 seconds' in ' '.join(self.text(RESTART).split())

    def test_it_begins_with_a_click(self):
        response = self.client.post(RESTART)

        self.begin.assert_called_once_with(mock.ANY, builders.INSTANCE)
        self.assertRedirectsNoFollow(response, INDEX)

    def test_what_the_cloud_refuses_is_said(self):
        for kind in PROBLEMS:
            self.begin.side_effect = kind('Nova', 'secret reason')

            response = self.client.post(RESTART)

            self.assertFormErrors(response, 1)
            self.assertNotContains(response, 'secret reason')

    def test_an_expired_token_leads_to_the_login(self):
        self.begin.side_effect = EXPIRED

        self.assert_login(self.client.post(RESTART))

    def test_a_reader_stops_nothing(self):
        self.act_as('reader')

        for url in (RESTART, DEED):
            self.assertEqual(403, self.client.post(
                url, {'choice': 'start'}).status_code)
        assert not self.begin.called

    def test_every_step_is_shown_on_both_pages(self):
        for step in restart.Phase:
            if step is not restart.Phase.OVER:
                self.plan(step)

                for url in (INDEX, INSTANCE):
                    self.assertContains(self.client.get(url),
                                        words.RESTART_STEPS[step][1])
                    self.assertContains(self.client.get(url),
                                        'data-unsettled="true"')

    def test_every_end_is_shown_with_what_can_be_done(self):
        for cause in restart.Cause:
            for status, choices in (('SHUTOFF', {'start', 'dismiss'}),
                                    ('ERROR', {'dismiss'})):
                self.plan(restart.Phase.OVER, status, cause=cause.value)

                page = html.unescape(self.text(INSTANCE))

                assert str(words.RESTART_CAUSES.get(
                    cause, words.RESTART_BROKEN)) in page
                self.assertEqual(choices, set(re.findall(
                    'name="choice" value="([a-z]+)"', page)))
                self.assertEqual(status == 'SHUTOFF',
                                 'The instance is shut off.' in page)

    def test_who_may_not_start_sees_no_button(self):
        self.plan(restart.Phase.OVER, cause='start-failed')
        self.act_as('reader')

        assert 'name="choice"' not in self.text(INSTANCE)
        assert 'could not be started again' in self.text(INDEX)

    def test_every_button_does_what_it_says(self):
        for choice, name in (('cancel', 'cancel'), ('leave', 'leave'),
                             ('start', 'start'), ('dismiss', 'leave')):
            made = mock.create_autospec(getattr(restarting, name))
            with mock.patch.dict(instance_views.PlanView.choices,
                                 {choice: (made, 'done')}):
                response = self.client.post(DEED, {'choice': choice})

            made.assert_called_once_with(mock.ANY, builders.INSTANCE)
            self.assertRedirectsNoFollow(response, INSTANCE)
        self.assertEqual(set(words.RESTART_CHOICES),
                         set(instance_views.PlanView.choices))

    def test_a_button_that_is_none_is_refused(self):
        for choice in ('', 'destroy'):
            self.assertEqual(400, self.client.post(
                DEED, {'choice': choice}).status_code)

    def test_a_start_that_is_refused_is_said(self):
        with mock.patch.dict(instance_views.PlanView.choices, {'start': (
                mock.Mock(side_effect=NOVA_DOWN), 'done')}):
            response = self.client.post(DEED, {'choice': 'start'}, follow=True)

        self.assertContains(response, 'Nova: The service does not answer')


def test_an_image_that_has_drifted_is_one_click_away():
    today = facts.Image(builders.BASE_IMAGE, 'debian', 'active', {})
    row = lines.instance_row(builders.instance(), [],
                             details.Details(today=today))

    line = row.line(checklist.Check.DRIFT)

    assert [link.url for link in line.links] == [IMAGE]
    assert 'hw_qemu_guest_agent' in line.found
