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

"""Partition tables, and what is behind each entry."""

import struct
import zlib

import pytest

from snapshot_panel import disk
from tests import images
from tests.unit.disk import readers

Word = disk.Word
SMALL = 128 * images.KB


def ext4(**options):
    return images.ext4(SMALL, **options)


def read_with(image, offset, data):
    changed = bytearray(image)
    images.put(changed, offset, data)
    return readers.read(bytes(changed))


@pytest.mark.parametrize('layout, place', [
    ('disk', 'disk'), ('mbr', 'partition 1'), ('logical', 'partition 5'),
    ('gpt', 'partition 3'), ('lvm', 'volume vg/root')])
@pytest.mark.parametrize('options, word', [
    ({}, Word.AT_REST), ({'in_use': True}, Word.IN_USE),
    ({'damaged': True}, Word.DAMAGED)])
def test_each_layout_is_read(layout, place, options, word):
    image = images.ext4_image(layout=layout, **options)

    reading = readers.read(image)

    assert reading.word is word
    assert readers.only(image).place == place


def test_what_holds_no_data_is_named_and_does_not_count():
    image = images.gpt([
        (images.BIOS_BOOT, b'\1' * SMALL),
        (images.EFI, images.marked('vfat', SMALL)),
        (images.RESERVED, b'\1' * SMALL), (images.LINUX, bytes(2 * SMALL)),
        (images.LINUX, images.marked('swap', SMALL)),
        (images.LINUX, images.marked('squashfs', SMALL)),
        (images.LINUX, ext4())])

    reading = readers.read(image)

    assert [(part.kind, part.word) for part in reading.parts] == [
        ('bios-boot', None), ('efi', None), ('reserved', None),
        ('empty', None), ('swap', None), ('squashfs', None),
        ('ext4', Word.AT_REST)]
    assert reading.word is Word.AT_REST


@pytest.mark.parametrize('content, reason', [
    (bytes(SMALL), 'empty'),
    (images.marked('swap', SMALL), 'nothing-counts'),
    (images.marked('squashfs', SMALL), 'nothing-counts')])
def test_a_disk_where_nothing_counts_cannot_be_told(content, reason):
    reading = readers.read(images.gpt([(images.LINUX, content)]))

    assert (reading.word, reading.reason) == (Word.CANNOT_TELL, reason)


@pytest.mark.parametrize('others, word', [
    ([{}], Word.AT_REST), ([{'in_use': True}], Word.IN_USE),
    ([{'damaged': True}, {'in_use': True}], Word.DAMAGED),
    ([{'clean': False}], Word.CANNOT_TELL),
    ([{'clean': False}, {'in_use': True}], Word.IN_USE)])
def test_the_weakest_promise_counts(others, word):
    image = images.gpt([(images.LINUX, ext4(**options))
                        for options in [{}, *others]])

    assert readers.read(image).word is word


def test_an_efi_partition_with_a_file_system_that_counts_counts():
    image = images.gpt([(images.EFI, ext4(in_use=True))])

    assert readers.read(image).word is Word.IN_USE


@pytest.mark.parametrize('image', [
    images.gpt([(images.RAID, ext4())]), images.mbr([(0xfd, ext4())])])
def test_a_member_of_a_mirror_is_not_taken_for_a_file_system(image):
    part = readers.only(image)

    assert (part.kind, part.word) == ('md', Word.CANNOT_TELL)


def test_sectors_of_4096_bytes_are_found():
    image = images.gpt([(images.LINUX, ext4())], sector=4096)

    assert readers.read(image).word is Word.AT_REST


@pytest.mark.parametrize('sector', [512, 4096])
def test_the_copy_at_the_end_stands_in(sector):
    image = images.gpt([(images.LINUX, ext4())], sector=sector)

    reading = read_with(image, sector, b'\xff' * 92)

    assert (reading.layout, reading.word) == ('gpt', Word.AT_REST)


@pytest.mark.parametrize('offset, data', [
    (512 + 16, b'\0\0\0\0'), (512 + 24, b'\7'), (512 + 12, b'\xff\xff'),
    (1024 + 40, b'\xff\xff')])
def test_a_table_whose_checksum_is_wrong_is_not_believed(offset, data):
    image = images.gpt([(images.LINUX, ext4())])[:-512]

    reading = read_with(image, offset, data)

    assert (reading.word, reading.reason) == (Word.CANNOT_TELL, 'corrupt')


