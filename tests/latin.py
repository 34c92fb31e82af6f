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

"""What a Russian text may have in Latin letters."""

import re

# Of systems, programs, formats and parts of a computer, each word of them.
NAMES = frozenset("""
    ACPI ALT API Alpine Amazon Arch Bottlerocket Debian EFI Fedora Flatcar
    Gentoo Hat Horizon ID ISO JSON LVM Linux Micro OS Photon Prometheus QEMU
    RAM RHEL Red SCSI SHA SLE SUSE Silverblue Solaris Talos UFS UTC Ubuntu VSS
    Windows XFS ZFS btrfs cron libosinfo systemd vfat
    """.split())
# What a command, a file, a service of OpenStack or a rule of ours is called.
TYPED = frozenset("""
    ACTIVE Administrator abandoned Ctrl False True Running active backup
    community debian false fedora freeze fsck linux member mysql openstack
    postgresql rhel rocky root shutoff snapshot start started stopped sudo suse
    thaw true ubuntu vioserial yes
    """.split())
# They are typed as they are, and would be more words of that kind.
COMMANDS = ('crontab -e', 'ls /dev/vport*', 'nixos-rebuild switch',
            'openstack server unshelve', 'systemctl start qemu-guest-agent',
            '«I\'m frozen»', '«I\'m thawed»')


def english(text):
    """Return the words of a Russian text that should not be English.

    Names of properties, files and instances are none: they have more in them
    than letters, or capitals among them.
    """
    text = text.replace('\xa0', ' ')
    for command in COMMANDS:
        text = text.replace(command, ' ')
    found = {word.strip('.,:;!?…()«»“”"\'·') for word in text.split()}
    return sorted(word for word in found - NAMES - TYPED
                  if re.fullmatch('[A-Za-z][a-z]+|[A-Z]{2,}', word))
