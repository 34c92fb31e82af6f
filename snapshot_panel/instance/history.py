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

"""The snapshots of an instance: which are shown, and what is said of each."""

import dataclasses
import datetime
import typing
from urllib import parse

from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import verdict
from snapshot_panel.instance import texts
from snapshot_panel.ui import disks
from snapshot_panel.ui import lines
from snapshot_panel.ui import systems
from snapshot_panel.ui import words

Verdict = verdict.Verdict
# The guest's clock may be a little off; what led there came before.
_MARGIN = datetime.timedelta(minutes=1)
# Nobody filters so few snapshots.
_AT_A_GLANCE = 5


@dataclasses.dataclass(frozen=True)
class Entry:
    """One snapshot of an instance, with all that is said of it."""

    line: lines.SnapshotLine
    instance: facts.Instance

    @property
    def id(self):
        return self.line.id

    @property
    def name(self):
        return self.line.name

    @property
    def evidence(self):
        return evidence(self.line)

    @property
    def where(self):
        return Where.of(self.line, self.instance)

    @property
    def command(self):
        """The command that shows what is written on it, '' if gone."""
        return '' if self.line.gone else commands.show_seal(self.id)


@dataclasses.dataclass(frozen=True)
class History:
    """One page of those that were asked for.

    ``name`` and ``verdict`` are what was asked for, '' if nothing;
    ``number`` counts pages from one; ``total`` counts all that fit;
    ``filter`` is whether there is something to filter.
    """

    entries: typing.Sequence['Entry']
    name: str = ''
    verdict: str = ''
    number: int = 1
    pages: int = 1
    first: int = 0
    total: int = 0
    filter: bool = False

    @property
    def last(self):
        return self.first + len(self.entries) - 1

    @property
    def before(self):
        """The address's query for the newer page, '' if there is none."""
        return self._page(self.number - 1)

    @property
    def after(self):
        """The same for the older one."""
        return self._page(self.number + 1)

    def _page(self, number):
        if not 1 <= number <= self.pages:
            return ''
        return parse.urlencode({'name': self.name, 'verdict': self.verdict,
                                'page': number})

    @property
    def verdicts(self):
        """The verdicts to choose from: code and word."""
        return [(each.value, words.VERDICTS[each].word)
                for each in Verdict]


def entries(instance, lines):
    return [Entry(line, instance) for line in lines]


