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

import concurrent.futures
import contextlib
import datetime
import os
import pathlib
import signal
import sqlite3
import time
import uuid

from axe_playwright_python import sync_playwright as axe
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from playwright.sync_api import expect
import pytest

from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow
from tests import clients
from tests.cloud import processes
from tests import judges

RESULTS = pathlib.Path(__file__).parents[2] / 'test-results'
AT_REST = 'filesystem-consistent'
# Mistral evaluates what looks so in a workflow.
HOSTILE = "<% $.server %> {{ 7 * 7 }} it's"


class Engine:
    """Mistral of a demo cloud: its own API, its clock, its process."""

    def __init__(self, cloud, keys):
        self._api = adapter.Adapter(keys, service_type='workflowv2',
                                    region_name=cloud.region)
        folder = pathlib.Path(cloud.logs).parent
        self._file = folder / 'databases' / 'mistral.sqlite'
        self._pid_file = folder / 'pids' / 'mistral.pid'

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

    def kill(self):
        """Kill the process, at once; the demo starts it again."""
        os.kill(processes.running_pid(self._pid_file), signal.SIGKILL)

    def wait(self):
        """Wait until it answers again."""
        def answers():
            with contextlib.suppress(exceptions.ConnectFailure):
                return self._api.get('/workflows').ok
        clients.wait_for(answers, 'Mistral')

    def kill_at(self, count):
        """Kill it as soon as a count is another; ``count()`` gives it."""
        before, end = count(), time.monotonic() + clients.PATIENCE
        while count() == before:
            assert time.monotonic() < end, 'waited in vain to kill'
            time.sleep(0.001)
        self.kill()

    def workflows(self, name):
        return self._count('workflow_definitions_v2', 'name', name)

    def runs(self, name):
        return self._count('workflow_executions_v2', 'workflow_name', name)

    def _count(self, table, column, name):
        with contextlib.closing(sqlite3.connect(
                self._file, timeout=60)) as connection:
            return connection.execute(
                'SELECT COUNT(*) FROM %s WHERE %s = ?' % (table, column),
                (name,)).fetchone()[0]

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


def press(page, name, told='success'):
    page.get_by_role('button', name=name, exact=True).click()
    expect(page.locator('.alert-' + told).first).to_be_visible()


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


@pytest.fixture
def leave_incomplete(cloud, engine):
    """Press *Schedule*, and kill Mistral before it has the trigger."""
    def press_and_kill(page, server_id):
        name = workflow.name(server_id)
        open_schedule(cloud, page, server_id)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            killed = pool.submit(engine.kill_at,
                                 lambda: engine.workflows(name))
            press(page, 'Schedule', told='danger')
            killed.result()
        engine.wait()
        assert name in engine.names('workflows')
        assert name not in engine.names('cron_triggers')
        open_schedule(cloud, page, server_id)
        expect(page.locator('.snapshot-panel-schedule')).to_contain_text(
            'Incomplete: the workflow service has the workflow')
    return press_and_kill


def test_what_a_killed_mistral_left_incomplete_is_completed_or_deleted(
        browse, make, api, engine, night, leave_incomplete):
    server_id, _name = make()
    name = workflow.name(server_id)
    page = browse()

    leave_incomplete(page, server_id)
    look_at(page, 'incomplete-1400')
    page.set_viewport_size({'width': 390, 'height': 900})
    look_at(page, 'incomplete-390')
    press(page, 'Delete the schedule')
    assert name not in engine.names('workflows')
    assert schedules.KEY not in api.nova.servers.get(server_id).metadata
    expect(page.get_by_text('Incomplete')).to_have_count(0)

    leave_incomplete(page, server_id)
    press(page, 'Schedule')
    assert night(server_id)['consistency_verdict'] == AT_REST
    press(page, 'Delete the schedule')


def test_a_killed_mistral_loses_no_night(
        cloud, browse, make, api, engine, night):
    server_id, _name = make()
    name = workflow.name(server_id)
    page = browse()
    page.locator('tr[data-object-id="%s"] .dropdown-toggle' % server_id
                 ).click()
    page.get_by_role('link', name='Schedule', exact=True).click()
    press(page, 'Schedule')
    images = [night(server_id)]

    # The night comes while it is away.
    engine.kill()
    images.append(night(server_id))

    # It dies in the middle of a run.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        killed = pool.submit(engine.kill_at, lambda: engine.runs(name))
        engine.let_it_be_time(name)
        killed.result()
    engine.wait()
    clients.wait_for(lambda: api.idle(server_id), 'Nova')
    images.append(night(server_id))

    assert {image['consistency_verdict'] for image in images} == {AT_REST}
    assert engine.trigger(name)['pattern'] == '0 3 * * *'
    open_schedule(cloud, page, server_id)
    expect(page.locator('.snapshot-panel-schedule')).to_contain_text(
        images[-1]['name'])
    press(page, 'Delete the schedule')


def set_schedule(cloud, page, server_id):
    open_schedule(cloud, page, server_id)
    press(page, 'Schedule')


