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


"""What others may make long costs no more than in proportion."""

import pytest

from snapshot_panel.cloud import editing
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import records
from snapshot_panel.consistency import witness
from snapshot_panel.images import forms
from tests.unit import builders
from tests.unit import operations

SIZE = 60


def _lines_of_properties(size):
    text = '\n'.join('name%d=value' % number for number in range(size))

    def check():
        taken = set()
        for name, value in properties.read_lines(text):
            assert properties.extra_flaw(name, value, taken) is None
            taken.add(properties.fold(name))

    return check


def _edit(size):
    opened = {'name%d' % number: 'x' for number in range(size)}
    return edits.Edit(builders.BASE_IMAGE, opened, tuple(
        edits.Change(name, 'x', 'y') for name in opened))


def _disputes(size):
    today = {'name%d' % number: 'z' for number in range(size)}
    edit = _edit(size)
    return lambda: edits.disputes(edit, today)


def _edit_as_text(size):
    text = _edit(size).dump()
    return lambda: edits.commands(edits.Edit.load(text))


def _form_of_an_image(size):
    edit = _edit(size)
    sheet = editing.Sheet(facts.Image(
        builders.BASE_IMAGE, 'x', 'active', edit.opened), {})
    data = {'others-TOTAL_FORMS': 2 * size, 'others-INITIAL_FORMS': size}
    for number in range(size):
        data['others-%d-name' % number] = 'name%d' % number
        data['others-%d-value' % number] = 'x'
        data['others-%d-name' % (size + number)] = 'new%d' % number
        data['others-%d-value' % (size + number)] = 'y'

    def check():
        editor = forms.Editor(sheet, edit, data)
        assert editor.is_valid()
        assert len(editor.wanted.changes) == size

    return check


def _console_of_restarts(size):
    console = builders.started()
    for number in range(size):
        console.reboot('%08x' % number)
    return lambda: witness.read(console.text)


def _console_of_typed_lines(size):
    console = builders.started()
    baseline = console.baseline
    # The guest says as much as somebody types after it, so that holding each
    # typed line against each of the guest's would show.
    console.freeze(['/%d' % number for number in range(size)])
    text = console.text + '\n' + size * (
        console.text.splitlines()[-1] + '\n')
    return lambda: witness.since(text, baseline)


def _one_long_freeze(size):
    console = builders.started()
    console.freeze(['/%d' % number for number in range(size)])
    chain = witness.read(console.text).chain
    return lambda: witness.freezes(chain)


def _memories(size):
    instance = builders.instance(metadata={
        records.MEMORY_PREFIX + '%08d-0000-4000-8000-000000000000' % number:
        '{"name":"x"}' for number in range(size)})
    return lambda: records.read_memories(instance)


def _user_of_a_plan(size):
    plan = records.Plan('stopping', builders.NOW, 'é' * size * 20, 'req-1',
                        builders.NOW)
    return plan.metadata


@pytest.mark.parametrize('make', [
    _lines_of_properties, _disputes, _edit_as_text, _form_of_an_image,
    _console_of_restarts, _console_of_typed_lines, _one_long_freeze,
    _memories, _user_of_a_plan], ids=lambda make: make.__name__[1:])
def test_twice_the_input_costs_at_most_twice(make):
    once = operations.count(make(SIZE))

    twice = operations.count(make(2 * SIZE))

    assert once > 50
    # A square would make it four times.
    assert twice <= 2.4 * once
