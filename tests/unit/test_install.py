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

"""The command that puts the panel into a Horizon, and takes it out.

Here with folders that look like Horizon's; tests/packaging has a real one.
"""

import os
import stat
from unittest import mock

import pytest

from snapshot_panel import install

ENABLED = 'local/enabled/_1035_project_consistent_snapshots.py'
SNIPPET = 'local/local_settings.d/' + install.SNIPPET


@pytest.fixture
def dashboard(tmp_path):
    """The folder of an openstack_dashboard."""
    folder = tmp_path / 'openstack_dashboard'
    (folder / 'local/enabled').mkdir(parents=True)
    (folder / 'settings.py').touch()
    return folder


@pytest.fixture
def settings(tmp_path):
    """What Horizon's settings say, to be changed."""
    return {'static': str(tmp_path / 'static'), 'offline': False,
            'manifest': 'dashboard/manifest.json', 'problems': []}


@pytest.fixture
def looks():
    """What is found in policy files and of services, to be changed."""
    return [['Policies: fine.', False]]


@pytest.fixture(autouse=True)
def steps(settings, looks, tmp_path):
    """The commands of Django's that were run."""
    run = Steps()

    def django(horizon, step):
        run.append((step, (horizon.folder / ENABLED).exists()))
        if 'collectstatic' in step:
            collect(tmp_path / 'static')
        else:
            manifest = tmp_path / 'static' / settings['manifest']
            manifest.parent.mkdir(parents=True, exist_ok=True)
            manifest.touch()

    with mock.patch.object(
            install.Horizon, 'probe', autospec=True,
            side_effect=lambda self, what, *more: (
                settings if what == 'settings' else looks)) as asked, \
            mock.patch.object(install, '_django', django), \
            mock.patch.object(install, 'wrong_versions', autospec=True,
                              return_value=[]):
        run.asked = asked
        yield run


class Steps(list):
    """A list that also knows what the probe was asked, in ``asked``."""


def collect(target):
    for path in (install.HERE / 'static').rglob('*'):
        if path.is_file():
            copy = target / path.relative_to(install.HERE / 'static')
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


def call(dashboard, *arguments):
    return install.main(['--dashboard', str(dashboard), *arguments])


def tree(folder):
    """Return all files of a folder with what they hold."""
    return {path: path.read_bytes() for path in folder.rglob('*')
            if path.is_file()}


def test_it_is_in_place_after_one_command(dashboard, capsys):
    assert call(dashboard, '--check') == 1
    assert ENABLED + ' is missing' in capsys.readouterr().out

    assert call(dashboard) == 0

    assert 'Restart Horizon' in capsys.readouterr().out
    assert call(dashboard, '--check') == 0


def test_to_check_changes_nothing(dashboard, tmp_path):
    before = tree(tmp_path)

    call(dashboard, '--check')

    assert tree(tmp_path) == before


def test_a_second_time_changes_nothing(dashboard, tmp_path, steps):
    call(dashboard)
    before, done = tree(tmp_path), len(steps)

    assert call(dashboard) == 0
    assert tree(tmp_path) == before
    assert len(steps) == done


def test_the_web_server_can_read_what_root_wrote(dashboard):
    old = os.umask(0o077)
    try:
        call(dashboard)
    finally:
        os.umask(old)

    assert stat.S_IMODE((dashboard / ENABLED).stat().st_mode) == 0o644


def test_the_enabled_file_is_python_and_the_snippet_sets_nothing(dashboard):
    call(dashboard)
    enabled, snippet = {}, {}

    exec((dashboard / ENABLED).read_text(), enabled)
    exec((dashboard / SNIPPET).read_text(), snippet)

    assert enabled['ADD_PANEL'] == install.PANEL
    assert set(snippet) == {'__builtins__'}


def test_debians_links_to_etc_are_followed(dashboard, tmp_path):
    etc = tmp_path / 'etc'
    for name in ('enabled', 'local_settings.d'):
        (etc / name).mkdir(parents=True)
    (dashboard / 'local/enabled').rmdir()
    for name in ('enabled', 'local_settings.d'):
        (dashboard / 'local' / name).symlink_to(etc / name)

    call(dashboard)

    assert (etc / 'enabled' / os.path.basename(ENABLED)).is_file()
    assert (etc / 'local_settings.d' / install.SNIPPET).is_file()


def test_a_file_that_somebody_edited_stays(dashboard, capsys):
    call(dashboard)
    edited = (dashboard / ENABLED).read_text().replace('compute', 'other')
    (dashboard / ENABLED).write_text(edited)

    assert call(dashboard, '--check') == 1
    assert call(dashboard) == 1

    assert 'was edited and stays' in capsys.readouterr().out
    assert (dashboard / ENABLED).read_text() == edited


def test_force_puts_the_edited_file_aside(dashboard):
    (dashboard / ENABLED).write_text('mine = 1\n')

    assert call(dashboard, '--force') == 0

    aside = dashboard / (ENABLED + '.edited')
    assert aside.read_text() == 'mine = 1\n'
    assert install.PANEL in (dashboard / ENABLED).read_text()


