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

"""The cloud, its guests, and how a snapshot is taken and judged."""

import contextlib
import json
import pathlib
import subprocess
import time

from cinderclient import client as cinder_client
from glanceclient import exc as glance_exceptions

from tests import clients
from tests.cloud import hypervisor
from tests.cloud import layout as layouts
from tests.cloud import shell
from tests.truth import oracle
from tests.truth import report

KIT = layouts.REPOSITORY / 'snapshot_panel' / 'guest' / 'consistency-kit.sh'
HOOKS = '/etc/qemu/fsfreeze-hook.d'
# Nova waits without end for an agent that hangs in a freeze.
SNAPSHOT_PATIENCE = 240
# The same for the panel's way and for the plain one.
PAUSE = 0.2
FLAVOR = 'demo.guest'
# With a second disk, /dev/vdb.
DATA_FLAVOR = 'demo.guest-data'


class Guest:
    """An instance and the shell in it."""

    def __init__(self, server_id, socket):
        self.id = server_id
        self._socket = socket
        self._shell = None

    def wait(self):
        """Wait until it has booted, also after a reboot or a new start."""
        self.close()
        self._shell = shell.Shell(self._socket)
        self._shell.wait()
        return self

    def run(self, script, timeout=240):
        """Run a script in the guest; return its output."""
        return self._shell.run(script, timeout)

    def install_kit(self):
        self._shell.install_kit(KIT.read_text())

    def add_hook(self, script):
        """Add an application hook."""
        self._shell.run(f'mkdir -p {HOOKS}')
        self._shell.write(f'{HOOKS}/10-truth', f'#!/bin/sh\n{script}\n',
                          '755')

    def remove_hook(self):
        self._shell.run(f'rm -f {HOOKS}/10-truth')

    def close(self):
        if self._shell:
            self._shell.close()


