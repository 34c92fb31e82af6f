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

"""Fills a demo cloud's databases with copies of real things, in seconds.

``python -m tests.bench.stock nova|glance PLAN-FILE`` (runs in the services'
environment, beside the running services). An instance that Nova really
booted and a snapshot that Glance really took are copied row by row, through
the services' own models, so the copies answer every question as the real
one does. The plan is made in tests/bench/seed.py.
"""

import datetime
import json
import pathlib
import sys

import sqlalchemy

from tests.cloud import sqlite  # noqa: F401  (for its effect)

# SQLite takes so many rows in one statement, whatever their width.
AT_ONCE = 500


def copy(connection, table, column, key, copies):
    """Copy the rows of one thing.

    :param column: which holds the thing's id
    :param key: the id of the thing to copy
    :param copies: for each copy the values by column that differ
    """
    rows = [dict(row) for row in connection.execute(
        sqlalchemy.select(table).where(table.c[column] == key)).mappings()]
    for row in rows:
        if column != 'id':
            # The database counts on.
            row.pop('id', None)
    fresh = [row | {name: _value(name, value)
                    for name, value in values.items() if name in table.c}
             for values in copies for row in rows]
    for begin in range(0, len(fresh), AT_ONCE):
        connection.execute(table.insert(), fresh[begin:begin + AT_ONCE])


def _value(name, value):
    return (datetime.datetime.fromisoformat(value) if name.endswith('_at')
            else value)


def stock_nova(plan):
    """Copy one instance."""
    from nova import monkey_patch
    monkey_patch.patch(backend='threading')
    from nova.db.api import models as api_models
    from nova.db.main import models

    instances = plan['instances']
    named = [values | {'instance_uuid': values['uuid']}
             for values in instances]
    with _open(plan['cell']) as connection:
        tables = models.BASE.metadata.tables
        copy(connection, tables['instances'], 'uuid', plan['instance'],
             instances)
        # Without the events of their actions, which no page asks for here.
        for name in ('instance_extra', 'instance_info_caches',
                     'instance_metadata', 'instance_system_metadata',
                     'instance_actions'):
            copy(connection, tables[name], 'instance_uuid',
                 plan['instance'], named)
        copy(connection, tables['block_device_mapping'], 'instance_uuid',
             plan['instance'], [
                 {'instance_uuid': values['uuid'], 'uuid': values['disk']}
                 for values in instances])
    with _open(plan['api']) as connection:
        tables = api_models.BASE.metadata.tables
        for name in ('instance_mappings', 'request_specs'):
            copy(connection, tables[name], 'instance_uuid',
                 plan['instance'], [
                     {'instance_uuid': values['uuid'],
                      'project_id': values['project_id'],
                      'user_id': values['user_id']} for values in instances])


def stock_glance(plan):
    """Copy snapshots."""
    from glance.db.sqlalchemy import models

    tables = models.BASE.metadata.tables
    properties = tables['image_properties']
    with _open(plan['glance']) as connection:
        for original, copies in plan['images'].items():
            copy(connection, tables['images'], 'id', original, copies)
            for name in ('image_properties', 'image_locations'):
                copy(connection, tables[name], 'image_id', original, [
                    {'image_id': values['id']} for values in copies])
            # A snapshot names its instance and itself.
            for name, key in (('instance_uuid', 'instance'),
                              ('consistency_image', 'id')):
                connection.execute(
                    properties.update().where(
                        properties.c.image_id == sqlalchemy.bindparam('i'),
                        properties.c.name == name).values(
                            value=sqlalchemy.bindparam('v')),
                    [{'i': values['id'], 'v': values[key]}
                     for values in copies])


def _open(url):
    return sqlalchemy.create_engine(url).begin()


STOCK = {'nova': stock_nova, 'glance': stock_glance}

if __name__ == '__main__':
    STOCK[sys.argv[1]](json.loads(pathlib.Path(sys.argv[2]).read_text()))
