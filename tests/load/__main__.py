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

"""``python -m tests.load``: many users at once, and what they were told.

First they click on the same few instances, all at the same time: each click
is taken once or refused with its reason, and nothing is left behind. Then they
look, as the script of the page does, while somebody keeps taking snapshots;
in between they open Horizon's own page of instances. Fails where an answer is
an error, a click was taken twice or not told, or a verdict does not come.
``--minutes 60`` makes a soak of it.
"""

import argparse
import collections
import itertools
import random
import shutil
import signal
import statistics
import sys
import threading
import time

from tests.bench import pages
from tests.bench import seed
from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import running
from tests.load import measuring

FOLDER = layouts.REPOSITORY / '.demo' / 'load'
# Whose project it is, and how many of its instances a page shows.
SIZE, ROWS = 100, 20
# How often the page's script asks, in seconds; one of so many looks is at
# Horizon's own page.
PAUSE, EACH = 5, 8
# A page with the frame of Horizon, which says what came of a click.
QUIET = '/settings/'


def main():
    """Let them come; return the exit status."""
    arguments = _parser().parse_args()
    # A SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with running.run(FOLDER) as cloud:
            seed.ensure(layouts.make_layout(FOLDER, int(
                cloud.url.rstrip('/').rpartition(':')[2])), cloud, _say)
            crowd = Crowd(cloud, arguments.users)
            wrong = [*crowd.click(arguments.clicks, arguments.instances),
                     *crowd.look(60 * arguments.minutes)]
    except layouts.SetupError as error:
        print(f'load: {error}', file=sys.stderr)
        return 1
    for text in wrong:
        print('WRONG:', text, file=sys.stderr)
    return 1 if wrong else 0


class Crowd:
    """Users of one project.

    :param cloud: the content of ready.json as attributes
    :param users: how many
    """

    def __init__(self, cloud, users):
        self._cloud = cloud
        name = seed.user(SIZE)
        self._api = clients.OpenStack(cloud, name, name)
        first = pages.Visitor(cloud, name, ROWS)
        self._visitors = [first.clone() for _ in range(users)]
        # Who sees them all settles them all.
        self._settler = pages.Visitor(cloud, name, SIZE).dashboard
        self._wrong = []

    def click(self, clicks, instances):
        """Let them click; return what was wrong.

        :param clicks: how many clicks in all, on so many ``instances``
        """
        ids = self._shown()[:instances]
        before = self._images(ids)
        wanted = list(itertools.islice(itertools.cycle(ids), clicks))
        random.Random(clicks).shuffle(wanted)
        told = collections.Counter()
        taken = collections.Counter()
        lock = threading.Lock()

        def come(visitor):
            while True:
                with lock:
                    if not wanted:
                        return
                    instance_id = wanted.pop()
                text, good = _click(visitor.dashboard, instance_id)
                with lock:
                    told[text] += 1
                    taken[instance_id] += good
        begin = time.monotonic()
        self._all(come)
        _say('%d clicks in %.0f s, taken: %d, refused: %d' % (
            clicks, time.monotonic() - begin, taken.total(),
            clicks - taken.total()))
        for text, number in told.most_common():
            print(f'  {number} times: {text[:160]}')
        if '' in told:
            self._wrong.append(f'{told[""]} clicks were not answered')
        return self._found(ids, before, taken)

    def _found(self, ids, before, taken):
        """Settle; return what does not fit to what the users were told."""
        for first in range(0, len(ids), ROWS):
            self._settler.settle(ids[first:first + ROWS])
        for instance_id, images in self._images(ids).items():
            new = [image for image in images
                   if image not in before[instance_id]]
            if len(new) != taken[instance_id]:
                self._wrong.append('%s: %d taken, %d images' % (
                    instance_id, taken[instance_id], len(new)))
            self._wrong += [f'{image} has no verdict' for image in new
                            if not images[image]]
        wrong, self._wrong = self._wrong, []
        return wrong

    def look(self, seconds):
        """Let them look; return what was wrong."""
        ids = self._shown()[:ROWS]
        end = time.monotonic() + seconds
        took = {'rows': [], pages.INSTANCES: []}
        accepted = collections.Counter()
        before = self._images(ids)

        def take():
            taker = pages.Visitor(self._cloud, seed.user(SIZE), ROWS)
            for instance_id in itertools.cycle(ids):
                if time.monotonic() > end:
                    return
                accepted[instance_id] += _click(
                    taker.dashboard, instance_id)[1]

        def stay(visitor):
            # They did not all come in the same moment.
            time.sleep(random.random() * PAUSE)
            for number in itertools.count(1):
                if time.monotonic() > end:
                    return
                begin = time.monotonic()
                if number % EACH:
                    visitor.dashboard.rows(*ids, settle=True)
                else:
                    visitor.get(pages.INSTANCES)
                took['rows' if number % EACH else pages.INSTANCES].append(
                    time.monotonic() - begin)
                time.sleep(PAUSE)
        taker = threading.Thread(target=take)
        with measuring.measure(self._cloud) as found:
            taker.start()
            self._all(stay)
            taker.join()
        _say('%d users for %d s; %d snapshots taken meanwhile' % (
            len(self._visitors), seconds, accepted.total()))
        for name, times in took.items():
            print('  %s: %d looks, p50 %.2f s, p95 %.2f s' % (
                name, len(times), statistics.median(times),
                statistics.quantiles(times, n=20)[-1]))
        print(f'  {found.text(len(took["rows"]))}')
        return self._found(ids, before, accepted)

    def _all(self, do):
        def safely(visitor):
            try:
                do(visitor)
            except (AssertionError, OSError) as error:
                self._wrong.append(f'{type(error).__name__}: {error}'[:300])
        threads = [threading.Thread(target=safely, args=(visitor,))
                   for visitor in self._visitors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _shown(self):
        """Return ids, those first that the index shows first."""
        return [server.id for server in self._api.nova.servers.list(
            limit=SIZE, sort_keys=['created_at'], sort_dirs=['desc'])]

    def _images(self, ids):
        """Return by instance: whether an image has its verdict, by its id."""
        return {each: {image['id']: image.get('consistency_verdict') not in (
            None, 'pending') for image in self._api.snapshots(each)}
            for each in ids}


def _click(dashboard, instance_id):
    """Return what a click is told, and whether a snapshot was taken."""
    answer = dashboard.http.post(
        f'{dashboard.url}{clients.PANEL}{instance_id}/take/',
        allow_redirects=False, timeout=clients.PATIENCE,
        headers={'Referer': dashboard.url}, data={
            'csrfmiddlewaretoken': dashboard.http.cookies.get('csrftoken')})
    assert answer.status_code == 302, answer.status_code
    if '/snapshot/' in answer.headers['Location']:
        return 'the form is shown', False
    page = dashboard.get(QUIET)
    return (' '.join(dashboard.messages(page)),
            'alert alert-success' in page.text)


_BEGAN = time.monotonic()


def _say(text):
    print(f'[{time.monotonic() - _BEGAN:6.1f} s] {text}', flush=True)


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.load', description=__doc__.split('\n\n')[0])
    parser.add_argument('--users', type=int, default=50)
    parser.add_argument('--minutes', type=float, default=5)
    parser.add_argument('--clicks', type=int, default=1000)
    parser.add_argument('--instances', type=int, default=100,
                        help='that are clicked on')
    return parser


if __name__ == '__main__':
    sys.exit(main())
