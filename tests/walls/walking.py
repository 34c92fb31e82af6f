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


"""Everybody walks the panel's addresses; what came of it is told."""

from collections.abc import Callable
import contextlib
import copy
import dataclasses
import functools
import json
import pathlib
import tempfile
from unittest import mock
from urllib import parse

from django.conf import settings
from django.core.cache import cache
from django.test.utils import override_settings
from django.urls import reverse
from django.urls import URLPattern
from openstack_auth import policy
from openstack_auth import utils as auth_utils
from openstack_dashboard.test import helpers
import yaml

from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import successor
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import workflow
from snapshot_panel import urls
from tests.unit import builders
from tests.unit import cases
from tests.walls import cloud as clouds

PANEL = 'horizon:project:consistent_snapshots:'
LOOKS = ('get', 'head', 'options')
CHANGES = ('post', 'put', 'patch', 'delete', 'trace')

NOBODY = clouds.Visitor('nobody', None)
READER = clouds.Visitor('reader', roles=('reader',))
MEMBER = clouds.Visitor('member', roles=('member', 'reader'))
ADMIN = clouds.Visitor('admin', roles=('admin', 'member', 'reader'))
OUTSIDER = clouds.Visitor('outsider', clouds.OTHER, ('member', 'reader'))
FOREIGN_ADMIN = clouds.Visitor('foreign-admin', clouds.OTHER,
                               ('admin', 'member', 'reader'))
VISITORS = (NOBODY, READER, MEMBER, ADMIN, OUTSIDER, FOREIGN_ADMIN)

# The rules that the panel asks for, by the service that has them.
RULES = {rule: service for service, rules in {
    'compute': (
        'os_compute_api:servers:create_image', 'os_compute_api:servers:stop',
        'os_compute_api:servers:start',
        'os_compute_api:server-metadata:create',
        'os_compute_api:server-metadata:delete',
        'os_compute_api:os-console-output', 'os_compute_api:servers:create'),
    'image': ('download_image', 'modify_image', 'delete_image')}.items()
    for rule in rules}


@dataclasses.dataclass(frozen=True)
class Ids:
    """What the parts of an address are filled with."""

    instance: str = builders.INSTANCE
    image: str = builders.BASE_IMAGE
    snapshot: str = builders.SNAPSHOT
    second: str = clouds.SECOND

    def held(self, name):
        """Return the ids by the names of an address's parts."""
        # What hangs on an instance, and judging, is about its snapshot.
        image = self.snapshot if name in (
            'restore', 'proof', 'judge_image', 'check_image') else self.image
        return {'instance_id': self.instance, 'image_id': image,
                'name': 'consistency-kit.sh', 'code': 'ready'}


OWN = Ids()
DELETED = Ids(*['77777777-0000-4000-8000-%012d' % number
                for number in range(4)])
# Of the length that addresses of images want.
MALFORMED = Ids("x' OR 1=1 <b>..", '-' * 36, '0' * 36, '../../x')


def patterns(found, *names):
    """Give each address's name and the names of its parts."""
    for each in found:
        here = (*names, *each.pattern.regex.groupindex)
        if isinstance(each, URLPattern):
            yield each.name, here
        else:
            yield from patterns(each.url_patterns, *here)


PARTS = dict(patterns(urls.urlpatterns))


def address(name, ids=OWN):
    """Return an address of the panel."""
    held = ids.held(name)
    return reverse(PANEL + name, args=[held[part] for part in PARTS[name]])


def query(name, ids=OWN):
    """Return what an address takes besides, as it is written behind it."""
    found = {
        'preset_images': [('id', ids.image)], 'rows': [('id', ids.instance)],
        'compare': [('snapshot', ids.snapshot), ('snapshot', ids.second)]}
    return '?' + parse.urlencode(found[name]) if name in found else ''


@dataclasses.dataclass(frozen=True)
class Act:
    """Something that a user can do by a form of the panel.

    :ivar page: the name of the address
    :ivar title: what it is called in the table
    :ivar does: what :class:`clouds.Cloud` writes down once it was done
    :ivar fields: the form's fields, made of the ids
    :ivar prepare: what has to be so before, done to the services
    """

    page: str
    title: str
    does: str
    fields: Callable[[Ids], dict[str, str]]
    prepare: Callable[[clouds.Cloud], None] = lambda cloud: None


