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

"""The page of one instance, and what its script asks for."""

from django import http
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views import generic

from horizon import messages
from horizon import tables as horizon_tables
from horizon.utils import functions
from horizon import views as horizon_views

from openstack_dashboard import policy

from oslo_utils import timeutils

from snapshot_panel.cloud import details
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import marks
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import scheduling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import schedules
from snapshot_panel.instance import compare
from snapshot_panel.instance import engine
from snapshot_panel.instance import history
from snapshot_panel.instance import lines
from snapshot_panel.instance import proof
from snapshot_panel.instance import restore
from snapshot_panel.instance import schedule
from snapshot_panel.instance import tables
from snapshot_panel.instance import timeline
from snapshot_panel import policies
from snapshot_panel.ui import lines as ui_lines
from snapshot_panel.ui import standings
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls
from snapshot_panel.ui import views as ui_views
from snapshot_panel.ui import words

# The parts of the page that change while a snapshot is made.
PARTS = ('restart', 'alarm', 'card', 'journey', 'checks', 'judging',
         'timeline')


def look(request, instance, images, again=False):
    """Return the :class:`lines.PageLines` of an instance.

    :param images: as :func:`snapshots.one` returns them.
    :param bool again: ask the guest now, however lately it was asked.
    """
    known = () if isinstance(images, errors.CloudError) else images
    page = lines.page(instance, images,
                      details.ask_about(request, instance, again),
                      disks.recall(request, known),
                      policy.check(policies.SETTLE, request))
    standings.keep([page.row])
    return page


def _allowed(request):
    """Return what the parts ask of the policies and who else carries on."""
    return {'may_take': ui_tables.may_take(request),
            'may_restart': policy.check(policies.RESTART, request),
            'judged_at': marks.last(request)}


def _history(request, page):
    return history.choose(page.entries, request.GET,
                          functions.get_page_size(request))


def _draw(entries):
    return timeline.draw(entries, timeutils.utcnow(True))


class InstanceView(ui_views.ProblemMixin, horizon_tables.DataTableView):
    """The steps of a snapshot, the checklist and the snapshots so far."""

    table_class = tables.HistoryTable
    template_name = 'consistent_snapshots/instance.html'
    page_title = _('Consistent Snapshots: {{ row.name }}')

    @cached_property
    def page(self):
        one = snapshots.one(self.request, self.kwargs['instance_id'])
        return look(self.request, *one, again='again' in self.request.GET)

    @cached_property
    def history(self):
        return _history(self.request, self.page)

    def get_data(self):
        if self.page.problem is not None:
            ui_tables.report_error(self.request, self.page.problem)
        if self.request.method == 'POST':
            # What was chosen may be on another page by now.
            return self.page.entries
        return self.history.entries

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            row=self.page.row, page=self.page, history=self.history,
            timeline=_draw(self.history.entries),
            unsettled=(self.page.unsettled(self.history.entries)
                       or self.page.row.busy),
            limit=conf.get_config()['snapshots_listed'],
            poll_interval=conf.get_config()['poll_interval'],
            may_settle=policy.check(policies.SETTLE, self.request),
            **_allowed(self.request), **kwargs)


class PlanView(ui_views.PostMixin, generic.View):
    """Do what a button of a stop for a snapshot says."""

    # What each does, and what is said then.
    choices = {
        'cancel': (restarting.cancel, _('The instance is started again.')),
        'leave': (restarting.leave, _('The instance stays shut off.')),
        'start': (restarting.start, _('The instance is being started.')),
        'dismiss': (restarting.leave, _('It will not be shown any more.')),
    }

    def post(self, request, instance_id):
        if not policy.check(policies.RESTART, request):
            raise errors.Forbidden('Nova', 'policy')
        if request.POST.get('choice') not in self.choices:
            raise errors.Refused('Nova', 'no such choice')
        choice, done = self.choices[request.POST['choice']]
        try:
            choice(request, instance_id)
        except errors.NotFound:
            raise
        except errors.CloudError as problem:
            ui_tables.report_error(request, problem)
        else:
            messages.success(request, done)
        return redirect(urls.name('instance'), instance_id)


