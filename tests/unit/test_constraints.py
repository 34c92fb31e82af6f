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

"""Files of exact versions say what they are made from."""

import configparser
import json
import pathlib
import re
import subprocess
from unittest import mock

from packaging import requirements
import pytest

from tests import constraints

TESTS = constraints.ROOT / 'tests'
FILES = [TESTS / 'constraints.txt', *TESTS.glob('constraints/*.txt'),
         TESTS / 'cloud/requirements-cloud.txt',
         TESTS / 'cloud/requirements-dashboard.txt']
TEXT = '''\
# Exact versions.
# From: . -r tests/requirements-test.txt
# From: "setuptools<81"
attrs==1.0
'''
REPORT = json.dumps({'install': [
    {'metadata': {'name': name, 'version': version}} for name, version in (
        ('Django', '5.2'), ('attrs', '2.0'), ('snapshot-panel', '0.1'))]})


def named_by_tox():
    """Return the packages that tox installs with the newest versions."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(constraints.ROOT / 'tox.ini')
    lists = [section.get('deps', '') for section in tox.values()]
    return {line for deps in lists
            if '-c tests/constraints.txt' in deps or '{[testenv]' in deps
            for line in deps.splitlines() if re.match(r'\w', line)}


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_each_file_says_what_it_is_made_from(path):
    assert constraints.sources(path.read_text())


def test_the_newest_versions_are_those_of_every_tool_that_tox_installs():
    named = named_by_tox()
    sources = constraints.sources(FILES[0].read_text())

    assert 'hacking' in named
    # What the package itself depends on comes with ".".
    assert named - set(sources) <= {
        'babel', 'django', 'oslo.utils', 'pytest'}


def test_the_oldest_series_has_the_lowest_versions_that_are_declared():
    setup = configparser.ConfigParser()
    setup.read(constraints.ROOT / 'setup.cfg')
    lists = [setup['options']['install_requires'],
             *setup['options.extras_require'].values()]
    declared = [requirements.Requirement(line) for lines in lists
                for line in lines.splitlines() if re.match(r'\w', line)]
    pinned = dict(
        line.split('==') for line in
        (TESTS / 'constraints/horizon-23.1.txt').read_text().splitlines()
        if not line.startswith('#'))
    # These are the series itself.
    others = [each for each in declared
              if each.name not in ('Django', 'horizon')]

    assert len(others) > 10
    assert {each.name: str(each.specifier) for each in others} == {
        each.name: '>=' + {name.replace('_', '-'): version for name, version
                           in pinned.items()}[each.name.replace('_', '-')]
        for each in others}


def test_a_renewed_file_keeps_its_comments_and_has_new_versions(
        tmp_path, capsys):
    path = tmp_path / 'constraints.txt'
    path.write_text(TEXT)
    done = subprocess.CompletedProcess((), 0, stdout=REPORT)

    with mock.patch.object(subprocess, 'run', return_value=done) as run:
        constraints.renew(path)

    assert run.call_args.args[0][-4:] == [
        '.', '-r', 'tests/requirements-test.txt', 'setuptools<81']
    assert path.read_text() == TEXT.replace(
        'attrs==1.0', 'attrs==2.0\nDjango==5.2')
    assert '2 packages, 2 changed' in capsys.readouterr().out


def test_a_file_stays_as_it_is_when_pip_finds_nothing(tmp_path, capsys):
    path = tmp_path / 'constraints.txt'
    path.write_text(TEXT)
    done = subprocess.CompletedProcess((), 1, stderr='ResolutionImpossible')

    with mock.patch.object(subprocess, 'run', return_value=done):
        status = constraints.main([str(path)])

    assert status == 1
    assert 'ResolutionImpossible' in capsys.readouterr().err
    assert path.read_text() == TEXT


def test_a_file_without_a_source_is_refused(tmp_path, capsys):
    path = pathlib.Path(tmp_path, 'constraints.txt')
    path.write_text('attrs==1.0\n')

    assert constraints.main([str(path)]) == 1
    assert '# From: ...' in capsys.readouterr().err
