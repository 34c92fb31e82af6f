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
import dataclasses
import json
import pathlib
import subprocess
import tempfile
import time

from cinderclient import client as cinder_client
from glanceclient import exc as glance_exceptions

from tests import clients
from tests.cloud import hypervisor
from tests.cloud import layout as layouts
from tests.cloud import shell
from tests.guest import image as builder
from tests.guest import machine
from tests.truth import disks
from tests.truth import numbers
from tests.truth import oracle
from tests.truth import report

KIT = layouts.REPOSITORY / 'snapshot_panel' / 'guest' / 'consistency-kit.sh'
HOOKS = '/etc/qemu/fsfreeze-hook.d'
# Nova waits without end for an agent that hangs in a freeze.
SNAPSHOT_PATIENCE = 240
# The same for the panel's way and for the plain one.
PAUSE = 0.2
# How long a guest may take to say what it wrote: it may just go down.
LAST_WORDS = 20
FLAVOR = 'demo.guest'
# With a second disk, /dev/vdb.
DATA_FLAVOR = 'demo.guest-data'
# What the guest's disk is made into: see disks.py.
LAYOUTS = {'debian-12-gpt': disks.gpt_with_efi, 'debian-12-lvm': disks.lvm}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of guest that scenarios share."""

    name: str
    image: str = 'debian-12-agent'
    kit: bool = False


class Guest:
    """An instance and the shell in it.

    ``kind`` is what the report calls it. ``kit`` tells whether the guest kit
    is installed, ``account`` what the guest wrote last (see numbers.py), None
    if nothing; ``volumes`` whether its disks are Cinder's.
    """

    def __init__(self, server_id, socket, image='', volumes=False):
        self.id = server_id
        self.image = image
        self.kind = image
        self.volumes = volumes
        self.kit = False
        self.account = None
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

    def install_agent(self):
        """Install the agent from the guest's own repository, and start it."""
        self.run('apt-get update -q; apt-get install -qy'
                 ' --no-install-recommends qemu-guest-agent;'
                 ' systemctl start qemu-guest-agent', timeout=480)
        return self

    def install_kit(self):
        """Let the kit install itself, and the agent where there is none."""
        self._shell.install_kit(KIT.read_text())
        self.kit = True
        return self

    def add_hook(self, script):
        """Add an application hook."""
        self._shell.run(f'mkdir -p {HOOKS}')
        self._shell.write(f'{HOOKS}/10-truth', f'#!/bin/sh\n{script}\n',
                          '755')

    def remove_hook(self):
        self._shell.run(f'rm -f {HOOKS}/10-truth')

    def begin_writing(self):
        """Have it write numbers from now on."""
        self.account = numbers.begin(self.run)

    def end_writing(self):
        """Have it stop, and remember what it wrote, as far as it says."""
        try:
            self.account = numbers.end(
                lambda script: self.run(script, LAST_WORDS), self.account)
        except (OSError, machine.CommandFailed):
            # It was restarted meanwhile.
            self.wait()

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
        self._shared = None
        self._others = []
        self.scenario = ''

    # Guests ---------------------------------------------------------------

    def shared(self, kind):
        """Return the guest of a :class:`Kind`, with its agent running.

        Scenarios share it, and each leaves it as it was. There is one at a
        time; the kit can come to a guest, and does not go.
        """
        guest = self._shared
        if guest and (guest.image != kind.image or guest.kit > kind.kit):
            self.clean(shared=True)
        if self._shared is None:
            self._shared = self._boot('shared', kind.image, FLAVOR)
            self._shared.wait().install_agent()
        if kind.kit and not self._shared.kit:
            self._shared.install_kit()
        self._shared.kind = kind.name
        return self._shared

    def start(self, image, flavor=FLAVOR, volumes=0):
        """Return a guest of its own for one scenario, once it has booted.

        :param volumes: of Cinder instead of its disk: the root, and empty
            ones.
        """
        guest = self._boot('other', image, flavor, volumes)
        self._others.append(guest)
        return guest.wait()

    def clean(self, shared=False):
        """Delete the scenario's own guests, and the shared one if asked."""
        if shared and self._shared:
            self._others.append(self._shared)
            self._shared = None
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
        self._upload(name, source)

    def _lay_out(self, name):
        """Make an image of the guest's disk in another layout."""
        with tempfile.TemporaryDirectory(dir=self._layout.folder) as folder:
            disk, root = LAYOUTS[name](builder.build() / 'disk.raw',
                                       pathlib.Path(folder))
            self._upload(name, disk, os_command_line=(
                f'root={root} rw console=ttyS0 quiet'))

    def _upload(self, name, disk, **properties):
        image = disk.with_suffix('.new')
        subprocess.run(['qemu-img', 'convert', '-O', 'qcow2', str(disk),
                        str(image)], check=True)
        glance = self._openstack.glance.images
        like = glance.get(self._cloud.images['debian-12-agent'])
        made = glance.create(
            name=name, disk_format='qcow2', container_format='bare',
            **{key: like[key] for key in (
                'kernel_id', 'ramdisk_id', 'os_command_line',
                'hw_qemu_guest_agent')} | properties)
        with image.open('rb') as file:
            glance.upload(made.id, file)
        image.unlink()
        self._cloud.images[name] = made.id

    def clear(self):
        """Delete what an interrupted run left."""
        self._others = [Guest(server.id, None)
                        for server in self.nova.servers.list()]
        self.clean()

    def _boot(self, name, image, flavor, volumes=0):
        if image in LAYOUTS and not self.has_image(image):
            self._lay_out(image)
        image_id = self._cloud.images[image]
        mapping = [{
            'boot_index': -1, 'volume_size': 1, 'source_type': 'blank',
            'destination_type': 'volume', 'delete_on_termination': True}
            for _ in range(volumes)]
        if volumes:
            mapping[0] |= {'boot_index': 0, 'source_type': 'image',
                           'uuid': image_id}
        server = self.nova.servers.create(
            name, None if volumes else image_id, self._flavor(flavor),
            block_device_mapping_v2=mapping or None, nics='none')
        self._await_status(server.id, 'ACTIVE')
        return Guest(server.id,
                     hypervisor.shell_socket(self._layout, server.id),
                     image, bool(volumes))

    def _flavor(self, name):
        known = {each.name: each for each in self.nova.flavors.list()}
        if name not in known:
            admin = clients.OpenStack(self._cloud, 'admin').nova
            known[name] = admin.flavors.create(name, 384, 1, 1, ephemeral=1)
        return known[name]

    def become(self, guest, status, action):
        """Change an instance's state with one of Nova's actions.

        One that runs is writing by then, so that there is something to lose.
        """
        if self._openstack.status(guest.id) == 'ACTIVE':
            guest.begin_writing()
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

    def take(self, guest, ways=report.WAYS, timed=False):
        """Take a snapshot in each way, and let the panel and the disk judge.

        :param timed: whether the ways are compared
        """
        for way in ways:
            snapshot = self.ask(guest, way)
            self.await_active(snapshot)
            snapshot.timed = timed
            self.judge(snapshot)

    def refused(self, guest):
        """Press the button where Nova must refuse."""
        known = self._image_ids(guest)
        page = self._press(guest)
        assert not self._image_ids(guest) - known, 'it was taken'
        self._report.add(report.Snapshot(
            self.scenario, guest.kind, report.PANEL, '', guest.kit,
            nova='refused', panel='not taken',
            rule=' '.join(self._dashboard.messages(page))[:80]))

    def ask(self, guest, way=report.PANEL):
        """Ask for a snapshot in one way; return at once."""
        if self._openstack.status(guest.id) == 'ACTIVE':
            guest.begin_writing()
        began = time.monotonic()
        image_id = (self._click(guest) if way == report.PANEL
                    # As `openstack server image create` does.
                    else str(self.nova.servers.create_image(
                        guest.id, 'plain')))
        snapshot = report.Snapshot(
            self.scenario, guest.kind, way, image_id,
            guest.kit and way == report.PANEL, volumes=guest.volumes)
        snapshot.guest, snapshot.began = guest, began
        return snapshot

    def _click(self, guest):
        """Press the button, accept what the form offers."""
        known = self._image_ids(guest)
        page = self._press(guest)
        new = self._image_ids(guest) - known
        assert new, f'refused: {self._dashboard.messages(page)}'
        return new.pop()

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
        if self._openstack.status(snapshot.guest.id) == 'ACTIVE':
            snapshot.guest.end_writing()
        snapshot.account = snapshot.guest.account

    def _image(self, image_id):
        try:
            image = self._openstack.glance.images.get(image_id)
        except glance_exceptions.HTTPNotFound:
            return None
        return None if image.status in ('deleted', 'killed') else image

    def judge(self, snapshot):
        """Let the panel settle it as its page's script does, and the disk."""
        guest = snapshot.guest
        clients.wait_for(lambda: self._is_settled(guest), 'a verdict',
                         pause=PAUSE)
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
            snapshot.opinion = oracle.judge(self._files(image),
                                            snapshot.account)
            if snapshot.agree != 'NO':
                # They are large.
                self._openstack.glance.images.delete(image.id)
        self._report.add(snapshot)
        # For who comes next: Nova may still be at work.
        clients.wait_for(lambda: self._openstack.idle(guest.id),
                         'Nova to be idle')

    def _is_settled(self, guest):
        """Return whether the page has a verdict on each snapshot."""
        answer = self._dashboard.post(f'{clients.PANEL}{guest.id}/news/')
        assert answer.status_code == 200, answer.text
        news = answer.json()
        return not (news['unsettled'] or news['unread'])

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
