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

"""The page of an instance: what it shows, and what its script is told."""

import html
import json
import re
from unittest import mock

from django.test.utils import override_settings
from django.urls import reverse
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import mistral
from snapshot_panel.cloud import scheduling
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.instance import engine
from snapshot_panel.instance import texts
from snapshot_panel.instance import views
from tests import forms
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')

INSTANCE, NEWS = (
    reverse('horizon:project:consistent_snapshots:' + name,
            args=[builders.INSTANCE]) for name in ('instance', 'news'))
RESTORE = reverse('horizon:project:consistent_snapshots:restore',
                  args=[builders.INSTANCE, builders.SNAPSHOT])
COMPARE = reverse('horizon:project:consistent_snapshots:compare',
                  args=[builders.INSTANCE])
FROZEN = {'frozen': {'/': 0.06}, 'boot': '3f2a91c0', 'seq': 12,
          'hooks': {'20-postgresql': True, '30-app': False}}


def uuids(number):
    return '22222222-bbbb-4bbb-8bbb-%012d' % number


class InstanceTestCase(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        self.delete = self.patch('delete', None)

    def hears(self, console):
        self.hear.return_value = {builders.INSTANCE: guests.Heard(
            cases.guest(console), builders.NOW)}

    def press(self, action, image_id=builders.SNAPSHOT, **fields):
        return self.client.post(INSTANCE, {
            'action': 'history__%s__%s' % (action, image_id), **fields})

    def news(self, method='get'):
        response = getattr(self.client, method)(NEWS)
        return json.loads(response.content)


def test_every_step_and_light_has_its_words():
    assert set(texts.STEPS) == set(journey.Step)
    assert set(texts.STEPS_ON_VOLUMES) == set(journey.Step)
    assert set(texts.LIGHTS) == set(journey.Light)


class PageTest(InstanceTestCase):

    def test_the_picture_is_a_list_with_its_states_in_words(self):
        page = self.text(INSTANCE)

        assert page.count('data-step=') == len(journey.Step)
        for word in ('Guest: hooks and freeze', 'Clear',
                     'File-system consistent',
                     'Nothing to check before'):
            assert word in page
        assert 'aria-current="step"' not in page

    def test_the_picture_tells_what_is_copied(self):
        on_volumes = 'The block storage service makes a snapshot of each'

        assert on_volumes not in self.text(INSTANCE)

        self.show(builders.instance(image_id=''))

        assert on_volumes in self.text(INSTANCE)

    def test_the_picture_of_a_running_snapshot_says_where_it_is(self):
        self.show(builders.instance(task_state='image_uploading'),
                  builders.asked(status='saving'))

        page = self.text(INSTANCE)

        assert 'aria-current="step" data-step="upload"' in page
        assert 'data-unsettled="true"' in page

    def test_the_history_shows_verdict_evidence_and_who_asked(self):
        self.show(builders.instance(), builders.sealed(
            verdict.Rule.FREEZE_WITNESSED, FROZEN, name='monday'))

        page = self.text(INSTANCE)

        for word in ('monday', 'File-system consistent', 'by ann',
                     'boot 3f2a91c0, witness 12', 'rule freeze-witnessed'):
            assert word in page

    def test_a_discarded_one_is_shown_with_its_cause_and_can_go(self):
        self.show(builders.remembering(builders.memory(
            gone=builders.NOW, cause='gone-after-hook')))

        page = self.text(INSTANCE)

        assert 'a hook in the guest refused the freeze' in page
        assert 'history__dismiss__' in page
        assert 'history__delete__' not in page
        self.press('dismiss')
        self.dismiss.assert_called_once_with(
            mock.ANY, self.one.return_value[0], builders.SNAPSHOT)

    def test_a_snapshot_can_be_launched_edited_and_deleted(self):
        self.show(builders.instance(), builders.sealed())

        page = self.text(INSTANCE)

        assert 'href="%s"' % RESTORE in page
        assert reverse('horizon:project:consistent_snapshots:image',
                       args=[builders.SNAPSHOT]) in page
        assert 'history__dismiss__' not in page
        response = self.press('delete')
        self.assertRedirectsNoFollow(response, INSTANCE)
        self.delete.assert_called_once_with(
            mock.ANY, builders.INSTANCE, builders.SNAPSHOT, None)

    def test_what_nothing_can_be_launched_from_offers_no_restore(self):
        for snapshot in (
                builders.sealed(verdict.Rule.VOLUMES_FAILED,
                                properties=builders.mapping()),
                # The disk of something else.
                builders.sealed(properties={'image_type': 'x',
                                            'instance_uuid': uuids(1)}),
                builders.sealed(status='deactivated'),
                builders.asked(status='saving')):
            self.show(builders.instance(), snapshot)

            assert RESTORE not in self.text(INSTANCE), snapshot

    def test_deleting_carries_the_name_that_was_shown(self):
        self.show(builders.instance(), builders.sealed(name='a “name”'))

        data = forms.Form(self.text(INSTANCE)).data
        name = 'shown-' + builders.SNAPSHOT
        self.press('delete', **{name: data[name]})

        self.assertEqual('a “name”', self.delete.call_args.args[-1])

    def test_what_is_left_of_one_made_of_volumes_is_told(self):
        self.show(builders.instance(), builders.sealed(
            properties=builders.mapping()))

        page = self.client.get(self.press('delete').url)

        self.assertContains(page, 'The 2 volume snapshots that it was made')

    def test_one_that_is_being_made_is_not_deleted(self):
        self.show(builders.instance(task_state='image_uploading'),
                  builders.asked(status='saving'))

        assert 'history__delete__' not in self.text(INSTANCE)
        self.press('delete')
        assert not self.delete.called

    def test_one_that_is_gone_already_is_told(self):
        page = self.client.get(self.press('delete', 'forged').url)

        self.assertContains(page, 'Glance: It does not exist')
        assert not self.delete.called

    def test_a_refusal_is_told(self):
        self.show(builders.instance(), builders.sealed())
        self.delete.side_effect = errors.Forbidden('Glance', 'secret reason')

        page = self.client.get(self.press('delete').url)

        self.assertContains(page, 'Glance: The service refuses')
        self.assertNotContains(page, 'secret reason')

    def test_a_reader_sees_and_cannot_act(self):
        self.show(builders.instance(), builders.sealed())
        self.act_as('reader')

        page = self.text(INSTANCE)

        assert 'rule clean-stop' in page
        for word in ('history__delete', RESTORE,
                     'data-may-settle', 'Consistent snapshot…'):
            assert word not in page

    def test_the_commands_have_the_real_ids(self):
        self.show(builders.instance(properties=facts.UNKNOWN_PROPERTIES),
                  builders.sealed())

        page = self.text(INSTANCE)

        assert 'openstack image show -f json -c properties %s' % (
            builders.SNAPSHOT) in page
        assert 'openstack console log show %s' % builders.INSTANCE in page
        assert '--property hw_qemu_guest_agent=yes %s' % (
            builders.BASE_IMAGE) in page

    def test_a_guest_that_may_stand_frozen_is_an_alarm(self):
        console = builders.started()
        console.say('freeze', fs=1)
        self.hears(console)

        page = self.text(INSTANCE)

        assert 'The guest may stand frozen.' in page
        assert 'fsfreeze -u /' in page
        answer = self.client.get(cases.ROWS, {'id': builders.INSTANCE})
        assert 'The guest may stand frozen.' in json.loads(
            answer.content)['rows'][builders.INSTANCE]

    def test_what_others_wrote_is_escaped(self):
        evil = cases.EVIL
        self.show(builders.instance(name=evil), builders.sealed(
            verdict.Rule.HOOKS_WITNESSED,
            {'frozen': {evil: evil}, 'hooks': {evil: True}},
            properties={'consistency_requested_by': evil}, name=evil))

        assert '<script>alert' not in self.text(INSTANCE)
        assert '<script>alert' not in self.news()['rows']


class CardTest(InstanceTestCase):

    def card(self, page=None):
        page = page or self.text(INSTANCE)
        return page[page.index('id="snapshot-panel-card"'):
                    page.index('id="snapshot-panel-steps"')]

    def lose_the_channel(self, *images):
        self.show(builders.instance(properties=facts.Properties(
            {}, facts.Source.EMBEDDED)), *images)

    def test_the_answer_comes_before_the_history_and_that_before_the_rest(
            self):
        self.lose_the_channel(builders.sealed())

        page = self.text(INSTANCE)

        places = [page.index('id="%s"' % place) for place in (
            'snapshot-panel-card', 'history', 'snapshot-panel-checks')]
        assert places == sorted(places)

    def test_one_that_is_ready_is_taken_with_one_click(self):
        card = self.card()

        for word in ('Ready', 'File-system consistent', 'With options…',
                     'form="snapshot-panel-take"'):
            assert word in card
        assert card.count('btn-primary') == 1

    def test_one_that_is_not_names_the_one_thing_to_do(self):
        self.lose_the_channel()

        card = self.card()

        for word in ('Not ready', 'The instance has no channel',
                     'Give it the property in one of these ways'):
            assert word in card
        assert 'form="snapshot-panel-take"' not in card
        primary, = [part for part in card.split('<a ') if 'btn-primary' in
                    part]
        assert 'Make ready, step by step' in primary

    def test_what_the_card_says_is_said_once(self):
        self.lose_the_channel()

        page = self.text(INSTANCE)

        assert page.count('data-check="channel"') == 1
        assert page.count('data-check="agent"') == 1

    def test_what_holds_is_folded(self):
        page = self.text(INSTANCE)

        checks = page[page.index('id="snapshot-panel-checks"'):]
        assert checks.index('<details') < checks.index('data-check=')

    def test_one_that_no_snapshot_can_be_taken_of_has_no_button_for_it(self):
        self.show(builders.instance(status='BUILD'))

        assert 'Consistent snapshot' not in self.card()

    def test_while_one_is_made_the_card_says_so_and_the_picture_is_open(
            self):
        self.show(builders.instance(task_state='image_uploading'),
                  builders.asked(status='saving', name='monday'))

        page = self.text(INSTANCE)

        card = self.card(page)
        for word in ('A snapshot is being made', 'monday', 'Uploading'):
            assert word in card
        assert 'btn-primary' not in card
        assert 'id="snapshot-panel-steps" open' in page

    def test_the_picture_is_folded_and_keeps_what_was_measured(self):
        self.show(builders.instance(), builders.sealed(
            verdict.Rule.FREEZE_WITNESSED, {'frozen': {'/': 0.06, '/b': 2}},
            {'consistency_seconds': '18'}))

        page = self.text(INSTANCE)

        assert 'id="snapshot-panel-steps" open' not in page
        for word in ('The last one stood still for 2 s.',
                     'The last one was made in 18 s at most.',
                     'The last one: File-system consistent.'):
            assert word in page

    def test_what_nobody_changed_is_not_shown_again(self):
        self.show(builders.instance(
            metadata=builders.plan().metadata()), builders.sealed())

        one, other = self.news(), self.news()

        assert 'name="choice"' in one['parts']['restart']

        for name, part in one['parts'].items():
            assert part == other['parts'][name], name

    def test_a_moment_has_its_zone_and_can_tick(self):
        self.show(builders.instance(), builders.sealed())

        page = self.text(INSTANCE)

        assert ('<time datetime="2026-11-22T11:59:00+00:00" data-ticks '
                'title="Nov. 22, 2026, 11:59 a.m. UTC">') in page

    def test_what_came_of_the_newest_is_told(self):
        self.show(builders.instance(), builders.sealed(name='monday'))

        self.assertEqual('monday: File-system consistent',
                         self.news()['told'])

        self.show(builders.instance(), builders.asked())

        self.assertEqual('', self.news()['told'])


class TakeTest(InstanceTestCase):

    TAKE = reverse('horizon:project:consistent_snapshots:take',
                   args=[builders.INSTANCE])

    def test_one_click_takes_it_and_stays_on_the_page(self):
        response = self.client.post(self.TAKE)

        self.take.assert_called_once_with(mock.ANY, builders.INSTANCE)
        self.assertRedirectsNoFollow(response, INSTANCE)
        self.assertContains(self.client.get(INSTANCE), 'is being taken')

    def test_one_that_is_not_ready_any_more_is_asked_about(self):
        self.take.return_value = cases.NOT_TAKEN

        self.assertRedirectsNoFollow(
            self.client.post(self.TAKE),
            cases.SNAPSHOT + '?from=instance')

    def test_a_refusal_is_said_on_the_page(self):
        self.take.side_effect = errors.Conflict('Nova', 'busy')

        response = self.client.post(self.TAKE)

        self.assertRedirectsNoFollow(response, INSTANCE)
        self.assertContains(self.client.get(INSTANCE),
                            'Nova: The compute service is busy')

    def test_a_reader_takes_none(self):
        self.act_as('reader')

        response = self.client.post(self.TAKE)

        self.assertEqual(403, response.status_code)
        assert not self.take.called

    def test_whoever_comes_back_from_the_login_finds_the_page(self):
        for url in (self.TAKE, cases.DEED):
            self.assertRedirectsNoFollow(self.client.get(url), INSTANCE)
        assert not self.take.called


class FailureTest(InstanceTestCase):

    def test_without_glance_the_checklist_stands(self):
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)

        page = self.text(INSTANCE)

        assert 'Unknown: the image service did not answer.' in page
        assert 'No items to display' not in page
        assert 'Channel to the guest agent' in page
        assert 'secret reason' not in page

    def test_without_glance_a_discarded_one_is_known_all_the_same(self):
        self.one.return_value = (builders.remembering(builders.memory(
            gone=builders.NOW, cause='gone')), cases.GLANCE_DOWN)

        page = self.text(INSTANCE)

        assert 'Unknown: the image service did not answer.' in page
        assert 'Discarded' in page

    def test_without_the_console_the_rest_stands(self):
        self.show(builders.instance(), builders.sealed(name='monday'))
        self.hear.return_value = {builders.INSTANCE: cases.NOVA_DOWN}

        page = self.text(INSTANCE)

        assert 'The guest could not be asked now.' in page
        assert 'Channel to the guest agent' in page
        assert 'monday' in page

    def test_a_role_that_may_not_ask_is_told_so_and_not_to_ask_again(self):
        self.hear.return_value = {
            builders.INSTANCE: errors.Forbidden('Nova', 'secret')}

        page = self.text(INSTANCE)

        assert 'Your role may not read consoles' in page
        assert 'The guest could not be asked now.' not in page
        assert 'Ask the guest again' not in page

    def test_an_expired_token_leads_to_the_login(self):
        self.one.side_effect = cases.EXPIRED

        self.assert_login(self.client.get(INSTANCE))


