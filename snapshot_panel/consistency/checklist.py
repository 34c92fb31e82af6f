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

import dataclasses
import enum
import typing

from oslo_utils import strutils

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness


class State(enum.Enum):
    """The outcome of a check."""

    PASS = 'pass'
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
    CHANNEL = 'channel'
    DRIFT = 'drift'
    NAMES = 'names'
    AGENT = 'agent'
    KIT = 'kit'
    LAST_FREEZE = 'last-freeze'
    QUIESCE = 'quiesce'
    BACKEND = 'backend'
    STOP = 'stop'


class Finding(enum.Enum):
    """What a check can find. A finding owns its check and its state."""

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
    ROOT_VOLUME = ('root-volume', Check.ROOT_DISK, State.PASS)
    ROOT_VOLUME_OFF = ('root-volume-off', Check.ROOT_DISK, State.PASS)

    VOLUMES_LEFT_OUT = ('volumes-left-out', Check.VOLUMES, State.WARNING)
    VOLUMES_LEFT_OUT_UNNAMED = ('volumes-left-out-unnamed', Check.VOLUMES,
                                State.WARNING)
    VOLUMES_TAKEN = ('volumes-taken', Check.VOLUMES, State.PASS)
    VOLUMES_SHARED = ('volumes-shared', Check.VOLUMES, State.FAIL)
    VOLUMES_UNNAMED = ('volumes-unnamed', Check.VOLUMES, State.UNKNOWN)

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
    AGENT_UNREACHABLE = ('agent-unreachable', Check.AGENT, State.FAIL)
    AGENT_UNSEEN = ('agent-unseen', Check.AGENT, State.UNKNOWN)
    AGENT_CONFLICT = ('agent-conflict', Check.AGENT, State.UNKNOWN)
    AGENT_NOT_ASKED = ('agent-not-asked', Check.AGENT, State.UNKNOWN)
    AGENT_NO_CONSOLE = ('agent-no-console', Check.AGENT, State.UNKNOWN)

    KIT = ('kit', Check.KIT, State.PASS)
    KIT_UNSEEN = ('kit-unseen', Check.KIT, State.UNKNOWN)

    FREEZE_PROVEN = ('freeze-proven', Check.LAST_FREEZE, State.PASS)
    FREEZE_UNPROVEN = ('freeze-unproven', Check.LAST_FREEZE, State.WARNING)
    FREEZE_TORN = ('freeze-torn', Check.LAST_FREEZE, State.WARNING)
    FREEZE_REFUSED = ('freeze-refused', Check.LAST_FREEZE, State.WARNING)
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

    def __init__(self, code, check, state):
        self.code = code
        self.check = check
        self.state = state

    @property
    def in_the_way(self):
        """Return whether it stands in the way of a proven snapshot.

        That nobody could read the quotas says nothing of the proof.
        """
        return (self.state in (State.FAIL, State.UNKNOWN)
                and self is not Finding.QUOTA_UNKNOWN)


@dataclasses.dataclass(frozen=True)
class Result:
    """A finding with the facts it rests on (plain values)."""

    finding: Finding
    evidence: typing.Mapping[str, typing.Any] = dataclasses.field(
        default_factory=dict)

    @property
    def state(self):
        return self.finding.state


@dataclasses.dataclass(frozen=True)
class Guest:
    """What a call for one instance tells beyond the list.

    ``asked`` is false as long as nobody asked. ``console`` is the log, None
    where it could not be read; ``actions`` are newest first, None likewise.
    ``image`` is the one that a stopped instance was launched from, as it is
    now, None where it is gone or was not asked for.
    """

    asked: bool = False
    console: typing.Optional[str] = None
    actions: typing.Optional[typing.Sequence[facts.Action]] = None
    image: typing.Optional[facts.Image] = None


