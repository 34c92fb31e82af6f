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

"""A file system's bytes as a disk of each layout, in images of each format.

Partition tables are made by sfdisk, volume groups by LVM's own tools,
without activating them (no device mapper is needed), images by qemu-img.
"""

from collections.abc import Callable
import functools
import os
import pathlib
import uuid

from tests.disks import stage

MB = stage.MB
_EXTENT = 4 * MB
_EFI = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
_BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649'

FORMATS: dict[str, tuple[str, ...]] = {
    'raw': (),
    'qcow2': ('-O', 'qcow2'),
    'qcow2 v2': ('-O', 'qcow2', '-o', 'compat=0.10'),
    'qcow2 compressed': ('-c', '-O', 'qcow2'),
    'qcow2 zstd': ('-c', '-O', 'qcow2', '-o', 'compression_type=zstd'),
    'qcow2 extended L2': ('-O', 'qcow2', '-o',
                          'extended_l2=on,cluster_size=128k'),
    'qcow2 of 512 B': ('-O', 'qcow2', '-o', 'cluster_size=512'),
    'qcow2 of 2 MB': ('-O', 'qcow2', '-o', 'cluster_size=2M'),
    'qcow2 of 2 MB, compressed': ('-c', '-O', 'qcow2', '-o',
                                  'cluster_size=2M'),
}


