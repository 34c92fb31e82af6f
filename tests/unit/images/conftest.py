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

"""A Glance that behaves as far as the image pages ask of it."""

import json
import types
from unittest import mock

from django.core.cache import cache
from django import http
from glanceclient import exc
import pytest

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import facts
from tests.unit import builders
from tests.unit import fakes

MISSING = 'Property %s does not exist.'


class Glance(object):
    """Images by id, and what the user may not do.

    ``protected`` are names of properties; ``before_write`` is called once
    before a patch that is going to be saved. ``requests`` are the methods
    that were asked for.
    """

    def __init__(self):
        self.stored = {}
        self.readonly = False
        self.protected = set()
        self.quota = 128
        self.before_write = None
        self.after_write = None
        self.patches = []
        self.requests = []
        self.listed = []
        self.definitions = {}
        self.images = self
        self.http_client = types.SimpleNamespace(
            patch=self._patch, get=self._get, timeout=None)

    def add(self, image_id=builders.BASE_IMAGE, owner='project', **values):
        self.stored[image_id] = {
            'id': image_id, 'name': 'debian', 'status': 'active',
            'owner': owner, 'created_at': '2026-11-22T10:00:00Z',
            'updated_at': '2026-11-22T10:00:00Z', **values}
        return image_id

    def get(self, image_id):
        if image_id not in self.stored:
            raise exc.HTTPNotFound()
        return dict(self.stored[image_id])

    def list(self, **options):
        self.listed.append(options)
        if options.get('marker') == 'gone':
            raise exc.HTTPBadRequest()
        return iter(list(self.stored.values()))

    def _patch(self, url, headers, data):
        self.requests.append('PATCH')
        image_id = url.rpartition('/')[2]
        values = self.get(image_id)
        for operation in json.loads(data):
            self._apply(values, operation)
        if self.before_write:
            hook, self.before_write = self.before_write, None
            hook()
        self.patches.append(json.loads(data))
        self.stored[image_id] = values
        if self.after_write:
            self.after_write()

    def _apply(self, values, operation):
        name = operation['path'][1:].replace('~1', '/').replace('~0', '~')
        if self.readonly:
            raise exc.HTTPForbidden(details='modify_image')
        if operation['op'] != 'add' and name not in values:
            raise exc.HTTPConflict(details=MISSING % name)
        if name in self.protected:
            raise exc.HTTPForbidden(details='&#x27;%s&#x27;' % name)
        if operation['op'] == 'remove':
            del values[name]
        else:
            values[name] = operation['value']
        if len(values) > self.quota:
            raise exc.HTTPOverLimit(details='too many')

    def _get(self, url):
        self.requests.append('GET')
        if not url.startswith('/v2/metadefs/'):
            return fakes.answer_images(self, url)
        path = url.partition('?')[0]
        name = path.partition('/namespaces/')[2]
        if name:
            return None, self.definitions[name]
        return None, {'namespaces': [{'namespace': each}
                                     for each in self.definitions]}


@pytest.fixture
def service():
    with mock.patch.object(glance, 'client', autospec=True) as client:
        client.return_value = Glance()
        with mock.patch.object(
                editing.policy, 'check', autospec=True,
                side_effect=lambda *_args: not client.return_value.readonly):
            yield client.return_value


@pytest.fixture
def instances():
    """What Nova lists; a :class:`errors.CloudError` in its place counts."""
    with mock.patch.object(nova, 'client', autospec=True), \
            mock.patch.object(nova, 'list_instances', autospec=True) as made:
        made.return_value = nova.InstancePage((facts.Instance(
            'i-1', 'web', 'ACTIVE', image_id=builders.BASE_IMAGE),))
        yield made


@pytest.fixture
def request_():
    made = http.HttpRequest()
    made.user = mock.Mock(tenant_id='project', username='ann',
                          is_superuser=False)
    cache.clear()
    return made
