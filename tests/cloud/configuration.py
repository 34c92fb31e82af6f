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

"""Writes the services' configuration files."""

import configparser
import json
import secrets
import shutil

from tests.cloud import hypervisor
from tests.cloud import layout as layouts

SERVICE_USERS = ('glance', 'placement', 'neutron', 'nova', 'cinder',
                 'mistral')
# An image property that only administrators change, as operators protect
# what they charge for; and all others, which everybody may.
PROTECTED_PROPERTIES = {
    '^licence_.*': {'create': 'admin', 'read': '@', 'update': 'admin',
                    'delete': 'admin'},
    '.*': {'create': '@', 'read': '@', 'update': '@', 'delete': '@'},
}
# What Mistral's workflows can do besides its own: by service, each action and
# the method of the service's client. All that there are would want the
# clients of twenty services.
ACTIONS = {'nova': {
    'servers_create_image': 'servers.create_image',
    'servers_get': 'servers.get',
    'servers_get_console_output': 'servers.get_console_output'}}


def write(layout):
    """Write all configuration files again; they follow folder and ports.

    :param layout: the Layout of this demo
    """
    for folder in (layout.configuration, layout.databases, layout.logs,
                   layout.pids, layout.folder / 'images',
                   layout.folder / 'images-staging',
                   layout.folder / 'images-tasks',
                   layout.folder / 'state' / 'instances',
                   layout.folder / 'guests'):
        folder.mkdir(parents=True, exist_ok=True)
    for name, sections in (
            ('keystone', _keystone(layout)), ('glance-api', _glance(layout)),
            ('placement', _placement(layout)), ('neutron', _neutron(layout)),
            ('nova', NOVA[layout.hypervisor](layout)),
            ('cinder', _cinder(layout)), ('mistral', _mistral(layout))):
        _write_ini(layout.configuration / f'{name}.conf', sections)
    _write_ini(_protection_file(layout), PROTECTED_PROPERTIES)
    _actions_file(layout).write_text(json.dumps(ACTIONS))
    names = ['glance/glance-api-paste.ini', 'nova/api-paste.ini',
             'neutron/api-paste.ini', 'cinder/api-paste.ini']
    for name in names:
        source = layout.share('etc') / name
        if not source.exists():
            raise layouts.SetupError(
                f'There is no {source}: the environment of the services is '
                f'half made. Remove it (make clean) and start again.')
        shutil.copy(source, layout.configuration / name.replace('/', '-'))


def secret(layout, name):
    """Return a random word that stays the same for this demo's folder."""
    path = layout.folder / f'{name}.secret'
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(24))
    return path.read_text()


def database(layout, name):
    """Return SQLAlchemy's address of one of the databases."""
    # Writers queue up for a minute rather than fail.
    return f'sqlite:///{layout.databases / name}.sqlite?timeout=60'


def _write_ini(path, sections):
    parser = configparser.ConfigParser(interpolation=None)
    # DEFAULT is an ordinary section for oslo.config.
    parser.default_section = None
    for section, values in sections.items():
        parser.add_section(section)
        for name, value in values.items():
            parser.set(section, name, str(value))
    with path.open('w') as file:
        parser.write(file)


def _user(layout, name):
    return {
        'auth_type': 'password', 'auth_url': layout.url('keystone'),
        'username': name, 'password': layouts.PASSWORD,
        'project_name': 'service', 'user_domain_name': 'Default',
        'project_domain_name': 'Default', 'region_name': layouts.REGION,
    }


def _token_check(layout, name):
    return _user(layout, name) | {
        'www_authenticate_uri': layout.url('keystone'),
        # Tokens are asked for again after this many seconds.
        'token_cache_time': 300,
        'service_token_roles_required': True,
    }


def _common(layout):
    state = layout.folder / 'state'
    return {
        'DEFAULT': {'state_path': state, 'host': 'demo-host',
                    'my_ip': layouts.HOST},
        'oslo_concurrency': {'lock_path': state / 'locks'},
        'oslo_messaging_notifications': {'driver': 'noop'},
    }


def _keystone(layout):
    state = layout.folder / 'state'
    return {
        'DEFAULT': {},
        'database': {'connection': database(layout, 'keystone')},
        'token': {'provider': 'fernet', 'expiration': 24 * 3600},
        'fernet_tokens': {'key_repository': state / 'fernet'},
        'fernet_receipts': {'key_repository': state / 'fernet'},
        'credential': {'key_repository': state / 'credential'},
        'cache': {'enabled': True, 'backend': 'dogpile.cache.memory'},
        # Passwords that are no secret need no slow hash.
        'identity': {'password_hash_rounds': 4},
    }


def _protection_file(layout):
    return layout.configuration / 'property-protections.ini'


def _glance(layout):
    return {
        'DEFAULT': {
            'enabled_backends': 'files:file',
            'property_protection_file': _protection_file(layout),
            'worker_self_reference_url': layout.url('glance'),
        },
        'database': {'connection': database(layout, 'glance')},
        'glance_store': {'default_backend': 'files'},
        'files': {'filesystem_store_datadir': layout.folder / 'images'},
        'os_glance_staging_store': {
            'filesystem_store_datadir': layout.folder / 'images-staging'},
        'os_glance_tasks_store': {
            'filesystem_store_datadir': layout.folder / 'images-tasks'},
        'paste_deploy': {
            'flavor': 'keystone',
            'config_file':
                layout.configuration / 'glance-glance-api-paste.ini'},
        'keystone_authtoken': _token_check(layout, 'glance'),
        'oslo_concurrency': {
            'lock_path': layout.folder / 'state' / 'locks'},
    }


