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

"""Nova's driver of the demo: its fake one, with guests that behave.

What it tells Nova follows libvirt's driver, with its flaws: only the
property of the image is looked at before a freeze, a freeze that fails is
passed over in silence, and what is copied then is not consistent.
"""

import contextlib
import json
import pathlib
import threading
import time

from nova.compute import power_state
from nova.compute import task_states
from nova import context as nova_context
from nova import exception
from nova.image import glance
from nova import objects
from nova.virt import fake
from nova.virt import hardware
from nova.virt import node
from oslo_log import log as logging

from tests.cloud import disk
from tests.cloud import guests

LOG = logging.getLogger(__name__)
_STATE = {'folder': pathlib.Path()}
PROFILE_KEY = 'demo_guest'
# The steps of a snapshot, in seconds: long enough to be seen.
PREPARE_SECONDS = 1.0
COPY_SECONDS = 1.0
FREEZE_SECONDS = 0.06
EXTRACT_SECONDS = 0.5
# The same of an instance that has this in its metadata, as of a large disk.
SLOW_KEY = 'demo_slow'
SLOW_SECONDS = 180.0
UPLOAD_SECONDS = 2.0

_POWER = {
    guests.Power.RUNNING: power_state.RUNNING,
    guests.Power.PAUSED: power_state.PAUSED,
    # libvirt has no process for it.
    guests.Power.SUSPENDED: power_state.SHUTDOWN,
    guests.Power.OFF: power_state.SHUTDOWN,
}


def prepare(folder):
    """Keep the guests in the demo's folder."""
    _STATE['folder'] = folder / 'guests'


