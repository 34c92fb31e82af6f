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

"""The systems of guests, and how they differ for whoever sets one up.

What is said of each, and where that is written, is a table in
``doc/source/guest-systems.rst``. To add one: an entry in :data:`SYSTEMS` and
a row there.
"""

import dataclasses
import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LINUX_HOOKS = '/etc/qemu/fsfreeze-hook.d'
LINUX_PORT = '/dev/virtio-ports/org.qemu.guest_agent.0'
HOOK_LOG = 'cat /var/lib/consistency-kit/hooks.log'
WINDOWS_LOG = ("Get-WinEvent -MaxEvents 20 -FilterHashtable "
               "@{LogName='Application'; ProviderName='VSS'}")
SYSLOG = 'grep qemu-ga /var/log/messages'

_NOT_TRIED = _('Whether the kit works on this system is not known: nobody has '
               'tried it there.')
_NO_SYSTEMD = _('The kit needs Linux with systemd.')
_THEN_REBOOT = _('If it installs something, reboot the guest afterwards: the '
                 'package is in the next boot’s image.')


@dataclasses.dataclass(frozen=True)
class System:
    """A family of systems.

    ``names`` are those of its members, in letters only and without a version
    (:func:`find`). ``agent`` installs the agent alone and starts it, '' where
    no command does; ``note`` is what to know of it here. The guest kit is
    offered where ``no_kit`` is empty; otherwise that says why not.
    ``provable`` tells whether a snapshot of a running one ever can be proven,
    ``speaks`` whether its console shows anything of the agent. ``log`` shows
    the agent's log, '' for the journal; ``restart`` starts the agent again, ''
    where there is none.
    """

    code: str
    name: Promise
    names: frozenset = frozenset()
    agent: str = ''
    note: Promise | str = ''
    no_kit: Promise | str = ''
    provable: bool = True
    speaks: bool = True
    hooks: str = LINUX_HOOKS
    port: str = LINUX_PORT
    unit: str = 'qemu-guest-agent'
    log: str = ''
    restart: str = 'systemctl restart qemu-guest-agent'

    @property
    def kit(self):
        """Whether the guest kit is offered."""
        return not self.no_kit

    def logs(self, since=None):
        """Return the commands that show the agent's and the hooks' logs.

        :param since: an aware datetime in UTC; since the boot if None.
        """
        if self.log or not self.provable:
            return self.log
        when = ('--since "%s"' % since.strftime('%Y-%m-%d %H:%M:%S UTC')
                if since else '-b')
        journal = 'journalctl %s -u %s' % (when, self.unit)
        # Elsewhere the kit may have been installed by hand.
        return journal + '\n' + HOOK_LOG


def _names(text):
    return frozenset(text.split())


WINDOWS = System(
    'windows', _('Windows'),
    _names('windows win winxp winvista winnt winme microsoftwindows'),
    no_kit=_('The kit is for Linux.'), provable=False, speaks=False, port='',
    log=WINDOWS_LOG, restart='Restart-Service QEMU-GA')
OTHER = System(
    'other', _('Another Linux system'),
    _names('linux genericlinux ubuntucore devuan'),
    note=_('Install the package of the QEMU guest agent, mostly called '
           'qemu-guest-agent, and let its service start at boot.'),
    no_kit=_('The kit installs itself where ID or ID_LIKE in /etc/os-release '
             'names debian, rhel, fedora or suse. Elsewhere it can be '
             'installed by hand.'))
