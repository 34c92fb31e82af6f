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

"""The requests that Horizon's processes send to the services.

They are written down at the one place in Python's own HTTP client that all
of OpenStack's clients come through, so what counts is what goes over the
wire: retries, following pages and Keystone too. What the services ask each
other meanwhile, to look at a token for one, is not among them.
"""

import contextlib
import dataclasses
import http.client
import os
import pathlib
import urllib.parse

from tests.cloud import layout as layouts

FILE = 'requests.log'


def write_down(path):
    """Add a line to a file for each request that this process sends."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    send = http.client.HTTPConnection.putrequest

    def putrequest(self, method, url, *arguments, **options):
        os.write(file, f'{method} {self.port} {url}\n'.encode())
        return send(self, method, url, *arguments, **options)

    http.client.HTTPConnection.putrequest = putrequest


@dataclasses.dataclass(frozen=True)
class Request:
    """One request to a service, one of :data:`layouts.LISTENERS`.

    ``service`` is '' for what stands in for one.
    """

    service: str
    method: str
    url: str

    @property
    def changes(self):
        """Whether it changes something at a service.

        Not whether an action of Nova does: a console is asked for by a POST
        to the same address. Nova's own list of actions tells.
        """
        return (self.method not in ('GET', 'HEAD', 'OPTIONS')
                and self.service not in ('', 'keystone')
                and not self.url.endswith('/action'))

    def __str__(self):
        return f'{self.method} {self.service} {self.url}'


class Wire:
    """What a demo's dashboard sends, for whoever is its only user now.

    :param cloud: the content of ready.json as attributes
    """

    def __init__(self, cloud):
        self._path = pathlib.Path(cloud.logs, FILE)
        self._base = urllib.parse.urlsplit(cloud.url).port

    @contextlib.contextmanager
    def listen(self):
        """Give a list that is filled once the block has ended.

        It holds each :class:`Request` sent while the block ran.
        """
        found = []
        begin = self._path.stat().st_size
        yield found
        with self._path.open() as file:
            file.seek(begin)
            found += map(self._request, file)

    def _request(self, line):
        method, port, url = line.rstrip('\n').split(' ', 2)
        number = int(port) - self._base
        known = 0 <= number < len(layouts.LISTENERS)
        return Request(layouts.LISTENERS[number] if known else '', method,
                       url)
