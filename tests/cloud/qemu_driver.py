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

"""Nova's driver for libvirt, with a shell in each guest for the tests.

The shell is a channel of its own beside the agent's, so that a test can do
things to a guest whose agent is stopped, or was never there. A guest that
does not know it does not notice.
"""

import signal

from nova import privsep
from nova.virt.libvirt import config
from nova.virt.libvirt import driver
from os_brick import privileged


def prepare(folder):
    """Let Nova do what needs root in its own process, which is root's."""
    privsep.sys_admin_pctxt.set_client_mode(False)
    privileged.default.set_client_mode(False)
    # Reading a guest's console makes it the terminal of this process, and
    # a terminal that goes sends this signal.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class QemuDriver(driver.LibvirtDriver):
    """Nova's own driver; only a channel is added to each guest."""

    def _get_guest_config(self, instance, *args, **kwargs):
        guest = super()._get_guest_config(instance, *args, **kwargs)
        shell = config.LibvirtConfigGuestChannel()
        shell.type = 'unix'
        shell.target_name = 'test.shell'
        # As libvirtd sees it; hypervisor.shell_socket() is the same here.
        shell.source_path = f'/run/libvirt/{instance.uuid}.shell'
        guest.add_device(shell)
        return guest
