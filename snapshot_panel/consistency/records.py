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

"""What is written down, and where: the names and formats of all records.

A snapshot's state is on its image. Image properties are inherited by the
instances that are booted from a snapshot and by *their* snapshots, so a
record counts only on the image whose id it names.

What must survive a vanished image is in the server's metadata.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import enum
import json
import re
from typing import Any

from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import witness

VERDICT = 'consistency_verdict'
IMAGE = facts.BOUND_PROPERTY
REQUESTED_AT = 'consistency_requested_at'
REQUESTED_BY = 'consistency_requested_by'
STATE = 'consistency_state'
BASELINE = 'consistency_baseline'
CONSOLE = 'consistency_console'
AFTER_ACTION = 'consistency_after_action'
ACTION = 'consistency_action'
RULE = 'consistency_rule'
EVIDENCE = 'consistency_evidence'
REPLACES = 'consistency_replaces'
REPLACED = 'consistency_replaced'
SECONDS = 'consistency_seconds'
SIGNATURE = 'consistency_signature'

# More disks than any hypervisor of Nova's attaches.
_MOST_DISKS = 512

PREFIX = 'consistency_'
PENDING = 'pending'
DONE = 'done'
_NONE = facts.UNBOUND

# Nova's limit for the name and for the value of one metadata item.
METADATA_LIMIT = 255
MEMORY_PREFIX = 'consistency_snapshot_'
PLAN_KEY = 'consistency_restart'


def format_time(moment: datetime.datetime) -> str:
    """Write an aware UTC datetime as text."""
    return bounded.format_moment(moment)


def parse_time(text: str | None) -> datetime.datetime | None:
    """Return the aware UTC datetime of ``text``, or None."""
    return bounded.moment(text)


@dataclasses.dataclass(frozen=True)
class Request:
    """What was known when a snapshot was asked for.

    ``at`` is an aware time, ``by`` a user's name; ``state`` is the instance's
    status; ``after_action`` the request id of the newest entry in Nova's
    record of actions before the request; ``action`` the request id of the
    snapshot itself, None as long as it is not known. ``console`` is where the
    guest's console ended then, see :func:`witness.end`; a schedule has that
    in place of ``baseline``, and its ``after_action`` may be older.
    """

    at: datetime.datetime | None
    by: str
    state: str
    baseline: witness.Baseline | None
    after_action: str | None
    action: str | None = None
    console: str | None = None

    @property
    def heard(self) -> bool:
        """Whether a guest with the kit was heard before."""
        return self.baseline is not None or self.console is not None

    def baseline_in(self, console: str | None) -> witness.Baseline | None:
        """Return the guest's last word before the request, or None.

        :param console: as it is by now, None if unknown.
        """
        if self.console is None:
            return self.baseline
        return witness.baseline_at(console, self.console)

    def properties(self) -> dict[str, str]:
        """Return the properties to give to ``createImage``."""
        return {
            VERDICT: PENDING,
            REQUESTED_AT: format_time(self.at) if self.at else _NONE,
            REQUESTED_BY: for_services(self.by),
            STATE: self.state,
            BASELINE: str(self.baseline) if self.baseline else _NONE,
            AFTER_ACTION: self.after_action or _NONE,
            CONSOLE: self.console or _NONE,
            # What the instance inherited must not count for this image.
            IMAGE: _NONE, ACTION: _NONE, RULE: _NONE, EVIDENCE: _NONE,
            REPLACES: _NONE, REPLACED: _NONE,
        }


def bind(
        image_id: str, action: str | None, replaces: Iterable[str] = ()
        ) -> dict[str, str]:
    """Return the properties that make a request count for an image.

    They can only be written once the image has its id: without an id in it,
    a record would be inherited by the snapshots of instances that are booted
    from this one.

    :param action: the request id of the snapshot, None if unknown.
    :param replaces: ids of the snapshots to delete once this one is proven
        consistent.
    """
    return {IMAGE: image_id, ACTION: action or _NONE,
            REPLACES: ' '.join(replaces) or _NONE}


def adopt(image: facts.Image) -> dict[str, str]:
    """Return the properties that let a seal count on an image.

    Nothing is needed where the panel has a record of it. Elsewhere whatever
    the image inherited must not speak for it.
    """
    if read_request(image) is not None:
        return {}
    return {IMAGE: image.id, **dict.fromkeys(
        (REQUESTED_AT, REQUESTED_BY, STATE, BASELINE, CONSOLE, AFTER_ACTION,
         ACTION, REPLACES, REPLACED), _NONE)}


def read_replaces(image: facts.Image) -> tuple[str, ...]:
    """Return the ids of the snapshots to delete once ``image`` is proven.

    Anybody in the project may have written there, and ids end up in
    addresses.
    """
    values = image.properties
    if values.get(IMAGE) != image.id:
        return ()
    return tuple(dict.fromkeys(
        word for word in values.get(REPLACES, '').split()
        if bounded.is_id(word) and word != image.id))


def has_replaced(image: facts.Image) -> bool:
    """Return whether the snapshots that ``image`` replaces were deleted."""
    return image.properties.get(REPLACED) == DONE


def kinship(instance: facts.Instance) -> dict[str, str]:
    """Return the properties that make an image a snapshot of an instance.

    Nova itself writes the same, but only on images that have data (fact 11).
    Without them nobody would find the snapshots of an instance on volumes,
    and before there is an image nobody knows which it will be (fact 41).

    :returns: values by name.
    """
    return {'image_type': 'snapshot', 'instance_uuid': instance.id}


def read_request(image: facts.Image) -> Request | None:
    """Return the :class:`Request` that belongs to ``image``, or None."""
    values = image.properties
    if (values.get(IMAGE) != image.id
            or values.get(STATE, _NONE) == _NONE):
        return None
    return Request(at=parse_time(values.get(REQUESTED_AT)),
                   by=values.get(REQUESTED_BY, ''),
                   state=values[STATE],
                   baseline=witness.Baseline.parse(values.get(BASELINE)),
                   after_action=_known(values.get(AFTER_ACTION)),
                   action=_known(values.get(ACTION)),
                   console=_known(values.get(CONSOLE)))


def is_bound(image: facts.Image) -> bool:
    """Return whether a record of the panel on an image is the image's own."""
    return image.properties.get(IMAGE) == image.id


