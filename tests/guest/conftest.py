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

"""Guests for the tests of the kit.

Tests marked ``qemu`` boot a guest, in software emulation: some minutes. Leave
them out with ``-m 'not qemu'``.
"""

import pytest

from tests.guest import image
from tests.guest import machine
from tests import tools


def pytest_configure(config):
    config.addinivalue_line('markers', 'qemu: boots a guest in QEMU')


@pytest.fixture(scope='session')
def guest_image():
    tools.provide(['guest'])
    return image.build()


@pytest.fixture(scope='module')
def fresh_guest(guest_image, tmp_path_factory):
    """A guest without agent and kit, with two more disks."""
    folder = tmp_path_factory.mktemp('guest')
    with machine.Guest(guest_image, folder,
                       disks=(200 << 20, 400 << 20)) as guest:
        guest.write('/run/kit.sh', machine.KIT.read_text())
        yield guest


@pytest.fixture(scope='module')
def guest(fresh_guest):
    """The same guest with the kit, installed by the kit."""
    fresh_guest.run('sh /run/kit.sh install')
    fresh_guest.sync_agent()
    return fresh_guest
