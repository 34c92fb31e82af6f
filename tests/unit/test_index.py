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

"""The index: its rows, its buttons, what a click takes."""

import dataclasses
import datetime
import html
import re
from unittest import mock

from django.core.cache import cache
from django import template
from django.test.utils import override_settings
from django.urls import reverse
from oslo_utils import timeutils
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import marks
from snapshot_panel.cloud import patience
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.ui import cells
from snapshot_panel.ui import lines
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import views as ui_views
from snapshot_panel.ui import words
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')


class IndexTest(cases.PanelTestCase):

    def test_without_instances_the_page_says_what_to_do(self):
        self.overview.return_value = cases.overview()

        self.assertContains(
            self.client.get(cases.INDEX), 'No instances yet. <a href="%s">'
            'Launch one</a>' % reverse('horizon:project:instances:index'))

    def test_no_answer_is_not_said_to_be_no_instance(self):
        self.overview.return_value = cases.overview(
            problems=(cases.NOVA_DOWN,))

        page = self.text(cases.INDEX)

        assert 'No instances yet' not in page
        assert 'Unknown: the compute service did not answer.' in page

    def test_a_filter_that_nothing_passes_says_so(self):
        self.overview.return_value = cases.overview()

        page = self.client.post(cases.INDEX, {
            'instances__filter__q': 'x', 'action': 'instances__filter',
            'instances__filter__q_field': 'name'}, follow=True)

        self.assertContains(page, 'No instance matches the filter.')
        self.assertNotContains(page, 'No instances yet')

    def test_every_instance_has_a_row(self):
        self.overview.return_value = cases.overview(
            *[builders.instance(id=str(number), name='web-%d' % number)
              for number in range(30)])

        page = self.text(cases.INDEX)

        assert page.count('data-object-id=') == 30
        assert 'web-29' in page

    def test_a_row_links_to_its_instance(self):
        self.assertContains(self.client.get(cases.INDEX),
                            '<a href="%s" >web</a>' % cases.INSTANCE,
                            html=True)

    def test_the_index_leads_to_the_properties_of_images(self):
        self.assertContains(self.client.get(cases.INDEX),
                            'href="%s"' % cases.IMAGES)

    def test_a_page_is_asked_for_once(self):
        self.client.get(cases.INDEX)

        self.assertEqual(1, self.overview.call_count)
        assert not self.hear.called
        assert not self.settle.called

    def test_a_judge_that_was_there_is_told_of(self):
        self.addCleanup(cache.clear)
        without = self.text(cases.INDEX)
        judge = mock.Mock()
        judge.user.tenant_id = self.tenant.id
        marks.leave(judge, timeutils.utcnow(True)
                    - datetime.timedelta(minutes=4))
        other = mock.Mock()
        other.user.tenant_id = 'another'
        marks.leave(other, timeutils.utcnow(True))

        page = self.text(cases.INDEX)

        assert 'snapshot-panel-judge' not in without
        assert 'verdicts are written while a page is open' in without
        assert 'verdicts are written while a page' not in page
        # Not in a sentence, which no other language can decline, and with
        # what lets it tick.
        said = page.partition('id="snapshot-panel-judge"')[2].split('</p>')[0]
        assert ' data-ticks ' in said.partition('at this project:')[2]
        assert '>4\xa0minutes ago</time>' in said

    def test_how_often_a_judge_comes_is_told_where_it_is_known(self):
        self.addCleanup(cache.clear)
        judge = mock.Mock()
        judge.user.tenant_id = self.tenant.id
        now = timeutils.utcnow(True)
        marks.leave(judge, now - datetime.timedelta(minutes=20))
        once = self.text(cases.INDEX)
        for minutes in 15, 10, 5:
            marks.leave(judge, now - datetime.timedelta(minutes=minutes))
        timer = self.text(cases.INDEX)
        marks.leave(judge, now, 600)
        watching = self.text(cases.INDEX)

        assert 'Judged by the operator' not in once
        assert 'Judged by the operator every 5 minutes. The operator’s judge' \
            ' last looked at this project:' in timer
        assert 'Judged by the operator every 10 minutes.' in watching

    def test_the_next_page_and_the_one_before_are_linked(self):
        self.overview.return_value = cases.overview(
            builders.instance(), more=True, previous=True)

        page = self.text(cases.INDEX)

        assert '?marker=' + builders.INSTANCE in page
        assert '?prev_marker=' + builders.INSTANCE in page

    def test_the_marker_of_a_page_is_passed_on(self):
        for parameter, backwards in (('marker', False),
                                     ('prev_marker', True)):
            self.client.get(cases.INDEX, {parameter: 'x'})

            named = self.overview.call_args.kwargs
            self.assertEqual(('x', backwards),
                             (named['marker'], named['backwards']))

    def test_without_glance_the_instances_are_shown(self):
        self.overview.return_value = cases.overview(
            builders.instance(), problems=(cases.GLANCE_DOWN,))

        page = self.text(cases.INDEX)

        assert page.count('data-object-id=') == 1
        assert 'Glance: The service does not answer' in page
        assert 'Unknown' in page
        assert 'secret reason' not in page

    def test_without_nova_the_page_says_so(self):
        self.overview.return_value = cases.overview(
            problems=(cases.NOVA_DOWN,))

        response = self.client.get(cases.INDEX)

        self.assertContains(response, 'Nova: The service does not answer')

    def test_names_are_text_and_nothing_else(self):
        lost = builders.memory(image_id=builders.BASE_IMAGE, name='<b>x</b>',
                               at=builders.NOW, gone=builders.NOW)
        self.show(builders.remembering(lost, name=cases.EVIL),
                  builders.image(name=cases.EVIL))

        for url in (cases.INDEX, cases.INSTANCE, cases.SNAPSHOT):
            page = self.text(url)

            assert cases.ESCAPED in page
            assert '<script>alert' not in page
            assert '<b>x</b>' not in page

    def test_what_a_hand_wrote_on_an_image_is_text_and_nothing_else(self):
        evil = builders.sealed(verdict.Rule.HOOKS_WITNESSED, {
            'frozen': {cases.EVIL: cases.EVIL}, 'hooks': {cases.EVIL: True}})
        self.show(builders.instance(status=cases.EVIL, task_state=cases.EVIL),
                  evil)

        for url in (cases.INDEX, cases.INSTANCE):
            page = self.text(url)

            assert cases.ESCAPED in page
            assert '<script>alert' not in page

    def test_a_snapshot_is_shown_with_its_verdict(self):
        for image, word in (
                (builders.sealed(), 'File-system consistent'),
                (builders.image(), 'Not judged yet'),
                (builders.sealed(verdict.Rule.SILENT), 'Unproven'),
                (builders.sealed(verdict.Rule.NO_CHANNEL),
                 'Crash-consistent')):
            self.show(builders.instance(), image)

            self.assertContains(self.client.get(cases.INDEX), word)

    def test_two_columns_say_the_same_once(self):
        # Proven or not, its age stands in one of them.
        for image in (builders.sealed(), builders.sealed(verdict.Rule.SILENT)):
            self.show(builders.instance(properties=facts.Properties(
                {}, facts.Source.EMBEDDED)), image)

            page = self.text(cases.INDEX)

            [row] = re.findall('(?s)<tr[^>]* data-object-id.*?</tr>', page)
            shown = re.sub('<span class="sr-only">.*?</span>', '', row)
            assert len(re.findall('>[^<]*No channel', shown)) == 1
            # Nobody asks a guest without a channel: it has no age.
            assert row.count('data-ticks') == 1

    def test_a_snapshot_that_the_list_does_not_hold_is_in_progress(self):
        self.show(builders.remembering(builders.memory()))

        page = self.text(cases.INDEX)

        assert 'web-1' in page
        assert 'data-unsettled="true"' in page

    def test_a_lost_snapshot_is_shown_with_its_cause(self):
        lost = builders.memory(gone=builders.NOW, cause='gone-without-agent')
        self.show(builders.remembering(lost))

        page = self.text(cases.INDEX)

        assert 'Discarded' in page
        assert 'agent was stopped' in page

    def test_a_row_says_what_is_still_to_be_asked(self):
        for image, asked, settled in (
                (builders.sealed(), True, False),
                (builders.asked(), True, True),
                (builders.asked(status='queued', updated=builders.ago(5)),
                 True, True)):
            self.show(builders.instance(), image)

            page = self.text(cases.INDEX)

            self.assertEqual(asked, 'data-unasked="true"' in page)
            self.assertEqual(settled, 'data-unsettled="true"' in page)

    def test_a_list_that_was_cut_is_not_the_last_word(self):
        self.overview.return_value = cases.overview(builders.instance(),
                                                    cut=True)

        page = self.text(cases.INDEX)

        assert 'Looking for older ones' in page
        assert 'data-unasked="true"' in page

    def test_a_server_that_remembers_what_is_sealed_is_not_settled(self):
        self.show(builders.remembering(builders.memory()), builders.sealed())

        page = self.text(cases.INDEX)

        assert 'data-unsettled="true"' in page
        assert str(words.VERDICTS[verdict.Verdict.FILESYSTEM].word) in page

    def test_a_row_tells_what_came_of_the_snapshot_once_it_is_made(self):
        for image, task, told, running in (
                (builders.sealed(name='"x" & …'), None,
                 'data-told="&quot;x&quot; &amp; …: File-system consistent"',
                 False),
                (builders.asked(status='saving'), 'image_uploading',
                 'data-told="', True)):
            self.show(builders.instance(task_state=task), image)

            page = self.text(cases.INDEX)
            row = self.client.get(cases.ROWS, {'id': builders.INSTANCE}).json(
                )['rows'][builders.INSTANCE]

            assert ('data-running="' in page) == running
            # Only the script has to compare.
            assert 'data-told' not in page
            assert (told in row) != running
            assert ('data-proof="%sproof/%s/"' % (cases.INSTANCE, image.id)
                    in row) != running

    def test_a_loss_that_is_known_leaves_nothing_to_settle(self):
        self.show(builders.remembering(builders.memory(gone=builders.NOW)),
                  builders.sealed(
                      id=builders.BASE_IMAGE,
                      properties={records.IMAGE: builders.BASE_IMAGE}))

        self.assertNotContains(self.client.get(cases.INDEX), 'data-unsettled')

    def test_an_image_that_nobody_finishes_is_said_to_be_abandoned(self):
        for memories in ((), (builders.memory(),)):
            self.show(builders.remembering(*memories),
                      builders.asked(status='queued'))

            page = html.unescape(self.text(cases.INDEX))

            assert str(words.RULES[verdict.Rule.ABANDONED]) in page
            assert 'data-unsettled="true"' not in page

    def test_an_image_of_a_refused_request_is_not_the_latest_snapshot(self):
        refused = builders.asked(properties={records.IMAGE: 'none'},
                                 id=builders.BASE_IMAGE, name='refused',
                                 status='queued', created=builders.ago(55))
        self.show(builders.instance(), refused, builders.sealed(name='good'))

        page = self.text(cases.INDEX)

        assert 'good' in page
        assert 'refused' not in page
        self.assertContains(self.client.get(cases.INSTANCE), 'refused')

    def test_a_busy_instance_is_said_to_be_busy(self):
        for task, busy in ((None, False), ('image_uploading', True)):
            self.show(builders.instance(task_state=task))

            cell = ui_tables.AlikeColumn(cells.Readiness).get_raw_data(
                lines.instance_row(
                    self.overview.return_value.instances[0], []))

            self.assertEqual(busy, 'Busy' in cell)
            self.assertEqual(busy, 'Not asked yet' not in cell)

    def test_a_snapshot_that_is_being_made_shows_its_step(self):
        self.show(builders.instance(task_state='image_uploading'),
                  builders.asked(status='saving'))

        self.assertContains(self.client.get(cases.INDEX), 'aria-valuenow="75"')

    def test_an_expired_token_leads_to_the_login(self):
        self.overview.side_effect = cases.EXPIRED

        response = self.client.get(cases.INDEX)

        self.assert_login(response)


