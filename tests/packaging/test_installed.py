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

"""The wheel, installed beside Horizon, serves its pages by itself."""

import pathlib
import shutil
import sys

import pytest

from tests.packaging import building

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope='module')
def python(wheel, tmp_path_factory):
    """The Python of a fresh environment with the wheel and its Horizon."""
    folder = tmp_path_factory.mktemp('installed')
    building.run(sys.executable, '-m', 'venv', folder)
    python = folder / 'bin/python'
    building.run(python, '-m', 'pip', 'install', '-q', '-c',
                 building.ROOT / 'tests/constraints.txt', wheel)
    return python


def test_the_dependencies_agree(python):
    building.run(python, '-m', 'pip', 'check')


def test_the_installed_package_serves_its_pages(python, tmp_path):
    # Away from the checkout, so that nothing can be imported from there.
    shutil.copy(HERE / 'installed_index.py', tmp_path)
    shutil.copy(building.ROOT / 'tests/settings.py',
                tmp_path / 'panel_settings.py')

    output = building.run(
        python, '-m', 'django', 'test', 'installed_index',
        '--settings=panel_settings', cwd=tmp_path)

    assert 'Ran 2 tests' in output
