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

"""The pages: what they show, escape, refuse and carry."""

import html
import random
import re
from unittest import mock

from django.urls import reverse
from openstack_dashboard.test import helpers

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import images
from snapshot_panel.cloud import settling
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import verdict
from snapshot_panel.ui import words
from tests.unit import builders

ID = builders.BASE_IMAGE
EVIL = '<script>alert("x")</script>'
ESCAPED = html.escape(EVIL)


def url(name, *arguments):
    return reverse('horizon:project:consistent_snapshots:' + name,
                   args=arguments)


def image(properties=None, **changes):
    return facts.Image(**{
        'id': ID, 'name': 'debian', 'status': 'active', 'owner': 'project',
        'properties': properties or {}, 'created': builders.NOW,
        'updated': builders.NOW, **changes})


def edit(opened=None, **wanted):
    opened = opened or {}
    return edits.Edit(ID, opened, tuple(
        edits.Change(name, opened.get(name), new)
        for name, new in sorted(wanted.items())))


def sheet(shown, editable=True, users=()):
    return editing.Sheet(shown, {}, editable, users)


def ways(page):
    """Return where the links of a page lead, by their text."""
    return {' '.join(re.sub('<[^>]*>', '', text).split()): address
            for address, text in re.findall(
                r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>',
                page.content.decode(), re.DOTALL)}


class ImagesTestCase(helpers.TestCase):

    def patch(self, name, result):
        module = images if name == 'list_page' else editing
        return mock.patch.object(module, name, autospec=True,
                                 return_value=result).start()

    def own(self, properties=None, **changes):
        return image(properties, owner=self.tenant.id, **changes)

    def assert_offered(self, name, *cases):
        """Assert on which images' pages a form is: (image, whether)."""
        opened = self.patch('open_sheet', None)
        for shown, offered in cases:
            opened.return_value = sheet(shown)

            page = self.client.get(url('image', shown.id))

            self.assertEqual(offered, url(name, shown.id).encode()
                             in page.content, shown)


