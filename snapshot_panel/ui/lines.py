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

"""What a page shows of an instance and of a snapshot, in words."""

import dataclasses
import functools
import typing

from oslo_utils import timeutils

from snapshot_panel.cloud import details
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel import conf
from snapshot_panel.consistency import adoption
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import known
from snapshot_panel.consistency import protection
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import roots
from snapshot_panel.consistency import verdict
from snapshot_panel.ui import findings
from snapshot_panel.ui import remedies
from snapshot_panel.ui import systems
from snapshot_panel.ui import words


@dataclasses.dataclass(frozen=True)
class CheckLine:
    """One check, ready to be shown.

    ``heard_at`` is when the guest was asked, None where it was just now.
    """

    result: checklist.Result
    instance: facts.Instance
    heard_at: typing.Any = None

    @property
    def _row(self):
        return findings.FINDINGS[self.result.finding]

    @property
    def _check(self):
        return findings.CHECKS[self.result.finding.check]

    @property
    def code(self):
        return self.result.finding.check.value

    @property
    def title(self):
        return self._check.title

    @property
    def badge(self):
        return words.STATES[self.result.state]

    @property
    def found(self):
        return findings.fill(self._row.found, self.result)

    @property
    def remedy(self):
        return findings.fill(self._row.remedy, self.result)

    @property
    def evidence(self):
        return findings.evidence(self.result, self.instance, self.heard_at)

    @property
    def why(self):
        return self._check.why

    @property
    def links(self):
        return findings.links(self.result, self.instance)

    @property
    def command(self):
        return findings.command(self.result, self.instance)

    @property
    def ways(self):
        return [WayLine(way) for way in remedies.ways(self.result,
                                                      self.instance)]


@dataclasses.dataclass(frozen=True)
class WayLine:
    """One way to adopt a property, ready to be shown."""

    adoption: adoption.Adoption

    @property
    def code(self):
        return self.adoption.way.value

    @property
    def title(self):
        return words.WAYS[self.adoption.way][0]

    @property
    def price(self):
        return words.WAYS[self.adoption.way][1]

    @property
    def hindrance(self):
        return words.HINDRANCES.get(self.adoption.hindrance)

    @property
    def commands(self):
        return '\n'.join(self.adoption.commands)

    @property
    def note(self):
        """What the commands lack, '' if nothing."""
        return words.NETWORKS_BY_NAME if self.adoption.by_name else ''


@dataclasses.dataclass(frozen=True)
class SnapshotLine:
    """One snapshot, ready to be shown.

    ``task_state`` is that of its instance; ``delay`` says why it may take so
    long, '' where it does not.
    """

    snapshot: known.Snapshot
    task_state: str | None = None
    delay: str = ''

    @property
    def id(self):
        return self.snapshot.id

    @property
    def name(self):
        return self.snapshot.name

    @property
    def decision(self):
        return self.snapshot.decision

    @property
    def at(self):
        return self.snapshot.at

    @property
    def dated(self):
        return self.at is not None

    @property
    def by(self):
        return self.snapshot.by

    @property
    def gone(self):
        return self.snapshot.gone

    @property
    def size(self):
        return self.snapshot.image.size if self.snapshot.image else None

    @property
    def active(self):
        return bool(self.snapshot.image and self.snapshot.image.active)

    @property
    def restorable(self):
        """Whether an instance can be launched from it, in place of its own.

        Not where Cinder could not copy all volumes (fact 13), nor from what
        holds the disk of something else.
        """
        rule = self.decision.rule
        return self.active and not (
            rule.misfit or rule is verdict.Rule.VOLUMES_FAILED)

    @property
    def seconds(self):
        """As :class:`records.Seal` has it."""
        image = self.snapshot.image
        seal = records.read_seal(image) if image else None
        return seal.seconds if seal else None

    @property
    def copies(self):
        """The number of volume snapshots that it is made of."""
        image = self.snapshot.image
        return len(records.volume_snapshots(image) or ()) if image else 0

    @property
    def note(self):
        """What becomes of the snapshots that it replaces."""
        image = self.snapshot.image
        return words.replacing(image) if image else ''

    @property
    def availability(self):
        """Why its image is not to be had like others, or ''."""
        image = self.snapshot.image
        return words.availability(image) if image else ''

    @property
    def badge(self):
        return words.badge(self.decision)

    @property
    def reason(self):
        return words.reason(self.decision)

    @property
    def told(self):
        """What came of it, '' while it is being made."""
        return '' if self.step else words.TOLD % {
            'name': self.name, 'verdict': self.badge.word}

    @property
    def step(self):
        """How far it is in per cent, and what happens; None where over."""
        if self.decision.verdict.final or self.snapshot.unread:
            return None
        if self.active:
            return words.WITNESSING
        if self.snapshot.image is None:
            return words.FINISHING
        return words.STEPS.get(facts.SnapshotTask.of(self.task_state),
                               words.FINISHING)


