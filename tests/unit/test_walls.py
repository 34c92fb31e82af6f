# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""The panel's addresses, all of them, by every method."""

from unittest import mock

from django.test import Client
from django.urls import reverse
from django.urls import URLPattern
from openstack_dashboard.test import helpers
import pytest
import requests

from snapshot_panel.cloud import frame
from snapshot_panel import urls
from tests.unit import builders

PANEL = 'horizon:project:consistent_snapshots:'
# What an address holds, by the name that it has there.
HELD = {'instance_id': builders.INSTANCE, 'image_id': builders.BASE_IMAGE,
        'name': 'consistency-kit.sh', 'code': 'ready'}
LOOKS = ('get', 'head', 'options')
CHANGES = ('post', 'put', 'patch', 'delete', 'trace')


def patterns(found, *names):
    """Return the names of an address's parts by the address's name."""
    for each in found:
        here = (*names, *each.pattern.regex.groupindex)
        if isinstance(each, URLPattern):
            yield each.name, here
        else:
            yield from patterns(each.url_patterns, *here)


ADDRESSES = {name: reverse(PANEL + name, args=[HELD[part] for part in parts])
             for name, parts in patterns(urls.urlpatterns)}


def test_every_address_is_walked():
    assert {'index', 'rows', 'image', 'setup_file', 'restart'} <= set(
        ADDRESSES)
    assert len(set(ADDRESSES.values())) == len(ADDRESSES)


@pytest.mark.parametrize('method', LOOKS + CHANGES)
def test_who_is_not_logged_in_is_sent_to_the_login(method):
    stranger = Client()
    for name, address in ADDRESSES.items():
        answer = getattr(stranger, method)(address)

        assert answer.status_code == 302, name
        assert '/auth/login/?next=' in answer['location'], name


class WallsTest(helpers.TestCase):

    def setUp(self):
        super().setUp()
        self.sent = []

        def send(_adapter, request, **_options):
            self.sent.append(request)
            raise requests.ConnectionError('nobody is there')

        self.enterContext(mock.patch.object(
            requests.adapters.HTTPAdapter, 'send', autospec=True,
            side_effect=send))
        # The services of the frame are not there.
        self.enterContext(mock.patch.object(
            frame, 'questions', autospec=True, return_value=()))

    def test_looking_changes_nothing(self):
        for name, address in ADDRESSES.items():
            for method in LOOKS:
                with self.subTest(name, method=method):
                    getattr(self.client, method)(address)

        self.assertTrue(self.sent)
        self.assertLessEqual({request.method for request in self.sent},
                             {'GET', 'HEAD'})

    def test_without_its_token_nothing_is_accepted(self):
        client = Client(enforce_csrf_checks=True)
        client.cookies = self.client.cookies
        for name, address in ADDRESSES.items():
            for method in CHANGES[:-1]:
                with self.subTest(name, method=method):
                    answer = getattr(client, method)(address)

                    self.assertEqual(403, answer.status_code)
        self.assertEqual([], self.sent)

    def test_what_a_page_does_not_know_it_refuses(self):
        for name, address in ADDRESSES.items():
            # Django's forms take PUT for POST.
            for method in ('patch', 'delete', 'trace'):
                with self.subTest(name, method=method):
                    answer = getattr(self.client, method)(address)

                    self.assertEqual(405, answer.status_code)
        self.assertEqual([], self.sent)