@dataclasses.dataclass(frozen=True)
class Checklist:
    """The results of one instance, in order."""

    results: typing.Tuple[Result, ...]

    @property
    def ready(self):
        """Return whether a snapshot taken now can be proven consistent."""
        return not self.missing

    @property
    def passed(self):
        """How many checks hold."""
        return sum(result.state is State.PASS for result in self.results)

    @property
    def missing(self):
        """The results that stand in the way."""
        return [result for result in self.results
                if result.finding.in_the_way]

    def find(self, check):
        """Return the result of a check, or None if it does not apply."""
        return next((result for result in self.results
                     if result.finding.check is check), None)

    def has(self, *findings):
        return any(result.finding in findings for result in self.results)

    @property
    def possible(self):
        """Return whether Nova takes a snapshot at all now."""
        return not self.has(
            Finding.NO_SNAPSHOT_STATE, Finding.BUSY, Finding.QUOTA_IMAGES,
            Finding.QUOTA_SIZE, Finding.QUOTA_COPIES,
            Finding.QUIESCE_FORBIDS)

    @property
    def no_channel(self):
        """Return whether the instance is known to have no channel."""
        return self.has(Finding.NO_CHANNEL, Finding.CHANNEL_TOO_LATE)

    @property
    def undecided(self):
        """Return whether only a call for this instance can tell more."""
        missing = {result.finding for result in self.missing}
        return bool(missing) and missing <= {
            Finding.AGENT_NOT_ASKED, Finding.KIT_UNSEEN,
            Finding.STOP_NOT_ASKED}

    @property
    def prediction(self):
        """Return the best verdict that a snapshot taken now can get."""
        if self.ready:
            return verdict.Verdict.FILESYSTEM
        if self.no_channel or self.has(
                Finding.NEVER_FROZEN, Finding.BACKEND_NEVER_FREEZES,
                Finding.AGENT_STOPPED, Finding.STOP_HARD):
            return verdict.Verdict.CRASH
        return verdict.Verdict.UNPROVEN

    def promises(self, least):
        """Return whether the prediction is at least ``least``."""
        order = list(verdict.Verdict)
        return order.index(self.prediction) <= order.index(least)


def check(instance, guest, deployment, today=None, volumes=None, limits=None):
    """Return the :class:`Checklist` of an instance.

    :param instance: a :class:`facts.Instance`.
    :param guest: a :class:`Guest`.
    :param deployment: a :class:`facts.Deployment`.
    :param today: the :class:`facts.Image` that it was launched from as it is
        now, None where it was not asked for or is gone.
    :param volumes: the :class:`facts.Volume` attached to it by device, None
        where they were not asked for, empty where Cinder did not tell.
    :param limits: the :class:`facts.Limits` of the project, None where they
        were not asked for.
    """
    results = [_state(instance), _task(instance), _lock(instance),
               _quota(instance, limits, volumes), _root_disk(instance),
               _volumes(instance, volumes)]
    if instance.status == facts.STOPPED:
        results.append(_stop(instance, guest, deployment))
    else:
        log = witness.read(guest.console)
        results += [_channel(instance, log, today), _drift(instance, today),
                    _names(instance, today), _agent(instance, guest, log),
                    _kit(log), _last_freeze(instance, log), _quiesce(instance),
                    _backend(instance, deployment)]
    return Checklist(tuple(filter(None, results)))


def _state(instance):
    evidence = {'status': instance.status}
    if instance.status == facts.RUNNING:
        return Result(Finding.RUNNING, evidence)
    if instance.status == facts.STOPPED:
        return Result(Finding.STOPPED, evidence)
    if instance.status in facts.NEVER_FROZEN:
        return Result(Finding.NEVER_FROZEN, evidence)
    return Result(Finding.NO_SNAPSHOT_STATE, evidence)


def _task(instance):
    if instance.task_state:
        return Result(Finding.BUSY, {'task': instance.task_state})
    return Result(Finding.IDLE)


def _lock(instance):
    """Tell what a lock forbids.

    Nova takes snapshots of a locked instance (read: compute.api.snapshot
    looks for no lock), and refuses its other actions and any change of its
    metadata, where the panel keeps a note of each snapshot.
    """
    if instance.locked:
        return Result(Finding.LOCKED, {'reason': instance.locked_reason})
    return Result(Finding.UNLOCKED)


def _quota(instance, limits, volumes):
    """Return whether a quota stops the snapshot, as far as it can be known.

    Glance counts images when one is made, and their size only when the next
    one is sent: its size does not count before (read: Nova sends it without
    telling the size). A snapshot of volumes is an image without data; Cinder
    counts the snapshots and, unless its operator chose otherwise, their size
    (``no_snapshot_gb_quota``). Nova counts the keys of an instance's metadata.
    """
    if limits is None:
        return None
    if instance.volume_backed:
        wanted = (
            (Finding.QUOTA_IMAGES, limits.images, 1),
            (Finding.QUOTA_COPIES, limits.copies, len(instance.volume_ids)),
            (Finding.QUOTA_COPIES_SIZE, limits.copies_gib,
             sum(volume.size for volume in volumes or ())))
    else:
        wanted = ((Finding.QUOTA_SIZE, limits.image_mib, 0),
                  (Finding.QUOTA_IMAGES, limits.images, 1))
    if limits.metadata is not None:
        keys = facts.Usage(len(instance.metadata), limits.metadata)
        wanted += ((Finding.QUOTA_METADATA, keys, 1),)
    at = {'asked': limits.asked_at}
    for finding, usage, more in wanted:
        # Below 0 a quota is without a limit.
        if usage is not None and 0 <= usage.allowed < usage.used + more:
            return Result(finding, {**usage._asdict(), **at})
    if limits.unknown:
        return Result(Finding.QUOTA_UNKNOWN,
                      {**at, 'services': ', '.join(limits.unknown)})
    room, usage = (
        (Finding.QUOTA_ROOM_COPIES, limits.copies) if instance.volume_backed
        else (Finding.QUOTA_ROOM, limits.images))
    return (Result(room, {**usage._asdict(), **at})
            if usage is not None and usage.allowed >= 0 else None)


