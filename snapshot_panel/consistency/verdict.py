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

"""What is known of one snapshot, and by which rule.

A verdict is never better than its evidence: where nothing proves a freeze,
the answer is ``unproven``, whatever the image's own status says.
"""

import dataclasses
import datetime
import enum
import typing

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import witness


class Verdict(enum.Enum):
    """The verdicts, best first. Values are what is written on images."""

    APPLICATION = 'application-consistent'
    FILESYSTEM = 'filesystem-consistent'
    UNPROVEN = 'unproven'
    CRASH = 'crash-consistent'
    DISCARDED = 'discarded'
    PENDING = 'pending'

    @property
    def consistent(self):
        return self in (Verdict.APPLICATION, Verdict.FILESYSTEM)

    @property
    def final(self):
        return self is not Verdict.PENDING


class Rule(enum.Enum):
    """Which rule decided. A rule owns its verdict."""

    HOOKS_WITNESSED = ('hooks-witnessed', Verdict.APPLICATION)
    FREEZE_WITNESSED = ('freeze-witnessed', Verdict.FILESYSTEM)
    CLEAN_STOP = ('clean-stop', Verdict.FILESYSTEM)

    NOT_OURS = ('not-taken-here', Verdict.UNPROVEN)
    THAWED_EARLY = ('thawed-early', Verdict.UNPROVEN)
    THAWED_TWICE = ('thawed-twice', Verdict.UNPROVEN)
    VOLUMES_FAILED = ('volumes-failed', Verdict.UNPROVEN)
    VOLUMES_UNFINISHED = ('volumes-unfinished', Verdict.UNPROVEN)
    VOLUMES_UNKNOWN = ('volumes-unknown', Verdict.UNPROVEN)
    VOLUMES_DIFFER = ('volumes-differ', Verdict.UNPROVEN)
    TORN = ('torn', Verdict.UNPROVEN)
    NOT_SEEN_FROZEN = ('not-seen-frozen', Verdict.UNPROVEN)
    NO_WITNESS = ('no-witness', Verdict.UNPROVEN)
    NO_CONSOLE = ('no-console', Verdict.UNPROVEN)
    SHARED_WINDOW = ('other-snapshot', Verdict.UNPROVEN)
    NO_RECORD = ('no-record', Verdict.UNPROVEN)
    REBOOTED = ('rebooted', Verdict.UNPROVEN)
    SEVERAL_FREEZES = ('several-freezes', Verdict.UNPROVEN)
    SILENT = ('silent', Verdict.UNPROVEN)
    CUT_SHORT = ('cut-short', Verdict.UNPROVEN)
    STOP_UNKNOWN = ('stop-unknown', Verdict.UNPROVEN)
    STATE_UNKNOWN = ('state-unknown', Verdict.UNPROVEN)

    NO_CHANNEL = ('no-channel', Verdict.CRASH)
    NEVER_FROZEN = ('never-frozen', Verdict.CRASH)
    BACKEND = ('backend', Verdict.CRASH)
    AGENT_STOPPED = ('agent-stopped', Verdict.CRASH)
    HOOK_REFUSED = ('hook-refused', Verdict.CRASH)
    HARD_STOP = ('hard-stop', Verdict.CRASH)

    GONE = ('gone', Verdict.DISCARDED)
    ABANDONED = ('abandoned', Verdict.DISCARDED)
    GONE_AFTER_HOOK = ('gone-after-hook', Verdict.DISCARDED)
    GONE_AFTER_FREEZE = ('gone-after-freeze', Verdict.DISCARDED)
    GONE_WITHOUT_AGENT = ('gone-without-agent', Verdict.DISCARDED)

    RUNNING = ('running', Verdict.PENDING)
    WAITING = ('waiting-for-witness', Verdict.PENDING)
    COPYING = ('waiting-for-volumes', Verdict.PENDING)
    UNSETTLED = ('unsettled', Verdict.PENDING)

    def __init__(self, code, verdict):
        self.code = code
        self.verdict = verdict

    @classmethod
    def of(cls, code):
        """Return the rule with that code, or None."""
        return next((rule for rule in cls if rule.code == code), None)


