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

"""Numbers, names and checksums out of bytes, for all readers alike."""

import zlib


def little(data: bytes, offset: int, length: int) -> int:
    """Return the little-endian number of ``length`` bytes at ``offset``."""
    return int.from_bytes(data[offset:offset + length], 'little')


def big(data: bytes, offset: int, length: int) -> int:
    """Return the big-endian number of ``length`` bytes at ``offset``."""
    return int.from_bytes(data[offset:offset + length], 'big')


def printable(name: bytes | str, limit: int = 64) -> str:
    """Return a name from a disk as printable ASCII of bounded length."""
    if isinstance(name, bytes):
        name = name.decode('latin-1')
    return ''.join(char if ' ' <= char <= '~' else '?'
                   for char in name[:limit])


def is_zero(data: bytes) -> bool:
    """Return whether all bytes are zero."""
    return data.count(0) == len(data)


def crc32_seeded(data: bytes, seed: int) -> int:
    """Return the CRC-32 as LVM has it: own seed, no inversions."""
    return zlib.crc32(data, seed ^ 0xffffffff) ^ 0xffffffff


def _castagnoli_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


_CASTAGNOLI = _castagnoli_table()


def crc32c(data: bytes, seed: int = 0xffffffff) -> int:
    """Return the CRC-32C as ext4 has it: not inverted at the end."""
    table = _CASTAGNOLI
    for byte in data:
        seed = seed >> 8 ^ table[(seed ^ byte) & 0xff]
    return seed