class HistoryTest(InstanceTestCase):

    def setUp(self):
        super().setUp()
        self.images = [builders.sealed(id=uuids(number), properties={
            'consistency_image': uuids(number)}, name='made-%d.' % number)
            for number in range(45)]
        self.show(builders.instance(), *self.images)

    def test_hundreds_come_in_pages_with_a_way_to_the_others(self):
        page = self.text(INSTANCE, page='2')

        assert page.count('data-object-id=') == 20
        assert '21 to 40 of 45' in page
        assert 'page=1' in page and 'page=3' in page

    def test_a_filter_finds_a_part_of_the_name(self):
        page = self.text(INSTANCE, name='MADE-4')

        assert page.count('data-object-id=') == 6
        assert 'value="MADE-4"' in page

    def test_the_news_are_of_the_page_that_is_shown(self):
        response = self.client.get(NEWS, {'name': 'made-7.'})

        assert json.loads(response.content)['rows'].count(
            'data-object-id=') == 1

    def test_one_that_moved_to_another_page_is_deleted(self):
        self.press('delete', self.images[44].id)

        self.delete.assert_called_once_with(
            mock.ANY, builders.INSTANCE, self.images[44].id, None)

    def test_each_box_says_what_it_chooses(self):
        assert 'aria-label="Choose made-44."' in self.text(INSTANCE, page='3')

    def test_an_empty_one_says_what_to_do(self):
        self.show(builders.instance())

        page = self.text(INSTANCE)

        assert 'No snapshots yet: take one.' in page
        for action in ('history__delete', 'history__compare',
                       'snapshot-panel-filter-name'):
            assert action not in page
        self.act_as('reader')
        assert 'take one' not in self.text(INSTANCE)

    def test_none_that_fits_the_filter_is_not_called_none(self):
        page = self.text(INSTANCE, name='no such')

        assert 'No snapshot fits the filter.' in page
        assert 'No snapshots yet' not in page
        assert 'snapshot-panel-filter-name' in page

    def test_it_takes_two_to_compare(self):
        self.show(builders.instance(), self.images[0])

        page = self.text(INSTANCE)

        assert 'history__compare' not in page
        assert 'value="history__delete"' in page
        self.show(builders.instance(), *self.images[:2])
        assert 'history__compare' in self.text(INSTANCE)

    def test_nothing_is_deleted_where_all_are_gone_or_being_made(self):
        self.show(builders.remembering(builders.memory(
            gone=builders.NOW, cause='gone')))

        assert 'history__delete' not in self.text(INSTANCE)

    def test_the_news_have_the_buttons_of_the_snapshots_that_there_are(self):
        self.show(builders.instance())
        assert 'history__compare' not in self.news()['actions']

        self.show(builders.instance(), *self.images[:2])

        actions = self.news()['actions']
        assert 'history__compare' in actions and 'history__delete' in actions

    def test_the_limit_is_said(self):
        with override_settings(SNAPSHOT_PANEL={'snapshots_listed': 45}):
            page = self.text(INSTANCE)

        assert 'Only the newest 45 snapshots' in page

    def test_how_long_it_took_is_shown(self):
        self.show(builders.instance(), builders.sealed(
            properties={'consistency_seconds': '18'}))

        assert 'made in 18 s at most' in self.text(INSTANCE)

    def test_the_picture_leads_to_each_proof_and_counts_the_verdicts(self):
        gone = builders.memory(
            image_id=uuids(7), name='lost', gone=builders.NOW, cause='gone',
            at=builders.ago(4 * 86400))
        self.show(builders.remembering(gone), builders.sealed(
            verdict.Rule.FREEZE_WITNESSED, FROZEN, name='monday'))

        page = self.text(INSTANCE)

        picture = page[page.index('id="snapshot-panel-timeline"'):
                       page.index('id="history"')]
        for image_id in (uuids(7), builders.SNAPSHOT):
            assert 'href="%s"' % proof(image_id) in picture
            assert page.count('href="%s"' % proof(image_id)) == 2
        assert 'lost: Discarded' in picture
        assert ('monday: File-system consistent, stood still for 0.06 s, '
                '3 days after the one before') in picture
        assert picture.index('lost') < picture.index('monday')
        assert self.news()['parts']['timeline'].strip() in page

    def test_one_alone_is_no_picture(self):
        self.show(builders.instance(), builders.sealed())

        self.assertEqual('', self.news()['parts']['timeline'].strip())


