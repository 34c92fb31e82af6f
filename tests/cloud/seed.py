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

"""Fills a new demo cloud, through the services' own interfaces.

Everything is looked for before it is made, so an interrupted seeding goes on
where it stopped.
"""

import concurrent.futures
import dataclasses
import datetime
import json
import time
import uuid

from tests.cloud import configuration
from tests.cloud import disk
from tests.cloud import guests
from tests.cloud import layout as layouts
from tests.cloud import rest

# How long an instance may take to reach a state, in seconds.
PATIENCE = 120
# How old an image is before an instance that is stopped is launched from it,
# in seconds.
SETTLED_AFTER = 12

USERS = {
    # name: (project, role)
    'demo': ('demo', 'member'),
    'demo2': ('demo', 'member'),
    'reader': ('demo', 'reader'),
    'admin': ('demo', 'admin'),
    'other': ('other', 'member'),
}
CATALOG = {
    # service of the layout: its type
    'keystone': 'identity', 'glance': 'image', 'placement': 'placement',
    'neutron': 'network', 'nova': 'compute', 'cinder': 'volumev3',
    'mistral': 'workflowv2',
}
FLAVORS = {
    # name: (MiB of memory, CPUs, GB of disk, GB of ephemeral disk, MiB of
    # swap); the last two are disks that no image of an instance holds.
    'demo.small': (512, 1, 2, 0, 0),
    'demo.medium': (1024, 2, 10, 0, 0),
    'demo.scratch': (512, 1, 2, 1, 256),
}
DEBIAN = {'os_distro': 'debian', 'os_version': '12', 'os_type': 'linux',
          'os_admin_user': 'debian', 'architecture': 'x86_64'}
ROCKY = {'os_distro': 'rocky', 'os_version': '9', 'os_type': 'linux',
         'os_admin_user': 'rocky', 'architecture': 'x86_64'}
AGENT = {'hw_qemu_guest_agent': 'yes'}
QUIESCE = {'os_require_quiesce': 'yes'}
LONG_NAME = ('customer-portal-production-golden-image-debian-12-bookworm-'
             'with-postgresql-15-and-guest-kit-2026-11-22-build-0042')


@dataclasses.dataclass(frozen=True)
class Instance:
    """An instance to make, and what becomes of it.

    ``root`` tells whether its root disk is an image's or a volume's;
    ``volumes`` are the names of volumes to attach.
    """

    name: str
    image: str
    profile: str
    then: str = ''
    status: str = 'ACTIVE'
    root: str = 'local'
    volumes: tuple = ()
    flavor: str = 'demo.small'


IMAGES = {
    # (owner, name): properties
    ('admin', 'debian-12'): DEBIAN,
    ('admin', 'debian-12-agent'): DEBIAN | AGENT,
    ('demo', 'debian-12-quiesce'): DEBIAN | AGENT | QUIESCE,
    ('demo', 'debian-12-own'): DEBIAN,
    ('demo', LONG_NAME): DEBIAN | AGENT | {
        'hw_disk_bus': 'scsi', 'hw_scsi_model': 'virtio-scsi',
        'hw_vif_model': 'virtio', 'hw_rng_model': 'virtio',
        'customer_reference': 'portal-0042'},
    ('admin', 'rocky-9-agent'): ROCKY | AGENT,
    ('other', 'other-image'): DEBIAN | AGENT,
}
# The guest whose disk an image holds, where it is not the usual one.
DISKS = {'rocky-9-agent': 'xfs'}
INSTANCES = (
    Instance('web-ready', 'debian-12-agent', 'ready'),
    Instance('db-hooks', LONG_NAME, 'hook-ok'),
    Instance('db-agent-no-kit', 'debian-12-agent', 'no-kit'),
    Instance('app-agent-stopped', 'debian-12-agent', 'agent-stopped'),
    Instance('legacy-no-channel', 'debian-12', 'agent-dead'),
    Instance('pay-requires-quiesce', 'debian-12-quiesce', 'agent-dead'),
    Instance('drifted', 'debian-12-own', 'ready'),
    Instance('next-is-discarded', 'debian-12-agent', 'discard'),
    Instance('paused', 'debian-12-agent', 'ready', 'pause', 'PAUSED'),
    Instance('stopped-clean', 'debian-12-agent', 'ready', 'os-stop',
             'SHUTOFF'),
    Instance('stopped-hard', 'debian-12-agent', 'ignores-acpi', 'os-stop',
             'SHUTOFF'),
    Instance('files-data-volume', 'debian-12-agent', 'ready',
             volumes=('files-data',)),
    Instance('mail-on-volumes', 'debian-12-agent', 'ready', root='volume',
             volumes=('mail-spool',)),
    Instance('batch-scratch', 'debian-12-agent', 'no-kit',
             flavor='demo.scratch'),
    Instance('erp-xfs', 'rocky-9-agent', 'xfs-no-kit'),
)
OTHER_INSTANCES = (Instance('other-web', 'other-image', 'ready'),)
# A change of an image after its instance has booted.
DRIFT = ('debian-12-own', AGENT)

