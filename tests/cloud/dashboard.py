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

"""Horizon in the demo: its settings, plugin, catalogues, static files."""

import fcntl
import hashlib
import pathlib
import shutil
import subprocess

from tests.cloud import configuration
from tests.cloud import layout as layouts
from tests.cloud import processes
from tests.cloud import wire

# Collecting and compressing, the first time and after a change, in seconds.
STATIC_PATIENCE = 300
THEMES = ('default', 'material')
# What Horizon's distribution brings with catalogues.
PACKAGES = ('horizon', 'openstack_auth', 'openstack_dashboard')
PLUGIN = layouts.REPOSITORY / 'snapshot_panel'

_SETTINGS = '''\
# Written by the demo cloud at each start; changes are lost. Settings of your
# own belong into {folder}/my_settings.py.
import os as _os
import pathlib as _pathlib

DEBUG = False
ALLOWED_HOSTS = ['*']
SECRET_KEY = {secret!r}
WEBROOT = '/'
OPENSTACK_KEYSTONE_URL = {auth_url!r}
OPENSTACK_KEYSTONE_DEFAULT_DOMAIN = 'Default'
OPENSTACK_API_VERSIONS = {{'identity': 3, 'image': 2}}
AVAILABLE_REGIONS = [({auth_url!r}, {region!r})]
SESSION_ENGINE = 'django.contrib.sessions.backends.cache'
CACHES = {{'default': {{
    'BACKEND': 'django.core.cache.backends.filebased.FileBasedCache',
    'LOCATION': {cache!r},
    'OPTIONS': {{'MAX_ENTRIES': 10000}},
}}}}
SESSION_TIMEOUT = 8 * 3600
STATIC_ROOT = {static!r}
COMPRESS_ENABLED = True
COMPRESS_OFFLINE = True
AVAILABLE_THEMES = [
    (name, name.title(), 'themes/' + name) for name in {themes!r}]
DEFAULT_THEME = _os.environ.get('DEMO_THEME', 'default')
# One for each theme: horizon_themes.py says why.
COMPRESS_OFFLINE_MANIFEST = 'manifest-' + DEFAULT_THEME + '.json'
OPENSTACK_NEUTRON_NETWORK = {{
    'enable_router': False, 'enable_quotas': False, 'enable_ipv6': False,
    'enable_fip_topology_check': False,
}}
# A failure of a service is shown within the bound of a browser's patience.
OPENSTACK_CINDER_FEATURES = {{'enable_backup': False}}
SNAPSHOT_PANEL = {{'shutdown_timeout': {shutdown_timeout}}}
TIME_ZONE = 'UTC'
LOGGING = {{
    'version': 1, 'disable_existing_loggers': False,
    'formatters': {{'plain': {{
        'format': '%(asctime)s %(levelname)s %(name)s %(message)s'}}}},
    'handlers': {{'console': {{
        'class': 'logging.StreamHandler', 'formatter': 'plain'}}}},
    'root': {{'handlers': ['console'], 'level': 'WARNING'}},
}}
for _own in sorted(_pathlib.Path({folder!r}).glob('my_settings.py')):
    exec(compile(_own.read_text(), str(_own), 'exec'))
'''


def write(layout):
    """Write Horizon's settings and copy the plugin's enabled files.

    :param layout: the Layout of this demo
    """
    folder = _folder(layout)
    enabled = folder / 'enabled'
    shutil.rmtree(enabled, ignore_errors=True)
    enabled.mkdir(parents=True)
    for source in sorted((PLUGIN / 'enabled').glob('_[0-9]*.py')):
        shutil.copy(source, enabled)
    (folder / 'local_settings.py').write_text(_SETTINGS.format(
        folder=str(folder), secret=configuration.secret(layout, 'horizon'),
        auth_url=layout.url('keystone'), region=layouts.REGION,
        cache=str(layout.folder / 'cache'),
        static=str(_static_folder(layout)), themes=THEMES,
        shutdown_timeout=layout.shutdown_timeout))


