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

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import limits
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import facts


def ask_about(request, instance, again=False):
    """Ask what the page of one instance shows beyond the lists.

    :param bool again: ask the guest now, however lately it was asked.
    :returns: what :func:`snapshots.hear_guests` tells of it, its image as it
        is now (None where it is stopped: its guest tells), what
        :func:`volumes.of_instance` returns, and the :class:`facts.Limits`.
    """
    return _ask(request, instance, lambda: snapshots.hear_guests(
        request, [instance], again)[instance.id])


def ask_before_snapshot(request, instance):
    """Do the same with the guest asked now, for nobody else.

    :raises errors.CloudError: where the guest could not be asked.
    """
    found = _ask(request, instance, lambda: snapshots.Heard(
        snapshots.ask_guest_if_allowed(request, instance), None))
    if isinstance(found[0], errors.CloudError):
        raise found[0]
    return found


def _ask(request, instance, hear):
    return snapshots.together(
        hear,
        lambda: (None if instance.status == facts.STOPPED
                 else snapshots.image_today(request, instance)),
        lambda: volumes.of_instance(request, instance),
        lambda: limits.ask(request, instance))
