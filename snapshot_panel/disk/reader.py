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

"""Reading a disk: the format, then the layout, then each part."""

from snapshot_panel.disk import codes
from snapshot_panel.disk import formats
from snapshot_panel.disk import lvm
from snapshot_panel.disk import partitions
from snapshot_panel.disk import qcow2
from snapshot_panel.disk import reading
from snapshot_panel.disk import signatures
from snapshot_panel.disk import source

Reason = codes.Reason
Word = codes.Word

# Fetched first: tells the format, and holds both kinds of partition table
# and most marks of a raw disk.
_FIRST = 24 << 10


def read_disk(read: source.Read, size: int | None, *,
              clock: source.Clock | None = None,
              limits: source.Limits = source.Limits()) -> reading.Reading:
    """Return what an image's bytes say of its file systems.

    :param read: ``read(offset, length)`` returns these bytes of the image,
        fewer only where it ends; raises ``OutOfReach`` for what it cannot
        serve. What else it raises is not caught here.
    :param size: of the image in bytes; None where that is not known
    :param clock: returns seconds that never go back, for the time limit;
        without one there is no such limit
    :param limits: the ceilings, for this image
    """
    meter = source.Meter(read, size, clock, limits)
    image_format, layout = 'raw', ''
    parts: list[reading.Part] = []
    reason: Reason | None = None
    try:
        meter.prefetch(0, _FIRST)
        head = source.up_to(meter, 0, formats.HEAD)
        if len(head) < partitions.SECTOR:
            raise source.Cannot(Reason.CUT_SHORT)
        image_format = formats.detect(head)
        disk = _open(meter, image_format)
        table = _table(disk)
        layout = table.layout if table else 'disk'
        parts = _parts(disk, table)
        reason = _reason(parts)
    except source.Cannot as cannot:
        reason = cannot.reason
    return reading.Reading(
        image_format, layout, tuple(parts[:reading.MAX_PARTS]),
        reason.value if reason else '', meter.requests, meter.fetched)


def _open(meter: source.Meter, image_format: str) -> source.View:
    """Return the disk in the image."""
    if image_format == 'raw':
        return meter
    if image_format == 'qcow2':
        return qcow2.Disk(meter)
    raise source.Cannot(Reason.FORMAT)


def _table(disk: source.View) -> partitions.Table | None:
    table = partitions.read_table(disk)
    if table and table.layout == 'mbr' and signatures.is_claimed(
            source.up_to(disk, 0, signatures.HEAD)):
        # A whole disk's file system is older or newer than the table.
        raise source.Cannot(Reason.AMBIGUOUS)
    return table


def _parts(disk: source.View,
           table: partitions.Table | None) -> list[reading.Part]:
    """Return the parts of a disk, one more than allowed at most."""
    parts: list[reading.Part] = []
    volumes: list[tuple[str, lvm.Volume]] = []
    for place, view, purpose in _places(disk, table):
        if len(parts) + len(volumes) > reading.MAX_PARTS:
            break
        part = _look(view, place, purpose)
        if isinstance(part, lvm.Volume):
            volumes.append((place, part))
        else:
            parts.append(part)
    return parts + _of_groups(
        volumes, reading.MAX_PARTS + 1 - len(parts))


def _places(disk: source.View, table: partitions.Table | None
            ) -> list[tuple[str, source.View, partitions.Purpose]]:
    if not table:
        return [('disk', disk, partitions.Purpose.ANY)]
    return [(f'partition {partition.number}',
             source.Slice(disk, partition.start, partition.size),
             partition.purpose) for partition in table.partitions]


def _look(view: source.View, place: str, purpose: partitions.Purpose
          ) -> reading.Part | lvm.Volume:
    try:
        return signatures.look(view, place, purpose)
    except source.Cannot as cannot:
        return _untold(place, 'unknown', cannot.reason)


def _untold(place: str, kind: str, reason: Reason,
            field: str = '') -> reading.Part:
    return reading.part(place, kind, Word.CANNOT_TELL, reason, field)


def _of_groups(placed: list[tuple[str, lvm.Volume]],
               most: int) -> list[reading.Part]:
    """Return the volumes of the groups on a disk, ``most`` of them."""
    try:
        groups = lvm.read_groups([volume for _place, volume in placed])
    except source.Cannot as cannot:
        return [_untold(place, 'lvm2', cannot.reason)
                for place, _volume in placed]
    named = {uuid for group in groups for uuid in group.uuids}
    parts = [_of_no_group(place, volume) for place, volume in placed
             if volume.uuid not in named]
    for group in groups:
        if group.missing:
            parts.append(_untold(
                f'group {group.name}', 'lvm2', Reason.MISSING_VOLUME,
                f'{group.missing} physical volume(s) elsewhere'))
        for logical in group.volumes:
            if len(parts) >= most:
                return parts
            parts.append(_logical(logical))
    return parts


def _of_no_group(place: str, volume: lvm.Volume) -> reading.Part:
    if volume.is_free:
        return reading.part(place, 'lvm2', None, Reason.EMPTY,
                            'a physical volume of no group')
    return _untold(place, 'lvm2', Reason.VOLUME_METADATA,
                   'nothing here says what group it belongs to')


def _logical(logical: lvm.Logical) -> reading.Part:
    place = f'volume {logical.group}/{logical.name}'
    if logical.view is None:
        return _untold(place, 'lvm2', logical.reason or Reason.UNKNOWN,
                       logical.kind and f'segment type {logical.kind}')
    part = _look(logical.view, place, partitions.Purpose.ANY)
    if isinstance(part, lvm.Volume):
        # A group inside a group's volume belongs to a guest's guest.
        return _untold(place, 'lvm2', Reason.MEMBER)
    return part


def _reason(parts: list[reading.Part]) -> Reason | None:
    """Return why the whole cannot be told, though its parts were read."""
    if len(parts) > reading.MAX_PARTS:
        return Reason.TOO_MUCH
    if any(part.word for part in parts):
        return None
    if all(part.kind == 'empty' for part in parts):
        return Reason.EMPTY
    return Reason.NOTHING_COUNTS
