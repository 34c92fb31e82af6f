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

"""What there is: instances, their snapshots, and what guests tell."""

import concurrent.futures
import dataclasses
import typing

from django.core.cache import cache
from oslo_utils import timeutils

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records


# Enough to find the latest that counts: some were only begun.
LATEST = 10


def together(*calls):
    """Run calls that do not depend on each other at the same time.

    Returns their results in order; a :class:`errors.CloudError` is returned
    in place of the result, so that one failing service spoils one part only.
    """
    with concurrent.futures.ThreadPoolExecutor(
            max_workers=conf.get_config()['guests_at_once']) as pool:
        return list(pool.map(outcome, calls))


def outcome(call):
    """Return what a call gives, or the :class:`errors.CloudError` of it."""
    try:
        return call()
    except errors.CloudError as error:
        return error


@dataclasses.dataclass(frozen=True)
class Overview:
    """What one look at the project told.

    ``problems`` are the :class:`errors.CloudError` of the parts that could
    not be had; ``instances`` and ``snapshots`` hold the rest. ``cut`` tells
    that there may be older snapshots; ``searched`` are the ids of instances
    whose own were looked for since, with whether Glance answered.
    """

    instances: typing.Tuple[facts.Instance, ...] = ()
    snapshots: typing.Tuple[facts.Image, ...] = ()
    more: bool = False
    previous: bool = False
    problems: typing.Tuple[errors.CloudError, ...] = ()
    cut: bool = False
    searched: typing.Mapping[str, bool] = dataclasses.field(
        default_factory=dict)

    def snapshots_of(self, instance):
        return [image for image in self.snapshots
                if image.instance_id == instance.id]

    def reaches(self, instance):
        """Tell whether an instance's latest snapshot must be among these.

        They are the newest, so one that is there is the latest.
        """
        return (not self.cut or instance.id in self.searched
                or bool(self.snapshots_of(instance)))

    def knows(self, instance):
        """Tell whether Glance said what there is of an instance."""
        return self.searched.get(instance.id, not any(
            problem.service == 'Glance' for problem in self.problems))


def overview(request, limit, **filters):
    """Ask for a page of instances and the project's newest snapshots.

    Two requests, three on clouds that do not show embedded properties,
    whatever the number of instances.

    :param filters: see :func:`nova.list_instances`.
    """
    page, snapshots = ask_services(request, {
        nova: lambda: nova.list_instances(request, limit, **filters),
        glance: lambda: glance.list_snapshots(request)})
    failed = tuple(part for part in (page, snapshots)
                   if isinstance(part, errors.CloudError))
    if isinstance(snapshots, errors.CloudError):
        snapshots = []
    if isinstance(page, errors.CloudError):
        page = nova.Page(())
    return Overview(_best_properties(request, page.instances, snapshots),
                    tuple(snapshots), page.more, page.previous, failed,
                    cut=len(snapshots) >= conf.get_config()[
                        'snapshots_listed'])


def complete(request, overview, instances):
    """Return the overview with what its list was too short for.

    One request for each instance that has none of the newest snapshots.
    """
    lacking = [instance for instance in instances
               if not overview.reaches(instance)]
    found = together(*[
        (lambda instance=instance: glance.list_snapshots(
            request, instance.id, LATEST)) for instance in lacking])
    answers = {instance.id: () if isinstance(answer, errors.CloudError)
               else tuple(answer)
               for instance, answer in zip(lacking, found)}
    return dataclasses.replace(
        overview, snapshots=overview.snapshots + sum(answers.values(), ()),
        searched={instance.id: not isinstance(answer, errors.CloudError)
                  for instance, answer in zip(lacking, found)})


def one(request, instance_id):
    """Return an instance and its newest snapshots.

    :returns: (:class:`facts.Instance`, list of :class:`facts.Image` or the
        :class:`errors.CloudError` of Glance).
    """
    instance, snapshots = ask_services(request, {
        nova: lambda: nova.get_instance(request, instance_id),
        glance: lambda: glance.list_snapshots(request, instance_id)})
    if isinstance(instance, errors.CloudError):
        raise instance
    known = [] if isinstance(snapshots, errors.CloudError) else snapshots
    return _best_properties(request, [instance], known)[0], snapshots


