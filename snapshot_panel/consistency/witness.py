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

"""Witnesses: what the guest itself prints about its agent on its console.

The guest kit prints one line for each thing that happens, for example::

    [  431.520000] consistency-witness v1 boot=3f2a91c0 seq=12 up=431.52
    event=freeze fs=1 sum=<8 hex> key=<32 hex> next=<32 hex>

(one line on the console). ``seq`` counts from 1 in each boot. ``next`` is the
beginning of the SHA-256 of the next line's ``key``. So each line proves that
it comes after the one before it and from the same writer: a line that was
typed, replayed or taken from another boot does not fit, whatever it says.
``sum`` is the beginning of the SHA-256 of all from ``boot`` to the last field
before it: a character that was lost or changed on the way is noticed.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import hashlib
import math
import re
import urllib.parse

# How a guest can prove that a file system was frozen (fact 22): its writer was
# seen waiting for the thaw, or the superblock said so.
PROOFS = {'wait', 'superblock'}

# What each line has.
MARK = 'consistency-witness v1'

# How many digits of the SHA-256 of a key the line before it names.
_DIGITS = 32

# The kernel's time stamp must stand right before it, and the caller where the
# kernel prints that too (CONFIG_PRINTK_CALLER). The line may follow a login
# prompt without a line break (fact 20), so it is searched anywhere.
_LINE = re.compile(
    r'\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? consistency-witness v1'
    r' (?P<words>boot=(?P<boot>[0-9a-f]{8})'
    r' seq=(?P<seq>[0-9]{1,9})'
    r' up=(?P<up>[0-9]{1,12}\.[0-9]{2})'
    r' event=(?P<event>[a-z]{1,20})'
    r'(?P<fields>(?: [a-z]{1,12}=[^\s=]{1,255}){0,8}?))'
    r' sum=(?P<sum>[0-9a-f]{8})'
    r' key=(?P<key>[0-9a-f]{32})'
    r' next=(?P<next>[0-9a-f]{32})(?![0-9a-z])'
    # What is left of a line that was damaged on the way: two marks, of which
    # no single character can destroy both.
    r'|(?P<damaged>consistency-witness v1|key=[0-9a-f]{32} next=)')


@dataclasses.dataclass(frozen=True)
class Witness:
    """One line. ``up`` is in seconds since the guest's boot."""

    boot: str
    seq: int
    up: float
    event: str
    fields: Mapping[str, str]
    key: str
    next: str

    def number(self, name: str) -> int | None:
        """Return a field as a whole number, or None if it is not one."""
        try:
            return int(self.fields[name])
        except (KeyError, ValueError):
            return None

    @property
    def stall(self) -> float | None:
        """The stall in seconds as the line has it, or None."""
        try:
            return float(self.fields['stall'])
        except (KeyError, ValueError):
            return None


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The guest's last word before a snapshot was asked for.

    It is kept on the image as text, because the console may have lost that
    line by the time somebody looks.
    """

    boot: str
    seq: int
    next: str
    event: str

    def __str__(self) -> str:
        return ':'.join((self.boot, str(self.seq), self.next, self.event))

    @classmethod
    def parse(cls, text: str | None) -> 'Baseline | None':
        """Return the baseline that ``text`` holds, or None."""
        match = re.fullmatch(
            r'([0-9a-f]{8}):([0-9]{1,9}):([0-9a-f]{32}):([a-z]{1,20})',
            text or '')
        if match is None:
            return None
        boot, seq, following, event = match.groups()
        return cls(boot, int(seq), following, event)

    @classmethod
    def of(cls, witness: Witness) -> 'Baseline':
        """Return the baseline that a line makes."""
        return cls(witness.boot, witness.seq, witness.next, witness.event)


@dataclasses.dataclass(frozen=True)
class Log:
    """A console read as a chain of witnesses.

    ``chain`` holds the lines that count, oldest first. ``conflict`` is true
    when two chains go on side by side: one of them is not the kit's, nobody
    can tell which, and neither counts as long as the log shows both. ``gap``
    is true when lines after the last one are missing, damaged, or not the
    kit's. ``later`` holds the lines of later boots, where nothing but those
    is in conflict with the chain.
    """

    chain: tuple[Witness, ...]
    conflict: bool = False
    gap: bool = False
    later: tuple[Witness, ...] = ()

    @property
    def tip(self) -> Witness | None:
        """The guest's last word, or None."""
        return self.chain[-1] if self.chain and not self.conflict else None

    @property
    def baseline(self) -> Baseline | None:
        """The guest's last word in the form to keep, or None.

        There is none where lines are missing: they may be read later, and
        would then look newer than the baseline.
        """
        return Baseline.of(self.tip) if self.tip and not self.gap else None


