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

"""Cinder in one process: volume, scheduler and the API.

``python -m tests.cloud.volumes PORT CONFIGURATION-FOLDER`` (runs in the
services' environment). See compute.py, which does the same for Nova.
"""

# Before everything else: Cinder decides here that it runs without eventlet.
from cinder import monkey_patch; monkey_patch.patch(backend='threading')  # noqa

import logging
import pathlib
import sys

from cinder.common import config
from cinder import coordination
from cinder import objects
from cinder import privsep
from cinder import rpc
from cinder import service
from cinder import version
import os_brick
from os_brick import privileged
from oslo_config import cfg
from oslo_log import log
from paste import deploy

from tests.cloud import endless
from tests.cloud import sqlite  # noqa: F401  (for its effect)

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
BACKEND = 'demo'


def _start_services():
    # The scheduler waits for a backend.
    started = [service.Service.create(
        binary='cinder-volume', host=f'{CONF.host}@{BACKEND}',
        service_name=BACKEND, coordination=True)]
    started[0].start()
    started.append(service.Service.create(binary='cinder-scheduler'))
    started[1].start()
    return started


def main(port, folder):
    """Run Cinder until a SIGTERM arrives.

    :param port: where the API listens
    :param folder: pathlib.Path of the configuration files
    """
    objects.register_all()
    CONF(['--config-file', str(folder / 'cinder.conf')], project='cinder',
         version=version.version_string())
    config.set_middleware_defaults()
    log.setup(CONF, 'cinder')
    os_brick.setup(CONF)
    # Nothing here needs another user than ours.
    privsep.sys_admin_pctxt.set_client_mode(False)
    privileged.default.set_client_mode(False)
    coordination.COORDINATOR.start()
    rpc.init(CONF)
    # Kept: what nothing refers to ends.
    services = _start_services()
    application = deploy.loadapp(
        f'config:{folder / "cinder-api-paste.ini"}', name='osapi_volume')
    endless.serve(application, port, threads=8)
    return services


if __name__ == '__main__':
    endless.run(lambda: main(int(sys.argv[1]), pathlib.Path(sys.argv[2])),
                LOG)
