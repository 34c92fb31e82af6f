# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Settings of the unit tests: Horizon's own test settings with our panel."""

import pathlib

from horizon.test.settings import *  # noqa: F401
from openstack_dashboard import enabled as horizon_enabled
from openstack_dashboard.test.settings import *
from openstack_dashboard.utils import settings as settings_utils

from snapshot_panel import enabled as panel_enabled

# Horizon's test settings have read Horizon's own enabled files already. They
# are read again together with ours, in the order of their names as in a real
# dashboard, and the first result must not be there then.
HORIZON_CONFIG.pop('dashboards', None)
HORIZON_CONFIG.pop('default_dashboard', None)
settings_utils.update_dashboards(
    [horizon_enabled, panel_enabled], HORIZON_CONFIG, INSTALLED_APPS)
# Each application once, in the order of the first mention.
INSTALLED_APPS = list(dict.fromkeys(INSTALLED_APPS))

# In memory: tests of one run see no other run's cache.
CACHES = {
    'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'},
}

# Each template is read and compiled once, as in a real dashboard.
for _engine in TEMPLATES:
    _engine['OPTIONS']['loaders'] = [
        ('django.template.loaders.cached.Loader',
         _engine['OPTIONS']['loaders'])]

# What a cloud of today deploys, so that each series of Horizon has the same.
_policies = pathlib.Path(__file__).parent / 'policies'
POLICY_DIRS = {service: [str(_policies / service)]
               for service in ('compute', 'image')}