def _edit(ids):
    return edits.Edit(ids.image, {facts.AGENT_PROPERTY: 'yes'}, (
        edits.Change('team', None, 'a'),)).dump()


def _open(cloud):
    for image_id in (builders.SNAPSHOT, clouds.FOREIGN_SNAPSHOT):
        cloud.open(image_id)


def _orphan(cloud):
    _open(cloud)
    for instance_id in list(cloud.servers):
        del cloud.servers[instance_id]


def _channel(value):
    """Take the channel from all instances; give it to snapshots, or not."""
    def prepare(cloud):
        for server in cloud.servers.values():
            server['image'] = {**server['image'], 'properties': {}}
        for image in cloud.images.values():
            image[facts.AGENT_PROPERTY] = value
    return prepare


def _launch(ids):
    return {'step': 'launch', 'image': ids.snapshot,
            'shown': successor.Blueprint(
                clouds.name(clouds.OWN) + successor.SUFFIX, ids.snapshot,
                clouds.FLAVOR['id']).digest}


def _plan(phase, status):
    def prepare(cloud):
        for server in cloud.servers.values():
            server['metadata'] = builders.plan(phase).metadata()
            server['status'] = status
    return prepare


def unfinished(cloud):
    """Let there be something to settle, and a stop to carry on."""
    _open(cloud)
    _plan(restart.Phase.STOPPING, 'ACTIVE')(cloud)


def _discard(cloud):
    gone = builders.memory(image_id=clouds.GONE_IMAGE, gone=builders.NOW,
                           cause=verdict.Rule.GONE.code)
    for server in cloud.servers.values():
        server['metadata'] = {gone.key: gone.value()}


def _trigger(cloud):
    for instance_id in cloud.servers:
        cloud.triggers.add(workflow.name(instance_id))


def _form(ids):
    return {'name': 'mine', 'promise': 'filesystem-consistent',
            'strict': 'on'}


