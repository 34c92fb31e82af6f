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

"""Unpacking of compressed clusters, never beyond what was asked for."""

import importlib
import io
import sys
import typing
import zlib

from snapshot_panel.disk import codes
from snapshot_panel.disk import source

ZLIB, ZSTD = 0, 1

# QEMU packs clusters of at most 2 MiB with a window of at most that.
_WINDOW_BITS = 21


def unpack(data: bytes, length: int, method: int) -> bytes:
    """Return the first ``length`` bytes, or fewer where ``data`` ends before.

    :raises source.Cannot: damaged, or packed in a way unknown here
    """
    if method == ZLIB:
        return _unpack_zlib(data, length)
    if method == ZSTD:
        return _unpack_zstd(data, length)
    raise source.Cannot(codes.Reason.COMPRESSION)


def _unpack_zlib(data: bytes, length: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, length)
    except zlib.error:
        raise source.Cannot(codes.Reason.CORRUPT) from None


def _unpack_zstd(data: bytes, length: int) -> bytes:
    """Unpack with Python's own module (3.14) or the package zstandard."""
    if sys.version_info < (3, 14):
        return _unpack_zstandard(data, length)
    zstd: typing.Any = importlib.import_module('compression.zstd')
    options = {zstd.DecompressionParameter.window_log_max: _WINDOW_BITS}
    try:
        return bytes(zstd.ZstdDecompressor(options=options).decompress(
            data, length))
    except (zstd.ZstdError, EOFError):
        raise source.Cannot(codes.Reason.CORRUPT) from None


def _unpack_zstandard(data: bytes, length: int) -> bytes:
    try:
        zstandard: typing.Any = importlib.import_module('zstandard')
    except ImportError:
        raise source.Cannot(codes.Reason.COMPRESSION) from None
    opened = zstandard.ZstdDecompressor(
        max_window_size=1 << _WINDOW_BITS).stream_reader(io.BytesIO(data))
    try:
        return bytes(opened.read(length))
    except zstandard.ZstdError:
        raise source.Cannot(codes.Reason.CORRUPT) from None
