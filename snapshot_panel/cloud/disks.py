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

"""Reading the disks in images, a few small parts of each (facts 35 and 36).

The data of an active image never changes. So what was read is kept for long
and shared within the project.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import logging
import tempfile
import time
import typing

import requests

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from snapshot_panel import disk

LOG = logging.getLogger(__name__)

# How long a reading is kept, in seconds.
_TTL = 30 * 86400
# How long it is remembered that it may not be read, in seconds.
_REFUSED_TTL = 300
# How long one image may take in all, in seconds.
_PATIENCE = 10
_CHUNK = 64 << 10
# What is kept of a stream in memory; the rest waits in a temporary file.
_IN_MEMORY = 2 << 20


class NoRanges(Exception):
    """The store gives no parts of an image."""


def known(session: asking.Session, image: facts.Image
          ) -> facts.DiskReading | None:
    """Return what was read of an image before, asking nobody."""
    reading = disk.Reading.from_json(cache.get(_key(session, image)))
    return None if reading is None else _facts(reading)


@dataclasses.dataclass(frozen=True)
class Recalled:
    """What is known of disks without asking anybody.

    ``readings`` by image id; ``refused`` are the ids of images that Glance
    did not let this project read lately.
    """

    readings: Mapping[str, facts.DiskReading] = dataclasses.field(
        default_factory=dict)
    refused: frozenset[str] = frozenset()


def recall(session: asking.Session, images: Iterable[facts.Image]
           ) -> Recalled:
    """Return what is known of the images that have no verdict yet."""
    by_key = {_key(session, image): image.id for image in images
              if image.readable and not verdict.look(image).verdict.final}
    kept = cache.get_many([*by_key, *map(_refused, by_key)])
    readings = {by_key[key]: disk.Reading.from_json(kept.get(key))
                for key in by_key}
    return Recalled(
        {image_id: _facts(reading) for image_id, reading in readings.items()
         if reading is not None},
        frozenset(image_id for key, image_id in by_key.items()
                  if kept.get(_refused(key))))


def recall_bases(session: asking.Session, image_ids: Collection[str]
                 ) -> dict[str, facts.DiskReading | None]:
    """Return what is known of images that instances were launched from.

    :returns: by image id; None where one could not be read lately. What
        nobody has tried to read is left out.
    """
    keys = {_base_key(session, image_id): image_id for image_id in image_ids}
    readings = {keys[key]: disk.Reading.from_json(value)
                for key, value in cache.get_many(keys).items()}
    return {image_id: None if reading is None else _facts(reading)
            for image_id, reading in readings.items()}


def read_base(session: asking.Session, image_id: str,
              image: facts.Image | None) -> facts.DiskReading | None:
    """Return what the disk says in an image that instances launch from.

    :param image: None where it is gone or cannot be seen.
    :returns: None where it cannot be read now; that is remembered too.
    """
    reading = (read_if_allowed(session, image)
               if image is not None and image.readable else None)
    if reading is None:
        cache.set(_base_key(session, image_id), False, _REFUSED_TTL)
    else:
        cache.set(_base_key(session, image_id), dict(reading.report), _TTL)
    return reading


def _base_key(session: asking.Session, image_id: str) -> str:
    # Without the checksum: nobody has asked for the image yet.
    return 'snapshot_panel:base:%s:%s' % (session.user.tenant_id, image_id)


def _refused(key: str) -> str:
    return key + ':refused'


def refuse(session: asking.Session, image: facts.Image) -> None:
    """Remember for a while that Glance did not let this image be read."""
    cache.set(_refused(_key(session, image)), True, _REFUSED_TTL)


def read_if_allowed(session: asking.Session, image: facts.Image
                    ) -> facts.DiskReading | None:
    """Return what :func:`read` does, None where it cannot be read now.

    That is not tried again for a while: nobody waits for it.
    """
    if cache.get(_refused(_key(session, image))):
        return None
    reading = asking.outcome(lambda: read(session, image))
    if isinstance(reading, errors.CloudError):
        LOG.info('Image %s was not read: %s', image.id, reading)
        refuse(session, image)
        return None
    return reading


def read(session: asking.Session, image: facts.Image, again: bool = False
         ) -> facts.DiskReading:
    """Return what the file systems in an image say of themselves.

    :param image: one that is ``readable``.
    :param again: whatever was read before.
    :raises errors.CloudError: where it cannot be read now, or not by this
        user (policy ``download_image``).
    """
    before = None if again else known(session, image)
    if before is not None:
        return before
    begun = time.monotonic()
    try:
        reading = _read(image, _Ranges(session, image))
    except NoRanges:
        with _Stream(session, image) as stream:
            reading = _read(image, stream)
    if (reading.reason == disk.Reason.TOO_MUCH.value
            and time.monotonic() - begun >= _PATIENCE):
        raise errors.Unavailable('Glance', 'image %s: too slow' % image.id)
    LOG.info('Image %s: disk %s, %d requests, %d bytes', image.id,
             reading.word.value, reading.requests, reading.fetched)
    cache.set(_key(session, image), reading.as_json(), _TTL)
    return _facts(reading)


def gives_parts(session: asking.Session, image: facts.Image) -> bool:
    """Return whether the image's store gives parts, or its beginning only.

    :raises errors.CloudError: Glance gives neither, or not to this user.
    """
    try:
        _Ranges(session, image).read(0, 1)
    except NoRanges:
        with _Stream(session, image):
            return False
    return True


def _read(image: facts.Image, source: '_Ranges | _Stream') -> disk.Reading:
    return disk.read_disk(source.read, image.size, clock=time.monotonic,
                          limits=disk.Limits(seconds=_PATIENCE))


def _facts(reading: disk.Reading) -> facts.DiskReading:
    return facts.DiskReading(
        reading.word.value, reading.torn,
        tuple(part.kind for part in reading.parts if part.word is not None),
        reading.as_json())


def _key(session: asking.Session, image: facts.Image) -> str:
    # Another version of the reader may say more: its number is in the value.
    return 'snapshot_panel:disk:%s:%s:%s' % (
        session.user.tenant_id, image.id, image.checksum[:64])


class _Ranges:
    """Parts of an image, each by a request of its own."""

    def __init__(self, session: asking.Session, image: facts.Image) -> None:
        self._session = session
        self._image = image
        self._unproven = True

    def read(self, offset: int, length: int) -> bytes:
        last = offset + length - 1
        with errors.asking('Glance'):
            with glance.open_data(self._session, self._image.id,
                                  'bytes=%d-%d' % (offset, last)) as answer:
                # The first answer tells what the store can do. A store that
                # cannot says 400 (fact 35); one that ignores it sends all.
                if self._unproven and answer.status_code in (200, 400, 416,
                                                             501):
                    raise NoRanges()
                glance.check_data(answer, 206)
                self._unproven = False
                return self._body(answer, offset, length)

    def _body(self, answer: requests.Response, offset: int,
              length: int) -> bytes:
        size = self._image.size
        expected = 'bytes %d-%d/%s' % (offset, offset + length - 1, size)
        if answer.headers.get('Content-Range', '').lower() != expected:
            raise errors.Unavailable('Glance', 'image %s: another range'
                                     % self._image.id)
        data = _take(answer.iter_content(_CHUNK), length + 1)
        if len(data) != length:
            raise errors.Unavailable('Glance', 'image %s: a range of another '
                                     'length' % self._image.id)
        return data


def _take(chunks: typing.Iterable[bytes], most: int) -> bytes:
    """Return what chunks give, so many bytes at the most."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) >= most:
            break
    return bytes(data[:most])