ACTS = (
    Act('index', 'Take a snapshot, on the index', 'snapshot',
        lambda ids: {'action': 'instances__take__' + ids.instance}),
    Act('take', 'Take a snapshot, on the instance\'s page', 'snapshot',
        lambda ids: {}),
    Act('snapshot', 'Take a snapshot, with options', 'snapshot', _form),
    Act('restart', 'Stop, take a snapshot and start again', 'stop',
        lambda ids: {}),
    Act('restart_choice', 'Give that up', 'note',
        lambda ids: {'choice': 'cancel'},
        _plan(restart.Phase.STOPPING, 'ACTIVE')),
    Act('restart_choice', 'Start an instance that was left shut off',
        'start', lambda ids: {'choice': 'start'},
        _plan(restart.Phase.OVER, 'SHUTOFF')),
    Act('schedule', 'Have the workflow service take snapshots', 'trigger',
        lambda ids: {'choice': 'begin', 'period': 'daily', 'hour': '3',
                     'keep': '7'}),
    Act('schedule', 'Pause that', 'pause', lambda ids: {'choice': 'pause'},
        _trigger),
    Act('schedule', 'End that', 'end', lambda ids: {'choice': 'end'},
        _trigger),
    Act('rows', 'Seal a verdict, on the index', 'seal',
        lambda ids: {'id': ids.instance}, _open),
    Act('news', 'Seal a verdict, on the instance\'s page', 'seal',
        lambda ids: {}, _open),
    Act('judge_image', 'Seal the verdict of a deleted instance\'s snapshot',
        'seal', lambda ids: {}, _orphan),
    Act('instance', 'Delete a snapshot', 'deletion',
        lambda ids: {'action': 'history__delete__' + ids.snapshot}),
    Act('instance', 'Dismiss the note of a discarded snapshot', 'note',
        lambda ids: {'action': 'history__dismiss__' + clouds.GONE_IMAGE},
        _discard),
    Act('image', 'Preview a change of an image\'s properties', 'dry run',
        lambda ids: {'edit': _edit(ids), 'step': 'undo'}),
    Act('save_images', 'Save a change of an image\'s properties', 'property',
        lambda ids: {'edit': _edit(ids)}),
    Act('fix', 'Give a snapshot the channel', 'property',
        lambda ids: {'step': 'property', 'image': ids.snapshot},
        _channel('no')),
    Act('fix', 'Launch a replacement', 'launch', _launch, _channel('yes')),
    Act('fix_news', 'Seal a verdict, while an instance is made ready', 'seal',
        lambda ids: {}, _open),
    Act('check_image', 'Read a disk again, to check its verdict', 'reading',
        lambda ids: {}),
)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What came of a visit.

    :ivar status: of the answer, which leads to ``location``
    :ivar did: what the services let him do
    :ivar written: what of that changes anything
    :ivar asked: by which methods the services were asked
    :ivar told: it has the names of a project that he is not in
    """

    status: int
    location: str
    did: frozenset
    written: tuple
    asked: frozenset
    told: bool

    @property
    def login(self):
        """Whether the user is sent to log in."""
        return self.status == 302 and '/auth/login/?next=' in self.location


class Walker(helpers.TestCase):
    """A dashboard in front of :class:`clouds.Cloud`, for anybody to walk."""

    def setUp(self):
        super().setUp()
        cases.PanelTestCase.act_as(self, 'member')
        cases.leave_out_the_frame(self)
        self.tokens = {visitor: copy.copy(self.token) for visitor in VISITORS}
        for visitor, token in self.tokens.items():
            token.id = visitor.name
        self.projects = {clouds.OWN: self.tenants.list()[0].id,
                         clouds.OTHER: self.tenants.list()[1].id}

    def visit(self, visitor, method, path, fields=None, without=(),
              prepare=lambda cloud: None):
        """Let somebody come; return what was :class:`Seen`."""
        cloud = clouds.Cloud({each.name: each for each in VISITORS},
                             self.projects, without)
        prepare(cloud)
        # What one may have learnt must not be there for the next.
        cache.clear()
        client = self._client(visitor)
        with mock.patch('requests.adapters.HTTPAdapter.send',
                        autospec=True, side_effect=cloud.send):
            answer = getattr(client, method)(path, fields or {})
        return Seen(answer.status_code, answer.headers.get('location', ''),
                    frozenset(cloud.did), tuple(cloud.written),
                    frozenset(cloud.asked), tells(visitor, answer))

    def _client(self, visitor):
        if visitor.project is None:
            auth_utils.get_user = self._real_get_user
            return self.client_class()
        self.setActiveUser(
            id=self.user.id, token=self.tokens[visitor],
            username=visitor.name, tenant_id=self.projects[visitor.project],
            service_catalog=with_workflows(self.service_catalog),
            roles=[{'id': name, 'name': name} for name in visitor.roles],
            authorized_tenants=self.tenants.list())
        # What the one before was told.
        self.client.cookies.pop('messages', None)
        return self.client

    def do(self, act, visitor, ids=OWN, without=()):
        """Let somebody send a form."""
        return self.visit(visitor, 'post', address(act.page, ids),
                          act.fields(ids), without, act.prepare)

    @contextlib.contextmanager
    def taken_away(self, rule):
        """Let the rules that Horizon knows give nobody a right."""
        service = RULES[rule]
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, 'policy.yaml').write_text(json.dumps(
                {**_rules_today(service), rule: '!'}))
            with override_settings(POLICY_DIRS={
                    **settings.POLICY_DIRS, service: [folder]}):
                policy.reset()
                yield
        policy.reset()


def with_workflows(catalog):
    """Return a catalog that has Mistral besides."""
    compute = next(each for each in catalog if each['type'] == 'compute')
    return [*catalog, {
        **compute, 'type': 'workflowv2', 'name': 'mistral', 'endpoints': [
            {name: value.replace('nova', 'mistral')
             if isinstance(value, str) else value
             for name, value in each.items()}
            for each in compute['endpoints']]}]


def tells(visitor, answer):
    """Return whether an answer names what another project has.

    Glance lets an administrator see all images, so he may.
    """
    others = {clouds.OWN, clouds.OTHER, None} - {visitor.project}
    return not visitor.administers and any(
        clouds.name(other) in answer.content.decode()
        for other in others if other)


@functools.cache
def _rules_today(service):
    folder, = settings.POLICY_DIRS[service]
    return yaml.safe_load(pathlib.Path(folder, 'today.yaml').read_text())
