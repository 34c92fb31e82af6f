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

"""Run by test_installed.py in an environment without the checkout."""

import pathlib
import sys
from unittest import mock

from django.contrib.staticfiles import finders
from openstack_dashboard.test import helpers

import snapshot_panel
from snapshot_panel.cloud import frame
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import facts

PACKAGE = pathlib.Path(snapshot_panel.__file__).parent
URL = '/project/consistent_snapshots/'


class InstalledIndexTest(helpers.TestCase):

    def test_index(self):
        instance = facts.Instance(
            id='6f1a1a52-3d0c-4a27-8f5e-0d2b0c9d4e11', name='web-1',
            status=facts.RUNNING, project_id=self.tenant.id)
        overview = snapshots.Overview(instances=(instance,))

        # The services of Horizon's frame are not there either.
        with mock.patch.object(snapshots, 'overview', autospec=True,
                               return_value=overview), \
                mock.patch.object(frame, 'questions', return_value=()):
            response = self.client.get(URL)

        self.assertContains(response, 'Consistent Snapshots')
        self.assertContains(response, 'web-1')
        self.assertTrue(PACKAGE.is_relative_to(sys.prefix), PACKAGE)
        origins = [template.origin.name for template in response.templates]
        self.assertTrue(
            [name for name in origins
             if pathlib.Path(name).is_relative_to(PACKAGE / 'templates')],
            origins)

    def test_static_files_are_collected(self):
        folder = PACKAGE / 'static'
        names = [path.relative_to(folder).as_posix()
                 for path in folder.rglob('*') if path.is_file()]

        self.assertTrue(names)
        for name in names:
            self.assertEqual(str(folder / name), finders.find(name))
