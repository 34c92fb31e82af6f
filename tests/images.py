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

"""Small disk images, made without root and without tools.

They hold what a reader of file systems looks at: superblocks with their
checksums, partition tables, volume groups, qcow2 containers. Nobody could
mount them. Sparse: a few kilobytes of a megabyte or two are not zero.
"""

from collections.abc import Sequence
import struct
import uuid
import zlib

from snapshot_panel.disk import fields

KB, MB = 1 << 10, 1 << 20
SECTOR = 512
# Where the first partition or volume begins; small, for small images.
ALIGNMENT = 64 * KB

LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4'
EFI = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
BIOS_BOOT = '21686148-6449-6e6f-744e-656564454649'
RESERVED = 'e3c9e316-0b5c-4db8-817d-f92df00215ae'
RAID = 'a19d880f-05fc-4d3b-a006-743f0f84911e'

# What ``marked`` writes where, for file systems that are only named.
MARKS = {
    'xfs': (0, b'XFSB\0\0\x10\0'),
    'luks': (0, b'LUKS\xba\xbe\0\2'),
    'bitlocker': (0, b'\xebX\x90-FVE-FS-'),
    'ntfs': (0, b'\xebR\x90NTFS    '),
    'exfat': (0, b'\xebv\x90EXFAT   '),
    'btrfs': (64 * KB + 64, b'_BHRfS_M'),
    'swap': (4086, b'SWAPSPACE2'),
    'hibernated': (4086, b'S1SUSPEND\0'),
    'md': (4096, b'\xfc\x4e\x2b\xa9\1\0\0\0'),
    'zfs': (16 * KB, b'\1\1\0\0\0\0\0\0\0\0\0\1\0\0\0\x24\0\0\0\x20\0\0\0\7'
            b'version'),
    'squashfs': (0, b'hsqs'),
    'iso9660': (32769, b'CD001'),
    'vfat': (0, b'\xeb<\x90mkfs.fat' + struct.pack(
        '<HBHBHHB', 512, 4, 4, 2, 512, 2048, 0xf8) + bytes(488)
        + b'\x55\xaa'),
}


def put(image: bytearray, offset: int, data: bytes) -> None:
    """Write into an image."""
    image[offset:offset + len(data)] = data


def marked(kind: str, size: int = MB) -> bytes:
    """Return what bears the mark of a file system, and nothing else."""
    image = bytearray(size)
    offset, mark = MARKS[kind]
    put(image, offset, mark)
    return bytes(image)


