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

"""What the index counts on top, and which rows it shows in which order."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import typing

from django import http

from snapshot_panel.consistency import protection
from snapshot_panel.ui import words

# How old a proof may be, in days.
AGES = (1, 7, 30, 90)
DEFAULT_AGE = protection.AGE.days

# The parameters of the page's address.
SHOW, AGE, ORDER = 'show', 'age', 'order'
WORST = 'worst'
# What the page's script adds to them for itself.
_OF_SCRIPT = ('id', 'again')


class Link(typing.NamedTuple):
    """A link of the strip; ``count`` is None where it counts nothing.

    An ``alarm`` is only shown where there is something to count.
    """

    code: str
    text: typing.Any
    url: str
    current: bool
    count: int | None = None
    alarm: bool = False

    @property
    def hidden(self) -> bool:
        return self.alarm and not self.count and not self.current


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user chose in the page's address.

    ``show`` is None for all rows; ``days`` is how old a proof may be;
    ``worst`` wants the worst rows first.
    """

    parameters: http.QueryDict
    show: protection.Group | None = None
    days: int = DEFAULT_AGE
    worst: bool = False

    @classmethod
    def of(cls, parameters: http.QueryDict) -> 'Choice':
        """Return the choice; what nobody offered counts as not chosen."""
        show = next((group for group in protection.Group
                     if group.value == parameters.get(SHOW)), None)
        days = next((age for age in AGES
                     if str(age) == parameters.get(AGE)), DEFAULT_AGE)
        return cls(parameters, show, days, parameters.get(ORDER) == WORST)

    @property
    def age(self) -> datetime.timedelta:
        """How old a proof may be."""
        return datetime.timedelta(days=self.days)

    def query(self, without: Iterable[str] = (), **changes: str | None) -> str:
        """Return the page's parameters with some changed, '' without any.

        :param without: names of parameters that are left out.
        :param changes: by name, None to leave it out.
        """
        parameters = self.parameters.copy()
        for name in (*_OF_SCRIPT, *without):
            parameters.pop(name, None)
        for name, value in changes.items():
            parameters.pop(name, None)
            if value is not None:
                parameters[name] = value
        return parameters.urlencode()

    def link(self, **changes: str | None) -> str:
        """Return the address of this page with other parameters."""
        return '?' + self.query(**changes)

    def shows(self, row: typing.Any) -> bool:
        """Return whether a row is shown.

        One of which something is still to be asked may yet belong there.

        :param row: a :class:`lines.InstanceRow`.
        """
        return (self.show is None or self.show in row.groups
                or row.incomplete)

    def arrange(self, rows: Iterable[typing.Any]) -> list[typing.Any]:
        """Return the rows that are shown, in the order that was chosen."""
        shown = filter(self.shows, rows)
        return (sorted(shown, key=lambda row: protection.rank(row.groups))
                if self.worst else list(shown))


@dataclasses.dataclass(frozen=True)
class Strip:
    """The numbers on top of the index, ready to be shown.

    ``more`` says that there are instances on other pages, which are not
    counted.
    """

    choice: Choice
    rows: Sequence[typing.Any]
    more: bool

    @property
    def everything(self) -> str:
        """The address of this page with all its rows."""
        return self.choice.link(**{SHOW: None})

    @property
    def groups(self) -> list[Link]:
        """What rows are counted as; each link shows those alone."""
        counted = collections.Counter(
            group for row in self.rows for group in row.groups)
        return [self._link(SHOW, group.value, words.GROUPS[group][0],
                           group is self.choice.show, counted[group],
                           group in protection.ALARMS)
                for group in protection.Group]

    @property
    def meaning(self) -> str:
        """What the rows have in common that are shown, in a sentence."""
        show = self.choice.show
        if show is None:
            return ''
        meaning = words.GROUPS[show][1]
        return str(meaning % {'count': self.choice.days}
                   if show is protection.Group.PROTECTED else meaning)

    @property
    def unasked(self) -> int:
        """How many rows may still be counted otherwise."""
        return sum(row.incomplete for row in self.rows)

    @property
    def ages(self) -> list[Link]:
        """How old the proof of a protected instance may be."""
        return [self._link(AGE, str(days), _days(days),
                           days == self.choice.days) for days in AGES]

    @property
    def worst(self) -> Link:
        """The worst first, or the order of the service again."""
        chosen = self.choice.worst
        return Link(WORST, '', self.choice.link(
            **{ORDER: None if chosen else WORST}), chosen)

    def _link(self, name: str, value: str, text: typing.Any, current: bool,
              count: int | None = None, alarm: bool = False) -> Link:
        return Link(value, text, self.choice.link(**{name: value}), current,
                    count, alarm)


def _days(days: int) -> str:
    return str(words.DAYS % {'count': days})


def marks(row: typing.Any) -> str:
    """Return what a row is counted as, for the page's script."""
    codes = [group.value for group in protection.Group
             if group in row.groups]
    return ' '.join(codes + (['unasked'] if row.incomplete else []))
