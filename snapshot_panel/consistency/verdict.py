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

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import enum
import itertools
from typing import Any

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
    def consistent(self) -> bool:
        """Whether a freeze or a clean shutdown was proven."""
        return self in (Verdict.APPLICATION, Verdict.FILESYSTEM)

    @property
    def final(self) -> bool:
        """Whether nothing more can come."""
        return self is not Verdict.PENDING


class Rule(enum.Enum):
    """Which rule decided. A rule owns its verdict."""

    HOOKS_WITNESSED = ('hooks-witnessed', Verdict.APPLICATION)
    FREEZE_WITNESSED = ('freeze-witnessed', Verdict.FILESYSTEM)
    CLEAN_STOP = ('clean-stop', Verdict.FILESYSTEM)
    DISK_AT_REST_HOOKS = ('disk-at-rest-hooks', Verdict.APPLICATION)
    DISK_AT_REST = ('disk-at-rest', Verdict.FILESYSTEM)

    NOT_CONTAINED = ('not-contained', Verdict.UNPROVEN)
    DISK_TORN = ('disk-torn', Verdict.UNPROVEN)
    # What does not fit its instance, see roots.py.
    HOLDS_A_DISK = ('holds-a-disk', Verdict.UNPROVEN)
    HOLDS_VOLUMES = ('holds-volumes', Verdict.UNPROVEN)
    OF_ANOTHER = ('of-another', Verdict.UNPROVEN)
    DEACTIVATED = ('deactivated', Verdict.UNPROVEN)
    NOT_OURS = ('not-taken-here', Verdict.UNPROVEN)
    UNBOUND = ('unbound', Verdict.UNPROVEN)
    FORGED = ('forged', Verdict.UNPROVEN)
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
    DISK_IN_USE = ('disk-in-use', Verdict.CRASH)
    DISK_DAMAGED = ('disk-damaged', Verdict.CRASH)

    GONE = ('gone', Verdict.DISCARDED)
    ABANDONED = ('abandoned', Verdict.DISCARDED)
    GONE_AFTER_HOOK = ('gone-after-hook', Verdict.DISCARDED)
    GONE_AFTER_FREEZE = ('gone-after-freeze', Verdict.DISCARDED)
    GONE_WITHOUT_AGENT = ('gone-without-agent', Verdict.DISCARDED)

    RUNNING = ('running', Verdict.PENDING)
    WAITING = ('waiting-for-witness', Verdict.PENDING)
    COPYING = ('waiting-for-volumes', Verdict.PENDING)
    UNSETTLED = ('unsettled', Verdict.PENDING)
    UNREAD = ('unread', Verdict.PENDING)

    def __init__(self, code: str, verdict: Verdict) -> None:
        self.code = code
        self.verdict = verdict

    @property
    def misfit(self) -> bool:
        """Whether it says that an image is no snapshot of its instance."""
        return self in (Rule.HOLDS_A_DISK, Rule.HOLDS_VOLUMES,
                        Rule.OF_ANOTHER)

    @classmethod
    def of(cls, code: str | None) -> 'Rule | None':
        """Return the rule with that code, or None."""
        return next((rule for rule in cls if rule.code == code), None)


@dataclasses.dataclass(frozen=True)
class Decision:
    """A rule, and the facts it rests on (plain values, kept as JSON)."""

    rule: Rule
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The verdict that the rule leads to."""
        return self.rule.verdict

    def seal(self) -> records.Seal:
        """Return the :class:`records.Seal` of a final decision."""
        return records.Seal(self.verdict.value, self.rule.code,
                            dict(self.evidence))


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What Nova answered about one snapshot that is to be settled.

    ``console`` is the log, None where it could not be read. ``actions`` are
    those of the instance, newest first, None where they could not be read.
    ``now`` is the reader's clock; it only decides how long to wait.
    """

    console: str | None
    actions: Sequence[facts.Action] | None
    now: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Copies:
    """The volume snapshots that an image is made of.

    They are asked for BEFORE the :class:`Evidence`, so that its actions
    include all that the instance did until the snapshots were seen.
    ``volumes`` are those that were copied and still exist; ``attached`` are
    the ids of the instance's volumes. ``instance_id`` is given, because Nova
    does not write it on an image made of volume snapshots. ``seen_for`` is
    for how many seconds the reader has seen all snapshots complete, by the
    reader's own clock alone.
    """

    instance_id: str
    snapshots: tuple[facts.VolumeSnapshot, ...]
    volumes: tuple[facts.Volume, ...] = ()
    attached: tuple[str, ...] = ()
    seen_for: float = 0

    @property
    def least_seconds(self) -> float:
        """The least seconds that Cinder needed, from the first to the last.

        Its databases may keep whole seconds only. A snapshot that was changed
        later looks as if it had taken longer. Two hosts write the two times:
        infinite where they contradict each other, because then nobody knows.
        """
        times = [(each.created, each.updated) for each in self.snapshots
                 if each.created and each.updated
                 and each.created <= each.updated]
        if len(times) < len(self.snapshots):
            return float('inf')
        first = min(created for created, _ in times)
        last = max(updated for _, updated in times)
        whole = not (first.microsecond or last.microsecond)
        return (last - first).total_seconds() - (1 if whole else 0)

    @property
    def hold_all(self) -> bool:
        """Whether the copies are those of the instance's volumes, exactly.

        Every volume was copied, nothing else was, and no other instance can
        write to any of them.
        """
        copied = sorted(each.volume_id or '' for each in self.snapshots)
        return copied == sorted(self.attached) == sorted(
            volume.id for volume in self.volumes
            if volume.belongs_to(self.instance_id))