class SidebarTest(cases.PanelTestCase):
    """Horizon's menu, which the index makes while it waits."""

    def page(self):
        return self.client.get(cases.INDEX).content.decode()

    def menus(self, page):
        # Horizon 23.1 has other quotes.
        return re.findall('<nav id=.sidebar.>.*?</nav>', page, re.DOTALL)

    def test_it_is_as_horizon_makes_it(self):
        made, = self.menus(self.page())
        with mock.patch.object(ui_views, 'sidebar', return_value=''):
            horizons, = self.menus(self.page())

        self.assertHTMLEqual(horizons, made)
        self.assertIn('consistent_snapshots', made)

    def test_it_is_made_once(self):
        with mock.patch.object(ui_views.loader, 'render_to_string',
                               return_value='<nav>made</nav>'):
            page = self.page()

        self.assertIn('made', page)
        self.assertEqual([], self.menus(page))

    def test_a_theme_with_a_page_of_its_own_keeps_its_menu(self):
        base = template.Template('', origin=template.Origin('/x/base.html'))
        with mock.patch.object(ui_views.loader, 'get_template',
                               return_value=base):
            self.assertEqual('', ui_views.sidebar(self.request))

    def test_what_fails_is_left_to_the_page(self):
        with mock.patch.object(ui_views.loader, 'render_to_string',
                               side_effect=ValueError('no menu')):
            self.assertEqual(1, len(self.menus(self.page())))


