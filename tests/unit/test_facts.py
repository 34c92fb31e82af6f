# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Each fact that the code cites is written down, with how it was found."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FACTS = ROOT / 'doc/source/nova-facts.rst'
ITEM = re.compile(r'^(\d+)\. (.+?)(?=^\S)', re.MULTILINE | re.DOTALL)
FOUND = re.compile(r'^ {3,4}\*(?:Measured|Read)\b.*?\.\*\s*\Z',
                   re.MULTILINE | re.DOTALL)
# "fact 5", "facts 35 to 40", "Facts 7, 8 and 11"; lines may break anywhere.
GAP = r'[\s#*]+'
CITED = re.compile(
    rf'\bfacts?{GAP}(\d+(?:(?:,|{GAP}(?:to|and|or)){GAP}\d+)*)',
    re.IGNORECASE)
SUFFIXES = {'.css', '.html', '.js', '.ps1', '.py', '.rst', '.sh', ''}
HERE = pathlib.Path(__file__)


def facts():
    """Return each fact's text by its number; a number twice stays a pair."""
    return [(int(number), text)
            for number, text in ITEM.findall(FACTS.read_text() + '\nEnd')]


def cited(text):
    """Return the numbers of the facts that a text names."""
    return {int(number) for found in CITED.findall(text)
            for number in re.findall(r'\d+', found)}


def citations():
    """Return the facts that each file of the project cites, by its path."""
    found = {}
    for folder in ('snapshot_panel', 'static', 'templates', 'tests',
                   'doc/source'):
        for path in (ROOT / folder).rglob('*'):
            if (path.is_file() and path.suffix in SUFFIXES
                    and '__pycache__' not in path.parts and path != HERE):
                found[path.relative_to(ROOT)] = cited(path.read_text())
    return found


def test_the_numbers_of_the_facts_have_no_gap_and_none_is_used_twice():
    numbers = [number for number, _ in facts()]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize('number, text', facts())
def test_a_fact_says_how_it_was_found(number, text):
    assert FOUND.search(text)


def test_every_fact_that_is_cited_exists():
    known = {number for number, _ in facts()}

    unknown = {str(path): numbers - known
               for path, numbers in citations().items() if numbers - known}

    assert unknown == {}
    assert any(path.parts[0] == 'snapshot_panel' and numbers
               for path, numbers in citations().items())


@pytest.mark.parametrize('text, numbers', [
    ('see fact 5.', {5}),
    ('(facts 35 to 40)', {35, 40}),
    ('Facts 7, 8 and 11', {7, 8, 11}),
    ('by fact\n    # 22 alone', {22}),
    ('the artifact 9', set())])
def test_a_citation_is_found(text, numbers):
    assert cited(text) == numbers
