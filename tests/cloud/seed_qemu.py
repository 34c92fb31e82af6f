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

"""Fills a demo cloud that has the real hypervisor, with real guests."""

import os
import subprocess

from tests.cloud import hypervisor
from tests.cloud import layout as layouts
from tests.cloud import seed as model
from tests.cloud import shell
from tests.guest import image as builder

KIT = layouts.REPOSITORY / 'snapshot_panel' / 'guest' / 'consistency-kit.sh'
FLAVORS = {'demo.guest': (384, 1, 1, 0, 0)}
IMAGES = {
    'debian-12': model.DEBIAN,
    'debian-12-agent': model.DEBIAN | model.AGENT,
    'debian-12-quiesce': model.DEBIAN | model.AGENT | model.QUIESCE,
}
# Two, because software emulation is slow: name, image, and whether the kit
# is installed in it.
INSTANCES = (('web-ready', 'debian-12-agent', True),
             ('legacy-no-channel', 'debian-12', False))


def seed(layout, say):
    """Make images and instances.

    :param layout: the Layout of this demo; all services run
    :param say: called with a text at each step
    :returns: the part of ready.json that tells of them
    :raises SetupError: something failed
    """
    admin = model.open_session(layout, 'admin', 'admin')
    model.ensure_flavors(admin, FLAVORS)
    say('a Debian guest (the first time: some minutes)')
    images = _seed_images(admin, builder.build(), layout)
    instances = {}
    # None where the guests are somebody else's, see tests/truth.
    if os.environ.get('DEMO_INSTANCES') != 'none':
        demo = model.open_session(layout, 'demo', 'demo')
        for name, image, kit in INSTANCES:
            say(f'the guest {name}')
            instances[name] = boot(demo, name, images[image])
            if kit:
                _install_kit(layout, instances[name])
    return model.describe(instances, images)


def _seed_images(admin, built, layout):
    known = {each['name']: each for each in
             admin('glance', 'GET', '/v2/images')['images']
             if each['status'] == 'active'}
    boot_files = {
        key: _ensure_image(admin, known, f'debian-12-{path}', kind, {},
                           lambda path=path: (built / path).read_bytes())
        for key, path, kind in (('kernel_id', 'vmlinuz', 'aki'),
                                ('ramdisk_id', 'initrd.img', 'ari'))}
    disk = layout.folder / 'debian-12.qcow2'
    subprocess.run(['qemu-img', 'convert', '-O', 'qcow2',
                    str(built / 'disk.raw'), str(disk)], check=True)
    images = {name: _ensure_image(
        admin, known, name, 'qcow2',
        properties | boot_files | {
            'os_command_line': 'root=/dev/vda rw console=ttyS0 quiet'},
        disk.read_bytes) for name, properties in IMAGES.items()}
    disk.unlink()
    return images


def _ensure_image(admin, known, name, kind, properties, read):
    if name in known:
        return known[name]['id']
    image = admin('glance', 'POST', '/v2/images', {
        'name': name, 'visibility': 'public', 'disk_format': kind,
        'container_format': kind if kind in ('aki', 'ari') else 'bare',
        **properties})
    admin('glance', 'PUT', f'/v2/images/{image["id"]}/file', read(),
          'application/octet-stream')
    return image['id']


def boot(session, name, image_id):
    """Make an instance, unless it is there; return its id."""
    server = model.by_name(
        session, 'nova', '/servers/detail', 'servers').get(name)
    if server is None:
        server = session('nova', 'POST', '/servers', {'server': {
            'name': name, 'imageRef': image_id, 'flavorRef': '1',
            'networks': 'none'}})['server']
    model.wait_for_status(session, f'/servers/{server["id"]}', {'ACTIVE'})
    return server['id']


def _install_kit(layout, instance_id):
    guest = shell.Shell(hypervisor.shell_socket(layout, instance_id)).wait()
    guest.install_kit(KIT.read_text())
    guest.close()
