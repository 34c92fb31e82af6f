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

"""The application: what it checks when Horizon starts."""

import logging

from django import apps
from django.core import checks
from django.utils import translation

from snapshot_panel import conf

LOG = logging.getLogger(__name__)


class SnapshotPanelConfig(apps.AppConfig):
    name = 'snapshot_panel'

    def ready(self):
        checks.register(check_settings, self.name)
        # A web server runs no checks, but has a log.
        with translation.override('en'):
            for problem in conf.problems():
                LOG.warning('%s', problem.text)


def check_settings(app_configs, **kwargs):
    """Return a warning for each setting that does not count.

    Not an error, which would keep all of Horizon from starting.
    """
    return [checks.Warning(
        problem.text, id='snapshot_panel.W%03d' % problem.fault.value)
        for problem in conf.problems()]