def _line(snapshot, instance, now, deployment):
    waited = snapshot.image and journey.copying_long(
        instance, snapshot.image, now, deployment)
    return SnapshotLine(snapshot, instance.task_state,
                        _delay(waited, instance) if waited else '')


def _delay(waited, instance):
    """Return the sentence about a copy that takes long.

    An agent that the guest's system does not have cannot hang.
    """
    restarted = systems.choose(None, instance.properties.values).restart
    return restarted and words.fill(words.COPYING_LONG, {
        'time': words.duration(waited.total_seconds()), 'command': restarted})


def snapshot_line(image, instance):
    """Return the line of a snapshot that has an image."""
    now, deployment = timeutils.utcnow(True), conf.deployment()
    return _line(known.of_image(image, instance, now, deployment), instance,
                 now, deployment)


def snapshot_lines(instance, images, recalled=disks.Recalled()):
    """Return all that is known of an instance's snapshots, newest first.

    :param recalled: the :class:`disks.Recalled` of the images.
    """
    now, deployment = timeutils.utcnow(True), conf.deployment()
    return [_line(snapshot, instance, now, deployment)
            for snapshot in known.snapshots(instance, images, now, deployment,
                                            recalled.readings)]


def latest(lines):
    """Return the first line that counts, None where there is none."""
    return next((line for line in lines if line.snapshot.counts), None)


def to_read(lines, recalled):
    """Return the ids of the disks to read for a page that shows the latest.

    Of what the panel did not take only the latest counts there: a project
    may have thousands.

    :param lines: the :class:`SnapshotLine` of an instance, newest first.
    :param recalled: the :class:`disks.Recalled` of its images.
    """
    newest = latest(lines)
    return [] if newest is None or not newest.snapshot.unread or (
        newest.id in recalled.refused) else [newest.id]


def unsettled(instance, images, recalled=disks.Recalled(), may_settle=True):
    """Return whether something of an instance is left to be carried on.

    :param bool may_settle: the user may have disks read and seal verdicts.
    """
    return known.unsettled(instance, images, timeutils.utcnow(True),
                           conf.deployment(),
                           recalled.refused if may_settle else None)


@dataclasses.dataclass(frozen=True)
class RestartLine:
    """Stop, snapshot and start again, ready to be shown.

    ``done`` is how far it is in per cent, None where it is over; ``choices``
    are the names of what can be done about it.
    """

    text: str
    done: typing.Optional[int]
    choices: typing.Tuple[str, ...]
    stopped: bool
    by: str = ''
    at: typing.Any = None

    @property
    def buttons(self):
        return [(choice, words.RESTART_CHOICES[choice])
                for choice in self.choices]

    @classmethod
    def of(cls, instance):
        """Return the line of an instance, None where it has no plan."""
        plan = records.read_plan(instance)
        if plan is None:
            return None
        step = restart.step_of(plan)
        stopped = instance.status == facts.STOPPED
        if step is not restart.Phase.OVER:
            done, text = words.RESTART_STEPS[step]
            if restart.held(instance):
                return cls(words.RESTART_LOCKED if instance.locked
                           else words.RESTART_HELD, None, (), stopped, plan.by,
                           plan.at)
            choices = {restart.Phase.STOPPING: ('cancel',),
                       restart.Phase.TAKING: ('leave',)}.get(step, ())
            return cls(text, done, choices, stopped, plan.by, plan.at)
        return cls(words.RESTART_CAUSES.get(restart.cause_of(plan),
                                            words.RESTART_BROKEN), None,
                   ('start', 'dismiss') if stopped else ('dismiss',),
                   stopped, plan.by, plan.at)


