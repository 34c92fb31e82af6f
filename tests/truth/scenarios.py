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

"""The scenarios: each brings a guest into a state and takes snapshots."""

import contextlib

from tests import clients
from tests.truth import stage as stages

ALL = {}
SHORT = []
# The agent's process, for kill.
AGENT = '$(systemctl show --property MainPID --value qemu-guest-agent)'


def scenario(name, short=False):
    """Name a scenario; ``short`` ones are in the short form too."""
    def named(function):
        ALL[name] = function
        if short:
            SHORT.append(name)
        return function
    return named


BOOT = 'cat /proc/sys/kernel/random/boot_id'


@contextlib.contextmanager
def hook(guest, script):
    """Give the guest an application hook for a while."""
    guest.add_hook(script)
    try:
        yield
    finally:
        guest.remove_hook()


def heavy_writing(guest):
    """Let the guest write as much as it can."""
    return _over_and_over(
        guest, 'dd if=/dev/zero of=/load bs=64k count=400 conv=fsync')


def steady_writing(guest):
    """Let the guest write a little all the time, down to its disk.

    So no disk comes to look at rest that was not frozen: an idle XFS does,
    after a while.
    """
    return _over_and_over(guest, 'echo >>/load; sync /load')


@contextlib.contextmanager
def _over_and_over(guest, script):
    guest.run(f'(while :; do {script}; done) >/dev/null 2>&1 &'
              ' echo $! >/run/load')
    try:
        yield
    finally:
        guest.run('kill $(cat /run/load); rm -f /load')


# Agent and kit ------------------------------------------------------------

@scenario('agent and kit', short=True)
def agent_and_kit(stage):
    guest = stage.main()
    for _ in range(3):
        stage.take(guest, timed=True)
        stage.take_plain(guest)


@scenario('agent stopped', short=True)
def agent_stopped(stage):
    guest = stage.main()
    guest.run('systemctl stop qemu-guest-agent')
    try:
        stage.take(guest)
    finally:
        guest.run('systemctl start qemu-guest-agent')


@scenario('no channel', short=True)
def no_channel(stage):
    guest = stage.start('debian-12').wait()
    stage.take(guest, kit=False)


@scenario('two snapshots in a row')
def two_in_a_row(stage):
    guest = stage.main()
    first = stage.click(guest)
    stage.await_active(first)
    second = stage.click(guest)
    stage.await_active(second)
    stage.judge(guest, first)
    stage.judge(guest, second)


@scenario('hook works')
def hook_works(stage):
    with hook(stage.main(), 'exit 0'):
        stage.take(stage.main())


@scenario('hook failing')
def hook_failing(stage):
    with hook(stage.main(), '[ "$1" = thaw ]'):
        stage.take(stage.main())


@scenario('hook slow')
def hook_slow(stage):
    with hook(stage.main(), '[ "$1" = thaw ] || sleep 10'):
        stage.take(stage.main())


@scenario('agent killed at the freeze')
def agent_killed(stage):
    guest = stage.main()
    with hook(guest, f'[ "$1" = thaw ] || kill -KILL {AGENT}'):
        try:
            stage.take(guest)
        finally:
            guest.run('systemctl start qemu-guest-agent')


@scenario('agent hung before the freeze')
def agent_hung(stage):
    guest = stage.main()
    guest.run(f'kill -STOP {AGENT}')
    try:
        stage.take(guest)
    finally:
        guest.run(f'kill -CONT {AGENT}')


@scenario('agent hung at the freeze')
def agent_hung_at_freeze(stage):
    # Nova waits for it; it goes on after a while.
    with hook(stage.main(), f'[ "$1" = freeze ] || exit 0\nagent={AGENT}\n'
              'setsid sh -c "sleep 20; kill -CONT $agent" </dev/null'
              ' >/dev/null 2>&1 &\nkill -STOP $agent'):
        stage.take(stage.main())


@scenario('full disk')
def full_disk(stage):
    guest = stage.main()
    guest.run('set -- $(df -k --output=avail / | tail -1)\n'
              'fallocate -l $(($1 - 64))k /full\n'
              'cat /dev/zero >/full2 2>/dev/null; sync')
    try:
        stage.take(guest)
    finally:
        guest.run('rm -f /full /full2')


@scenario('heavy writing')
def writing(stage):
    with heavy_writing(stage.main()):
        for _ in range(2):
            stage.take(stage.main())


@scenario('rebooted between request and copy')
def rebooted(stage):
    guest = stage.main()
    guest.add_hook('rm -f "$0"; sync; echo b >/proc/sysrq-trigger; sleep 9')
    # Without proof, because the disk depends on how far the new boot has come
    # when it is copied: its check of the disk brings it to rest for a moment.
    snapshot = stage.click(guest, kit=False)
    stage.await_active(snapshot)
    guest.wait()
    stage.judge(guest, snapshot)


