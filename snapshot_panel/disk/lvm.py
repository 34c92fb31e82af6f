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

"""LVM2: what a physical volume says of its group, and linear volumes.

By ``lib/format_text/layout.h`` of LVM2: a label in one of the first four
sectors, the places of the metadata areas, and the group's description as
text. Checksums of all three are verified. Volumes of one linear segment
after another are read; what is striped, thin, cached, mirrored or a
snapshot is named.
"""

from collections.abc import Iterator
import dataclasses
import re
import typing

from snapshot_panel.disk import codes
from snapshot_panel.disk import fields
from snapshot_panel.disk import source

Reason = codes.Reason

SECTOR = 512
_SEED = 0xf597a6cf
_MAGIC = b' LVM2 x[5A%r0N*>'
_MAX_TEXT = 256 << 10
_MAX_AREAS = 4
_MAX_TOKENS = 40_000
_MAX_DEPTH = 8
_MAX_SEGMENTS = 256
_TOKEN = re.compile(
    r'\s+|#[^\n]*|(?P<token>[\w.+/-]+|[{}\[\]=,]|"(?:[^"\\]|\\.)*")')
# Blanks of one line only: across lines, a text of nothing but line breaks
# would be searched from each of them to its end.
_SEQUENCE = re.compile(r'^[ \t]*seqno[ \t]*=[ \t]*([0-9]{1,18})$',
                       re.MULTILINE)

Section = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Volume:
    """A physical volume.

    :ivar uuid: without its hyphens
    :ivar text: the newest description of its group that it holds; '' for
        none
    :ivar is_free: it has room for a description, holds none, and none is
        said to be elsewhere
    """

    uuid: str
    view: source.View
    text: str
    is_free: bool


@dataclasses.dataclass(frozen=True)
class Logical:
    """A logical volume: what it holds, or why that cannot be read."""

    group: str
    name: str
    view: source.View | None
    reason: Reason | None = None
    kind: str = ''


@dataclasses.dataclass(frozen=True)
class Group:
    """A volume group.

    :ivar uuids: of its physical volumes
    :ivar missing: how many of these are elsewhere
    """

    name: str
    uuids: frozenset[str]
    missing: int
    volumes: tuple[Logical, ...]


def has_label(head: bytes) -> bool:
    """Return whether these first bytes hold a label of LVM2."""
    return _label(head) is not None


def _label(head: bytes) -> bytes | None:
    for at in range(0, 4 * SECTOR, SECTOR):
        if (head.startswith(b'LABELONE', at)
                and head.startswith(b'LVM2 001', at + 24)):
            return head[at:at + SECTOR]
    return None


def read_volume(view: source.View, head: bytes) -> Volume:
    """Return the physical volume that begins with ``head``.

    :raises source.Cannot: its label or its metadata is damaged
    """
    label = _label(head)
    if label is None or len(label) < SECTOR or (
            fields.crc32_seeded(label[20:], _SEED)
            != fields.little(label, 16, 4)):
        raise source.Cannot(Reason.VOLUME_METADATA)
    at = fields.little(label, 20, 4)
    if not 32 <= at <= SECTOR - 40:
        raise source.Cannot(Reason.VOLUME_METADATA)
    uuid = fields.printable(label[at:at + 32])
    # Behind it the size of the device, then the lists of data and of
    # metadata areas.
    at = _after_list(label, at + 40)
    areas = list(_pairs(label, at))[:_MAX_AREAS]
    texts = [_text(view, *area) for area in areas]
    text = max((text for text in texts if text), key=_sequence, default='')
    return Volume(uuid, view, text, bool(texts) and set(texts) == {''})


