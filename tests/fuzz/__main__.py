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

"""``python -m tests.fuzz --inputs 1000000``: hostile inputs, all kinds.

That many of each kind: ``witness`` (consoles), ``disk`` (images), ``records``
(properties and metadata) and ``posts`` (forms).
"""

import argparse
from collections.abc import Callable
import importlib
import multiprocessing
import os
import sys
import time

import django

_KINDS = {'witness': 'tests.fuzz.witness', 'disk': 'tests.disks.fuzz',
          'records': 'tests.fuzz.records', 'posts': 'tests.fuzz.posts'}
# Seconds of a processor; no page bears more. What takes so long is wrong.
_SLOW = 2
_STEP = 5_000


def _play(step: tuple[str, int, int]) -> tuple[int, list[str], float]:
    """Play the inputs of one kind from a first one on; return how many."""
    kind, first, inputs = step
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')
    django.setup()
    run: Callable[[int, int], tuple[list[str], float]] = (
        importlib.import_module(_KINDS[kind]).run)
    return inputs, *run(inputs, first)


def main() -> int:
    """Play as many as asked for; print what came of them."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.fuzz', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kinds', nargs='*', metavar='KIND',
                        help='only these: ' + ', '.join(_KINDS))
    parser.add_argument('--inputs', type=int, default=1_000_000,
                        help='of each kind')
    parser.add_argument('--first', type=int, default=0,
                        help='number of the first, to play one again')
    parser.add_argument('--processes', type=int, default=os.cpu_count())
    options = parser.parse_args()
    if not set(options.kinds) <= set(_KINDS):
        parser.error('no such kind')
    return max([_fuzz(kind, options) for kind in options.kinds or _KINDS])


def _fuzz(kind: str, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    end = options.first + options.inputs
    steps = [(kind, first, min(_STEP, end - first))
             for first in range(options.first, end, _STEP)]
    wrong, longest, played = 0, 0.0, 0
    with multiprocessing.Pool(options.processes) as pool:
        try:
            for inputs, found, slowest in pool.imap(_play, steps):
                played += inputs
                wrong += len(found)
                longest = max(longest, slowest)
                for text in found:
                    print(kind, text, file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            # What was played counts, and is said.
            pool.terminate()
    print('%s: %d inputs, wrong: %d, the longest took %d ms, %d a second' % (
        kind, played, wrong, longest * 1000,
        played / (time.monotonic() - begun)), flush=True)
    return int(wrong > 0 or longest > _SLOW)


if __name__ == '__main__':
    sys.exit(main())
