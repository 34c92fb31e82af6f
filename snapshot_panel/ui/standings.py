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

"""What pages lately said of instances, for pages that must not ask."""

import dataclasses
import datetime

from oslo_utils import timeutils

from snapshot_panel.cloud import cache
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import checklist
from snapshot_panel.ui import findings
from snapshot_panel.ui import words

# How long a standing is worth showing, in seconds. A snapshot asks again.
AGE = 15 * 60


@dataclasses.dataclass(frozen=True)
class Standing:
    """What could be expected of a snapshot of an instance.

    ``at`` is when that was found out, aware; ``blocker`` is None where
    nothing stood in the way.
    """

    standing: checklist.Standing
    blocker: checklist.Finding | None
    at: datetime.datetime

    @property
    def badge(self):
        return words.STANDINGS[self.standing]

    @property
    def reason(self):
        """What stood in the way, in the index's words, or ''."""
        return findings.in_short(self.blocker) if self.blocker else ''

    @property
    def minutes(self):
        """How long ago that was."""
        age = timeutils.utcnow(True) - self.at
        return max(0, round(age.total_seconds() / 60))


def keep(rows):
    """Keep what is known of some instances, for :data:`AGE`.

    :param rows: :class:`lines.InstanceRow`. What is still to be asked of
        the guest, or is only so for the moment, is not kept.
    """
    now = timeutils.utcnow(True)
    found = {
        _key(row.instance.project_id, row.id, row.instance.status): Standing(
            row.checklist.standing, _blocker(row), now)
        for row in rows if _is_known(row)}
    if found:
        cache.set_many(found, AGE)


def recall(servers):
    """Return the :class:`Standing` of some servers, by id.

    Nothing is asked of any service. A server that was in another state then
    has none, and one that Nova works on.

    :param servers: as Horizon shows them in its own tables.
    """
    keys = {_key(server.tenant_id, server.id, server.status): server.id
            for server in servers
            if not getattr(server, 'OS-EXT-STS:task_state', None)}
    return {keys[key]: standing
            for key, standing in cache.get_many(list(keys)).items()}


def _is_known(row):
    return not (row.busy or row.restart or row.problem
                or (row.unasked and row.checklist.undecided)
                or row.checklist.standing is checklist.Standing.UNKNOWN)


def _blocker(row):
    result = row.checklist.blocker
    return (result.finding
            if result is not None and not row.one_click else None)


def _key(project_id, instance_id, status):
    return cache.of_release('snapshot_panel:standing:%s:%s:%s' % (
        project_id, instance_id, bounded.key_part(status)))
