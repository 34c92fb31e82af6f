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

"""The word of ext2, ext3 and ext4, by their superblock (fact 37)."""

import struct

import hypothesis
from hypothesis import strategies
import pytest

from snapshot_panel import disk
from snapshot_panel.disk import ext
from tests import images
from tests.unit.disk import readers

Word = disk.Word


def said(**options):
    part = readers.only(images.ext4(**options))
    return part.word, part.reason


@pytest.mark.parametrize('options, word, reason', [
    ({}, Word.AT_REST, 'no-replay-needed'),
    ({'in_use': True}, Word.IN_USE, 'replay-needed'),
    ({'damaged': True}, Word.DAMAGED, 'errors-recorded'),
    ({'damaged': True, 'in_use': True}, Word.DAMAGED, 'errors-recorded'),
    ({'clean': False}, Word.CANNOT_TELL, 'not-marked-clean'),
    ({'journal': False}, Word.AT_REST, 'unmounted'),
    ({'journal': False, 'clean': False}, Word.CANNOT_TELL,
     'not-marked-clean'),
    ({'journal': False, 'in_use': True}, Word.CANNOT_TELL, 'implausible')])
@pytest.mark.parametrize('block', [1024, 2048, 4096])
@pytest.mark.parametrize('checksums', [True, False])
def test_the_flags_decide(options, word, reason, block, checksums):
    assert said(block=block, checksums=checksums, **options) == (word, reason)


def test_the_field_that_says_so_is_named():
    part = readers.only(images.ext4(mounted_on='/srv'))

    assert part.field == (
        'ext4 superblock s_feature_incompat=0x2c2, RECOVER clear')
    assert part.mounted_on == '/srv'


def test_where_it_was_mounted_is_printable_and_bounded():
    part = readers.only(images.ext4(
        changes={0x88: b'/\x1b[31m\xff<b>' + b'x' * 60}))

    assert part.mounted_on == '/?[31m?<b>' + 'x' * 54


@pytest.mark.parametrize('compat, incompat, ro_compat, kind', [
    (0x38, 0x2, 0x3, 'ext2'), (0x3c, 0x2, 0x3, 'ext3'),
    (0x3c, 0x42, 0x3, 'ext4'), (0x3c, 0x2, 0x8, 'ext4')])
def test_the_generations_are_told_apart(compat, incompat, ro_compat, kind):
    image = images.ext4(checksums=False, changes={
        0x5c: struct.pack('<3I', compat, incompat, ro_compat)})

    assert readers.only(image).kind == kind


@pytest.mark.parametrize('changes, reason', [
    # Another device has the journal.
    ({0xe0: bytes(4)}, 'external-journal'),
    ({0x60: struct.pack('<I', 0x2c2 | 8)}, 'journal-device'),
    # Blocks of 2 TB; none in a group; one inode too many.
    ({0x18: b'\x1e'}, 'implausible'),
    ({0x20: bytes(4)}, 'implausible'),
    ({0x00: b'\x81'}, 'implausible'),
    ({0x04: bytes(4)}, 'implausible'),
    ({0x28: bytes(4)}, 'implausible'),
    ({0x58: b'\x03'}, 'implausible'),
    ({0x14: b'\1'}, 'implausible'),
    ({0x4c: b'\2'}, 'implausible'),
    ({0x1c: b'\1'}, 'implausible'),
    # Larger than its disk.
    ({0x04: b'\x01\x01'}, 'cut-short'),
    # Orphans were being cleared when power went.
    ({0x3a: b'\5'}, 'not-marked-clean'),
    # A checksum by no known method.
    ({0x175: b'\2'}, 'checksum')])
def test_what_does_not_add_up_cannot_be_told(changes, reason):
    assert said(changes=changes) == (Word.CANNOT_TELL, reason)


def test_a_wrong_checksum_cannot_be_told():
    image = bytearray(images.ext4(in_use=True))
    image[1024 + 0x60] &= ~4

    assert readers.only(bytes(image)).reason == 'checksum'


@pytest.mark.parametrize('journal, changes', [
    (True, {0x5c: struct.pack('<I', 0x8000003c)}),
    (True, {0x60: struct.pack('<I', 0x800002c2)}),
    (True, {0x64: struct.pack('<I', 0x8000006b)}),
    # A journal's inode without a journal, and one that cannot be.
    (False, {0xe0: struct.pack('<I', 8)}),
    (True, {0xe0: struct.pack('<I', 1 << 20)}),
    (True, {0x300: b'x'})])
def test_without_a_checksum_only_what_is_known_is_believed(journal, changes):
    assert said(checksums=False, journal=journal, changes=changes) == (
        Word.CANNOT_TELL, 'implausible')
    # The checksum vouches for what is unknown.
    assert said(journal=journal, changes={
        offset: data for offset, data in changes.items()
        if offset not in (0x64, 0xe0)})[0] is Word.AT_REST


def test_a_first_group_elsewhere_cannot_be_told():
    image = bytearray(images.ext4())
    image[4096:4100] = b'\xff' * 4

    assert readers.only(bytes(image)).reason == 'implausible'


def test_the_count_of_errors_alone_is_history():
    part = readers.only(images.ext4(changes={0x194: b'\3'}))

    assert part.word is Word.AT_REST
    assert 's_error_count=3' in part.field