class _Stream:
    """An image from its beginning, as far as it is needed and allowed."""

    def __init__(self, session: asking.Session, image: facts.Image) -> None:
        self._limit = conf.get_config()['disk_stream_mib'] << 20
        self._size = image.size or 0
        self._name = image.id
        self._until = time.monotonic() + _PATIENCE
        self._held = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)
        with errors.asking('Glance'):
            self._answer = glance.open_data(session, image.id)
            glance.check_data(self._answer, 200)
        self._chunks = self._answer.iter_content(_CHUNK)

    def __enter__(self) -> '_Stream':
        return self

    def __exit__(self, *_error: object) -> None:
        self._answer.close()
        self._file.close()

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self._size)
        if end > self._limit:
            raise disk.OutOfReach()
        with errors.asking('Glance'):
            while self._held < end:
                self._more()
        self._file.seek(offset)
        return self._file.read(end - offset)

    def _more(self) -> None:
        if time.monotonic() > self._until:
            raise errors.Unavailable('Glance',
                                     'image %s: too slow' % self._name)
        chunk = next(self._chunks, b'')
        if not chunk:
            raise errors.Unavailable('Glance',
                                     'image %s: cut short' % self._name)
        self._file.seek(self._held)
        self._file.write(chunk)
        self._held += len(chunk)
