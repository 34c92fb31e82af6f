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

"""Edits of an image: their changes, disputes over them, ready-made edits."""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import enum
import json
import uuid

from oslo_utils import strutils

from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import commands as shell
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties

# The longest text of an edit: it carries all properties of an image twice.
_MOST = 1 << 21


class Effect(enum.Enum):
    """What a change does to a property."""

    ADDED = 'added'
    CHANGED = 'changed'
    REMOVED = 'removed'


@dataclasses.dataclass(frozen=True)
class Change:
    """One property before and after; None where it is not set."""

    name: str
    old: str | None
    new: str | None

    @property
    def effect(self) -> Effect:
        """What the change does to the property."""
        if self.old is None:
            return Effect.ADDED
        return Effect.REMOVED if self.new is None else Effect.CHANGED

    def operation(self) -> dict[str, str]:
        """Return the operation of a JSON patch.

        Glance refuses to replace or remove what is not there (any more).
        """
        path = pointer(self.name)
        if self.new is None:
            return {'op': 'remove', 'path': path}
        return {'op': 'add' if self.effect is Effect.ADDED else 'replace',
                'path': path, 'value': self.new}


def pointer(name: str) -> str:
    """Return the JSON pointer of a property (RFC 6901)."""
    return '/' + name.replace('~', '~0').replace('/', '~1')


