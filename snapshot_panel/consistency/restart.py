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


"""Stop, snapshot and start again: what comes next, whoever looks.

The plan is a record on the server. Each look decides from that record, the
instance, Nova's record of actions and the snapshot; so it does not matter who
began, who looks, or how long nobody looked. An instance that somebody else
started, stopped or rebuilt meanwhile is left alone.
"""

import dataclasses
import enum
import typing

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict


class Phase(enum.Enum):
    """Where a plan is."""

    STOPPING = 'stopping'
    TAKING = 'taking'
    STARTING = 'starting'
    OVER = 'over'


class Cause(enum.Enum):
    """Why a plan did not do all that it was to do."""

    NOT_BEGUN = 'not-begun'
    STOP_FAILED = 'stop-failed'
    INTERFERED = 'interfered'
    NOT_TAKEN = 'not-taken'
    CANCELLED = 'cancelled'
    START_FAILED = 'start-failed'


class Move(enum.Enum):
    """What is to be done now."""

    WAIT = 'wait'
    STOP = 'stop'
    TAKE = 'take'
    START = 'start'


@dataclasses.dataclass(frozen=True)
class NextMove:
    """The move, and the plan to be written before; None to forget it."""

    move: Move
    plan: typing.Optional[records.Plan]


# How long, in seconds, a call that was on its way to Nova may still arrive.
# It compares the clocks of Horizon's processes, which only makes us wait.
GRACE = 120
# How long Cinder may take to copy volumes before the instance is started
# all the same, in seconds; the verdict then says what is not known.
COPY_GRACE = 3600

# What changes whether an instance runs, or what it is (Nova's names).
_TAKEOVERS = frozenset((
    'stop', 'start', 'reboot', 'rebuild', 'resize', 'migrate', 'evacuate',
    'live-migration', 'shelve', 'unshelve', 'pause', 'unpause', 'suspend',
    'resume', 'rescue', 'unrescue', 'delete', 'softDelete', 'forceDelete',
    'restore', 'confirmResize', 'revertResize', 'trigger_crash_dump'))


def begin(by, actions, now):
    """Return the :class:`records.Plan` of a new beginning.

    :param actions: of the instance, newest first; there is at least one.
    """
    return records.Plan(Phase.STOPPING.value, now, by,
                        actions[0].request_id, now)


def step_of(plan):
    """Return the :class:`Phase` of a plan; a broken one is over."""
    return next((step for step in Phase if step.value == plan.step),
                Phase.OVER)


def cause_of(plan):
    """Return the :class:`Cause` of a plan, or None."""
    return next((cause for cause in Cause if cause.value == plan.cause),
                None)


def unfinished(instance):
    """Return whether an instance has a plan that is to be carried on."""
    plan = records.read_plan(instance)
    if plan is None:
        return False
    return (step_of(plan) is not Phase.OVER
            or _runs_after_all(plan, instance))


def _runs_after_all(plan, instance):
    return (cause_of(plan) is Cause.START_FAILED
            and instance.status == facts.RUNNING)


def own_image(plan, actions, images):
    """Return the snapshot of a plan among some images, or None.

    Where a process died before it could write down which it is, the action
    that stood before it tells: it is none from before the plan.
    """
    if plan.image_id:
        return next((image for image in images
                     if image.id == plan.image_id), None)
    since = {action.request_id for action in _window(plan, actions) or ()}
    return next((image for image in images if image.properties.get(
        records.AFTER_ACTION) in since), None)


def decide(plan, instance, actions, image, now):
    """Return the :class:`NextMove` of a look.

    :param plan: the :class:`records.Plan` of the instance.
    :param instance: the :class:`facts.Instance` as just read.
    :param actions: its actions, newest first.
    :param image: its snapshot, None where there is none (any more).
    """
    step = step_of(plan)
    if step is Phase.OVER:
        return NextMove(Move.WAIT, None if _runs_after_all(plan, instance)
                        else plan)
    if instance.task_state:
        return NextMove(Move.WAIT, plan)
    window = _window(plan, actions)
    if window is None:
        return _give_up(plan, Cause.INTERFERED, now)
    power = [action.name for action in window if action.name in _TAKEOVERS]
    if step is Phase.STARTING:
        return _starting(plan, instance, power, now)
    if power not in ([], ['stop']):
        return _give_up(plan, Cause.INTERFERED, now)
    if step is Phase.STOPPING:
        return _stopping(plan, instance, power, now)
    return _taking(plan, instance, image, now)


def _window(plan, actions):
    """Return the actions since the plan, oldest first, None if unknown."""
    newer = []
    for action in actions or ():
        if action.request_id == plan.after:
            return newer[::-1]
        newer.append(action)
    return None


def _stopping(plan, instance, power, now):
    if instance.status == facts.STOPPED:
        return NextMove(Move.TAKE, advance(plan, Phase.TAKING, now))
    if instance.status != facts.RUNNING:
        return _give_up(plan, Cause.INTERFERED, now)
    if power:
        return _give_up(plan, Cause.STOP_FAILED, now)
    if _late(plan, now):
        # Nobody expects the instance to be stopped any more.
        return _give_up(plan, Cause.NOT_BEGUN, now)
    return NextMove(Move.STOP, plan)


def _taking(plan, instance, image, now):
    if instance.status != facts.STOPPED:
        return _give_up(plan, Cause.INTERFERED, now)
    if image is None and plan.image_id is None and not _late(plan, now):
        return NextMove(Move.WAIT, plan)
    if image is None:
        # Nova threw it away, which is told with the snapshots; or there
        # never was one.
        return _start(plan, None if plan.image_id else Cause.NOT_TAKEN, now)
    plan = dataclasses.replace(plan, image_id=image.id)
    if _copied(image, now):
        return _start(plan, None, now)
    if not image.active and _older(image.updated, GRACE, now):
        return _start(plan, Cause.NOT_TAKEN, now)
    return NextMove(Move.WAIT, plan)


def _copied(image, now):
    """Return whether the disk may change again.

    Volumes are copied after their image is active: once it has its verdict
    they are.
    """
    if not image.volume_backed:
        return image.active
    return (verdict.look(image).verdict.final
            or _older(image.updated, COPY_GRACE, now))


def _start(plan, cause, now):
    return NextMove(Move.START, advance(plan, Phase.STARTING, now, cause))


def _starting(plan, instance, power, now):
    if instance.status == facts.RUNNING or (
            'start' in power and power[-1] == 'stop'):
        cause = cause_of(plan)
        if cause in (None, Cause.CANCELLED):
            return NextMove(Move.WAIT, None)
        return _give_up(plan, cause, now)
    if instance.status != facts.STOPPED or (
            power not in ([], ['stop']) and power[-1] != 'start'):
        return _give_up(plan, Cause.INTERFERED, now)
    if 'start' in power:
        return _give_up(plan, Cause.START_FAILED, now)
    return NextMove(Move.START, plan)


def _give_up(plan, cause, now):
    return NextMove(Move.WAIT, advance(plan, Phase.OVER, now, cause))


def advance(plan, step, now, cause=None):
    """Return a plan that is one step further."""
    return dataclasses.replace(plan, step=step.value, since=now,
                               cause=cause and cause.value)


def _late(plan, now):
    return _older(plan.since, GRACE, now)


def _older(moment, seconds, now):
    return moment is None or (now - moment).total_seconds() > seconds
