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

"""Serves one WSGI application (runs in the environment of that application).

``python -m tests.cloud.services NAME PORT``; the configuration comes through
environment variables, set by the launcher.
"""

import importlib
import os
import pathlib
import re
import sys

import gunicorn.app.base

from tests.cloud import layout as layouts

APPLICATIONS = {
    'keystone': 'keystone.wsgi.api',
    'glance': 'glance.wsgi.api',
    'placement': 'placement.wsgi.api',
    'neutron': 'neutron.wsgi.api',
}
WORKERS = {'dashboard': 2}
THREADS = {'dashboard': 4}


class Server(gunicorn.app.base.BaseApplication):
    """gunicorn with one application of ours and no command line."""

    def __init__(self, name, port):
        self.name = name
        self.port = port
        super().__init__()

    def load_config(self):
        for key, value in {
                'bind': f'{layouts.HOST}:{self.port}',
                'worker_class': 'gthread',
                'workers': WORKERS.get(self.name, 1),
                'threads': THREADS.get(self.name, 8),
                'timeout': 120,
                'graceful_timeout': 3,
                # Connections kept for the next request hold a thread not.
                'keepalive': 30,
                # Nova asks Neutron for the ports of many instances at once.
                'limit_request_line': 0,
                'proc_name': f'demo-{self.name}',
                # The socket for commands at run time is of no use here.
                'control_socket_disable': True,
        }.items():
            if key in self.cfg.settings:
                self.cfg.set(key, value)

    def load(self):
        # The applications read the command line when they are imported.
        sys.argv = [self.name]
        if self.name == 'dashboard':
            return _merge_slashes(_dashboard())
        from tests.cloud import sqlite  # noqa: F401  (for its effect)
        if self.name == 'neutron':
            _complete_neutron_models()
        application = importlib.import_module(
            APPLICATIONS[self.name]).application
        if self.name == 'glance':
            from tests.cloud import ranges
            folder = pathlib.Path(os.environ['OS_GLANCE_CONFIG_DIR']).parent
            return ranges.Ranges(application, folder / ranges.SWITCH)
        return application


def _dashboard():
    # Not Horizon's own module for it: that insists on Horizon's settings.
    from django.core import wsgi
    from django import urls

    application = wsgi.get_wsgi_application()
    from tests.cloud import horizon_themes
    from tests.cloud import wire

    wire.write_down(os.environ['DEMO_REQUESTS'])

    horizon_themes.install()
    # All panels are imported now, and not by the first who asks for a page.
    urls.resolve('/auth/login/')
    return application


def _merge_slashes(application):
    """Take // in a path for /, as the usual web servers do.

    Horizon's style sheets and templates have such addresses.
    """
    def merged(environ, start_response):
        environ['PATH_INFO'] = re.sub('/+', '/', environ['PATH_INFO'])
        return application(environ, start_response)

    return merged


def _complete_neutron_models():
    # Without all models mapped first, ports lack attributes.
    import neutron.db.migration.models.head  # noqa: F401
    import sqlalchemy.orm

    sqlalchemy.orm.configure_mappers()


if __name__ == '__main__':
    Server(sys.argv[1], int(sys.argv[2])).run()
