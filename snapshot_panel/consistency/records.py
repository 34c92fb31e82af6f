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

"""What is written down, and where: names and formats, read and made.

A snapshot's state is on its image. Image properties are inherited by the
instances that are booted from a snapshot and by *their* snapshots, so a
record counts only on the image whose id it names.

What must survive a vanished image is in the server's metadata.
"""

import dataclasses
import datetime
import json
import re
import typing
import uuid

from oslo_utils import uuidutils

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import witness

VERDICT = 'consistency_verdict'
IMAGE = facts.BOUND_PROPERTY
REQUESTED_AT = 'consistency_requested_at'
REQUESTED_BY = 'consistency_requested_by'
STATE = 'consistency_state'
BASELINE = 'consistency_baseline'
AFTER_ACTION = 'consistency_after_action'
ACTION = 'consistency_action'
RULE = 'consistency_rule'
EVIDENCE = 'consistency_evidence'
REPLACES = 'consistency_replaces'
REPLACED = 'consistency_replaced'
SECONDS = 'consistency_seconds'

# More disks than any hypervisor of Nova's attaches.
_MOST_DISKS = 512

PREFIX = 'consistency_'
PENDING = 'pending'
DONE = 'done'
_NONE = facts.UNBOUND
_TIME = '%Y-%m-%dT%H:%M:%SZ'

# Nova's limit for the name and for the value of one metadata item.
METADATA_LIMIT = 255
MEMORY_PREFIX = 'consistency_snapshot_'
PLAN_KEY = 'consistency_restart'


def format_time(moment):
    """Write an aware UTC datetime as text."""
    return moment.strftime(_TIME)


