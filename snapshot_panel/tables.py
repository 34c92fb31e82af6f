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

from urllib import parse

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from horizon import messages
from horizon import tables

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import taking
from snapshot_panel.ui import cells
from snapshot_panel.ui import findings
from snapshot_panel.ui import markup
from snapshot_panel.ui import strip
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls


class TakeSnapshot(ui_tables.SeveralAction):
    """One click, without a question where the instance is ready."""

    name = 'take'
    verbose_name = _('Consistent snapshot')
    verbose_name_plural = _('Consistent snapshots')
    icon = 'panel-camera'
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
    if attempt.untold is not None:
        messages.warning(request, _(
            '%(name)s: %(found)s No snapshot was taken yet: take it with '
            'options.') % {
                'name': attempt.instance.name, 'found': findings.fill(
                    findings.FINDINGS[attempt.untold.finding].found,
                    attempt.untold)})
        return False
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
        messages.warning(request, _UNWRITTEN.get(
            problem.service, _UNWRITTEN['Glance']) % {
                'image': attempt.name, 'service': problem.service})


# By the service that did not take it.
_UNWRITTEN = {
    'Nova': _(
        'The panel’s note of the snapshot %(image)s could not be written on '
        'the instance: if it vanishes, that is not reported.'),
    'Glance': _(
        'Something could not be written down beside the snapshot '
        '%(image)s (%(service)s), so it may be called unproven.'),
}


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
    icon = 'list-alt'


class Details(tables.LinkAction):
    name = 'details'
    verbose_name = _('Checklist and snapshots')
    url = urls.name('instance')


class Schedule(tables.LinkAction):
    name = 'schedule'
    verbose_name = _('Schedule')
    url = urls.name('schedule')

    def allowed(self, request, row=None):
        # There is none for what is on volumes.
        return row is not None and not row.instance.volume_backed


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


class InstanceRow(ui_tables.AlikeRow):
    """A row marked for the page's script.

    It says what is still to be asked, what the row is counted as, and
    whether it belongs to the rows that the user wants to see; and of the
    latest snapshot whether it is being made, or what came of it.
    """

    def load_cells(self, datum=None):
        super().load_cells(datum)
        self.attrs['data-groups'] = strip.marks(self.datum)
        if not self.table.choice.shows(self.datum):
            self.attrs['data-elsewhere'] = 'true'
        if self.datum.unsettled:
            self.attrs['data-unsettled'] = 'true'
        if self.datum.held:
            self.attrs['data-held'] = 'true'
        if self.datum.incomplete:
            self.attrs['data-unasked'] = 'true'
        latest = self.datum.latest
        if latest is not None and latest.step:
            self.attrs['data-running'] = latest.id
        elif (self.table.telling and latest is not None
              and not latest.snapshot.unread):
            self.attrs['data-told'] = latest.told
            self.attrs['data-level'] = latest.badge.color
            self.attrs['data-proof'] = urls.reverse(
                'proof', self.datum.id, latest.id)


class InstancesTable(ui_tables.AlikeMixin, ui_tables.SeveralMixin,
                     tables.DataTable):
    name = tables.Column(
        'name', verbose_name=_('Instance'),
        link=urls.name('instance'))
    status = tables.Column('status', verbose_name=_('Status'))
    readiness = ui_tables.AlikeColumn(
        cells.Readiness, verbose_name=_('Readiness'),
        help_text=_('Whether a snapshot taken now can be proven.'))
    agent = ui_tables.AlikeColumn(
        cells.Agent, verbose_name=_('Guest agent'),
        help_text=_('As the console or the last snapshot’s disk tells.'))
    proven = ui_tables.AlikeColumn(
        cells.Proven, verbose_name=_('Last proven'),
        sortable=False)
    latest = ui_tables.AlikeColumn(
        cells.Latest, verbose_name=_('Latest snapshot'),
        sortable=False)

    def __init__(self, request, data=None, needs_form_wrapper=None, **kwargs):
        super().__init__(request, data, needs_form_wrapper, **kwargs)
        self.choice = strip.Choice.of(request.GET)
        # To the script, which compares; a page has no need of it.
        self.telling = False
        # The instances of the page, in the order of the service, whichever
        # rows are shown; None where the service did not answer.
        self.instances = None

    def get_object_display(self, row):
        return row.name

    def get_marker(self):
        return self._mark(-1)

    def get_prev_marker(self):
        return self._mark(0)

    def _mark(self, position):
        return (parse.quote_plus(self.instances[position].id)
                if self.instances else '')

    def get_pagination_string(self):
        return self._turned(super().get_pagination_string())

    def get_prev_pagination_string(self):
        return self._turned(super().get_prev_pagination_string())

    def _turned(self, mark):
        others = self.choice.query(without=(
            self._meta.pagination_param, self._meta.prev_pagination_param))
        return mark + ('&' + others if others else '')

    def get_empty_message(self):
        """Say why there is no row, and what to do."""
        if self.instances is None:
            return _('Unknown: the compute service did not answer.')
        if self.instances:
            return markup.linked(
                _('None on this page.'),
                self.choice.link(**{strip.SHOW: None}), _('Show all'))
        if self.get_filter_string():
            return _('No instance matches the filter.')
        return markup.linked(
            _('No instances yet.'),
            reverse('horizon:project:instances:index'), _('Launch one'))

    class Meta(object):
        name = 'instances'
        verbose_name = _('Consistent Snapshots')
        row_class = InstanceRow
        cell_class = ui_tables.AlikeCell
        table_actions = (InstancesFilter, ImageProperties, TakeSnapshot)
        row_actions = (TakeSnapshot, NotReady, Options, Details, Schedule,
                       GuestSetup)
        multi_select = True
