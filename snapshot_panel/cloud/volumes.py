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

import time

from django.core.cache import cache

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict

# How long it is remembered when a snapshot was first seen complete, in
# seconds: by then a verdict does without it.
_SEEN_TTL = 2 * verdict.VOLUMES_PATIENCE


def of_instance(request, instance):
    """Return the volumes that are attached to an instance, by device.

    :returns: a tuple of :class:`facts.Volume`, or the
        :class:`errors.CloudError` of Cinder.
    """
    found, problem = _volumes(request, instance.volume_ids)
    return problem or tuple(sorted(
        found, key=lambda volume: volume.devices.get(instance.id, '')))


def of_root(request, instance):
    """Do the same where only the root volume's properties matter.

    None where Nova tells them, so that nobody has to ask.
    """
    known = instance.properties.source is not facts.Source.NONE
    return (None if known or not instance.volume_backed
            else of_instance(request, instance))


def copies(request, instance, image):
    """Return the :class:`verdict.Copies` that an image is made of.

    None where it is made of none, or where Cinder does not tell.
    """
    ids = records.volume_snapshots(image)
    if ids is None:
        return None
    found, problem = _each(request, cinder.get_snapshot, ids)
    if problem:
        return None
    volumes, problem = _volumes(request, [
        each.volume_id for each in found if each.volume_id])
    return None if problem else verdict.Copies(
        instance.id, tuple(found), tuple(volumes), instance.volume_ids,
        _seen_for(image, found))


def _seen_for(image, found):
    """Return for how many seconds all of these were seen complete."""
    if not all(each.complete for each in found):
        return 0
    now = time.time()
    first = cache.get_or_set('snapshot_panel:complete:' + image.id, now,
                             _SEEN_TTL)
    return now - first


def _volumes(request, ids):
    found, problem = _each(request, _volume, ids)
    return [volume for volume in found if volume is not None], problem


def _volume(request, volume_id):
    """Return a volume, None where it was deleted meanwhile."""
    try:
        return cinder.get_volume(request, volume_id)
    except errors.NotFound:
        return None


def _each(request, ask, ids):
    """Ask for each of these; return what was found, and the first problem."""
    if not ids:
        return [], None
    # The client is made before the threads start, so that it is made once.
    made = asking.outcome(lambda: asking.make_client(request, cinder))
    if isinstance(made, errors.CloudError):
        return [], made
    found = asking.for_each(lambda each: ask(request, each), ids)
    return found, next((each for each in found
                        if isinstance(each, errors.CloudError)), None)
