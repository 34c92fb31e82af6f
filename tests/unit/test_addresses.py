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

"""Every address of the panel can be looked at, and looking writes nothing.

Who had to log in first, or loads a page again, comes with a GET.
"""

from django.urls import resolve
from django.urls import reverse
from django.urls import URLPattern
import pytest

from snapshot_panel.cloud import details
from snapshot_panel.cloud import editing
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import images
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import facts
from snapshot_panel import urls
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')

# What an address may hold.
VALUES = {'instance_id': builders.INSTANCE, 'image_id': builders.BASE_IMAGE,
          'code': 'ready', 'name': 'consistency-kit.sh'}

# Whatever changes something in the cloud, and what leads there.
WRITING = {
    nova: ('create_image', 'remember', 'forget', 'set_metadata',
           'delete_metadata', 'stop', 'start', 'create_server'),
    glance: ('add_properties', 'patch', 'delete_image'),
    editing: ('save',),
    restarting: ('cancel', 'leave', 'start'),
    settling: ('settle_orphan', 'check_again'),
}


def _patterns(patterns, around=()):
    for each in patterns:
        held = (*around, *each.pattern.regex.groupindex,
                *each.pattern.converters)
        if isinstance(each, URLPattern):
            yield each.name, set(held)
        else:
            yield from _patterns(each.url_patterns, held)


def addresses():
    """Return every address of the panel by its name."""
    return {name: reverse('horizon:project:consistent_snapshots:' + name,
                          kwargs={each: VALUES[each] for each in held})
            for name, held in _patterns(urls.urlpatterns)}


def only_posted(address):
    """Return whether a view has nothing of its own to show."""
    return resolve(address).func.view_class.__name__ in (
        'TakeView', 'PlanView', 'JudgeView', 'CheckView', 'SaveView')


class LookingTest(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        image = facts.Image(builders.BASE_IMAGE, 'debian', 'active', {},
                            owner=self.tenant.id)
        self.patch('open_sheet', editing.Sheet(image, {}), editing)
        self.patch('list_page', images.ImagePage((image,), users={}), images)
        self.patch('preview_preset', [editing.Preview(
            editing.edits.Preset.READY.edit(image), image)], editing)
        self.patch('listen', cases.guest(), guests)
        self.patch('ask_networks', None, details)
        self.patch('of_root', None, volumes)
        self.patch('of_instance', (), volumes)
        self.patch('chosen', (builders.instance(), [builders.sealed()]))
        self.writing = [self.settle, self.dismiss, self.take, *(
            self.patch(name, None, module)
            for module, names in WRITING.items() for name in names)]

    def assert_wrote_nothing(self, name):
        for writing in self.writing:
            assert not writing.called, (name, writing)

    def test_every_address_is_a_page_or_leads_to_one(self):
        found = addresses()
        assert len(found) > 20

        for name, address in found.items():
            status = self.client.get(address).status_code

            assert status in (200, 302), (name, status)
            self.assert_wrote_nothing(name)

    def test_what_is_only_posted_leads_to_its_page(self):
        led = {name: self.client.get(address).url
               for name, address in addresses().items()
               if only_posted(address)}

        for name in ('take', 'restart_choice'):
            assert led.pop(name) == cases.INSTANCE
        for name in ('judge_image', 'check_image'):
            assert led.pop(name) == cases.IMAGE
        assert led == {'save_images': cases.IMAGES}
