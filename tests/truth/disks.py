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

"""The guest's disk in other layouts, made from the one without partitions.

Needs root, because LVM's tools want a device. The guests boot with kernel and
initrd from outside, so no boot loader has to be installed.
"""

from tests.disks import layouts
from tests.disks import stage
from tests.truth import parts


def gpt_with_efi(whole, folder):
    """Make a disk with a GPT: BIOS boot, EFI and the root.

    :param whole: the disk without partitions, a pathlib.Path.
    :param folder: for the new one.
    :returns: its pathlib.Path, and the root's device.
    """
    root = '/dev/vda3'
    content = _rooted(whole, folder, root,
                      '/dev/vda2 /boot/efi vfat defaults 0 0\n')
    layouts.gpt_with_efi(content, folder / 'disk')
    return folder / 'disk', root


def lvm(whole, folder):
    """Make a disk with a GPT and a volume group of root and swap.

    Arguments and answer are those of :func:`gpt_with_efi`.
    """
    content = _rooted(whole, folder, '/dev/disk/by-label/root')
    stage.run('e2label', str(content), 'root')
    layouts.lvm(content, folder / 'disk')
    found = parts.find(folder / 'disk', folder)
    group, = [part.name for part in found if part.kind == 'ext4']
    return folder / 'disk', f'/dev/mapper/{group}'


def _rooted(whole, folder, device, more=''):
    """Return a copy of the root's file system that knows its device."""
    content, table = folder / 'content', folder / 'fstab'
    stage.run('cp', '--sparse=always', str(whole), str(content))
    table.write_text(f'{device} / ext4 rw 0 1\n{more}')
    for command in ('rm /etc/fstab', f'write {table} /etc/fstab',
                    'mkdir /boot/efi'):
        stage.run('debugfs', '-w', '-R', command, str(content))
    return content
