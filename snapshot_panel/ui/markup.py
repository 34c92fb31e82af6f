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

"""Sentences with markup of ours in them."""

from collections.abc import Iterable
from collections.abc import Mapping
import datetime
import re
import secrets
import typing

from django.contrib.humanize.templatetags import humanize
from django.utils import dateformat
from django.utils import formats
from django.utils.functional import Promise
from django.utils import html
from django.utils import safestring
from django.utils import timezone

_VALUE = re.compile(r'%\((\w+)\)s')


def fill(text: str | Promise, values: Mapping[str, object]
         ) -> safestring.SafeString:
    """Return a sentence filled with values, as HTML.

    Whatever is not safe in it is escaped; what is missing shows as “?”.
    """
    return html.format_html_join('', '{}', (
        # Every second part is the name of a value.
        (values.get(part, '?'),) if number % 2 else (part,)
        for number, part in enumerate(_VALUE.split(str(text)))))


def replace(markup: safestring.SafeString, old: str, new: str
            ) -> safestring.SafeString:
    """Return markup with one id in place of another.

    :param new: what has no markup in it, such as a UUID.
    """
    replaced = markup.replace(old, new)
    return safestring.SafeString(replaced)  # nosec B703 # of what was safe


# What stands in markup for something that is put in later; nobody can know it.
_MARK = secrets.token_hex(8)
_MARKS = re.compile(_MARK + '-([a-z]+)-')


class _Marks(dict[str, str]):
    """The marks by name."""

    def __missing__(self, name: str) -> str:
        return '%s-%s-' % (_MARK, name)


MARKS: Mapping[str, str] = _Marks()


def put_in(markup: safestring.SafeString, values: Mapping[str, object]
           ) -> safestring.SafeString:
    """Return markup with values in place of the :data:`MARKS` in it.

    Whatever is not safe in them is escaped.
    """
    filled = _MARKS.sub(
        lambda mark: html.conditional_escape(values[mark[1]]), markup)
    return safestring.SafeString(filled)  # nosec B703 # of what was safe


def table_row(attributes: Mapping[str, object],
              cells: Iterable[tuple[safestring.SafeString, object]]
              ) -> safestring.SafeString:
    """Return a table's row as HTML.

    :param cells: the attributes of each, as HTML, and what it holds.
    """
    # Three times as fast as by format_html, and a page has hundreds.
    escape = html.conditional_escape
    row = '<tr%s>%s</tr>' % (
        ''.join(' %s="%s"' % (name, escape(value))
                for name, value in attributes.items()),
        ''.join('<td%s>%s</td>' % (escape(each), escape(value))
                for each, value in cells))
    return safestring.SafeString(row)  # nosec B703 # all is escaped


def linked(text: str | Promise, address: str, words: str | Promise
           ) -> safestring.SafeString:
    """Return a sentence with a link behind it, as HTML."""
    return html.format_html('{} <a href="{}">{}</a>', text, address, words)


def typed(text: str) -> safestring.SafeString:
    """Return what is the same in every language, as a word of a program is."""
    return html.format_html('<code>{}</code>', text)


class Badge(typing.Protocol):
    """A :class:`words.Badge`."""

    @property
    def word(self) -> str | Promise:
        """What it says."""

    @property
    def icon(self) -> str:
        """Its icon (Font Awesome)."""

    @property
    def color(self) -> str:
        """Its colour (Bootstrap)."""


def badge(badge: Badge) -> safestring.SafeString:
    """Return a badge as HTML.

    Not by a template: each row of a table has some.
    """
    return html.format_html(
        '<span class="text-{} snapshot-panel-badge"><span class="fa fa-{}" '
        'aria-hidden="true"></span> {}</span>',
        badge.color, badge.icon, badge.word)


def age(moment: datetime.datetime) -> safestring.SafeString:
    """Return a moment as an age, as HTML.

    The page's script lets it tick; what is behind it is the moment itself,
    with its zone.

    :param moment: with its zone.
    """
    local = timezone.localtime(moment)
    # Both in one go: each row of a table has some.
    written = dateformat.format(
        local, formats.get_format('DATETIME_FORMAT') + ' T')
    return html.format_html(
        '<time datetime="{}" data-ticks title="{}">{}</time>',
        local.isoformat(), written, humanize.naturaltime(moment))
