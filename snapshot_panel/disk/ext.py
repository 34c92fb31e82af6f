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

"""ext2, ext3 and ext4: the flag that tells (fact 37).

With a journal, the feature RECOVER is set, synchronously, for as long as the
file system is mounted for writing, and is clear while it is frozen, mounted
read-only or unmounted. It is a proof in both directions. Without a journal
the state bit VALID is clear while mounted, frozen or not: so only an
unmounted one can be told.

``s_state`` has the bit ERROR as well, by which ``e2fsck`` goes: such a file
system is damaged, and that is said first. The counter ``s_error_count`` alone
is history, and is only shown. Deleted files that were open when it was frozen
(``s_last_orphan``, ORPHAN_PRESENT) are consistent: the next mount frees them.

By the kernel's ``Documentation/filesystems/ext4``. A superblock is believed
when its numbers agree with each other, with the room it has, with the first
group's descriptor, and with its checksum where it has one.
"""

from snapshot_panel.disk import codes
from snapshot_panel.disk import fields
from snapshot_panel.disk import reading
from snapshot_panel.disk import source

Reason = codes.Reason
Word = codes.Word

SUPERBLOCK = 1024

_VALID, _ERROR, _ORPHANS = 1, 2, 4
_HAS_JOURNAL = 0x4
_RECOVER, _JOURNAL_DEVICE, _64BIT = 0x4, 0x8, 0x80
# Extents, 64bit, MMP, flex_bg, EA inodes, ... : what ext3 never had.
_EXT4_INCOMPAT = ~0x1f
# Huge files, descriptor checksums, many links, large inodes, ...
_EXT4_RO_COMPAT = ~0x7
_METADATA_CSUM, _BIGALLOC = 0x400, 0x200
# All that the kernel defines, up to Linux 6.18; beyond the last field that
# it defines, bytes are zero.
_COMPAT_KNOWN, _INCOMPAT_KNOWN, _RO_COMPAT_KNOWN = 0x1fff, 0x3f7de, 0x1ff7f
_RESERVED = slice(0x2a0, 0x3fc)


class Superblock:
    """The fields that matter of 1024 bytes of superblock."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.inodes = self._number(0x00)
        self.blocks = self._number(0x04)
        self.first = self._number(0x14)
        self.log_block = self._number(0x18)
        self.log_cluster = self._number(0x1c)
        self.blocks_per_group = self._number(0x20)
        self.clusters_per_group = self._number(0x24)
        self.inodes_per_group = self._number(0x28)
        self.magic = self._number(0x38, 2)
        self.state = self._number(0x3a, 2)
        self.revision = self._number(0x4c)
        self.inode_size = self._number(0x58, 2) if self.revision else 128
        # Honoured whatever the revision, as the kernel does.
        self.compat = self._number(0x5c)
        self.incompat = self._number(0x60)
        self.ro_compat = self._number(0x64)
        self.journal_inode = self._number(0xe0)
        self.errors = self._number(0x194)
        if self.incompat & _64BIT:
            self.blocks |= self._number(0x150) << 32

    def _number(self, offset: int, length: int = 4) -> int:
        return fields.little(self.data, offset, length)

    @property
    def block(self) -> int:
        """Bytes of a block."""
        return 1024 << self.log_block

    @property
    def kind(self) -> str:
        if self.incompat & _EXT4_INCOMPAT or self.ro_compat & _EXT4_RO_COMPAT:
            return 'ext4'
        return 'ext3' if self.compat & _HAS_JOURNAL else 'ext2'

    @property
    def mounted_on(self) -> str:
        """Where it was last mounted, by its own account."""
        return fields.printable(self.data[0x88:0xc8].split(b'\0')[0])

    def is_plausible(self) -> bool:
        """Return whether the numbers agree with each other.

        As the kernel checks them before it mounts.
        """
        if (self.magic != 0xef53 or self.revision > 1 or self.log_block > 6
                or not self.log_block <= self.log_cluster <= 20):
            return False
        bigalloc = bool(self.ro_compat & _BIGALLOC)
        if not bigalloc and self.log_cluster != self.log_block:
            return False
        ratio = self.log_cluster - self.log_block
        if self.blocks_per_group != self.clusters_per_group << ratio:
            return False
        if self.first != (self.log_cluster == 0):
            return False
        size = self.inode_size
        return (8 <= self.clusters_per_group <= self.block * 8
                and 0 < self.inodes_per_group <= self.block * 8
                and 128 <= size <= self.block and not size & (size - 1)
                and self.blocks > self.first
                and self.inodes == self.inodes_per_group * self._groups())

    def _groups(self) -> int:
        return -(-(self.blocks - self.first) // self.blocks_per_group)

    def is_meant(self) -> bool:
        """Return whether the features are meant as they are.

        What holds its checksum is. What has none may be bytes gone astray,
        in which a flag is clear by chance: there, only what is known and
        agrees is believed.
        """
        if self.ro_compat & _METADATA_CSUM:
            return True
        journal = bool(self.compat & _HAS_JOURNAL)
        return (not self.compat & ~_COMPAT_KNOWN
                and not self.incompat & ~_INCOMPAT_KNOWN
                and not self.ro_compat & ~_RO_COMPAT_KNOWN
                and (journal or not self.journal_inode)
                and self.journal_inode <= self.inodes
                and fields.is_zero(self.data[_RESERVED]))

    def has_right_checksum(self) -> bool:
        """Return whether the checksum is right, or there is none."""
        if not self.ro_compat & _METADATA_CSUM:
            return True
        return (self.data[0x175] == 1 and fields.crc32c(self.data[:0x3fc])
                == self._number(0x3fc))

    def is_group(self, descriptor: bytes) -> bool:
        """Return whether the first group's descriptor fits."""
        wide = self.incompat & _64BIT and self._number(0xfe, 2) >= 64
        for offset in (0, 4, 8):
            block = fields.little(descriptor, offset, 4)
            if wide:
                block |= fields.little(descriptor, 0x20 + offset, 4) << 32
            if not self.first < block < self.blocks:
                return False
        return True