def look(image: facts.Image) -> Decision:
    """Return the :class:`Decision` that an image alone allows."""
    seal = records.read_seal(image)
    if seal is not None and image.signature is facts.Signature.FALSE:
        return Decision(Rule.FORGED)
    if seal is not None:
        return _sealed(seal)
    if image.deactivated:
        return Decision(Rule.DEACTIVATED)
    if not image.active:
        return Decision(Rule.RUNNING)
    if records.read_request(image) is not None:
        return Decision(Rule.UNSETTLED)
    if image.is_snapshot and image.readable:
        return Decision(Rule.UNREAD)
    return without_record(image)


def without_record(image: facts.Image) -> Decision:
    """Return what is known of a snapshot that has no record of its own."""
    return Decision(Rule.UNBOUND if records.is_unbound(image)
                    else Rule.NOT_OURS)


def abandoned(image: facts.Image, instance: facts.Instance,
              now: datetime.datetime, deployment: facts.Deployment) -> bool:
    """Return whether nothing works on an unfinished image any more.

    Nova makes the image first. If it then finds the instance busy, or fails
    later, the image stays unfinished for ever. One with a verdict was
    finished, whatever became of it since.

    :param instance: the :class:`facts.Instance` that it was to be made of.
    :param now: the reader's clock, aware.
    """
    if image.killed:
        return True
    if (image.active or image.deactivated or image.being_imported
            or instance.task_state or image.updated is None):
        return False
    return (now - image.updated).total_seconds() > deployment.settle_grace


def _sealed(seal: records.Seal) -> Decision:
    rule = Rule.of(seal.rule)
    # A seal whose rule and verdict do not belong together was changed by
    # hand: it proves nothing.
    if rule is None or rule.verdict.value != seal.verdict:
        return Decision(Rule.NOT_OURS)
    return Decision(rule, seal.evidence)


def settle(
        image: facts.Image, evidence: Evidence, deployment: facts.Deployment,
        copies: Copies | None = None) -> Decision:
    """Return the :class:`Decision` on a snapshot.

    Its verdict is ``pending`` while more evidence may come.

    :param copies: the :class:`Copies` of an image that is made of volume
        snapshots, None where they could not be read.
    """
    seen = look(image)
    request = records.read_request(image)
    if seen.rule is not Rule.UNSETTLED or request is None:
        return seen
    if image.volume_backed:
        return _settle_volumes(image, request, evidence, deployment, copies)
    return _settle(image, request, evidence, deployment)


def _settle(image: facts.Image, request: records.Request, evidence: Evidence,
            deployment: facts.Deployment) -> Decision:
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