class ListTest(ImagesTestCase):

    def test_an_image_with_its_properties_and_instances(self):
        shown = self.own({'hw_qemu_guest_agent': EVIL, 'os_distro': 'rocky',
                          'os_version': '9'}, name=EVIL)
        user = builders.instance(name=EVIL)
        self.patch('list_page', images.ImagePage((shown,), users={
            ID: [user] * 5}, users_cut=True))

        response = self.client.get(url('images'))

        self.assertContains(response, 'rocky 9')
        self.assertContains(response, 'and 2 others')
        self.assertContains(response, 'Only the newest 200 instances')
        self.assertContains(response, ESCAPED)
        self.assertNotContains(response, EVIL)

    def test_an_empty_list_says_what_to_do(self):
        self.patch('list_page', images.ImagePage((), users={}))
        for name, text, link in (
                ('images', 'no images of its own', 'Create one'),
                ('image_snapshots', 'No snapshots yet', 'Take one'),
                ('shared_images', 'No image is shared', None),
                ('public_images', 'no public images', None),
                ('community_images', 'The community has no images', None)):
            page = self.client.get(url(name))

            self.assertContains(page, text)
            self.assertNotContains(page, 'No items to display')
            self.assertTrue(link is None or link in ways(page), name)

    def test_a_list_that_a_filter_or_a_limit_empties_does_not_say_so(self):
        listed = self.patch('list_page', None)
        for cut, text in ((False, 'No image matches the filter'),
                          (True, 'None among the newest ones')):
            listed.return_value = images.ImagePage((), users={}, cut=cut)

            page = self.client.post(url('images'), {
                'own_images__filter__q': 'web',
                'own_images__filter__q_field': 'name'}, follow=True)

            self.assertContains(page, text)
            self.assertNotContains(page, 'no images of its own')

    def test_a_snapshot_has_its_verdict_and_anothers_has_none(self):
        own = builders.sealed(verdict.Rule.CLEAN_STOP,
                              owner=self.tenant.id)
        other = builders.sealed(verdict.Rule.CLEAN_STOP, owner='other')
        page = self.patch('list_page', images.ImagePage((own,), users={}))

        self.assertContains(self.client.get(url('images')),
                            'File-system consistent')
        page.return_value = images.ImagePage((other,), users={})
        self.assertNotContains(self.client.get(url('shared_images')),
                               'File-system consistent')

    def test_each_cell_names_its_column_for_a_card(self):
        self.patch('list_page', images.ImagePage((self.own(),), users={}))

        for address in ('images', 'shared_images'):
            page = self.client.get(url(address)).content.decode()

            assert 'snapshot-panel-cards' in page
            self.assertEqual(
                ['Image', 'Guest agent', 'Quiescing', 'Operating system',
                 'Instances'], re.findall('data-th="([^"]+)"', page))

    def test_a_search_that_ended_early_is_said(self):
        self.patch('list_page', images.ImagePage((), users={}, cut=True))

        response = self.client.get(url('public_images'))

        self.assertContains(response, 'Only the newest 500 images')

    def test_only_what_is_not_ready_has_the_button(self):
        page = self.patch('list_page', images.ImagePage(
            (self.own({'hw_qemu_guest_agent': 'true'}),), users=None))
        ready = self.client.get(url('images'))
        page.return_value = images.ImagePage((self.own(),), users={})
        unready = self.client.get(url('images'))

        self.assertNotContains(ready, 'own_images__ready__' + ID)
        self.assertContains(ready, 'Unknown')
        self.assertContains(unready, 'own_images__ready__' + ID)

    def test_the_button_leads_to_the_preview(self):
        self.patch('list_page', images.ImagePage((self.own(),), users={}))

        response = self.client.post(url('images'), {
            'action': 'own_images__ready__' + ID})

        self.assertEqual('%s?id=%s' % (url('preset_images', 'ready'), ID),
                         response.url)

    def test_a_failing_service_is_said(self):
        self.patch('list_page', None).side_effect = errors.Unavailable(
            'Glance', 'secret')

        response = self.client.get(url('images'))

        self.assertContains(response, 'does not answer', status_code=503)
        self.assertNotContains(response, 'secret', status_code=503)


