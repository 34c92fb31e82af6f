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

"""What is known of the cloud: the values that the rules take."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import enum
import typing

from oslo_utils import strutils

AGENT_PROPERTY = 'hw_qemu_guest_agent'
QUIESCE_PROPERTY = 'os_require_quiesce'
SHUTDOWN_TIMEOUT_PROPERTY = 'os_shutdown_timeout'
# Names that guides set although no Nova reads them, and the names that were
# meant (fact 15).
DEAD_PROPERTIES = {'hw_require_fsfreeze': QUIESCE_PROPERTY}
# Nova's names of what it made of an instance, in ``image_type`` (fact 43).
SNAPSHOT_TYPES = ('snapshot', 'backup')
# Written by Nova: the disks of an image that has no data (fact 13).
MAPPING_PROPERTY = 'block_device_mapping'
# Written by this panel: the image that a record belongs to; see records.py.
BOUND_PROPERTY = 'consistency_image'
UNBOUND = 'none'

# Nova's names of the storage of disks that are not volumes ([libvirt]
# images_type): those whose live snapshots freeze the guest, and those whose
# never do (fact 4). Not 'ploop', which QEMU does not use.
FREEZING_BACKENDS = ('qcow2', 'raw', 'flat', 'default')
NEVER_FREEZING_BACKENDS = ('rbd', 'lvm')
BACKENDS = FREEZING_BACKENDS + NEVER_FREEZING_BACKENDS

# Nova's names of the states in which it accepts createImage.
RUNNING = 'ACTIVE'
STOPPED = 'SHUTOFF'
NEVER_FROZEN = ('PAUSED', 'SUSPENDED')
SHELVED = ('SHELVED', 'SHELVED_OFFLOADED')
# What Nova lists for a moment more: it takes the instance away next.
DELETED = 'DELETED'
# In which it lets the metadata be changed: while an instance is resized or
# restarted it stands in one of them as well.
_METADATA_CHANGED = (RUNNING, STOPPED, *NEVER_FROZEN, 'REBOOT',
                     'HARD_REBOOT', 'RESIZE', 'MIGRATING', 'PASSWORD',
                     'REBUILD')


class SnapshotTask(enum.Enum):
    """Nova's task states while a snapshot is made, in their order.

    The driver for libvirt mirrors the disk, freezes the guest, ends the
    mirror and thaws, all as COPYING. Nobody can tell these apart from
    outside.
    """

    ACCEPTED = 'image_snapshot_pending'
    PREPARING = 'image_snapshot'
    COPYING = 'image_pending_upload'
    UPLOADING = 'image_uploading'

    @classmethod
    def of(cls, task_state: str | None) -> 'SnapshotTask | None':
        """Return the task that Nova calls ``task_state``, or None."""
        return next((task for task in cls if task.value == task_state), None)


class Source(enum.Enum):
    """Where the properties of an instance were read, best evidence first."""

    # From Nova itself, since microversion 2.98 (fact 8).
    EMBEDDED = 'embedded'
    # From an earlier snapshot, which inherits the properties (fact 11).
    SNAPSHOT = 'snapshot'
    # From what the root volume was made of, which can be changed (fact 9).
    VOLUME = 'volume'
    # From the image as it is today: the instance may have booted before.
    IMAGE = 'image'
    NONE = 'none'


@dataclasses.dataclass(frozen=True)
class Properties:
    """Image properties with the place they come from."""

    values: Mapping[str, str]
    source: Source

    def flag(self, name: str) -> bool | None:
        """Return a boolean property as Nova reads it, None if unknown."""
        if self.source is Source.NONE:
            return None
        return bool(strutils.bool_from_string(self.values.get(name)))


UNKNOWN_PROPERTIES = Properties({}, Source.NONE)


@dataclasses.dataclass(frozen=True)
class Instance:
    """An instance as Nova shows it, reduced to what the rules need.

    ``status`` and ``task_state`` are Nova's names; ``image_id`` is the image
    that Nova shows, None where it shows none; ``flavor`` is the name that a
    copy of it is launched with. ``networks`` are names, which several networks
    may share; ``network_ids`` has the network of each interface, None where
    nobody asked or was told. ``root_device`` is the name of the root disk, ''
    where Nova does not tell this user; ``root_volume`` is whether that disk is
    a volume, None where nobody found out. ``addresses`` are the fixed ones by
    the name of their network; ``security_groups`` and ``key_name`` are names.
    ``user_id`` is whoever launched it; ``updated`` is when Nova last changed
    it, so that its task is at least that old; ``zone`` the availability zone
    that it is to be in, '' where nobody chose one; ``config_drive`` is whether
    it has one.
    """

    id: str
    name: str
    status: str
    task_state: str | None = None
    image_id: str | None = None
    properties: Properties = UNKNOWN_PROPERTIES
    metadata: Mapping[str, str] = dataclasses.field(
        default_factory=dict)
    project_id: str | None = None
    created: datetime.datetime | None = None
    updated: datetime.datetime | None = None
    volume_ids: tuple[str, ...] = ()
    locked: bool = False
    locked_reason: str = ''
    flavor: str = ''
    # Disks of the flavor besides the root disk, in GiB and in MiB.
    ephemeral: int = 0
    swap: int = 0
    networks: tuple[str, ...] = ()
    network_ids: tuple[str, ...] | None = None
    root_device: str = ''
    root_volume: bool | None = None
    addresses: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict)
    security_groups: tuple[str, ...] = ()
    key_name: str = ''
    user_id: str | None = None
    zone: str = ''
    config_drive: bool = False

    @property
    def volume_backed(self) -> bool:
        """Whether the root disk is a volume, as far as is known (fact 41)."""
        return not self.image_id or bool(self.root_volume)

    @property
    def metadata_fixed(self) -> bool:
        """Whether nobody can change its metadata now.

        Nova refuses it for a locked instance and in most statuses (read:
        compute.api.update_instance_metadata).
        """
        return self.locked or self.status not in _METADATA_CHANGED

    @property
    def may_be_volume_backed(self) -> bool:
        """Whether the root disk may be a volume, for all that Nova shows.

        An instance that has an image can boot from an attached volume all the
        same (fact 41).
        """
        return not self.image_id or bool(self.volume_ids)


class Signature(enum.Enum):
    """What the signature of a verdict says, see signing.py."""

    # By one of the operator's keys, and it fits.
    HERE = 'here'
    # By a key that nobody here has.
    ELSEWHERE = 'elsewhere'
    MISSING = 'missing'
    # It does not fit: verdict, evidence or data are not what was signed.
    FALSE = 'false'


@dataclasses.dataclass(frozen=True)
class Image:
    """An image as Glance shows it, reduced to what the rules need.

    ``size`` is in bytes, None while Glance does not know it; ``checksum`` is
    of its data, '' likewise. ``visibility`` is Glance's name of who sees it;
    a ``hidden`` image is left out of lists (fact 44); ``signature`` is that of
    its verdict, None where there is none or nobody signs.
    """

    id: str
    name: str
    status: str
    properties: Mapping[str, str]
    created: datetime.datetime | None = None
    updated: datetime.datetime | None = None
    size: int | None = None
    owner: str | None = None
    protected: bool = False
    checksum: str = ''
    visibility: str = ''
    hidden: bool = False
    signature: Signature | None = None

    @property
    def volume_backed(self) -> bool:
        """Whether it is made of snapshots of volumes."""
        return MAPPING_PROPERTY in self.properties

    @property
    def is_snapshot(self) -> bool:
        """Whether it was made of an instance (fact 43)."""
        return self.properties.get('image_type') in SNAPSHOT_TYPES

    @property
    def readable(self) -> bool:
        """Whether it has data that can be read now (fact 44)."""
        return self.active and not self.volume_backed and bool(self.size)

    @property
    def instance_id(self) -> str | None:
        """The id of the instance that it is a snapshot of, or None.

        Nova writes it only on images with data. An image that is made of
        volume snapshots has it from the panel, or has inherited it together
        with the rest of an ancestor's record, which then does not count.
        """
        if self.volume_backed and self.properties.get(BOUND_PROPERTY) not in (
                self.id, UNBOUND):
            return None
        return self.properties.get('instance_uuid')

    @property
    def active(self) -> bool:
        """Whether Glance has all of it."""
        return self.status == 'active'

    @property
    def empty(self) -> bool:
        """Whether nobody has begun to give it data."""
        return self.status == 'queued'

    @property
    def deactivated(self) -> bool:
        """Whether the operator took its data out of reach (fact 44)."""
        return self.status == 'deactivated'

    @property
    def killed(self) -> bool:
        """Whether Glance gave up on its data, which never comes."""
        return self.status == 'killed'

    @property
    def being_imported(self) -> bool:
        """Whether Glance itself is fetching its data, without Nova."""
        return self.status in ('importing', 'uploading')

    @property
    def gone(self) -> bool:
        """Whether it was deleted."""
        return self.status in ('deleted', 'pending_delete')


# What a disk says of itself; values as they are written on images.
AT_REST = 'at-rest'
IN_USE = 'in-use'
DAMAGED = 'damaged'
CANNOT_TELL = 'cannot-tell'


@dataclasses.dataclass(frozen=True)
class DiskReading:
    """What the file systems in an image say of themselves (facts 35 to 40).

    ``word`` is one of :data:`AT_REST`, :data:`IN_USE`, :data:`DAMAGED` and
    :data:`CANNOT_TELL`; ``torn`` is true where a volume group also lies on
    disks that the image does not hold; ``kinds`` are the file systems that
    count; ``report`` is all that was read, as plain values for JSON.
    """

    word: str
    torn: bool = False
    kinds: tuple[str, ...] = ()
    report: typing.Mapping[str, typing.Any] = dataclasses.field(
        default_factory=dict)

    @property
    def decides(self) -> bool:
        """Whether it proves or disproves that the disk was at rest."""
        return self.word != CANNOT_TELL


@dataclasses.dataclass(frozen=True)
class DiskHistory:
    """What disks read before say of the next snapshot of an instance.

    ``kinds`` are the file systems that count, empty where no disk was read;
    ``source`` is where they were read: on a former snapshot or on the image.
    ``at_rest`` is when the newest snapshot of the running guest was made
    whose disk was at rest, None where there is none or where a newer one
    was in use.
    """

    kinds: tuple[str, ...] = ()
    source: Source = Source.NONE
    at_rest: datetime.datetime | None = None

    @property
    def tells(self) -> bool | None:
        """Whether the disk itself can prove that it was at rest.

        None where nobody knows what is on it (facts 37 and 38).
        """
        if not self.kinds:
            return None
        return set(self.kinds) <= {'ext3', 'ext4'}


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume as Cinder shows it, reduced to what the rules need.

    ``size`` is in GiB; ``devices`` maps each instance (id) that it is
    attached to to the device there; ``multiattach`` is whether it may be
    attached to several at once; ``properties`` are those of the image that it
    was made from (fact 9), empty where it was made from none; ``bootable`` is
    what Cinder says.
    """

    id: str
    name: str
    size: int
    devices: Mapping[str, str] = dataclasses.field(
        default_factory=dict)
    multiattach: bool = False
    properties: Mapping[str, str] = dataclasses.field(
        default_factory=dict)
    bootable: bool = False

    def belongs_to(self, instance_id: str) -> bool:
        """Return whether only this instance can write to it."""
        return set(self.devices) == {instance_id} and not self.multiattach


