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

"""What every file of the project has."""

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
SHORT = '/* SPDX-License-Identifier: Apache-2.0 */\n'
LICENCE = 'Licensed under the Apache License, Version 2.0'
SUFFIXES = {'.css', '.js', '.ps1', '.py', '.sh', '.toml', '.cfg', '.ini',
            '.in'}
# No suffix, or one that others use without a header as well.
NAMED = {'.ci/run', '.editorconfig', '.github/workflows/test.yml',
         '.pre-commit-config.yaml', 'Makefile', 'devstack/settings',
         'snapshot_panel/guest/hooks/mysql',
         'snapshot_panel/guest/hooks/postgresql',
         'snapshot_panel/guest/hooks/test'}


def source_files():
    """Return the project's files as relative paths, without what was made.

    Not from Git: an sdist has these tests too.
    """
    folders = ('.ci', '.github', 'devstack', 'doc/source',
               'releasenotes/notes', 'snapshot_panel', 'static', 'tests')
    found = [path for folder in folders
             for path in (ROOT / folder).rglob('*')]
    found += ROOT.iterdir()
    return sorted(path.relative_to(ROOT).as_posix()
                  for path in found if path.is_file())


# An empty __init__.py has nothing to license.
LICENSED = [name for name in source_files()
            if (pathlib.Path(name).suffix in SUFFIXES or name in NAMED)
            and (ROOT / name).stat().st_size]


def test_each_file_that_is_named_here_exists():
    assert set(LICENSED) >= NAMED


@pytest.mark.parametrize('name', LICENSED)
def test_a_source_file_begins_with_the_licence(name):
    # What browsers load says it in one line.
    licence = SHORT if name.startswith('static/') else LICENCE
    assert licence in (ROOT / name).read_text()[:400]


def test_the_forge_runs_each_series_that_tox_knows():
    workflow = yaml.safe_load(
        (ROOT / '.github/workflows/test.yml').read_text())
    tox = (ROOT / 'tox.ini').read_text()
    known = tox.partition('[testenv:horizon-{')[2].partition('}')[0]

    matrix = workflow['jobs']['series']['strategy']['matrix']

    assert matrix['series'] == [f'horizon-{series}'
                                for series in known.split(',')]
    assert workflow['permissions'] == {'contents': 'read'}


def test_no_page_of_ours_has_a_script_in_it():
    """A Content-Security-Policy without inline scripts is none of ours."""
    texts = {path.name: path.read_text() for path in
             (ROOT / 'templates').rglob('*.html')}
    scripts = [tag for text in texts.values()
               for tag in re.findall(r'<script\b[^>]*>', text)]

    assert scripts
    assert [tag for tag in scripts if ' src="' not in tag] == []
    assert {name for name, text in texts.items() if re.search(
        r'<[^>]*\son[a-z]+\s*=|javascript:', text)} == set()


def test_each_form_names_its_address():
    # Without one, Angular on Horizon's pages keeps it from being sent.
    forms = [(path.name, form)
             for path in (ROOT / 'templates').rglob('*.html')
             for form in re.findall(r'<form\b[^>]*>', path.read_text())]

    assert forms
    assert [form for form in forms if ' action="' not in form[1]] == []


def test_each_table_of_ours_is_a_list_of_cards_on_a_telephone():
    # Two snapshots are compared side by side, in columns of a fixed width.
    tables = [(path.name, table)
              for path in (ROOT / 'templates').rglob('*.html')
              if path.name not in ('compare.html', '_compared.html')
              for table in re.findall(r'<table\b.*?</table>',
                                      path.read_text(), re.DOTALL)]

    assert len(tables) > 3
    for name, table in tables:
        assert 'class="table snapshot-panel-cards ' in table, name
        cells = table.partition('<tbody>')[2]
        # All but the first say what they are, where no heading is seen.
        assert cells.count('<td data-th=') == (
            table.count('<th scope="col">') - 1), name
