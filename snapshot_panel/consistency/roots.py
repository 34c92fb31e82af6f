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


"""What an instance's root disk is, and whether a snapshot can be of it.

Nova shows the image of an instance that boots from a volume all the same
(fact 41), so the image alone proves nothing. The volume at the root device
does, and so does what a finished snapshot is made of.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import re

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict

_FIRST_DEVICE = re.compile(r'(?:(?:vd|sd|hd|xvd)a|nvme0n1)\Z')


def with_root(instance: facts.Instance, volumes: Iterable[facts.Volume] = (),
              images: Iterable[facts.Image] = ()) -> facts.Instance:
    """Return an instance with what is known of its root disk.

    :param volumes: those that are attached to it, as far as Cinder told.
    :param images: its snapshots as far as they were asked for, newest first.
    """
    if not instance.image_id or instance.root_volume is not None:
        return instance
    by_volumes = _by_volumes(instance, tuple(volumes))
    return dataclasses.replace(
        instance, root_volume=by_volumes if by_volumes is not None
        else _by_snapshots(instance, images))


def _by_volumes(instance: facts.Instance, volumes: Sequence[facts.Volume]
                ) -> bool | None:
    """Return whether one of these is the root disk, None if unknown."""
    devices = [_bare(volume.devices.get(instance.id, ''))
               for volume in volumes]
    root = _bare(instance.root_device)
    first = [volume for volume, device in zip(volumes, devices)
             if (device == root if root else _FIRST_DEVICE.match(device))]
    # Nova gives the name of the root disk to nothing else. A disk on another
    # bus can be the first there, and cannot be booted from.
    if any(root or volume.bootable for volume in first):
        return True
    whole = {volume.id for volume in volumes} >= set(instance.volume_ids)
    return False if whole and not first and all(devices) else None


def _bare(device: str) -> str:
    return device.removeprefix('/dev/')


def _by_snapshots(instance: facts.Instance, images: Iterable[facts.Image]
                  ) -> bool | None:
    """Return what the newest finished snapshot of the panel is made of."""
    return next((image.volume_backed for image in images
                 if image.active and image.instance_id == instance.id
                 and records.read_request(image) is not None), None)


def misfit(instance: facts.Instance, image: facts.Image
           ) -> verdict.Rule | None:
    """Return why an image that names an instance is no snapshot of it.

    None where nothing speaks against it.
    """
    if image.instance_id != instance.id or not (
            image.is_snapshot or records.is_bound(image)):
        return verdict.Rule.OF_ANOTHER
    if image.volume_backed:
        return (verdict.Rule.HOLDS_VOLUMES if instance.root_volume is False
                else None)
    return (verdict.Rule.HOLDS_A_DISK
            if image.size and not instance.image_id else None)
