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

"""The commands for a shell: what the shell makes of them."""

import os
import shutil
import subprocess

import pytest

from snapshot_panel.consistency import commands
from tests.unit import builders

PLAIN = ('web-1', 'two words', "it's", '$(reboot)', '-x', '', '日本 "`!\\')
# What only bash and its kin can be given without its being there raw.
CONTROL = ('a\nreboot', '\x1b]0;title\x07', "it's\t\\x41\r", 'a\x7f1\x9b2',
           '-\n', 'abc\u202ecod', '日本\u2028', '\n', '\x1bf', "'\x01'")
NAMES = PLAIN + CONTROL


@pytest.fixture
def run(tmp_path):
    """Return what runs a command, and gives what the program was given."""
    for program in ('openstack', 'nova-manage'):
        stand_in = tmp_path / program
        stand_in.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
        stand_in.chmod(0o755)
    path = '%s:%s' % (tmp_path, os.environ['PATH'])

    def run(command, shell):
        assert command.isprintable()
        done = subprocess.run(
            [shell, '-c', command], env={'PATH': path}, check=True,
            capture_output=True, timeout=20)
        assert done.stderr == b''
        return done.stdout.decode().split('\0')[:-1]

    return run


class Words:
    """The words of a command as a real shell reads them."""

    def __init__(self, run):
        self.run = run

    def of(self, command):
        # What has no control character is for every shell.
        shells = ['bash'] if "$'" in command else ['bash', 'sh']
        found = [self.run(command, shell) for shell in shells]
        assert all(each == found[0] for each in found)
        return found[0]


@pytest.fixture
def words(run):
    assert shutil.which('bash'), 'the tests need bash'
    return Words(run).of


def option(name, value):
    return (['%s=%s' % (name, value)] if value.startswith('-')
            else [name, value])


@pytest.mark.parametrize('name', NAMES)
def test_a_name_is_one_word(words, name):
    found = words(commands.take(builders.INSTANCE, name, [(name, name)]))

    assert found == ['server', 'image', 'create', '--wait',
                     *option('--name', name),
                     *option('--property', '%s=%s' % (name, name)),
                     builders.INSTANCE]


def test_a_property_that_begins_with_a_dash_is_no_option():
    assert commands.set_property('id', '-x', 'y') == (
        'openstack image set --property=-x=y id')
    assert commands.unset_property('id', '-x') == (
        'openstack image unset --property=-x id')


def test_the_seal():
    assert commands.show_seal(builders.SNAPSHOT) == (
        'openstack image show -f json -c properties ' + builders.SNAPSHOT)


def test_the_console():
    assert commands.show_console(builders.INSTANCE) == (
        "openstack console log show %s | grep -o 'consistency-witness .*'"
        % builders.INSTANCE)


@pytest.mark.parametrize('value', NAMES)
def test_a_property_is_one_word(words, value):
    found = words(commands.set_property('id', 'name', value))

    assert found == ['image', 'set', '--property', 'name=' + value, 'id']


@pytest.mark.parametrize('name', NAMES)
def test_a_copy_is_launched_with_whole_words(words, name):
    instance = builders.instance(name=name, flavor=name, networks=(name,))

    found = words(commands.launch(name, instance))

    named = ['--', name] if name.startswith('-') else [name]
    assert found == ['server', 'create', '--wait',
                     '--image=' + name, '--flavor=' + (name or 'FLAVOR'),
                     '--network=' + name, *named]


@pytest.mark.parametrize('name', NAMES)
def test_a_name_that_somebody_set_is_one_word(words, name):
    assert words(commands.unset_metadata('id', name)) == [
        'server', 'unset', *option('--property', name), 'id']
    assert words(commands.unset_property('id', name)) == [
        'image', 'unset', *option('--property', name), 'id']


@pytest.mark.parametrize('name', NAMES)
def test_all_changes_are_whole_words(words, name):
    sets, unsets = commands.change_properties('id', {name: name}, [name])

    assert words(sets) == ['image', 'set', *option(
        '--property', '%s=%s' % (name, name)), 'id']
    assert words(unsets) == ['image', 'unset', *option('--property', name),
                             'id']


@pytest.mark.parametrize('name', NAMES)
def test_the_operators_command_is_whole_words(words, name):
    assert words(commands.set_embedded('id', {name: 'yes'})) == [
        'image_property', 'set', *option('--property', name + '=yes'), 'id']


@pytest.mark.parametrize('text', ['a\0b', 'a\ud800b'])
def test_what_no_argument_can_hold_is_not_there_raw(text):
    assert commands.quote(text).isprintable()


def test_the_operators_command_has_all_properties():
    assert commands.set_embedded('id', {'a': 'yes', 'b': 'no'}) == (
        'nova-manage image_property set --property a=yes --property b=no id')
