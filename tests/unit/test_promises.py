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

"""Never better than the truth, in any order of events."""

import itertools

import hypothesis
from hypothesis import stateful
import pytest

from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from tests.promises import machine
from tests.promises import world

Rule = verdict.Rule
Verdict = verdict.Verdict


def test_no_sequence_of_events_makes_a_verdict_better_than_the_truth():
    stateful.run_state_machine_as_test(
        machine.Promises, settings=hypothesis.settings(
            max_examples=120, stateful_step_count=25, deadline=None,
            derandomize=True, database=None,
            suppress_health_check=list(hypothesis.HealthCheck)))


@pytest.mark.parametrize('happens', world.FREEZES)
def test_no_combination_alone_is_better_than_the_truth(happens):
    for word, torn, who in itertools.product(
            disk.Word, (False, True), world.DISKS):
        play(happens, word, torn, disk=who)
    for copies, seen_for in itertools.product(world.COPIES, (0, 60)):
        play(happens, copies=copies, on_volumes=True, seen_for=seen_for)


def test_a_freeze_between_two_looks_is_not_taken_for_ones_own():
    made = world.World(False)
    made.take('silent', disk.Word.CANNOT_TELL, False, 'quick')
    made.wait(3601)
    made.settle(world.Settler(meanwhile=lambda: made.take(
        'good', disk.Word.CANNOT_TELL, False, 'quick', panel=False)))
    made.check()

    assert not made.consistent


def test_who_is_overtaken_does_not_write_over_a_worse_verdict():
    made = world.World(False)
    made.take('good', disk.Word.IN_USE, False, 'quick')
    made.wait(3601)
    made.settle(world.Settler(disk='refused', meanwhile=lambda: made.settle(
        world.Settler(disk='read'))))
    made.check()

    assert list(made.sealed.values()) == [Verdict.CRASH]
    assert not made.consistent


@pytest.mark.parametrize('panel', [True, False])
def test_what_only_names_the_instance_is_never_sealed(panel):
    made = world.World(True)
    made.find_a_stranger(disk.Word.AT_REST, panel)
    made.wait(3601)
    for who in world.DISKS:
        made.settle(world.Settler(disk=who))
        made.check()

    assert not made.sealed
    # Nobody waits for it any more.
    assert set(made.metadata) == {schedules.AFTER}


def play(happens='good', word=disk.Word.CANNOT_TELL, torn=False,
         copies='quick', on_volumes=False, **settler):
    made = world.World(on_volumes)
    made.take(happens, word, torn, copies)
    made.wait(3601)
    made.settle(world.Settler(**settler))
    made.check()
    return made


@pytest.mark.parametrize('options, expected', [
    ({}, Verdict.FILESYSTEM), ({'happens': 'hooks'}, Verdict.APPLICATION),
    ({'happens': 'two'}, Verdict.FILESYSTEM),
    ({'happens': 'silent', 'word': disk.Word.AT_REST}, Verdict.FILESYSTEM),
    ({'on_volumes': True}, Verdict.FILESYSTEM),
    ({'on_volumes': True, 'happens': 'hooks'}, Verdict.APPLICATION),
    ({'disk': 'refused'}, Verdict.FILESYSTEM)])
def test_the_world_can_be_proven_consistent(options, expected):
    """A world where nothing ever is would prove nothing."""
    made = play(**options)

    assert list(made.sealed.values()) == [expected]
    assert made.consistent == 1


def by_schedule(made, happens='good', word=disk.Word.CANNOT_TELL, **options):
    """Let a night pass, with a judge in it; return what it says."""
    made.take_by_schedule(happens, word, False, **options)
    made.wait(3601)
    made.settle(world.Settler())
    made.check()
    return verdict.look(list(made.images.values())[-1])


