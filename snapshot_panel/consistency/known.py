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

"""What is known of an instance's snapshots, and what is still to be done.

Some have an image. Others are only in the server's metadata, because their
image vanished or the list was too short for it.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import typing

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import roots
from snapshot_panel.consistency import verdict


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """One snapshot with the decision that holds.

    ``stored`` is what its image alone says, None where that is the same: a
    disk that was read may say more before anybody has sealed it.
    ``image`` is None where only the server remembers it; ``gone`` is true
    where its image is known to have vanished. ``by`` is the name of who
    asked for it, '' if unknown.
    """

    id: str
    name: str
    decision: verdict.Decision
    at: datetime.datetime | None = None
    by: str = ''
    image: facts.Image | None = None
    gone: bool = False
    stored: verdict.Decision | None = None

    @property
    def written(self) -> verdict.Decision:
        """What is written down of it, whatever its disk said since."""
        return self.stored or self.decision

    @property
    def pending(self) -> bool:
        """Whether looking again, or settling it, may bring a verdict."""
        return not self.written.verdict.final

    @property
    def unread(self) -> bool:
        """Whether its disk alone can tell, and nobody has read it yet."""
        return self.written.rule is verdict.Rule.UNREAD

    @property
    def counts(self) -> bool:
        """Whether it can be the latest snapshot of an instance.

        Nova makes the image before it refuses a request for a busy
        instance. Such an image never was a snapshot, and whoever asked for
        it saw the refusal. One that does not fit is another's.
        """
        return not self.decision.rule.misfit and (
            self.decision.rule is not verdict.Rule.ABANDONED
            or bool(self.by))


def of_image(image: facts.Image, instance: facts.Instance,
             now: datetime.datetime, deployment: facts.Deployment,
             reading: facts.DiskReading | None = None) -> Snapshot:
    """Return what is known of a snapshot that has an image.

    :param now: the reader's clock, aware.
    :param reading: what its disk says, None where nobody has read it.
    """
    stored = verdict.look(image)
    if (verdict.abandoned(image, instance, now, deployment)
            and not records.is_sealed(image)):
        stored = verdict.Decision(verdict.Rule.ABANDONED)
    misfit = roots.misfit(instance, image)
    if misfit is not None:
        # Whatever is written on it is not about this instance.
        stored = verdict.Decision(misfit)
    decision = stored
    # Where the guest can still say where its root is, or what its hooks did,
    # the disk alone is not the last word.
    if (reading is not None and not stored.verdict.final
            and not judging.needs_guest(image, reading)):
        decision = judging.judge(image, None, deployment, reading)
    asked = records.read_request(image)
    return Snapshot(image.id, image.name, decision, image.created,
                    asked.by if asked else '', image, stored=stored)


def of_memory(memory: records.Memory) -> Snapshot:
    """Return what is known of a snapshot that only the server remembers."""
    if memory.gone is None:
        return Snapshot(memory.image_id, memory.name,
                        verdict.Decision(verdict.Rule.RUNNING), memory.at,
                        memory.by)
    rule = verdict.Rule.of(memory.cause)
    if rule is None or not (rule.misfit or rule.verdict
                            is verdict.Verdict.DISCARDED):
        rule = verdict.Rule.GONE
    return Snapshot(memory.image_id, memory.name, verdict.Decision(rule),
                    memory.at, memory.by, gone=True)


def snapshots(instance: facts.Instance, images: Iterable[facts.Image],
              now: datetime.datetime, deployment: facts.Deployment,
              readings: Mapping[str, facts.DiskReading] | None = None
              ) -> list[Snapshot]:
    """Return what is known of each snapshot of an instance, newest first.

    Snapshots whose time is not known come last.

    :param images: its snapshots as far as they were asked for.
    """
    known = [of_image(image, instance, now, deployment,
                      (readings or {}).get(image.id)) for image in images
             if not image.gone]
    held = {snapshot.id for snapshot in known}
    known += [of_memory(memory) for memory in records.read_memories(instance)
              if memory.image_id not in held]
    oldest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return sorted(known, key=lambda snapshot: snapshot.at or oldest,
                  reverse=True)


def latest(known: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the first that counts, of some that are newest first."""
    return [snapshot for snapshot in known if snapshot.counts][:1]