def test_what_an_older_version_wrote_is_renewed(dashboard, capsys):
    old = install.File(dashboard / ENABLED, 'PANEL = "old"\n')
    old.write()

    assert call(dashboard, '--check') == 1
    assert 'is of another version' in capsys.readouterr().out
    assert call(dashboard) == 0

    assert 'old' not in (dashboard / ENABLED).read_text()


def test_what_was_copied_by_hand_is_right(dashboard, steps):
    [_snippet, file] = install.files(install.Horizon(dashboard))
    (dashboard / ENABLED).write_text(file.text)

    call(dashboard)

    assert (dashboard / ENABLED).read_text() == file.text


def test_settings_that_somebody_wrote_stay_and_are_no_fault(dashboard):
    call(dashboard)
    (dashboard / SNIPPET).write_text('SNAPSHOT_PANEL = {}\n')

    assert call(dashboard, '--check') == 0
    assert call(dashboard, '--force') == 0
    assert call(dashboard, '--uninstall') == 0

    assert (dashboard / SNIPPET).read_text() == 'SNAPSHOT_PANEL = {}\n'


def test_an_enabled_file_of_another_name_counts(dashboard, capsys):
    other = dashboard / 'local/enabled/_1060_ours.py'
    other.write_text('ADD_PANEL = %r\n' % install.PANEL)

    assert call(dashboard) == 0
    assert call(dashboard, '--check') == 0
    assert not (dashboard / ENABLED).exists()
    # pip must not be next.
    assert call(dashboard, '--uninstall') == 1
    assert '_1060_ours.py adds the panel too' in capsys.readouterr().err


def test_a_comment_on_the_panel_adds_none(dashboard):
    (dashboard / 'local/enabled/_99_note.py').write_text(
        '# not %s\n' % install.PANEL)

    call(dashboard)

    assert (dashboard / ENABLED).exists()


def test_a_link_to_nothing_is_named(dashboard, capsys):
    (dashboard / ENABLED).symlink_to(dashboard / 'gone')

    assert call(dashboard) == 1
    assert 'link to nothing' in capsys.readouterr().err


@pytest.mark.parametrize('name', [ENABLED, SNIPPET])
def test_a_folder_that_is_a_link_to_nothing_is_named(dashboard, capsys, name):
    folder = (dashboard / name).parent
    if folder.is_dir():
        folder.rmdir()
    folder.symlink_to(dashboard / 'gone')

    assert call(dashboard) == 1
    assert '%s is a link to nothing' % folder in capsys.readouterr().err


def test_a_file_in_the_place_of_a_folder_is_named(dashboard, capsys):
    folder = (dashboard / SNIPPET).parent
    folder.touch()

    assert call(dashboard) == 1
    assert '%s is a link to nothing, or no folder' % folder in (
        capsys.readouterr().err)


def test_a_file_that_is_no_text_was_edited(dashboard):
    (dashboard / ENABLED).write_bytes(b'\xff\xfe')

    assert call(dashboard) == 1
    assert (dashboard / ENABLED).read_bytes() == b'\xff\xfe'


def test_static_files_are_collected_then_compressed(
        dashboard, settings, steps):
    settings['offline'] = True

    call(dashboard)

    assert [step[0] for step, _enabled in steps] == [
        'collectstatic', 'compress']
    assert '--clear' not in steps[0][0]
    assert call(dashboard, '--check') == 0


def test_a_changed_file_that_would_be_passed_over_is_cleared(
        dashboard, steps, tmp_path):
    call(dashboard)
    collected = tmp_path / 'static/snapshot_panel/panel.js'
    collected.write_text('old')
    os.utime(collected, (2**32, 2**32))

    call(dashboard)

    assert '--clear' in steps[-1][0]


def test_what_was_enabled_after_compressing_is_compressed_again(
        dashboard, settings, tmp_path, steps, capsys):
    settings['offline'] = True
    call(dashboard)
    os.utime(tmp_path / 'static/dashboard/manifest.json', (0, 0))

    assert call(dashboard, '--check') == 1
    assert 'manage.py compress --force' in capsys.readouterr().out


def test_the_static_files_can_be_left_to_the_operator(
        dashboard, settings, steps, capsys):
    settings['offline'] = True

    assert call(dashboard, '--no-static') == 0

    told = capsys.readouterr().out
    assert steps == []
    assert told.index('collectstatic') < told.index('compress')


def test_settings_that_do_not_count_are_named(dashboard, settings, capsys):
    call(dashboard)
    settings['problems'] = ['SNAPSHOT_PANEL: no']

    assert call(dashboard, '--check') == 1
    assert 'SNAPSHOT_PANEL: no' in capsys.readouterr().out


