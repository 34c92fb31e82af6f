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

"""The scenarios: each brings a guest into a state and takes snapshots.

Each takes them with the panel's button and by a plain command, unless it says
otherwise. Those that name kinds of guests are played with each of them.
"""

import contextlib
import functools

from tests import clients
from tests.truth import report
from tests.truth import stage as stages

NO_KIT = stages.Kind('agent alone')
KIT = stages.Kind('agent and kit', kit=True)
GPT = stages.Kind('GPT, EFI, agent alone', 'debian-12-gpt')
GPT_KIT = stages.Kind('GPT, EFI, agent and kit', 'debian-12-gpt', kit=True)
LVM = stages.Kind('LVM, agent alone', 'debian-12-lvm')
LVM_KIT = stages.Kind('LVM, agent and kit', 'debian-12-lvm', kit=True)
# In this order the fewest guests have to boot.
KINDS = (NO_KIT, KIT, GPT, GPT_KIT, LVM, LVM_KIT)
# Those without partitions.
WHOLE = (NO_KIT, KIT)

# The agent's process, for kill.
AGENT = '$(systemctl show --property MainPID --value qemu-guest-agent)'
BOOT = 'cat /proc/sys/kernel/random/boot_id'

_KNOWN = []


def scenario(name, kinds=(), short=()):
    """Name a scenario.

    :param kinds: the guests that it is played with, one after the other; none
        where it starts its own.
    :param short: those of the short form; True where it starts its own.
    """
    def named(function):
        _KNOWN.append((name, function, kinds, short))
        return function
    return named


def play(stage, function, kind):
    """Play a scenario, with a shared guest of a kind if there is one."""
    function(stage, stage.shared(kind)) if kind else function(stage)


def collect():
    """Return how to play each scenario, and the names of the short ones.

    Each is called with the stage. Its name is the scenario's, and that of the
    kind of guest.
    """
    found, few = {}, []
    for kind in (*KINDS, None):
        for name, function, kinds, short in _KNOWN:
            if kind not in (kinds or [None]):
                continue
            full = f'{name} / {kind.name}' if kind else name
            found[full] = functools.partial(play, function=function, kind=kind)
            if short is True or short and kind in short:
                few.append(full)
    return found, few


@contextlib.contextmanager
def hook(guest, script):
    """Give the guest an application hook for a while."""
    guest.add_hook(script)
    try:
        yield
    finally:
        guest.remove_hook()


@contextlib.contextmanager
def agent_down(guest):
    """Stop the guest's agent for a while."""
    guest.run('systemctl stop qemu-guest-agent')
    try:
        yield
    finally:
        guest.run('systemctl start qemu-guest-agent')


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


# Running ------------------------------------------------------------------

@scenario('agent running', KINDS, short=(GPT, GPT_KIT))
def agent_running(stage, guest):
    stage.take(guest, timed=True)


@scenario('agent stopped', KINDS, short=(GPT,))
def agent_stopped(stage, guest):
    with agent_down(guest):
        stage.take(guest)


@scenario('two snapshots in a row', WHOLE)
def two_in_a_row(stage, guest):
    for ways in (report.WAYS, report.WAYS[::-1]):
        snapshots = []
        for way in ways:
            snapshots.append(stage.ask(guest, way))
            stage.await_active(snapshots[-1])
        for snapshot in snapshots:
            stage.judge(snapshot)


@scenario('hook works', (KIT,))
def hook_works(stage, guest):
    with hook(guest, 'exit 0'):
        stage.take(guest)


@scenario('hook failing', (KIT,))
def hook_failing(stage, guest):
    with hook(guest, '[ "$1" = thaw ]'):
        stage.take(guest)


@scenario('hook slow', (KIT,))
def hook_slow(stage, guest):
    with hook(guest, '[ "$1" = thaw ] || sleep 10'):
        stage.take(guest)


