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

"""The guests of the demo cloud: what they do and what their console shows.

A pure model: no Nova, no files, no clock and no waiting of its own. Times
are seconds of any one clock, given by the caller and never going back.
"""

import dataclasses
import enum
import hashlib
import re
import secrets

from tests.cloud import boot_log

# What Nova reads of a console log: never more than this, in characters.
CONSOLE_SIZE = 100 * 1024
# How long lines that come late take to appear, in seconds.
LATE_SECONDS = 9.0
# How long a guest takes that shuts down in order, in seconds.
SHUTDOWN_SECONDS = 3.0
# How long a freeze took that never was, in seconds.
FREEZE_CLAIMED = 0.06
AGENT_VERSION = '7.2.11'


class Power(str, enum.Enum):
    """Whether a guest runs, as its hypervisor sees it."""

    RUNNING = 'running'
    PAUSED = 'paused'
    SUSPENDED = 'suspended'
    OFF = 'off'


class Agent(enum.Enum):
    """The guest agent behind its channel."""

    RUNNING = 'running'
    STOPPED = 'stopped'
    # The process is there and answers no request.
    HUNG = 'hung'


class Answer(enum.Enum):
    """What comes of a request to freeze."""

    FROZEN = 'frozen'
    # The agent says no. Nova copies all the same.
    REFUSED = 'refused'
    # Nobody answers. Nova copies all the same.
    SILENCE = 'silence'
    # Something breaks in such a way that Nova discards the snapshot.
    BROKEN = 'broken'


@dataclasses.dataclass(frozen=True)
class FileSystem:
    """A writable file system of the root disk."""

    path: str = '/'
    freezes: bool = True
    kind: str = 'ext4'
    disk: str = 'vda'
    # The kernel once found an error in it, and wrote that down.
    damaged: bool = False


@dataclasses.dataclass(frozen=True)
class Hook:
    """An application's hook, called before the freeze and after the thaw."""

    name: str = '20-postgresql'
    status: int = 0


@dataclasses.dataclass(frozen=True)
class Profile:
    """What one kind of guest does when something is asked of it."""

    # The guest kit is installed: witnesses are printed.
    kit: bool = True
    agent: Agent = Agent.RUNNING
    file_systems: tuple = (FileSystem(),)
    # How the root disk is divided: 'gpt' as cloud images are, with an EFI
    # partition; 'lvm', a volume group in such a partition; 'disk', not at all.
    layout: str = 'gpt'
    hooks: tuple = ()
    # The guest shuts down when its power button is pressed.
    acpi: bool = True
    # A failing hook makes Nova throw the snapshot away.
    breaks: bool = False
    # One of the methods Guest._trick_*: what happens at the request, ...
    at_request: str = ''
    # ... instead of an answer to the freeze, ...
    at_freeze: str = ''
    # ... and instead of the lines of the thaw.
    at_thaw: str = ''


PROFILES = {
    'ready': Profile(),
    'no-kit': Profile(kit=False),
    'agent-stopped': Profile(agent=Agent.STOPPED),
    'agent-dead': Profile(kit=False, agent=Agent.STOPPED),
    'freeze-fails': Profile(file_systems=(FileSystem(freezes=False),)),
    'partial': Profile(file_systems=(
        FileSystem(), FileSystem(path='/data', freezes=False))),
    'hook-ok': Profile(hooks=(Hook(),)),
    'hook-fails': Profile(hooks=(Hook(status=1),)),
    'discard': Profile(hooks=(Hook(status=1),), breaks=True),
    'reboot': Profile(at_request='reboot'),
    'replay': Profile(agent=Agent.HUNG, at_freeze='replay'),
    'typed': Profile(agent=Agent.HUNG, at_freeze='type'),
    'cut': Profile(at_thaw='cut'),
    'rotated': Profile(at_request='flood'),
    'ignores-acpi': Profile(acpi=False),
    'stuck': Profile(at_thaw='forget'),
    'extra-freeze': Profile(at_request='freeze'),
    'late': Profile(at_thaw='delay'),
    # Says that it froze, which it did not: root in a guest can say anything.
    'claims': Profile(agent=Agent.HUNG, at_freeze='claim'),
    # Disks of other kinds, which tell without a kit, or do not.
    'whole-disk': Profile(kit=False, layout='disk'),
    'lvm': Profile(kit=False, layout='lvm'),
    'xfs': Profile(file_systems=(FileSystem(kind='xfs'),)),
    'xfs-no-kit': Profile(kit=False, file_systems=(FileSystem(kind='xfs'),)),
    'xfs-replay': Profile(agent=Agent.HUNG, at_freeze='replay',
                          file_systems=(FileSystem(kind='xfs'),)),
    'damaged': Profile(file_systems=(FileSystem(damaged=True),)),
}
DEFAULT_PROFILE = 'agent-dead'


