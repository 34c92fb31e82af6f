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

Knows nothing of the panel, its kit or its rules.
"""

import enum
import pathlib
import re
import subprocess
import tempfile


class Disk(enum.Enum):
    """The word of a disk."""

    CLEAN = 'clean'
    DIRTY = 'needs recovery'
    UNKNOWN = 'unknown'


def judge_all(image_files):
    """Return the :class:`Disk` of several disks that belong together.

    :param image_files: as for :func:`judge`, None for one that is missing.
    """
    words = {judge(file) if file else Disk.UNKNOWN for file in image_files}
    return next((word for word in (Disk.DIRTY, Disk.UNKNOWN, Disk.CLEAN)
                 if word in words), Disk.UNKNOWN)


def judge(image_file):
    """Return the :class:`Disk` of an image file.

    :param image_file: pathlib.Path of any format that QEMU reads.
    """
    with tempfile.TemporaryDirectory(dir=image_file.parent.parent) as folder:
        raw = pathlib.Path(folder, 'raw')
        subprocess.run(['qemu-img', 'convert', '-O', 'raw', str(image_file),
                        str(raw)], check=True)
        return _judge_ext4(raw) or _judge_xfs(raw) or Disk.UNKNOWN


def _judge_ext4(raw):
    """Tell by the journal's flag in the superblock."""
    header = _output('dumpe2fs', '-h', str(raw))
    features = re.search(r'^Filesystem features:(.*)$', header, re.MULTILINE)
    if features is None:
        return None
    return (Disk.DIRTY if 'needs_recovery' in features.group(1).split()
            else Disk.CLEAN)


# All that the log of a frozen XFS holds: copies of the superblock. A freeze
# writes everything else to its place, and then these, so that after a crash
# the log is looked at all the same.
_XFS_AT_REST = re.compile(
    r'$|=+$|LOG REC AT |TRANS: |BUF: cnt:|\s+SUPER Block Buffer:'
    r'|\s+BUF:  #regs:\d+   start blkno:0x0 ')


def _judge_xfs(raw):
    """Tell by what the log has yet to bring to its place."""
    with raw.open('rb') as file:
        if file.read(4) != b'XFSB':
            return None
    _, found, log = _output('xfs_logprint', '-t', str(raw)).partition(
        'state: <')
    state, _, entries = log.partition('>')
    if not found:
        return Disk.UNKNOWN
    if state == 'CLEAN' or 'TRANS: ' in entries and all(
            _XFS_AT_REST.match(line) for line in entries.splitlines()):
        return Disk.CLEAN
    return Disk.DIRTY


def _output(*command):
    return subprocess.run(command, text=True, errors='replace',
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout
