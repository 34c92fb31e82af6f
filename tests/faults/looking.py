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


"""A user looks and clicks while a service fails."""

from concurrent import futures
import contextlib
import dataclasses
import html
import os
import re
import signal
import threading
import time

from tests import clients
from tests.cloud import rest
from tests.cloud import wire
from tests.faults import server

# Which services fail: how the catalogue calls them, and where they answer.
SERVICES = {'Nova': ('compute', '/v2.1'), 'Glance': ('image', ''),
            'Cinder': ('volumev3', '/v3'), 'Keystone': ('identity', '/v3')}
# The instance that is looked at while one fails, for which each is asked.
SUBJECTS = dict.fromkeys(SERVICES, 'files-data-volume') | {
    'Cinder': 'mail-on-volumes'}
# A page with the frame of Horizon and nothing of the services.
QUIET = '/settings/'
# How long a page may wait, in seconds.
BOUND = 10
_IDS = re.compile(r'([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(, )?)+')
FRAME, CLICK = 'Horizon\'s own', 'Click'
# What is looked at while one fails; the frame asks two of them itself.
PAGES = {name: (*([FRAME] if name in ('Cinder', 'Keystone') else []),
                'Index', 'Instance', 'Image', CLICK) for name in SERVICES}
# The same by whether it is a click: that one waits for what it reads, then for
# what it changes, and leads to a page.
BOUNDS = {False: BOUND, True: 2 * (server.HUNG_SECONDS + BOUND)}
# The process stands still: the other services have no answer of it either.
STOPPED = 'stopped'
FAULTS = {name: (*server.ANSWERS, *([STOPPED] if name == 'Keystone' else []))
          for name in SERVICES}
# What takes so long that pages are looked at side by side.
WAITS = ('hung', STOPPED)
# What the frame of Horizon waits for on each page, in seconds and without a
# bound: its menu asks Cinder for its version, twice, and Neutron for its
# extensions, which waits for a Keystone that stands still.
FRAMES_WAIT = {('Cinder', 'hung'): 2 * server.HUNG_SECONDS,
               ('Keystone', STOPPED): server.HUNG_SECONDS}


def bound(service, fault, page):
    """Return how long a page may take while a service fails, in seconds."""
    return FRAMES_WAIT.get((service, fault), 0) + BOUNDS[page == CLICK]


@dataclasses.dataclass(frozen=True)
class Look:
    """What came of one look or click.

    ``seconds`` until the answer was there, which were to be at most
    ``bound``; ``said`` is what the page says of the fault, and ``written``
    are the changes that reached a service, of which an instance's metadata
    comes before its snapshot.
    """

    page: str
    status: int
    seconds: float
    bound: float
    said: str
    written: tuple

    @property
    def wrong(self):
        """What is not as promised, in a few words; '' where all is."""
        if self.page == FRAME:
            return ''
        click = self.page == CLICK
        return ', '.join(text for text, holds in {
            'broken': self.status == 500 or (
                self.status >= 400 and not self.said),
            'too long': self.seconds > self.bound,
            'silent': click and not (self.said or self.written),
            f'wrote {self.written}': self.written and not click,
        }.items() if holds)


def pages(cloud, service):
    """Return what is looked at: the path and the method by its name."""
    instance = '%s%s/' % (clients.PANEL, cloud.instances[SUBJECTS[service]])
    return {
        FRAME: ('GET', QUIET), 'Index': ('GET', clients.PANEL),
        'Instance': ('GET', instance),
        'Image': ('GET', '%simages/%s/' % (
            clients.PANEL, cloud.images['debian-12-own'])),
        CLICK: ('POST', instance + 'take/')}


