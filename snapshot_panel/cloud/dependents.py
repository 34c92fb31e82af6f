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

"""Who depends on an image: asked before it is chosen, and before it goes."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import images as project_images
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import retention

# Instances by the id of the image that they run from.
Users = Mapping[str | None, Sequence[facts.Instance]]

# How many instances that run from an image are named.
_NAMED = 3


def check(session: asking.Session, instance: facts.Instance,
          image: facts.Image, shown: str | None = None) -> None:
    """Return where nobody depends on a snapshot that is to be deleted.

    :param instance: the one that it was made of, as just read.
    :param image: as just read.
    :param shown: the name by which the user knew it, None where it was not
        shown.
    :raises errors.InUse: somebody does.
    :raises errors.CloudError: a service did not say.
    """
    if shown is not None and shown != image.name:
        raise errors.InUse('Glance', errors.RENAMED, (shown, image.name))
    if retention.holds_disk(instance, image):
        raise errors.InUse('Nova', errors.SHELVED, (instance.name,))
    users, members = asking.ask_services(
        session,
        (nova, lambda: nova.list_instances(session, _NAMED, image=image.id)),
        (glance, lambda: members_of(session, image)))
    running = asking.or_raise(users).instances
    if running:
        raise errors.InUse('Nova', errors.RUN_FROM, tuple(
            each.name for each in running))
    if asking.or_raise(members):
        raise errors.InUse('Glance', errors.MEMBERS)


# How many shared images one look asks for their members.
_SHARED_ASKED = 20


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What would keep snapshots from being deleted, as far as is known now.

    ``kept`` is the :class:`errors.InUse` of each by image id; ``problems`` are
    the :class:`errors.CloudError` of what could not be found out; ``cut`` is
    whether there is more than was looked at.
    """

    kept: Mapping[str, errors.InUse] = dataclasses.field(default_factory=dict)
    problems: tuple[errors.CloudError, ...] = ()
    cut: bool = False


def look_ahead(session: asking.Session, instance: facts.Instance,
               images: Iterable[facts.Image]) -> Outlook:
    """Return what :func:`check` would say of several snapshots.

    A request for the project's newest instances, whatever the number of
    snapshots, and one for each that is shared, up to a limit.
    """
    images = list(images)
    users, members = asking.ask_services(
        session,
        (nova, lambda: nova.list_instances(
            session, project_images.INSTANCES_MATCHED)),
        (glance, lambda: _look_for_members(session, images)))
    members = _or_failed(members)
    if isinstance(users, errors.CloudError):
        return _outlook(instance, images, {}, dataclasses.replace(
            members, problems=(*members.problems, users)))
    return _outlook(
        instance, images, project_images.by_image(users.instances),
        dataclasses.replace(members, cut=members.cut or users.more))


def look_among(session: asking.Session, instance: facts.Instance,
               images: Iterable[facts.Image], users: Users) -> Outlook:
    """Do as :func:`look_ahead` where the project's instances are known.

    :param users: all of them, by the id of the image that they run from.
    """
    images = list(images)
    members = _or_failed(asking.outcome(
        lambda: _look_for_members(session, images)))
    return _outlook(instance, images, users, members)


def _or_failed(members: Outlook | errors.CloudError) -> Outlook:
    return (Outlook(problems=(members,))
            if isinstance(members, errors.CloudError) else members)


def _look_for_members(session: asking.Session,
                      images: Iterable[facts.Image]) -> Outlook:
    """Return which images are kept by the projects that share them."""
    shared = [image for image in images if image.visibility == 'shared']
    counts = asking.for_each(lambda image: members_of(session, image),
                             shared[:_SHARED_ASKED])
    return Outlook(
        {image.id: errors.InUse('Glance', errors.MEMBERS)
         for image, count in zip(shared, counts)
         if isinstance(count, int) and count},
        tuple(count for count in counts
              if isinstance(count, errors.CloudError)),
        len(shared) > _SHARED_ASKED)


def _outlook(instance: facts.Instance, images: Iterable[facts.Image],
             users: Users, members: Outlook) -> Outlook:
    # The last that fits an image is what check() would find first.
    return dataclasses.replace(members, kept={
        **members.kept, **_run_from(images, users),
        **{image.id: errors.InUse('Nova', errors.SHELVED, (instance.name,))
           for image in images if retention.holds_disk(instance, image)}})


def _run_from(images: Iterable[facts.Image], users: Users
              ) -> dict[str, errors.InUse]:
    return {image.id: errors.InUse('Nova', errors.RUN_FROM, tuple(
        each.name for each in users[image.id][:_NAMED]))
        for image in images if users.get(image.id)}


def members_of(session: asking.Session, image: facts.Image) -> int:
    """Return with how many other projects an image is shared."""
    if image.visibility != 'shared':
        return 0
    return glance.count_members(session, image.id)
