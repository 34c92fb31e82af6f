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

"""What there is: instances and their snapshots."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import typing
import uuid

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel import conf
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import roots
from snapshot_panel.consistency import verdict


# Enough to find the latest that counts: some were only begun.
LATEST = 10
# For how many seconds the script of a page may ask about what the page shows.
# Not long: what a guest says is shared by the state that the page saw.
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Overview:
    """What one look at the project showed.

    ``problems`` are the :class:`errors.CloudError` of the parts that could
    not be had; ``instances`` and ``snapshots`` hold the rest. ``cut`` says
    that there may be older snapshots; ``searched`` are the ids of instances
    whose own were looked for since, with whether Glance answered.
    """

    instances: tuple[facts.Instance, ...] = ()
    snapshots: tuple[facts.Image, ...] = ()
    more: bool = False
    previous: bool = False
    problems: tuple[errors.CloudError, ...] = ()
    cut: bool = False
    searched: Mapping[str, bool] = dataclasses.field(
        default_factory=dict)

    def snapshots_of(self, instance: facts.Instance) -> list[facts.Image]:
        """Return the snapshots of an instance, newest first."""
        return list(self._by_instance.get(instance.id, ()))

    @functools.cached_property
    def _by_instance(self) -> dict[str | None, list[facts.Image]]:
        # There may be thousands, and each row of a page asks for its own.
        found: dict[str | None, list[facts.Image]] = {}
        for image in self.snapshots:
            found.setdefault(image.instance_id, []).append(image)
        return found

    def reaches(self, instance: facts.Instance) -> bool:
        """Return whether an instance's latest snapshot must be among these.

        They are the newest, so one that is there is the latest.
        """
        return (not self.cut or instance.id in self.searched
                or bool(self.snapshots_of(instance)))

    def holds_all(self, instance: facts.Instance) -> bool:
        """Return whether these are all the snapshots of an instance."""
        searched = (instance.id in self.searched
                    and len(self.snapshots_of(instance)) < LATEST)
        return self.knows(instance) and (searched or not self.cut)

    def knows(self, instance: facts.Instance) -> bool:
        """Return whether Glance said what there is of an instance."""
        return self.searched.get(instance.id, not any(
            problem.service == 'Glance' for problem in self.problems))


def overview(session: asking.Session, limit: int, **filters: typing.Any
             ) -> Overview:
    """Ask for a page of instances and the project's newest snapshots.

    Two requests, three on clouds that do not show embedded properties,
    whatever the number of instances.

    :param filters: see :func:`nova.list_instances`.
    """
    page, snapshots = asking.ask_services(
        session,
        (nova, lambda: nova.list_instances(session, limit, **filters)),
        (glance, lambda: glance.list_snapshots(session)))
    failed = tuple(part for part in (page, snapshots)
                   if isinstance(part, errors.CloudError))
    if isinstance(snapshots, errors.CloudError):
        snapshots = []
    if isinstance(page, errors.CloudError):
        page = nova.InstancePage(())
    return Overview(_best_properties(session, page.instances, snapshots),
                    tuple(snapshots), page.more, page.previous, failed,
                    cut=len(snapshots) >= conf.get_config()[
                        'snapshots_listed'])


def keep(session: asking.Session, overview: Overview) -> str:
    """Keep for a moment what a page shows; return the name to ask by.

    The page's script asks for the guests next: listing the instances again
    for that takes longer than asking some of them.
    """
    name = uuid.uuid4().hex
    cache.set(_shown_key(session, name), overview, _SHOWN)
    return name


def kept(session: asking.Session, name: str) -> Overview | None:
    """Return what a page of this project shows, None if that is too old."""
    overview: Overview | None = cache.get(_shown_key(session, name))
    return overview


def _shown_key(session: asking.Session, name: str) -> str:
    return cache.of_release('snapshot_panel:shown:%s:%s' % (
        session.user.tenant_id, bounded.key_part(name)))


def complete(session: asking.Session, overview: Overview,
             instances: Iterable[facts.Instance]) -> Overview:
    """Return the overview with what its list was too short for.

    One request for each instance that has none of the newest snapshots, and
    one for those that are hidden from lists (fact 44).
    """
    instances = list(instances)
    wanted = {instance.id for instance in instances}
    lacking = [instance for instance in instances
               if not overview.reaches(instance)]
    hidden, answers = asking.together(
        lambda: glance.list_hidden(session) if instances else [],
        lambda: asking.for_each(
            lambda instance: glance.list_snapshots(session, instance.id,
                                                   LATEST), lacking))
    answers = asking.or_raise(answers)
    further = {image.id: image for answer in (hidden, *answers)
               if not isinstance(answer, errors.CloudError)
               for image in answer if image.instance_id in wanted}
    held = {image.id for image in overview.snapshots}
    more = [image for image in further.values() if image.id not in held]
    return dataclasses.replace(
        overview, snapshots=tuple(sorted(
            (*overview.snapshots, *more), key=glance.newest_first)),
        searched={instance.id: not isinstance(answer, errors.CloudError)
                  for instance, answer in zip(lacking, answers)})


def everything(session: asking.Session
               ) -> tuple[list[facts.Instance], list[facts.Image]]:
    """Return all of the project's instances and snapshots, newest first.

    :raises errors.CloudError: where a service failed.
    """
    instances, images = asking.ask_services(
        session, (nova, lambda: nova.all_instances(session)),
        (glance, lambda: glance.all_snapshots(session)))
    return asking.or_raise(instances), asking.or_raise(images)


def one(session: asking.Session, instance_id: str
        ) -> tuple[facts.Instance, list[facts.Image] | errors.CloudError]:
    """Return an instance and its newest snapshots.

    :returns: the :class:`errors.CloudError` of Glance in their place.
    :raises errors.CloudError: where Nova failed.
    """
    answer, snapshots = asking.ask_services(
        session,
        (nova, lambda: nova.get_instance(session, instance_id)),
        (glance, lambda: glance.list_snapshots(session, instance_id)))
    instance = asking.or_raise(answer)
    known = [] if isinstance(snapshots, errors.CloudError) else [
        image for image in snapshots if is_own(session, instance, image)]
    return _best_properties(session, [instance], known)[0], snapshots


def chosen(session: asking.Session, instance_id: str, image_ids: Iterable[str]
           ) -> tuple[facts.Instance, list[facts.Image | None]]:
    """Return an instance and some of its snapshots, asked for by their ids.

    :returns: a snapshot is None where this instance has none such any more.
    :raises errors.CloudError: where a service failed.
    """
    answer, images = asking.ask_services(
        session,
        (nova, lambda: nova.get_instance(session, instance_id)),
        (glance, lambda: [glance.find_image(session, image_id)
                          for image_id in image_ids]))
    instance = asking.or_raise(answer)
    return instance, [image if is_own(session, instance, image) else None
                      for image in asking.or_raise(images)]


def is_own(session: asking.Session, instance: facts.Instance,
           image: facts.Image | None) -> bool:
    """Return whether an image is the project's and the instance's."""
    return (image is not None and image.owner == session.user.tenant_id
            and roots.misfit(instance, image)
            is not verdict.Rule.OF_ANOTHER)


def image_today(session: asking.Session, instance: facts.Instance
                ) -> facts.Image | None:
    """Return the image that an instance was launched from, as it is now.

    None where it is gone, where it cannot be seen, or where there is none.
    """
    image_id = instance.image_id
    if image_id is None:
        return None
    image = asking.outcome(lambda: glance.get_image(session, image_id))
    return None if isinstance(image, errors.CloudError) else image


def _best_properties(session: asking.Session,
                     instances: Sequence[facts.Instance],
                     snapshots: Sequence[facts.Image]
                     ) -> tuple[facts.Instance, ...]:
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
    images = asking.outcome(lambda: glance.list_images(session, wanted))
    if isinstance(images, errors.CloudError):
        images = []
    today: dict[str | None, facts.Image] = {
        image.id: image for image in images}
    return tuple(_with_best(instance, former, today)
                 for instance in instances)


def _with_best(instance: facts.Instance,
               former: Mapping[str | None, facts.Image],
               today: Mapping[str | None, facts.Image]) -> facts.Instance:
    if instance.properties.source is not facts.Source.NONE:
        return instance
    if instance.id in former:
        best = facts.Properties(former[instance.id].properties,
                                facts.Source.SNAPSHOT)
    elif instance.image_id in today:
        best = facts.Properties(today[instance.image_id].properties,
                                facts.Source.IMAGE)
    else:
        return instance
    return dataclasses.replace(instance, properties=best)


def dismiss(session: asking.Session, instance: facts.Instance, image_id: str
            ) -> None:
    """Forget a discarded snapshot that the user has seen."""
    for memory in records.read_memories(instance):
        if memory.image_id == image_id and memory.gone is not None:
            nova.forget(session, instance.id, memory)


def delete(session: asking.Session, instance_id: str, image_id: str,
           shown: str | None = None) -> None:
    """Delete a snapshot of an instance, and what is remembered of it.

    :param shown: the name by which the user chose it, None where it was not
        chosen by hand.
    :raises errors.NotFound: it is none of this instance's snapshots.
    :raises errors.InUse: somebody depends on it, or it has another name.
    """
    instance = nova.get_instance(session, instance_id)
    image = glance.get_image(session, image_id)
    if not is_own(session, instance, image):
        raise errors.NotFound('Glance', 'image %s' % image_id)
    dependents.check(session, instance, image, shown)
    glance.delete_image(session, image_id)
    for memory in records.read_memories(instance):
        if memory.image_id == image_id:
            # Else it would be called discarded.
            nova.forget(session, instance.id, memory)
