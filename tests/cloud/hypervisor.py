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

"""The real hypervisor: libvirtd and virtlogd, and QEMU's guests.

They get folders of the demo in place of the system's own, in a mount
namespace of their own. So nothing on this machine is changed, and a libvirtd
that runs here anyway is not disturbed.

``python -m tests.cloud.hypervisor`` says what is missing here.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from tests.cloud import layout as layouts
from tests import tools

PATIENCE = 60
# What libvirt is compiled to use, and what it gets instead.
FOLDERS = {'run': '/run/libvirt', 'lib': '/var/lib/libvirt',
           'cache': '/var/cache/libvirt', 'log': '/var/log/libvirt',
           'etc': '/etc/libvirt'}
SOCKETS = {'virtlogd': 'virtlogd-sock', 'libvirtd': 'libvirt-sock'}
CONFIGURATION = {
    'libvirtd.conf': 'auth_unix_rw = "none"\n',
    'virtlogd.conf': '',
    # As root, because the guests' disks lie in a folder of the user's choice;
    # and without what a container does not have.
    'qemu.conf': '''\
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
''',
}
_IN_NAMESPACE = '''
folder=$1
shift
for pair in {pairs}; do
    mkdir -p "${{pair#*:}}"
    mount --bind "$folder/${{pair%%:*}}" "${{pair#*:}}"
done
exec "$@"
'''.format(pairs=' '.join(f'{name}:{path}' for name, path in FOLDERS.items()))


def check(install=False):
    """Check that the hypervisor can run on this machine.

    :param install: install Debian's packages that are missing
    :raises SetupError: it cannot
    """
    if os.geteuid() != 0:
        raise layouts.SetupError('The real hypervisor needs root.')
    missing = tools.missing(['hypervisor'])
    if not missing:
        return
    if not install:
        raise layouts.SetupError(
            tools.advice(missing) + '\nINSTALL=1 installs them for you.')
    try:
        tools.install(missing)
    except tools.ToolsError as error:
        raise layouts.SetupError(str(error)) from error


def start(layout, processes):
    """Start libvirtd and virtlogd; they end with the other processes.

    :param layout: the Layout of this demo
    :param processes: the Processes to start them with
    :raises SetupError: they do not start
    """
    for name in FOLDERS:
        _folder(layout, name).mkdir(parents=True, exist_ok=True)
    for name, text in CONFIGURATION.items():
        (_folder(layout, 'etc') / name).write_text(text)
    for name in SOCKETS:
        (_folder(layout, 'run') / SOCKETS[name]).unlink(
            missing_ok=True)
        processes.start_command(name, [
            'unshare', '--mount', '--propagation', 'private',
            'sh', '-ec', _IN_NAMESPACE, 'sh', str(layout.folder / 'libvirt'),
            shutil.which(name), '--config', f'/etc/libvirt/{name}.conf',
            '--pid-file', f'/run/libvirt/demo-{name}.pid'])
    deadline = time.monotonic() + PATIENCE
    while not (_folder(layout, 'run') / 'libvirt-sock').exists():
        processes.check()
        if time.monotonic() > deadline:
            raise layouts.SetupError(
                f'libvirtd does not start; see {layout.logs}')
        time.sleep(0.1)


def connection(layout):
    """Return the address of the demo's libvirtd, as libvirt takes it."""
    return f'qemu:///system?socket={_folder(layout, "run")}/libvirt-sock'


def shell_socket(layout, instance_id):
    """Return the socket of a guest's root shell (see qemu_driver.py)."""
    return _folder(layout, 'run') / f'{instance_id}.shell'


def end_guests(layout):
    """Pull the plugs of all guests and volumes of this demo; never fails."""
    for path in _folder(layout, 'run').glob('qemu/*.pid'):
        try:
            pid = int(path.read_text())
            command = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
            if str(layout.folder).encode() in command:
                os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError):
            # It is gone already.
            pass
    for path in (layout.folder / 'state' / 'volumes').glob('*'):
        for device in subprocess.run(
                ['losetup', '-j', str(path), '-n', '-O', 'NAME'], text=True,
                stdout=subprocess.PIPE).stdout.split():
            subprocess.run(['losetup', '-d', device])


def _folder(layout, name):
    return layout.folder / 'libvirt' / name


if __name__ == '__main__':
    try:
        check(install=os.environ.get('INSTALL') == '1')
    except layouts.SetupError as error:
        sys.exit(f'demo: {error}')
