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

"""The kit in a real guest: the disk is the judge of what it says."""

import re
import subprocess
import time
import types

import pytest

from snapshot_panel.consistency import witness
from tests.guest import machine

pytestmark = pytest.mark.qemu

HOOKS = '/etc/qemu/fsfreeze-hook.d'


def freeze(guest, hold=0.05, meanwhile=None, copy=False):
    """Freeze as Nova does, and thaw; return what everybody said of it.

    :returns: ``error`` of the agent or None; ``word``, the guest's own as a
        :class:`witness.Freeze` or None; ``clean``, whether the journal of
        each disk was empty in the copy.
    """
    guest.sync_agent()
    before = len(guest.console)
    error = None
    try:
        guest.agent('guest-fsfreeze-freeze')
    except machine.AgentError as failure:
        error = str(failure)
    time.sleep(hold)
    if meanwhile is not None:
        meanwhile()
    clean = [machine.is_clean(disk)
             for disk in guest.copy_disks(whole=copy)]
    if error is None:
        guest.agent('guest-fsfreeze-thaw')
    time.sleep(0.3)
    chain = witness.read(guest.console).chain
    said = guest.console[before:]
    new = [line for line in chain if line.key in said]
    attempts = witness.freezes(new)
    assert len(attempts) <= 1
    return types.SimpleNamespace(
        error=error, clean=clean, said=said, lines=new,
        word=attempts[0] if attempts else None)


@pytest.fixture
def data(guest):
    """A second file system: the second disk, ext4, at /data."""
    guest.run('mkfs.ext4 -q -F /dev/vdb && mkdir -p /data'
              ' && mount /dev/vdb /data')
    yield '/data'
    guest.run('umount /data && rmdir /data')


@pytest.fixture
def hook(guest):
    """Write application hooks, which are gone after the test."""
    def write(name, script):
        guest.write(f'{HOOKS}/{name}', f'#!/bin/sh\n{script}\n', '755')
    yield write
    guest.run(f'rm -f {HOOKS}/*')


@pytest.fixture
def load(guest):
    """Keep scripts running in the guest until the test ends."""
    units = []

    def start(script):
        units.append(f'load-{len(units)}')
        guest.run(f"systemd-run --quiet --unit {units[-1]} sh -c '{script}'")
    yield start
    for unit in units:
        guest.run(f'systemctl stop {unit}; systemctl reset-failed || true')


def list_files(guest):
    """Return every file of the guest that a package may own, as text."""
    # What the package manager and the journal note is not a trace of ours.
    # All of /usr is too much to read in software emulation: there the time
    # of the last change tells.
    return guest.run(r'''
        set -e
        skipped='-path /var/lib/apt -o -path /var/cache/apt
            -o -path /var/log/apt -o -path /var/cache/ldconfig
            -o -path /var/lib/dpkg -o -path /var/tmp
            -o -path /var/log/journal -o -name dpkg.log'
        find /etc /usr /var -xdev \( $skipped \) -prune -o \
            -type d -printf '%p %m %u %g\n' -o \
            -path '/usr/*' -printf '%p %y %m %u %g %l %s %T@\n' -o \
            -printf '%p %y %m %u %g %l\n' | sort
        find /etc /var /usr/local -xdev \( $skipped \) -prune -o \
            -type f -print0 | sort -z | xargs -0 sha256sum
        dpkg-query -W -f '${Package} ${Version} ${Status}\n'
        systemctl list-unit-files --no-legend
    ''', timeout=600)


def test_uninstall_leaves_no_trace(fresh_guest):
    before = list_files(fresh_guest)

    fresh_guest.run('sh /run/kit.sh install')
    installed = list_files(fresh_guest)
    fresh_guest.run('sh /run/kit.sh install')
    again = list_files(fresh_guest)
    fresh_guest.run('consistency-kit uninstall')

    assert '/usr/local/sbin/consistency-kit' in installed
    assert again == installed
    assert list_files(fresh_guest) == before
    assert fresh_guest.run('ls /run/consistency-kit || true') == (
        "ls: cannot access '/run/consistency-kit': "
        'No such file or directory\n')


