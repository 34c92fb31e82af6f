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

"""What every table of the panel shares."""

import functools

from django import template
from django.template import loader
from django.utils import html
from django.utils.translation import gettext_lazy as _

from horizon import forms
from horizon import messages
from horizon import tables
from horizon.tables import base
from horizon.utils import memoized

from openstack_dashboard import policy

from snapshot_panel.consistency import bounded
from snapshot_panel import policies
from snapshot_panel.ui import markup
from snapshot_panel.ui import urls
from snapshot_panel.ui import words


class TemplateColumn(tables.Column):
    """A column whose cells a template of ours renders.

    The table's theme may have a template of its own, so Horizon looks for
    each one on the disk again; here once for a table, and so for what it
    includes, which Django keeps with the context.

    :param transform: the template's path below ``consistent_snapshots/``,
        without the suffix.
    """

    @functools.cached_property
    def _template(self):
        # The engine's; what the loader returns makes a context each time.
        return loader.get_template(
            'consistent_snapshots/%s.html' % self.transform).template

    @functools.cached_property
    def _context(self):
        return template.Context()

    def values(self, datum):
        """Return what a row gives the template."""
        return {'row': datum}

    def get_raw_data(self, datum):
        return self.render(self.values(datum))

    def render(self, values):
        with self._context.update(values):
            return self._template.render(self._context)


class AlikeColumn(TemplateColumn):
    """A column whose cells are rendered once where they say the same.

    The template gets what a cell says, and marks in place of what differs in
    every row.

    :param says: a class of :mod:`snapshot_panel.ui.cells`.
    """

    def __init__(self, says, **kwargs):
        super().__init__(says.template, **kwargs)
        self._says = says

    @functools.cached_property
    def _rendered(self):
        return {}

    def get_raw_data(self, datum):
        cell = self._says.of(datum)
        if cell not in self._rendered:
            self._rendered[cell] = self.render(
                {'cell': cell, 'apart': markup.MARKS})
        return markup.put_in(self._rendered[cell], cell.apart(datum))


@memoized.memoized
def may_take(request):
    """Return whether the user may take snapshots.

    The actions do not use ``policy_rules`` for this: Horizon would read the
    policies again for each action of each row, which took as long as all the
    rest of a row.
    """
    return policy.check(policies.TAKE, request)


class EditImage(tables.LinkAction):
    """The link to the properties of the row's image."""

    name = 'edit'
    verbose_name = _('Properties')
    url = urls.name('image')


class SeveralAction(tables.Action):
    """An action on one or more rows that acts without asking first."""

    # Every id is asked again, so the rows of the page are not needed.
    preempt = True
    # Horizon's script enables the table's button once a row is selected.
    attrs = {'data-batch-action': 'true'}

    def get_default_classes(self):
        # Horizon's script disables a form's primary buttons on submit, and a
        # disabled button is not sent, unless it has this class.
        return list(super().get_default_classes()) + ['always-enabled']


class SeveralMixin(object):
    """Show a table's boxes where one of these actions is allowed.

    Horizon shows them for its own BatchAction only, which asks first.
    """

    def set_multiselect_column_visibility(self, visible=True):
        super().set_multiselect_column_visibility(visible or any(
            isinstance(action, SeveralAction)
            for action in self.get_table_actions()))


class AlikeMixin(object):
    """Render once what the rows of a table have alike.

    Horizon renders each cell and each button of each row by templates of its
    own, which takes longer than all the rest of a long page. This is for
    tables whose buttons differ in the id of the row, and whose cells in
    nothing but what they hold. Rows are of :class:`AlikeRow`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # By columns.
        self.cell_attributes = {}
        # By which buttons they are, and by columns that are links: the id of
        # the first row that has these, and its buttons or its link.
        self._firsts = {}

    def render_row_actions(self, datum, row=False):
        row_id = self.get_object_id(datum)
        if not bounded.is_id(row_id):
            # It could be a part of another word there.
            return super().render_row_actions(datum, row)
        choice = tuple(bool(self._filter_action(
            self.base_actions[action.name], self.request, datum))
            for action in self._meta.row_actions)
        first_id, buttons = self._first(
            choice, row_id, lambda: super(
                AlikeMixin, self).render_row_actions(datum, row))
        return markup.replace(buttons, first_id, row_id)

    def link_of(self, column, datum):
        """Return where a cell leads, None where it is no link."""
        row_id = self.get_object_id(datum)
        if not column.link or not bounded.is_id(row_id):
            return column.link and column.get_link_url(datum)
        first_id, link = self._first(
            column, row_id, lambda: column.get_link_url(datum))
        return link.replace(first_id, row_id)

    def _first(self, key, row_id, make):
        if key not in self._firsts:
            self._firsts[key] = row_id, make()
        return self._firsts[key]


class AlikeRow(tables.Row):
    """A row of an :class:`AlikeMixin`, as Horizon's template has it."""

    def render(self):
        return markup.table_row(self.get_final_attrs(), (
            (self._attributes(cell), cell.value) for cell in self))

    def _attributes(self, cell):
        kept = self.table.cell_attributes
        if cell.column not in kept:
            kept[cell.column] = cell.attr_string
        return kept[cell.column]


def report_error(request, problem):
    """Show the user a :class:`errors.CloudError`, and what to do."""
    messages.error(request, words.say(problem))


class BoxCell(base.Cell):
    """A cell whose box is labelled with what it chooses.

    Horizon's own has no label.
    """

    def get_data(self, datum, column, row):
        if column.auto != 'multi_select':
            return super().get_data(datum, column, row)
        return html.format_html(
            _box(), id=row.table.get_object_id(datum),
            label=_('Choose %s') % row.table.get_object_display(datum))

    @property
    def value(self):
        return (self.data if self.column.auto == 'multi_select'
                else super().value)


@functools.cache
def _box():
    """Return Horizon's box as a format, with ``id`` and ``label``."""
    return forms.ThemableCheckboxInput(
        check_test=lambda value: False).render('object_ids', '{id}', {
            'class': 'table-row-multi-select', 'id': 'choose-{id}',
            'aria-label': '{label}'})


class LabelledCell(BoxCell):
    """A cell that names its column, for windows too narrow for a table."""

    def __init__(self, datum, column, row, attrs=None, classes=None):
        super().__init__(datum, column, row, attrs, classes)
        if not column.auto:
            self.attrs['data-th'] = column.verbose_name


class AlikeCell(LabelledCell):
    """A cell of an :class:`AlikeMixin`."""

    @functools.cached_property
    def url(self):
        return self.row.table.link_of(self.column, self.datum)
