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

"""Users of one project who look and click at the same time."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import pathlib
import queue
import random
import re
import threading
import time

from tests.bench import pages
from tests.bench import seed
from tests import clients
from tests.cloud import disk
from tests.load import measuring
from tests.load import window

# Whose project it is, and how many of its instances a page shows.
SIZE, ROWS = 100, 20
# Who keeps the snapshots running, beside those who look.
TAKERS = 5
# What the guests are, in turns: one is never frozen, and one says that it was
# and lies.
GUESTS = ('ready', 'ready', 'no-kit', 'ready', 'freeze-fails', 'ready',
          'no-kit', 'ready', 'claims', 'ready')
# What a slow one has in its metadata (see tests/cloud/driver.py).
SLOW = {'demo_slow': 'true'}
# One of so many refused clicks looks at the form that it leads to.
EACH_FORM = 10
# A page with the frame of Horizon, which says what came of a click.
QUIET = '/settings/'
# What verdicts say of a disk, by whether it was at rest.
TRUE = {True: ('filesystem-consistent', 'application-consistent'),
        False: ('crash-consistent',)}
# How long Nova may take for what it has begun, in seconds.
DRAIN = 400
TAKE, FORM, CLICK = 'Click', 'Form', 'Click, and its answer'
# How often somebody looks who can have another snapshot, in seconds.
_PAUSE = 3
_SUCCESS = re.compile(r'class="alert alert-success')
# Of an instance, or of its snapshot.
_NAME = re.compile(r'\bserver-\d+(-\w+)?')
_CHECK = re.compile(r'<li\b[^>]*\bdata-check="([^"]+)"')


@dataclasses.dataclass
class Looks:
    """What came of looking.

    ``running`` are how many snapshots had no verdict on a page, of each look;
    ``clicks`` how many were begun meanwhile, ``forms`` how many of them with a
    form, and ``found`` what it took of Horizon.
    """

    seconds: float
    tally: measuring.Tally
    running: list = dataclasses.field(default_factory=list)
    clicks: int = 0
    forms: int = 0
    found: measuring.Found | None = None


@dataclasses.dataclass(frozen=True)
class Clicks:
    """What came of clicks.

    ``answers`` are what users were told, with how often; ``taken`` how many
    clicks on an instance were, by its id.
    """

    tally: measuring.Tally
    answers: collections.Counter = dataclasses.field(
        default_factory=collections.Counter)
    taken: collections.Counter = dataclasses.field(
        default_factory=collections.Counter)


@dataclasses.dataclass(frozen=True)
class Judged:
    """What became of snapshots.

    ``images`` by instance id are those that hold a disk, ``empty`` those that
    are left of refused requests; ``wrong`` says of each whose verdict is not
    what its disk was.
    """

    images: dict
    empty: int
    wrong: list


class Crowd:
    """Users of one project, who have logged in.

    :param cloud: the content of ready.json as attributes
    :param users: how many
    """

    def __init__(self, cloud, users):
        self._cloud = cloud
        self._api = clients.OpenStack(cloud, seed.user(SIZE), seed.user(SIZE))
        self._visitors = self._enter(users)
        # Who sees them all can settle them all.
        [self._settler] = self._enter(1, SIZE)
        # How often the page says that its script asks, in seconds.
        self.interval = window.interval(self._settler)
        # Those first that the index shows first.
        self.ids = [server.id for server in self._servers(SIZE)]
        self._before = {image.id for image in self._images()}

    def _enter(self, users, rows=ROWS):
        """Return so many visitors, each with a session of their own."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _number: pages.Visitor(
                self._cloud, seed.user(SIZE), rows, QUIET), range(users)))

    # Looking --------------------------------------------------------------

    def alone(self, looks):
        """Return how long the script waits where one user looks."""
        tally = measuring.Tally()
        one = window.Window(self._visitors[0], tally)
        for _number in range(looks + 1):
            one.look()
        return measuring.percentiles(tally.seconds[window.SCRIPT])[0]

    def look(self, seconds, taking):
        """Let all follow the index; return the :class:`Looks`.

        :param taking: what :meth:`taking` gave
        """
        looks = Looks(seconds, measuring.Tally())
        before = taking.count(TAKE), taking.count(FORM)

        def follow(each):
            each.look()
            looks.running.append(len(each.unsettled))
        with measuring.measure(self._cloud) as looks.found:
            self._stay(follow, looks)
        looks.clicks, looks.forms = (
            taking.count(name) - number
            for name, number in zip((TAKE, FORM), before))
        return looks

    def compare(self, seconds):
        """Let all open Horizon's page of instances; return the Looks."""
        looks = Looks(seconds, measuring.Tally())
        self._stay(window.Window.compare, looks)
        return looks

    def _stay(self, look, looks):
        """Let each look, again and again, until the time is over."""
        end = time.monotonic() + looks.seconds

        def stay(visitor):
            each = window.Window(visitor, looks.tally)
            # They did not all come in the same moment.
            time.sleep(random.random() * self.interval)
            while time.monotonic() < end:
                look(each)
                time.sleep(self.interval)
        with concurrent.futures.ThreadPoolExecutor(
                len(self._visitors)) as pool:
            list(pool.map(stay, self._visitors))

    # Taking ---------------------------------------------------------------

    @contextlib.contextmanager
    def taking(self):
        """Keep a snapshot of each instance of the first page running.

        Gives a :class:`measuring.Tally` of :data:`TAKE` and :data:`FORM`; in
        the block all run already.
        """
        ids, over = self.ids[:ROWS], threading.Event()
        tally = measuring.Tally()
        for instance_id, guest in zip(ids, itertools.cycle(GUESTS)):
            self._api.become(instance_id, guest)
            self._api.nova.servers.set_meta(instance_id, SLOW)
        takers = queue.SimpleQueue()
        for taker in self._enter(TAKERS):
            takers.put(taker.dashboard)

        def take(instance_id):
            dashboard = takers.get()
            try:
                _take(dashboard, instance_id, tally)
            finally:
                takers.put(dashboard)

        def keep():
            with concurrent.futures.ThreadPoolExecutor(TAKERS) as pool:
                begun = {}
                while not over.is_set():
                    for instance_id in self._idle(ids):
                        if instance_id not in begun or (
                                begun[instance_id].done()):
                            begun[instance_id] = pool.submit(
                                take, instance_id)
                    over.wait(_PAUSE)
                pool.shutdown(cancel_futures=True)
        thread = threading.Thread(target=keep)
        thread.start()
        try:
            clients.wait_for(lambda: not self._idle(ids),
                             'all snapshots to run', pause=_PAUSE)
            yield tally
        finally:
            over.set()
            thread.join()
            for instance_id in ids:
                self._api.nova.servers.delete_meta(instance_id, SLOW)

    def _idle(self, ids):
        """Return which of the first instances Nova does nothing with."""
        return [server.id for server in self._servers(len(ids))
                if getattr(server, 'OS-EXT-STS:task_state') is None]

    def _servers(self, count):
        return self._api.nova.servers.list(
            limit=count, sort_keys=['created_at'], sort_dirs=['desc'])

    # Clicking -------------------------------------------------------------

    def click(self, clicks, instances):
        """Let them click; return the :class:`Clicks`.

        :param clicks: how many in all, on so many ``instances``
        """
        wanted = queue.SimpleQueue()
        order = list(itertools.islice(
            itertools.cycle(self.ids[:instances]), clicks))
        random.Random(clicks).shuffle(order)
        for instance_id in order:
            wanted.put(instance_id)
        found, lock = Clicks(measuring.Tally()), threading.Lock()
        numbers = itertools.count()

        def come(visitor):
            with contextlib.suppress(queue.Empty):
                while True:
                    instance_id = wanted.get_nowait()
                    with found.tally.timed(CLICK):
                        text, good = _click(visitor.dashboard, instance_id,
                                            not next(numbers) % EACH_FORM)
                        with lock:
                            found.answers[text] += 1
                            found.taken[instance_id] += good
        with concurrent.futures.ThreadPoolExecutor(
                len(self._visitors)) as pool:
            list(pool.map(come, self._visitors))
        return found

    # What came of it ------------------------------------------------------

    def judge(self, ids):
        """Settle what these instances have; return the :class:`Judged`."""
        clients.wait_for(
            lambda: len(self._idle(ids)) == len(ids), 'Nova', DRAIN, _PAUSE)
        for first in range(0, len(ids), ROWS):
            # What has no verdict then is found below.
            with contextlib.suppress(AssertionError):
                self._settler.dashboard.settle(ids[first:first + ROWS])
        images, empty, wrong = {each: [] for each in ids}, 0, []
        for image in self._images():
            instance_id = image.get('instance_uuid')
            if image.id in self._before or instance_id not in images:
                continue
            self._before.add(image.id)
            if image.status != 'active':
                empty += 1
                continue
            images[instance_id].append(image.id)
            verdict, rest = (image.get('consistency_verdict'),
                             self._at_rest(image.id))
            if verdict not in TRUE[rest]:
                wrong.append(f'{image.id} of {instance_id} is {verdict}; at '
                             f'rest: {rest}')
        return Judged(images, empty, wrong)

    def _images(self):
        return list(self._api.glance.images.list(
            page_size=1000,
            filters={'image_type': 'snapshot', 'visibility': 'private'}))

    def _at_rest(self, image_id):
        """Return whether an image holds a disk that was at rest.

        By the model's own account, in the store of Glance.
        """
        path = pathlib.Path(self._cloud.logs).parent / 'images' / image_id
        return disk.is_clean(path.read_bytes())