def test_uninstall_keeps_an_agent_and_a_configuration_of_before(fresh_guest):
    fresh_guest.run('''
        apt-get update -q
        apt-get install -qy --no-install-recommends qemu-guest-agent
        printf '%s\n' '# mine' '[general]' 'verbose=1' \\
            'block-rpcs=guest-exec,guest-fsfreeze-freeze' \\
            >/etc/qemu/qemu-ga.conf
        folder=/etc/systemd/system/qemu-guest-agent.service.d
        mkdir $folder
        printf '%s\n' '[Service]' 'ExecStart=' \\
            'ExecStart=/usr/sbin/qemu-ga -b guest-fsfreeze-thaw \\' \\
            '  "--block-rpcs=guest-ping" --retry-path' >$folder/override.conf
        systemctl daemon-reload
        udevadm trigger --subsystem-match=virtio-ports
        systemctl restart qemu-guest-agent
    ''')
    before = list_files(fresh_guest)

    fresh_guest.run('sh /run/kit.sh install')
    conf = fresh_guest.run('cat /etc/qemu/consistency-kit.conf')
    status, words = fresh_guest.run('consistency-kit check', check=False)
    frozen = freeze(fresh_guest)
    fresh_guest.run('consistency-kit uninstall')
    after = list_files(fresh_guest)
    active = fresh_guest.run('systemctl is-active qemu-guest-agent')
    fresh_guest.run('apt-get purge -qy --autoremove qemu-guest-agent;'
                    ' rm -rf /etc/qemu/qemu-ga.conf'
                    ' /etc/systemd/system/qemu-guest-agent.service.d;'
                    ' systemctl daemon-reload')

    # The options of the unit count, and what the owner forbids stays so.
    assert conf.splitlines()[0] == '[general]'
    assert {'verbose=true', 'retry-path=true', 'block-rpcs=guest-exec,'
            'guest-ping', 'fsfreeze-hook=/usr/local/sbin/consistency-kit'
            } < set(conf.splitlines())
    assert (status, 'ok    The agent may freeze.' in words) == (0, True), words
    assert frozen.word.proven
    assert after == before
    assert active == 'active\n'


# As RHEL's family has it: the hook and the blocked commands in variables.
RHEL_UNIT = '''[Unit]
BindsTo=dev-virtio\\x2dports-org.qemu.guest_agent.0.device
[Service]
EnvironmentFile=/etc/sysconfig/qemu-ga
ExecStart=/usr/sbin/qemu-ga --blacklist=${BLACKLIST_RPC} \
-F${FSFREEZE_HOOK_PATHNAME}
Restart=always
'''


def test_variables_of_the_unit_are_overridden(fresh_guest):
    unit = '/etc/systemd/system/qemu-guest-agent.service'
    fresh_guest.run('''
        apt-get update -q
        apt-get install -qy --no-install-recommends qemu-guest-agent
        mkdir /etc/sysconfig
        mv /etc/os-release /etc/os-release.away
        printf '%s\\n' ID=rocky 'ID_LIKE="rhel fedora"' >/etc/os-release
        printf '%s\\n' FSFREEZE_HOOK_PATHNAME=/etc/qemu/fsfreeze-hook \\
            BLACKLIST_RPC=guest-exec,guest-fsfreeze-freeze \\
            >/etc/sysconfig/qemu-ga
    ''')
    fresh_guest.write(unit, RHEL_UNIT)
    fresh_guest.run('systemctl daemon-reload; udevadm trigger'
                    ' --subsystem-match=virtio-ports;'
                    ' systemctl restart qemu-guest-agent')
    refused = freeze(fresh_guest)

    try:
        fresh_guest.run('sh /run/kit.sh install')
        status, words = fresh_guest.run('consistency-kit check', check=False)
        frozen = freeze(fresh_guest)
        fresh_guest.run('consistency-kit uninstall')
        refused_again = freeze(fresh_guest)
    finally:
        fresh_guest.run(f'''
            rm /etc/os-release
            mv /etc/os-release.away /etc/os-release
            rm -r /etc/sysconfig {unit}
            apt-get purge -qy --autoremove qemu-guest-agent
            systemctl daemon-reload
        ''')

    assert 'disabled' in refused.error
    assert status == 0, words
    assert frozen.word.proven
    assert 'disabled' in refused_again.error


def test_check_says_what_works(guest):
    status, words = guest.run('consistency-kit check', check=False)

    assert (status, 'WRONG' in words) == (0, False), words


