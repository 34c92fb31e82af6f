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
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import types

from prometheus_client import parser
import pytest

from snapshot_panel.consistency import commands
from snapshot_panel.consistency import schedules
from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import processes
from tests.cloud import rest
from tests.cloud import seed
from tests import judges

AT_REST = ('filesystem-consistent', 'disk-at-rest')
IN_USE = ('crash-consistent', 'disk-in-use')


@pytest.fixture(scope='module')
def cloud(cloud):
    """The demo cloud with a project more, and an operator of that.

    A judge seals all that it finds, and other tests count on what nobody has
    judged in the project demo. The operator has a project besides; the user
    has one only, so that Horizon takes that.
    """
    password = cloud.users['admin']['password']
    admin = rest.Session(cloud.auth_url, {}, 'admin', password, 'admin')
    for name in ('judge', 'operator'):
        seed.ensure_member(admin, name)
    projects, users, roles = (
        seed.by_name(admin, 'keystone', '/' + kind, kind)
        for kind in ('projects', 'users', 'roles'))
    admin('keystone', 'PUT', '/projects/%s/users/%s/roles/%s' % (
        projects['judge']['id'], users['operator']['id'],
        roles['member']['id']))
    return types.SimpleNamespace(**{**vars(cloud), 'users': {
        **cloud.users, **dict.fromkeys(('judge', 'operator'),
                                       {'password': password})}})


@pytest.fixture(scope='module')
def openstack(cloud):
    return clients.OpenStack(cloud, 'judge', 'judge')


@pytest.fixture(scope='module')
def dashboard(cloud):
    return clients.Dashboard(cloud, 'judge')


@pytest.fixture
def judge(cloud, tmp_path):
    return judges.Judge(cloud, tmp_path, judge=('judge', 'judge'))


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
    openstack.delete(made)


@pytest.fixture
def take(openstack):
    """Take a snapshot by Nova alone, and wait for it."""
    def taken(server_id, name='nightly'):
        image_id = openstack.nova.servers.create_image(server_id, name)
        clients.wait_for(lambda: openstack.glance.images.get(
            image_id)['status'] == 'active', 'a snapshot')
        clients.wait_for(lambda: openstack.idle(server_id), 'Nova')
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
    assert output.startswith('judge/judge: instances ')
    assert 'failures 0' in output


def test_a_second_round_finds_nothing_to_do(judge, make, take):
    take(make('ready'))
    first, = judge.reports()

    second, = judge.reports()

    assert first['judged_now'] >= 1
    assert second['judged_now'] == 0
    assert second['snapshots'] == first['snapshots']


@pytest.mark.long
def test_two_judges_at_once_find_the_same(judge, make, take, openstack):
    server_id = make('ready')
    images = [take(server_id, 'nightly-%d' % number) for number in range(3)]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _number: judge.reports()[0], range(2)))

    assert {sealed(openstack, image_id) for image_id in images} == {AT_REST}
    assert all(not report['failures'] for report in both)
    assert [report['judged_now'] for report in both
            if not report['busy']] != []


# Waits before the request for a snapshot, as if the way to Nova were long.
WAITING = '''\
import pathlib
import time

from novaclient.v2 import servers

asked = servers.ServerManager.create_image


def wait(*arguments, **options):
    pathlib.Path('asks').touch()
    while not pathlib.Path('go').exists():
        time.sleep(0.1)
    return asked(*arguments, **options)


servers.ServerManager.create_image = wait
'''


# What a request that Nova refused left is deleted now, not in an hour.
AT_ONCE = '''\
from snapshot_panel.consistency import leftovers
leftovers.AGE = 0
'''