def diff(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the changes that lead from one dict of properties to another.

    Seals are left out, because the panel itself may write one while a user
    has the image's form open.
    """
    return tuple(Change(name, old.get(name), new.get(name))
                 for name in sorted(set(old) | set(new))
                 if old.get(name) != new.get(name)
                 and properties.lock(name) is not properties.Lock.SEAL)


def same_text(one: str, other: str) -> bool:
    """Return whether two texts differ at most in their line ends.

    A browser changes the line ends of a text area.
    """
    return properties.unify_lines(one) == properties.unify_lines(other)


@dataclasses.dataclass(frozen=True)
class Edit:
    """What a user wants of an image, and what it was based on.

    ``opened`` are the image's properties when its form was opened, ``name``
    its name then, None where it was not shown.
    """

    image_id: str
    opened: Mapping[str, str]
    changes: tuple[Change, ...]
    name: str | None = None

    @property
    def wanted(self) -> dict[str, str]:
        """The properties as the user wants them."""
        values = {**self.opened,
                  **{change.name: change.new for change in self.changes}}
        return {name: value for name, value in values.items()
                if value is not None}

    def dump(self) -> str:
        """Return the edit as text, for a form to carry."""
        return json.dumps({
            'image': self.image_id, 'name': self.name,
            'opened': dict(self.opened),
            'set': {change.name: change.new for change in self.changes}})

    @classmethod
    def load(cls, text: str) -> 'Edit':
        """Return the edit that a form carried.

        :raises ValueError: the text is not an edit.
        """
        value = bounded.load(text, _MOST)
        if (not isinstance(value, dict)
                or not isinstance(value.get('image'), str)
                or not isinstance(value.get('name'), (str, type(None)))
                or not _is_properties(value.get('opened'), str)
                or not _is_properties(value.get('set'), (str, type(None)))):
            raise ValueError('not an edit')
        opened = value['opened']
        return cls(str(uuid.UUID(value['image'])), opened, tuple(
            Change(name, opened.get(name), new)
            for name, new in sorted(value['set'].items())
            if opened.get(name) != new), value.get('name'))

    def rebased(
            self, today: Mapping[str, str], without: Collection[str] = ()
            ) -> 'Edit':
        """Return the same edit, based on the properties as they are today.

        :param without: names of properties whose change is dropped.
        """
        return Edit(self.image_id, today, tuple(
            Change(change.name, today.get(change.name), change.new)
            for change in self.changes if change.name not in without
            and today.get(change.name) != change.new), self.name)

    def undone(self, today: Mapping[str, str]) -> 'Edit':
        """Return the edit that puts back what was there before this one.

        What somebody changed again since then is left alone.

        :param today: the properties as they are now.
        """
        return Edit(self.image_id, today, tuple(
            Change(change.name, change.new, change.old)
            for change in self.changes
            if today.get(change.name) == change.new), self.name)


def _is_properties(value: object, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, dict) and all(
        isinstance(item, kinds) for item in value.values())


@dataclasses.dataclass(frozen=True)
class Dispute:
    """One property that was changed since the form was opened.

    ``theirs`` and ``mine`` are the values of each side, None where it is
    not set; a side that did not touch it has the value of ``opened``.
    """

    name: str
    opened: str | None
    theirs: str | None
    mine: str | None

    @property
    def contested(self) -> bool:
        """Whether both sides changed it, to different values."""
        return self.opened not in (self.theirs, self.mine)


def disputes(edit: Edit, today: Mapping[str, str]) -> tuple[Dispute, ...]:
    """Return where the image of today and the edit differ.

    Empty where nobody else changed anything, or only to what the edit wants.
    """
    wanted = edit.wanted
    theirs = {change.name for change in diff(edit.opened, today)}
    if all(today.get(name) == wanted.get(name) for name in theirs):
        return ()
    mine = {change.name for change in edit.changes}
    return tuple(
        Dispute(name, edit.opened.get(name), today.get(name),
                wanted.get(name))
        for name in sorted(theirs | mine)
        if today.get(name) != wanted.get(name))


def unsound(edit: Edit, pending: bool) -> str | None:
    """Return the name of a property that an edit must not touch, or None.

    An edit comes back from a browser, so it is checked again.

    :param pending: as in :func:`properties.lock`.
    """
    for change in edit.changes:
        if properties.lock(change.name, pending) is not None:
            return change.name
        if change.effect is Effect.ADDED and properties.name_flaw(
                change.name, ()):
            return change.name
        if change.new is not None and properties.value_flaw(change.new):
            return change.name
    return None


def commands(edit: Edit) -> list[str]:
    """Return the ``openstack`` commands that make the changes of an edit.

    The command takes a name only up to its first "=", so a property with
    one in its name can be removed but not set.
    """
    return shell.change_properties(
        edit.image_id,
        {change.name: change.new for change in edit.changes
         if change.new is not None and '=' not in change.name},
        [change.name for change in edit.changes if change.new is None])


class Preset(enum.Enum):
    """Ready-made changes. A preset owns what it sets."""

    # Nova asks the agent of instances with a channel to it (fact 2).
    READY = ('ready', {facts.AGENT_PROPERTY: 'yes'})
    # For templates of volume-backed instances: Nova enforces
    # os_require_quiesce only there (fact 2).
    STRICT = ('strict', {facts.AGENT_PROPERTY: 'yes',
                         facts.QUIESCE_PROPERTY: 'yes'})

    def __init__(self, code: str, values: dict[str, str]) -> None:
        self.code = code
        self.values = values

    @classmethod
    def of(cls, code: str) -> 'Preset | None':
        """Return the preset with that code, or None."""
        return next((preset for preset in cls if preset.code == code), None)

    def edit(self, image: facts.Image) -> 'Edit':
        """Return the :class:`Edit` that applies the preset to an image.

        A value that Nova already reads as wanted stays as it is written.
        """
        return Edit(image.id, image.properties, tuple(
            Change(name, image.properties.get(name), value)
            for name, value in self.values.items()
            if not strutils.bool_from_string(image.properties.get(name))),
            image.name)


# Nova only shows properties that it has a field for, and has none for these.
_NOT_SHOWN = frozenset(('os_version', facts.SHUTDOWN_TIMEOUT_PROPERTY))


def drift(
        embedded: facts.Properties, today: Mapping[str, str]
        ) -> tuple[Change, ...] | None:
    """Return how an image changed since an instance was booted from it.

    Only the properties in :data:`properties.KNOWN` that Nova shows are
    compared.

    :param embedded: the properties of the instance.
    :param today: the image's properties.
    :returns: None where the instance's own are not known.
    """
    if embedded.source is not facts.Source.EMBEDDED:
        return None
    return tuple(
        Change(name, embedded.values.get(name), today.get(name))
        for name, known in properties.KNOWN.items() if name not in _NOT_SHOWN
        and not _alike(known, embedded.values.get(name), today.get(name)))


def _alike(definition: properties.Definition, one: str | None,
           other: str | None) -> bool:
    """Return whether Nova reads two values as the same."""
    if definition.choices == properties.FLAG:
        return bool(strutils.bool_from_string(one)
                    == strutils.bool_from_string(other))
    return one == other
