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

"""Changing texts at random, and playing many inputs."""

from collections.abc import Callable
import random
import time

# What readers look for, and what breaks them.
SNIPPETS = (
    '', '\n', '\r\n', '\0', '\x1b[2J', '\u202e', '\ufeff', '\ud800', '😀' * 9,
    '"', '\\', '{', '}', '[', ']', '[' * 2000, '{"a":' * 500, ':', ',', '=',
    '<script>', '%00', '%~', 'null', 'true', 'NaN', 'Infinity', '-1', '1e999',
    '9' * 5000, '0', '1.5', '٣', '²', 'none', 'pending', 'done', 'x' * 70000,
    '../../', ' ' * 300)


def change(text: str, chance: random.Random,
           snippets: tuple[str, ...] = SNIPPETS) -> str:
    """Return a text with a few changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        at = chance.randrange(len(text) + 1)
        length = chance.choice((1, 1, 2, 8, 40, 300))
        start = chance.randrange(len(text) + 1)
        piece = chance.choice((
            '', '', chr(chance.randrange(1, 128)),
            chr(chance.choice((0x80, 0x2028, 0xd800, 0xffff, 0x1f600))),
            chance.choice(snippets), chance.choice(snippets),
            text[start:start + length]))
        text = text[:at] + piece + text[at + (
            length if chance.random() < 0.7 else 0):]
    return text


def play(complain: Callable[[int], str], inputs: int, first: int
         ) -> tuple[list[str], float]:
    """Return what was wrong, and the longest time of one.

    In seconds of the processor, whatever else the machine does.

    :param complain: what is wrong with an input by its number, '' if nothing
    """
    wrong = []
    longest = 0.0
    for number in range(first, first + inputs):
        begun = time.process_time()
        try:
            found = complain(number)
        except Exception as error:  # noqa: H201 - whatever it is, it is wrong
            found = f'{type(error).__name__}: {error}'
        longest = max(longest, time.process_time() - begun)
        if found:
            wrong.append(f'input {number}: {found[:500]}')
    return wrong, longest
