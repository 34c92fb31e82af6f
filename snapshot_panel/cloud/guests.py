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

"""Asking guests, and sharing what they said for a while."""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import turns
from snapshot_panel import conf
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts


def ask_guest(session: asking.Session, instance: facts.Instance
              ) -> checklist.Guest:
    """Return what the guest and Nova's record say now.

    The order matters: a freeze that the console shows only after this look
    belongs to an action that is newer than those read here.
    """
    actions = nova.list_actions(session, instance.id)
    if instance.status == facts.STOPPED:
        return checklist.Guest(
            asked=True, image=snapshots.image_today(session, instance),
            actions=with_stop_times(session, instance.id, actions))
    return dataclasses.replace(listen(session, instance), actions=actions)


def listen(session: asking.Session, instance: facts.Instance
           ) -> checklist.Guest:
    """Return what the checklist takes of a guest now.

    Of one that runs that is its console alone, one request: to whom a freeze
    belongs, which Nova's record of actions tells, is a question of verdicts.

    A shelved instance is on no host: Nova answers 409 where it is asked for
    the console, which is gone.
    """
    if instance.status == facts.STOPPED:
        return ask_guest(session, instance)
    return checklist.Guest(
        asked=True, console=None if instance.status in facts.SHELVED
        else nova.get_console(session, instance.id))


def ask_guest_if_allowed(session: asking.Session, instance: facts.Instance
                         ) -> checklist.Guest:
    """Ask a guest whose console perhaps cannot be read, ever.

    That is so where this user may not, and where Nova never can.

    Only for taking a snapshot: settling without a console would seal for
    good what somebody else could prove.
    """
    try:
        return ask_guest(session, instance)
    except errors.CloudError as problem:
        if not errors.lasts(problem):
            raise
        return checklist.Guest(asked=True)


def with_stop_times(session: asking.Session, instance_id: str,
                    actions: Iterable[facts.Action] | None
                    ) -> list[facts.Action]:
    """Return the actions with the times of the newest stop among them."""
    timed = list(actions or ())
    for index, action in enumerate(timed):
        if action.name == 'stop':
            timed[index] = nova.time_action(session, instance_id, action)
            break
    return timed


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a guest said, and when it was asked; None is just now."""

    guest: checklist.Guest
    at: datetime.datetime | None


def hear_guests(session: asking.Session, instances: Sequence[facts.Instance],
                again: bool = False) -> dict[str, Heard | errors.CloudError]:
    """Return what each of these guests said lately, by instance id.

    It is shared between the users of a project for a while. A guest that
    could not be asked has the :class:`errors.CloudError` in its place.

    :param again: ask now, however lately somebody did.
    """
    hear = _hear_now if again else _hear
    answers = asking.for_each(lambda instance: hear(session, instance),
                              instances)
    return {instance.id: heard
            for instance, heard in zip(instances, answers)}


def recall(instances: Iterable[facts.Instance]) -> dict[str, Heard]:
    """Return what these guests said lately, by id, and ask none of them."""
    ids = {_guest_key(instance): instance.id for instance in instances}
    return {ids[key]: heard
            for key, heard in cache.get_many(list(ids)).items()}


def _hear(session: asking.Session, instance: facts.Instance) -> Heard:
    key = _guest_key(instance)
    shared: Heard | None = cache.get(key)
    if shared is None:
        with turns.take(key) as ours:
            if not ours:
                turns.wait(key)
                shared = cache.get(key)
            return shared or _hear_now(session, instance)
    return shared


def _hear_now(session: asking.Session, instance: facts.Instance) -> Heard:
    return _share(instance, listen(session, instance))


def _share(instance: facts.Instance, guest: checklist.Guest) -> Heard:
    heard = Heard(guest, timeutils.utcnow(True))
    cache.set(_guest_key(instance), heard, conf.get_config()['evidence_age'])
    return heard


def ask_behind(session: asking.Session, instance: facts.Instance,
               patient: bool = True) -> checklist.Guest:
    """Return what :func:`ask_guest` does, read in the other order.

    No freeze that the console shows can belong to a snapshot that is not
    among these actions yet, which is what a verdict needs.

    :param patient: a console that Nova failed to read may be read later.
    """
    console = image = None
    if instance.status == facts.STOPPED:
        image = snapshots.image_today(session, instance)
    elif instance.status not in facts.SHELVED:
        console = _console(session, instance, patient)
    # It may have been stopped when the snapshot was asked for.
    actions = with_stop_times(session, instance.id, asking.confirmed(
        lambda: nova.list_actions(session, instance.id)))
    return _share(instance, checklist.Guest(True, console, actions,
                                            image)).guest


def _console(session: asking.Session, instance: facts.Instance,
             patient: bool) -> str | None:
    """Return the console, None where nobody will ever read it."""
    try:
        return asking.confirmed(
            lambda: nova.get_console(session, instance.id))
    except errors.Unavailable as problem:
        # No hypervisor learns what it cannot do; an error may be fixed.
        never = errors.code(problem) == 501
        if never or not patient and errors.lasts(problem):
            return None
        raise


def _guest_key(instance: facts.Instance) -> str:
    # What is shared must not outlive a change of state; a guest that was
    # seen frozen during a snapshot must not look so after it.
    return cache.of_release('snapshot_panel:guest:%s:%s:%s:%s' % (
        instance.project_id, instance.id, bounded.key_part(instance.status),
        'busy' if instance.task_state else 'idle'))