def choose(entries, query, size):
    """Return the :class:`History` that an address asks for.

    :param entries: the :class:`Entry` of each snapshot.
    :param query: the address's parameters: ``name``, ``verdict``, ``page``.
        What makes no sense in it is as if it were not there.
    :param int size: lines of a page.
    """
    name = query.get('name', '').strip()
    code = query.get('verdict', '')
    if code not in [each.value for each in Verdict]:
        code = ''
    matching = [entry for entry in entries
                if name.casefold() in entry.name.casefold()
                and code in ('', entry.line.decision.verdict.value)]
    pages = max(1, -(-len(matching) // size))
    number = min(max(1, _number(query.get('page'))), pages)
    start = (number - 1) * size
    shown = matching[start:start + size]
    return History(shown, name, code, number, pages,
                   start + 1 if shown else 0, len(matching),
                   bool(name or code or len(entries) > _AT_A_GLANCE))


def _number(text):
    try:
        return int(text)
    except (TypeError, ValueError):
        return 1


def evidence(line):
    """Return what the verdict of a :class:`lines.SnapshotLine` rests on.

    A list of sentences; what is written on an image is untrusted.
    """
    decision = line.decision
    return [*freezes(decision), *hooks(decision), *copies(decision),
            *disks.lines(decision.evidence.get('disk')), *rest(line)]


def freezes(decision):
    """Return a sentence for each file system that stood still."""
    return [texts.FROZEN % {'path': words.plain(path),
                            'stall': words.joined(stall)}
            for path, stall in _pairs(decision.evidence.get('frozen'))]


def hooks(decision):
    """Return a sentence for each application hook that the guest told of."""
    return [(texts.HOOK_DONE if succeeded is True else texts.HOOK_FAILED)
            % words.plain(name)
            for name, succeeded in _pairs(decision.evidence.get('hooks'))]


def copies(decision):
    """Return a sentence about the volume snapshots, if it rests on any."""
    count = decision.evidence.get('volumes')
    return [texts.VOLUMES % {'count': count}] if isinstance(count, int) else []


def rest(line):
    """Return what else is to be known: what is left out, which rule."""
    decision = line.decision
    sentences = _left_out(decision.evidence.get('left_out'))
    if isinstance(decision.evidence.get('contradicts'), str):
        sentences.append(texts.CONTRADICTS % decision.evidence['contradicts'])
    if {'boot', 'seq'} <= set(decision.evidence):
        sentences.append(texts.WITNESS % {'boot': decision.evidence['boot'],
                                          'seq': decision.evidence['seq']})
    if decision.verdict is not Verdict.PENDING:
        sentences.append(texts.RULE % decision.rule.code)
    image = line.snapshot.image
    if image is not None and image.signature is not None:
        sentences.append(words.SIGNATURES[image.signature])
    return sentences


def stall(decision):
    """Return how long the guest stood still at most, in seconds, or None."""
    # Anybody may have written there.
    stalls = [seconds for _path, seconds
              in _pairs(decision.evidence.get('frozen'))
              if isinstance(seconds, (int, float))
              and not isinstance(seconds, bool)]
    return max(stalls) if stalls else None


def measured(line):
    """Return what was measured of a :class:`lines.SnapshotLine`.

    :returns: sentences by :class:`journey.Step`; what is not known is left
        out.
    """
    found = {journey.Step.VERDICT: texts.LAST_VERDICT % line.badge.word}
    still = stall(line.decision)
    if still is not None:
        found[journey.Step.FREEZE] = texts.LAST_STALL % words.joined(still)
    if line.seconds is not None:
        found[journey.Step.UPLOAD] = texts.LAST_TOOK % line.seconds
    return found


def _left_out(value):
    """Return a sentence for each thing that the image does not hold."""
    if not isinstance(value, dict):
        return []
    paths = [texts.PATH_LEFT_OUT % {'path': words.plain(path), 'disk': name}
             for path, name in _pairs(value.get('paths'))]
    return paths + [text % {'count': value[name]}
                    for name, text in texts.LEFT_OUT.items()
                    if isinstance(value.get(name), int)]


def _pairs(value):
    return value.items() if isinstance(value, dict) else ()


# What the logs in the guest tell more of.
_IN_GUEST = (verdict.Rule.GONE, verdict.Rule.GONE_AFTER_HOOK,
             verdict.Rule.GONE_AFTER_FREEZE, verdict.Rule.GONE_WITHOUT_AGENT,
             verdict.Rule.HOOK_REFUSED, verdict.Rule.AGENT_STOPPED,
             verdict.Rule.NOT_SEEN_FROZEN, verdict.Rule.CUT_SHORT,
             verdict.Rule.SILENT)
# What the operator's logs tell more of.
_AT_OPERATOR = (verdict.Rule.GONE, verdict.Rule.ABANDONED)


@dataclasses.dataclass(frozen=True)
class Where:
    """Where to look for why a snapshot is not consistent.

    ``logs`` are commands for the guest; ``operator`` is what to tell the
    operator, each '' if that does not help.
    """

    logs: str = ''
    operator: str = ''

    @classmethod
    def of(cls, line, instance):
        """Return it for a :class:`lines.SnapshotLine`, or None."""
        rule = line.decision.rule
        in_guest, at_operator = rule in _IN_GUEST, rule in _AT_OPERATOR
        if not in_guest and not at_operator:
            return None
        system = systems.choose(None, instance.properties.values)
        return cls(
            system.logs(line.at and line.at - _MARGIN) if in_guest else '',
            texts.OPERATOR % {'image': line.id, 'instance': instance.id}
            if at_operator else '')