class EditTest(ImagesTestCase):

    def test_the_form_is_there_and_escaped(self):
        shown = self.own({'x': EVIL, 'consistency_rule': 'silent'},
                         name=EVIL)
        self.patch('open_sheet', sheet(shown, users=(builders.instance(),)))

        response = self.client.get(url('image', ID))

        self.assertContains(response, 'Nobody edits it here')
        self.assertContains(response, 'Booted with other properties')
        self.assertContains(response, ESCAPED)
        self.assertNotContains(response, EVIL)

    def test_what_may_not_be_changed_is_said_instead(self):
        opened = self.patch('open_sheet', sheet(self.own(), False))
        reader = self.client.get(url('image', ID))
        opened.return_value = sheet(image(), False)
        foreign = self.client.get(url('image', ID))

        self.assertContains(reader, 'Ask for the role')
        self.assertContains(foreign, 'take a snapshot')
        for response in (reader, foreign):
            self.assertNotContains(response, 'name="step"')

    def test_the_preview_has_the_change_and_the_command(self):
        shown = self.own({'x': EVIL})
        self.patch('open_sheet', sheet(shown))
        wanted = edit({'x': EVIL}, x=None, y='1')
        preview = self.patch('preview', editing.Preview(
            wanted, shown, users=(builders.instance(name='web'),)))

        response = self.client.post(url('image', ID), {
            'edit': edit({'x': EVIL}).dump(), 'step': 'preview',
            'others-TOTAL_FORMS': '2', 'others-INITIAL_FORMS': '1',
            'others-0-name': 'x', 'others-0-remove': 'on',
            'others-1-name': 'y', 'others-1-value': '1'})

        self.assertEqual(wanted, preview.call_args.args[1])
        self.assertContains(response, 'Running instances keep theirs:')
        self.assertContains(response, 'openstack image unset --property x')
        self.assertContains(response, ESCAPED)
        self.assertNotContains(response, EVIL)

    def test_a_change_that_would_be_refused_cannot_be_saved(self):
        shown = self.own()
        self.patch('open_sheet', sheet(shown))
        self.patch('preview', editing.Preview(
            edit(a='1'), shown, errors.Forbidden('Glance', '&#x27;a&#x27;')))

        response = self.client.post(url('image', ID), {
            'edit': edit().dump(), 'step': 'preview',
            'others-TOTAL_FORMS': '0', 'others-INITIAL_FORMS': '0'})

        self.assertContains(response, 'does not let you')
        self.assertContains(response, 'Refused: a.')
        self.assertContains(response, '&#x27;a&#x27;')
        self.assertNotContains(response, '>Save<')

    def test_who_gives_up_finds_the_list_that_has_the_image(self):
        opened, preview = (self.patch(name, None)
                           for name in ('open_sheet', 'preview'))
        snapshot = builders.sealed(owner=self.tenant.id)
        for shown, name in ((self.own(), 'images'),
                            (snapshot, 'image_snapshots')):
            opened.return_value = sheet(shown)
            preview.return_value = editing.Preview(edit(a='1'), shown)
            plan = edits.Edit(shown.id, shown.properties, ())

            for page in (self.client.get(url('image', shown.id)),
                         self.client.post(url('image', shown.id), {
                             'edit': plan.dump(), 'step': 'preview',
                             'others-TOTAL_FORMS': '0',
                             'others-INITIAL_FORMS': '0'})):
                self.assertEqual(url(name), ways(page)['Cancel'])

    def test_a_list_has_its_own_name(self):
        opened = self.patch('open_sheet', None)
        for shown, name, title in (
                (self.own(), 'images', 'All images'),
                (builders.sealed(owner=self.tenant.id), 'image_snapshots',
                 'All snapshots'),
                (builders.sealed(owner='other'), 'images', 'All images')):
            opened.return_value = sheet(shown)

            page = self.client.get(url('image', shown.id))

            self.assertEqual(url(name), ways(page)[title])

    def test_errors_more_rows_and_the_way_back_show_the_form(self):
        self.patch('open_sheet', sheet(self.own()))
        fields = {'edit': edit().dump(), 'others-TOTAL_FORMS': '1',
                  'others-INITIAL_FORMS': '0', 'others-0-name': 'id'}

        wrong = self.client.post(url('image', ID),
                                 {**fields, 'step': 'preview'})
        more = self.client.post(url('image', ID), {**fields, 'step': 'rows'})
        again = self.client.post(url('image', ID),
                                 {**fields, 'step': 'again'})
        back = self.client.post(url('image', ID), {
            'edit': edit(y='kept').dump(), 'step': 'back'})

        self.assertContains(wrong, 'This name is reserved')
        self.assertContains(more, 'name="others-3-name"')
        self.assertContains(again, 'name="others-0-name" value="id"')
        self.assertContains(back, 'value="kept"')

    def test_what_is_no_plan_is_a_bad_request(self):
        self.patch('open_sheet', sheet(self.own()))
        other = edits.Edit(builders.SNAPSHOT, {}, ()).dump()

        for text in ('', 'x', other):
            response = self.client.post(url('image', ID), {'edit': text})

            self.assertEqual(400, response.status_code)


