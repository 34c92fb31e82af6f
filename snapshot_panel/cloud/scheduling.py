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

"""Schedules that the workflow service runs: set up, rest, end, look.

Whoever dies in the middle leaves a schedule that nothing runs, which is
overdue in time, and never one that runs and that nobody sees: the server's
metadata is written before the trigger, and removed after it. The workflow is
the first that is made and the last that is deleted, so what was left in the
middle is known by it.
"""

import dataclasses

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import mistral
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow


@dataclasses.dataclass(frozen=True)
class Engine:
    """What the workflow service has of an instance's schedule.

    ``trigger`` is None where nothing runs, ``run`` where nothing ran yet;
    ``workflow`` is whether there is what a trigger would run.
    """

    trigger: mistral.Trigger | None
    run: mistral.Run | None
    workflow: bool = False


def offered(session: asking.Session, instance: facts.Instance) -> bool:
    """Return whether the workflow service can take an instance's snapshots.

    Of those on volumes only the panel itself can prove what it takes.
    """
    return (bounded.is_id(instance.id) and not instance.volume_backed
            and mistral.offered(session))


def look(session: asking.Session, instance: facts.Instance) -> Engine:
    """Return what the service has.

    :raises errors.CloudError: it does not say.
    """
    name = workflow.name(instance.id)
    trigger, run, there = asking.ask_services(
        session, (mistral, lambda: mistral.get_trigger(session, name)),
        (mistral, lambda: mistral.get_last_run(session, name)),
        (mistral, lambda: mistral.has_workflow(session, name)))
    return Engine(asking.or_raise(trigger), asking.or_raise(run),
                  asking.or_raise(there))


def begin(session: asking.Session, instance: facts.Instance,
          schedule: schedules.Schedule, pattern: str) -> None:
    """Have the service take snapshots, instead of what it did before.

    :param schedule: with the hour in UTC.
    :param pattern: when, see :func:`workflow.pattern`.
    :raises errors.InUse: the service cannot take any.
    """
    name = workflow.name(instance.id)
    if not mistral.has_action(session, workflow.ACTION):
        raise errors.InUse('Mistral', errors.NO_ACTION, (workflow.ACTION,))
    asks = all(mistral.has_action(session, action)
               for action in workflow.ASKS)
    mistral.put_workflow(session, workflow.text(instance.id, asks))
    nova.set_metadata(session, instance.id, {
        schedules.KEY: schedule.value(), **_note(session, instance)})
    try:
        mistral.delete_trigger(session, name)
        mistral.create_trigger(session, name, pattern,
                               workflow.given(
                                   instance, session.user.username))
    except errors.CloudError:
        # Nobody may expect anything where nothing runs. It may run all the
        # same: by somebody who came first, or with an answer that was lost.
        if asking.outcome(lambda: mistral.get_trigger(session, name)) is None:
            asking.outcome(lambda: _write(
                session, instance, schedules.paused_value(schedule)))
        raise


def pause(session: asking.Session, instance: facts.Instance) -> None:
    """Take no snapshots until :func:`begin`; remember the choice."""
    schedule = schedules.read(instance)
    mistral.delete_trigger(session, workflow.name(instance.id))
    if schedule is not None:
        _write(session, instance, schedules.paused_value(schedule))


def end(session: asking.Session, instance: facts.Instance) -> None:
    """Take no snapshots any more; those that there are stay."""
    name = workflow.name(instance.id)
    mistral.delete_trigger(session, name)
    for key in schedules.AFTER, schedules.KEY:
        nova.delete_metadata(session, instance.id, key)
    mistral.delete_workflow(session, name)


def _note(session: asking.Session, instance: facts.Instance
          ) -> dict[str, str]:
    """Return what the first snapshot can be told from the ones before by.

    Empty where nobody says: the disk then decides alone.
    """
    actions = asking.outcome(lambda: nova.list_actions(session, instance.id))
    if isinstance(actions, errors.CloudError) or not actions:
        return {}
    return {schedules.AFTER: actions[0].request_id}


def _write(session: asking.Session, instance: facts.Instance, value: str
           ) -> None:
    nova.set_metadata(session, instance.id, {schedules.KEY: value})
