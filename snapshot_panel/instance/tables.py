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

"""The table of one instance's snapshots."""

from urllib import parse

from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from horizon import messages
from horizon import tables

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import verdict
from snapshot_panel import policies
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls


class Restore(tables.LinkAction):
    """The way to Horizon's own dialog, with the snapshot as its source."""

    name = 'launch'
    verbose_name = _('Restore as new instance')
    policy_rules = policies.LAUNCH

    def get_link_url(self, entry=None):
        return urls.reverse('restore', self.table.kwargs['instance_id'],
                            entry.id)

    def allowed(self, request, entry=None):
        return entry is not None and entry.line.restorable


class Edit(ui_tables.EditImage):
    def allowed(self, request, entry=None):
        return entry is not None and not entry.line.gone


class _Each(object):
    """An action on each chosen snapshot that reports what went wrong."""

    def handle(self, table, request, image_ids):
        for image_id in image_ids:
            entry = next((entry for entry in table.data
                          if entry.id == image_id), None)
            if entry is None:
                ui_tables.report_error(
                    request, errors.NotFound('Glance', image_id))
                continue
            if not table._filter_action(self, request, entry):
                ui_tables.report_error(
                    request, errors.Forbidden('Glance', 'policy'))
                continue
            try:
                self.do(request, table.kwargs['instance_id'], image_id)
            except errors.CloudError as problem:
                ui_tables.report_error(request, problem)
            else:
                messages.success(request, self.told(entry.line))
        return redirect(request.get_full_path())

    def told(self, line):
        """Return the message for an action that succeeded."""
        return self.done % {'name': line.name}


class Delete(_Each, tables.DeleteAction):
    policy_rules = policies.DELETE
    help_text = _('Deleted snapshots cannot be recovered. The volume '
                  'snapshots that one is made of stay: delete them under '
                  'Volumes, Snapshots.')
    done = _('Snapshot %(name)s was deleted.')
    left = ngettext_lazy(
        'Snapshot %(name)s was deleted. The volume snapshot that it was made '
        'of is left: delete it under Volumes, Snapshots.',
        'Snapshot %(name)s was deleted. The %(count)d volume snapshots that '
        'it was made of are left: delete them under Volumes, Snapshots.',
        'count')

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Delete snapshot', 'Delete snapshots', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Deleted snapshot', 'Deleted snapshots', count)

    def allowed(self, request, entry=None):
        if entry is None:
            return any(self._deletable(each) for each in self.table.data)
        return self._deletable(entry)

    @staticmethod
    def _deletable(entry):
        # Nova still writes on one that is being made.
        return not (entry.line.gone or entry.line.step
                    or entry.line.decision.rule is verdict.Rule.OF_ANOTHER)

    def told(self, line):
        if not line.copies:
            return super().told(line)
        # Others may use them by now, and the list in the image is anybody's.
        return self.left % {'name': line.name, 'count': line.copies}

    def do(self, request, instance_id, image_id):
        snapshots.delete(request, instance_id, image_id,
                         request.POST.get('shown-' + image_id))


class Dismiss(_Each, tables.Action):
    """Forget a discarded snapshot that the user has seen."""

    name = 'dismiss'
    verbose_name = _('Dismiss')
    policy_rules = policies.FORGET
    done = _('%(name)s will not be shown any more.')

    def allowed(self, request, entry=None):
        return entry is not None and entry.line.gone

    def do(self, request, instance_id, image_id):
        instance, _images = snapshots.one(request, instance_id)
        snapshots.dismiss(request, instance, image_id)


class Compare(ui_tables.SeveralAction):
    """Show two chosen snapshots side by side."""

    name = 'compare'
    verbose_name = _('Compare two')
    verbose_name_plural = _('Compare two')
    icon = 'panel-columns'

    def allowed(self, request, entry=None):
        return sum(not each.line.gone for each in self.table.data) > 1

    def handle(self, table, request, image_ids):
        return redirect('%s?%s' % (
            urls.reverse('compare', table.kwargs['instance_id']),
            parse.urlencode([('snapshot', image_id)
                             for image_id in image_ids])))


class EntryColumn(ui_tables.TemplateColumn):
    """One of the history."""

    def values(self, datum):
        return {'entry': datum, 'line': datum.line}


class HistoryTable(ui_tables.SeveralMixin, tables.DataTable):
    name = EntryColumn('instance/_name', verbose_name=_('Snapshot'))
    verdict = EntryColumn('instance/_verdict', verbose_name=_('Verdict'))
    size = EntryColumn('instance/_size', verbose_name=_('Size and time'))
    asked = EntryColumn('instance/_asked', verbose_name=_('Asked for'))

    def get_object_display(self, entry):
        return entry.name

    def get_empty_message(self):
        if any(self.request.GET.get(name) for name in ('name', 'verdict')):
            return _('No snapshot fits the filter.')
        if ui_tables.may_take(self.request):
            return _('No snapshots yet: take one.')
        return _('No snapshots yet.')

    def set_multiselect_column_visibility(self, visible=True):
        # The page's script adds rows with boxes to a table that had none.
        super().set_multiselect_column_visibility(True)

    class Meta(object):
        name = 'history'
        verbose_name = _('Snapshots')
        hidden_title = True
        cell_class = ui_tables.BoxCell
        css_classes = 'snapshot-panel-cards'
        # The page says how many there are.
        footer = False
        table_actions = (Compare, Delete)
        row_actions = (Restore, Dismiss, Edit, Delete)
        multi_select = True
