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

"""Horizon's own pages cost the services no more than without the panel."""

import collections
import contextlib
import pathlib
import shutil
import socket
import subprocess
import types
import urllib.parse

import pytest

from tests import clients
from tests.cloud import dashboard as dashboards
from tests.cloud import layout as layouts
from tests.cloud import processes
from tests.cloud import rest
from tests.cloud import wire

INSTANCES = '/project/instances/'


@pytest.fixture(scope='module')
def plain(cloud, tmp_path_factory):
    """Another Horizon of the cloud, whose page of instances is its own.

    It has what a :class:`clients.Dashboard` and a :class:`wire.Wire` need.
    """
    folder = tmp_path_factory.mktemp('plain')
    layout = layouts.make_layout(
        pathlib.Path(cloud.logs).parent,
        urllib.parse.urlsplit(cloud.url).port
        - layouts.LISTENERS.index('dashboard'))
    environment = dashboards.environment(layout)
    shutil.copytree(environment['DEMO_HORIZON'], folder / 'horizon')
    with (folder / 'horizon/local_settings.py').open('a') as settings:
        settings.write("SNAPSHOT_PANEL['on_instances_page'] = False\n")
    with socket.socket() as free:
        free.bind((layouts.HOST, 0))
        port = free.getsockname()[1]
    with (folder / 'log').open('w') as log:
        server = subprocess.Popen(
            [layout.dashboard_python, '-m', 'tests.cloud.services',
             'dashboard', str(port)], cwd=layouts.REPOSITORY, stdout=log,
            stderr=log, stdin=subprocess.DEVNULL,
            env=processes.clean_environment(environment | {
                'DEMO_HORIZON': str(folder / 'horizon'),
                'DEMO_REQUESTS': str(folder / wire.FILE)}))
    url = 'http://%s:%d/' % (layouts.HOST, port)
    try:
        clients.wait_for(lambda: rest.answers(url + 'auth/login/'), url)
        yield types.SimpleNamespace(**{
            **vars(cloud), 'url': url, 'logs': str(folder),
            'listen': _listen(folder / wire.FILE, cloud)})
    finally:
        server.terminate()
        server.wait()


def _listen(path, cloud):
    """Return what :meth:`wire.Wire.listen` does, for another file."""
    @contextlib.contextmanager
    def listen():
        wires = wire.Wire(cloud)
        wires._path = path
        with wires.listen() as found:
            yield found
    return listen


def requests(listen, look, *arguments, **named):
    with listen() as found:
        answer = look(*arguments, **named)
    assert answer.status_code == 200, answer.text
    return collections.Counter(map(str, found)), answer.text


def row(instance_id):
    """Return what Horizon's script asks for to renew one row."""
    return {'action': 'row_update', 'table': 'instances',
            'obj_id': instance_id}


def test_the_page_of_instances_asks_for_nothing_more(cloud, plain,
                                                     dashboard):
    horizons = clients.Dashboard(plain)
    web = cloud.instances['web-ready']
    listen = wire.Wire(cloud).listen
    # What the panel found out is shown.
    dashboard.get('%s%s/' % (clients.PANEL, web))

    for parameters in ({}, row(web)):
        # Each Horizon looks for the versions of services once.
        horizons.get(INSTANCES, **parameters)
        dashboard.get(INSTANCES, **parameters)
        without, page = requests(plain.listen, horizons.get, INSTANCES,
                                 **parameters)
        assert 'consistent_snapshot' not in page.replace(clients.PANEL, '')
        with_us, page = requests(listen, dashboard.get, INSTANCES,
                                 **parameters)
        assert clients.PANEL + web + '/snapshot/' in page
        assert 'Ready' in page
        assert with_us == without


def test_who_may_not_take_snapshots_is_offered_none(cloud, reader):
    page = reader.get(INSTANCES).text

    assert cloud.instances['web-ready'] in page
    assert '/snapshot/' not in page.replace('/images/', '')