def _pairs(label: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield offset and size of areas, as listed up to a pair of zeros."""
    while at <= SECTOR - 16:
        offset = fields.little(label, at, 8)
        if not offset:
            return
        yield offset, fields.little(label, at + 8, 8)
        at += 16


def _after_list(label: bytes, at: int) -> int:
    return at + 16 * (len(list(_pairs(label, at))) + 1)


def _sequence(text: str) -> int:
    match = _SEQUENCE.search(text)
    return int(match.group(1)) if match else -1


def _text(view: source.View, area: int, area_size: int) -> str | None:
    """Return the text in a metadata area; '' where it holds none.

    None where the area is not in use, as the text is kept elsewhere.
    """
    header = view.read(area, SECTOR)
    if (header[4:20] != _MAGIC or fields.crc32_seeded(header[4:], _SEED)
            != fields.little(header, 0, 4)):
        raise source.Cannot(Reason.VOLUME_METADATA)
    offset, size = fields.little(header, 40, 8), fields.little(header, 48, 8)
    checksum, flags = (fields.little(header, 56, 4),
                       fields.little(header, 60, 4))
    if flags & 1:
        return None
    if not offset:
        return ''
    if size > _MAX_TEXT:
        raise source.Cannot(Reason.TOO_MUCH)
    if not SECTOR <= offset < area_size or size > area_size - SECTOR:
        raise source.Cannot(Reason.VOLUME_METADATA)
    first = min(size, area_size - offset)
    data = view.read(area + offset, first)
    if first < size:
        # The area is used in a circle, behind its header.
        data += view.read(area + SECTOR, size - first)
    if fields.crc32_seeded(data, _SEED) != checksum:
        raise source.Cannot(Reason.VOLUME_METADATA)
    return data.rstrip(b'\0').decode('utf-8', 'replace')


def parse(text: str, counter: Iterator[int] | None = None) -> Section:
    """Return the sections and values of a description.

    :param counter: what is left of the tokens that all may have together
    :raises source.Cannot: it is none, or longer or deeper than any is
    """
    return _section(_tokens(text, counter or iter(range(_MAX_TOKENS))), 0)


def _tokens(text: str, counter: Iterator[int]) -> Iterator[str]:
    at = 0
    for _count in counter:
        if at == len(text):
            return
        match = _TOKEN.match(text, at)
        if not match:
            break
        at = match.end()
        if match['token']:
            yield match['token']
    raise source.Cannot(Reason.VOLUME_METADATA)


def _section(tokens: Iterator[str], depth: int) -> Section:
    """Return a section up to its closing brace, or to the end."""
    section: Section = {}
    if depth > _MAX_DEPTH:
        raise source.Cannot(Reason.VOLUME_METADATA)
    for name in tokens:
        if name == '}' and depth:
            return section
        following = next(tokens, '')
        if following == '{':
            section[name] = _section(tokens, depth + 1)
        elif following == '=':
            section[name] = _value(tokens)
        else:
            raise source.Cannot(Reason.VOLUME_METADATA)
    if depth:
        raise source.Cannot(Reason.VOLUME_METADATA)
    return section


def _value(tokens: Iterator[str]) -> object:
    token = next(tokens, '')
    if token != '[':  # nosec B105 # a bracket of LVM's text
        return _scalar(token)
    values: list[object] = []
    for token in tokens:
        if token == ']':  # nosec B105 # a bracket of LVM's text
            return values
        if token != ',':  # nosec B105 # a comma of LVM's text
            values.append(_scalar(token))
    raise source.Cannot(Reason.VOLUME_METADATA)


def _scalar(token: str) -> str | int:
    if token.startswith('"'):
        return token[1:-1]
    # Bounded: Python takes its time with the digits of long numbers.
    if re.fullmatch('[0-9]{1,18}', token):
        return int(token)
    return token


def read_groups(volumes: list[Volume]) -> list[Group]:
    """Return the groups that physical volumes of one disk belong to."""
    newest: dict[str, tuple[int, str, Section]] = {}
    counter = iter(range(_MAX_TOKENS))
    # Each volume of a group has the same text.
    for text in dict.fromkeys(volume.text for volume in volumes):
        for name, group in parse(text, counter).items():
            if not isinstance(group, dict):
                continue
            key = str(group.get('id'))
            sequence = _number(group, 'seqno')
            if key not in newest or newest[key][0] < sequence:
                newest[key] = sequence, name, group
    here = {volume.uuid: volume for volume in volumes}
    return [_group(name, group, here)
            for _sequence_, name, group in newest.values()]


def _group(name: str, group: Section, here: dict[str, Volume]) -> Group:
    present = {}
    physical = _sections(group, 'physical_volumes')
    uuids = {key: str(described.get('id')).replace('-', '')
             for key, described in physical.items()}
    for key, described in physical.items():
        volume = here.get(uuids[key])
        if volume and 'MISSING' not in _flags(described):
            present[key] = (volume.view,
                            _number(described, 'pe_start') * SECTOR)
    extent = _number(group, 'extent_size') * SECTOR
    logical = _sections(group, 'logical_volumes')
    stores = _stores(logical)
    return Group(
        name, frozenset(uuids.values()), len(physical) - len(present), tuple(
            _logical(name, key, described, present, extent, key in stores)
            for key, described in logical.items()
            if 'VISIBLE' in _flags(described)))


def _stores(logical: dict[str, Section]) -> set[str]:
    """Return the volumes that hold the changes of a snapshot."""
    return {str(segment['cow_store']) for described in logical.values()
            for segment in described.values()
            if isinstance(segment, dict) and 'cow_store' in segment}


def _logical(group: str, name: str, described: Section,
             present: dict[str, tuple[source.View, int]], extent: int,
             is_store: bool) -> Logical:
    if is_store:
        return Logical(group, name, None, Reason.VOLUME_TYPE, 'snapshot')
    count = _number(described, 'segment_count')
    if not 0 < count <= _MAX_SEGMENTS:
        return Logical(group, name, None, Reason.VOLUME_METADATA)
    views: list[source.Slice] = []
    length = 0
    for number in range(1, count + 1):
        segment = described.get(f'segment{number}')
        if not isinstance(segment, dict):
            return Logical(group, name, None, Reason.VOLUME_METADATA)
        kind = fields.printable(str(segment.get('type')), 20)
        if kind != 'striped' or _number(segment, 'stripe_count') != 1:
            return Logical(group, name, None, Reason.VOLUME_TYPE, kind)
        stripes = segment.get('stripes')
        if (not isinstance(stripes, list) or len(stripes) != 2
                or not isinstance(stripes[1], int)
                or _number(segment, 'start_extent') * extent != length):
            return Logical(group, name, None, Reason.VOLUME_METADATA)
        if stripes[0] not in present:
            return Logical(group, name, None, Reason.MISSING_VOLUME)
        view, start = present[str(stripes[0])]
        size = _number(segment, 'extent_count') * extent
        views.append(source.Slice(view, start + stripes[1] * extent, size))
        length += size
    return Logical(group, name, source.Joined(views))


def _sections(section: Section, name: str) -> dict[str, Section]:
    subsection = section.get(name)
    if not isinstance(subsection, dict):
        return {}
    return {key: value for key, value in subsection.items()
            if isinstance(value, dict)}


def _number(section: Section, name: str) -> int:
    value = section.get(name)
    return value if isinstance(value, int) else 0


def _flags(section: Section) -> list[object]:
    """Return a volume's status and flags."""
    values: list[object] = []
    for name in ('status', 'flags'):
        value = section.get(name)
        values += value if isinstance(value, list) else [value]
    return values
