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

"""A Horizon without the clients of Nova and Cinder, but with openstacksdk."""

import contextlib
from unittest import mock

from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import clients
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import sdk_cinder
from snapshot_panel.cloud import sdk_nova


@contextlib.contextmanager
def clients_missing():
    """Let our modules have what they would have imported there."""
    compute = clients._StandIn(sdk_nova)
    volume = clients._StandIn(sdk_cinder)
    versions = {name: compute.APIVersion(getattr(nova, name).get_string())
                for name in ('EMBEDDED_VERSION', '_CLIENT_VERSION',
                             '_OLDEST_VERSION')}
    with mock.patch.multiple(
            nova, nova_client=compute, nova_exceptions=compute,
            nova_versions=compute, **versions), mock.patch.multiple(
            cinder, cinder_client=volume, cinder_exceptions=volume):
        yield