def test_check_tells_of_a_stopped_agent(guest):
    guest.run('systemctl stop qemu-guest-agent')
    status, words = guest.run('consistency-kit check', check=False)
    guest.run('systemctl start qemu-guest-agent')

    assert status == 1
    assert 'WRONG The agent does not run' in words


def test_a_trial_freeze_is_seen_and_not_witnessed(guest, data):
    before = len(guest.console)

    words = guest.run('consistency-kit check --freeze')

    assert 'A trial froze all 2 file systems' in words
    assert 'consistency-witness' not in guest.console[before:]
    guest.run('echo writable >/data/file')


def test_the_agent_start_and_stop_are_witnessed(guest):
    before = len(guest.console)

    guest.run('systemctl restart qemu-guest-agent; sleep 1')

    events = [line.event for line in witness.parse(guest.console[before:])]
    assert events == ['stopped', 'started']
    started = witness.parse(guest.console)[-1]
    assert re.fullmatch(r'[0-9.]+', started.fields['agent'])


def test_a_freeze_is_proven_and_the_disk_agrees(guest):
    result = freeze(guest, copy=True)

    assert result.error is None
    assert result.word.proven
    assert result.clean[0]
    assert 'proof=wait,superblock' in result.said
    # The file system in the copy is in order, and not only its journal.
    subprocess.run(['e2fsck', '-fn', guest.copies[0]], check=True,
                   stdout=subprocess.PIPE)


def test_the_stall_is_the_time_that_writing_stood_still(guest):
    result = freeze(guest, hold=2)

    assert 2 <= result.word.frozen['/'] < 2.8


def test_without_a_freeze_the_disk_is_not_clean(guest):
    assert not machine.is_clean(guest.disks[0])


def test_ten_snapshots_in_a_row_are_all_proven(guest):
    results = [freeze(guest) for _ in range(10)]

    assert [result.word.proven for result in results] == [True] * 10
    assert [result.clean[0] for result in results] == [True] * 10


def test_every_file_system_has_its_own_proof(guest, data):
    result = freeze(guest)

    assert result.word.proven
    assert set(result.word.frozen) == {'/', '/data'}
    assert result.clean[:2] == [True, True]


def test_an_xfs_is_proven_by_its_writer(guest):
    guest.run('mkfs.xfs -q -f /dev/vdc && mkdir -p "/srv/my data"'
              ' && mount /dev/vdc "/srv/my data"')
    try:
        result = freeze(guest)
    finally:
        guest.run('umount /dev/vdc; rmdir "/srv/my data"')

    assert result.word.proven
    assert 'path=/srv/my%20data type=xfs disk=vdc' in result.said
    assert result.said.count('proof=wait ') == 1


def test_mount_points_that_look_alike_are_all_proven(guest):
    guest.run('mkdir -p /mnt/日本 /mnt/中国; mkfs.xfs -q -f /dev/vdc;'
              ' mkfs.ext4 -q -F /dev/vdb; mount /dev/vdb /mnt/日本;'
              ' mount /dev/vdc /mnt/中国')
    try:
        result = freeze(guest)
    finally:
        guest.run('umount /mnt/*; rmdir /mnt/日本 /mnt/中国')

    assert result.word.proven
    assert set(map(witness.path_for_people, result.word.frozen)) == {
        '/', '/mnt/日本', '/mnt/中国'}


def test_a_user_of_the_guest_cannot_spoil_a_proof(guest):
    """With a mount of their own that is called like a disk."""
    guest.run("mkdir -m 1777 /run/public; systemd-run --quiet --unit spoiler"
              " -p User=nobody unshare --user --map-root-user --mount sh -c"
              " 'mount -t tmpfs /dev/vda /run/public; sleep 1000'")
    try:
        guest.run("for i in $(seq 50); do cat /proc/[0-9]*/mountinfo |"
                  " grep 'tmpfs /dev/vda ' && exit; sleep 0.2; done; exit 1")
        result = freeze(guest)
    finally:
        guest.run('systemctl stop spoiler; rmdir /run/public')

    assert result.word.expected == 1
    assert result.word.proven


