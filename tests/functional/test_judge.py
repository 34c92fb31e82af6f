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

"""The judge as its operator runs it: no page, no browser, nobody logged in."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import time

from prometheus_client import parser
import pytest
import yaml

from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import processes

# One round, on a busy machine, in seconds.
PATIENCE = 300
AT_REST = ('filesystem-consistent', 'disk-at-rest')
IN_USE = ('crash-consistent', 'disk-in-use')


class Judge:
    """Runs ``manage.py judge_snapshots`` beside the demo's Horizon."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.describe(demo=('demo', 'demo'))

    def describe(self, password=None, **accounts):
        """Write clouds.yaml: each account's user and project by its name."""
        (self.folder / 'clouds.yaml').write_text(yaml.safe_dump({
            'clouds': {name: {
                'region_name': self.cloud.region, 'auth': {
                    'auth_url': self.cloud.auth_url, 'username': user,
                    'project_name': project, 'user_domain_id': 'default',
                    'project_domain_id': 'default',
                    'password': password or self.cloud.users[user][
                        'password']}}
                for name, (user, project) in accounts.items()}}))

    def start(self, *arguments):
        horizon = pathlib.Path(self.cloud.logs).parent / 'horizon'
        python = layouts.make_layout(self.folder, 0).dashboard_python
        return subprocess.Popen(
            [str(python), '-m', 'django', 'judge_snapshots', *arguments],
            cwd=self.folder, env=processes.clean_environment({
                'DJANGO_SETTINGS_MODULE': 'tests.cloud.horizon_settings',
                'DEMO_HORIZON': str(horizon), 'PYTHONWARNINGS': 'ignore',
                'TMPDIR': str(self.folder),
                'OS_CLIENT_CONFIG_FILE': str(self.folder / 'clouds.yaml')}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, status=0):
        """Run it to its end; return what it printed."""
        process = self.start(*arguments)
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


@pytest.fixture
def judge(cloud, tmp_path):
    return Judge(cloud, tmp_path)


@pytest.fixture
def make(cloud, openstack):
    """Boot an instance with a guest: ``make('ready')`` returns its id."""
    made = []

    def boot(kind):
        made.append(openstack.nova.servers.create(
            'judge-' + kind, cloud.images['debian-12-agent'],
            openstack.nova.flavors.list()[0], nics='none',
            meta={'demo_guest': kind}).id)
        clients.wait_for(lambda: openstack.status(made[-1]) == 'ACTIVE',
                         'an instance to boot')
        return made[-1]

    yield boot
    for server_id in made:
        openstack.nova.servers.delete(server_id)


@pytest.fixture
def take(openstack):
    """Take a snapshot by Nova alone, and wait for it."""
    def taken(server_id, name='nightly'):
        image_id = openstack.nova.servers.create_image(server_id, name)
        clients.wait_for(lambda: openstack.glance.images.get(
            image_id)['status'] == 'active', 'a snapshot')
        return image_id
    return taken


def sealed(openstack, image_id):
    """Return the verdict and the rule on an image."""
    image = openstack.glance.images.get(image_id)
    return image.get('consistency_verdict'), image.get('consistency_rule')


@pytest.mark.parametrize('guest, truth', [('ready', AT_REST),
                                          ('agent-dead', IN_USE)])
def test_a_snapshot_of_anybody_has_its_true_verdict(
        guest, truth, judge, make, take, openstack):
    server_id = make(guest)
    image_id = take(server_id)

    output = judge.run()

    assert sealed(openstack, image_id) == truth
    assert output.startswith('demo/demo: instances ')
    assert 'failures 0' in output


def test_a_second_round_finds_nothing_to_do(judge, make, take):
    take(make('ready'))
    first, = judge.reports()

    second, = judge.reports()

    assert first['judged_now'] >= 1
    assert second['judged_now'] == 0
    assert second['snapshots'] == first['snapshots']