SYSTEMS = (
    System(
        'debian', _('Debian, Ubuntu'),
        _names('debian ubuntu linuxmint kali raspbian popos pureos '
               'elementary ucs'),
        agent='apt-get update && apt-get install -y qemu-guest-agent && '
              'systemctl start qemu-guest-agent'),
    System(
        'redhat', _('Red Hat family'),
        _names('rhel redhat redhatenterpriselinux centos centosstream fedora '
               'fedoralinux rocky rockylinux almalinux alma ol oel '
               'oraclelinux oracle scientificlinux cloudlinux eurolinux '
               'virtuozzo springdale miraclelinux circle'),
        agent='dnf install -y qemu-guest-agent && '
              'systemctl enable --now qemu-guest-agent',
        hooks='/etc/qemu-ga/fsfreeze-hook.d'),
    System(
        'suse', _('SUSE, openSUSE'),
        _names('suse sles sled sle suselinuxenterprise opensuse opensuseleap '
               'opensusetumbleweed'),
        agent='zypper --non-interactive install qemu-guest-agent && '
              'systemctl start qemu-guest-agent'),
    WINDOWS,
    System(
        'microos', _('SLE Micro, MicroOS'),
        _names('slemicro slem slmicro suselinuxenterprisemicro '
               'suselinuxmicro microos opensusemicroos susemicroos leapmicro '
               'opensuseleapmicro aeon opensuseaeon kalpa opensusekalpa '
               'caasp susecaas'),
        agent='rpm -q qemu-guest-agent || '
              'transactional-update pkg install qemu-guest-agent',
        note=_THEN_REBOOT, no_kit=_NOT_TRIED),
    System(
        'ostree', _('Fedora CoreOS, RHEL CoreOS, Silverblue'),
        _names('fedoracoreos fcos rhelcoreos rhcos scos '
               'redhatcoreos redhatenterpriselinuxcoreos '
               'redhatenterpriselinuxatomic silverblue kinoite '
               'fedorasilverblue fedorakinoite fedoraiot fedoraatomic '
               'rhelatomic centosatomic fedorabootc rhelbootc centosbootc'),
        agent='rpm -q qemu-guest-agent || '
              'rpm-ostree install qemu-guest-agent',
        note=_THEN_REBOOT, no_kit=_NOT_TRIED,
        hooks='/etc/qemu-ga/fsfreeze-hook.d'),
    System(
        'flatcar', _('Flatcar'),
        _names('flatcar flatcarcontainerlinux flatcarlinux'),
        agent='systemctl status qemu-guest-agent',
        note=_('The agent is part of the image since release 3402, and starts '
               'by itself where the channel is. There is nothing to install.'),
        no_kit=_('The kit cannot be installed: /usr is read-only.')),
    System(
        'nixos', _('NixOS'), _names('nixos'),
        agent='services.qemuGuest.enable = true;',
        note=_('In the configuration of the system; then nixos-rebuild '
               'switch.'),
        no_kit=_('The kit cannot be installed: the configuration of the '
                 'system makes its units.')),
    System(
        'arch', _('Arch Linux'),
        _names('arch archlinux manjaro endeavouros'),
        agent='pacman -S --needed qemu-guest-agent && '
              'systemctl start qemu-guest-agent',
        no_kit=_NOT_TRIED),
    System(
        'alt', _('ALT Linux'), _names('alt altlinux altserver'),
        agent='apt-get update && apt-get install -y qemu-guest-agent && '
              'systemctl enable --now qemu-guest-agent',
        no_kit=_NOT_TRIED),
    System(
        'amazon', _('Amazon Linux'),
        _names('amzn amazon amazonlinux al'),
        agent='yum install -y qemu-guest-agent && '
              'systemctl enable --now qemu-guest-agent',
        note=_('Amazon Linux 2023 was made without any package of QEMU. Where '
               'there is none, the guest cannot be frozen.'),
        no_kit=_NOT_TRIED),
    System(
        'alpine', _('Alpine Linux'), _names('alpine alpinelinux'),
        agent='apk add qemu-guest-agent && '
              'rc-update add qemu-guest-agent default && '
              'rc-service qemu-guest-agent start',
        note=_('The package is in the repository “community”. If the agent '
               'does not find its port, write GA_PATH=/dev/vport… (see ls '
               '/dev/vport*) to /etc/conf.d/qemu-guest-agent.'),
        no_kit=_NO_SYSTEMD, speaks=False, log=SYSLOG,
        restart='rc-service qemu-guest-agent restart'),
    System(
        'gentoo', _('Gentoo'), _names('gentoo gentoolinux'),
        agent='emerge app-emulation/qemu-guest-agent && '
              'rc-update add qemu-guest-agent default && '
              'rc-service qemu-guest-agent start',
        note=_('With systemd, start it by systemctl start qemu-guest-agent '
               'instead.'),
        no_kit=_NOT_TRIED, restart='rc-service qemu-guest-agent restart'),
    System(
        'freebsd', _('FreeBSD'), _names('freebsd'),
        agent='pkg install -y qemu-guest-agent && '
              'sysrc qemu_guest_agent_enable=YES && '
              'sysrc -f /boot/loader.conf virtio_console_load=YES && '
              'kldload -n virtio_console && service qemu-guest-agent start',
        note=_('The agent freezes a single UFS file system and no ZFS, and '
               'nothing proves it: while FreeBSD runs its snapshots are '
               'unproven.'),
        no_kit=_NO_SYSTEMD, provable=False, speaks=False, log=SYSLOG,
        port='/dev/vtcon/org.qemu.guest_agent.0',
        restart='service qemu-guest-agent restart'),
    System(
        'talos', _('Talos'), _names('talos taloslinux'),
        note=_('The agent is the system extension '
               'siderolabs/qemu-guest-agent. It runs in a container that has '
               'none of the machine’s file systems, so it can shut the '
               'machine down but not freeze it.'),
        no_kit=_('The kit cannot be installed: there is no shell.'),
        provable=False, speaks=False,
        log='talosctl logs ext-qemu-guest-agent',
        restart='talosctl service ext-qemu-guest-agent restart'),
    System(
        'no-agent', _('Bottlerocket, Photon OS, CirrOS'),
        _names('bottlerocket photon photonos vmwarephoton cirros'),
        note=_('Not possible: the makers of this system offer no package of '
               'the QEMU guest agent.'),
        no_kit=_('Without the agent the kit has nothing to do.'),
        provable=False, speaks=False, restart=''),
    System(
        'no-freeze', _('OpenBSD, NetBSD, Solaris, …'),
        _names('openbsd netbsd dragonflybsd dragonfly macosx macos solaris '
               'oraclesolaris opensolaris illumos haiku msdos freedos '
               'netware'),
        note=_('Not possible: the QEMU guest agent freezes file systems on '
               'Linux, FreeBSD and Windows only.'),
        no_kit=_NO_SYSTEMD, provable=False, speaks=False, restart=''),
    OTHER)
