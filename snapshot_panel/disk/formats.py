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

"""The format of an image, by its own bytes: a label is not believed."""

from snapshot_panel.disk import fields

# The beginning of an image, as far as the magics below reach.
HEAD = 4096

# What is none of these is raw: a disk without a container. Its own contents
# are the matter of ``signatures``.
_MAGICS = (
    (0, b'KDMV', 'vmdk'),
    (0, b'COWD', 'vmdk'),
    (0, b'# Disk DescriptorFile', 'vmdk'),
    (0, b'conectix', 'vhd'),
    (0, b'vhdxfile', 'vhdx'),
    (64, b'\x7f\x10\xda\xbe', 'vdi'),
    (0, b'QED\0', 'qed'),
    (0, b'WithoutFreeSpace', 'parallels'),
    (0, b'WithouFreSpacExt', 'parallels'),
    (0, b'Bochs Virtual HD Image', 'bochs'),
    (0, b'\x1f\x8b\x08', 'gzip'),
    (0, b'\xfd7zXZ\0', 'xz'),
    (0, b'BZh', 'bzip2'),
    (0, b'\x28\xb5\x2f\xfd', 'zstd'),
    (0, b'PK\x03\x04', 'zip'),
    (257, b'ustar', 'tar'),
    (0, b'\x7fELF', 'kernel'),
    (0x202, b'HdrS', 'kernel'),
    (0, b'070701', 'initrd'),
)


def detect(head: bytes) -> str:
    """Return the code of the format of an image that begins with ``head``."""
    if head.startswith(b'QFI\xfb'):
        return 'qcow2' if fields.big(head, 4, 4) in (2, 3) else 'qcow'
    for offset, magic, code in _MAGICS:
        if head.startswith(magic, offset):
            return code
    return 'raw'
