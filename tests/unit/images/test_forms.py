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

"""The form: a field that comes back as it was shown changes nothing."""

import re

from django import http
from django.utils import translation
import pytest

from snapshot_panel.cloud import editing
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.images import forms
from tests import forms as browser
from tests.unit import builders

UNUSUAL = {
    **builders.UNUSUAL, 'os_version': '', 'os_admin_user': 'a\nb',
    'hw_disk_bus': ' Odd', 'os_shutdown_timeout': '12x', 'os_distro': ' ',
    'hw_qemu_guest_agent': 'TRUE', 'os_type': '', 'long': 'x' * 300,
    'hw_vif_model': 'unheard-of', 'consistency_verdict': 'unproven',
}
DEFINITIONS = {'hw_vif_model': properties.Definition(
    'hw_vif_model', choices=('virtio', 'e1000'))}


def sheet(values):
    image = facts.Image(builders.BASE_IMAGE, 'debian', 'active', values,
                        created=builders.NOW, updated=builders.NOW)
    return editing.Sheet(image, DEFINITIONS)


def edit(values):
    return edits.Edit(builders.BASE_IMAGE, values, ())


def read(editor):
    """Return what a browser sends of a form that nobody touched."""
    return browser.Form(''.join(part.as_p() for part in (
        editor.known, editor.others.management_form,
        *editor.others))).data


def send(values, change=None):
    """Open the form, change some fields, send it; return the editor."""
    opened = sheet(values)
    data = read(forms.Editor(opened, edit(values)))
    data.update(change or {})
    # The page's script counts the rows that it adds.
    data['others-TOTAL_FORMS'] = str(max(
        int(data['others-TOTAL_FORMS']), 1 + max(
            (int(name.split('-')[1]) for name in data
             if re.match(r'others-\d', name)), default=-1)))
    return forms.Editor(opened, edit(values), data)


@pytest.mark.parametrize(('language', 'label', 'help_text'), [
    ('en', 'Disk bus', 'A guest without a driver'),
    ('ru', 'Шина дисков', 'Без драйвера')])
def test_what_the_panel_says_wins_over_the_clouds_own_words(language, label,
                                                            help_text):
    opened = editing.Sheet(sheet({}).image, {
        'hw_disk_bus': properties.Definition(
            'hw_disk_bus', title='Disk Bus', help='Of the cloud')})

    with translation.override(language):
        field = forms.Editor(opened, edit({})).known.fields['hw_disk_bus']

        assert str(field.label) == label
        assert str(field.notes[0]).startswith(help_text)
        assert field.definition.help == 'Of the cloud'
        assert 'Of the cloud' not in field.notes


def changes(editor):
    assert editor.is_valid(), (editor.known.errors, editor.others.errors)
    return {change.name: change.new for change in editor.wanted.changes}


def index(values, name):
    """Return the prefix of the fields of one row of the table."""
    names = forms.table_names(sheet(values), edit(values))
    return 'others-%d-' % (
        names.index(name) if name in names else len(names))


@pytest.mark.parametrize('values', [
    {}, UNUSUAL, *({name: value} for name, value in UNUSUAL.items())])
def test_a_form_sent_as_it_is_changes_nothing(values):
    assert changes(send(values)) == {}


def test_typed_fields_set_change_and_remove():
    values = {'os_distro': 'debian', 'os_version': '11',
              'hw_disk_bus': 'scsi'}

    editor = send(values, {'hw_qemu_guest_agent': '=yes', 'os_distro': '',
                           'os_version': '12', 'hw_disk_bus': '',
                           'os_shutdown_timeout': '120'})

    assert changes(editor) == {
        'hw_qemu_guest_agent': 'yes', 'os_distro': None, 'os_version': '12',
        'hw_disk_bus': None, 'os_shutdown_timeout': '120'}


@pytest.mark.parametrize('name, value', [
    ('hw_qemu_guest_agent', '=perhaps'), ('os_shutdown_timeout', '-1'),
    ('os_shutdown_timeout', 'soon')])
def test_typed_fields_refuse_what_is_not_allowed(name, value):
    editor = send({}, {name: value})

    assert not editor.is_valid()
    assert list(editor.known.errors) == [name]


def test_rows_change_and_remove():
    values = {'lines': 'a\r\nb', 'empty': '', 'x': '1', 'odd=name': 'v'}

    editor = send(values, {
        index(values, 'lines') + 'value': 'a\r\nc',
        index(values, 'empty') + 'remove': 'on',
        index(values, 'x') + 'value': '',
        index(values, 'odd=name') + 'value': 'w'})

    assert changes(editor) == {'lines': 'a\nc', 'empty': None, 'x': '',
                               'odd=name': 'w'}


def test_rows_add():
    editor = send({}, {'others-0-name': 'a/b', 'others-0-value': ' 雪',
                       'others-2-name': 'empty', 'others-2-value': ''})

    assert changes(editor) == {'a/b': ' 雪', 'empty': ''}


@pytest.mark.parametrize('name, value', [
    ('', 'x'), ('consistency_rule', 'x'), ('os_type', 'linux'),
    ('There', 'x'), ('a=b', 'x'), ('x' * 256, 'x')])
def test_rows_refuse_names(name, value):
    values = {'there': 'x'}
    row = index(values, 'new')

    editor = send(values, {row + 'name': name, row + 'value': value})

    assert not editor.is_valid()
    assert any('name' in errors for errors in editor.others.errors)


def test_rows_refuse_values_that_the_cloud_does_not_define():
    values = {'hw_vif_model': 'virtio'}

    editor = send(values, {'others-0-value': 'ne2k'})

    assert not editor.is_valid()
    assert 'virtio, e1000' in editor.others.errors[0]['value'][0]


def test_two_new_properties_of_the_same_name_are_refused():
    editor = send({}, {'others-0-name': 'twin', 'others-0-value': '1',
                       'others-1-name': 'Twin', 'others-1-value': '2'})

    assert not editor.is_valid()
    assert editor.others.non_form_errors()


def test_what_is_locked_has_no_field():
    values = {'consistency_rule': 'y', 'image_type': 'z',
              'instance_uuid': 'i'}

    editor = forms.Editor(sheet(values), edit(values))

    assert [form.initial for form in editor.others if form.existing] == []


def test_a_forged_field_of_a_locked_property_is_refused():
    values = {'image_type': 'x'}

    editor = send(values, {'others-0-name': 'image_type',
                           'others-0-value': 'mine'})

    assert not editor.is_valid()


def test_back_from_the_preview_the_form_is_as_it_was_left():
    opened = sheet({'x': '1', 'gone': '1', 'os_distro': 'debian'})
    left = edits.Edit(builders.BASE_IMAGE, opened.image.properties, (
        edits.Change('x', '1', '2'),
        edits.Change('gone', '1', None),
        edits.Change('new', None, 'n'),
        edits.Change('os_distro', 'debian', None),
        edits.Change('os_type', None, 'linux')))

    data = read(forms.Editor(opened, left))

    assert changes(forms.Editor(opened, edit(opened.image.properties),
                                data)) == {
        'x': '2', 'gone': None, 'new': 'n', 'os_distro': None,
        'os_type': 'linux'}


def test_there_is_room_for_more():
    data = http.QueryDict('others-TOTAL_FORMS=3&others-INITIAL_FORMS=0')

    editor = forms.Editor(sheet({}), edit({}), forms.more_rows(data))

    assert len(list(editor.others)) == 3 + forms.MORE_ROWS
