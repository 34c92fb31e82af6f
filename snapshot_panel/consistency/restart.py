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
instance, Nova's record of actions and the snapshot, so it does not matter who
began, who looks, or how long nobody looked. An instance that somebody else
started, stopped or rebuilt in the meantime is left alone.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import enum

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
    """Why a plan was not carried out in full."""

    NOT_BEGUN = 'not-begun'
    STOP_FAILED = 'stop-failed'
    INTERFERED = 'interfered'
    NOT_TAKEN = 'not-taken'
    OVER_QUOTA = 'over-quota'
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
    """A move, and the plan to write before it; None to forget the plan."""

    move: Move
    plan: records.Plan | None


# How long, in seconds, a call that was on its way to Nova may still arrive.
# This compares the clocks of Horizon's processes. If they differ, we only
# wait longer or shorter.
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


def begin(
        by: str, actions: Sequence[facts.Action], now: datetime.datetime
        ) -> records.Plan:
    """Return a new :class:`records.Plan`.

    :param by: the name of the user who asked for it.
    :param actions: of the instance, newest first; there is at least one.
    :param now: the reader's clock, aware.
    """
    return records.Plan(Phase.STOPPING.value, now, by,
                        actions[0].request_id, now)


def step_of(plan: records.Plan) -> Phase:
    """Return the :class:`Phase` of a plan; a broken one is over."""
    return next((step for step in Phase if step.value == plan.step),
                Phase.OVER)


def cause_of(plan: records.Plan) -> Cause | None:
    """Return the :class:`Cause` of a plan, or None."""
    return next((cause for cause in Cause if cause.value == plan.cause),
                None)


def unfinished(instance: facts.Instance) -> bool:
    """Return whether an instance has a plan that is not over yet."""
    plan = records.read_plan(instance)
    if plan is None:
        return False
    return (step_of(plan) is not Phase.OVER
            or _runs_after_all(plan, instance))


def held(instance: facts.Instance) -> bool:
    """Return whether a plan waits until the metadata can be changed.

    What cannot be written down is not done: it would be done twice.
    """
    return unfinished(instance) and instance.metadata_fixed


def _runs_after_all(plan: records.Plan, instance: facts.Instance) -> bool:
    return (cause_of(plan) is Cause.START_FAILED
            and instance.status == facts.RUNNING)


def own_image(plan: records.Plan, actions: Sequence[facts.Action] | None,
              images: Iterable[facts.Image]) -> facts.Image | None:
    """Return the snapshot of a plan among some images, or None.

    Where a process died before it could write down which image it is, it is
    the one that was asked for since the plan was made.

    :param actions: of the instance, newest first.
    """
    if plan.image_id:
        return next((image for image in images
                     if image.id == plan.image_id), None)
    since = {action.request_id for action in _window(plan, actions) or ()}
    asked = [image for image in images
             if image.properties.get(records.AFTER_ACTION) in since]
    # A request that Nova refused leaves an image too, which nobody binds.
    return min(asked, key=lambda image: not records.is_bound(image),
               default=None)


def decide(plan: records.Plan, instance: facts.Instance,
           actions: Sequence[facts.Action] | None, image: facts.Image | None,
           now: datetime.datetime) -> NextMove:
    """Return the :class:`NextMove` for a plan.

    :param instance: the instance as just read.
    :param actions: its actions, newest first, None if unknown.
    :param image: the plan's snapshot, None where there is none (any more).
    :param now: the reader's clock, aware.
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


def _window(
        plan: records.Plan, actions: Sequence[facts.Action] | None
        ) -> list[facts.Action] | None:
    """Return the actions since the plan, oldest first, None if unknown."""
    newer: list[facts.Action] = []
    for action in actions or ():
        if action.request_id == plan.after:
            return newer[::-1]
        newer.append(action)
    return None


def _stopping(plan: records.Plan, instance: facts.Instance, power: list[str],
              now: datetime.datetime) -> NextMove:
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


def _taking(plan: records.Plan, instance: facts.Instance,
            image: facts.Image | None, now: datetime.datetime) -> NextMove:
    if instance.status != facts.STOPPED:
        return _give_up(plan, Cause.INTERFERED, now)
    if image is None and plan.image_id is None and not _late(plan, now):
        return NextMove(Move.WAIT, plan)
    if image is None:
        # Nova threw the snapshot away, which the list of snapshots shows,
        # or there never was one.
        return _start(plan, None if plan.image_id else Cause.NOT_TAKEN, now)
    plan = dataclasses.replace(plan, image_id=image.id)
    if _copied(image, now):
        return _start(plan, None, now)
    if not image.active and _older(image.updated, GRACE, now):
        return _start(plan, Cause.NOT_TAKEN, now)
    return NextMove(Move.WAIT, plan)


def _copied(image: facts.Image, now: datetime.datetime) -> bool:
    """Return whether the copy is complete, so that the disk may change.

    Volumes are still being copied when their image is active. Once it has
    its verdict, they are copied.
    """
    if not image.volume_backed:
        return image.active
    return (verdict.look(image).verdict.final
            or _older(image.updated, COPY_GRACE, now))


def _start(
        plan: records.Plan, cause: Cause | None, now: datetime.datetime
        ) -> NextMove:
    return NextMove(Move.START, advance(plan, Phase.STARTING, now, cause))


def _starting(plan: records.Plan, instance: facts.Instance, power: list[str],
              now: datetime.datetime) -> NextMove:
    if instance.status == facts.RUNNING or (
            'start' in power and power[-1] == 'stop'):
        cause = cause_of(plan)
        if cause is None or cause is Cause.CANCELLED:
            return NextMove(Move.WAIT, None)
        return _give_up(plan, cause, now)
    if instance.status != facts.STOPPED or (
            power not in ([], ['stop']) and power[-1] != 'start'):
        return _give_up(plan, Cause.INTERFERED, now)
    if 'start' in power:
        return _give_up(plan, Cause.START_FAILED, now)
    return NextMove(Move.START, plan)


def _give_up(
        plan: records.Plan, cause: Cause, now: datetime.datetime) -> NextMove:
    return NextMove(Move.WAIT, advance(plan, Phase.OVER, now, cause))


def advance(plan: records.Plan, step: Phase, now: datetime.datetime,
            cause: Cause | None = None) -> records.Plan:
    """Return ``plan`` with its next phase.

    :param now: when that phase begins.
    :param cause: why the plan was not carried out in full, if so.
    """
    return dataclasses.replace(plan, step=step.value, since=now,
                               cause=cause.value if cause else None)


def _late(plan: records.Plan, now: datetime.datetime) -> bool:
    return _older(plan.since, GRACE, now)


def _older(moment: datetime.datetime | None, seconds: float,
           now: datetime.datetime) -> bool:
    return moment is None or (now - moment).total_seconds() > seconds