def find(head: bytes) -> Superblock | None:
    """Return the superblock in the first bytes of a view, if there is one.

    What has only the magic, two bytes that are found anywhere, is none.
    """
    data = head[SUPERBLOCK:SUPERBLOCK * 2]
    if len(data) < SUPERBLOCK or data[0x38:0x3a] != b'\x53\xef':
        return None
    return Superblock(data)


def judge(view: source.View, superblock: Superblock, place: str
          ) -> reading.Part:
    """Return the word of the file system that begins the view."""
    def say(word: Word, reason: Reason, field: str) -> reading.Part:
        return reading.part(place, superblock.kind, word, reason,
                            f'{superblock.kind} superblock {field}',
                            superblock.mounted_on)

    if not superblock.is_plausible() or not superblock.is_meant():
        return say(Word.CANNOT_TELL, Reason.IMPLAUSIBLE,
                   's_magic=0xef53, the rest contradicts itself')
    if not superblock.has_right_checksum():
        return say(Word.CANNOT_TELL, Reason.CHECKSUM, 's_checksum is wrong')
    if superblock.incompat & _JOURNAL_DEVICE:
        return say(Word.CANNOT_TELL, Reason.JOURNAL_DEVICE,
                   f's_feature_incompat={superblock.incompat:#x}, JOURNAL_DEV')
    size = superblock.blocks * superblock.block
    if view.size is not None and size > view.size:
        return say(Word.CANNOT_TELL, Reason.CUT_SHORT,
                   f's_blocks_count={superblock.blocks}, more than there are')
    if not superblock.is_group(view.read(max(2048, superblock.block), 64)):
        return say(Word.CANNOT_TELL, Reason.IMPLAUSIBLE,
                   's_magic=0xef53, the first group contradicts it')
    return say(*_state(superblock))


def _state(superblock: Superblock) -> tuple[Word, Reason, str]:
    """Return the word of a superblock that is believed."""
    state = f's_state={superblock.state:#x}'
    features = f's_feature_incompat={superblock.incompat:#x}'
    if superblock.state & _ERROR:
        return Word.DAMAGED, Reason.ERRORS_RECORDED, f'{state}, ERROR set'
    if superblock.errors:
        features += f', s_error_count={superblock.errors}'
    journal = bool(superblock.compat & _HAS_JOURNAL)
    if superblock.incompat & _RECOVER:
        if not journal:
            return (Word.CANNOT_TELL, Reason.IMPLAUSIBLE,
                    f'{features}, RECOVER set without a journal')
        return Word.IN_USE, Reason.REPLAY_NEEDED, f'{features}, RECOVER set'
    if journal and not superblock.journal_inode:
        return (Word.CANNOT_TELL, Reason.EXTERNAL_JOURNAL,
                's_journal_inum=0, its journal is on another device')
    if not superblock.state & _VALID or superblock.state & _ORPHANS:
        return Word.CANNOT_TELL, Reason.NOT_MARKED_CLEAN, f'{state}, not clean'
    if journal:
        return (Word.AT_REST, Reason.NO_REPLAY_NEEDED,
                f'{features}, RECOVER clear')
    return Word.AT_REST, Reason.UNMOUNTED, f'{state}, VALID set'