@pytest.mark.long
@pytest.mark.parametrize('over', [False, True])
def test_two_judges_on_two_hosts_make_up_for_a_night_once(
        over, cloud, tmp_path, make, openstack):
    server_id = make('ready')
    openstack.nova.servers.set_meta(server_id, {
        schedules.KEY: schedules.Schedule(
            schedules.Period.DAILY, 3, 7, datetime.datetime(
                2026, 1, 1, tzinfo=datetime.timezone.utc)).value()})
    hosts = []
    for name in ('first', 'second'):
        (tmp_path / name).mkdir()
        hosts.append(judges.Judge(cloud, tmp_path / name,
                                  judge=('judge', 'judge')))
    both = [host.start('--json', before=WAITING) for host in hosts]
    for host in hosts:
        clients.wait_for((host.folder / 'asks').exists, 'both to ask')

    (hosts[0].folder / 'go').touch()
    if over:
        # Else Nova refuses the second.
        clients.wait_for(lambda: openstack.snapshots(server_id), 'the first')
        clients.wait_for(lambda: openstack.idle(server_id), 'Nova')
    (hosts[1].folder / 'go').touch()
    ended = [process.communicate(timeout=judges.PATIENCE)
             for process in both]

    reports = [json.loads(output) for output, _problems in ended]
    assert [report['failures'] for report in reports] == [[], []], ended
    clients.wait_for(lambda: openstack.idle(server_id), 'Nova')
    # An image that Nova made before it refused is left, and empty.
    assert [(image['name'], image['status'])
            for image in openstack.snapshots(server_id)
            if image['status'] != 'queued'] == [
        (each['snapshot'], 'active') for report in reports
        for each in report['made_up']]
    assert sum(len(report['made_up']) for report in reports) == 1
    # The one that was taken back does not pass for discarded.
    hosts[0].run(before=AT_ONCE)
    assert len(openstack.snapshots(server_id)) == 1
    report, = hosts[0].reports()
    assert report['alarms'] == report['discarded'] == []


# Where no client is installed: Nova's own, with what the script said.
CLIENT = '''#!%s
import sys

options = dict(zip(sys.argv[5::2], sys.argv[6::2]))
name, instance_id = sys.argv[4].removeprefix('--name='), sys.argv[-1]
key, _, value = options['--property'].partition('=')
print(name, instance_id, key, value, sep='\\n')
'''


@pytest.fixture
def night(judge, openstack, tmp_path):
    """Let the script of a schedule run once, as cron does."""
    def run(script):
        called = subprocess.run(
            ['sh', '-c', script], env=environment, check=True,
            stdout=subprocess.PIPE, text=True).stdout
        if real is None:
            name, server_id, key, value = called.splitlines()
            openstack.nova.servers.create_image(server_id, name, {key: value})

    real = shutil.which('openstack', path=os.environ.get(
        'OPENSTACK_CLIENT', ''))
    if real is None:
        (tmp_path / 'openstack').write_text(CLIENT % sys.executable)
        (tmp_path / 'openstack').chmod(0o755)
    folder = pathlib.Path(real).parent if real else tmp_path
    environment = processes.clean_environment({
        'HOME': str(tmp_path), 'OS_CLOUD': 'judge',
        'OS_CLIENT_CONFIG_FILE': str(tmp_path / 'clouds.yaml'),
        'PATH': '%s:%s' % (folder, os.environ['PATH'])})
    return run


@pytest.mark.long
def test_three_nights_leave_what_the_schedule_keeps(
        judge, make, night, openstack):
    server_id = make('ready')
    since = datetime.datetime.now(datetime.timezone.utc)
    schedule = schedules.Schedule(schedules.Period.DAILY, 3, 2, since)
    openstack.nova.servers.set_meta(server_id, {
        schedules.KEY: schedule.value()})
    subprocess.run(['sh', '-c', commands.save_scheduled(
        server_id, "it's web", schedules.MARK)], check=True,
        env={**os.environ, 'HOME': str(judge.folder)})
    script = commands.cron(server_id, 3, weekly=False).removeprefix(
        '0 3 * * * ')

    def taken():
        return [image for image in openstack.glance.images.list(
            filters={'image_type': 'snapshot'})
            if image.get('instance_uuid') == server_id]

    for number in range(3):
        before = {image['id'] for image in taken()}
        night(script)
        clients.wait_for(lambda: [
            image for image in taken() if image['id'] not in before
            and image['status'] == 'active'], 'a snapshot')
        clients.wait_for(lambda: openstack.idle(server_id), 'Nova')
        judge.run('--dry-run')
        assert len(taken()) == min(number, 2) + 1
        report, = judge.reports()

    left = taken()
    assert {sealed(openstack, image['id']) for image in left} == {AT_REST}
    assert len(left) == 2
    assert all(image['name'].startswith("it's web-2") for image in left)
    assert [each['deleted'] for each in report['rotated']] == [True]
    assert report['failures'] == report['alarms'] == []


