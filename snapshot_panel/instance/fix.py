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

"""From an instance without a channel to its first proven snapshot."""

import dataclasses
import functools
import typing

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import succession
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import successor
from snapshot_panel.instance import lines
from snapshot_panel.instance import restore
from snapshot_panel.instance import texts
from snapshot_panel.ui import lines as ui_lines
from snapshot_panel.ui import remedies
from snapshot_panel.ui import words

State = successor.State
Step = successor.Step

TITLES = {
    Step.SNAPSHOT: _('Take a snapshot of it'),
    Step.PROPERTY: _('Give the snapshot the channel'),
    Step.LAUNCH: _('Launch the replacement'),
    Step.AGENT: _('Run the agent in the guest'),
    Step.TRIAL: _('Take the first proven snapshot'),
}

STATES = {
    State.DONE: texts.LIGHTS[journey.Light.DONE],
    State.UNNEEDED: words.Badge(pgettext_lazy('state of a step',
                                              'Not needed'),
                                'minus', 'muted'),
    State.NOW: texts.LIGHTS[journey.Light.NOW],
    State.MOVING: words.Badge(pgettext_lazy('state of a step',
                                            'In progress'),
                              'refresh', 'info'),
    State.LATER: words.Badge(pgettext_lazy('state of a step', 'Later'),
                             'calendar', 'muted'),
}

# What keeps the compute service from taking a snapshot.
_STOPS = (checklist.Check.STATE, checklist.Check.TASK, checklist.Check.QUOTA,
          checklist.Check.QUIESCE)


@dataclasses.dataclass(frozen=True)
class StageLine:
    """One step, ready to be shown."""

    stage: successor.Stage

    @property
    def code(self):
        return self.stage.step.value

    @property
    def title(self):
        return TITLES[self.stage.step]

    @property
    def badge(self):
        return STATES[self.stage.state]

    @property
    def done(self):
        return self.stage.state is State.DONE

    @property
    def moving(self):
        return self.stage.state is State.MOVING

    @property
    def open(self):
        return self.stage.state in (State.NOW, State.MOVING)

    @property
    def template(self):
        return 'consistent_snapshots/instance/fix/_%s.html' % self.code


@dataclasses.dataclass(frozen=True)
class FixLines:
    """What the page shows of an instance on its way.

    ``page`` is all that its own page shows; ``made`` are the snapshots to
    launch from, newest first, and ``launched`` the instances that run from
    them. ``heir_page`` is of whoever takes its place, None where there is
    nobody, or where it is still being built.
    """

    page: lines.PageLines
    made: typing.Sequence[facts.Image] = ()
    launched: typing.Sequence[facts.Instance] = ()
    heir_page: typing.Optional[lines.PageLines] = None

    @property
    def row(self):
        return self.page.row

    @property
    def instance(self):
        return self.row.instance

    @property
    def channel(self):
        """Whether the instance has a channel itself, as far as is known."""
        return (bool(self.instance.properties.flag(facts.AGENT_PROPERTY))
                or self.row.checklist.has(
                    checklist.Finding.CHANNEL_WITNESSED))

    @property
    def on_volume(self):
        """Whether there is no snapshot to launch a replacement from."""
        return self.instance.volume_backed and not self.channel

    @functools.cached_property
    def heir(self):
        """The :class:`facts.Instance` that takes its place, or None."""
        return successor.choose(self.made, self.launched)

    @property
    def failed(self):
        """The replacement that could not be built, or None."""
        return successor.failed(self.source, self.launched)

    @property
    def source(self):
        """The snapshot that is launched from, or was; None without one."""
        return next((image for image in self.made if self.heir is None
                     or image.id == self.heir.image_id), None)

    @property
    def source_line(self):
        """The :class:`ui_lines.SnapshotLine` of that snapshot."""
        source = self.source
        return source and next(
            (line for line in self.page.lines if line.id == source.id),
            ui_lines.snapshot_line(source, self.instance))

    @property
    def whole(self):
        """Whether the snapshot to launch from is proven consistent."""
        return self.source_line.decision.verdict.consistent

    @property
    def subject(self):
        """The page of whoever has the channel, None without one."""
        return self.page if self.channel else self.heir_page

    @functools.cached_property
    def stages(self):
        return [StageLine(stage) for stage in successor.way(self._known())]

    def _known(self):
        subject, source = self.subject, self.source
        agent = subject and subject.row.checklist.find(checklist.Check.AGENT)
        return successor.Known(
            self.instance, self.channel, source,
            source is not None and editing.is_pending(source), self.heir,
            agent.state if agent else None,
            bool(subject) and subject.running is not None,
            bool(subject) and subject.row.proven is not None)

    @property
    def finished(self):
        return all(stage.stage.state.over for stage in self.stages)

    @property
    def moving(self):
        """Whether looking again soon shows more."""
        if restart.held(self.instance):
            return False
        return any(stage.moving for stage in self.stages) or bool(
            self.subject and self.subject.row.unsettled)

    @property
    def waiting(self):
        """Whether it is somebody else's turn: the guest's, or Nova's."""
        return not self.finished

    @property
    def stops(self):
        """The lines of what allows no snapshot of the instance now."""
        if self.row.checklist.possible:
            return []
        return [line for line in map(self.row.line, _STOPS)
                if line is not None
                and line.result.state is checklist.State.FAIL]

    @property
    def clean(self):
        """Whether it is shut off, so that a snapshot can be whole."""
        return self.instance.status == facts.STOPPED

    @property
    def edit(self):
        """The :class:`edits.Edit` that gives its snapshot the channel."""
        return edits.Preset.READY.edit(self.source)

    @property
    def agent(self):
        """The line of the agent of whoever has the channel, or None."""
        return self.subject.row.line(checklist.Check.AGENT)

    @property
    def links(self):
        """Where the agent is installed: the guest's console, and how."""
        instance = self.subject.row.instance
        return [link for link in (remedies.console(instance),
                                  remedies.setup(instance)) if link]

    @property
    def command(self):
        """What launches the replacement with the openstack command."""
        return commands.launch(self.source.id, dataclasses.replace(
            self.instance, name=successor.successor_name(self.instance)))