def whole(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have no partitions."""
    stage.run('cp', '--sparse=always', str(content), str(disk))


def mbr(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have one primary partition."""
    _partitioned(disk, 'dos', [(1, _size(content), 'type=83')])
    _put(disk, content, MB)


def logical(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have two logical partitions, of which one is swap."""
    size = _size(content)
    _partitioned(disk, 'dos', [
        (1, size + 5, 'type=5'), (2, 2, 'type=82'), (5, size, 'type=83')])
    swap = disk.with_name('swap')
    _made(swap, 2, 'mkswap', '-q')
    _put(disk, swap, 2 * MB)
    _put(disk, content, 5 * MB)


def gpt(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have one partition."""
    _partitioned(disk, 'gpt', [(1, _size(content), 'type=linux')])
    _put(disk, content, MB)


def gpt_of_4096(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have one partition, on a disk with sectors of 4096 bytes."""
    size = _size(content)
    _empty(disk, size + 4)
    with stage.looped(disk, '--sector-size', '4096') as device:
        _tabled(device, f'label: gpt\nstart={MB // 4096}, '
                f'size={size * MB // 4096}, type=linux\n', disk)
    _put(disk, content, MB)


def gpt_with_efi(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have what cloud images have: BIOS boot, EFI, and the root."""
    _partitioned(disk, 'gpt', [
        (1, 3, f'type={_BIOS_BOOT}'), (4, 16, f'type={_EFI}'),
        (20, _size(content), 'type=linux')])
    noise, efi = disk.with_name('noise'), disk.with_name('efi')
    noise.write_bytes(os.urandom(100_000))
    _put(disk, noise, MB)
    _made(efi, 16, 'mkfs.vfat')
    _put(disk, efi, 4 * MB)
    _put(disk, content, 20 * MB)


def lvm(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have a volume group in a partition: root and swap."""
    size = _size(content)
    volume, swap = disk.with_name('pv'), disk.with_name('swap')
    _volume_group([(volume, size + 16)], [
        ('root', size, [(0, 0, size)]), ('swap', 4, [(0, size, 4)])])
    _made(swap, 4, 'mkswap', '-q')
    _put(volume, swap, MB + size * MB)
    _put(volume, content, MB)
    _partitioned(disk, 'gpt', [(1, size + 16, 'type=lvm')])
    _put(disk, volume, MB)


def lvm_spanning(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have a volume over two physical ones, both on this disk."""
    size = _size(content)
    first, second = disk.with_name('pv1'), disk.with_name('pv2')
    half = size // 8 * 4
    _volume_group([(first, size + 8), (second, size + 8)],
                  [('root', size, [(0, 0, half), (1, 0, size - half)])])
    _put(first, content, MB, length=half)
    _put(second, content, MB, skip=half)
    _partitioned(disk, 'gpt', [(1, size + 8, 'type=lvm'),
                               (size + 9, size + 8, 'type=lvm')])
    _put(disk, first, MB)
    _put(disk, second, (size + 9) * MB)


LAYOUTS: dict[str, Callable[[pathlib.Path, pathlib.Path], None]] = {
    'whole': whole, 'mbr': mbr, 'mbr logical': logical, 'gpt': gpt,
    'gpt of 4096': gpt_of_4096, 'gpt with efi': gpt_with_efi, 'lvm': lvm,
    'lvm spanning': lvm_spanning}


def converted(disk: pathlib.Path, name: str) -> pathlib.Path:
    """Return an image of a format of the disk."""
    if not FORMATS[name]:
        return disk
    image = disk.with_name('image')
    stage.run('qemu-img', 'convert', '-f', 'raw', *FORMATS[name], str(disk),
              str(image))
    return image


def _size(path: pathlib.Path) -> int:
    """Return a file's size in MB."""
    return path.stat().st_size // MB


def _empty(path: pathlib.Path, size: int) -> None:
    path.unlink(missing_ok=True)
    with open(path, 'wb') as opened:
        opened.truncate(size * MB)


def _made(path: pathlib.Path, size: int, *command: str) -> None:
    _empty(path, size)
    stage.run(*command, str(path))


def _partitioned(disk: pathlib.Path, label: str,
                 partitions: list[tuple[int, int, str]]) -> None:
    """Make a disk with partitions: start and size in MB, and the type."""
    _empty(disk, max(start + size for start, size, _ in partitions) + 2)
    _tabled(str(disk), f'label: {label}\n' + ''.join(
        f'start={start}MiB, size={size}MiB, {kind}\n'
        for start, size, kind in partitions), disk)


def _tabled(target: str, table: str, disk: pathlib.Path) -> None:
    script = disk.with_name('table')
    script.write_text(table)
    stage.run('sh', '-c', 'sfdisk -q --no-reread --no-tell-kernel '
              f'{target} < {script}')


def _put(disk: pathlib.Path, content: pathlib.Path, offset: int,
         length: int | None = None, skip: int = 0) -> None:
    """Write a file into another; offset in bytes, the others in MB."""
    count = () if length is None else (f'count={length}',)
    stage.run('dd', f'if={content}', f'of={disk}', 'bs=1M', 'conv=notrunc,'
              'sparse', f'seek={offset // MB}', f'skip={skip}', *count)


@functools.cache
def _lvm_options(devices: tuple[str, ...]) -> tuple[str, ...]:
    accepted = ', '.join(f'"a|^{device}$|"' for device in devices)
    return ('--config', 'global { activation=0 locking_type=1 } devices { '
            f'filter=[{accepted}, "r|.*|"] use_devicesfile=0 '
            'obtain_device_list_from_udev=0 '
            'external_device_info_source="none" } backup { backup=0 '
            'archive=0 }')


def _volume_group(
        volumes: list[tuple[pathlib.Path, int]],
        logical_volumes: list[tuple[str, int, list[tuple[int, int, int]]]],
        *kind: str) -> None:
    """Make physical volumes (file, MB) and a group with volumes.

    Each logical volume has a name, a size in MB, and its pieces: of which
    physical volume, from where, how much (in MB).
    """
    if len(volumes) == 2:
        (first, size), (second, _size_) = volumes
        _empty(first, size)
        _empty(second, size)
        with stage.looped(first) as one, stage.looped(second) as two:
            _grouped([one, two], logical_volumes, *kind)
    else:
        _empty(*volumes[0])
        with stage.looped(volumes[0][0]) as one:
            _grouped([one], logical_volumes, *kind)


def _grouped(devices: list[str], logical_volumes: list[
        tuple[str, int, list[tuple[int, int, int]]]], *kind: str) -> None:
    options = _lvm_options(tuple(devices))
    group = f'vg{uuid.uuid4().hex[:8]}'
    for device in devices:
        stage.run('pvcreate', '-y', *options, device)
    stage.run('vgcreate', *options, group, *devices)
    for name, size, pieces in logical_volumes:
        ranges = [f'{devices[which]}:{start * MB // _EXTENT}-'
                  f'{(start + length) * MB // _EXTENT - 1}'
                  for which, start, length in pieces]
        stage.run('lvcreate', '-y', *options, '-an', '-Zn', '-Wn', *kind,
                  '-L', f'{size}m', '-n', name, group, *ranges)


def torn(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have a group whose second physical volume is on another disk."""
    size = _size(content)
    first, second = disk, disk.with_name('pv2')
    half = size // 8 * 4
    _volume_group([(first, size + 8), (second, size + 8)],
                  [('root', size, [(0, 0, half), (1, 0, size - half)])])
    _put(first, content, MB, length=half)


def striped(content: pathlib.Path, disk: pathlib.Path) -> None:
    """Have a volume that is striped over two physical ones."""
    size = _size(content)
    first, second = disk, disk.with_name('pv2')
    _volume_group([(first, size + 8), (second, size + 8)],
                  [('root', size, [(0, 0, size), (1, 0, size)])],
                  '-i', '2')