@pytest.mark.long
def test_a_killed_judge_loses_nothing(judge, make, take, openstack):
    server_id = make('agent-dead')
    images = [take(server_id, 'nightly-%d' % number) for number in range(4)]
    first = judge.start()
    clients.wait_for(
        lambda: first.poll() is not None or any(
            sealed(openstack, image_id)[0] for image_id in images),
        'the first verdict', pause=0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()

    judge.run()

    assert {sealed(openstack, image_id) for image_id in images} == {IN_USE}


def test_an_instance_that_was_stopped_for_a_snapshot_runs_again(
        judge, make, openstack, dashboard):
    server_id = make('agent-stopped')
    path = '%s%s/restart/' % (clients.PANEL, server_id)
    dashboard.post(path, instance_id=server_id)
    clients.wait_for(lambda: openstack.status(server_id) == 'SHUTOFF',
                     'the stop')

    judge.run()

    server = openstack.nova.servers.get(server_id)
    image, = openstack.snapshots(server_id)
    assert server.status == 'ACTIVE'
    assert not [key for key in server.metadata if 'consistency' in key]
    assert sealed(openstack, image['id']) == AT_REST
    assert image['consistency_requested_by'] == 'judge'


def test_machines_are_told_of_each_instance(judge, make, take, openstack):
    server_id = make('ready')
    image_id = take(server_id)

    report, = judge.reports('--guests')

    told, = [each for each in report['instances'] if each['id'] == server_id]
    assert told['newest_proven']['id'] == image_id
    assert told['newest_proven']['verdict'] == AT_REST[0]
    assert 0 <= told['newest_proven']['age'] < 600
    assert report['project']['name'] == 'judge'
    assert sum(report['snapshots'].values()) >= 1


def test_metrics_are_what_prometheus_reads(judge, make, take):
    server_id = make('ready')
    take(server_id)
    path = judge.folder / 'judge.prom'

    judge.run('--metrics', str(path))

    families = {family.name: family.samples for family in
                parser.text_string_to_metric_families(path.read_text())}
    ages = {sample.labels['instance_id']: sample.value for sample in
            families['snapshot_panel_newest_proven_age_seconds']}
    failures, = families['snapshot_panel_failures']
    assert 0 <= ages[server_id] < 600
    assert (failures.labels['project'], failures.value) == ('judge', 0)
    assert [path.name for path in judge.folder.glob('judge.prom*')] == [
        'judge.prom']


def test_a_wrong_password_is_told_and_spoils_no_other(judge, make, take,
                                                      openstack):
    image_id = take(make('ready'))
    judge.describe(judge=('judge', 'judge'),
                   wrong=('other', 'other', 'not this'))

    reports = judge.reports('--all-clouds', status=1)

    failed, judged = sorted(reports, key=lambda each: each['cloud'] != 'wrong')
    assert failed['cloud'] == 'wrong'
    assert [each['service'] for each in failed['failures']] == ['Keystone']
    assert judged['failures'] == []
    assert sealed(openstack, image_id) == AT_REST


def test_an_operator_judges_every_project_with_a_role(judge):
    judge.describe(all=('operator', 'operator'))

    reports = judge.reports('--all-projects')

    assert sorted(report['project']['name'] for report in reports) == [
        'judge', 'operator']


@pytest.mark.parametrize('arguments', [
    ['--os-cloud', 'missing'], ['--workers', '0']])
def test_a_wrong_command_line_asks_nobody(arguments, judge):
    assert judge.run(*arguments, status=2) == ''


@pytest.mark.long
@pytest.mark.parametrize('end', [signal.SIGINT, signal.SIGTERM])
def test_a_watching_judge_comes_back_until_it_is_ended(
        end, judge, make, take, openstack):
    server_id = make('ready')
    watching = judge.start('--watch', '1')
    try:
        watching.stdout.readline()
        image_id = take(server_id)
        clients.wait_for(lambda: sealed(openstack, image_id) == AT_REST,
                         'the next round')
    finally:
        watching.send_signal(end)
        watching.communicate()

    assert watching.returncode == -end


def test_the_panel_tells_that_the_judge_was_there(judge, dashboard):
    judge.run()

    page = dashboard.get(clients.PANEL).text

    assert re.search(r'looked at this project:\s*<time[^>]*>'
                     r'(now|an? \w+ ago|\d+\s\w+ ago)</time>', page)


SOURCE = layouts.REPOSITORY / 'doc' / 'source' / 'judge'
MANAGE = '/usr/share/openstack-dashboard/manage.py judge_snapshots'


@pytest.mark.parametrize('name', ['snapshot-panel-judge.service',
                                  'snapshot-panel-judge.cron'])
def test_the_documented_line_works_as_it_stands(name, judge):
    judge.describe(judge=('operator', 'operator'))
    written = (SOURCE / name).read_text()
    line = written.split(MANAGE)[1].splitlines()[0]
    line = line.partition('>')[0].replace('/var/lib/prometheus/node-exporter',
                                          str(judge.folder))

    output = judge.run(*line.split())

    assert output.count('failures 0') == 2
    assert ('--metrics' in line) == (
        judge.folder / 'snapshot_panel.prom').exists()
