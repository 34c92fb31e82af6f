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

"""The systems of guests, and how they differ for whoever sets one up."""

import dataclasses

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LINUX_HOOKS = '/etc/qemu/fsfreeze-hook.d'
HOOK_LOG = 'cat /var/lib/consistency-kit/hooks.log'
WINDOWS_LOG = ("Get-WinEvent -MaxEvents 20 -FilterHashtable "
               "@{LogName='Application'; ProviderName='VSS'}")


@dataclasses.dataclass(frozen=True)
class System:
    """A family of systems.

    ``kit`` tells whether the guest kit knows it. ``distros`` are the values
    of ``os_distro`` that mean it; ``package`` installs the agent alone and
    ``unit`` is its service.
    """

    code: str
    name: Promise
    distros: frozenset = frozenset()
    kit: bool = True
    hooks: str = LINUX_HOOKS
    package: str = ''
    unit: str = 'qemu-guest-agent'

    def logs(self, since=None):
        """Return the commands that show the agent's and the hooks' logs.

        :param since: an aware datetime in UTC; since the boot if None.
        """
        if self is WINDOWS:
            return WINDOWS_LOG
        when = ('--since "%s"' % since.strftime('%Y-%m-%d %H:%M:%S UTC')
                if since else '-b')
        return 'journalctl %s -u %s\n%s' % (when, self.unit, HOOK_LOG)


WINDOWS = System('windows', _('Windows'), frozenset({'windows'}), kit=False)
OTHER = System('other', _('Another Linux system'), kit=False)
SYSTEMS = (
    System('debian', _('Debian, Ubuntu'), frozenset({
        'debian', 'ubuntu', 'linuxmint', 'devuan', 'kali', 'raspbian'}),
        package='apt-get install qemu-guest-agent'),
    System('redhat', _('Red Hat family'), frozenset({
        'rhel', 'redhat', 'centos', 'fedora', 'rocky', 'almalinux', 'alma',
        'ol', 'oraclelinux', 'oracle', 'scientificlinux', 'cloudlinux',
        'amazon', 'eurolinux', 'virtuozzo', 'springdale'}),
        hooks='/etc/qemu-ga/fsfreeze-hook.d',
        package='dnf install qemu-guest-agent'),
    System('suse', _('SUSE'), frozenset({
        'suse', 'sles', 'sled', 'opensuse', 'opensuse-leap',
        'opensuse-tumbleweed', 'sle-micro', 'slem'}),
        package='zypper install qemu-guest-agent'),
    WINDOWS, OTHER)
_BY_CODE = {system.code: system for system in SYSTEMS}


def guess(properties):
    """Return the system that image properties tell, None if they do not.

    :param properties: values by name; anybody may have written anything.
    """
    distro = str(properties.get('os_distro') or '').strip().lower()
    for system in SYSTEMS:
        if distro in system.distros:
            return system
    kind = str(properties.get('os_type') or '').strip().lower()
    if kind == 'windows':
        return WINDOWS
    return OTHER if distro and kind in ('', 'linux') else None


def choose(code, properties):
    """Return what the user chose, what is likely otherwise."""
    return _BY_CODE.get(code) or guess(properties) or SYSTEMS[0]
