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

"""Readings as values, kept in caches and on images."""

import json

import hypothesis
from hypothesis import strategies
import pytest

from snapshot_panel import disk
from tests import images
from tests.unit.disk import readers

READINGS = [readers.read(image) for image in (
    images.ext4_image(), images.ext4_image(in_use=True, layout='lvm'),
    images.marked_image('xfs'), images.qcow2(images.ext4(), features=4),
    b'', images.gpt([(images.BIOS_BOOT, bytes(512))] * 40))]

ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers()
    | strategies.text(max_size=9),
    lambda inner: strategies.lists(inner, max_size=7)
    | strategies.dictionaries(strategies.text(max_size=9), inner),
    max_leaves=12)


@pytest.mark.parametrize('reading', READINGS)
def test_a_reading_survives_json(reading):
    kept = json.loads(json.dumps(reading.as_json()))

    assert disk.Reading.from_json(kept) == reading


@pytest.mark.parametrize('reading', READINGS)
def test_what_is_kept_is_bounded(reading):
    assert len(json.dumps(reading.as_json())) < 12_000


@hypothesis.given(ANYTHING)
def test_anything_else_is_no_reading(value):
    assert disk.Reading.from_json(value) is None


@hypothesis.given(
    strategies.sampled_from(['v', 'format', 'layout', 'reason', 'parts']),
    ANYTHING)
def test_a_reading_with_anything_in_it_is_one_or_none(name, value):
    kept = READINGS[0].as_json()
    kept[name] = value

    found = disk.Reading.from_json(kept)

    assert found is None or found.as_json() == kept


@hypothesis.given(strategies.integers(0, 5), ANYTHING)
def test_a_part_with_anything_in_it_is_one_or_none(place, value):
    kept = READINGS[0].as_json()
    kept['parts'][2][place] = value

    found = disk.Reading.from_json(kept)

    assert found is None or found.as_json() == kept


@pytest.mark.parametrize('place, value', [
    (0, 'x' * 65), (1, 'EXT4'), (2, 'fine'), (3, 'because'), (4, 'x' * 121),
    (4, '<\u202e>'), (5, 'a\nb')])
def test_what_nobody_wrote_is_refused(place, value):
    kept = READINGS[0].as_json()
    kept['parts'][2][place] = value

    assert disk.Reading.from_json(kept) is None