def test_a_superblock_of_the_first_revision_keeps_its_flags():
    assert said(in_use=True, changes={0x4c: b'\0'}) == (
        Word.IN_USE, 'replay-needed')


def test_features_that_are_not_known_change_nothing():
    assert said(changes={0x60: struct.pack('<I', 0x800002c6)}) == (
        Word.IN_USE, 'replay-needed')


@pytest.mark.parametrize('options', [{'in_use': True}, {'damaged': True}])
@hypothesis.given(offset=strategies.integers(1024, 2047),
                  bit=strategies.integers(0, 7))
def test_no_flipped_bit_makes_it_at_rest(options, offset, bit):
    image = bytearray(images.ext4(128 * images.KB, **options))
    image[offset] ^= 1 << bit

    assert readers.read(bytes(image)).word is not Word.AT_REST


@hypothesis.given(offset=strategies.integers(0, 1023),
                  value=strategies.integers(0, 255))
def test_only_the_flag_itself_makes_it_at_rest(offset, value):
    """Also where the checksum holds, as if somebody had meant it."""
    changed = images.ext4(128 * images.KB, in_use=True,
                          changes={offset: bytes([value])})
    untouched = changed[1024 + 0x60] & 4

    word = readers.read(changed).word

    assert word is not Word.AT_REST or not untouched


# One number alone makes a superblock implausible

FIELDS = {'inodes': (0, 4), 'blocks': (4, 4), 'first': (0x14, 4),
          'log_block': (0x18, 4), 'log_cluster': (0x1c, 4),
          'blocks_per_group': (0x20, 4), 'clusters_per_group': (0x24, 4),
          'inodes_per_group': (0x28, 4), 'magic': (0x38, 2),
          'revision': (0x4c, 4), 'inode_size': (0x58, 2),
          'incompat': (0x60, 4), 'ro_compat': (0x64, 4),
          'blocks_high': (0x150, 4), 'descriptor_size': (0xfe, 2)}
BLOCK, BIGALLOC = 4096, 0x200


def superblock(**changes):
    """Return one of ext4 in which all else agrees with the changes."""
    data = bytearray(images.ext4()[1024:2048])
    for name, value in changes.items():
        at, length = FIELDS[name]
        images.put(data, at, value.to_bytes(length, 'little'))
    made = ext.Superblock(bytes(data))
    if 'inodes' not in changes and made.blocks_per_group:
        groups = -(-(made.blocks - made.first) // made.blocks_per_group)
        images.put(data, 0, (made.inodes_per_group * groups).to_bytes(
            4, 'little'))
    return ext.Superblock(bytes(data))


@pytest.mark.parametrize('changes', [
    {'magic': 0xef54}, {'revision': 2}, {'log_block': 7, 'log_cluster': 7},
    {'log_cluster': 1}, {'log_cluster': 21},
    {'log_cluster': 1, 'ro_compat': BIGALLOC},
    {'log_cluster': 3, 'clusters_per_group': BLOCK * 4},
    {'blocks_per_group': 4, 'clusters_per_group': 4},
    {'blocks_per_group': BLOCK * 8 + 8, 'clusters_per_group': BLOCK * 8 + 8},
    {'clusters_per_group': BLOCK * 4}, {'first': 1},
    {'inodes_per_group': 0}, {'inodes_per_group': BLOCK * 8 + 1},
    {'inode_size': 64}, {'inode_size': 8192}, {'inode_size': 192},
    {'blocks': 0}, {'inodes': 1}], ids=str)
def test_one_number_that_no_kernel_mounts_is_implausible(changes):
    assert not superblock(**changes).is_plausible()


@pytest.mark.parametrize('changes', [
    {}, {'inode_size': 128}, {'inode_size': 4096}, {'log_block': 6,
                                                    'log_cluster': 6},
    {'revision': 0, 'inode_size': 7}, {'inodes_per_group': BLOCK * 8},
    {'ro_compat': BIGALLOC, 'log_cluster': 3,
     'clusters_per_group': BLOCK * 4}], ids=str)
def test_what_a_kernel_mounts_is_plausible(changes):
    assert superblock(**changes).is_plausible()


@pytest.mark.parametrize('features, blocks', [
    (0x2c2, 256 | 1 << 32), (0x242, 256)])
def test_the_upper_half_of_the_size_counts_where_there_is_one(features,
                                                              blocks):
    made = superblock(incompat=features, blocks_high=1)

    assert made.blocks == blocks


@pytest.mark.parametrize('features, size, fits', [
    (0x2c2, 64, False), (0x2c2, 32, True), (0x242, 64, True)])
def test_the_upper_half_of_a_group_counts_where_there_is_one(features, size,
                                                             fits):
    made = superblock(incompat=features, descriptor_size=size)
    lower = b''.join(number.to_bytes(4, 'little') for number in (2, 3, 4))
    descriptor = lower.ljust(0x20, b'\0') + b'\1' * 12

    assert made.is_group(descriptor.ljust(64, b'\0')) is fits


def test_where_the_size_of_the_image_is_not_known_a_superblock_counts():
    image = images.ext4(128 * images.KB)

    reading = disk.read_disk(readers.Reader(image), None)

    assert reading.word is Word.AT_REST