def proxy_properties(
        instance: Instance, volumes: Iterable[Volume]) -> Properties:
    """Return the best known :class:`Properties` of an instance.

    Where nothing better is known of an instance on a volume, they are those
    of the first volume that was made of an image, in the order of the
    devices, because the root disk comes first.

    :param volumes: those that are attached to it.
    """
    if not instance.volume_backed or (
            instance.properties.source is not Source.NONE):
        return instance.properties
    first = min((volume for volume in volumes if volume.properties),
                key=lambda volume: volume.devices.get(instance.id, ''),
                default=None)
    return (instance.properties if first is None
            else Properties(first.properties, Source.VOLUME))


@dataclasses.dataclass(frozen=True)
class VolumeSnapshot:
    """A snapshot of one volume as Cinder shows it.

    ``status`` is Cinder's, None where the snapshot is gone; ``created`` and
    ``updated`` are when Cinder first and last wrote its record.
    """

    id: str
    status: str | None
    volume_id: str | None = None
    progress: str | None = None
    created: datetime.datetime | None = None
    updated: datetime.datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether Cinder itself finished it.

        An operator can set a failed one to available, but Cinder writes the
        progress only where it succeeded.
        """
        return self.status == 'available' and self.progress == '100%'

    @property
    def failed(self) -> bool:
        """Whether it will never be complete."""
        return self.status in (None, 'error', 'deleting', 'error_deleting')


@dataclasses.dataclass(frozen=True)
class Action:
    """One entry of Nova's record of what was done to an instance.

    ``started`` and ``finished`` are those of the work on the hypervisor's
    host, each by the clock of the conductor that wrote it; None where Nova
    does not show them.
    """

    name: str
    request_id: str
    user_id: str | None = None
    started: datetime.datetime | None = None
    finished: datetime.datetime | None = None
    succeeded: bool = False


class Usage(typing.NamedTuple):
    """How much of a quota is used, and how much is allowed."""

    used: int
    allowed: int


@dataclasses.dataclass(frozen=True)
class Limits:
    """The quotas that can stop a snapshot, None where the cloud has none.

    ``images`` counts images; ``image_mib`` is in MiB; ``metadata`` is how
    many keys an instance may have; ``copies`` counts snapshots of volumes;
    ``copies_gib`` is the size in GiB of volumes and their snapshots.
    ``unknown`` names the services that did not answer; ``asked_at`` is when
    they were asked.
    """

    images: Usage | None = None
    image_mib: Usage | None = None
    metadata: int | None = None
    copies: Usage | None = None
    copies_gib: Usage | None = None
    unknown: tuple[str, ...] = ()
    asked_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Deployment:
    """What only the operator knows of the cloud.

    ``ephemeral_backend`` is Nova's ``[libvirt] images_type``, one of
    :data:`BACKENDS`; ``shutdown_timeout`` (seconds) is Nova's option of that
    name; both are None when the operator did not set them. ``settle_grace``
    (seconds) is how long after the image became active a line of the guest
    may come.
    """

    ephemeral_backend: str | None = None
    shutdown_timeout: int | None = None
    settle_grace: int = 30

    @property
    def never_freezes(self) -> bool:
        """Whether live snapshots are taken without freezing (fact 4)."""
        return self.ephemeral_backend in NEVER_FREEZING_BACKENDS