def test_a_table_of_more_entries_than_any_has_is_too_much():
    image = bytearray(images.gpt([(images.LINUX, ext4())]))
    images.put(image, 512 + 80, struct.pack('<I', 1 << 30))
    images.put(image, 512 + 16, bytes(4))
    images.put(image, 512 + 16, struct.pack('<I', zlib.crc32(
        image[512:512 + 92])))

    assert readers.read(bytes(image)).reason == 'too-much'


def test_a_leftover_table_beside_another_is_ambiguous():
    image = images.gpt([(images.LINUX, ext4())])

    assert read_with(image, 446 + 4, b'\x83').reason == 'ambiguous'


def test_a_table_beside_a_whole_disks_file_system_is_ambiguous():
    image = bytearray(images.mbr([(0x83, ext4())]))
    images.put(image, 1024, ext4()[1024:2048])

    assert readers.read(bytes(image)).reason == 'ambiguous'


def test_partitions_that_overlap_are_corrupt():
    image = images.mbr([(0x83, ext4()), (0x83, ext4())])

    assert read_with(image, 446 + 16 + 8, b'\x7f\1').reason == 'corrupt'


def test_a_partition_beyond_the_end_is_cut_short():
    image = images.mbr([(0x83, ext4())])

    part = readers.only(image[:images.ALIGNMENT + 512])

    assert (part.word, part.reason) == (Word.CANNOT_TELL, 'cut-short')


def test_a_file_system_larger_than_its_partition_is_cut_short():
    image = images.mbr([(0x83, ext4())])

    reading = read_with(image, 446 + 12, struct.pack('<I', 64))

    assert reading.parts[0].reason == 'cut-short'


def test_a_chain_of_logical_partitions_is_followed():
    image = images.mbr([(0x83, ext4())], [(0x83, ext4())] * 5)

    reading = readers.read(image)

    assert [part.place for part in reading.parts] == [
        f'partition {number}' for number in (1, 5, 6, 7, 8, 9)]
    assert reading.word is Word.AT_REST


def test_a_chain_that_loops_is_corrupt():
    image = images.mbr([], [(0x83, ext4())] * 2)
    second = 2 * images.ALIGNMENT + SMALL

    reading = read_with(image, images.ALIGNMENT + 446 + 16 + 8, bytes(4))
    looped = read_with(image, second + 446 + 16, struct.pack(
        '<4xB3xII', 5, second // 512 - 128, 8))

    assert looped.reason == 'corrupt'
    assert reading.word is Word.CANNOT_TELL


@pytest.mark.parametrize('slot, data', [
    # No boot flag; a second partition; a second link.
    (0, b'\1'), (2, struct.pack('<4xB3xII', 0x83, 1, 1)),
    (2, struct.pack('<4xB3xII', 5, 1, 1))])
def test_a_chain_with_a_record_that_is_none_is_corrupt(slot, data):
    image = images.mbr([], [(0x83, ext4())] * 2)

    reading = read_with(image, images.ALIGNMENT + 446 + 16 * slot, data)

    assert reading.reason == 'corrupt'


def test_an_extended_partition_may_be_empty():
    image = images.mbr([(0x83, ext4())], [(0x83, ext4())])
    extended = images.ALIGNMENT + SMALL

    reading = read_with(image, extended + 446, bytes(66))

    assert [part.place for part in reading.parts] == ['partition 1']


def test_a_slot_of_no_sectors_is_not_used():
    image = images.mbr([(0x83, ext4())])

    reading = read_with(image, 446 + 16 + 4, b'\x83')

    assert [part.place for part in reading.parts] == ['partition 1']


def test_a_chain_that_is_very_long_is_too_much():
    image = images.mbr([], [(0x83, bytes(512))] * 30)

    assert readers.read(image).reason == 'too-much'


def test_more_parts_than_are_listed_are_too_much():
    image = images.gpt([(images.BIOS_BOOT, bytes(512))] * 40
                       + [(images.LINUX, ext4())])

    reading = readers.read(image)

    assert len(reading.parts) == 32
    assert (reading.word, reading.reason) == (Word.CANNOT_TELL, 'too-much')


def test_a_boot_sector_of_a_file_system_is_no_table():
    reading = readers.read(images.marked('vfat'))

    assert (reading.layout, reading.parts[0].kind) == ('disk', 'vfat')