def is_unbound(image: facts.Image) -> bool:
    """Return whether a request is on an image that nobody has bound yet."""
    values = image.properties
    return (values.get(IMAGE) == _NONE and values.get(VERDICT) == PENDING
            and values.get(STATE, _NONE) != _NONE)


# Nova's names of what makes a snapshot.
CREATE_IMAGE = 'createImage'
MADE = (CREATE_IMAGE, 'createBackup')


class Unbound(enum.Enum):
    """Why Nova's record does not tell which request made an image."""

    TOO_LONG_AGO = 'too-long-ago'
    NONE_SINCE = 'none-since'
    SEVERAL_SINCE = 'several-since'
    # Since what was noted for a schedule, which is older than its request.
    OTHERS_SINCE = 'others-since'


def made_since(image: facts.Image, actions: Iterable[facts.Action]
               ) -> list[facts.Action] | None:
    """Return the snapshots that Nova began since a request, newest first.

    :param actions: of the instance, newest first.
    :returns: None where they do not reach back to the request.
    """
    made: list[facts.Action] = []
    for action in actions:
        if action.request_id == image.properties.get(AFTER_ACTION):
            return made
        if action.name in MADE:
            made.append(action)
    return None


def own_action(image: facts.Image, actions: Iterable[facts.Action]
               ) -> str | Unbound:
    """Return the request id of the only snapshot since a request.

    :param actions: of the instance, newest first.
    :returns: an :class:`Unbound` where it is not known.
    """
    made = made_since(image, actions)
    if made is None:
        return Unbound.TOO_LONG_AGO
    if len(made) > 1:
        scheduled = _known(image.properties.get(CONSOLE)) is not None
        return Unbound.OTHERS_SINCE if scheduled else Unbound.SEVERAL_SINCE
    return (made[0].request_id if made and made[0].name == CREATE_IMAGE
            else Unbound.NONE_SINCE)


