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

"""What is written down is read back, and speaks for its own image only."""

import json
import uuid

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from tests.unit import builders

# As every service accepts them; what else is in a name is replaced.
NAMES = st.text(max_size=255).map(records.for_services)
HEX = st.text('0123456789abcdef', min_size=32, max_size=32)
MOMENTS = st.datetimes(min_value=builders.NOW.replace(
    year=2000, tzinfo=None), max_value=builders.NOW.replace(
        year=2200, tzinfo=None)).map(
            lambda moment: moment.replace(microsecond=0,
                                          tzinfo=builders.NOW.tzinfo))
BASELINES = st.builds(
    witness.Baseline, boot=st.just(builders.BOOT),
    seq=st.integers(1, 999999999), next=HEX, event=st.just('started'))
REQUESTS = st.builds(
    records.Request, at=MOMENTS, by=NAMES,
    state=st.sampled_from(['ACTIVE', 'SHUTOFF']),
    baseline=st.none() | BASELINES, after_action=st.none() | HEX,
    action=st.none() | HEX, console=st.none() | HEX)


def own(properties, action=builders.OWN):
    return builders.image({**properties,
                           **records.bind(builders.SNAPSHOT, action)})


# Request

@given(REQUESTS)
def test_a_request_is_read_as_it_was_written(request):
    image = own(request.properties(), request.action)

    assert records.read_request(image) == request


def test_until_it_is_bound_a_request_does_not_know_its_action():
    request = records.Request(builders.NOW, 'ann', 'ACTIVE', None, None,
                              'req-inherited')
    image = builders.image({**request.properties(),
                            records.IMAGE: builders.SNAPSHOT})

    assert records.read_request(image).action is None


@pytest.mark.parametrize('action, text', [('req-own', 'req-own'),
                                          (None, 'none'), ('', 'none')])
def test_what_binds_is_the_image_and_its_action(action, text):
    assert records.bind('x', action) == {
        'consistency_image': 'x', 'consistency_action': text,
        'consistency_replaces': 'none'}


IDS = st.lists(st.uuids().map(str), max_size=300, unique=True)


@given(IDS)
def test_what_an_image_replaces_is_read_as_it_was_written(ids):
    image = builders.image(records.bind(builders.SNAPSHOT, None, ids))

    assert records.read_replaces(image) == tuple(ids)
    assert not records.has_replaced(image)


def test_what_a_parent_replaced_is_no_business_of_its_heir():
    request = records.Request(builders.NOW, 'ann', 'ACTIVE', None, None)
    inherited = {**records.bind(builders.SNAPSHOT, None,
                                [builders.BASE_IMAGE]),
                 records.REPLACED: records.DONE}

    heir = builders.image({**inherited, **request.properties()})
    unbound = builders.image(inherited, id=builders.INSTANCE)

    assert records.read_replaces(heir) == ()
    assert not records.has_replaced(heir)
    assert records.read_replaces(unbound) == ()


@pytest.mark.parametrize('word', [
    '', 'none', 'x', '../x', '?a=1', '{%s}' % builders.BASE_IMAGE,
    builders.BASE_IMAGE.upper(), builders.BASE_IMAGE.replace('-', ''),
    builders.SNAPSHOT])
def test_only_the_ids_of_other_images_can_be_replaced(word):
    image = builders.asked(properties={
        records.REPLACES: word + ' ' + builders.INSTANCE})

    assert records.read_replaces(image) == (builders.INSTANCE,)


@given(REQUESTS)
def test_nova_accepts_what_is_written(request):
    values = request.properties().values()

    assert all(len(value) <= records.METADATA_LIMIT for value in values)


def test_a_long_user_name_is_cut():
    request = records.Request(builders.NOW, 'a' * 300, 'ACTIVE', None, None)

    assert request.properties()[records.REQUESTED_BY] == 'a' * 255


def test_a_request_counts_only_on_the_image_that_it_names():
    image = builders.asked(id='another')

    assert records.read_request(image) is None


def test_a_new_request_takes_away_what_the_instance_inherited():
    inherited = builders.sealed().properties

    request = records.Request(builders.NOW, 'ann', 'ACTIVE', None, None)
    image = builders.image({**inherited, **request.properties()})

    assert records.read_seal(image) is None
    assert records.read_request(image) is None
    assert image.properties[records.ACTION] == 'none'


def test_a_request_without_a_state_is_none():
    assert records.read_request(own({})) is None


def test_an_edited_time_is_unknown():
    image = builders.asked(properties={records.REQUESTED_AT: 'yesterday'})

    assert records.read_request(image).at is None


# Seal

EVIDENCE = st.dictionaries(
    st.text(), st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))


@given(st.sampled_from([v.value for v in verdict.Verdict if v.final]),
       st.text(), EVIDENCE, st.none() | st.integers(0, 10 ** 9 - 1))
