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

"""Consoles: lost, typed, replayed, cut and garbled lines of a guest.

No console may raise an error, or make a freeze that the guest did not
witness: whatever is done to the lines, none of them can be written again.
"""

from collections.abc import Callable
import functools
import random

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from tests.fuzz import text
from tests.unit import builders

Console = builders.Console
_SNIPPETS = text.SNIPPETS + (
    'consistency-witness v1', ' key=', ' next=', ' sum=', ' seq=1', ' fs=0',
    ' hooks=0', 'event=thaw', 'event=started', ' stall=nan', ' stall=1e9',
    ' proof=wait', ' path=/', '[    7.000000] ', 'boot=' + builders.BOOT)


def _nothing(console: Console) -> None:
    """Let the guest say nothing."""


def _open(console: Console) -> None:
    console.freeze(still_open=('/srv',))


def _refused(console: Console) -> None:
    console.say('freeze', fs=1)
    console.say('aborted', name='20-app', status=1)


def _not_proven(console: Console) -> None:
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0', proof='wait')
    console.say('thaw', fs=1, hooks=0)


def _died(console: Console) -> None:
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0.06', proof='wait')
    console.say('stopped')


def _rebooted(console: Console) -> None:
    console.reboot()
    console.freeze(hooks={'20-app': 0})


def _after_a_gap(console: Console) -> None:
    console.lose('stopped')
    console.freeze(hooks={'20-app': 0})


def _hook_failed(console: Console) -> None:
    console.freeze(hooks={'20-app': 1})


def _good(console: Console) -> None:
    console.noise()
    console.freeze(paths=('/', '/srv'))


def _hooks(console: Console) -> None:
    console.freeze(hooks={'20-app': 0})


# The best verdict that what happened may lead to.
_BEST: tuple[tuple[Callable[[Console], None], verdict.Verdict | None],
             ...] = (
    *((happens, None) for happens in (
        _nothing, _open, _refused, _not_proven, _died, _rebooted,
        _after_a_gap)),
    (_hook_failed, verdict.Verdict.FILESYSTEM),
    (_good, verdict.Verdict.FILESYSTEM), (_hooks, verdict.Verdict.APPLICATION))


@functools.cache
def seeds() -> list[tuple[str, str, witness.Baseline,
                          verdict.Verdict | None]]:
    """Return consoles: a name, the text, the baseline, the best verdict."""
    found = []
    for happens, best in _BEST:
        console = builders.started()
        console.freeze(hooks={'20-app': 0})
        baseline = console.baseline
        assert baseline is not None
        happens(console)
        found.append((happens.__name__, console.text, baseline, best))
    return found


def complaint(number: int) -> str:
    """Return what is wrong with the reading of an input; '' for nothing."""
    name, console, baseline, best = seeds()[number % len(seeds())]
    chance = random.Random(number)
    if chance.random() < 0.5:
        console = _shuffled(console, chance)
    if chance.random() < 0.8:
        console = text.change(console, chance, _SNIPPETS)
    log = witness.read(console)
    for freeze in witness.freezes(log.chain):
        # Whatever a page shows of it.
        str((freeze.proven, freeze.torn, freeze.elsewhere,
             freeze.root_elsewhere))
    decision = verdict.settle(builders.asked(baseline), builders.evidence(
        console), facts.Deployment())
    if decision.verdict.consistent and decision.verdict is not best and (
            best is not verdict.Verdict.APPLICATION):
        return f'{name}: {decision}'
    return ''


def _shuffled(console: str, chance: random.Random) -> str:
    """Return lines that were lost, replayed, moved, or typed by a liar."""
    lines = console.split('\n')
    for _ in range(chance.randrange(1, 5)):
        one, other = (chance.randrange(len(lines) + 1) for _ in 'ab')
        kind = chance.choice(('lost', 'replayed', 'moved', 'typed'))
        if kind == 'typed':
            liar = builders.started(secret='liar')
            liar.freeze(hooks={'20-app': 0})
            lines[other:other] = liar.lines[:chance.randrange(1, 6)]
        piece = lines[one:one + chance.choice((1, 1, 4))]
        if kind in ('lost', 'moved'):
            del lines[one:one + len(piece)]
        if kind in ('replayed', 'moved'):
            lines[other:other] = piece
    return '\n'.join(lines)


def run(inputs: int, first: int = 0) -> tuple[list[str], float]:
    """Return what was wrong, and the longest time of one, in seconds."""
    return text.play(complaint, inputs, first)