class Stage:
    """Where the scenarios play.

    :param cloud: the content of ready.json as attributes
    :param folder: pathlib.Path of the demo
    :param results: a :class:`report.Report`
    """

    def __init__(self, cloud, layout, results):
        self._cloud = cloud
        self._layout = layout
        self._openstack = clients.OpenStack(cloud)
        self.nova = self._openstack.nova
        self._cinder = cinder_client.Client(
            '3', session=self.nova.client.session, region_name=cloud.region)
        self._dashboard = clients.Dashboard(cloud)
        self._report = results
        self._main = None
        self._others = []
        self.scenario = ''

    # Guests ---------------------------------------------------------------

    def main(self):
        """Return the guest with agent and kit that scenarios share.

        Each leaves it as it was.
        """
        if self._main is None:
            self._main = self._boot('main', 'debian-12-agent', FLAVOR)
            self._main.wait().install_kit()
        return self._main

    def start(self, image, flavor=FLAVOR, volumes=0):
        """Return a guest of its own for one scenario, while it boots.

        :param volumes: of Cinder instead of its disk: the root, and empty
            ones.
        """
        guest = self._boot('other', image, flavor, volumes)
        self._others.append(guest)
        return guest

    def clean(self, main=False):
        """Delete the scenario's own guests, and the shared one if asked."""
        if main and self._main:
            self._others.append(self._main)
            self._main = None
        for guest in self._others:
            guest.close()
            # Cinder keeps a volume that has snapshots.
            for snapshot in self._cinder.volume_snapshots.list():
                snapshot.delete()
            self.nova.servers.delete(guest.id)
            clients.wait_for(
                lambda: guest.id not in
                [server.id for server in self.nova.servers.list()],
                'an instance to go')
        self._others = []

    def has_image(self, name):
        return name in self._cloud.images

    def make_image(self, guest, name, disk):
        """Make an image of a stopped guest's second disk.

        :param disk: how Nova calls it
        """
        source = pathlib.Path(self._layout.folder, 'state', 'instances',
                              guest.id, disk)
        image = source.with_suffix('.new')
        subprocess.run(['qemu-img', 'convert', '-O', 'qcow2', str(source),
                        str(image)], check=True)
        glance = self._openstack.glance.images
        like = glance.get(self._cloud.images['debian-12-agent'])
        made = glance.create(
            name=name, disk_format='qcow2', container_format='bare',
            **{key: like[key] for key in (
                'kernel_id', 'ramdisk_id', 'os_command_line',
                'hw_qemu_guest_agent')})
        with image.open('rb') as file:
            glance.upload(made.id, file)
        self._cloud.images[name] = made.id

    def clear(self):
        """Delete what an interrupted run left."""
        self._others = [Guest(server.id, None)
                        for server in self.nova.servers.list()]
        self.clean()

    def _boot(self, name, image, flavor, volumes=0):
        image_id = self._cloud.images[image]
        disks = [{'boot_index': -1, 'volume_size': 1, 'source_type': 'blank',
                  'destination_type': 'volume', 'delete_on_termination': True}
                 for _ in range(volumes)]
        if volumes:
            disks[0] |= {'boot_index': 0, 'source_type': 'image',
                         'uuid': image_id}
        server = self.nova.servers.create(
            name, None if volumes else image_id, self._flavor(flavor),
            block_device_mapping_v2=disks or None, nics='none')
        self._await_status(server.id, 'ACTIVE')
        return Guest(server.id,
                     hypervisor.shell_socket(self._layout, server.id))

    def _flavor(self, name):
        known = {each.name: each for each in self.nova.flavors.list()}
        if name not in known:
            admin = clients.OpenStack(self._cloud, 'admin').nova
            known[name] = admin.flavors.create(name, 384, 1, 1, ephemeral=1)
        return known[name]

    def become(self, guest, status, action):
        """Change an instance's state with one of Nova's actions."""
        getattr(self.nova.servers, action)(guest.id)
        self._await_status(guest.id, status)

    def _await_status(self, server_id, status):
        def look():
            found = self._openstack.status(server_id)
            assert status == 'ERROR' or found != 'ERROR', 'instance failed'
            return found == status and self._openstack.idle(server_id)
        clients.wait_for(look, 'an instance to be ' + status)

    @contextlib.contextmanager
    def broken_storage(self, guest, device):
        """Let Cinder fail to copy one of a guest's volumes for a while."""
        volume, = [each.id for each in self._cinder.volumes.list()
                   if any(place['server_id'] == guest.id
                          and place['device'] == device
                          for place in each.attachments)]
        path = self._volume_file(f'volume-{volume}')
        # The guest still has it open.
        away = path.rename(path.with_suffix('.away'))
        try:
            yield
        finally:
            away.rename(path)

    # Snapshots ------------------------------------------------------------

    def take(self, guest, kit=True, timed=False):
        """Take a snapshot with the panel, and let it and the disk judge.

        :param kit: whether the guest can prove a freeze
        :param timed: whether this one is compared with the plain way
        """
        snapshot = self.click(guest, kit)
        self.await_active(snapshot)
        if timed:
            self._report.timed.append(snapshot.to_active)
        self.judge(guest, snapshot)

    def refused(self, guest):
        """Press the button where Nova must refuse."""
        known = self._image_ids(guest)
        page = self._press(guest)
        assert not self._image_ids(guest) - known, 'it was taken'
        self._report.add(report.Snapshot(
            self.scenario, '', True, 'refused', 'not taken',
            ' '.join(self._dashboard.messages(page))[:80]))

    def click(self, guest, kit=True):
        """Press the button, accept what the form offers; return at once."""
        known = self._image_ids(guest)
        began = time.monotonic()
        page = self._press(guest)
        new = self._image_ids(guest) - known
        assert new, f'refused: {self._dashboard.messages(page)}'
        snapshot = report.Snapshot(self.scenario, new.pop(), kit)
        snapshot.began = began
        return snapshot

    def _press(self, guest):
        page = self._dashboard.click(guest.id)
        if '/snapshot/' in page.url:
            path = page.url[len(self._dashboard.url):]
            fields = dict(self._dashboard.inputs(page, 'name', 'promise'))
            page = self._dashboard.post(path, **fields)
        return page

    def _image_ids(self, guest):
        """Return what there is of an instance, or was promised."""
        metadata = self.nova.servers.get(guest.id).metadata
        prefix = 'consistency_snapshot_'
        return ({image['id'] for image in self._openstack.snapshots(guest.id)}
                | {key[len(prefix):] for key in metadata
                   if key.startswith(prefix)})

    def await_active(self, snapshot):
        """Wait until Nova is done with it."""
        def look():
            image = self._image(snapshot.image_id)
            return 'discarded' if image is None else (
                image.status if image.status != 'queued'
                and image.status != 'saving' else None)
        snapshot.nova = clients.wait_for(look, 'an image', SNAPSHOT_PATIENCE,
                                         PAUSE)
        snapshot.active_at = time.monotonic()
        if snapshot.nova == 'active':
            snapshot.to_active = round(snapshot.active_at - snapshot.began, 1)

    def _image(self, image_id):
        try:
            image = self._openstack.glance.images.get(image_id)
        except glance_exceptions.HTTPNotFound:
            return None
        return None if image.status in ('deleted', 'killed') else image

    def judge(self, guest, snapshot):
        """Let the panel settle it as its page's script does, and the disk."""
        clients.wait_for(
            lambda: 'data-unsettled' not in self._dashboard.rows(
                guest.id, settle=True)[guest.id],
            'a verdict', pause=PAUSE)
        snapshot.witnesses = self._witnesses(guest)
        image = self._image(snapshot.image_id)
        if image is None:
            snapshot.panel, snapshot.rule = self._said_of_gone(
                guest, snapshot.image_id)
        else:
            snapshot.to_seal = round(
                time.monotonic() - snapshot.active_at, 1)
            snapshot.panel = image.get('consistency_verdict', 'nothing')
            snapshot.rule = image.get('consistency_rule', '')
            snapshot.evidence = json.loads(
                image.get('consistency_evidence', '{}'))
            snapshot.disk = oracle.judge_all(self._files(image))
            if snapshot.agree != 'NO':
                # They are large.
                self._openstack.glance.images.delete(image.id)
        self._report.add(snapshot)

    def _files(self, image):
        """Return the file of an image, or those of its volumes in Cinder."""
        if 'block_device_mapping' not in image:
            return [pathlib.Path(self._layout.folder, 'images', image.id)]
        return [self._copy(disk['snapshot_id'])
                for disk in json.loads(image['block_device_mapping'])]

    def _copy(self, snapshot_id):
        status = clients.wait_for(
            lambda: self._cinder.volume_snapshots.get(snapshot_id).status
            .replace('creating', ''), 'a copy of a volume')
        return (self._volume_file(f'snapshot-{snapshot_id}')
                if status == 'available' else None)

    def _volume_file(self, name):
        return pathlib.Path(self._layout.folder, 'state', 'volumes', name)

    def _said_of_gone(self, guest, image_id):
        metadata = self.nova.servers.get(guest.id).metadata
        memory = json.loads(
            metadata.get('consistency_snapshot_' + image_id, '{}'))
        return ('discarded' if 'gone' in memory else 'nothing',
                memory.get('cause', ''))

    def _witnesses(self, guest):
        """Return the last lines that the guest said on its console."""
        try:
            console = self.nova.servers.get_console_output(guest.id)
        except Exception as error:
            return [f'no console: {error}']
        return [line for line in console.splitlines()
                if 'consistency-witness' in line][-12:]

    def take_plain(self, guest):
        """Take one as `openstack server image create --wait` does."""
        began = time.monotonic()
        image_id = self.nova.servers.create_image(guest.id, 'plain')
        clients.wait_for(
            lambda: self._image(image_id).status == 'active', 'an image',
            SNAPSHOT_PATIENCE, PAUSE)
        self._report.plain.append(round(time.monotonic() - began, 1))
        self._openstack.glance.images.delete(image_id)
        self._await_status(guest.id, 'ACTIVE')
