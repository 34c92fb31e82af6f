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

"""The form of one image: typed fields, and a table of all others.

A form is made for what the image was when it was opened (a
:class:`edits.Edit`), and yields what the user changed. A field that comes
back as it was shown changes nothing, whatever value it holds.
"""

from django import forms
from django.utils.translation import gettext_lazy as _

from snapshot_panel.consistency import edits
from snapshot_panel.consistency import properties
from snapshot_panel.images import lines
from snapshot_panel.images import texts

# The page's script adds another once the last is used; without it users ask
# for more.
BLANK_ROWS = 1
MORE_ROWS = 3
# A longer value gets a field of several lines.
_LONG = 80


def is_typed(name, values):
    """Return whether a property has a field of its own.

    Values that a one-line field would change are in the table instead.
    """
    if name not in properties.KNOWN:
        return False
    value = values.get(name)
    return value is None or (value != '' and _one_line(value))


def _one_line(value):
    return '\n' not in value and '\r' not in value


def table_names(sheet, edit):
    """Return the names of the properties in the table of others."""
    return [name for name in sorted(edit.opened)
            if not is_typed(name, edit.opened)
            and lines.lock_of(sheet, name) is None]


class KnownForm(forms.Form):
    """The properties that matter here, each with a field of its own.

    :param sheet: the :class:`images.Sheet` of the image.
    :param edit: the :class:`edits.Edit` that the form begins with.
    """

    def __init__(self, sheet, edit, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.edit = edit
        self.known = {
            name: definition for name, definition
            in properties.known(sheet.definitions).items()
            if is_typed(name, edit.opened)
            and lines.lock_of(sheet, name) is None}
        for name, definition in self.known.items():
            self.fields[name] = _field(definition, edit.opened.get(name),
                                       edit.wanted.get(name))

    def clean(self):
        """Collect ``changes``: a new value by name, None to remove."""
        self.changes = {}
        for name, definition in self.known.items():
            new = self.cleaned_data.get(name)
            if name in self.errors or new == self.edit.opened.get(name):
                continue
            flaw = new is not None and properties.value_flaw(new, definition)
            if flaw:
                self.add_error(name, texts.flaw(flaw, definition))
            else:
                self.changes[name] = new
        return self.cleaned_data


def _field(definition, opened, wanted):
    made = (_Choice if definition.choices else _Text)(
        definition, opened, wanted)
    name = definition.name
    made.code = name
    made.label = texts.TITLES[name]
    made.definition = definition
    made.notes = [text for text in (
        texts.NOTES.get(name, texts.HELP.get(name)), made.note) if text]
    return made


class _Text(forms.CharField):
    """A text; an empty field is a property that is not set."""

    def __init__(self, definition, opened, wanted):
        super().__init__(required=False, strip=False, initial=wanted)
        self.note = ''
        if definition.default:
            self.note = _('Where it is not set: %s') % definition.default

    def clean(self, value):
        return super().clean(value) or None


class _Choice(forms.ChoiceField):
    """One of the allowed values, or what the image has, or none.

    A value stands after "=", so that none differs from an empty text.
    """

    note = ''

    def __init__(self, definition, opened, wanted):
        unset = _('Not set')
        if definition.default:
            unset = _('Not set (as “%s”)') % definition.default
        choices = [('', unset)] + [('=' + value, value)
                                   for value in definition.choices]
        if opened is not None and opened not in definition.choices:
            choices.append(('=' + opened, _('%s (as it is)') % opened))
        super().__init__(choices=choices, required=False,
                         initial='' if wanted is None else '=' + wanted)
        self.opened = opened

    def clean(self, value):
        value = super().clean(value)
        return value[1:] if value else None


class _Names(object):
    """The names that an image has, once for all rows of the table.

    ``known`` maps each name with plain line ends to the name; ``taken`` is
    for :func:`properties.name_flaw`.
    """

    def __init__(self, edit):
        self.known = {properties.unify_lines(each): each
                      for each in edit.opened}
        self.taken = {properties.fold(each)
                      for each in (*edit.opened, *properties.KNOWN)}


class PropertyForm(forms.Form):
    """One row of the table: a property that the image has, or a new one.

    ``change`` is what the user wants: (name, value) or None; a value None
    removes the property.
    """

    name = forms.CharField(required=False, strip=False)
    value = forms.CharField(required=False, strip=False)
    remove = forms.BooleanField(required=False)

    def __init__(self, *args, sheet, edit, names, **kwargs):
        super().__init__(*args, **kwargs)
        self.sheet = sheet
        self.edit = edit
        self.names = names
        self.change = None
        name = self.initial.get('name')
        self.existing = name in edit.opened
        self.definition = sheet.definitions.get(name)
        self.choices_id = self.add_prefix('choices')
        self._dress(name)

    def _dress(self, name):
        """Choose widgets that can hold the property."""
        value = self.initial.get('value', '')
        long = not _one_line(value) or len(value) > _LONG
        self.fields['value'].widget = (
            forms.Textarea({'rows': 3}) if long
            else forms.TextInput({'list': self.choices_id}))
        self.fields['name'].widget = (
            forms.HiddenInput() if self.existing
            else forms.TextInput({'list': 'snapshot-panel-names'}))
        labels = {'value': _('Value of %s') % name,
                  'remove': _('Remove %s') % name}
        if not self.existing:
            labels = {'name': _('Name of the new property'),
                      'value': _('Value of the new property')}
        for field, label in labels.items():
            self.fields[field].widget.attrs.update({
                'aria-label': label,
                'class': '' if field == 'remove' else 'form-control'})

    def clean(self):
        data = self.cleaned_data
        name, value = data.get('name', ''), data.get('value', '')
        # Browsers send line ends in their own way, of names too.
        name = self.names.known.get(properties.unify_lines(name), name)
        if name in self.edit.opened:
            self.change = self._change(name, value)
        elif name or value:
            self.change = (name, properties.unify_lines(value))
        if self.change is not None:
            self._check_name(name)
        if self.change is not None and self.change[1] is not None:
            self._check_value(*self.change)
        return data

    def _change(self, name, value):
        if self.cleaned_data.get('remove'):
            return name, None
        if edits.same_text(value, self.edit.opened[name]):
            return None
        return name, properties.unify_lines(value)

    def _check_name(self, name):
        flaw = None
        if name not in self.edit.opened:
            flaw = properties.name_flaw(name, self.names.taken)
        elif lines.lock_of(self.sheet, name) is not None:
            flaw = properties.Flaw.NAME_RESERVED
        if flaw is not None:
            self.add_error('name', texts.flaw(flaw))

    def _check_value(self, name, value):
        definition = self.sheet.definitions.get(name)
        flaw = properties.value_flaw(value, definition)
        if flaw is not None:
            self.add_error('value', texts.flaw(flaw, definition))


class _PropertyFormSet(forms.BaseFormSet):
    """The table of all other properties."""

    @property
    def changes(self):
        """The new value of each property by name, None to remove it."""
        return dict(form.change for form in self if form.change is not None)

    def clean(self):
        new = [properties.fold(form.change[0]) for form in self
               if form.change is not None and not form.existing]
        if len(new) != len(set(new)):
            raise forms.ValidationError(
                _('Two new properties have the same name.'))


PropertyFormSet = forms.formset_factory(
    PropertyForm, formset=_PropertyFormSet, extra=BLANK_ROWS,
    # As many as an image has: the service sets the limit.
    max_num=1000)


class Editor(object):
    """Both parts of the form of one image.

    :param sheet: the :class:`images.Sheet` of the image.
    :param edit: the :class:`edits.Edit` that the form begins with.
    :param data: what the user sent, None for a fresh form.
    """

    def __init__(self, sheet, edit, data=None):
        self.edit = edit
        self.known = KnownForm(sheet, edit, data)
        self.others = PropertyFormSet(
            data, prefix='others', initial=_initial(sheet, edit),
            form_kwargs={'sheet': sheet, 'edit': edit,
                         'names': _Names(edit)})

    def is_valid(self):
        # Both are checked, so that all errors are shown at once.
        return all([self.known.is_valid(), self.others.is_valid()])

    @property
    def wanted(self):
        """What the user wants, as a :class:`edits.Edit`."""
        changes = {**self.known.changes, **self.others.changes}
        return edits.Edit(self.edit.image_id, self.edit.opened, tuple(
            edits.Change(name, self.edit.opened.get(name), new)
            for name, new in sorted(changes.items())), self.edit.name)


def _initial(sheet, edit):
    """Return what the table of other properties begins with."""
    kept = table_names(sheet, edit)
    # Made again at each look.
    wanted = edit.wanted
    new = [name for name in wanted
           if name not in edit.opened and name not in properties.KNOWN]
    return [{'name': name, 'remove': name not in wanted,
             'value': wanted.get(name, edit.opened.get(name))}
            for name in kept + new]


def more_rows(data):
    """Return what the user sent, with room for more new properties."""
    data = data.copy()
    try:
        total = int(data.get('others-TOTAL_FORMS', ''))
    except ValueError:
        return data
    data['others-TOTAL_FORMS'] = str(total + MORE_ROWS)
    return data