@scenario('agent killed at the freeze', (KIT,))
def agent_killed(stage, guest):
    with hook(guest, f'[ "$1" = thaw ] || kill -KILL {AGENT}'):
        for way in report.WAYS:
            try:
                stage.take(guest, [way])
            finally:
                guest.run('systemctl start qemu-guest-agent')


@scenario('agent hung before it answered', WHOLE)
def agent_hung(stage, guest):
    # An agent that libvirt has not heard of since it started: it waits 5 s.
    guest.run('systemctl restart qemu-guest-agent; sleep 5\n'
              f'kill -STOP {AGENT}')
    try:
        stage.take(guest)
    finally:
        guest.run(f'kill -CONT {AGENT}')


@scenario('agent hung once it had answered', WHOLE)
def agent_hung_later(stage, guest):
    stage.take(guest, report.WAYS[:1])
    # libvirt waits for it without end; it goes on after a while.
    guest.run(f'agent={AGENT}\n'
              'setsid sh -c "sleep 40; kill -CONT $agent" </dev/null'
              ' >/dev/null 2>&1 &\nkill -STOP $agent')
    stage.take(guest, report.WAYS[1:])


@scenario('agent hung at the freeze', (KIT,))
def agent_hung_at_freeze(stage, guest):
    # Nova waits for it; it goes on after a while.
    with hook(guest, f'[ "$1" = freeze ] || exit 0\nagent={AGENT}\n'
              'setsid sh -c "sleep 20; kill -CONT $agent" </dev/null'
              ' >/dev/null 2>&1 &\nkill -STOP $agent'):
        stage.take(guest)


@scenario('full disk', WHOLE)
def full_disk(stage, guest):
    guest.run('set -- $(df -k --output=avail / | tail -1)\n'
              'fallocate -l $(($1 - 64))k /full\n'
              'cat /dev/zero >/full2 2>/dev/null; sync')
    try:
        stage.take(guest)
    finally:
        guest.run('rm -f /full /full2')


@scenario('heavy writing', WHOLE)
def writing(stage, guest):
    with heavy_writing(guest):
        stage.take(guest)


@scenario('rebooted between request and copy', (KIT,))
def rebooted(stage, guest):
    for way in report.WAYS:
        guest.add_hook(
            'rm -f "$0"; sync; echo b >/proc/sysrq-trigger; sleep 9')
        # The disk depends on how far the new boot has come when it is
        # copied: its check of the disk brings it to rest for a moment.
        snapshot = stage.ask(guest, way)
        stage.await_active(snapshot)
        guest.wait()
        stage.judge(snapshot)


@scenario('rebooted after the copy', WHOLE)
def rebooted_later(stage, guest):
    snapshots = []
    for way in report.WAYS:
        snapshots.append(stage.ask(guest, way))
        # Nobody looks before the guest was restarted.
        stage.await_active(snapshots[-1])
    before = guest.run(BOOT)
    guest.run('systemd-run --quiet --on-active=1 systemctl reboot')

    def rebooted():
        try:
            return guest.wait().run(BOOT, timeout=10) != before
        except TimeoutError:
            return False
    clients.wait_for(rebooted, 'the new boot')
    for snapshot in snapshots:
        stage.judge(snapshot)


# Not running --------------------------------------------------------------

@scenario('paused', WHOLE)
def paused(stage, guest):
    stage.become(guest, 'PAUSED', 'pause')
    try:
        stage.take(guest)
    finally:
        stage.become(guest, 'ACTIVE', 'unpause')


@scenario('clean stop', (NO_KIT, KIT, GPT, LVM))
def clean_stop(stage, guest):
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest)
    stage.become(guest, 'ACTIVE', 'start')
    guest.wait()


@scenario('hard stop', WHOLE)
def hard_stop(stage, guest):
    # Nobody listens to the power button.
    guest.run('systemctl mask --runtime --now systemd-logind')
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest)
    stage.become(guest, 'ACTIVE', 'start')
    guest.wait()


