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

"""Stop, snapshot and start again, as the pages offer and show it."""

import html
import re
from unittest import mock

from django.test.utils import override_settings
from oslo_utils import timeutils
import pytest

from snapshot_panel.cloud import marks
from snapshot_panel.cloud import restarting
from snapshot_panel.consistency import restart
from snapshot_panel.instance import views as instance_views
from snapshot_panel.ui import words
from tests.unit import builders
from tests.unit import cases

NEWS = cases.INSTANCE + 'news/'

pytestmark = pytest.mark.usefixtures('no_image_of_today')


class RestartTest(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        self.begin = self.patch('begin', builders.instance(), restarting)
        console = builders.started()
        console.say('stopped')
        self.ask.return_value = cases.guest(console)

    def plan(self, step, status='SHUTOFF', **changes):
        made = builders.plan(step, **changes)
        self.show(builders.instance(status=status,
                                    metadata=made.metadata()))

    def test_it_is_offered_where_it_is_possible(self):
        for status, task, offered in (
                ('ACTIVE', None, True), ('ACTIVE', 'rebooting', False),
                ('PAUSED', None, False), ('SHUTOFF', None, False)):
            self.show(builders.instance(status=status, task_state=task))

            self.assertEqual(offered,
                             cases.RESTART in self.text(cases.SNAPSHOT))
            self.assertEqual(offered, 'type="submit" value="Stop' in
                             self.text(cases.RESTART))

    def test_a_ready_instance_is_not_stopped(self):
        self.ask.return_value = cases.guest()

        assert cases.RESTART not in self.text(cases.SNAPSHOT)

    def test_the_downtime_is_said_before(self):
        page = self.text(cases.RESTART)

        for word in ('Down for some minutes', 'or the snapshot is unproven',
                     'file-system consistent at best',
                     'openstack server stop', 'openstack server start'):
            assert word in page
        with override_settings(SNAPSHOT_PANEL={'shutdown_timeout': 61}):
            assert 'after 61 seconds' in ' '.join(
                self.text(cases.RESTART).split())

    def test_it_is_said_who_carries_on_if_the_panel_is_closed(self):
        self.plan(restart.Phase.STOPPING, 'ACTIVE')
        page = self.text(cases.INSTANCE)
        assert 'Leave this page open' in page
        assert 'data-judged' not in page + self.text(cases.INDEX)
        self.show(builders.instance())
        assert 'Leave this panel open' in self.text(cases.RESTART)

        self.patch('visits', marks.Visits((timeutils.utcnow(True),)), marks)

        page = self.text(cases.RESTART)
        assert 'Leave this panel open' not in page
        assert 'judge then carries on' in page
        self.plan(restart.Phase.STOPPING, 'ACTIVE')
        for url in (cases.INDEX, cases.INSTANCE):
            page = self.text(url)
            assert 'data-judged="true"' in page
            assert 'Leave this page open' not in page

    def test_what_is_stopped_is_marked_as_long_as_it_is(self):
        for step, marked in ((restart.Phase.STARTING, True),
                             (restart.Phase.OVER, False)):
            self.plan(step)

            for url in (cases.INDEX, cases.INSTANCE, cases.INSTANCE + 'fix/'):
                assert marked == ('data-restarting="%s"' % cases.INSTANCE
                                  in self.text(url))

    def test_it_begins_with_a_click(self):
        response = self.client.post(cases.RESTART)

        self.begin.assert_called_once_with(mock.ANY, builders.INSTANCE)
        self.assertRedirectsNoFollow(response, cases.INDEX)

    def test_what_the_cloud_refuses_is_said(self):
        for kind in cases.PROBLEMS:
            self.begin.side_effect = kind('Nova', 'secret reason')

            response = self.client.post(cases.RESTART)

            self.assertFormErrors(response, 1)
            self.assertNotContains(response, 'secret reason')

    def test_an_expired_token_leads_to_the_login(self):
        self.begin.side_effect = cases.EXPIRED

        self.assert_login(self.client.post(cases.RESTART))

    def test_a_reader_stops_nothing(self):
        self.act_as('reader')

        for url in (cases.RESTART, cases.DEED):
            self.assertEqual(403, self.client.post(
                url, {'choice': 'start'}).status_code)
        assert not self.begin.called

    def test_every_step_is_shown_on_both_pages(self):
        for step in restart.Phase:
            if step is not restart.Phase.OVER:
                self.plan(step)

                for url in (cases.INDEX, cases.INSTANCE):
                    self.assertContains(self.client.get(url),
                                        words.RESTART_STEPS[step][1])
                    self.assertContains(self.client.get(url),
                                        'data-unsettled="true"')

    def hold(self, **changes):
        made = builders.plan(restart.Phase.TAKING)
        self.show(builders.instance(metadata=made.metadata(), **changes))

    def test_what_waits_for_a_lock_is_looked_at_again(self):
        for changes, words_of_it in (
                ({'status': 'SHUTOFF', 'locked': True}, 'is locked'),
                ({'status': 'RESCUE'}, 'the status of the instance')):
            self.hold(**changes)

            for url in (cases.INDEX, cases.INSTANCE):
                page = self.text(url)
                assert 'data-held="true"' in page
                assert 'data-unsettled' not in page
                assert words_of_it in page
                assert 'carries on by itself' in page
            assert self.client.get(NEWS).json()['held']

    def test_once_it_is_unlocked_it_is_carried_on(self):
        self.hold(status='SHUTOFF')

        answer = self.client.get(NEWS).json()

        assert answer['unsettled']
        assert not answer['held']
        for url in (cases.INDEX, cases.INSTANCE):
            self.assertNotContains(self.client.get(url), 'data-held')

    def test_every_end_is_shown_with_what_can_be_done(self):
        for cause in restart.Cause:
            for status, choices in (('SHUTOFF', {'start', 'dismiss'}),
                                    ('ERROR', {'dismiss'})):
                self.plan(restart.Phase.OVER, status, cause=cause.value)

                page = html.unescape(self.text(cases.INSTANCE))

                assert str(words.RESTART_CAUSES.get(
                    cause, words.RESTART_BROKEN)) in page
                self.assertEqual(choices, set(re.findall(
                    'name="choice" value="([a-z]+)"', page)))
                self.assertEqual(status == 'SHUTOFF',
                                 'The instance is shut off.' in page)

    def test_who_may_not_start_sees_no_button(self):
        self.plan(restart.Phase.OVER, cause='start-failed')
        self.act_as('reader')

        assert 'name="choice"' not in self.text(cases.INSTANCE)
        assert 'could not be started again' in self.text(cases.INDEX)

    def test_every_button_does_what_it_says(self):
        for choice, name in (('cancel', 'cancel'), ('leave', 'leave'),
                             ('start', 'start'), ('dismiss', 'leave')):
            made = mock.create_autospec(getattr(restarting, name))
            with mock.patch.dict(instance_views.PlanView.choices,
                                 {choice: (made, 'done')}):
                response = self.client.post(cases.DEED, {'choice': choice})

            made.assert_called_once_with(mock.ANY, builders.INSTANCE)
            self.assertRedirectsNoFollow(response, cases.INSTANCE)
        self.assertEqual(set(words.RESTART_CHOICES),
                         set(instance_views.PlanView.choices))

    def test_a_button_that_is_none_is_refused(self):
        for choice in ('', 'destroy'):
            self.assertEqual(400, self.client.post(
                cases.DEED, {'choice': choice}).status_code)

    def test_a_start_that_is_refused_is_said(self):
        with mock.patch.dict(instance_views.PlanView.choices, {'start': (
                mock.Mock(side_effect=cases.NOVA_DOWN), 'done')}):
            response = self.client.post(cases.DEED, {'choice': 'start'},
                                        follow=True)

        self.assertContains(response, 'Nova: The service does not answer')