FORMER = (
    # instance, verdict, rule, evidence, days ago
    ('db-hooks', 'application-consistent', 'hooks-witnessed',
     {'frozen': {'/': 0.06}, 'boot': '5c1e77d0', 'seq': 21,
      'hooks': {'20-postgresql': True}}, 1),
    ('web-ready', 'filesystem-consistent', 'freeze-witnessed',
     {'frozen': {'/': 0.06}, 'boot': '3f2a91c0', 'seq': 12}, 2),
    ('erp-xfs', 'unproven', 'no-witness', {}, 3),
    ('legacy-no-channel', 'crash-consistent', 'no-channel', {}, 4),
)
DISCARDED = ('next-is-discarded', 'gone-after-hook', 5)
# Taken with Nova's own API, of which the panel hears nothing: as `openstack
# server image create` and `openstack server backup create` do.
BY_COMMAND = (
    # instance, action, name, what the action wants besides
    ('db-agent-no-kit', 'createImage', 'before-upgrade', {}),
    ('batch-scratch', 'createBackup', 'nightly-batch-scratch',
     {'backup_type': 'nightly', 'rotation': 1}),
)
# Of an instance, as it was left when there was no panel, by a cloud whose
# storage has raw images.
BEFORE_THE_PANEL = ('files-data-volume', 'files-2025-01-31')


# Identity -----------------------------------------------------------------

def identity(layout):
    """Make users, projects and the catalog, or correct their addresses.

    :param layout: the Layout of this demo; Keystone runs
    """
    admin = open_session(layout, 'admin', 'admin')
    roles = by_name(admin, 'keystone', '/roles', 'roles')
    projects = {name: _ensure_named(
        admin, '/projects', 'project', name,
        {'domain_id': 'default'})['id']
        for name in ('service', 'demo', 'other')}
    for name in configuration.SERVICE_USERS:
        user = _ensure_user(admin, name, projects['service'])
        for role in ('service', 'admin'):
            _grant(admin, projects['service'], user, roles[role]['id'])
    for name, (project, role) in USERS.items():
        user = _ensure_user(admin, name, projects[project])
        _grant(admin, projects[project], user, roles[role]['id'])
    _ensure_catalog(admin, layout)


def ensure_member(admin, name):
    """Make a project and a user of the same name, its member."""
    roles = by_name(admin, 'keystone', '/roles', 'roles')
    project = _ensure_named(admin, '/projects', 'project', name,
                            {'domain_id': 'default'})['id']
    _grant(admin, project, _ensure_user(admin, name, project),
           roles['member']['id'])


def _ensure_catalog(admin, layout):
    services = {each['type']: each['id'] for each in
                admin('keystone', 'GET', '/services')['services']}
    endpoints = {(each['service_id'], each['interface']): each for each in
                 admin('keystone', 'GET', '/endpoints')['endpoints']}
    for name, kind in CATALOG.items():
        if name == 'mistral' and not layout.workflows_python:
            continue
        if kind not in services:
            services[kind] = admin('keystone', 'POST', '/services', {
                'service': {'name': name, 'type': kind}})['service']['id']
        for interface in ('public', 'internal', 'admin'):
            value = {'service_id': services[kind], 'interface': interface,
                     'region_id': layouts.REGION, 'url': layout.url(name)}
            known = endpoints.get((services[kind], interface))
            if not known:
                admin('keystone', 'POST', '/endpoints', {'endpoint': value})
            elif known['url'] != value['url']:
                admin('keystone', 'PATCH', f'/endpoints/{known["id"]}',
                      {'endpoint': {'url': value['url']}})


