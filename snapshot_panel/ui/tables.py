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

from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from horizon import forms
from horizon import messages
from horizon import tables
from horizon.tables import base
from horizon.utils import memoized

from openstack_dashboard import policy

from snapshot_panel import policies
from snapshot_panel.ui import urls
from snapshot_panel.ui import words


def cell(name, context=lambda row: {'row': row}):
    """Return a column's transform that renders a template of ours.

    :param name: the template's path below ``consistent_snapshots/``, without
        the suffix.
    :param context: a function that returns what a row gives the template.
    """
    def render(row):
        return render_to_string('consistent_snapshots/%s.html' % name,
                                context(row))
    return render


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


def report_error(request, problem):
    """Show the user a :class:`errors.CloudError`, and what to do."""
    messages.error(request, words.say(problem))


class BoxCell(base.Cell):
    """A cell whose box is labelled with what it chooses.

    Horizon's own has no label.
    """

    @property
    def value(self):
        if self.column.auto != 'multi_select':
            return super().value
        table = self.row.table
        row_id = table.get_object_id(self.datum)
        return forms.ThemableCheckboxInput(
            check_test=lambda value: False).render('object_ids', row_id, {
                'class': 'table-row-multi-select', 'id': 'choose-' + row_id,
                'aria-label': _('Choose %s')
                % table.get_object_display(self.datum)})


class LabelledCell(BoxCell):
    """A cell that names its column, for windows too narrow for a table."""

    def __init__(self, datum, column, row, attrs=None, classes=None):
        super().__init__(datum, column, row, attrs, classes)
        if not column.auto:
            self.attrs['data-th'] = column.verbose_name
