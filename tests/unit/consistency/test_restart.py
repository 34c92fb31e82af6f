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


"""Stop, snapshot and start again: what each look decides."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from tests.unit import builders

Cause = restart.Cause
Move = restart.Move
Phase = restart.Phase
LATE = restart.GRACE + 1

plan = builders.plan


def decide(made, status='SHUTOFF', done=(), image=None, task=None,
           actions=None):
    """Decide where these actions were done since the plan, oldest first."""
    if actions is None:
        actions = builders.actions(*[
            builders.action(name, 'req-%d' % number)
            for number, name in enumerate(done)][::-1])
    return restart.decide(
        made, builders.instance(status=status, task_state=task), actions,
        image, builders.NOW)


def over(cause):
    return (Move.WAIT, Phase.OVER.value, cause.value)


def said(decision):
    return (decision.move, decision.plan.step, decision.plan.cause)


COPY = builders.asked()
VOLUMES = {facts.MAPPING_PROPERTY: '[]'}
TAKING = (Move.TAKE, 'taking', None)
STARTING = (Move.START, 'starting', None)
KNOWN = {'image_id': builders.SNAPSHOT}


@pytest.mark.parametrize('made, look, expected', [
    (plan(), {'status': 'ACTIVE'}, (Move.STOP, 'stopping', None)),
    (plan(), {'status': 'ACTIVE', 'task': 'powering-off'},
     (Move.WAIT, 'stopping', None)),
    (plan(), {'done': ['stop']}, TAKING),
    # Nobody looked for hours: it was asked for, and it stands still.
    (plan(since=builders.ago(90000)), {'done': ['stop']}, TAKING),
    (plan(), {'done': ['stop', 'lock', 'createImage']}, TAKING),
    (plan(), {'done': []}, TAKING),
    (plan(since=builders.ago(LATE)), {'status': 'ACTIVE'},
     over(Cause.NOT_BEGUN)),
    (plan(), {'status': 'ACTIVE', 'done': ['stop']},
     over(Cause.STOP_FAILED)),
    (plan(), {'status': 'ACTIVE', 'done': ['stop', 'start']},
     over(Cause.INTERFERED)),
    (plan(), {'done': ['stop', 'start', 'stop']}, over(Cause.INTERFERED)),
    (plan(), {'done': ['stop', 'rebuild']}, over(Cause.INTERFERED)),
    (plan(), {'status': 'ERROR', 'done': ['stop']}, over(Cause.INTERFERED)),
    (plan(), {'status': 'PAUSED'}, over(Cause.INTERFERED)),
    (plan(), {'actions': [builders.action('stop')]}, over(Cause.INTERFERED)),
    (plan(), {'actions': []}, over(Cause.INTERFERED)),

    (plan(Phase.TAKING), {'done': ['stop']}, (Move.WAIT, 'taking', None)),
    (plan(Phase.TAKING, since=builders.ago(LATE)), {'done': ['stop']},
     (Move.START, 'starting', 'not-taken')),
    (plan(Phase.TAKING), {'done': ['stop'], 'task': 'image_uploading'},
     (Move.WAIT, 'taking', None)),
    (plan(Phase.TAKING, **KNOWN), {'done': ['stop'], 'image': COPY},
     STARTING),
    (plan(Phase.TAKING, **KNOWN), {'done': ['stop'], 'image': None},
     STARTING),
    (plan(Phase.TAKING, **KNOWN), {'image': builders.asked(status='saving')},
     (Move.WAIT, 'taking', None)),
    (plan(Phase.TAKING, **KNOWN), {
        'image': builders.asked(status='queued', updated=builders.ago(LATE))},
     (Move.START, 'starting', 'not-taken')),
    (plan(Phase.TAKING, **KNOWN), {'image': builders.asked(
        properties=VOLUMES)}, (Move.WAIT, 'taking', None)),
    (plan(Phase.TAKING, **KNOWN), {'image': builders.sealed(
        properties=VOLUMES)}, STARTING),
    (plan(Phase.TAKING, **KNOWN), {'image': builders.asked(
        properties=VOLUMES, updated=builders.ago(restart.COPY_GRACE + 1))},
     STARTING),
    (plan(Phase.TAKING, **KNOWN), {'status': 'ACTIVE',
                                   'done': ['stop', 'start']},
     over(Cause.INTERFERED)),
    (plan(Phase.TAKING, **KNOWN), {'status': 'ACTIVE', 'done': ['stop']},
     over(Cause.INTERFERED)),

    (plan(Phase.STARTING), {'done': ['stop', 'createImage']}, STARTING),
    (plan(Phase.STARTING), {'done': ['stop'], 'task': 'powering-on'},
     (Move.WAIT, 'starting', None)),
    (plan(Phase.STARTING), {'done': ['stop', 'start']},
     over(Cause.START_FAILED)),
    (plan(Phase.STARTING), {'done': ['stop', 'rebuild']},
     over(Cause.INTERFERED)),
    (plan(Phase.STARTING), {'status': 'ERROR', 'done': ['stop', 'start']},
     over(Cause.INTERFERED)),
    (plan(Phase.STARTING, cause='not-taken'),
     {'status': 'ACTIVE', 'done': ['stop', 'start']}, over(Cause.NOT_TAKEN)),
    (plan(Phase.OVER, cause='interfered'), {'status': 'ACTIVE'},
     over(Cause.INTERFERED)),
    (plan(Phase.OVER, cause='start-failed'), {}, over(Cause.START_FAILED)),
])
def test_what_is_done_next(made, look, expected):
    assert said(decide(made, **look)) == expected


@pytest.mark.parametrize('made, look', [
    (plan(Phase.STARTING), {'status': 'ACTIVE', 'done': ['stop', 'start']}),
    (plan(Phase.STARTING, cause='cancelled'), {'status': 'ACTIVE'}),
    # Somebody stopped it again: that is how they want it.
    (plan(Phase.STARTING), {'done': ['stop', 'start', 'stop']}),
    (plan(Phase.OVER, cause='start-failed'), {'status': 'ACTIVE'})])
def test_a_plan_that_has_come_to_its_end_is_forgotten(made, look):
    assert decide(made, **look) == restart.NextMove(Move.WAIT, None)


def test_while_nova_is_at_work_nothing_is_done():
    for step in Phase:
        made = plan(step)

        assert decide(made, task='x', done=['rebuild']) == (
            restart.NextMove(Move.WAIT, made))


def test_a_snapshot_is_known_by_the_action_before_it():
    """The process that asked for it died before it wrote down its id."""
    actions = builders.actions(builders.action('createImage', 'req-2'),
                               builders.action('stop', 'req-1'))
    before = builders.asked(id=builders.BASE_IMAGE)
    own = builders.asked(properties={records.AFTER_ACTION: 'req-1'})

    found = restart.own_image(plan(Phase.TAKING), actions, [before, own])

    assert found == own
    assert decide(plan(Phase.TAKING), done=['stop'], image=builders.asked(
        status='saving')).plan.image_id == builders.SNAPSHOT


def test_a_snapshot_that_is_known_is_no_other():
    made = plan(Phase.TAKING, image_id=builders.BASE_IMAGE)

    assert restart.own_image(made, builders.actions(), [COPY]) is None


STATUSES = st.sampled_from(['ACTIVE', 'SHUTOFF', 'PAUSED', 'ERROR'])
DONE = st.lists(st.sampled_from(
    ['stop', 'start', 'reboot', 'rebuild', 'createImage', 'lock', 'pause']),
    max_size=4)
IMAGES = st.sampled_from([None, COPY, builders.asked(status='saving')])
PLANS = st.builds(plan, st.sampled_from(Phase),
                  since=st.sampled_from([builders.ago(5), builders.ago(LATE)]),
                  cause=st.none() | st.sampled_from(
                      [cause.value for cause in Cause] + ['forged']),
                  image_id=st.none() | st.just(builders.SNAPSHOT))


@given(PLANS, STATUSES, DONE, IMAGES)
def test_nobody_is_stopped_copied_or_started_against_their_will(
        made, status, done, image):
    move = decide(made, status, done, image).move

    power = [name for name in done if name not in ('createImage', 'lock')]
    if move is Move.STOP:
        assert (status, power) == ('ACTIVE', [])
    elif move is not Move.WAIT:
        assert status == 'SHUTOFF'
        assert power in ([], ['stop'])
    if move is Move.TAKE:
        assert made.step == 'stopping'
    if move is Move.START and made.step == 'taking':
        assert image is not builders.asked(status='saving')


@given(PLANS, STATUSES, DONE, IMAGES)
def test_the_same_look_twice_is_the_same(made, status, done, image):
    first = decide(made, status, done, image)

    if first.move is Move.WAIT and first.plan is not None:
        assert decide(first.plan, status, done, image).move is Move.WAIT


@pytest.mark.parametrize('made, status, unfinished', [
    (None, 'SHUTOFF', False), (plan(), 'ACTIVE', True),
    (plan(Phase.STARTING), 'SHUTOFF', True),
    (plan(Phase.OVER, cause='interfered'), 'ACTIVE', False),
    (plan(Phase.OVER, cause='start-failed'), 'SHUTOFF', False),
    (plan(Phase.OVER, cause='start-failed'), 'ACTIVE', True)])
def test_what_is_to_be_carried_on(made, status, unfinished):
    instance = builders.instance(
        status=status, metadata=made.metadata() if made else {})

    assert restart.unfinished(instance) == unfinished


# The record

@given(st.sampled_from(Phase), st.text(max_size=255),
       st.booleans())
def test_a_plan_is_read_as_it_was_written(step, by, known):
    # What Nova does not accept of a name is replaced before.
    by = records.for_services(by)
    made = plan(step, by=by, after='req-' + builders.INSTANCE,
                image_id=builders.SNAPSHOT if known else None,
                cause='start-failed' if known else None)
    item = made.metadata()

    read = records.read_plan(builders.instance(metadata=item))

    assert len(item[records.PLAN_KEY].encode()) <= records.METADATA_LIMIT
    assert by.startswith(read.by)
    assert dataclasses.replace(read, by=by) == made


@pytest.mark.parametrize('text', [
    '', 'x', '[]', '{}', '{"step": "taking"}', '{"after": "x"}', '7'])
def test_what_is_no_plan_is_none(text):
    instance = builders.instance(metadata={records.PLAN_KEY: text})

    assert records.read_plan(instance) is None


def test_a_plan_edited_by_hand_does_nothing():
    instance = builders.instance(metadata={
        records.PLAN_KEY: '{"step": "x", "after": 1, "image": "../x"}'})

    made = records.read_plan(instance)

    assert made.image_id is None
    assert decide(made).move is Move.WAIT