class Stage:
    """A demo cloud whose catalogue names a service that fails.

    :param cloud: the content of ready.json as attributes
    :param name: one of :data:`SERVICES`
    """

    def __init__(self, cloud, name):
        self._cloud = cloud
        self._name = name
        self._wire = wire.Wire(cloud)
        # Logged in before anything fails.
        self._api = clients.OpenStack(cloud)
        self._rest()

    @contextlib.contextmanager
    def set(self):
        """Give a function of a fault and pages' names: :class:`Look` s."""
        with server.Service() as service, self._placed(service):
            def look(fault, *names):
                # Before it fails. Who is refused once is logged out, and who
                # waits keeps nobody else.
                waits = fault in WAITS
                seats = {name: clients.Dashboard(self._cloud, landing=QUIET)
                         for name in (names if waits or fault == '401' else
                                      names[:1])}

                def ask(name):
                    return self._look(fault, seats.get(
                        name, seats[names[0]]), name)
                looks = []
                # Only clicks may change anything.
                for group in ((names,) if not waits else (
                        [name for name in names if name != CLICK],
                        [name for name in names if name == CLICK])):
                    if CLICK in group:
                        self._rest()
                    with self._failing(service, fault):
                        if waits:
                            with futures.ThreadPoolExecutor() as pool:
                                looks += pool.map(ask, group)
                        else:
                            looks += map(ask, group)
                return looks
            yield look

    @contextlib.contextmanager
    def _placed(self, service):
        """Let the catalogue name the stand-in to users.

        The services ask each other at their internal addresses.
        """
        kind, path = SERVICES[self._name]
        admin = rest.Session(
            self._cloud.auth_url, {}, 'admin',
            self._cloud.users['admin']['password'], 'admin')
        number = next(
            each['id'] for each in admin(
                'keystone', 'GET', '/services')['services']
            if each['type'] == kind)
        endpoint = next(
            each for each in admin(
                'keystone', 'GET', '/endpoints')['endpoints']
            if each['service_id'] == number
            and each['interface'] == 'public')

        def name(url):
            admin('keystone', 'PATCH', f'/endpoints/{endpoint["id"]}',
                  {'endpoint': {'url': url}})
        name(service.url + path)
        try:
            yield
        finally:
            name(endpoint['url'])

    def _rest(self):
        """Wait until the instance is done with the click before.

        It would refuse the next, whatever fails.
        """
        instance = self._cloud.instances[SUBJECTS[self._name]]
        clients.wait_for(
            lambda: getattr(self._api.nova.servers.get(instance),
                            'OS-EXT-STS:task_state') is None,
            'the snapshot of the click before')

    def _look(self, fault, dashboard, name):
        method, path = pages(self._cloud, self._name)[name]
        ask = dashboard.get if method == 'GET' else dashboard.post
        with self._wire.listen() as sent:
            begin = time.monotonic()
            answer = ask(path)
            seconds = time.monotonic() - begin
        words = said(answer)
        if name == CLICK:
            words = words or refused(answer)
        return Look(name, answer.status_code, seconds,
                    bound(self._name, fault, name), words, tuple(
                        str(each) for each in sent if each.changes))

    @contextlib.contextmanager
    def _failing(self, service, fault):
        stops = fault == STOPPED
        with (service.failing('hung' if stops else fault),
              _stopped(self._cloud.pids[self._name.lower()]) if stops
              else contextlib.nullcontext()):
            yield


@contextlib.contextmanager
def _stopped(pid):
    """Let a service's processes stand still, as long as one hangs."""
    again = threading.Timer(server.HUNG_SECONDS, os.killpg,
                            (pid, signal.SIGCONT))
    os.killpg(pid, signal.SIGSTOP)
    again.start()
    try:
        yield
    finally:
        again.cancel()
        os.killpg(pid, signal.SIGCONT)


def said(answer):
    """Return what a page says of a fault, in one line."""
    if '/auth/login/' in answer.url:
        return 'The user logs in again.'
    if answer.status_code == 500:
        return 'Horizon\'s error page.'
    texts = [_plain(found) for found in re.findall(
        r'<div class="alert alert-(?:danger|warning|info)\b.*?</div>',
        answer.text, re.DOTALL)]
    return ' '.join(dict.fromkeys(
        text.removeprefix('Error: ').replace(' : ', ': ') for text in texts
        if any(f'{name}:' in text.replace(' :', ':')
               for name in SERVICES)))


def refused(answer):
    """Return what the form that a click led to has against a snapshot.

    Without what differs from run to run; '' where it led to no form.
    """
    if '/snapshot/' not in answer.url:
        return ''
    found = re.search(r'<li data-check=".*?<strong>(.*?)</strong></div>\s*'
                      r'<div>(.*?)</div>', answer.text, re.DOTALL)
    return _IDS.sub('…', ': '.join(map(_plain, found.groups()))
                    ) if found else ''


def _plain(markup):
    """Return the text of some HTML, in one line."""
    return ' '.join(html.unescape(re.sub('<[^>]+>', ' ', markup)).split())