def _known(value: str | None) -> str | None:
    return None if value == _NONE else value


@dataclasses.dataclass(frozen=True)
class Seal:
    """A verdict as it is written on an image, once.

    ``verdict`` and ``rule`` are codes, ``evidence`` is what the rule rests
    on, ``seconds`` what :func:`seconds` returned just before, None if
    unknown.
    """

    verdict: str
    rule: str
    evidence: Mapping[str, Any]
    seconds: int | None = None

    def properties(self) -> dict[str, str]:
        """Return the properties to write, the same for the same seal."""
        return {VERDICT: self.verdict, RULE: self.rule,
                EVIDENCE: json.dumps(self.evidence, sort_keys=True),
                SECONDS: _NONE if self.seconds is None
                else str(self.seconds)}


def seconds(image: facts.Image) -> int | None:
    """Return the most seconds that an unsealed image can have taken, or None.

    They run from its registration to its last change, both by Glance's clock.
    The seal changes the image once more, so read them before. Nova's record
    of the action does not help: it ends when the work begins (fact 5).

    :returns: None also where the image is not finished.
    """
    # An image of volumes is only a list, which is there at once (fact 13).
    if (not image.active or image.volume_backed
            or image.created is None or image.updated is None):
        return None
    return round((image.updated - image.created).total_seconds())


def is_sealed(image: facts.Image) -> bool:
    """Return whether an image has a verdict of its own."""
    return read_seal(image) is not None


def read_seal(image: facts.Image) -> Seal | None:
    """Return the :class:`Seal` of ``image``, or None if it has none."""
    values = image.properties
    verdict = values.get(VERDICT, PENDING)
    if values.get(IMAGE) != image.id or verdict == PENDING:
        return None
    return Seal(verdict, values.get(RULE, ''),
                _read_dict(values.get(EVIDENCE)),
                _count(values.get(SECONDS)))


def _count(text: str | None) -> int | None:
    # Anybody may have written it.
    return int(text) if text and re.fullmatch('[0-9]{1,9}', text) else None


def volume_snapshots(image: facts.Image) -> tuple[str, ...] | None:
    """Return the ids of the volume snapshots that an image is made of.

    Anybody in the project may change that list. Disks that begin empty are
    in it too, and nothing of them is copied.

    :returns: None where the list cannot be what Nova writes, which is an id
        for each snapshot and none twice.
    """
    disks = _read_json(image.properties.get(facts.MAPPING_PROPERTY))
    if not isinstance(disks, list) or len(disks) > _MOST_DISKS:
        return None
    ids: list[str] = []
    for disk in disks:
        kind = disk.get('source_type') if isinstance(disk, dict) else None
        if kind == 'snapshot' and bounded.is_id(disk.get('snapshot_id')):
            ids.append(disk['snapshot_id'])
        elif kind != 'blank':
            return None
    return tuple(ids) if 0 < len(ids) == len(set(ids)) else None


def _read_json(text: str | None) -> object:
    """Return what ``text`` holds, None where it is not JSON."""
    if not text:
        return None
    try:
        value: object = bounded.load(text)
    except ValueError:
        return None
    return value


def _read_dict(text: str | None) -> dict[str, Any]:
    """Return the JSON object that ``text`` holds, empty where it is none."""
    value = _read_json(text)
    return value if isinstance(value, dict) else {}


def for_services(name: str) -> str:
    """Return the name of a person or a thing as every service accepts it.

    Nova and Glance refuse characters of four bytes, and those that cannot be
    printed (fact 43). Whoever has one in a name could do nothing.
    """
    return ''.join(
        character if character.isprintable() and character <= '\uffff'
        else '\ufffd' for character in name[:METADATA_LIMIT])


