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

"""The rows that the script asks for, and what they settle."""

import json
import re
from unittest import mock

from django.conf import settings
from django.core.cache import cache
import pytest

from snapshot_panel.cloud import disks
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')


class RowsTest(cases.PanelTestCase):

    def get(self, *instance_ids):
        return self.client.get(cases.ROWS, {'id': instance_ids})

    def post(self, *instance_ids):
        return self.client.post(cases.ROWS, {'id': instance_ids})

    def test_the_rows_that_are_asked_for_are_answered(self):
        self.overview.return_value = cases.overview(
            builders.instance(), builders.instance(id='other'))

        answer = json.loads(self.get(builders.INSTANCE).content)

        self.assertEqual([builders.INSTANCE], list(answer['rows']))
        row = answer['rows'][builders.INSTANCE]
        assert row.strip().startswith('<tr')
        assert 'Ready' in row
        assert 'Running' in row

    def index(self):
        page = self.client.get(cases.INDEX).content.decode()
        return re.search('data-shown="([^"]+)"', page).group(1)

    def test_the_script_asks_about_what_the_page_shows(self):
        name = self.index()
        self.overview.reset_mock()

        answer = json.loads(self.client.get(cases.ROWS, {
            'id': builders.INSTANCE, 'shown': name}).content)

        self.overview.assert_not_called()
        assert 'Ready' in answer['rows'][builders.INSTANCE]

    def test_what_another_project_was_shown_is_not_told(self):
        name = self.index()
        self.overview.reset_mock()
        self.setActiveUser(
            id=self.user.id, token=self.token, username=self.user.name,
            tenant_id='other', service_catalog=self.service_catalog,
            roles=[{'name': 'member'}], authorized_tenants=self.tenants.list())

        self.client.get(cases.ROWS, {'id': builders.INSTANCE,
                                     'shown': name})

        self.overview.assert_called_once()

    def test_what_was_shown_long_ago_is_listed_again(self):
        name = self.index()
        cache.clear()
        self.overview.reset_mock()

        for shown in (name, '', 'x' * 300, 'a b'):
            self.client.get(cases.ROWS, {'id': builders.INSTANCE,
                                         'shown': shown})

        self.assertEqual(4, self.overview.call_count)

    def test_settling_looks_again(self):
        name = self.index()
        self.overview.reset_mock()

        self.client.post(cases.ROWS + '?shown=' + name,
                         {'id': builders.INSTANCE})

        self.overview.assert_called_once()

    def test_what_was_shown_in_part_is_not_kept(self):
        self.overview.return_value = cases.overview(
            builders.instance(), problems=(cases.GLANCE_DOWN,))

        page = self.client.get(cases.INDEX).content.decode()

        assert 'data-shown' not in page

    def test_only_the_guests_that_are_asked_for_are_asked(self):
        self.overview.return_value = cases.overview(
            builders.instance(), builders.instance(id='other'))

        self.get(builders.INSTANCE)

        _request, instances = self.hear.call_args.args
        self.assertEqual([builders.INSTANCE],
                         [instance.id for instance in instances])

    def test_not_all_guests_are_asked_at_once(self):
        ids = [str(number) for number in range(30)]
        self.overview.return_value = cases.overview(
            *[builders.instance(id=number) for number in ids])
        self.hear.return_value = {}

        answer = json.loads(self.get(*ids).content)

        _request, instances = self.hear.call_args.args
        self.assertEqual(25, len(instances))
        self.assertEqual(30, len(answer['rows']))

    def test_a_guest_is_asked_anew_where_the_user_wants_it(self):
        self.overview.return_value = cases.overview(builders.instance())

        self.client.get(cases.ROWS, {'id': builders.INSTANCE, 'again': '1'})

        assert self.hear.call_args.kwargs['again']

    def test_no_projects_are_asked_for_without_the_frame(self):
        self.overview.return_value = cases.overview(builders.instance())

        with mock.patch('openstack_auth.utils.get_project_list',
                        autospec=True) as listed:
            self.get(builders.INSTANCE)

        assert not listed.called

    def test_a_forged_id_is_no_row(self):
        answer = json.loads(self.get('forged').content)

        self.assertEqual({}, answer['rows'])

    def test_what_is_not_there_any_more_is_named(self):
        self.overview.return_value = cases.overview(
            builders.instance(), builders.instance(id='other'))

        for ask in (self.get, self.post):
            answer = json.loads(ask(builders.INSTANCE, 'deleted').content)

            self.assertEqual(['deleted'], answer['gone'])
            self.assertEqual([builders.INSTANCE], list(answer['rows']))

    def test_looking_settles_nothing(self):
        self.show(builders.instance(), builders.asked())

        self.get(builders.INSTANCE)

        assert not self.settle.called

    def test_only_what_is_wanted_and_not_settled_is_settled(self):
        pending = builders.asked()
        self.overview.return_value = cases.overview(
            builders.instance(), builders.instance(id='sealed'),
            builders.instance(id='unwanted'), images=(
                pending, builders.sealed(properties={
                    'instance_uuid': 'sealed'}),
                builders.asked(properties={'instance_uuid': 'unwanted'})))

        self.post(builders.INSTANCE, 'sealed')

        self.settle.assert_called_once_with(
            mock.ANY, self.overview.return_value.instances[0], [pending], [])

    def test_a_memory_of_what_is_sealed_is_carried_on(self):
        sealed = builders.sealed()
        self.show(builders.remembering(builders.memory()), sealed)

        self.post(builders.INSTANCE)

        self.settle.assert_called_once_with(
            mock.ANY, self.overview.return_value.instances[0], [sealed], [])

    def test_of_what_the_panel_did_not_take_the_latest_disk_is_read(self):
        newest, older = builders.image(), builders.image(
            id=builders.BASE_IMAGE, created=builders.ago(600))
        self.show(builders.instance(), newest, older)

        self.post(builders.INSTANCE)

        self.settle.assert_called_once_with(
            mock.ANY, self.overview.return_value.instances[0],
            [newest, older], [builders.SNAPSHOT])

    def test_a_disk_that_may_not_be_read_is_left_alone(self):
        image = builders.image()
        self.show(builders.instance(), image)
        with mock.patch.object(disks, 'recall', autospec=True,
                               return_value=disks.Recalled(
                                   refused=frozenset([image.id]))):
            page = self.text(cases.INDEX)

        assert 'Not judged yet' in page
        assert 'data-unsettled' not in page

    def test_a_disk_that_was_read_shows_its_word_before_it_is_sealed(self):
        image = builders.image()
        self.show(builders.instance(), image)
        with mock.patch.object(disks, 'recall', autospec=True,
                               return_value=disks.Recalled(
                                   {image.id: builders.reading()})):
            page = self.text(cases.INDEX)

        assert 'File-system consistent' in page
        assert 'data-unsettled' in page

    def test_an_expired_token_is_told_to_the_script(self):
        self.overview.side_effect = cases.EXPIRED

        response = self.client.get(
            cases.ROWS, HTTP_X_REQUESTED_WITH='XMLHttpRequest')

        self.assertEqual(401, response.status_code)
        assert settings.LOGIN_URL in response['X-Horizon-Location']

    def test_what_was_settled_is_shown_without_another_look(self):
        other = builders.instance(id='other')
        theirs = builders.sealed(properties={'instance_uuid': 'other'},
                                 name='theirs')
        self.overview.return_value = cases.overview(
            builders.instance(), other, images=(builders.asked(), theirs))
        self.settle.side_effect = None
        self.settle.return_value = (builders.instance(), [builders.sealed()])

        answer = json.loads(self.post(builders.INSTANCE, 'other').content)

        assert 'consistent' in answer['rows'][builders.INSTANCE]
        assert 'theirs' in answer['rows']['other']
        self.assertEqual('', answer['problem'])
        self.assertEqual(1, self.overview.call_count)

    def test_without_anything_to_settle_one_look_is_enough(self):
        self.post(builders.INSTANCE)

        self.assertEqual(1, self.overview.call_count)

    def test_settling_that_fails_is_said_beside_the_rows(self):
        self.show(builders.instance(), builders.asked())
        self.settle.side_effect = cases.GLANCE_DOWN

        answer = json.loads(self.post(builders.INSTANCE).content)

        assert answer['problem'].startswith('Glance: The service does not')
        assert builders.INSTANCE in answer['rows']

    def test_a_guest_that_cannot_be_asked_is_said_in_its_row(self):
        self.hear.return_value = {builders.INSTANCE: cases.NOVA_DOWN}

        answer = json.loads(self.get(builders.INSTANCE).content)

        assert 'could not be asked' in answer['rows'][builders.INSTANCE]

    def test_a_service_that_fails_is_an_answer(self):
        for problem in (cases.GLANCE_DOWN, cases.NOVA_DOWN):
            self.overview.return_value = cases.overview(problems=(problem,))

            response = self.get(builders.INSTANCE)

            self.assertEqual(503, response.status_code)
            answer = json.loads(response.content)
            assert answer['problem'].startswith(problem.service)
            assert 'secret reason' not in answer['problem']

    def test_an_expired_token_leads_to_the_login(self):
        self.overview.side_effect = cases.EXPIRED

        response = self.get(builders.INSTANCE)

        self.assert_login(response)