def _ensure_user(admin, name, project_id):
    return _ensure_named(
        admin, '/users', 'user', name,
        {'domain_id': 'default', 'password': layouts.PASSWORD,
         'default_project_id': project_id})['id']


def _ensure_named(admin, path, kind, name, values):
    found = admin('keystone', 'GET', f'{path}?name={name}')[f'{kind}s']
    return found[0] if found else admin(
        'keystone', 'POST', path, {kind: {'name': name, **values}})[kind]


def _grant(admin, project_id, user_id, role_id):
    admin('keystone', 'PUT',
          f'/projects/{project_id}/users/{user_id}/roles/{role_id}')


# Images and instances -----------------------------------------------------

def seed(layout, say):
    """Make images, instances and former snapshots.

    :param layout: the Layout of this demo; all services run
    :param say: called with a text at each step
    :returns: the part of ready.json that tells of them
    """
    sessions = {name: open_session(layout, name, project)
                for name, (project, _) in USERS.items()}
    ensure_flavors(sessions['admin'])
    # The cloud's own images belong to no project of a user.
    owners = {**sessions, 'admin': open_session(layout, 'admin', 'admin')}
    images = {name: _ensure_image(owners[owner], name, properties,
                                  public=owner == 'admin')
              for (owner, name), properties in IMAGES.items()}
    say('instances')
    instances = {}
    for session, wanted in ((sessions['demo'], INSTANCES),
                            (sessions['other'], OTHER_INSTANCES)):
        instances |= _seed_instances(session, wanted, images)
    say('former snapshots')
    demo = sessions['demo']
    _patch_image(demo, images[DRIFT[0]], DRIFT[1])
    images |= _seed_snapshots(demo, instances)
    images |= _seed_unrecorded(demo, instances)
    _seed_discarded(demo, instances)
    return describe(instances, images)


def describe(instances, images):
    """Return the part of ready.json that tells of the seed."""
    return {
        'project': 'demo',
        'users': {name: {'password': layouts.PASSWORD, 'project': project,
                         'roles': [role]}
                  for name, (project, role) in USERS.items()},
        'instances': instances, 'images': images,
    }


def ensure_flavors(admin, flavors=None):
    """Make the flavors, FLAVORS if none are given."""
    flavors = flavors or FLAVORS
    known = by_name(admin, 'nova', '/flavors', 'flavors')
    for number, (name, sizes) in enumerate(flavors.items(), 1):
        if name not in known:
            memory, cpus, gigabytes, ephemeral, swap = sizes
            admin('nova', 'POST', '/flavors', {'flavor': {
                'id': str(number), 'name': name, 'ram': memory,
                'vcpus': cpus, 'disk': gigabytes, 'swap': swap,
                'OS-FLV-EXT-DATA:ephemeral': ephemeral}})


def _ensure_image(session, name, properties, public=False):
    return _active_image(session, name) or _make_image(session, {
        'name': name, 'visibility': 'public' if public else 'private',
        **properties}, _disk(DISKS.get(name, guests.DEFAULT_PROFILE)))


def _disk(profile, at_rest=True, disk_format='qcow2'):
    return disk.make(guests.PROFILES[profile], at_rest, 1, disk_format)


def _make_image(session, values, content):
    image = session('glance', 'POST', '/v2/images', {
        'disk_format': 'qcow2', 'container_format': 'bare', 'min_disk': 2,
        **values})
    session('glance', 'PUT', f'/v2/images/{image["id"]}/file',
            content, 'application/octet-stream')
    return image['id']


def _patch_image(session, image_id, properties):
    session('glance', 'PATCH', f'/v2/images/{image_id}', [
        {'op': 'add', 'path': f'/{name}', 'value': value}
        for name, value in properties.items()],
        'application/openstack-images-v2.1-json-patch')