def proof(image_id=builders.SNAPSHOT):
    return reverse('horizon:project:consistent_snapshots:proof',
                   args=[builders.INSTANCE, image_id])


class ProofTest(InstanceTestCase):

    def setUp(self):
        super().setUp()
        self.chosen = self.patch('chosen', None)

    def prove(self, instance, *images):
        self.chosen.return_value = (instance, list(images))
        return self.client.get(proof())

    def test_all_that_is_known_is_said_in_its_order(self):
        page = self.prove(builders.instance(), builders.sealed(
            verdict.Rule.FREEZE_WITNESSED,
            {**FROZEN, 'disk': builders.reading().report},
            {'consistency_seconds': '18'}, name='monday'))

        text = page.content.decode()
        for word in ('Proof: monday', 'by ann, with this panel',
                     'hook 30-app failed', '/ stood still for 0.06 s',
                     'The guest went on after 0.06 s at most.',
                     'nothing was waiting in its journal',
                     'rule freeze-witnessed', 'Nov. 22, 2026, 11:59:00 UTC',
                     'Nov. 22, 2026, 11:59:18 UTC',
                     'openstack image show -f json -c properties '):
            assert word in text, word
        reason = page.context['entry'].line.reason
        assert text.count(html.escape(reason)) == 1, reason
        parts = re.findall('data-part="([a-z]+)"', text)
        self.assertEqual(['asked', 'hooks', 'freeze', 'thaw', 'upload',
                          'disk', 'verdict'], parts)

    def test_a_discarded_one_has_a_proof_too(self):
        page = self.prove(builders.remembering(builders.memory(
            gone=builders.NOW, cause='gone-after-hook')), None)

        for word in ('by ann, with this panel', 'The image is gone.',
                     'Nov. 22, 2026, 12:00:00 UTC', 'journalctl --since',
                     'The guest says otherwise'):
            self.assertContains(page, word)
        self.assertNotContains(page, 'openstack image show')

    def test_what_nobody_told_of_is_said_and_not_left_out(self):
        page = self.prove(builders.instance(), builders.image())

        self.assertContains(page, 'Not reported', 4)
        self.assertContains(page, 'Not with this panel')
        self.assertContains(page, 'Not written on the image yet.')

    def test_of_another_instance_nothing_is_said(self):
        response = self.prove(builders.instance(), None)

        self.assertRedirectsNoFollow(response, INSTANCE)
        self.assertContains(self.client.get(INSTANCE),
                            'Nothing is known of this snapshot')

    def test_what_others_wrote_is_escaped(self):
        evil = cases.EVIL
        for value in (evil, {evil: evil}, [evil], 7, None):
            page = self.prove(builders.instance(name=evil), builders.sealed(
                verdict.Rule.HOOKS_WITNESSED,
                dict.fromkeys(('frozen', 'hooks', 'hook', 'open', 'volumes',
                               'disk', 'left_out', 'contradicts', 'boot',
                               'seq'), value),
                {'consistency_requested_by': evil,
                 'consistency_state': evil,
                 'consistency_seconds': '999999999'}, name=evil))

            self.assertContains(page, cases.ESCAPED)
            self.assertNotContains(page, '<script>alert')