def test_a_guest_proves_what_its_disk_cannot_tell(
        cloud, browse, make, api, engine, night):
    server_id, _name = make('xfs')
    page = browse()
    set_schedule(cloud, page, server_id)

    images = [night(server_id)]
    # What is done by day.
    api.nova.servers.reboot(server_id)
    clients.wait_for(lambda: api.status(server_id) == 'ACTIVE', 'the reboot')
    images.append(night(server_id))
    # An agent that hangs, and lines of before on the console: where it ended
    # is not known in the next night either.
    api.become(server_id, 'xfs-replay')
    images.append(night(server_id))
    api.become(server_id, 'xfs')
    images.append(night(server_id))
    taken = api.nova.servers.create_image(server_id, 'by hand')
    clients.wait_for(lambda: api.glance.images.get(taken)['status']
                     == 'active', 'a snapshot by hand')
    clients.wait_for(lambda: api.idle(server_id), 'Nova')
    images += [night(server_id), night(server_id)]

    rules = [image['consistency_rule'] for image in images]
    assert rules[:2] == ['freeze-witnessed'] * 2
    assert images[2]['consistency_verdict'] == 'unproven'
    assert rules[3:] == ['no-witness', 'unbound', 'freeze-witnessed']
    assert {image['consistency_requested_by'] for image in images} == {
        'demo', 'none'}
    open_schedule(cloud, page, server_id)
    expect(page.locator('.snapshot-panel-schedule')).to_contain_text(
        'File-system consistent')
    press(page, 'Delete the schedule')
    assert not [key for key in api.nova.servers.get(server_id).metadata
                if key.startswith('consistency_schedule')]


def test_a_guest_tells_of_its_hooks_at_night(
        cloud, browse, make, api, engine, night):
    server_id, _name = make('hook-ok')
    set_schedule(cloud, page := browse(), server_id)

    assert night(server_id)['consistency_rule'] == 'disk-at-rest-hooks'
    press(page, 'Delete the schedule')


def test_a_night_that_mistral_lost_is_made_up_for_by_a_judge(
        cloud, browse, make, api, engine, judge):
    server_id, _name = make('xfs')
    set_schedule(cloud, page := browse(), server_id)
    # As it stands when Mistral died after it had written the next time: that
    # is to come, nothing runs, and the last night is long ago.
    api.nova.servers.set_meta(server_id, {schedules.KEY: schedules.Schedule(
        schedules.Period.DAILY, 3, 7, datetime.datetime(
            2026, 1, 1, tzinfo=datetime.timezone.utc)).value()})
    engine.kill()

    def made_up():
        report, = judge.reports()
        return [each for each in report['made_up']
                if each['instance'] == server_id]

    told = made_up()

    image, = clients.wait_for(lambda: [
        image for image in api.snapshots(server_id)
        if image['status'] == 'active'], 'the snapshot')
    clients.wait_for(lambda: api.idle(server_id), 'Nova')
    assert [each['snapshot'] for each in told] == [image['name']]
    assert image[schedules.MARK].endswith(image['name'][-16:])
    # Once, although it is not judged yet, and what came of it is judged.
    assert made_up() == []
    assert len(api.snapshots(server_id)) == 1
    assert api.glance.images.get(image['id'])['consistency_rule'] == (
        'freeze-witnessed')
    engine.wait()
    press(page, 'Delete the schedule')


class Trusts:
    """What Keystone has of trusts, as its administrator sees it."""

    def __init__(self, cloud):
        keys = clients.OpenStack(cloud, 'admin').nova.client.session
        self._api = adapter.Adapter(keys, endpoint_override=cloud.auth_url)

    def _get(self, path, kind):
        return self._api.get(path).json()[kind]

    def of(self, user_id):
        """Return the trusts that a user gave, whole, by id."""
        return {trust['id']: self._get(
            '/OS-TRUST/trusts/' + trust['id'], 'trust') for trust
            in self._get('/OS-TRUST/trusts?trustor_user_id=' + user_id,
                         'trusts')}

    def user(self, name):
        return self._get('/users?name=' + name, 'users')[0]['id']

    def roles(self, user_id, project_id):
        """Return the roles that a user has in a project, implied ones too."""
        return {each['role']['id'] for each in self._get(
            '/role_assignments?effective&user.id=%s&scope.project.id=%s' % (
                user_id, project_id), 'role_assignments')}


def test_a_schedule_runs_by_a_trust_of_its_owner_and_by_no_other(
        cloud, browse, make, api, engine):
    trusts = Trusts(cloud)
    keys = api.nova.client.session
    owner, project = keys.get_user_id(), keys.get_project_id()
    before = set(trusts.of(owner))
    server_id, _name = make()
    page = browse()

    set_schedule(cloud, page, server_id)

    found = trusts.of(owner)
    trust, = (found[key] for key in set(found) - before)
    assert trust['trustor_user_id'] == owner
    assert trust['trustee_user_id'] == trusts.user('mistral')
    assert trust['project_id'] == project
    assert trust['impersonation'] is True
    assert not trust['redelegation_count']
    # No more than the owner has here, which is no administrator's.
    roles = {role['id'] for role in trust['roles']}
    assert roles == trusts.roles(owner, project)
    assert 'admin' not in {role['name'] for role in trust['roles']}

    press(page, 'Pause')
    assert set(trusts.of(owner)) == before
    press(page, 'Schedule')
    assert len(set(trusts.of(owner)) - before) == 1
    # Set once more: one in place of the other.
    press(page, 'Schedule')
    assert len(set(trusts.of(owner)) - before) == 1
    press(page, 'Delete the schedule')
    assert set(trusts.of(owner)) == before
