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

"""Volume groups."""

import pathlib
import resource
import subprocess
import sys

import pytest

import snapshot_panel
from snapshot_panel import disk
from snapshot_panel.disk import lvm
from snapshot_panel.disk import source
from tests import images
from tests.unit.disk import readers
from tests.unit import operations

Word = disk.Word
SMALL = 128 * images.KB


def ext4(**options):
    return images.ext4(SMALL, **options)


def part_of(**options):
    return readers.only(images.lvm({'root': ext4()}, **options))


def read_with(image, offset, data):
    changed = bytearray(image)
    images.put(changed, offset, data)
    return readers.read(bytes(changed))


def test_each_volume_is_a_part():
    reading = readers.read(images.lvm({
        'root': ext4(), 'swap': images.marked('swap', SMALL),
        'data': ext4(in_use=True)}))

    assert [(part.place, part.kind, part.word) for part in reading.parts] == [
        ('volume vg/root', 'ext4', Word.AT_REST),
        ('volume vg/swap', 'swap', None),
        ('volume vg/data', 'ext4', Word.IN_USE)]
    assert not reading.torn


def test_a_group_with_a_volume_elsewhere_is_torn():
    reading = readers.read(images.lvm({'root': ext4()}, missing=True))

    assert reading.torn
    assert reading.word is Word.CANNOT_TELL
    assert [(part.place, part.word) for part in reading.parts] == [
        ('group vg', Word.CANNOT_TELL), ('volume vg/root', Word.AT_REST)]


@pytest.mark.parametrize('options, field', [
    ({'stripes': 2}, 'segment type striped'),
    ({'kind': 'raid1'}, 'segment type raid1'),
    ({'kind': 'thin'}, 'segment type thin'),
    ({'kind': 'cache'}, 'segment type cache')])
def test_a_volume_that_is_not_linear_is_named(options, field):
    part = part_of(**options)

    assert (part.word, part.reason, part.field) == (
        Word.CANNOT_TELL, 'volume-type', field)


def test_a_group_in_a_groups_volume_is_not_followed():
    inner = images.lvm({'root': ext4()})

    part = readers.only(images.lvm({'outer': inner}))

    assert (part.kind, part.reason) == ('lvm2', 'member')


def test_a_volume_of_no_group_is_empty():
    image = images.lvm({}, text='')

    part = readers.read(image).parts[0]

    assert (part.kind, part.word, part.reason) == ('lvm2', None, 'empty')


def test_a_volume_that_no_description_names_cannot_be_told():
    image = images.lvm({'root': ext4()}, text='vg { id = "G" }')

    part = readers.only(image)

    assert (part.kind, part.reason) == ('lvm2', 'volume-metadata')


@pytest.mark.parametrize('offset', [
    # The label, the header of the area, its text.
    512 + 40, 4096 + 30, 4096 + 512 + 9])
def test_a_wrong_checksum_is_not_believed(offset):
    image = images.lvm({'root': ext4()})

    part = read_with(image, offset, b'\xee').parts[0]

    assert (part.word, part.reason) == (Word.CANNOT_TELL, 'volume-metadata')


@pytest.mark.parametrize('text', [
    'vg {', 'vg }', 'vg { a = }', 'vg { a = [ }', 'vg { a = "', '}', 'a b c',
    'vg { ' * 50 + '} ' * 50, '$', 'vg { a = [ [ ] ] }',
    'a = 1\n' * 20_000])
def test_a_description_that_is_none_is_refused(text):
    with pytest.raises(source.Cannot):
        lvm.parse(text)


@pytest.mark.parametrize('text', [
    'vg { id = "G"\nphysical_volumes { pv0 { id = 3 } } }',
    'vg { id = "G"\nlogical_volumes { x { status = 5 } } }',
    'vg { id = "G"\nlogical_volumes { x { status = ["VISIBLE"] } } }',
    'vg { id = "G"\nlogical_volumes { x { status = ["VISIBLE"]\n'
    'segment_count = 1\nsegment1 { type = "striped"\nstripe_count = 1\n'
    'stripes = ["pv0"] } } } }',
    'vg { id = "G"\nlogical_volumes { x { status = ["VISIBLE"]\n'
    'segment_count = 999999999999 } } }',
    'vg = 1'])
