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

"""Weighing all evidence on one snapshot, the strongest first.

The disk decides alone wherever it can, in both directions: no witness makes
a disk better than it says it was. Where it cannot tell, the rules of
:mod:`.verdict` decide by what the guest witnessed and Nova recorded.
"""

import dataclasses
import enum
import typing

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness

Rule = verdict.Rule

# How long a disk that cannot be read now is tried again before the other
# evidence decides, in seconds since the image was last changed.
DISK_PATIENCE = 600


def judge(image: facts.Image, evidence: verdict.Evidence | None,
          deployment: facts.Deployment,
          reading: facts.DiskReading | None = None, *,
          copies: verdict.Copies | None = None,
          failed: bool = False, refused: bool = False) -> verdict.Decision:
    """Decide on a snapshot.

    :param evidence: what was asked of Nova; None where nobody asked, which
        is enough for a snapshot that the panel has no record of.
    :param reading: what its disk says, None where it could not be read.
    :param copies: as :func:`verdict.settle` takes them.
    :param failed: the disk could not be read now, and may be later.
    :param refused: this user may not read it; somebody else may.
    :returns: a decision that is ``pending`` while more may come.
    """
    seen = verdict.look(image)
    if seen.rule not in (Rule.UNSETTLED, Rule.UNREAD):
        return seen
    by_record = verdict.without_record(image)
    if seen.rule is Rule.UNSETTLED:
        if evidence is None:
            return _without_evidence(seen, reading)
        by_record = verdict.settle(image, evidence, deployment, copies)
    if image.volume_backed:
        if by_record.verdict.consistent and _not_copied(image, evidence,
                                                        copies):
            return verdict.Decision(Rule.NOT_CONTAINED, by_record.evidence)
        return by_record
    told = {'disk': dict(reading.report)} if reading is not None else {}
    # What was not consistent anyway keeps its own reason.
    if (reading is not None and reading.decides
            or by_record.verdict.consistent) and _not_contained(
                image, evidence, reading):
        return verdict.Decision(Rule.NOT_CONTAINED,
                                {**by_record.evidence, **told})
    if reading is None:
        return _unread(image, seen, by_record, evidence, failed or (
            refused and not by_record.verdict.consistent))
    return _weigh(by_record, reading, _is_freezing(image, evidence))


def _without_evidence(seen: verdict.Decision,
                      reading: facts.DiskReading | None) -> verdict.Decision:
    """Return what the disk alone says of a snapshot with a record."""
    if reading is None or not reading.decides:
        return seen
    return _weigh(seen, reading, False)


def _unread(image: facts.Image, seen: verdict.Decision,
            by_record: verdict.Decision, evidence: verdict.Evidence | None,
            hopeful: bool) -> verdict.Decision:
    """Return the decision on a disk that was not read.

    :param hopeful: somebody else, or a later look, may read it.
    """
    if seen.rule is Rule.UNREAD:
        return seen
    patient = evidence is not None and image.updated is not None and (
        (evidence.now - image.updated).total_seconds() < DISK_PATIENCE)
    return seen if hopeful and patient else by_record


def _weigh(by_record: verdict.Decision, reading: facts.DiskReading,
           freezing: bool) -> verdict.Decision:
    """Return the decision of the disk, the record's where it cannot tell."""
    known: dict[str, typing.Any] = {**by_record.evidence,
                                    'disk': dict(reading.report)}
    if reading.word in (facts.IN_USE, facts.DAMAGED):
        if by_record.verdict.consistent:
            known['contradicts'] = by_record.rule.code
        return verdict.Decision(
            Rule.DISK_IN_USE if reading.word == facts.IN_USE
            else Rule.DISK_DAMAGED, known)
    if reading.torn:
        return verdict.Decision(Rule.DISK_TORN, known)
    if reading.word != facts.AT_REST:
        return dataclasses.replace(by_record, evidence=known)
    if by_record.rule is Rule.HOOKS_WITNESSED:
        return verdict.Decision(Rule.DISK_AT_REST_HOOKS, known)
    # The guest is telling of its hooks right now.
    if by_record.rule is Rule.WAITING and freezing:
        return by_record
    return verdict.Decision(Rule.DISK_AT_REST, known)


