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

"""The disk in a qcow2 image."""

import random
import struct
import sys
import tracemalloc
from unittest import mock

import pytest

from snapshot_panel import disk
from snapshot_panel.disk import inflate
from snapshot_panel.disk import qcow2
from snapshot_panel.disk import source
from tests import images
from tests.unit.disk import readers

Word = disk.Word

KINDS = [
    {}, {'version': 2}, {'packing': 'zlib'}, {'cluster_bits': 9},
    {'cluster_bits': 16}, {'cluster_bits': 21},
    {'cluster_bits': 21, 'packing': 'zlib'},
    {'cluster_bits': 14, 'extended': True},
    {'cluster_bits': 21, 'extended': True},
    {'cluster_bits': 14, 'extended': True, 'packing': 'zlib'}]


def whole(**options):
    """Return why an image cannot be told."""
    return readers.read(images.qcow2(images.ext4_image(), **options)).reason


@pytest.mark.parametrize('layout', ['disk', 'mbr', 'gpt', 'lvm'])
@pytest.mark.parametrize('options', KINDS)
def test_it_says_what_the_disk_in_it_says(layout, options):
    raw = images.ext4_image(in_use=True, layout=layout)

    reading = readers.read(images.qcow2(raw, **options))

    assert reading.format == 'qcow2'
    assert reading.word is Word.IN_USE
    assert reading.parts == readers.read(raw).parts


@pytest.mark.parametrize('options', KINDS)
def test_each_byte_of_the_disk_is_found(options):
    noise = random.Random(1).randbytes(30_000)
    raw = noise + bytes(200_000) + noise + bytes(99_999) + noise + bytes(512)
    image = images.qcow2(raw, **options)
    opened = qcow2.Disk(source.Meter(
        readers.Reader(image), len(image), None,
        source.Limits(requests=10_000, bytes=16 << 20, memory=32 << 20)))

    pieces = [opened.read(at, min(10_007, len(raw) - at))
              for at in range(0, len(raw), 10_007)]

    assert b''.join(pieces) == raw


@pytest.mark.parametrize('layout', ['disk', 'mbr', 'logical', 'gpt', 'lvm'])
@pytest.mark.parametrize('options', KINDS)
def test_ten_requests_and_256_kilobytes_are_enough(layout, options):
    reader = readers.Reader(images.qcow2(
        images.ext4_image(layout=layout), **options))

    reading = disk.read_disk(reader, len(reader.image))

    assert reading.word is Word.AT_REST
    assert len(reader.asked) == reading.requests <= 10
    assert sum(length for _, length in reader.asked) == reading.fetched
    assert reading.fetched <= 256 * images.KB


@pytest.mark.parametrize('options, reason', [
    ({'changes': {8: struct.pack('>Q', 104)}}, 'backing-file'),
    ({'changes': {32: struct.pack('>I', 1)}}, 'encrypted'),
    ({'changes': {32: struct.pack('>I', 2)}}, 'encrypted'),
    ({'features': 1}, 'dirty'),
    ({'features': 2}, 'corrupt'),
    ({'features': 4}, 'data-file'),
    ({'features': 32}, 'unknown-feature'),
    ({'features': 1 << 63}, 'unknown-feature'),
    ({'changes': {104: b'\2'}, 'packing': 'zlib'}, 'compression'),
    ({'changes': {20: struct.pack('>I', 8)}}, 'corrupt'),
    ({'changes': {20: struct.pack('>I', 22)}}, 'corrupt'),
    ({'changes': {20: struct.pack('>I', 1 << 31)}}, 'corrupt'),
    ({'changes': {100: struct.pack('>I', 72)}}, 'corrupt'),
    # An L1 table that is too short, too long, and not where it may be.
    ({'changes': {36: struct.pack('>I', 0)}}, 'corrupt'),
    ({'changes': {36: struct.pack('>I', 1 << 31)}}, 'corrupt'),
    ({'changes': {40: struct.pack('>Q', 1 << 62)}}, 'cut-short')])
def test_what_cannot_be_read_is_named(options, reason):
    assert whole(**options) == reason


