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

from django.core.cache import cache
from django.test import Client
from openstack_dashboard.test import helpers
import pytest
import requests

from snapshot_panel.cloud import frame
from tests.walls import document
from tests.walls import walking

ADDRESSES = {name: walking.address(name) for name in walking.PARTS}
TABLE = {row['What']: row for row in document.read()}


def test_every_address_is_walked():
    assert {'index', 'rows', 'image', 'setup_file', 'restart'} <= set(
        ADDRESSES)
    assert len(set(ADDRESSES.values())) == len(ADDRESSES)


@pytest.mark.parametrize('method', walking.LOOKS + walking.CHANGES)
def test_who_is_not_logged_in_is_sent_to_the_login(method):
    stranger = Client()
    for name, address in ADDRESSES.items():
        answer = getattr(stranger, method)(address)

        assert answer.status_code == 302, name
        assert '/auth/login/?next=' in answer['location'], name


def test_the_table_has_a_row_for_each_act():
    assert list(document.read()[0]) == list(document.HEADINGS)
    assert {act.title for act in walking.ACTS} <= set(TABLE)
    looks = ' '.join(title for title in TABLE if title.startswith('Look at'))
    assert 'INSTANCE/setup/status/' in looks


class ServicesAreDownTest(helpers.TestCase):

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

    def test_without_its_token_nothing_is_accepted(self):
        client = Client(enforce_csrf_checks=True)
        client.cookies = self.client.cookies
        for name, address in ADDRESSES.items():
            for method in walking.CHANGES[:-1]:
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


class WalkTest(walking.Walker):
    """Some of what ``python -m tests.walls`` walks whole."""

    def test_looking_changes_nothing(self):
        """Also where there is something to settle and to carry on."""
        for name, address in ADDRESSES.items():
            for method in walking.LOOKS:
                with self.subTest(name, method=method):
                    seen = self.visit(
                        walking.MEMBER, method,
                        address + walking.query(name),
                        prepare=walking.unfinished)

                    self.assertLess(seen.status, 500)
                    self.assertEqual((), seen.written)

    def test_what_the_cache_holds_of_one_project_reaches_no_other(self):
        with mock.patch.object(cache, 'clear'):
            for name, address in ADDRESSES.items():
                path = address + walking.query(name)
                mine = self.visit(walking.MEMBER, 'get', path)
                theirs = self.visit(walking.OUTSIDER, 'get', path)
                with self.subTest(name):
                    self.assertFalse(theirs.told)
                    self.assertLess(mine.status, 500)
                    self.assertLess(theirs.status, 500)

    def test_who_may_do_what_is_as_documented(self):
        for act in walking.ACTS:
            for heading in ('Reader', 'Member', 'Member elsewhere',
                            'Admin elsewhere', 'No such id'):
                with self.subTest(act.title, who=heading):
                    visitor, (*_others, ids) = document.COLUMNS[heading]

                    seen = self.do(act, visitor, ids)

                    self.assertEqual(TABLE[act.title][heading],
                                     document.cell(seen, act))

    def test_a_right_that_is_taken_away_is_missed(self):
        # Horizon reads its rules again for each, which takes a while.
        for rule in list(walking.RULES)[::2]:
            acts = [act for act in walking.ACTS if document.told([rule])
                    in TABLE[act.title]['Rights'].split(', ')]
            with self.subTest(rule):
                self.assertEqual(
                    [[rule]] * len(acts),
                    document.rights(self, acts, [rule]) if acts else [])

    def test_what_the_dashboard_does_not_know_the_services_refuse(self):
        """Many do not have Glance's own policy."""
        for rule in walking.RULES:
            for act in walking.ACTS:
                if rule == _LAST.get(act.does):
                    with self.subTest(act.title):
                        seen = self.do(act, walking.MEMBER, without=(rule,))

                        self.assertLess(seen.status, 500)
                        self.assertNotIn(act.does, seen.did)


# Without which what an act does itself is refused.
_LAST = {'snapshot': 'os_compute_api:servers:create_image',
         'stop': 'os_compute_api:servers:stop',
         'start': 'os_compute_api:servers:start',
         'seal': 'modify_image', 'property': 'modify_image',
         'deletion': 'delete_image', 'reading': 'download_image'}


def test_an_answer_that_names_what_another_project_has_is_found():
    """The measure itself."""
    answer = mock.Mock(content=b'<td>project-elsewhere</td>')

    assert walking.tells(walking.MEMBER, answer)
    assert not walking.tells(walking.OUTSIDER, answer)


def test_a_change_that_nobody_asked_for_is_found():
    """The measure itself."""
    seen = walking.Seen(200, '', frozenset(), (('note', 'x'),), frozenset(),
                        False)

    with pytest.raises(AssertionError):
        document.cell(seen)