def _settle_volumes(image: facts.Image, request: records.Request,
                    evidence: Evidence, deployment: facts.Deployment,
                    copies: Copies | None) -> Decision:
    """Decide on a snapshot that is made of volume snapshots.

    Nova freezes a running guest, tells Cinder to make each snapshot, makes
    the image, and lets the host thaw once none of them is being created
    (``unquiesce_instance``). So one freeze that was proven, thawed once and
    belongs to this very action held until all copies were made. The thaw can
    come earlier, and then the guest's lines or Cinder's times show it:

    - A second createImage meanwhile is not held back. Its freeze fails at
      the agent, and libvirt then thaws (``qemuSnapshotFSFreeze``). So does
      storage whose snapshots Nova itself takes (Cinder's NFS and its kin),
      because libvirt freezes once more for them. Nova's own thaw still
      comes after the copies, and the guest witnesses that it was told to
      thaw twice. So nothing is sealed before a second thaw had its time. That
      time runs from when the reader first saw all copies complete, so that
      clocks that differ cannot shorten it.
    - An error while the host waits is logged there and ends the wait. The
      guest then stood still for less time than Cinder needed.

    One case is left that nothing outside Nova shows: such an error where
    Cinder needed longer than the guest stood still, but by no more than the
    moment between the freeze and Cinder's first time, or than the second
    that its database rounds away.

    Nobody freezes a guest that is shut off. Its volumes were at rest if it
    had gone down cleanly and was left alone until all copies were seen
    complete: see :class:`Copies`.
    """
    if copies is None or records.volume_snapshots(image) is None:
        return _without_copies(image, evidence)
    doubt = _doubt_copies(image, evidence, copies)
    if doubt is not None:
        return doubt
    # The guest's lines come when the last copy is complete.
    finished = [each.updated for each in copies.snapshots if each.updated]
    if image.updated is not None:
        image = dataclasses.replace(
            image, updated=max([image.updated, *finished]))
    # The backend is that of disks that are not volumes.
    decision = _settle(image, request, evidence, dataclasses.replace(
        deployment, ephemeral_backend=None))
    if decision.verdict.consistent:
        decision = _judge_copies(decision, image, request, evidence, copies,
                                 deployment)
    return dataclasses.replace(decision, evidence={
        **decision.evidence, 'volumes': len(copies.snapshots)})


def _doubt_copies(
        image: facts.Image, evidence: Evidence, copies: Copies
        ) -> Decision | None:
    """Return the decision where not all volume snapshots are complete.

    :returns: a :class:`Decision`, None where all are complete.
    """
    volumes = len(copies.snapshots)
    failed = sum(each.failed for each in copies.snapshots)
    if failed:
        return Decision(Rule.VOLUMES_FAILED,
                        {'volumes': volumes, 'failed': failed})
    if not all(each.complete for each in copies.snapshots):
        return Decision(
            Rule.COPYING if _may_still_copy(image, evidence)
            else Rule.VOLUMES_UNFINISHED, {'volumes': volumes})
    return None


def _without_copies(image: facts.Image, evidence: Evidence) -> Decision:
    """Return the decision where the volume snapshots are not known."""
    if (records.volume_snapshots(image) is not None
            and _may_still_copy(image, evidence)):
        return Decision(Rule.COPYING)
    return Decision(Rule.VOLUMES_UNKNOWN)


def _may_still_copy(image: facts.Image, evidence: Evidence) -> bool:
    """Return whether volume snapshots are still worth waiting for."""
    return _waited(image, evidence) < VOLUMES_PATIENCE


def _judge_copies(decision: Decision, image: facts.Image,
                  request: records.Request, evidence: Evidence, copies: Copies,
                  deployment: facts.Deployment) -> Decision:
    """Return the decision on a proof where volumes were copied."""
    if not copies.hold_all:
        return Decision(Rule.VOLUMES_DIFFER)
    if decision.rule is Rule.CLEAN_STOP:
        changes = [action.name
                   for action in _window(request, evidence.actions) or ()
                   if action.name not in _NEUTRAL]
        # Nova does not hold back a start while Cinder copies.
        return (Decision(Rule.STATE_UNKNOWN, {'action': changes[0]})
                if changes else decision)
    if copies.least_seconds > min(decision.evidence['frozen'].values()):
        return Decision(Rule.THAWED_EARLY, decision.evidence)
    # A second thaw may still come. The long wait bounds this one; clocks
    # that differ by as much as that would keep everybody from logging in.
    return (Decision(Rule.WAITING)
            if copies.seen_for < deployment.settle_grace
            and _may_still_copy(image, evidence) else decision)


def _settle_running(
        image: facts.Image, request: records.Request, evidence: Evidence,
        deployment: facts.Deployment) -> Decision:
    if deployment.never_freezes:
        return Decision(Rule.BACKEND,
                        {'backend': deployment.ephemeral_backend})
    # A snapshot carries what the instance had at boot (fact 11), and Nova
    # does not ask the agent of an instance without the property (fact 2).
    embedded = facts.Properties(image.properties, facts.Source.SNAPSHOT)
    if not embedded.flag(facts.AGENT_PROPERTY):
        return Decision(Rule.NO_CHANNEL)
    if not request.heard:
        return Decision(Rule.NO_WITNESS)
    # The guest had its say there before the request: what is empty now was
    # lost.
    if not (evidence.console or '').strip():
        return Decision(Rule.NO_CONSOLE)
    baseline = request.baseline_in(evidence.console)
    if baseline is None:
        return Decision(Rule.NO_WITNESS)
    return _judge_witnesses(image, request, baseline, evidence, deployment)


