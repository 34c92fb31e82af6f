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

"""The tab that Horizon's own instance details get (see EXTRA_TABS)."""

from django.utils.translation import gettext_lazy as _

from horizon import exceptions
from horizon import tabs

from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import patience
from snapshot_panel.cloud import snapshots
from snapshot_panel import conf
from snapshot_panel import panel
from snapshot_panel.ui import cells
from snapshot_panel.ui import lines
from snapshot_panel.ui import standings
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import words


class ChecklistTab(tabs.Tab):
    """The checklist of the panel, loaded when the tab is opened.

    Whatever goes wrong is said in the tab: the page around it is Horizon's.
    """

    name = _('Consistent Snapshots')
    slug = 'consistent_snapshots'
    template_name = 'consistent_snapshots/guest_setup/tab.html'
    preload = False
    permissions = panel.ConsistentSnapshots.permissions

    def allowed(self, request):
        # The administrator's page shows every project's instances; the panel
        # acts in the user's own.
        shown = self.tab_group.kwargs['instance']
        return (conf.get_config()['on_instance_details']
                and shown.tenant_id == request.user.tenant_id)

    def get_context_data(self, request):
        shown = self.tab_group.kwargs['instance']
        patience.limit(request)
        try:
            instance, images = snapshots.one(request, shown.id)
            asked = details.ask_about(request, instance)
        except errors.UNAUTHORIZED:
            # Horizon sends the user to the login page.
            raise exceptions.NotAuthenticated()
        except errors.CloudError as problem:
            return {'problem': words.say(problem)}
        row = lines.instance_row(instance, images, asked)
        standings.keep([row])
        return {'row': row, 'readiness': cells.Readiness.of(row),
                'may_take': ui_tables.may_take(request)}
