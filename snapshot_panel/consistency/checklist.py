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

"""Can this instance be snapshotted consistently now, and if not, why?"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import enum
import functools
import re
from typing import Any

from oslo_utils import strutils

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness


class State(enum.Enum):
    """The outcome of a check."""

    PASS = 'pass'  # nosec B105 # an outcome, no password
    FAIL = 'fail'
    WARNING = 'warning'
    UNKNOWN = 'unknown'


class Check(enum.Enum):
    """The checks, in the order in which they are shown."""

    STATE = 'state'
    TASK = 'task'
    LOCK = 'lock'
    QUOTA = 'quota'
    ROOT_DISK = 'root-disk'
    VOLUMES = 'volumes'
    OTHER_DISKS = 'other-disks'
    CHANNEL = 'channel'
    DRIFT = 'drift'
    NAMES = 'names'
    AGENT = 'agent'
    KIT = 'kit'
    PROOF = 'proof'
    LAST_FREEZE = 'last-freeze'
    QUIESCE = 'quiesce'
    BACKEND = 'backend'
    STOP = 'stop'


class Finding(enum.Enum):
    """What a check can find. Each finding has its check and its state."""

    RUNNING = ('running', Check.STATE, State.PASS)
    STOPPED = ('stopped', Check.STATE, State.PASS)
    NEVER_FROZEN = ('never-frozen', Check.STATE, State.FAIL)
    NO_SNAPSHOT_STATE = ('no-snapshot-state', Check.STATE, State.FAIL)

    IDLE = ('idle', Check.TASK, State.PASS)
    BUSY = ('busy', Check.TASK, State.FAIL)

    UNLOCKED = ('unlocked', Check.LOCK, State.PASS)
    LOCKED = ('locked', Check.LOCK, State.WARNING)

    QUOTA_ROOM = ('quota-room', Check.QUOTA, State.PASS)
    QUOTA_ROOM_COPIES = ('quota-room-copies', Check.QUOTA, State.PASS)
    QUOTA_IMAGES = ('quota-images', Check.QUOTA, State.FAIL)
    QUOTA_SIZE = ('quota-size', Check.QUOTA, State.FAIL)
    QUOTA_COPIES = ('quota-copies', Check.QUOTA, State.FAIL)
    QUOTA_COPIES_SIZE = ('quota-copies-size', Check.QUOTA, State.WARNING)
    QUOTA_METADATA = ('quota-metadata', Check.QUOTA, State.WARNING)
    QUOTA_UNKNOWN = ('quota-unknown', Check.QUOTA, State.UNKNOWN)

    ROOT_IMAGE = ('root-image', Check.ROOT_DISK, State.PASS)
    ROOT_UNDECIDED = ('root-undecided', Check.ROOT_DISK, State.WARNING)
    ROOT_VOLUME = ('root-volume', Check.ROOT_DISK, State.PASS)
    ROOT_VOLUME_OFF = ('root-volume-off', Check.ROOT_DISK, State.PASS)

    VOLUMES_LEFT_OUT = ('volumes-left-out', Check.VOLUMES, State.WARNING)
    VOLUMES_LEFT_OUT_UNNAMED = ('volumes-left-out-unnamed', Check.VOLUMES,
                                State.WARNING)
    VOLUMES_TAKEN = ('volumes-taken', Check.VOLUMES, State.PASS)
    VOLUMES_SHARED = ('volumes-shared', Check.VOLUMES, State.FAIL)
    VOLUMES_UNNAMED = ('volumes-unnamed', Check.VOLUMES, State.UNKNOWN)

    DISKS_LEFT_OUT = ('disks-left-out', Check.OTHER_DISKS, State.WARNING)
    ROOT_ELSEWHERE = ('root-elsewhere', Check.OTHER_DISKS, State.FAIL)

    CHANNEL = ('channel', Check.CHANNEL, State.PASS)
    NO_CHANNEL = ('no-channel', Check.CHANNEL, State.FAIL)
    CHANNEL_TOO_LATE = ('channel-too-late', Check.CHANNEL, State.FAIL)
    CHANNEL_LIKELY = ('channel-likely', Check.CHANNEL, State.WARNING)
    CHANNEL_WITNESSED = ('channel-witnessed', Check.CHANNEL, State.PASS)
    CHANNEL_UNKNOWN = ('channel-unknown', Check.CHANNEL, State.UNKNOWN)

    NO_DRIFT = ('no-drift', Check.DRIFT, State.PASS)
    DRIFT = ('drift', Check.DRIFT, State.WARNING)

    DEAD_ON_IMAGE = ('dead-on-image', Check.NAMES, State.WARNING)
    DEAD_ON_INSTANCE = ('dead-on-instance', Check.NAMES, State.WARNING)

    AGENT_RUNNING = ('agent-running', Check.AGENT, State.PASS)
    AGENT_STOPPED = ('agent-stopped', Check.AGENT, State.FAIL)
    AGENT_STARTED = ('agent-started', Check.AGENT, State.PASS)
    AGENT_FROZE = ('agent-froze', Check.AGENT, State.PASS)
    AGENT_NOT_STARTED = ('agent-not-started', Check.AGENT, State.FAIL)
    AGENT_UNREACHABLE = ('agent-unreachable', Check.AGENT, State.FAIL)
    AGENT_UNSEEN = ('agent-unseen', Check.AGENT, State.UNKNOWN)
    AGENT_CONFLICT = ('agent-conflict', Check.AGENT, State.UNKNOWN)
    AGENT_NOT_ASKED = ('agent-not-asked', Check.AGENT, State.UNKNOWN)
    AGENT_NO_CONSOLE = ('agent-no-console', Check.AGENT, State.UNKNOWN)
    AGENT_CONSOLE_LOST = ('agent-console-lost', Check.AGENT, State.UNKNOWN)

    KIT = ('kit', Check.KIT, State.PASS)
    KIT_UNSEEN = ('kit-unseen', Check.KIT, State.UNKNOWN)
    KIT_UNNEEDED = ('kit-unneeded', Check.KIT, State.PASS)

    PROOF_DISK = ('proof-disk', Check.PROOF, State.PASS)
    PROOF_KIT = ('proof-kit', Check.PROOF, State.PASS)
    PROOF_NEEDS_KIT = ('proof-needs-kit', Check.PROOF, State.UNKNOWN)
    PROOF_UNKNOWN = ('proof-unknown', Check.PROOF, State.UNKNOWN)

    FREEZE_PROVEN = ('freeze-proven', Check.LAST_FREEZE, State.PASS)
    FREEZE_UNPROVEN = ('freeze-unproven', Check.LAST_FREEZE, State.WARNING)
    FREEZE_TORN = ('freeze-torn', Check.LAST_FREEZE, State.WARNING)
    FREEZE_REFUSED = ('freeze-refused', Check.LAST_FREEZE, State.FAIL)
    FREEZE_OPEN_END = ('freeze-open-end', Check.LAST_FREEZE, State.WARNING)

    QUIESCE_NOT_ENFORCED = ('quiesce-not-enforced', Check.QUIESCE,
                            State.WARNING)
    QUIESCE_ENFORCED = ('quiesce-enforced', Check.QUIESCE, State.PASS)
    QUIESCE_FORBIDS = ('quiesce-forbids', Check.QUIESCE, State.FAIL)

    BACKEND_FREEZES = ('backend-freezes', Check.BACKEND, State.PASS)
    BACKEND_NEVER_FREEZES = ('backend-never-freezes', Check.BACKEND,
                             State.FAIL)

    STOP_CLEAN = ('stop-clean', Check.STOP, State.PASS)
    STOP_HARD = ('stop-hard', Check.STOP, State.FAIL)
    STOP_UNKNOWN = ('stop-unknown', Check.STOP, State.UNKNOWN)
    STOP_LIMIT_UNKNOWN = ('stop-limit-unknown', Check.STOP, State.UNKNOWN)
    STOP_LIMIT_UNTOLD = ('stop-limit-untold', Check.STOP, State.UNKNOWN)
    STOP_NOT_ASKED = ('stop-not-asked', Check.STOP, State.UNKNOWN)

    def __init__(self, code: str, check: Check, state: State) -> None:
        self.code = code
        self.check = check
        self.state = state

    @property
    def in_the_way(self) -> bool:
        """Whether it stands in the way of a proven snapshot.

        Quotas that nobody could read do not affect the proof.
        """
        return (self.state in (State.FAIL, State.UNKNOWN)
                and self is not Finding.QUOTA_UNKNOWN)


@dataclasses.dataclass(frozen=True)
class Result:
    """A finding with the facts it rests on (plain values)."""

    finding: Finding
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def state(self) -> State:
        """The outcome of the check."""
        return self.finding.state


@dataclasses.dataclass(frozen=True)
class AttachedVolume:
    """A volume as people know it.

    ``name`` is its id where it has no name or the name is not known; ``size``
    is in GiB; size and device are None where they are not known.
    """

    name: str
    size: int | None = None
    device: str | None = None


@dataclasses.dataclass(frozen=True)
class Guest:
    """What the calls for one instance add to the list of instances.

    ``asked`` is false as long as nobody asked. ``console`` is the log and
    ``actions`` are newest first, each None where it could not be read.
    ``image`` is the one that a stopped instance was launched from, as it is
    now, None where it is gone or was not asked for. ``witnessed`` is whether
    it had the kit when a snapshot was taken before.
    """

    asked: bool = False
    console: str | None = None
    actions: Sequence[facts.Action] | None = None
    image: facts.Image | None = None
    witnessed: bool = False

    @property
    def lost(self) -> bool:
        """Whether the console lost what it held.

        The log of a guest that runs is empty after it was moved to another
        host, say.
        """
        return (self.witnessed and self.console is not None
                and not self.console.strip())


class Standing(enum.Enum):
    """What a snapshot taken now can be expected to be."""

    READY = 'ready'
    LIKELY = 'likely'
    NOT_READY = 'not-ready'
    UNKNOWN = 'unknown'


# What is not known beforehand and the disk tells afterwards: of a guest whose
# file systems nobody has read yet, and of one whose disk can tell.
_TOLD_BY_ANY_DISK = frozenset((
    Finding.AGENT_UNSEEN, Finding.KIT_UNSEEN, Finding.PROOF_UNKNOWN))
_TOLD_BY_DISK = _TOLD_BY_ANY_DISK | {
    Finding.STOP_UNKNOWN, Finding.STOP_LIMIT_UNKNOWN,
    Finding.STOP_LIMIT_UNTOLD}


@dataclasses.dataclass(frozen=True)
class Checklist:
    """The results of one instance, in order."""

    results: tuple[Result, ...]

    @property
    def ready(self) -> bool:
        """Whether a snapshot taken now can be proven consistent."""
        return not self.missing

    @functools.cached_property
    def standing(self) -> Standing:
        """What a snapshot taken now can be expected to be.

        "Likely" means that nothing is against it and that the disk itself
        will tell afterwards.
        """
        missing = {result.finding for result in self.missing}
        if not missing:
            return Standing.READY
        if any(finding.state is State.FAIL for finding in missing):
            return Standing.NOT_READY
        if self.has(Finding.PROOF_DISK):
            likely = missing <= _TOLD_BY_DISK
        else:
            likely = (self.has(Finding.PROOF_UNKNOWN)
                      and missing <= _TOLD_BY_ANY_DISK)
        return Standing.LIKELY if likely else Standing.UNKNOWN

    @property
    def blocker(self) -> Result | None:
        """The result that stands in the way first, or None."""
        return next(iter(sorted(
            self.missing, key=lambda result: result.state is not State.FAIL)),
            None)

    @property
    def passed(self) -> int:
        """The number of checks that passed."""
        return sum(result.state is State.PASS for result in self.results)

    @functools.cached_property
    def missing(self) -> list[Result]:
        """The results that stand in the way."""
        return [result for result in self.results
                if result.finding.in_the_way]

    def find(self, check: Check) -> Result | None:
        """Return the result of a check, or None if it does not apply."""
        return next((result for result in self.results
                     if result.finding.check is check), None)

    def has(self, *findings: Finding) -> bool:
        """Return whether any of these findings is among the results."""
        return any(result.finding in findings for result in self.results)

    @property
    def possible(self) -> bool:
        """Whether Nova takes a snapshot at all now."""
        return not self.has(
            Finding.NO_SNAPSHOT_STATE, Finding.BUSY, Finding.QUOTA_IMAGES,
            Finding.QUOTA_SIZE, Finding.QUOTA_COPIES,
            Finding.QUIESCE_FORBIDS)

    @property
    def no_channel(self) -> bool:
        """Whether the instance is known to have no channel."""
        return self.has(Finding.NO_CHANNEL, Finding.CHANNEL_TOO_LATE)

    @functools.cached_property
    def undecided(self) -> bool:
        """Whether only calls for this instance can supply what is missing."""
        missing = {result.finding for result in self.missing}
        return bool(missing) and missing <= {
            Finding.AGENT_NOT_ASKED, Finding.KIT_UNSEEN,
            Finding.STOP_NOT_ASKED, Finding.PROOF_UNKNOWN,
            Finding.PROOF_NEEDS_KIT}

    @functools.cached_property
    def prediction(self) -> verdict.Verdict:
        """The best verdict that a snapshot taken now can get."""
        if self.standing in (Standing.READY, Standing.LIKELY):
            return (verdict.Verdict.APPLICATION if self._hooks_succeed
                    else verdict.Verdict.FILESYSTEM)
        if self.no_channel or self.has(
                Finding.NEVER_FROZEN, Finding.BACKEND_NEVER_FREEZES,
                Finding.AGENT_STOPPED, Finding.AGENT_NOT_STARTED,
                Finding.STOP_HARD, Finding.FREEZE_REFUSED):
            return verdict.Verdict.CRASH
        return verdict.Verdict.UNPROVEN

    @property
    def _hooks_succeed(self) -> bool:
        """Whether the last freeze was proven and all its hooks succeeded."""
        last = self.find(Check.LAST_FREEZE)
        if last is None or last.finding is not Finding.FREEZE_PROVEN:
            return False
        hooks = last.evidence.get('hooks') or {}
        return bool(hooks) and all(hooks.values())

    def promises(self, least: verdict.Verdict) -> bool:
        """Return whether the prediction is at least ``least``."""
        order = list(verdict.Verdict)
        return order.index(self.prediction) <= order.index(least)


def check(instance: facts.Instance, guest: Guest, deployment: facts.Deployment,
          today: facts.Image | None = None,
          volumes: Sequence[facts.Volume] | None = None,
          limits: facts.Limits | None = None,
          history: facts.DiskHistory | None = None) -> Checklist:
    """Return the :class:`Checklist` of an instance.

    :param today: the image that it was launched from as it is now, None where
        it was not asked for or is gone.
    :param volumes: those attached to it in the order of the devices, None
        where they were not asked for, empty where Cinder did not answer.
    :param limits: the quotas of the project, None where they were not asked
        for.
    :param history: what disks read before say, None where nobody looked.
    """
    results = [_state(instance), _task(instance), _lock(instance),
               _quota(instance, limits, volumes),
               _root_disk(instance, volumes), _volumes(instance, volumes)]
    if instance.status == facts.STOPPED:
        results += [_other_disks(instance, ()),
                    _stop(instance, guest, deployment),
                    _proof(instance, False, history)]
    else:
        log = witness.read(guest.console)
        results += [_other_disks(instance, witness.freezes(log.chain)),
                    _channel(instance, log, today), _drift(instance, today),
                    _names(instance, today),
                    _agent(instance, guest, log, history),
                    _kit(instance, guest, log, history),
                    _proof(instance, log.tip is not None, history),
                    _last_freeze(instance, log), _quiesce(instance),
                    _backend(instance, deployment)]
    return Checklist(tuple(filter(None, results)))


def _state(instance: facts.Instance) -> Result:
    evidence = {'status': instance.status}
    if instance.status == facts.RUNNING:
        return Result(Finding.RUNNING, evidence)
    if instance.status == facts.STOPPED:
        return Result(Finding.STOPPED, evidence)
    if instance.status in facts.NEVER_FROZEN:
        return Result(Finding.NEVER_FROZEN, evidence)
    return Result(Finding.NO_SNAPSHOT_STATE, evidence)


def _task(instance: facts.Instance) -> Result:
    if instance.task_state:
        return Result(Finding.BUSY, {'task': instance.task_state})
    return Result(Finding.IDLE)


def _lock(instance: facts.Instance) -> Result:
    """Return whether the instance is locked, which is only a warning.

    Nova takes snapshots of a locked instance (read: compute.api.snapshot
    does not check for a lock). It refuses other actions and any change of the
    metadata, where the panel keeps a note of each snapshot.
    """
    if instance.locked:
        return Result(Finding.LOCKED, {'reason': instance.locked_reason})
    return Result(Finding.UNLOCKED)


def _quota(instance: facts.Instance, limits: facts.Limits | None,
           volumes: Sequence[facts.Volume] | None) -> Result | None:
    """Return whether a quota stops the snapshot, as far as it can be known.

    Glance checks the number of images when one is made. It checks their size
    when data is sent, without that of the new image (read: Nova does not
    announce the size). A snapshot of volumes is an image without data; Cinder
    counts the snapshots and, unless its operator chose otherwise, their size
    (``no_snapshot_gb_quota``). Nova counts the keys of an instance's metadata.
    """
    if limits is None:
        return None
    if instance.volume_backed:
        wanted = [
            (Finding.QUOTA_IMAGES, limits.images, 1),
            (Finding.QUOTA_COPIES, limits.copies, len(instance.volume_ids)),
            (Finding.QUOTA_COPIES_SIZE, limits.copies_gib,
             sum(volume.size for volume in volumes or ()))]
    else:
        wanted = [(Finding.QUOTA_SIZE, limits.image_mib, 0),
                  (Finding.QUOTA_IMAGES, limits.images, 1)]
    if limits.metadata is not None:
        keys = facts.Usage(len(instance.metadata), limits.metadata)
        wanted.append((Finding.QUOTA_METADATA, keys, 1))
    at = {'asked': limits.asked_at}
    for finding, usage, more in wanted:
        # A negative quota means no limit.
        if usage is not None and 0 <= usage.allowed < usage.used + more:
            return Result(finding, {**usage._asdict(), **at})
    if limits.unknown:
        return Result(Finding.QUOTA_UNKNOWN,
                      {**at, 'services': limits.unknown})
    room, usage = (
        (Finding.QUOTA_ROOM_COPIES, limits.copies) if instance.volume_backed
        else (Finding.QUOTA_ROOM, limits.images))
    return (Result(room, {**usage._asdict(), **at})
            if usage is not None and usage.allowed >= 0 else None)


def _root_disk(instance: facts.Instance,
               volumes: Sequence[facts.Volume] | None) -> Result:
    if not instance.volume_backed:
        undecided = (volumes is not None and instance.may_be_volume_backed
                     and instance.root_volume is None)
        return Result(Finding.ROOT_UNDECIDED if undecided
                      else Finding.ROOT_IMAGE)
    return Result(Finding.ROOT_VOLUME_OFF
                  if instance.status == facts.STOPPED
                  else Finding.ROOT_VOLUME)


def _volumes(
        instance: facts.Instance, volumes: Sequence[facts.Volume] | None
        ) -> Result | None:
    """Return whether the snapshot takes the attached volumes (fact 13)."""
    if not instance.volume_ids:
        return None
    known = tuple(_attached(volume, instance) for volume in volumes or ())
    named = {volume.id for volume in volumes or ()}
    # Cinder may not know one that Nova still counts.
    evidence = {'volumes': known + tuple(
        AttachedVolume(volume_id) for volume_id in instance.volume_ids
        if volume_id not in named)}
    if not instance.volume_backed:
        return Result(Finding.VOLUMES_LEFT_OUT if known or volumes is None
                      else Finding.VOLUMES_LEFT_OUT_UNNAMED, evidence)
    shared = tuple(_attached(volume, instance) for volume in volumes or ()
                   if not volume.belongs_to(instance.id))
    if shared:
        return Result(Finding.VOLUMES_SHARED, {'shared': shared})
    return Result(Finding.VOLUMES_TAKEN if known or volumes is None
                  else Finding.VOLUMES_UNNAMED, evidence)


def _other_disks(instance: facts.Instance, freezes: Sequence[witness.Freeze]
                 ) -> Result | None:
    """Return which disks besides volumes the snapshot does not take.

    Those of the flavor, and what the guest named at its last freeze.
    """
    last = freezes[-1] if freezes else None
    if not instance.volume_backed and last and last.root_elsewhere:
        return Result(Finding.ROOT_ELSEWHERE,
                      {'disks': tuple(sorted(last.disks['/']))})
    # Which volume is which disk of the guest, only the guest knows.
    paths = last.elsewhere if last and not instance.volume_backed else {}
    if not (instance.ephemeral or instance.swap or paths):
        return None
    return Result(Finding.DISKS_LEFT_OUT, {
        'ephemeral': instance.ephemeral, 'swap': instance.swap,
        'paths': paths})


def _attached(volume: facts.Volume,
              instance: facts.Instance) -> AttachedVolume:
    return AttachedVolume(volume.name or volume.id, volume.size,
                          volume.devices.get(instance.id))


# The last event in a guest's log when its agent is down.
_DOWN = ('stopped', 'poweroff')


def _channel(instance: facts.Instance, log: witness.Log,
             today: facts.Image | None) -> Result:
    present = instance.properties.flag(facts.AGENT_PROPERTY)
    evidence = {
        'property': facts.AGENT_PROPERTY,
        'source': instance.properties.source.value,
        'value': instance.properties.values.get(facts.AGENT_PROPERTY)}
    if present is None and log.tip and log.tip.event not in _DOWN:
        # Without a channel the agent does not even start.
        return Result(Finding.CHANNEL_WITNESSED)
    if present is None:
        return Result(Finding.CHANNEL_UNKNOWN, evidence)
    if present and instance.properties.source is not facts.Source.EMBEDDED:
        # The instance may have booted before the property was set (fact 7),
        # and a snapshot's property may have been changed since (fact 10).
        return Result(Finding.CHANNEL_LIKELY, evidence)
    if present:
        return Result(Finding.CHANNEL, evidence)
    changed = _changed(instance, today) or {}
    if facts.AGENT_PROPERTY in changed:
        return Result(Finding.CHANNEL_TOO_LATE,
                      {**evidence, 'wanted': changed})
    return Result(Finding.NO_CHANNEL,
                  {**evidence, 'wanted': {facts.AGENT_PROPERTY: 'yes'}})


def may_adopt(instance: facts.Instance, today: facts.Image | None) -> bool:
    """Return whether its checklist may show ways to adopt a property."""
    return instance.status != facts.STOPPED and (
        instance.properties.flag(facts.AGENT_PROPERTY) is False
        or bool(_changed(instance, today)))


# The properties that decide about a freeze and are copied at boot.
_COPIED = (facts.AGENT_PROPERTY, facts.QUIESCE_PROPERTY)


def _drift(
        instance: facts.Instance, today: facts.Image | None) -> Result | None:
    """Return whether the image has changed since the boot (fact 7)."""
    changed = _changed(instance, today)
    if today is None or changed is None:
        return None
    when = {'updated': today.updated}
    if not changed:
        return Result(Finding.NO_DRIFT, when)
    return Result(Finding.DRIFT, {**when, 'names': tuple(changed),
                                  'wanted': changed})


def _changed(
        instance: facts.Instance, today: facts.Image | None
        ) -> dict[str, str] | None:
    """Return the copied properties that differ on the image today.

    :returns: their values on the image by name ('no' where it has none),
        None where nobody knows.
    """
    if (today is None
            or instance.properties.source is not facts.Source.EMBEDDED):
        return None
    now = facts.Properties(today.properties, facts.Source.IMAGE)
    return {name: 'yes' if now.flag(name) else 'no' for name in _COPIED
            if now.flag(name) != instance.properties.flag(name)}


def _names(
        instance: facts.Instance, today: facts.Image | None) -> Result | None:
    """Return a name that has no effect where it is set, if there is one.

    Nova reads properties of the image only, so even the right name has no
    effect in the metadata of the instance.
    """
    on_image = today.properties if today else instance.properties.values
    for finding, place, alive in (
            (Finding.DEAD_ON_IMAGE, on_image, _COPIED),
            (Finding.DEAD_ON_INSTANCE, instance.metadata, ())):
        for name in sorted(place):
            meant = _meant(name)
            if meant is not None and name not in alive:
                return Result(finding, {'name': name, 'right': meant})
    return None


def _meant(name: str) -> str | None:
    """Return the property that somebody meant by a name, or None.

    To Nova, names that differ in case, or in dash and underscore, differ.
    """
    folded = name.strip().lower().replace('-', '_')
    meant = facts.DEAD_PROPERTIES.get(folded, folded)
    return meant if meant in _COPIED else None


# What systemd writes on the console at boot (fact 42). Anybody who can write
# there can write this too: it is no proof of anything, only a forecast.
_BOOT_LINE = re.compile(
    r'(Started|Stopped|Failed to start|Dependency failed for) '
    r'(?:[^\n]{0,16})(?:qemu-guest-agent|QEMU Guest Agent)')


def _at_boot(console: str) -> str | None:
    """Return what systemd said last of the agent's unit, or None."""
    lines = _BOOT_LINE.findall(console)
    return lines[-1] if lines else None