def disk_history(known: Iterable[Snapshot],
                 base: facts.DiskReading | None = None) -> facts.DiskHistory:
    """Return what disks that were read say of an instance's next snapshot.

    :param known: its snapshots, newest first.
    :param base: what the image says that it was launched from, None where
        nobody has read it.
    """
    kinds: tuple[str, ...] = ()
    at_rest: datetime.datetime | None = None
    decided = False
    for snapshot in known:
        report = snapshot.decision.evidence.get('disk')
        if snapshot.image is None or not isinstance(report, Mapping):
            continue
        kinds = kinds or _kinds(report)
        request = records.read_request(snapshot.image)
        if (not decided and request is not None
                and request.state == facts.RUNNING):
            decided = True
            at_rest = snapshot.at if snapshot.decision.rule in (
                verdict.Rule.DISK_AT_REST,
                verdict.Rule.DISK_AT_REST_HOOKS) else None
    if kinds:
        return facts.DiskHistory(kinds, facts.Source.SNAPSHOT, at_rest)
    if base is not None and base.kinds:
        return facts.DiskHistory(base.kinds, facts.Source.IMAGE, at_rest)
    return facts.DiskHistory(at_rest=at_rest)


def _kinds(report: Mapping[str, typing.Any]) -> tuple[str, ...]:
    """Return the file systems that count in a report.

    Anybody may have changed it: what is no report of ours names none.
    """
    parts = report.get('parts')
    return tuple(
        part[1] for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, list) and len(part) > 2
        and isinstance(part[1], str) and part[2] is not None)


def had_kit(images: Iterable[facts.Image]) -> bool:
    """Return whether the guest had the kit when one of these was taken."""
    return any(asked is not None and asked.heard
               for asked in map(records.read_request, images))


def awaits_verdict(image: facts.Image) -> bool:
    """Return whether a finished image waits for its verdict."""
    return verdict.look(image).rule is verdict.Rule.UNSETTLED


def awaits_disk(image: facts.Image) -> bool:
    """Return whether only the disk can tell, and nobody has read it yet."""
    return verdict.look(image).rule is verdict.Rule.UNREAD


def unjudged(image: facts.Image) -> bool:
    """Return whether a finished image waits for its verdict or its disk."""
    return verdict.look(image).rule in (verdict.Rule.UNSETTLED,
                                        verdict.Rule.UNREAD)


def unsettled(instance: facts.Instance, images: Sequence[facts.Image],
              now: datetime.datetime, deployment: facts.Deployment,
              refused: Collection[str] | None = ()) -> bool:
    """Return whether something is still to be done about an instance.

    This includes an image that is sealed while the server still remembers
    it. Of the snapshots that the panel has no record of only the latest
    counts: a project may have thousands.

    :param images: its snapshots as far as they were asked for.
    :param refused: ids of those whose disks this user may not read, None
        where that is so for all.
    """
    return is_left(snapshots(instance, images, now, deployment), instance,
                   images, refused)


def is_left(known: Sequence[Snapshot], instance: facts.Instance,
            images: Iterable[facts.Image],
            refused: Collection[str] | None = ()) -> bool:
    """Return what :func:`unsettled` does, by what is known already.

    :param known: what :func:`snapshots` made of them, with what was read of
        their disks or without: only what is written down counts.
    """
    abandoned = {snapshot.id for snapshot in known
                 if snapshot.written.rule is verdict.Rule.ABANDONED}
    # Nobody can clear the memory now.
    settled = {snapshot.id for snapshot in known if instance.metadata_fixed
               and snapshot.image and snapshot.written.verdict.final}
    return (any(snapshot.pending and not snapshot.unread
                for snapshot in known)
            or any(refused is not None and snapshot.unread
                   and snapshot.id not in refused
                   for snapshot in latest(known))
            or any(memory.gone is None
                   and memory.image_id not in abandoned | settled
                   for memory in records.read_memories(instance))
            or any(retention.due(instance, image) for image in images)
            or restart.unfinished(instance) and not restart.held(instance))