class CompareTest(InstanceTestCase):

    def setUp(self):
        super().setUp()
        self.ids = [uuids(1), uuids(2)]
        self.images = [
            builders.sealed(rule, id=image_id, name=name, created=created,
                            properties={'consistency_image': image_id,
                                        'os_distro': name})
            for image_id, name, created, rule in zip(
                self.ids, ('monday', cases.EVIL),
                (builders.ago(60), builders.ago(600)),
                (verdict.Rule.CLEAN_STOP, verdict.Rule.SILENT))]
        self.chosen = self.patch('chosen', (builders.instance(),
                                            self.images))

    def go_back(self, ids, text):
        response = self.client.get(COMPARE, {'snapshot': ids})

        self.assertRedirectsNoFollow(response, INSTANCE)
        self.assertContains(self.client.get(response.url), text)

    def test_two_stand_side_by_side_the_older_first(self):
        page = self.text(COMPARE, snapshot=self.ids)

        for word in ('monday', 'File-system consistent', 'Unproven',
                     'os_distro', 'the same'):
            assert word in page
        assert page.index(cases.ESCAPED) < page.index('monday')
        assert '<script>alert' not in page

    def test_the_button_leads_there(self):
        response = self.client.post(INSTANCE, {
            'action': 'history__compare', 'object_ids': self.ids})

        self.assertRedirectsNoFollow(
            response, COMPARE + '?snapshot=%s&snapshot=%s' % tuple(self.ids))

    def test_it_takes_two(self):
        for ids, text in (([], '0 were chosen'),
                          (self.ids[:1], '1 was chosen'),
                          (self.ids[:1] * 2, '1 was chosen'),
                          (self.ids + [uuids(3)], '3 were chosen')):
            self.go_back(ids, text)
        assert not self.chosen.called

    def test_one_deleted_meanwhile_is_said(self):
        self.chosen.return_value = (builders.instance(),
                                    [self.images[0], None])

        self.go_back(self.ids, 'cannot be compared')

    def test_without_glance_it_is_said(self):
        self.chosen.side_effect = cases.GLANCE_DOWN

        response = self.client.get(COMPARE, {'snapshot': self.ids})

        self.assertContains(response, 'does not answer', status_code=503)


