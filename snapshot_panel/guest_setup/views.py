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

"""Guest setup: what to do in the guest, and whether it reports yet."""

from django import http
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views import generic

from horizon import views as horizon_views

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts
from snapshot_panel import guest
from snapshot_panel.guest_setup import kit
from snapshot_panel.guest_setup import status
from snapshot_panel.ui import lines
from snapshot_panel.ui import remedies
from snapshot_panel.ui import systems
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import views as ui_views

# How often the page looks at the console, in seconds, and for how long. Each
# look asks the compute service again: what is kept would be too old.
LOOK_EVERY = 5
LOOKS = 120


class SetupView(ui_views.ProblemMixin, horizon_views.HorizonTemplateView):
    """The steps for one instance and one system."""

    template_name = 'consistent_snapshots/guest_setup/page.html'
    page_title = _('Guest Setup: {{ row.name }}')

    def get_context_data(self, **kwargs):
        instance, images = snapshots.one(self.request,
                                         self.kwargs['instance_id'])
        heard, root, networks = asking.together(
            lambda: guests.hear_guests(self.request, [instance]),
            lambda: volumes.of_root(self.request, instance),
            lambda: details.ask_networks(self.request, instance))
        heard = heard[instance.id]
        row = lines.instance_row(instance, images, details.Details(
            heard, volumes=root, networks=networks))
        properties = row.instance.properties.values
        known = systems.guess(properties)
        system = systems.choose(self.request.GET.get('system'), properties)
        return super().get_context_data(
            row=row, system=system, known=known,
            choices=[(each, each is system) for each in systems.SYSTEMS],
            channel=_lines(row, checklist.Check.CHANNEL),
            channel_works=_holds(row, checklist.Check.CHANNEL),
            channel_commands=_commands(row.instance),
            port_command='ls -l ' + system.port,
            console=remedies.console(row.instance),
            proof=_proof(row), logs=system.logs(),
            status=status.status(row, heard),
            may_take=ui_tables.may_take(self.request),
            look_every=LOOK_EVERY, looks=LOOKS,
            **(_kit(system) if system.kit else {}),
            windows_check=guest.windows_check(), **kwargs)


def _lines(row, check):
    """Return the line of a check, as a list."""
    line = row.line(check)
    return [line] if line else []


def _proof(row):
    """Return the line of what will prove a snapshot, where that is known.

    Other pages may have read the disk of the image, which is not asked here.
    """
    return [line for line in _lines(row, checklist.Check.PROOF)
            if line.result.finding is not checklist.Finding.PROOF_UNKNOWN]


def _holds(row, check):
    line = row.line(check)
    return line is not None and line.result.state is checklist.State.PASS


def _commands(instance):
    """Return what sets the channel's property on its image and shows it."""
    image = instance.image_id or 'IMAGE'
    return '\n'.join([
        commands.set_property(image, facts.AGENT_PROPERTY, 'yes'),
        commands.show_properties(image)])


def _kit(system):
    return {
        'kit_block': kit.block(), 'digest': kit.digest(),
        'script': guest.script(), 'user_data': kit.user_data(),
        'clean_up': 'sh %s/10-test clean-up' % system.hooks,
        'test_hook': kit.hook_block('test', system.hooks, 10),
        'hooks': [(title, name, kit.hook_block(name, system.hooks, 20))
                  for title, name in (('PostgreSQL', 'postgresql'),
                                      ('MySQL, MariaDB', 'mysql'))]}


class StatusView(ui_views.AnswerMixin, generic.View):
    """Answer the page's script with what the guest says now.

    It asks the compute service and writes nothing.
    """

    http_method_names = ['get']

    def get(self, request, instance_id):
        instance, images = snapshots.one(request, instance_id)
        try:
            heard = guests.Heard(guests.listen(request, instance),
                                 timezone.now())
        except errors.CloudError as problem:
            heard = problem
        root = volumes.of_root(request, instance)
        row = lines.instance_row(instance, images, details.Details(
            heard, volumes=root))
        now = status.status(row, heard)
        return http.JsonResponse({
            'html': render_to_string(
                'consistent_snapshots/guest_setup/_status.html',
                {'status': now, 'row': row,
                 'may_take': ui_tables.may_take(request)}),
            'last': now.last, 'again': now.again})


class FileView(generic.View):
    """Send a file of the guest kit as a download."""

    http_method_names = ['get']

    def get(self, request, instance_id, name):
        make = kit.FILES.get(name)
        if make is None:
            raise http.Http404()
        answer = http.HttpResponse(make(),
                                   content_type='text/plain; charset=utf-8')
        answer['Content-Disposition'] = 'attachment; filename="%s"' % name
        answer['X-Content-Type-Options'] = 'nosniff'
        return answer