def _seed_instances(session, wanted, images):
    servers = by_name(session, 'nova', '/servers/detail', 'servers')
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return dict(zip(
            (each.name for each in wanted),
            pool.map(lambda each: _seed_instance(
                session, each, images, servers.get(each.name)), wanted)))


def _seed_instance(session, wanted, images, server):
    if server and server['status'] == 'ERROR':
        # An earlier start was interrupted while it booted.
        session('nova', 'DELETE', f'/servers/{server["id"]}')
        server = None
    if server is None:
        if wanted.then == 'os-stop':
            _let_age(session, images[wanted.image])
        server = session('nova', 'POST', '/servers', {'server': {
            'name': wanted.name, 'networks': 'none',
            'flavorRef': str(1 + list(FLAVORS).index(wanted.flavor)),
            'metadata': {'demo_guest': wanted.profile},
            **_disks(session, wanted, images[wanted.image])}})['server']
    path = f'/servers/{server["id"]}'
    status = wait_for_status(session, path, {'ACTIVE', wanted.status})
    if status != wanted.status:
        session('nova', 'POST', f'{path}/action', {wanted.then: None})
        wait_for_status(session, path, {wanted.status})
    return server['id']


def _disks(session, wanted, image_id):
    """Return what a server is made of, as Nova wants to be told."""
    if wanted.root == 'local' and not wanted.volumes:
        return {'imageRef': image_id}
    root = {'boot_index': 0, 'uuid': image_id, 'source_type': 'image',
            'destination_type': wanted.root, 'delete_on_termination': True}
    if wanted.root == 'volume':
        root['volume_size'] = 2
    return {'imageRef': image_id if wanted.root == 'local' else '',
            'block_device_mapping_v2': [root] + [
                {'boot_index': -1, 'uuid': _ensure_volume(session, name),
                 'source_type': 'volume', 'destination_type': 'volume'}
                for name in wanted.volumes]}


def _ensure_volume(session, name):
    known = by_name(session, 'cinder', '/volumes', 'volumes')
    volume = known.get(name) or session('cinder', 'POST', '/volumes', {
        'volume': {'name': name, 'size': 1}})['volume']
    deadline = time.monotonic() + PATIENCE
    while True:
        status = session('cinder', 'GET', f'/volumes/{volume["id"]}')[
            'volume']['status']
        if status == 'available':
            return volume['id']
        if status == 'error' or time.monotonic() > deadline:
            raise layouts.SetupError(f'Volume {name} is {status}')
        time.sleep(0.5)


def _let_age(session, image_id):
    """Wait until an image is not new any more when it is launched.

    The panel does not trust a change right before the launch.
    """
    updated = datetime.datetime.fromisoformat(
        session('glance', 'GET', f'/v2/images/{image_id}')['updated_at'])
    age = datetime.datetime.now(datetime.timezone.utc) - updated
    time.sleep(max(0, SETTLED_AFTER - age.total_seconds()))


