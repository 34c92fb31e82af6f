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

"""What a part holds, by the marks that file systems and volumes leave.

The marks are those of util-linux's ``libblkid``. To name one more that cannot
be told, add a line to ``_MARKS``. Several marks at once are leftovers and the
present together: what is which cannot be told, so nothing is at rest then.
"""

import dataclasses

from snapshot_panel.disk import codes
from snapshot_panel.disk import ext
from snapshot_panel.disk import fields
from snapshot_panel.disk import lvm
from snapshot_panel.disk import partitions
from snapshot_panel.disk import reading
from snapshot_panel.disk import source

Purpose = partitions.Purpose
Reason = codes.Reason
Word = codes.Word

# What nearly all marks lie in, and how far the last of them lie.
HEAD = 8 << 10
_FAR = 72 << 10
# Also read of what is said to be empty: old MD and ZFS mark the end.
_TAIL = 128 << 10
_BTRFS = 64 << 10

# Here no word means: holds no data that counts. What is read-only by nature
# cannot be in use, but there is nothing in it that a snapshot is made for: a
# disk needs another part to be at rest.
_NO_WORD = (Reason.READ_ONLY, Reason.SWAP)

_MARKS = (
    (0, b'XFSB', 'xfs', Reason.NOT_TOLD),
    (0, b'LUKS\xba\xbe', 'luks', Reason.ENCRYPTED),
    (3, b'-FVE-FS-', 'bitlocker', Reason.ENCRYPTED),
    (3, b'NTFS    ', 'ntfs', Reason.NOT_TOLD),
    (3, b'EXFAT   ', 'exfat', Reason.NOT_TOLD),
    (3, b'ReFS\0', 'refs', Reason.NOT_TOLD),
    (32, b'NXSB', 'apfs', Reason.NOT_TOLD),
    (1024, b'\x10\x20\xf5\xf2', 'f2fs', Reason.NOT_TOLD),
    (1024, b'H+\0\x04', 'hfsplus', Reason.NOT_TOLD),
    (1024, b'HX\0\x05', 'hfsplus', Reason.NOT_TOLD),
    (_BTRFS + 64, b'_BHRfS_M', 'btrfs', Reason.NOT_TOLD),
    (_BTRFS + 52, b'ReIsErFs', 'reiserfs', Reason.NOT_TOLD),
    (_BTRFS + 52, b'ReIsEr2Fs', 'reiserfs', Reason.NOT_TOLD),
    (_BTRFS + 52, b'ReIsEr3Fs', 'reiserfs', Reason.NOT_TOLD),
    (_BTRFS, b'\x01\x16\x19\x70', 'gfs2', Reason.NOT_TOLD),
    (_BTRFS + 1372, b'\x19\x01\x54\x19', 'ufs', Reason.NOT_TOLD),
    (8192 + 1372, b'\x54\x19\x01\0', 'ufs', Reason.NOT_TOLD),
    (8192, b'OCFSV2', 'ocfs2', Reason.NOT_TOLD),
    (32768, b'JFS1', 'jfs', Reason.NOT_TOLD),
    # The magic of bcache is that of early bcachefs too.
    (4096 + 24, bytes.fromhex('c68573f64e1a45ca8265f57f48ba6d81'), 'bcache',
     Reason.MEMBER),
    (4096 + 24, bytes.fromhex('c68573f666ce90a9d96a60cf803df7ef'),
     'bcachefs', Reason.NOT_TOLD),
    (0, b'\xfc\x4e\x2b\xa9', 'md', Reason.MEMBER),
    (4096, b'\xfc\x4e\x2b\xa9', 'md', Reason.MEMBER),
    (0, b'bluestore block device', 'ceph', Reason.MEMBER),
    (0, b'HM\x01\0', 'lvm1', Reason.MEMBER),
    (0, b'SnAp', 'lvm2', Reason.VOLUME_TYPE),
    # The beginning of a list of names and values, in the first label.
    (16384, b'\x01\x01\0\0\0\0\0\0\0\0\0\x01', 'zfs', Reason.MEMBER),
    (0, b'hsqs', 'squashfs', Reason.READ_ONLY),
    (0, b'sqsh', 'squashfs', Reason.READ_ONLY),
    (0, b'\x45\x3d\xcd\x28', 'cramfs', Reason.READ_ONLY),
    (1024, b'\xe2\xe1\xf5\xe0', 'erofs', Reason.READ_ONLY),
    (32769, b'CD001', 'iso9660', Reason.READ_ONLY),
    # Swap has its mark at the end of a page, which may be of these sizes.
    *((page - 10, mark, 'swap', reason)
      for page in (4096, 8192, 16384, 32768, 65536)
      for mark, reason in ((b'SWAPSPACE2', Reason.SWAP),
                           (b'SWAP-SPACE', Reason.SWAP),
                           (b'S1SUSPEND', Reason.HIBERNATED),
                           (b'S2SUSPEND', Reason.HIBERNATED),
                           (b'ULSUSPEND', Reason.HIBERNATED),
                           (b'LINHIB0001', Reason.HIBERNATED))),
)


