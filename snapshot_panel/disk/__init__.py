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

"""The disk's own word: what the bytes of an image say of its file systems.

A file system may record whether all that it was given had reached the disk.
Where it does, any copy of the disk can be judged, whoever took it, at any
time and with nothing installed in the guest (facts 35 to 40).

Pure Python over ``read(offset, length)``: no Django, no HTTP, no files. What
is read was written by others: each length and pointer is bounded, nothing is
followed out of the image, and what does not add up "cannot be told". Only
what validates is believed, and only what is known to be at rest is called so.

``formats`` and ``qcow2`` find the disk in the image, ``partitions`` and
``lvm`` the parts of the disk, ``signatures`` and ``ext`` what a part holds.
A new file system is a line in ``signatures`` or a module like ``ext``.

XFS is named and never judged: its log can only disprove that it was at rest,
and that only while old records wait in it (fact 38).
"""

from snapshot_panel.disk.codes import Reason
from snapshot_panel.disk.codes import Word
from snapshot_panel.disk.reader import read_disk
from snapshot_panel.disk.reading import Part
from snapshot_panel.disk.reading import Reading
from snapshot_panel.disk.source import Limits
from snapshot_panel.disk.source import OutOfReach

__all__ = ['Limits', 'OutOfReach', 'Part', 'Reading', 'Reason', 'Word',
           'read_disk']