class NewsTest(InstanceTestCase):

    def test_looking_settles_nothing(self):
        self.show(builders.instance(), builders.asked())

        answer = self.news()

        assert not self.settle.called
        assert answer['unsettled']
        self.assertEqual(['Verdict'], answer['now'])
        self.assertEqual({'restart', 'alarm', 'card', 'journey', 'checks',
                          'judging', 'timeline'}, set(answer['parts']))
        assert answer['rows'].strip().startswith('<tr')

    def test_a_post_settles_what_is_not_settled(self):
        pending, instance = builders.asked(), builders.instance()
        self.show(instance, pending)
        self.settle.side_effect = None
        self.settle.return_value = (instance, [builders.sealed()])

        answer = self.news('post')

        self.settle.assert_called_once_with(mock.ANY, instance, [pending], [])
        assert not answer['unsettled']
        self.assertEqual([], answer['now'])
        self.assertEqual(1, self.one.call_count)

    def test_the_disks_in_view_are_read_and_all_on_demand(self):
        images = [builders.image(id='%08d-aaaa-4aaa-8aaa-%012d' % (n, n),
                                 name='web-%d' % n,
                                 created=builders.ago(60 + n))
                  for n in range(30)]
        ids = [image.id for image in images]
        self.show(builders.instance(), *images)

        with override_settings(API_RESULT_PAGE_SIZE=2):
            answer = self.news('post')
            shown = self.settle.call_args.args[3]
            self.client.post(NEWS, {'all': '1'})
            asked = self.settle.call_args.args[3]

        self.assertEqual(ids[:2], shown)
        self.assertEqual(ids[:4], asked)
        self.assertEqual(30, answer['unread'])
        assert '30 snapshots are not judged yet' in answer[
            'parts']['judging']

    def test_without_anything_to_settle_one_look_is_enough(self):
        self.news('post')

        self.assertEqual(1, self.one.call_count)
        assert not self.settle.called

    def test_settling_that_fails_is_said_beside_the_parts(self):
        self.show(builders.instance(), builders.asked())
        self.settle.side_effect = cases.GLANCE_DOWN

        answer = self.news('post')

        assert answer['problem'].startswith('Glance: The service does not')
        assert answer['parts']

    def test_without_glance_the_history_stays_as_it_is(self):
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)

        answer = self.news('post')

        assert answer['rows'] is None
        assert answer['problem'].startswith('Glance')
        assert not self.settle.called

    def test_without_nova_it_is_said(self):
        self.one.side_effect = cases.NOVA_DOWN

        response = self.client.get(NEWS)

        self.assertEqual(503, response.status_code)
        assert 'secret reason' not in response.content.decode()

    def test_an_expired_token_leads_to_the_login(self):
        self.one.side_effect = cases.EXPIRED

        self.assert_login(self.client.get(NEWS))


