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

"""The panel's settings: one dict, ``SNAPSHOT_PANEL``, with defaults."""

import functools
import typing

from django.conf import settings
from django.core.signals import setting_changed

from snapshot_panel.consistency import facts

DEFAULTS: dict[str, typing.Any] = {
    # Nova's [libvirt] images_type ('qcow2', 'raw', 'rbd', 'lvm', ...). Only
    # the operator knows it, and with rbd and lvm no live snapshot freezes.
    'ephemeral_backend': None,
    # Nova's shutdown_timeout, in seconds. Only the operator knows it. Without
    # it no stop is called clean where the disk cannot tell.
    'shutdown_timeout': None,
    # How long a witness may come after the image became active, in seconds.
    'settle_grace': 30,
    # How long what a guest said is shared between users, in seconds.
    'evidence_age': 30,
    # How many of the project's newest snapshots the index asks for. What is
    # older is looked for instance by instance, behind the page.
    'snapshots_listed': 100,
    # How many guests are asked at the same time by one page.
    'guests_at_once': 4,
    # How long one request to a service may take, in seconds.
    'request_timeout': 60,
    # How much of an image is read from its beginning where the store cannot
    # give parts of it, in MiB. 0: such images are not read.
    'disk_stream_mib': 64,
    # How many disks of snapshots that the panel did not take one request of
    # a page's script reads.
    'disks_at_once': 4,
    # How often a page asks for news while a snapshot runs, in seconds.
    'poll_interval': 2,
    # Whether Horizon's page of instances has the action and the readiness.
    'on_instances_page': True,
    # Whether Horizon's details of an instance have the tab.
    'on_instance_details': True,
}


@functools.lru_cache(maxsize=None)
def get_config() -> dict[str, typing.Any]:
    """Return the settings as a dict, defaults filled in."""
    return {**DEFAULTS, **getattr(settings, 'SNAPSHOT_PANEL', {})}


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == 'SNAPSHOT_PANEL':
        get_config.cache_clear()


setting_changed.connect(_forget)


def deployment() -> facts.Deployment:
    """Return what the operator told, as the rules take it."""
    config = get_config()
    return facts.Deployment(
        ephemeral_backend=config['ephemeral_backend'],
        shutdown_timeout=config['shutdown_timeout'],
        settle_grace=config['settle_grace'])
