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

"""Makes the databases of one service (runs in the services' environment).

``python -m tests.cloud.databases SERVICE CONFIGURATION-FOLDER`` may be run
again after it was interrupted: each step finds what is there already.
"""

import pathlib
import sys

from tests.cloud import layout as layouts
from tests.cloud import sqlite  # noqa: F401  (for its effect)

CELL1_UUID = 'c0000000-0000-4000-8000-000000000001'


def _run(main, *arguments):
    """Run the main function of one of OpenStack's management commands."""
    sys.argv = ['manage', *map(str, arguments)]
    try:
        code = main()
    except SystemExit as error:
        code = error.code
    if code:
        raise SystemExit(f'{" ".join(sys.argv)} ended with {code}')


def prepare_keystone(folder):
    from keystone.cmd import bootstrap
    from keystone.cmd import manage
    from keystone.common import fernet_utils
    import keystone.conf

    conf = keystone.conf.CONF
    _run(manage.main, '--config-file', folder / 'keystone.conf', 'db_sync')
    # Not the command fernet_setup: it wants to change to another user.
    keys = fernet_utils.FernetUtils(
        conf.fernet_tokens.key_repository,
        conf.fernet_tokens.max_active_keys, 'fernet_tokens')
    keys.create_key_directory()
    keys.initialize_key_repository()
    maker = bootstrap.Bootstrapper()
    maker.admin_username = maker.project_name = maker.admin_role_name = (
        'admin')
    maker.admin_password = layouts.PASSWORD
    maker.service_name = 'keystone'
    maker.region_id = layouts.REGION
    maker.bootstrap()


def prepare_glance(folder):
    from glance.cmd import manage
    from oslo_config import cfg

    metadefs = pathlib.Path(sys.prefix) / 'etc' / 'glance' / 'metadefs'
    for command in (['db_sync'], ['db_load_metadefs', metadefs]):
        cfg.CONF.reset()
        _run(manage.main, '--config-file', folder / 'glance-api.conf',
             *command)


def prepare_placement(folder):
    from placement.cmd import manage

    _run(manage.main, '--config-file', folder / 'placement.conf',
         'db', 'sync')


def prepare_neutron(folder):
    # The migrations do not run on SQLite: make the tables as they are in
    # the end.
    from neutron.db.migration.models import head
    from oslo_config import cfg
    from oslo_db import options
    import sqlalchemy.orm

    cfg.CONF.register_opts(options.database_opts, 'database')
    cfg.CONF(['--config-file', str(folder / 'neutron.conf')])
    sqlalchemy.orm.configure_mappers()
    head.get_metadata().create_all(
        sqlalchemy.create_engine(cfg.CONF.database.connection))


def prepare_nova(folder):
    from nova import monkey_patch
    monkey_patch.patch(backend='threading')

    # Not nova.cmd.manage: it brings eventlet.
    import nova.conf
    from nova import config
    from nova import context
    from nova.db import migration
    from nova import objects

    config.parse_args(['manage', '--config-file', str(folder / 'nova.conf')])
    objects.register_all()
    migration.db_sync(database='api')
    admin = context.get_admin_context()
    known = {cell.name for cell in objects.CellMappingList.get_all(admin)}
    connection = nova.conf.CONF.database.connection
    for name, uuid, transport in (
            ('cell0', objects.CellMapping.CELL0_UUID, 'none:///'),
            ('cell1', CELL1_UUID, 'fake://')):
        cell = objects.CellMapping(
            admin, name=name, uuid=uuid, transport_url=transport,
            database_connection=connection.replace('nova_cell1',
                                                   f'nova_{name}'))
        if name not in known:
            cell.create()
        with context.target_cell(admin, cell) as target:
            migration.db_sync(context=target)


def prepare_cinder(folder):
    from cinder import monkey_patch
    monkey_patch.patch(backend='threading')

    from cinder.cmd import manage

    _run(manage.main, '--config-file', folder / 'cinder.conf', 'db', 'sync')


PREPARE = {
    'keystone': prepare_keystone, 'glance': prepare_glance,
    'placement': prepare_placement, 'neutron': prepare_neutron,
    'nova': prepare_nova, 'cinder': prepare_cinder,
}

if __name__ == '__main__':
    PREPARE[sys.argv[1]](pathlib.Path(sys.argv[2]))