def parse(console: str | None) -> list[Witness]:
    """Return every witness line of ``console`` that is whole, in order.

    :param console: the console log as Nova returns it, None if unknown.
    """
    return [line for line in _scan(console) if line is not None]


def _scan(console: str | None) -> list[Witness | None]:
    """Return the witness lines in order, None for each damaged one."""
    console = console or ''
    # The log is cut at its beginning: what is left of a line there only
    # shows that the log is long.
    first_end = console.find('\n')
    return [_witness(match) for match in _LINE.finditer(console)
            if match['damaged'] is None or match.start() > first_end]


def _witness(match: re.Match[str]) -> Witness | None:
    if match['damaged'] or match['sum'] != checksum(match['words']):
        return None
    pairs = (item.split('=', 1) for item in match['fields'].split())
    return Witness(match['boot'], int(match['seq']), float(match['up']),
                   match['event'], dict(pairs), match['key'], match['next'])


def checksum(words: str) -> str:
    """Return the ``sum`` of a line, made of the words before it."""
    # Half a character is none of the kit's.
    return hashlib.sha256(words.encode(errors='replace')).hexdigest()[:8]


def follows(earlier: Witness | Baseline, later: Witness) -> bool:
    """Return whether ``later`` is the very next line after ``earlier``.

    :param earlier: a :class:`Witness` or a :class:`Baseline`.
    """
    return _place(later) == _place_after(earlier)


def _place(witness: Witness) -> tuple[str, int, str]:
    """Return where a line says that it stands."""
    digest = hashlib.sha256(witness.key.encode('ascii')).hexdigest()
    return witness.boot, witness.seq, digest[:_DIGITS]


def _place_after(witness: Witness | Baseline) -> tuple[str, int, str]:
    """Return where the line after it has to stand."""
    return witness.boot, witness.seq + 1, witness.next


def read(console: str | None) -> Log:
    """Return the :class:`Log` of a console.

    A chain begins with the first line of the log, whose predecessors may
    have rotated away, or with the agent's start. Any other line that does not
    follow does not count.
    """
    chain: list[Witness] = []
    # What would follow the chains that were left.
    left: set[tuple[str, int, str]] = set()
    conflict = gap = False
    for witness in _scan(console):
        if witness is None:
            gap = bool(chain)
        elif _place(witness) in left:
            conflict = True
        elif not chain or follows(chain[-1], witness):
            chain.append(witness)
            gap = False
        elif _begins(chain[-1], witness):
            left.add(_place_after(chain[-1]))
            chain.append(witness)
            gap = False
        elif witness.boot == chain[-1].boot and witness.seq > chain[-1].seq:
            gap = True
    return Log(tuple(chain), conflict, gap)


def _begins(tip: Witness | Baseline, witness: Witness) -> bool:
    """Return whether a line may begin a new chain after ``tip``.

    A guest that was restarted counts from 1. Within a boot the agent's start
    continues the count, even where lines before it were lost.
    """
    if witness.event != 'started':
        return False
    if witness.boot == tip.boot:
        return witness.seq > tip.seq
    return witness.seq == 1


def since(console: str | None, baseline: Baseline) -> Log:
    """Return the :class:`Log` of what the guest said after ``baseline``.

    Only lines that follow the baseline without a gap are in the chain. The
    log is in conflict when the guest or its agent was restarted in the
    meantime, or when another chain goes on beside the guest's. A damaged
    line anywhere is a gap, because nobody knows what it said.
    """
    chain: list[Witness] = []
    others: list[Witness] = []
    last: Witness | Baseline = baseline
    lines = _after(_scan(console), baseline)
    whole = [line for line in lines if line is not None]
    damaged, gap = len(whole) < len(lines), False
    for witness in whole:
        if follows(last, witness):
            chain.append(witness)
            last = witness
            gap = False
            continue
        if witness.boot == last.boot and witness.seq > last.seq:
            gap = True
        others.append(witness)
    proven = set(map(_identity, chain))
    others = [line for line in others if _identity(line) not in proven]
    begun = any(line.boot != baseline.boot or _begins(baseline, line)
                for line in others)
    later = whole[len(chain):]
    if later != others or not _are_boots(baseline, later):
        later = []
    return Log(tuple(chain), conflict=begun, gap=gap or damaged,
               later=tuple(later))


