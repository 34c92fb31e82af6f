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

"""What it costs to judge snapshots by their disks.

The disks are as large as those of clouds, and almost empty: what is read of
them does not depend on what they hold.
"""

import dataclasses
import os
import pathlib
import subprocess
import tempfile
import time

from snapshot_panel import disk
from tests.bench import seed
from tests import clients
from tests.cloud import wire
from tests import tools

MB, GB = 1 << 20, 1 << 30
EXT4 = 'ext4, GPT with an EFI partition, qcow2'
# By name: how the file system is made, its size, partitions, format.
KINDS = {
    EXT4: ('mke2fs -q -F -t ext4', 10 * GB, True, 'qcow2'),
    'ext4, the whole disk, raw': ('mke2fs -q -F -t ext4', 64 * MB, False,
                                  'raw'),
    'XFS, GPT with an EFI partition, qcow2': ('mkfs.xfs -q -f', 10 * GB, True,
                                              'qcow2'),
}
# Where the partitions begin: the EFI partition, and the root behind it.
EFI_AT, ROOT_AT = 1 * MB, 65 * MB
# What the ceilings for ext4 are, of requests and of bytes.
MOST_REQUESTS, MOST_BYTES = 10, 256 << 10


@dataclasses.dataclass(frozen=True)
class Judged:
    """How snapshots were judged. Requests are to Glance, for their data.

    ``size`` is what was read of each, in bytes; ``asked`` are all requests
    to all services.
    """

    count: int
    requests: int
    size: int
    asked: int
    seconds: float
    verdicts: dict

    @property
    def consistent(self):
        return self.verdicts.get('filesystem-consistent', 0)

    def __str__(self):
        return (f'{self.count} snapshots in {self.seconds:.1f} s; each '
                f'{self.requests / self.count:.1f} requests and '
                f'{self.size / 1000:.1f} kB for its data, '
                f'{self.asked / self.count:.1f} requests in all; '
                f'{self.verdicts}')

    def numbers(self):
        """Return everything as JSON holds it."""
        return {'snapshots': self.count,
                'requests each': self.requests / self.count,
                'kB each': self.size / 1000,
                'all requests each': self.asked / self.count,
                'seconds each': self.seconds / self.count,
                'seconds': self.seconds, 'verdicts': self.verdicts}


def judge_all(cloud, size, count):
    """Judge snapshots of each kind that the panel did not take.

    :param count: how many of the usual kind; of the others a few.
    :returns: :class:`Judged` by kind.
    """
    judge = _Judge(cloud, seed.user(size))
    with tempfile.TemporaryDirectory() as folder:
        return {kind: judge.judge(make(kind, pathlib.Path(folder)),
                                  count if kind == EXT4 else 4)
                for kind in KINDS}


def make(kind, folder):
    """Return the path of a disk image of this kind."""
    command, size, partitioned, image_format = KINDS[kind]
    part, whole = folder / 'part', folder / 'disk'
    image = folder / 'image'
    for path in (part, whole, image):
        path.unlink(missing_ok=True)
    _truncate(part, size)
    _run(*command.split(), part)
    if partitioned:
        _truncate(whole, ROOT_AT + size + MB)
        efi, root = EFI_AT // 512, ROOT_AT // 512
        _run('sgdisk', '-n', f'1:{efi}:{root - 1}', '-t', '1:ef00',
             '-n', f'2:{root}:{root + size // 512 - 1}', whole)
        _copy(part, whole, ROOT_AT)
    else:
        part.rename(whole)
    _run('qemu-img', 'convert', '-f', 'raw', '-O', image_format, whole,
         image)
    return image


def _truncate(path, size):
    with path.open('wb') as file:
        file.truncate(size)


def _copy(source, target, offset):
    """Copy what a sparse file holds into another one."""
    with source.open('rb') as read, target.open('r+b') as write:
        end, position = source.stat().st_size, 0
        while position < end:
            try:
                begin = os.lseek(read.fileno(), position, os.SEEK_DATA)
            except OSError:
                return
            position = os.lseek(read.fileno(), begin, os.SEEK_HOLE)
            write.seek(offset + begin)
            write.write(os.pread(read.fileno(), position - begin, begin))


def _run(*command):
    subprocess.run([str(each) for each in command], check=True,
                   stdout=subprocess.DEVNULL, timeout=clients.PATIENCE,
                   env=os.environ | {'PATH': tools.PATH})


class _Judge:
    """A user whose instance has snapshots that others took."""

    def __init__(self, cloud, user):
        self._dashboard = clients.Dashboard(cloud, user)
        self._openstack = clients.OpenStack(cloud, user, user)
        self._wire = wire.Wire(cloud)
        self._instance = self._openstack.nova.servers.list(limit=1)[0].id

    def judge(self, path, count):
        image_ids = [self._upload(path) for _ in range(count)]
        begin = time.monotonic()
        with self._wire.listen() as asked:
            clients.wait_for(self._look, 'the verdicts', pause=0)
        seconds = time.monotonic() - begin
        verdicts = {}
        for image_id in image_ids:
            image = self._openstack.glance.images.get(image_id)
            word = image.get('consistency_verdict', 'none')
            verdicts[word] = verdicts.get(word, 0) + 1
            self._openstack.glance.images.delete(image_id)
        return Judged(
            count, sum(request.service == 'glance'
                       and request.url.endswith('/file')
                       for request in asked),
            read_of(path), len(asked), seconds, verdicts)

    def _upload(self, path):
        glance = self._openstack.glance.images
        image = glance.create(
            name='bench-disk', container_format='bare',
            disk_format='raw' if _is_raw(path) else 'qcow2',
            image_type='snapshot', instance_uuid=self._instance)
        with path.open('rb') as file:
            glance.upload(image.id, file)
        return image.id

    def _look(self):
        """Ask as the page's script does; return whether all were read."""
        answer = self._dashboard.post(
            f'{clients.PANEL}{self._instance}/news/', all='1')
        assert answer.status_code == 200, answer.text
        return answer.json()['unread'] == 0


def _is_raw(path):
    with path.open('rb') as file:
        return file.read(4) != b'QFI\xfb'


def read_of(path):
    """Return how many bytes of an image are read."""
    with path.open('rb') as file:
        return disk.read_disk(
            lambda offset, length: os.pread(file.fileno(), length, offset),
            path.stat().st_size, clock=time.monotonic).fetched