def _take(dashboard, instance_id, tally):
    """Take a snapshot, ready or not."""
    form = None
    with tally.timed(TAKE):
        page = dashboard.click(instance_id)
        if '/snapshot/' in page.url:
            form = page
        else:
            _check_taken(dashboard, page)
    if form is not None:
        with tally.timed(FORM):
            assert 'name="promise"' in form.text, 'no snapshot can be taken'
            _check_taken(dashboard, dashboard.post(
                form.url.removeprefix(dashboard.url),
                **dict(dashboard.inputs(form, 'name', 'promise'))))


def _check_taken(dashboard, page):
    assert _SUCCESS.search(page.text), dashboard.messages(page)


def _click(dashboard, instance_id, reads):
    """Return what a click is told, and whether a snapshot was taken.

    :param reads: whether the user looks at the form where it is not ready
    """
    answer = dashboard.http.post(
        f'{dashboard.url}{clients.PANEL}{instance_id}/take/',
        allow_redirects=False, timeout=clients.PATIENCE,
        headers={'Referer': dashboard.url}, data={
            'csrfmiddlewaretoken': dashboard.http.cookies.get('csrftoken')})
    assert answer.status_code == 302, answer.status_code
    location = answer.headers['Location']
    reads = reads and '/snapshot/' in location
    page = dashboard.get(location if reads else QUIET)
    assert page.status_code == 200, page.status_code
    texts = [_NAME.sub('…', text) for text in dashboard.messages(page)]
    if reads:
        # What is missing first, which the form shows above all.
        texts += ['The form:'] + (_CHECK.findall(page.text)[:1]
                                  or ['nothing is missing any more'])
    return ' '.join(texts), bool(_SUCCESS.search(page.text))