def test_a_seal_is_read_as_it_was_written(verdict_code, rule, evidence,
                                          seconds):
    seal = records.Seal(verdict_code, rule, evidence, seconds)

    assert records.read_seal(own(seal.properties())) == seal


def test_the_same_seal_is_the_same_text():
    one = records.Seal('v', 'r', {'a': 1, 'b': 2})
    two = records.Seal('v', 'r', {'b': 2, 'a': 1})

    assert list(one.properties().items()) == list(two.properties().items())


@pytest.mark.parametrize('text', ['', 'none', '-1', '1.5', '٣', '9' * 10])
def test_a_duration_edited_by_hand_is_unknown(text):
    image = own({records.VERDICT: 'unproven', records.SECONDS: text})

    assert records.read_seal(image).seconds is None


def test_the_duration_is_by_one_clock():
    assert records.seconds(builders.asked()) == 10


@pytest.mark.parametrize('changes', [
    {'status': 'saving'}, {'created': None}, {'updated': None},
    {'properties': {facts.MAPPING_PROPERTY: '[]'}}])
def test_what_took_unknown_time_has_no_duration(changes):
    assert records.seconds(builders.asked(**changes)) is None


@pytest.mark.parametrize('changes', [
    {'id': 'another'},
    {'properties': {records.VERDICT: records.PENDING}}])
def test_without_its_own_verdict_an_image_has_no_seal(changes):
    image = builders.asked(**changes)

    assert records.read_seal(image) is None


@pytest.mark.parametrize('text', [
    '', '{', '[]', '"text"', 'null', '1', '[' * 60000])
def test_evidence_edited_by_hand_is_empty(text):
    image = own({records.VERDICT: 'unproven', records.EVIDENCE: text})

    assert records.read_seal(image).evidence == {}


# Memory

@given(st.text(max_size=255), st.text(max_size=255), MOMENTS,
       st.none() | MOMENTS)
def test_a_memory_fits_into_novas_metadata(name, by, at, gone):
    memory = builders.memory(name=name, by=by, at=at, gone=gone,
                             cause='gone-without-agent')

    assert len(memory.value().encode()) <= records.METADATA_LIMIT
    assert len(memory.key) <= records.METADATA_LIMIT


@given(NAMES.map(lambda name: name[:20]),
       NAMES.map(lambda name: name[:5]), MOMENTS)
def test_a_memory_is_read_as_it_was_written(name, by, at):
    memory = builders.memory(name=name, by=by, at=at)

    assert records.read_memories(builders.remembering(memory)) == [memory]


def test_a_loss_is_read_as_it_was_written():
    memory = builders.memory(gone=builders.NOW, cause='gone')

    assert records.read_memories(builders.remembering(memory)) == [memory]


@pytest.mark.parametrize('long', ['name', 'by'])
def test_only_the_longer_name_is_cut(long):
    other = {'name': 'by', 'by': 'name'}[long]
    memory = builders.memory(**{long: '日' * 255, other: 'short'},
                             gone=builders.NOW, cause='gone-without-agent')

    read, = records.read_memories(builders.remembering(memory))

    assert getattr(read, other) == 'short'
    assert getattr(read, long).strip('日') == ''
    assert 20 < len(getattr(read, long)) < 255
    assert (read.gone, read.cause) == (memory.gone, memory.cause)


@pytest.mark.parametrize('text', ['', 'x', '[]', '{"at": 1}', '{"at": null}'])
def test_a_memory_edited_by_hand_is_still_one(text):
    instance = builders.instance(
        metadata={records.MEMORY_PREFIX + builders.SNAPSHOT: text})

    memory, = records.read_memories(instance)

    assert (memory.at, memory.gone) == (None, None)


def test_a_memory_without_its_time_can_be_written_again():
    memory = builders.memory(at=None, gone=builders.NOW, cause='gone')

    assert records.read_memories(builders.remembering(memory)) == [memory]


@pytest.mark.parametrize('image_id', ['', 'x', '../x', '?limit=1'])
def test_what_is_no_image_id_is_no_memory(image_id):
    instance = builders.instance(
        metadata={records.MEMORY_PREFIX + image_id: '{}'})

    assert records.read_memories(instance) == []


def test_memories_are_newest_first():
    one, two, three = [
        builders.memory(image_id=str(uuid.uuid4()), at=moment)
        for moment in (builders.ago(1), builders.ago(2), None)]

    read = records.read_memories(builders.remembering(two, three, one))

    assert read == [one, two, three]


def test_other_metadata_is_no_memory():
    instance = builders.instance(metadata={'role': json.dumps({'at': 1})})

    assert records.read_memories(instance) == []


@pytest.mark.parametrize('name, accepted', [
    ('ann', 'ann'), ('日本', '日本'), ('\U00020bb7田', '\ufffd田'),
    ('a\ud800b\x1b', 'a\ufffdb\ufffd'), ('x' * 300, 'x' * 255),
    (' ann', ' ann')])