def parse_time(text):
    """Return the aware UTC datetime of ``text``, or None."""
    try:
        moment = datetime.datetime.strptime(text or '', _TIME)
    except ValueError:
        return None
    return moment.replace(tzinfo=datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Request:
    """What was known when a snapshot was asked for.

    ``state`` is the instance's status; ``after_action`` the request id of
    the newest entry in Nova's record of actions before it; ``action`` that of
    the snapshot itself, None as long as it is not known.
    """

    at: typing.Optional[datetime.datetime]
    by: str
    state: str
    baseline: typing.Optional[witness.Baseline]
    after_action: typing.Optional[str]
    action: typing.Optional[str] = None

    def properties(self):
        """Return the properties to give to ``createImage``."""
        return {
            VERDICT: PENDING,
            REQUESTED_AT: format_time(self.at),
            REQUESTED_BY: self.by[:METADATA_LIMIT],
            STATE: self.state,
            BASELINE: str(self.baseline) if self.baseline else _NONE,
            AFTER_ACTION: self.after_action or _NONE,
            # Whatever the instance inherited must not speak for this image.
            IMAGE: _NONE, ACTION: _NONE, RULE: _NONE, EVIDENCE: _NONE,
            REPLACES: _NONE, REPLACED: _NONE,
        }


def bind(image_id, action, replaces=()):
    """Return the properties that make a request count for an image.

    They can only be written once the image has its id: an instance that is
    booted from a snapshot hands all others on to its own snapshots.

    :param replaces: ids of the snapshots that go once this one is proven.
    """
    return {IMAGE: image_id, ACTION: action or _NONE,
            REPLACES: ' '.join(replaces) or _NONE}


def read_replaces(image):
    """Return the ids of the snapshots that go once ``image`` is proven.

    Anybody in the project may have written there, and ids end up in
    addresses.
    """
    values = image.properties
    if values.get(IMAGE) != image.id:
        return ()
    return tuple(dict.fromkeys(
        word for word in values.get(REPLACES, '').split()
        if _is_id(word) and word != image.id))


def has_replaced(image):
    """Return whether that was carried out."""
    return image.properties.get(REPLACED) == DONE


def _is_id(text):
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def kinship(instance):
    """Return what Nova writes only on images that have data (fact 11).

    Without it nobody would find the snapshots of an instance on volumes.
    """
    return {'image_type': 'snapshot',
            'instance_uuid': instance.id} if instance.volume_backed else {}


def read_request(image):
    """Return the :class:`Request` that belongs to ``image``, or None.

    :param image: a :class:`facts.Image`.
    """
    values = image.properties
    if values.get(IMAGE) != image.id or STATE not in values:
        return None
    return Request(at=parse_time(values.get(REQUESTED_AT)),
                   by=values.get(REQUESTED_BY, ''),
                   state=values[STATE],
                   baseline=witness.Baseline.parse(values.get(BASELINE)),
                   after_action=_known(values.get(AFTER_ACTION)),
                   action=_known(values.get(ACTION)))


def _known(value):
    return None if value == _NONE else value


@dataclasses.dataclass(frozen=True)
class Seal:
    """A verdict as it is written on an image, once.

    ``seconds`` is what :func:`seconds` told just before, None if unknown.
    """

    verdict: str
    rule: str
    evidence: typing.Mapping[str, typing.Any]
    seconds: typing.Optional[int] = None

    def properties(self):
        """Return the properties to write. The same seal, the same text."""
        return {VERDICT: self.verdict, RULE: self.rule,
                EVIDENCE: json.dumps(self.evidence, sort_keys=True),
                SECONDS: _NONE if self.seconds is None
                else str(self.seconds)}


def seconds(image):
    """Return how long an unsealed, finished image took at most, or None.

    From its registration to its last change, both by Glance's clock. The
    seal changes it once more, so this is to be read before. Nova's record of
    the action does not tell: it ends when the work begins (fact 5).

    :param image: a :class:`facts.Image`.
    """
    # Of volumes it holds a list alone, which is there at once (fact 13).
    if (not image.active or image.volume_backed
            or image.created is None or image.updated is None):
        return None
    return round((image.updated - image.created).total_seconds())


def read_seal(image):
    """Return the :class:`Seal` of ``image``, or None if it has none.

    :param image: a :class:`facts.Image`.
    """
    values = image.properties
    verdict = values.get(VERDICT, PENDING)
    if values.get(IMAGE) != image.id or verdict == PENDING:
        return None
    return Seal(verdict, values.get(RULE, ''),
                _json(values.get(EVIDENCE)), _count(values.get(SECONDS)))


def _count(text):
    # Anybody may have written it.
    return int(text) if re.fullmatch('[0-9]{1,9}', text or '') else None


def volume_snapshots(image):
    """Return the ids of the volume snapshots that an image is made of.

    Anybody in the project may change that list. None where it cannot be
    what Nova writes: an id for each snapshot, none twice. Disks that begin
    empty are in it too, and nothing of them is copied.

    :param image: a :class:`facts.Image`.
    """
    disks = _json(image.properties.get(facts.MAPPING_PROPERTY), list)
    if len(disks) > _MOST_DISKS:
        return None
    found = []
    for disk in disks:
        kind = disk.get('source_type') if isinstance(disk, dict) else None
        if kind == 'snapshot' and uuidutils.is_uuid_like(
                disk.get('snapshot_id')):
            found.append(disk['snapshot_id'])
        elif kind != 'blank':
            return None
    return tuple(found) if 0 < len(found) == len(set(found)) else None


def _json(text, kind=dict):
    try:
        value = json.loads(text or '')
    except (ValueError, RecursionError):
        return kind()
    return value if isinstance(value, kind) else kind()


@dataclasses.dataclass(frozen=True)
class Memory:
    """What the server remembers of a snapshot that is not settled yet.

    ``gone`` is when somebody found that the image had vanished, ``cause``
    the rule that says why; both are None before.
    """

    image_id: str
    name: str
    at: typing.Optional[datetime.datetime]
    by: str = ''
    gone: typing.Optional[datetime.datetime] = None
    cause: typing.Optional[str] = None

    @property
    def key(self):
        return MEMORY_PREFIX + self.image_id

    def value(self):
        """Return the metadata value, cut to what Nova accepts."""
        name, by = self.name, self.by
        while True:
            text = self._dump(name, by)
            over = len(text.encode()) - METADATA_LIMIT
            if over <= 0 or not (name or by):
                return text
            # The longer of the two gives way: both are only for people.
            if len(name) >= len(by):
                name = name[:-max(1, over // 8)]
            else:
                by = by[:-max(1, over // 8)]

    def _dump(self, name, by):
        value = {'name': name, 'by': by}
        if self.at:
            value['at'] = format_time(self.at)
        if self.gone:
            value.update(gone=format_time(self.gone), cause=self.cause)
        return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def read_memories(instance):
    """Return what the server remembers, newest first.

    :param instance: a :class:`facts.Instance`.
    """
    # Anybody in the project may write metadata, and ids end up in addresses.
    found = [_memory(key[len(MEMORY_PREFIX):], text)
             for key, text in instance.metadata.items()
             if key.startswith(MEMORY_PREFIX)
             and uuidutils.is_uuid_like(key[len(MEMORY_PREFIX):])]
    oldest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return sorted(found, key=lambda memory: memory.at or oldest, reverse=True)


def _memory(image_id, text):
    value = {key: str(item) for key, item in _json(text).items()}
    return Memory(image_id=image_id, name=value.get('name', ''),
                  at=parse_time(value.get('at')), by=value.get('by', ''),
                  gone=parse_time(value.get('gone')),
                  cause=value.get('cause'))


@dataclasses.dataclass(frozen=True)
class Plan:
    """A server's record of being stopped, copied and started again.

    ``step`` and ``cause`` are codes of :mod:`.restart`; ``after`` the request
    id of the newest entry in Nova's record of actions before the plan;
    ``since`` when the step began; ``image_id`` the snapshot once it is known.
    """

    step: str
    at: typing.Optional[datetime.datetime]
    by: str
    after: str
    since: typing.Optional[datetime.datetime]
    image_id: typing.Optional[str] = None
    cause: typing.Optional[str] = None

    def metadata(self):
        """Return the item to write, cut to what Nova accepts."""
        by = self.by
        while True:
            text = self._dump(by)
            if len(text.encode()) <= METADATA_LIMIT or not by:
                return {PLAN_KEY: text}
            # It is only for people.
            by = by[:-1]

    def _dump(self, by):
        value = {'step': self.step, 'by': by, 'after': self.after,
                 'at': self.at and format_time(self.at),
                 'since': self.since and format_time(self.since),
                 'image': self.image_id, 'cause': self.cause}
        return json.dumps({key: item for key, item in value.items() if item},
                          separators=(',', ':'), ensure_ascii=False)


def read_plan(instance):
    """Return the :class:`Plan` of a server, or None.

    Anybody in the project may write metadata, and ids end up in addresses.

    :param instance: a :class:`facts.Instance`.
    """
    value = {key: str(item) for key, item in _json(
        instance.metadata.get(PLAN_KEY)).items()}
    if 'step' not in value or 'after' not in value:
        return None
    image_id = value.get('image')
    return Plan(step=value['step'], at=parse_time(value.get('at')),
                by=value.get('by', ''), after=value['after'],
                since=parse_time(value.get('since')),
                image_id=image_id if _is_id(image_id or '') else None,
                cause=value.get('cause'))