@pytest.mark.parametrize('happens, word, rule', [
    ('good', disk.Word.CANNOT_TELL, Rule.FREEZE_WITNESSED),
    ('hooks', disk.Word.CANNOT_TELL, Rule.HOOKS_WITNESSED),
    ('hooks', disk.Word.AT_REST, Rule.DISK_AT_REST_HOOKS),
    ('silent', disk.Word.AT_REST, Rule.DISK_AT_REST),
    ('good', disk.Word.IN_USE, Rule.DISK_IN_USE),
    ('silent', disk.Word.CANNOT_TELL, Rule.SILENT),
    ('refused', disk.Word.CANNOT_TELL, Rule.HOOK_REFUSED)])
def test_nights_of_a_schedule_are_proven_by_the_guest(happens, word, rule):
    made = world.World(False)

    for _night in range(3):
        assert by_schedule(made, happens, word).rule is rule
        # What else is done by day is no other snapshot.
        made.reboot()
        made.act('lock')


@pytest.mark.parametrize('options, rule', [
    ({'meanwhile': 'silent'}, Rule.UNBOUND),
    ({'meanwhile': 'good', 'happens': 'silent'}, Rule.UNBOUND),
    ({'view': 'none'}, Rule.NOT_OURS), ({'view': 'empty'}, Rule.NOT_OURS),
    ({'unseen': 1}, Rule.NO_WITNESS), ({'meanwhile': 'lock'},
                                       Rule.FREEZE_WITNESSED)])
def test_a_night_that_cannot_be_told_from_another_is_unproven(options, rule):
    made = world.World(False)

    assert by_schedule(made, **options).rule is rule
    # What had no record told nobody what was done before the next night.
    if rule is Rule.NOT_OURS:
        assert by_schedule(made).rule is Rule.UNBOUND
    assert by_schedule(made).rule is Rule.FREEZE_WITNESSED


def test_nights_that_nobody_judged_prove_nothing_and_the_next_does():
    made = world.World(False)
    for _night in range(3):
        made.take_by_schedule('good', disk.Word.CANNOT_TELL, False)
        made.wait(3601)
    made.settle(world.Settler())

    assert set(made.sealed.values()) <= {Verdict.UNPROVEN}
    assert by_schedule(made).rule is Rule.FREEZE_WITNESSED


def test_a_snapshot_by_day_is_none_of_the_schedules():
    made = world.World(False)
    by_schedule(made)
    made.take('good', disk.Word.AT_REST, False, 'quick', panel=False)

    assert by_schedule(made, 'silent').rule is Rule.UNBOUND
    made.take('good', disk.Word.CANNOT_TELL, False, 'quick')
    made.wait(3601)
    made.settle(world.Settler())
    assert by_schedule(made, 'silent').rule is Rule.SILENT
    assert by_schedule(made).rule is Rule.FREEZE_WITNESSED


@pytest.mark.parametrize('rule, options', [
    (verdict.Rule.FREEZE_WITNESSED, {'happens': 'silent'}),
    (verdict.Rule.HOOKS_WITNESSED, {'happens': 'good'}),
    (verdict.Rule.DISK_AT_REST, {'word': disk.Word.IN_USE}),
    (verdict.Rule.DISK_AT_REST, {'word': disk.Word.AT_REST, 'torn': True}),
    (verdict.Rule.DISK_AT_REST, {'word': disk.Word.AT_REST,
                                 'happens': 'elsewhere'}),
    (verdict.Rule.FREEZE_WITNESSED, {'on_volumes': True,
                                     'copies': 'slow'})])
def test_a_seal_that_is_better_than_the_truth_is_found(rule, options):
    """The measure itself."""
    made = play(**options)
    settler = world.Settler()
    made.reopen(image_id := next(iter(made.images)))
    made.settle(settler)
    made.settlers.append(settler)

    with pytest.raises(world.Broken):
        made._write(None, image_id, verdict.Decision(
            rule).seal().properties())


def test_a_verdict_that_becomes_better_is_found():
    made = play(happens='silent')
    image_id, = made.images

    made.images[image_id].properties.update({
        records.VERDICT: Verdict.FILESYSTEM.value,
        records.RULE: verdict.Rule.DISK_AT_REST.code})

    with pytest.raises(world.Broken, match='became'):
        made.check()
