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

import dataclasses
import typing

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import facts

# Whose images a page shows.
OWN, SHARED, PUBLIC = SCOPES = ('own', 'shared', 'public')

# Glance cannot leave out the project's own images: a page looks through so
# many of the newest ones for those of others.
SEARCHED = 500
# How many of the project's newest instances are matched with images.
INSTANCES_MATCHED = 200


# In these filters Glance looks for an operator before a colon.
_WITH_OPERATOR = ('name', 'status')


@dataclasses.dataclass(frozen=True)
class ImagePage:
    """Some images, and the project's instances that run from each.

    ``users`` maps the id of an image to instances; ``users_cut`` tells that
    there may be others, ``users`` is None where Nova did not answer.
    ``problem`` is its :class:`errors.CloudError`. ``cut`` tells that not all
    images were looked at.
    """

    images: typing.Tuple[facts.Image, ...]
    more: bool = False
    previous: bool = False
    users: typing.Optional[typing.Mapping[str, typing.Sequence]] = None
    users_cut: bool = False
    problem: typing.Optional[errors.CloudError] = None
    cut: bool = False


def list_page(request, scope, limit, marker=None, backwards=False,
              **filters):
    """Return a :class:`ImagePage` of images, newest first.

    :param scope: one of :data:`SCOPES`.
    :param int limit: how many at most.
    :param str marker: id of the image next to the page.
    :param bool backwards: take those before the marker.
    :param filters: Glance's, by name.
    :raises errors.CloudError: where Glance failed.
    """
    make_clients(request)
    images, found = asking.together(
        lambda: _list(request, scope, limit + 1, marker, backwards, filters),
        lambda: nova.list_instances(request, INSTANCES_MATCHED))
    images, cut = asking.or_raise(images)
    over = len(images) > limit
    images = images[:limit]
    page = ImagePage(tuple(images), more=over, previous=bool(marker), cut=cut)
    if backwards:
        page = ImagePage(tuple(reversed(images)), more=True, previous=over,
                         cut=cut)
    if isinstance(found, errors.CloudError):
        return dataclasses.replace(page, problem=found)
    return dataclasses.replace(page, users=by_image(found.instances),
                               users_cut=found.more)


def make_clients(request):
    """Make each client once, before threads share it."""
    with errors.asking('Glance'):
        glance.client(request)
    try:
        with errors.asking('Nova'):
            nova.client(request)
    except errors.CloudError:
        # Asking it will tell.
        return


def by_image(instances):
    users = {}
    for instance in instances:
        users.setdefault(instance.image_id, []).append(instance)
    return users


def _list(request, scope, limit, marker, backwards, filters):
    """Return the images, and whether the search ended before all were seen."""
    project = request.user.tenant_id
    wanted = {name: 'eq:' + value if name in _WITH_OPERATOR else value
              for name, value in filters.items()}
    if scope == OWN:
        wanted['owner'] = project
    else:
        wanted['visibility'] = scope
    direction = 'asc' if backwards else 'desc'
    try:
        found = glance.find(
            request, wanted, limit, SEARCHED, marker=marker,
            sort='created_at:%s,id:%s' % (direction, direction))
        return _choose(found, limit, None if scope == OWN else project)
    except (errors.NotFound, errors.Refused):
        if not marker:
            raise
        # The image that marked the page was deleted meanwhile.
        return _list(request, scope, limit, None, False, filters)


def _choose(found, limit, without):
    """Take so many images, leaving out those of one project."""
    chosen, looked = [], 0
    for looked, image in enumerate(found, 1):
        if image.owner != without:
            chosen.append(image)
        if len(chosen) == limit:
            return chosen, False
    return chosen, looked == SEARCHED