def _agent_without_kit(guest: Guest, history: facts.DiskHistory | None
                       ) -> Result:
    said = _at_boot(guest.console or '')
    if said is not None and said != 'Started':
        return Result(Finding.AGENT_NOT_STARTED, {'line': said})
    if history is not None and history.at_rest is not None:
        return Result(Finding.AGENT_FROZE, {'at': history.at_rest})
    if said is not None:
        return Result(Finding.AGENT_STARTED, {'line': said})
    return Result(Finding.AGENT_UNSEEN)


def _agent(instance: facts.Instance, guest: Guest, log: witness.Log,
           history: facts.DiskHistory | None) -> Result:
    if instance.properties.flag(facts.AGENT_PROPERTY) is False:
        return Result(Finding.AGENT_UNREACHABLE)
    if not guest.asked:
        return Result(Finding.AGENT_NOT_ASKED)
    if guest.console is None:
        return Result(Finding.AGENT_NO_CONSOLE)
    if guest.lost:
        return Result(Finding.AGENT_CONSOLE_LOST)
    if log.conflict or log.gap:
        return Result(Finding.AGENT_CONFLICT)
    if log.tip is None:
        return _agent_without_kit(guest, history)
    evidence = {'event': log.tip.event, 'up': log.tip.up}
    if log.tip.event in _DOWN:
        return Result(Finding.AGENT_STOPPED, evidence)
    return Result(Finding.AGENT_RUNNING, evidence)


