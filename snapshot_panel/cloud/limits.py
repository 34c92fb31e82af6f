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

"""The quotas that can stop a snapshot."""

from django.core.cache import cache
from oslo_utils import timeutils

from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel import conf
from snapshot_panel.consistency import facts


def ask(request, instance):
    """Return the :class:`facts.Limits` that bear on an instance's snapshot.

    A request to each service at the same time, shared by a project's users
    for a while. Cinder is asked where the snapshot is made of volumes.
    """
    key = 'snapshot_panel:limits:%s:%s' % (
        request.user.tenant_id,
        'volumes' if instance.volume_backed else 'image')
    limits = cache.get(key)
    if limits is None:
        limits = _ask_now(request, instance)
        if not limits.unknown:
            cache.set(key, limits, conf.get_config()['evidence_age'])
    return limits


def _ask_now(request, instance):
    calls = {nova: lambda: nova.get_metadata_limit(request),
             glance: lambda: glance.get_usage(request)}
    if instance.volume_backed:
        calls[cinder] = lambda: cinder.get_usage(request)
    answers = dict(zip(calls, snapshots.ask_services(request, calls)))
    told = {module: answer for module, answer in answers.items()
            if not isinstance(answer, errors.CloudError)}
    images, volumes = told.get(glance, {}), told.get(cinder, {})
    return facts.Limits(
        images.get('image_count_total'), images.get('image_size_total'),
        told.get(nova), volumes.get('snapshots'), volumes.get('gigabytes'),
        unknown=tuple(answer.service for module, answer in answers.items()
                      if module not in told),
        asked_at=timeutils.utcnow(True))
