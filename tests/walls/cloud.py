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


"""Nova, Glance and Mistral as a few lines, which ask whose token it is.

They stand behind the adapter that all of OpenStack's clients send with, so
what they count is what would have gone over the wire. They know two projects,
and the rules of the services' default policies, less those taken away.
"""

import dataclasses
import io
import json
import re
import urllib.parse

import urllib3

from snapshot_panel.consistency import records
from tests import images as disks
from tests.unit import builders

FOREIGN_INSTANCE = '11111111-aaaa-4aaa-8aaa-11111111111f'
FOREIGN_IMAGE = '33333333-cccc-4ccc-8ccc-33333333333f'
FOREIGN_SNAPSHOT = '22222222-bbbb-4bbb-8bbb-22222222222f'
SECOND = '22222222-bbbb-4bbb-8bbb-22222222222d'
GONE_IMAGE = '22222222-bbbb-4bbb-8bbb-22222222222e'
MADE = '66666666-ffff-4fff-8fff-666666666666'
OWN, OTHER = 'own', 'elsewhere'
FLAVOR = {'id': '7', 'name': 'm1.tiny', 'vcpus': 1, 'ram': 512, 'disk': 2}


def name(owner):
    """Return what all that a project has is called."""
    return 'project-' + owner


# Which rule Nova holds an action against, and what it is called here.
_ACTIONS = {
    'createImage': ('os_compute_api:servers:create_image', 'snapshot'),
    'os-stop': ('os_compute_api:servers:stop', 'stop'),
    'os-start': ('os_compute_api:servers:start', 'start'),
    'os-getConsoleOutput': ('os_compute_api:os-console-output', None)}
_DISK = disks.ext4(64 * disks.KB)


@dataclasses.dataclass(frozen=True)
class Visitor:
    """Who has a token: roles in a project, None for nobody."""

    name: str
    project: str | None = OWN
    roles: tuple[str, ...] = ()

    @property
    def acts(self):
        """Whether the default policies let him change anything."""
        return bool({'member', 'admin'} & set(self.roles))

    @property
    def administers(self):
        return 'admin' in self.roles


class Refusal(Exception):
    """A service refuses, with a status and a text for the answer."""

    def __init__(self, status, text='no'):
        super().__init__(text)
        self.status, self.text = status, text


