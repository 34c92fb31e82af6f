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

"""The dialog: what it offers, shows before, passes on and refuses."""

import html
import json
import re
from unittest import mock

import pytest

from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import taking
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel import forms as panel_forms
from tests import forms
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')


def stopped():
    """Return the console of a guest whose agent is stopped."""
    console = builders.started()
    console.say('stopped')
    return console


class FormTest(cases.PanelTestCase):

    def submit(self, **changes):
        return self.client.post(cases.SNAPSHOT, {
            'name': 'mine', 'promise': 'filesystem-consistent',
            'strict': 'on', **changes})

    def test_a_ready_instance_is_offered_a_consistent_snapshot(self):
        page = self.text(cases.SNAPSHOT)

        assert 'Expected verdict:' in page
        assert 'File-system consistent' in page
        assert 'value="Take consistent snapshot"' in page
        assert 'value="filesystem-consistent"' in page

    def test_a_dialog_brings_what_it_needs_and_a_page_has_it_once(self):
        for url in (cases.SNAPSHOT, cases.RESTART):
            dialog, page = (self.client.get(url, **headers).content.decode()
                            for headers in (
                {'HTTP_X_REQUESTED_WITH': 'XMLHttpRequest'}, {}))

            # On Horizon's own page of instances nothing of ours is there.
            for name in ('keeping.js', 'dialogs.js', 'panel.css'):
                assert dialog.count('snapshot_panel/' + name) == 1, url
            assert 'dialogs.js' not in page
            assert page.count('snapshot_panel/panel.css') == 1, url

    def test_what_is_kept_belongs_to_one_user_and_one_instance(self):
        fresh = self.text(cases.SNAPSHOT)
        sent = self.submit(name='').content.decode()

        # It is put back where nothing else is shown, and once.
        whose = 'data-typed="%s %s"' % (self.user.id, builders.INSTANCE)
        for page, is_fresh in ((fresh, True), (sent, False)):
            assert page.count('snapshot_panel/keeping.js') == 1
            assert whose in page
            assert ('data-fresh' in page) is is_fresh

    def test_it_leads_back_to_the_page_that_it_was_opened_on(self):
        for query, page in (('', cases.INDEX), ('?from=instance',
                                                cases.INSTANCE),
                            ('?from=//evil.example', cases.INDEX)):
            for url, data in ((cases.SNAPSHOT, {
                    'name': 'mine', 'promise': 'filesystem-consistent',
                    'strict': 'on'}), (cases.RESTART, {})):
                with mock.patch.object(restarting, 'begin', autospec=True,
                                       return_value=builders.instance()):
                    response = self.client.post(url + query, data)

                self.assertRedirectsNoFollow(response, page)
                form = self.text(url + query)
                assert 'href="%s" class="btn btn-default cancel"' % page in (
                    form), query
                wanted = url + (query if page == cases.INSTANCE else '')
                assert 'action="%s"' % wanted in form

    def test_the_way_to_a_stop_keeps_the_page(self):
        self.ask.return_value = cases.guest(stopped())

        page = self.text(cases.SNAPSHOT + '?from=instance')

        assert 'href="%s?from=instance"' % cases.RESTART in page

    def test_what_is_left_out_is_told_before(self):
        self.show(builders.instance(volume_ids=('volume',)))

        with mock.patch.object(volumes, 'of_instance', autospec=True,
                               return_value=(builders.volume(),)):
            page = self.text(cases.SNAPSHOT)

        assert 'Nothing stands in the way.' in page
        assert 'Not in the snapshot: web-0 (1 GiB, /dev/vda)' in page
        assert 'value="Take consistent snapshot"' in page

    def test_without_cinder_the_rest_stands(self):
        self.show(builders.instance(volume_ids=('volume',)))
        problem = errors.Unavailable('Cinder', 'down')

        with mock.patch.object(volumes, 'of_instance', autospec=True,
                               return_value=problem):
            page = self.text(cases.SNAPSHOT)

        assert 'block storage service did not give their names' in page
        assert 'value="Take consistent snapshot"' in page

    def test_what_is_missing_is_shown_with_its_remedy(self):
        self.ask.return_value = cases.guest(builders.Console())

        page = self.text(cases.SNAPSHOT)

        assert 'the disk itself will tell afterwards' in page
        assert 'Nobody has read a disk of this instance yet' in page
        assert 'value="Take consistent snapshot"' in page

    def test_a_busy_instance_is_offered_nothing(self):
        self.show(builders.instance(task_state='image_uploading'))

        page = self.text(cases.SNAPSHOT)

        assert 'No snapshot can be taken now.' in page
        assert 'type="submit" value=' not in page

    def test_the_form_is_a_part_of_a_page_for_the_modal(self):
        response = self.client.get(
            cases.SNAPSHOT, HTTP_X_REQUESTED_WITH='XMLHttpRequest')

        self.assertTemplateUsed(response,
                                'consistent_snapshots/_snapshot.html')
        self.assertTemplateNotUsed(response, 'base.html')
        self.assertContains(response, 'class="modal')
        self.assertContains(response, 'action="%s"' % cases.SNAPSHOT)

    def test_the_form_is_a_page_of_its_own_without_the_script(self):
        response = self.client.get(cases.SNAPSHOT)

        self.assertTemplateUsed(response, 'base.html')
        self.assertTemplateUsed(response,
                                'consistent_snapshots/_snapshot.html')

    def test_without_glance_the_form_is_shown(self):
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)

        self.assertContains(self.client.get(cases.SNAPSHOT),
                            'Expected verdict:')

    def test_the_snapshot_is_taken_as_it_was_promised(self):
        for promise in ('filesystem-consistent', 'unproven',
                        'crash-consistent'):
            response = self.submit(promise=promise)

            self.assertRedirectsNoFollow(response, cases.INDEX)
            self.take.assert_called_with(
                mock.ANY, builders.INSTANCE, 'mine',
                accept=verdict.Verdict(promise), extra={}, keep=None,
                shown={}, told=True)

    def test_what_cannot_be_is_refused(self):
        for changes in ({'name': ''}, {'name': '  '}, {'name': 'x' * 256},
                        {'promise': ''}, {'promise': 'perfect'},
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
        for console, offered in ((None, True), (stopped(), False)):
            self.ask.return_value = cases.guest(console)

            self.assertEqual(offered,
                             'name="strict"' in self.text(cases.SNAPSHOT))

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

    def test_a_name_that_the_services_refuse_is_not_sent(self):
        for name in ('a\U00020bb7', 'a\x1bb'):
            response = self.submit(name=name)

            self.assertFormErrors(response, 1)

        assert not self.take.called

    def test_what_is_far_too_long_is_not_even_read(self):
        for text in ('a=1\n' * 20000, '\n' * 60000, 'a' * 64000):
            response = self.submit(properties=text)

            self.assertFormErrors(response, 1)
            self.assertNotContains(response, 'Line 2')

        assert not self.take.called

    def older(self, *rules):
        """Let there be sealed snapshots, newest first; return their ids."""
        images = [builders.aged(age, rule)
                  for age, rule in enumerate(rules, 1)]
        self.show(builders.instance(), *images)
        return [image.id for image in images]

    def test_what_goes_is_shown_before(self):
        self.older(verdict.Rule.FREEZE_WITNESSED, verdict.Rule.SILENT)

        page = html.unescape(self.text(cases.SNAPSHOT))

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
        shown = forms.Form(self.text(cases.SNAPSHOT)).data['shown']

        for keep, gone in (('', []), ('1', ids), ('2', ids[1:]), ('3', [])):
            self.submit(keep=keep, shown=shown)

            named = self.take.call_args.kwargs
            self.assertEqual((int(keep) if keep else None, gone),
                             (named['keep'], list(named['shown'])))

    def test_what_somebody_needs_is_said_to_stay(self):
        ids = self.older(verdict.Rule.FREEZE_WITNESSED, verdict.Rule.SILENT)
        self.outlook.return_value = dependents.Outlook({
            ids[0]: errors.InUse('Nova', errors.RUN_FROM, ('heir',))})

        page = html.unescape(self.text(cases.SNAPSHOT))

        self.assertEqual(1, page.count('instances run from it (heir)'))
        assert 'last 1 proven consistent, the new one counted: 1 older' in page
        commands = re.findall('openstack image delete[^<]*', page)
        self.assertEqual({'openstack image delete ' + ids[1]}, set(commands))
        self.assertEqual(ids, [image.id for image
                               in self.outlook.call_args.args[2]])
        # Whoever needs it may need it no more by then.
        self.assertEqual(ids, [each[0] for each in json.loads(
            forms.Form(self.text(cases.SNAPSHOT)).data['shown'])])

    def test_where_all_is_needed_there_is_no_command(self):
        ids = self.older(verdict.Rule.SILENT)
        self.outlook.return_value = dependents.Outlook({
            ids[0]: errors.InUse('Glance', errors.MEMBERS)})

        page = self.text(cases.SNAPSHOT)

        assert '0 older snapshots go' in page
        assert 'shared with other projects' in page
        assert 'openstack image delete' not in page

    def test_what_is_protected_is_said_to_stay(self):
        rule = verdict.Rule.FREEZE_WITNESSED
        self.show(builders.instance(), builders.aged(1, rule),
                  builders.aged(2, rule, protected=True))

        page = self.text(cases.SNAPSHOT)

        self.assertEqual(1, page.count('It stays: it is protected.'))
        shown = json.loads(forms.Form(page).data['shown'])
        self.assertEqual(1, len(shown))

    def test_a_service_that_does_not_say_who_needs_what_is_named(self):
        self.older(verdict.Rule.SILENT)
        for outlook in (dependents.Outlook(problems=(cases.NOVA_DOWN,) * 3),
                        dependents.Outlook(cut=True)):
            self.outlook.return_value = outlook

            page = self.text(cases.SNAPSHOT)

            assert 'Not everything could be checked' in page
            self.assertEqual(bool(outlook.problems),
                             page.count('Nova: The service does not') == 1)

    def test_where_nothing_may_go_nobody_is_asked(self):
        self.text(cases.SNAPSHOT)

        assert not self.outlook.called

    def test_what_will_go_is_said(self):
        shown = json.dumps([[builders.BASE_IMAGE, 1, 'web-0']])

        response = self.submit(keep='1', shown=shown)

        said = [str(message) for message in
                response.wsgi_request._messages._queued_messages]
        assert 'Once it is proven consistent, 1 older' in said[1]

    def test_a_forged_list_names_nothing(self):
        for shown in ('x', '[', '7', '[7]', '[[1]]', '{"a": 1}',
                      '[["x", "y"]]', '[' * 5000):
            self.submit(keep='1', shown=shown)

            self.assertEqual({}, self.take.call_args.kwargs['shown'])

    def test_other_snapshots_than_those_shown_are_shown_anew(self):
        ids = self.older(verdict.Rule.FREEZE_WITNESSED)
        self.take.return_value = taking.Attempt(
            builders.instance(), cases.TAKEN.checklist, 'web-1', moved=True)

        response = self.submit(keep='1', shown='[]')

        self.assertContains(response, 'the snapshots that would go are not')
        data = forms.Form(response.content.decode()).data
        self.assertEqual([[ids[0], 1, '1']], json.loads(data['shown']))

    def test_a_bad_number_to_keep_is_refused(self):
        for keep in ('0', '-1', 'x', '1.5'):
            self.submit(keep=keep)

        assert not self.take.called

    def test_why_nothing_can_go_is_said(self):
        self.assertContains(self.client.get(cases.SNAPSHOT),
                            'No older snapshot')
        self.older(verdict.Rule.FREEZE_WITNESSED)
        with mock.patch.object(panel_forms, 'may_replace', autospec=True,
                               return_value=False):
            self.assertContains(self.client.get(cases.SNAPSHOT),
                                'may not delete images')
            self.submit(keep='1')
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)
        self.assertContains(self.client.get(cases.SNAPSHOT), 'all are kept')

        assert not self.take.called

    def test_what_becomes_of_older_ones_is_said_with_the_snapshot(self):
        for image, word in (
                (builders.sealed(), 'It replaced 1 older snapshot'),
                (builders.sealed(verdict.Rule.SILENT), 'nothing was deleted')):
            image.properties.update({records.REPLACES: builders.BASE_IMAGE,
                                     records.REPLACED: 'done'})
            self.show(builders.instance(), image)

            for url in (cases.INDEX, cases.INSTANCE):
                self.assertContains(self.client.get(url), word)

    def test_what_is_still_to_go_is_carried_on(self):
        self.show(builders.instance(), builders.sealed(properties={
            records.REPLACES: builders.BASE_IMAGE}))

        self.assertContains(self.client.get(cases.INDEX),
                            'data-unsettled="true"')
        self.assertContains(self.client.get(cases.INDEX), 'is being deleted')

    def test_the_longest_name_is_taken(self):
        self.submit(name='日' * 255)

        self.assertEqual('日' * 255, self.take.call_args.args[2])

    def test_an_instance_that_changed_meanwhile_is_not_taken(self):
        self.take.return_value = taking.Attempt(
            builders.instance(), checklist.check(
                builders.instance(), cases.guest(stopped()),
                facts.Deployment()), 'web-1')
        self.ask.return_value = cases.guest(stopped())

        response = self.submit()

        self.assertContains(response, 'not as it was')
        self.assertContains(response, 'missing now: Guest agent.')
        # What it offers now is what can be had now.
        self.assertContains(response,
                            'value="Take it anyway: crash-consistent"')
        self.assertContains(response, 'value="crash-consistent"')

    def test_what_the_cloud_refuses_is_said_in_the_form(self):
        for kind in cases.PROBLEMS:
            self.take.side_effect = kind('Nova', 'secret reason')

            response = self.submit()

            self.assertFormErrors(response, 1)
            self.assertNotContains(response, 'secret reason')

    def test_an_expired_token_leads_to_the_login(self):
        self.take.side_effect = cases.EXPIRED

        response = self.submit()

        self.assert_login(response)

    def test_a_reader_is_not_shown_the_form(self):
        self.act_as('reader')

        self.assertEqual(403, self.client.get(cases.SNAPSHOT).status_code)
        self.assertEqual(403, self.submit().status_code)
        assert not self.take.called
