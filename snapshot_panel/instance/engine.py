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

"""Snapshots by the clock of the workflow service: choice and state."""

import dataclasses

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import scheduling
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow
from snapshot_panel.instance import schedule
from snapshot_panel.instance import texts
from snapshot_panel.ui import lines

# What each button of the page does, and what is said then.
BEGIN, PAUSE, END = 'begin', 'pause', 'end'
DONE = {
    BEGIN: _('The workflow service takes the snapshots from now on.'),
    PAUSE: _('Paused: no snapshots are taken, and none are deleted.'),
    END: _('The schedule is deleted. Its snapshots stay.'),
}


class EngineForm(schedule.ScheduleForm):
    """How often, when in the user's zone, and how many are kept.

    :param current: the :class:`schedules.Schedule` that there is, with the
        hour in UTC, or None.
    :param now: aware.
    """

    def __init__(self, data=None, *, current=None, now):
        # Of today: the service knows no zones.
        self._offset = timezone.localtime(now).utcoffset()
        super().__init__(data, current=current and dataclasses.replace(
            current, hour=workflow.local_hour(current.hour, self._offset)))
        self.fields['hour'].help_text = texts.ENGINE_ZONE % {
            'zone': timezone.get_current_timezone_name()}

    def wanted(self, now):
        """Return the :class:`schedules.Schedule` and the trigger's pattern.

        :param now: when it begins, aware.
        """
        chosen = self.chosen(now)
        pattern, hour = workflow.pattern(chosen.period, chosen.hour,
                                         self._offset)
        return dataclasses.replace(chosen, hour=hour), pattern


@dataclasses.dataclass(frozen=True)
class EngineLines:
    """What the page shows of what the workflow service does.

    ``last`` is the newest snapshot of a schedule, None where there is none,
    or where nobody knows them. It is ``incomplete`` where somebody was killed
    who made it, paused or ended it.
    """

    engine: scheduling.Engine
    schedule: schedules.Schedule | None
    paused: bool
    last: lines.SnapshotLine | None

    @classmethod
    def of(cls, instance, images, engine):
        """Return the lines of an instance with these snapshots.

        :param images: None where they are unknown.
        """
        paused = schedules.read_paused(instance)
        return cls(engine, paused or schedules.read(instance),
                   paused is not None and engine.trigger is None,
                   _last(instance, images or ()))

    @property
    def incomplete(self):
        """Whether there is a workflow that nothing starts, and no pause."""
        return (self.engine.workflow and self.engine.trigger is None
                and not self.paused)

    @property
    def text(self):
        """The schedule in a sentence, '' where there is none."""
        return self.schedule and texts.ENGINE[self.schedule.period] % {
            'keep': self.schedule.keep}

    @property
    def failure(self):
        """Why the newest run failed, '' where it did not."""
        run = self.engine.run
        if run is None or not run.failed:
            return ''
        return (errors.brief(workflow.cause(run.reason))
                or texts.ENGINE_NO_REASON)


def _last(instance, images):
    made = {image.id for image in images if schedules.made(instance, image)}
    return next((line for line in lines.snapshot_lines(instance, images)
                 if line.id in made), None)