@dataclasses.dataclass(frozen=True)
class InstanceRow:
    """One instance, ready to be shown in the table.

    ``problem`` is the :class:`errors.CloudError` that kept us from asking
    the guest, or None. ``snapshots_known`` is false where Glance did not
    answer, ``snapshots_reached`` where there may be older ones. ``proven`` is
    the newest that is proven consistent, None where none of them is;
    ``groups`` are the :class:`protection.Group` that it is counted in.
    ``may_ask`` is false where this user may not ask its guest.
    """

    instance: facts.Instance
    checklist: checklist.Checklist
    latest: typing.Optional[SnapshotLine] = None
    unsettled: bool = False
    asked: bool = False
    heard_at: typing.Any = None
    problem: typing.Optional[errors.CloudError] = None
    snapshots_known: bool = True
    snapshots_reached: bool = True
    images: typing.Sequence[facts.Image] = ()
    proven: typing.Optional[SnapshotLine] = None
    groups: typing.FrozenSet[protection.Group] = frozenset()
    may_ask: bool = True

    @property
    def id(self):
        return self.instance.id

    @property
    def name(self):
        return self.instance.name

    @property
    def status(self):
        return words.INSTANCE_STATUSES.get(self.instance.status,
                                           self.instance.status)

    @property
    def ready(self):
        return self.checklist.ready

    @property
    def standing(self):
        """The :class:`words.Badge` of what can be expected of a snapshot."""
        return words.STANDINGS[self.checklist.standing]

    @property
    def blocker(self):
        """The line of what stands in the way first, None where nothing."""
        result = self.checklist.blocker
        return result and self._line(result)

    @functools.cached_property
    def blocker_word(self):
        """The same in a word or two, '' where nothing is in the way."""
        result = self.checklist.blocker
        return findings.in_short(result.finding) if result else ''

    @property
    def busy(self):
        return self.checklist.has(checklist.Finding.BUSY)

    @functools.cached_property
    def unasked(self):
        """Return whether the guest is still to be asked."""
        return self.checklist.has(checklist.Finding.AGENT_NOT_ASKED,
                                  checklist.Finding.STOP_NOT_ASKED)

    @property
    def incomplete(self):
        """Return whether something is to be asked for this row alone."""
        return ((self.unasked and self.may_ask)
                or not self.snapshots_reached)

    @property
    def refused(self):
        """Return whether the user may not know what the guest says."""
        return (not self.may_ask and self.unasked
                or isinstance(self.problem, errors.Forbidden))

    @property
    def unheard(self):
        """Return whether nothing is known as long as the guest is not asked.

        That says nothing against the instance.
        """
        return ((self.unasked or self.refused) and self.checklist.standing
                is checklist.Standing.UNKNOWN)

    @property
    def overdue(self):
        return protection.Group.OVERDUE in self.groups

    @property
    def never_proven(self):
        return protection.Group.NEVER in self.groups

    @property
    def alarm(self):
        """What is known of a guest that may stand frozen, or None."""
        if not journey.left_frozen(self.checklist):
            return None
        return self._line(
            self.checklist.find(checklist.Check.LAST_FREEZE))

    @property
    def restart(self):
        return RestartLine.of(self.instance)

    @property
    def held(self):
        """Return whether the page waits for others, and looks seldom.

        Nova is at work on the instance, which may be its end, or a restart
        waits until the instance can change.
        """
        return (self.busy or self.instance.status == facts.DELETED
                or restart.held(self.instance))

    @property
    def may_restart(self):
        """Return whether it can be stopped, copied and started again."""
        return (self.instance.status == facts.RUNNING and not self.busy
                and not self.instance.locked
                and not restart.unfinished(self.instance))

    @property
    def shutdown_limit(self):
        """How long the compute service waits for the guest, in seconds."""
        return verdict.shutdown_limit(self.instance.properties.values,
                                      conf.deployment())

    @functools.cached_property
    def one_click(self):
        """Return whether the button may take the snapshot without asking.

        Where only the guest can tell more, the click asks it.
        """
        return (self.checklist.prediction.consistent
                or (self.unasked and self.checklist.undecided))

    @property
    def total(self):
        return len(self.checklist.results)

    @functools.cached_property
    def _agent(self):
        return (self.checklist.find(checklist.Check.AGENT)
                or self.checklist.find(checklist.Check.STOP))

    @property
    def agent(self):
        """What is known of the agent, or of how the guest went down."""
        return self._line(self._agent)

    @functools.cached_property
    def agent_word(self):
        """The same in a word or two."""
        result = self._agent
        return findings.FINDINGS[result.finding].word or words.AGENT_UNKNOWN

    @property
    def agent_blocks(self):
        """Whether the same word already says what stands in the way."""
        return not self.one_click and self.agent_word == self.blocker_word

    @property
    def lines(self):
        return [self._line(result) for result in self.checklist.results]

    @property
    def missing(self):
        """The lines of what stands in the way."""
        return [self._line(result) for result in self.checklist.missing]

    def line(self, check):
        """Return the line of one check, None if it does not apply."""
        result = self.checklist.find(check)
        return result and self._line(result)

    def _line(self, result):
        return CheckLine(result, self.instance, self.heard_at)

    @property
    def warnings(self):
        """The lines of what is to be known before a snapshot."""
        return [self._line(result) for result in self.checklist.results
                if result.state is checklist.State.WARNING]