@dataclasses.dataclass(frozen=True)
class Decision:
    """A rule, and the facts it rests on (plain values, kept as JSON)."""

    rule: Rule
    evidence: typing.Mapping[str, typing.Any] = dataclasses.field(
        default_factory=dict)

    @property
    def verdict(self):
        return self.rule.verdict

    def seal(self):
        """Return the :class:`records.Seal` of a final decision."""
        return records.Seal(self.verdict.value, self.rule.code,
                            dict(self.evidence))


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What was asked of Nova to settle one snapshot.

    ``console`` is the log, None where it could not be read. ``actions`` are
    those of the instance, newest first, None where they could not be read.
    ``now`` is the reader's clock; it only decides how long to wait.
    """

    console: typing.Optional[str]
    actions: typing.Optional[typing.Sequence[facts.Action]]
    now: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Copies:
    """The volume snapshots that an image is made of.

    They are asked for BEFORE the :class:`Evidence`: what the instance did
    until they were seen is among its actions then. ``volumes`` are those
    that were copied and still exist; ``attached`` are the ids of the
    instance's. Nova does not write its id on an image of volumes.
    ``seen_for`` is for how many seconds the reader has seen all snapshots
    complete, by no clock but the reader's own.
    """

    instance_id: str
    snapshots: typing.Tuple[facts.VolumeSnapshot, ...]
    volumes: typing.Tuple[facts.Volume, ...] = ()
    attached: typing.Tuple[str, ...] = ()
    seen_for: float = 0

    @property
    def least_seconds(self):
        """How long Cinder needed at least, from the first to the last.

        Its databases may keep whole seconds only. A snapshot that was changed
        later looks as if it had taken longer. Two hosts write the two times:
        where they contradict each other, nobody knows.
        """
        if not all(each.created and each.updated
                   and each.created <= each.updated
                   for each in self.snapshots):
            return float('inf')
        first = min(each.created for each in self.snapshots)
        last = max(each.updated for each in self.snapshots)
        whole = not (first.microsecond or last.microsecond)
        return (last - first).total_seconds() - (1 if whole else 0)

    @property
    def hold_all(self):
        """Return whether every volume of the instance was copied.

        And nothing else, nor what another instance may have written to.
        """
        copied = sorted(each.volume_id or '' for each in self.snapshots)
        return copied == sorted(self.attached) == sorted(
            volume.id for volume in self.volumes
            if volume.belongs_to(self.instance_id))


def look(image):
    """Return what an image alone tells, asking nothing else.

    :param image: a :class:`facts.Image`.
    """
    seal = records.read_seal(image)
    if seal is not None:
        return _sealed(seal)
    if not image.active:
        return Decision(Rule.RUNNING)
    if records.read_request(image) is None:
        return Decision(Rule.NOT_OURS)
    return Decision(Rule.UNSETTLED)


def abandoned(image, instance, now, deployment):
    """Return whether nobody works on an unfinished image any more.

    Nova makes the image first. Where it then finds the instance busy, or
    breaks down later, the image stays as it is for ever.

    :param instance: the :class:`facts.Instance` that it was to be made of.
    :param now: the reader's clock.
    """
    if image.active or instance.task_state or image.updated is None:
        return False
    return (now - image.updated).total_seconds() > deployment.settle_grace


def _sealed(seal):
    rule = Rule.of(seal.rule)
    # A seal whose rule and verdict do not belong together was changed by
    # hand: it proves nothing.
    if rule is None or rule.verdict.value != seal.verdict:
        return Decision(Rule.NOT_OURS)
    return Decision(rule, seal.evidence)


def settle(image, evidence, deployment, copies=None):
    """Decide on a snapshot.

    :param image: a :class:`facts.Image`.
    :param evidence: an :class:`Evidence`.
    :param deployment: a :class:`facts.Deployment`.
    :param copies: the :class:`Copies` of an image that is made of volume
        snapshots, None where nobody could tell.
    :returns: a :class:`Decision`; ``pending`` while more may come.
    """
    seen = look(image)
    if seen.rule is not Rule.UNSETTLED:
        return seen
    request = records.read_request(image)
    if image.volume_backed:
        return _settle_volumes(image, request, evidence, deployment, copies)
    return _settle(image, request, evidence, deployment)


def _settle(image, request, evidence, deployment):
    if request.state == facts.STOPPED:
        return _settle_stopped(image, request, evidence, deployment)
    if request.state in facts.NEVER_FROZEN:
        return Decision(Rule.NEVER_FROZEN, {'state': request.state})
    if request.state != facts.RUNNING:
        return Decision(Rule.STATE_UNKNOWN, {'state': request.state})
    return _settle_running(image, request, evidence, deployment)


# How long to wait for volume snapshots, in seconds: some storage copies the
# whole volume.
VOLUMES_PATIENCE = 3600


def _settle_volumes(image, request, evidence, deployment, copies):
    """Decide on a snapshot that is made of volume snapshots.

    Nova freezes a running guest, tells Cinder to make each snapshot, makes
    the image, and lets the host thaw once none of them is being created
    (``unquiesce_instance``). So one freeze that was proven, thawed once and
    belongs to this very action held until all copies were made. The thaw can
    come earlier, and then the guest or Cinder's times show it:

    - A second createImage meanwhile is not held back. Its freeze fails at
      the agent, and libvirt then thaws (``qemuSnapshotFSFreeze``). So does
      storage whose snapshots Nova itself takes (Cinder's NFS and its kin),
      because libvirt freezes once more for them. Nova's own thaw still
      comes after the copies, and the guest witnesses that it was told to
      thaw twice. Therefore nothing is sealed before that had its time: from
      the moment on when the reader first saw all copies complete, which no
      two clocks that differ can shorten.
    - An error while the host waits is logged there and ends the wait. The
      guest then stood still for less time than Cinder needed.

    What is left, and nothing outside Nova shows: such an error where Cinder
    needed longer than the guest stood still by no more than the moment
    between the freeze and Cinder's first time, or than the second that its
    database rounds away.

    A guest that is shut off is frozen by nobody. There all of its volumes
    were at rest if it had gone down cleanly, and was left alone until all
    copies were seen complete: see :class:`Copies`.
    """
    doubt = _doubt_copies(image, evidence, copies)
    if doubt is not None:
        return doubt
    # The witnesses come when the last copy is complete.
    finished = [each.updated for each in copies.snapshots if each.updated]
    if image.updated is not None:
        image = dataclasses.replace(
            image, updated=max([image.updated, *finished]))
    # The storage of instances that are not on volumes says nothing here.
    decision = _settle(image, request, evidence, dataclasses.replace(
        deployment, ephemeral_backend=None))
    if decision.verdict.consistent:
        decision = _judge_copies(decision, image, request, evidence, copies,
                                 deployment)
    return dataclasses.replace(decision, evidence={
        **decision.evidence, 'volumes': len(copies.snapshots)})


def _doubt_copies(image, evidence, copies):
    """Return the decision where not all volume snapshots are complete."""
    if records.volume_snapshots(image) is None:
        return Decision(Rule.VOLUMES_UNKNOWN)
    patient = _waited(image, evidence) < VOLUMES_PATIENCE
    if copies is None:
        return Decision(Rule.COPYING if patient else Rule.VOLUMES_UNKNOWN)
    found = {'volumes': len(copies.snapshots)}
    failed = sum(each.failed for each in copies.snapshots)
    if failed:
        return Decision(Rule.VOLUMES_FAILED, {**found, 'failed': failed})
    if not all(each.complete for each in copies.snapshots):
        return Decision(Rule.COPYING if patient
                        else Rule.VOLUMES_UNFINISHED, found)
    return None


def _judge_copies(decision, image, request, evidence, copies, deployment):
    """Return what is left of a proof where volumes were copied."""
    if not copies.hold_all:
        return Decision(Rule.VOLUMES_DIFFER)
    if decision.rule is Rule.CLEAN_STOP:
        changes = [action.name
                   for action in _window(request, evidence.actions)
                   if action.name not in _NEUTRAL]
        # Nova does not hold back a start while Cinder copies.
        return (Decision(Rule.STATE_UNKNOWN, {'action': changes[0]})
                if changes else decision)
    if copies.least_seconds > min(decision.evidence['frozen'].values()):
        return Decision(Rule.THAWED_EARLY, decision.evidence)
    # A second thaw may still come. Clocks that differ by so much that they
    # spoil the long wait would keep all from logging in.
    return (Decision(Rule.WAITING)
            if copies.seen_for < deployment.settle_grace
            and _waited(image, evidence) < VOLUMES_PATIENCE else decision)


def _settle_running(image, request, evidence, deployment):
    if deployment.never_freezes:
        return Decision(Rule.BACKEND,
                        {'backend': deployment.ephemeral_backend})
    # A snapshot carries what the instance had at boot (fact 11), and Nova
    # does not ask the agent of an instance without the property (fact 2).
    embedded = facts.Properties(image.properties, facts.Source.SNAPSHOT)
    if not embedded.flag(facts.AGENT_PROPERTY):
        return Decision(Rule.NO_CHANNEL)
    if request.baseline is None:
        return Decision(Rule.NO_WITNESS)
    if evidence.console is None:
        return Decision(Rule.NO_CONSOLE)
    return _judge_witnesses(image, request, evidence, deployment)


def _judge_witnesses(image, request, evidence, deployment):
    log = witness.since(evidence.console, request.baseline)
    attempts = witness.freezes(log.chain)
    if log.conflict and not _done_before_reboot(image, log, attempts):
        return Decision(Rule.REBOOTED)
    if len(attempts) > 1:
        return Decision(Rule.SEVERAL_FREEZES, {'freezes': len(attempts)})
    # What lies in a gap may be another freeze, or the end of this one.
    if not log.gap:
        refusal = _refusal(request, log, attempts)
        if refusal is not None:
            return refusal
        if attempts and attempts[0].thawed:
            return _judge_proof(image, request, evidence, attempts[0])
    if _may_still_come(image, evidence, deployment):
        return Decision(Rule.WAITING)
    return Decision(Rule.CUT_SHORT if attempts else Rule.SILENT)


# What a guest says of its own, without being told to freeze or thaw.
_UNTOLD = ('started', 'stopped', 'poweroff')


def _done_before_reboot(image, log, attempts):
    """Return whether a guest was frozen and thawed before it was restarted.

    Nova copies the disk in between, and sends it for long after: a restart
    then changes nothing. Of volumes nobody knows when the last is copied.
    """
    return (not image.volume_backed and not log.gap
            and len(attempts) == 1 and attempts[0].thawed
            and bool(log.later)
            and all(line.event in _UNTOLD for line in log.later))


def _refusal(request, log, attempts):
    """Return the decision where the guest said that it did not freeze."""
    if attempts and attempts[0].aborted is not None:
        return Decision(Rule.HOOK_REFUSED, {'hook': attempts[0].aborted})
    if attempts and attempts[0].open:
        # A guest that is too busy may have missed a freeze that there was.
        return Decision(Rule.NOT_SEEN_FROZEN,
                        {'open': list(attempts[0].open)})
    if not attempts and _stopped(request, log):
        return Decision(Rule.AGENT_STOPPED)
    return None


def _stopped(request, log):
    """Return whether the agent was down all the time, by its own word."""
    return (request.baseline.event in ('stopped', 'poweroff')
            and not log.chain)


def _judge_proof(image, request, evidence, freeze):
    if not freeze.proven:
        return Decision(Rule.CUT_SHORT)
    if freeze.thawed_again:
        return Decision(Rule.THAWED_TWICE)
    # Such an image holds the root's disk alone (fact 13).
    if freeze.torn and not image.volume_backed:
        return Decision(Rule.TORN, {'torn': list(freeze.torn)})
    doubt = _window_doubt(request, evidence.actions)
    if doubt is not None:
        return doubt
    found = {'frozen': dict(freeze.frozen), 'boot': request.baseline.boot,
             'seq': freeze.seq}
    if freeze.hooks:
        found['hooks'] = dict(freeze.hooks)
    all_hooks = bool(freeze.hooks) and all(freeze.hooks.values())
    return Decision(
        Rule.HOOKS_WITNESSED if all_hooks else Rule.FREEZE_WITNESSED, found)


# Each of these may freeze the guest (Nova's names of instance actions).
_FREEZING = ('createImage', 'createBackup')


def _window_doubt(request, actions):
    """Return the decision where Nova's record leaves more than one reading.

    Right after the newest action that was seen before the request must come
    this very snapshot, or the instance was in another state by then; and no
    other snapshot may share the witnesses.
    """
    window = _window(request, actions)
    if not window or request.action is None:
        return Decision(Rule.NO_RECORD)
    if window[0].request_id != request.action:
        return Decision(Rule.STATE_UNKNOWN, {'action': window[0].name})
    snapshots = sum(action.name in _FREEZING for action in window)
    if snapshots > 1:
        return Decision(Rule.SHARED_WINDOW, {'snapshots': snapshots})
    return None


def _window(request, actions):
    """Return the actions since the request, oldest first, None if unknown.

    It begins after the newest action that was seen before the request, by
    Nova's own order: no two clocks are compared.
    """
    position = _position(request, actions)
    return None if position is None else list(reversed(actions[:position]))


def _position(request, actions):
    """Return where the newest action before the request stands, or None."""
    return next((index for index, action in enumerate(actions or ())
                 if action.request_id == request.after_action), None)


def _may_still_come(image, evidence, deployment):
    """Return whether a witness may still arrive."""
    return _waited(image, evidence) < deployment.settle_grace


def _waited(image, evidence):
    """Return how many seconds ago an image was last changed.

    This compares Glance's clock with ours, which can only make us give up
    sooner or later, never decide for the better.
    """
    if image.updated is None:
        return float('inf')
    return (evidence.now - image.updated).total_seconds()


# The shortest time, in seconds, in which a guest can go down by itself. Nova
# ends at once where the guest was already off, say after a crash.
SHORTEST_STOP = 2
# By how many seconds the times of a stop may mislead: Nova's conductors write
# them, the start and the end each by the clock of another one.
CLOCKS_DIFFER = 2

# Actions that change whether the guest runs; anything newer than the stop
# makes the stop say nothing about the disk.
_NEUTRAL = ('createImage', 'createBackup', 'lock', 'unlock')


def _settle_stopped(image, request, evidence, deployment):
    doubt = _window_doubt(request, evidence.actions)
    # A second snapshot changes nothing on the disk of a stopped instance.
    if doubt is not None and (
            doubt.rule is not Rule.SHARED_WINDOW
            or _disturbed(_window(request, evidence.actions))):
        return doubt
    before = evidence.actions[_position(request, evidence.actions):]
    return judge_stop(before, shutdown_limit(image.properties, deployment))


def _disturbed(window):
    """Return whether the instance was changed between two snapshots."""
    names = [action.name for action in window]
    while names[-1] not in _FREEZING:
        names.pop()
    return not set(names) <= set(_NEUTRAL)


def shutdown_limit(properties, deployment):
    """Return how long Nova lets a guest go down by itself, in seconds."""
    try:
        return int(properties[facts.SHUTDOWN_TIMEOUT_PROPERTY])
    except (KeyError, ValueError):
        return deployment.shutdown_timeout


def judge_stop(actions, limit):
    """Decide how a stopped instance went down (fact 6).

    :param actions: of the instance, newest first, or None if unknown.
    :param limit: seconds after which Nova powers off hard, None if unknown.
    """
    stop = next((action for action in actions or ()
                 if action.name not in _NEUTRAL), None)
    # Nova records a stop of its own, without a user, when it finds the guest
    # already down: that does not tell how it went down.
    if (stop is None or stop.name != 'stop' or not stop.user_id
            or stop.started is None or stop.finished is None):
        return Decision(Rule.STOP_UNKNOWN)
    seconds = (stop.finished - stop.started).total_seconds()
    found = {'seconds': round(seconds, 1), 'limit': limit}
    if limit is not None and seconds >= limit:
        return Decision(Rule.HARD_STOP, found)
    # A database that keeps whole seconds shows two where one was enough.
    whole = not (stop.started.microsecond or stop.finished.microsecond)
    if (limit is None or not stop.succeeded
            or seconds - (1 if whole else 0) < SHORTEST_STOP
            or seconds > limit - CLOCKS_DIFFER):
        return Decision(Rule.STOP_UNKNOWN, found)
    return Decision(Rule.CLEAN_STOP, found)


def vanished(memory, evidence):
    """Say why an image may have vanished.

    Nova records a discarded snapshot as a success (fact 5), so the guest's
    last words are all there is.

    :param memory: the :class:`records.Memory` of the snapshot.
    :param evidence: an :class:`Evidence`.
    """
    log = witness.read(evidence.console)
    if log.tip is None:
        return Decision(Rule.GONE)
    attempts = witness.freezes(log.chain)
    if log.tip.event in ('stopped', 'poweroff'):
        return Decision(Rule.GONE_WITHOUT_AGENT)
    if attempts and attempts[-1].aborted is not None:
        return Decision(Rule.GONE_AFTER_HOOK, {'hook': attempts[-1].aborted})
    if attempts and not attempts[-1].proven:
        return Decision(Rule.GONE_AFTER_FREEZE)
    return Decision(Rule.GONE)
