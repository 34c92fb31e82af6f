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

"""What anybody in a project may have written on images and servers.

No record may raise an error, name anything but an id where it ends up in an
address, or be a verdict that the image does not bear.
"""

import functools
import json
import random
import uuid

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from snapshot_panel import disk
from snapshot_panel.instance import history
from snapshot_panel.ui import lines
from snapshot_panel.ui import words
from tests.fuzz import text
from tests.unit import builders

_DEPLOYMENT = facts.Deployment()
_SNIPPETS = text.SNIPPETS + (
    builders.SNAPSHOT, builders.INSTANCE, '2026-11-22T12:00:00Z',
    '9999-12-31T23:59:59Z', *(rule.code for rule in verdict.Rule),
    *(each.value for each in verdict.Verdict))


@functools.cache
def seeds() -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return the properties of images with the metadata of servers."""
    baseline = builders.started().baseline
    evidence = {
        'frozen': {'/': 0.06, '/srv': 0.05}, 'hooks': {'20-app': True},
        'boot': builders.BOOT, 'seq': 4, 'volumes': 2, 'limit': 60,
        'disk': dict(builders.reading().report), 'open': ['/srv'],
        'left_out': {'paths': {'/srv': 'vdb'}, 'volumes': 1, 'swap': 64}}
    images = [builders.asked(baseline), builders.asked(
        properties=builders.mapping()), builders.asked(properties={
            records.CONSOLE: witness.end(builders.started().text)})]
    images += [builders.sealed(rule, evidence) for rule in verdict.Rule
               if rule.verdict.final]
    memory = builders.memory()
    gone = builders.memory(
        image_id=builders.COPIES[0], gone=builders.NOW, cause='gone')
    metadata = {each.key: each.value() for each in (memory, gone)}
    metadata |= builders.plan(image_id=builders.SNAPSHOT).metadata()
    return [(dict(image.properties), metadata) for image in images]


def complaint(number: int) -> str:
    """Return what is wrong with the reading of an input; '' for nothing."""
    chance = random.Random(number)
    properties, metadata = (dict(each) for each in
                            seeds()[number % len(seeds())])
    for values in (properties, metadata):
        for name in chance.sample(sorted(values), chance.randrange(4)):
            values[name] = text.change(values[name], chance, _SNIPPETS)
        if chance.random() < 0.1:
            name = chance.choice(sorted(values))
            values[text.change(name, chance)] = values.pop(name)
    image = builders.image(properties)
    instance = builders.instance(metadata=metadata)
    return (_of_image(image, instance) or _of_server(instance)
            or _shown(image, instance))


def _of_image(image: facts.Image, instance: facts.Instance) -> str:
    decision = verdict.look(image)
    values = image.properties
    if decision.verdict.consistent and (
            values.get(records.IMAGE) != image.id
            or values[records.VERDICT] != decision.verdict.value
            or values[records.RULE] != decision.rule.code):
        return f'no seal of its own: {decision}'
    ids = [*records.read_replaces(image),
           *(records.volume_snapshots(image) or ())]
    if not all(map(_is_id, ids)):
        return f'no ids: {ids}'
    seal = records.read_seal(image)
    if seal is not None and records.read_seal(builders.image({
            **values, **seal.properties()})) != seal:
        return f'does not survive being written: {seal}'
    disk.Reading.from_json(decision.evidence.get('disk'))
    # No guest has frozen.
    for console in None, builders.started().text:
        judged = judging.judge(image, builders.evidence(console), _DEPLOYMENT)
        if judged.verdict.consistent and judged != decision:
            return f'{judged} out of nothing'
    str((judging.needs_guest(image, None), retention.due(instance, image),
         judging.contradicts(decision)))
    return ''


def _of_server(instance: facts.Instance) -> str:
    for memory in records.read_memories(instance):
        if not _is_id(memory.image_id):
            return f'no id: {memory}'
        if len(memory.value().encode()) > records.METADATA_LIMIT:
            return f'too long: {memory}'
    plan = records.read_plan(instance)
    restart.unfinished(instance)
    if plan is not None and plan.image_id and not _is_id(plan.image_id):
        return f'no id: {plan}'
    return ''


def _is_id(value: str) -> bool:
    return str(uuid.UUID(value)).replace('-', '') == (
        value.lower().replace('-', ''))


def _shown(image: facts.Image, instance: facts.Instance) -> str:
    """Say it as a page does."""
    known.unsettled(instance, [image], builders.NOW, _DEPLOYMENT)
    for line in lines.snapshot_lines(instance, [image]):
        for said in (words.reason(line.decision), line.note,
                     line.availability, *history.evidence(line)):
            str(said).encode()
        json.dumps(dict(line.decision.evidence), allow_nan=False)
    return ''


def run(inputs: int, first: int = 0) -> tuple[list[str], float]:
    """Return what was wrong, and the longest time of one, in seconds."""
    return text.play(complaint, inputs, first)