SCHEDULE = reverse('horizon:project:consistent_snapshots:schedule',
                   args=[builders.INSTANCE])


class ScheduleTest(InstanceTestCase):

    def at(self, **changes):
        self.one.return_value = (builders.instance(**changes), [])

    def test_the_commands_to_copy_are_there_at_once(self):
        self.at()

        page = self.text(SCHEDULE)

        assert 'consistency_schedule=daily 3 7 ' in page
        assert '0 3 * * * sh' in page
        assert 'OnCalendar=*-*-* 03:00:00' in page
        assert 'End the schedule' not in page

    def test_the_choice_is_in_the_commands(self):
        self.at()

        page = self.text(SCHEDULE + '?period=weekly&hour=22&keep=4')

        assert 'consistency_schedule=weekly 22 4 ' in page
        assert '0 22 * * 0 sh' in page

    def test_a_choice_without_sense_gives_no_commands(self):
        self.at()

        page = self.text(SCHEDULE + '?period=hourly&hour=24&keep=0')

        assert 'crontab' not in page
        assert 'less than or equal to 23' in page

    def test_the_schedule_that_there_is_is_told(self):
        self.at(metadata={schedules.KEY: 'daily 5 2 2026-11-22T11:00:00Z'})

        page = self.text(SCHEDULE)

        assert 'Daily at 05:00; the last 2 proven consistent are kept.' in page
        assert 'openstack server unset --property consistency_schedule' in page
        assert 'consistency_schedule=daily 5 2 ' in page

    def test_overdue_is_what_has_no_proof_and_not_what_nobody_knows(self):
        instance = builders.instance(metadata={
            schedules.KEY: 'daily 5 2 2026-01-01T00:00:00Z'})
        for images, overdue in (
                ([], True), (errors.Unavailable('Glance', 'x'), False)):
            self.one.return_value = (instance, images)

            assert ('Overdue' in self.text(SCHEDULE)) == overdue

    def test_what_is_on_volumes_gets_no_promise(self):
        self.at(image_id=None)

        page = self.text(SCHEDULE)

        assert 'crontab' not in page
        assert 'is on volumes' in page

    def test_the_page_of_the_instance_leads_there(self):
        assert SCHEDULE in self.text(INSTANCE)

    def test_the_fields_are_a_column_and_the_rule_is_beside_them(self):
        self.at()

        assert_two_columns(self.text(SCHEDULE))


def assert_two_columns(page):
    """Assert that a schedule's form has no other width than its column.

    In one line, each field would be as wide as its help.
    """
    assert re.search(
        r'<div class="row">\s*<form [^>]*class="col-sm-6">(?:(?!</form>).)*'
        r'name="keep"(?:(?!</form>).)*</form>\s*<div class="col-sm-6">'
        r'(?:(?!</div>).)*never the last proven one', page, re.DOTALL)


NIGHTLY = 'daily 2 7 2026-11-22T11:00:00Z'
RUNNING = scheduling.Engine(mistral.Trigger('0 2 * * *', builders.NOW), None)


