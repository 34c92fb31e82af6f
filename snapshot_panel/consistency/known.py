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

"""What is known of an instance's snapshots, and what is left to be done.

Some have an image; of others only the server's metadata tells, because their
image vanished or the list was too short for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """One snapshot with the decision that holds.

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

    @property
    def pending(self) -> bool:
        """Whether looking again, or settling, may tell more."""
        return not self.decision.verdict.final

    @property
    def counts(self) -> bool:
        """Whether it can be an instance's latest.

        Nova makes the image before it refuses a request for a busy
        instance. That was no snapshot, and whoever asked was told.
        """
        return (self.decision.rule is not verdict.Rule.ABANDONED
                or bool(self.by))


def of_image(image: facts.Image, instance: facts.Instance,
             now: datetime.datetime, deployment: facts.Deployment
             ) -> Snapshot:
    """Return what is known of a snapshot that has an image.

    :param now: the reader's clock, aware.
    """
    decision = verdict.look(image)
    if verdict.abandoned(image, instance, now, deployment):
        decision = verdict.Decision(verdict.Rule.ABANDONED)
    asked = records.read_request(image)
    return Snapshot(image.id, image.name, decision, image.created,
                    asked.by if asked else '', image)


def of_memory(memory: records.Memory) -> Snapshot:
    """Return what is known of a snapshot that only the server remembers."""
    if memory.gone is None:
        return Snapshot(memory.image_id, memory.name,
                        verdict.Decision(verdict.Rule.RUNNING), memory.at,
                        memory.by)
    rule = verdict.Rule.of(memory.cause)
    if rule is None or rule.verdict is not verdict.Verdict.DISCARDED:
        rule = verdict.Rule.GONE
    return Snapshot(memory.image_id, memory.name, verdict.Decision(rule),
                    memory.at, memory.by, gone=True)


def snapshots(instance: facts.Instance, images: Iterable[facts.Image],
              now: datetime.datetime, deployment: facts.Deployment
              ) -> list[Snapshot]:
    """Return all that is known of an instance's snapshots, newest first.

    Those whose time nobody knows come last.

    :param images: its snapshots as far as they were asked for.
    """
    known = [of_image(image, instance, now, deployment) for image in images
             if not image.gone]
    held = {snapshot.id for snapshot in known}
    known += [of_memory(memory) for memory in records.read_memories(instance)
              if memory.image_id not in held]
    oldest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return sorted(known, key=lambda snapshot: snapshot.at or oldest,
                  reverse=True)


def awaits_verdict(image: facts.Image) -> bool:
    """Return whether a finished image waits for its verdict."""
    return verdict.look(image).rule is verdict.Rule.UNSETTLED


def unsettled(instance: facts.Instance, images: Sequence[facts.Image],
              now: datetime.datetime, deployment: facts.Deployment) -> bool:
    """Return whether something of an instance is left to be carried on.

    Also where an image is sealed and the server still remembers it.

    :param images: its snapshots as far as they were asked for.
    """
    known = snapshots(instance, images, now, deployment)
    abandoned = {snapshot.id for snapshot in known
                 if snapshot.decision.rule is verdict.Rule.ABANDONED}
    return (any(snapshot.pending for snapshot in known)
            or any(memory.gone is None and memory.image_id not in abandoned
                   for memory in records.read_memories(instance))
            or any(retention.due(instance, image) for image in images)
            or restart.unfinished(instance))
