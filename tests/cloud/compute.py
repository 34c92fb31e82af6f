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

"""Nova in one process: conductor, scheduler, compute and the API.

``python -m tests.cloud.compute PORT CONFIGURATION-FOLDER`` (runs in the
services' environment). In one process because the transport ``fake://``
does not leave it, and so no message broker is needed.
"""

# Before everything else: Nova decides here that it runs without eventlet.
from nova import monkey_patch; monkey_patch.patch(backend='threading')  # noqa

import importlib
import logging
import pathlib
import socket
import sys
import time

from nova.compute import rpcapi as compute_rpcapi
import nova.conf
from nova import config
from nova import context
from nova import objects
from nova.objects import host_mapping
from nova.scheduler.client import report
from nova.scheduler import rpcapi as scheduler_rpcapi
from nova import service
import os_brick
import os_vif
from oslo_log import log
from paste import deploy

from tests.cloud import endless
from tests.cloud import layout as layouts
from tests.cloud import sqlite  # noqa: F401  (for its effect)

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF
# Which of our modules has which of our drivers.
DRIVERS = {'demo.DemoDriver': 'driver', 'demo.QemuDriver': 'qemu_driver'}
# How long to wait for the services that Nova needs, in seconds.
PATIENCE = 120


def _wait_for(ports):
    deadline = time.monotonic() + PATIENCE
    for port in ports:
        while True:
            try:
                socket.create_connection((layouts.HOST, port), 5).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise SystemExit(f'nothing listens on port {port}')
                time.sleep(0.2)


def _load_driver(folder):
    module = importlib.import_module(
        f'tests.cloud.{DRIVERS[CONF.compute_driver]}')
    module.prepare(folder)
    # Nova looks for drivers under this name only.
    sys.modules['nova.virt.demo'] = module


def _spare_placement():
    """Spare Placement a request for each server whenever one is booted.

    Nova asks for all allocations, in case its driver wants to move them to
    other providers. None of ours does.
    """
    report.SchedulerReportClient.get_allocations_for_provider_tree = (
        lambda *_arguments: {})


def _start_services():
    services = []
    for binary, topics in (
            ('nova-conductor', {}),
            ('nova-scheduler', {'topic': scheduler_rpcapi.RPC_TOPIC}),
            ('nova-compute', {'topic': compute_rpcapi.RPC_TOPIC,
                              'topic_alt': compute_rpcapi.RPC_TOPIC_ALT})):
        started = service.Service.create(binary=binary, **topics)
        started.start()
        services.append(started)
    host_mapping.discover_hosts(context.get_admin_context())
    return services


def main(port, folder, needed_ports):
    """Run Nova until a SIGTERM arrives.

    :param port: where the API listens
    :param folder: pathlib.Path of the configuration files
    :param needed_ports: ports of Keystone, Glance and Placement
    """
    config.parse_args(['nova', '--config-file', str(folder / 'nova.conf')])
    log.setup(CONF, 'nova')
    objects.register_all()
    os_vif.initialize()
    os_brick.setup(CONF)
    _load_driver(folder.parent)
    _spare_placement()
    _wait_for(needed_ports)
    _start_services()
    application = deploy.loadapp(
        f'config:{CONF.wsgi.api_paste_config}', name='osapi_compute')
    # Guests are on disk after each action: nothing is left to be done behind
    # this.
    endless.serve(application, port, threads=16)


if __name__ == '__main__':
    endless.run(lambda: main(
        int(sys.argv[1]), pathlib.Path(sys.argv[2]),
        [int(each) for each in sys.argv[3:]]), LOG)
