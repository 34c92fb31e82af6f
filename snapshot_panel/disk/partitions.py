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

"""Partition tables: MBR with logical partitions, and GPT.

GPT by the UEFI specification, chapter 5: its checksums are verified, and its
copy at the end of the disk stands in where the first is broken. As Linux has
it, a GPT holds where the MBR announces it (type 0xEE), hybrid or not.
"""

import dataclasses
import enum
import uuid
import zlib

from snapshot_panel.disk import codes
from snapshot_panel.disk import fields
from snapshot_panel.disk import source

Reason = codes.Reason

SECTOR = 512
_MAX_LOGICAL = 24
_MAX_TABLE = 128 << 10
_EXTENDED = (0x05, 0x0f, 0x85)
_PROTECTIVE = 0xee


class Purpose(enum.Enum):
    """What a partition is for, by the type in the table."""

    ANY = ''
    BOOT_LOADER = 'bios-boot'
    EFI = 'efi'
    RAID = 'raid'
    RESERVED = 'reserved'


_MBR_PURPOSES = {0x41: Purpose.BOOT_LOADER, 0xef: Purpose.EFI,
                 0xfd: Purpose.RAID}
_GPT_PURPOSES = {uuid.UUID(value).bytes_le: purpose for value, purpose in (
    ('c12a7328-f81f-11d2-ba4b-00a0c93ec93b', Purpose.EFI),
    ('21686148-6449-6e6f-744e-656564454649', Purpose.BOOT_LOADER),
    # PReP, of POWER.
    ('9e1a2d38-c612-4316-aa26-8b49521e5a8b', Purpose.BOOT_LOADER),
    ('e3c9e316-0b5c-4db8-817d-f92df00215ae', Purpose.RESERVED),
    ('a19d880f-05fc-4d3b-a006-743f0f84911e', Purpose.RAID))}


@dataclasses.dataclass(frozen=True)
class Partition:
    """One partition; ``start`` and ``size`` in bytes."""

    number: int
    start: int
    size: int
    purpose: Purpose = Purpose.ANY


@dataclasses.dataclass(frozen=True)
class Table:
    """The partitions of a disk; ``layout`` is ``mbr`` or ``gpt``."""

    layout: str
    partitions: tuple[Partition, ...]


def read_table(disk: source.View) -> Table | None:
    """Return the disk's partition table, None where it has none.

    :raises source.Cannot: what is there contradicts itself
    """
    sector = source.up_to(disk, 0, SECTOR)
    slots = _slots(sector)
    if slots is None:
        return None
    if any(kind == _PROTECTIVE for kind, _start, _size in slots):
        return Table('gpt', _checked(_gpt(disk)))
    if source.up_to(disk, SECTOR, 8) == b'EFI PART':
        # One of the two tables is a leftover.
        raise source.Cannot(Reason.AMBIGUOUS)
    return Table('mbr', _checked(_mbr(disk, slots)))


def _slots(sector: bytes) -> list[tuple[int, int, int]] | None:
    """Return type, start and sectors of the four slots of an MBR.

    None where it is none: boot sectors of file systems end alike. A slot of
    no sectors is not used, whatever its type.
    """
    if len(sector) < SECTOR or sector[510:] != b'\x55\xaa':
        return None
    slots = []
    for at in range(446, 510, 16):
        kind = sector[at + 4]
        start = fields.little(sector, at + 8, 4)
        size = fields.little(sector, at + 12, 4)
        if sector[at] not in (0, 0x80) or (kind and size and not start):
            return None
        slots.append((kind if size else 0, start, size))
    return slots if any(kind for kind, _start, _size in slots) else None


def _mbr(disk: source.View,
         slots: list[tuple[int, int, int]]) -> list[Partition]:
    primary = []
    logical: list[Partition] = []
    for number, (kind, start, size) in enumerate(slots, 1):
        if kind in _EXTENDED:
            logical += _logical(disk, start, 5 + len(logical))
        elif kind:
            primary.append(_partition(number, kind, start, size))
    return primary + logical