# How many characters of a console tell where it ended; a property that Nova
# passes on takes 255.
END = 200
# All but what every service keeps as it is.
_UNSEEN = re.compile('[^!-~]+')
_SEEN = re.compile('[!-~]+')


def end(console: str) -> str:
    """Return what tells where a console ended, '' where it is empty.

    It can be found again when more was printed: see :func:`baseline_at`. The
    workflow of a schedule does the same (:mod:`.workflow`).
    """
    return _UNSEEN.sub('', console)[-END:]


def baseline_at(console: str | None, mark: str) -> Baseline | None:
    """Return the guest's last word when its console ended with ``mark``.

    A console only grows at its end and is cut at its beginning. So what stands
    there once stands where it ended, or later, if it was printed again after
    that was cut off; and nothing that was printed before stands after it.

    :param console: as it is by now, None if unknown.
    :param mark: what :func:`end` returned then.
    :returns: None where that place is not known, or nothing whole was said
        there.
    """
    console = console or ''
    seen = _UNSEEN.sub('', console)
    first = seen.find(mark)
    if not mark or first < 0 or seen.rfind(mark) != first:
        return None
    left = first + len(mark)
    for run in _SEEN.finditer(console):
        if len(run[0]) >= left:
            return read(console[:run.start() + left]).baseline
        left -= len(run[0])
    return None


def _identity(line: Witness) -> tuple[object, ...]:
    """Return what only the same line has; a line itself has no hash."""
    return (line.boot, line.seq, line.up, line.event,
            frozenset(line.fields.items()), line.key, line.next)


def _are_boots(tip: Witness | Baseline, lines: Iterable[Witness]) -> bool:
    """Return whether ``lines`` are all of later boots and none is missing."""
    boot = tip.boot
    for line in lines:
        if line.boot == boot or not (
                follows(tip, line) or line.boot != tip.boot
                and _begins(tip, line)):
            return False
        tip = line
    return True


def _after(
        lines: list[Witness | None], baseline: Baseline
        ) -> list[Witness | None]:
    """Return the lines after the baseline's own, all if it is not there."""
    for index, line in enumerate(lines):
        if line is not None and Baseline.of(line) == baseline:
            return lines[index + 1:]
    return lines


def path_for_people(text: str) -> str:
    """Return a path or a name of a witness as people know it.

    The kit percent-encodes what is no plain character, and ends a text that
    is too long with ``%~`` and 32 digits of its SHA-256. What it encoded is
    untrusted: what cannot be printed, or would turn the direction of the
    text around it, stays encoded. Two paths may look alike here, so the
    encoded one is the key.
    """
    encoded, cut, digest = text.partition('%~')
    # The last character may have been cut in half.
    encoded = re.sub('%[0-9A-F]?$', '', encoded) if cut else encoded
    try:
        plain = urllib.parse.unquote_to_bytes(encoded).decode(
            errors='ignore' if cut else 'strict')
    except UnicodeDecodeError:
        plain = encoded
    shown = plain if plain.isprintable() else encoded
    return f'{shown}… ({digest[:8]})' if cut else shown


# How guests name the first disk, and others; what names none.
_FIRST_DISK = re.compile(r'(?:(?:vd|sd|hd|xvd)a|nvme0n[0-9]{1,3})\Z')
_OTHER_DISK = re.compile(
    r'(?:(?:vd|sd|hd|xvd)(?!a$)[a-z]{1,2}|nvme(?!0n)[0-9]{1,3}n[0-9]{1,3})\Z')
_NO_DISK = frozenset(('', '-', 'none'))


