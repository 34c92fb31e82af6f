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

"""Consoles as Nova should not give them: huge, binary, empty, forbidden."""

from unittest import mock

from django.core.cache import cache

from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import records
from tests.unit import builders
from tests.unit import cases
from tests.walls import cloud as clouds
from tests.walls import walking

MB = 1 << 20
PAGES = [walking.address(name) for name in (
    'index', 'instance', 'snapshot', 'setup', 'setup_status', 'fix')] + [
    cases.ROWS + '?id=' + builders.INSTANCE]
BINARY = ''.join(map(chr, range(256))) * 16 + '\ud800\udfff\u202e\ufffe'


def said(text):
    """Return a guest's console with its kit's lines behind a text."""
    console = builders.started()
    console.noise(text)
    return console


class ConsoleTest(walking.Walker):
    """Each page answers, and the snapshot gets the verdict of its disk."""

    def prepare(self, console):
        def prepare(cloud):
            cloud.console = console
        return prepare

    def assert_all_answer(self, console, without=()):
        for path in PAGES:
            with self.subTest(path):
                seen = self.visit(walking.MEMBER, 'get', path, None, without,
                                  self.prepare(console))

                self.assertEqual(200, seen.status)

    def judge(self, console, without=()):
        """Return what a snapshot that waits for its verdict has then."""
        cloud = clouds.Cloud({each.name: each for each in walking.VISITORS},
                             self.projects, without)
        cloud.console = console
        walking.unfinished(cloud)
        cloud.servers[builders.INSTANCE]['metadata'] = {}
        cache.clear()
        with mock.patch('requests.adapters.HTTPAdapter.send', autospec=True,
                        side_effect=cloud.send):
            self._client(walking.MEMBER).post(
                cases.ROWS, {'id': builders.INSTANCE})
        return cloud.images[builders.SNAPSHOT]

    def assert_proven(self, console):
        self.assertEqual('filesystem-consistent',
                         self.judge(console)[records.VERDICT])

    def test_one_of_ten_megabytes(self):
        console = said(('x' * 70 + '\n') * (10 * MB // 71))
        console.say('started')

        self.assert_all_answer(console)
        self.assert_proven(console)

    def test_what_is_kept_of_it_fits_into_a_cache(self):
        console = said('[' * 10 * MB)
        self.visit(walking.MEMBER, 'get', walking.address('instance'), None,
                   (), self.prepare(console))

        key = guests._guest_key(builders.instance(
            project_id=self.projects[clouds.OWN]))
        kept = cache.get(key).guest.console

        self.assertLessEqual(len(kept), nova._CONSOLE_LIMIT)
        self.assertLess(len(kept.encode()), MB)
        self.assertTrue(console.text.endswith(kept))

    def test_its_newest_lines_are_those_that_count(self):
        """Also where the line before them is cut in two."""
        console = said('x' * 10 * MB)
        console.say('stopped')

        tip = nova_reads(console)

        self.assertTrue(tip.endswith(console.text[-100:]))
        self.assertEqual('stopped', builders.witness.read(tip).tip.event)

    def test_one_of_bytes_that_are_no_text(self):
        for console in (said(BINARY), said('\0\x1b[2J' * 9999)):
            self.assert_all_answer(console)
            self.assert_proven(console)

    def test_one_that_is_empty(self):
        for text in ('', ' \n' * MB):
            console = mock.Mock(text=text, baseline=None)

            self.assert_all_answer(console)
            self.assert_proven(console)

    def test_one_that_the_policy_keeps_from_this_user(self):
        console = builders.started()
        rule = 'os_compute_api:os-console-output'

        self.assert_all_answer(console, (rule,))
        image = self.judge(console, (rule,))

        # The disk decides alone, whatever the guest would have said besides.
        self.assertEqual('filesystem-consistent', image[records.VERDICT])


def nova_reads(console):
    client = mock.Mock()
    client.servers.get_console_output.return_value = console.text
    with mock.patch.object(nova, 'client', return_value=client):
        return nova.get_console(mock.Mock(), builders.INSTANCE)
