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


"""Snapshots by the clock: the choice, and what to copy."""

import dataclasses

from django import forms
from django.utils.translation import gettext_lazy as _
from oslo_utils import timeutils

from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import protection
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow
from snapshot_panel.instance import texts
from snapshot_panel.ui import lines
from snapshot_panel.ui import words

# What is offered where there is no schedule yet: nightly, for a week.
_HOUR, _KEEP = 3, 7


class ScheduleForm(forms.Form):
    """How often, when, and how many are kept.

    :param current: the :class:`schedules.Schedule` that there is, or None.
    """

    period = forms.ChoiceField(label=_('How often'), choices=[
        (period.value, words.PERIODS[period]) for period in schedules.Period])
    hour = forms.IntegerField(
        label=_('Hour'), min_value=0, max_value=23,
        help_text=_('By the clock of the machine that runs it.'))
    keep = forms.IntegerField(
        label=_('Keep the last'), min_value=1, max_value=schedules.MOST,
        help_text=_('So many that are proven consistent, and all that are '
                    'younger.'))

    def __init__(self, data=None, *, current=None):
        period = current.period if current else schedules.Period.DAILY
        super().__init__(data, label_suffix='', initial={
            'period': period.value,
            'hour': current.hour if current else _HOUR,
            'keep': current.keep if current else _KEEP})
        for field in self.fields.values():
            field.widget.attrs['class'] = 'form-control'

    def chosen(self, now):
        """Return the :class:`schedules.Schedule`, None where it is wrong.

        :param now: when it begins, aware.
        """
        if self.is_bound and not self.is_valid():
            return None
        chosen = self.cleaned_data if self.is_bound else self.initial
        return schedules.Schedule(schedules.Period(chosen['period']),
                                  chosen['hour'], chosen['keep'], now)


@dataclasses.dataclass(frozen=True)
class ScheduleLines:
    """What the page shows of an instance's schedule.

    ``current`` is the one that there is and ``chosen`` the one to copy, None
    where there is none; ``overdue`` is False where nobody knows the snapshots.
    """

    instance: facts.Instance
    current: schedules.Schedule | None
    chosen: schedules.Schedule | None
    overdue: bool

    @classmethod
    def of(cls, instance, images, chosen):
        """Return the lines of an instance with these snapshots.

        :param images: None where they are unknown.
        """
        return cls(instance, schedules.read(instance), chosen,
                   images is not None and _overdue(instance, images))

    @property
    def text(self):
        """The schedule that there is, in a sentence."""
        return words.SCHEDULES[self.current.period] % {
            'hour': '%02d:00' % self.current.hour, 'keep': self.current.keep}

    @property
    def kept(self):
        """The same without the hour, which is the workflow service's."""
        return texts.ENGINE[self.current.period] % {'keep': self.current.keep}

    @property
    def steps(self):
        """What to do in which order: titles, and what to copy."""
        if self.chosen is None or self.instance.volume_backed:
            return []
        instance_id = self.instance.id
        when = self.chosen.hour, self.chosen.period is schedules.Period.WEEKLY
        return [
            (texts.SCHEDULE_TELL, commands.set_metadata(
                instance_id, schedules.KEY, self.chosen.value())),
            (texts.SCHEDULE_SAVE, commands.save_scheduled(
                instance_id, workflow.begin_name(self.instance),
                schedules.MARK)),
            (texts.SCHEDULE_CRON, commands.cron(instance_id, *when)),
            (texts.SCHEDULE_TIMER, commands.timer(instance_id, *when))]

    @property
    def ending(self):
        """What ends the schedule that there is."""
        return '\n'.join((
            commands.unset_metadata(self.instance.id, schedules.KEY),
            commands.end_timer(self.instance.id)))


def _overdue(instance, images):
    proven = protection.last_proven(
        line.snapshot for line in lines.snapshot_lines(instance, images))
    return schedules.overdue(instance, proven and proven.at,
                             timeutils.utcnow(True))