class GuestStore:
    """The guests by their instance's UUID, kept in a folder."""

    def __init__(self, folder):
        self._folder = folder
        self._guests = {}
        self._locks = {}
        self._lock = threading.Lock()
        for path in folder.glob('*.json'):
            self._load(path)

    def _load(self, path):
        console = path.with_suffix('.console')
        self._guests[path.stem] = guests.Guest.restore(
            json.loads(path.read_text()),
            console.read_text() if console.exists() else '')

    def __contains__(self, key):
        path = self._folder / (key + '.json')
        # A guest may have come beside us: make bench copies them.
        if key not in self._guests and path.exists():
            self._load(path)
        return key in self._guests

    def __iter__(self):
        return iter(list(self._guests))

    def add(self, key, guest):
        """Keep a guest, in the place of one with the same key."""
        self._guests[key] = guest
        self._save(key)

    def remove(self, key):
        """Forget a guest; one that is not there is no error."""
        self._guests.pop(key, None)
        for suffix in ('.json', '.console'):
            (self._folder / (key + suffix)).unlink(missing_ok=True)

    def power(self, key):
        """Return the guests.Power of a guest, without waiting for it."""
        return self._guests[key].power

    @contextlib.contextmanager
    def open(self, key):
        """Give a guest to one user at a time and keep what is done to it."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield self._guests[key]
            if key in self._guests:
                self._save(key)

    def _save(self, key):
        guest = self._guests[key]
        for suffix, text in (('.console', guest.console),
                             ('.json', json.dumps(guest.save()))):
            path = self._folder / (key + suffix)
            new = path.with_suffix(suffix + '.new')
            new.write_text(text)
            new.replace(path)


class SlowFile:
    """Bytes that take a while to be read, so that an upload can be seen."""

    def __init__(self, content, seconds):
        self._content = content
        self._pace = seconds / len(content)
        self._position = 0

    def read(self, size=-1):
        """Return the next bytes, not more than a piece at a time."""
        size = 65536 if size < 0 else min(size, 65536)
        piece = self._content[self._position:self._position + size]
        self._position += len(piece)
        time.sleep(len(piece) * self._pace)
        return piece


class DemoDriver(fake.FakeDriver):
    """A hypervisor whose guests are models."""

    capabilities = dict(fake.FakeDriver.capabilities,
                        supports_image_type_qcow2=True,
                        # There is no other host to resize an instance to.
                        supports_migrate_to_same_host=True)

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        self._image_api = glance.API()
        self._guests = None

    def init_host(self, host):
        super().init_host(host)
        self._guests = GuestStore(_STATE['folder'])
        for key in self._guests:
            self.instances[key] = fake.FakeInstance(
                key, power_state.RUNNING, key)

    # The node keeps its identity; the fake driver's changes each time. ----

    def get_nodenames_by_uuid(self, refresh=False):
        identity = node.get_local_node_uuid()
        return {identity: name for name in self.get_available_nodes()}

    def get_available_resource(self, nodename):
        resources = super().get_available_resource(nodename)
        if resources:
            resources['uuid'] = node.get_local_node_uuid()
        return resources

    # Guests ---------------------------------------------------------------

    @contextlib.contextmanager
    def _guest(self, instance):
        """Give the guest of an instance, as its metadata wants it now.

        :raises InstanceNotFound: the hypervisor does not know it
        """
        if instance.uuid not in self._guests:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        profile = self._profile(instance)
        with self._guests.open(instance.uuid) as guest:
            guest.catch_up(time.time(), profile)
            yield guest

    @classmethod
    def _profile(cls, instance):
        return cls._metadata(instance).get(PROFILE_KEY,
                                           guests.DEFAULT_PROFILE)

    @staticmethod
    def _metadata(instance):
        # Read again: the object that Nova hands over may be older than what
        # a test has set through the API.
        return objects.Instance.get_by_uuid(
            nova_context.get_admin_context(read_deleted='yes'),
            instance.uuid, expected_attrs=['metadata']).metadata

    def default_root_device_name(self, instance, image_meta, root_bdm):
        return '/dev/vda'

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        super().spawn(context, instance, image_meta, injected_files,
                      admin_password, allocations, network_info,
                      block_device_info, power_on, accel_info)
        guest = guests.Guest(
            instance.hostname or 'debian',
            bool(image_meta.properties.get('hw_qemu_guest_agent')))
        guest.catch_up(time.time(), self._profile(instance))
        if power_on:
            guest.boot(time.time())
        self._guests.add(instance.uuid, guest)

    def destroy(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, destroy_secrets=True):
        super().destroy(context, instance, network_info, block_device_info,
                        destroy_disks, destroy_secrets)
        self._guests.remove(instance.uuid)

    def get_info(self, instance, use_cache=True):
        if instance.uuid not in self._guests:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return hardware.InstanceInfo(
            state=_POWER[self._guests.power(instance.uuid)])

    def get_console_output(self, context, instance):
        with self._guest(instance) as guest:
            # libvirt names a console's device only while a process has it.
            if guest.power not in (guests.Power.RUNNING,
                                   guests.Power.PAUSED):
                raise exception.ConsoleNotAvailable()
            return guest.console

    # Power ----------------------------------------------------------------

    def power_off(self, instance, timeout=0, retry_interval=0):
        with self._guest(instance) as guest:
            listens = (guest.power is guests.Power.RUNNING and
                       guest.profile.acpi)
            goes = guest.power is not guests.Power.OFF
        if goes:
            time.sleep(min(timeout, guests.SHUTDOWN_SECONDS)
                       if listens else timeout)
        with self._guest(instance) as guest:
            if listens and timeout >= guests.SHUTDOWN_SECONDS:
                guest.shut_down(time.time())
            else:
                guest.cut()

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None, share_info=None):
        with self._guest(instance) as guest:
            guest.boot(time.time())

    def reboot(self, context, instance, network_info, reboot_type,
               block_device_info=None, bad_volumes_callback=None,
               accel_info=None, share_info=None):
        # A soft reboot is a shutdown and a start, and becomes a hard one
        # where the guest does not listen.
        timeout = guests.SHUTDOWN_SECONDS if reboot_type == 'SOFT' else 0
        self.power_off(instance, timeout)
        self.power_on(context, instance, network_info)

    def pause(self, instance):
        with self._guest(instance) as guest:
            guest.pause(time.time())

    def unpause(self, instance):
        with self._guest(instance) as guest:
            guest.go_on(time.time())

    def suspend(self, context, instance):
        with self._guest(instance) as guest:
            guest.suspend(time.time())

    def resume(self, context, instance, network_info, block_device_info=None,
               share_info=None):
        with self._guest(instance) as guest:
            guest.go_on(time.time())

    # Snapshots ------------------------------------------------------------

    def quiesce(self, context, instance, image_meta):
        """Freeze, as Nova asks before Cinder copies volumes.

        :raises QemuGuestAgentNotEnabled: the instance has no channel
        :raises InstanceQuiesceFailed: the agent does not answer
        :raises InternalError: the agent says no
        """
        self._check_channel(image_meta)
        with self._guest(instance) as guest:
            guest.requested(time.time())
            if guest.frozen:
                # The agent refuses a second freeze, and libvirt thaws
                # whenever a freeze has failed.
                guest.thaw(time.time())
                raise exception.InternalError('the guest was frozen already')
            answer = guest.freeze(time.time())
        if answer is guests.Answer.SILENCE:
            raise exception.InstanceQuiesceFailed(reason=answer.value)
        if answer is not guests.Answer.FROZEN:
            raise exception.InternalError(f'guest agent: {answer.value}')

    def unquiesce(self, context, instance, image_meta):
        self._check_channel(image_meta)
        with self._guest(instance) as guest:
            guest.thaw(time.time())

    @staticmethod
    def _check_channel(image_meta):
        if not image_meta.properties.get('hw_qemu_guest_agent', False):
            raise exception.QemuGuestAgentNotEnabled()

    def snapshot(self, context, instance, image_id, update_task_state):
        if instance.uuid not in self._guests:
            raise exception.InstanceNotRunning(instance_id=instance.uuid)
        name = self._image_api.get(context, image_id)['name']
        time.sleep(PREPARE_SECONDS)
        with self._guest(instance) as guest:
            live = guest.power in (guests.Power.RUNNING,
                                   guests.Power.PAUSED)
            guest.requested(time.time())
        # libvirt's driver first tries to let the storage do the work.
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(task_state=task_states.IMAGE_UPLOADING,
                          expected_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD,
                          expected_state=task_states.IMAGE_UPLOADING)
        if live:
            content = self._copy_live(instance)
        else:
            time.sleep(COPY_SECONDS)
            with self._guest(instance) as guest:
                content = disk.copy(guest)
        time.sleep(SLOW_SECONDS if SLOW_KEY in self._metadata(instance)
                   else EXTRACT_SECONDS)
        update_task_state(task_state=task_states.IMAGE_UPLOADING,
                          expected_state=task_states.IMAGE_PENDING_UPLOAD)
        self._image_api.update(
            context, image_id, _snapshot_metadata(instance, name),
            SlowFile(content, UPLOAD_SECONDS))

    def _copy_live(self, instance):
        """Return the disk of a running guest, as it is once copied.

        :raises QemuGuestAgentNotEnabled: a freeze is required and the
            instance has no channel
        :raises InternalError: what makes Nova discard the snapshot
        """
        properties = instance.image_meta.properties
        channel = properties.get('hw_qemu_guest_agent', False)
        # All that Nova enforces of os_require_quiesce is this.
        if not channel and properties.get('os_require_quiesce', False):
            raise exception.QemuGuestAgentNotEnabled()
        # The disk is mirrored first, and frozen for the last moment only.
        time.sleep(COPY_SECONDS)
        answer = guests.Answer.SILENCE
        if channel:
            with self._guest(instance) as guest:
                answer = guest.freeze(time.time())
        if answer is guests.Answer.BROKEN:
            raise exception.InternalError(
                'internal error: unable to execute QEMU agent command '
                "'guest-fsfreeze-thaw'")
        if answer is not guests.Answer.FROZEN:
            LOG.info('Skipping quiescing instance: %s.', answer.value,
                     instance=instance)
        else:
            time.sleep(FREEZE_SECONDS)
        with self._guest(instance) as guest:
            content = disk.copy(guest)
            # Not what somebody else froze.
            if answer is guests.Answer.FROZEN and guest.frozen:
                guest.thaw(time.time())
        return content


def _snapshot_metadata(instance, name):
    """Return what libvirt's driver writes on a snapshot's image."""
    properties = {
        'kernel_id': instance.kernel_id,
        'image_location': 'snapshot',
        'image_state': 'available',
        'owner_id': instance.project_id,
        'ramdisk_id': instance.ramdisk_id,
    }
    if instance.os_type:
        properties['os_type'] = instance.os_type
    return {'status': 'active', 'name': name, 'properties': properties,
            'disk_format': 'qcow2', 'container_format': 'bare'}