class StripTest(cases.PanelTestCase):
    """What is counted on top, and what the links there show."""

    def setUp(self):
        super().setUp()
        self.addCleanup(cache.clear)
        self.overview.return_value = cases.overview(
            builders.instance(id='fresh', name='fresh'),
            builders.instance(id='bad', name='bad'),
            builders.instance(id='bare', name='bare', status='PAUSED'),
            images=(
                builders.sealed(verdict.Rule.DISK_AT_REST,
                                properties={'instance_uuid': 'fresh'}),
                builders.sealed(verdict.Rule.DISK_IN_USE, id='2',
                                properties={'instance_uuid': 'bad',
                                            records.IMAGE: '2'})))

    def rows(self, **parameters):
        return re.findall('data-display="([^"]+)"',
                          self.text(cases.INDEX, **parameters))

    def counts(self, page):
        return dict(re.findall(r'data-count="([\w-]+)">(\d+)<', page))

    def test_the_rows_of_the_page_are_counted(self):
        for show in ('', 'failing'):
            page = self.text(cases.INDEX, show=show)

            self.assertEqual({'protected': '1', 'not-ready': '1',
                              'failing': '1', 'never': '2', 'overdue': '0',
                              'frozen': '0', 'unasked': '3'},
                             self.counts(page))

    def test_a_link_shows_what_it_counts_and_what_may_belong_there(self):
        heard = guests.Heard(cases.guest(), builders.NOW)
        for instance in self.overview.return_value.instances:
            cache.set(guests._guest_key(instance), heard)

        for show, names in (('protected', ['fresh']), ('failing', ['bad']),
                            ('never', ['bad', 'bare']),
                            ('not-ready', ['bare']), ('x', [
                                'fresh', 'bad', 'bare'])):
            self.assertEqual(names, self.rows(show=show))

    def test_what_guests_said_lately_is_shown_at_once(self):
        instance, *_others = self.overview.return_value.instances
        cache.set(guests._guest_key(instance), guests.Heard(
            cases.guest(), builders.NOW))

        page = self.text(cases.INDEX)

        assert self.counts(page)['unasked'] == '2'
        assert page.count('data-again') == 1
        assert not self.hear.called

    def test_the_worst_come_first_on_demand(self):
        self.assertEqual(['bad', 'bare', 'fresh'], self.rows(order='worst'))
        self.assertEqual(['fresh', 'bad', 'bare'], self.rows())

    def test_the_pages_are_turned_by_all_instances_and_keep_the_choice(self):
        self.overview.return_value = dataclasses.replace(
            self.overview.return_value, more=True, previous=True)

        page = html.unescape(self.text(
            cases.INDEX, order='worst', age='30', marker='before'))

        assert '?marker=bare&order=worst&age=30' in page
        assert '?prev_marker=fresh&order=worst&age=30' in page
        assert 'Only the 3 instances of this page are counted' in page

    def test_without_other_pages_nothing_is_said_of_them(self):
        self.assertNotContains(self.client.get(cases.INDEX), 'other pages')

    def test_an_empty_choice_leads_back_to_all(self):
        self.overview.return_value = cases.overview(builders.instance(
            status='PAUSED'))
        cache.set(guests._guest_key(builders.instance(status='PAUSED')),
                  guests.Heard(cases.guest(), builders.NOW))

        page = self.text(cases.INDEX, show='failing', marker='x')

        assert 'None on this page. <a href="?marker=x">Show all</a>' in page

    def test_a_list_that_was_cut_claims_no_absence(self):
        self.overview.return_value = dataclasses.replace(
            self.overview.return_value, cut=True)

        self.assertEqual('0', self.counts(self.text(cases.INDEX))['never'])

    def test_a_row_that_was_asked_and_does_not_belong_is_marked(self):
        self.overview.return_value = cases.overview(builders.instance())

        rows = [self.client.get(cases.ROWS, {
            'id': builders.INSTANCE, 'show': show}).json()['rows'][
                builders.INSTANCE] for show in ('failing', 'never', '')]

        self.assertEqual([True, False, False],
                         ['data-elsewhere' in row for row in rows])