def ext4(size: int = MB, *, in_use: bool = False, damaged: bool = False,
         journal: bool = True, clean: bool = True, checksums: bool = True,
         block: int = 4096, mounted_on: str = '/',
         changes: dict[int, bytes] | None = None) -> bytes:
    """Return an ext4 file system, as far as a superblock tells.

    :param changes: bytes of the superblock by their offset in it, written
        before its checksum
    """
    image = bytearray(size)
    blocks, first = size // block, int(block == 1024)
    groups = -(-(blocks - first) // (block * 8))
    log = (block // 1024).bit_length() - 1
    superblock = bytearray(1024)
    put(superblock, 0, struct.pack(
        '<13I', 128 * groups, blocks, 0, blocks // 2, 64, first, log, log,
        block * 8, block * 8, 128, 0, 0))
    state = (1 if clean else 0) | (2 if damaged else 0)
    put(superblock, 0x34, struct.pack('<HhHH', 1, -1, 0xef53, state))
    put(superblock, 0x4c, struct.pack('<IHHIHH', 1, 0, 0, 11, 256, 0))
    # Extents, 64bit, flex_bg, and whether the journal waits to be replayed.
    incompat = 0x2c2 | (4 if in_use else 0)
    put(superblock, 0x5c, struct.pack(
        '<3I', 0x3c if journal else 0x38, incompat,
        0x46b if checksums else 0x6b))
    put(superblock, 0x68, bytes(range(16)))
    put(superblock, 0x88, mounted_on.encode()[:63])
    put(superblock, 0xe0, struct.pack('<I', 8 if journal else 0))
    put(superblock, 0xfe, struct.pack('<H', 64))
    superblock[0x175] = int(checksums)
    for offset, data in (changes or {}).items():
        put(superblock, offset, data)
    put(image, 1024, seal(bytes(superblock)))
    put(image, max(2048, block), struct.pack('<3I', first + 2, first + 3,
                                             first + 4))
    return bytes(image)


def seal(superblock: bytes) -> bytes:
    """Return a superblock of ext4 with its checksum made right."""
    if not superblock[0x175]:
        return superblock
    return superblock[:0x3fc] + struct.pack(
        '<I', fields.crc32c(superblock[:0x3fc]))


def mbr(primary: list[tuple[int, bytes]],
        logical: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """Return a disk with these partitions, each a type and its bytes."""
    image = bytearray(ALIGNMENT)
    slots = []
    for kind, data in primary:
        slots.append((kind, len(image), len(data)))
        image += data
    if logical:
        extended = len(image)
        for number, (kind, data) in enumerate(logical, 1):
            at = len(image)
            following = at + ALIGNMENT + len(data)
            links = [(kind, ALIGNMENT, len(data))]
            if number < len(logical):
                links.append((5, following - extended, ALIGNMENT))
            image += _boot_record(links).ljust(ALIGNMENT, b'\0') + data
        slots.append((5, extended, len(image) - extended))
    put(image, 0, _boot_record(slots))
    return bytes(image)


def _boot_record(slots: list[tuple[int, int, int]]) -> bytes:
    # Glance refuses a protective one that does not begin at 0/0/2, as UEFI
    # wants it; in the others nobody looks at this.
    entries = b''.join(struct.pack(
        '<x3sB3xII', b'\0\2\0', kind, start // SECTOR, size // SECTOR)
        for kind, start, size in slots)
    return bytes(446) + entries.ljust(64, b'\0') + b'\x55\xaa'


def gpt(partitions: list[tuple[str, bytes]], sector: int = SECTOR) -> bytes:
    """Return a disk with these partitions, each a type and its bytes."""
    image = bytearray(ALIGNMENT)
    entries = b''
    for number, (kind, data) in enumerate(partitions):
        start = len(image)
        image += data
        entries += struct.pack(
            '<16s16sQQQ72s', uuid.UUID(kind).bytes_le, bytes([number] * 16),
            start // sector, len(image) // sector - 1, 0, b'')
    table = entries.ljust(128 * 128, b'\0')
    image += bytes(len(table) + sector)
    last = len(image) // sector - 1
    put(image, 0, _boot_record([(0xee, SECTOR, len(image) - SECTOR)]))
    put(image, sector, _gpt_header(1, last, 2, table))
    put(image, 2 * sector, table)
    put(image, last * sector, _gpt_header(
        last, 1, last - len(table) // sector, table))
    put(image, last * sector - len(table), table)
    return bytes(image)


def _gpt_header(here: int, there: int, entries: int, table: bytes) -> bytes:
    def header(checksum: int) -> bytes:
        return struct.pack(
            '<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, checksum, 0,
            here, there, 34, max(here, there) - 33, bytes(16), entries, 128,
            128, zlib.crc32(table))
    return header(zlib.crc32(header(0)))


def lvm(volumes: dict[str, bytes], *, missing: bool = False,
        kind: str = 'striped', stripes: int = 1,
        group: str = 'vg', text: str | None = None,
        text_at: int = SECTOR) -> bytes:
    """Return a physical volume with a group of linear logical volumes.

    :param missing: the group has a second physical volume, which is not here
    :param kind: the segments' type
    :param text: what to describe the group with instead
    :param text_at: where in its area the text begins; it goes round the end
    """
    here, elsewhere = 'A' * 32, 'B' * 32
    extent = 64 * KB
    described = ''
    data = b''
    for name, content in volumes.items():
        described += _SEGMENT % {
            'name': name, 'kind': kind, 'stripes': stripes,
            'extents': len(content) // extent, 'at': len(data) // extent}
        data += content
    physical = _PHYSICAL % ('pv0', here, 2 * extent // SECTOR)
    if missing:
        physical += _PHYSICAL % ('pv1', elsewhere, 2 * extent // SECTOR)
    if text is None:
        text = _GROUP % (group, extent // SECTOR, physical, described)
    return _physical_volume(here, text.encode(), 2 * extent, text_at) + data


_PHYSICAL = '''%s {
id = "%s"
device = "/dev/vda"	# Hint only
status = ["ALLOCATABLE"]
flags = []
pe_start = %d
pe_count = 64
}
'''
_SEGMENT = '''%(name)s {
id = "L"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
segment_count = 1

segment1 {
start_extent = 0
extent_count = %(extents)d

type = "%(kind)s"
stripe_count = %(stripes)d

stripes = [
"pv0", %(at)d
]
}
}
'''
_GROUP = '''%s {
id = "G"
seqno = 2
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = %d
physical_volumes {

%s}

logical_volumes {

%s}

}
# Generated by LVM2
contents = "Text Format Volume Group"
version = 1
description = "a \\"test\\""
'''


def _physical_volume(identity: str, text: bytes, start: int,
                     text_at: int) -> bytes:
    """Return all that lies before the first extent."""
    text += b'\0' if text else b''
    image = bytearray(start)
    area, area_size = 4096, start - 4096
    body = struct.pack(
        '<I8s32sQQQQQQQQQ', 32, b'LVM2 001', identity.encode(), MB,
        start, 0, 0, 0, area, area_size, 0, 0)
    put(image, SECTOR, struct.pack('<8sQ', b'LABELONE', 1)
        + _lvm_checksummed(body.ljust(SECTOR - 20, b'\0')))
    header = struct.pack('<16sIQQQQII', b' LVM2 x[5A%r0N*>', 1, area,
                         area_size, text_at if text else 0, len(text),
                         _lvm_checksum(text), 0)
    put(image, area, _lvm_checksummed(header.ljust(SECTOR - 4, b'\0')))
    before_end = area_size - text_at
    put(image, area + text_at, text[:before_end])
    put(image, area + SECTOR, text[before_end:])
    return bytes(image)


def _lvm_checksum(data: bytes) -> int:
    return fields.crc32_seeded(data, 0xf597a6cf)


def _lvm_checksummed(data: bytes) -> bytes:
    return struct.pack('<I', _lvm_checksum(data)) + data


def qcow2(disk: bytes, *, version: int = 3, cluster_bits: int = 12,
          packing: str = '', extended: bool = False, shared: bool = False,
          features: int = 0, changes: dict[int, bytes] | None = None
          ) -> bytes:
    """Return a disk as a qcow2 image, in the order of the disk.

    :param packing: '', ``zlib`` or ``zstd``: compress each cluster
    :param extended: with extended L2 entries (of 16 bytes)
    :param shared: clusters that are alike lie in the image once
    :param features: incompatible features beside those in use
    :param changes: bytes of the header by their offset
    """
    cluster = 1 << cluster_bits
    clusters = -(-len(disk) // cluster)
    entry_size = 16 if extended else 8
    per_table = cluster // entry_size
    tables = -(-clusters // per_table)
    # Header, refcount table and block, L1, L2 tables; then the data.
    l1_at = 3 * cluster
    l2_at = l1_at + -(-tables * 8 // cluster) * cluster
    data = bytearray()
    data_at = l2_at + tables * cluster
    entries: list[bytes] = []
    held: dict[bytes, bytes] = {}
    for at in range(0, len(disk), cluster):
        content = disk[at:at + cluster]
        entry = shared and held.get(content) or _qcow2_entry(
            content, data, data_at, cluster, packing, extended)
        held[content] = entry
        entries.append(entry)
    features |= (8 if packing == 'zstd' else 0) | (16 if extended else 0)
    header = bytearray(struct.pack(
        '>4sIQIIQIIQQIIQ', b'QFI\xfb', version, 0, 0, cluster_bits,
        len(disk), 0, tables, l1_at, cluster, 1, 0, 0))
    if version == 3:
        header += struct.pack('>QQQIIB7x', features, 0, 0, 4, 112,
                              packing == 'zstd')
    image = bytearray(data_at) + data
    image += bytes(-len(image) % cluster)
    for offset, changed in (changes or {}).items():
        put(header, offset, changed)
    put(image, 0, bytes(header))
    put(image, cluster, struct.pack('>Q', 2 * cluster))
    put(image, 2 * cluster, b'\0\1' * min(cluster // 2,
                                          len(image) // cluster))
    put(image, l1_at, b''.join(
        struct.pack('>Q', 1 << 63 | l2_at + number * cluster)
        for number in range(tables)))
    put(image, l2_at, b''.join(entries))
    return bytes(image)


def _qcow2_entry(content: bytes, data: bytearray, data_at: int, cluster: int,
                 packing: str, extended: bool) -> bytes:
    """Return a cluster's L2 entry; its data is appended to ``data``."""
    content = content.ljust(cluster, b'\0')
    entry = bitmap = 0
    if content.strip(b'\0'):
        at = data_at + len(data)
        if packing:
            packed = _pack(content, packing)
            sectors = (at % SECTOR + len(packed) - 1) // SECTOR
            width = 62 - (cluster.bit_length() - 1 - 8)
            entry = 1 << 62 | sectors << width | at
            data += packed
        else:
            entry, bitmap = 1 << 63 | at, 0xffffffff
            data += content
    return struct.pack('>QQ', entry, bitmap)[:16 if extended else 8]


def _pack(content: bytes, packing: str) -> bytes:
    if packing == 'zstd':
        return _zstd(content)
    packer = zlib.compressobj(wbits=-12)
    return packer.compress(content) + packer.flush()


def _zstd(content: bytes) -> bytes:
    """Return a frame of zstd (RFC 8878) of raw and of repeated blocks."""
    frame = b'\x28\xb5\x2f\xfd\0\x58'
    for at in range(0, len(content), 4 * KB):
        block = content[at:at + 4 * KB]
        last = int(at + len(block) == len(content))
        repeated = block.count(block[0]) == len(block)
        frame += (last | repeated << 1 | len(block) << 3).to_bytes(
            3, 'little') + (block[:1] if repeated else block)
    return frame


def laid_out(content: bytes, layout: str) -> bytes:
    """Return a disk of a usual layout that holds a file system.

    :param layout: ``disk``, ``mbr``, ``logical``, ``gpt`` (with BIOS boot
        and EFI partitions) or ``lvm``
    """
    if layout == 'disk':
        return content
    if layout == 'mbr':
        return mbr([(0x83, content)])
    if layout == 'logical':
        return mbr([(0x82, marked('swap', 64 * KB))], [(0x83, content)])
    if layout == 'gpt':
        return gpt([(BIOS_BOOT, bytes(64 * KB)),
                    (EFI, marked('vfat', 128 * KB)), (LINUX, content)])
    if layout == 'lvm':
        return gpt([(LINUX, lvm({'root': content,
                                 'swap': marked('swap', 64 * KB)}))])
    raise ValueError(layout)


def ext4_image(in_use: bool = False, damaged: bool = False,
               layout: str = 'gpt') -> bytes:
    """Return a raw disk with one ext4 file system in a usual layout."""
    return laid_out(ext4(in_use=in_use, damaged=damaged), layout)


def marked_image(kind: str, layout: str = 'gpt') -> bytes:
    """Return a raw disk with a file system that is only named."""
    return laid_out(marked(kind), layout)
