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

import dataclasses
import typing

from django.core.cache import cache
from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts


def ask_guest(request, instance):
    """Return what the guest and Nova's record tell, as of now.

    The order matters: a freeze that the console shows only after this look
    belongs to an action that is newer than those read here.
    """
    actions = nova.list_actions(request, instance.id)
    if instance.status == facts.STOPPED:
        return checklist.Guest(
            asked=True, image=snapshots.image_today(request, instance),
            actions=with_stop_times(request, instance.id, actions))
    return checklist.Guest(
        asked=True, console=nova.get_console(request, instance.id),
        actions=actions)


def ask_guest_if_allowed(request, instance):
    """Do the same for a user who may not read consoles.

    Only for taking a snapshot: settling without a console would seal for
    good what somebody else could prove.
    """
    try:
        return ask_guest(request, instance)
    except errors.Forbidden:
        return checklist.Guest(asked=True)


def with_stop_times(request, instance_id, actions):
    """Return the actions with the times of the newest stop among them."""
    actions = list(actions or ())
    for index, action in enumerate(actions):
        if action.name == 'stop':
            actions[index] = nova.time_action(request, instance_id, action)
            break
    return actions


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a guest told, and when we asked."""

    guest: checklist.Guest
    at: typing.Any


def hear_guests(request, instances, again=False):
    """Return what each of these guests told lately, by instance id.

    It is shared between the users of a project for a while. A guest that
    could not be asked has the :class:`errors.CloudError` in its place.

    :param bool again: ask now, however lately somebody did.
    """
    hear = _hear_now if again else _hear
    found = asking.for_each(lambda instance: hear(request, instance),
                            instances)
    return {instance.id: heard for instance, heard in zip(instances, found)}


def _hear(request, instance):
    return cache.get(_guest_key(instance)) or _hear_now(request, instance)


def _hear_now(request, instance):
    return _share(instance, ask_guest(request, instance))


def _share(instance, guest):
    heard = Heard(guest, timeutils.utcnow(True))
    cache.set(_guest_key(instance), heard, conf.get_config()['evidence_age'])
    return heard


def ask_behind(request, instance):
    """Return the same as :func:`ask_guest`, read in the other order.

    No freeze that the console shows can belong to a snapshot that is not
    among these actions yet, which is what a verdict needs.
    """
    console = image = None
    if instance.status == facts.STOPPED:
        image = snapshots.image_today(request, instance)
    else:
        console = nova.get_console(request, instance.id)
    # It may have been stopped when the snapshot was asked for.
    actions = with_stop_times(request, instance.id,
                              nova.list_actions(request, instance.id))
    return _share(instance, checklist.Guest(True, console, actions,
                                            image)).guest


def _guest_key(instance):
    # What is shared must not outlive a change of state; a guest that was
    # seen frozen during a snapshot must not look so after it.
    return 'snapshot_panel:guest:%s:%s:%s:%s' % (
        instance.project_id, instance.id, instance.status,
        'busy' if instance.task_state else 'idle')
