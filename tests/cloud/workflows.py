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

"""Mistral in one process: engine, executor, cron triggers and the API.

``python -m tests.cloud.workflows PORT CONFIGURATION-FOLDER`` (runs in the
services' environment). See compute.py, which does the same for Nova.
"""

# Before everything else: oslo.service decides here that it runs without
# eventlet.
from oslo_service import backend as chosen; chosen.init_backend(chosen.BackendType.THREADING)  # noqa

import logging
import pathlib
import sys

from mistral.api import app
from mistral import config
from mistral.db.v2 import api as db
from mistral.engine import engine_server
from mistral.rpc import base as rpc
# Registers the options of the actions that ask the other services.
import mistral_extra.config  # noqa: F401  (for its effect)
from oslo_config import cfg
from oslo_log import log

from tests.cloud import endless
from tests.cloud import sqlite  # noqa: F401  (for its effect)

LOG = logging.getLogger(__name__)


def main(port, folder):
    """Run Mistral until a SIGTERM arrives.

    :param port: where the API listens
    :param folder: pathlib.Path of the configuration files
    """
    config.parse_args(['--config-file', str(folder / 'mistral.conf')])
    log.setup(cfg.CONF, 'mistral')
    # Not its migrations: they do not run on SQLite.
    db.setup_db()
    rpc.get_transport()
    engine = engine_server.get_oslo_service(setup_profiler=False)
    engine.start()
    # Cron triggers are looked at by the API's process, which is this one.
    endless.serve(app.setup_app(), port, threads=4)


if __name__ == '__main__':
    endless.run(lambda: main(int(sys.argv[1]), pathlib.Path(sys.argv[2])),
                LOG)