def _judge_witnesses(image: facts.Image, request: records.Request,
                     baseline: witness.Baseline, evidence: Evidence,
                     deployment: facts.Deployment) -> Decision:
    log = witness.since(evidence.console, baseline)
    attempts = witness.freezes(log.chain)
    if log.conflict and not _done_before_reboot(image, log, attempts):
        return Decision(Rule.REBOOTED)
    if len(attempts) > 1:
        return Decision(Rule.SEVERAL_FREEZES, {'freezes': len(attempts)})
    # What lies in a gap may be another freeze, or the end of this one.
    if not log.gap:
        refusal = _refusal(baseline, log, attempts)
        if refusal is not None:
            return refusal
        if attempts and attempts[0].thawed:
            return _judge_proof(image, request, baseline.boot, evidence,
                                attempts[0])
    if _may_still_come(image, evidence, deployment):
        return Decision(Rule.WAITING)
    return Decision(Rule.CUT_SHORT if attempts else Rule.SILENT)


# What a guest says by itself, without being told to freeze or thaw.
_UNTOLD = ('started', 'stopped', 'poweroff')


def _done_before_reboot(image: facts.Image, log: witness.Log,
                        attempts: Sequence[witness.Freeze]) -> bool:
    """Return whether a guest was frozen and thawed before it was restarted.

    Nova copies the disk in between and uploads the copy long after, when a
    restart changes nothing. Of volumes nobody knows when the last is copied.
    """
    return (not image.volume_backed and not log.gap
            and len(attempts) == 1 and attempts[0].thawed
            and bool(log.later)
            and all(line.event in _UNTOLD for line in log.later))


def _refusal(baseline: witness.Baseline, log: witness.Log,
             attempts: Sequence[witness.Freeze]) -> Decision | None:
    """Return the decision where the guest said that it did not freeze.

    :returns: a :class:`Decision`, None where the guest did not say so.
    """
    if attempts and attempts[0].aborted is not None:
        return Decision(Rule.HOOK_REFUSED, {'hook': attempts[0].aborted})
    if attempts and attempts[0].open:
        # A guest that is too busy may have missed a freeze that there was.
        return Decision(Rule.NOT_SEEN_FROZEN,
                        {'open': list(attempts[0].open)})
    if not attempts and _stopped(baseline, log):
        return Decision(Rule.AGENT_STOPPED)
    return None


def _stopped(baseline: witness.Baseline, log: witness.Log) -> bool:
    """Return whether the agent said it was down, and nothing since."""
    return (baseline.event in ('stopped', 'poweroff')
            and not log.chain)


def _judge_proof(image: facts.Image, request: records.Request, boot: str,
                 evidence: Evidence, freeze: witness.Freeze) -> Decision:
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
    proof: dict[str, Any] = {
        'frozen': dict(freeze.frozen), 'boot': boot, 'seq': freeze.seq}
    if freeze.hooks:
        proof['hooks'] = dict(freeze.hooks)
    all_hooks = bool(freeze.hooks) and all(freeze.hooks.values())
    return Decision(
        Rule.HOOKS_WITNESSED if all_hooks else Rule.FREEZE_WITNESSED, proof)


# Each of these may freeze the guest (Nova's names of instance actions).
_FREEZING = ('createImage', 'createBackup')


def _window_doubt(request: records.Request,
                  actions: Sequence[facts.Action] | None) -> Decision | None:
    """Return the decision where Nova's record is ambiguous, or None.

    This very snapshot must come right after the newest action that was seen
    before the request; otherwise the instance was in another state by then.
    And no other snapshot may share the guest's lines.

    A schedule knows the end of the console, and an action that may be older:
    the guest's lines begin later than this window. What else was done in it
    froze nothing, and a guest that it stopped or halted says so, or nothing.
    """
    window = _window(request, actions)
    if window and request.console is not None:
        window = list(itertools.dropwhile(
            lambda action: action.name not in _FREEZING, window))
    if not window or request.action is None:
        return Decision(Rule.NO_RECORD)
    if window[0].request_id != request.action:
        return Decision(Rule.STATE_UNKNOWN, {'action': window[0].name})
    snapshots = sum(action.name in _FREEZING for action in window)
    if snapshots > 1:
        return Decision(Rule.SHARED_WINDOW, {'snapshots': snapshots})
    return None