def test_a_name_is_written_as_every_service_accepts_it(name, accepted):
    assert records.for_services(name) == accepted


@pytest.mark.parametrize('written', [
    '{%s}' % builders.SNAPSHOT, '%s}' % builders.SNAPSHOT,
    'urn:uuid:' + builders.SNAPSHOT, builders.SNAPSHOT.replace('-', ''),
    '../' + builders.SNAPSHOT])
def test_what_is_nearly_an_id_is_remembered_by_nobody(written):
    instance = builders.instance(
        metadata={records.MEMORY_PREFIX + written: '{}'})

    assert records.read_memories(instance) == []


def test_a_cause_that_is_no_code_is_none():
    memory = {'name': 'web-1', 'gone': '2026-11-22T12:00:00Z'}
    instance = builders.instance(metadata={
        records.MEMORY_PREFIX + builders.SNAPSHOT: json.dumps(
            {**memory, 'cause': 'gone' + 'x' * 300})})

    read, = records.read_memories(instance)

    assert read.cause is None
    assert len(read.value().encode()) <= records.METADATA_LIMIT


@pytest.mark.parametrize('key', ['step', 'after'])
def test_a_plan_whose_codes_are_free_text_is_none(key):
    plan = {'step': 'stopping', 'after': 'req-1', key: 'a b'}

    assert records.read_plan(builders.instance(
        metadata={records.PLAN_KEY: json.dumps(plan)})) is None


def test_a_plan_made_before_anything_was_recorded_is_one():
    plan = {'step': 'stopping', 'after': ''}

    assert records.read_plan(builders.instance(
        metadata={records.PLAN_KEY: json.dumps(plan)})).step == 'stopping'


# A seal and a request of another image

def test_a_seal_speaks_for_the_image_that_it_names_alone():
    image = builders.sealed()

    assert records.read_seal(image) is not None
    for other in (builders.BASE_IMAGE, 'none', ''):
        heir = builders.image({**image.properties, records.IMAGE: other})
        assert records.read_seal(heir) is None
        assert not records.is_sealed(heir)


@pytest.mark.parametrize('changes, unbound', [
    ({}, True), ({records.IMAGE: builders.SNAPSHOT}, False),
    ({records.IMAGE: builders.BASE_IMAGE}, False),
    ({records.VERDICT: 'unproven'}, False), ({records.STATE: 'none'}, False),
    ({records.STATE: None}, False)])
def test_a_request_waits_to_be_bound_until_it_is(changes, unbound):
    request = records.Request(builders.NOW, 'ann', 'ACTIVE', None, 'req-1')
    values = {**request.properties(), **changes}

    assert records.is_unbound(builders.image({
        name: value for name, value in values.items()
        if value is not None})) is unbound


# Which of Nova's actions made an image

CREATED, BACKED_UP = (builders.action(name, 'req-' + name)
                      for name in ('createImage', 'createBackup'))
MARK = builders.action('reboot', builders.BEFORE)


@pytest.mark.parametrize('actions, own_action', [
    ([CREATED, MARK], 'req-createImage'),
    ([builders.action('lock'), CREATED, builders.action('start'), MARK],
     'req-createImage'),
    ([MARK, CREATED], records.Unbound.NONE_SINCE),
    ([BACKED_UP, MARK], records.Unbound.NONE_SINCE),
    # Which of two it was, nobody knows.
    ([CREATED, BACKED_UP, MARK], records.Unbound.SEVERAL_SINCE),
    ([CREATED, CREATED, MARK], records.Unbound.SEVERAL_SINCE),
    # What Nova's record does not reach back to may be anything.
    ([CREATED], records.Unbound.TOO_LONG_AGO),
    ([], records.Unbound.TOO_LONG_AGO)])
def test_a_snapshots_own_action_is_the_only_one_since_its_request(
        actions, own_action):
    image = builders.image({records.AFTER_ACTION: builders.BEFORE})

    assert records.own_action(image, actions) == own_action


# What an image of volumes is made of

def copied(number=0, **changes):
    return {'source_type': 'snapshot', 'destination_type': 'volume',
            'snapshot_id': builders.COPIES[number], **changes}


@pytest.mark.parametrize('disks, ids', [
    ([copied(), copied(1)], builders.COPIES),
    ([copied(), {'source_type': 'blank'}], builders.COPIES[:1]),
    ([{'source_type': 'blank'}], None), ([], None), (None, None),
    ([copied(), copied()], None),
    ([copied(), {'source_type': 'image'}], None),
    ([copied(), {'source_type': 'volume'}], None),
    ([copied(), copied(snapshot_id='../x')], None),
    ([copied(), None], None), ([copied(source_type='Snapshot')], None),
    ([copied()] + [{'source_type': 'blank'}] * 512, None)])
def test_the_copies_of_volumes_are_all_told_or_none(disks, ids):
    image = builders.image({facts.MAPPING_PROPERTY: json.dumps(disks)})

    assert records.volume_snapshots(image) == ids
