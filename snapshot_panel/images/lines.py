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

"""What the image pages show, in words."""

import dataclasses
import typing

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import errors
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.images import texts
from snapshot_panel.ui import words

# How many instances a row of the table names.
NAMED = 3


@dataclasses.dataclass(frozen=True)
class ImageRow:
    """One image, ready to be shown in the table.

    ``users`` are the instances that run from it, None where not known;
    ``own`` is true where it belongs to the project.
    """

    image: facts.Image
    own: bool
    users: typing.Optional[typing.Sequence[facts.Instance]] = ()

    @property
    def id(self):
        return self.image.id

    @property
    def name(self):
        return self.image.name or self.image.id

    @property
    def status(self):
        return texts.STATUSES.get(self.image.status, self.image.status)

    @property
    def snapshot(self):
        return self.image.is_snapshot

    @property
    def badge(self):
        """The verdict on a snapshot of ours.

        What another project sealed is only that project's word.
        """
        if not self.snapshot or not self.own:
            return None
        return words.badge(verdict.look(self.image))

    @property
    def signature(self):
        """What is to be said of the verdict's signature, or None."""
        return words.SIGNATURES.get(self.image.signature) if (
            self.snapshot and self.own) else None

    @property
    def forged(self):
        """Why the verdict is not to be trusted, or ''."""
        decision = verdict.look(self.image)
        return words.reason(decision) if self.badge and (
            decision.rule is verdict.Rule.FORGED) else ''

    @property
    def checkable(self):
        """Whether a verdict of ours can be held against its disk."""
        return (self.snapshot and self.own and self.image.readable
                and records.is_sealed(self.image))

    @property
    def unjudged(self):
        """Whether it is a finished snapshot of ours without a verdict."""
        return self.snapshot and self.own and known.unjudged(self.image)

    @property
    def agent(self):
        return self.image.properties.get(facts.AGENT_PROPERTY)

    @property
    def quiesce(self):
        return self.image.properties.get(facts.QUIESCE_PROPERTY)

    @property
    def system(self):
        values = self.image.properties
        return ' '.join(filter(None, (
            values.get('os_distro') or values.get('os_type'),
            values.get('os_version'))))

    @property
    def named_users(self):
        return self.users[:NAMED]

    @property
    def other_users(self):
        return len(self.users[NAMED:])

    def lacks(self, preset):
        """Return whether a preset would change anything."""
        return bool(preset.edit(self.image).changes)


def list_of(images, project_id):
    """Return the name of the page that lists images of a project."""
    snapshots = [image.is_snapshot and image.owner == project_id
                 for image in images]
    return 'image_snapshots' if snapshots and all(snapshots) else 'images'


@dataclasses.dataclass(frozen=True)
class LockedLine:
    """One property that cannot be edited; ``value`` None: not set."""

    name: str
    value: typing.Optional[str]
    reason: str = ''


def locked_lines(sheet):
    """Return the properties of a sheet that cannot be edited, with why."""
    values = sheet.image.properties
    names = sorted(set(values) | set(properties.KNOWN))
    if not sheet.editable:
        return [LockedLine(name, values[name]) for name in sorted(values)]
    return [LockedLine(name, values.get(name), texts.LOCKS[lock])
            for name, lock in ((name, lock_of(sheet, name))
                               for name in names) if lock is not None]


def lock_of(sheet, name):
    """Return the :class:`properties.Lock` of a property, or None."""
    return properties.lock(name, editing.is_pending(sheet.image))


@dataclasses.dataclass(frozen=True)
class UserLine:
    """One instance that runs from an image.

    ``drift`` are the changes of the image since it was booted, None where
    nobody knows.
    """

    instance: facts.Instance
    drift: typing.Optional[typing.Sequence[edits.Change]]

    @property
    def status(self):
        return words.INSTANCE_STATUSES.get(self.instance.status,
                                           self.instance.status)


def user_lines(users, today):
    """Return a :class:`UserLine` for each instance."""
    return [UserLine(user, edits.drift(user.properties, today))
            for user in users]


@dataclasses.dataclass(frozen=True)
class ChangeLine:
    """One change, ready to be shown."""

    change: edits.Change

    @property
    def badge(self):
        return texts.EFFECTS[self.change.effect]


def change_lines(edit):
    return [ChangeLine(change) for change in edit.changes]


@dataclasses.dataclass(frozen=True)
class PreviewLine:
    """What saving would do to one image.

    ``own`` is true where it belongs to the project.
    """

    preview: editing.Preview
    own: bool = True

    @property
    def name(self):
        return self.preview.image.name or self.preview.image.id

    @property
    def image(self):
        return self.preview.image

    @property
    def edit(self):
        return self.preview.edit

    @property
    def changes(self):
        return change_lines(self.preview.edit)

    @property
    def commands(self):
        return edits.commands(self.preview.edit)

    @property
    def foreign(self):
        """Whether nothing can be changed on the image of another project."""
        return not self.own and isinstance(self.preview.refusal,
                                           errors.Forbidden)

    @property
    def refusal(self):
        if self.foreign:
            return texts.FOREIGN
        problem = self.preview.refusal
        return texts.refusal(problem) if problem else ''

    @property
    def said(self):
        problem = self.preview.refusal
        return texts.reason(problem) if problem else ''

    @property
    def refused_names(self):
        return words.listed(self.preview.refused_names)

    @property
    def saveable(self):
        return bool(self.edit.changes) and self.preview.refusal is None


@dataclasses.dataclass(frozen=True)
class OutcomeLine:
    """What came of one edit, ready to be shown."""

    outcome: editing.Outcome

    @property
    def id(self):
        return self.outcome.edit.image_id

    @property
    def name(self):
        image = self.outcome.image
        return image.name if image is not None and image.name else self.id

    @property
    def refusal(self):
        problem = self.outcome.problem
        return texts.refusal(problem) if problem else ''

    @property
    def said(self):
        problem = self.outcome.problem
        if problem is None or isinstance(problem, (
                errors.TooMany, errors.Unavailable, errors.Unusable)):
            return ''
        return texts.reason(problem)

    @property
    def now(self):
        """What Glance has now, for each property that the edit names."""
        today = self.outcome.image.properties
        return [(change, today.get(change.name),
                 change.name not in self.outcome.unlike)
                for change in self.outcome.edit.changes]

    @property
    def undo(self):
        """The edit that puts back what was there, or None."""
        edit = self.outcome.edit.undone(self.outcome.image.properties)
        return edit if edit.changes else None

    @property
    def launchable(self):
        return self.outcome.image.active

    @property
    def rebased(self):
        """The edit as a form, should the user go on, has to carry it."""
        return self.outcome.edit.rebased(self.outcome.image.properties)

    @property
    def choices(self):
        """Each dispute, and whether there is a choice to make."""
        mine = {change.name for change in self.rebased.changes}
        return [(dispute, dispute.name in mine)
                for dispute in self.outcome.disputes]