def _window(
        request: records.Request, actions: Sequence[facts.Action] | None
        ) -> list[facts.Action] | None:
    """Return the actions since the request, oldest first, None if unknown.

    The window begins after the newest action that was seen before the
    request, in Nova's own order, so that no clocks are compared.
    """
    newer: list[facts.Action] = []
    for action in actions or ():
        if action.request_id == request.after_action:
            return newer[::-1]
        newer.append(action)
    return None


def _may_still_come(image: facts.Image, evidence: Evidence,
                    deployment: facts.Deployment) -> bool:
    """Return whether a line of the guest may still arrive."""
    return _waited(image, evidence) < deployment.settle_grace


def _waited(image: facts.Image, evidence: Evidence) -> float:
    """Return how many seconds ago an image was last changed.

    This compares Glance's clock with ours, which can only make us give up
    earlier or later. It never makes a verdict better.
    """
    if image.updated is None:
        return float('inf')
    return (evidence.now - image.updated).total_seconds()


# The shortest time, in seconds, in which a guest can go down by itself. A
# stop ends at once where the guest was already off, say after a crash.
SHORTEST_STOP = 2
# By how many seconds the times of a stop may be wrong: two of Nova's
# conductors may have written the start and the end, each by its own clock.
CLOCKS_DIFFER = 2

# Actions that do not touch the guest's disk. After any other action, an
# earlier stop says nothing about the disk.
_NEUTRAL = ('createImage', 'createBackup', 'lock', 'unlock')


def _settle_stopped(
        image: facts.Image, request: records.Request, evidence: Evidence,
        deployment: facts.Deployment) -> Decision:
    actions = evidence.actions or ()
    window = _window(request, actions)
    if window is None:
        return Decision(Rule.NO_RECORD)
    doubt = _window_doubt(request, actions)
    # A second snapshot changes nothing on the disk of a stopped instance.
    if doubt is not None and (
            doubt.rule is not Rule.SHARED_WINDOW or _disturbed(window)):
        return doubt
    before = actions[len(window):]
    return judge_stop(before, shutdown_limit(image.properties, deployment))


def _disturbed(window: Sequence[facts.Action]) -> bool:
    """Return whether the instance was changed between two snapshots."""
    names = [action.name for action in window]
    while names[-1] not in _FREEZING:
        names.pop()
    return not set(names) <= set(_NEUTRAL)


# More characters than a number of seconds has.
_LIMIT_LENGTH = 18


def shutdown_limit(
        properties: Mapping[str, str], deployment: facts.Deployment
        ) -> int | None:
    """Return the seconds that Nova gives a guest to go down by itself.

    :param properties: of the snapshot or of the instance, values by name.
    :returns: None where nobody knows.
    """
    text = properties.get(facts.SHUTDOWN_TIMEOUT_PROPERTY)
    if text is None:
        return deployment.shutdown_timeout
    try:
        return int(text) if len(text) <= _LIMIT_LENGTH else None
    except ValueError:
        return deployment.shutdown_timeout


def judge_stop(
        actions: Sequence[facts.Action] | None, limit: int | None) -> Decision:
    """Return the :class:`Decision` on how an instance went down (fact 6).

    :param actions: of the instance, newest first, or None if unknown.
    :param limit: seconds after which Nova powers off hard, None if unknown.
    """
    stop = next((action for action in actions or ()
                 if action.name not in _NEUTRAL), None)
    # Nova records a stop of its own, without a user, when it finds the guest
    # already down: that does not show how it went down.
    if (stop is None or stop.name != 'stop' or not stop.user_id
            or stop.started is None or stop.finished is None):
        return Decision(Rule.STOP_UNKNOWN)
    seconds = (stop.finished - stop.started).total_seconds()
    times = {'seconds': round(seconds, 1), 'limit': limit}
    if limit is not None and seconds >= limit:
        return Decision(Rule.HARD_STOP, times)
    # A database that keeps whole seconds shows two where one was enough.
    whole = not (stop.started.microsecond or stop.finished.microsecond)
    if (limit is None or not stop.succeeded
            or seconds - (1 if whole else 0) < SHORTEST_STOP
            or seconds > limit - CLOCKS_DIFFER):
        return Decision(Rule.STOP_UNKNOWN, times)
    return Decision(Rule.CLEAN_STOP, times)


def vanished(memory: records.Memory, evidence: Evidence) -> Decision:
    """Return the :class:`Decision` on why an image may have vanished.

    Nova records a discarded snapshot as a success (fact 5), so the guest's
    last lines are the only evidence.

    :param memory: what the server remembers of the snapshot.
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
