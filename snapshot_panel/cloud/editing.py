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

"""One image and what may be changed on it: look, preview, save."""

import dataclasses
import typing
import uuid

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import images
from snapshot_panel.cloud import metadefs
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import verdict


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
    images.make_clients(request)
    image, found, known = asking.together(
        lambda: glance.get_image(request, image_id),
        lambda: list_users(request, image_id),
        lambda: metadefs.definitions(request))
    asking.or_raise(image)
    asking.or_raise(known)
    sheet = Sheet(image, known, find_access(request, image))
    if isinstance(found, errors.CloudError):
        return dataclasses.replace(sheet, problem=found)
    return dataclasses.replace(sheet, users=found.instances,
                               users_cut=found.more)


def list_users(request, image_id):
    """Return a :class:`nova.InstancePage` of those that run from an image."""
    return nova.list_instances(request, images.INSTANCES_MATCHED,
                               image=image_id)


def is_pending(image):
    """Return whether an image is a snapshot whose verdict may still change."""
    decision = verdict.look(image)
    return not decision.verdict.final


def find_access(request, image):
    """Return the :class:`Access` of this user, without changing anything."""
    refusal = would_refuse(request, image.id, ())
    if isinstance(refusal, errors.Forbidden):
        return Access(refusal=refusal)
    names = set(image.properties) | set(properties.KNOWN)
    # Written as they are: only whether they may be written matters.
    same = [edits.Change(name, None, image.properties.get(name, ''))
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

    :param changes: :class:`edits.Change` of the image.
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
    """What a edit would do, found out before it is saved.

    ``refusal`` is the :class:`errors.CloudError` with which Glance would
    answer, or None. ``users`` are the instances that run from the image and
    keep what they booted with, None where Nova did not answer.
    """

    edit: edits.Edit
    image: facts.Image
    refusal: typing.Optional[errors.CloudError] = None
    users: typing.Optional[typing.Tuple[facts.Instance, ...]] = None
    users_cut: bool = False


def preview(request, edit):
    """Return the :class:`Preview` of one edit.

    :raises errors.CloudError: where the image cannot be had.
    """
    images.make_clients(request)
    image, refusal, found = asking.together(
        lambda: glance.get_image(request, edit.image_id),
        lambda: would_refuse(request, edit.image_id, edit.changes),
        lambda: list_users(request, edit.image_id))
    asking.or_raise(image)
    return _with_users(Preview(edit, image, refusal), found)


def _with_users(made, found):
    if isinstance(found, errors.CloudError):
        return made
    users = images.by_image(found.instances).get(made.image.id, ())
    return dataclasses.replace(made, users=tuple(users),
                               users_cut=found.more)


def preview_preset(request, preset, image_ids):
    """Return a :class:`Preview` for each image.

    An image that cannot be had has the :class:`errors.CloudError` in its
    place.
    """
    images.make_clients(request)
    found, *made = asking.together(
        lambda: nova.list_instances(request, images.INSTANCES_MATCHED),
        *[(lambda image_id=image_id: _preview_preset(
            request, preset, image_id)) for image_id in image_ids])
    return [each if isinstance(each, errors.CloudError)
            else _with_users(each, found) for each in made]


def _preview_preset(request, preset, image_id):
    image = glance.get_image(request, image_id)
    edit = preset.edit(image)
    if not edit.changes:
        return Preview(edit, image)
    wrong = edits.unsound(edit, is_pending(image))
    refusal = (errors.Refused('Glance', 'not editable yet: ' + wrong)
               if wrong else would_refuse(request, image.id, edit.changes))
    return Preview(edit, image, refusal)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one edit.

    ``image`` is as read back afterwards. ``disputes`` are there where
    somebody else changed the image since the form was opened; nothing was
    written then, and ``image`` is as it is now. ``unlike`` are the names
    that Glance has in another way than wanted.
    """

    edit: edits.Edit
    image: typing.Optional[facts.Image] = None
    disputes: typing.Tuple[edits.Dispute, ...] = ()
    unlike: typing.Tuple[str, ...] = ()
    problem: typing.Optional[errors.CloudError] = None

    @property
    def verified(self):
        return not (self.problem or self.disputes or self.unlike)


def save(request, edit):
    """Write what a edit wants, unless somebody else was faster.

    :returns: an :class:`Outcome`.
    """
    image = None
    try:
        image = glance.get_image(request, edit.image_id)
        wrong = edits.unsound(edit, is_pending(image))
        if wrong is not None:
            raise errors.Refused('Glance', 'not editable here: ' + wrong)
        # Glance has no compare-and-set: whoever came first is found by
        # reading again just before the write.
        found = edits.disputes(edit, image.properties)
        if found:
            return Outcome(edit, image, disputes=found)
        due = edit.rebased(image.properties)
        if due.changes:
            glance.patch(request, image.id, [change.operation()
                                             for change in due.changes])
            image = glance.get_image(request, image.id)
    except errors.CloudError as problem:
        return Outcome(edit, image, problem=problem)
    return Outcome(edit, image, unlike=tuple(
        change.name for change in edit.changes
        if image.properties.get(change.name) != change.new))
