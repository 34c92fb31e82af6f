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

"""From no channel to the first proven snapshot: the page."""

import dataclasses
import json
import re
from unittest import mock

from django.urls import reverse
import pytest

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import succession
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import successor
from snapshot_panel.consistency import verdict
from snapshot_panel.instance import fix
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')

FIX, NEWS, INSTANCE = (
    reverse('horizon:project:consistent_snapshots:' + name,
            args=[builders.INSTANCE]) for name in ('fix', 'fix_news',
                                                   'instance'))
HEIR = '66666666-aaaa-4aaa-8aaa-666666666666'
WITHOUT = facts.Properties({}, facts.Source.EMBEDDED)
BLUEPRINT = successor.Blueprint('web-ready', builders.SNAPSHOT, '7',
                                ('net',), ('web',), 'ann')
FLAVOR = nova.Flavor('7', 'm1.tiny', 1, 512, 2)
DONE, NOW, MOVING, LATER = 'done', 'now', 'moving', 'later'


def old(**changes):
    return builders.instance(**{'properties': WITHOUT, **changes})


def heir(**changes):
    return builders.instance(**{
        'id': HEIR, 'name': 'web-ready', 'image_id': builders.SNAPSHOT,
        **changes})


def snapshot(channel='no', rule=verdict.Rule.CLEAN_STOP):
    return builders.sealed(rule, properties={facts.AGENT_PROPERTY: channel})


def proven():
    return builders.sealed(properties={'instance_uuid': HEIR})


def test_every_step_and_state_has_its_words():
    assert set(fix.TITLES) == set(successor.Step)
    assert set(fix.STATES) == set(successor.State)
    assert set(fix.LAUNCHES) == set(succession.Outcome)


