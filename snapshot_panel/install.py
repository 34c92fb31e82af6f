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

"""``python -m snapshot_panel.install``: put the panel into a Horizon.

By the Python of that Horizon. Not a command of Django's: it has to work where
Horizon does not start, for instance because the panel is there by half.
Nothing here is imported by Horizon, and nothing of Horizon is imported here;
its settings are read in a process of their own.
"""

import argparse
from collections.abc import Iterator
import dataclasses
import filecmp
import hashlib
import importlib.metadata
import importlib.util
import itertools
import json
import os
import pathlib
import re
import subprocess  # nosec B404 # no shell, no words of others
import sys
import typing

from packaging import requirements

HERE = pathlib.Path(__file__).parent
DISTRIBUTION = 'snapshot-panel'
# What makes Horizon's menu have the panel, in whichever file.
PANEL = 'snapshot_panel.panel.ConsistentSnapshots'
SNIPPET = '_1035_snapshot_panel.py'
# Where Red Hat's package of Horizon is: not in Python's path.
ELSEWHERE = '/usr/share/openstack-dashboard/openstack_dashboard'
# The last line of a file of ours: whether somebody changed it since.
_MARK = '# Written by snapshot_panel.install. Unchanged: sha256 '
_SNIPPET = '''\
# Settings of the panel Consistent Snapshots; its documentation lists them.
# Once it is no comment, this goes before what local_settings.py says.
#
# SNAPSHOT_PANEL = {
#     # Nova's [libvirt] images_type, which users cannot see.
#     'ephemeral_backend': 'qcow2',
#     # Nova's shutdown_timeout, never more.
#     'shutdown_timeout': 60,
# }
'''


class InstallError(Exception):
    """It cannot go on; the text says what to do."""


class Line(typing.NamedTuple):
    """A line for the operator, and whether it says that something is wrong."""

    text: str
    wrong: bool = False


@dataclasses.dataclass(frozen=True)
class Horizon:
    """A Horizon on this host.

    ``folder`` is that of its package ``openstack_dashboard``. Distributions
    make links of ``local/…`` to /etc/openstack-dashboard; they are followed.
    """

    folder: pathlib.Path

    @property
    def enabled(self) -> pathlib.Path:
        """Where the file is that adds the panel."""
        return self.folder / 'local/enabled'

    @property
    def snippets(self) -> pathlib.Path:
        """Where files with settings are."""
        return self.folder / 'local/local_settings.d'

    def run(self, *arguments: str, capture: bool = False
            ) -> subprocess.CompletedProcess[str]:
        """Run Python with Horizon's settings and return what came of it."""
        path = [str(self.folder.parent), os.environ.get('PYTHONPATH')]
        environment = {
            'DJANGO_SETTINGS_MODULE': 'openstack_dashboard.settings',
            **os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path))}
        return subprocess.run(  # nosec B603 # this Python, words of ours
            [sys.executable, *arguments], env=environment, text=True,
            capture_output=capture)

    def settings(self) -> dict[str, typing.Any]:
        """Return what is needed of its settings.

        :raises InstallError: Horizon does not start
        """
        return dict(self.probe('settings'))

    def probe(self, *arguments: str) -> typing.Any:
        """Return what :mod:`snapshot_panel.probe` found out.

        :raises InstallError: Horizon does not start
        """
        done = self.run('-m', 'snapshot_panel.probe', *arguments,
                        capture=True)
        if done.returncode:
            raise InstallError('Horizon does not start: ' + (
                done.stderr.strip().splitlines() or ['?'])[-1])
        return json.loads(done.stdout.splitlines()[-1])


def find(named: str | None) -> Horizon:
    """Return the Horizon to work on.

    :param named: the folder of ``openstack_dashboard``, if somebody said it
    :raises InstallError: there is none
    """
    folder = pathlib.Path(named or _imported() or ELSEWHERE)
    if not (folder / 'settings.py').is_file():
        raise InstallError(
            'no Horizon at %s; run this with the Python of Horizon, or name '
            'the folder of openstack_dashboard with --dashboard' % folder)
    return Horizon(folder)


