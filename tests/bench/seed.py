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

"""Projects of several sizes, and the images of a whole cloud."""

import collections
import datetime
import itertools
import json
import shutil
import subprocess
import uuid

from tests.cloud import configuration
from tests.cloud import layout as layouts
from tests.cloud import processes
from tests.cloud import seed
from tests import progress

# How many instances the projects have, and images the whole cloud.
SIZES = (3, 100, 1000)
IMAGES = 10000
SNAPSHOTS_EACH = 4
# The images that everybody sees.
PUBLIC = 50
# The demo's own instance that is copied, and its snapshots: each verdict.
INSTANCE = 'web-ready'
PATIENCE = 300


def user(size):
    """Return the name of a project, which is its member's too."""
    return f'bench-{size}'


def ensure(folder, cloud):
    """Fill the cloud, unless it is full already; extend its ``users``.

    :param folder: of the running demo
    :param cloud: the content of ready.json as attributes
    """
    layout = layouts.make_layout(
        folder, int(cloud.url.rstrip('/').rpartition(':')[2]))
    admin = seed.open_session(layout, 'admin', 'admin')
    for size in SIZES:
        seed.ensure_member(admin, user(size))
        cloud.users[user(size)] = {'password': layouts.PASSWORD,
                                   'project': user(size)}
    marker = layout.marker('bench')
    if marker.exists():
        return
    progress.say('Seeding %s instances and %d images' % (
        ', '.join(map(str, SIZES)), IMAGES))
    plan = _plan(layout, cloud)
    file = layout.folder / 'bench-plan.json'
    file.write_text(json.dumps(plan))
    _copy_guests(layout, plan)
    for service in ('nova', 'glance'):
        subprocess.run(
            [str(layout.cloud_python), '-m', 'tests.bench.stock', service,
             str(file)], check=True, timeout=PATIENCE,
            env=processes.clean_environment())
    marker.touch()


def _plan(layout, cloud):
    """Return what stock.py is to make."""
    sessions = [seed.open_session(layout, user(size), user(size))
                for size in SIZES]
    instances = [_instance(session, number)
                 for session, size in zip(sessions, SIZES)
                 for number in range(size)]
    originals = [cloud.images[name] for name in sorted(cloud.images)
                 if name.rpartition('-')[0].startswith(
                     tuple(each[0] for each in seed.FORMER))]
    images = collections.defaultdict(list)
    made = 0
    for number in range(SNAPSHOTS_EACH):
        for instance, original in zip(instances, itertools.cycle(originals)):
            images[original].append(_image(
                made, instance['project_id'], 'private', instance['uuid']))
            made += 1
    for number in range(made, IMAGES - len(cloud.images)):
        # Of projects that nobody here looks at, and the cloud's own.
        public = number < made + PUBLIC
        images[originals[0]].append(_image(
            number, uuid.uuid4().hex, 'public' if public else 'private',
            str(uuid.uuid4())))
    return {
        'cell': configuration.database(layout, 'nova_cell1'),
        'api': configuration.database(layout, 'nova_api'),
        'glance': configuration.database(layout, 'glance'),
        'instance': cloud.instances[INSTANCE], 'instances': instances,
        'images': images}


def _instance(session, number):
    name = f'server-{number:04d}'
    return {'uuid': str(uuid.uuid4()), 'disk': str(uuid.uuid4()),
            'display_name': name, 'hostname': name,
            'project_id': session.project_id, 'user_id': session.user_id,
            'created_at': _ago(minutes=number + 60)}


def _image(number, owner, visibility, instance):
    return {'id': str(uuid.uuid4()), 'name': f'image-{number:05d}',
            'owner': owner, 'visibility': visibility, 'instance': instance,
            'created_at': _ago(minutes=number + 60),
            'updated_at': _ago(minutes=number + 60)}


def _ago(**time):
    return (datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            - datetime.timedelta(**time)).isoformat(timespec='seconds')


def _copy_guests(layout, plan):
    """Give each copy a guest of its own, for the model of a hypervisor."""
    folder = layout.folder / 'guests'
    for suffix in ('.json', '.console'):
        original = folder / (plan['instance'] + suffix)
        for instance in plan['instances']:
            shutil.copy(original, folder / (instance['uuid'] + suffix))
