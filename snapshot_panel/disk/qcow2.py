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

"""The disk in a qcow2 image.

By QEMU's ``docs/interop/qcow2.txt``. Only what is on the way to the wanted
bytes is read: the header, one entry of the L1 table, a piece of one L2
table, the data. Nothing is followed out of the image.
"""

import dataclasses

from snapshot_panel.disk import codes
from snapshot_panel.disk import fields
from snapshot_panel.disk import inflate
from snapshot_panel.disk import source

Reason = codes.Reason

HEADER = 112

_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED = 1, 2, 4, 8, 16
_KNOWN = _DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED

_OFFSET = 0x00fffffffffffe00
_COPIED, _COMPRESSED, _ALL_ZERO = 1 << 63, 1 << 62, 1
# QEMU refuses larger L1 tables.
_MAX_L1 = 32 << 20
# Tables are read by pieces of this many bytes: most images need one.
_PIECE = 64 << 10
_SUBCLUSTERS = 32


@dataclasses.dataclass(frozen=True)
class _Extent:
    """Bytes of the disk that lie together in the image.

    :ivar host: where, None for zeros
    :ivar packed: bytes that a compressed cluster takes, 0 for plain data
    :ivar skip: where in the unpacked cluster the bytes begin
    """

    host: int | None
    length: int
    packed: int = 0
    skip: int = 0


