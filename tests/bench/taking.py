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

"""How long a snapshot takes to be asked for, and to get its verdict."""

import os
import pathlib
import subprocess
import sys
import threading
import time

from tests.bench import seed
from tests import clients
from tests.cloud import layout as layouts

# How often Glance is asked whether an image is active, in seconds.
PAUSE = 0.1
# How often the page's script asks to settle, in seconds.
LOOK = 2
CLICK, COMMAND, CALL = WAYS = (
    'click', 'openstack server image create', 'the same call, client warm')


class Taker:
    """A user who takes snapshots in each way."""

    def __init__(self, cloud, size):
        user = seed.user(size)
        self.dashboard = clients.Dashboard(cloud, user)
        self.openstack = clients.OpenStack(cloud, user, user)
        self._environment = os.environ | {
            'OS_AUTH_URL': cloud.auth_url, 'OS_USERNAME': user,
            'OS_PROJECT_NAME': user, 'OS_PASSWORD': layouts.PASSWORD,
            'OS_USER_DOMAIN_ID': 'default', 'OS_PROJECT_DOMAIN_ID': 'default',
            'OS_REGION_NAME': cloud.region, 'OS_IDENTITY_API_VERSION': '3'}
        self._ways = {CLICK: self._click, COMMAND: self._command,
                      CALL: self._call}

    def instances(self):
        """Return ids, those first that the index shows first."""
        return [server.id for server in self.openstack.nova.servers.list(
            limit=100, sort_keys=['created_at'], sort_dirs=['desc'])]

    def take(self, way, instance_id):
        """Return the seconds until createImage was accepted."""
        begin = time.monotonic()
        self._ways[way](instance_id)
        return time.monotonic() - begin

    def _click(self, instance_id):
        # The way to the page that follows is not a part of it.
        self.dashboard.http.max_redirects = 0
        try:
            answer = self.dashboard.click(instance_id)
        except clients.requests.TooManyRedirects as redirect:
            answer = redirect.response
        finally:
            self.dashboard.http.max_redirects = 30
        assert answer.headers['Location'].endswith(clients.PANEL), answer

    def _command(self, instance_id):
        subprocess.run(
            [str(pathlib.Path(sys.executable).with_name('openstack')),
             'server', 'image', 'create', '--name', 'bench', instance_id],
            env=self._environment, check=True, stdout=subprocess.DEVNULL,
            timeout=clients.PATIENCE)

    def _call(self, instance_id):
        self.openstack.nova.servers.create_image(instance_id, 'bench')

    def await_seal(self, instance_id):
        """Return the seconds from active to a sealed verdict.

        Settles as the page's script does, every LOOK seconds.
        """
        sealed = threading.Event()

        def settle():
            while not sealed.wait(LOOK):
                self.dashboard.rows(instance_id, settle=True)

        script = threading.Thread(target=settle)
        script.start()
        try:
            active = self._await(instance_id, lambda image: (
                image['status'] == 'active'))
            return self._await(instance_id, lambda image: image.get(
                'consistency_verdict')) - active
        finally:
            sealed.set()
            script.join()

    def _await(self, instance_id, found):
        clients.wait_for(
            lambda: found(self.openstack.snapshots(instance_id)[0]),
            'the verdict', pause=PAUSE)
        return time.monotonic()


def take_turns(cloud, size, rounds):
    """Return (seconds to be accepted by way, seconds to a seal)."""
    taker = Taker(cloud, size)
    seconds, seals = {way: [] for way in WAYS}, []
    instances = iter(taker.instances())
    for number in range(rounds + 1):
        for way in WAYS:
            instance_id = next(instances)
            taken = taker.take(way, instance_id)
            # The first of each finds nothing warm.
            if number:
                seconds[way].append(taken)
            if way == CLICK:
                seals.append(taker.await_seal(instance_id))
    return seconds, seals
