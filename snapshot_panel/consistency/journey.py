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

"""The journey of a snapshot: its steps, and what is known of each.

Before a snapshot, a step shows what the checklist says about it; while one is
being made, how far it has come.
"""

import dataclasses
import datetime
import enum

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict

Check = checklist.Check
Finding = checklist.Finding
State = checklist.State


class Step(enum.Enum):
    """The steps in order, each with the checks that bear on it."""

    API = ('api', (Check.STATE, Check.LOCK, Check.QUOTA))
    NOVA = ('nova', (Check.TASK, Check.ROOT_DISK))
    LIBVIRT = ('libvirt', (Check.CHANNEL, Check.DRIFT, Check.NAMES,
                           Check.BACKEND, Check.QUIESCE))
    FREEZE = ('freeze', (Check.AGENT, Check.KIT))
    COPY = ('copy', (Check.VOLUMES, Check.OTHER_DISKS))
    THAW = ('thaw', (Check.LAST_FREEZE,))
    UPLOAD = ('upload', ())
    VERDICT = ('verdict', (Check.PROOF, Check.STOP))

    def __init__(self, code: str, checks: tuple[Check, ...]) -> None:
        self.code = code
        self.checks = checks


class Light(enum.Enum):
    """What is known of one step."""

    CLEAR = 'clear'
    NOTED = 'noted'
    BLOCKED = 'blocked'
    DOUBTFUL = 'doubtful'
    UNCHECKED = 'unchecked'
    UNNEEDED = 'unneeded'
    DONE = 'done'
    OVER = 'over'
    NOW = 'now'
    AHEAD = 'ahead'


_LIGHTS = {State.FAIL: Light.BLOCKED, State.UNKNOWN: Light.DOUBTFUL,
           State.WARNING: Light.NOTED, State.PASS: Light.CLEAR}
# The steps that only a running guest goes through.
_OF_THE_GUEST = (Step.LIBVIRT, Step.FREEZE, Step.THAW)
# The steps that a guest misses if nobody can ask it to freeze.
_FROZEN = (Step.FREEZE, Step.THAW)

