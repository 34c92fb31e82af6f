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

# Copy this file to openstack_dashboard/local/enabled/ of the dashboard.

PANEL = 'consistent_snapshots'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'compute'
ADD_PANEL = 'snapshot_panel.panel.ConsistentSnapshots'
ADD_INSTALLED_APPS = ['snapshot_panel']
# Says the verdicts in words where Horizon shows images. To turn that off, take
# this line out; then collect and compress Horizon's static files again.
ADD_JS_FILES = ['snapshot_panel/native.js']
EXTRA_TABS = {
    'openstack_dashboard.dashboards.project.instances.tabs.'
    'InstanceDetailTabs': ('snapshot_panel.tabs.ChecklistTab',),
    'openstack_dashboard.dashboards.admin.instances.tabs.'
    'AdminInstanceDetailTabs': ('snapshot_panel.tabs.ChecklistTab',),
}
