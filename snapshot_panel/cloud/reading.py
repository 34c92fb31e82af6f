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

"""Reading what a service answered: the value wanted, or an error.

What raises here raises within :func:`errors.asking`, which makes it the
service's own failure to give a usable answer.
"""

import datetime
import math
import typing

from oslo_utils import timeutils

from snapshot_panel.consistency import bounded


def text(value: typing.Any) -> str:
    """Return a text that can be written again.

    :raises TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError('no text: %.100r' % (value,))
    # JSON can hold half a character, which no page can. The result is plain
    # text: novaclient's own kind of string cannot be cached.
    return bounded.whole_characters(value)


def text_or_none(value: typing.Any) -> str | None:
    """Return a text, None where there is none."""
    return None if value is None else text(value)


def name(value: typing.Any) -> str:
    """Return a text, an empty one where there is none."""
    return text_or_none(value) or ''


def identifier(value: typing.Any) -> str:
    """Return a text that is not empty.

    :raises ValueError: it is.
    """
    if not text(value):
        raise ValueError('an empty id')
    return text(value)


def number(value: typing.Any) -> int:
    """Return a whole number.

    :raises TypeError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError('no number: %.100r' % (value,))
    return value


def size(value: typing.Any) -> int:
    """Return a whole number from 0 on.

    :raises ValueError: it is below.
    """
    if number(value) < 0:
        raise ValueError('below 0: %d' % value)
    return number(value)


def bound(value: typing.Any) -> float | None:
    """Return a finite number, None where there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError('no number: %.100r' % (value,))
    if not math.isfinite(value):
        raise ValueError('no end: %r' % value)
    return value


def entries(value: typing.Any) -> list[typing.Any]:
    """Return a list.

    :raises TypeError: it is none.
    """
    if not isinstance(value, (list, tuple)):
        raise TypeError('no list: %.100r' % (value,))
    return list(value)


def mapping(value: typing.Any) -> dict[str, typing.Any]:
    """Return a dict.

    :raises TypeError: it is none.
    """
    if not isinstance(value, dict):
        raise TypeError('no object: %.100r' % (value,))
    return value


def texts(value: typing.Any) -> dict[str, str]:
    """Return a dict of texts."""
    return {text(key): text(item) for key, item in mapping(value).items()}


def properties(value: typing.Any) -> dict[str, str]:
    """Return the properties of an image as texts.

    A property is a text. What has a structure belongs to a service's own
    description of the image, of a release to come.
    """
    return {text(key): text(str(item))
            for key, item in mapping(value).items()
            if isinstance(item, (str, int, float))}


def moment(value: typing.Any) -> datetime.datetime:
    """Return an aware UTC datetime; without a time zone it is UTC.

    :raises ValueError: it is none, or far from our time.
    :raises OverflowError: it is beyond the calendar.
    """
    parsed: datetime.datetime = timeutils.parse_isotime(text(value))
    parsed = parsed.astimezone(datetime.timezone.utc)
    if parsed.year not in bounded.YEARS:
        raise ValueError('out of time: %s' % value)
    return parsed


def moment_or_none(value: typing.Any) -> datetime.datetime | None:
    """Return an aware UTC datetime, None where nothing was written."""
    return moment(value) if value not in (None, '') else None
