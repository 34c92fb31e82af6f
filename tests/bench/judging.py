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


"""The judge over projects of many sizes: what it asks, and what that costs.

``python -m tests.bench.judging`` needs no cloud: Nova and Glance are a few
lines behind the adapter that all of OpenStack's clients send with. Each
instance has ten snapshots, of which one is new. Writes the table of the
documentation, and fails where the judge asks for more than it promises.
"""

import argparse
import csv
import dataclasses
import logging
import os
import pathlib
import sys
import time
import types
from unittest import mock
import urllib.parse
import uuid

import django

from tests.walls import cloud as clouds

PATH = (pathlib.Path(__file__).parents[2]
        / 'doc/source/performance-judge.csv')
SIZES = (10, 100, 1000)
SHORT = SIZES[:2]
EACH = 10
# As many as the services give at once.
PAGE = 1000
HEADINGS = ('Instances', 'Images', 'Round', 'Lists', 'Disks read',
            'Requests for one', 'Other requests for one', 'All requests',
            'CPU seconds')
_USER = clouds.Visitor('judge', roles=('member',))


class Project(clouds.Cloud):
    """Both services, with one project of so many instances.

    :ivar kinds: what each request was: a list, a disk's data, or another
    :ivar read: the images whose data was asked for
    """

    def __init__(self, size):
        super().__init__({_USER.name: _USER}, {
            clouds.OWN: 'project', clouds.OTHER: 'other'})
        self.kinds, self.read = [], set()
        server, = [each for each in self.servers.values()
                   if each['tenant_id'] == 'project']
        self.servers = {key: {**server, 'id': key} for key in (
            str(uuid.UUID(int=number + 1)) for number in range(size))}
        self.images = {}
        for number, instance_id in enumerate(self.servers):
            for snapshot in range(EACH):
                key = str(uuid.UUID(int=1 << 64 | number << 8 | snapshot))
                self.put(key, clouds.OWN, {
                    'image_type': 'snapshot', 'instance_uuid': instance_id})
                if snapshot:
                    self.seal(key)

    def send(self, adapter, request, **options):
        path = urllib.parse.urlsplit(request.url).path
        kind = 'other'
        if path.endswith(('/servers/detail', '/v2/images')):
            kind = 'list'
        elif path.endswith('/file'):
            kind = 'data'
            self.read.add(path)
        self.kinds.append(kind)
        return super().send(adapter, request, **options)

    def _nova(self, visitor, request, url):
        status, body = super()._nova(visitor, request, url)
        if 'servers' in body:
            body = {'servers': _page(body['servers'], url)}
        return status, body

    def _glance(self, visitor, request, url):
        status, body = super()._glance(visitor, request, url)
        if isinstance(body, dict) and 'images' in body:
            page = _page(body['images'], url)
            body = {'images': page}
            if len(page) == PAGE:
                query = dict(urllib.parse.parse_qsl(url.query),
                             marker=page[-1]['id'])
                body['next'] = url.path + '?' + urllib.parse.urlencode(query)
        return status, body


def _page(found, url):
    marker = dict(urllib.parse.parse_qsl(url.query)).get('marker')
    first = 0
    if marker:
        first = 1 + [each['id'] for each in found].index(marker)
    return found[first:first + PAGE]


@dataclasses.dataclass(frozen=True)
class Round:
    """What one round asked for.

    ``new`` is how many disks nobody had read; ``seconds`` are a processor's,
    those of the few lines that answer among them.
    """

    size: int
    name: str
    new: int
    lists: int
    disks: int
    data: int
    other: int
    seconds: float

    @property
    def wrong(self):
        """What is more than promised, in a few words; '' where nothing."""
        images = -(-self.size * EACH // PAGE)
        # One for each thousand, and for each kind one that finds no more:
        # of instances, of snapshots and of backups.
        most = images + -(-self.size // PAGE) + 3
        return ', '.join(text for text, holds in {
            f'{self.lists} lists instead of {most}': self.lists > most,
            f'{self.disks} disks read, new: {self.new}':
                self.disks != self.new,
            f'{self.other} other requests': self.other > 4 * self.new + 2,
        }.items() if holds)

    def row(self):
        """Return what stands in the table, in the order of its headings."""
        each = ['%.1f' % (asked / self.new) if self.new else '-'
                for asked in (self.data, self.other)]
        return (self.size, self.size * EACH, self.name, self.lists,
                self.disks, *each,
                self.lists + self.data + self.other, '%.1f' % self.seconds)


def grow(sizes):
    """Give a first :class:`Round` over each project, and one more."""
    from django.core.cache import cache
    from snapshot_panel.cloud import judge
    for size in sizes:
        cloud = Project(size)
        cache.clear()
        for name, new in (('first', size), ('next', 0)):
            cloud.kinds.clear()
            cloud.read.clear()
            with mock.patch('requests.adapters.HTTPAdapter.send',
                            autospec=True, side_effect=cloud.send):
                begun = time.process_time()
                report = judge.judge(_account())
                seconds = time.process_time() - begun
            if report.problems or report.sealed != new:
                raise RuntimeError(f'not judged: {report.problems[:3]}')
            yield Round(size, name, new, cloud.kinds.count('list'),
                        len(cloud.read), cloud.kinds.count('data'),
                        cloud.kinds.count('other'), seconds)


def _account():
    """Return an account that is let in, as the judge sees it."""
    from snapshot_panel.cloud import accounts
    session = accounts.Session(accounts.User(
        accounts.Token(_USER.name), 'project', 'judge', 'one', [
            {'type': kind, 'name': name, 'endpoints': [{
                'region': 'one', 'region_id': 'one', 'interface': 'public',
                'url': f'http://{name}.test{path}'}]}
            for kind, name, path in (('compute', 'nova', '/v2.1'),
                                     ('image', 'glance', ''))]))
    return types.SimpleNamespace(
        cloud='faked', address='http://keystone.test',
        session=lambda: session,
        project=lambda: accounts.Project('project', 'web'))


def main():
    """Judge; return the exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.bench.judging', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--short', action='store_true',
                        help='leave the largest out, and the table as it is')
    options = parser.parse_args()
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')
    django.setup()
    logging.disable(logging.WARNING)
    rounds = []
    for each in grow(SHORT if options.short else SIZES):
        rounds.append(each)
        print(*(f'{name}: {value};' for name, value in zip(
            HEADINGS, each.row())), each.wrong and 'WRONG: ' + each.wrong,
            flush=True)
    if not options.short:
        with PATH.open('w', newline='') as file:
            csv.writer(file, lineterminator='\n').writerows(
                [HEADINGS, *(each.row() for each in rounds)])
    return int(any(each.wrong for each in rounds))


if __name__ == '__main__':
    sys.exit(main())