class EngineTest(InstanceTestCase):
    """The page of a schedule where the catalog has Mistral."""

    def setUp(self):
        super().setUp()
        self.patch('offered', True, scheduling)
        self.look = self.patch('look', scheduling.Engine(None, None),
                               scheduling)
        self.begin, self.pause, self.end = (
            self.patch(name, None, scheduling)
            for name in ('begin', 'pause', 'end'))
        self.at()

    def at(self, value=None, images=(), **changes):
        if value:
            changes['metadata'] = {schedules.KEY: value}
        self.one.return_value = (builders.instance(**changes), list(images))

    def send(self, choice, **fields):
        return self.client.post(SCHEDULE, {'choice': choice, **fields})

    def said(self, response):
        return [str(each) for each in
                response.wsgi_request._messages._queued_messages]

    def test_it_is_offered_and_the_commands_are_behind_a_link(self):
        page = self.text(SCHEDULE)

        assert 'value="begin"' in page and 'crontab' not in page
        assert 'never the last proven one' in page
        assert 'value="pause"' not in page and 'value="end"' not in page
        assert 'crontab' in self.text(SCHEDULE + '?commands=1')
        chosen = self.text(SCHEDULE + '?commands=1&period=daily&hour=5&keep=3')
        assert '0 5 * * * sh' in chosen
        assert 'name="commands"' in chosen

    def test_the_fields_are_a_column_and_the_rule_is_beside_them(self):
        assert_two_columns(self.text(SCHEDULE))

    def test_an_hour_of_the_users_zone_is_set_up_in_utc(self):
        self.client.cookies['django_timezone'] = 'Asia/Kolkata'

        response = self.send('begin', period='weekly', hour=3, keep=4)

        self.assertRedirectsNoFollow(response, SCHEDULE)
        _request, instance, chosen, pattern = self.begin.call_args.args
        assert instance.id == builders.INSTANCE
        assert pattern == '30 21 * * 6'
        assert (chosen.period, chosen.hour, chosen.keep) == (
            schedules.Period.WEEKLY, 21, 4)

    def test_the_hour_is_shown_in_the_users_zone(self):
        self.at(NIGHTLY)
        self.look.return_value = RUNNING
        self.client.cookies['django_timezone'] = 'Asia/Kolkata'

        page = self.text(SCHEDULE)

        # 02:00 UTC is 07:30 there: no whole hour, so of another zone.
        assert 'name="hour" value="8"' in page
        assert 'In your time zone, Asia/Kolkata.' in page
        assert '17:30:00 IST' in page

    def test_a_choice_without_sense_is_shown_again(self):
        page = self.send('begin', period='hourly', hour=24, keep=0)

        assert page.status_code == 200
        assert 'less than or equal to 23' in page.content.decode()
        assert not self.begin.called

    def test_what_runs_is_told_with_its_next_and_last_run(self):
        at = '20261122T110000Z'
        self.at(NIGHTLY, [builders.sealed(
            name='web-' + at, properties={
                schedules.MARK: '%s/%s' % (builders.INSTANCE, at)})])
        self.look.return_value = scheduling.Engine(
            RUNNING.trigger, mistral.Run(builders.NOW, False))

        page = self.text(SCHEDULE)

        for word in ('Daily; the last 7 proven consistent are kept.',
                     'Next run', 'Last run', 'web-' + at,
                     'File-system consistent', 'value="pause"',
                     'value="end"'):
            assert word in page
        assert 'It failed.' not in page
        # With its image and its age.
        assert re.search(
            r'snapshot-panel-latest.*/project/images/%s/.*File-system '
            r'consistent.*<time .*data-ticks' % builders.SNAPSHOT, page,
            re.DOTALL)

    def test_a_run_that_failed_says_why_and_no_markup(self):
        self.look.return_value = scheduling.Engine(
            RUNNING.trigger, mistral.Run(builders.NOW, True, cases.EVIL))

        page = self.text(SCHEDULE)

        assert 'It failed. ' + cases.ESCAPED in page
        self.look.return_value = scheduling.Engine(
            None, mistral.Run(builders.NOW, True))
        assert 'It failed. The service does not say' in self.text(SCHEDULE)

    def test_what_rests_says_so_and_can_be_taken_up_as_it_was(self):
        self.at(NIGHTLY.replace('7', '9', 1) + ' paused')

        page = self.text(SCHEDULE)

        assert 'Paused: no snapshots are taken' in page
        assert 'name="keep" value="9"' in page
        assert 'value="pause"' not in page and 'value="end"' in page

    def test_what_runs_without_a_word_in_the_metadata_is_told(self):
        self.look.return_value = RUNNING
        for value in (None, NIGHTLY + ' paused'):
            self.at(value)

            page = self.text(SCHEDULE)

            assert 'the metadata of the instance does not say so' in page
            assert 'Paused' not in page and 'value="pause"' in page

    def test_what_was_left_incomplete_can_be_completed_or_deleted(self):
        self.look.return_value = scheduling.Engine(None, None, workflow=True)
        for value, keep in ((NIGHTLY.replace('7', '9', 1), 9), (None, 7)):
            self.at(value)

            page = self.text(SCHEDULE)

            assert 'Incomplete: the workflow service has the workflow' in page
            assert 'name="keep" value="%d"' % keep in page
            assert 'value="end"' in page and 'value="begin"' in page
            assert 'value="pause"' not in page
            assert 'a machine of yours does' not in page

    def test_what_rests_or_runs_is_not_incomplete(self):
        for trigger, value in ((None, NIGHTLY + ' paused'),
                               (RUNNING.trigger, NIGHTLY),
                               (RUNNING.trigger, None)):
            self.at(value)
            self.look.return_value = scheduling.Engine(trigger, None, True)

            assert 'Incomplete' not in self.text(SCHEDULE)

    def test_a_run_that_has_not_ended_says_so(self):
        for ended in (False, True):
            self.look.return_value = scheduling.Engine(None, mistral.Run(
                builders.NOW, False, ended=ended))

            page = self.text(SCHEDULE)

            assert ('It has not ended.' in page) != ended

    def test_what_a_machine_runs_is_told_apart(self):
        self.at(NIGHTLY)

        page = self.text(SCHEDULE)

        assert 'does not run it: a machine of yours does, or nothing' in page
        assert 'value="end"' not in page

    def test_each_button_does_what_it_says(self):
        for choice, act in (('pause', self.pause), ('end', self.end)):
            response = self.send(choice)

            self.assertRedirectsNoFollow(response, SCHEDULE)
            assert act.call_args.args[1].id == builders.INSTANCE
            assert str(engine.DONE[choice]) in self.said(response)[0]

    def test_what_the_service_refuses_is_said_on_the_page(self):
        for problem, words in (
                (errors.Unavailable('Mistral', 'secret reason'), 'Mistral: '),
                (errors.InUse('Mistral', errors.NO_ACTION, ('nova.x',)),
                 'nova.x')):
            self.begin.side_effect = problem
            response = self.send('begin', period='daily', hour=3, keep=7)

            self.assertRedirectsNoFollow(response, SCHEDULE)
            assert words in self.said(response)[-1]
            assert 'secret' not in self.said(response)[-1]

    def test_a_service_that_is_down_leaves_the_commands(self):
        self.look.side_effect = errors.Unavailable('Mistral', 'secret reason')

        page = self.text(SCHEDULE)

        assert 'crontab' in page and 'secret' not in page

    def test_a_service_that_is_down_may_run_what_there_is(self):
        # Commands beside it would take each snapshot twice.
        self.look.side_effect = errors.Unavailable('Mistral', 'down')
        for value in (NIGHTLY, NIGHTLY + ' paused'):
            self.at(value)

            page = self.text(SCHEDULE)

            assert 'crontab' not in page and 'server unset' not in page
            assert SCHEDULE + '?commands=1' in page
            # In whose zone is not known here.
            assert '02:00' not in page
            assert ('Daily; the last 7' in page) == (value == NIGHTLY)
            assert 'crontab' in self.text(SCHEDULE + '?commands=1')

    def test_nonsense_is_refused(self):
        for choice in ('', 'begin ', 'delete'):
            assert self.send(choice).status_code == 400
        scheduling.offered.return_value = False
        assert self.send('pause').status_code == 400
        assert not self.pause.called

    def test_who_may_take_no_snapshots_sees_and_changes_nothing(self):
        self.at(NIGHTLY)
        self.look.return_value = RUNNING
        with mock.patch.object(views.policy, 'check', autospec=True,
                               return_value=False):
            page = self.text(SCHEDULE)
            response = self.send('end')

        assert 'Next run' in page and 'value="end"' not in page
        assert 'value="begin"' not in page
        assert 'It takes them as you' not in page
        assert response.status_code == 403
        assert not self.end.called


