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

"""What the disk itself says: was its file system at rest when copied?

Two words, of which neither knows the panel, its kit, its reader or its
rules: what the file systems' own tools say, and the records that the guest
wrote (:mod:`.numbers`).
"""

import contextlib
import dataclasses
import enum
import os
import pathlib
import re
import subprocess
import tempfile

from tests.disks import stage
from tests import tools
from tests.truth import numbers
from tests.truth import parts


class Disk(enum.Enum):
    """The word of a disk; of several parts the first in this order."""

    DAMAGED = 'damaged'
    DIRTY = 'needs recovery'
    UNKNOWN = 'unknown'
    CLEAN = 'clean'


@dataclasses.dataclass(frozen=True)
class Opinion:
    """What the oracle says of a snapshot.

    ``kinds`` are the file systems that count, by blkid's names. ``written``
    is a :class:`numbers.Word`, None where the guest wrote nothing.
    """

    disk: Disk
    kinds: frozenset[str] = frozenset()
    written: numbers.Word | None = None

    @classmethod
    def restore(cls, kept):
        """Return the opinion that was kept as JSON."""
        written = kept['written']
        return cls(Disk(kept['disk']), frozenset(kept['kinds']),
                   None if written is None else numbers.Word(written))

    @property
    def at_rest(self):
        """Whether nothing that was written was missing on the disk."""
        return self.disk is Disk.CLEAN and not (
            self.written and self.written.against)


def judge(image_files, account=None):
    """Return the :class:`Opinion` of disks that belong together.

    :param image_files: pathlib.Path of each, of any format that QEMU reads;
        None for one that is missing.
    :param account: the :class:`numbers.Account` of the guest, if it wrote.
    """
    words, kinds, content = {Disk.UNKNOWN}, set(), []
    if all(image_files):
        words = set()
    for file in filter(None, image_files):
        with _raw(file) as (raw, folder):
            found = [part for part in parts.find(raw, folder) if part.counts]
            kinds.update(part.kind for part in found)
            words.update(_judge_part(part) for part in found)
            if account:
                content += [_read(part) for part in found]
    return Opinion(
        next((word for word in Disk if word in words), Disk.UNKNOWN),
        frozenset(kinds),
        account and numbers.compare(_numbers(content), account))


def _numbers(content):
    """Return the records of the one part that has the file.

    A file system that could not be read is no proof that it lacks them.
    """
    if any(content):
        return next(filter(None, content))
    return None if None in content else b''


@contextlib.contextmanager
def _raw(image_file):
    """Give the raw bytes of an image file, and a folder for more."""
    with tempfile.TemporaryDirectory(dir=image_file.parent.parent) as name:
        folder = pathlib.Path(name)
        stage.run('qemu-img', 'convert', '-O', 'raw', str(image_file),
                  str(folder / 'raw'))
        yield folder / 'raw', folder


def _judge_part(part):
    judges = {'ext4': _judge_ext4, 'xfs': _judge_xfs}
    return judges.get(part.kind, lambda _: Disk.UNKNOWN)(part.path)


def _judge_ext4(path):
    """Return the word of the superblock: the journal's flag, the errors'."""
    header = _say('dumpe2fs', '-h', str(path))
    features = re.search(r'^Filesystem features:(.*)$', header, re.MULTILINE)
    state = re.search(r'^Filesystem state: +(.*)$', header, re.MULTILINE)
    if features is None or state is None:
        return Disk.UNKNOWN
    if 'with errors' in state.group(1):
        return Disk.DAMAGED
    return (Disk.DIRTY if 'needs_recovery' in features.group(1).split()
            else Disk.CLEAN)


# A record of the log that holds a copy of the superblock, and no more.
_XFS_SUPERBLOCK = re.compile(
    r'$|=+$|LSN |TRANS: |BUF: cnt:|\s+SUPER Block Buffer:'
    r'|\s+BUF:  #regs:\d+   start blkno:0x0 ')


def _judge_xfs(path):
    """Return the word of what the log has yet to bring to its place.

    A freeze writes everything to its place, and then the superblock, once or
    twice, so that after a crash the log is looked at all the same. Those
    records name as the log's beginning the record before the last, which may
    be an older one whose changes are in their place by then. An XFS where
    nothing went on for a while looks the same.
    """
    _, found, log = _say('xfs_logprint', '-t', str(path)).partition(
        'state: <')
    state, _, entries = log.partition('>')
    if not found:
        return Disk.UNKNOWN
    records = re.split('^LOG REC AT ', entries, flags=re.MULTILINE)[1:]
    if state == 'CLEAN' or records and all(
            _XFS_SUPERBLOCK.match(line) for record in records[1:] or records
            for line in record.splitlines()):
        return Disk.CLEAN
    return Disk.DIRTY


def _read(part):
    """Return the guest's records in a part, None if it cannot be read."""
    if part.kind == 'ext4':
        # It does not replay the journal. Where there is no such file it says
        # so on another stream.
        return _output('debugfs', '-R', f'cat {numbers.FILE}',
                       str(part.path))
    if part.kind == 'xfs':
        return _read_mounted(part.path)
    return None


def _read_mounted(path):
    with tempfile.TemporaryDirectory() as name:
        try:
            stage.run('mount', '-t', 'xfs', '-o',
                      'loop,ro,norecovery,nouuid', str(path), name)
        except RuntimeError:
            return None
        try:
            return pathlib.Path(name, numbers.FILE[1:]).read_bytes()
        except FileNotFoundError:
            return b''
        except OSError:
            return None
        finally:
            stage.run('umount', name)


def _say(*command):
    return _output(*command).decode(errors='replace')


def _output(*command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | {'PATH': tools.PATH, 'LC_ALL': 'C'}).stdout
