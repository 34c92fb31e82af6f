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

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import html
import uuid

from openstack_dashboard import policy

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import images
from snapshot_panel.cloud import metadefs
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict
from snapshot_panel import policies


@dataclasses.dataclass(frozen=True)
class Sheet:
    """An image with all that its page shows of it.

    ``editable`` says whether this user may change anything on it. ``users``
    are the instances that run from it, None where Nova did not answer, and
    then ``problem`` says why.
    """

    image: facts.Image
    definitions: Mapping[str, properties.Definition]
    editable: bool = True
    users: tuple[facts.Instance, ...] | None = None
    users_cut: bool = False
    problem: errors.CloudError | None = None


def open_sheet(session: asking.Session, image_id: str) -> Sheet:
    """Return the :class:`Sheet` of an image. Changes nothing, nor tries to.

    :raises errors.CloudError: where Glance failed.
    """
    image, users, known = asking.ask_services(
        session,
        (glance, lambda: glance.get_image(session, image_id)),
        (nova, lambda: list_users(session, image_id)),
        (glance, lambda: metadefs.definitions(session)))
    image = asking.or_raise(image)
    sheet = Sheet(image, asking.or_raise(known), may_edit(session, image))
    if isinstance(users, errors.CloudError):
        return dataclasses.replace(sheet, problem=users)
    return dataclasses.replace(sheet, users=users.instances,
                               users_cut=users.more)


def list_users(session: asking.Session, image_id: str) -> nova.InstancePage:
    """Return those of the project's instances that run from an image."""
    return nova.list_instances(session, images.INSTANCES_MATCHED,
                               image=image_id)


def is_pending(image: facts.Image) -> bool:
    """Return whether a verdict may still read an image's properties.

    Where the disk alone tells, nothing of them is read.
    """
    decision = verdict.look(image)
    return (not decision.verdict.final
            and decision.rule is not verdict.Rule.UNREAD)


def may_edit(session: asking.Session, image: facts.Image) -> bool:
    """Return whether this user may change an image, as far as rules say.

    Those of the operator, as the dashboard knows them, and Glance's own: only
    an administrator changes the image of another project. A property that
    the operator protects shows in the preview.
    """
    own = image.owner == session.user.tenant_id
    return (own or session.user.is_superuser) and bool(policy.check(
        policies.EDIT, session,
        {'project_id': image.owner, 'owner': image.owner}))


def would_refuse(session: asking.Session, image_id: str,
                 changes: Iterable[edits.Change]
                 ) -> errors.CloudError | None:
    """Return the error that changes would end with.

    Glance has no way to ask. It checks a patch one operation after the other
    and saves all or nothing: a patch that ends with an operation which cannot
    succeed shows what Glance would refuse, and is never saved.

    :returns: None where they may be saved, and where nobody knows.
    """
    impossible: dict[str, str | None] = {
        'op': 'remove',
        'path': '/snapshot_panel_dry_run_' + uuid.uuid4().hex}
    name = str(impossible['path'])[1:]
    try:
        glance.patch(session, image_id, [
            *(change.operation() for change in changes), impossible])
    except (errors.Conflict, errors.NotFound) as problem:
        # Only the last operation failed: older releases say not found.
        return None if name in problem.reason else problem
    except (errors.Forbidden, errors.OverLimit, errors.Refused) as problem:
        return problem
    except errors.CloudError:
        # It did not answer, or in a way of its own: saving will show.
        return None
    return None


@dataclasses.dataclass(frozen=True)
class Preview:
    """What an edit would do, found out before it is saved.

    ``refusal`` is the error with which Glance would answer, or None.
    ``users`` are the instances that run from the image and keep what they
    booted with, None where Nova did not answer. ``members`` counts the other
    projects that it is shared with; ``shelved`` is the instance whose only
    disk it may be.
    """

    edit: edits.Edit
    image: facts.Image
    refusal: errors.CloudError | None = None
    users: tuple[facts.Instance, ...] | None = None
    users_cut: bool = False
    members: int = 0
    shelved: facts.Instance | None = None

    @property
    def refused_names(self) -> tuple[str, ...]:
        """The names of the edit that Glance names in its refusal.

        It stops at the first that it refuses.
        """
        if self.refusal is None:
            return ()
        # Glance escapes what it says for a page of its own.
        said = html.unescape(self.refusal.reason)
        return tuple(change.name for change in self.edit.changes
                     if "'%s'" % change.name in said)


def preview(session: asking.Session, edit: edits.Edit) -> Preview:
    """Return the :class:`Preview` of one edit. Tries it, and saves nothing.

    :raises errors.CloudError: where the image cannot be had.
    """
    image, refusal, users = asking.ask_services(
        session,
        (glance, lambda: glance.get_image(session, edit.image_id)),
        (glance, lambda: would_refuse(session, edit.image_id, edit.changes)),
        (nova, lambda: list_users(session, edit.image_id)))
    return _with_dependents(session, _with_users(
        Preview(edit, asking.or_raise(image), refusal), users))


def _with_dependents(session: asking.Session, made: Preview) -> Preview:
    """Return a preview with who else needs the image, where one may.

    What a service does not say is left out: nothing is deleted.
    """
    image = made.image
    members = asking.outcome(lambda: dependents.members_of(session, image))
    maker = image.instance_id if retention.is_shelved_name(image) else None
    instance = asking.outcome(
        lambda: nova.get_instance(session, maker)) if maker else None
    return dataclasses.replace(
        made, members=members if isinstance(members, int) else 0,
        shelved=instance if isinstance(instance, facts.Instance)
        and retention.holds_disk(instance, image) else None)


def _with_users(made: Preview, users: nova.InstancePage | errors.CloudError
                ) -> Preview:
    if isinstance(users, errors.CloudError):
        return made
    own = images.by_image(users.instances).get(made.image.id, ())
    return dataclasses.replace(made, users=tuple(own), users_cut=users.more)


def preview_preset(session: asking.Session, preset: edits.Preset,
                   image_ids: Iterable[str]
                   ) -> list[Preview | errors.CloudError]:
    """Return a :class:`Preview` for each image. Tries nothing.

    An image that cannot be had has the :class:`errors.CloudError` in its
    place.
    """
    users, answers = asking.ask_services(
        session,
        (nova, lambda: nova.list_instances(session,
                                           images.INSTANCES_MATCHED)),
        (glance, lambda: asking.for_each(
            lambda image_id: glance.get_image(session, image_id),
            image_ids)))
    made = [answer if isinstance(answer, errors.CloudError)
            else _with_users(_preview_preset(session, preset, answer), users)
            for answer in asking.or_raise(answers)]
    return asking.for_each(
        lambda each: _with_dependents(session, asking.or_raise(each)), made)


def _preview_preset(session: asking.Session, preset: edits.Preset,
                    image: facts.Image) -> Preview:
    edit = preset.edit(image)
    if not edit.changes:
        return Preview(edit, image)
    wrong = edits.unsound(edit, is_pending(image))
    if wrong:
        return Preview(edit, image, errors.Refused(
            'Glance', 'not editable yet: ' + wrong))
    if not may_edit(session, image):
        return Preview(edit, image, errors.Forbidden('Glance', ''))
    return Preview(edit, image)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one edit.

    ``image`` is as read back afterwards. ``disputes`` are there where
    somebody else changed the image since the form was opened; nothing was
    written then, and ``image`` is as it is now. ``unlike`` are the names
    that Glance has in another way than wanted.
    """

    edit: edits.Edit
    image: facts.Image | None = None
    disputes: tuple[edits.Dispute, ...] = ()
    unlike: tuple[str, ...] = ()
    problem: errors.CloudError | None = None

    @property
    def verified(self) -> bool:
        """Return whether Glance has what was wanted, as read back."""
        return not (self.problem or self.disputes or self.unlike)


def save(session: asking.Session, edit: edits.Edit) -> Outcome:
    """Write what an edit wants, unless somebody else was faster."""
    image: facts.Image | None = None
    try:
        image = glance.get_image(session, edit.image_id)
        wrong = edits.unsound(edit, is_pending(image))
        if wrong is not None:
            raise errors.Refused('Glance', 'not editable here: ' + wrong)
        if edit.name not in (None, image.name):
            raise errors.InUse('Glance', errors.RENAMED,
                               (edit.name or '', image.name))
        # Glance has no compare-and-set: whoever came first is found by
        # reading again just before the write.
        disputes = edits.disputes(edit, image.properties)
        if disputes:
            return Outcome(edit, image, disputes=disputes)
        due = edit.rebased(image.properties)
        if due.changes:
            glance.patch(session, image.id, [change.operation()
                                             for change in due.changes])
            image = glance.get_image(session, image.id)
    except errors.CloudError as problem:
        return Outcome(edit, image, problem=problem)
    return _read_back(edit, image)


def look_back(session: asking.Session, edit: edits.Edit) -> Outcome:
    """Return what Glance has now of an edit that was saved.

    :raises errors.CloudError: where the image cannot be had.
    """
    return _read_back(edit, glance.get_image(session, edit.image_id))


def _read_back(edit: edits.Edit, image: facts.Image) -> Outcome:
    return Outcome(edit, image, unlike=tuple(
        change.name for change in edit.changes
        if image.properties.get(change.name) != change.new))