def test_a_description_that_says_nonsense_is_never_at_rest(text):
    reading = readers.read(images.lvm({'root': ext4()}, text=text))

    assert reading.word is Word.CANNOT_TELL


def test_values_are_parsed():
    assert lvm.parse('vg { # a comment }\nid = "a \\"b\\""\n'
                     'n = 12\nlist = ["x", 3]\nsub { } }') == {
        'vg': {'id': 'a \\"b\\"', 'n': 12, 'list': ['x', 3], 'sub': {}}}


def test_what_holds_a_snapshots_changes_is_named():
    text = '''vg { id = "G"
        extent_size = 128
        physical_volumes { pv0 { id = "%s"
            pe_start = 256 } }
        logical_volumes {
            cow { status = ["VISIBLE"]
                segment_count = 1
                segment1 { type = "striped" } }
            snapshot0 { status = ["READ"]
                segment1 { type = "snapshot"
                    cow_store = "cow" } } } }''' % ('A' * 32)

    part = part_of(text=text)

    assert (part.reason, part.field) == (
        'volume-type', 'segment type snapshot')


@pytest.mark.parametrize('before_end', [1, 100, 500])
def test_a_description_may_go_round_the_end_of_its_area(before_end):
    # The area of the tests' volumes is of 124 kB.
    image = images.lvm({'root': ext4()},
                       text_at=124 * images.KB - before_end)

    assert len(image) == 256 * images.KB
    assert readers.read(image).word is Word.AT_REST


def test_a_volume_of_several_segments_is_read_in_their_order():
    segment = '''segment%d { start_extent = %d
        extent_count = 1
        type = "striped"
        stripe_count = 1
        stripes = ["pv0", %d] }
        '''
    text = '''vg { id = "G"
        extent_size = 128
        physical_volumes { pv0 { id = "%s"
            pe_start = 256 } }
        logical_volumes { root { status = ["VISIBLE"]
            segment_count = 2
            %s%s } } }''' % ('A' * 32, segment % (1, 0, 1),
                             segment % (2, 1, 0))
    content = images.ext4(SMALL, in_use=True)
    half = SMALL // 2

    part = readers.only(images.lvm(
        {'root': content[half:] + content[:half]}, text=text))

    assert (part.kind, part.word) == ('ext4', Word.IN_USE)


def test_more_volumes_than_are_listed_are_too_much():
    image = images.lvm({f'v{number}': images.marked('swap', 64 * images.KB)
                        for number in range(40)})

    reading = readers.read(image)

    assert (len(reading.parts), reading.reason) == (32, 'too-much')


def test_names_are_printable_and_bounded():
    part = readers.only(images.lvm({'r\u00f6\u00f6t' + 'x' * 90: ext4()}))

    assert part.place == 'volume vg/r??t' + 'x' * 50


def test_a_description_of_nothing_but_line_breaks_costs_little(tmp_path):
    """Half a minute of a processor, once; a page waits meanwhile."""
    path = tmp_path / 'image'
    path.write_bytes(images.lvm({}, text='\n' * (120 << 10)))

    # A processor's seconds, whatever else the machine does.
    done = subprocess.run(
        [sys.executable, '-m', 'snapshot_panel.disk', str(path)],
        cwd=pathlib.Path(snapshot_panel.__file__).parents[1],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (8, 8)),
        stdout=subprocess.PIPE, text=True)

    assert done.stdout.splitlines()[0] == 'cannot tell'


def _volumes(*texts):
    return [lvm.Volume('A' * 32, source.Slice(None, 0, 0), text, False)
            for text in texts]


def test_the_text_that_all_of_a_group_have_is_parsed_once():
    text = 'vg { id = "G" %s }' % ('x = 1 ' * 500)

    once = operations.count(lambda: lvm.read_groups(_volumes(text)))
    thrice = operations.count(lambda: lvm.read_groups(_volumes(*[text] * 3)))

    assert thrice < 1.5 * once


def test_all_texts_of_a_disk_together_are_limited():
    texts = ['vg { id = "%d" %s }' % (number, 'x = 1 ' * 3000)
             for number in range(4)]

    assert len(lvm.read_groups(_volumes(texts[0]))) == 1
    with pytest.raises(source.Cannot):
        lvm.read_groups(_volumes(*texts))
