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

"""Where the file systems lie on a disk, by the word of Linux's own tools.

Knows nothing of the panel and its reader. Needs root for LVM, whose tools
want a device.
"""

import contextlib
import dataclasses
import itertools
import json
import pathlib

from tests.disks import stage

# Types of partitions that hold no data of the system's.
_NO_DATA = {
    'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'EFI',
    '21686148-6449-6e6f-744e-656564454649': 'BIOS boot',
    'ef': 'EFI',
}
# What begins a chain of logical partitions, in an MBR.
_EXTENDED = {'5', 'f', '85'}
_LVM = (
    '--readonly', '--reportformat', 'json', '--units', 'b', '--nosuffix',
    '--config', 'global { activation=0 } devices { use_devicesfile=0 '
    'obtain_device_list_from_udev=0 external_device_info_source="none" '
    'filter=[%s, "r|.*|"] }')


@dataclasses.dataclass(frozen=True)
class Part:
    """One place on a disk.

    ``kind`` is what it holds, as ``blkid`` calls it, or what it is for; ''
    where nobody knows. ``path`` is a file with its bytes alone, None where
    they are not all there.
    """

    name: str
    kind: str
    path: pathlib.Path | None

    @property
    def counts(self):
        """Whether what it holds decides if the disk was at rest."""
        return self.kind not in {'swap', *_NO_DATA.values()}


def find(raw, folder):
    """Return each :class:`Part` of a disk.

    :param raw: its bytes as a file, a pathlib.Path.
    :param folder: for the files of the parts.
    """
    numbers = itertools.count(1)

    def cut(*pieces):
        path = folder / f'part{next(numbers)}'
        _cut(path, pieces)
        return path
    parts = _partitions(raw, cut) or [Part('disk', _kind(raw), raw)]
    members = [part for part in parts if part.kind == 'LVM2_member']
    return ([part for part in parts if part not in members]
            + (_volumes(members, cut) if members else []))


def _partitions(raw, cut):
    """Return the partitions, nothing where there is no table of them."""
    found = _probe(raw)
    if 'TYPE' in found or found.get('PTTYPE') not in ('gpt', 'dos'):
        return []
    table = json.loads(stage.run('sfdisk', '-J', str(raw)))['partitiontable']
    sector = table.get('sectorsize', 512)
    parts = []
    for each in table['partitions']:
        if each['type'].lower() in _EXTENDED:
            continue
        path = cut((raw, each['start'] * sector, each['size'] * sector))
        parts.append(Part(
            pathlib.Path(each['node']).name,
            _NO_DATA.get(each['type'].lower()) or _kind(path), path))
    return parts


def _volumes(members, cut):
    """Return the logical volumes on physical ones."""
    with contextlib.ExitStack() as stack:
        return _read_volumes({
            stack.enter_context(stage.looped(member.path)): member.path
            for member in members}, cut)


def _read_volumes(opened, cut):
    *options, config = _LVM
    config %= ', '.join(f'"a|^{device}$|"' for device in opened)

    def ask(command, fields):
        answer = stage.run(command, *options, config, '-o', fields)
        report, = json.loads(answer)['report']
        rows, = report.values()
        return rows
    begin = {row['pv_name']: int(row['pe_start'])
             for row in ask('pvs', 'pv_name,pe_start')}
    volumes = {}
    for row in ask('lvs', 'vg_name,lv_name,segtype,seg_start,seg_size,'
                          'devices,vg_extent_size'):
        name = f'{row["vg_name"]}-{row["lv_name"]}'
        device, _, extent = row['devices'].rstrip(')').partition('(')
        piece = row['segtype'] == 'linear' and device in opened and (
            int(row['seg_start']), opened[device],
            begin[device] + int(extent) * int(row['vg_extent_size']),
            int(row['seg_size']))
        volumes.setdefault(name, []).append(piece)
    parts = []
    for name, pieces in volumes.items():
        path = cut(*(piece[1:] for piece in sorted(pieces))
                   ) if all(pieces) else None
        parts.append(Part(name, _kind(path) if path else '', path))
    return parts


def _kind(path):
    return _probe(path).get('TYPE', '')


def _probe(path):
    """Return what ``blkid`` says: nothing where it is in doubt."""
    try:
        said = stage.run('blkid', '-p', '-o', 'export', str(path))
    except RuntimeError:
        return {}
    return dict(line.split('=', 1) for line in said.splitlines()
                if '=' in line)


def _cut(path, pieces):
    """Write pieces (a file, offset and length in bytes) into one file."""
    end = 0
    for source, offset, length in pieces:
        stage.run('dd', f'if={source}', f'of={path}', 'bs=1M',
                  'iflag=skip_bytes,count_bytes', 'oflag=seek_bytes',
                  f'skip={offset}', f'count={length}', f'seek={end}',
                  'conv=sparse,notrunc')
        end += length
    with open(path, 'ab') as file:
        file.truncate(end)
