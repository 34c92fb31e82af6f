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

"""The disks of the demo's guests: small images with real file systems.

They hold what a reader looks at: partition tables, volume groups and
superblocks that say what the modelled guest's would (see guests.py, and
tests/images.py for the bytes). The model's own account of it stands in the
last bytes of the file, in no file system, so that tests can hold a verdict
against the truth also where a file system cannot tell.
"""

import random
import struct

from tests import images

# Of a qcow2 image; the size that QEMU chooses.
CLUSTER_BITS = 16
AT_REST = b'demo-disk: at rest'
IN_USE = b'demo-disk: in use '

# The name of a volume's metadata, and what it makes of the volume's
# snapshots (see volume_driver.py).
BEHAVIOUR_KEY = 'demo_volume'
FAILS = 'fails'
SLOW = 'slow'
# Where the modelled storage keeps them, below the demo's folder.
COPIES = 'state/model-volumes'


def copy(guest):
    """Return an image of a guest's disk, as it is at this moment."""
    return make(guest.profile, guest.at_rest)


def make(profile, at_rest, megabytes=2, disk_format='qcow2'):
    """Return the bytes of a disk image.

    :param profile: a guests.Profile: which file systems lie where
    :param at_rest: whether they were frozen or unmounted
    :param megabytes: the size of the file, as far as it is not larger anyway
    :param disk_format: ``qcow2`` or ``raw``
    """
    content = _lay_out(profile.layout, [
        _file_system(each, at_rest) for each in profile.file_systems])
    image = _qcow2(content) if disk_format == 'qcow2' else content
    # Belongs to no cluster and to no partition.
    room = max(0, (megabytes << 20) - len(image) - len(AT_REST))
    return (image + random.Random(0).randbytes(room)
            + (AT_REST if at_rest else IN_USE))


def _file_system(wanted, at_rest):
    if wanted.kind == 'ext4':
        return images.ext4(in_use=not at_rest, damaged=wanted.damaged,
                           mounted_on=wanted.path)
    # Its state does not show in what is read of it.
    return images.marked(wanted.kind)


def _lay_out(layout, contents):
    if len(contents) == 1:
        return images.laid_out(contents[0], layout)
    return images.gpt([(images.LINUX, each) for each in contents])


def _qcow2(content, virtual_gigabytes=2):
    """Return a disk that is larger than its content, and empty there."""
    return images.qcow2(content, cluster_bits=CLUSTER_BITS, changes={
        24: struct.pack('>Q', virtual_gigabytes << 30),
        # Entries of the first table, each for 512 MB.
        36: struct.pack('>I', virtual_gigabytes * 2)})


def is_clean(image):
    """Return whether the guest's disk was at rest, by the model's account.

    :param image: what make() returned
    :raises ValueError: this is no image of the demo's
    """
    word = image[-len(AT_REST):]
    if word not in (AT_REST, IN_USE):
        raise ValueError('not a disk of the demo cloud')
    return word == AT_REST
