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

"""What may be written on an image, and why something may not.

A property is a name and a text. Values that nobody understands are legal
and are left alone; only what the user changed is ever sent.
"""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import enum
import math
import re

from oslo_utils import strutils

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records

# Glance's limits: characters of a name, and bytes of a value in MySQL.
NAME_LIMIT = 255
VALUE_LIMIT = 65535

# The attributes that Glance itself has; everything else is a property.
SCHEMA = frozenset((
    'id', 'name', 'status', 'visibility', 'protected', 'checksum', 'owner',
    'size', 'virtual_size', 'container_format', 'disk_format', 'created_at',
    'updated_at', 'tags', 'direct_url', 'locations', 'self', 'schema', 'file',
    'min_ram', 'min_disk', 'os_hidden', 'os_hash_algo', 'os_hash_value',
    'stores'))
# Glance refuses these names too.
_RESERVED = SCHEMA | {'location', 'deleted', 'deleted_at'}
_RESERVED_PREFIX = 'os_glance'

# What Nova and Cinder write on the images that they make, and read back.
_SERVICES_OWN = frozenset((
    'image_type', 'image_state', 'image_location', 'instance_uuid',
    'base_image_ref', 'boot_roles', 'user_id', 'owner_id', 'owner_user_name',
    'owner_project_name', 'block_device_mapping', 'bdm_v2',
    'root_device_name', 'mappings', 'signature_verified',
    'cinder_encryption_key_id', 'cinder_encryption_key_deletion_policy'))

# The properties of its image that a verdict rests on.
_EVIDENCE = frozenset((facts.AGENT_PROPERTY,
                       facts.SHUTDOWN_TIMEOUT_PROPERTY))


class Kind(enum.Enum):
    """What a value has to look like."""

    TEXT = 'string'
    INTEGER = 'integer'
    NUMBER = 'number'
    BOOLEAN = 'boolean'


@dataclasses.dataclass(frozen=True)
class Definition:
    """What is known of a property.

    ``lowest`` and ``highest`` bound a number, both allowed. ``title`` and
    ``help`` are the cloud's own words (untrusted text), '' where the cloud
    has none. ``default`` is what holds where the property is not set.
    """

    name: str
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    default: str = ''
    title: str = ''
    help: str = ''

    def over(self, other: 'Definition') -> 'Definition':
        """Return this definition, with what it lacks taken from another."""
        return dataclasses.replace(
            self, kind=other.kind if self.kind is Kind.TEXT else self.kind,
            choices=self.choices or other.choices,
            lowest=other.lowest if self.lowest is None else self.lowest,
            highest=other.highest if self.highest is None else self.highest,
            default=self.default or other.default)


FLAG = ('yes', 'no')


def _flag(name: str) -> Definition:
    return Definition(name, choices=FLAG, default='no')


# The properties that matter for consistency and for the agent, as Nova reads
# them, in the order in which they are shown.
KNOWN = {known.name: known for known in (
    _flag(facts.AGENT_PROPERTY),
    _flag(facts.QUIESCE_PROPERTY),
    Definition('os_type', choices=('linux', 'windows')),
    Definition('os_distro'),
    Definition('os_version'),
    Definition('os_admin_user'),
    Definition('hw_disk_bus', choices=(
        'virtio', 'scsi', 'sata', 'ide', 'usb', 'fdc', 'xen', 'uml', 'lxc')),
    Definition('hw_scsi_model', choices=(
        'virtio-scsi', 'virtio-transitional', 'virtio-non-transitional',
        'auto', 'buslogic', 'ibmvscsi', 'lsilogic', 'lsisas1068',
        'lsisas1078', 'vmpvscsi')),
    Definition(facts.SHUTDOWN_TIMEOUT_PROPERTY, Kind.INTEGER, lowest=0,
               default='60'),
)}


def known(definitions: Mapping[str, Definition]) -> dict[str, Definition]:
    """Return the known properties by name, as the cloud defines them.

    What the cloud does not define is taken from :data:`KNOWN`.

    :param definitions: those of the cloud by name.
    """
    return {name: definitions[name].over(ours) if name in definitions
            else ours for name, ours in KNOWN.items()}


class Flaw(enum.Enum):
    """Why a name or a value cannot be taken."""

    NAME_MISSING = 'name-missing'
    NAME_LONG = 'name-long'
    NAME_EDGES = 'name-edges'
    NAME_CONTROL = 'name-control'
    NAME_EQUALS = 'name-equals'
    NAME_RESERVED = 'name-reserved'
    NAME_TWICE = 'name-twice'
    VALUE_LONG = 'value-long'
    VALUE_NUL = 'value-nul'
    FOUR_BYTES = 'four-bytes'
    NOT_A_CHOICE = 'not-a-choice'
    NOT_A_NUMBER = 'not-a-number'
    NOT_A_FLAG = 'not-a-flag'
    OUT_OF_RANGE = 'out-of-range'
    NO_EQUALS = 'no-equals'
    NAME_REPEATED = 'name-repeated'
    NAME_FOR_NOVA = 'name-for-nova'
    VALUE_FOR_NOVA = 'value-for-nova'