def _kit(instance: facts.Instance, guest: Guest, log: witness.Log,
         history: facts.DiskHistory | None) -> Result | None:
    if guest.lost:
        return None
    if log.tip is None:
        disk_tells = (history is not None and history.tells
                      and not instance.volume_backed)
        return Result(Finding.KIT_UNNEEDED if disk_tells
                      else Finding.KIT_UNSEEN)
    return Result(Finding.KIT, {'boot': log.tip.boot, 'seq': log.tip.seq})


def _proof(instance: facts.Instance, has_kit: bool,
           history: facts.DiskHistory | None) -> Result | None:
    """Return what will prove the next snapshot (facts 37 and 38).

    The disks of volumes are not in an image and cannot be read.
    """
    if history is None:
        return None
    evidence = {'kinds': history.kinds, 'source': history.source.value}
    tells = False if instance.volume_backed else history.tells
    if tells:
        return Result(Finding.PROOF_DISK, evidence)
    if has_kit:
        return Result(Finding.PROOF_KIT, evidence)
    if instance.status == facts.STOPPED and tells is False:
        # Nova's record decides there.
        return None
    return Result(Finding.PROOF_UNKNOWN if tells is None
                  else Finding.PROOF_NEEDS_KIT, evidence)


def _last_freeze(instance: facts.Instance, log: witness.Log) -> Result | None:
    attempts = witness.freezes(log.chain)
    if log.tip is None or not attempts:
        return None
    last = attempts[-1]
    evidence: dict[str, Any] = {
        'up': next(line.up for line in reversed(log.chain)
                   if line.event == 'freeze'),
        'hooks': dict(last.hooks)}
    if last.proven and last.torn and not instance.volume_backed:
        return Result(Finding.FREEZE_TORN, {'torn': last.torn, **evidence})
    if last.proven:
        return Result(Finding.FREEZE_PROVEN,
                      {'stall': max(last.frozen.values()), **evidence})
    if last.aborted is not None:
        return Result(Finding.FREEZE_REFUSED,
                      {'hook': last.aborted, **evidence})
    if not last.open and _unfinished(log.chain):
        return Result(Finding.FREEZE_OPEN_END, evidence)
    return Result(Finding.FREEZE_UNPROVEN, {'open': last.open, **evidence})


