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

"""The pages."""

import dataclasses
import itertools

from django import http
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views import generic

from horizon import forms
from horizon import tables as horizon_tables
from horizon.utils import functions

from openstack_dashboard import policy

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import details
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import marks
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel import conf
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts
from snapshot_panel import forms as panel_forms
from snapshot_panel import policies
from snapshot_panel import tables
from snapshot_panel.ui import lines
from snapshot_panel.ui import standings
from snapshot_panel.ui import strip
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls
from snapshot_panel.ui import views as ui_views
from snapshot_panel.ui import words


# How many guests one request of the page's script may ask for.
GUESTS_PER_REQUEST = 25


class IndexMixin(horizon_tables.PagedTableMixin):
    """Find the rows that the index shows, in a fixed number of requests."""

    def overview(self):
        marker, direction = self._get_marker()
        overview = snapshots.overview(
            self.request, functions.get_page_size(self.request),
            marker=marker, backwards=direction == 'asc',
            **self.get_filters())
        self._has_more_data = overview.more
        self._has_prev_data = overview.previous
        return overview


def make_rows(request, overview, instances, heard):
    """Return an :class:`lines.InstanceRow` for each of some instances.

    :param heard: what guests told, by instance id.
    """
    recalled = disks.recall(request, overview.snapshots)
    bases = details.recall_bases(request, instances)
    may_settle = policy.check(policies.SETTLE, request)
    may_ask = _asker(request)
    proof_age = strip.Choice.of(request.GET).age
    rows = [lines.instance_row(
        instance, overview.snapshots_of(instance), details.Details(
            heard.get(instance.id), base=bases.get(instance.image_id)),
        snapshots_known=overview.knows(instance),
        snapshots_reached=overview.reaches(instance),
        snapshots_whole=overview.holds_all(instance),
        recalled=recalled, may_settle=may_settle, proof_age=proof_age,
        may_ask=may_ask(instance))
        for instance in instances]
    standings.keep(rows)
    return rows


def _asker(request):
    """Return whether the user may have this or that guest asked.

    Of a guest that is shut off no console is read.
    """
    allowed = policy.check(policies.ASK, request)
    return lambda instance: allowed or instance.status == facts.STOPPED


class IndexView(ui_views.ProblemMixin, IndexMixin,
                horizon_tables.DataTableView):
    table_class = tables.InstancesTable
    template_name = 'consistent_snapshots/index.html'
    page_title = _('Consistent Snapshots')

    def get_data(self):
        self.sidebar, (overview,) = asking.meanwhile(
            lambda: ui_views.sidebar(self.request), self.overview)
        for problem in overview.problems:
            ui_tables.report_error(self.request, problem)
        rows = make_rows(self.request, overview, overview.instances,
                         guests.recall(overview.instances))
        table = self.get_table()
        if not any(problem.service == 'Nova'
                   for problem in overview.problems):
            table.instances = overview.instances
        self.strip = strip.Strip(table.choice, rows,
                                 overview.more or overview.previous)
        self.shown = ''
        if not overview.problems and any(row.incomplete for row in rows):
            self.shown = snapshots.keep(self.request, overview)
        return table.choice.arrange(rows)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['strip'] = self.strip
        context['sidebar'] = self.sidebar
        context['shown'] = self.shown
        context['may_ask'] = policy.check(policies.ASK, self.request)
        context['poll_interval'] = conf.get_config()['poll_interval']
        context['may_settle'] = policy.check(policies.SETTLE,
                                             self.request)
        visits = marks.visits(self.request)
        context['judged_at'] = visits and visits.at[0]
        context['judged_every'] = visits and words.judged(visits.interval)
        if self.request.user.is_superuser:
            context['setting_problems'] = conf.problems()
        return context