def name_flaw(name: str, taken: Collection[str]) -> Flaw | None:
    """Return the :class:`Flaw` of the name of a new property, or None.

    :param taken: the names that the image has, each as :func:`fold` makes
        it; a set where there are many.
    """
    for flaw, wrong in (
            (Flaw.NAME_MISSING, not name.strip()),
            (Flaw.NAME_LONG, len(name) > NAME_LIMIT),
            (Flaw.NAME_EDGES, name != name.strip()),
            (Flaw.NAME_CONTROL, not name.isprintable()),
            # The openstack command could not name it.
            (Flaw.NAME_EQUALS, '=' in name),
            (Flaw.FOUR_BYTES, _four_bytes(name)),
            (Flaw.NAME_RESERVED, lock(name) is not None),
            (Flaw.NAME_TWICE, fold(name) in taken)):
        if wrong:
            return flaw
    return None


def fold(name: str) -> str:
    """Return what names have in common that an image cannot both have.

    Databases compare them without case.
    """
    return name.lower()


def _four_bytes(text: str) -> bool:
    """Return whether a character takes four bytes, which Glance refuses."""
    return any(character > '\uffff' for character in text)


def value_flaw(
        value: str, definition: Definition | None = None) -> Flaw | None:
    """Return the :class:`Flaw` of a new value, or None.

    :param definition: the :class:`Definition` of the property, if any.
    """
    if len(value.encode('utf-8', 'surrogatepass')) > VALUE_LIMIT:
        return Flaw.VALUE_LONG
    if '\0' in value:
        return Flaw.VALUE_NUL
    if _four_bytes(value):
        return Flaw.FOUR_BYTES
    if definition is None:
        return None
    if definition.choices and value not in definition.choices:
        return Flaw.NOT_A_CHOICE
    return _kind_flaw(value, definition)


# The names that Nova takes with createImage, and how many properties: its
# default quota is 128, of which the panel needs some.
_NOVA_NAME = re.compile(r'[a-zA-Z0-9_:. -]*')
EXTRA_LIMIT = 100
# The characters that so many lines can have, with "=" and their ends.
EXTRA_TEXT_LIMIT = EXTRA_LIMIT * (NAME_LIMIT + records.METADATA_LIMIT + 3)


def read_lines(text: str) -> list[tuple[str, str | None]]:
    """Return the properties that a user wrote, one "name=value" a line.

    :returns: a list of (name, value); the value is None without a "=".
    """
    pairs = [line.partition('=') for line in unify_lines(text).split('\n')
             if line.strip()]
    return [(name.strip(), value.strip() if equals else None)
            for name, equals, value in pairs]


def extra_flaw(
        name: str, value: str | None, taken: Collection[str]
        ) -> Flaw | None:
    """Return the :class:`Flaw` of a property to give to a snapshot, or None.

    It goes through Nova, which accepts less than Glance. And a user must not
    set what the verdict will rest on.

    :param value: None where there was no "=".
    :param taken: as of :func:`name_flaw`, the names of the others.
    """
    if value is None:
        return Flaw.NO_EQUALS
    if lock(name, pending=True) is not None:
        return Flaw.NAME_RESERVED
    flaw = name_flaw(name, ())
    if flaw is not None:
        return flaw
    for flaw, wrong in (
            (Flaw.NAME_REPEATED, fold(name) in taken),
            (Flaw.NAME_FOR_NOVA, not _NOVA_NAME.fullmatch(name)),
            (Flaw.VALUE_FOR_NOVA, len(value) > records.METADATA_LIMIT)):
        if wrong:
            return flaw
    return value_flaw(value, KNOWN.get(name))


def _kind_flaw(value: str, definition: Definition) -> Flaw | None:
    if definition.kind is Kind.BOOLEAN and not strutils.is_valid_boolstr(
            value):
        return Flaw.NOT_A_FLAG
    if definition.kind not in (Kind.INTEGER, Kind.NUMBER):
        return None
    try:
        number = (int if definition.kind is Kind.INTEGER else float)(value)
    except ValueError:
        return Flaw.NOT_A_NUMBER
    if not math.isfinite(number):
        # Python reads 'nan', which is outside of no range.
        return Flaw.NOT_A_NUMBER
    low = definition.lowest is not None and number < definition.lowest
    high = definition.highest is not None and number > definition.highest
    return Flaw.OUT_OF_RANGE if low or high else None


class Lock(enum.Enum):
    """Why a property cannot be edited here."""

    SEAL = 'seal'
    SERVICES = 'services'
    SCHEMA = 'schema'
    PENDING = 'pending'


def lock(name: str, pending: bool = False) -> Lock | None:
    """Return the :class:`Lock` of a property, or None.

    :param pending: whether the image is a snapshot without a verdict yet.
    """
    folded = fold(name)
    if folded.startswith(records.PREFIX):
        return Lock.SEAL
    if folded in _SERVICES_OWN:
        return Lock.SERVICES
    if folded in _RESERVED or folded.startswith(_RESERVED_PREFIX):
        return Lock.SCHEMA
    if pending and folded in _EVIDENCE:
        return Lock.PENDING
    return None


def unify_lines(text: str) -> str:
    r"""Return ``text`` with each line end as ``\n``."""
    return text.replace('\r\n', '\n').replace('\r', '\n')
