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

"""The disk images of the demo: small qcow2 files that know their own state.

What ``dumpe2fs`` tells of a real disk ("needs_recovery" unless the file
system was frozen or unmounted when it was copied) stands here as a word in
the first data cluster, so that tests can hold a verdict against the truth.
"""

import random
import struct

CLUSTER = 65536
CLEAN = b'demo-disk: clean'
NEEDS_RECOVERY = b'demo-disk: needs_recovery'

# The name of a volume's metadata, and what it makes of the volume's
# snapshots (see volume_driver.py).
BEHAVIOUR_KEY = 'demo_volume'
FAILS = 'fails'
SLOW = 'slow'
# Where the modelled storage keeps them, below the demo's folder.
COPIES = 'state/model-volumes'


def make(clean, megabytes=2, virtual_gigabytes=2):
    """Return the bytes of a disk image.

    :param clean: whether the file system on it is consistent
    :param megabytes: about the size of the file
    :param virtual_gigabytes: the size of the disk that it describes
    """
    # Version 2: header, refcounts, the first level's table, then data.
    header = struct.pack(
        '>4sIQIIQIIQQIIQ', b'QFI\xfb', 2, 0, 0, 16,
        virtual_gigabytes << 30, 0, virtual_gigabytes * 2, 3 * CLUSTER,
        CLUSTER, 1, 0, 0)
    table = struct.pack('>Q', 2 * CLUSTER)
    blocks = struct.pack('>4H', 1, 1, 1, 1)
    data = CLEAN if clean else NEEDS_RECOVERY
    body = b''.join(each.ljust(CLUSTER, b'\0')
                    for each in (header, table, blocks, b'', data))
    filler = random.Random(0).randbytes(CLUSTER)
    return body + filler * ((megabytes << 20) // CLUSTER - 5)


def is_clean(image):
    """Return whether the file system on an image is consistent.

    :param image: what make() returned, or at least its beginning
    :raises ValueError: this is no image of the demo's
    """
    data = image[4 * CLUSTER:4 * CLUSTER + len(NEEDS_RECOVERY)]
    if data.startswith(CLEAN):
        return True
    if data == NEEDS_RECOVERY:
        return False
    raise ValueError('not a disk of the demo cloud')