def test_a_file_system_mounted_twice_counts_once(guest, data):
    guest.run('mkdir /data/a /data/b && mount --bind /data/a /data/b')
    try:
        result = freeze(guest)
    finally:
        guest.run('umount /data/b')

    assert result.word.expected == 2
    assert result.word.proven


def test_a_file_system_under_another_stays_open(guest, data):
    guest.run('mount /dev/vdb /mnt; mkfs.xfs -q -f /dev/vdc;'
              ' umount /data; mkdir -p /data; mount /dev/vdc /mnt')
    try:
        result = freeze(guest)
    finally:
        guest.run('umount /mnt; umount /mnt; mount /dev/vdb /data')

    # The agent freezes what lies on top, twice, and says that all is well.
    assert result.word.open == ('/mnt',)
    assert not result.word.proven
    assert not result.clean[1]


def test_vfat_counts_as_left_alone_when_nothing_is_written(guest):
    guest.run('modprobe vfat')
    guest.run('truncate -s 40M /run/fat; losetup /dev/loop0 /run/fat')
    guest.run('mkfs.vfat /dev/loop0 >/dev/null && mkdir -p /boot/efi'
              ' && mount /dev/loop0 /boot/efi')
    try:
        quiet = freeze(guest)
        written = freeze(guest, meanwhile=lambda: guest.run(
            'echo x >/boot/efi/file; sync -f /boot/efi'))
    finally:
        guest.run('umount /boot/efi; losetup -d /dev/loop0; rm /run/fat')

    assert quiet.word.proven
    assert written.word.open == ('/boot/efi',)


def test_a_full_disk_is_frozen_and_proven(guest, data):
    guest.run('cp /dev/zero /data/full; cp /dev/zero /full', check=False)
    free = guest.run('stat -f -c %a /; stat -f -c %a /data')
    try:
        result = freeze(guest)
    finally:
        guest.run('rm /full /data/full')

    assert free == '0\n0\n'
    assert result.word.proven
    assert result.clean[:2] == [True, True]


def test_heavy_writing_is_frozen_and_proven(guest, data, load):
    for path in ('/load', '/data/load'):
        load(f'while :; do dd if=/dev/zero of={path} bs=64k count=800; done')
    time.sleep(3)

    results = [freeze(guest) for _ in range(3)]

    assert [result.word.proven for result in results] == [True] * 3
    assert [result.clean[:2] for result in results] == [[True, True]] * 3


def test_a_busy_machine_is_proven(guest, load):
    for _ in range(4):
        load('while :; do :; done')

    results = [freeze(guest) for _ in range(5)]

    assert [result.word.proven for result in results] == [True] * 5


def test_a_freeze_that_fails_under_writing_is_not_claimed(
        guest, data, load):
    """The agent froze /data, failed at another one, and thawed it again."""
    guest.run('mkfs.xfs -q -f /dev/vdc; mkdir -p /run/a/b')
    load('while :; do dd if=/dev/zero of=/load bs=64k count=800; done')
    load('while :; do dd if=/dev/zero of=/data/l bs=64k count=800; done')
    guest.run('umount -l /data; mount /dev/vdc /run/a/b;'
              ' mount /dev/vdb /data; mount -t tmpfs none /run/a')
    try:
        results = [freeze(guest) for _ in range(3)]
    finally:
        guest.run('umount /run/a; umount /run/a/b')

    for result in results:
        assert result.error is not None
        assert not result.word.proven
        assert '/' in result.word.open
        assert not result.clean[0]


def test_a_hook_that_is_there_runs_and_is_named(guest, hook):
    hook('20-database', 'echo "$1" >>/run/calls')
    hook('30-wrong-at-thaw', '[ "$1" = freeze ]')
    result = freeze(guest)
    calls = guest.run('cat /run/calls; rm /run/calls')

    assert calls == 'freeze\nthaw\n'
    assert result.word.hooks == {'20-database': True,
                                 '30-wrong-at-thaw': False}
    assert result.word.proven


def test_a_failing_hook_makes_the_agent_abort(guest, hook):
    hook('10-first', 'echo "first $1" >>/run/calls')
    hook('20-failing', 'echo "failing $1" >>/run/calls; exit 3')
    hook('30-never', 'echo "never $1" >>/run/calls')
    result = freeze(guest)
    calls = guest.run('cat /run/calls; rm /run/calls')

    assert 'hook' in result.error
    assert result.word.aborted == '20-failing'
    assert 'event=aborted name=20-failing status=3' in result.said
    assert not result.clean[0]
    assert calls == ('first freeze\nfailing freeze\n'
                     'first thaw\nfailing thaw\n')


