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

"""The systems of guests: who is meant, and what is said of each."""

import pathlib
import re

from hypothesis import given
from hypothesis import strategies
import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel import guest
from snapshot_panel.ui import findings
from snapshot_panel.ui import systems
from tests.unit import builders

DOC = pathlib.Path(__file__).parents[3] / 'doc/source/guest-systems.rst'
EVERY = pytest.mark.parametrize('system', systems.SYSTEMS,
                                ids=lambda system: system.code)

# libosinfo's short ids, IDs of os-release, and what people write.
MEANT = {
    'debian': 'ubuntu22.04 ubuntujammy ubuntu-lts-latest debian12 Ubuntu '
              'debianbookworm debiantesting linuxmint popos22.04 UBUNTU_24.04',
    'redhat': 'rocky9 rocky-unknown rhel9.4 rhel9-unknown centos7.0 ol9.2 '
              'centos-stream9 almalinux9 fedora40 fedora-rawhide oel5.4 '
              'scientificlinux7.6 redhat',
    'suse': 'sles15sp4 sled15sp1 sle15 sle-unknown opensuse15.5 sles_sap '
            'opensusetumbleweed opensuse-tumbleweed opensuse-leap',
    'windows': 'win2k22 win2k12r2 win11 win8.1 winxp windows winnt4.0',
    'microos': 'slem5.5 sle-micro sle-micro5.5 sl-micro microos '
               'opensuse-microos opensuse-leap-micro',
    'ostree': 'fedora-coreos fedora-coreos-stable fcos rhel-coreos rhcos '
              'silverblue39 fedora-silverblue rhel-atomic-7.4 centos-bootc',
    'flatcar': 'flatcar flatcar3510',
    'nixos': 'nixos nixos-23.11 nixos-unstable',
    'arch': 'archlinux arch manjaro',
    'alt': 'alt alt.p10 alt.sisyphus altlinux-p9 alt9.2',
    'amazon': 'amzn amzn2 amzn2023 al2023',
    'alpine': 'alpinelinux3.19 alpine',
    'gentoo': 'gentoo',
    'freebsd': 'freebsd14 freebsd14.0 FreeBSD-13.2-RELEASE',
    'talos': 'talos talos1.7',
    'no-agent': 'bottlerocket photon photon5 cirros cirros0.6.2',
    'no-freeze': 'openbsd7.4 netbsd9.0 solaris11 haikur1beta3 msdos6.22',
    'other': 'mageia9 openeuler rosa redos astra voidlinux linux2022 devuan '
             'ubuntu-core ubuntucore22 coreos slackware15',
}
WRITTEN = {
    'Rocky Linux 9': 'redhat', 'Red Hat Enterprise Linux 9.4': 'redhat',
    'Ubuntu 22.04 LTS': 'debian', 'Debian GNU/Linux 12': 'debian',
    'SUSE Linux Enterprise Server 15 SP4': 'suse',
    'SUSE Linux Enterprise Micro 5.5': 'microos',
    'Microsoft Windows Server 2022': 'windows', 'Oracle Linux 8.9': 'redhat',
    'Oracle Solaris 11': 'no-freeze', 'Amazon Linux 2023': 'amazon',
    'Fedora CoreOS': 'ostree', 'Fedora Linux 40': 'redhat',
    'Red Hat Enterprise Linux CoreOS 4.14': 'ostree',
    'http://ubuntu.com/ubuntu/22.04': 'debian',
    'http://suse.com/slem/5.5': 'microos', 'http://suse.com/sles/15.4': 'suse',
    'http://fedoraproject.org/coreos/stable': 'ostree',
    'https://microsoft.com/win/2k22': 'windows',
    'HTTP://FreeBSD.org/freebsd/14.0': 'freebsd',
    'http://oracle.com/solaris/11': 'no-freeze',
}
HOSTILE = ['', ' ', '\0', '\x1b[2J', '\ud800', '2022', '日本', 'x' * 10 ** 6,
           '-' * 10 ** 6, 'http://', 'http://' * 10 ** 5, '<script>', None, 7,
           ['ubuntu'], b'\xff']


@pytest.mark.parametrize('name, code', [
    *((name, code) for code, names in MEANT.items() for name in names.split()),
    *WRITTEN.items()])