def test_the_check_says_what_policies_and_services_say(
        dashboard, looks, capsys):
    call(dashboard)
    looks.append(['Services: no credentials.', False])

    status = call(dashboard, '--check')

    assert status == 0
    assert capsys.readouterr().out.endswith(
        'Policies: fine.\nServices: no credentials.\n'
        'Everything is in place.\n')

    looks.append(['Services: Nova: down', True])

    assert call(dashboard, '--check') == 1
    assert 'Nova: down\nSomething is ' in capsys.readouterr().out


def test_the_check_asks_as_the_cloud_that_is_named(dashboard, steps):
    call(dashboard, '--check', '--os-cloud', 'ours')

    assert mock.call(mock.ANY, 'check', 'ours') in steps.asked.mock_calls


def test_an_account_is_for_the_check_alone(dashboard, steps):
    with pytest.raises(SystemExit) as ended:
        call(dashboard, '--os-cloud', 'ours')

    assert ended.value.code == 2
    assert not steps.asked.called


def test_what_is_missing_is_said_before_the_policies_are_looked_at(
        dashboard, steps, settings, capsys):
    steps.asked.side_effect = [settings, install.InstallError('broken')]

    assert call(dashboard, '--check') == 1
    assert ENABLED + ' is missing' in capsys.readouterr().out


def test_a_language_that_is_not_compiled_is_missing(
        dashboard, tmp_path, monkeypatch, capsys):
    call(dashboard)
    package = tmp_path / 'package'
    (package / 'locale/ru/LC_MESSAGES').mkdir(parents=True)
    for name in ('enabled', 'static'):
        (package / name).symlink_to(install.HERE / name)
    (package / 'locale/ru/LC_MESSAGES/django.mo').touch()
    monkeypatch.setattr(install, 'HERE', package)

    assert call(dashboard, '--check') == 1

    told = capsys.readouterr().out
    assert 'ru/LC_MESSAGES/djangojs.mo is missing' in told
    assert 'django.mo' not in told


def test_horizons_own_language_that_is_not_compiled_is_no_fault(
        dashboard, capsys):
    call(dashboard)
    theirs = dashboard / 'locale/ru/LC_MESSAGES'
    theirs.mkdir(parents=True)
    (theirs / 'django.po').touch()

    assert call(dashboard, '--check') == 0
    assert 'compilemessages' in capsys.readouterr().out

    (theirs / 'django.mo').touch()

    assert call(dashboard, '--check') == 0
    assert 'compilemessages' not in capsys.readouterr().out


def test_it_goes_out_enabled_file_first_and_pip_last(
        dashboard, settings, steps, tmp_path, capsys):
    settings['offline'] = True
    call(dashboard)
    capsys.readouterr()

    assert call(dashboard, '--uninstall') == 0

    told = capsys.readouterr().out
    assert steps[-1] == (['compress', '--force'], False)
    assert [told.index(each) for each in (
        ENABLED, 'static/snapshot_panel', 'Restart', 'pip uninstall')
    ] == sorted(told.index(each) for each in (
        ENABLED, 'static/snapshot_panel', 'Restart', 'pip uninstall'))
    assert not (dashboard / ENABLED).exists()
    assert not (dashboard / SNIPPET).exists()
    assert not (tmp_path / 'static/snapshot_panel').exists()
    assert call(dashboard, '--uninstall') == 0


def test_an_edited_enabled_file_goes_out_and_is_not_lost(dashboard):
    (dashboard / ENABLED).write_text('mine = 1\n')

    assert call(dashboard, '--uninstall') == 0

    assert not (dashboard / ENABLED).exists()
    assert (dashboard / (ENABLED + '.edited')).read_text() == 'mine = 1\n'


def test_the_enabled_file_goes_out_of_a_horizon_that_does_not_start(
        dashboard, capsys):
    call(dashboard)

    with mock.patch.object(install.Horizon, 'probe',
                           side_effect=install.InstallError('broken')):
        assert call(dashboard, '--uninstall') == 1

    assert not (dashboard / ENABLED).exists()
    assert 'pip uninstall' not in capsys.readouterr().out


def test_where_there_is_no_horizon_it_says_so(tmp_path, capsys):
    assert call(tmp_path) == 1
    assert '--dashboard' in capsys.readouterr().err


def test_what_is_too_old_stops_it(dashboard, capsys):
    with mock.patch.object(install, 'wrong_versions',
                           return_value=['horizon is 22.0']):
        assert call(dashboard) == 1
        assert call(dashboard, '--check') == 1

    assert not (dashboard / ENABLED).exists()


@pytest.mark.parametrize('line, told', [
    ('Django>=3.2', None), ('Django>=99', 'Django is '),
    ('no-such-thing>=1', 'no-such-thing is missing'),
    ('no-such-thing>=1; extra == "zstd"', None)])
def test_a_version_is_held_against_what_the_package_requires(line, told):
    said = install._wrong_version(line)

    assert (said or '').startswith(told or '')
    assert bool(said) == bool(told)
