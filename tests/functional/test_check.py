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

import pytest
import yaml

from tests.cloud import layout as layouts
from tests.cloud import processes


@pytest.fixture
def check(cloud, tmp_path):
    """Run the check as a user of the demo; return what it says."""
    def run(password):
        (tmp_path / 'clouds.yaml').write_text(yaml.safe_dump({'clouds': {
            'ours': {'region_name': cloud.region, 'auth': {
                'auth_url': cloud.auth_url, 'username': 'demo',
                'project_name': 'demo', 'user_domain_id': 'default',
                'project_domain_id': 'default', 'password': password}}}}))
        python = layouts.make_layout(tmp_path, 0).dashboard_python
        return subprocess.run(
            [str(python), '-m', 'snapshot_panel.install', '--check',
             '--os-cloud', 'ours'],
            cwd=tmp_path, env=processes.clean_environment({
                'DJANGO_SETTINGS_MODULE': 'tests.cloud.horizon_settings',
                'DEMO_HORIZON': str(
                    pathlib.Path(cloud.logs).parent / 'horizon'),
                'PYTHONWARNINGS': 'ignore', 'TMPDIR': str(tmp_path),
                'OS_CLIENT_CONFIG_FILE': str(tmp_path / 'clouds.yaml')}),
            capture_output=True, text=True, timeout=120).stdout.splitlines()
    return run


def services(lines):
    return [line for line in lines if line.startswith('Services: ')]


def test_each_service_answers_whom_it_knows_and_says_whom_it_does_not(
        cloud, check):
    assert services(check(cloud.users['demo']['password'])) == [
        'Services: Nova answers.', 'Services: Glance answers.',
        'Services: Glance lets this account read images, in parts.',
        'Services: Cinder answers.']

    [refused] = services(check('wrong'))

    assert 'Keystone' in refused
