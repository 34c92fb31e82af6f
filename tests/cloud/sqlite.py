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

"""Makes oslo.db's SQLite bear several users. Import for the effect.

oslo.db begins a transaction as a reader and lets it become a writer later,
which SQLite refuses at once ("database is locked") where another writer came
between. Here a writer begins as a writer, and waits for its turn.

A reader stays a reader, for readers wait for nobody: one that holds a lock of
the service's own must not wait for a writer that wants this lock.

oslo.db also opens the file for each transaction, and SQLite then reads what
tables there are: a quarter of what Nova spent. Here connections are kept.
"""

from oslo_db.sqlalchemy import enginefacade
import sqlalchemy
from sqlalchemy import event
from sqlalchemy import pool

_READS = 'demo_reads'
_Factory = enginefacade._TransactionFactory
_WRITER = enginefacade._WRITER
_create_session = _Factory._create_session
_create_connection = _Factory._create_connection
_create_engine = sqlalchemy.create_engine


def _engine(url, **arguments):
    if arguments.get('poolclass') is pool.NullPool:
        # However many threads a service has: none waits for a connection.
        arguments |= {'poolclass': pool.QueuePool, 'max_overflow': -1}
    return _create_engine(url, **arguments)


def _session(self, mode, bind=None):
    session = _create_session(self, mode, bind)
    if mode is not _WRITER and isinstance(session.bind, sqlalchemy.Engine):
        session.bind = session.bind.execution_options(**{_READS: True})
    return session


def _connection(self, mode):
    connection = _create_connection(self, mode)
    if mode is not _WRITER:
        connection = connection.execution_options(**{_READS: True})
    return connection


# What a transaction is for is known here alone.
_Factory._create_session = _session
_Factory._create_connection = _connection
sqlalchemy.create_engine = _engine


@event.listens_for(sqlalchemy.Engine, 'connect')
def _on_connect(connection, _record):
    connection.isolation_level = None
    connection.execute('PRAGMA journal_mode = WAL')
    # A demo that loses its last second in a power cut is no loss.
    connection.execute('PRAGMA synchronous = OFF')


@event.listens_for(sqlalchemy.Engine, 'begin')
def _on_begin(connection):
    # The mark is oslo.db's own: it keeps it from beginning a second time.
    if 'in_transaction' not in connection.info:
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql('BEGIN' if reads else 'BEGIN IMMEDIATE')
        connection.info['in_transaction'] = True


@event.listens_for(sqlalchemy.Engine, 'commit')
@event.listens_for(sqlalchemy.Engine, 'rollback')
def _on_end(connection):
    connection.info.pop('in_transaction', None)


@event.listens_for(pool.Pool, 'checkin')
def _on_checkin(_connection, record):
    # The pool has rolled back what was left open, which is no event above.
    record.info.pop('in_transaction', None)
