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

"""What the tests need from the system is installed, or named."""

import os
import pathlib
import re
import shutil
import subprocess
from unittest import mock

import pytest

from tests import tools

MAKEFILE = pathlib.Path(__file__).parents[2] / 'Makefile'
STEPS = re.compile(r'-m tests\.tools ([a-z ]+)$', re.MULTILINE)


@pytest.fixture
def machine(monkeypatch):
    """A machine with apt-get on which nothing is installed; who asks.

    `machine.commands` has what was run.
    """
    done = subprocess.CompletedProcess((), 0, stdout='')
    machine = mock.Mock(root=True, commands=[], done=done)

    def run(command, **options):
        machine.commands.append(command)
        return machine.done

    monkeypatch.setattr(tools, '_is_there', lambda sign: False)
    monkeypatch.setattr(shutil, 'which', lambda name, **options: name)
    monkeypatch.setattr(os, 'geteuid', lambda: 0 if machine.root else 1000)
    monkeypatch.setattr(subprocess, 'run', run)
    return machine


def test_make_asks_for_steps_that_exist():
    steps = {step for found in STEPS.findall(MAKEFILE.read_text())
             for step in found.split()}

    assert steps
    assert steps <= set(tools.NEEDED)


def test_nothing_is_run_when_everything_is_there(machine, monkeypatch):
    monkeypatch.setattr(tools, '_is_there', lambda sign: True)

    tools.provide(['browser', 'disk'])

    assert machine.commands == []


def test_root_gets_what_is_missing_installed_and_is_told(machine, capsys):
    tools.provide(['browser'])

    assert 'Installing chromium fonts-dejavu-core' in capsys.readouterr().out
    assert [command[3] for command in machine.commands] == [
        'update', 'install']
    assert machine.commands[1][-2:] == ['chromium', 'fonts-dejavu-core']


def test_a_failing_apt_is_shown(machine):
    machine.done.returncode = 100
    machine.done.stdout = 'E: no such mirror'

    with pytest.raises(tools.ToolsError, match='no such mirror'):
        tools.provide(['disk'])


def test_without_root_the_packages_are_named(machine, capsys):
    machine.root = False

    status = tools.main(['disk'])

    assert status == 1
    assert machine.commands == []
    assert ('apt-get install --no-install-recommends btrfs-progs '
            'cryptsetup-bin dosfstools' in capsys.readouterr().err)


def test_without_root_playwrights_own_browser_does(machine):
    machine.root = False

    with pytest.raises(tools.ToolsError) as caught:
        tools.provide(['browser'])

    assert any('playwright' in command and 'install' in command
               for command in machine.commands)
    assert 'fonts-dejavu-core' in str(caught.value)
    assert 'chromium' not in str(caught.value)


def test_chromium_is_named_where_playwrights_own_cannot_be_had(machine):
    machine.root = False
    machine.done.returncode = 1

    with pytest.raises(tools.ToolsError, match='chromium'):
        tools.provide(['browser'])


def test_a_step_that_nobody_knows_is_refused(machine, capsys):
    assert tools.main(['brwoser']) == 2
    assert 'browser' in capsys.readouterr().err


def test_a_program_is_found_outside_a_users_path(tmp_path, monkeypatch):
    program = tmp_path / 'mkfs.odd'
    program.touch(mode=0o755)
    monkeypatch.setattr(tools, 'PATH', str(tmp_path))
    monkeypatch.setitem(tools.NEEDED, 'odd', {'odd-progs': 'mkfs.odd',
                                              'none-progs': 'mkfs.none'})

    assert tools.missing(['odd']) == ['none-progs']


def test_a_file_is_found_by_its_pattern(tmp_path, monkeypatch):
    (tmp_path / 'fonts' / 'dejavu').mkdir(parents=True)
    (tmp_path / 'fonts' / 'dejavu' / 'Sans.ttf').touch()
    monkeypatch.setitem(
        tools.NEEDED, 'odd', {'font': f'{tmp_path}/fonts/**/*.[ot]tf',
                              'lib': f'{tmp_path}/lib/*.so'})

    assert tools.missing(['odd']) == ['lib']
