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

"""What was read, as values: kept in caches and on images."""

import dataclasses
import re
import typing

from snapshot_panel.disk import codes
from snapshot_panel.disk import fields

Word = codes.Word

# A disk with more parts than this is not told whole.
MAX_PARTS = 32

_LENGTHS = {'place': 64, 'kind': 20, 'field': 120, 'mounted_on': 64}
_REASONS = frozenset(reason.value for reason in codes.Reason)
_LAYOUTS = frozenset(('', 'disk', 'mbr', 'gpt'))
_CODE = re.compile(r'[a-z0-9][a-z0-9-]{0,19}\Z')
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing on the disk.

    :ivar place: ``disk``, ``partition 1``, ``volume vg/root`` or
        ``group vg``; printable ASCII of at most 64 characters
    :ivar kind: a short code, such as ``ext4``, ``lvm2`` or ``unknown``
    :ivar word: None where it holds no data that counts
    :ivar reason: the value of a ``codes.Reason``
    :ivar field: the field, and its value, that says so
    :ivar mounted_on: where it was last mounted, by its own account; ''
        where it does not say
    """

    place: str
    kind: str
    word: Word | None
    reason: str
    field: str
    mounted_on: str = ''

    def as_json(self) -> list[str | None]:
        """Return the part as a list for JSON."""
        return [self.place, self.kind, self.word and self.word.value,
                self.reason, self.field, self.mounted_on]

    @classmethod
    def from_json(cls, value: object) -> 'Part | None':
        """Return the part that ``as_json`` wrote; None for anything else."""
        if not isinstance(value, list) or len(value) != 6:
            return None
        place, kind, word, reason, field, mounted_on = value
        texts = {'place': place, 'kind': kind, 'field': field,
                 'mounted_on': mounted_on}
        if not all(_is_text(text, _LENGTHS[name])
                   for name, text in texts.items()):
            return None
        if not _CODE.match(kind) or not _is_reason(reason):
            return None
        if word is not None and word not in _words():
            return None
        return cls(place, kind, word and Word(word), reason, field,
                   mounted_on)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What an image's bytes say.

    :ivar format: ``raw``, ``qcow2``, or what it was found to be
    :ivar layout: ``disk`` (no partitions), ``mbr``, ``gpt``; '' where it was
        not read
    :ivar parts: in the order of the disk
    :ivar reason: '' or the value of a ``codes.Reason``: why the whole cannot
        be told
    :ivar requests: calls of the reader that this took
    :ivar fetched: bytes that these asked for
    """

    format: str
    layout: str
    parts: tuple[Part, ...]
    reason: str = ''
    requests: int = dataclasses.field(default=0, compare=False)
    fetched: int = dataclasses.field(default=0, compare=False)

    @property
    def word(self) -> Word:
        """The disk's word.

        The weakest promise of its parts counts. A damaged part promises less
        than one in use, whose journal is still good for a restart: so
        "damaged" comes first. Neither is ever consistent. Both stand though
        another part, or the rest of the image, cannot be told: that could
        not make them better. At rest is only what was read whole, with at
        least one part that counts.
        """
        words = {part.word for part in self.parts} - {None}
        for word in (Word.DAMAGED, Word.IN_USE):
            if word in words:
                return word
        if words == {Word.AT_REST} and not self.reason:
            return Word.AT_REST
        return Word.CANNOT_TELL

    @property
    def torn(self) -> bool:
        """Whether a volume group also lies on disks that are not here."""
        return any(part.reason == codes.Reason.MISSING_VOLUME.value
                   for part in self.parts)

    def as_json(self) -> dict[str, typing.Any]:
        """Return a compact, bounded value for JSON."""
        return {'v': _VERSION, 'format': self.format, 'layout': self.layout,
                'reason': self.reason,
                'parts': [part.as_json() for part in self.parts]}

    @classmethod
    def from_json(cls, value: object) -> 'Reading | None':
        """Return what ``as_json`` wrote; None for anything else."""
        if not isinstance(value, dict) or value.get('v') != _VERSION:
            return None
        image_format, layout = value.get('format'), value.get('layout')
        reason, listed = value.get('reason'), value.get('parts')
        if not isinstance(image_format, str) or not _CODE.match(image_format):
            return None
        if not isinstance(layout, str) or layout not in _LAYOUTS:
            return None
        if reason != '' and not _is_reason(reason):
            return None
        if not isinstance(listed, list) or len(listed) > MAX_PARTS:
            return None
        parts = [Part.from_json(part) for part in listed]
        known = tuple(part for part in parts if part)
        if len(known) < len(parts):
            return None
        return cls(image_format, layout, known, str(reason))


def part(place: str, kind: str, word: Word | None, reason: codes.Reason,
         field: str = '', mounted_on: str = '') -> Part:
    """Return a part whose texts are printable and bounded."""
    return Part(fields.printable(place, _LENGTHS['place']), kind, word,
                reason.value, fields.printable(field, _LENGTHS['field']),
                fields.printable(mounted_on, _LENGTHS['mounted_on']))


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and value == fields.printable(value, limit)


def _is_reason(value: object) -> bool:
    return isinstance(value, str) and value in _REASONS


def _words() -> list[str]:
    return [word.value for word in Word]
