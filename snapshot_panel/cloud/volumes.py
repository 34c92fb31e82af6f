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

"""The volumes of an instance, and what became of their snapshots."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import functools
import pathlib
import time
import typing
import uuid

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict

# How long it is remembered when a snapshot was first seen complete, in
# seconds: by then a verdict does without it.
_SEEN_TTL = 2 * verdict.VOLUMES_PATIENCE
# Linux makes one at each boot.
_BOOT_ID = pathlib.Path('/proc/sys/kernel/random/boot_id')

_T = typing.TypeVar('_T')


def of_instance(session: asking.Session, instance: facts.Instance
                ) -> tuple[facts.Volume, ...] | errors.CloudError:
    """Return the volumes that are attached to an instance, by device.

    :returns: the :class:`errors.CloudError` of Cinder in their place.
    """
    volumes = asking.outcome(lambda: _volumes(session, instance.volume_ids))
    if isinstance(volumes, errors.CloudError):
        return volumes
    return tuple(sorted(
        volumes, key=lambda volume: volume.devices.get(instance.id, '')))


def of_root(session: asking.Session, instance: facts.Instance
            ) -> tuple[facts.Volume, ...] | errors.CloudError | None:
    """Return the volumes where it matters which of them is the root disk.

    That is so where it is not known whether one is (fact 41), and where its
    properties stand for the instance's (fact 9).

    :returns: as :func:`of_instance`; None where nobody has to ask.
    """
    if instance.image_id:
        matters = instance.may_be_volume_backed
    else:
        matters = instance.properties.source is facts.Source.NONE
    return of_instance(session, instance) if matters else None


def copies(session: asking.Session, instance: facts.Instance,
           image: facts.Image) -> verdict.Copies | None:
    """Return the copies of volumes that an image is made of.

    None where it is made of none, or where Cinder does not say.
    """
    ids = records.volume_snapshots(image)
    if ids is None:
        return None
    made_of = asking.outcome(lambda: _copies(session, instance, image, ids))
    return None if isinstance(made_of, errors.CloudError) else made_of


def _copies(session: asking.Session, instance: facts.Instance,
            image: facts.Image, ids: Sequence[str]) -> verdict.Copies:
    snapshots = _each(session, _copy, ids)
    volumes = _volumes(session, [
        each.volume_id for each in snapshots if each.volume_id])
    return verdict.Copies(instance.id, tuple(snapshots), tuple(volumes),
                          instance.volume_ids, _seen_for(image, snapshots))


def _copy(session: asking.Session, copy_id: str) -> facts.VolumeSnapshot:
    """Return a copy, asked for once more where it seems to be gone."""
    copy = cinder.get_snapshot(session, copy_id)
    return (cinder.get_snapshot(session, copy_id) if copy.status is None
            else copy)


def _seen_for(image: facts.Image, snapshots: Sequence[facts.VolumeSnapshot]
              ) -> float:
    """Return for how many seconds all of these were seen complete."""
    if not all(each.complete for each in snapshots):
        return 0
    now = time.monotonic()
    key = 'snapshot_panel:complete:%s:%s' % (_clock(), image.id)
    cache.add(key, now, _SEEN_TTL)
    first = cache.get(key)
    return 0 if first is None else max(0, now - first)


@functools.cache
def _clock() -> str:
    """Return a name that no other clock has.

    All processes of a machine have one, since it was booted. What another
    machine kept by its own, in a cache that they share, says nothing here.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return uuid.uuid4().hex


def _volumes(session: asking.Session, ids: Collection[str]
             ) -> list[facts.Volume]:
    volumes = _each(session, _volume, ids)
    return [volume for volume in volumes if volume is not None]


def _volume(session: asking.Session, volume_id: str) -> facts.Volume | None:
    """Return a volume, None where it was deleted meanwhile."""
    try:
        return cinder.get_volume(session, volume_id)
    except errors.NotFound:
        return None


def _each(session: asking.Session,
          ask: Callable[[asking.Session, str], _T], ids: Collection[str]
          ) -> list[_T]:
    """Ask Cinder for each of these at the same time.

    :raises errors.CloudError: the first problem.
    """
    if not ids:
        return []
    # The client is made before the threads start, so that it is made once.
    asking.make_client(session, cinder)
    return [asking.or_raise(answer) for answer in asking.for_each(
        lambda each: ask(session, each), ids)]
