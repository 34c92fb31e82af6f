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

"""Pages, asked for in turns, and what each of them costs."""

import collections
import concurrent.futures
import dataclasses
import gzip
import os
import pathlib
import re
import time
import urllib.parse

from snapshot_panel.enabled import (
    _1035_project_consistent_snapshots as enabled)
from tests.bench import seed
from tests import clients
from tests.cloud import wire

INDEX, INSTANCES, IMAGES, FRAME = PAGES = (
    'Consistent Snapshots', 'Instances', 'Images data', 'Empty page')
PATHS = {INDEX: clients.PANEL, INSTANCES: '/project/instances/',
         IMAGES: '/api/glance/images/', FRAME: '/settings/'}
# The names of services that stand for the dashboard's work, and the cloud's.
CLOUD = ('keystone', 'glance', 'neutron', 'nova', 'placement', 'cinder')
_TICKS = os.sysconf('SC_CLK_TCK')


@dataclasses.dataclass(frozen=True)
class Visit:
    """What one look at a page took. Times are in seconds.

    ``cpu`` is the dashboard's own, ``cloud_cpu`` that of the services;
    ``size`` is in bytes, compressed as a web server does it.
    """

    seconds: float
    requests: int
    size: int
    rows: int
    cpu: float
    cloud_cpu: float


class Visitor:
    """One user, who sees so many rows a page.

    :param landing: the page after the login
    """

    def __init__(self, cloud, user, rows=20, landing='/'):
        self.dashboard = clients.Dashboard(cloud, user, landing)
        # Horizon's own setting, which it reads from a cookie too.
        self.dashboard.http.cookies.set('API_RESULT_PAGE_SIZE', str(rows))
        self._wire = wire.Wire(cloud)
        self._pids = cloud.pids

    def get(self, page):
        """Return a page's answer."""
        answer = self.dashboard.http.get(
            self.dashboard.url + PATHS[page], timeout=clients.PATIENCE,
            headers={'X-Requested-With': 'XMLHttpRequest'}
            if page == IMAGES else {})
        assert answer.status_code == 200, (page, answer.status_code)
        assert 'id_password' not in answer.text, 'logged out'
        return answer

    def visit(self, page):
        """Return the :class:`Visit` of a page, while nobody else looks."""
        before = _cpu(self._pids)
        with self._wire.listen() as asked:
            begin = time.monotonic()
            answer = self.get(page)
            seconds = time.monotonic() - begin
        after = _cpu(self._pids)
        return Visit(
            seconds, len(asked), _compressed(answer.content),
            answer.text.count('data-object-id='),
            after['dashboard'] - before['dashboard'],
            sum(after[name] - before[name] for name in CLOUD))

    def clone(self):
        """Return the same login for another thread."""
        other = object.__new__(Visitor)
        other.__dict__ |= self.__dict__
        other.dashboard = object.__new__(clients.Dashboard)
        other.dashboard.__dict__ |= self.dashboard.__dict__
        other.dashboard.http = clients.requests.Session()
        other.dashboard.http.trust_env = False
        other.dashboard.http.cookies.update(self.dashboard.http.cookies)
        return other


def _cpu(pids):
    """Return the CPU time of each service so far, its workers included."""
    spent = collections.Counter()
    names = {pid: name for name, pid in pids.items()}
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = path.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        # Each service leads a session of its own.
        name = names.get(int(fields[3]))
        if name:
            spent[name] += (int(fields[11]) + int(fields[12])) / _TICKS
    return spent


def take_turns(cloud, size, rows, rounds):
    """Return the visits of each page, by name, the first round left out."""
    visitor = Visitor(cloud, seed.user(size), rows)
    visits = {page: [] for page in PAGES}
    for number in range(rounds + 1):
        for page in PAGES:
            visit = visitor.visit(page)
            if number:
                visits[page].append(visit)
    assert {visit.rows for page in (INDEX, INSTANCES)
            for visit in visits[page]} == {min(size, rows)}, visits
    return visits


def crowd(cloud, size, users, page, looks):
    """Let users look at a page again as soon as they have it.

    :param int looks: how often each of them looks.
    :returns: (seconds of each look, looks in a second).
    """
    first = Visitor(cloud, seed.user(size))

    def stay(visitor):
        seconds = []
        for _ in range(looks):
            begin = time.monotonic()
            visitor.get(page)
            seconds.append(time.monotonic() - begin)
        return seconds

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(users) as pool:
        seconds = sum(pool.map(
            stay, [first.clone() for _ in range(users)]), [])
    return seconds, len(seconds) / (time.monotonic() - begin)


def weight(dashboard, path):
    """Return what the panel adds to a page of Horizon, in bytes.

    That is its files which the page names, or which Horizon put into its own
    bundle, compressed, and the lines that name the panel itself, as the menu
    does.
    """
    page = dashboard.get(path).text
    added = [line for line in page.splitlines() if clients.PANEL in line]
    total = _compressed('\n'.join(added).encode())
    files = {'/static/' + name for name in enabled.ADD_JS_FILES}
    files.update(urllib.parse.urlsplit(link).path for link
                 in re.findall(r'(?:src|href)="([^"]*)"', page))
    for file in files:
        if 'static/snapshot_panel/' in file:
            answer = dashboard.get(file)
            assert answer.status_code == 200, file
            total += _compressed(answer.content)
    return total


def _compressed(content):
    # As web servers do by default.
    return len(gzip.compress(content, 6))
