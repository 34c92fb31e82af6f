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

"""What a disk holds that is only named."""

import pytest

from snapshot_panel import disk
from snapshot_panel.disk import reader
from tests import images
from tests.unit.disk import readers

Word = disk.Word

NAMED = [
    ('xfs', 'xfs', 'not-told'), ('btrfs', 'btrfs', 'not-told'),
    ('ntfs', 'ntfs', 'not-told'), ('exfat', 'exfat', 'not-told'),
    ('vfat', 'vfat', 'not-told'), ('luks', 'luks', 'encrypted'),
    ('bitlocker', 'bitlocker', 'encrypted'), ('md', 'md', 'member'),
    ('zfs', 'zfs', 'member'), ('hibernated', 'swap', 'hibernated')]


@pytest.mark.parametrize('mark, kind, reason', NAMED)
@pytest.mark.parametrize('layout', ['disk', 'gpt', 'lvm'])
def test_what_cannot_be_told_is_named(mark, kind, reason, layout):
    part = readers.only(images.marked_image(mark, layout))

    assert (part.kind, part.word, part.reason) == (
        kind, Word.CANNOT_TELL, reason)


@pytest.mark.parametrize('mark', [
    'luks', 'btrfs', 'md', 'xfs', 'swap', 'squashfs', 'vfat', 'hibernated'])
def test_a_leftover_beside_another_is_never_at_rest(mark):
    image = bytearray(images.ext4())
    offset, data = images.MARKS[mark]
    # The first kilobyte is what ext4 leaves alone.
    images.put(image, offset, data[:1024])

    part = readers.only(bytes(image))

    assert (part.word, part.reason) == (Word.CANNOT_TELL, 'ambiguous')
    assert 'ext4' in part.field


def test_a_label_of_lvm_beside_a_superblock_is_ambiguous():
    image = bytearray(images.ext4())
    images.put(image, 512, images.lvm({})[512:1024])

    assert readers.only(bytes(image)).reason == 'ambiguous'


def test_two_marks_further_in_are_ambiguous():
    image = bytearray(images.marked('btrfs'))
    images.put(image, *images.MARKS['iso9660'])

    part = readers.only(bytes(image))

    assert (part.reason, part.field) == (
        'ambiguous', 'signatures of btrfs, iso9660')


def test_what_has_no_known_end_is_not_called_empty():
    reading = disk.read_disk(readers.Reader(bytes(images.MB)), None)

    assert reading.parts[0].reason == 'unknown'


@pytest.mark.parametrize('at', [0, 9000, 60_000, images.MB - 1,
                                images.MB - 100_000])
def test_one_byte_is_not_empty(at):
    image = bytearray(images.MB)
    image[at] = 1

    assert readers.only(bytes(image)).reason == 'unknown'


@pytest.mark.parametrize('head, name', [
    (b'KDMV', 'vmdk'), (b'# Disk DescriptorFile', 'vmdk'),
    (b'conectix', 'vhd'), (b'vhdxfile', 'vhdx'), (b'QED\0', 'qed'),
    (b'QFI\xfb\0\0\0\1', 'qcow'), (bytes(64) + b'\x7f\x10\xda\xbe', 'vdi'),
    (b'\x1f\x8b\x08', 'gzip'), (b'\x7fELF', 'kernel')])
def test_another_format_is_named(head, name):
    reading = readers.read(head.ljust(8192, b'\0'))

    assert (reading.format, reading.word, reading.reason) == (
        name, Word.CANNOT_TELL, 'format')


@pytest.mark.parametrize('reason', list(disk.Reason))
def test_each_reason_is_a_code(reason):
    assert reason.value.replace('-', '').isalpha()


def test_nothing_is_followed_out_of_the_image():
    """The modules know no files and no network."""
    assert not {'os', 'io', 'socket', 'pathlib'} & set(vars(reader))
