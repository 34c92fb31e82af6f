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

"""What was read from a disk, in words."""

from django.utils import translation
import pytest

from snapshot_panel.disk import reading
from snapshot_panel.ui import disks


def lines(place, language='en'):
    report = reading.Reading('raw', 'gpt', (reading.Part(
        place, 'ext4', None, 'empty', ''),)).as_json()
    with translation.override(language):
        return [str(line) for line in disks.lines(report)]


@pytest.mark.parametrize('place, russian', [
    ('disk', 'диск'), ('partition 3', 'раздел 3'),
    ('volume vg/root', 'том vg/root'), ('group vg', 'группа томов vg')])
def test_where_something_is_is_said_in_the_readers_language(place, russian):
    english, = lines(place)
    line, = lines(place, 'ru')

    assert english.startswith(place + ', ')
    assert line.startswith(russian + ', ')


@pytest.mark.parametrize('place', [
    'disk 2', 'partition', 'partition ', 'elsewhere', '', '%s', 'volume %s'])
def test_a_place_that_nobody_wrote_is_shown_as_it_is(place):
    line, = lines(place)

    assert line.startswith(place.strip() or ', ')


def test_a_place_is_no_markup():
    line, = lines('volume <b>')

    assert line.startswith('volume &lt;b&gt;, ')
