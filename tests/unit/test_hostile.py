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


"""Hostile records: every page answers, whatever somebody wrote where."""

import itertools
import json

from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import images
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.instance import history
from snapshot_panel.instance import proof
from snapshot_panel.ui import lines
from snapshot_panel.ui import words
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')

OTHER = '22222222-bbbb-4bbb-8bbb-22222222222b'
NEWS, COMPARE = (
    reverse('horizon:project:consistent_snapshots:' + name,
            args=[builders.INSTANCE]) for name in ('news', 'compare'))
PROOF, LOST = (
    reverse('horizon:project:consistent_snapshots:proof',
            args=[builders.INSTANCE, image_id])
    for image_id in (builders.SNAPSHOT, OTHER))
SAVE = reverse('horizon:project:consistent_snapshots:save_images')

# What stands in place of the values of a record.
VALUES = (r'"\ud800"', r'"a\udfffb"', '"0001-01-01T00:00:00Z"',
          '"9999-12-31T23:59:59Z"', '"9999-12-31T23:59:59-14:00"',
          'Infinity', 'NaN', '1e999', '9' * 30, 'null', 'true', '{}', '[[]]',
          '{"/": "x", "\\ud800": Infinity}', '[' * 900 + ']' * 900,
          '"\\u0000<b>\\u202e"', '{"a": {"b": [1, null]}}')
NAMES = ('name', 'by', 'at', 'gone', 'cause', 'step', 'after', 'since',
         'image', 'frozen', 'hooks', 'hook', 'open', 'torn', 'volumes',
         'disk', 'left_out', 'contradicts', 'boot', 'seq', 'limit')
TEXTS = tuple(
    '{%s}' % ', '.join('"%s": %s' % (name, value) for name in NAMES)
    for value in VALUES) + ('null', '[1]', '{', '[' * 100000)
EVIDENCE = st.dictionaries(st.sampled_from(NAMES), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats()
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.text(st.characters()) | st.sampled_from(['paths', 'volumes']),
        inner), max_leaves=10))


def hostile_image(text, **changes):
    return builders.sealed(
        verdict.Rule.FREEZE_WITNESSED, properties={
            records.EVIDENCE: text, records.REQUESTED_AT: text,
            records.REQUESTED_BY: text, records.REPLACES: text,
            records.SECONDS: text, facts.SHUTDOWN_TIMEOUT_PROPERTY: text,
            'os_version': text}, **changes)


def hostile_instance(text):
    return builders.instance(metadata={
        records.MEMORY_PREFIX + OTHER: text, records.PLAN_KEY: text})


class PagesTest(cases.PanelTestCase):

    def opens(self, url, text, **parameters):
        with self.subTest(url, text=text[:60]):
            page = self.client.get(url, parameters)
            self.assertEqual(200, page.status_code)

    def test_every_page_of_an_instance_answers(self):
        for text in TEXTS:
            self.show(hostile_instance(text), hostile_image(text),
                      builders.image({**builders.mapping(),
                                      facts.MAPPING_PROPERTY: text}))

            for url in (cases.INDEX, cases.INSTANCE, cases.SNAPSHOT, NEWS):
                self.opens(url, text)
            self.opens(cases.ROWS, text, id=builders.INSTANCE)

    def test_two_hostile_snapshots_are_compared(self):
        chosen = self.patch('chosen', None, snapshots)
        for text in TEXTS:
            chosen.return_value = (hostile_instance(text), [
                hostile_image(text), builders.image()])

            self.opens(COMPARE, text, snapshot=['a', 'b'])

    def test_a_hostile_snapshot_has_a_proof(self):
        chosen = self.patch('chosen', None, snapshots)
        for text in TEXTS:
            chosen.return_value = (hostile_instance(text),
                                   [hostile_image(text)])
            self.opens(PROOF, text)
            # One that only the server remembers.
            chosen.return_value = (hostile_instance(text), [None])
            self.opens(LOST, text)

    def test_the_pages_of_images_answer(self):
        listed = self.patch('list_page', None, images)
        opened = self.patch('open_sheet', None, editing)
        for text in TEXTS:
            image = hostile_image(text, owner=self.tenant.id)
            listed.return_value = images.ImagePage((image,), users={})
            opened.return_value = editing.Sheet(image, {}, True, ())

            self.opens(cases.IMAGES, text)
            self.opens(cases.IMAGE, text)

    def test_a_hostile_list_of_what_was_shown_is_a_broken_one(self):
        for text in (*TEXTS, '[["a", Infinity, "x"]]', '[["a", 1e999, "x"]]',
                     '[[[[["a"]]]]]', '[["a", NaN, "x"]]', '[["a", 1]]'):
            with self.subTest(text=text[:60]):
                response = self.client.post(cases.SNAPSHOT, {
                    'name': 'mine', 'promise': 'filesystem-consistent',
                    'strict': 'on', 'shown': text})

                self.assertRedirectsNoFollow(response, cases.INDEX)
                assert self.take.call_args.kwargs['shown'] == {}

    def test_a_hostile_edit_is_a_bad_request(self):
        for url, text in itertools.product((cases.IMAGE, SAVE), TEXTS):
            with self.subTest(url, text=text[:60]):
                response = self.client.post(url, {'edit': text})

                self.assertEqual(400, response.status_code)


@given(st.sampled_from(verdict.Rule), EVIDENCE)
def test_whatever_a_seal_rests_on_has_words(rule, evidence):
    seal = records.Seal(rule.verdict.value, rule.code, {}).properties()
    image = builders.sealed(rule, properties={
        **seal, records.EVIDENCE: json.dumps(evidence)})

    line = lines.snapshot_line(image, builders.instance())

    parts = proof.parts(history.Entry(line, builders.instance()))
    for text in (words.reason(line.decision), *history.evidence(line),
                 *(text for part in parts for text in part.sentences)):
        str(text).encode()