def _logical(disk: source.View, extended: int,
             number: int) -> list[Partition]:
    """Return the partitions of the chain that begins at ``extended``."""
    logical: list[Partition] = []
    seen: set[int] = set()
    at = extended
    while at not in seen:
        if len(seen) == _MAX_LOGICAL:
            raise source.Cannot(Reason.TOO_MUCH)
        seen.add(at)
        data, links = _record(disk.read(at * SECTOR, SECTOR))
        for kind, start, size in data:
            logical.append(_partition(number + len(logical), kind,
                                      at + start, size))
        if not links:
            break
        at = extended + links[0][1]
    else:
        raise source.Cannot(Reason.CORRUPT)
    return logical


def _record(sector: bytes) -> tuple[list[tuple[int, int, int]],
                                    list[tuple[int, int, int]]]:
    """Return the partition and the link in a record of the chain.

    Strictly: what is overlooked here would be a partition not judged.
    """
    slots = _slots(sector)
    if slots is None and not fields.is_zero(sector[446:510]):
        raise source.Cannot(Reason.CORRUPT)
    used = [slot for slot in slots or () if slot[0]]
    data = [slot for slot in used if slot[0] not in _EXTENDED]
    links = [slot for slot in used if slot[0] in _EXTENDED]
    if len(data) > 1 or len(links) > 1:
        raise source.Cannot(Reason.CORRUPT)
    return data, links


def _partition(number: int, kind: int, start: int, size: int) -> Partition:
    return Partition(number, start * SECTOR, size * SECTOR,
                     _MBR_PURPOSES.get(kind, Purpose.ANY))


def _gpt(disk: source.View) -> list[Partition]:
    places = [(sector, 1) for sector in (SECTOR, 4096)]
    if disk.size is not None:
        places += [(sector, disk.size // sector - 1)
                   for sector in (SECTOR, 4096)
                   if disk.size // sector > 2]
    for sector, number in places:
        table = _gpt_at(disk, sector, number)
        if table is not None:
            return table
    raise source.Cannot(Reason.CORRUPT)


def _gpt_at(disk: source.View, sector: int,
            number: int) -> list[Partition] | None:
    """Return what the header in one sector lists; None for no such header."""
    header = source.up_to(disk, number * sector, SECTOR)
    length = fields.little(header, 12, 4)
    if header[:8] != b'EFI PART' or not 92 <= length <= SECTOR:
        return None
    checked = header[:16] + bytes(4) + header[20:length]
    if (zlib.crc32(checked) != fields.little(header, 16, 4)
            or fields.little(header, 24, 8) != number):
        return None
    first, count, size = (fields.little(header, 72, 8),
                          fields.little(header, 80, 4),
                          fields.little(header, 84, 4))
    if size < 128 or count * size > _MAX_TABLE:
        raise source.Cannot(Reason.TOO_MUCH)
    table = disk.read(first * sector, count * size)
    if zlib.crc32(table) != fields.little(header, 88, 4):
        return None
    entries = (table[at:at + size] for at in range(0, count * size, size))
    return [_gpt_partition(place, entry, sector)
            for place, entry in enumerate(entries, 1)
            if not fields.is_zero(entry[:16])]


def _gpt_partition(number: int, entry: bytes, sector: int) -> Partition:
    first = fields.little(entry, 32, 8)
    last = fields.little(entry, 40, 8)
    return Partition(number, first * sector, (last + 1 - first) * sector,
                     _GPT_PURPOSES.get(entry[:16], Purpose.ANY))


def _checked(partitions: list[Partition]) -> tuple[Partition, ...]:
    """Return the partitions by their place; they must not overlap."""
    ordered = sorted(partitions, key=lambda partition: partition.start)
    end = 1
    for partition in ordered:
        if partition.size <= 0 or partition.start < end:
            raise source.Cannot(Reason.CORRUPT)
        end = partition.start + partition.size
    return tuple(ordered)
