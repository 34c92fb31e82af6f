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

"""A schedule that Mistral runs, from the click to the last snapshot.

Minutes, with an environment of its own: ``tox run -e schedules``. Not among
those that every run collects.
"""

import datetime
import pathlib
import sqlite3
import uuid

from axe_playwright_python import sync_playwright as axe
from keystoneauth1 import adapter
from playwright.sync_api import expect
import pytest

from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow
from tests import clients
from tests import judges

RESULTS = pathlib.Path(__file__).parents[2] / 'test-results'
AT_REST = 'filesystem-consistent'
# Mistral evaluates what looks so in a workflow.
HOSTILE = "<% $.server %> {{ 7 * 7 }} it's"


class Engine:
    """Mistral of a demo cloud: its own API, and its clock."""

    def __init__(self, cloud, keys):
        self._api = adapter.Adapter(keys, service_type='workflowv2',
                                    region_name=cloud.region)
        self._file = (pathlib.Path(cloud.logs).parent / 'databases'
                      / 'mistral.sqlite')

    def names(self, kind):
        return {each['name'] for each in
                self._api.get('/' + kind).json()[kind]}

    def trigger(self, name):
        return self._api.get('/cron_triggers/' + name).json()

    def let_it_be_time(self, name):
        """Move the next run of a trigger to now; its pattern stays."""
        now = datetime.datetime.now(datetime.timezone.utc)
        with sqlite3.connect(self._file, timeout=60) as connection:
            changed = connection.execute(
                'UPDATE cron_triggers_v2 SET next_execution_time = ? '
                'WHERE name = ?', (
                    now.strftime('%Y-%m-%d %H:%M:%S.000000'), name))
        assert changed.rowcount == 1

    def state(self, name):
        """Return the state of the newest run of a workflow."""
        return self._api.get('/executions', params={
            'workflow_name': name, 'limit': 1, 'sort_keys': 'created_at',
            'sort_dirs': 'desc'}).json()['executions'][0]['state']


@pytest.fixture
def engine(cloud, api):
    return Engine(cloud, api.nova.client.session)


@pytest.fixture
def judge(cloud, tmp_path):
    return judges.Judge(cloud, tmp_path, judge=('demo', 'demo'))


@pytest.fixture
def night(api, engine, judge):
    """Let one night pass with nobody there: ``night(id)`` gives its image."""
    def pass_by(server_id):
        name = workflow.name(server_id)
        before = {image['id'] for image in api.snapshots(server_id)}
        engine.let_it_be_time(name)
        image_id, = clients.wait_for(lambda: {
            image['id'] for image in api.snapshots(server_id)
            if image['status'] == 'active'} - before, 'the night')
        clients.wait_for(lambda: api.idle(server_id), 'Nova')
        clients.wait_for(lambda: engine.state(name) == 'SUCCESS', 'Mistral')
        judge.run()
        return api.glance.images.get(image_id)
    return pass_by


def open_schedule(cloud, page, server_id):
    page.goto('%s%s%s/schedule/' % (cloud.url.rstrip('/'), clients.PANEL,
                                    server_id))


def press(page, name):
    page.get_by_role('button', name=name, exact=True).click()
    expect(page.locator('.alert-success')).to_be_visible()


def look_at(page, name):
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / ('schedule-%s.png' % name), full_page=True)


def test_a_schedule_runs_with_nobody_there_and_leaves_nothing(
        cloud, browse, boot, api, engine, night):
    server_id = boot(HOSTILE + uuid.uuid4().hex[:4],
                     meta={'demo_guest': 'ready'})
    name = workflow.name(server_id)
    page = browse()
    open_schedule(cloud, page, server_id)
    page.get_by_label('Hour').fill('4')
    page.get_by_label('Keep the last').fill('2')
    press(page, 'Schedule')

    # Others find it with Mistral's own tools, and whose it is.
    assert name in engine.names('workflows') & engine.names('cron_triggers')
    assert engine.trigger(name)['pattern'] == '0 4 * * *'
    expect(page.locator('.snapshot-panel-schedule')).to_contain_text(
        'Next run')
    page.context.clear_cookies()

    images = [night(server_id) for _number in range(3)]

    server = api.nova.servers.get(server_id)
    for image in images:
        assert image['consistency_verdict'] == AT_REST
        moment = image[schedules.MARK].removeprefix(server_id + '/')
        assert image['name'] == '%s-%s' % (server.name, moment)
    left = [image['id'] for image in api.snapshots(server_id)]
    assert left == [images[2]['id'], images[1]['id']]

    page = browse()
    open_schedule(cloud, page, server_id)
    schedule = page.locator('.snapshot-panel-schedule')
    expect(schedule).to_contain_text('File-system consistent')
    expect(schedule).to_contain_text(images[2]['name'])
    # The colours of links and buttons are those of Horizon's theme.
    found = axe.Axe().run(page, context={'include': [
        ['.snapshot-panel-schedule']]}, options={
            'rules': {'color-contrast': {'enabled': False}}})
    assert found.violations_count == 0, found.generate_report()
    look_at(page, '1400')
    page.set_viewport_size({'width': 390, 'height': 900})
    look_at(page, '390')

    press(page, 'Pause')
    expect(schedule).to_contain_text('Paused')
    assert name not in engine.names('cron_triggers')
    look_at(page, 'paused-390')
    expect(page.get_by_label('Hour')).to_have_value('4')
    press(page, 'Schedule')
    admin = clients.OpenStack(cloud, 'admin').nova.servers
    admin.reset_state(server_id, 'error')
    engine.let_it_be_time(name)
    clients.wait_for(lambda: engine.state(name) == 'ERROR', 'Mistral')
    open_schedule(cloud, page, server_id)
    expect(schedule).to_contain_text('It failed.')
    expect(schedule).to_contain_text('vm_state error')
    look_at(page, 'failed-390')
    admin.reset_state(server_id, 'active')

    press(page, 'Delete the schedule')
    assert name not in engine.names('workflows') | engine.names(
        'cron_triggers')
    assert schedules.KEY not in api.nova.servers.get(server_id).metadata
    assert len(api.snapshots(server_id)) == 2