def test_an_older_version_has_no_features():
    image = images.qcow2(images.ext4(), version=2)
    # Where version 3 has its features, here lies what pads the header.
    image = image[:72] + b'\xff' * 16 + image[88:]

    assert readers.read(image).word is Word.AT_REST


@pytest.mark.parametrize('entry', [
    # Bits that are reserved; not at a cluster's beginning.
    1 << 63 | 5 << 12 | 1 << 9, 1 << 63 | 5 << 12 | 1 << 56,
    1 << 63 | 5 << 12 | 2])
def test_an_entry_that_contradicts_itself_is_corrupt(entry):
    image = bytearray(images.qcow2(images.ext4()))
    images.put(image, 4 * 4096, struct.pack('>Q', entry))

    assert readers.read(bytes(image)).reason == 'corrupt'


def test_a_cluster_of_zeros_is_read_as_zeros():
    image = bytearray(images.qcow2(images.ext4()))
    images.put(image, 4 * 4096, struct.pack('>Q', 1 << 63 | 5 << 12 | 1))

    part = readers.only(bytes(image))

    assert (part.kind, part.reason) == ('unknown', 'unknown')


def test_a_subcluster_of_both_kinds_is_corrupt():
    image = bytearray(images.qcow2(
        images.ext4(), cluster_bits=14, extended=True))
    images.put(image, 4 * 16384 + 8, b'\xff' * 8)

    assert readers.read(bytes(image)).reason == 'corrupt'


def test_subclusters_that_are_not_there_are_zeros():
    image = bytearray(images.qcow2(
        images.ext4(), cluster_bits=14, extended=True))
    images.put(image, 4 * 16384 + 8, struct.pack('>Q', 0xffffff00))

    assert readers.only(bytes(image)).kind == 'unknown'


@pytest.mark.parametrize('packed, reason', [
    (b'\xff' * 600, 'corrupt'), (bytes(600), 'corrupt'),
    # Ends before the superblock.
    (images._pack(b'x' * 100, 'zlib').ljust(600, b'\0'), 'corrupt')])
def test_packed_data_that_is_damaged_is_corrupt(packed, reason):
    image = bytearray(images.qcow2(images.ext4(), packing='zlib'))
    images.put(image, 5 * 4096, packed)

    assert readers.read(bytes(image)).reason == reason


def test_an_image_that_was_cut_is_noticed():
    image = images.qcow2(images.ext4())

    reading = readers.read(image[:5 * 4096])

    assert reading.word is Word.CANNOT_TELL
    assert reading.reason == 'cut-short'


def test_zstd_needs_its_module():
    image = images.qcow2(images.ext4(), packing='zstd')

    with mock.patch.object(inflate.importlib, 'import_module',
                           side_effect=ImportError):
        reading = readers.read(image)

    assert reading.reason == 'compression'


def test_zstd_is_read():
    image = images.qcow2(images.ext4(in_use=True), packing='zstd')

    assert readers.read(image).word is Word.IN_USE


def test_zstd_that_is_damaged_is_corrupt():
    image = bytearray(images.qcow2(images.ext4(), packing='zstd'))
    images.put(image, 5 * 4096, b'\xff' * 600)

    assert readers.read(bytes(image)).reason == 'corrupt'


def test_the_memory_is_bounded():
    """A cluster of 2 MB that is packed badly, and fetched whole."""
    raw = images.ext4(2 * images.MB, in_use=True)
    image = images.qcow2(raw, cluster_bits=21, packing='zlib')
    reader = readers.Reader(image)

    tracemalloc.start()
    reading = disk.read_disk(reader, len(image))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reading.word is Word.IN_USE
    assert most < disk.Limits().memory


def test_less_memory_than_clusters_need_is_too_much():
    image = images.qcow2(images.ext4(), cluster_bits=21)

    reading = disk.read_disk(readers.Reader(image), len(image),
                             limits=disk.Limits(memory=4 << 20))

    assert reading.reason == 'too-much'


def test_this_python_has_zstd_of_its_own_or_the_package():
    if sys.version_info >= (3, 14):
        module = 'compression.zstd'
    else:
        module = 'zstandard'

    assert inflate.importlib.import_module(module)