class RowsView(ui_views.AnswerMixin, IndexMixin,
               horizon_tables.DataTableView):
    """Answer the page's script: GET looks, POST also settles.

    With ``again``, GET asks the guests whatever is known of them; with
    ``shown`` it asks those of the page that has this name.
    """

    table_class = tables.InstancesTable

    def get(self, request, *args, **kwargs):
        wanted = request.GET.getlist('id')
        overview = (snapshots.kept(request, request.GET.get('shown', ''))
                    or self._look())
        chosen = _chosen(overview, wanted)
        overview, *answers = asking.together(
            lambda: snapshots.complete(request, overview, chosen),
            *self._questions(chosen, 'again' in request.GET))
        return self._answer(wanted, asking.or_raise(overview), answers)

    def post(self, request, *args, **kwargs):
        wanted = request.POST.getlist('id')
        overview = self._look()
        overview = snapshots.complete(request, overview,
                                      _chosen(overview, wanted))
        recalled = disks.recall(request, overview.snapshots)
        due = [instance for instance in overview.instances
               if instance.id in wanted and lines.unsettled(
                   instance, overview.snapshots_of(instance), recalled)]
        outcomes = asking.for_each(
            lambda instance: self._carry_on(
                instance, overview.snapshots_of(instance), recalled), due)
        failed = [outcome for outcome in outcomes
                  if isinstance(outcome, errors.CloudError)]
        settled = {outcome[0].id: outcome for outcome in outcomes
                   if not isinstance(outcome, errors.CloudError)}
        overview = _after(overview, settled)
        return self._answer(wanted, overview, asking.together(
            *self._questions(_chosen(overview, wanted))), *failed)

    def _carry_on(self, instance, images, recalled):
        return restarting.carry_on_once(
            self.request, instance, images, lines.to_read(
                lines.snapshot_lines(instance, images), recalled))

    def _look(self):
        self.get_table()
        self.update_server_filter_action(self.request)
        overview = self.overview()
        for problem in overview.problems:
            raise problem
        return overview

    def _questions(self, chosen, again=False):
        """Return the calls that ask what :meth:`_answer` takes."""
        asked = list(filter(_asker(self.request), chosen))
        return (lambda: guests.hear_guests(self.request, asked, again=again),
                lambda: details.read_bases(self.request, chosen))

    def _answer(self, wanted, overview, answers, *failed):
        """Answer with rows; ``answers`` are those of :meth:`_questions`."""
        heard, _bases = map(asking.or_raise, answers)
        may_ask = _asker(self.request)
        heard = heard | guests.recall(itertools.filterfalse(
            may_ask, _chosen(overview, wanted)))
        table = self.table_class(self.request, data=make_rows(
            self.request, overview, [instance for instance
                                     in overview.instances
                                     if instance.id in wanted], heard))
        table.telling = True
        # The table itself does this where it renders its own buttons.
        table.set_multiselect_column_visibility(False)
        return http.JsonResponse({
            'rows': {row.datum.id: row.render() for row in table.get_rows()},
            # Deleted meanwhile, or on another page of the table by now.
            'gone': sorted(set(wanted).difference(
                instance.id for instance in overview.instances)),
            'refused': any(row.refused for row in table.data),
            'problem': words.say(failed[0]) if failed else ''})


def _after(overview, settled):
    """Return an overview as it is after settling, without another look.

    :param settled: what :func:`restarting.carry_on` returned, by instance id.
    """
    images = [image for image in overview.snapshots
              if image.instance_id not in settled]
    for _instance, known in settled.values():
        images += known
    return dataclasses.replace(overview, snapshots=tuple(images), instances=[
        settled.get(instance.id, (instance,))[0]
        for instance in overview.instances])


def _chosen(overview, wanted):
    """Return the instances that one request asks for one by one."""
    return [instance for instance in overview.instances
            if instance.id in wanted][:GUESTS_PER_REQUEST]


# What the address of a dialog says that was opened on one of an instance's
# own pages.
_FROM = '?from=%s'
_ORIGINS = ('instance', 'fix')