@dataclasses.dataclass(frozen=True)
class Memory:
    """What the server remembers of a snapshot that is not settled yet.

    ``gone`` is when somebody found that the image had vanished, ``cause``
    the rule that says why; both are None before.
    """

    image_id: str
    name: str
    at: datetime.datetime | None
    by: str = ''
    gone: datetime.datetime | None = None
    cause: str | None = None

    @property
    def key(self) -> str:
        """The name of the metadata item."""
        return MEMORY_PREFIX + self.image_id

    def value(self) -> str:
        """Return the metadata value, cut to what Nova accepts."""
        name, by = for_services(self.name), for_services(self.by)
        while True:
            text = self._dump(name, by)
            over = len(text.encode()) - METADATA_LIMIT
            if over <= 0 or not (name or by):
                return text
            # Both are only for people; cut the longer one.
            if len(name) >= len(by):
                name = name[:-max(1, over // 8)]
            else:
                by = by[:-max(1, over // 8)]

    def _dump(self, name: str, by: str) -> str:
        value: dict[str, str | None] = {'name': name, 'by': by}
        if self.at:
            value['at'] = format_time(self.at)
        if self.gone:
            value.update(gone=format_time(self.gone), cause=self.cause)
        return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def read_memories(instance: facts.Instance) -> list[Memory]:
    """Return the :class:`Memory` of each unsettled snapshot, newest first."""
    # Anybody in the project may write metadata, and ids end up in addresses.
    memories = [_memory(key[len(MEMORY_PREFIX):], text)
                for key, text in instance.metadata.items()
                if key.startswith(MEMORY_PREFIX)
                and bounded.is_id(key[len(MEMORY_PREFIX):])]
    oldest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return sorted(memories, key=lambda memory: memory.at or oldest,
                  reverse=True)


def _memory(image_id: str, text: str) -> Memory:
    value = {key: str(item) for key, item in _read_dict(text).items()}
    return Memory(image_id=image_id, name=value.get('name', ''),
                  at=parse_time(value.get('at')), by=value.get('by', ''),
                  gone=parse_time(value.get('gone')),
                  cause=bounded.code(value.get('cause')))


@dataclasses.dataclass(frozen=True)
class Plan:
    """A server's record of being stopped, copied and started again.

    ``step`` and ``cause`` are codes of :mod:`.restart`; ``at`` is when the
    plan was made and ``by`` whose it is; ``after`` is the request id of the
    newest entry in Nova's record of actions before the plan; ``since`` is
    when the step began; ``image_id`` is the snapshot once it is known.
    """

    step: str
    at: datetime.datetime | None
    by: str
    after: str
    since: datetime.datetime | None
    image_id: str | None = None
    cause: str | None = None

    def metadata(self) -> dict[str, str]:
        """Return the item to write, cut to what Nova accepts."""
        by = for_services(self.by)
        while True:
            text = self._dump(by)
            if len(text.encode()) <= METADATA_LIMIT or not by:
                return {PLAN_KEY: text}
            # The name is only for people.
            by = by[:-1]

    def _dump(self, by: str) -> str:
        value = {'step': self.step, 'by': by, 'after': self.after,
                 'at': self.at and format_time(self.at),
                 'since': self.since and format_time(self.since),
                 'image': self.image_id, 'cause': self.cause}
        return json.dumps({key: item for key, item in value.items() if item},
                          separators=(',', ':'), ensure_ascii=False)


def read_plan(instance: facts.Instance) -> Plan | None:
    """Return the :class:`Plan` of a server, or None.

    Anybody in the project may write metadata, and ids end up in addresses.
    """
    value = {key: str(item) for key, item in _read_dict(
        instance.metadata.get(PLAN_KEY)).items()}
    step = bounded.code(value.get('step'))
    # Empty where nothing was recorded before.
    after = value.get('after') and bounded.code(value['after'])
    if step is None or after is None:
        return None
    image_id = value.get('image')
    return Plan(step=step, at=parse_time(value.get('at')),
                by=value.get('by', ''), after=after,
                since=parse_time(value.get('since')),
                image_id=image_id if bounded.is_id(image_id) else None,
                cause=bounded.code(value.get('cause')))