class Guest:
    """One guest: its power, its boot, its agent and its console.

    :param host: the guest's host name
    :param channel: whether the hypervisor gave it a channel for the agent
    :param token: makes a random word of so many bytes in hexadecimal
    """

    # What is kept when the demo stops.
    STATE = ('host', 'channel', 'profile_name', 'power', 'boot_id', 'seq',
             'next_key', 'booted_at', 'halted_at', 'last_up', 'agent_shown',
             'froze_at', 'pending', 'clean')

    def __init__(self, host, channel, token=secrets.token_hex):
        self.host = host
        self.channel = channel
        self.profile_name = DEFAULT_PROFILE
        self.power = Power.OFF
        self.console = ''
        # Whether the disk is at rest while the guest is off.
        self.clean = True
        self.boot_id = ''
        self.seq = 0
        self.next_key = ''
        self.booted_at = 0.0
        self.halted_at = None
        self.last_up = 0.0
        # What the witnesses said of the agent: '', 'running' or 'stopped'.
        self.agent_shown = ''
        self.froze_at = None
        # Lines still to come: [time, [events]].
        self.pending = []
        self._token = token

    # What is kept ---------------------------------------------------------

    def save(self):
        """Return the state as a dict for JSON; the console is not in it."""
        return {name: getattr(self, name) for name in self.STATE}

    @classmethod
    def restore(cls, state, console):
        """Return the guest that save() and its console describe."""
        guest = cls(state['host'], state['channel'])
        for name in cls.STATE:
            setattr(guest, name, state[name])
        guest.power = Power(guest.power)
        guest.console = console
        return guest

    # What is asked of a guest ---------------------------------------------

    @property
    def profile(self):
        """The Profile that the guest follows now."""
        return PROFILES[self.profile_name]

    def catch_up(self, now, profile_name):
        """Bring the guest to the present, with a profile from now on.

        Unknown names mean the default: anybody can set a server's metadata.
        """
        self.profile_name = (
            profile_name if profile_name in PROFILES else DEFAULT_PROFILE)
        if self.power is not Power.RUNNING:
            return
        due = [each for each in self.pending if each[0] <= now]
        self.pending = [each for each in self.pending if each[0] > now]
        for moment, events in due:
            self._witness(moment, *events)
        self._show_agent(now)

    def boot(self, now):
        """Power on. Nova's log of the console starts over."""
        self.console = ''
        self._boot(now, boot_log.BOOT_SECONDS)

    def shut_down(self, now):
        """Go down in order, as after a press of the power button."""
        if self.power is Power.RUNNING:
            self._go_down(now, 'poweroff')
            if self.profile.kit:
                self._witness(now, 'poweroff')
            self._kernel(now, 'reboot: Power down')
            self.clean = True
        self.power = Power.OFF

    def cut(self):
        """Lose power at once."""
        if self.power is not Power.OFF:
            # A suspended guest's memory is lost like a running one's.
            self.clean = False
        self.power = Power.OFF

    def pause(self, now):
        """Stop the guest's processors."""
        self.power = Power.PAUSED
        self.halted_at = now

    def suspend(self, now):
        """Save the guest's memory and end its process."""
        self.power = Power.SUSPENDED
        self.halted_at = now

    def go_on(self, now):
        """End a pause or a suspension; the guest's own clock stood still."""
        if self.power is Power.SUSPENDED:
            # A new process, and so a new log of the console.
            self.console = ''
        self.booted_at += now - self.halted_at
        self.halted_at = None
        self.power = Power.RUNNING

    def requested(self, now):
        """Let happen what happens between a request and the copy."""
        if self.power is Power.RUNNING and self.profile.at_request:
            getattr(self, f'_trick_{self.profile.at_request}')(now)

    def freeze(self, now):
        """Ask the agent to freeze; return its Answer.

        After Answer.FROZEN the caller must call thaw().
        """
        if self.power is not Power.RUNNING or not self.channel:
            return Answer.SILENCE
        profile = self.profile
        if profile.at_freeze:
            getattr(self, f'_trick_{profile.at_freeze}')(now)
        if profile.agent is not Agent.RUNNING:
            return Answer.SILENCE
        count = len(profile.file_systems)
        self._tell(now, f'freeze fs={count}')
        failed = [each for each in profile.hooks if each.status]
        if failed:
            self._tell(now, f'aborted name={failed[0].name} '
                            f'status={failed[0].status}')
            return Answer.BROKEN if profile.breaks else Answer.REFUSED
        self.froze_at = now
        if all(each.freezes for each in profile.file_systems):
            return Answer.FROZEN
        # One that fails thaws all, and the hook is told.
        self.thaw(now + 0.05)
        return Answer.REFUSED

    def thaw(self, now):
        """Ask the agent to thaw, whether anything is frozen or not."""
        if not self.frozen:
            if self.profile.agent is Agent.RUNNING:
                self._tell(now, 'rethaw')
            return
        events = self._thaw_events(now - self.froze_at)
        self.froze_at = None
        if self.profile.at_thaw:
            getattr(self, f'_trick_{self.profile.at_thaw}')(now, events)
        else:
            self._tell(now, *events)

    @property
    def frozen(self):
        """Whether the file systems are frozen at this moment."""
        return self.froze_at is not None

    @property
    def at_rest(self):
        """Whether a copy of the disk would be at rest at this moment.

        As ext4 says it of itself: frozen, or unmounted.
        """
        return self.clean if self.power is Power.OFF else self.frozen

    # Boots ----------------------------------------------------------------

    def _boot(self, now, seconds):
        pace = seconds / boot_log.BOOT_SECONDS
        self.booted_at = now - seconds
        self.last_up = 0.0
        self.boot_id = self._token(4)
        self.seq = 0
        self.next_key = self._token(16)
        self.agent_shown = ''
        self.halted_at = self.froze_at = None
        self.pending = []
        self.power = Power.RUNNING
        unit = self.channel and (self.profile.kit or
                                 self.profile.agent is not Agent.STOPPED)
        self._write(*boot_log.up(self.host, unit, pace))
        started = self.booted_at + boot_log.AGENT_STARTS * pace
        if self.profile.kit and self.channel:
            self._show(started, 'running')
        self._write(*boot_log.end(self.host))
        self._show_agent(now)

    def _go_down(self, now, goal):
        if self.agent_shown == 'running' and self.profile.kit:
            self._show(now, 'stopped')
        self._write('\n', *boot_log.down(goal))

    def _show_agent(self, now):
        """Print what changed about the agent since it was last told of."""
        if not (self.profile.kit and self.channel):
            return
        state = ('stopped' if self.profile.agent is Agent.STOPPED
                 else 'running')
        if state != self.agent_shown:
            self._show(now, state)

    def _show(self, now, state):
        self.agent_shown = state
        self._witness(now, f'started agent={AGENT_VERSION}'
                      if state == 'running' else 'stopped')

    # Freezes --------------------------------------------------------------

    def _thaw_events(self, stall):
        frozen = 0
        events = []
        for each in self.profile.file_systems:
            place = f'path={each.path} type={each.kind} disk={each.disk}'
            if each.freezes:
                frozen += 1
                events.append(f'frozen {place} stall={stall:.2f} '
                              f'proof=wait,superblock')
            else:
                events.append(f'open {place}')
        events += [f'hook name={each.name} freeze={each.status} thaw=0'
                   for each in self.profile.hooks]
        events.append(f'thaw fs={frozen} hooks={len(self.profile.hooks)}')
        return events

    def _tell(self, now, *events):
        if self.profile.kit:
            self._witness(now, *events)

    def _trick_reboot(self, now):
        """The guest reboots by itself: its console's log goes on."""
        self._go_down(now, 'reboot')
        self._kernel(now, 'reboot: Restarting system')
        # Short enough to lie between the request and the copy.
        self._boot(now, 0.5)

    def _trick_freeze(self, now):
        """Somebody else freezes and thaws, for a backup say."""
        self._tell(now - 0.3, f'freeze fs={len(self.profile.file_systems)}')
        self._tell(now, *self._thaw_events(0.3))

    def _trick_flood(self, now):
        """So many lines that Nova's log of the console loses the older."""
        stamp = boot_log.stamp(self._up(now))
        text = ''.join(
            f'{stamp}audit: type=1400 '
            f'audit({number}): apparmor="DENIED" operation="open" '
            f'profile="backup" name="/srv/{number:06}"\n'
            for number in range(CONSOLE_SIZE // 80))
        self._write(text)

    def _trick_replay(self, now):
        """Old lines of a freeze are printed again, by a process of root's."""
        found = re.findall(
            r'\[ *[\d.]+\] consistency-witness [^\n]* event=freeze [^\n]*\n'
            r'(?:.*\n)*?'
            r'[^\n]*\] consistency-witness [^\n]* event=thaw [^\n]*\n',
            self.console)
        self._write(found[-1] if found else self._forge(now))

    def _trick_type(self, now):
        """Somebody types what looks like a freeze at the login prompt."""
        for line in self._forge(now).splitlines():
            self._write(line, '\nPassword: \n\nLogin incorrect\n',
                        boot_log.prompt(self.host))

    def _trick_claim(self, now):
        """Root prints the lines of a freeze, with the right keys."""
        self._tell(now, f'freeze fs={len(self.profile.file_systems)}')
        self._tell(now + FREEZE_CLAIMED, *self._thaw_events(FREEZE_CLAIMED))

    def _trick_cut(self, now, events):
        """The last line loses its end on the way."""
        self._tell(now, *events[:-1])
        before = len(self.console)
        self._tell(now, events[-1])
        whole = self.console[before:]
        self.console = self.console[:before]
        self._write(whole[:whole.index(' key=') + 12], '\n')

    def _trick_forget(self, now, events):
        """The hook died meanwhile and prints nothing of the thaw."""

    def _trick_delay(self, now, events):
        """The lines come, but late."""
        if self.profile.kit:
            self.pending.append([now + LATE_SECONDS, events])

    def _forge(self, now):
        """Return lines that are right in all but the first one's key."""
        chain = [self._token(16) for _ in range(4)]
        up = self._up(now)
        events = ('freeze fs=1', 'frozen path=/ type=ext4 disk=vda stall=0.06 '
                  'proof=wait,superblock', 'thaw fs=1 hooks=0')
        return ''.join(
            self._line(up, self.seq + 1 + number, event, chain[number],
                       chain[number + 1])
            for number, event in enumerate(events))

    # The console ----------------------------------------------------------

    def _up(self, now):
        """Return the seconds since boot, always a little more than before."""
        self.last_up = max(now - self.booted_at, self.last_up + 0.002)
        return self.last_up

    def _witness(self, now, *events):
        for event in events:
            key, self.next_key = self.next_key, self._token(16)
            self.seq += 1
            self._write(self._line(
                self._up(now), self.seq, event, key, self.next_key))

    def _line(self, up, seq, event, key, next_key):
        words = f'boot={self.boot_id} seq={seq} up={up:.2f} event={event}'
        return (f'{boot_log.stamp(up)}consistency-witness v1 {words} '
                f'sum={_digest(words)[:8]} '
                f'key={key} next={_digest(next_key)[:32]}\n')

    def _kernel(self, now, text):
        self._write(boot_log.stamp(self._up(now)), text, '\n')

    def _write(self, *texts):
        self.console = (self.console + ''.join(texts))[-CONSOLE_SIZE:]


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
