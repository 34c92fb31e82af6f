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
    ROOT_DISK = 'root-disk'
    VOLUMES = 'volumes'
    CHANNEL = 'channel'
    DRIFT = 'drift'
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
    CHANNEL_LIKELY = ('channel-likely', Check.CHANNEL, State.WARNING)
    CHANNEL_WITNESSED = ('channel-witnessed', Check.CHANNEL, State.PASS)
    CHANNEL_UNKNOWN = ('channel-unknown', Check.CHANNEL, State.UNKNOWN)

    NO_DRIFT = ('no-drift', Check.DRIFT, State.PASS)
    DRIFT = ('drift', Check.DRIFT, State.WARNING)

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
    FREEZE_FAILED = ('freeze-failed', Check.LAST_FREEZE, State.WARNING)
    FREEZE_REFUSED = ('freeze-refused', Check.LAST_FREEZE, State.WARNING)
    FREEZE_OPEN_END = ('freeze-open-end', Check.LAST_FREEZE, State.WARNING)

    QUIESCE_NOT_ENFORCED = ('quiesce-not-enforced', Check.QUIESCE,
                            State.WARNING)
    QUIESCE_ENFORCED = ('quiesce-enforced', Check.QUIESCE, State.PASS)

    BACKEND_FREEZES = ('backend-freezes', Check.BACKEND, State.PASS)
    BACKEND_NEVER_FREEZES = ('backend-never-freezes', Check.BACKEND,
                             State.FAIL)

    STOP_CLEAN = ('stop-clean', Check.STOP, State.PASS)
    STOP_HARD = ('stop-hard', Check.STOP, State.FAIL)
    STOP_UNKNOWN = ('stop-unknown', Check.STOP, State.UNKNOWN)
    STOP_NOT_ASKED = ('stop-not-asked', Check.STOP, State.UNKNOWN)

    def __init__(self, code, check, state):
        self.code = code
        self.check = check
        self.state = state


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
    """

    asked: bool = False
    console: typing.Optional[str] = None
    actions: typing.Optional[typing.Sequence[facts.Action]] = None


@dataclasses.dataclass(frozen=True)
class Checklist:
    """The results of one instance, in order."""

    results: typing.Tuple[Result, ...]

    @property
    def ready(self):
        """Tell whether a snapshot taken now can be proven consistent."""
        return all(result.state in (State.PASS, State.WARNING)
                   for result in self.results)

    @property
    def passed(self):
        """How many checks hold."""
        return sum(result.state is State.PASS for result in self.results)

    @property
    def missing(self):
        """The results that stand in the way."""
        return [result for result in self.results
                if result.state in (State.FAIL, State.UNKNOWN)]

    def find(self, check):
        """Return the result of a check, or None if it does not apply."""
        return next((result for result in self.results
                     if result.finding.check is check), None)

    def has(self, *findings):
        return any(result.finding in findings for result in self.results)

    @property
    def possible(self):
        """Tell whether Nova takes a snapshot at all now."""
        return not self.has(Finding.NO_SNAPSHOT_STATE, Finding.BUSY)

    @property
    def undecided(self):
        """Tell whether only a call for this instance can tell more."""
        missing = {result.finding for result in self.missing}
        return bool(missing) and missing <= {
            Finding.AGENT_NOT_ASKED, Finding.KIT_UNSEEN,
            Finding.STOP_NOT_ASKED}

    @property
    def prediction(self):
        """Return the best verdict that a snapshot taken now can get."""
        if self.ready:
            return verdict.Verdict.FILESYSTEM
        if self.has(Finding.NEVER_FROZEN, Finding.NO_CHANNEL,
                    Finding.BACKEND_NEVER_FREEZES, Finding.AGENT_STOPPED,
                    Finding.STOP_HARD):
            return verdict.Verdict.CRASH
        return verdict.Verdict.UNPROVEN

    def promises(self, least):
        """Tell whether the prediction is at least ``least``."""
        order = list(verdict.Verdict)
        return order.index(self.prediction) <= order.index(least)


def check(instance, guest, deployment, today=None, volumes=None):
    """Return the :class:`Checklist` of an instance.

    :param instance: a :class:`facts.Instance`.
    :param guest: a :class:`Guest`.
    :param deployment: a :class:`facts.Deployment`.
    :param today: the :class:`facts.Image` that it was launched from as it is
        now, None where it was not asked for or is gone.
    :param volumes: the :class:`facts.Volume` attached to it by device, None
        where they were not asked for, empty where Cinder did not tell.
    """
    results = [_state(instance), _task(instance), _root_disk(instance),
               _volumes(instance, volumes)]
    if instance.status == facts.STOPPED:
        results.append(_stop(instance, guest, deployment))
    else:
        log = witness.read(guest.console)
        results += [_channel(instance, log), _drift(instance, today),
                    _agent(instance, guest, log),
                    _kit(log), _last_freeze(log), _quiesce(instance),
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


def _channel(instance, log):
    present = instance.properties.flag(facts.AGENT_PROPERTY)
    evidence = {
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
    return Result(Finding.CHANNEL if present else Finding.NO_CHANNEL,
                  evidence)


# The properties that bear on a freeze and are copied at boot.
_COPIED = (facts.AGENT_PROPERTY, facts.QUIESCE_PROPERTY)


def _drift(instance, today):
    """Compare what the instance booted with to its image now (fact 7)."""
    if (today is None
            or instance.properties.source is not facts.Source.EMBEDDED):
        return None
    now = facts.Properties(today.properties, facts.Source.IMAGE)
    changed = [name for name in _COPIED
               if now.flag(name) != instance.properties.flag(name)]
    if not changed:
        return Result(Finding.NO_DRIFT)
    return Result(Finding.DRIFT, {'names': ', '.join(changed)})


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
    return Result(Finding.KIT_UNSEEN if log.tip is None else Finding.KIT)


def _last_freeze(log):
    attempts = witness.freezes(log.chain)
    if log.tip is None or not attempts:
        return None
    last = attempts[-1]
    if last.proven:
        return Result(Finding.FREEZE_PROVEN,
                      {'stall': max(last.frozen.values())})
    if last.aborted is not None:
        return Result(Finding.FREEZE_REFUSED, {'hook': last.aborted})
    if not last.open and _unfinished(log.chain):
        return Result(Finding.FREEZE_OPEN_END)
    return Result(Finding.FREEZE_FAILED, {'open': ', '.join(last.open)})


def _unfinished(chain):
    """Tell whether the guest may still stand frozen, by its own word.

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
    """Tell where the property promises more than Nova keeps (fact 2)."""
    value = instance.properties.values.get(facts.QUIESCE_PROPERTY)
    if not strutils.bool_from_string(value):
        return None
    return Result(Finding.QUIESCE_ENFORCED if instance.volume_backed
                  else Finding.QUIESCE_NOT_ENFORCED,
                  {'value': value, 'source': instance.properties.source.value})


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
    limit = verdict.shutdown_limit(instance.properties.values, deployment)
    decision = verdict.judge_stop(guest.actions, limit)
    return Result({
        verdict.Rule.CLEAN_STOP: Finding.STOP_CLEAN,
        verdict.Rule.HARD_STOP: Finding.STOP_HARD,
    }.get(decision.rule, Finding.STOP_UNKNOWN), decision.evidence)