class TakeView(ui_views.PostMixin, generic.View):
    """Take a snapshot with one click, on the page of the instance."""

    def post(self, request, instance_id):
        if not ui_tables.may_take(request):
            raise errors.Forbidden('Nova', 'policy')
        attempt = asking.outcome(
            lambda: taking.take_if_ready(request, instance_id))
        if tables.report_attempt(request, attempt):
            return redirect(urls.name('instance'), instance_id)
        return redirect(urls.reverse('snapshot', instance_id)
                        + _FROM % 'instance')


class InstanceFormView(ui_views.ProblemMixin, forms.ModalFormView):
    """A dialog about one instance; ``rules`` are the policies it needs.

    It leads back to the page that it was opened on.
    """

    rules = policies.TAKE

    def dispatch(self, request, *args, **kwargs):
        if not policy.check(self.rules, request):
            return self.problem(request, errors.Forbidden('Nova', 'policy'))
        return super().dispatch(request, *args, **kwargs)

    @cached_property
    def row(self):
        instance, images = snapshots.one(self.request,
                                         self.kwargs['instance_id'])
        row = lines.instance_row(
            instance, images,
            details.ask_before_snapshot(self.request, instance))
        standings.keep([row])
        return row

    def get_initial(self):
        return {'instance_id': self.kwargs['instance_id']}

    @property
    def origin(self):
        """The name of the instance's page that it is on, '' if of none."""
        origin = self.request.GET.get('from')
        return origin if origin in _ORIGINS else ''

    @property
    def query(self):
        """What the dialog's addresses say of the page that it is on."""
        return _FROM % self.origin if self.origin else ''

    def get_success_url(self):
        return (urls.reverse(self.origin, self.kwargs['instance_id'])
                if self.origin else urls.reverse('index'))

    def get_cancel_url(self):
        return self.get_success_url()

    def get_context_data(self, **kwargs):
        return super().get_context_data(query=self.query, **kwargs)


class SnapshotView(InstanceFormView):
    """The form between, or what stands in the way of a snapshot."""

    form_class = panel_forms.SnapshotForm
    template_name = 'consistent_snapshots/snapshot.html'
    modal_id = 'consistent_snapshot_modal'
    page_title = _('Snapshot of {{ row.name }}')

    def get_context_data(self, **kwargs):
        prediction = self.row.checklist.prediction
        self.submit_label = words.ANYWAY[prediction]
        self.submit_url = urls.reverse(
            'snapshot', self.kwargs['instance_id']) + self.query
        retention = lines.Retention.of(
            self.row, panel_forms.may_replace(self.request))
        if retention.lines:
            retention = retention.beside(dependents.look_ahead(
                self.request, self.row.instance, retention.images))
        return super().get_context_data(
            row=self.row, prediction=words.VERDICTS[prediction],
            retention=retention,
            anyway=bool(self.row.missing) and not prediction.consistent,
            also_missing=words.listed(
                line.title for line in self.row.missing[1:]),
            command=commands.take(
                self.row.id, taking.default_name(self.row.instance)),
            may_restart=(self.row.may_restart and policy.check(
                policies.RESTART, self.request)),
            **kwargs)

    def render_to_response(self, context, **kwargs):
        # Also what was sent is shown with what is known now.
        context['form'].offer(context['row'], context['retention'])
        return super().render_to_response(context, **kwargs)


class RestartView(InstanceFormView):
    """Ask whether to stop the instance, copy it and start it again."""

    form_class = panel_forms.RestartForm
    template_name = 'consistent_snapshots/restart.html'
    modal_id = 'consistent_restart_modal'
    page_title = _('Stop {{ row.name }} for a snapshot')
    submit_label = _('Stop, snapshot and start again')
    rules = policies.RESTART

    def get_context_data(self, **kwargs):
        self.submit_url = urls.reverse(
            'restart', self.kwargs['instance_id']) + self.query
        return super().get_context_data(
            row=self.row, commands=commands.restart(
                self.row.id, taking.default_name(self.row.instance)),
            judged_at=marks.last(self.request), **kwargs)