# The numbers of snapshots to keep that are offered.
KEEPS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 100)


@dataclasses.dataclass(frozen=True)
class Choice:
    """A number of snapshots to keep, and what goes with it.

    ``kept`` are the ids of those that stay all the same.
    """

    keep: int
    ids: typing.Tuple[str, ...]
    kept: typing.FrozenSet[str] = frozenset()

    @property
    def going(self):
        return [each for each in self.ids if each not in self.kept]

    @property
    def command(self):
        return commands.delete_images(self.going) if self.going else ''


@dataclasses.dataclass(frozen=True)
class Leaving:
    """A snapshot that may go, ready to be shown.

    ``keeping`` is the largest number to keep with which it goes; ``kept`` is
    why it stays all the same, '' if it goes.
    """

    line: SnapshotLine
    keeping: int
    kept: str = ''

    @property
    def id(self):
        return self.line.id

    @property
    def goes(self):
        return words.GOES % {'keep': self.keeping}

    @property
    def keeps(self):
        return [keep for keep in KEEPS if keep <= self.keeping]


@dataclasses.dataclass(frozen=True)
class Retention:
    """Which older snapshots could go with a new one, and why none.

    ``spared`` are protected; ``doubts`` say what could not be found out.
    """

    lines: typing.Tuple[Leaving, ...] = ()
    choices: typing.Tuple[Choice, ...] = ()
    note: str = ''
    spared: typing.Tuple[Leaving, ...] = ()
    doubts: typing.Tuple[str, ...] = ()

    @property
    def shown(self):
        return (*self.lines, *self.spared)

    @property
    def images(self):
        """The images that may go."""
        return [leaving.line.snapshot.image for leaving in self.lines]

    def beside(self, outlook):
        """Return it with what would keep some of them.

        :param outlook: a :class:`dependents.Outlook`.
        """
        doubts = [words.say(problem) for problem in outlook.problems]
        if outlook.problems or outlook.cut:
            doubts.append(words.KEPT_IN_DOUBT)
        return dataclasses.replace(
            self, doubts=tuple(dict.fromkeys(doubts)),
            lines=tuple(dataclasses.replace(leaving, kept=words.error(
                outlook.kept[leaving.id])) if leaving.id in outlook.kept
                else leaving for leaving in self.lines),
            choices=tuple(dataclasses.replace(
                choice, kept=frozenset(outlook.kept))
                for choice in self.choices))

    @classmethod
    def of(cls, row, allowed):
        """Return what an :class:`InstanceRow` may leave.

        :param bool allowed: the user may delete images.
        """
        if not row.checklist.prediction.consistent:
            return cls()
        if not row.snapshots_known:
            return cls(note=words.KEPT_UNKNOWN)
        candidates = retention.candidates(row.instance, row.images)
        if not candidates:
            return cls(note=words.KEPT_NONE)
        if not allowed:
            return cls(note=words.KEPT_FORBIDDEN)
        most = max(candidate.keeping for candidate in candidates)
        return cls(
            tuple(Leaving(snapshot_line(candidate.image, row.instance),
                          candidate.keeping) for candidate in candidates),
            tuple(Choice(keep, retention.going(candidates, keep))
                  for keep in KEEPS if keep <= most),
            spared=tuple(
                Leaving(snapshot_line(each.image, row.instance), each.keeping,
                        words.KEPT_PROTECTED if each.image.protected
                        else words.KEPT_OPEN)
                for each in retention.spared(row.instance, row.images)))