def wait_for_status(session, path, wanted):
    """Wait until a server's status is one of those wanted; return it.

    :raises SetupError: it failed, or PATIENCE is over
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        server = session('nova', 'GET', path)['server']
        if server['status'] in wanted and not server[
                'OS-EXT-STS:task_state']:
            return server['status']
        if server['status'] == 'ERROR':
            raise layouts.SetupError(
                f'Instance {server["name"]} failed: {server.get("fault")}')
        time.sleep(0.5)
    raise layouts.SetupError(
        f'Instance {server["name"]} is {server["status"]} after {PATIENCE} '
        f's, not {" or ".join(wanted)}')


# Former snapshots ---------------------------------------------------------

def _seed_snapshots(session, instances):
    """Make one snapshot for each verdict, as Nova and the panel leave it."""
    images = {}
    for name, verdict, rule, evidence, days in FORMER:
        moment = _days_ago(days)
        image_name = f'{name}-{moment[:10]}'
        found = session('glance', 'GET',
                        f'/v2/images?name={image_name}')['images']
        images[image_name] = found[0]['id'] if found else _make_snapshot(
            session, image_name, instances[name], verdict, rule, evidence,
            moment)
    return images


def _make_snapshot(session, name, instance_id, verdict, rule, evidence,
                   moment):
    server = session('nova', 'GET', f'/servers/{instance_id}')['server']
    image_id = str(uuid.uuid4())
    boot = evidence.get('boot', '')
    values = {
        'id': image_id, 'name': name, 'min_disk': 2,
        **server['image'].get('properties', {}),
        'image_type': 'snapshot', 'instance_uuid': instance_id,
        'base_image_ref': server['image']['id'],
        'image_location': 'snapshot', 'image_state': 'available',
        'boot_roles': 'reader,member', 'visibility': 'private',
        'user_id': session.user_id,
        'owner_id': session.project_id, 'owner_user_name': session.user,
        'owner_project_name': 'demo',
        'consistency_verdict': verdict, 'consistency_rule': rule,
        'consistency_evidence': json.dumps(evidence, sort_keys=True),
        'consistency_image': image_id, 'consistency_state': 'ACTIVE',
        'consistency_requested_at': moment,
        'consistency_requested_by': session.user,
        'consistency_sealed_at': moment,
        'consistency_after_action': f'req-{uuid.uuid4()}',
        'consistency_baseline': _baseline(evidence) if boot else 'none',
    }
    # Also the one that nobody could prove then was frozen by its agent.
    return _make_image(session, values, _disk(
        server['metadata']['demo_guest'], verdict != 'crash-consistent'))


def _baseline(evidence):
    """Return the guest's last witness before the freeze, as text."""
    return (f'{evidence["boot"]}:{evidence["seq"] - 1}:'
            f'{uuid.uuid4().hex}:started')


def _seed_unrecorded(session, instances):
    """Make the snapshots that the panel knows nothing of."""
    name, image_name = BEFORE_THE_PANEL
    image_id = _active_image(session, image_name) or _make_image(
        session, {
            'name': image_name, 'disk_format': 'raw', 'min_disk': 2,
            'image_type': 'snapshot', 'instance_uuid': instances[name],
            'visibility': 'private', **AGENT}, _disk('ready', True, 'raw'))
    return {image_name: image_id} | {
        image_name: _active_image(session, image_name) or _take(
            session, instances[name], action,
            {'name': image_name, **more})
        for name, action, image_name, more in BY_COMMAND}


def _active_image(session, name):
    """Return the id of an image of this name, None where there is none."""
    found = session('glance', 'GET', f'/v2/images?name={name}')['images']
    return next((each['id'] for each in found
                 if each['status'] == 'active'), None)


def _take(session, instance_id, action, values):
    """Take a snapshot with an action of Nova's; return the image's id."""
    image_id = session('nova', 'POST', f'/servers/{instance_id}/action',
                       {action: values})['image_id']
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = session('glance', 'GET',
                         f'/v2/images/{image_id}')['status']
        if status == 'active':
            return image_id
        time.sleep(0.5)
    raise layouts.SetupError(
        f'Image {values["name"]} is {status} after {PATIENCE} s')


def _seed_discarded(session, instances):
    name, cause, days = DISCARDED
    path = f'/servers/{instances[name]}/metadata'
    metadata = session('nova', 'GET', path)['metadata']
    if any(key.startswith('consistency_snapshot_') for key in metadata):
        return
    moment = _days_ago(days)
    value = {'name': f'{name}-{moment[:10]}', 'at': moment,
             'by': session.user, 'gone': moment, 'cause': cause}
    session('nova', 'POST', path, {'metadata': {
        f'consistency_snapshot_{uuid.uuid4()}':
            json.dumps(value, separators=(',', ':'))}})


def _days_ago(days):
    moment = (datetime.datetime.now(datetime.timezone.utc) -
              datetime.timedelta(days=days))
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')


# Both ---------------------------------------------------------------------

def open_session(layout, user, project):
    """Return a rest.Session of a user in a project."""
    return rest.Session(
        layout.url('keystone'),
        {name: layout.url(name) for name in ('glance', 'nova', 'cinder')},
        user, layouts.PASSWORD, project)


def by_name(session, service, path, key):
    """Return a list that a service gives as a dict by name."""
    return {each['name']: each for each in session(service, 'GET', path)[key]}