class RoleTest(cases.PanelTestCase):
    """Who may not ask is told once, and nothing is held against a guest."""

    BANNER = 'id="snapshot-panel-role" hidden'

    def test_who_may_ask_is_told_nothing(self):
        self.act_as('member')

        page = self.text(cases.INDEX)

        assert self.BANNER in page
        assert 'Not asked yet' in page

    def test_who_may_not_ask_is_told_once_and_asks_nothing(self):
        self.act_as('reader')
        self.hear.return_value = {}

        page = self.text(cases.INDEX)
        answer = self.client.get(cases.ROWS, {
            'id': builders.INSTANCE}).json()

        assert self.BANNER not in page
        assert 'id="snapshot-panel-role"' in page
        assert 'data-unasked' not in page
        _request, asked = self.hear.call_args.args
        self.assertEqual([], list(asked))
        for row in (page, answer['rows'][builders.INSTANCE]):
            assert 'Not asked' in row
            assert 'Not ready' not in row
            assert 'data-again' not in row

    def test_a_service_that_refuses_is_told_of_once(self):
        self.hear.return_value = {
            builders.INSTANCE: errors.Forbidden('Nova', 'policy')}

        answer = self.client.get(cases.ROWS, {
            'id': builders.INSTANCE}).json()

        assert answer['refused']
        row = answer['rows'][builders.INSTANCE]
        assert 'Not asked' in row
        assert 'could not be asked' not in row
        assert 'data-unasked' not in row

    def test_how_a_stopped_guest_went_down_anybody_may_ask(self):
        self.act_as('reader')
        self.show(builders.instance(status='SHUTOFF'))

        assert 'data-unasked' in self.text(cases.INDEX)


