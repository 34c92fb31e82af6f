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

"""Horizon finds the panel by its enabled file."""

from django.urls import reverse
import horizon
import pytest


@pytest.fixture
def url():
    """The panel's URL. Asking for one makes Horizon look for its panels."""
    return reverse('horizon:project:consistent_snapshots:index')


def test_the_panel_has_its_url(url):
    assert url == '/project/consistent_snapshots/'


def test_the_panel_is_in_the_compute_group(url):
    compute = horizon.get_dashboard('project').get_panel_group('compute')

    assert 'consistent_snapshots' in [panel.slug for panel in compute]