def choices(known, offer):
    """Return a :class:`restore.Choice` for each thing that is launched.

    :param known: the :class:`FixLines` of the instance.
    :param offer: its :class:`succession.Offer`, which has a blueprint.
    """
    blueprint, instance = offer.blueprint, known.instance
    made = [
        restore.Choice(_('Name'), [blueprint.name]),
        restore.Choice(_('Image'), [known.source.name]),
        restore.Choice(restore.FLAVOR, [
            _('%(name)s (VCPUs: %(vcpus)s, RAM: %(ram)s MiB, disk: %(disk)s '
              'GiB)') % dataclasses.asdict(offer.flavor)]),
        _networks(instance, blueprint),
        restore.Choice(_('Security groups'), blueprint.security_groups or (
            [_('The project’s default')] if blueprint.networks else [])),
        _key(instance, blueprint),
        restore.Choice(_('Availability zone'), [blueprint.zone]),
        restore.Choice(_('Configuration drive'),
                       [_('Yes')] if blueprint.config_drive else []),
        restore.Choice(
            _('Volumes'), restore.volume_lines(offer.volumes),
            _('Not attached: they stay with the old instance until you move '
              'them.')),
    ]
    return [each._replace(values=list(filter(None, each.values)))
            for each in made if any(each.values)]


def _networks(instance, blueprint):
    if not blueprint.networks:
        return restore.Choice(_('Networks'), [_('None, as the old one')])
    names = list(instance.addresses)
    if len(names) != len(blueprint.networks):
        # Several interfaces in one network, or networks of one name.
        return restore.Choice(_('Networks'), blueprint.networks, _NEW_PORTS)
    return restore.Choice(_('Networks'), [
        _('%(network)s (the old instance has %(addresses)s)') % {
            'network': name, 'addresses': words.listed(addresses)}
        if addresses else name
        for name, addresses in instance.addresses.items()], _NEW_PORTS)


_NEW_PORTS = _('A new port in each, with a new address; the old instance '
               'keeps its own. Other settings of ports are not copied.')


def _key(instance, blueprint):
    if instance.key_name and not blueprint.key_name:
        return restore.Choice(_('Key pair'), [_('None')], _(
            'That of the old instance is not yours, or is gone. The guest '
            'still accepts the keys on its disk.'))
    return restore.Choice(_('Key pair'), [blueprint.key_name])


def why_not(offer):
    """Return why nothing can be launched here, as lines; empty if it can."""
    if offer.blueprint is not None:
        return []
    return [_('What to launch it with cannot be found out now. %s')
            % words.say(problem) for problem in offer.problems] or [
        _('The flavor of the instance does not exist any more.')]


# What came of the wish to launch, and whether it is bad news.
LAUNCHES = {
    succession.Outcome.LAUNCHED: _('The replacement is being launched.'),
    succession.Outcome.ALREADY: _(
        'It was launched already, perhaps by a second click. Nothing was '
        'done.'),
    succession.Outcome.MOVED: _(
        'Meanwhile something changed, so nothing was done. Look again.'),
}
