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

"""Taking what a schedule missed.

Whatever was to take the snapshot may have been down, or was killed. The
workflow service writes a trigger's next time before it begins (fact 48): a
night in which it dies between the two is lost to it.
"""

from collections.abc import Iterable
import datetime
import logging

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import workflow

LOG = logging.getLogger(__name__)


# In which Nova makes one. What stands in error is not asked about each round.
_COPIED = (facts.RUNNING, facts.STOPPED, *facts.NEVER_FROZEN)


def suspected(instance: facts.Instance, images: Iterable[facts.Image],
              now: datetime.datetime) -> bool:
    """Return whether a schedule may have missed a snapshot.

    It is so long ago that anybody took one, whatever became of it, that there
    is nothing that could be proven by now.

    :param images: the instance's snapshots.
    :param now: aware.
    """
    if (instance.volume_backed or instance.task_state
            or instance.status not in _COPIED):
        return False
    newest = max((image.created for image in images if image.created),
                 default=None)
    return schedules.overdue(instance, newest, now)


def take(session: asking.Session, instance: facts.Instance) -> str | None:
    """Take the snapshot that an instance's schedule missed, once.

    Nova's record of actions tells whether anybody asked for one meanwhile,
    also where that was discarded or deleted since. It is looked at once more
    afterwards: a judge on another host may have come first, and Nova refuses
    a second one only while the first is being made.

    :returns: its name, None where none was missed, or none can be taken now.
    :raises errors.CloudError: a service failed; the next round tries again.
    """
    now = timeutils.utcnow(True)
    if _asked(session, instance, now):
        return None
    instance, images = snapshots.one(session, instance.id)
    if not suspected(instance, asking.or_raise(images), now):
        return None
    try:
        attempt = _take(session, instance, now)
    except errors.Conflict:
        # Nova says that it is busy before it writes down with what.
        if (_asked(session, instance, now)
                or nova.get_instance(session, instance.id).task_state):
            return None
        raise
    taken = attempt.taken
    if taken is None:
        LOG.warning('%s: its schedule missed a snapshot, and none can be '
                    'taken now', instance.id)
        return None
    if taken.action and _asked(session, instance, now, taken.action):
        LOG.warning('%s: somebody else took the snapshot that its schedule '
                    'missed just before; %s is deleted', instance.id,
                    taken.image_id)
        snapshots.delete(session, instance.id, taken.image_id)
        return None
    LOG.warning('%s: its schedule missed a snapshot; %s was taken',
                instance.id, taken.image_id)
    return attempt.name


def _take(session: asking.Session, instance: facts.Instance,
          now: datetime.datetime) -> taking.Attempt:
    moment = now.strftime(schedules.MOMENT)
    return taking.take_if_ready(
        session, instance.id, '%s-%s' % (workflow.begin_name(instance),
                                         moment),
        # As the schedule itself: what comes of it is told afterwards.
        accept=verdict.Verdict.CRASH, told=True,
        extra={schedules.MARK: schedules.mark(instance.id, moment)})


def _asked(session: asking.Session, instance: facts.Instance,
           now: datetime.datetime, before: str | None = None) -> bool:
    """Return whether Nova was asked for what the schedule was to take.

    :param before: as :func:`nova.snapshot_asked_for` takes it.
    """
    return not schedules.overdue(instance, nova.snapshot_asked_for(
        session, instance.id, before), now)