# Guests of their own ------------------------------------------------------

@scenario('no channel', short=True)
def no_channel(stage):
    stage.take(stage.start('debian-12'))


@scenario('os_require_quiesce with a dead agent')
def quiesce_with_dead_agent(stage):
    guest = stage.start('debian-12-quiesce').install_agent()
    with agent_down(guest):
        stage.take(guest)
    guest.install_kit()
    with agent_down(guest):
        stage.take(guest)


def _start_with_data(stage, make):
    guest = stage.start('debian-12-agent', stages.DATA_FLAVOR)
    guest.install_agent()
    guest.run(f'{make} /dev/vdb; mkdir -p /srv/outer/data;'
              f' mount /dev/vdb /srv/outer/data')
    return guest


def _take_without_and_with_kit(stage, guest):
    stage.take(guest)
    stage.take(guest.install_kit())


@scenario('second file system')
def second_file_system(stage):
    _take_without_and_with_kit(
        stage, _start_with_data(stage, 'mkfs.ext4 -qF'))


@scenario('second file system, its freeze fails under heavy writing')
def second_fails(stage):
    guest = _start_with_data(stage, 'mkfs.ext4 -qF')
    guest.install_kit()
    # The agent cannot open what lies beneath, and gives up.
    guest.run('mount -t tmpfs none /srv/outer')
    with heavy_writing(guest):
        stage.take(guest)


@scenario('second file system that cannot be frozen')
def second_cannot_freeze(stage):
    _take_without_and_with_kit(stage, _start_with_data(stage, 'mkfs.vfat'))


@scenario('XFS root')
def xfs_root(stage):
    if not stage.has_image('debian-12-xfs'):
        _make_xfs_image(stage)
    guest = stage.start('debian-12-xfs').install_agent()
    with steady_writing(guest):
        _take_without_and_with_kit(stage, guest)
        with agent_down(guest):
            stage.take(guest)


def _make_xfs_image(stage):
    # In a guest: on this machine nothing can fill an XFS as a file.
    maker = stage.start('debian-12-agent', stages.DATA_FLAVOR)
    maker.run('mkfs.xfs -fq /dev/vdb && mount /dev/vdb /mnt &&'
              ' cp -ax /. /mnt && sed -i s/ext4/xfs/ /mnt/etc/fstab &&'
              ' umount /mnt', timeout=400)
    stage.become(maker, 'SHUTOFF', 'stop')
    stage.make_image(maker, 'debian-12-xfs', 'disk.eph0')
    stage.clean()


# On volumes, where the image has no data and the panel alone keeps records --

@scenario('volume-backed')
def volume_backed(stage):
    guest = stage.start('debian-12-agent', volumes=1).install_agent()
    stage.take(guest, [report.PANEL])
    stage.take(guest.install_kit(), [report.PANEL])
    with agent_down(guest):
        stage.take(guest, [report.PANEL])
    # By Nova's record of the stop.
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest, [report.PANEL])


@scenario('volume-backed with os_require_quiesce')
def volume_backed_quiesce(stage):
    guest = stage.start('debian-12-quiesce', volumes=1).install_kit()
    stage.take(guest, [report.PANEL])
    with agent_down(guest):
        stage.refused(guest)


@scenario('two volumes, also where the snapshot of one fails')
def volume_snapshot_fails(stage):
    guest = stage.start('debian-12-agent', volumes=2).install_kit()
    guest.run('mkfs.ext4 -qF /dev/vdb; mount /dev/vdb /mnt')
    stage.take(guest, [report.PANEL])
    with stage.broken_storage(guest, '/dev/vdb'):
        stage.take(guest, [report.PANEL])
    stage.become(guest, 'SHUTOFF', 'stop')
    stage.take(guest, [report.PANEL])
    with stage.broken_storage(guest, '/dev/vdb'):
        stage.take(guest, [report.PANEL])


ALL, SHORT = collect()