@override_settings(SNAPSHOT_PANEL={
    'ephemeral_backend': 'rdb', '<b>': 1, 'poll_interval': -1})
class WrongSettingsTest(cases.PanelTestCase):

    def test_an_administrator_reads_what_is_wrong(self):
        self.act_as('admin')

        text = self.text(cases.INDEX)

        for part in ("'ephemeral_backend' is 'rdb' and", "'<b>' is no setting",
                     "'poll_interval' is -1 and"):
            self.assertIn(html.escape(part), text)

    def test_nobody_else_does(self):
        self.act_as('member')

        text = self.text(cases.INDEX)

        self.assertNotIn('SNAPSHOT_PANEL', text)
        self.assertNotIn('rdb', text)

    def test_the_page_polls_as_by_default(self):
        self.assertIn('data-interval="2"', self.text(cases.INDEX))

    def test_the_checklist_says_nothing_of_the_storage(self):
        text = self.text(cases.INSTANCE)

        self.assertIn('checks pass', text)
        self.assertNotIn('rdb', text)


@override_settings(SNAPSHOT_PANEL={'poll_interval': 3})
class RightSettingsTest(cases.PanelTestCase):

    def test_nobody_needs_to_know(self):
        self.act_as('admin')

        text = self.text(cases.INDEX)

        self.assertNotIn('SNAPSHOT_PANEL', text)
        self.assertIn('data-interval="3"', text)


