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


"""Stop, snapshot and start again, carried on by whoever looks next."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import dataclasses
import logging

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.cloud import turns
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart

LOG = logging.getLogger(__name__)


def begin(session: asking.Session, instance_id: str) -> facts.Instance:
    """Write the plan down and stop the instance.

    :raises errors.CloudError: nothing was begun; of
        :class:`errors.Unavailable` nobody knows, and the next look finds out.
    """
    instance, images = snapshots.one(session, instance_id)
    if instance.status != facts.RUNNING or instance.task_state or (
            restart.unfinished(instance)):
        raise errors.Conflict('Nova', 'status %s' % instance.status)
    _check(session, instance)
    # Once the guest is down its console cannot be read any more.
    taking.settle_before(session, instance, images)
    actions = nova.list_actions(session, instance.id)
    if not actions:
        raise errors.Conflict('Nova', 'no record of actions')
    _write(session, instance, restart.begin(
        session.user.username, actions, timeutils.utcnow(True)))
    try:
        nova.stop(session, instance.id)
    except errors.Unavailable:
        # It may have arrived.
        raise
    except errors.CloudError:
        # Somebody else may have come first with the same.
        fresh = nova.get_instance(session, instance.id)
        if fresh.status == facts.RUNNING and not fresh.task_state:
            _forget(session, instance)
            raise
    return instance


def _check(session: asking.Session, instance: facts.Instance) -> None:
    """Return where nothing known stands against the snapshot to come.

    Else an instance would be taken down for nothing.

    :raises errors.CloudError: a lock or a quota does.
    """
    if instance.locked:
        raise errors.InUse('Nova', errors.LOCKED, (instance.name,))
    limits = details.ask_limits(session, instance)
    checks = checklist.check(instance, checklist.Guest(), conf.deployment(),
                             limits=limits)
    quota = checks.find(checklist.Check.QUOTA)
    if quota is not None and quota.finding in _FULL:
        raise errors.InUse(*_FULL[quota.finding])


# Which service would refuse, and why.
_FULL = {
    checklist.Finding.QUOTA_IMAGES: ('Glance', errors.IMAGES_FULL),
    checklist.Finding.QUOTA_SIZE: ('Glance', errors.IMAGES_FULL),
    checklist.Finding.QUOTA_COPIES: ('Cinder', errors.COPIES_FULL),
    checklist.Finding.QUOTA_METADATA: ('Nova', errors.METADATA_FULL),
}


def carry_on(session: asking.Session, instance: facts.Instance,
             images: Sequence[facts.Image], unread: Collection[str] = ()
             ) -> tuple[facts.Instance, Sequence[facts.Image]]:
    """Settle an instance's snapshots, and take its plan one step further.

    :param images: the instance's snapshots as just read.
    :param unread: as :func:`settling.settle` takes it.
    :returns: the instance and its snapshots as they are then.
    :raises errors.CloudError: where a service failed; nothing is lost, the
        next look carries on.
    """
    instance, images = settling.settle(session, instance, images, unread)
    plan = records.read_plan(instance)
    if (plan is None or not restart.unfinished(instance)
            or restart.held(instance)):
        return instance, images
    actions = nova.list_actions(session, instance.id)
    image = restart.own_image(plan, actions, images)
    if image is None and plan.image_id:
        image = glance.find_image(session, plan.image_id)
    decision = restart.decide(plan, instance, actions, image,
                              timeutils.utcnow(True))
    if decision == restart.NextMove(restart.Move.WAIT, plan):
        return instance, images
    # There is no compare-and-set: whoever came first is found by reading
    # again just before, and Nova refuses what is done twice.
    fresh = nova.get_instance(session, instance.id)
    if (records.read_plan(fresh), fresh.status, fresh.task_state) != (
            plan, instance.status, instance.task_state):
        return fresh, images
    _MOVES[decision.move](session, fresh, decision.plan)
    return nova.get_instance(session, instance.id), images


def carry_on_once(session: asking.Session, instance: facts.Instance,
                  images: Sequence[facts.Image], unread: Collection[str] = ()
                  ) -> tuple[facts.Instance, Sequence[facts.Image]]:
    """Do as :func:`carry_on`, unless somebody else does at this moment.

    It spares requests where many look; the next look shows what came of it.
    """
    with turns.take('snapshot_panel:settling:%s:%s' % (
            instance.project_id, instance.id)) as ours:
        return (carry_on(session, instance, images, unread) if ours
                else (instance, images))


def _wait(session: asking.Session, instance: facts.Instance,
          plan: records.Plan | None) -> None:
    if plan is None:
        _forget(session, instance)
    elif plan != records.read_plan(instance):
        _write(session, instance, plan)


def _stop(session: asking.Session, instance: facts.Instance,
          _plan: records.Plan | None) -> None:
    try:
        nova.stop(session, instance.id)
    except errors.Conflict as problem:
        LOG.info('Stopping %s: %s', instance.id, problem)


def _take(session: asking.Session, instance: facts.Instance,
          plan: records.Plan) -> None:
    # Written before, so that it is asked for once.
    guest = guests.ask_guest(session, instance)
    former = records.read_plan(instance)
    _write(session, instance, plan)
    try:
        taken = taking.take(session, instance, guest,
                            taking.default_name(instance), by=plan.by)
    except (errors.Forbidden, errors.TooMany):
        # Nothing was done, and somebody who may do it will look.
        if former is not None:
            _write(session, instance, former)
        raise
    except errors.Conflict as problem:
        # Somebody was faster with the same, or Nova refuses: time tells.
        LOG.info('Snapshot of %s: %s', instance.id, problem)
    except (errors.OverLimit, errors.Refused) as problem:
        LOG.warning('No snapshot of %s: %s', instance.id, problem)
        _write(session, instance, restart.advance(
            plan, restart.Phase.STARTING, timeutils.utcnow(True),
            restart.Cause.OVER_QUOTA if isinstance(problem, errors.OverLimit)
            else restart.Cause.NOT_TAKEN))
    else:
        _write(session, instance, dataclasses.replace(
            plan, image_id=taken.image_id))


def _start(session: asking.Session, instance: facts.Instance,
           plan: records.Plan) -> None:
    _wait(session, instance, plan)
    try:
        nova.start(session, instance.id)
    except (errors.Unavailable, errors.Forbidden, errors.TooMany):
        # It may have arrived; or somebody who may do it will look.
        raise
    except errors.CloudError as problem:
        LOG.warning('%s stays shut off: %s', instance.id, problem)
        fresh = nova.get_instance(session, instance.id)
        if fresh.status == facts.STOPPED and not fresh.task_state:
            _write(session, instance, restart.advance(
                plan, restart.Phase.OVER, timeutils.utcnow(True),
                restart.Cause.START_FAILED))


_MOVES: dict[restart.Move, Callable[..., None]] = {
    restart.Move.WAIT: _wait,
    restart.Move.STOP: _stop,
    restart.Move.TAKE: _take,
    restart.Move.START: _start,
}


def cancel(session: asking.Session, instance_id: str) -> None:
    """Give the snapshot up, and start the instance again.

    Where the snapshot was begun already, nothing is changed.
    """
    instance = nova.get_instance(session, instance_id)
    plan = records.read_plan(instance)
    if plan is not None and restart.step_of(plan) is restart.Phase.STOPPING:
        _write(session, instance, restart.advance(
            plan, restart.Phase.STARTING, timeutils.utcnow(True),
            restart.Cause.CANCELLED))


def leave(session: asking.Session, instance_id: str) -> None:
    """Forget the plan, and leave the instance as it is."""
    _forget(session, nova.get_instance(session, instance_id))


def start(session: asking.Session, instance_id: str) -> None:
    """Start an instance that a plan left shut off."""
    instance = nova.get_instance(session, instance_id)
    plan = records.read_plan(instance)
    nova.start(session, instance_id)
    if plan is not None:
        _write(session, instance, restart.advance(
            plan, restart.Phase.STARTING, timeutils.utcnow(True)))


def _write(session: asking.Session, instance: facts.Instance,
           plan: records.Plan) -> None:
    nova.set_metadata(session, instance.id, plan.metadata())


def _forget(session: asking.Session, instance: facts.Instance) -> None:
    nova.delete_metadata(session, instance.id, records.PLAN_KEY)