@dataclasses.dataclass(frozen=True)
class Mark:
    """A mark that was found, and where."""

    kind: str
    reason: Reason
    offset: int

    def part(self, place: str) -> reading.Part:
        """Return the part that bears the mark, and no other."""
        word = None if self.reason in _NO_WORD else Word.CANNOT_TELL
        return reading.part(place, self.kind, word, self.reason,
                            f'{self.kind} signature at byte {self.offset}')


def marks(data: bytes, start: int = 0) -> list[Mark]:
    """Return the marks in ``data``, which begins at byte ``start``."""
    seen = [Mark(kind, reason, offset)
            for offset, magic, kind, reason in _MARKS
            if offset >= start and data.startswith(magic, offset - start)]
    if not start and _is_fat(data):
        seen.append(Mark('vfat', Reason.NOT_TOLD, 0))
    return seen


def _is_fat(head: bytes) -> bool:
    """Return whether a boot sector describes a FAT file system."""
    sector, cluster = fields.little(head, 11, 2), fields.little(head, 13, 1)
    return (head[510:512] == b'\x55\xaa'
            and sector in (512, 1024, 2048, 4096)
            and cluster > 0 and not cluster & (cluster - 1)
            and fields.little(head, 14, 2) > 0
            and fields.little(head, 16, 1) in (1, 2)
            and (head[21] == 0xf0 or head[21] >= 0xf8)
            and not head.startswith(b'NTFS', 3))


def is_claimed(head: bytes) -> bool:
    """Return whether a disk with partitions also bears another mark."""
    superblock = ext.find(head)
    return bool(marks(head) or lvm.has_label(head)
                or superblock and superblock.is_plausible())


def look(view: source.View, place: str,
         purpose: Purpose = Purpose.ANY) -> reading.Part | lvm.Volume:
    """Return what a disk, partition or volume holds.

    :raises source.Cannot: it could not be read
    """
    known = _by_purpose(place, purpose)
    if known:
        return known
    head = source.up_to(view, 0, HEAD)
    seen = marks(head)
    superblock = ext.find(head)
    label = lvm.has_label(head)
    if superblock and not seen and not label:
        # The one that may lie beside an old superblock unseen.
        seen = marks(source.up_to(view, _BTRFS, 4096), _BTRFS)
    elif not seen and not label:
        return _further(view, place, head)
    if len(seen) + bool(superblock) + label > 1:
        return reading.part(
            place, 'unknown', Word.CANNOT_TELL, Reason.AMBIGUOUS,
            'signatures of ' + ', '.join(_kinds(seen, superblock, label)))
    if superblock:
        return ext.judge(view, superblock, place)
    if label:
        return lvm.read_volume(view, head)
    if purpose is Purpose.EFI and seen[0].kind == 'vfat':
        return reading.part(place, 'efi', None, Reason.EFI,
                            'partition type: EFI system, holds vfat')
    return seen[0].part(place)


def _by_purpose(place: str, purpose: Purpose) -> reading.Part | None:
    """Return what the type of a partition says without a look inside."""
    if purpose is Purpose.RAID:
        # Its member looks like a file system, with its mark at the end.
        return reading.part(place, 'md', Word.CANNOT_TELL, Reason.MEMBER,
                            'partition type: RAID')
    if purpose is Purpose.BOOT_LOADER:
        return reading.part(place, purpose.value, None, Reason.BOOT_LOADER,
                            'partition type: boot loader')
    if purpose is Purpose.RESERVED:
        return reading.part(place, purpose.value, None, Reason.RESERVED,
                            'partition type: reserved')
    return None


def _further(view: source.View, place: str, head: bytes) -> reading.Part:
    """Return what a view holds that has no mark at its beginning."""
    more = source.up_to(view, HEAD, _FAR - HEAD)
    seen = marks(more, HEAD)
    if len(seen) == 1:
        return seen[0].part(place)
    if seen:
        return reading.part(
            place, 'unknown', Word.CANNOT_TELL, Reason.AMBIGUOUS,
            'signatures of ' + ', '.join(_kinds(seen, None, False)))
    if fields.is_zero(head) and fields.is_zero(more) and _ends_empty(view):
        return reading.part(place, 'empty', None, Reason.EMPTY,
                            f'the first {_FAR >> 10} kB and the last are zero')
    return reading.part(place, 'unknown', Word.CANNOT_TELL, Reason.UNKNOWN,
                        'no signature that is known')


def _ends_empty(view: source.View) -> bool:
    if view.size is None:
        return False
    return fields.is_zero(
        source.up_to(view, max(_FAR, view.size - _TAIL), _TAIL))


def _kinds(seen: list[Mark], superblock: ext.Superblock | None,
           label: bool) -> list[str]:
    kinds = [mark.kind for mark in seen]
    if superblock:
        kinds.append(superblock.kind)
    if label:
        kinds.append('lvm2')
    return sorted(set(kinds))
