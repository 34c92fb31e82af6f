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

"""What a change of an image amounts to, and with whose it disagrees."""

import json
import shlex

import pytest

from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from tests.unit import builders

Change = edits.Change
ID = builders.BASE_IMAGE


def edit(opened=None, **wanted):
    opened = opened or {}
    return edits.Edit(ID, opened, tuple(
        Change(name, opened.get(name), new)
        for name, new in sorted(wanted.items())))


def test_only_what_changed_is_sent():
    old = {'kept': ' ', 'changed': '1', 'removed': '', 'a/b~c': 'x'}
    new = {'kept': ' ', 'changed': '2', 'added': '', 'a/b~c': 'y'}

    patch = [change.operation() for change in edits.diff(old, new)]

    assert patch == [
        {'op': 'replace', 'path': '/a~1b~0c', 'value': 'y'},
        {'op': 'add', 'path': '/added', 'value': ''},
        {'op': 'replace', 'path': '/changed', 'value': '2'},
        {'op': 'remove', 'path': '/removed'},
    ]


def test_seals_are_no_change():
    assert edits.diff({}, {'consistency_verdict': 'unproven'}) == ()


def test_a_plan_survives_being_carried():
    made = edit(builders.UNUSUAL, new='x', empty=None)

    assert edits.Edit.load(made.dump()) == made


@pytest.mark.parametrize('text', [
    '', 'x', '[]', '{}', json.dumps({'image': ID, 'opened': [], 'set': {}}),
    json.dumps({'image': ID, 'opened': {'a': None}, 'set': {}}),
    json.dumps({'image': ID, 'opened': {}, 'set': {'a': 1}}),
    json.dumps({'image': '../x', 'opened': {}, 'set': {}}),
])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(ValueError):
        edits.Edit.load(text)


def test_nobody_else_changed_anything():
    opened = {'a': '1', 'b': '2'}

    assert edits.disputes(edit(opened, a='9'), opened) == ()


def test_somebody_else_wanted_the_same():
    assert edits.disputes(edit({'a': '1'}, a='2'), {'a': '2'}) == ()


def test_a_verdict_that_was_sealed_meanwhile_is_no_dispute():
    assert edits.disputes(
        edit({}, a='2'), {'consistency_rule': 'silent'}) == ()


def test_both_changes_are_shown():
    opened = {'both': '1', 'mine': '1', 'theirs': '1', 'same': '1'}
    today = {'both': '3', 'mine': '1', 'same': '2'}

    found = edits.disputes(
        edit(opened, both='2', mine='2', same='2'), today)

    assert found == (
        edits.Dispute('both', '1', '3', '2'),
        edits.Dispute('mine', '1', '1', '2'),
        edits.Dispute('theirs', '1', None, '1'))
    assert [each.contested for each in found] == [True, False, False]


def test_a_plan_can_be_based_on_today_and_give_up_a_part():
    made = edit({'a': '1'}, a='2', b='2', c='2')

    rebased = made.rebased({'a': '3', 'c': '2'}, without={'b'})

    assert rebased == edits.Edit(
        ID, {'a': '3', 'c': '2'}, (Change('a', '3', '2'),))


def test_undone_it_puts_back_what_nobody_changed_since():
    made = edits.Edit(builders.BASE_IMAGE, {'old': '1', 'gone': '1'}, (
        edits.Change('gone', '1', None), edits.Change('new', None, '2'),
        edits.Change('old', '1', '2'), edits.Change('theirs', '1', '2')))
    today = {'new': '2', 'old': '2', 'theirs': '3'}

    undone = made.undone(today)

    assert undone == edits.Edit(builders.BASE_IMAGE, today, (
        edits.Change('gone', None, '1'), edits.Change('new', '2', None),
        edits.Change('old', '2', '1')))
    assert undone.wanted == {'gone': '1', 'old': '1', 'theirs': '3'}


@pytest.mark.parametrize('changes, name', [
    ({'fine': 'x', 'gone': None}, None),
    ({'consistency_verdict': 'application-consistent'},
     'consistency_verdict'),
    ({'visibility': 'public'}, 'visibility'),
    ({'hw_qemu_guest_agent': 'yes'}, 'hw_qemu_guest_agent'),
    ({' x': 'y'}, ' x'),
    ({'x': 'a\0'}, 'x'),
])
def test_a_plan_that_came_back_is_checked_again(changes, name):
    made = edit({'gone': ' '}, **changes)

    assert edits.unsound(made, pending=True) == name


def test_commands_do_the_same():
    made = edit(builders.UNUSUAL, **{
        'a/b~c': "it's", 'empty': None, 'new': '', 'e=q': 'x',
        'lines': 'a\nb'})

    lines = edits.commands(made)

    assert lines == [
        'openstack image set --property %s --property %s --property new= %s'
        % (shlex.quote("a/b~c=it's"), "$'lines=a\\x0ab'", ID),
        'openstack image unset --property empty ' + ID]


@pytest.mark.parametrize('value, changes', [
    (None, True), ('no', True), ('', True), ('yes', False), ('true', False),
    ('1', False)])
def test_a_preset_changes_what_nova_does_not_read_as_wanted(value, changes):
    values = {} if value is None else {'hw_qemu_guest_agent': value}
    image = facts.Image(ID, 'x', 'active', values)

    found = edits.Preset.READY.edit(image).changes

    assert found == ((Change('hw_qemu_guest_agent', value, 'yes'),)
                     if changes else ())


def test_drift_is_what_nova_can_show():
    embedded = facts.Properties(
        {'hw_qemu_guest_agent': 'yes', 'os_type': 'linux'},
        facts.Source.EMBEDDED)
    today = {'hw_qemu_guest_agent': 'true', 'os_version': '12',
             'os_type': 'windows'}

    assert edits.drift(embedded, today) == (
        Change('os_type', 'linux', 'windows'),)
    assert edits.drift(facts.UNKNOWN_PROPERTIES, today) is None