class ButtonsTest(cases.PanelTestCase):

    def test_a_reader_sees_no_button(self):
        self.act_as('reader')

        page = self.text(cases.INDEX)

        assert 'data-object-id=' in page
        assert 'instances__take' not in page
        assert cases.SNAPSHOT not in page
        assert 'data-may-settle' not in page

    def test_a_member_sees_the_button_and_settles(self):
        self.act_as('member')

        page = self.text(cases.INDEX)

        assert cases.TAKE % builders.INSTANCE in page
        assert cases.SNAPSHOT in page
        assert 'data-may-settle' in page

    def test_the_deployed_policy_counts_and_not_the_roles_name(self):
        self.deploy(compute={
            'os_compute_api:servers:create_image': 'role:reader'})

        shown = []
        for role in ('reader', 'member', 'admin'):
            self.act_as(role)
            shown.append('instances__take' in self.text(cases.INDEX))

        self.assertEqual([True, False, False], shown)

    def test_a_reader_cannot_press_the_button_that_is_not_there(self):
        self.act_as('reader')

        self.client.post(cases.INDEX, {
            'action': cases.TAKE % builders.INSTANCE})

        assert not self.take.called

    def test_an_instance_that_is_not_ready_has_another_button(self):
        self.show(builders.instance(task_state='rebooting'))

        page = self.text(cases.INDEX)

        assert cases.TAKE % builders.INSTANCE not in page
        assert cases.SNAPSHOT in page

    def test_each_row_leads_to_its_schedule_where_there_can_be_one(self):
        link = cases.SNAPSHOT.replace('/snapshot/', '/schedule/')
        for role in ('reader', 'member'):
            self.act_as(role)

            self.assertIn(link, self.text(cases.INDEX))

        self.show(builders.instance(image_id=None))

        self.assertNotIn(link, self.text(cases.INDEX))


