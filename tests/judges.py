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

"""The judge as its operator runs it, beside a demo cloud's Horizon."""

import json
import pathlib
import subprocess

import yaml

from tests.cloud import layout as layouts
from tests.cloud import processes

# One round, on a busy machine, in seconds.
PATIENCE = 300
_MANAGE = '''\
from django.core import management
management.execute_from_command_line()
'''


class Judge:
    """Runs ``manage.py judge_snapshots`` beside the demo's Horizon."""

    def __init__(self, cloud, folder, **accounts):
        self.cloud, self.folder = cloud, folder
        self.describe(**accounts)

    def describe(self, **accounts):
        """Write clouds.yaml: each account's user and project by its name."""
        (self.folder / 'clouds.yaml').write_text(yaml.safe_dump({'clouds': {
            name: self._cloud(*account)
            for name, account in accounts.items()}}))

    def _cloud(self, user, project, password=None):
        return {'region_name': self.cloud.region, 'auth': {
            'auth_url': self.cloud.auth_url, 'username': user,
            'project_name': project, 'user_domain_id': 'default',
            'project_domain_id': 'default',
            'password': password or self.cloud.users[user]['password']}}

    def start(self, *arguments, before=''):
        """Start it; ``before`` is Python that its process runs first."""
        horizon = pathlib.Path(self.cloud.logs).parent / 'horizon'
        python = layouts.make_layout(self.folder, 0).dashboard_python
        return subprocess.Popen(
            [str(python), '-c', f'{before}\n{_MANAGE}', 'judge_snapshots',
             *arguments],
            cwd=self.folder, env=processes.clean_environment({
                'DJANGO_SETTINGS_MODULE': 'tests.cloud.horizon_settings',
                'DEMO_HORIZON': str(horizon), 'PYTHONWARNINGS': 'ignore',
                'TMPDIR': str(self.folder),
                'OS_CLIENT_CONFIG_FILE': str(self.folder / 'clouds.yaml')}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, status=0, before=''):
        """Run it to its end; return what it printed."""
        process = self.start(*arguments, before=before)
        try:
            output, problems = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == status, output + problems
        return output

    def reports(self, *arguments, status=0):
        """Return what it told machines, one object for each project."""
        output = self.run('--json', *arguments, status=status)
        return [json.loads(line) for line in output.splitlines()]
