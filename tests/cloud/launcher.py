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

"""Brings the demo cloud up, step by step, and watches it."""

import concurrent.futures
import json
import os
import shutil
import time

from tests.cloud import configuration
from tests.cloud import dashboard
from tests.cloud import hypervisor
from tests.cloud import layout as layouts
from tests.cloud import processes
from tests.cloud import rest
from tests.cloud import seed
from tests.cloud import seed_qemu

DATABASES = ('nova', 'keystone', 'neutron', 'cinder', 'glance', 'placement')
DATABASE_PATIENCE = 300
START_PATIENCE = 180
SEEDS = {'model': seed.seed, 'qemu': seed_qemu.seed}
# Where a service answers without a token.
HEALTH = {
    'keystone': '', 'glance': '/healthcheck', 'placement': '/',
    'neutron': '/', 'nova': '', 'cinder': '/', 'mistral': '/v2/',
    'dashboard': '/auth/login/',
}


class Launcher:
    """One start of the demo.

    :param layout: the Layout of this demo
    """

    def __init__(self, layout):
        self._layout = layout
        self._processes = processes.Processes(layout)
        self._began = time.monotonic()

    def up(self):
        """Start everything; return the content of ready.json.

        :raises SetupError: something did not start
        """
        layout = self._layout
        fresh = not layout.marker('databases').exists()
        self._step(1, 'Writing configuration')
        configuration.write(layout)
        dashboard.write(layout)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            # Beside the rest: it needs none of the services.
            static = pool.submit(dashboard.collect_static, layout)
            try:
                if fresh:
                    self._step(2, 'Making databases (the first time only)')
                    self._make_databases()
                if layout.hypervisor == 'qemu':
                    hypervisor.start(layout, self._processes)
                self._step(3, 'Starting Keystone, Glance, Placement, '
                              'Neutron, Cinder and Nova')
                self._start_services()
                self._step(4, 'Collecting and compressing Horizon\'s static '
                              'files' if not static.done() else
                              'Horizon\'s static files are there')
                static.result()
            except BaseException:
                self.down()
                raise
        self._step(5, 'Starting Horizon')
        self._start_dashboard()
        self._await('placement', 'glance', 'neutron', 'nova', 'cinder',
                    *(['mistral'] if layout.workflows_python else []))
        self._step(6, 'Seeding: images' if not layout.marker('seed').exists()
                   else 'Looking for the seed')
        content = self._seed()
        self._step(7, 'Waiting for Horizon')
        self._await('dashboard')
        layout.ready_file.write_text(json.dumps(content, indent=2) + '\n')
        return content

    def watch(self, parent=None):
        """Watch the processes until Ctrl-C, or until the parent is gone.

        :param parent: the process id of who started us, to end with it
        :raises SetupError: a process died
        """
        while parent in (None, os.getppid()):
            self._processes.check()
            time.sleep(0.5)

    def down(self):
        """Stop everything."""
        self._layout.ready_file.unlink(missing_ok=True)
        self._processes.stop()
        hypervisor.end_guests(self._layout)

    def _step(self, number, text):
        seconds = time.monotonic() - self._began
        print(f'[{number}/7 {seconds:5.1f} s] {text}', flush=True)

    def _make_databases(self):
        layout = self._layout
        # What an interrupted start left is no base to go on from.
        shutil.rmtree(layout.databases)
        layout.databases.mkdir()
        layout.marker('seed').unlink(missing_ok=True)
        layout.marker('identity').unlink(missing_ok=True)
        started = [self._processes.start(
            f'{name}-database', layout.cloud_python, 'tests.cloud.databases',
            name, layout.configuration)
            for name in DATABASES]
        for process in started:
            self._processes.finish(process, DATABASE_PATIENCE)
        layout.marker('databases').touch()

    def _start_services(self):
        layout = self._layout
        self._start_service('keystone')
        identity = layout.marker('identity')
        known = f'{layout.port_base} {bool(layout.workflows_python)}'
        if not identity.exists() or identity.read_text() != known:
            # The others ask Keystone for tokens as soon as they run.
            self._await('keystone')
            seed.identity(layout)
            identity.write_text(known)
        self._processes.start(
            'nova', layout.cloud_python, 'tests.cloud.compute',
            layout.port('nova'), layout.configuration,
            *(layout.port(name)
              for name in ('keystone', 'glance', 'placement')), killable=True)
        for name in ('placement', 'glance', 'neutron'):
            self._start_service(name)
        self._processes.start(
            'cinder', layout.cloud_python, 'tests.cloud.volumes',
            layout.port('cinder'), layout.configuration)
        if layout.workflows_python:
            self._processes.start(
                'mistral', layout.workflows_python, 'tests.cloud.workflows',
                layout.port('mistral'), layout.configuration, killable=True)

    def _start_service(self, name):
        self._processes.start(
            name, self._layout.cloud_python, 'tests.cloud.services', name,
            self._layout.port(name),
            environment={f'OS_{each.upper()}_CONFIG_DIR':
                         str(self._layout.configuration)
                         for each in layouts.LISTENERS} | {
                'OS_NEUTRON_CONFIG_FILES': 'neutron.conf'})

    def _start_dashboard(self):
        layout = self._layout
        self._processes.start(
            'dashboard', layout.dashboard_python, 'tests.cloud.services',
            'dashboard', layout.port('dashboard'),
            environment=dashboard.environment(layout))

    def _await(self, *names):
        deadline = time.monotonic() + START_PATIENCE
        for name in names:
            url = (f'http://{layouts.HOST}:{self._layout.port(name)}'
                   f'{HEALTH[name]}')
            while not rest.answers(url):
                self._processes.check()
                if time.monotonic() > deadline:
                    raise layouts.SetupError(
                        f'{name} gives no answer at {url} after '
                        f'{START_PATIENCE} s; see {self._layout.logs}')
                time.sleep(0.1)

    def _seed(self):
        layout = self._layout
        marker = layout.marker('seed')
        if not marker.exists():
            marker.write_text(json.dumps(SEEDS[layout.hypervisor](
                layout, lambda text: self._step(6, f'Seeding: {text}'))))
        return {
            'url': layout.url('dashboard') + '/',
            'auth_url': layout.url('keystone'), 'region': layouts.REGION,
            **json.loads(marker.read_text()),
            'pids': self._processes.pids, 'logs': str(layout.logs),
        }


def run(layout, attached=False):
    """Bring the demo up and keep it up until Ctrl-C.

    :param layout: the Layout of this demo
    :param attached: end also when the process that started us has ended
    :raises SetupError: it does not start, or a process died
    """
    parent = os.getppid() if attached else None
    processes.take_over(layout)
    if layout.hypervisor == 'qemu':
        hypervisor.check()
        hypervisor.end_guests(layout)
    launcher = None
    try:
        layout.ready_file.unlink(missing_ok=True)
        processes.check_ports_free(layout)
        launcher = Launcher(layout)
        content = launcher.up()
        print(f'Ready: {content["url"]}  user demo  '
              f'password {content["users"]["demo"]["password"]}', flush=True)
        launcher.watch(parent)
    except KeyboardInterrupt:
        print('\nStopping', flush=True)
    finally:
        if launcher:
            launcher.down()
        (layout.pids / 'launcher.pid').unlink(missing_ok=True)