class ClickTest(cases.PanelTestCase):

    def click(self, *instance_ids):
        if len(instance_ids) == 1:
            return self.client.post(cases.INDEX, {
                'action': cases.TAKE % instance_ids[0]})
        return self.client.post(cases.INDEX, {
            'action': 'instances__take', 'object_ids': instance_ids})

    def messages(self, response):
        return [str(message) for message in
                response.wsgi_request._messages._queued_messages]

    def test_a_click_takes_the_snapshot(self):
        response = self.click(builders.INSTANCE)

        self.take.assert_called_once_with(mock.ANY, builders.INSTANCE)
        self.assertRedirectsNoFollow(response, cases.INDEX)
        self.assertEqual(['Snapshot web-1 of web is being taken.'],
                         self.messages(response))

    def test_a_click_that_is_not_ready_opens_what_is_missing(self):
        self.take.return_value = cases.NOT_TAKEN

        response = self.click(builders.INSTANCE)

        self.assertRedirectsNoFollow(response, cases.SNAPSHOT)
        assert 'not ready' in self.messages(response)[0]

    def test_what_could_not_be_written_is_said(self):
        self.take.return_value = cases.attempt(
            taking.Taken(builders.SNAPSHOT, (cases.GLANCE_DOWN,)))

        response = self.click(builders.INSTANCE)

        assert 'could not be written down' in self.messages(response)[1]

    def test_a_note_that_could_not_be_written_makes_no_verdict_worse(self):
        self.take.return_value = cases.attempt(
            taking.Taken(builders.SNAPSHOT, (cases.NOVA_DOWN,)))

        told = self.messages(self.click(builders.INSTANCE))[1]

        assert 'if it vanishes' in told
        assert 'unproven' not in told

    def test_what_is_to_be_known_before_leads_to_the_dialog(self):
        full = checklist.Result(checklist.Finding.QUOTA_METADATA,
                                {'used': 128, 'allowed': 128})
        self.take.return_value = dataclasses.replace(
            cases.NOT_TAKEN, untold=full)

        response = self.click(builders.INSTANCE)

        self.assertRedirectsNoFollow(response, cases.SNAPSHOT)
        told, = self.messages(response)
        assert 'full: 128 of 128 keys' in told
        assert 'not ready' not in told

    def test_a_lock_is_said_at_the_row(self):
        for locked in (True, False):
            self.show(builders.instance(locked=locked))

            self.assertEqual(locked, 'Locked: a lost snapshot is not reported'
                             in self.text(cases.INDEX))

    def test_each_of_several_is_taken_or_told(self):
        self.take.side_effect = [cases.TAKEN, cases.NOT_TAKEN, cases.NOVA_DOWN]

        response = self.click('a', 'b', 'c')

        self.assertRedirectsNoFollow(response, cases.INDEX)
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

        self.assertRedirectsNoFollow(response, cases.INDEX)
        assert 'does not exist' in self.messages(response)[0]

    def test_the_user_comes_back_to_the_same_page(self):
        url = cases.INDEX + '?marker=x'

        response = self.client.post(url, {
            'action': cases.TAKE % builders.INSTANCE})

        self.assertRedirectsNoFollow(response, url)

    def test_an_expired_token_leads_to_the_login(self):
        self.take.side_effect = cases.EXPIRED

        response = self.click(builders.INSTANCE)

        self.assert_login(response)


class BusyTest(cases.PanelTestCase):

    def test_what_nova_is_at_work_on_is_looked_at_again(self):
        for again, state in (
                (True, {'task_state': 'deleting'}),
                # Listed for a moment more, with nothing left to do.
                (True, {'status': 'DELETED'}),
                (False, {})):
            self.show(builders.instance(**state))

            page = self.client.get(cases.INDEX).content.decode()

            self.assertEqual('data-held="true"' in page, again, state)


class WaitTest(cases.PanelTestCase):

    def limited(self, url):
        with mock.patch.object(patience, 'limit', autospec=True) as limit:
            self.client.get(url)
        return limit.called

    def test_a_page_is_bounded_and_what_runs_behind_it_is_not(self):
        self.show(builders.instance())

        for url in (cases.INDEX, cases.INSTANCE, cases.SNAPSHOT):
            self.assertTrue(self.limited(url), url)
        self.assertFalse(self.limited(cases.ROWS))

    def test_who_acts_may_wait_longer(self):
        for act, acts in ((self.client.get, False), (self.client.post, True)):
            with mock.patch.object(patience, 'limit', autospec=True) as limit:
                act(cases.INDEX)

            self.assertEqual(limit.call_args.kwargs, {'acts': acts})