def _imported() -> str | None:
    found = importlib.util.find_spec('openstack_dashboard')
    places = found.submodule_search_locations if found else None
    return next(iter(places or ()), None)


def wrong_versions() -> list[str]:
    """Return what is missing or too old of what the package requires."""
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return ['%s is not installed with pip' % DISTRIBUTION]
    return list(filter(None, map(_wrong_version, required)))


def _wrong_version(line: str) -> str | None:
    need = requirements.Requirement(line)
    if need.marker and not need.marker.evaluate({'extra': ''}):
        return None
    try:
        found = importlib.metadata.version(need.name)
    except importlib.metadata.PackageNotFoundError:
        return '%s is missing, %s is needed' % (need.name, need)
    if need.specifier.contains(found, prereleases=True):
        return None
    return '%s is %s, %s is needed' % (need.name, found, need)


@dataclasses.dataclass(frozen=True)
class File:
    """A file of ours in Horizon's folders.

    ``text`` is what it should hold; ``keep`` is whether it is made to be
    edited, so that another text in it is no fault.
    """

    path: pathlib.Path
    text: str
    keep: bool = False

    @property
    def signed(self) -> str:
        """The text with the line that shows later whether it was edited."""
        return '%s%s%s\n' % (self.text, _MARK, _digest(self.text))

    def state(self) -> str:
        """Return 'missing', 'right', 'old' (ours, unchanged) or 'edited'."""
        if not os.path.lexists(self.path):
            return 'missing'
        try:
            found = self.path.read_text()
        except FileNotFoundError:
            raise InstallError(
                '%s is a link to nothing; remove it' % self.path)
        except ValueError:
            return 'edited'
        if found in (self.text, self.signed):
            return 'right'
        text, mark, digest = found.rpartition(_MARK)
        return 'old' if mark and digest.strip() == _digest(text) else 'edited'

    def write(self) -> None:
        """Write it at once, readable for the web server.

        :raises InstallError: its folder is a link to nothing, or a file
        """
        folder = self.path.parent
        if os.path.lexists(folder) and not folder.is_dir():
            raise InstallError('%s is a link to nothing, or no folder; '
                               'remove it' % folder)
        folder.mkdir(parents=True, exist_ok=True)
        made = self.path.with_name(self.path.name + '.new')
        made.write_text(self.signed)
        made.chmod(0o644)
        made.replace(self.path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def files(horizon: Horizon) -> list[File]:
    """Return our files, in the order in which they are written."""
    [source] = sorted((HERE / 'enabled').glob('_[0-9]*.py'))
    return [File(horizon.snippets / SNIPPET, _SNIPPET, keep=True),
            File(horizon.enabled / source.name, source.read_text())]


def others(horizon: Horizon) -> list[pathlib.Path]:
    """Return files of other names that add the panel."""
    ours = {file.path.name for file in files(horizon)}
    return [path for path in sorted(horizon.enabled.glob('_*.py'))
            if path.name not in ours and re.search(
                r'^[^#]*' + re.escape(PANEL),
                path.read_text(errors='replace'), re.MULTILINE)]


def stale(static: str) -> tuple[list[str], bool]:
    """Return which of our static files are not collected as they are.

    And whether they need ``--clear``: ``collectstatic`` passes over a file
    that is not older than ours.
    """
    ours, theirs = HERE / 'static', pathlib.Path(static)
    names = [path.relative_to(ours) for path in sorted(ours.rglob('*'))
             if path.is_file()]
    wrong = [name for name in names if not (theirs / name).is_file()
             or not filecmp.cmp(ours / name, theirs / name, shallow=False)]
    return [str(name) for name in wrong], any(
        (theirs / name).is_file() and (theirs / name).stat().st_mtime
        >= (ours / name).stat().st_mtime for name in wrong)


def next_steps(horizon: Horizon, settings: dict[str, typing.Any]
               ) -> list[list[str]]:
    """Return the commands of Django's that are still to be run."""
    steps = []
    wrong, clear = stale(settings['static'])
    if wrong:
        steps.append(['collectstatic', '--noinput', '--verbosity=0']
                     + ['--clear'] * clear)
    if settings['offline'] and (wrong or not _is_compressed(
            horizon, settings)):
        steps.append(['compress', '--force'])
    return steps


def _is_compressed(horizon: Horizon, settings: dict[str, typing.Any]) -> bool:
    """Return whether it was compressed since the panel is there."""
    manifest = pathlib.Path(settings['static'], settings['manifest'])
    needed = [file.path for file in files(horizon) if not file.keep]
    needed += pathlib.Path(settings['static'], 'snapshot_panel').rglob('*')
    return manifest.is_file() and all(
        manifest.stat().st_mtime >= path.stat().st_mtime
        for path in needed if path.exists())


def missing(horizon: Horizon) -> Iterator[str]:
    """Return what is missing or wrong, in sentences."""
    yield from wrong_versions()
    elsewhere = others(horizon)
    for file in files(horizon):
        state = file.state()
        if state == 'missing' and not (elsewhere and not file.keep):
            yield '%s is missing' % file.path
        elif state == 'old':
            yield '%s is of another version' % file.path
        elif state == 'edited' and not file.keep:
            yield '%s is not as in this version: somebody edited it' % (
                file.path)
    settings = horizon.settings()
    yield from settings['problems']
    for step in next_steps(horizon, settings):
        yield 'not done: %s' % told(step)


def languages(horizon: Horizon) -> Iterator[Line]:
    """Return what is to be said about the languages of the pages.

    Ours are compiled in the package; Horizon's own are text in its wheel.
    """
    for folder in sorted((HERE / 'locale').glob('*/LC_MESSAGES')):
        language = folder.parent.name
        for domain in ('django', 'djangojs'):
            path = folder / (domain + '.mo')
            if not path.is_file():
                yield Line('%s is missing: install the package again'
                           % path, True)
        theirs = horizon.folder / 'locale' / language / 'LC_MESSAGES'
        if (theirs / 'django.po').is_file() and not (
                theirs / 'django.mo').is_file():
            yield Line("Languages: Horizon's own %s is not compiled, so its "
                       'pages are English (python manage.py compilemessages).'
                       % language)


def looks(horizon: Horizon, cloud: str | None) -> Iterator[Line]:
    """Return what Horizon's policy files and the cloud's services say.

    :param cloud: whom to ask as, a name in clouds.yaml; None for the one that
        is at hand, if any
    """
    yield from (Line(*each) for each in horizon.probe(
        'check', *filter(None, [cloud])))


def told(step: list[str]) -> str:
    """Return a command of Django's as an operator types it."""
    return ' '.join(('python manage.py', *step))


def check(horizon: Horizon, cloud: str | None = None) -> int:
    """Print what is missing and change nothing; return the exit status."""
    wrong = False
    for line in itertools.chain(
            (Line(text, True) for text in missing(horizon)),
            languages(horizon), looks(horizon, cloud)):
        print(line.text)
        wrong |= line.wrong
    print('Something is missing or wrong.' if wrong
          else 'Everything is in place.')
    return int(wrong)


def install(horizon: Horizon, force: bool, static: bool) -> int:
    """Do what :func:`missing` finds; return the exit status."""
    for line in wrong_versions():
        raise InstallError(line)
    edited = [file.path for file in files(horizon)
              if not _put(horizon, file, force)]
    settings = horizon.settings()
    for line in settings['problems']:
        print(line)
    steps = next_steps(horizon, settings)
    for step in steps:
        if static:
            _django(horizon, step)
        else:
            print('Run: %s' % told(step))
    print("Restart Horizon's web server, on each host.")
    return int(bool(edited))


def _put(horizon: Horizon, file: File, force: bool) -> bool:
    """Write a file where that loses nothing; return whether it is right."""
    elsewhere = [] if file.keep else others(horizon)
    if elsewhere:
        print('%s adds the panel already' % elsewhere[0])
        return True
    state = file.state()
    if state == 'edited' and file.keep:
        return True
    if state == 'edited' and not force:
        print('%s was edited and stays as it is. This version brings %s. '
              '--force writes that, and keeps yours as %s.edited' % (
                  file.path, HERE / 'enabled' / file.path.name,
                  file.path.name))
        return False
    if state == 'edited':
        _put_aside(file.path)
    if state != 'right':
        file.write()
        print('Wrote %s' % file.path)
    return True


def _put_aside(path: pathlib.Path) -> None:
    """Rename a file so that Horizon does not read it."""
    aside = path.with_name(path.name + '.edited')
    path.replace(aside)
    print('Somebody edited %s: it is %s now' % (path, aside.name))


def _django(horizon: Horizon, step: list[str]) -> None:
    print('Running %s' % told(step), flush=True)
    if horizon.run('-m', 'django', *step).returncode:
        raise InstallError('%s failed' % told(step))


def uninstall(horizon: Horizon, static: bool) -> int:
    """Take the panel out, the enabled file first; return the exit status.

    With that file and without the package Horizon would not start.
    """
    try:
        settings = horizon.settings()
    except InstallError as problem:
        # The files can still go: they may be why it does not start.
        print(problem)
        settings = None
    for file in reversed(files(horizon)):
        _take(file)
    for path in others(horizon):
        raise InstallError('%s adds the panel too; remove it first' % path)
    if settings is None:
        raise InstallError('run this again when Horizon starts, for its '
                           'static files')
    _take_static(settings['static'])
    if settings['offline'] and static:
        _django(horizon, ['compress', '--force'])
    elif settings['offline']:
        print('Run: %s' % told(['compress', '--force']))
    print("Restart Horizon's web server, and only then: pip uninstall "
          + DISTRIBUTION)
    return 0


def _take(file: File) -> None:
    state = file.state()
    if state == 'edited' and file.keep:
        print('%s stays: somebody edited it. It does no harm' % file.path)
    elif state == 'edited':
        _put_aside(file.path)
    elif state != 'missing':
        file.path.unlink()
        print('Removed %s' % file.path)


def _take_static(static: str) -> None:
    """Remove our files from where Horizon's static files are collected."""
    folder = pathlib.Path(static, 'snapshot_panel')
    for path in sorted(folder.rglob('*'), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if folder.is_dir():
        folder.rmdir()
        print('Removed %s' % folder)


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m snapshot_panel.install',
        description='Put the panel into the Horizon of this Python. Ends with '
        '0 if that is done (with --check: if nothing is missing or wrong), '
        'with 1 if not, with 2 if the command line is wrong.')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--check', action='store_true', help='change nothing, '
                      'say what is missing or wrong')
    what.add_argument('--uninstall', action='store_true',
                      help='take the panel out, before pip does')
    parser.add_argument('--os-cloud', metavar='NAME', help='with --check: '
                        'ask the services as this cloud of clouds.yaml')
    parser.add_argument('--force', action='store_true', help='put an edited '
                        'enabled file aside and write that of this version')
    parser.add_argument('--no-static', action='store_true', help='only say '
                        'how to collect and compress the static files')
    parser.add_argument('--dashboard', metavar='FOLDER', help='that of the '
                        'package openstack_dashboard, if it is not found')
    asked = parser.parse_args(arguments)
    if asked.os_cloud and not asked.check:
        parser.error('--os-cloud goes with --check')
    try:
        horizon = find(asked.dashboard)
        if asked.check:
            return check(horizon, asked.os_cloud)
        if asked.uninstall:
            return uninstall(horizon, not asked.no_static)
        return install(horizon, asked.force, not asked.no_static)
    except (InstallError, OSError) as problem:
        print('install: %s' % problem, file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