def _root_disk(instance):
    if not instance.volume_backed:
        return Result(Finding.ROOT_IMAGE)
    return Result(Finding.ROOT_VOLUME_OFF
                  if instance.status == facts.STOPPED
                  else Finding.ROOT_VOLUME)


def _volumes(instance, volumes):
    """Say of each attached volume whether the snapshot takes it (fact 13)."""
    if not instance.volume_ids:
        return None
    names = [_name(volume, instance) for volume in volumes or ()]
    evidence = {'volumes': ', '.join(names or instance.volume_ids)}
    if not instance.volume_backed:
        return Result(Finding.VOLUMES_LEFT_OUT if names or volumes is None
                      else Finding.VOLUMES_LEFT_OUT_UNNAMED, evidence)
    shared = [_name(volume, instance) for volume in volumes or ()
              if not volume.belongs_to(instance.id)]
    if shared:
        return Result(Finding.VOLUMES_SHARED, {'shared': ', '.join(shared)})
    return Result(Finding.VOLUMES_TAKEN if names or volumes is None
                  else Finding.VOLUMES_UNNAMED, evidence)


def _name(volume, instance):
    """Return how people know a volume: name, size and device."""
    device = volume.devices.get(instance.id)
    return '%s (%s)' % (volume.name or volume.id, ', '.join(
        filter(None, ['%s GiB' % volume.size, device])))


# The guest's last words when its agent is down.
_DOWN = ('stopped', 'poweroff')


def _channel(instance, log, today):
    present = instance.properties.flag(facts.AGENT_PROPERTY)
    evidence = {
        'property': facts.AGENT_PROPERTY,
        'source': instance.properties.source.value,
        'value': instance.properties.values.get(facts.AGENT_PROPERTY)}
    if present is None and log.tip and log.tip.event not in _DOWN:
        # Without the channel the agent does not even start.
        return Result(Finding.CHANNEL_WITNESSED)
    if present is None:
        return Result(Finding.CHANNEL_UNKNOWN, evidence)
    if present and instance.properties.source is not facts.Source.EMBEDDED:
        # The instance may have booted before the property was set (fact 7),
        # and a snapshot's own may have been changed since (fact 10).
        return Result(Finding.CHANNEL_LIKELY, evidence)
    if present:
        return Result(Finding.CHANNEL, evidence)
    changed = _changed(instance, today) or {}
    if facts.AGENT_PROPERTY in changed:
        return Result(Finding.CHANNEL_TOO_LATE,
                      {**evidence, 'wanted': changed})
    return Result(Finding.NO_CHANNEL,
                  {**evidence, 'wanted': {facts.AGENT_PROPERTY: 'yes'}})


# The properties that bear on a freeze and are copied at boot.
_COPIED = (facts.AGENT_PROPERTY, facts.QUIESCE_PROPERTY)


def _drift(instance, today):
    """Compare what the instance booted with to its image now (fact 7)."""
    changed = _changed(instance, today)
    if changed is None:
        return None
    when = {'updated': today.updated}
    if not changed:
        return Result(Finding.NO_DRIFT, when)
    return Result(Finding.DRIFT, {**when, 'names': ', '.join(changed),
                                  'wanted': changed})


def _changed(instance, today):
    """Return the copied properties that the image has otherwise today.

    A dict of their values there ('no' where it has none), or None where
    nobody can tell.
    """
    if (today is None
            or instance.properties.source is not facts.Source.EMBEDDED):
        return None
    now = facts.Properties(today.properties, facts.Source.IMAGE)
    return {name: 'yes' if now.flag(name) else 'no' for name in _COPIED
            if now.flag(name) != instance.properties.flag(name)}


