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

import pathlib

import pytest

from tests import clients
from tests.cloud import ranges as glance_ranges


@pytest.fixture(scope='session')
def openstack(cloud):
    """The services as the user demo, member of the project demo."""
    return clients.OpenStack(cloud)


@pytest.fixture(scope='session')
def dashboard(cloud):
    """Horizon as the user demo."""
    return clients.Dashboard(cloud)


@pytest.fixture(scope='session')
def reader(cloud):
    """Horizon as a user who may only read."""
    return clients.Dashboard(cloud, 'reader')


@pytest.fixture
def ranges(cloud):
    """Let Glance give parts of images in another way: ``ranges('refused')``.

    Of those in tests/cloud/ranges.py, or ``''`` for its own, until the test
    is over.
    """
    switch = pathlib.Path(cloud.logs).parent / glance_ranges.SWITCH

    def choose(way):
        assert not way or way in glance_ranges.WAYS
        switch.write_text(way)

    yield choose
    switch.unlink(missing_ok=True)