class JudgeTest(ImagesTestCase):

    def judge(self, outcome):
        with mock.patch.object(settling, 'settle_orphan', autospec=True,
                               side_effect=[outcome]):
            return self.client.post(url('judge_image', ID))

    def said(self, response):
        return [str(message) for message in
                response.wsgi_request._messages._queued_messages]

    def test_only_a_snapshot_without_a_verdict_can_be_judged(self):
        self.assert_offered(
            'judge_image',
            (builders.image(owner=self.tenant.id), True),
            (builders.asked(owner=self.tenant.id), True),
            (builders.sealed(owner=self.tenant.id), False),
            (builders.image(owner='another'), False),
            (self.own(), False))

    def test_the_verdict_is_told_on_the_page_of_the_image(self):
        response = self.judge(builders.sealed(verdict.Rule.DISK_AT_REST,
                                              owner=self.tenant.id))

        self.assertRedirects(response, url('image', ID),
                             fetch_redirect_response=False)
        self.assertEqual(['web-1: File-system consistent.'],
                         self.said(response))

    def test_an_instance_that_exists_is_named_instead(self):
        response = self.judge(None)

        assert 'still exists' in self.said(response)[0]

    def test_a_service_that_fails_is_told(self):
        response = self.judge(errors.Unavailable('Glance', 'down'))

        self.assertContains(response, 'Glance', status_code=503)

    def test_whoever_comes_back_from_logging_in_sees_the_image(self):
        response = self.client.get(url('judge_image', ID))

        self.assertRedirects(response, url('image', ID),
                             fetch_redirect_response=False)


class CheckTest(ImagesTestCase):

    def check(self, outcome):
        with mock.patch.object(settling, 'check_again', autospec=True,
                               side_effect=[outcome]):
            return self.client.post(url('check_image', ID))

    def page(self, image):
        with mock.patch.object(editing, 'open_sheet', autospec=True,
                               return_value=sheet(image)):
            return self.client.get(url('image', image.id))

    def test_only_a_verdict_of_ours_on_a_disk_can_be_checked(self):
        self.assert_offered(
            'check_image',
            (builders.sealed(owner=self.tenant.id), True),
            (builders.sealed(owner='another'), False),
            (builders.sealed(owner=self.tenant.id, size=0), False),
            (builders.asked(owner=self.tenant.id), False))

    def test_what_the_disk_says_is_told_on_the_page_of_the_image(self):
        for found, tag, said in (
                ('confirmed', 'success', 'says so too'),
                ('open', 'info', 'neither proves nor denies'),
                ('contradicted', 'error', 'denies the verdict')):
            response = self.check(judging.Comparison(found))

            self.assertRedirects(response, url('image', ID),
                                 fetch_redirect_response=False)
            message, = response.wsgi_request._messages._queued_messages
            self.assertEqual(tag, message.level_tag)
            assert said in str(message)

    def test_a_service_that_fails_is_told(self):
        response = self.check(errors.Forbidden('Glance', 'x'))

        self.assertEqual(403, response.status_code)

    def test_looking_checks_nothing(self):
        with mock.patch.object(settling, 'check_again') as asked:
            self.client.get(url('check_image', ID))

        assert not asked.called

    def test_each_signature_is_said(self):
        for signature in facts.Signature:
            page = self.page(builders.sealed(
                owner=self.tenant.id, signature=signature))

            self.assertContains(page, words.SIGNATURES[signature])
            self.assertEqual(signature is facts.Signature.FALSE,
                             b'Do not trust it' in page.content)

    def test_nothing_is_said_where_nobody_signs(self):
        page = self.page(builders.sealed(owner=self.tenant.id))

        assert b'signed' not in page.content


class PresetTest(ImagesTestCase):

    def test_each_image_with_what_would_change(self):
        ready = image(id=builders.SNAPSHOT, name='ready')
        self.patch('preview_preset', [
            editing.Preview(edit(hw_qemu_guest_agent='yes'), image()),
            editing.Preview(edits.Edit(ready.id, {}, ()), ready),
            errors.NotFound('Glance', 'x')])

        response = self.client.get(url('preset_images', 'ready'),
                                   {'id': [ID, ready.id]})

        self.assertContains(response, 'hw_qemu_guest_agent=yes')
        self.assertContains(response, 'Nothing would change')
        self.assertEqual(1, response.content.count(b'name="edit"'))

    def test_who_gives_up_finds_the_list_that_has_all_of_them(self):
        preview = self.patch('preview_preset', None)
        snapshot = builders.sealed(owner=self.tenant.id)
        own = self.own()
        for shown, name in (([snapshot], 'image_snapshots'),
                            ([snapshot, own], 'images'), ([own], 'images')):
            preview.return_value = [editing.Preview(
                edits.Edit(each.id, {}, ()), each) for each in shown]

            page = self.client.get(url('preset_images', 'ready'), {
                'id': [each.id for each in shown]})

            self.assertEqual(url(name), ways(page)['Cancel'])

    def test_what_can_be_done_with_the_image_of_another_project_is_said(self):
        # The dialog of an instance leads here, whoever its image belongs to.
        self.patch('preview_preset', [editing.Preview(
            edit(hw_qemu_guest_agent='yes'), image(),
            errors.Forbidden('Glance', ''))])

        response = self.client.get(url('preset_images', 'ready'), {'id': ID})

        self.assertContains(response, 'launch an instance from it')
        for offered in (b'name="edit"', b'openstack image set'):
            assert offered not in response.content

    def test_what_cannot_be_is_not_found(self):
        self.patch('preview_preset', [errors.NotFound('Glance', 'x')])

        for address, status in (
                (url('preset_images', 'other'), 404),
                (url('preset_images', 'ready') + '?id=' + ID, 404),
                (url('preset_images', 'ready') + '?id=../x', 400)):
            self.assertEqual(status, self.client.get(address).status_code)


