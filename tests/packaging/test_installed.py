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

import os
import pathlib
import re
import shutil
import subprocess
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


# What an operator of Horizon has written before.
LOCAL_SETTINGS = '''\
WEBROOT = '/cloud/'
SECRET_KEY = 'not secret'
ALLOWED_HOSTS = ['localhost']
CACHES = {'default': {
    'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}}
COMPRESS_OFFLINE = %s
'''
COMMAND = ('-m', 'snapshot_panel.install')


@pytest.fixture
def horizon(python):
    """The folder of a Horizon that has nothing of the panel yet."""
    [folder] = (python.parents[1] / 'lib').glob(
        'python*/site-packages/openstack_dashboard')
    yield folder
    (folder / 'local/local_settings.py').unlink()
    # What one mode has compressed must not serve the other.
    shutil.rmtree(folder.parent / 'static')


def try_command(python, *arguments):
    """Run the command of the documents; return its status and its text."""
    done = subprocess.run([python, *COMMAND, *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def draw_login(python):
    """Return the scripts and styles of Horizon's page to log in."""
    page = building.run(
        python, '-W', 'ignore', '-c', 'import django; django.setup()\n'
        'from django.test import Client\n'
        'print(Client(SERVER_NAME="localhost").get('
        '"/auth/login/").content.decode())',
        env={**os.environ,
             'DJANGO_SETTINGS_MODULE': 'openstack_dashboard.settings'})
    return re.findall(r'(?:src|href)=[\'"]([^\'"]+\.(?:js|css))', page)


# Online Horizon compresses as it draws a page.
@pytest.mark.parametrize('offline', [True, False])
def test_one_command_puts_it_into_a_horizon_and_one_takes_it_out(
        python, horizon, offline):
    (horizon / 'local/local_settings.py').write_text(LOCAL_SETTINGS % offline)
    static = horizon.parent / 'static'
    before, _said = try_command(python, '--check')

    status, said = try_command(python)

    assert status == 0, said
    assert (before, try_command(python, '--check')[0]) == (1, 0)
    assert (static / 'snapshot_panel/native.js').is_file()
    assert ('compress --force' in said) == offline
    drawn = draw_login(python)
    assert {name.rpartition('.')[2] for name in drawn} == {'js', 'css'}
    assert all(name.startswith('/cloud/static/') for name in drawn)
    # The panel's script for Horizon's own pages is among what is compressed.
    assert any('consistency_verdict' in (
        static / name.removeprefix('/cloud/static/')).read_text()
        for name in drawn if '/dashboard/' in name)

    status, said = try_command(python, '--uninstall')

    assert status == 0, said
    assert said.rstrip().endswith('pip uninstall snapshot-panel')
    assert draw_login(python)
    assert not (static / 'snapshot_panel').exists()
    assert not list((horizon / 'local/enabled').glob('_1035*'))