_BY_CODE = {system.code: system for system in SYSTEMS}
_BY_NAME = {name: system for system in SYSTEMS for name in system.names}
# One that is written together with a code name: ubuntujammy.
_LONG_NAMES = sorted((name for name in _BY_NAME if len(name) >= 5), key=len,
                     reverse=True)

# What a name is looked for in; more is nobody's name.
_LOOKED_AT = 100
_WORDS_LOOKED_AT = 5
# libosinfo's address of a short id; one is told by its host alone.
_ADDRESS = re.compile('https?://[^/]*/')
_FEDORA_COREOS = re.compile('https?://fedoraproject.org/coreos')
_NOTHING = frozenset(('', 'unknown', 'none', 'other'))


def find(text):
    """Return the system that a name means, None if it is nobody's.

    It may be one of libosinfo's short ids (``ubuntu22.04``, ``slem5.5``) or
    its address, an ID of os-release, or what people write (“Rocky Linux
    9”): case, separators and the version do not matter. The longest name
    that is known wins: ``fedora-coreos-stable`` is no Fedora to install
    packages on.

    No library is asked: ``distro`` renames ten systems, and libosinfo's data
    lists versions (its newest are missing on any machine) and knows neither
    agents nor package managers.

    :param text: anything.
    """
    text = str(text)[:_LOOKED_AT].casefold()
    text = _ADDRESS.sub('', _FEDORA_COREOS.sub('fedora-coreos', text))
    words = re.findall('[a-z]+', text)[:_WORDS_LOOKED_AT]
    for count in range(len(words), 0, -1):
        system = _BY_NAME.get(''.join(words[:count]))
        if system:
            return system
    together = ''.join(words)
    return next((_BY_NAME[name] for name in _LONG_NAMES
                 if together.startswith(name)), None)


def guess(properties):
    """Return the system that image properties tell, None if they do not.

    :param properties: values by name; anybody may have written anything.
    """
    distro, version, kind = (
        str(properties.get(name) or '')[:_LOOKED_AT].strip()
        for name in ('os_distro', 'os_version', 'os_type'))
    # The version may be the better half: opensuse, microos.
    known = distro and (find('%s %s' % (distro, version)) or find(distro))
    if known:
        return known
    kind = kind.casefold()
    if kind not in ('', 'linux'):
        return find(kind)
    return None if distro.casefold() in _NOTHING else OTHER


def choose(code, properties):
    """Return what the user chose, what is likely otherwise."""
    return _BY_CODE.get(code) or guess(properties) or SYSTEMS[0]
