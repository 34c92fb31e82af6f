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

"""``install --check`` on a real Horizon and real services."""

import pathlib
import subprocess

import yaml

from tests.cloud import layout as layouts
from tests.cloud import processes


def test_the_check_says_which_service_answers_and_what_glance_gives(
        cloud, tmp_path):
    (tmp_path / 'clouds.yaml').write_text(yaml.safe_dump({'clouds': {
        'ours': {'region_name': cloud.region, 'auth': {
            'auth_url': cloud.auth_url, 'username': 'demo',
            'project_name': 'demo', 'user_domain_id': 'default',
            'project_domain_id': 'default',
            'password': cloud.users['demo']['password']}}}}))
    python = layouts.make_layout(tmp_path, 0).dashboard_python

    done = subprocess.run(
        [str(python), '-m', 'snapshot_panel.install', '--check',
         '--os-cloud', 'ours'],
        cwd=tmp_path, env=processes.clean_environment({
            'DJANGO_SETTINGS_MODULE': 'tests.cloud.horizon_settings',
            'DEMO_HORIZON': str(pathlib.Path(cloud.logs).parent / 'horizon'),
            'PYTHONWARNINGS': 'ignore', 'TMPDIR': str(tmp_path),
            'OS_CLIENT_CONFIG_FILE': str(tmp_path / 'clouds.yaml')}),
        capture_output=True, text=True, timeout=120)

    assert [line for line in done.stdout.splitlines()
            if line.startswith(('Services: ', 'Policies: '))] == [
        'Policies: all rules are known (nova_policy.yaml, '
        'glance_policy.yaml).',
        'Services: Nova answers.', 'Services: Glance answers.',
        'Services: Glance lets this account read images, in parts.',
        'Services: Cinder answers.',
        'Services: there is no Mistral in the catalogue of the region %s; '
        'users get commands to copy for their schedules.' % cloud.region]
