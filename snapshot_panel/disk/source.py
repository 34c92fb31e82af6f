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

"""Bounded reading: what every other module here reads through."""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import typing

from snapshot_panel.disk import codes

Read = Callable[[int, int], bytes]
Clock = Callable[[], float]

# What the least step counts as, in bytes of work.
_STEP = 1024
# Requests are aligned to and remembered in blocks of this many bytes.
BLOCK = 4096


class OutOfReach(Exception):
    """Raised by a reader for a range that it cannot serve.

    For example by one that holds only the beginning of a stream.
    """


class Cannot(Exception):
    """Raised inside this package: something cannot be told, and why."""

    def __init__(self, reason: codes.Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Limits:
    """The ceilings for one image, whatever is in it.

    :ivar requests: calls of the reader
    :ivar bytes: bytes asked for, all requests together
    :ivar memory: bytes held at once, by what is read and unpacked
    :ivar work: bytes handed on and unpacked, also again and again; the least
        step counts as one kibibyte
    :ivar seconds: by the clock that ``read_disk`` is given
    """

    requests: int = 64
    bytes: int = 2 << 20
    memory: int = 8 << 20
    work: int = 64 << 20
    seconds: float = 10.0


class View(typing.Protocol):
    """A run of bytes: an image, a disk, a partition or a volume."""

    @property
    def size(self) -> int | None:
        """Bytes in all; None where that is not known."""

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes, or raise ``Cannot``."""


class Meter:
    """An image behind a reader: counts, remembers, and stops at the limits.

    All that was read is remembered, which is bounded by ``Limits.bytes``.
    Past a limit every request is refused, so that nothing goes on for long.
    """

    def __init__(self, read: Read, size: int | None, clock: Clock | None,
                 limits: Limits) -> None:
        self.size = size
        self.limits = limits
        self.requests = 0
        self.fetched = 0
        self._read = read
        self._clock = clock
        self._begun = clock() if clock else 0.0
        self._worked = 0
        self._blocks: dict[int, bytes] = {}

    def work(self, length: int) -> None:
        """Count what is done with bytes at hand, or refuse it.

        The same few bytes can be pointed at by very many.
        """
        self._worked += max(length, _STEP)
        if self._is_late() or self._worked > self.limits.work:
            raise Cannot(codes.Reason.TOO_MUCH)

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes, or raise ``Cannot``."""
        _check(offset, length, self.size)
        self.work(length)
        self._hold(offset, length)
        _check(offset, length, self.size)
        first = offset // BLOCK
        held = b''.join(self._blocks.get(number, b'') for number in range(
            first, -(-(offset + length) // BLOCK)))
        return held[offset - first * BLOCK:][:length]

    def prefetch(self, offset: int, length: int) -> None:
        """Have bytes at hand, in one request, as far as the image goes."""
        _check(offset, length, None)
        self._hold(offset, length)

    def _hold(self, offset: int, length: int) -> None:
        end = offset + length
        if self.size is not None:
            end = min(end, self.size)
        for first, last in self._missing(offset // BLOCK, -(-end // BLOCK)):
            # A short answer has shown where the image ends.
            if self.size is None or first * BLOCK < self.size:
                self._fetch(first, last)

    def _missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        number = first
        while number < last:
            begin = number
            while number < last and number not in self._blocks:
                number += 1
            if number > begin:
                yield begin, number
            number += 1

    def _fetch(self, first: int, last: int) -> None:
        offset, length = first * BLOCK, (last - first) * BLOCK
        if self.size is not None:
            length = min(length, self.size - offset)
        self._spend(length)
        try:
            data = bytes(self._read(offset, length)[:length])
        except OutOfReach:
            raise Cannot(codes.Reason.OUT_OF_REACH) from None
        if len(data) < length:
            self.size = offset + len(data)
        for number in range(-(-len(data) // BLOCK)):
            self._blocks[first + number] = data[
                number * BLOCK:(number + 1) * BLOCK]

    def _spend(self, length: int) -> None:
        """Count a request, or refuse it."""
        if (self._is_late() or self.requests >= self.limits.requests
                or self.fetched + length > self.limits.bytes):
            raise Cannot(codes.Reason.TOO_MUCH)
        self.requests += 1
        self.fetched += length

    def _is_late(self) -> bool:
        return self._clock is not None and (
            self._clock() - self._begun > self.limits.seconds)


class Slice:
    """A run of another view, such as a partition of a disk."""

    def __init__(self, view: View, start: int, size: int) -> None:
        self.size = size
        self._view = view
        self._start = start

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes, or raise ``Cannot``."""
        _check(offset, length, self.size)
        return self._view.read(self._start + offset, length)


class Joined:
    """Views one after another, such as the segments of a volume."""

    def __init__(self, views: list[Slice]) -> None:
        self.size = sum(view.size for view in views)
        self._views = views

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes, or raise ``Cannot``."""
        _check(offset, length, self.size)
        pieces = []
        for view in self._views:
            if length and offset < view.size:
                piece = min(length, view.size - offset)
                pieces.append(view.read(offset, piece))
                length -= piece
                offset = 0
            else:
                offset = max(0, offset - view.size)
        return b''.join(pieces)


def _check(offset: int, length: int, size: int | None) -> None:
    """Refuse what does not lie in a view of ``size`` bytes."""
    if offset < 0 or length < 0:
        raise Cannot(codes.Reason.CORRUPT)
    if size is not None and offset + length > size:
        raise Cannot(codes.Reason.CUT_SHORT)


def up_to(view: View, offset: int, length: int) -> bytes:
    """Return ``length`` bytes, or fewer where the view ends before."""
    if view.size is not None:
        length = max(0, min(length, view.size - offset))
    return view.read(offset, length) if length else b''
