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

import shlex

import pytest

from snapshot_panel.consistency import commands
from tests.unit import builders

NAMES = ('web-1', 'two words', "it's", '$(reboot)', '-x', '', '日本\n2')


@pytest.mark.parametrize('name', NAMES)
def test_a_name_is_one_word(name):
    words = shlex.split(commands.take(builders.INSTANCE, name))

    named = (['--name=' + name] if name.startswith('-')
             else ['--name', name])
    assert words == ['openstack', 'server', 'image', 'create', '--wait',
                     *named, builders.INSTANCE]


def test_the_seal():
    assert commands.show_seal(builders.SNAPSHOT) == (
        'openstack image show -f json -c properties ' + builders.SNAPSHOT)


def test_the_console():
    assert commands.show_console(builders.INSTANCE) == (
        "openstack console log show %s | grep -o 'consistency-witness .*'"
        % builders.INSTANCE)


def test_a_property_is_one_word():
    words = shlex.split(commands.set_property('id', 'name', "a 'b'"))

    assert words == ['openstack', 'image', 'set', '--property',
                     "name=a 'b'", 'id']


@pytest.mark.parametrize('name', NAMES)
def test_a_copy_is_launched_with_whole_words(name):
    instance = builders.instance(name=name, flavor=name, networks=(name,))

    words = shlex.split(commands.launch(name, instance))

    named = ['--', name] if name.startswith('-') else [name]
    assert words == ['openstack', 'server', 'create', '--wait',
                     '--image=' + name, '--flavor=' + (name or 'FLAVOR'),
                     '--network=' + name, *named]


@pytest.mark.parametrize('name', NAMES)
def test_a_name_that_somebody_set_is_one_word(name):
    assert shlex.split(commands.unset_metadata('id', name)) == [
        'openstack', 'server', 'unset', '--property', name, 'id']
    assert shlex.split(commands.unset_property('id', name)) == [
        'openstack', 'image', 'unset', '--property', name, 'id']


def test_the_operators_command_has_all_properties():
    assert commands.set_embedded('id', {'a': 'yes', 'b': 'no'}) == (
        'nova-manage image_property set --property a=yes --property b=no id')
