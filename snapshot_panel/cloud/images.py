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

"""What the image pages ask of Glance and Nova."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import facts

# Whose images a page shows.
OWN, SNAPSHOTS, SHARED, PUBLIC, COMMUNITY = SCOPES = (
    'own', 'snapshots', 'shared', 'public', 'community')

# Glance cannot leave out the project's own images, nor snapshots: a page
# looks through so many of the newest ones for those that it shows.
SEARCHED = 500
# So many are asked for at once, as most of them may be others.
_SEARCHED_AT_ONCE = 100
# How many of the project's newest instances are matched with images.
INSTANCES_MATCHED = 200

# In these filters Glance looks for an operator before a colon.
_WITH_OPERATOR = ('name', 'status')


@dataclasses.dataclass(frozen=True)
class ImagePage:
    """Some images, and the project's instances that run from each.

    ``users`` maps the id of an image to instances; ``users_cut`` says that
    there may be others, ``users`` is None where Nova did not answer.
    ``problem`` is its :class:`errors.CloudError`. ``cut`` says that not all
    images were looked at.
    """

    images: tuple[facts.Image, ...]
    more: bool = False
    previous: bool = False
    users: Mapping[str | None, Sequence[facts.Instance]] | None = None
    users_cut: bool = False
    problem: errors.CloudError | None = None
    cut: bool = False


def list_page(session: asking.Session, scope: str, limit: int,
              marker: str | None = None, backwards: bool = False,
              **filters: str) -> ImagePage:
    """Return an :class:`ImagePage` of images, newest first.

    :param scope: one of :data:`SCOPES`.
    :param limit: how many at most.
    :param marker: id of the image next to the page.
    :param backwards: take those before the marker.
    :param filters: Glance's, by name.
    :raises errors.CloudError: where Glance failed.
    """
    listed, users = asking.ask_services(
        session,
        (glance, lambda: _list(session, scope, limit + 1, marker, backwards,
                               filters)),
        (nova, lambda: nova.list_instances(session, INSTANCES_MATCHED)))
    images, cut = asking.or_raise(listed)
    over = len(images) > limit
    images = images[:limit]
    page = ImagePage(tuple(images), more=over, previous=bool(marker), cut=cut)
    if backwards:
        page = ImagePage(tuple(reversed(images)), more=True, previous=over,
                         cut=cut)
    if isinstance(users, errors.CloudError):
        return dataclasses.replace(page, problem=users)
    return dataclasses.replace(page, users=by_image(users.instances),
                               users_cut=users.more)


def by_image(instances: Iterable[facts.Instance]
             ) -> dict[str | None, list[facts.Instance]]:
    """Return instances by the id of the image that they run from."""
    users: dict[str | None, list[facts.Instance]] = {}
    for instance in instances:
        users.setdefault(instance.image_id, []).append(instance)
    return users


def _list(session: asking.Session, scope: str, limit: int,
          marker: str | None, backwards: bool, filters: Mapping[str, str]
          ) -> tuple[list[facts.Image], bool]:
    """Return the images, and whether the search ended before all were seen."""
    project = session.user.tenant_id
    wanted = {name: 'eq:' + value if name in _WITH_OPERATOR else value
              for name, value in filters.items()}
    if scope in (OWN, SNAPSHOTS):
        wanted['owner'] = project
    else:
        wanted['visibility'] = scope
    try:
        images = glance.find_all(
            session, wanted, max(limit, _SEARCHED_AT_ONCE), SEARCHED,
            backwards, marker)
        if scope in (OWN, SNAPSHOTS):
            return _choose(images, limit, lambda image: (
                image.is_snapshot == (scope == SNAPSHOTS)))
        return _choose(images, limit, lambda image: image.owner != project)
    except (errors.NotFound, errors.Refused):
        if not marker:
            raise
        # The image that marked the page was deleted meanwhile.
        return _list(session, scope, limit, None, False, filters)


def _choose(images: Iterable[facts.Image], limit: int,
            fits: Callable[[facts.Image], bool]
            ) -> tuple[list[facts.Image], bool]:
    """Take so many of the images that fit."""
    chosen, looked = [], 0
    for looked, image in enumerate(images, 1):
        if fits(image):
            chosen.append(image)
        if len(chosen) == limit:
            return chosen, False
    return chosen, looked == SEARCHED
