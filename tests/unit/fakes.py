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

"""What stands in the place of a service."""

import json
import types
import urllib.parse

from django.core.cache.backends import base
import requests
import yaml


class Data:
    """Image data as :func:`glance.open_data` opens it.

    :param data: the whole image; None where it is refused.
    :param ranges: whether the store can give parts of it.
    :param refusal: the status of that: 403, this user may not read it; 404,
        nobody can.
    """

    def __init__(self, data=None, ranges=True, refusal=403):
        self.data, self.ranges, self.refusal = data, ranges, refusal
        self.asked = []

    def __call__(self, _request, _image_id, part=None):
        self.asked.append(part)
        if self.data is None:
            return Answer(self.refusal)
        if part is None:
            return Answer(200, self.data)
        if not self.ranges:
            return Answer(400)
        first, last = map(int, part.partition('=')[2].split('-'))
        return Answer(206, self.data[first:last + 1], {
            'Content-Range': 'bytes %d-%d/%d' % (first, last,
                                                 len(self.data))})


class Answer:
    """An answer as the library requests gives it, as far as we look."""

    def __init__(self, status_code, body=b'', headers=None):
        self.status_code, self.body = status_code, body
        self.headers, self.closed = headers or {}, False
        self.text = ''

    def iter_content(self, size):
        for first in range(0, len(self.body), size):
            yield self.body[first:first + size]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def close(self):
        self.closed = True


def answer_images(images, url):
    """Answer a GET of images as Glance's client does.

    :param images: has ``list``, which takes the query by name, and ``get``.
    """
    path, _, query = url.partition('?')
    if path == '/v2/info/usage':
        # Glance's answer where the operator set no quotas.
        return None, {'usage': {}}
    if path == '/v2/images':
        options = dict(urllib.parse.parse_qsl(query))
        wanted = options.get('image_type')
        return None, {'images': [
            image for image in images.list(**options)
            if wanted in (None, image.get('image_type'))
            and image.get('os_hidden', False) == (
                options.get('os_hidden') == 'true')]}
    return None, images.get(path.rpartition('/')[2])


class GoneCache(base.BaseCache):
    """A cache that cannot be reached, and how its client says that."""

    def __init__(self, problem=ConnectionRefusedError(111, 'refused')):
        super().__init__({})
        self.problem = problem

    def _fail(self, *_args, **_options):
        raise self.problem

    get = get_many = set = set_many = add = delete = _fail


class Workflows:
    """Mistral as it answered on the wire (facts 47 to 49), in memory.

    Stands in the place of ``requests.adapters.HTTPAdapter.send``.

    :ivar refusals: statuses and faults by method and path, in place of what
        it would do; a fault that is an exception is raised.
    :ivar left: so many requests are still answered, None: all; then each
        ends with ``death``, after the first did its work if that is ``lost``
    """

    left, lost, death = None, False, requests.ConnectionError

    url = 'http://mistral/v2'
    moments = {'next_execution_time': '2026-11-23 03:00:00',
               'created_at': '2026-11-22 12:00:00'}

    def __init__(self):
        self.actions = {'nova.servers_create_image', 'nova.servers_get',
                        'nova.servers_get_console_output'}
        self.workflows, self.triggers, self.runs = {}, {}, []
        self.refusals, self.asked = {}, []

    def __call__(self, _adapter, request, **_options):
        path = urllib.parse.urlsplit(request.url).path.removeprefix('/v2')
        self.asked.append('%s %s' % (request.method, path))
        if self.left == 0 and not self.lost:
            raise self.death
        answer = self._act(request, path)
        if self.left == 0:
            self.lost = False
            raise self.death
        if self.left is not None:
            self.left -= 1
        return answer

    def _act(self, request, path):
        kind, _, name = path[1:].partition('/')
        status, body = self.refusals.get((request.method, '/' + kind)) or (
            getattr(self, '_%s_%s' % (request.method.lower(), kind))(
                name, request))
        if isinstance(body, Exception):
            raise body
        return self._answer(request, status, body)

    @staticmethod
    def _answer(request, status, body):
        made = requests.Response()
        made.status_code, made.url, made.request = status, request.url, request
        made.headers['Content-Type'] = 'application/json'
        if isinstance(body, str):
            body = {'faultstring': body}
        made._content = (body if isinstance(body, bytes)
                         else json.dumps(body).encode())
        made.raw = types.SimpleNamespace(version=11)
        return made

    def _get_actions(self, name, _request):
        return ((200, {'name': name}) if name in self.actions
                else (404, 'Action not found'))

    def _get_workflows(self, name, _request):
        return ((200, {'name': name}) if name in self.workflows
                else (404, 'Workflow not found'))

    def _named(self, request):
        spec = yaml.safe_load(request.body)
        return next(name for name in spec if name != 'version')

    def _put_workflows(self, _name, request):
        name = self._named(request)
        if name not in self.workflows:
            return 404, 'Workflow not found'
        self.workflows[name] = request.body.decode()
        return 200, {}

    def _post_workflows(self, _name, request):
        self.workflows[self._named(request)] = request.body.decode()
        return 201, {}

    def _delete_workflows(self, name, _request):
        if any(each['workflow_name'] == name
               for each in self.triggers.values()):
            return 400, "Can't delete workflow that has cron triggers"
        found = self.workflows.pop(name, None)
        return (404, 'Workflow not found') if found is None else (204, {})

    def _post_cron_triggers(self, _name, request):
        wanted = json.loads(request.body)
        if wanted['name'] in self.triggers:
            return 409, 'Duplicate entry for cron trigger'
        if wanted['workflow_name'] not in self.workflows:
            return 404, 'Workflow not found'
        self.triggers[wanted['name']] = wanted
        return 201, {**wanted, **self.moments}

    def _get_cron_triggers(self, name, _request):
        if name not in self.triggers:
            return 404, 'Cron trigger not found'
        return 200, {**self.triggers[name], **self.moments}

    def _delete_cron_triggers(self, name, _request):
        found = self.triggers.pop(name, None)
        return (404, 'Cron trigger not found') if found is None else (204, {})

    def _get_executions(self, _name, request):
        query = dict(urllib.parse.parse_qsl(
            urllib.parse.urlsplit(request.url).query))
        return 200, {'executions': [
            {**self.moments, 'state': state, 'state_info': info}
            for workflow, state, info in reversed(self.runs)
            if workflow == query['workflow_name']][:int(query['limit'])]}
