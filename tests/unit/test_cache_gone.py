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


"""The cache is gone: each page answers, and each click does what it says.

Sessions are elsewhere, as by default with Horizon.
"""

from unittest import mock

from snapshot_panel.cloud import cache
from tests.unit import fakes
from tests.walls import walking


class CacheGoneTest(walking.Walker):
    """A member walks all addresses and sends all forms without a cache."""

    def without(self, visit):
        with (mock.patch.object(cache, 'kept', fakes.GoneCache()),
              self.assertLogs(cache.LOG)):
            cache.get('so that there is one')
            return visit()

    def test_every_page_answers_as_it_does_with_one(self):
        for name in walking.PARTS:
            with self.subTest(name):
                def look(name=name):
                    return self.visit(
                        walking.MEMBER, 'get',
                        walking.address(name) + walking.query(name))

                seen = look()

                self.assertLess(seen.status, 500)
                self.assertEqual(seen, self.without(look))

    def test_every_click_does_what_it_says(self):
        for act in walking.ACTS:
            with self.subTest(act.title):
                seen = self.without(
                    lambda act=act: self.do(act, walking.MEMBER))

                self.assertIn(act.does, seen.did)
                self.assertLess(seen.status, 500)