def _placement(layout):
    return {
        'DEFAULT': {},
        'placement_database': {
            'connection': database(layout, 'placement')},
        'api': {'auth_strategy': 'keystone'},
        'keystone_authtoken': _token_check(layout, 'placement'),
    }


def _neutron(layout):
    sections = _common(layout)
    sections['DEFAULT'] |= {
        'core_plugin': 'ml2', 'service_plugins': '',
        'transport_url': 'fake://', 'auth_strategy': 'keystone',
        'api_paste_config': layout.configuration / 'neutron-api-paste.ini',
        # Nova has no network to hear about: its servers boot without one.
        'notify_nova_on_port_status_changes': False,
        'notify_nova_on_port_data_changes': False,
    }
    return sections | {
        'database': {'connection': database(layout, 'neutron')},
        'keystone_authtoken': _token_check(layout, 'neutron'),
        'ml2': {'mechanism_drivers': '', 'type_drivers': 'vxlan',
                'tenant_network_types': 'vxlan',
                'extension_drivers': 'port_security'},
        'ml2_type_vxlan': {'vni_ranges': '1:1000'},
    }


def _nova(layout):
    sections = _common(layout)
    sections['DEFAULT'] |= {
        'compute_driver': 'demo.DemoDriver', 'transport_url': 'fake://',
        'shutdown_timeout': layout.shutdown_timeout,
        # The services share one process: no need to hear of each other
        # often. A busy machine is not a dead one, nor is a demo that was
        # started again after days.
        'report_interval': 30, 'service_down_time': 10 ** 7,
        'instances_path': layout.folder / 'state' / 'instances',
        'log_options': False, 'allow_resize_to_same_host': True,
        # Each look at a server asks Neutron, whose client warns each time.
        'default_log_levels': 'neutronclient=ERROR,stevedore=CRITICAL',
    }
    return sections | {
        'api_database': {'connection': database(layout, 'nova_api')},
        'database': {'connection': database(layout, 'nova_cell1')},
        # Its look at its own answers is for its developers, and costs a
        # tenth of what it does.
        'api': {'auth_strategy': 'keystone', 'response_validation': 'ignore'},
        'wsgi': {
            'api_paste_config': layout.configuration / 'nova-api-paste.ini'},
        'keystone_authtoken': _token_check(layout, 'nova'),
        # Cinder lets go of a volume that is in use for Nova only.
        'service_user': _user(layout, 'nova') | {
            'send_service_user_token': True},
        'cinder': _user(layout, 'nova') | {
            'catalog_info': 'volumev3:cinder:internalURL',
            'os_region_name': layouts.REGION},
        'placement': _user(layout, 'nova'),
        'neutron': _user(layout, 'nova'),
        'glance': {'region_name': layouts.REGION, 'num_retries': 2},
        'keystone': {'region_name': layouts.REGION},
        'quota': {'instances': 2000, 'cores': 4000, 'ram': -1},
        'vnc': {'enabled': False},
        'libvirt': {'images_type': 'qcow2'},
    }


def _nova_with_qemu(layout):
    sections = _nova(layout)
    sections['DEFAULT'] |= {
        'compute_driver': 'demo.QemuDriver',
        # A demo that is stopped pulls its guests' plugs; they come back.
        'resume_guests_state_on_host_boot': True,
        'force_raw_images': False,
    }
    sections['libvirt'] |= {
        # Not KVM: it is not there in most virtual machines and containers.
        'virt_type': 'qemu', 'cpu_mode': 'none',
        'connection_uri': hypervisor.connection(layout),
    }
    return sections


def _cinder(layout):
    sections = _common(layout)
    sections['DEFAULT'] |= {
        'transport_url': 'fake://', 'auth_strategy': 'keystone',
        # All is in one process: nothing to hear of each other.
        'service_down_time': 10 ** 7,
        'enabled_backends': 'demo', 'default_volume_type': '__DEFAULT__',
        'glance_api_servers': layout.url('glance'),
        'resource_query_filters_file':
            layout.share('etc') / 'cinder' / 'resource_filters.json',
        # Else a migration's numbers count, and not these.
        'use_default_quota_class': False,
        'quota_volumes': 1000, 'quota_snapshots': 1000,
        'quota_gigabytes': 10000,
    }
    return sections | {
        'database': {'connection': database(layout, 'cinder')},
        'keystone_authtoken': _token_check(layout, 'cinder'),
        'coordination': {
            'backend_url': f'file://{layout.folder}/state/cinder'},
        'demo': {
            'volume_driver':
                f'tests.cloud.volume_driver.{VOLUMES[layout.hypervisor]}',
            'volume_backend_name': 'demo'},
    }


def _actions_file(layout):
    return layout.configuration / 'mistral-actions.json'


def _mistral(layout):
    return {
        'DEFAULT': {'transport_url': 'fake://',
                    'openstack_actions_mapping_path': _actions_file(layout)},
        'database': {'connection': database(layout, 'mistral')},
        'keystone_authtoken': _token_check(layout, 'mistral'),
        'openstack_actions': {'default_region': layouts.REGION},
        # In the engine's own process, which is the only one.
        'executor': {'type': 'local'},
        'oslo_messaging_notifications': {'driver': 'noop'},
    }


NOVA = {'model': _nova, 'qemu': _nova_with_qemu}
# The class of the volume driver.
VOLUMES = {'model': 'ModelDriver', 'qemu': 'LoopDriver'}
