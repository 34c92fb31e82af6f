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

import dataclasses

from oslo_utils import timeutils

from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import replacing
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict


def settle(request, instance, images):
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
    metadata, lost = dict(instance.metadata), []
    for memory in missing:
        image = glance.find_image(request, memory.image_id)
        if image is None:
            lost.append(memory)
        elif snapshots.is_own(request, instance, image):
            by_id[image.id] = image
        else:
            # Metadata is copied from instance to instance: what this guest
            # says proves nothing of another's snapshot, and would be sealed.
            nova.forget(request, instance.id, memory)
            del metadata[memory.key]
    waiting = [image for image in by_id.values()
               if known.awaits_verdict(image)]
    if waiting or lost:
        # Asked for before the actions, see verdict.Copies.
        copies = {image.id: volumes.copies(request, instance, image)
                  for image in waiting}
        evidence = _evidence(request, instance)
        for image in waiting:
            by_id[image.id] = _settle(request, image, evidence,
                                      copies[image.id])
        for memory in lost:
            metadata.update(_record_loss(request, instance, memory, evidence))
    for key, memory in memories.items():
        if key in by_id and verdict.look(by_id[key]).verdict.final:
            nova.forget(request, instance.id, memory)
            del metadata[memory.key]
    left = replacing.carry_out(request, instance, by_id.values())
    return dataclasses.replace(instance, metadata=metadata), left


def _evidence(request, instance):
    guest = guests.ask_behind(request, instance)
    return verdict.Evidence(console=guest.console, actions=guest.actions,
                            now=timeutils.utcnow(True))


def _settle(request, image, evidence, copies):
    """Seal one image if its verdict is final; return it as it is then."""
    decision = verdict.settle(image, evidence, conf.deployment(), copies)
    if not decision.verdict.final:
        return image
    # Glance has no compare-and-set: whoever came first is found by reading
    # again just before the write.
    fresh = glance.get_image(request, image.id)
    if records.read_seal(fresh) is None:
        seal = dataclasses.replace(decision.seal(),
                                   seconds=records.seconds(fresh))
        glance.add_properties(request, image.id, seal.properties())
        fresh = glance.get_image(request, image.id)
    return fresh


def _record_loss(request, instance, memory, evidence):
    decision = verdict.vanished(memory, evidence)
    gone = dataclasses.replace(memory, gone=evidence.now,
                               cause=decision.rule.code)
    nova.remember(request, instance.id, gone)
    return {gone.key: gone.value()}