def _unfinished(chain: Sequence[witness.Witness]) -> bool:
    """Return whether the guest may still be frozen, by its own account.

    An agent that only stops leaves the guest frozen. A guest that was
    restarted, or whose agent came back, is not frozen any more.
    """
    for line in reversed(chain):
        if line.event in ('thaw', 'aborted', 'started', 'poweroff'):
            return False
        if line.event == 'freeze':
            return True
    return False


def _quiesce(instance: facts.Instance) -> Result | None:
    """Return what ``os_require_quiesce`` does for this instance (fact 2).

    Nova enforces it for volumes. For a disk that is not a volume it only
    looks whether there is a channel, and throws the snapshot away if there is
    none (read: the libvirt driver's _live_snapshot).
    """
    value = instance.properties.values.get(facts.QUIESCE_PROPERTY)
    if not strutils.bool_from_string(value):
        return None
    evidence = {'property': facts.QUIESCE_PROPERTY, 'value': value,
                'source': instance.properties.source.value}
    if (instance.status == facts.RUNNING
            and instance.properties.source is facts.Source.EMBEDDED
            and not instance.properties.flag(facts.AGENT_PROPERTY)):
        return Result(Finding.QUIESCE_FORBIDS, evidence)
    if instance.volume_backed:
        return Result(Finding.QUIESCE_ENFORCED, evidence)
    return Result(Finding.QUIESCE_NOT_ENFORCED, evidence)


