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

"""What happens in the middle of a snapshot, on a real cloud.

The instance is changed, a service dies, or twenty clicks come at once. No
page breaks, no verdict is better than the truth, and the next snapshot works.
"""

from concurrent import futures
import contextlib
import os
import pathlib
import signal
import types

from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
import pytest
import requests

from tests import clients
from tests.cloud import processes
from tests.cloud import rest
from tests.cloud import seed
from tests import judges

pytestmark = pytest.mark.long

PROJECT = 'interrupted'
CLICKS = 20
# What an image waits for that nobody works on any more, and some time to
# look, in seconds: settle_grace of the panel.
ABANDONED = 30 + clients.PATIENCE


@pytest.fixture(scope='module')
def cloud(cloud):
    """The demo cloud with a project of its own for this."""
    password = cloud.users['admin']['password']
    admin = rest.Session(cloud.auth_url, {}, 'admin', password, 'admin')
    seed.ensure_member(admin, PROJECT)
    return types.SimpleNamespace(**{**vars(cloud), 'users': {
        **cloud.users, PROJECT: {'password': password}}})


@pytest.fixture(scope='module')
def openstack(cloud):
    return clients.OpenStack(cloud, PROJECT, PROJECT)


@pytest.fixture(scope='module')
def dashboard(cloud):
    return clients.Dashboard(cloud, PROJECT)


@pytest.fixture
def server(cloud, openstack):
    """An instance whose guest freezes, and has the kit."""
    made = openstack.nova.servers.create(
        PROJECT, cloud.images['debian-12-agent'],
        openstack.nova.flavors.list()[0], nics='none',
        meta={'demo_guest': 'ready'}).id
    clients.wait_for(lambda: openstack.status(made) == 'ACTIVE',
                     'an instance to boot')
    yield made
    with contextlib.suppress(nova_exceptions.NotFound):
        openstack.nova.servers.unlock(made)
        openstack.delete([made])
    for image in openstack.snapshots(made):
        openstack.glance.images.delete(image['id'])


def path(server_id, part=''):
    return '%s%s/%s' % (clients.PANEL, server_id, part)


def status(openstack, image_id):
    """Return an image's status, None where there is none."""
    try:
        return openstack.glance.images.get(image_id)['status']
    except glance_exceptions.HTTPNotFound:
        return None


def task(openstack, server_id):
    return getattr(openstack.nova.servers.get(server_id),
                   'OS-EXT-STS:task_state')


def begin(dashboard, openstack, server_id, until):
    """Click, and wait until the image has this status; return its id.

    The page that the click leads to is not waited for.
    """
    before = {image['id'] for image in openstack.snapshots(server_id)}
    url = dashboard.url + path(server_id, 'take/')
    answer = dashboard.http.post(url, allow_redirects=False, data={
        'csrfmiddlewaretoken': dashboard.http.cookies['csrftoken']},
        headers={'Referer': url}, timeout=clients.PATIENCE)
    assert answer.status_code == 302, answer.text
    made, = [image['id'] for image in openstack.snapshots(server_id)
             if image['id'] not in before]
    clients.wait_for(lambda: status(openstack, made) == until, until,
                     pause=0.05)
    return made


def verdict(openstack, image_id):
    """Return the verdict on an image, None where it has none yet."""
    written = openstack.glance.images.get(image_id).get('consistency_verdict')
    return None if written == 'pending' else written


def assert_proven_next(dashboard, openstack, server_id):
    """Take another snapshot, and find it proven."""
    clients.wait_for(lambda: openstack.idle(server_id), 'Nova to be idle')
    made = begin(dashboard, openstack, server_id, 'active')
    dashboard.settle([server_id])

    assert verdict(openstack, made) == 'filesystem-consistent'
    assert not memories(openstack, server_id, made)


def memories(openstack, server_id, image_id):
    return [key for key in openstack.nova.servers.get(server_id).metadata
            if image_id in key]


def settled(dashboard, server_id):
    """Look as the page does; return whether nothing is left to do."""
    answer = dashboard.post(path(server_id, 'news/'))
    return answer.ok and not answer.json()['unsettled']


# The instance

def test_nova_refuses_what_would_disturb_it_and_it_is_proven(
        cloud, dashboard, openstack, server):
    admin = clients.OpenStack(cloud, 'admin', 'admin').nova.servers
    servers, flavor = openstack.nova.servers, openstack.nova.flavors.list()[1]
    image_id = begin(dashboard, openstack, server, 'saving')

    for change in (
            lambda: servers.resize(server, flavor),
            lambda: servers.rebuild(server, cloud.images['debian-12-own']),
            lambda: servers.shelve(server),
            lambda: servers.stop(server), lambda: servers.suspend(server),
            lambda: admin.migrate(server),
            lambda: admin.live_migrate(server, None, 'auto')):
        with pytest.raises(nova_exceptions.Conflict):
            change()
    assert task(openstack, server)

    dashboard.settle([server])
    assert verdict(openstack, image_id) == 'filesystem-consistent'