@scenario('rebooted after the copy')
def rebooted_later(stage):
    guest = stage.main()
    snapshot = stage.click(guest)
    # Nobody looks before the guest was restarted.
    stage.await_active(snapshot)
    before = guest.run(BOOT)
    guest.run('systemd-run --quiet --on-active=1 systemctl reboot')

    def rebooted():
        try:
            return guest.wait().run(BOOT, timeout=10) != before
        except TimeoutError:
            return False
    clients.wait_for(rebooted, 'the new boot')
    stage.judge(guest, snapshot)


# Not running --------------------------------------------------------------

@scenario('paused')
def paused(stage):
    guest = stage.main()
    stage.become(guest, 'PAUSED', 'pause')
    try:
        stage.take(guest)
    finally:
        stage.become(guest, 'ACTIVE', 'unpause')


@scenario('clean stop')
def clean_stop(stage):
    guest = stage.main()
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest)
    stage.become(guest, 'ACTIVE', 'start')
    guest.wait()


@scenario('hard stop')
def hard_stop(stage):
    guest = stage.main()
    # Nobody listens to the power button.
    guest.run('systemctl mask --runtime --now systemd-logind')
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest)
    stage.become(guest, 'ACTIVE', 'start')
    guest.wait()


# Guests of their own ------------------------------------------------------

@scenario('agent without kit')
def agent_without_kit(stage):
    guest = stage.start('debian-12-agent').wait()
    guest.run('apt-get update -q; apt-get install -qy'
              ' --no-install-recommends qemu-guest-agent;'
              ' systemctl start qemu-guest-agent', timeout=240)
    stage.take(guest, kit=False)


@scenario('os_require_quiesce with a dead agent')
def quiesce_with_dead_agent(stage):
    guest = stage.start('debian-12-quiesce').wait()
    guest.install_kit()
    guest.run('systemctl stop qemu-guest-agent')
    stage.take(guest)


def _start_with_data(stage, make):
    guest = stage.start('debian-12-agent', stages.DATA_FLAVOR).wait()
    guest.install_kit()
    guest.run(f'{make} /dev/vdb; mkdir -p /srv/outer/data;'
              f' mount /dev/vdb /srv/outer/data')
    return guest


@scenario('second file system')
def second_file_system(stage):
    guest = _start_with_data(stage, 'mkfs.ext4 -qF')
    stage.take(guest)


@scenario('second file system, its freeze fails under heavy writing')
def second_fails(stage):
    guest = _start_with_data(stage, 'mkfs.ext4 -qF')
    # The agent cannot open what lies beneath, and gives up.
    guest.run('mount -t tmpfs none /srv/outer')
    with heavy_writing(guest):
        stage.take(guest)


@scenario('second file system that cannot be frozen')
def second_cannot_freeze(stage):
    guest = _start_with_data(stage, 'mkfs.vfat')
    stage.take(guest)


@scenario('XFS root')
def xfs_root(stage):
    if not stage.has_image('debian-12-xfs'):
        _make_xfs_image(stage)
    guest = stage.start('debian-12-xfs').wait()
    guest.install_kit()
    with steady_writing(guest):
        stage.take(guest)
        guest.run('systemctl stop qemu-guest-agent')
        stage.take(guest)


def _make_xfs_image(stage):
    # In a guest: on this machine nothing can fill an XFS as a file.
    maker = stage.start('debian-12-agent', stages.DATA_FLAVOR).wait()
    maker.run('mkfs.xfs -fq /dev/vdb && mount /dev/vdb /mnt &&'
              ' cp -ax /. /mnt && sed -i s/ext4/xfs/ /mnt/etc/fstab &&'
              ' umount /mnt', timeout=400)
    stage.become(maker, 'SHUTOFF', 'stop')
    stage.make_image(maker, 'debian-12-xfs', 'disk.eph0')
    stage.clean()


# On volumes ---------------------------------------------------------------

@scenario('volume-backed')
def volume_backed(stage):
    guest = stage.start('debian-12-agent', volumes=1).wait()
    guest.install_kit()
    stage.take(guest)
    guest.run('systemctl stop qemu-guest-agent')
    stage.take(guest)
    # By Nova's record of the stop.
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest)


@scenario('volume-backed with os_require_quiesce')
def volume_backed_quiesce(stage):
    guest = stage.start('debian-12-quiesce', volumes=1).wait()
    guest.install_kit()
    stage.take(guest)
    guest.run('systemctl stop qemu-guest-agent')
    stage.refused(guest)


@scenario('two volumes, also where the snapshot of one fails')
def volume_snapshot_fails(stage):
    guest = stage.start('debian-12-agent', volumes=2).wait()
    guest.install_kit()
    guest.run('mkfs.ext4 -qF /dev/vdb; mount /dev/vdb /mnt')
    stage.take(guest)
    with stage.broken_storage(guest, '/dev/vdb'):
        stage.take(guest)
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest)
    with stage.broken_storage(guest, '/dev/vdb'):
        stage.take(guest)
