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

"""Limits, readers that fail, and images that end."""

import itertools

import hypothesis
from hypothesis import strategies
import pytest

from snapshot_panel import disk
from tests.disks import fuzz
from tests import images
from tests.unit.disk import readers

Word = disk.Word


def read_gpt(**options):
    reader = readers.Reader(images.ext4_image())
    return disk.read_disk(reader, len(reader.image), **options)


def test_what_lies_out_of_reach_is_said_of_its_part():
    image = images.gpt([
        (images.LINUX, images.ext4(128 * images.KB)),
        (images.LINUX, images.ext4(128 * images.KB))])
    reader = readers.Reader(image, reach=160 * images.KB)

    reading = disk.read_disk(reader, len(image))

    assert [part.reason for part in reading.parts] == [
        'no-replay-needed', 'out-of-reach']
    assert reading.word is Word.CANNOT_TELL


def test_an_image_that_is_out_of_reach_is_said():
    reader = readers.Reader(images.ext4_image(), reach=100)

    reading = disk.read_disk(reader, len(reader.image))

    assert (reading.word, reading.reason, reading.parts) == (
        Word.CANNOT_TELL, 'out-of-reach', ())


def test_what_a_reader_raises_is_not_caught():
    def read(offset, length):
        raise ConnectionError('gone')

    with pytest.raises(ConnectionError, match='gone'):
        disk.read_disk(read, 1 << 20)


def test_the_size_need_not_be_known():
    image = images.ext4_image()

    assert disk.read_disk(readers.Reader(image), None) == readers.read(image)


def test_an_answer_that_is_cut_is_where_the_image_ends():
    image = images.ext4_image()

    reading = disk.read_disk(
        lambda offset, length: image[offset:min(offset + length, 200_000)],
        len(image))

    assert [part.reason for part in reading.parts] == [
        'boot-loader', 'efi', 'cut-short']


def test_a_reader_that_gives_more_than_asked_changes_nothing():
    image = images.ext4_image()

    reading = disk.read_disk(
        lambda offset, length: image[offset:offset + length + 999],
        len(image))

    assert reading == readers.read(image)


@pytest.mark.parametrize('image', [b'', b'x', bytes(511)])
def test_less_than_a_sector_is_cut_short(image):
    assert readers.read(image).reason == 'cut-short'


@pytest.mark.parametrize('limits', [
    disk.Limits(requests=0), disk.Limits(bytes=4096)])
def test_a_limit_ends_the_reading(limits):
    reading = read_gpt(limits=limits)

    assert (reading.word, reading.reason) == (Word.CANNOT_TELL, 'too-much')


def test_a_limit_in_the_middle_leaves_what_was_read():
    reading = read_gpt(limits=disk.Limits(requests=2))

    assert [part.reason for part in reading.parts] == [
        'boot-loader', 'efi', 'too-much']
    assert reading.requests == 2


def test_time_is_limited_by_the_clock():
    reader = readers.Reader(images.ext4_image())

    reading = disk.read_disk(reader, len(reader.image),
                             clock=lambda: 6 * len(reader.asked))

    assert reading.requests == 2
    assert reading.parts[-1].reason == 'too-much'


def test_time_is_limited_where_nothing_more_is_asked_for():
    ticks = itertools.count(step=3)

    reading = read_gpt(clock=lambda: next(ticks))

    assert (reading.requests, reading.reason) == (1, 'too-much')


def test_what_is_read_again_and_again_is_limited():
    content = images.ext4(256 * images.KB)
    disk_of_many = images.gpt([(images.LINUX, content)] * 30)
    reader = readers.Reader(images.qcow2(
        disk_of_many, cluster_bits=9, shared=True))

    def read(**limits):
        return disk.read_disk(reader, len(reader.image),
                              limits=disk.Limits(**limits))

    assert read().word is Word.AT_REST
    assert read().fetched < 256 << 10
    assert read(work=1 << 20).parts[-1].reason == 'too-much'


def test_what_is_unpacked_again_and_again_is_limited():
    image = images.qcow2(images.ext4_image(), packing='zlib',
                         cluster_bits=21)
    reader = readers.Reader(image)

    reading = disk.read_disk(reader, len(image),
                             limits=disk.Limits(work=1 << 20))

    assert reading.reason == 'too-much'


def test_nothing_is_asked_for_twice():
    reader = readers.Reader(images.qcow2(images.ext4_image(layout='lvm')))

    disk.read_disk(reader, len(reader.image))

    asked = [byte for offset, length in reader.asked
             for byte in range(offset // 4096, -(-(offset + length) // 4096))]
    assert len(asked) == len(set(asked))


@hypothesis.given(strategies.binary(max_size=5000))
def test_any_bytes_are_read(image):
    assert readers.read(image).word is Word.CANNOT_TELL


@hypothesis.given(strategies.binary(max_size=200),
                  strategies.sampled_from(fuzz.seeds()),
                  strategies.integers(0, 70_000))
def test_any_bytes_in_an_image_keep_the_ceilings(data, seed, offset):
    image = bytearray(seed.image)
    images.put(image, offset, data)

    assert fuzz.complaint(seed, bytes(image)) == ''


def test_mutated_images_are_read():
    wrong, _longest = fuzz.run(6_000)

    assert wrong == []


def test_what_the_mutations_look_for_would_be_found():
    """The measure itself: at rest where the seed was in use is seen."""
    seed = next(seed for seed in fuzz.seeds()
                if seed.name == 'disk in-use qcow2-zlib')
    resting = images.qcow2(images.ext4(128 * images.KB), packing='zlib')

    assert fuzz.complaint(seed, resting).startswith('at rest')
