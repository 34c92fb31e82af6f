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

"""An edit of an image: its difference, its disputes, the ready-made ones."""

import dataclasses
import enum
import json
import shlex
import typing
import uuid

from oslo_utils import strutils

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties


class Effect(enum.Enum):
    """What a change does to a property."""

    ADDED = 'added'
    CHANGED = 'changed'
    REMOVED = 'removed'


@dataclasses.dataclass(frozen=True)
class Change:
    """One property before and after; None where it is not set."""

    name: str
    old: typing.Optional[str]
    new: typing.Optional[str]

    @property
    def effect(self):
        if self.old is None:
            return Effect.ADDED
        return Effect.REMOVED if self.new is None else Effect.CHANGED

    def operation(self):
        """Return the operation of a JSON patch.

        Glance refuses to replace or to remove what is not there (any more).
        """
        path = pointer(self.name)
        if self.effect is Effect.REMOVED:
            return {'op': 'remove', 'path': path}
        return {'op': 'add' if self.effect is Effect.ADDED else 'replace',
                'path': path, 'value': self.new}


def pointer(name):
    """Return the JSON pointer of a property (RFC 6901)."""
    return '/' + name.replace('~', '~0').replace('/', '~1')


def diff(old, new):
    """Return the changes that lead from one dict of properties to another.

    Seals are left out: the panel itself writes them, once, while a user may
    have the image's form open.
    """
    return tuple(Change(name, old.get(name), new.get(name))
                 for name in sorted(set(old) | set(new))
                 if old.get(name) != new.get(name)
                 and properties.lock(name) is not properties.Lock.SEAL)


def same_text(one, other):
    """Return whether two texts are the same to a browser.

    It sends the line ends of a text area in its own way.
    """
    return properties.unify_lines(one) == properties.unify_lines(other)


@dataclasses.dataclass(frozen=True)
class Edit:
    """What a user wants of an image, and what it was based on.

    ``opened`` are the image's properties when its form was opened.
    """

    image_id: str
    opened: typing.Mapping[str, str]
    changes: typing.Tuple[Change, ...]

    @property
    def wanted(self):
        """The properties as they shall be."""
        values = {**self.opened,
                  **{change.name: change.new for change in self.changes}}
        return {name: value for name, value in values.items()
                if value is not None}

    def dump(self):
        """Return the edit as text, for a form to carry."""
        return json.dumps({
            'image': self.image_id, 'opened': dict(self.opened),
            'set': {change.name: change.new for change in self.changes}})

    @classmethod
    def load(cls, text):
        """Read a edit that a form carried.

        :raises ValueError: it is none.
        """
        value = json.loads(text)
        if (not isinstance(value, dict)
                or not isinstance(value.get('image'), str)
                or not _is_properties(value.get('opened'), str)
                or not _is_properties(value.get('set'), (str, type(None)))):
            raise ValueError('not a edit')
        opened = value['opened']
        return cls(str(uuid.UUID(value['image'])), opened, tuple(
            Change(name, opened.get(name), new)
            for name, new in sorted(value['set'].items())
            if opened.get(name) != new))

    def rebased(self, today, without=()):
        """Return the same wish, based on the properties as they are today.

        :param without: names whose change is given up.
        """
        return Edit(self.image_id, today, tuple(
            Change(change.name, today.get(change.name), change.new)
            for change in self.changes if change.name not in without
            and today.get(change.name) != change.new))


def _is_properties(value, kinds):
    return isinstance(value, dict) and all(
        isinstance(item, kinds) for item in value.values())


@dataclasses.dataclass(frozen=True)
class Dispute:
    """One property that was changed since the form was opened.

    ``theirs`` and ``mine`` are the values of each side, None where it is
    not set; a side that did not touch it has the value of ``opened``.
    """

    name: str
    opened: typing.Optional[str]
    theirs: typing.Optional[str]
    mine: typing.Optional[str]

    @property
    def contested(self):
        """Return whether both sides changed it, and to different values."""
        return self.opened not in (self.theirs, self.mine)


def disputes(edit, today):
    """Return what somebody else changed, beside what the edit changes.

    Empty where nobody changed anything, or only to what the edit wants.

    :returns: a tuple of :class:`Dispute`.
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


def unsound(edit, pending):
    """Return the name of a property that a edit must not touch, or None.

    A edit comes back from a browser, so it is checked again.

    :param bool pending: see :func:`lock`.
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


def commands(edit):
    """Return the ``openstack`` commands that do the same, as lines.

    The command takes a name only up to its first "=", so a property with
    one in its name can be removed with it and not set.
    """
    sets = ['--property ' + shlex.quote('%s=%s' % (change.name, change.new))
            for change in edit.changes
            if change.new is not None and '=' not in change.name]
    unsets = ['--property ' + shlex.quote(change.name)
              for change in edit.changes if change.new is None]
    image = shlex.quote(edit.image_id)
    return [' '.join(['openstack image', verb, *options, image])
            for verb, options in (('set', sets), ('unset', unsets))
            if options]


class Preset(enum.Enum):
    """Ready-made changes. A preset owns what it sets."""

    # Nova asks the agent of instances with a channel to it (fact 2).
    READY = ('ready', {facts.AGENT_PROPERTY: 'yes'})
    # For templates of volume-backed instances: only there Nova keeps what
    # os_require_quiesce promises (fact 2).
    STRICT = ('strict', {facts.AGENT_PROPERTY: 'yes',
                         facts.QUIESCE_PROPERTY: 'yes'})

    def __init__(self, code, values):
        self.code = code
        self.values = values

    @classmethod
    def of(cls, code):
        """Return the preset with that code, or None."""
        return next((preset for preset in cls if preset.code == code), None)

    def edit(self, image):
        """Return the :class:`Edit` for a :class:`facts.Image`.

        What Nova already reads as wanted stays as it is written.
        """
        return Edit(image.id, image.properties, tuple(
            Change(name, image.properties.get(name), value)
            for name, value in self.values.items()
            if not strutils.bool_from_string(image.properties.get(name))))


# Nova shows the properties that it has a field for, and none for these.
_NOT_SHOWN = frozenset(('os_version', facts.SHUTDOWN_TIMEOUT_PROPERTY))


def drift(embedded, today):
    """Return how an image changed since an instance was booted from it.

    :param embedded: the :class:`facts.Properties` of the instance.
    :param today: the image's properties.
    :returns: a tuple of :class:`Change` of the properties in
        :data:`properties.KNOWN` that Nova shows; None where the instance's
        own are not known.
    """
    if embedded.source is not facts.Source.EMBEDDED:
        return None
    return tuple(
        Change(name, embedded.values.get(name), today.get(name))
        for name, known in properties.KNOWN.items() if name not in _NOT_SHOWN
        and not _alike(known, embedded.values.get(name), today.get(name)))


def _alike(definition, one, other):
    """Return whether Nova reads two values as the same."""
    if definition.choices == properties.FLAG:
        return (strutils.bool_from_string(one)
                == strutils.bool_from_string(other))
    return one == other