class FixTestCase(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        self.launched = self.patch('launched_from', [], succession)
        self.offer = self.patch('offer', succession.Offer(BLUEPRINT, FLAVOR),
                                succession)
        self.launch = self.patch('launch', succession.Outcome.LAUNCHED,
                                 succession)
        self.save = self.patch('save', None, editing)
        self.patch('of_instance', (), volumes)
        self.patch('ask_guest', cases.guest(), guests)

    def cloud(self, *instances, images=(), heirs_images=()):
        """Let the cloud have these: the old one, and who takes its place."""
        held = {each.id: each for each in instances}
        of = {builders.INSTANCE: self.own(images),
              HEIR: self.own(heirs_images)}
        self.one.side_effect = lambda _request, instance_id: (
            held[instance_id], of[instance_id])
        self.launched.return_value = list(instances[1:])
        self.hear.side_effect = lambda _request, asked, again=False: {
            each.id: guests.Heard(cases.guest(), builders.NOW)
            for each in asked}

    def own(self, images):
        return [dataclasses.replace(image, owner=self.tenant.id)
                for image in images]

    def states(self):
        page = self.client.get(FIX)
        return re.findall('data-state="([a-z]+)"', page.content.decode())

    def do(self, step, **fields):
        return self.client.post(FIX, {'step': step, **fields})

    def told(self, response, text):
        """Assert that a POST leads back and that its page says a text."""
        self.assertRedirects(response, FIX, fetch_redirect_response=False)
        self.assertContains(self.client.get(FIX), text)


class StepsTest(FixTestCase):

    def test_first_a_snapshot_is_taken_of_a_guest_that_is_shut_down(self):
        self.cloud(old())

        page = self.client.get(FIX)

        assert self.states() == [NOW, LATER, LATER, LATER, LATER]
        self.assertContains(page, '/restart/?from=fix')
        self.assertContains(page, 'aria-current="step"', 1)
        self.assertNotContains(page, 'name="step"')

    def test_a_guest_that_is_shut_off_is_not_stopped(self):
        self.cloud(old(status='SHUTOFF'))

        page = self.client.get(FIX)

        self.assertContains(page, '/snapshot/?from=fix')
        self.assertNotContains(page, '/restart/')

    def test_a_snapshot_in_the_making_is_followed(self):
        self.cloud(old(task_state='image_uploading'),
                   images=[builders.asked(status='saving')])

        page = self.client.get(FIX)

        assert self.states()[0] == MOVING
        self.assertContains(page, 'role="progressbar"')
        self.assertContains(page, 'data-moving="true"')

    def test_what_allows_no_snapshot_is_named_with_what_ends_it(self):
        for status, way_out in (('RESCUE', 'openstack server unrescue'),
                                ('SHELVED', 'openstack server unshelve')):
            self.cloud(old(status=status))

            page = self.client.get(FIX)

            self.assertContains(page, way_out)
            self.assertNotContains(page, '/snapshot/?from=fix')

    def test_the_snapshot_gets_the_channel_with_one_click(self):
        self.cloud(old(), images=[snapshot()])

        page = self.client.get(FIX)

        assert self.states() == [DONE, NOW, LATER, LATER, LATER]
        self.assertContains(page, 'hw_qemu_guest_agent=yes')
        self.assertContains(page, 'value="%s"' % builders.SNAPSHOT)

    def test_a_verdict_to_come_reads_the_property_first(self):
        self.cloud(old(), images=[builders.asked(
            properties={facts.AGENT_PROPERTY: 'no'})])

        assert self.states() == [DONE, MOVING, LATER, LATER, LATER]

    def test_all_that_is_launched_is_shown_before(self):
        self.offer.return_value = succession.Offer(
            BLUEPRINT, FLAVOR, (builders.volume(name='data', size=8),))
        self.cloud(old(addresses={'lan': ('192.0.2.7',)}),
                   images=[snapshot('yes')])

        page = self.client.get(FIX)

        assert self.states() == [DONE, DONE, NOW, LATER, LATER]
        for text in ('web-ready', 'web-1', 'm1.tiny (VCPUs: 1', 'lan (the old',
                     '192.0.2.7', 'data (8 GiB)', 'Not attached',
                     'twice (mail, jobs)', BLUEPRINT.digest,
                     'openstack server create'):
            self.assertContains(page, text)

    def test_of_what_is_not_whole_it_is_said(self):
        for rule, count in ((verdict.Rule.CLEAN_STOP, 0),
                            (verdict.Rule.NO_CHANNEL, 1)):
            self.cloud(old(), images=[snapshot('yes', rule)])

            page = self.client.get(FIX)

            self.assertContains(page, 'not proven to be whole', count)

    def test_networks_of_one_name_are_told_by_their_ids(self):
        self.offer.return_value = succession.Offer(
            successor.Blueprint('web-ready', 's', '7', ('net-1', 'net-2')),
            FLAVOR)
        self.cloud(old(addresses={'lan': ('192.0.2.7', '192.0.2.8')}),
                   images=[snapshot('yes')])

        page = self.client.get(FIX)

        self.assertContains(page, 'net-1')
        self.assertContains(page, 'net-2')
        self.assertContains(page, 'The project’s default')

    def test_a_key_pair_that_is_left_out_is_told(self):
        self.offer.return_value = succession.Offer(
            successor.Blueprint('web-ready', 's', '7'), FLAVOR)
        self.cloud(old(key_name='bob'), images=[snapshot('yes')])

        page = self.client.get(FIX)

        self.assertContains(page, 'is not yours, or is gone')
        self.assertNotContains(page, 'Not attached')
        self.assertContains(page, 'None, as the old one')

    def test_what_cannot_be_known_is_chosen_in_the_dialog(self):
        for offer, text in (
                (succession.Offer(), 'The flavor of the instance does not'),
                (succession.Offer(problems=(cases.NOVA_DOWN,)),
                 'cannot be found out now. Nova: The service')):
            self.offer.return_value = offer
            self.cloud(old(), images=[snapshot('yes')])

            page = self.client.get(FIX)

            self.assertContains(page, text)
            self.assertContains(page, '/restore/')
            self.assertNotContains(page, 'name="shown"')

    def test_one_that_is_being_built_is_followed_and_not_asked(self):
        self.cloud(old(), heir(status='BUILD'), images=[snapshot('yes')])

        assert self.states() == [DONE, DONE, MOVING, LATER, LATER]
        assert [call.args[1] for call in self.one.call_args_list] == [
            builders.INSTANCE]

    def test_one_that_could_not_be_built_is_named_and_launched_again(self):
        self.cloud(old(), heir(status='ERROR'), images=[snapshot('yes')])

        page = self.client.get(FIX)

        assert self.states() == [DONE, DONE, NOW, LATER, LATER]
        self.assertContains(page, 'could not build it')
        self.assertContains(page, 'name="shown"')

    def test_one_that_was_deleted_meanwhile_is_none(self):
        self.cloud(old(), heir(), images=[snapshot('yes')])
        of = self.one.side_effect
        self.one.side_effect = lambda request, instance_id: (
            of(request, instance_id) if instance_id != HEIR
            else self.fail_with(errors.NotFound('Nova', 'instance')))

        assert self.states() == [DONE, DONE, NOW, LATER, LATER]

    def fail_with(self, problem):
        raise problem

    def test_the_agent_of_the_replacement_is_asked(self):
        self.cloud(old(), heir(), images=[snapshot('yes')])
        self.hear.side_effect = None
        self.hear.return_value = {
            each: guests.Heard(cases.guest(builders.Console()), builders.NOW)
            for each in (builders.INSTANCE, HEIR)}

        page = self.client.get(FIX)

        # Nobody heard it, so the trial tells as well.
        assert self.states() == [DONE, DONE, DONE, NOW, NOW]
        self.assertContains(page, '%s/setup/' % HEIR)
        self.assertContains(page, 'instance_details__console')

    def test_one_that_does_not_run_is_to_be_started(self):
        self.cloud(old(), heir(status='SHUTOFF'), images=[snapshot('yes')])

        page = self.client.get(FIX)

        assert self.states() == [DONE, DONE, DONE, NOW, LATER]
        self.assertContains(page, 'openstack server start %s' % HEIR)

    def test_then_a_snapshot_is_taken_of_the_replacement(self):
        self.cloud(old(), heir(), images=[snapshot('yes')])

        page = self.client.get(FIX)

        assert self.states() == [DONE, DONE, DONE, DONE, NOW]
        self.assertContains(page, 'name="step" value="trial"')

    def test_at_the_end_all_is_ticked_and_the_rest_is_said(self):
        self.cloud(old(), heir(), images=[snapshot('yes')],
                   heirs_images=[proven()])

        page = self.client.get(FIX)

        assert self.states() == [DONE] * 5
        self.assertContains(page, 'web-ready has a proven snapshot')
        self.assertContains(page, 'web is still there')
        self.assertNotContains(page, 'data-waiting')

    def test_one_that_has_its_channel_is_not_replaced(self):
        self.cloud(builders.instance())

        page = self.client.get(FIX)

        assert self.states() == ['unneeded'] * 3 + [DONE, NOW]
        self.assertNotContains(page, 'is still there')

    def test_what_is_on_a_volume_gets_no_promise(self):
        self.cloud(old(image_id=None, volume_ids=(builders.VOLUMES[0],)))

        page = self.client.get(FIX)

        self.assertContains(page, 'boots from a volume')
        self.assertNotContains(page, 'data-step')

    def test_without_glance_nothing_is_said_of_the_steps(self):
        self.one.return_value = old(), cases.GLANCE_DOWN

        page = self.client.get(FIX)

        self.assertContains(page, 'Unknown: the image service')
        self.assertNotContains(page, 'data-step')
        self.assertNotContains(page, 'secret reason')

    def test_a_reader_sees_and_cannot_act(self):
        self.act_as('reader')
        for images, text in (((), 'may not take snapshots'),
                             ((snapshot(),), 'may not change images'),
                             ((snapshot('yes'),), 'may not launch')):
            self.cloud(old(), images=images)

            page = self.client.get(FIX)

            self.assertContains(page, text)
            self.assertNotContains(page, 'name="step"')

    def test_what_others_wrote_is_escaped(self):
        self.cloud(old(name=cases.EVIL, flavor=cases.EVIL,
                       addresses={cases.EVIL: (cases.EVIL,)}),
                   images=[builders.sealed(name=cases.EVIL, properties={
                       facts.AGENT_PROPERTY: 'yes'})])

        page = self.client.get(FIX)

        self.assertContains(page, cases.ESCAPED)
        self.assertNotContains(page, '<script>alert')

    def test_the_card_of_an_instance_without_a_channel_leads_here(self):
        self.show(old())
        self.assertContains(self.client.get(INSTANCE), 'href="%s"' % FIX)

        self.show(builders.instance())
        self.assertNotContains(self.client.get(INSTANCE), FIX)

        self.show(old(image_id=None))
        self.assertNotContains(self.client.get(INSTANCE), FIX)

    def test_a_dialog_leads_back_here(self):
        self.show(old())

        for name in ('snapshot', 'restart'):
            page = self.client.get(reverse(
                'horizon:project:consistent_snapshots:' + name,
                args=[builders.INSTANCE]) + '?from=fix')

            self.assertContains(page, 'href="%s"' % FIX)


class DoTest(FixTestCase):

    def setUp(self):
        super().setUp()
        self.cloud(old(), images=[snapshot()])

    def test_the_snapshot_gets_the_property_and_nothing_else(self):
        self.save.return_value = editing.Outcome(None)

        answer = self.do('property', image=builders.SNAPSHOT)

        self.told(answer, 'Saved, and read back')
        (_request, edit), _named = self.save.call_args
        assert edit.image_id == builders.SNAPSHOT
        assert [(change.name, change.new) for change in edit.changes] == [
            (facts.AGENT_PROPERTY, 'yes')]

    def test_a_refusal_of_the_image_service_is_said(self):
        self.save.return_value = editing.Outcome(None, problem=(
            errors.Forbidden('Glance', 'x')))

        self.told(self.do('property', image=builders.SNAPSHOT),
                  'Glance: The service refuses')

    def test_it_is_launched_as_it_was_shown(self):
        self.cloud(old(), images=[snapshot('yes')])
        for outcome, text in fix.LAUNCHES.items():
            self.launch.return_value = outcome

            answer = self.do('launch', image=builders.SNAPSHOT, shown='seen')

            self.told(answer, str(text))
            self.launch.assert_called_with(
                mock.ANY, mock.ANY, mock.ANY, self.user.id, 'seen')

    def test_a_second_click_finds_the_first_ones(self):
        self.cloud(old(), heir(status='BUILD'), images=[snapshot('yes')])

        self.told(self.do('launch', image=builders.SNAPSHOT, shown='seen'),
                  'It was launched already')

        assert not self.launch.called

    def test_a_step_that_is_closed_is_not_done(self):
        # Somebody took the property back, or gave it, or it is all over.
        for images, heirs, step in (
                ([snapshot()], [], 'launch'),
                ([snapshot('yes')], [], 'property'),
                ([snapshot()], [], 'trial'),
                ([snapshot('yes')], [heir(status='SHUTOFF')], 'trial')):
            self.cloud(old(), *heirs, images=images)

            self.told(self.do(step, image=builders.SNAPSHOT),
                      'nothing was done')

        assert not (self.save.called or self.launch.called
                    or self.take.called)

    def test_what_nova_says_of_a_launch_is_said(self):
        self.cloud(old(), images=[snapshot('yes')])
        problem = errors.OverLimit('Nova', 'x')
        problem.said = 'Quota exceeded for cores'
        self.launch.side_effect = problem

        self.told(self.do('launch', image=builders.SNAPSHOT),
                  'Quota exceeded for cores')

    def test_another_snapshot_than_was_shown_is_not_taken(self):
        for step, channel in (('property', 'no'), ('launch', 'yes')):
            self.cloud(old(), images=[snapshot(channel)])
            for fields in ({}, {'image': builders.BASE_IMAGE}):
                self.told(self.do(step, **fields), 'nothing was done')

        assert not self.save.called and not self.launch.called

    def test_the_trial_is_of_the_replacement(self):
        self.cloud(old(), heir(), images=[snapshot('yes')])

        answer = self.do('trial')

        self.told(answer, 'is being taken')
        self.take.assert_called_once_with(mock.ANY, HEIR)

    def test_a_trial_that_is_not_ready_any_more_is_asked_about(self):
        self.cloud(old(), heir(), images=[snapshot('yes')])
        self.take.return_value = cases.NOT_TAKEN

        assert self.do('trial').url.endswith('%s/snapshot/?from=fix' % HEIR)

    def test_a_reader_does_nothing(self):
        self.act_as('reader')

        for step, channel, heirs in (('property', 'no', ()),
                                     ('launch', 'yes', ()),
                                     ('trial', 'yes', (heir(),))):
            self.cloud(old(), *heirs, images=[snapshot(channel)])
            self.told(self.do(step, image=builders.SNAPSHOT),
                      'do not allow it')

        assert not (self.save.called or self.launch.called
                    or self.take.called)

    def test_who_may_not_launch_by_the_operators_rules_does_not(self):
        self.cloud(old(), images=[snapshot('yes')])
        self.act_as('member')
        self.deploy(compute={'os_compute_api:servers:create': '!'})

        self.do('launch', image=builders.SNAPSHOT)

        assert not self.launch.called

    def test_what_is_no_step_is_refused(self):
        for step in ('', 'agent', 'snapshot', 'post', '__class__'):
            assert self.do(step).status_code == 400


class NewsTest(FixTestCase):

    def news(self, method='get'):
        return json.loads(getattr(self.client, method)(NEWS).content)

    def test_looking_settles_nothing_and_asks_the_replacement_again(self):
        self.cloud(old(), heir(), images=[snapshot('yes')])

        answer = self.news()

        assert 'data-step="trial"' in answer['html']
        assert answer['now'] == ['Take the first proven snapshot']
        assert (answer['moving'], answer['waiting']) == (False, True)
        assert not self.settle.called
        assert [(call.args[1][0].id, call.args[2:])
                for call in self.hear.call_args_list] == [
                    (builders.INSTANCE, (False,)), (HEIR, (True,))]

    def test_a_post_settles_what_is_on_the_way(self):
        self.cloud(old(), images=[builders.asked(
            properties={facts.AGENT_PROPERTY: 'no'})])

        answer = self.news('post')

        assert answer['moving']
        (_request, instance, images, unread), _named = self.settle.call_args
        assert (instance.id, len(images), unread) == (
            builders.INSTANCE, 1, [])

    def test_the_trial_is_settled_too(self):
        self.cloud(old(), heir(), images=[snapshot('yes')], heirs_images=[
            builders.asked(properties={'instance_uuid': HEIR})])

        self.news('post')

        assert [call.args[1].id for call in self.settle.call_args_list] == [
            HEIR]

    def test_settling_that_fails_is_said_beside_the_steps(self):
        self.cloud(old(), images=[builders.asked()])
        self.settle.side_effect = cases.GLANCE_DOWN

        answer = self.news('post')

        assert 'Glance: ' in answer['problem']
        assert 'data-step' in answer['html']

    def test_without_nova_it_is_said(self):
        self.one.side_effect = cases.NOVA_DOWN

        answer = self.client.get(NEWS)

        assert answer.status_code == 503
        assert 'Nova: ' in json.loads(answer.content)['problem']
