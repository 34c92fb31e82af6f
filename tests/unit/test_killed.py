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


"""Horizon is killed after each of its writes, and somebody looks later."""

import json
from unittest import mock

from django.core.cache import cache
from openstack_dashboard.test import helpers
from oslo_utils import timeutils

from snapshot_panel.consistency import records
from tests.unit import builders
from tests.unit import cases
from tests.walls import cloud as clouds
from tests.walls import walking


INSTANCE, MADE = builders.INSTANCE, clouds.MADE
# All that Horizon writes from a click to the last of what it leads to: it may
# be killed after each.
WRITES = [
    ('snapshot', INSTANCE), ('note', INSTANCE), ('binding', MADE),
    ('seal', MADE), ('note', INSTANCE), ('deletion', builders.SNAPSHOT),
    ('deletion', clouds.SECOND), ('property', MADE)]


class Killed(BaseException):
    """The process is not there any more."""


class Cloud(clouds.Cloud):
    """Services whose user's process dies right after one of its writes.

    :ivar left: so many writes are still to come; None: it lives on
    """

    left = None

    def send(self, adapter, request, **options):
        if self.left == 0:
            raise Killed
        before = len(self.written)
        answer = super().send(adapter, request, **options)
        if self.left is not None:
            self.left -= len(self.written) - before
        if self.left == 0:
            raise Killed
        return answer

    def _nova_action(self, visitor, request, server):
        answer = super()._nova_action(visitor, request, server)
        if 'image_id' in (answer[1] or {}):
            self.images[MADE].update(
                _metadata(request), created_at=_now(), updated_at=_now())
        return answer

    def _nova_server(self, visitor, request, server, part):
        status, body = super()._nova_server(visitor, request, server, part)
        if part == '/os-instance-actions' and MADE in self.images:
            body['instanceActions'].insert(0, {
                'action': 'createImage', 'request_id': builders.OWN,
                'user_id': 'user'})
        return status, body

    def finish(self):
        """Let Nova have uploaded what it was asked for."""
        if MADE in self.images:
            self.images[MADE].update(
                status='active', updated_at=_now())


def _metadata(request):
    return json.loads(request.body)['createImage']['metadata']


def _now():
    return timeutils.utcnow().strftime('%Y-%m-%dT%H:%M:%SZ')


class KilledTest(helpers.TestCase):
    """A snapshot that replaces two others, from the click to the last."""

    def setUp(self):
        super().setUp()
        cases.PanelTestCase.act_as(self, 'member')
        cases.leave_out_the_frame(self)

    def live(self, cloud):
        """Click, and look until nothing is unsettled."""
        page = self.client.get(cases.SNAPSHOT)
        self.client.post(cases.SNAPSHOT, {
            'name': 'mine', 'promise': 'filesystem-consistent', 'keep': '1',
            'shown': page.context['form']['shown'].value()})
        cloud.finish()
        self.look()

    def look(self):
        # Of another process, which has no memory of the first.
        cache.clear()
        for _again in range(3):
            self.client.post(cases.ROWS, {'id': INSTANCE})

    def play(self, left):
        cloud = Cloud({self.token.id: walking.MEMBER},
                      {clouds.OWN: self.tenant.id, clouds.OTHER: 'other'})
        cloud.left = left
        cache.clear()
        with mock.patch('requests.adapters.HTTPAdapter.send', autospec=True,
                        side_effect=cloud.send):
            try:
                self.live(cloud)
            except Killed:
                cloud.left = None
                cloud.finish()
                self.look()
        return cloud

    def test_these_are_the_writes(self):
        cloud = self.play(None)

        self.assertEqual(WRITES, cloud.written)
        self.assert_whole(cloud)

    def test_it_is_killed_after_each_and_nothing_is_lost(self):
        for left in range(1, len(WRITES) + 1):
            with self.subTest(left=left, after=WRITES[left - 1]):
                cloud = self.play(left)

                self.assertEqual(
                    [('snapshot', INSTANCE)],
                    [each for each in cloud.written if each[0] == 'snapshot'])
                self.assert_whole(cloud)
                # The choice of what goes is written with the third.
                self.assertEqual(left < 3, clouds.SECOND in cloud.images)

    def assert_whole(self, cloud):
        """It has its verdict, nothing waits, and no proof went before it."""
        made = cloud.images[MADE]
        self.assertEqual('filesystem-consistent', made[records.VERDICT])
        self.assertEqual(MADE, made[records.IMAGE])
        self.assertEqual({}, cloud.servers[INSTANCE]['metadata'])
        whats = [what for what, _id in cloud.written]
        if 'deletion' in whats:
            self.assertLess(whats.index('seal'), whats.index('deletion'))
            self.assertEqual(records.DONE, made[records.REPLACED])
