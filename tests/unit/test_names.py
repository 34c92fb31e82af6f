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

"""Everything that others can name has a hostile name: all pages are walked.

It is shown as it is, as text. No line of a log is its own, and nothing that
proves who a user is comes into a page or a log.
"""

import contextlib
import html
import json
import logging
from unittest import mock

from django.core.cache import cache

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import facts
from tests.unit import builders
from tests.walls import cloud as clouds
from tests.walls import walking

TOKEN = 'gAAAAABsecret-of-a-member'
# Markup for elements, attributes and scripts; what a shell, a terminal and a
# log take for their own; what turns the text round; four-byte characters.
MARK = '<b id=evil>'
HOSTILE = (MARK + '\'"`$(reboot);&|\\ {{7*7}}{% x %}</script><!--]]>'
           '\u202e\u2066%s%(x)d')
LOUD = HOSTILE + '\r\n2026 ERROR forged\x1b[2J\x00\x9b'
LONG = (HOSTILE + '\U0001f4a9' * 255)[:255]


def rename(cloud):
    """Let all that services tell be called so."""
    cloud.console.noise(LOUD)
    for server in cloud.servers.values():
        server.update({
            'name': LONG, 'key_name': HOSTILE, 'locked': True,
            'locked_reason': LOUD, 'user_id': HOSTILE,
            'OS-EXT-AZ:availability_zone': HOSTILE,
            'OS-EXT-SRV-ATTR:root_device_name': HOSTILE,
            'security_groups': [{'name': HOSTILE}],
            'addresses': {HOSTILE: [{'addr': HOSTILE}]},
            'flavor': {'original_name': HOSTILE},
            'metadata': {HOSTILE: LOUD, **server['metadata']}})
        server['image'] = {**server['image'], 'properties': {
            **server['image']['properties'], 'os_distro': HOSTILE,
            HOSTILE: LOUD}}
    for image in cloud.images.values():
        image.update({
            'name': LONG, 'tags': [HOSTILE], 'os_distro': LOUD,
            'os_version': LOUD, 'os_admin_user': HOSTILE, HOSTILE: LONG,
            'team': LOUD, 'consistency_requested_by': HOSTILE})


class Cloud(clouds.Cloud):
    """Services whose definitions of properties and refusals are so too."""

    def _glance(self, visitor, request, url):
        if url.path == '/v2/metadefs/namespaces':
            return 200, {'namespaces': [{'namespace': 'one'}]}
        if url.path.startswith('/v2/metadefs/namespaces/'):
            return 200, {'namespace': 'one', 'display_name': LOUD,
                         'resource_type_associations': [
                             {'name': 'OS::Glance::Image', 'prefix': ''}],
                         'properties': {
                             facts.AGENT_PROPERTY: self.define(),
                             HOSTILE: self.define()}}
        return super()._glance(visitor, request, url)

    @staticmethod
    def define():
        return {'title': LOUD, 'description': LOUD, 'type': 'string',
                'enum': ['yes', HOSTILE]}


class NamesTest(walking.Walker):

    def setUp(self):
        super().setUp()
        self.tokens[walking.MEMBER].id = TOKEN
        self.records = []
        handler = logging.Handler()
        handler.emit = self.records.append
        # At its most talkative.
        logger = logging.getLogger('snapshot_panel')
        former = logger.level
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.addCleanup(logger.setLevel, former)

    @contextlib.contextmanager
    def cloud(self, prepare, refusing=False):
        cloud = Cloud({TOKEN: walking.MEMBER}, self.projects)
        prepare(cloud)
        rename(cloud)
        send = cloud.send

        def refuse(adapter, request, **options):
            return clouds._answer(adapter, request, 409, {
                'error': {'message': LOUD, 'code': 409}})
        cache.clear()
        with mock.patch('requests.adapters.HTTPAdapter.send', autospec=True,
                        side_effect=refuse if refusing else send):
            yield self._client(walking.MEMBER)

    def assert_tame(self, answer):
        self.assertLess(answer.status_code, 500)
        self.assertNotIn(TOKEN, answer.content.decode())
        for each in texts(answer):
            self.assertNotIn(MARK, each)
        for name, value in answer.headers.items():
            self.assertTrue(value.isprintable(), (name, value))
            self.assertNotIn(TOKEN, value)
        for record in self.records:
            said = record.getMessage() + (record.exc_text or '')
            self.assertTrue(record.getMessage().isprintable(), said)
            self.assertNotIn(TOKEN, said)

    def test_every_page_shows_them_as_text(self):
        for name in walking.PARTS:
            with self.subTest(name), self.cloud(
                    walking.unfinished) as client:
                self.assert_tame(client.get(
                    walking.address(name) + walking.query(name)))

    def test_every_click_says_them_as_text(self):
        for act in walking.ACTS:
            with self.subTest(act.title), self.cloud(act.prepare) as client:
                self.assert_tame(client.post(
                    walking.address(act.page), act.fields(walking.OWN),
                    follow=True))

    def test_what_a_service_says_is_text(self):
        """Where each request is refused with a hostile reason."""
        for name in walking.PARTS:
            with (self.subTest(name),
                  self.cloud(walking.unfinished, True) as client):
                self.assert_tame(client.get(
                    walking.address(name) + walking.query(name)))

    def test_they_are_shown_as_they_are(self):
        for name in ('index', 'instance', 'images', 'image'):
            with (self.subTest(name),
                  self.cloud(lambda cloud: None) as client):
                page = client.get(walking.address(name))

                self.assertIn(LONG, html.unescape(page.content.decode()))

    def test_the_measure_finds_what_is_not_tame(self):
        answer = mock.Mock(status_code=200, headers={}, content=MARK.encode())
        with self.assertRaises(AssertionError):
            self.assert_tame(answer)
        with self.assertRaises(AssertionError):
            self.assert_tame(mock.Mock(
                status_code=200, headers={}, content=json.dumps(
                    {'parts': [MARK]}).encode()))
        self.records.append(logging.makeLogRecord({'msg': 'a\nb'}))
        with self.assertRaises(AssertionError):
            self.assert_tame(mock.Mock(status_code=200, headers={},
                                       content=b''))


def texts(answer):
    """Return all in an answer that a browser or a script takes for HTML."""
    try:
        return list(walk(json.loads(answer.content)))
    except ValueError:
        return [answer.content.decode()]


def walk(value, key=None):
    """Return the texts of an answer in JSON."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from walk(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each, key)
    # That one is said as text (say() in asking.js).
    elif isinstance(value, str) and key != 'told':
        yield value


def test_a_name_is_one_line_of_a_log():
    assert errors.one_line(LOUD).isprintable()
    assert builders.INSTANCE in errors.one_line(builders.INSTANCE + LOUD)