@dataclasses.dataclass(frozen=True)
class Freeze:
    """One attempt to freeze the guest, as far as it was witnessed.

    ``expected`` is the number of writable file systems; ``frozen`` maps the
    path of each that was proven frozen to the stall in seconds; ``open``
    names those that were not seen to stand still; ``disks`` maps each path to
    the disks that it lies on, as the guest names them; ``hooks`` maps each
    application hook to whether it succeeded; ``aborted`` names the hook that
    refused, or None. ``thawed`` is whether its end was witnessed,
    ``thawed_again`` whether the guest was told to thaw once more: whoever
    froze it may not have known that it was thawed already.
    """

    seq: int
    expected: int | None
    frozen: Mapping[str, float]
    open: tuple[str, ...] = ()
    hooks: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    aborted: str | None = None
    thawed: bool = False
    thawed_again: bool = False
    disks: Mapping[str, frozenset[str]] = dataclasses.field(
        default_factory=dict)

    @property
    def elsewhere(self) -> dict[str, str]:
        """The paths that are on no disk of the root's, with their disks."""
        root = self.disks.get('/', frozenset())
        return {path: '+'.join(sorted(disks))
                for path, disks in self.disks.items() if not disks & root}

    @property
    def root_elsewhere(self) -> bool:
        """Whether the root is known to be on another disk than the first.

        An image with data holds the first disk only (fact 13).
        """
        root = self.disks.get('/', frozenset())
        return (any(_OTHER_DISK.match(disk) for disk in root)
                and not self.root_on_first)

    @property
    def root_on_first(self) -> bool:
        """Whether the root is on the first disk, at least in part."""
        return any(_FIRST_DISK.match(disk)
                   for disk in self.disks.get('/', ()))

    @property
    def root_named(self) -> bool:
        """Whether the guest said at all which disk its root is on."""
        return bool(self.disks.get('/', frozenset()) - _NO_DISK)

    @property
    def torn(self) -> tuple[str, ...]:
        """The paths of which a copy of the root disk holds only a part.

        The root itself is one where its volume group spans two disks.
        """
        root = self.disks.get('/', frozenset())
        return tuple(path for path, disks in self.disks.items()
                     if disks & root and len(disks) > 1)

    @property
    def proven(self) -> bool:
        """Whether every writable file system was proven frozen.

        A freeze of nothing is no proof: the agent reports 0 frozen file
        systems as a success (fact 23).
        """
        return (self.thawed and self.aborted is None and not self.open
                and bool(self.expected) and '/' in self.frozen
                and len(self.frozen) == self.expected)


# The events that end an attempt.
_ENDS = frozenset(('thaw', 'aborted', 'stopped', 'started', 'poweroff'))


def freezes(chain: Iterable[Witness]) -> list[Freeze]:
    """Return the :class:`Freeze` attempts in a chain, oldest first."""
    groups: list[list[Witness]] = []
    closed = True
    for witness in chain:
        if witness.event == 'freeze':
            groups.append([witness])
            closed = False
        elif groups and witness.event == 'rethaw':
            groups[-1].append(witness)
        elif not closed:
            groups[-1].append(witness)
            closed = witness.event in _ENDS
    return [_freeze(group) for group in groups]


def _end(group: Sequence[Witness]) -> Witness:
    """Return the last line of an attempt; later thaws come after its end."""
    return [line for line in group if line.event != 'rethaw'][-1]


def _freeze(group: Sequence[Witness]) -> Freeze:
    head, last = group[0], _end(group)
    proven = {w.fields['path']: w.stall for w in group
              if w.event == 'frozen' and w.stall is not None and _is_proof(w)}
    disks = {path: frozenset(w.fields.get('disk', '').split('+'))
             for w in group for path in [w.fields.get('path')]
             if w.event == 'frozen' and path in proven}
    ran = [w for w in group if w.event == 'hook']
    hooks: dict[str, bool] = {}
    for w in ran:
        # Two folders may hold hooks of the same name.
        name = w.fields.get('name', '')
        hooks[name] = hooks.get(name, True) and _hook_succeeded(w)
    # The last line counts the others: none of them may be missing.
    thawed = (last.event == 'thaw' and last.number('fs') == len(proven)
              and last.number('hooks') == len(ran))
    return Freeze(
        seq=head.seq, expected=head.number('fs'), frozen=proven,
        open=tuple(w.fields.get('path', '') for w in group
                   if w.event == 'open'),
        hooks=hooks, disks=disks,
        aborted=(last.fields.get('name', '') if last.event == 'aborted'
                 else None),
        thawed=thawed,
        thawed_again=any(line.event == 'rethaw' for line in group))


def _is_proof(witness: Witness) -> bool:
    """Return whether a ``frozen`` line names its path, stall and proof."""
    stall = witness.stall
    return (bool(witness.fields.get('path'))
            and stall is not None and math.isfinite(stall) and stall > 0
            and bool(PROOFS & set(witness.fields.get('proof', '').split(','))))


def _hook_succeeded(witness: Witness) -> bool:
    return witness.number('freeze') == 0 and witness.number('thaw') == 0
