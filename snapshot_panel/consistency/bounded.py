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

"""Reading what anybody may have written: metadata, properties, posts.

What is read here is a plain value within bounds, or a :class:`ValueError`.
So whatever a page does with it afterwards, it can show it.
"""

import datetime
import json
import math
import re
from typing import Any
import uuid

# The longest record in characters: Glance's databases hold 65,535 bytes.
MOST = 1 << 17
# More levels than any record has; Python's own limit comes far later.
_LEVELS = 12
# More digits than any number that is written down has.
_DIGITS = 40
# Arithmetic on later or earlier moments leaves the calendar.
YEARS = range(1970, 9000)
# Longer than any status of a service.
_KEY_PART = 40
_TIME = '%Y-%m-%dT%H:%M:%SZ'
_TIME_LENGTH = len('2026-11-22T12:00:00Z')
# Longer than any code or request id that the panel writes down.
_CODE = re.compile('[A-Za-z0-9_.:-]{1,64}')


def is_id(text: object) -> bool:
    """Return whether that is an id as the services write it.

    Ids end up in addresses; oslo.utils also takes braces and "urn:uuid:".
    """
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def code(text: str | None) -> str | None:
    """Return a word of a record that is no free text, None where it is."""
    return text if text and _CODE.fullmatch(text) else None


def load(text: str, most: int = MOST) -> Any:
    """Return the plain value that JSON holds.

    Half a character, which JSON can hold and no page can, becomes "?".

    :param most: how many characters there may be.
    :raises ValueError: it is no JSON, or is too long or too deep, or holds a
        number without an end.
    """
    if len(text) > most:
        raise ValueError('%d characters' % len(text))
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_real,
                           parse_constant=_constant)
    except RecursionError as error:
        raise ValueError('too deep') from error
    return _plain(value, _LEVELS)


def _whole(digits: str) -> int:
    if len(digits.lstrip('-')) > _DIGITS:
        raise ValueError('%d digits' % len(digits))
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError('no end')
    return value


def _constant(name: str) -> None:
    raise ValueError('no JSON: %s' % name)


def _plain(value: object, levels: int) -> object:
    if isinstance(value, str):
        return whole_characters(value)
    if not isinstance(value, (dict, list)):
        return value
    if not levels:
        raise ValueError('too deep')
    if isinstance(value, list):
        return [_plain(item, levels - 1) for item in value]
    return {whole_characters(key): _plain(item, levels - 1)
            for key, item in value.items()}


def whole_characters(text: str) -> str:
    """Return a text with "?" in place of each half of a character."""
    return text.encode(errors='replace').decode()


def key_part(text: str) -> str:
    """Return a text as a part of a cache's key can be.

    A cache takes no key of any length and of any characters. Two texts may
    become one: not for what tells things apart.
    """
    return re.sub(r'\W', '_', text, flags=re.ASCII)[:_KEY_PART]


def moment(text: str | None) -> datetime.datetime | None:
    """Return the aware UTC datetime that a record holds.

    None for all else, also for what is far from our time.
    """
    if not text or len(text) != _TIME_LENGTH:
        return None
    try:
        parsed = datetime.datetime.strptime(text, _TIME)
    except ValueError:
        return None
    if parsed.year not in YEARS:
        return None
    return parsed.replace(tzinfo=datetime.timezone.utc)


def format_moment(moment: datetime.datetime) -> str:
    """Write an aware UTC datetime as text."""
    return moment.strftime(_TIME)