def test_a_slow_hook_delays_and_is_proven(guest, hook):
    hook('20-slow', '[ "$1" = thaw ] || sleep 4')
    result = freeze(guest)

    assert result.word.proven
    assert result.word.frozen['/'] < 2


def test_a_hook_that_hangs_is_ended_and_refuses(guest, hook):
    guest.run("sed -i 's/^HOOK_SECONDS=120/HOOK_SECONDS=2/'"
              ' /usr/local/sbin/consistency-kit')
    hook('20-hangs', '[ "$1" = thaw ] || sleep 1000')
    try:
        result = freeze(guest)
    finally:
        guest.run("sed -i 's/^HOOK_SECONDS=2/HOOK_SECONDS=120/'"
                  ' /usr/local/sbin/consistency-kit')

    assert result.word.aborted == '20-hangs'
    assert not result.clean[0]


def test_an_agent_killed_while_frozen_is_not_called_proven(guest):
    kill = "kill -9 $(systemctl show -p MainPID --value qemu-guest-agent)"
    guest.sync_agent()
    before = len(guest.console)
    guest.agent('guest-fsfreeze-freeze')
    guest.run(kill)
    started = time.monotonic()
    guest.wait_console('event=started', after=before)
    seconds = time.monotonic() - started
    guest.sync_agent()
    guest.agent('guest-fsfreeze-thaw')
    time.sleep(0.5)
    said = guest.console[before:]
    guest.run('echo writable >/file; rm /file')
    after = freeze(guest)

    # The writer that waits for the thaw does not hold up the restart.
    assert seconds < 20
    attempts = witness.freezes(witness.parse(said))
    assert not any(attempt.proven for attempt in attempts)
    assert after.word.proven


def test_an_agent_killed_during_a_hook_is_not_called_proven(guest, hook):
    hook('20-slow', 'sleep 5')
    guest.sync_agent()
    before = len(guest.console)
    guest.agent_send('guest-fsfreeze-freeze')
    guest.wait_console('event=freeze', after=before)
    guest.run("kill -9 $(systemctl show -p MainPID --value qemu-guest-agent)")
    guest.wait_console('event=started', after=before)
    time.sleep(6)
    said = guest.console[before:]
    clean = machine.is_clean(guest.disks[0])
    guest.run(f'rm {HOOKS}/20-slow')
    after = freeze(guest)

    assert not clean
    assert [line.event for line in witness.parse(said)] == [
        'freeze', 'stopped', 'started']
    assert after.word.proven


def test_an_agent_that_hangs_before_the_freeze_is_not_called_proven(
        guest, hook, load):
    load('while :; do dd if=/dev/zero of=/load bs=64k count=800; done')
    hook('20-slow', '[ "$1" = thaw ] || sleep 3')
    guest.sync_agent()
    before = len(guest.console)
    main = '$(systemctl show -p MainPID --value qemu-guest-agent)'
    guest.agent_send('guest-fsfreeze-freeze')
    guest.wait_console('event=freeze', after=before)
    guest.run(f'kill -STOP {main}')
    time.sleep(6)
    clean = machine.is_clean(guest.disks[0])
    said = guest.console[before:]
    guest.run(f'kill -CONT {main}')
    guest.agent_receive()
    late = machine.is_clean(guest.disks[0])
    # A machine that is busy besides may miss a shorter freeze.
    time.sleep(2)
    guest.agent('guest-fsfreeze-thaw')
    time.sleep(0.3)

    assert not clean
    assert [line.event for line in witness.parse(said)] == ['freeze']
    assert late
    assert witness.freezes(
        witness.read(guest.console).chain)[-1].proven


def test_a_freeze_without_kernel_messages_works(guest):
    guest.run('mv /dev/kmsg /dev/kmsg.away')
    try:
        result = freeze(guest)
    finally:
        guest.run('mv /dev/kmsg.away /dev/kmsg')
    after = freeze(guest)

    assert result.error is None
    assert result.clean[0]
    assert result.word is None
    assert after.word.proven


