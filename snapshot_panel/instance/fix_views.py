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

"""The page that makes an instance ready, step by step."""

from django import http
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views import generic

from horizon import messages
from horizon import views as horizon_views

from openstack_dashboard import policy

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import editing
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import marks
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import succession
from snapshot_panel.cloud import taking
from snapshot_panel import conf
from snapshot_panel.consistency import successor
from snapshot_panel.instance import fix
from snapshot_panel.instance import views
from snapshot_panel import policies
from snapshot_panel import tables
from snapshot_panel.ui import lines as ui_lines
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls
from snapshot_panel.ui import views as ui_views
from snapshot_panel.ui import words


def find(request, instance_id, again=False):
    """Return the :class:`fix.FixLines` of an instance.

    :param bool again: ask the guest of whoever has the channel now.
    :raises errors.CloudError: where Nova failed.
    """
    instance, images = snapshots.one(request, instance_id)
    page = views.look(request, instance, images)
    made = () if page.problem else successor.sources(page.row.instance, images)
    known = fix.FixLines(page, made, succession.launched_from(request, made))
    heir = known.heir
    if known.channel or heir is None or heir.status == successor.BUILT:
        return known
    try:
        heir_page = views.look(request, *snapshots.one(request, heir.id),
                               again=again)
    except errors.NotFound:
        # It was deleted meanwhile.
        return fix.FixLines(page, made, [
            each for each in known.launched if each.id != heir.id])
    return fix.FixLines(page, made, known.launched, heir_page)


def _may_edit(request, image):
    """Return whether this user may give a snapshot the channel.

    Many dashboards do not have Glance's own policy: who takes no snapshots
    changes none.
    """
    return ui_tables.may_take(request) and editing.may_edit(request, image)


def _context(request, known):
    """Return what the steps show, as the context of their template."""
    open_steps = {stage.stage.step for stage in known.stages if stage.open}
    context = {
        'fix': known, 'row': known.row,
        'may_take': ui_tables.may_take(request),
        'may_restart': policy.check(policies.RESTART, request),
        'judged_at': marks.last(request),
        'may_launch': policy.check(policies.LAUNCH, request),
        'may_edit': known.source is not None
        and _may_edit(request, known.source)}
    launching = (successor.Step.LAUNCH in open_steps
                 and known.heir is None and context['may_launch'])
    if launching:
        offer = succession.offer(request, known.instance, known.source,
                                 request.user.id)
        context.update(
            why_not=fix.why_not(offer), blueprint=offer.blueprint,
            choices=fix.choices(known, offer) if offer.blueprint else ())
    return context


class FixView(ui_views.ProblemMixin, horizon_views.HorizonTemplateView):
    """The steps, of which one can be done; POST does it."""

    template_name = 'consistent_snapshots/instance/fix.html'
    page_title = _('Make ready: {{ row.name }}')

    def get_context_data(self, **kwargs):
        known = find(self.request, self.kwargs['instance_id'])
        if known.page.problem is not None:
            ui_tables.report_error(self.request, known.page.problem)
        return super().get_context_data(
            **_context(self.request, known), instance=known.instance,
            poll_interval=conf.get_config()['poll_interval'],
            may_settle=policy.check(policies.SETTLE, self.request),
            **kwargs)

    @cached_property
    def _steps(self):
        return {successor.Step.PROPERTY: self._give,
                successor.Step.LAUNCH: self._launch,
                successor.Step.TRIAL: self._try}

    def post(self, request, instance_id):
        step = next((each for each in self._steps
                     if each.value == request.POST.get('step')), None)
        if step is None:
            raise errors.Refused('Nova', 'no such step')
        known = find(request, instance_id)
        there = None
        try:
            if step is successor.Step.LAUNCH and known.heir is not None:
                self._tell(succession.Outcome.ALREADY)
            elif not self._as_shown(known, step):
                self._tell(succession.Outcome.MOVED)
            else:
                there = self._steps[step](known)
        except errors.CloudError as problem:
            ui_tables.report_error(request, problem)
        return there or redirect(urls.name('fix'), instance_id)

    def _as_shown(self, known, step):
        """Return whether a step is still the one that the button was for."""
        if all(stage.stage.step is not step or not stage.open
               for stage in known.stages):
            return False
        return step is successor.Step.TRIAL or (
            known.source.id == self.request.POST.get('image'))

    def _tell(self, outcome):
        say = (messages.success if outcome is succession.Outcome.LAUNCHED
               else messages.warning)
        say(self.request, fix.LAUNCHES[outcome])

    def _give(self, known):
        if not _may_edit(self.request, known.source):
            raise errors.Forbidden('Glance', 'image %s' % known.source.id)
        outcome = editing.save(self.request, known.edit)
        if outcome.problem is not None:
            raise outcome.problem
        if outcome.verified:
            messages.success(self.request, _(
                'Saved, and read back from the image service.'))
        else:
            self._tell(succession.Outcome.MOVED)

    def _launch(self, known):
        if not policy.check(policies.LAUNCH, self.request):
            raise errors.Forbidden('Nova', 'policy')
        self._tell(succession.launch(
            self.request, known.instance, known.source, self.request.user.id,
            self.request.POST.get('shown', '')))

    def _try(self, known):
        if not ui_tables.may_take(self.request):
            raise errors.Forbidden('Nova', 'policy')
        instance_id = known.subject.row.id
        attempt = asking.outcome(
            lambda: taking.take_if_ready(self.request, instance_id))
        if tables.report_attempt(self.request, attempt):
            return None
        return redirect(urls.reverse('snapshot', instance_id) + '?from=fix')


class FixNewsView(ui_views.AnswerMixin, generic.View):
    """Answer the page's script: GET asks the guest again, POST settles."""

    def get(self, request, instance_id):
        return self._answer(find(request, instance_id, again=True))

    def post(self, request, instance_id):
        known = find(request, instance_id)
        problem = None
        for page in filter(None, (known.page, known.heir_page)):
            try:
                _settle(request, page)
            except errors.CloudError as error:
                problem = error
        return self._answer(find(request, instance_id), problem)

    def _answer(self, known, problem=None):
        problem = problem or known.page.problem
        return http.JsonResponse({
            'html': render_to_string(
                'consistent_snapshots/instance/fix/_steps.html',
                _context(self.request, known), self.request),
            'now': [str(stage.title) for stage in known.stages if stage.open],
            'moving': known.moving, 'waiting': known.waiting,
            'problem': words.say(problem) if problem else ''})


def _settle(request, page):
    """Carry on what the page of an instance shows as unsettled."""
    if page.row.unsettled:
        restarting.carry_on_once(
            request, page.row.instance, page.images,
            ui_lines.to_read(page.lines, page.recalled))