class CompareView(ui_views.ProblemMixin, horizon_views.HorizonTemplateView):
    """Two snapshots side by side; the address names them."""

    template_name = 'consistent_snapshots/instance/compare.html'
    page_title = _('Compare Snapshots: {{ instance.name }}')

    def get(self, request, *args, **kwargs):
        wanted = list(dict.fromkeys(request.GET.getlist('snapshot')))
        if len(wanted) != 2:
            messages.error(request, ngettext(
                'Choose two snapshots to compare: %s was chosen.',
                'Choose two snapshots to compare: %s were chosen.',
                len(wanted)) % len(wanted))
            return self._back()
        instance, images = snapshots.chosen(
            request, self.kwargs['instance_id'], wanted)
        if None in images:
            messages.error(request, _(
                'These snapshots cannot be compared: at least one has no '
                'image (any more), or belongs to another instance.'))
            return self._back()
        return self.render_to_response(self.get_context_data(
            instance=instance,
            images=sorted(images, key=lambda image: image.created)))

    def get_context_data(self, instance, images, **kwargs):
        lines = [ui_lines.snapshot_line(image, instance)
                 for image in images]
        return super().get_context_data(
            instance=instance, entries=history.entries(instance, lines),
            properties=compare.properties(*images), **kwargs)

    def _back(self):
        return redirect(urls.name('instance'), self.kwargs['instance_id'])


class ProofView(ui_views.ProblemMixin, horizon_views.HorizonTemplateView):
    """All that is known of one snapshot, to be printed or linked to."""

    template_name = 'consistent_snapshots/instance/proof.html'
    page_title = _('Proof: {{ entry.name }}')

    def get(self, request, instance_id, image_id):
        instance, images = snapshots.chosen(request, instance_id, [image_id])
        found = [image for image in images if image is not None]
        entry = next((each for each in history.entries(
            instance, ui_lines.snapshot_lines(
                instance, found, disks.recall(request, found)))
            if each.id == image_id), None)
        if entry is None:
            messages.error(request, _(
                'Nothing is known of this snapshot (any more), or it belongs '
                'to another instance.'))
            return redirect(urls.name('instance'), instance_id)
        return self.render_to_response(self.get_context_data(
            instance=instance, entry=entry, parts=proof.parts(entry)))


class ScheduleView(ui_views.ProblemMixin, horizon_views.HorizonTemplateView):
    """Snapshots by the clock: of the workflow service, or what to copy."""

    template_name = 'consistent_snapshots/instance/schedule.html'
    page_title = _('Schedule: {{ instance.name }}')

    def post(self, request, instance_id):
        if not policy.check(policies.SCHEDULE, request):
            raise errors.Forbidden('Nova', 'policy')
        instance, _images = snapshots.one(request, instance_id)
        choice = request.POST.get('choice')
        if (choice not in engine.DONE
                or not scheduling.offered(request, instance)):
            raise errors.Refused('Mistral', 'no such choice')
        form = engine.EngineForm(request.POST, now=timeutils.utcnow(True))
        if choice == engine.BEGIN and not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            self._act(instance, choice, form)
        except errors.NotFound:
            raise
        except errors.CloudError as problem:
            ui_tables.report_error(request, problem)
        else:
            messages.success(request, engine.DONE[choice])
        return redirect(urls.name('schedule'), instance_id)

    def _act(self, instance, choice, form):
        if choice == engine.BEGIN:
            scheduling.begin(self.request, instance,
                             *form.wanted(timeutils.utcnow(True)))
        elif choice == engine.PAUSE:
            scheduling.pause(self.request, instance)
        else:
            scheduling.end(self.request, instance)

    def get_context_data(self, form=None, **kwargs):
        instance, images = snapshots.one(self.request,
                                         self.kwargs['instance_id'])
        if isinstance(images, errors.CloudError):
            ui_tables.report_error(self.request, images)
            images = None
        offered = scheduling.offered(self.request, instance)
        asked = offered and 'commands' not in self.request.GET
        found = self._look(instance, images) if asked else None
        now, chosen = timeutils.utcnow(True), None
        if found is not None:
            form = form or engine.EngineForm(current=found.schedule, now=now)
        else:
            form = schedule.ScheduleForm(
                self.request.GET if 'period' in self.request.GET else None,
                current=schedules.read(instance))
            chosen = form.chosen(now)
        return super().get_context_data(
            instance=instance, form=form, engine=found, offered=offered,
            silent=(asked and found is None
                    and schedules.KEY in instance.metadata),
            lines=schedule.ScheduleLines.of(instance, images, chosen),
            may_schedule=policy.check(policies.SCHEDULE, self.request),
            judged_at=marks.last(self.request), **kwargs)

    def _look(self, instance, images):
        try:
            return engine.EngineLines.of(
                instance, images, scheduling.look(self.request, instance))
        except errors.CloudError as problem:
            ui_tables.report_error(self.request, problem)
            return None