def chosen(request, instance_id, image_ids):
    """Return an instance and some of its snapshots, asked for by their ids.

    :returns: (:class:`facts.Instance`, list of :class:`facts.Image`, each
        None where this instance has no such snapshot any more).
    """
    instance, images = ask_services(request, {
        nova: lambda: nova.get_instance(request, instance_id),
        glance: lambda: [glance.find_image(request, image_id)
                         for image_id in image_ids]})
    for found in (instance, images):
        if isinstance(found, errors.CloudError):
            raise found
    return instance, [image if is_own(request, instance, image) else None
                      for image in images]


def is_own(request, instance, image):
    """Tell whether an image, or None, is the project's and the instance's."""
    return (image is not None and image.instance_id == instance.id
            and image.owner == request.user.tenant_id)


def image_today(request, instance):
    """Return the image that an instance was launched from, as it is now.

    None where it is gone, where it cannot be seen, or where there is none.
    """
    if instance.volume_backed:
        return None
    found = outcome(lambda: glance.get_image(request, instance.image_id))
    return None if isinstance(found, errors.CloudError) else found


def ask_services(request, calls):
    """Run a call to each service, all at the same time.

    :param calls: what to call, by our module that asks the service.
    :returns: as :func:`together`.
    """
    # The clients are made before the threads start, so that each is made
    # once and a service that is not in the catalog spoils its part only.
    made = {module: outcome(lambda module=module: make_client(request, module))
            for module in calls}
    return together(*[
        (lambda module=module: _raise(made[module]))
        if isinstance(made[module], errors.CloudError) else call
        for module, call in calls.items()])


def make_client(request, module):
    """Return the client of a service; ``module`` is ours that asks it."""
    with errors.asking(module.__name__.rpartition('.')[2].title()):
        return module.client(request)


def _raise(error):
    raise error


def _best_properties(request, instances, snapshots):
    """Fill in what the cloud does not show, from the best evidence.

    Of instances on volumes no cloud shows it (fact 9).
    """
    lacking = [instance for instance in instances
               if instance.properties.source is facts.Source.NONE]
    if not lacking:
        return tuple(instances)
    former = {image.instance_id: image for image in reversed(snapshots)}
    wanted = {instance.image_id for instance in lacking
              if instance.id not in former and instance.image_id}
    images = outcome(lambda: glance.list_images(request, wanted))
    if isinstance(images, errors.CloudError):
        images = []
    today = {image.id: image for image in images}
    return tuple(_with_best(instance, former, today)
                 for instance in instances)


def _with_best(instance, former, today):
    if instance.properties.source is not facts.Source.NONE:
        return instance
    if instance.id in former:
        found = facts.Properties(former[instance.id].properties,
                                 facts.Source.SNAPSHOT)
    elif instance.image_id in today:
        found = facts.Properties(today[instance.image_id].properties,
                                 facts.Source.IMAGE)
    else:
        return instance
    return dataclasses.replace(instance, properties=found)


def ask_guest(request, instance):
    """Return what the guest and Nova's record tell, as of now.

    The order matters: a freeze that the console shows only after this look
    belongs to an action that is newer than those read here.
    """
    actions = nova.list_actions(request, instance.id)
    if instance.status == facts.STOPPED:
        return checklist.Guest(
            asked=True, image=image_today(request, instance),
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
    found = together(*[
        (lambda instance=instance: hear(request, instance))
        for instance in instances])
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
        image = image_today(request, instance)
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


def dismiss(request, instance, image_id):
    """Forget a discarded snapshot that the user has seen."""
    for memory in records.read_memories(instance):
        if memory.image_id == image_id and memory.gone is not None:
            nova.forget(request, instance.id, memory)


def delete(request, instance_id, image_id):
    """Delete a snapshot of an instance, and what is remembered of it.

    :raises errors.NotFound: it is none of this instance's snapshots.
    """
    instance = nova.get_instance(request, instance_id)
    image = glance.get_image(request, image_id)
    if not is_own(request, instance, image):
        raise errors.NotFound('Glance', 'image %s' % image_id)
    glance.delete_image(request, image_id)
    for memory in records.read_memories(instance):
        if memory.image_id == image_id:
            # Else it would be called discarded.
            nova.forget(request, instance.id, memory)