def _backend(
        instance: facts.Instance, deployment: facts.Deployment
        ) -> Result | None:
    # The backend is that of disks that are not volumes. Nobody knows what one
    # of another name would do.
    if (instance.volume_backed
            or deployment.ephemeral_backend not in facts.BACKENDS):
        return None
    evidence = {'backend': deployment.ephemeral_backend}
    return Result(Finding.BACKEND_NEVER_FREEZES if deployment.never_freezes
                  else Finding.BACKEND_FREEZES, evidence)


def _stop(
        instance: facts.Instance, guest: Guest, deployment: facts.Deployment
        ) -> Result:
    if not guest.asked:
        return Result(Finding.STOP_NOT_ASKED)
    limit, source = _shutdown_limit(instance, guest.image, deployment)
    decision = verdict.judge_stop(guest.actions, limit)
    evidence = dict(decision.evidence)
    if evidence:
        evidence.update(source=source, at=next(
            action.finished for action in guest.actions or ()
            if action.finished))
    if evidence and limit is None:
        return Result(Finding.STOP_LIMIT_UNTOLD if source
                      else Finding.STOP_LIMIT_UNKNOWN, evidence)
    return Result({
        verdict.Rule.CLEAN_STOP: Finding.STOP_CLEAN,
        verdict.Rule.HARD_STOP: Finding.STOP_HARD,
    }.get(decision.rule, Finding.STOP_UNKNOWN), evidence)


# Nova reads the image some time before it writes down when the instance was
# created. An image that was changed within so many seconds before that is not
# trusted.
_LAUNCH = 10


def _shutdown_limit(
        instance: facts.Instance, image: facts.Image | None,
        deployment: facts.Deployment) -> tuple[int | None, str | None]:
    """Return how many seconds Nova gave the guest, and who says so.

    The verdict reads the snapshot's own copy of ``os_shutdown_timeout``. Nova
    never shows the copy of an instance, so before there is a snapshot only an
    image that was not changed since the launch shows what was copied. With
    less evidence than that nothing may be promised.

    :returns: seconds and source, (None, None) where there is no evidence.
    """
    booted = instance.properties
    if (booted.source is facts.Source.EMBEDDED
            and facts.SHUTDOWN_TIMEOUT_PROPERTY in booted.values):
        values, source = booted.values, booted.source.value
    elif (image is not None and image.updated and instance.created and (
            instance.created - image.updated).total_seconds() > _LAUNCH):
        values, source = image.properties, facts.Source.IMAGE.value
    else:
        return None, None
    if facts.SHUTDOWN_TIMEOUT_PROPERTY not in values:
        source = 'operator'
    return verdict.shutdown_limit(values, deployment), source
