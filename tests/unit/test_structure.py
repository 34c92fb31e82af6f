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

"""Who may import whom, in the package and in its tests."""

import ast
import graphlib
import importlib.util
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = 'snapshot_panel'

# What is in a layer may import what is in those before it. A layer's rooms do
# not know each other, except the pages, which lend and link to one another.
RULES = ('consistency', 'disk', 'guest')
SETTINGS = ('conf', 'policies')
CLOUD = ('cloud',)
SHARED = ('ui',)
PAGES = ('apps', 'enabled', 'forms', 'guest_setup', 'images', 'install',
         'instance', 'management', 'native', 'panel', 'probe', 'tables',
         'tabs', 'templatetags', 'urls', 'views')
LAYERS = (RULES, SETTINGS, CLOUD, SHARED, PAGES)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def modules(folder):
    """Return the files of a folder's modules by the modules' names."""
    return {module_name(path): path for path in (ROOT / folder).rglob('*.py')}


def imports(path):
    """Return the names of all that a file imports, wherever it does."""
    package = '.'.join(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name(
                '.' * node.level + (node.module or ''), package)
            yield from ('%s.%s' % (module, each.name) for each in node.names)


def imported(path, known):
    """Return those of the known modules that a file imports."""
    found = set()
    for name in imports(path):
        while name and name not in known:
            # A name that a module holds.
            name = name.rpartition('.')[0]
        found.add(name)
    return found - {''}


def graph(folder):
    """Return what each module of a folder imports of that folder."""
    known = modules(folder)
    return {name: imported(path, known) - {name}
            for name, path in known.items()}


def room(name):
    return name.split('.')[1]


def layer(name):
    return next(number for number, rooms in enumerate(LAYERS)
                if room(name) in rooms)


def may_import(one, other):
    return (room(one) == room(other) or layer(other) < layer(one)
            or layer(other) == layer(one) == LAYERS.index(PAGES))


def is_test(name):
    return name.rpartition('.')[2].startswith(('test_', 'conftest'))


OURS = graph(PACKAGE)


def test_every_room_is_in_one_layer():
    rooms = sorted(room for layer in LAYERS for room in layer)

    assert rooms == sorted({room(name) for name in OURS if name != PACKAGE})


@pytest.mark.parametrize('one, other, allowed', [
    ('views', 'ui.lines', True), ('views', 'images.texts', True),
    ('ui.lines', 'views', False), ('ui.lines', 'cloud.nova', True),
    ('cloud.nova', 'ui.lines', False), ('cloud.nova', 'instance', False),
    ('cloud.nova', 'conf', True), ('conf', 'cloud.nova', False),
    ('disk.ext', 'disk.source', True), ('disk.ext', 'consistency', False),
    ('consistency.facts', 'conf', False)])
def test_the_layers_say_what_is_upward(one, other, allowed):
    assert may_import(PACKAGE + '.' + one, PACKAGE + '.' + other) == allowed


def test_nothing_imports_upward():
    # The package itself holds nothing but its version.
    upward = ['%s imports %s' % (one, other) for one in OURS
              for other in OURS[one] - {PACKAGE}
              if one != PACKAGE and not may_import(one, other)]

    assert not upward


def test_the_package_itself_imports_nothing():
    assert OURS[PACKAGE] == set()


@pytest.mark.parametrize('folder', [PACKAGE, 'tests'])
def test_no_imports_go_in_a_circle(folder):
    # Raises an error that names the circle.
    order = list(graphlib.TopologicalSorter(graph(folder)).static_order())

    assert len(order) > 1


def test_no_test_lends_to_another():
    lent = ['%s imports %s' % (one, other)
            for one, others in graph('tests').items() for other in others
            if is_test(other)]

    assert not lent


def test_nova_and_cinder_are_not_asked_through_what_horizon_drops():
    # Horizon turns its own calls to openstacksdk, a service after the other.
    lent = {name for path in modules(PACKAGE).values()
            for name in imports(path)
            if name.startswith('openstack_dashboard.api.')}

    assert lent == {'openstack_dashboard.api.' + name
                    for name in ('base', 'glance', 'keystone',
                                 'neutron')}


def test_one_module_asks_a_cache_that_may_fail():
    asking = [name for name, path in modules(PACKAGE).items()
              if any(each.startswith('django.core.cache')
                     for each in imports(path))]

    assert asking == [PACKAGE + '.cloud.cache']


def test_what_bandit_may_not_report_has_its_name_and_its_reason():
    found = [(path.name, line) for path in modules(PACKAGE).values()
             for line in path.read_text().splitlines() if 'nosec' in line]

    assert found
    for name, line in found:
        assert re.search(r'  # nosec B\d{3} # \w.{5}', line), (name, line)
