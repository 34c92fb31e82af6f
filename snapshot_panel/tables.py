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

"""The table of instances."""

from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from horizon import messages
from horizon import tables

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import taking
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls


class TakeSnapshot(ui_tables.SeveralAction):
    """One click, without a question where the instance is ready."""

    name = 'take'
    verbose_name = _('Consistent snapshot')
    verbose_name_plural = _('Consistent snapshots')
    icon = 'camera'
    action_type = 'primary'

    def allowed(self, request, row=None):
        return ui_tables.may_take(request) and (row is None or row.one_click)

    def handle(self, table, request, instance_ids):
        """Take what is ready, and report what is not."""
        if not ui_tables.may_take(request):
            ui_tables.report_error(request, errors.Forbidden('Nova', 'policy'))
            return redirect(request.get_full_path())
        wanted = list(dict.fromkeys(instance_ids))
        attempts = asking.for_each(
            lambda instance_id: taking.take_if_ready(request, instance_id),
            wanted)
        unready = [instance_id for instance_id, attempt
                   in zip(wanted, attempts)
                   if not report_attempt(request, attempt)]
        if len(instance_ids) == 1 and unready == instance_ids:
            return redirect(urls.name('snapshot'), instance_ids[0])
        # Back to the page of the table that the user came from.
        return redirect(request.get_full_path())


def report_attempt(request, attempt):
    """Report what came of one click; return False where it was not ready.

    :param attempt: :class:`taking.Attempt` or :class:`errors.CloudError`.
    """
    if isinstance(attempt, errors.CloudError):
        ui_tables.report_error(request, attempt)
        return True
    if attempt.taken is None:
        messages.warning(request, _(
            '%(name)s is not ready for a consistent snapshot: no snapshot '
            'was taken.') % {'name': attempt.instance.name})
        return False
    report_taken(request, attempt)
    return True


def report_taken(request, attempt):
    """Report that Nova accepted a snapshot."""
    messages.success(request, _(
        'Snapshot %(image)s of %(name)s is being taken.') % {
            'image': attempt.name, 'name': attempt.instance.name})
    for problem in attempt.taken.problems:
        messages.warning(request, _(
            'Something could not be written down beside the snapshot '
            '%(image)s (%(service)s), so it may be called unproven.') % {
                'image': attempt.name, 'service': problem.service})


class Options(tables.LinkAction):
    """The link to the form of a snapshot, or to what stands in its way."""

    name = 'options'
    verbose_name = _('With options…')
    url = urls.name('snapshot')
    classes = ('ajax-modal',)

    def allowed(self, request, row=None):
        return (ui_tables.may_take(request) and row is not None
                and row.one_click)


class NotReady(Options):
    """The primary button of an instance that is not ready."""

    name = 'not_ready'
    verbose_name = _('Consistent snapshot…')

    def allowed(self, request, row=None):
        return (ui_tables.may_take(request) and row is not None
                and not row.one_click)


class ImageProperties(tables.LinkAction):
    """The link to the images and their properties."""

    name = 'images'
    verbose_name = _('Image properties')
    url = urls.name('images')
    icon = 'tags'


class Details(tables.LinkAction):
    name = 'details'
    verbose_name = _('Checklist and snapshots')
    url = urls.name('instance')


class GuestSetup(tables.LinkAction):
    name = 'setup'
    verbose_name = _('Guest setup')
    url = urls.name('setup')


class InstancesFilter(tables.FilterAction):
    filter_type = 'server'
    filter_choices = (
        ('name', _('Instance name ='), True),
        ('status', _('Status ='), True, _('for example active or shutoff')),
    )


class InstanceRow(tables.Row):
    """A row marked with what the page's script still has to ask."""

    def load_cells(self, datum=None):
        super().load_cells(datum)
        if self.datum.unsettled:
            self.attrs['data-unsettled'] = 'true'
        if self.datum.incomplete:
            self.attrs['data-unasked'] = 'true'


class InstancesTable(ui_tables.SeveralMixin, tables.DataTable):
    name = tables.Column(
        'name', verbose_name=_('Instance'),
        link=urls.name('instance'))
    status = tables.Column('status', verbose_name=_('Status'))
    readiness = tables.Column(
        ui_tables.cell('_readiness'), verbose_name=_('Readiness'),
        help_text=_('Whether a snapshot taken now can be proven consistent, '
                    'and what blocks it if not.'))
    agent = tables.Column(
        ui_tables.cell('_agent'), verbose_name=_('Guest agent'),
        help_text=_('Told by the console of the guest, or by the disk in the '
                    'last snapshot that was taken while it ran. No cloud '
                    'service knows whether the agent runs.'))
    latest = tables.Column(ui_tables.cell('_latest'),
                           verbose_name=_('Latest snapshot'))

    def get_object_display(self, row):
        return row.name

    class Meta(object):
        name = 'instances'
        verbose_name = _('Consistent Snapshots')
        row_class = InstanceRow
        cell_class = ui_tables.BoxCell
        table_actions = (InstancesFilter, ImageProperties, TakeSnapshot)
        row_actions = (TakeSnapshot, NotReady, Options, Details, GuestSetup)
        multi_select = True