class Cloud:
    """The services.

    :param visitors: by the token that they send
    :param projects: the ids of :data:`OWN` and :data:`OTHER`
    :param without: rules that nobody has any more
    :ivar asked: the method of each request
    :ivar written: what was changed, as (what, id)
    :ivar did: what was done, changes and what changes nothing
    """

    def __init__(self, visitors, projects, without=()):
        self._visitors, self._projects = visitors, projects
        self._without = set(without)
        self.asked, self.written, self.did = [], [], set()
        # The names of Mistral's, whose default is that all of a project may.
        self.triggers = set()
        self.console = builders.started()
        self.servers = {
            key: self._server(key, owner) for key, owner in (
                (builders.INSTANCE, OWN), (FOREIGN_INSTANCE, OTHER))}
        self.images = {}
        for key, owner, snapshot in (
                (builders.BASE_IMAGE, OWN, None),
                (FOREIGN_IMAGE, OTHER, None),
                (builders.SNAPSHOT, OWN, builders.INSTANCE),
                (SECOND, OWN, builders.INSTANCE),
                (FOREIGN_SNAPSHOT, OTHER, FOREIGN_INSTANCE)):
            self.put(key, owner, {
                'image_type': 'snapshot', 'instance_uuid': snapshot,
                'base_image_ref': builders.BASE_IMAGE} if snapshot else {})
            if snapshot:
                self.seal(key)

    def _server(self, key, owner):
        return {
            'id': key, 'name': name(owner), 'status': 'ACTIVE',
            'tenant_id': self._projects[owner], 'metadata': {},
            'created': '2026-11-22T11:00:00Z', 'OS-EXT-STS:task_state': None,
            'os-extended-volumes:volumes_attached': [],
            'flavor': {'original_name': FLAVOR['name']},
            'image': {'id': builders.BASE_IMAGE, 'properties': {
                'hw_qemu_guest_agent': 'yes'}}}

    def put(self, key, owner, properties):
        """Let there be an active image with an ext4 at rest."""
        self.images[key] = {
            'id': key, 'name': name(owner), 'status': 'active',
            'size': len(_DISK), 'owner': self._projects[owner],
            'visibility': 'private', 'tags': [],
            'created_at': '2026-11-22T11:59:00Z',
            'updated_at': '2026-11-22T11:59:10Z',
            'hw_qemu_guest_agent': 'yes', **properties}

    def seal(self, key):
        """Put a verdict on an image."""
        self.images[key].update(builders.sealed().properties)
        self.images[key].update({
            records.IMAGE: key,
            'instance_uuid': self.images[key]['instance_uuid']})

    def open(self, key):
        """Take the verdict off again: the panel has asked for it lately."""
        asked = builders.asked(self.console.baseline).properties
        self.images[key] = {
            name: value for name, value in self.images[key].items()
            if not name.startswith('consistency_')} | {
            **asked, records.IMAGE: key,
            'instance_uuid': self.images[key]['instance_uuid']}

    # What is sent

    def send(self, adapter, request, **_options):
        """Answer in place of :meth:`requests.adapters.HTTPAdapter.send`."""
        url = urllib.parse.urlsplit(request.url)
        self.asked.append(request.method)
        visitor = self._visitors[_text(request.headers['X-Auth-Token'])]
        asks = {'nova': self._nova, 'glance': self._glance,
                'mistral': self._mistral}
        try:
            ask = next((ask for name, ask in asks.items()
                        if name in url.netloc), None)
            if ask is None:
                raise Refusal(404)
            status, body = ask(visitor, request, url)
        except Refusal as refusal:
            status, body = refusal.status, {
                'error': {'message': refusal.text, 'code': refusal.status}}
        return _answer(adapter, request, status, body)

    def _change(self, what, key, visitor, rule, owner):
        """Write down that something was changed, or tried.

        :raises Refusal: it may not be.
        """
        if not self._allows(visitor, rule, owner):
            raise Refusal(403)
        self.written.append((what, key))
        self.did.add(what)

    def _allows(self, visitor, rule, owner):
        return (rule not in self._without and visitor.acts and (
            visitor.administers
            or owner == self._projects[visitor.project]))

    # Nova

    def _nova(self, visitor, request, url):
        path = re.sub(r'^/v2(\.1)?', '', url.path)
        if path in ('', '/'):
            return 200, {'version': {
                'id': 'v2.1', 'version': '2.98', 'min_version': '2.1',
                'status': 'CURRENT', 'links': [], 'updated': ''}}
        if path == '/limits':
            return 200, {'limits': {'rate': [], 'absolute': {
                'maxServerMeta': 128}}}
        if path == '/flavors/detail':
            return 200, {'flavors': [FLAVOR]}
        if path == '/os-keypairs':
            return 200, {'keypairs': []}
        if path == '/servers' and request.method == 'POST':
            self._change('launch', MADE, visitor,
                         'os_compute_api:servers:create',
                         self._projects[visitor.project])
            return 202, {'server': {'id': MADE}}
        if path == '/servers/detail':
            wanted = dict(urllib.parse.parse_qsl(url.query))
            return 200, {'servers': [
                server for server in self.servers.values()
                if server['tenant_id'] == wanted['project_id']
                == self._projects[visitor.project]
                and wanted.get('image') in (None, server['image']['id'])]}
        found = re.fullmatch('/servers/([^/]+)(/.*)?', path)
        server = self.servers.get(found and found[1])
        if server is None or not (
                visitor.administers or server['tenant_id']
                == self._projects[visitor.project]):
            raise Refusal(404)
        return self._nova_server(visitor, request, server, found[2] or '')

    def _nova_server(self, visitor, request, server, part):
        key, owner = server['id'], server['tenant_id']
        if request.method == 'GET' and not part:
            return 200, {'server': server}
        if part.startswith('/os-instance-actions'):
            return 200, {'instanceActions': [
                {'action': action.name, 'request_id': action.request_id,
                 'user_id': action.user_id} for action in builders.actions(
                     before=builders.action('create', builders.BEFORE))]}
        if part == '/os-interface':
            return 200, {'interfaceAttachments': []}
        if part == '/action':
            return self._nova_action(visitor, request, server)
        if part.startswith('/metadata'):
            verb = 'delete' if request.method == 'DELETE' else 'create'
            self._change('note', key, visitor,
                         'os_compute_api:server-metadata:' + verb, owner)
            if verb == 'delete':
                server['metadata'].pop(urllib.parse.unquote(
                    part.rpartition('/')[2]), None)
                return 204, None
            server['metadata'].update(json.loads(request.body)['metadata'])
            return 200, {'metadata': server['metadata']}
        raise Refusal(404)

    def _nova_action(self, visitor, request, server):
        name, = json.loads(request.body)
        rule, what = _ACTIONS[name]
        if what is None:
            if not self._allows(visitor, rule, server['tenant_id']):
                raise Refusal(403)
            return 200, {'output': self.console.text}
        self._change(what, server['id'], visitor, rule, server['tenant_id'])
        if name == 'createImage':
            self.put(MADE, OWN, {'status': 'queued'})
            return 202, {'image_id': MADE}
        return 202, None

    # Mistral

    def _mistral(self, visitor, request, url):
        kind, _, name = url.path.partition('/v2/')[2].partition('/')
        if request.method == 'GET':
            if kind == 'executions':
                return 200, {'executions': []}
            if kind == 'cron_triggers' and name not in self.triggers:
                raise Refusal(404)
            return 200, {'name': name, 'pattern': '0 3 * * *'}
        # Last comes what is called by the name of the act.
        what = {('cron_triggers', 'POST'): 'trigger',
                ('cron_triggers', 'DELETE'): 'pause',
                ('workflows', 'DELETE'): 'end'}.get(
            (kind, request.method), kind)
        self.written.append((what, name))
        self.did.add(what)
        return (204, None) if request.method == 'DELETE' else (200, {})

    # Glance

    def _glance(self, visitor, request, url):
        if url.path == '/v2/images':
            return 200, {'images': self._list(visitor, dict(
                urllib.parse.parse_qsl(url.query)))}
        if url.path == '/v2/metadefs/namespaces':
            return 200, {'namespaces': []}
        if url.path == '/v2/info/usage':
            return 200, {'usage': {}}
        found = re.fullmatch('/v2/images/([^/]+)(/.*)?', url.path)
        image = self.images.get(found and urllib.parse.unquote(found[1]))
        if image is None or not self._sees(visitor, image):
            raise Refusal(404)
        return self._glance_image(visitor, request, image, found[2] or '')

    def _sees(self, visitor, image):
        return (visitor.administers
                or image['owner'] == self._projects[visitor.project])

    def _list(self, visitor, options):
        if 'os_hidden' in options:
            return []
        wanted = {name: value for name, value in options.items() if name in (
            'owner', 'image_type', 'instance_uuid', 'visibility')}
        return [image for image in self.images.values()
                if self._sees(visitor, image) and all(
                    image.get(name) == value
                    for name, value in wanted.items())]

    def _glance_image(self, visitor, request, image, part):
        key, owner = image['id'], image['owner']
        if request.method == 'PATCH':
            return self._patch(visitor, image, json.loads(request.body))
        if request.method == 'DELETE':
            self._change('deletion', key, visitor, 'delete_image', owner)
            del self.images[key]
            return 204, None
        if part == '/file':
            if not self._allows(visitor, 'download_image', owner):
                raise Refusal(403)
            self.did.add('reading')
            return 206, _range(request)
        if part:
            raise Refusal(404)
        return 200, image

    def _patch(self, visitor, image, operations):
        if any(operation['op'] == 'remove'
               and operation['path'][1:] not in image
               for operation in operations):
            # What the panel sends to learn what Glance would refuse.
            if not self._allows(visitor, 'modify_image', image['owner']):
                raise Refusal(403)
            self.did.add('dry run')
            raise Refusal(409, operations[-1]['path'][1:])
        names = {operation['path'][1:] for operation in operations}
        what = 'property'
        if records.VERDICT in names:
            what = 'seal'
        elif records.ACTION in names or records.IMAGE in names:
            what = 'binding'
        self._change(what, image['id'], visitor, 'modify_image',
                     image['owner'])
        for operation in operations:
            name = operation['path'][1:]
            if operation['op'] == 'remove':
                del image[name]
            else:
                image[name] = operation['value']
        return 200, image


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _range(request):
    first, last = map(int, re.fullmatch(
        r'bytes=(\d+)-(\d+)', _text(request.headers['Range'])).groups())
    return first, _DISK[first:last + 1]


def _answer(adapter, request, status, body):
    headers = {'Content-Type': 'application/json',
               'x-openstack-request-id': builders.OWN}
    data = b'' if body is None else body
    if isinstance(body, tuple):
        first, data = body
        headers |= {
            'Content-Type': 'application/octet-stream',
            'Content-Range': 'bytes %d-%d/%d' % (
                first, first + len(data) - 1, len(_DISK))}
    elif body is not None:
        data = json.dumps(body).encode()
    return adapter.build_response(request, urllib3.HTTPResponse(
        io.BytesIO(data), headers, status, version=11,
        preload_content=False))
