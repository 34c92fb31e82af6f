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

"""Where the demo cloud keeps its things, and which ports it listens on."""

import dataclasses
import os
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
HOST = '127.0.0.1'
REGION = 'DemoRegion'
PASSWORD = 'demo-password'
# Services that listen, in the order of their ports from the base on.
LISTENERS = ('dashboard', 'keystone', 'glance', 'placement', 'neutron',
             'nova', 'cinder', 'mistral')
# How Nova stops an instance that does not listen to ACPI: after so many
# seconds. Horizon's plugin is told the same number. A real guest in software
# emulation needs longer than a model to go down by itself.
SHUTDOWN_TIMEOUT = {'model': 8, 'qemu': 60}
# Which of tox's environments runs the services.
ENVIRONMENTS = {'model': 'cloud', 'qemu': 'hypervisor'}


class SetupError(Exception):
    """The demo cannot start; the text says why and what helps."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """One demo cloud: its folder, its ports, its interpreters."""

    folder: pathlib.Path
    port_base: int
    cloud_python: pathlib.Path
    dashboard_python: pathlib.Path
    hypervisor: str = 'model'
    # Mistral runs where it has one.
    workflows_python: pathlib.Path | None = None

    @property
    def shutdown_timeout(self):
        return SHUTDOWN_TIMEOUT[self.hypervisor]

    def port(self, service):
        """Return the TCP port of one of LISTENERS."""
        return self.port_base + LISTENERS.index(service)

    def url(self, service):
        """Return the address of one of LISTENERS, without a last slash."""
        path = {'keystone': '/v3', 'nova': '/v2.1',
                'cinder': '/v3', 'mistral': '/v2'}.get(service, '')
        return f'http://{HOST}:{self.port(service)}{path}'

    @property
    def configuration(self):
        return self.folder / 'etc'

    @property
    def databases(self):
        return self.folder / 'databases'

    @property
    def logs(self):
        return self.folder / 'logs'

    @property
    def pids(self):
        return self.folder / 'pids'

    @property
    def ready_file(self):
        return self.folder / 'ready.json'

    def marker(self, name):
        """Return the file whose presence says that a step was done once."""
        return self.folder / f'{name}.done'

    def share(self, name):
        """Return a folder of data files that the services' packages bring."""
        return self.cloud_python.parent.parent / name


def make_layout(folder, port_base, hypervisor='model', workflows=False):
    """Return the Layout for a folder and a first port.

    :param hypervisor: ``model`` (see driver.py) or ``qemu``
    :param workflows: whether Mistral runs too

    The interpreters are tox's, or those that CLOUD_PYTHON,
    DASHBOARD_PYTHON and WORKFLOWS_PYTHON name.

    :raises SetupError: an interpreter is missing
    """
    return Layout(
        pathlib.Path(folder).resolve(), port_base,
        _interpreter('CLOUD_PYTHON', ENVIRONMENTS[hypervisor], 'nova'),
        _interpreter('DASHBOARD_PYTHON', 'dashboard',
                     'openstack_dashboard'), hypervisor,
        _interpreter('WORKFLOWS_PYTHON', 'workflows', 'mistral')
        if workflows else None)


def _interpreter(variable, environment, package):
    named = os.environ.get(variable)
    # absolute() and not resolve(): the link is what makes it an environment.
    path = pathlib.Path(
        named or REPOSITORY / '.tox' / environment / 'bin' / 'python'
    ).absolute()
    packages = path.parent.parent.glob(
        f'lib/python*/site-packages/{package}/__init__.py')
    if path.exists() and any(packages):
        return path
    wrong = (f'{path} has no {package}: this environment is half made'
             if path.exists() else f'There is no {path}')
    raise SetupError(wrong + '. ' + (
        f'Correct {variable}.' if named else
        f'To make it: tox run -r --notest -e {environment}'))
