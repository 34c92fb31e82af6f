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

"""Mutated images of each format and layout, for ``python -m tests.fuzz``.

No input may raise, pass a ceiling, or make "at rest" out of a file system in
use: unless the very flag that says so was changed, and the checksum over it
holds (half of the inputs have their checksums made right again, to get
behind them).
"""

from collections.abc import Callable
import dataclasses
import functools
import random
import struct
import time
import zlib

from snapshot_panel import disk
from snapshot_panel.disk import fields
from tests import images

LIMITS = disk.Limits()
_INTERESTING = (0, 1, 2, 3, 4, 7, 8, 9, 16, 21, 31, 32, 63, 64, 127, 128, 255,
                256, 511, 512, 1023, 1024, 4095, 4096, 65535, 65536,
                (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
                (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


@dataclasses.dataclass(frozen=True)
class Seed:
    """A valid image to start from.

    :ivar restless: nothing in it is at rest, and only a flag that can be
        seen in the image would make it so
    :ivar hot: offsets near bytes that are not zero
    :ivar repairs: make the checksums of a mutated image right
    """

    name: str
    image: bytes
    restless: bool
    hot: list[int]
    repairs: list[Callable[[bytearray], None]]


@functools.cache
def seeds() -> list[Seed]:
    """Return one image of each format, layout and state."""
    formats: dict[str, Callable[[bytes], bytes]] = {
        'raw': lambda raw: raw, 'qcow2': images.qcow2,
        'qcow2-v2': functools.partial(images.qcow2, version=2),
        'qcow2-512': functools.partial(images.qcow2, cluster_bits=9),
        'qcow2-zlib': functools.partial(images.qcow2, packing='zlib'),
        'qcow2-zstd': functools.partial(images.qcow2, packing='zstd'),
        'qcow2-extended': functools.partial(
            images.qcow2, cluster_bits=14, extended=True)}
    found = []
    for layout in ('disk', 'mbr', 'logical', 'gpt', 'lvm'):
        for state in ('at-rest', 'in-use', 'no-checksum', 'xfs'):
            if state == 'xfs':
                content = images.marked('xfs', 128 * images.KB)
            else:
                content = images.ext4(
                    128 * images.KB, in_use=state != 'at-rest',
                    checksums=state != 'no-checksum')
            raw = images.laid_out(content, layout)
            for name, make in formats.items():
                # A flag without a checksum changes unseen in packed data.
                unseen = state == 'no-checksum' and name in (
                    'qcow2-zlib', 'qcow2-zstd')
                found.append(_seed(
                    f'{layout} {state} {name}', make(raw),
                    state != 'at-rest' and not unseen))
    return found


def _seed(name: str, image: bytes, restless: bool) -> Seed:
    hot = sorted({near for at in range(0, len(image), 4)
                  if any(image[at:at + 4]) for near in range(at, at + 8)
                  if near < len(image)})
    return Seed(name, image, restless, hot, _repairs(image))


def _repairs(image: bytes) -> list[Callable[[bytearray], None]]:
    found: list[Callable[[bytearray], None]] = []
    for mark, before, repair in (
            (b'\x53\xef', 0x38, _repair_ext), (b'EFI PART', 0, _repair_gpt),
            (b'LABELONE', 0, _repair_label),
            (b' LVM2 x[5A%r0N*>', 4, _repair_area)):
        at = image.find(mark)
        while at >= 0:
            if at >= before and not (at - before) % 512:
                found.append(functools.partial(repair, at - before))
            at = image.find(mark, at + 1)
    return found


def _repair_ext(at: int, image: bytearray) -> None:
    block = bytes(image[at:at + 1024])
    if len(block) == 1024:
        image[at:at + 1024] = images.seal(block)


def _repair_gpt(at: int, image: bytearray) -> None:
    image.extend(bytes(max(0, at + 92 - len(image))))
    first, count, size = struct.unpack_from('<QII', image, at + 72)
    if count * size <= 128 << 10 and at == 512:
        table = bytes(image[first * 512:first * 512 + count * size])
        images.put(image, at + 88, struct.pack('<I', zlib.crc32(table)))
    images.put(image, at + 16, bytes(4))
    images.put(image, at + 16, struct.pack(
        '<I', zlib.crc32(image[at:at + 92])))


def _repair_label(at: int, image: bytearray) -> None:
    _repair_lvm(image, at + 16, at + 20, at + 512)


def _repair_area(at: int, image: bytearray) -> None:
    image.extend(bytes(max(0, at + 512 - len(image))))
    text, size = struct.unpack_from('<QQ', image, at + 40)
    if text + size <= len(image):
        _repair_lvm(image, at + 56, at + text, at + text + size)
    _repair_lvm(image, at, at + 4, at + 512)


def _repair_lvm(image: bytearray, into: int, start: int, end: int) -> None:
    images.put(image, into, struct.pack(
        '<I', fields.crc32_seeded(bytes(image[start:end]), 0xf597a6cf)))


def mutate(seed: Seed, chance: random.Random) -> bytes:
    """Return the seed's image with a few changes."""
    image = bytearray(seed.image)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        at = (chance.choice(seed.hot) if chance.random() < 0.9
              else chance.randrange(len(seed.image)))
        chance.choice(_CHANGES)(image, min(at, len(image)), chance)
    if chance.random() < 0.5:
        for repair in seed.repairs:
            repair(image)
    return bytes(image)


def _flip(image: bytearray, at: int, chance: random.Random) -> None:
    if at < len(image):
        image[at] ^= 1 << chance.randrange(8)


def _replace(image: bytearray, at: int, chance: random.Random) -> None:
    if at < len(image):
        image[at] = chance.randrange(256)


def _number(image: bytearray, at: int, chance: random.Random) -> None:
    width = chance.choice((1, 2, 4, 8))
    value = chance.choice((*_INTERESTING, len(image), len(image) // 512, at))
    at -= at % width
    images.put(image, at, (value & ((1 << 8 * width) - 1)).to_bytes(
        width, chance.choice(('little', 'big'))))


def _copy(image: bytearray, at: int, chance: random.Random) -> None:
    length = chance.choice((8, 64, 512, 1024, 4096))
    start = chance.randrange(len(image) + 1)
    images.put(image, at, bytes(image[start:start + length]))


def _clear(image: bytearray, at: int, chance: random.Random) -> None:
    length = min(chance.choice((4, 16, 128, 1024)), len(image) - at)
    images.put(image, at, bytes(length))


def _insert(image: bytearray, at: int, chance: random.Random) -> None:
    image[at:at] = chance.randbytes(chance.choice((1, 8, 512)))


def _delete(image: bytearray, at: int, chance: random.Random) -> None:
    del image[at:at + chance.choice((1, 8, 512))]


def _truncate(image: bytearray, at: int, chance: random.Random) -> None:
    del image[at:]


def _text(image: bytearray, at: int, chance: random.Random) -> None:
    snippet = chance.choice(_SNIPPETS)
    image[at:at + len(snippet)] = snippet


_SNIPPETS = (b'{', b'}', b'[', b']', b'"', b'\n', b'=', b'#', b' 5 ', b' 0 ',
             b'[]', b'""', b'{ }', b' 99999999999999999999', b'= 5\n',
             b'= "x"\n', b'= [ ]\n', b'\xff\xfe', b'pv0', b'root {\n')
_CHANGES = (_flip, _flip, _replace, _number, _number, _number, _copy, _clear,
            _insert, _delete, _truncate, _text)


def complaint(seed: Seed, image: bytes) -> str:
    """Return what is wrong with the reading of an image; '' for nothing."""
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        asked.append(length)
        if offset < 0 or length <= 0:
            raise AssertionError(f'asked for {length} bytes at {offset}')
        return image[offset:offset + length]

    try:
        reading = disk.read_disk(read, len(image))
    except Exception as error:  # noqa: H201 - whatever it is, it is wrong
        return f'{type(error).__name__}: {error}'
    if len(asked) > LIMITS.requests or sum(asked) > LIMITS.bytes:
        return f'{len(asked)} requests, {sum(asked)} bytes'
    if disk.Reading.from_json(reading.as_json()) != reading:
        return f'does not survive JSON: {reading}'
    if (seed.restless and reading.word is disk.Word.AT_REST
            and not has_resting_superblock(image)):
        return f'at rest: {reading}'
    return ''


def has_resting_superblock(image: bytes) -> bool:
    """Return whether the flag of some superblock in it was cleared.

    With a checksum that is right, or that is not asked for any more. Looked
    for in all of the bytes, without the reader's code.
    """
    at = image.find(b'\x53\xef')
    while at >= 0:
        block = image[at - 0x38:at - 0x38 + 1024]
        if at >= 0x38 and len(block) == 1024 and not block[0x60] & 4:
            unchecked = not block[0x65] & 4
            if unchecked or images.seal(block) == block:
                return True
        at = image.find(b'\x53\xef', at + 1)
    return False


def run(inputs: int, first: int = 0) -> tuple[list[str], float]:
    """Return what was wrong, and the longest time of one.

    In seconds of the processor, whatever else the machine does.
    """
    wrong = []
    longest = 0.0
    everything = seeds()
    for number in range(first, first + inputs):
        seed = everything[number % len(everything)]
        image = mutate(seed, random.Random(number))
        begun = time.process_time()
        found = complaint(seed, image)
        longest = max(longest, time.process_time() - begun)
        if found:
            wrong.append(f'input {number} ({seed.name}): {found}')
    return wrong, longest
