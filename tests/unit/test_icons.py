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

"""The icons: each is one that Horizon's themes have, or that we draw."""

import ast
import pathlib
import re

import openstack_dashboard

ROOT = pathlib.Path(__file__).parents[2]
MATERIAL = (pathlib.Path(openstack_dashboard.__file__).parent / 'themes'
            / 'material' / 'static' / 'horizon' / '_icons.scss')
# Which argument is the icon, by what is called.
MAKERS = {'Badge': 1, 'Link': 3, '_elsewhere': 3}


def _calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, 'attr', getattr(node.func, 'id', None))
            place = MAKERS.get(name)
            if place is not None and len(node.args) > place:
                yield node.args[place]
        elif isinstance(node, ast.Assign) and any(
                getattr(target, 'id', None) == 'icon'
                for target in node.targets):
            yield node.value


def _used():
    """Return the names of icons, by who uses them first."""
    for path in sorted((ROOT / 'snapshot_panel').rglob('*.py')):
        for value in _calls(ast.parse(path.read_text())):
            if isinstance(value, ast.Constant):
                yield value.value, path.name
    for path in sorted((ROOT / 'templates').rglob('*.html')):
        for name in re.findall(r'fa fa-([a-z-]+)"', path.read_text()):
            yield name, path.name


def test_no_theme_lacks_an_icon():
    themes = set(re.findall(r"^  ([a-z-]+): '", MATERIAL.read_text(), re.M))
    ours = {name for path in (ROOT / 'static').rglob('*.css')
            for name in re.findall(r'\.fa-(panel-[a-z-]+)::before',
                                   path.read_text())}
    used = dict(_used())

    assert {'check', 'list-alt', 'panel-camera', 'panel-columns'} <= set(used)
    # On Horizon's own page of instances, beside its own camera.
    del used['camera']
    assert {name: where for name, where in used.items()
            if name not in themes | ours} == {}
    assert ours <= set(used)