def environment(layout):
    """Return the environment variables that Horizon needs here."""
    return {'DJANGO_SETTINGS_MODULE': 'tests.cloud.horizon_settings',
            'DEMO_HORIZON': str(_folder(layout)),
            'DEMO_REQUESTS': str(layout.logs / wire.FILE),
            # Horizon's own, at each start.
            'PYTHONWARNINGS': 'ignore'}


def collect_static(layout):
    """Collect and compress static files, unless it is done already.

    And compile Horizon's catalogues. They follow from Horizon and the plugin
    alone, so they lie in Horizon's environment, where all demos of this
    checkout find them.

    :returns: True when there was something to do
    :raises SetupError: it failed
    """
    static = _static_folder(layout)
    done = static / 'demo.done'
    # Two demos may start at once.
    static.parent.mkdir(parents=True, exist_ok=True)
    with (static.parent / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return False
        shutil.rmtree(static, ignore_errors=True)
        with (layout.logs / 'static.log').open('w') as output:
            _compile_catalogues(layout, output)
            _manage(layout, ['collectstatic', '--noinput', '--verbosity=0'],
                    output)
            for theme in THEMES:
                _manage(layout, ['compress', '--force'], output, theme)
        done.touch()
        _remove_old(static)
    return True


def _compile_catalogues(layout, output):
    """Compile Horizon's own catalogues, which its wheel brings as text.

    In the panel's languages, so that a page speaks one. They stay in
    Horizon's environment: those of its scripts are looked for nowhere else.
    """
    languages = {path.parent.name for path in
                 (PLUGIN / 'locale').glob('*/LC_MESSAGES')}
    packages = layout.dashboard_python.parent.parent.glob(
        'lib/python*/site-packages')
    for folder in [folder / package / 'locale' / language / 'LC_MESSAGES'
                   for folder in packages for package in PACKAGES
                   for language in sorted(languages)]:
        for path in sorted(folder.glob('*.po')):
            _run(layout, ['babel.messages.frontend', 'compile', '-i',
                          str(path), '-o', str(path.with_suffix('.mo'))],
                 output)


def _manage(layout, command, output, theme='default'):
    _run(layout, ['django', *command], output, {'DEMO_THEME': theme})


def _run(layout, command, output, more=None):
    variables = environment(layout) | (more or {})
    try:
        subprocess.run(
            [str(layout.dashboard_python), '-m', *command],
            stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, cwd=layout.folder,
            check=True, timeout=STATIC_PATIENCE,
            env=processes.clean_environment(variables))
    except (subprocess.CalledProcessError,
            subprocess.TimeoutExpired) as error:
        log = pathlib.Path(output.name)
        tail = '\n'.join(log.read_text(errors='replace').splitlines()[-15:])
        raise layouts.SetupError(
            f'Horizon\'s static files: {error}. The end of {log}:\n{tail}')


def _remove_old(current):
    """Keep the newest three collections: a demo may still serve an older."""
    others = sorted((path for path in current.parent.iterdir()
                     if path.is_dir() and path != current),
                    key=lambda path: path.stat().st_mtime)
    for path in others[:-2]:
        shutil.rmtree(path, ignore_errors=True)


def _folder(layout):
    return layout.folder / 'horizon'


def _static_folder(layout):
    return (layout.dashboard_python.parent.parent / 'demo-static' /
            _fingerprint())


def _fingerprint():
    """Return a word that changes with what static files are made of."""
    digest = hashlib.sha256(_SETTINGS.encode())
    sources = [pathlib.Path(__file__),
               layouts.REPOSITORY / 'tests' / 'cloud' /
               'requirements-dashboard.txt']
    for folder in (PLUGIN / 'enabled', layouts.REPOSITORY / 'static',
                   layouts.REPOSITORY / 'templates'):
        sources += sorted(path for path in folder.rglob('*')
                          if path.is_file() and '__pycache__' not in
                          path.parts)
    for path in sources:
        if path.exists():
            digest.update(str(path.name).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