def _names(instance, today):
    """Point out names that do nothing where they stand.

    Nova reads properties of the image only: on the instance (its metadata)
    the right name does nothing either.
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


def _meant(name):
    """Return the property that somebody meant by a name, or None.

    Nova tells names apart by case, and by dash and underline.
    """
    folded = name.strip().lower().replace('-', '_')
    meant = facts.DEAD_PROPERTIES.get(folded, folded)
    return meant if meant in _COPIED else None


def _agent(instance, guest, log):
    if instance.properties.flag(facts.AGENT_PROPERTY) is False:
        return Result(Finding.AGENT_UNREACHABLE)
    if not guest.asked:
        return Result(Finding.AGENT_NOT_ASKED)
    if guest.console is None:
        return Result(Finding.AGENT_NO_CONSOLE)
    if log.conflict or log.gap:
        return Result(Finding.AGENT_CONFLICT)
    if log.tip is None:
        return Result(Finding.AGENT_UNSEEN)
    evidence = {'event': log.tip.event, 'up': log.tip.up}
    if log.tip.event in _DOWN:
        return Result(Finding.AGENT_STOPPED, evidence)
    return Result(Finding.AGENT_RUNNING, evidence)


def _kit(log):
    if log.tip is None:
        return Result(Finding.KIT_UNSEEN)
    return Result(Finding.KIT, {'boot': log.tip.boot, 'seq': log.tip.seq})


def _last_freeze(instance, log):
    attempts = witness.freezes(log.chain)
    if log.tip is None or not attempts:
        return None
    last = attempts[-1]
    found = {'up': next(line.up for line in reversed(log.chain)
                        if line.event == 'freeze'),
             'hooks': dict(last.hooks)}
    if last.proven and last.torn and not instance.volume_backed:
        return Result(Finding.FREEZE_TORN,
                      {'torn': ', '.join(last.torn), **found})
    if last.proven:
        return Result(Finding.FREEZE_PROVEN,
                      {'stall': max(last.frozen.values()), **found})
    if last.aborted is not None:
        return Result(Finding.FREEZE_REFUSED,
                      {'hook': last.aborted, **found})
    if not last.open and _unfinished(log.chain):
        return Result(Finding.FREEZE_OPEN_END, found)
    return Result(Finding.FREEZE_UNPROVEN,
                  {'open': ', '.join(last.open), **found})


def _unfinished(chain):
    """Return whether the guest may still stand frozen, by its own word.

    An agent that only stops leaves it frozen. A guest that was restarted, or
    whose agent came back, is not frozen any more.
    """
    for line in reversed(chain):
        if line.event in ('thaw', 'aborted', 'started', 'poweroff'):
            return False
        if line.event == 'freeze':
            return True
    return False


def _quiesce(instance):
    """Tell what the property is worth for this instance (fact 2).

    Nova keeps it for volumes. For a disk of its own it only looks whether
    there is a channel, and throws the snapshot away if there is none (read:
    the libvirt driver's _live_snapshot).
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


def _backend(instance, deployment):
    # It is the storage of disks that are not volumes.
    if deployment.ephemeral_backend is None or instance.volume_backed:
        return None
    evidence = {'backend': deployment.ephemeral_backend}
    return Result(Finding.BACKEND_NEVER_FREEZES if deployment.never_freezes
                  else Finding.BACKEND_FREEZES, evidence)


def _stop(instance, guest, deployment):
    if not guest.asked:
        return Result(Finding.STOP_NOT_ASKED)
    limit, source = _shutdown_limit(instance, guest.image, deployment)
    decision = verdict.judge_stop(guest.actions, limit)
    evidence = dict(decision.evidence)
    if evidence:
        evidence.update(source=source, at=next(
            action.finished for action in guest.actions if action.finished))
    if evidence and limit is None:
        return Result(Finding.STOP_LIMIT_UNTOLD if source
                      else Finding.STOP_LIMIT_UNKNOWN, evidence)
    return Result({
        verdict.Rule.CLEAN_STOP: Finding.STOP_CLEAN,
        verdict.Rule.HARD_STOP: Finding.STOP_HARD,
    }.get(decision.rule, Finding.STOP_UNKNOWN), evidence)


# Nova reads the image before it writes down when the instance was created:
# how much earlier is not known, so what was changed about then is not
# trusted, in seconds.
_LAUNCH = 10


def _shutdown_limit(instance, image, deployment):
    """Return how long Nova let this guest go down, and who says so.

    The verdict reads the snapshot's own copy of ``os_shutdown_timeout``. Of
    an instance Nova never shows it, so before there is a snapshot only an
    image that was not changed since the launch tells what was copied.
    Nothing may be promised by less: (None, None).
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