class Disk:
    """The disk that a guest sees, over the bytes of the image.

    :raises source.Cannot: where the image is not whole in itself, or uses
        what is not known here
    """

    def __init__(self, image: source.Meter) -> None:
        head = image.read(0, HEADER)
        self._image = image
        self._bits = fields.big(head, 20, 4)
        self.size = fields.big(head, 24, 8)
        self._l1_entries = fields.big(head, 36, 4)
        self._l1 = fields.big(head, 40, 8)
        features = 0
        self._packing = inflate.ZLIB
        if fields.big(head, 4, 4) == 3:
            features = fields.big(head, 72, 8)
            if fields.big(head, 100, 4) > 104:
                self._packing = head[104]
        self._extended = bool(features & _EXTENDED)
        self._l2_bits = self._bits - (4 if self._extended else 3)
        _check_features(head, features)
        self._check()
        self._unpacked: tuple[int, bytes] = (-1, b'')

    @property
    def _cluster(self) -> int:
        return 1 << self._bits

    def _check(self) -> None:
        low = 14 if self._extended else 9
        if not low <= self._bits <= 21 or self._l1_entries * 8 > _MAX_L1:
            raise source.Cannot(Reason.CORRUPT)
        # The reader holds what it read beside one cluster, packed and not.
        if (self._image.limits.bytes + 2 * self._cluster
                > self._image.limits.memory):
            raise source.Cannot(Reason.TOO_MUCH)

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes, or raise ``Cannot``."""
        if offset + length > self.size:
            raise source.Cannot(Reason.CUT_SHORT)
        return b''.join(map(self._data, self._extents(offset, length)))

    def _data(self, extent: _Extent) -> bytes:
        if extent.host is None:
            return bytes(extent.length)
        if not extent.packed:
            return self._image.read(extent.host, extent.length)
        end = extent.skip + extent.length
        return self._unpack(extent.host, extent.packed, end)[extent.skip:end]

    def _extents(self, offset: int, length: int) -> list[_Extent]:
        """Return where the bytes lie; neighbours are one extent."""
        extents: list[_Extent] = []
        while length:
            unit = self._cluster // (_SUBCLUSTERS if self._extended else 1)
            piece = min(length, unit - offset % unit)
            extent = self._find(offset, piece)
            if extents and _are_neighbours(extents[-1], extent):
                extent = dataclasses.replace(
                    extents[-1], length=extents.pop().length + extent.length)
            extents.append(extent)
            offset += piece
            length -= piece
        return extents

    def _find(self, offset: int, length: int) -> _Extent:
        """Return where a piece of one (sub)cluster lies."""
        number, inside = divmod(offset, self._cluster)
        l1_index = number >> self._l2_bits
        if l1_index >= self._l1_entries:
            raise source.Cannot(Reason.CORRUPT)
        l1_entry = fields.big(self._image.read(self._l1 + l1_index * 8, 8),
                              0, 8)
        table = self._pointer(l1_entry & ~_COPIED)
        if not table:
            return _Extent(None, length)
        l2_index = number & ((1 << self._l2_bits) - 1)
        entry, bitmap = self._l2_entry(table, l2_index)
        if entry & _COMPRESSED:
            return self._compressed(entry, inside, length)
        zero = bool(entry & _ALL_ZERO) and not self._extended
        host = self._pointer(
            entry & ~_COPIED & (~0 if self._extended else ~_ALL_ZERO))
        if self._extended:
            allocated, zero = self._subcluster(bitmap, inside)
            host = host if allocated else 0
            if allocated and not host:
                raise source.Cannot(Reason.CORRUPT)
        if zero or not host:
            return _Extent(None, length)
        return _Extent(host + inside, length)

    def _l2_entry(self, table: int, index: int) -> tuple[int, int]:
        size = 16 if self._extended else 8
        at = index * size
        piece = at // _PIECE * _PIECE
        self._image.prefetch(table + piece, min(_PIECE, self._cluster))
        data = self._image.read(table + at, size)
        return fields.big(data, 0, 8), fields.big(data, 8, 8)

    def _subcluster(self, bitmap: int, inside: int) -> tuple[bool, bool]:
        """Return whether a subcluster has data, and whether it is zeros."""
        number = inside * _SUBCLUSTERS // self._cluster
        allocated = bool(bitmap >> number & 1)
        zero = bool(bitmap >> (_SUBCLUSTERS + number) & 1)
        if allocated and zero:
            raise source.Cannot(Reason.CORRUPT)
        return allocated, zero

    def _compressed(self, entry: int, inside: int, length: int) -> _Extent:
        """Return the extent of a compressed cluster.

        Its length is given in sectors: the last may hold other data as well.
        """
        width = 62 - (self._bits - 8)
        host = entry & ((1 << width) - 1)
        sectors = (entry & ~_COPIED & ~_COMPRESSED) >> width
        packed = (sectors + 1) * 512 - host % 512
        if packed > 2 * self._cluster or entry & _COPIED:
            raise source.Cannot(Reason.CORRUPT)
        return _Extent(host, length, packed, inside)

    def _unpack(self, host: int, packed: int, end: int) -> bytes:
        """Return a cluster's beginning up to ``end``, or more of it.

        Often the beginning of the packed data is enough: a cluster of 2 MiB
        need not be fetched for its first kilobytes.
        """
        held_host, held = self._unpacked
        if held_host == host and len(held) >= end:
            return held
        self._unpacked = (-1, b'')
        if self._image.size is not None:
            # The sectors counted may reach beyond the image's last byte.
            packed = min(packed, self._image.size - host)
        for length in sorted({min(packed, _PIECE), packed}):
            data = self._image.read(host, max(0, length))
            self._image.work(self._cluster)
            held = inflate.unpack(data, self._cluster, self._packing)
            if len(held) >= end:
                self._unpacked = (host, held)
                return held
        raise source.Cannot(Reason.CORRUPT)

    def _pointer(self, value: int) -> int:
        """Return an offset in the image; 0 for none."""
        if value & ~_OFFSET or value % self._cluster:
            raise source.Cannot(Reason.CORRUPT)
        return value


def _are_neighbours(before: _Extent, after: _Extent) -> bool:
    if before.host is None or after.host is None:
        return before.host is after.host
    if before.packed or after.packed:
        return (before.host, before.packed) == (after.host, after.packed)
    return before.host + before.length == after.host


def _check_features(head: bytes, features: int) -> None:
    """Refuse what would need another file, or is not known here."""
    version = fields.big(head, 4, 4)
    for refused, reason in (
            (fields.big(head, 32, 4), Reason.ENCRYPTED),
            (fields.big(head, 8, 8), Reason.BACKING_FILE),
            (features & _DATA_FILE, Reason.DATA_FILE),
            (features & _CORRUPT, Reason.CORRUPT),
            # Still open when it was copied: its tables may be of two times.
            (features & _DIRTY, Reason.DIRTY),
            (features & ~_KNOWN, Reason.UNKNOWN_FEATURE),
            (version == 3 and fields.big(head, 100, 4) < 104,
             Reason.CORRUPT)):
        if refused:
            raise source.Cannot(reason)
