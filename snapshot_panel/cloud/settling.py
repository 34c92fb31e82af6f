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

"""Carrying on whatever is not settled yet.

No state is kept here. Whoever looks next finds it on the image and on the
server and carries on from there; doing so twice changes nothing.
"""

from collections.abc import Iterable
import dataclasses

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import replacing
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict


def settle(session: asking.Session, instance: facts.Instance,
           images: Iterable[facts.Image]
           ) -> tuple[facts.Instance, list[facts.Image]]:
    """Decide what can be decided of an instance's snapshots, and seal it.

    :param images: the instance's snapshots as just read.
    :returns: the instance and its snapshots as they are then.
    :raises errors.CloudError: where a service failed; nothing is lost, the
        next look carries on.
    """
    by_id = {image.id: image for image in images if not image.gone}
    memories = {memory.image_id: memory
                for memory in records.read_memories(instance)
                if memory.gone is None}
    missing = [memory for key, memory in memories.items() if key not in by_id]
    metadata = dict(instance.metadata)
    lost: list[records.Memory] = []
    for memory in missing:
        image = glance.find_image(session, memory.image_id)
        if image is None:
            lost.append(memory)
        elif snapshots.is_own(session, instance, image):
            by_id[image.id] = image
        else:
            # Metadata is copied from instance to instance: what this guest
            # says proves nothing of another's snapshot, and would be sealed.
            nova.forget(session, instance.id, memory)
            del metadata[memory.key]
    waiting = [image for image in by_id.values()
               if known.awaits_verdict(image)]
    if waiting or lost:
        # Asked for before the actions, see verdict.Copies.
        copies = {image.id: volumes.copies(session, instance, image)
                  for image in waiting}
        evidence = _evidence(session, instance)
        for image in waiting:
            by_id[image.id] = _settle(session, image, evidence,
                                      copies[image.id])
        for memory in lost:
            metadata.update(_record_loss(session, instance, memory, evidence))
    for key, memory in memories.items():
        if key in by_id and verdict.look(by_id[key]).verdict.final:
            nova.forget(session, instance.id, memory)
            del metadata[memory.key]
    left = replacing.carry_out(session, instance, by_id.values())
    return dataclasses.replace(instance, metadata=metadata), left


def _evidence(session: asking.Session, instance: facts.Instance
              ) -> verdict.Evidence:
    guest = guests.ask_behind(session, instance)
    return verdict.Evidence(console=guest.console, actions=guest.actions,
                            now=timeutils.utcnow(True))


def _settle(session: asking.Session, image: facts.Image,
            evidence: verdict.Evidence, copies: verdict.Copies | None
            ) -> facts.Image:
    """Seal one image if its verdict is final; return it as it is then."""
    decision = verdict.settle(image, evidence, conf.deployment(), copies)
    if not decision.verdict.final:
        return image
    # Glance has no compare-and-set: whoever came first is found by reading
    # again just before the write.
    fresh = glance.get_image(session, image.id)
    if records.read_seal(fresh) is None:
        seal = dataclasses.replace(decision.seal(),
                                   seconds=records.seconds(fresh))
        glance.add_properties(session, image.id, seal.properties())
        fresh = glance.get_image(session, image.id)
    return fresh


def _record_loss(session: asking.Session, instance: facts.Instance,
                 memory: records.Memory, evidence: verdict.Evidence
                 ) -> dict[str, str]:
    decision = verdict.vanished(memory, evidence)
    gone = dataclasses.replace(memory, gone=evidence.now,
                               cause=decision.rule.code)
    nova.remember(session, instance.id, gone)
    return {gone.key: gone.value()}
