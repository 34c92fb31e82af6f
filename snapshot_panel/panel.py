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

"""Project > Compute > Consistent Snapshots."""

from django.utils.translation import gettext_lazy as _

import horizon

from snapshot_panel import native


class ConsistentSnapshots(horizon.Panel):
    name = _('Consistent Snapshots')
    slug = 'consistent_snapshots'
    permissions = ('openstack.services.compute', 'openstack.services.image')

    def __init__(self):
        super().__init__()
        # Horizon makes its panels just before it needs their addresses. By
        # then all of its own pages can be imported.
        native.extend()
