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

"""What an instance's page shows, in words."""

import dataclasses
import functools
import typing

from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.instance import history
from snapshot_panel.instance import texts
from snapshot_panel.ui import lines
from snapshot_panel.ui import words


@dataclasses.dataclass(frozen=True)
class StageLine:
    """One step of the way, ready to be shown.

    ``measured`` is what the last snapshot showed of it, '' if nothing.
    """

    stage: journey.Stage
    row: lines.InstanceRow
    measured: str = ''

    @property
    def code(self):
        return self.stage.step.code

    @property
    def title(self):
        return self._words[0]

    @property
    def text(self):
        return self._words[1]

    @property
    def _words(self):
        steps = (texts.STEPS_ON_VOLUMES if self.row.instance.volume_backed
                 else texts.STEPS)
        return steps[self.stage.step]

    @property
    def badge(self):
        if (self.stage.step is journey.Step.VERDICT
                and self.row.checklist.possible and self.stage.light in (
                    journey.Light.CLEAR, journey.Light.DOUBTFUL,
                    journey.Light.BLOCKED)):
            return words.VERDICTS[self.row.checklist.prediction]
        return texts.LIGHTS[self.stage.light]

    @property
    def now(self):
        return self.stage.light is journey.Light.NOW

    @property
    def doubts(self):
        """The lines of what does not hold; the checklist has the others."""
        return [self.row.line(result.finding.check)
                for result in self.stage.results
                if result.state.value != 'pass']


@dataclasses.dataclass(frozen=True)
class PageLines:
    """Everything that the page shows of one instance.

    ``problem`` is the :class:`errors.CloudError` of Glance, or None.
    """

    row: lines.InstanceRow
    images: typing.Sequence[facts.Image]
    problem: typing.Optional[errors.CloudError] = None
    recalled: disks.Recalled = disks.Recalled()
    may_settle: bool = True

    @functools.cached_property
    def lines(self):
        """The :class:`lines.SnapshotLine` of each, newest first."""
        return lines.snapshot_lines(self.row.instance, self.images,
                                    self.recalled)

    @property
    def unread(self):
        """The ids of the snapshots whose disks this user can have read."""
        return [line.id for line in self.lines if self.may_settle
                and line.snapshot.unread
                and line.id not in self.recalled.refused]

    def unsettled(self, shown):
        """Return whether what the page shows is to be carried on.

        :param shown: the :class:`history.Entry` of the snapshots in view.
        """
        return self.row.unsettled or bool(
            {entry.id for entry in shown} & set(self.unread))

    @property
    def entries(self):
        return history.entries(self.row.instance, self.lines)

    @property
    def running(self):
        """The line of the snapshot that is being made, or None."""
        return next((line for line in self.lines if line.step), None)

    @property
    def live(self):
        """Whether the picture moves now."""
        return self.running is not None or self.row.busy

    @property
    def stages(self):
        running, instance = self.running, self.row.instance
        if running is None:
            measured = history.measured(self.last) if self.last else {}
            return [StageLine(stage, self.row, measured.get(stage.step, ''))
                    for stage in journey.ahead(instance, self.row.checklist)]
        return [StageLine(stage, self.row) for stage in journey.under_way(
            instance, next((image for image in self.images
                            if image.id == running.id), None),
            self.row.checklist)]

    @property
    def last(self):
        """The line of the newest snapshot that is over, or None."""
        return next((line for line in self.lines if not line.step), None)

    @property
    def told(self):
        """What came of the newest snapshot, '' while it is being made."""
        newest = next(iter(self.lines), None)
        return newest.told if newest else ''

    @property
    def prediction(self):
        """The :class:`words.Badge` of a snapshot taken now."""
        return words.VERDICTS[self.row.checklist.prediction]

    @property
    def blocker(self):
        """The line of what the card names, None where that is the way on."""
        return None if self.live or self.row.one_click else self.row.blocker

    @property
    def doubts(self):
        """The lines of what does not hold, besides what the card says."""
        named = self.blocker and self.blocker.code
        return [line for line in self.row.lines
                if line.result.state is not checklist.State.PASS
                and line.code != named
                and line.result.finding is not checklist.Finding.BUSY]

    @property
    def passed(self):
        """The lines of what holds."""
        return [line for line in self.row.lines
                if line.result.state is checklist.State.PASS]

    @property
    def commands(self):
        """What each command does, and the command."""
        instance = self.row.instance
        named = [('take', commands.take(instance.id,
                                        taking.default_name(instance))),
                 ('console', commands.show_console(instance.id))]
        newest = next((line for line in self.lines if not line.gone), None)
        if newest is not None:
            named.append(('seal', commands.show_seal(newest.id)))
        if instance.image_id and not instance.properties.flag(
                facts.AGENT_PROPERTY):
            named.append(('channel', commands.set_property(
                instance.image_id, facts.AGENT_PROPERTY, 'yes')))
        return [(texts.COMMANDS[name], command) for name, command in named]


def page(instance, images, details, recalled=disks.Recalled(),
         may_settle=True):
    """Put together what is known of one instance.

    :param images: its snapshots, or the :class:`errors.CloudError` of
        Glance.
    :param details: the :class:`details.Details` of the instance.
    :param recalled: and may_settle, as :func:`lines.unsettled` takes them.
    """
    problem = images if isinstance(images, errors.CloudError) else None
    known = [] if problem is not None else images
    row = lines.instance_row(instance, images, details, recalled=recalled,
                             may_settle=may_settle)
    return PageLines(row, known, problem, recalled, may_settle)
