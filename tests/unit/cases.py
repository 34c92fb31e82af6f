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

"""What the tests of the pages share: a dashboard, its cloud, its addresses."""

import json
import pathlib
import shutil
import tempfile
from unittest import mock
from urllib import parse

from django.conf import settings
from django.test.utils import override_settings
from django.urls import reverse
from novaclient import exceptions as nova_exceptions
from openstack_auth import policy
from openstack_dashboard.test import helpers

from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import frame
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.ui import lines
from tests.unit import builders

INDEX = reverse('horizon:project:consistent_snapshots:index')
ROWS = reverse('horizon:project:consistent_snapshots:rows')
INSTANCE, SNAPSHOT, RESTART, DEED = (
    reverse('horizon:project:consistent_snapshots:' + name,
            args=[builders.INSTANCE])
    for name in ('instance', 'snapshot', 'restart', 'restart_choice'))

IMAGES = reverse('horizon:project:consistent_snapshots:images')
IMAGE = reverse('horizon:project:consistent_snapshots:image',
                args=[builders.BASE_IMAGE])
# What gives that image the channel.
CHANNEL = '%s?id=%s' % (
    reverse('horizon:project:consistent_snapshots:preset_images',
            args=['ready']), builders.BASE_IMAGE)

GLANCE_DOWN = errors.Unavailable('Glance', 'secret reason')
NOVA_DOWN = errors.Unavailable('Nova', 'secret reason')
EXPIRED = nova_exceptions.Unauthorized(401)
PROBLEMS = (errors.NotFound, errors.Forbidden, errors.Conflict,
            errors.OverLimit, errors.Refused, errors.Unavailable)

# A name as nobody should give one: markup, and as long as Nova allows.
EVIL = '<script>alert("x")</script>' + '日' * 230
ESCAPED = '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;'
TAKE = 'instances__take__%s'


def guest(console=None):
    """Return a guest that was asked, ready unless a console says less."""
    console = builders.started() if console is None else console
    return checklist.Guest(True, console.text, builders.actions())


def overview(*instances, images=(), problems=(), **more):
    return snapshots.Overview(instances, images, problems=problems, **more)


def attempt(taken=None):
    instance = builders.instance()
    return taking.Attempt(
        instance, checklist.check(instance, guest(), facts.Deployment()),
        'web-1', taken)


TAKEN = attempt(taking.Taken(builders.SNAPSHOT))
NOT_TAKEN = attempt()


def leave_out_the_frame(case):
    """Let a test's pages ask nothing for Horizon's frame, as long as it runs.

    Its services are not there.
    """
    for name in ('questions', 'bound'):
        patch = mock.patch.object(frame, name, autospec=True, return_value=())
        patch.start()
        case.addCleanup(patch.stop)


class PanelTestCase(helpers.TestCase):
    """A dashboard whose cloud has one ready instance and no snapshots."""

    def setUp(self):
        super().setUp()
        # The time of the builders, for our own eyes only.
        mock.patch.object(lines, 'timeutils', **{
            'utcnow.return_value': builders.NOW}).start()
        instance = builders.instance()
        self.overview = self.patch('overview', overview(instance))
        self.one = self.patch('one', (instance, []))
        self.hear = self.patch('hear_guests', {
            instance.id: guests.Heard(guest(), builders.NOW)}, guests)
        self.ask = self.patch('ask_guest_if_allowed', guest(), guests)
        self.limits = self.patch('ask_limits', facts.Limits(), details)
        self.take = self.patch('take_if_ready', TAKEN, taking)
        self.settle = self.patch('carry_on', None, restarting)
        # Nothing could be settled yet.
        self.settle.side_effect = lambda _request, instance, images, unread: (
            instance, images)
        self.outlook = self.patch('look_ahead', dependents.Outlook(),
                                  dependents)
        self.dismiss = self.patch('dismiss', None)
        self.patch('list_hidden', [], glance)
        leave_out_the_frame(self)

    def patch(self, name, result, module=snapshots):
        return mock.patch.object(module, name, autospec=True,
                                 return_value=result).start()

    def show(self, instance, *images):
        """Let the cloud have this one instance, with these snapshots."""
        self.overview.return_value = overview(instance, images=images)
        self.one.return_value = (instance, list(images))

    def assert_login(self, response):
        """The user is sent to log in, and comes back from there."""
        self.assertEqual(302, response.status_code)
        url = parse.urlsplit(response['location'])
        self.assertEqual(settings.LOGIN_URL, url.path)
        self.assertEqual(response.wsgi_request.get_full_path(),
                         parse.parse_qs(url.query)['next'][0])

    def text(self, url, **parameters):
        return self.client.get(url, parameters).content.decode()

    def act_as(self, role):
        """Give the user this role alone, and let the policies count."""
        self.setActiveUser(
            id=self.user.id, token=self.token, username=self.user.name,
            tenant_id=self.tenant.id, service_catalog=self.service_catalog,
            roles=[{'id': '1', 'name': role}],
            authorized_tenants=self.tenants.list())
        counting = override_settings(
            POLICY_CHECK_FUNCTION='openstack_auth.policy.check')
        counting.enable()
        self.addCleanup(counting.disable)

    def deploy(self, **rules):
        """Let these be what the operator's policy files say.

        :param rules: by service: rules by name.
        """
        folders = {}
        for service, wanted in rules.items():
            folder = pathlib.Path(tempfile.mkdtemp())
            self.addCleanup(shutil.rmtree, folder)
            (folder / 'policy.yaml').write_text(json.dumps(wanted))
            folders[service] = [str(folder)]
        deployed = override_settings(
            POLICY_DIRS={**settings.POLICY_DIRS, **folders})
        deployed.enable()
        policy.reset()
        self.addCleanup(policy.reset)
        self.addCleanup(deployed.disable)