def test_a_freeze_with_a_full_run_works(guest, hook):
    hook('20-database', 'echo "$1" >>/var/tmp/calls')
    guest.run('cp /dev/zero /run/full', check=False)
    try:
        result = freeze(guest)
    finally:
        guest.run('rm /run/full')
    calls = guest.run('cat /var/tmp/calls; rm /var/tmp/calls')
    guest.run('systemctl restart qemu-guest-agent')
    after = freeze(guest)

    assert result.error is None
    assert result.clean[0]
    assert calls == 'freeze\nthaw\n'
    assert result.word is None or not result.word.proven
    assert after.word.proven


def test_events_at_the_same_time_have_numbers_of_their_own(guest):
    before = len(guest.console)
    guest.run('for i in 1 2 3 4 5 6 7 8 9 10; do'
              ' consistency-kit stopped & done; wait')
    guest.run('systemctl restart qemu-guest-agent; sleep 1')

    lines = witness.parse(guest.console[before:])
    numbers = [line.seq for line in lines]
    assert len(numbers) == 12
    assert numbers == list(range(numbers[0], numbers[0] + 12))
    assert all(witness.follows(*pair) for pair in zip(lines, lines[1:]))


def test_nothing_is_left_running_after_a_thaw(guest):
    freeze(guest)

    assert guest.run('grep -l sbin/consistency-kit /proc/[0-9]*/cmdline;'
                     ' find /run/consistency-kit -name "event*"') == ''


def test_a_thaw_by_somebody_else_is_not_called_proven(guest):
    result = freeze(guest, meanwhile=lambda: (
        guest.run('fsfreeze -u /'), time.sleep(5)))

    assert not result.word.proven
    assert not result.clean[0]


def test_the_hook_called_by_hand_proves_nothing(guest):
    before = len(guest.console)
    guest.run('consistency-kit freeze; fsfreeze -f /; sleep 1;'
              ' fsfreeze -u /; consistency-kit thaw')

    attempt, = witness.freezes(witness.parse(guest.console[before:]))
    assert attempt.open == ('/',)
    assert not attempt.proven


def test_an_agent_that_reads_its_hook_to_the_end_goes_on(guest):
    """Agents since QEMU 9 do: what runs on must not hold their pipe."""
    guest.run('cp /bin/sh /root/qemu-ga')
    script = ('said=$(consistency-kit freeze 2>&1; echo done);'
              ' fsfreeze -f /; sleep 1; fsfreeze -u /;'
              ' consistency-kit thaw; echo "$said"')
    started = time.monotonic()
    said = guest.run(f"/root/qemu-ga -c '{script}'; rm /root/qemu-ga")

    assert said == 'done\n'
    assert time.monotonic() - started < 10


def test_power_off_is_witnessed_at_the_very_end(guest):
    guest.run('systemctl poweroff --no-block')
    guest.wait_off()

    lines = witness.read(guest.console).chain
    assert [line.event for line in lines[-2:]] == ['stopped', 'poweroff']
    assert machine.is_clean(guest.disks[0])


def test_a_new_boot_counts_from_one(guest):
    boot = witness.read(guest.console).chain[-1].boot
    guest.start()
    guest.wait_console('event=started')

    lines = witness.read(guest.console).chain
    assert [(line.event, line.seq) for line in lines] == [('started', 1)]
    assert lines[0].boot != boot
    assert freeze(guest).word.proven


def test_a_hard_stop_is_not_witnessed(guest):
    guest.kill()

    assert 'event=poweroff' not in guest.console
    assert not machine.is_clean(guest.disks[0])


def test_a_read_only_guest_proves_nothing(guest):
    guest.start()
    guest.run("sed -i 's/ rw / ro /' /etc/fstab")
    guest.run('systemctl poweroff --no-block')
    guest.wait_off()
    guest.options = 'ro'
    guest.start()
    guest.wait_console('event=started')
    assert guest.run("grep -c '^/dev/vda / ext4 ro' /proc/mounts") == '1\n'

    result = freeze(guest)

    assert [line.event for line in result.lines] == ['freeze', 'thaw']
    assert result.word.expected == 0
    assert not result.word.proven


def test_the_kit_is_the_one_in_the_package():
    assert machine.KIT.exists()