@pytest.mark.parametrize('change', ['resize', 'rebuild', 'shelve', 'delete'])
def test_what_comes_before_the_verdict_does_not_change_it(
        change, cloud, dashboard, openstack, server):
    """It is copied and uploaded, and nobody has looked yet."""
    servers = openstack.nova.servers
    image_id = begin(dashboard, openstack, server, 'active')
    clients.wait_for(lambda: openstack.idle(server), 'Nova to be idle')

    if change == 'resize':
        servers.resize(server, openstack.nova.flavors.list()[1])
    elif change == 'rebuild':
        servers.rebuild(server, cloud.images['debian-12-agent'])
    elif change == 'shelve':
        servers.shelve(server)
    else:
        openstack.delete([server])
    assert dashboard.get(clients.PANEL).status_code == 200
    if change == 'delete':
        dashboard.post('%simages/%s/judge/' % (clients.PANEL, image_id))
    else:
        clients.wait_for(lambda: settled(dashboard, server), 'the verdict')

    assert verdict(openstack, image_id) == 'filesystem-consistent'


def test_a_lock_keeps_the_note_until_it_is_taken_away(dashboard, openstack,
                                                      server):
    image_id = begin(dashboard, openstack, server, 'saving')
    openstack.nova.servers.lock(server)

    clients.wait_for(lambda: verdict(openstack, image_id) or settled(
        dashboard, server) and None, 'the verdict')
    assert verdict(openstack, image_id) == 'filesystem-consistent'
    assert memories(openstack, server, image_id)

    openstack.nova.servers.unlock(server)
    clients.wait_for(lambda: settled(dashboard, server), 'the note to go')
    assert not memories(openstack, server, image_id)


def test_one_that_is_deleted_while_it_is_copied_leaves_nothing(
        dashboard, openstack, server):
    image_id = begin(dashboard, openstack, server, 'queued')

    openstack.delete([server])
    clients.wait_for(lambda: status(openstack, image_id) is None,
                     'Nova to delete the image')

    assert dashboard.get(path(server)).status_code == 404
    assert dashboard.post(path(server, 'news/')).status_code == 404
    assert dashboard.post(path(server, 'take/')).status_code in (200, 404)
    index = dashboard.get(clients.PANEL)
    assert index.status_code == 200
    assert server not in index.text


def test_one_that_is_deleted_while_it_is_uploaded_is_judged_by_its_disk(
        dashboard, openstack, server):
    image_id = begin(dashboard, openstack, server, 'saving')

    openstack.delete([server])
    clients.wait_for(lambda: status(openstack, image_id) in ('active', None),
                     'the end of the upload')

    # Nova does not look whether it is still there once it has begun to upload.
    assert status(openstack, image_id) == 'active'
    answer = dashboard.post('%simages/%s/judge/' % (clients.PANEL, image_id))
    assert answer.status_code == 200
    assert verdict(openstack, image_id) == 'filesystem-consistent'
    assert dashboard.get(clients.PANEL).status_code == 200


# The services

def nova_address(openstack):
    return openstack.nova.client.get_endpoint().split('/v2')[0] + '/'


def glance_address(openstack):
    return openstack.glance.http_client.get_endpoint().rstrip(
        '/') + '/healthcheck'


def kill_nova(cloud, openstack):
    """Kill Nova; the demo starts it again, as an init system would."""
    url = nova_address(openstack)
    os.kill(processes.running_pid(
        pathlib.Path(cloud.logs).parent / 'pids' / 'nova.pid'),
        signal.SIGKILL)
    clients.wait_for(lambda: not rest.answers(url), 'Nova to die',
                     pause=0.01)
    clients.wait_for(lambda: rest.answers(url), 'Nova to be back')


def kill_glance(cloud, openstack):
    """Kill the process that serves; its parent starts another."""
    before = children(cloud.pids['glance'])
    for child in before:
        os.kill(child, signal.SIGKILL)
    url = glance_address(openstack)
    clients.wait_for(lambda: children(cloud.pids['glance']) - before
                     and rest.answers(url), 'Glance to be back')