# The steps that each of Nova's tasks covers.
_STEPS_OF_TASK = {
    facts.SnapshotTask.ACCEPTED: (Step.NOVA,),
    facts.SnapshotTask.PREPARING: (Step.LIBVIRT,),
    facts.SnapshotTask.COPYING: (Step.FREEZE, Step.COPY, Step.THAW),
    facts.SnapshotTask.UPLOADING: (Step.UPLOAD,),
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step with its light and the results that it rests on."""

    step: Step
    light: Light
    results: tuple[checklist.Result, ...] = ()


def ahead(
        instance: facts.Instance, checks: checklist.Checklist) -> list[Stage]:
    """Return a :class:`Stage` for each step of a snapshot taken now.

    :param checks: the checklist of the instance.
    """
    return [_stage(step, instance, checks) for step in Step]


def _stage(
        step: Step, instance: facts.Instance, checks: checklist.Checklist
        ) -> Stage:
    if instance.status == facts.STOPPED and step in _OF_THE_GUEST:
        return Stage(step, Light.UNNEEDED)
    results = tuple(result for result in checks.results
                    if _bears_on(step, result.finding))
    if step in _FROZEN and _never_frozen(checks):
        return Stage(step, Light.BLOCKED, results)
    if step is Step.VERDICT:
        return Stage(step, _expected(checks), results)
    lights = {_LIGHTS[result.state] for result in results}
    light = next((light for light in _LIGHTS.values() if light in lights),
                 Light.UNCHECKED)
    return Stage(step, light, results)


def _bears_on(step: Step, finding: Finding) -> bool:
    # Nova accepts such an instance; what does not happen is the freeze.
    if finding is Finding.NEVER_FROZEN:
        return step is Step.FREEZE
    return finding.check in step.checks


def _never_frozen(checks: checklist.Checklist) -> bool:
    return checks.no_channel or checks.has(Finding.NEVER_FROZEN)


def _expected(checks: checklist.Checklist) -> Light:
    crash = checks.prediction is verdict.Verdict.CRASH
    if crash or not checks.possible:
        return Light.BLOCKED
    return Light.CLEAR if checks.prediction.consistent else Light.DOUBTFUL


def under_way(instance: facts.Instance, image: facts.Image | None,
              checks: checklist.Checklist) -> list[Stage]:
    """Return a :class:`Stage` for each step of a snapshot being made.

    :param image: the image that is not settled yet, None where only the
        server remembers it.
    :param checks: the checklist of the instance.
    """
    now = _steps_now(instance, image)
    order = list(Step)
    unneeded: tuple[Step, ...] = ()
    if instance.status == facts.STOPPED:
        unneeded = _OF_THE_GUEST
        now = tuple(step for step in now if step not in unneeded) or (
            Step.COPY,)
    first = order.index(now[0])
    lights = {step: Light.DONE if order.index(step) < first else Light.AHEAD
              for step in order}
    lights.update(dict.fromkeys(now, Light.NOW))
    for step in _FROZEN:
        # That Nova went on does not prove that the guest was frozen.
        if lights[step] is Light.DONE:
            lights[step] = Light.OVER
        if _never_frozen(checks):
            lights[step] = Light.BLOCKED
    if left_frozen(checks):
        lights[Step.THAW] = Light.DOUBTFUL
    lights.update(dict.fromkeys(unneeded, Light.UNNEEDED))
    return [Stage(step, lights[step]) for step in order]


def _steps_now(instance: facts.Instance,
               image: facts.Image | None) -> tuple[Step, ...]:
    if image is not None and image.active:
        return (Step.VERDICT,)
    task = facts.SnapshotTask.of(instance.task_state)
    return _STEPS_OF_TASK[task] if task else (Step.UPLOAD,)


def left_frozen(checks: checklist.Checklist) -> bool:
    """Return whether the guest may have been left frozen: an alarm.

    While Nova is at work the guest is meant to be frozen.
    """
    return checks.has(Finding.FREEZE_OPEN_END) and not checks.has(
        Finding.BUSY)


# How long Nova may copy before somebody is told that it may wait for a guest
# that hangs (fact 25). The freeze is over in seconds, and libvirt's own limit
# is 5 s, but the disk is copied twice in this state: the bound is what 15 GB
# need at 100 MB/s.
LONG = datetime.timedelta(minutes=5)


def copying_long(
        instance: facts.Instance, image: facts.Image,
        now: datetime.datetime, deployment: facts.Deployment
        ) -> datetime.timedelta | None:
    """Return for how long Nova may have waited for the guest, or None.

    Nothing outside tells a guest that hangs from a large disk: Nova mirrors
    the disk, freezes, thaws and converts the copy, all in one task state. It
    can only be the guest where Nova asks it at all, and before any data goes
    to Glance. While a snapshot waits for its turn on the host
    (``max_concurrent_snapshots``), Nova is at another task.

    :param image: the image of the snapshot; Nova may refuse a later request
        and leave its image behind, so it may be younger than the task.
    :param now: the reader's clock, aware; others are behind or ahead of it.
    :returns: a span of at least :data:`LONG`, None also where nobody knows.
    """
    if (facts.SnapshotTask.of(instance.task_state)
            is not facts.SnapshotTask.COPYING
            or not image.empty or instance.updated is None
            or image.created is None
            or not _is_asked(instance, image, deployment)):
        return None
    waited = now - max(instance.updated, image.created)
    return waited if waited >= LONG else None


def _is_asked(instance: facts.Instance, image: facts.Image,
              deployment: facts.Deployment) -> bool:
    """Return whether Nova asks the guest to freeze (facts 2, 4, 11, 14)."""
    embedded = facts.Properties(image.properties, facts.Source.SNAPSHOT)
    return (instance.status == facts.RUNNING
            and not deployment.never_freezes
            and bool(embedded.flag(facts.AGENT_PROPERTY)))
