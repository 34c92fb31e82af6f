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

"""Cinder's volume drivers of the demo: files on loop devices, or a model."""

import json
import pathlib
import subprocess
import time

from cinder import exception
from cinder import interface
from cinder.volume import driver
from oslo_config import cfg

from tests.cloud import disk
from tests.cloud import guests

# How long the model takes to copy a volume, in seconds: longer than a freeze
# that nobody holds.
COPY_SECONDS = 1.5
SLOW_SECONDS = 10.0


def _run(*command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


class _Driver(driver.VolumeDriver):
    """What both have in common: there is nothing to connect."""

    VERSION = '1.0'
    CI_WIKI_NAME = 'none'
    FOLDER = ''

    def do_setup(self, context):
        self._folder = pathlib.Path(cfg.CONF.state_path, self.FOLDER)
        self._folder.mkdir(exist_ok=True)

    def check_for_setup_error(self):
        pass

    def _update_volume_stats(self):
        self._stats = {
            'volume_backend_name': 'demo', 'vendor_name': 'demo',
            'driver_version': self.VERSION, 'storage_protocol': 'local',
            'total_capacity_gb': 10000, 'free_capacity_gb': 10000,
            'reserved_percentage': 0, 'QoS_support': False}

    def _file(self, thing):
        return self._folder / thing.name

    def delete_snapshot(self, snapshot):
        self._file(snapshot).unlink(missing_ok=True)

    def create_export(self, context, volume, connector):
        pass

    def ensure_export(self, context, volume):
        pass

    def remove_export(self, context, volume):
        pass

    def terminate_connection(self, volume, connector, **kwargs):
        pass


@interface.volumedriver
class ModelDriver(_Driver):
    """Volumes are nothing but their record; of a snapshot a word is kept.

    A small disk: it says whether the guest on the volume was at rest, as the
    guests' models tell, when the copy was done (see disk.py).
    """

    FOLDER = pathlib.PurePath(disk.COPIES).name

    def create_volume(self, volume):
        pass

    def delete_volume(self, volume):
        pass

    def create_volume_from_snapshot(self, volume, snapshot):
        pass

    def create_cloned_volume(self, volume, source):
        pass

    def clone_image(self, context, volume, image_location, image_meta,
                    image_service):
        return {}, True

    def create_snapshot(self, snapshot):
        behaviour = snapshot.volume.metadata.get(disk.BEHAVIOUR_KEY)
        time.sleep(SLOW_SECONDS if behaviour == disk.SLOW else COPY_SECONDS)
        if behaviour == disk.FAILS:
            raise exception.VolumeDriverException('the copy failed')
        at_rest = all(self._guest(each.instance_uuid).at_rest for each
                      in snapshot.volume.volume_attachment)
        self._file(snapshot).write_bytes(
            disk.make(guests.PROFILES['ready'], at_rest, megabytes=0))

    def _guest(self, instance_id):
        path = self._folder.parents[1] / 'guests' / f'{instance_id}.json'
        return guests.Guest.restore(json.loads(path.read_text()), '')

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'local', 'data': {}}


@interface.volumedriver
class LoopDriver(_Driver):
    """Volumes and snapshots are files in one folder."""

    FOLDER = 'volumes'

    def _device(self, volume):
        """Return the volume's loop device; make it where there is none."""
        path = str(self._file(volume))
        found = _run('losetup', '-j', path, '-n', '-O', 'NAME').split()
        return found[0] if found else _run('losetup', '-f', '--show', path)

    def _copy(self, source, target):
        _run('cp', '--sparse=always', str(self._file(source)),
             str(self._file(target)))

    def create_volume(self, volume):
        with self._file(volume).open('wb') as file:
            file.truncate(volume.size << 30)

    def delete_volume(self, volume):
        path = self._file(volume)
        if path.exists():
            for device in _run('losetup', '-j', str(path), '-n', '-O',
                               'NAME').split():
                _run('losetup', '-d', device)
            path.unlink()

    def create_snapshot(self, snapshot):
        self._copy(snapshot.volume, snapshot)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(snapshot, volume)

    def create_cloned_volume(self, volume, source):
        self._copy(source, volume)

    def clone_image(self, context, volume, image_location, image_meta,
                    image_service):
        # Not through Glance: its file lies beside us.
        source = self._folder.parents[1] / 'images' / image_meta['id']
        path = self._file(volume)
        _run('qemu-img', 'convert', '-O', 'raw', str(source), str(path))
        with path.open('ab') as file:
            file.truncate(volume.size << 30)
        return {}, True

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'local',
                'data': {'device_path': self._device(volume)}}