class SaveTest(ImagesTestCase):

    def save(self, outcome, **fields):
        self.made = self.patch('save', outcome)
        return self.client.post(url('save_images'), {
            'edit': outcome.edit.dump(), **fields})

    def look(self, response, now):
        """Follow a save to the page that it leads to."""
        with mock.patch.object(
                editing.glance, 'get_image', autospec=True,
                side_effect=lambda _session, _id: now):
            return self.client.get(response.url)

    def test_what_was_read_back_is_shown(self):
        now = image({'a': '1'})
        page = self.look(self.save(editing.Outcome(edit(a='1'), now)), now)

        self.assertContains(page, 'read back from the image service')
        self.assertContains(page, 'Verified')

    def test_from_what_was_saved_the_list_that_has_it_can_be_reached(self):
        saved = self.save(editing.Outcome(edit(a='1'), self.own()))
        for now, name, title in (
                (self.own(), 'images', 'All images'),
                (builders.sealed(owner=self.tenant.id), 'image_snapshots',
                 'All snapshots')):
            page = self.look(saved, now)

            self.assertEqual(url(name), ways(page)[title])

    def test_loading_the_page_again_saves_nothing(self):
        now = image({'a': '1'})
        saved = self.save(editing.Outcome(edit(a='1'), now))
        self.made.reset_mock()

        for _time in range(2):
            self.look(saved, now)

        assert not self.made.called

    def test_what_is_another_way_is_shown(self):
        now = image({'a': EVIL})
        page = self.look(self.save(editing.Outcome(
            edit(a='1'), now, unlike=('a',))), now)

        self.assertContains(page, 'Not as wanted')
        self.assertNotContains(page, EVIL)
        self.assertNotContains(page, 'value="undo"')

    def test_what_does_not_fit_in_an_address_is_shown_at_once(self):
        # Nothing that could be packed.
        wanted = {'a': random.Random(1).randbytes(4000).hex()}

        page = self.save(editing.Outcome(edit(**wanted), image(wanted)))

        self.assertContains(page, 'read back from the image service')
        self.assertContains(page, 'value="undo"')

    def test_nobody_can_forge_what_was_saved(self):
        page = self.client.get(url('saved_images'), {'done': 'forged:x'})

        self.assertRedirects(page, url('images'),
                             fetch_redirect_response=False)

    def test_an_image_that_is_gone_by_then_is_told(self):
        saved = self.save(editing.Outcome(edit(a='1'), image({'a': '1'})))
        with mock.patch.object(editing.glance, 'get_image', autospec=True,
                               side_effect=errors.NotFound('Glance', 'x')):
            page = self.client.get(saved.url)

        self.assertEqual(404, page.status_code)

    def test_undo_leads_to_the_preview_of_what_was_there(self):
        now = image({'a': '1', 'kept': 'x'})
        page = self.look(self.save(editing.Outcome(
            edit({'a': 'before'}, a='1'), now)), now)
        carried = html.unescape(re.search(
            'name="edit" value="([^"]+)"', page.content.decode()).group(1))
        self.patch('open_sheet', sheet(self.own(now.properties)))
        preview = self.patch('preview', editing.Preview(
            edits.Edit.load(carried), now))

        self.client.post(url('image', ID), {'edit': carried, 'step': 'undo'})

        self.assertEqual(edit(now.properties, a='before').changes,
                         preview.call_args.args[1].changes)
        self.assertEqual(now.properties, preview.call_args.args[1].opened)

    def test_undo_is_not_a_way_to_what_is_locked(self):
        self.patch('open_sheet', sheet(self.own()))
        preview = self.patch('preview', None)

        page = self.client.post(url('image', ID), {
            'edit': edit(consistency_verdict='x').dump(), 'step': 'undo'})

        self.assertEqual(400, page.status_code)
        assert not preview.called

    def test_a_new_instance_can_be_launched_where_the_image_is_whole(self):
        saved = self.save(editing.Outcome(edit(a='1'), image({'a': '1'})))
        for status, offered in (('active', True), ('saving', False)):
            page = self.look(saved, image({'a': '1'}, status=status))

            self.assertEqual(
                offered, ("imageId: '%s'" % ID.replace('-', '\\u002D')
                          ).encode() in page.content)

    def test_whoever_comes_back_from_logging_in_sees_where_it_began(self):
        for query, address in (
                ('?id=' + ID, url('image', ID)),
                ('?preset=ready&id=' + ID,
                 url('preset_images', 'ready') + '?id=' + ID),
                ('', url('images'))):
            page = self.client.get(url('save_images') + query)

            self.assertRedirects(page, address,
                                 fetch_redirect_response=False)

    def test_the_preview_says_where_it_began(self):
        shown = self.own()
        self.patch('open_sheet', sheet(shown))
        self.patch('preview', editing.Preview(edit(a='1'), shown))
        self.patch('preview_preset', [editing.Preview(edit(a='1'), shown)])

        single = self.client.post(url('image', ID), {
            'edit': edit().dump(), 'step': 'preview',
            'others-TOTAL_FORMS': '0', 'others-INITIAL_FORMS': '0'})
        preset = self.client.get(url('preset_images', 'ready'), {'id': ID})

        self.assertContains(single, 'save/?id=%s"' % ID)
        self.assertContains(preset, 'save/?preset=ready&amp;id=%s"' % ID)

    def test_a_refusal_is_shown_in_words(self):
        response = self.save(editing.Outcome(
            edit(a='1'), problem=errors.Forbidden('Glance', EVIL)))

        self.assertContains(response, 'Not saved.')
        self.assertNotContains(response, EVIL)

    def test_an_answer_that_cannot_be_used_is_not_quoted(self):
        response = self.save(editing.Outcome(
            edit(a='1'), problem=errors.Unusable('Glance', 'KeyError')))

        self.assertContains(response, 'no usable answer')
        self.assertNotContains(response, 'KeyError')

    def test_a_service_that_takes_no_more_requests_is_not_quoted(self):
        response = self.save(editing.Outcome(
            edit(a='1'), problem=errors.TooMany('Glance', 'HTTP 429 x')))

        self.assertContains(response, 'Too many requests came at once')
        self.assertNotContains(response, 'HTTP 429 x')

    def test_both_changes_are_shown_and_one_is_chosen(self):
        wanted = edit({'a': '1'}, a='2', b='2')
        today = {'a': '3', 'c': EVIL}
        response = self.save(editing.Outcome(
            wanted, image(today), disputes=edits.disputes(
                wanted, today)))
        carried = html.unescape(re.search(
            r'name="edit" value="([^"]*)"',
            response.content.decode()).group(1))
        self.client.post(url('save_images'), {
            'edit': carried, 'side-a': 'theirs', 'side-b': 'mine'})

        self.assertContains(response, 'Nothing was saved.')
        self.assertNotContains(response, EVIL)
        self.assertEqual(
            edits.Edit(ID, today, (
                edits.Change('b', None, '2'),)),
            self.made.call_args.args[1])
