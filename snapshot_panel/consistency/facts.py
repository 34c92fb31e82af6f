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

"""The value objects that the rules take: what is known of the cloud."""

import dataclasses
import datetime
import enum
import typing

from oslo_utils import strutils

AGENT_PROPERTY = 'hw_qemu_guest_agent'
QUIESCE_PROPERTY = 'os_require_quiesce'
SHUTDOWN_TIMEOUT_PROPERTY = 'os_shutdown_timeout'
# Names that guides set and no Nova reads, and what they were meant to be
# (fact 15).
DEAD_PROPERTIES = {'hw_require_fsfreeze': QUIESCE_PROPERTY}
# Nova's own: the disks of an image that has no data (fact 13).
MAPPING_PROPERTY = 'block_device_mapping'
# Ours: the id of the image that a record belongs to; see records.py.
BOUND_PROPERTY = 'consistency_image'
UNBOUND = 'none'

# Nova's names of the states in which it accepts createImage.
RUNNING = 'ACTIVE'
STOPPED = 'SHUTOFF'
NEVER_FROZEN = ('PAUSED', 'SUSPENDED')


class Source(enum.Enum):
    """Where the properties of an instance were read, best evidence first."""

    # Nova's own word, from microversion 2.98 on (fact 8).
    EMBEDDED = 'embedded'
    # A former snapshot of the instance inherits its properties (fact 11).
    SNAPSHOT = 'snapshot'
    # What the root volume was made of: a proxy, it can be changed (fact 9).
    VOLUME = 'volume'
    # The image as it is today: the instance may have booted before.
    IMAGE = 'image'
    NONE = 'none'


@dataclasses.dataclass(frozen=True)
class Properties:
    """Image properties with the place they come from."""

    values: typing.Mapping[str, str]
    source: Source

    def flag(self, name):
        """Return a boolean property as Nova reads it, or None if unknown."""
        if self.source is Source.NONE:
            return None
        return strutils.bool_from_string(self.values.get(name))


UNKNOWN_PROPERTIES = Properties({}, Source.NONE)


@dataclasses.dataclass(frozen=True)
class Instance:
    """A server as Nova tells it, reduced to what the rules ask."""

    id: str
    name: str
    status: str
    task_state: typing.Optional[str] = None
    image_id: typing.Optional[str] = None
    properties: Properties = UNKNOWN_PROPERTIES
    metadata: typing.Mapping[str, str] = dataclasses.field(
        default_factory=dict)
    project_id: typing.Optional[str] = None
    created: typing.Optional[datetime.datetime] = None
    volume_ids: typing.Tuple[str, ...] = ()
    locked: bool = False
    locked_reason: str = ''
    # What a copy of it is launched with: names.
    flavor: str = ''
    networks: typing.Tuple[str, ...] = ()

    @property
    def volume_backed(self):
        """Return whether the root disk is a volume (fact 9)."""
        return not self.image_id


@dataclasses.dataclass(frozen=True)
class Image:
    """An image as Glance tells it, reduced to what the rules ask.

    ``size`` is in bytes, None while Glance does not know it.
    """

    id: str
    name: str
    status: str
    properties: typing.Mapping[str, str]
    created: typing.Optional[datetime.datetime] = None
    updated: typing.Optional[datetime.datetime] = None
    size: typing.Optional[int] = None
    owner: typing.Optional[str] = None
    protected: bool = False

    @property
    def volume_backed(self):
        """Return whether it is made of snapshots of volumes."""
        return MAPPING_PROPERTY in self.properties

    @property
    def instance_id(self):
        """The id of the instance that it is a snapshot of, or None.

        Nova writes it on images with data only. One that is made of volume
        snapshots has it from the panel, or inherited from an ancestor; then
        it has inherited the rest of the record too.
        """
        if self.volume_backed and self.properties.get(BOUND_PROPERTY) not in (
                self.id, UNBOUND):
            return None
        return self.properties.get('instance_uuid')

    @property
    def active(self):
        return self.status == 'active'

    @property
    def gone(self):
        return self.status in ('deleted', 'pending_delete', 'killed')


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume as Cinder tells it, reduced to what the rules ask.

    ``size`` is in GiB; ``devices`` maps the id of each instance that it is
    attached to to the device there; ``multiattach`` tells whether it may be
    attached to several at once; ``properties`` are those of the image that it
    was made from (fact 9), empty where it was not.
    """

    id: str
    name: str
    size: int
    devices: typing.Mapping[str, str] = dataclasses.field(
        default_factory=dict)
    multiattach: bool = False
    properties: typing.Mapping[str, str] = dataclasses.field(
        default_factory=dict)

    def belongs_to(self, instance_id):
        """Return whether nobody but this instance can write to it."""
        return set(self.devices) == {instance_id} and not self.multiattach


def proxy_properties(instance, volumes):
    """Return the best :class:`Properties` of an instance on a volume.

    They are those of the first volume that was made of an image, in the order
    of the devices: the root disk is the first.

    :param volumes: the :class:`Volume` that are attached to it.
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
    """A snapshot of one volume as Cinder tells it.

    ``status`` is Cinder's, None where it is gone; ``created`` and ``updated``
    are when Cinder first and last wrote it down.
    """

    id: str
    status: typing.Optional[str]
    volume_id: typing.Optional[str] = None
    progress: typing.Optional[str] = None
    created: typing.Optional[datetime.datetime] = None
    updated: typing.Optional[datetime.datetime] = None

    @property
    def complete(self):
        """Return whether Cinder itself finished it.

        An operator can call one that failed available; Cinder writes its
        progress only where it succeeded.
        """
        return self.status == 'available' and self.progress == '100%'

    @property
    def failed(self):
        return self.status in (None, 'error', 'deleting', 'error_deleting')


@dataclasses.dataclass(frozen=True)
class Action:
    """One entry of Nova's record of what was done to an instance.

    ``started`` and ``finished`` are those of the work on the hypervisor's
    host, each by the clock of the conductor that wrote it down; None where
    Nova does not tell.
    """

    name: str
    request_id: str
    user_id: typing.Optional[str] = None
    started: typing.Optional[datetime.datetime] = None
    finished: typing.Optional[datetime.datetime] = None
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
    ``copies_gib`` is their and the volumes' size. ``unknown`` names the
    services that could not be asked; ``asked_at`` is when they were.
    """

    images: typing.Optional[Usage] = None
    image_mib: typing.Optional[Usage] = None
    metadata: typing.Optional[int] = None
    copies: typing.Optional[Usage] = None
    copies_gib: typing.Optional[Usage] = None
    unknown: typing.Tuple[str, ...] = ()
    asked_at: typing.Optional[datetime.datetime] = None


@dataclasses.dataclass(frozen=True)
class Deployment:
    """What only the operator knows of the cloud.

    ``ephemeral_backend`` is Nova's ``[libvirt] images_type``;
    ``shutdown_timeout`` (seconds) is Nova's option of that name; both are
    None when the operator did not tell. ``settle_grace`` (seconds) is how
    long a witness may come after the image became active.
    """

    ephemeral_backend: typing.Optional[str] = None
    shutdown_timeout: typing.Optional[int] = None
    settle_grace: int = 30

    @property
    def never_freezes(self):
        """Whether live snapshots are taken without freezing (fact 4)."""
        return self.ephemeral_backend in ('rbd', 'lvm')