def instance_row(instance, images, asked=details.Details(), *,
                 snapshots_known=True, snapshots_reached=True,
                 snapshots_whole=True, recalled=disks.Recalled(),
                 may_settle=True, may_ask=True, proof_age=protection.AGE):
    """Put together what is known of one instance.

    :param images: its snapshots as far as they were asked for, or the
        :class:`errors.CloudError` of Glance.
    :param asked: the :class:`details.Details` as far as somebody asked.
    :param snapshots_whole: and proof_age, as :func:`protection.groups` takes
        ``whole`` and ``age``.
    :param recalled: and may_settle, as :func:`unsettled` takes them.
    """
    if isinstance(images, errors.CloudError):
        images, snapshots_known, snapshots_whole = [], False, False
    heard, volumes = asked.heard, asked.volumes
    if isinstance(volumes, errors.CloudError):
        volumes = ()
    instance = roots.with_root(instance, volumes or (), images)
    instance = dataclasses.replace(instance, properties=(
        facts.proxy_properties(instance, volumes or ())),
        network_ids=asked.networks)
    problem = heard if isinstance(heard, errors.CloudError) else None
    guest = checklist.Guest(asked=problem is not None)
    if isinstance(heard, guests.Heard):
        guest = dataclasses.replace(heard.guest,
                                    witnessed=known.had_kit(images))
    lines = snapshot_lines(instance, images, recalled)
    snapshots = [line.snapshot for line in lines]
    checks = checklist.check(instance, guest, conf.deployment(), asked.today,
                             volumes, asked.limits,
                             known.disk_history(snapshots, asked.base))
    proven = protection.last_proven(snapshots)
    return InstanceRow(
        instance=instance,
        checklist=checks,
        latest=latest(lines),
        unsettled=known.is_left(snapshots, instance, images,
                                recalled.refused if may_settle else None),
        asked=heard is not None, heard_at=getattr(heard, 'at', None),
        problem=problem, snapshots_known=snapshots_known,
        snapshots_reached=snapshots_reached, images=images,
        proven=proven and SnapshotLine(proven), may_ask=may_ask,
        groups=protection.groups(instance, checks, snapshots,
                                 timeutils.utcnow(True), proof_age,
                                 snapshots_whole))
