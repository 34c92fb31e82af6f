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
import urllib.parse
import uuid

from django.core.cache import cache

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import verdict

# Whose images a page shows.
OWN, SHARED, PUBLIC = SCOPES = ('own', 'shared', 'public')

# Glance cannot leave out the project's own images: a page looks through so
# many of the newest ones for those of others.
SEARCHED = 500
# How many of the project's newest instances are matched with images.
INSTANCES_MATCHED = 200

# How long the definitions of properties are kept, in seconds.
_DEFINITIONS_TTL = 600
_IMAGE_TYPE = 'OS::Glance::Image'
_NAMESPACES = 100

# In these filters Glance looks for an operator before a colon.
_WITH_OPERATOR = ('name', 'status')


@dataclasses.dataclass(frozen=True)
class Page:
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
    """Return a :class:`Page` of images, newest first.

    :param scope: one of :data:`SCOPES`.
    :param int limit: how many at most.
    :param str marker: id of the image next to the page.
    :param bool backwards: take those before the marker.
    :param filters: Glance's, by name.
    :raises errors.CloudError: where Glance failed.
    """
    _make_clients(request)
    images, found = snapshots.together(
        lambda: _list(request, scope, limit + 1, marker, backwards, filters),
        lambda: nova.list_instances(request, INSTANCES_MATCHED))
    if isinstance(images, errors.CloudError):
        raise images
    images, cut = images
    over = len(images) > limit
    images = images[:limit]
    page = Page(tuple(images), more=over, previous=bool(marker), cut=cut)
    if backwards:
        page = Page(tuple(reversed(images)), more=True, previous=over,
                    cut=cut)
    if isinstance(found, errors.CloudError):
        return dataclasses.replace(page, problem=found)
    return dataclasses.replace(page, users=_by_image(found.instances),
                               users_cut=found.more)


def _make_clients(request):
    """Make each client once, before threads share it."""
    with errors.asking('Glance'):
        glance.client(request)
    try:
        with errors.asking('Nova'):
            nova.client(request)
    except errors.CloudError:
        # Asking it will tell.
        return


def _by_image(instances):
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