def children(pid):
    """Return the ids of a process's children."""
    stats = pathlib.Path('/proc').glob('[0-9]*/stat')
    found = {}
    for each in stats:
        with contextlib.suppress(OSError):
            # What is in parentheses may hold anything.
            _state, parent = each.read_text().rpartition(')')[2].split()[:2]
            found[int(each.parent.name)] = int(parent)
    return {child for child, parent in found.items() if parent == pid}


@pytest.mark.parametrize('until', ['queued', 'saving'])
def test_nova_is_killed_and_the_snapshot_is_called_given_up(
        until, cloud, dashboard, openstack, server):
    image_id = begin(dashboard, openstack, server, until)

    kill_nova(cloud, openstack)
    clients.wait_for(lambda: openstack.idle(server), 'Nova to be idle')
    assert dashboard.get(path(server)).status_code == 200
    clients.wait_for(lambda: settled(dashboard, server), 'an end', ABANDONED)

    page = dashboard.get(path(server))
    assert 'The compute service no longer works on it' in page.text
    # A Glance whose client goes away in an upload forgets what it has of it.
    assert status(openstack, image_id) in ('queued', 'saving')
    assert verdict(openstack, image_id) is None
    assert_proven_next(dashboard, openstack, server)
    # What is left of it goes with a click, and so does the note of it.
    dashboard.post(path(server), action='history__delete__' + image_id)
    assert status(openstack, image_id) is None
    assert not memories(openstack, server, image_id)


def test_glance_dies_in_the_upload_and_the_snapshot_is_called_discarded(
        cloud, dashboard, openstack, server):
    image_id = begin(dashboard, openstack, server, 'saving')

    kill_glance(cloud, openstack)
    clients.wait_for(lambda: openstack.idle(server), 'Nova to be idle')
    assert dashboard.get(path(server)).status_code == 200
    clients.wait_for(lambda: settled(dashboard, server), 'an end', ABANDONED)

    assert status(openstack, image_id) in (None, 'queued', 'saving')
    assert 'discarded' in dashboard.get(path(server)).text.lower()
    assert_proven_next(dashboard, openstack, server)


# Clicks

def twins(dashboard, count):
    """Return the windows of one browser: they share what it keeps."""
    made = []
    for _number in range(count):
        twin = clients.Dashboard.__new__(clients.Dashboard)
        twin.url, twin.http = dashboard.url, requests.Session()
        twin.http.trust_env = False
        twin.http.cookies.update(dashboard.http.cookies)
        made.append(twin)
    return made


@pytest.mark.parametrize('browsers', [1, 2])
def test_of_twenty_clicks_at_once_one_takes_a_snapshot(
        browsers, cloud, openstack, server, tmp_path):
    seats = [seat for _number in range(browsers)
             for seat in twins(clients.Dashboard(cloud, PROJECT),
                               CLICKS // browsers)]

    def click(seat):
        url = seat.url + path(server, 'take/')
        return seat.http.post(url, allow_redirects=False, data={
            'csrfmiddlewaretoken': seat.http.cookies['csrftoken']},
            headers={'Referer': url}, timeout=clients.PATIENCE)

    with futures.ThreadPoolExecutor(CLICKS) as pool:
        answers = list(pool.map(click, seats))
    pages = [seat.http.get(seat.url + answer.headers['Location'])
             for seat, answer in zip(seats, answers)]
    taken = [page for page in pages if 'is being taken' in page.text]

    assert {page.status_code for page in pages} == {200}
    # Nova was faster than the look at it, or it was not.
    for page in pages:
        assert page in taken or ('no snapshot was taken' in page.text
                                 or 'is busy with this instance' in page.text)

    clients.wait_for(lambda: openstack.idle(server), 'Nova to be idle')
    dashboard = seats[0]
    dashboard.settle([server])
    images = openstack.snapshots(server)
    proven = [image for image in images if image['status'] == 'active']
    left = [image for image in images if image not in proven]
    # On a busy machine the first may be over before the last click.
    assert 1 <= len(proven) == len(taken) < 4
    assert {image['consistency_verdict'] for image in proven} == {
        'filesystem-consistent'}
    # Nova made these before it refused, with the panel's mark and no data.
    assert {image['status'] for image in left} <= {'queued'}
    assert len(left) < CLICKS
    judge = judges.Judge(cloud, tmp_path, **{PROJECT: (PROJECT, PROJECT)})
    judge.run('--os-cloud', PROJECT)
    assert len(openstack.snapshots(server)) == len(images)
    # After an hour, in as many looks as it takes.
    for _look in range(CLICKS // 10):
        judge.run('--os-cloud', PROJECT, before=(
            'from snapshot_panel.consistency import leftovers\n'
            'leftovers.AGE = 0'))

    assert [image['id'] for image in openstack.snapshots(server)] == [
        image['id'] for image in proven]