def _attempts(image: facts.Image, evidence: verdict.Evidence | None
              ) -> list[witness.Freeze]:
    """Return the freezes that the guest witnessed since the request."""
    request = records.read_request(image)
    if evidence is None or request is None or evidence.console is None:
        return []
    baseline = request.baseline_in(evidence.console)
    if baseline is None:
        return []
    return witness.freezes(witness.since(evidence.console, baseline).chain)


def _is_freezing(image: facts.Image,
                 evidence: verdict.Evidence | None) -> bool:
    attempts = _attempts(image, evidence)
    return bool(attempts) and not attempts[-1].thawed


def _not_contained(image: facts.Image, evidence: verdict.Evidence | None,
                   reading: facts.DiskReading | None) -> bool:
    """Return whether the guest says that its root is not in the image.

    The image holds the first disk only (fact 13). What is at rest there says
    nothing of the system then. Where the guest alone decides, it has to name
    that disk: another name (a mapped device, say) proves nothing.
    """
    freezes = [freeze for freeze in _attempts(image, evidence)
               if freeze.root_named]
    if reading is not None and reading.decides:
        return any(freeze.root_elsewhere for freeze in freezes)
    return any(not freeze.root_on_first for freeze in freezes)


def _not_copied(image: facts.Image, evidence: verdict.Evidence | None,
                copies: verdict.Copies | None) -> bool:
    """Return whether the guest's root is on none of the copied volumes.

    It can be on a disk of the flavor, which nobody copies (fact 13).
    """
    devices = {volume.devices.get(copies.instance_id, '')
               for volume in copies.volumes} if copies else set()
    if not devices or '' in devices:
        return False
    names = {device.removeprefix('/dev/') for device in devices}
    return any(freeze.root_named and not names & freeze.disks['/']
               for freeze in _attempts(image, evidence))


def left_out(instance: facts.Instance, image: facts.Image,
             evidence: verdict.Evidence | None = None
             ) -> dict[str, typing.Any]:
    """Return what of an instance an image does not hold, as plain values.

    ``paths`` maps the mount points that the guest told of to their disks;
    ``volumes`` counts those attached; ``ephemeral`` (GiB) and ``swap`` (MiB)
    are disks of the flavor. An image that is made of volume snapshots leaves
    out the last two only (fact 13).
    """
    elsewhere = {path: disks for freeze in _attempts(image, evidence)
                 for path, disks in freeze.elsewhere.items()}
    missing: dict[str, typing.Any] = {'ephemeral': instance.ephemeral,
                                      'swap': instance.swap}
    if not image.volume_backed:
        missing.update(paths=elsewhere, volumes=len(instance.volume_ids))
    return {name: value for name, value in missing.items() if value}


def contradicts(decision: verdict.Decision) -> bool:
    """Return whether the guest witnessed what its disk denies: an error."""
    return 'contradicts' in decision.evidence


class Comparison(enum.Enum):
    """What a disk that is read again says of a verdict."""

    CONFIRMED = 'confirmed'
    CONTRADICTED = 'contradicted'
    # It neither proves nor denies it.
    OPEN = 'open'


# What the disk had said where it decided.
_WORDS = {Rule.DISK_AT_REST: facts.AT_REST,
          Rule.DISK_AT_REST_HOOKS: facts.AT_REST,
          Rule.DISK_IN_USE: facts.IN_USE, Rule.DISK_DAMAGED: facts.DAMAGED}


def compare(decision: verdict.Decision, reading: facts.DiskReading
            ) -> Comparison:
    """Return what a disk says, read again, of what was decided on it.

    The data of an image never changes, so it has to say the same.
    """
    consistent = decision.verdict.consistent
    if consistent and (reading.torn or reading.word in (
            facts.IN_USE, facts.DAMAGED)):
        return Comparison.CONTRADICTED
    said = _WORDS.get(decision.rule)
    if said is not None and said != reading.word:
        return Comparison.CONTRADICTED
    if said is None and not (consistent and reading.word == facts.AT_REST):
        return Comparison.OPEN
    return Comparison.CONFIRMED


def needs_guest(image: facts.Image, reading: facts.DiskReading | None
                ) -> bool:
    """Return whether the guest or Nova's record can add to the disk's word.

    They decide where the disk cannot tell, and a guest with the kit tells of
    its hooks.
    """
    request = records.read_request(image)
    if request is None:
        return False
    if reading is None or not reading.decides:
        return True
    return request.state == facts.RUNNING and request.heard
