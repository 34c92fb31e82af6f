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

"""The page of an instance and its dialog: the checks and their ways."""

import pytest

from snapshot_panel.cloud import details
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.ui import lines
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')


class InstanceTest(cases.PanelTestCase):

    def test_the_checks_and_the_snapshots_are_shown(self):
        self.show(builders.instance(), builders.sealed(name='monday'),
                  builders.image(id='another', name='tuesday'))

        page = self.text(cases.INSTANCE)

        for word in ('Channel to the guest agent', 'Guest kit', 'monday',
                     'tuesday', 'by ann'):
            assert word in page

    def test_only_a_missing_channel_leads_to_what_gives_the_image_one(self):
        for values, image_id, linked in (
                ({}, builders.BASE_IMAGE, True),
                ({facts.AGENT_PROPERTY: 'yes'}, builders.BASE_IMAGE, False),
                ({}, None, False)):
            self.show(builders.instance(
                image_id=image_id, properties=facts.Properties(
                    values, facts.Source.EMBEDDED)))

            for url in (cases.INSTANCE, cases.SNAPSHOT):
                self.assertEqual(linked, cases.CHANNEL in self.text(url),
                                 url)

    def test_without_glance_the_checks_are_shown(self):
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)

        page = self.text(cases.INSTANCE)

        assert 'Guest kit' in page
        assert 'the image service did not answer' in page

    def test_a_guest_that_cannot_be_asked_is_said(self):
        self.hear.return_value = {builders.INSTANCE: cases.NOVA_DOWN}

        self.assertContains(self.client.get(cases.INSTANCE),
                            'could not be asked')

    def test_a_problem_is_a_page_with_its_status(self):
        for kind in cases.PROBLEMS:
            self.one.side_effect = kind('Nova', 'secret reason')

            for url in (cases.INSTANCE, cases.SNAPSHOT):
                response = self.client.get(url)

                self.assertEqual(kind.status, response.status_code)
                self.assertTemplateUsed(response,
                                        'consistent_snapshots/problem.html')
                self.assertNotContains(response, 'secret reason',
                                       status_code=kind.status)

    def test_an_expired_token_leads_to_the_login(self):
        self.one.side_effect = cases.EXPIRED

        response = self.client.get(cases.INSTANCE)

        self.assert_login(response)


def test_an_image_that_has_drifted_is_one_click_away():
    today = facts.Image(builders.BASE_IMAGE, 'debian', 'active', {})
    row = lines.instance_row(builders.instance(), [],
                             details.Details(today=today))

    line = row.line(checklist.Check.DRIFT)

    assert [link.url for link in line.links] == [cases.IMAGE]
    assert 'hw_qemu_guest_agent' in line.found
