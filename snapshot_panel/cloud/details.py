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

"""What is asked of one instance beyond the lists, all at the same time."""

import dataclasses

from django.core.cache import cache
from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import facts


@dataclasses.dataclass(frozen=True)
class Details:
    """What is known of one instance beyond the lists.

    ``heard`` is what its guest told, or the :class:`errors.CloudError` that
    kept us from asking; ``today`` the image that it was launched from as it
    is now; ``volumes`` what :func:`volumes.of_instance` returns; ``limits``
    the project's. Each is None where nobody asked.
    """

    heard: guests.Heard | errors.CloudError | None = None
    today: facts.Image | None = None
    volumes: tuple[facts.Volume, ...] | errors.CloudError | None = None
    limits: facts.Limits | None = None


def ask_about(request, instance, again=False):
    """Return the :class:`Details` that the page of one instance shows.

    :param bool again: ask the guest now, however lately it was asked.
    """
    return _ask(request, instance, lambda: guests.hear_guests(
        request, [instance], again)[instance.id])


def ask_before_snapshot(request, instance):
    """Do the same with the guest asked now, for nobody else.

    :raises errors.CloudError: where the guest could not be asked.
    """
    found = _ask(request, instance, lambda: guests.Heard(
        guests.ask_guest_if_allowed(request, instance), None))
    asking.or_raise(found.heard)
    return found


def _ask(request, instance, hear):
    # The guest of a stopped instance tells of its image.
    stopped = instance.status == facts.STOPPED
    return Details(*asking.together(
        hear,
        lambda: None if stopped else snapshots.image_today(request, instance),
        lambda: volumes.of_instance(request, instance),
        lambda: ask_limits(request, instance)))


def ask_limits(request, instance):
    """Return the :class:`facts.Limits` that bear on an instance's snapshot.

    A request to each service at the same time, shared by a project's users
    for a while. Cinder is asked where the snapshot is made of volumes.
    """
    key = 'snapshot_panel:limits:%s:%s' % (
        request.user.tenant_id,
        'volumes' if instance.volume_backed else 'image')
    limits = cache.get(key)
    if limits is None:
        limits = _ask_limits_now(request, instance)
        if not limits.unknown:
            cache.set(key, limits, conf.get_config()['evidence_age'])
    return limits


def _ask_limits_now(request, instance):
    calls = {nova: lambda: nova.get_metadata_limit(request),
             glance: lambda: glance.get_usage(request)}
    if instance.volume_backed:
        calls[cinder] = lambda: cinder.get_usage(request)
    answers = dict(zip(calls, asking.ask_services(request, calls)))
    told = {module: answer for module, answer in answers.items()
            if not isinstance(answer, errors.CloudError)}
    images, volumes = told.get(glance, {}), told.get(cinder, {})
    return facts.Limits(
        images.get('image_count_total'), images.get('image_size_total'),
        told.get(nova), volumes.get('snapshots'), volumes.get('gigabytes'),
        unknown=tuple(answer.service for module, answer in answers.items()
                      if module not in told),
        asked_at=timeutils.utcnow(True))