def test_the_system_that_a_name_means(name, code):
    found = {systems.guess({'os_distro': text, **more}).code
             for text in (name, f' {name}\n', name.upper())
             for more in ({}, {'os_type': 'linux'}, {'os_version': '1'})}

    assert found == {code}


@pytest.mark.parametrize('distro, version, code', [
    ('opensuse', 'microos', 'microos'), ('fedora', 'coreos', 'ostree'),
    ('sle', 'micro 5.5', 'microos'), ('opensuse', 'tumbleweed', 'suse'),
    ('debian', 'testing', 'debian'), ('ubuntu', 'x' * 10 ** 6, 'debian')])
def test_the_version_may_say_more(distro, version, code):
    assert systems.guess({'os_distro': distro,
                          'os_version': version}).code == code


@pytest.mark.parametrize('properties, code', [
    ({'os_type': 'Windows'}, 'windows'), ({'os_type': 'freebsd'}, 'freebsd'),
    ({'os_distro': 'server', 'os_type': 'windows'}, 'windows'),
    ({'os_distro': 'old', 'os_type': 'linux'}, 'other'),
    ({'os_distro': 'old'}, 'other'), ({'os_distro': 'solid'}, 'other')])
def test_the_kind_tells_where_the_name_does_not(properties, code):
    assert systems.guess(properties).code == code


@pytest.mark.parametrize('properties', [
    {}, {'os_type': 'linux'}, {'os_distro': ''}, {'os_distro': None},
    {'os_distro': 'unknown'}, {'os_distro': 'x', 'os_type': 'plan9'}])
def test_an_image_may_not_tell(properties):
    assert systems.guess(properties) is None
    assert systems.choose('nonsense', properties) is systems.SYSTEMS[0]


@pytest.mark.parametrize('text', HOSTILE, ids=range(len(HOSTILE)))
def test_what_nobody_means_breaks_nothing(text):
    for name in 'os_distro', 'os_version', 'os_type':
        assert systems.guess({name: text}) in (
            None, systems.OTHER, systems.SYSTEMS[0])


@given(strategies.text())
def test_any_text_is_a_system_or_none(text):
    assert systems.guess(dict.fromkeys(
        ('os_distro', 'os_version', 'os_type'), text)) in (
            None, *systems.SYSTEMS)


def test_names_and_codes_are_of_one_system_and_can_be_found():
    names = [name for system in systems.SYSTEMS for name in system.names]

    assert len(names) == len(set(names))
    assert all(re.fullmatch('[a-z]+', name) for name in names)
    assert len({each.code for each in systems.SYSTEMS}) == len(systems.SYSTEMS)
    assert set(MEANT) == {system.code for system in systems.SYSTEMS}


@EVERY
def test_each_says_what_to_do_or_why_not(system):
    if system is not systems.WINDOWS:
        assert system.agent or system.note
    assert system.provable or not system.kit
    assert '\n' not in system.agent
    for name in system.names:
        assert systems.find(name) is system


@EVERY
def test_each_has_logs_of_its_own(system):
    assert ('journalctl' in system.logs()) == (
        system.provable and not system.log)
    assert not system.kit or systems.HOOK_LOG in system.logs()


@pytest.mark.parametrize('properties, line', [
    ({}, 'ls -l /dev/virtio-ports/org.qemu.guest_agent.0'),
    ({'os_distro': 'freebsd14.0'}, 'ls -l /dev/vtcon/org.qemu.guest_agent.0'),
    ({'os_type': 'windows'}, None)])
def test_the_channel_is_looked_for_where_the_system_has_it(properties, line):
    instance = builders.instance(properties=facts.Properties(
        properties, facts.Source.IMAGE))

    command = findings.command(
        checklist.Result(checklist.Finding.CHANNEL_LIKELY), instance)

    assert (command and command.text) == line


@EVERY
def test_each_has_a_row_with_its_source_in_the_document(system):
    row = re.search(r'   \* - ``%s``\n((?:     .*\n)+)' % system.code,
                    DOC.read_text())

    assert row, system.code
    columns = re.split(r'^     - ', row.group(1), flags=re.MULTILINE)[1:]
    assert len(columns) == 5 and all(map(str.strip, columns))
    assert columns[2].startswith('yes') == system.kit


def test_the_kit_installs_itself_where_it_is_offered():
    branches = set(re.findall(r' family=(\w+) ;;', guest.script()))

    assert {system.code for system in systems.SYSTEMS
            if system.kit} == branches