@dataclasses.dataclass(frozen=True)
class Access:
    """What this user may change on an image, found out beforehand.

    ``refusal`` is the :class:`errors.CloudError` where nothing may be
    changed; ``protected`` are the names that the operator protects.
    """

    refusal: typing.Optional[errors.CloudError] = None
    protected: typing.FrozenSet[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Sheet:
    """An image with all that its page shows of it.

    ``users`` are the instances that run from it, None where Nova did not
    answer, and then ``problem`` tells why.
    """

    image: facts.Image
    definitions: typing.Mapping[str, properties.Definition]
    access: Access
    users: typing.Optional[typing.Tuple[facts.Instance, ...]] = None
    users_cut: bool = False
    problem: typing.Optional[errors.CloudError] = None


def open_sheet(request, image_id):
    """Return the :class:`Sheet` of an image.

    :raises errors.CloudError: where Glance failed.
    """
    _make_clients(request)
    image, found, known = snapshots.together(
        lambda: glance.get_image(request, image_id),
        lambda: list_users(request, image_id),
        lambda: definitions(request))
    for part in (image, known):
        if isinstance(part, errors.CloudError):
            raise part
    sheet = Sheet(image, known, find_access(request, image))
    if isinstance(found, errors.CloudError):
        return dataclasses.replace(sheet, problem=found)
    return dataclasses.replace(sheet, users=found.instances,
                               users_cut=found.more)


def list_users(request, image_id):
    """Return a :class:`nova.Page` of the instances that run from an image."""
    return nova.list_instances(request, INSTANCES_MATCHED, image=image_id)


def is_pending(image):
    """Tell whether an image is a snapshot whose verdict may still change."""
    decision = verdict.look(image)
    return not decision.verdict.final


def find_access(request, image):
    """Return the :class:`Access` of this user, without changing anything."""
    refusal = would_refuse(request, image.id, ())
    if isinstance(refusal, errors.Forbidden):
        return Access(refusal=refusal)
    names = set(image.properties) | set(properties.KNOWN)
    # Written as they are: only whether they may be written matters.
    same = [properties.Change(name, None, image.properties.get(name, ''))
            for name in sorted(names) if properties.lock(name) is None]
    return Access(protected=frozenset(_protected(request, image.id, same)))


def _protected(request, image_id, changes):
    """Return the names that are refused, halving until they stand alone."""
    problem = would_refuse(request, image_id, changes)
    if not isinstance(problem, errors.Forbidden):
        return []
    if len(changes) == 1:
        return [changes[0].name]
    middle = len(changes) // 2
    return (_protected(request, image_id, changes[:middle])
            + _protected(request, image_id, changes[middle:]))


def would_refuse(request, image_id, changes):
    """Return the :class:`errors.CloudError` that changes would end with.

    Glance has no way to ask. It checks a patch one operation after the other
    and saves all or nothing: a patch that ends with an operation which cannot
    succeed tells what Glance would refuse, and is never saved.

    :param changes: :class:`properties.Change` of the image.
    :returns: None where they may be saved, and where nobody knows.
    """
    impossible = {'op': 'remove',
                  'path': '/snapshot_panel_dry_run_' + uuid.uuid4().hex}
    try:
        glance.patch(request, image_id, [
            *(change.operation() for change in changes), impossible])
    except (errors.Conflict, errors.NotFound) as problem:
        # Only the last operation failed: older releases say not found.
        if impossible['path'][1:] in problem.reason:
            return None
        return problem
    except (errors.Forbidden, errors.OverLimit, errors.Refused) as problem:
        return problem
    except errors.CloudError:
        # It did not answer, or in a way of its own: saving will tell.
        return None
    return None


@dataclasses.dataclass(frozen=True)
class Preview:
    """What a plan would do, found out before it is saved.

    ``refusal`` is the :class:`errors.CloudError` with which Glance would
    answer, or None. ``users`` are the instances that run from the image and
    keep what they booted with, None where Nova did not answer.
    """

    plan: properties.Plan
    image: facts.Image
    refusal: typing.Optional[errors.CloudError] = None
    users: typing.Optional[typing.Tuple[facts.Instance, ...]] = None
    users_cut: bool = False


def preview(request, plan):
    """Return the :class:`Preview` of one plan.

    :raises errors.CloudError: where the image cannot be had.
    """
    _make_clients(request)
    image, refusal, found = snapshots.together(
        lambda: glance.get_image(request, plan.image_id),
        lambda: would_refuse(request, plan.image_id, plan.changes),
        lambda: list_users(request, plan.image_id))
    if isinstance(image, errors.CloudError):
        raise image
    return _with_users(Preview(plan, image, refusal), found)


def _with_users(made, found):
    if isinstance(found, errors.CloudError):
        return made
    return dataclasses.replace(
        made, users=tuple(_by_image(found.instances).get(made.image.id, ())),
        users_cut=found.more)


def preview_preset(request, preset, image_ids):
    """Return a :class:`Preview` for each image.

    An image that cannot be had has the :class:`errors.CloudError` in its
    place.
    """
    _make_clients(request)
    found, *made = snapshots.together(
        lambda: nova.list_instances(request, INSTANCES_MATCHED),
        *[(lambda image_id=image_id: _preview_preset(
            request, preset, image_id)) for image_id in image_ids])
    return [each if isinstance(each, errors.CloudError)
            else _with_users(each, found) for each in made]


def _preview_preset(request, preset, image_id):
    image = glance.get_image(request, image_id)
    plan = preset.plan(image)
    if not plan.changes:
        return Preview(plan, image)
    wrong = properties.unsound(plan, is_pending(image))
    refusal = (errors.Refused('Glance', 'not editable yet: ' + wrong)
               if wrong else would_refuse(request, image.id, plan.changes))
    return Preview(plan, image, refusal)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one plan.

    ``image`` is as read back afterwards. ``disputes`` are there where
    somebody else changed the image since the form was opened; nothing was
    written then, and ``image`` is as it is now. ``unlike`` are the names
    that Glance has in another way than wanted.
    """

    plan: properties.Plan
    image: typing.Optional[facts.Image] = None
    disputes: typing.Tuple[properties.Dispute, ...] = ()
    unlike: typing.Tuple[str, ...] = ()
    problem: typing.Optional[errors.CloudError] = None

    @property
    def verified(self):
        return not (self.problem or self.disputes or self.unlike)


def save(request, plan):
    """Write what a plan wants, unless somebody else was faster.

    :returns: an :class:`Outcome`.
    """
    image = None
    try:
        image = glance.get_image(request, plan.image_id)
        wrong = properties.unsound(plan, is_pending(image))
        if wrong is not None:
            raise errors.Refused('Glance', 'not editable here: ' + wrong)
        # Glance has no compare-and-set: whoever came first is found by
        # reading again just before the write.
        found = properties.disputes(plan, image.properties)
        if found:
            return Outcome(plan, image, disputes=found)
        due = plan.rebased(image.properties)
        if due.changes:
            glance.patch(request, image.id, [change.operation()
                                             for change in due.changes])
            image = glance.get_image(request, image.id)
    except errors.CloudError as problem:
        return Outcome(plan, image, problem=problem)
    return Outcome(plan, image, unlike=tuple(
        change.name for change in plan.changes
        if image.properties.get(change.name) != change.new))


def definitions(request):
    """Return what the cloud says of image properties.

    :returns: a dict of :class:`properties.Definition` by name, empty where
        the cloud has none or does not tell.
    """
    # A project may have definitions of its own.
    key = 'snapshot_panel:definitions:' + request.user.tenant_id
    found = cache.get(key)
    if found is None:
        try:
            found = _ask_definitions(request)
        except errors.CloudError:
            found = {}
        cache.set(key, found, _DEFINITIONS_TTL)
    return found


def _ask_definitions(request):
    query = urllib.parse.urlencode({'resource_types': _IMAGE_TYPE,
                                    'limit': _NAMESPACES})
    body = glance.ask(request, '/v2/metadefs/namespaces?' + query)
    names = sorted(each['namespace'] for each in body['namespaces'])
    found = {}
    # What another namespace says too does not count again: the first wins.
    for body in reversed(snapshots.together(*[
            (lambda name=name: _ask_namespace(request, name))
            for name in names])):
        if not isinstance(body, errors.CloudError):
            found.update(_read_definitions(body))
    return found


def _ask_namespace(request, name):
    # Asked for images, Glance puts the prefix for images before the names.
    query = urllib.parse.urlencode({'resource_type': _IMAGE_TYPE})
    return glance.ask(request, '/v2/metadefs/namespaces/%s?%s' % (
        urllib.parse.quote(name, safe=':'), query))


def _read_definitions(namespace):
    nested = [each.get('properties') or {}
              for each in namespace.get('objects') or ()]
    return {name: _read_definition(name, value)
            for group in [*nested, namespace.get('properties') or {}]
            for name, value in group.items()}


def _read_definition(name, value):
    kinds = {kind.value: kind for kind in properties.Kind}
    default = value.get('default')
    return properties.Definition(
        name, kinds.get(value.get('type'), properties.Kind.TEXT),
        choices=tuple(map(str, value.get('enum') or ())),
        lowest=value.get('minimum'), highest=value.get('maximum'),
        default='' if default is None else str(default),
        title=value.get('title') or '', help=value.get('description') or '')