class RestoreTest(cases.PanelTestCase):

    def restore(self, image, *volumes_, **changes):
        instance = builders.instance(**changes)
        self.patch('chosen', (instance, [image]))
        self.patch('of_instance', volumes_, volumes)
        return self.client.get(RESTORE)

    def test_what_to_choose_is_what_the_old_instance_has(self):
        page = self.restore(
            builders.sealed(), facts.Volume('v', 'data', 8), flavor='m1.tiny',
            addresses={'lan': ('192.0.2.7',)}, networks=('lan',),
            security_groups=('web',), key_name='ann')

        for text in ('m1.tiny', 'lan: 192.0.2.7', 'web', 'ann',
                     'data (8 GiB)', 'They are not in the snapshot',
                     '--security-group=web --key-name=ann',
                     'File-system consistent'):
            self.assertContains(page, text)
        self.assertContains(page, "imageId: '%s'" % builders.SNAPSHOT.replace(
            '-', '\\u002D'))

    def test_what_it_has_not_is_not_asked_for(self):
        page = self.restore(builders.sealed(), flavor='m1.tiny')

        self.assertContains(page, '<dt>', 1)

    def test_of_one_made_of_volumes_all_are_new(self):
        page = self.restore(builders.sealed(properties=builders.mapping()),
                            facts.Volume('v', 'data', 8))

        self.assertContains(page, 'gets new volumes')

    def test_where_the_volumes_are_unknown_it_is_said(self):
        with mock.patch.object(volumes, '_volumes', autospec=True,
                               side_effect=errors.Unavailable('Cinder', 'x')):
            self.patch('chosen', (builders.instance(volume_ids=('v',)),
                                  [builders.sealed()]))
            page = self.client.get(RESTORE)

        self.assertContains(page, 'Cinder:')
        self.assertContains(page, 'openLaunchInstanceWizard')

    def test_what_others_wrote_is_escaped(self):
        page = self.restore(builders.sealed(name=cases.EVIL),
                            flavor=cases.EVIL, key_name=cases.EVIL,
                            addresses={cases.EVIL: (cases.EVIL,)},
                            security_groups=(cases.EVIL,))

        self.assertContains(page, cases.ESCAPED)
        self.assertNotContains(page, '<script>alert')

    def test_what_is_not_whole_leads_back(self):
        asked = self.patch('chosen', None)
        for image in (None, builders.asked(status='saving'),
                      builders.sealed(verdict.Rule.VOLUMES_FAILED)):
            asked.return_value = (builders.instance(), [image])

            self.assertRedirects(self.client.get(RESTORE), INSTANCE,
                                 fetch_redirect_response=False)

    def test_who_may_not_launch_has_no_button(self):
        self.act_as('reader')

        page = self.restore(builders.sealed(), flavor='m1.tiny')

        self.assertContains(page, 'm1.tiny')
        self.assertNotContains(page, 'openLaunchInstanceWizard')