class RestoreView(ui_views.ProblemMixin, horizon_views.HorizonTemplateView):
    """What to choose in Horizon's dialog, and the way there."""

    template_name = 'consistent_snapshots/instance/restore.html'
    page_title = _('Restore {{ instance.name }} as new instance')

    def get(self, request, instance_id, image_id):
        instance, (image,) = snapshots.chosen(request, instance_id,
                                              [image_id])
        line = image and ui_lines.snapshot_line(image, instance)
        if line is None or not line.restorable:
            messages.error(request, _(
                'Nothing can be restored from this snapshot: it is not '
                'complete, is gone, or belongs to another instance.'))
            return redirect(urls.name('instance'), instance_id)
        return self.render_to_response(self.get_context_data(
            instance=instance, image=image, line=line))

    def get_context_data(self, instance, image, **kwargs):
        return super().get_context_data(
            instance=instance,
            may_launch=policy.check(policies.LAUNCH, self.request),
            choices=restore.choices(
                instance, volumes.of_instance(self.request, instance), image),
            command=commands.launch(image.id, instance), **kwargs)


class NewsView(ui_views.AnswerMixin, generic.View):
    """Answer the page's script: GET looks, POST also settles."""

    def get(self, request, instance_id):
        return self._answer(*snapshots.one(request, instance_id))

    def post(self, request, instance_id):
        instance, images = snapshots.one(request, instance_id)
        problem = None
        if not isinstance(images, errors.CloudError):
            unread = self._unread(instance, images)
            if unread or ui_lines.unsettled(instance, images):
                try:
                    instance, images = restarting.carry_on_once(
                        request, instance, images, unread)
                except errors.CloudError as error:
                    problem = error
        return self._answer(instance, images, problem)

    def _unread(self, instance, images):
        """Return the ids of the disks to read now: those in view, or all."""
        page = lines.page(instance, images, details.Details(),
                          disks.recall(self.request, images))
        shown = (page.entries if 'all' in self.request.POST
                 else _history(self.request, page).entries)
        wanted = [entry.id for entry in shown if entry.id in page.unread]
        return wanted[:conf.get_config()['disks_at_once']]

    def _answer(self, instance, images, problem=None):
        page = look(self.request, instance, images)
        problem = problem or page.problem
        shown = _history(self.request, page).entries
        table = tables.HistoryTable(self.request, data=shown, **self.kwargs)
        context = {'page': page, 'row': page.row, 'timeline': _draw(shown),
                   **_allowed(self.request)}
        return http.JsonResponse({
            'parts': {name: render_to_string(
                'consistent_snapshots/instance/_%s.html' % name, context,
                self.request) for name in PARTS},
            'actions': table.render_table_actions(),
            # Nothing is known of the history where Glance did not answer.
            'rows': None if page.problem else ''.join(
                row.render() for row in table.get_rows()),
            'now': [stage.title for stage in page.stages if stage.now],
            'told': page.told,
            'unsettled': page.unsettled(shown),
            'held': page.row.held,
            'unread': len(page.unread),
            'problem': words.say(problem) if problem else ''})
