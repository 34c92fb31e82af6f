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

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import logging
import typing

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import leftovers
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import replacing
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import roots
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import signing
from snapshot_panel.consistency import verdict

LOG = logging.getLogger(__name__)

_Readings = Mapping[str, facts.DiskReading | errors.CloudError]


def settle(session: asking.Session, instance: facts.Instance,
           images: Iterable[facts.Image], unread: Collection[str] = ()
           ) -> tuple[facts.Instance, list[facts.Image]]:
    """Decide what can be decided of an instance's snapshots, and seal it.

    :param images: the instance's snapshots as just read.
    :param unread: ids of those among them that the panel has no record of
        and whose disks are to be read.
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
            metadata.update(_note(session, instance, dataclasses.replace(
                memory, gone=timeutils.utcnow(True),
                cause=verdict.Rule.OF_ANOTHER.code)))
    unbound: dict[str, records.Unbound] = {}
    found = [image for image in by_id.values()
             if image.active and records.is_unbound(image) and (
                 image.id in memories or image.id in unread
                 and schedules.made(instance, image))]
    actions = nova.list_actions(session, instance.id) if found else None
    for image in found:
        bound = _bind(session, image, actions)
        if isinstance(bound, records.Unbound):
            unbound[image.id] = bound
        else:
            by_id[image.id] = bound
    rooted = roots.with_root(instance, images=by_id.values())
    misfits = {image.id for image in by_id.values()
               if roots.misfit(rooted, image)}
    waiting = [image for image in by_id.values() if image.id not in misfits
               and (known.awaits_verdict(image)
                    or known.awaits_disk(image) and (
                        image.id in unread or image.id in memories))]
    evidence, failure = None, None
    if waiting or lost:
        evidence, failure = _judge(session, instance, waiting, by_id, lost,
                                   unbound)
    if evidence is not None:
        for memory in lost:
            metadata.update(_record_loss(session, instance, memory,
                                         evidence))
    metadata.update(_note_actions(
        session, instance, evidence.actions if evidence else actions))
    for key, memory in memories.items():
        # What only its disk can tell is found without a memory too.
        if key in by_id and (
                key in misfits or known.awaits_disk(by_id[key])
                or verdict.look(by_id[key]).verdict.final):
            if _forget(session, instance, memory):
                del metadata[memory.key]
    left = replacing.carry_out(session, instance, by_id.values())
    if failure is not None:
        raise failure
    instance = dataclasses.replace(instance, metadata=metadata)
    if not any(map(known.awaits_verdict, left)):
        cleared = leftovers.clear(session, instance, left)
        left = [image for image in left if image.id not in cleared]
    return instance, left


def _note_actions(session: asking.Session, instance: facts.Instance,
                  actions: Sequence[facts.Action] | None) -> dict[str, str]:
    """Write down what was done before a schedule's next snapshot.

    :returns: the items of metadata. Whoever cannot write them leaves older
        ones, with which less can be proven.
    """
    items = schedules.note(instance, actions)
    if items:
        written = asking.outcome(
            lambda: nova.set_metadata(session, instance.id, items))
        if isinstance(written, errors.CloudError):
            LOG.info('%s keeps its older note: %s', instance.id, written)
            return {}
    return items


def _bind(session: asking.Session, image: facts.Image,
          actions: Sequence[facts.Action] | None
          ) -> facts.Image | records.Unbound:
    """Bind an image of a request that nobody has bound yet.

    The server remembers it, or its mark says that a schedule had it made.

    :returns: the image, or why Nova's record does not tell its action.
    """
    action = records.own_action(image, actions or ())
    if isinstance(action, records.Unbound):
        return action
    # What it replaces may be written by now.
    glance.add_properties(session, image.id, {
        records.IMAGE: image.id, records.ACTION: action})
    return glance.get_image(session, image.id)


def _forget(session: asking.Session, instance: facts.Instance,
            memory: records.Memory) -> bool:
    """Forget a memory; return False where a lock or a policy forbids it."""
    try:
        nova.forget(session, instance.id, memory)
    except (errors.Conflict, errors.Forbidden) as problem:
        LOG.info('%s keeps its memory of %s: %s', instance.id,
                 memory.image_id, problem)
        return False
    return True


def _judge(session: asking.Session, instance: facts.Instance,
           waiting: Iterable[facts.Image], by_id: dict[str, facts.Image],
           lost: Sequence[records.Memory],
           unbound: Mapping[str, records.Unbound]
           ) -> tuple[verdict.Evidence | None, errors.CloudError | None]:
    """Judge what waits, and put it as it is then in its place.

    :param unbound: why they could not be bound, by image id.
    :returns: the :class:`verdict.Evidence`, None where nobody had to be or
        could be asked, and the :class:`errors.CloudError` that kept some
        from being judged, or None.
    """
    readings = _read_disks(session, waiting)
    # Asked for before the actions, see verdict.Copies.
    copies = {image.id: volumes.copies(session, instance, image)
              for image in waiting if image.volume_backed}
    evidence: verdict.Evidence | errors.CloudError | None = None
    failure: errors.CloudError | None = None
    if lost or any(image.volume_backed or judging.needs_guest(
            image, _reading(readings, image)) for image in waiting):
        moments = [image.updated for image in waiting] + [
            memory.at for memory in lost]
        evidence = asking.outcome(
            lambda: _evidence(session, instance, moments))
    if isinstance(evidence, errors.CloudError):
        evidence, failure = None, evidence
    for image in waiting:
        reading = _reading(readings, image)
        # Who may not ask the guest can still read the disk; a passing
        # failure must not cost a better verdict.
        if (evidence is None and judging.needs_guest(image, reading)
                and not isinstance(failure, errors.Forbidden)):
            continue
        decision = judging.judge(
            image, evidence, conf.deployment(), reading,
            copies=copies.get(image.id),
            failed=_passing_failure(readings, [image]) is not None,
            refused=isinstance(readings.get(image.id), errors.Forbidden))
        if decision.rule is verdict.Rule.UNBOUND and image.id in unbound:
            decision = dataclasses.replace(decision, evidence={
                **decision.evidence, 'cause': unbound[image.id].value})
        by_id[image.id] = _seal(session, image, decision, judging.left_out(
            instance, image, evidence))
    undecided = [image for image in waiting
                 if not verdict.look(by_id[image.id]).verdict.final]
    failure = failure or _passing_failure(readings, undecided)
    return evidence, failure if undecided or lost else None


def _read_disks(session: asking.Session, images: Iterable[facts.Image]
                ) -> _Readings:
    """Return what the disks say by image id, or why they were not read."""
    readable = [image for image in images if image.readable]
    answers = asking.for_each(lambda image: disks.read(session, image),
                              readable)
    for image, answer in zip(readable, answers):
        if isinstance(answer, errors.Forbidden):
            disks.refuse(session, image)
    return {image.id: answer for image, answer in zip(readable, answers)}


def _reading(readings: _Readings, image: facts.Image
             ) -> facts.DiskReading | None:
    answer = readings.get(image.id)
    return None if isinstance(answer, errors.CloudError) else answer


def _passing_failure(readings: _Readings, images: Iterable[facts.Image]
                     ) -> errors.CloudError | None:
    """Return why disks were not read that a later look may read, or None."""
    answers = (readings.get(image.id) for image in images)
    return next((answer for answer in answers
                 if isinstance(answer, errors.CloudError)
                 and not isinstance(answer, (errors.Forbidden,
                                             errors.NotFound))), None)


def _evidence(session: asking.Session, instance: facts.Instance,
              moments: Iterable[datetime.datetime | None]
              ) -> verdict.Evidence:
    """Return what Nova says now.

    :param moments: when each snapshot was made.
    """
    now = timeutils.utcnow(True)
    patient = any(
        moment and (now - moment).total_seconds() < judging.DISK_PATIENCE
        for moment in moments)
    guest = guests.ask_behind(session, instance, patient)
    return verdict.Evidence(console=guest.console, actions=guest.actions,
                            now=timeutils.utcnow(True))


def settle_orphan(session: asking.Session, image_id: str
                  ) -> facts.Image | None:
    """Judge the snapshot of an instance that is gone, and seal it.

    The guest and Nova's record went with the instance: the disk alone tells.

    :returns: the image as it is then; None where the instance still exists,
        which can tell more.
    :raises errors.NotFound: it is none of this project's: its instance can
        exist where nobody here sees it.
    :raises errors.CloudError: the disk cannot be read now, or not by this
        user; nothing is lost.
    """
    image = glance.get_image(session, image_id)
    if image.owner != session.user.tenant_id:
        raise errors.NotFound('Glance', 'image %s' % image_id)
    if not known.unjudged(image):
        return image
    if asking.confirmed(lambda: _find_instance(session, image)) is not None:
        return None
    try:
        reading = disks.read(session, image) if image.readable else None
    except errors.Forbidden:
        disks.refuse(session, image)
        raise
    decision = judging.judge(image, None, conf.deployment(), reading)
    if not decision.verdict.final:
        report = {'disk': dict(reading.report)} if reading else {}
        decision = verdict.Decision(verdict.Rule.NO_CONSOLE, report)
    return _seal(session, image, decision, {})


def check_again(session: asking.Session, image_id: str
                ) -> judging.Comparison:
    """Read the disk of a snapshot again, and compare. Writes nothing on it.

    :raises errors.NotFound: it is none of this project's.
    :raises errors.CloudError: its disk cannot be read, or not by this user.
    """
    image = glance.get_image(session, image_id)
    if image.owner != session.user.tenant_id:
        raise errors.NotFound('Glance', 'image %s' % image_id)
    if not image.readable:
        raise errors.Conflict('Glance', 'image %s: no data' % image_id)
    decision = verdict.look(image)
    reading = disks.read(session, image, again=True)
    found = judging.compare(decision, reading)
    if found is judging.Comparison.CONTRADICTED:
        LOG.error('Snapshot %s of %s is sealed as %s (%s), and its disk, read '
                  'again, says %s', image.id, image.instance_id,
                  decision.verdict.value, decision.rule.code, reading.word)
    return found


def _find_instance(session: asking.Session, image: facts.Image
                   ) -> facts.Instance | None:
    try:
        return nova.get_instance(session, image.instance_id or '')
    except errors.NotFound:
        return None


def _seal(session: asking.Session, image: facts.Image,
          decision: verdict.Decision, left_out: Mapping[str, typing.Any]
          ) -> facts.Image:
    """Seal one image if its verdict is final; return it as it is then.

    :param left_out: see :func:`judging.left_out`.
    """
    if not decision.verdict.final:
        return image
    if judging.contradicts(decision):
        LOG.error('Snapshot %s of %s: the guest witnessed %s, and its disk '
                  'was in use or damaged', image.id, image.instance_id,
                  decision.evidence['contradicts'])
    # Glance has no compare-and-set: whoever came first is found by reading
    # again just before the write.
    fresh = glance.get_image(session, image.id)
    # One that was deactivated meanwhile could not be read, and can be later.
    if records.read_seal(fresh) is None and fresh.active:
        made = verdict.Decision(decision.rule, {
            **decision.evidence,
            **({'left_out': dict(left_out)} if left_out else {})}).seal()
        made = dataclasses.replace(made, seconds=records.seconds(fresh))
        glance.add_properties(session, image.id, {
            **records.adopt(fresh), **made.properties(), **signing.sign(
                fresh, made.properties(), conf.signing_keys())})
        fresh = glance.get_image(session, image.id)
    return fresh


def _record_loss(session: asking.Session, instance: facts.Instance,
                 memory: records.Memory, evidence: verdict.Evidence
                 ) -> dict[str, str]:
    # The first answer may have come from a node that lags behind the others.
    if glance.find_image(session, memory.image_id) is not None:
        return {}
    decision = verdict.vanished(memory, evidence)
    return _note(session, instance, dataclasses.replace(
        memory, gone=evidence.now, cause=decision.rule.code))


def _note(session: asking.Session, instance: facts.Instance,
          gone: records.Memory) -> dict[str, str]:
    """Write down what became of a snapshot; return the item of metadata.

    Where a lock or the state of the instance forbids it, whoever looks is
    told all the same, and the next look finds it out again.
    """
    try:
        nova.remember(session, instance.id, gone)
    except (errors.Conflict, errors.Forbidden) as problem:
        LOG.info('%s keeps its memory of %s: %s', instance.id, gone.image_id,
                 problem)
    return {gone.key: gone.value()}
