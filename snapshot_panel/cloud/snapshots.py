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

import dataclasses
import typing

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records


# Enough to find the latest that counts: some were only begun.
LATEST = 10


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
        """Return whether an instance's latest snapshot must be among these.

        They are the newest, so one that is there is the latest.
        """
        return (not self.cut or instance.id in self.searched
                or bool(self.snapshots_of(instance)))

    def knows(self, instance):
        """Return whether Glance said what there is of an instance."""
        return self.searched.get(instance.id, not any(
            problem.service == 'Glance' for problem in self.problems))


def overview(request, limit, **filters):
    """Ask for a page of instances and the project's newest snapshots.

    Two requests, three on clouds that do not show embedded properties,
    whatever the number of instances.

    :param filters: see :func:`nova.list_instances`.
    """
    page, snapshots = asking.ask_services(request, {
        nova: lambda: nova.list_instances(request, limit, **filters),
        glance: lambda: glance.list_snapshots(request)})
    failed = tuple(part for part in (page, snapshots)
                   if isinstance(part, errors.CloudError))
    if isinstance(snapshots, errors.CloudError):
        snapshots = []
    if isinstance(page, errors.CloudError):
        page = nova.InstancePage(())
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
    found = asking.for_each(
        lambda instance: glance.list_snapshots(request, instance.id, LATEST),
        lacking)
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
    instance, snapshots = asking.ask_services(request, {
        nova: lambda: nova.get_instance(request, instance_id),
        glance: lambda: glance.list_snapshots(request, instance_id)})
    asking.or_raise(instance)
    known = [] if isinstance(snapshots, errors.CloudError) else snapshots
    return _best_properties(request, [instance], known)[0], snapshots


def chosen(request, instance_id, image_ids):
    """Return an instance and some of its snapshots, asked for by their ids.

    :returns: (:class:`facts.Instance`, list of :class:`facts.Image`, each
        None where this instance has no such snapshot any more).
    """
    instance, images = asking.ask_services(request, {
        nova: lambda: nova.get_instance(request, instance_id),
        glance: lambda: [glance.find_image(request, image_id)
                         for image_id in image_ids]})
    for found in (instance, images):
        if isinstance(found, errors.CloudError):
            raise found
    return instance, [image if is_own(request, instance, image) else None
                      for image in images]


def is_own(request, instance, image):
    """Return whether an image is the project's and the instance's."""
    return (image is not None and image.instance_id == instance.id
            and image.owner == request.user.tenant_id)


def image_today(request, instance):
    """Return the image that an instance was launched from, as it is now.

    None where it is gone, where it cannot be seen, or where there is none.
    """
    if instance.volume_backed:
        return None
    found = asking.outcome(
        lambda: glance.get_image(request, instance.image_id))
    return None if isinstance(found, errors.CloudError) else found


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
    images = asking.outcome(lambda: glance.list_images(request, wanted))
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
