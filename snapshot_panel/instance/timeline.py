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

"""The snapshots of an instance as a picture: when, what came of each."""

import collections
import dataclasses
import typing

from snapshot_panel.instance import history
from snapshot_panel.instance import texts
from snapshot_panel.ui import words

# What the time from the oldest to the newest is divided into.
WHOLE = 1000


@dataclasses.dataclass(frozen=True)
class Mark:
    """One snapshot in the picture.

    ``gap`` are the seconds since the one before, None for the first;
    ``share`` is that gap as a part of :data:`WHOLE`.
    """

    entry: history.Entry
    gap: typing.Optional[float]
    share: int

    @property
    def text(self):
        """What the picture shows of it, in words."""
        line = self.entry.line
        said = [texts.MARK % {'name': line.name, 'verdict': line.badge.word}]
        still = history.stall(line.decision)
        if still is not None:
            said.append(texts.MARK_STILL % words.joined(still))
        if self.gap is not None:
            said.append(texts.MARK_AFTER % words.duration(self.gap))
        return words.listed(said)


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The snapshots that a page shows, the oldest first.

    ``since`` is the time from the newest until now, in the same parts,
    rounded, so that the picture stays as it is while somebody looks.
    """

    marks: typing.Sequence[Mark]
    since: int

    @property
    def legend(self):
        """Each verdict that there is, and how often."""
        return list(collections.Counter(
            mark.entry.line.badge for mark in self.marks).items())


def draw(entries, now):
    """Return the :class:`Timeline` of some snapshots.

    :param entries: :class:`history.Entry`; those whose time nobody knows are
        left out.
    :param now: the aware moment at which the picture ends.
    """
    known = sorted((entry for entry in entries if entry.line.at),
                   key=lambda entry: entry.line.at)
    moments = [entry.line.at for entry in known]
    gaps = [_seconds(*pair) for pair in zip(moments, moments[1:])]
    whole = sum(gaps) or 1
    marks = [Mark(entry, gap, round(WHOLE * (gap or 0) / whole))
             for entry, gap in zip(known, [None, *gaps])]
    return Timeline(marks, _rough(int(
        WHOLE * _seconds(moments[-1], now) / whole)) if moments else 0)


def _seconds(earlier, later):
    # A clock may be behind: nothing is after now.
    return max(0, (later - earlier).total_seconds())


def _rough(number):
    """Return a whole number with its first three bits alone."""
    shift = max(0, number.bit_length() - 3)
    return number >> shift << shift
