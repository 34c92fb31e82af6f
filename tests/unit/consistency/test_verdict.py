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

"""Each rule, and that no console makes an unfrozen snapshot consistent."""

import dataclasses

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from tests.unit import builders

Rule = verdict.Rule
Verdict = verdict.Verdict

RUNNING = facts.Deployment()
TOLD = facts.Deployment(shutdown_timeout=60)
SNAPSHOT = builders.taken()


def decide(console, baseline, done=None, deployment=RUNNING, **changes):
    """Settle a snapshot of a running instance."""
    image = builders.asked(baseline, **changes)
    return verdict.settle(image, builders.evidence(console.text, done),
                          deployment)


def decide_stopped(done, deployment=TOLD, **changes):
    """Settle a snapshot of a stopped instance."""
    image = builders.asked(state='SHUTOFF', **changes)
    return verdict.settle(image, builders.evidence(done=done), deployment)


@pytest.fixture
def console():
    return builders.started()


@pytest.fixture
def baseline(console):
    return console.baseline


# The rules themselves

def test_each_rule_has_a_code_of_its_own():
    assert len({rule.code for rule in Rule}) == len(Rule)


@pytest.mark.parametrize('rule', Rule)
def test_a_rule_is_found_by_its_code(rule):
    assert Rule.of(rule.code) is rule


def test_only_two_verdicts_are_consistent():
    assert [v for v in Verdict if v.consistent] == [Verdict.APPLICATION,
                                                    Verdict.FILESYSTEM]


# What the image alone tells

def test_an_image_that_is_being_made_is_pending():
    decision = verdict.look(builders.asked(status='queued'))

    assert decision == verdict.Decision(Rule.RUNNING)


def test_an_image_without_a_record_waits_for_its_disk_to_be_read():
    assert verdict.look(builders.image()).rule is Rule.UNREAD


@pytest.mark.parametrize('changes', [
    {'size': 0}, {'size': None}, {'properties': builders.mapping()},
    {'properties': {'image_type': 'image'}}])
def test_an_image_without_record_and_data_is_unproven(changes):
    assert verdict.look(builders.image(**changes)).rule is Rule.NOT_OURS


def test_a_deactivated_image_keeps_its_seal_and_else_is_said_to_be_so():
    sealed = builders.sealed(Rule.SILENT, status='deactivated')

    assert verdict.look(sealed).rule is Rule.SILENT
    assert verdict.look(builders.asked(
        status='deactivated')).rule is Rule.DEACTIVATED


def test_an_image_that_is_ready_is_still_to_be_settled():
    assert verdict.look(builders.asked()).rule is Rule.UNSETTLED


@pytest.mark.parametrize('rule', [rule for rule in Rule
                                  if rule.verdict.final])
def test_a_seal_says_what_was_decided(rule):
    decision = verdict.look(builders.sealed(rule, {'limit': 60}))

    assert decision == verdict.Decision(rule, {'limit': 60})


@pytest.mark.parametrize('edited', [
    {records.VERDICT: 'application-consistent'}, {records.RULE: 'silent'},
    {records.RULE: 'unheard-of'}, {records.RULE: ''},
    {records.VERDICT: 'consistent'}])
def test_a_seal_edited_by_hand_proves_nothing(edited):
    good = builders.sealed()

    decision = verdict.look(dataclasses.replace(
        good, properties={**good.properties, **edited}))

    assert decision.rule is Rule.NOT_OURS


def test_a_seal_set_back_to_pending_is_settled_anew():
    good = builders.sealed()

    decision = verdict.look(dataclasses.replace(good, properties={
        **good.properties, records.VERDICT: records.PENDING}))

    assert decision.rule is Rule.UNSETTLED


def test_a_seal_does_not_speak_for_snapshots_of_what_was_booted_from_it():
    sealed = builders.sealed(Rule.FREEZE_WITNESSED, {'frozen': {'/': 1}})
    child = dataclasses.replace(sealed, id='child')

    assert verdict.look(child).rule is Rule.UNREAD
    assert verdict.settle(child, builders.evidence('', []),
                          RUNNING).rule is Rule.UNREAD


def test_a_sealed_snapshot_is_not_judged_again(console, baseline):
    seal = verdict.Decision(Rule.SILENT).seal()
    console.freeze()

    decision = decide(console, baseline, properties=seal.properties())

    assert decision.rule is Rule.SILENT


# An image that nobody finishes

@pytest.mark.parametrize('changes, given_up', [
    ({}, True), ({'updated': builders.ago(31)}, True),
    ({'updated': builders.ago(30)}, False), ({'updated': None}, False),
    ({'updated': builders.ago(-3600)}, False),
    ({'status': 'active'}, False), ({'status': 'deactivated'}, False),
    ({'status': 'importing'}, False), ({'status': 'uploading'}, False),
    ({'status': 'killed', 'updated': builders.NOW}, True)])
def test_an_unfinished_image_is_given_up_after_a_while(changes, given_up):
    image = builders.asked(**{'status': 'queued', **changes})

    assert verdict.abandoned(image, builders.instance(), builders.NOW,
                             RUNNING) is given_up


def test_an_image_that_nova_works_on_is_not_given_up():
    image = builders.asked(status='queued')

    assert not verdict.abandoned(
        image, builders.instance(task_state='image_uploading'), builders.NOW,
        RUNNING)


def test_the_operator_sets_when_an_image_is_given_up():
    image = builders.asked(status='queued')

    assert not verdict.abandoned(image, builders.instance(), builders.NOW,
                                 facts.Deployment(settle_grace=60))


# A running instance

def test_a_witnessed_freeze_is_file_system_consistent(console, baseline):
    console.freeze()

    assert decide(console, baseline) == verdict.Decision(
        Rule.FREEZE_WITNESSED,
        {'frozen': {'/': 0.06}, 'boot': builders.BOOT, 'seq': 2})


def spread(console, **disks):
    """Print the proof of file systems that lie on these disks."""
    console.say('freeze', fs=len(disks))
    for name, disk in disks.items():
        console.say('frozen', path='/' + name.strip('_'), type='ext4',
                    disk=disk, stall='0.06', proof='wait')
    console.say('thaw', fs=len(disks), hooks=0)


@pytest.mark.parametrize('disks, torn', [
    # The volume group of the root was extended by an attached volume.
    ({'_': 'vda+vdb'}, ['/']),
    ({'_': 'vda', 'srv': 'vdb+vda'}, ['/srv']),
    # What is not in the image at all is not torn.
    ({'_': 'vda', 'srv': 'vdb+vdc'}, None),
    ({'_': 'vda', 'srv': 'vda'}, None)])
def test_an_image_of_the_root_disk_tears_what_lies_on_several(
        console, baseline, disks, torn):
    spread(console, **disks)

    decision = decide(console, baseline)

    assert decision.evidence.get('torn') == torn
    assert decision.rule is (Rule.TORN if torn else Rule.FREEZE_WITNESSED)


def test_copies_of_all_volumes_tear_nothing(console, baseline):
    spread(console, _='vda+vdb')

    decision = verdict.settle(
        builders.asked(baseline, builders.mapping()),
        builders.evidence(console.text), RUNNING, builders.copies())

    assert decision.rule is Rule.FREEZE_WITNESSED


def test_hooks_that_succeeded_make_it_application_consistent(console,
                                                             baseline):
    console.freeze(hooks={'20-postgresql': 0, '30-redis': 0})

    decision = decide(console, baseline)

    assert decision.rule is Rule.HOOKS_WITNESSED
    assert decision.evidence['hooks'] == {'20-postgresql': True,
                                          '30-redis': True}


def test_a_hook_that_failed_leaves_the_file_systems(console, baseline):
    console.freeze(hooks={'20-postgresql': 0, '30-redis': 1})

    decision = decide(console, baseline)

    assert decision.rule is Rule.FREEZE_WITNESSED
    assert decision.evidence['hooks'] == {'20-postgresql': True,
                                          '30-redis': False}


def test_a_hook_without_a_name_can_be_sealed(console, baseline):
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0.06', proof='wait')
    console.say('hook', freeze=0, thaw=0)
    console.say('hook', name='20-postgresql', freeze=0, thaw=0)
    console.say('thaw', fs=1, hooks=2)

    decision = decide(console, baseline)

    image = builders.asked(properties=decision.seal().properties())
    assert verdict.look(image) == decision


def test_a_freeze_counts_behind_an_agent_that_was_restarted(console,
                                                            baseline):
    console.say('stopped')
    console.say('started', agent='7.2.11')
    console.freeze()

    assert decide(console, baseline).rule is Rule.FREEZE_WITNESSED


def test_a_freeze_counts_where_the_log_was_rotated(console, baseline):
    console.freeze()
    del console.lines[0]

    assert decide(console, baseline).rule is Rule.FREEZE_WITNESSED


def test_a_freeze_counts_beside_text_typed_at_a_prompt(console, baseline):
    liar = builders.started(secret='liar')
    console.noise(liar.say('freeze', fs=1))
    console.freeze()
    console.noise(liar.say('open', path='/'))

    assert decide(console, baseline).rule is Rule.FREEZE_WITNESSED


def test_a_freeze_before_the_request_does_not_count(console):
    console.freeze()

    assert decide(console, console.baseline).rule is Rule.SILENT


def test_a_freeze_that_began_before_the_request_does_not_count(console):
    console.say('freeze', fs=1)
    baseline = console.baseline
    console.say('frozen', path='/', stall='0.06', proof='wait')
    console.say('thaw', fs=1, hooks=0)

    assert decide(console, baseline).rule is Rule.SILENT


def test_a_replayed_freeze_does_not_count(console):
    console.freeze()
    baseline = console.baseline
    console.noise('\n'.join(console.lines[1:]))

    assert decide(console, baseline).rule is Rule.SILENT


def test_a_typed_freeze_does_not_count(console, baseline):
    liar = builders.started(secret='liar')
    liar.freeze()
    console.noise('\n'.join(liar.lines[1:]))

    assert decide(console, baseline).rule is Rule.SILENT


def test_a_freeze_behind_a_lost_line_does_not_count(console, baseline):
    console.lose('stopped')
    console.freeze()

    assert decide(console, baseline).rule is Rule.SILENT


def test_a_good_freeze_before_a_lost_line_does_not_count(console, baseline):
    console.freeze()
    console.lose('rethaw')
    console.say('stopped')

    assert not decide(console, baseline).verdict.consistent


@pytest.mark.parametrize('cut', range(1, 4))
def test_a_freeze_with_a_cut_line_does_not_count(console, baseline, cut):
    console.freeze()
    console.lines[cut] = console.lines[cut][:-1]

    decision = decide(console, baseline)

    assert decision.rule in (Rule.SILENT, Rule.CUT_SHORT)


def test_a_freeze_after_a_reboot_does_not_count(console, baseline):
    console.reboot()
    console.freeze()

    assert decide(console, baseline).rule is Rule.REBOOTED


def test_a_reboot_after_the_copy_takes_nothing_away(console, baseline):
    console.freeze()
    console.say('stopped')
    console.reboot()
    console.say('stopped')
    console.reboot('88888888')

    assert decide(console, baseline).rule is Rule.FREEZE_WITNESSED


def freeze_again(console):
    console.freeze()


def thaw_again(console):
    console.say('rethaw')


def lose_a_line(console):
    console.lose('freeze')
    console.say('stopped')


@pytest.mark.parametrize('begin', [
    lambda console: None, lambda console: console.say('freeze', fs=1),
    lambda console: console.freeze(still_open=('/srv',))],
    ids=['nothing', 'not thawed', 'not all'])
def test_a_reboot_before_the_end_of_the_freeze_proves_nothing(
        console, baseline, begin):
    begin(console)
    console.reboot()

    assert not decide(console, baseline).verdict.consistent


@pytest.mark.parametrize('later', [freeze_again, thaw_again, lose_a_line])
def test_what_comes_after_a_reboot_may_be_the_snapshots_own(
        console, baseline, later):
    console.freeze()
    console.reboot()
    later(console)

    assert decide(console, baseline).rule is Rule.REBOOTED


def test_a_later_boot_that_began_unseen_proves_nothing(console, baseline):
    console.freeze()
    console.boot, console.seq = '77777777', 0
    console.lose('started')
    console.say('stopped')

    assert decide(console, baseline).rule is Rule.REBOOTED


def test_two_freezes_do_not_count(console, baseline):
    console.freeze()
    console.freeze()

    decision = decide(console, baseline)

    assert decision == verdict.Decision(Rule.SEVERAL_FREEZES, {'freezes': 2})


def test_a_failed_freeze_and_a_good_one_do_not_count(console, baseline):
    console.freeze(paths=(), still_open=('/',))
    console.freeze()

    assert decide(console, baseline).rule is Rule.SEVERAL_FREEZES


def test_a_busy_guest_may_miss_a_freeze_that_there_was(console, baseline):
    console.freeze(still_open=('/srv',))

    assert decide(console, baseline) == verdict.Decision(
        Rule.NOT_SEEN_FROZEN, {'open': ['/srv']})


def test_a_refusing_hook_is_crash_consistent(console, baseline):
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)

    assert decide(console, baseline) == verdict.Decision(
        Rule.HOOK_REFUSED, {'hook': '20-postgresql'})


def test_a_stopped_agent_is_crash_consistent(console):
    console.say('stopped')

    assert decide(console, console.baseline).rule is Rule.AGENT_STOPPED


def test_an_agent_that_stopped_only_later_is_no_proof(console, baseline):
    console.say('stopped')

    assert decide(console, baseline).rule is Rule.SILENT


def test_an_agent_that_came_back_is_no_proof(console):
    console.say('stopped')
    baseline = console.baseline
    console.say('started', agent='7.2.11')

    assert decide(console, baseline).rule is Rule.SILENT


def test_a_frozen_root_is_needed(console, baseline):
    console.freeze(paths=('/srv',))

    assert decide(console, baseline).rule is Rule.CUT_SHORT


@pytest.mark.parametrize('updated, rule', [
    (10, Rule.WAITING), (29, Rule.WAITING), (30, Rule.SILENT),
    (-3600, Rule.WAITING)])
def test_a_silent_guest_gets_time(console, baseline, updated, rule):
    decision = decide(console, baseline, updated=builders.ago(updated))

    assert decision.rule is rule


def test_without_the_images_time_there_is_no_waiting(console, baseline):
    decision = decide(console, baseline, updated=None)

    assert decision.rule is Rule.SILENT


def test_a_freeze_without_its_end_gets_time(console, baseline):
    console.say('freeze', fs=1)

    waiting = decide(console, baseline, updated=builders.ago(10))
    late = decide(console, baseline)

    assert (waiting.rule, late.rule) == (Rule.WAITING, Rule.CUT_SHORT)


# What else stands against a running instance

@pytest.mark.parametrize('backend', ['rbd', 'lvm'])
def test_on_some_storage_nothing_is_frozen(console, baseline, backend):
    console.freeze()

    decision = decide(console, baseline,
                      deployment=facts.Deployment(backend))

    assert decision == verdict.Decision(Rule.BACKEND, {'backend': backend})


@pytest.mark.parametrize('value', ['no', 'false', ''])
def test_without_the_channel_nothing_is_frozen(console, baseline, value):
    console.freeze()

    decision = decide(console, baseline,
                      properties={facts.AGENT_PROPERTY: value})

    assert decision.rule is Rule.NO_CHANNEL


def test_without_a_baseline_nothing_counts(console):
    console.freeze()

    assert decide(console, None).rule is Rule.NO_WITNESS


def test_without_a_console_nothing_counts(baseline):
    image = builders.asked(baseline)

    decision = verdict.settle(image, builders.evidence(None), RUNNING)

    assert decision.rule is Rule.NO_CONSOLE


@pytest.mark.parametrize('state', facts.NEVER_FROZEN)
def test_a_guest_that_stands_still_is_never_frozen(console, baseline, state):
    console.freeze()

    assert decide(console, baseline, state=state) == verdict.Decision(
        Rule.NEVER_FROZEN, {'state': state})


def test_another_state_proves_nothing(console, baseline):
    console.freeze()

    assert decide(console, baseline, state='RESCUE') == verdict.Decision(
        Rule.STATE_UNKNOWN, {'state': 'RESCUE'})


# Nova's record of a running instance

@pytest.mark.parametrize('other', ['createImage', 'createBackup'])
def test_another_snapshot_may_own_the_freeze(console, baseline, other):
    console.freeze()

    decision = decide(console, baseline, builders.actions(
        builders.action(other, 'req-other'), SNAPSHOT))

    assert decision == verdict.Decision(Rule.SHARED_WINDOW, {'snapshots': 2})


def test_what_came_after_the_snapshot_does_not_matter(console, baseline):
    console.freeze()

    decision = decide(console, baseline, builders.actions(
        builders.action('stop'), builders.action('lock'), SNAPSHOT))

    assert decision.rule is Rule.FREEZE_WITNESSED


def test_an_earlier_snapshot_does_not_matter(console, baseline):
    console.freeze()

    decision = decide(console, baseline, builders.actions(
        SNAPSHOT, before=builders.action('createImage', builders.BEFORE)))

    assert decision.rule is Rule.FREEZE_WITNESSED


def test_an_instance_that_was_changed_just_before_proves_nothing(console,
                                                                 baseline):
    console.freeze()

    decision = decide(console, baseline, builders.actions(
        SNAPSHOT, builders.action('pause')))

    assert decision == verdict.Decision(Rule.STATE_UNKNOWN,
                                        {'action': 'pause'})


def test_what_came_right_after_must_be_this_very_snapshot(console, baseline):
    console.freeze()

    decision = decide(console, baseline, builders.actions(
        builders.action('createImage', 'req-other')))

    assert decision == verdict.Decision(Rule.STATE_UNKNOWN,
                                        {'action': 'createImage'})


def test_a_freeze_of_a_snapshot_just_before_is_not_its_own(console,
                                                           baseline):
    console.freeze()

    decision = decide(console, baseline, builders.actions(
        SNAPSHOT, builders.action('createImage', 'req-other')))

    assert decision == verdict.Decision(Rule.STATE_UNKNOWN,
                                        {'action': 'createImage'})


@pytest.mark.parametrize('written', [
    {records.ACTION: 'none'}, {records.ACTION: 'req-forged'}])
def test_an_unknown_action_of_its_own_proves_nothing(console, baseline,
                                                     written):
    console.freeze()

    decision = decide(console, baseline, properties=written)

    assert not decision.verdict.consistent


def test_a_snapshot_whose_action_nova_did_not_tell_has_no_record(console,
                                                                 baseline):
    console.freeze()

    decision = decide(console, baseline, properties={records.ACTION: 'none'})

    assert decision == verdict.Decision(Rule.NO_RECORD)


@pytest.mark.parametrize('done', [
    [], [SNAPSHOT, builders.action('create')], builders.actions()],
    ids=['empty', 'rotated', 'without a snapshot'])
def test_without_the_snapshots_record_nothing_counts(console, baseline,
                                                     done):
    console.freeze()

    assert decide(console, baseline, done).rule is Rule.NO_RECORD


def test_without_any_record_nothing_counts(console, baseline):
    console.freeze()
    image = builders.asked(baseline)

    decision = verdict.settle(image, verdict.Evidence(
        console.text, None, builders.NOW), RUNNING)

    assert decision.rule is Rule.NO_RECORD


def test_a_request_that_saw_no_action_has_no_record(console, baseline):
    console.freeze()

    decision = decide(console, baseline,
                      properties={records.AFTER_ACTION: 'none'})

    assert decision.rule is Rule.NO_RECORD


# A stopped instance

def test_a_guest_that_went_down_by_itself_is_clean():
    done = builders.actions(SNAPSHOT, before=builders.stop(5))

    assert decide_stopped(done) == verdict.Decision(
        Rule.CLEAN_STOP, {'seconds': 5.0, 'limit': 60})


@pytest.mark.parametrize('seconds, rule', [
    (0, Rule.STOP_UNKNOWN), (1.9, Rule.STOP_UNKNOWN),
    (2.1, Rule.CLEAN_STOP), (58, Rule.CLEAN_STOP),
    # Of two clocks one may be late.
    (58.1, Rule.STOP_UNKNOWN), (59.9, Rule.STOP_UNKNOWN),
    (60, Rule.HARD_STOP), (61, Rule.HARD_STOP),
    # Whole seconds: what took little more than one may show as two.
    (2, Rule.STOP_UNKNOWN), (3, Rule.CLEAN_STOP)])
def test_the_time_of_the_stop_tells_how_it_went(seconds, rule):
    done = builders.actions(SNAPSHOT, before=builders.stop(seconds))

    assert decide_stopped(done).rule is rule


@pytest.mark.parametrize('limit, rule', [
    ('10', Rule.HARD_STOP), ('0', Rule.HARD_STOP), ('300', Rule.CLEAN_STOP)])
@pytest.mark.parametrize('deployment', [TOLD, RUNNING],
                         ids=['told', 'not told'])
def test_an_image_may_set_the_limit(deployment, limit, rule):
    done = builders.actions(SNAPSHOT, before=builders.stop(20))

    decision = decide_stopped(done, deployment, properties={
        facts.SHUTDOWN_TIMEOUT_PROPERTY: limit})

    assert decision == verdict.Decision(
        rule, {'seconds': 20.0, 'limit': int(limit)})


@pytest.mark.parametrize('deployment, rule', [
    (TOLD, Rule.CLEAN_STOP), (RUNNING, Rule.STOP_UNKNOWN)],
    ids=['told', 'not told'])
def test_a_limit_that_is_no_number_is_the_operators(deployment, rule):
    done = builders.actions(SNAPSHOT, before=builders.stop(20))

    decision = decide_stopped(done, deployment, properties={
        facts.SHUTDOWN_TIMEOUT_PROPERTY: 'soon'})

    assert decision.rule is rule


def test_the_operator_may_set_the_limit():
    done = builders.actions(SNAPSHOT, before=builders.stop(20))

    decision = decide_stopped(done, facts.Deployment(shutdown_timeout=10))

    assert decision.rule is Rule.HARD_STOP


@pytest.mark.parametrize('seconds', [0, 5, 60, 86400])
def test_without_a_limit_no_stop_tells_how_it_went(seconds):
    done = builders.actions(SNAPSHOT, before=builders.stop(seconds))

    assert decide_stopped(done, RUNNING) == verdict.Decision(
        Rule.STOP_UNKNOWN, {'seconds': float(seconds), 'limit': None})


def test_a_limit_of_no_time_is_one():
    done = builders.actions(SNAPSHOT, before=builders.stop(5))

    decision = decide_stopped(done, facts.Deployment(shutdown_timeout=0))

    assert decision.rule is Rule.HARD_STOP


@pytest.mark.parametrize('changes', [
    {'user_id': None}, {'user_id': ''}, {'succeeded': False},
    {'started': None}, {'finished': None}])
def test_a_stop_that_says_too_little_proves_nothing(changes):
    done = builders.actions(SNAPSHOT, before=builders.stop(5, **changes))

    assert decide_stopped(done).rule is Rule.STOP_UNKNOWN


@pytest.mark.parametrize('name', ['suspend', 'shelve', 'reboot', ''])
def test_only_a_stop_tells_how_a_guest_went_down(name):
    other = dataclasses.replace(builders.stop(5), name=name)

    assert verdict.judge_stop([other], 60).rule is Rule.STOP_UNKNOWN


@pytest.mark.parametrize('newer', ['start', 'reboot', 'rebuild', 'resize'])
def test_what_was_done_after_the_stop_makes_it_say_nothing(newer):
    done = [SNAPSHOT, builders.action(newer, builders.BEFORE),
            dataclasses.replace(builders.stop(5), request_id='req-stop')]

    assert decide_stopped(done).rule is Rule.STOP_UNKNOWN


@pytest.mark.parametrize('newer', ['createImage', 'lock', 'unlock'])
def test_what_leaves_the_disk_alone_does_not_matter(newer):
    done = [SNAPSHOT, builders.action(newer, builders.BEFORE),
            dataclasses.replace(builders.stop(5), request_id='req-stop')]

    assert decide_stopped(done).rule is Rule.CLEAN_STOP


def test_an_instance_started_before_the_snapshot_is_not_stopped():
    done = builders.actions(SNAPSHOT, builders.action('start'),
                            before=builders.stop(5))

    assert decide_stopped(done) == verdict.Decision(
        Rule.STATE_UNKNOWN, {'action': 'start'})


def test_an_instance_started_after_the_snapshot_was_stopped():
    done = builders.actions(builders.action('start'), SNAPSHOT,
                            before=builders.stop(5))

    assert decide_stopped(done).rule is Rule.CLEAN_STOP


def test_a_second_snapshot_changes_nothing_on_a_disk_that_is_stopped():
    done = builders.actions(builders.action('start'),
                            builders.action('createImage', 'req-other'),
                            SNAPSHOT, before=builders.stop(5))

    assert decide_stopped(done).rule is Rule.CLEAN_STOP


def test_a_snapshot_taken_by_another_just_before_leaves_it_unknown():
    done = builders.actions(SNAPSHOT,
                            builders.action('createImage', 'req-other'),
                            before=builders.stop(5))

    assert decide_stopped(done) == verdict.Decision(
        Rule.STATE_UNKNOWN, {'action': 'createImage'})


def test_a_second_snapshot_of_an_instance_that_ran_meanwhile_is_shared():
    done = builders.actions(builders.action('createImage', 'req-other'),
                            builders.action('start'), SNAPSHOT,
                            before=builders.stop(5))

    assert decide_stopped(done).rule is Rule.SHARED_WINDOW


@pytest.mark.parametrize('written', ['none', 'req-forged'])
def test_a_stopped_instances_snapshot_must_be_recorded_too(written):
    done = builders.actions(SNAPSHOT, before=builders.stop(5))

    decision = decide_stopped(done, properties={records.ACTION: written})

    assert decision.verdict is Verdict.UNPROVEN


def test_a_stop_without_a_record_is_unknown():
    assert decide_stopped([]).rule is Rule.NO_RECORD
    assert verdict.judge_stop(None, 60).rule is Rule.STOP_UNKNOWN


# Made of volume snapshots

def decide_volumes(console, baseline, copies, done=None, deployment=RUNNING,
                   properties=None, **changes):
    image = builders.asked(
        baseline, {**builders.mapping(), **(properties or {})}, **changes)
    return verdict.settle(image, builders.evidence(console.text, done),
                          deployment, copies)


def decide_volumes_stopped(copies, *newer, seconds=5, **changes):
    done = builders.actions(*newer, SNAPSHOT, before=builders.stop(seconds))
    return decide_volumes(builders.Console(), None, copies, done, TOLD,
                          state='SHUTOFF', **changes)


@pytest.mark.parametrize('hooks, rule', [
    ({}, Rule.FREEZE_WITNESSED),
    ({'20-postgresql': 0}, Rule.HOOKS_WITNESSED)])
def test_volumes_of_a_guest_that_stood_still_are_consistent(
        console, baseline, hooks, rule):
    console.freeze(hooks=hooks)

    decision = decide_volumes(console, baseline, builders.copies())

    assert decision.rule is rule
    assert decision.evidence['frozen'] == {'/': 0.06}
    assert decision.evidence['volumes'] == 2


def test_without_the_images_time_volumes_are_judged_all_the_same(console,
                                                                 baseline):
    console.freeze()

    decision = decide_volumes(console, baseline, builders.copies(),
                              updated=None)

    assert decision.rule is Rule.FREEZE_WITNESSED


@pytest.mark.parametrize('seen_for, ago, rule', [
    (0, 1, Rule.WAITING), (29, 1, Rule.WAITING), (-5, 1, Rule.WAITING),
    (30, 1, Rule.FREEZE_WITNESSED),
    # The reader's clock may be ahead.
    (0, 600, Rule.WAITING),
    (0, 3600, Rule.FREEZE_WITNESSED)])
def test_a_second_thaw_may_come_after_the_copies(console, baseline, seen_for,
                                                 ago, rule):
    console.freeze()
    times = {'created': builders.ago(ago + .04), 'updated': builders.ago(ago)}

    decision = decide_volumes(console, baseline, builders.copies(
        builders.copy(0, **times), builders.copy(1, **times),
        seen_for=seen_for), updated=builders.ago(ago))

    assert decision.rule is rule


@pytest.mark.parametrize('volumes', [True, False])
def test_two_thaws_of_one_freeze_prove_nothing(console, baseline, volumes):
    console.freeze()
    console.say('rethaw')

    decision = (decide_volumes(console, baseline, builders.copies())
                if volumes else decide(console, baseline))

    assert decision.rule is Rule.THAWED_TWICE


def test_a_thaw_after_a_refusal_is_no_news(console, baseline):
    refusing_hook(console)
    console.say('rethaw')

    assert decide(console, baseline).rule is Rule.HOOK_REFUSED


@pytest.mark.parametrize('created, updated, rule', [
    (45.06, 45, Rule.FREEZE_WITNESSED),
    (45.08, 45, Rule.THAWED_EARLY),
    # Whole seconds, as some databases keep them, tell less.
    (45, 44, Rule.FREEZE_WITNESSED),
    (45, 43, Rule.THAWED_EARLY)])
def test_cinder_must_not_need_longer_than_the_guest_stood_still(
        console, baseline, created, updated, rule):
    console.freeze()

    decision = decide_volumes(console, baseline, builders.copies(
        builders.copy(0, created=builders.ago(created)),
        builders.copy(1, updated=builders.ago(updated),
                      created=builders.ago(updated))))

    assert decision.rule is rule


@pytest.mark.parametrize('missing', ['created', 'updated'])
def test_untold_times_of_volume_snapshots_prove_nothing(console, baseline,
                                                        missing):
    console.freeze()

    decision = decide_volumes(console, baseline, builders.copies(
        builders.copy(0, **{missing: None}), builders.copy(1)))

    assert decision.rule is Rule.THAWED_EARLY


def test_volumes_are_not_proven_where_the_guest_was_restarted(console,
                                                              baseline):
    console.freeze()
    console.reboot()

    decision = decide_volumes(console, baseline, builders.copies())

    assert decision.rule is Rule.REBOOTED


def test_times_of_volume_snapshots_that_contradict_prove_nothing(console,
                                                                 baseline):
    console.freeze()

    decision = decide_volumes(console, baseline, builders.copies(
        builders.copy(0, created=builders.ago(44)), builders.copy(1)))

    assert decision.rule is Rule.THAWED_EARLY


def test_copies_of_other_volumes_prove_no_freeze(console, baseline):
    console.freeze()

    decision = decide_volumes(console, baseline,
                              builders.copies(builders.copy(0)))

    assert decision.rule is Rule.VOLUMES_DIFFER


def stopped_agent(console):
    console.say('stopped')


def refusing_hook(console):
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)


@pytest.mark.parametrize('before, after, rule', [
    (stopped_agent, builders.Console.noise, Rule.AGENT_STOPPED),
    (builders.Console.noise, refusing_hook, Rule.HOOK_REFUSED)])
def test_volumes_known_not_to_be_frozen_are_crash_consistent(
        console, before, after, rule):
    before(console)
    baseline = console.baseline
    after(console)

    decision = decide_volumes(console, baseline, builders.copies())

    assert decision.rule is rule
    assert decision.evidence['volumes'] == 2


def test_volumes_without_the_channel_are_crash_consistent(console, baseline):
    decision = decide_volumes(console, baseline, builders.copies(),
                              properties={facts.AGENT_PROPERTY: 'no'})

    assert decision == verdict.Decision(Rule.NO_CHANNEL, {'volumes': 2})


def test_the_storage_of_images_says_nothing_of_volumes(console, baseline):
    console.freeze()

    decision = decide_volumes(console, baseline, builders.copies(),
                              deployment=facts.Deployment('rbd'))

    assert decision.rule is Rule.FREEZE_WITNESSED


@pytest.mark.parametrize('status', [
    'error', 'deleting', 'error_deleting', None])
@pytest.mark.parametrize('state', ['ACTIVE', 'SHUTOFF'])
def test_one_failed_volume_snapshot_spoils_the_whole(state, status):
    copies = builders.copies(builders.copy(0),
                             builders.copy(1, status=status))

    decision = decide_volumes(builders.Console(), None, copies, state=state)

    assert decision == verdict.Decision(
        Rule.VOLUMES_FAILED, {'volumes': 2, 'failed': 1})


UNFINISHED = [{'status': 'creating', 'progress': '0%'},
              {'status': 'backing-up'}, {'status': 'unheard-of'},
              # As an operator resets one that failed.
              {'status': 'available', 'progress': '0%'},
              {'status': 'available', 'progress': None}]


@pytest.mark.parametrize('changes', UNFINISHED)
@pytest.mark.parametrize('waited, rule', [
    (verdict.VOLUMES_PATIENCE - 1, Rule.COPYING),
    (verdict.VOLUMES_PATIENCE, Rule.VOLUMES_UNFINISHED)])
def test_volume_snapshots_must_be_complete(changes, waited, rule):
    copies = builders.copies(builders.copy(0), builders.copy(1, **changes))

    decision = decide_volumes_stopped(copies, updated=builders.ago(waited))

    assert decision == verdict.Decision(rule, {'volumes': 2})


@pytest.mark.parametrize('waited, rule', [
    (verdict.VOLUMES_PATIENCE - 1, Rule.COPYING),
    (verdict.VOLUMES_PATIENCE, Rule.VOLUMES_UNKNOWN)])
def test_without_cinders_word_nothing_is_decided(waited, rule):
    decision = decide_volumes_stopped(None, updated=builders.ago(waited))

    assert decision.rule is rule


@pytest.mark.parametrize('text', [
    '', 'x', '{}', '[]', '[5]', '[[]]', '[' * 10000, '[{}]',
    '[{"source_type": "snapshot"}]',
    '[{"source_type": "snapshot", "snapshot_id": "../volumes"}]',
    '[{"source_type": "snapshot", "snapshot_id": 5}]',
    '[{"source_type": "volume", "volume_id": "%s"}]' % builders.VOLUMES[0],
    '[{"source_type": "blank"}]', '[%s]' % ', '.join(
        ['{"source_type": "blank"}'] * 1000),
    '[%s]' % ', '.join(['{"source_type": "snapshot", "snapshot_id": "%s"}'
                        % builders.COPIES[0]] * 2)])
def test_a_list_that_nova_cannot_have_written_proves_nothing(text):
    decision = decide_volumes_stopped(
        builders.copies(), properties={facts.MAPPING_PROPERTY: text})

    assert decision.rule is Rule.VOLUMES_UNKNOWN


def test_volumes_of_a_guest_that_went_down_by_itself_are_clean():
    decision = decide_volumes_stopped(builders.copies())

    assert decision == verdict.Decision(
        Rule.CLEAN_STOP, {'seconds': 5.0, 'limit': 60, 'volumes': 2})


def test_an_empty_disk_in_the_list_does_not_matter():
    disks = builders.mapping(
        {'source_type': 'blank', 'destination_type': 'local'},
        {'source_type': 'snapshot', 'snapshot_id': builders.COPIES[0]})

    decision = decide_volumes_stopped(
        builders.copies(builders.copy(0), attached=builders.VOLUMES[:1],
                        volumes=(builders.volume(0),)),
        properties=disks)

    assert decision.rule is Rule.CLEAN_STOP


@pytest.mark.parametrize('seconds, rule', [
    (60, Rule.HARD_STOP), (1, Rule.STOP_UNKNOWN)])
def test_volumes_of_a_guest_that_did_not_are_not(seconds, rule):
    decision = decide_volumes_stopped(builders.copies(), seconds=seconds)

    assert decision.rule is rule


@pytest.mark.parametrize('newer', [
    'start', 'reboot', 'attach_volume', 'detach_volume', 'rebuild'])
def test_an_instance_that_was_changed_while_cinder_copied(newer):
    decision = decide_volumes_stopped(builders.copies(),
                                      builders.action(newer))

    assert decision == verdict.Decision(
        Rule.STATE_UNKNOWN, {'action': newer, 'volumes': 2})


@pytest.mark.parametrize('newer', ['createImage', 'lock', 'unlock'])
def test_what_leaves_the_volumes_alone_does_not_matter(newer):
    decision = decide_volumes_stopped(
        builders.copies(), builders.action(newer, 'req-other'))

    assert decision.rule is Rule.CLEAN_STOP


OTHER = '66666666-ffff-4fff-8fff-666666666666'


def second(**changes):
    """Return copies of two volumes, one of which is not as it should be."""
    return builders.copies(volumes=(builders.volume(0),
                                    builders.volume(1, **changes)))


@pytest.mark.parametrize('copies', [
    builders.copies(builders.copy(0)),
    builders.copies(builders.copy(0), builders.copy(0)),
    builders.copies(attached=builders.VOLUMES[:1]),
    builders.copies(volumes=(builders.volume(0),)),
    builders.copies(builders.copy(0), builders.copy(1, volume_id=None)),
    second(devices={}), second(devices={OTHER: '/dev/vdb'}),
    second(multiattach=True),
    second(devices={OTHER: '/dev/vdb', builders.INSTANCE: '/dev/vdb'})],
    ids=['one lacks', 'one twice', 'one too many', 'gone', 'of none',
         'detached', 'of another', 'may be shared', 'shared'])
def test_what_was_copied_must_be_the_instances_own_volumes(copies):
    decision = decide_volumes_stopped(copies)

    assert decision.rule is Rule.VOLUMES_DIFFER


def test_the_witnesses_get_time_from_the_last_copy_on(console, baseline):
    copies = builders.copies(builders.copy(0), builders.copy(
        1, updated=builders.NOW))

    decision = decide_volumes(console, baseline, copies,
                              updated=builders.ago(600))

    assert decision.rule is Rule.WAITING


def test_a_freeze_that_nobody_could_watch_is_unproven(console, baseline):
    console.say('freeze', fs=1)
    console.say('unseen', path='/', type='ext4', disk='vda')
    console.say('thaw', fs=0, hooks=0)

    assert decide(console, baseline).rule is Rule.CUT_SHORT


# A vanished image

def vanished(console):
    return verdict.vanished(builders.memory(),
                            builders.evidence(console and console.text))


def test_without_a_console_the_cause_is_unknown():
    assert vanished(None).rule is Rule.GONE


def test_of_a_guest_that_said_nothing_of_it_the_cause_is_unknown(console):
    assert vanished(console).rule is Rule.GONE


def test_an_image_may_vanish_behind_a_good_freeze(console):
    console.freeze()

    assert vanished(console).rule is Rule.GONE


def test_a_refusing_hook_is_the_likely_cause(console):
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)

    assert vanished(console) == verdict.Decision(
        Rule.GONE_AFTER_HOOK, {'hook': '20-postgresql'})


def test_a_failed_freeze_is_the_likely_cause(console):
    console.freeze(still_open=('/srv',))

    assert vanished(console).rule is Rule.GONE_AFTER_FREEZE


@pytest.mark.parametrize('event', ['stopped', 'poweroff'])
def test_an_agent_that_is_down_is_the_likely_cause(console, event):
    console.say(event)

    assert vanished(console).rule is Rule.GONE_WITHOUT_AGENT


# No console makes an unfrozen snapshot consistent

LINES = 12
DAMAGE = st.lists(st.tuples(
    st.sampled_from(['delete', 'double', 'move', 'cut', 'split', 'typed']),
    st.integers(0, LINES), st.integers(0, LINES), st.integers(0, 250)),
    max_size=6)


def damaged(lines, damage):
    """Return a console whose lines were lost, replayed, moved or cut."""
    lines = list(lines)
    liar = builders.started(secret='liar')
    liar.freeze()
    for kind, one, other, column in damage:
        if not lines:
            break
        one, other = one % len(lines), other % len(lines)
        if kind == 'delete':
            del lines[one]
        elif kind == 'double':
            lines.insert(other, lines[one])
        elif kind == 'move':
            lines.insert(other, lines.pop(one))
        elif kind == 'cut':
            lines[one] = lines[one][:column]
        elif kind == 'split':
            lines[one] = lines[one][:column] + '\n[  7.000000] usb 1-1\n' + (
                lines[one][column:])
        else:
            lines.insert(one, liar.lines[column % len(liar.lines)])
    return '\n'.join(lines)


def nothing(console):
    pass


def half_frozen(console):
    console.freeze(still_open=('/srv',))


def refused(console):
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)


def not_proven(console):
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0', proof='wait')
    console.say('thaw', fs=1, hooks=0)


def died(console):
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0.06', proof='wait')
    console.say('stopped')


def rebooted(console):
    console.reboot()
    console.freeze()


def rebooted_later(console):
    console.freeze()
    console.reboot()


def rebooted_between(console):
    console.freeze()
    console.reboot()
    console.freeze()


def happened_before_a_gap(console):
    console.lose('stopped')
    console.freeze()


@settings(max_examples=300)
@given(st.sampled_from([nothing, half_frozen, refused, not_proven, died,
                        rebooted, happened_before_a_gap]), DAMAGE)
def test_without_a_good_freeze_no_console_is_consistent(happens, damage):
    console = builders.started()
    console.freeze()
    baseline = console.baseline
    happens(console)
    image = builders.asked(baseline)

    decision = verdict.settle(image, builders.evidence(
        damaged(console.lines, damage)), RUNNING)

    assert not decision.verdict.consistent


@settings(max_examples=300)
@given(DAMAGE)
def test_a_good_freeze_counts_only_whole_and_in_order(damage):
    console = builders.started()
    console.freeze()
    baseline = console.baseline
    whole = witness.parse('\n'.join(console.freeze(
        hooks={'20-postgresql': 0})))
    text = damaged(console.lines, damage)
    image = builders.asked(baseline)

    decision = verdict.settle(image, builders.evidence(text), RUNNING)

    if decision.verdict.consistent:
        left = iter(witness.parse(text))
        assert all(line in left for line in whole)
        assert decision.rule is Rule.HOOKS_WITNESSED


@settings(max_examples=300)
@given(st.integers(0, 2000), st.integers(1, 400))
def test_a_good_freeze_counts_only_with_all_that_proves_it(begin, length):
    console = builders.started()
    baseline = console.baseline
    whole = witness.parse('\n'.join(console.freeze(
        paths=('/', '/srv'), hooks={'20-postgresql': 0})))
    text = console.text[:begin] + console.text[begin + length:]
    image = builders.asked(baseline)

    decision = verdict.settle(image, builders.evidence(text), RUNNING)

    if decision.verdict.consistent:
        keys = [line.key for line in witness.parse(text)]
        assert keys[-len(whole):] == [line.key for line in whole]
        assert len(decision.evidence['frozen']) == 2


# One character that is lost, doubled or changed on the way

def hook_failed(console):
    console.freeze(hooks={'20-postgresql': 1})


def frozen_twice(console):
    console.freeze()
    half_frozen(console)


def about_to_freeze_again(console):
    console.freeze()
    console.say('freeze', fs=1)


def restarted_before(console):
    console.say('stopped')
    console.say('started', agent='7.2.11')
    console.freeze(hooks={'20-postgresql': 0})


def beside_a_liar(console):
    console.noise(builders.started(boot='77777777', secret='liar').text)
    console.freeze()


def good(console):
    console.noise()
    console.freeze(paths=('/', '/srv'))


EVENTS = [nothing, half_frozen, refused, not_proven, died, rebooted,
          happened_before_a_gap, hook_failed, frozen_twice,
          about_to_freeze_again, restarted_before, beside_a_liar, good,
          rebooted_later, rebooted_between]
# The likely ones of these turn one valid line into another.
CHARACTERS = st.sampled_from('0123456789abcdef =[]/T\n') | st.characters()


def garble(text, kind, place, character):
    place %= len(text)
    new = {'drop': '', 'double': text[place] * 2, 'change': character}[kind]
    return text[:place] + new + text[place + 1:]


GARBLED = st.tuples(st.sampled_from(['drop', 'double', 'change']),
                    st.integers(0, 5000), CHARACTERS)


def worth(decision):
    return {Verdict.APPLICATION: 2, Verdict.FILESYSTEM: 1}.get(
        decision.verdict, 0)


@settings(max_examples=1000)
@given(st.sampled_from(EVENTS), GARBLED)
def test_no_wrong_character_makes_a_verdict_better(happens, wrong):
    console = builders.started()
    console.freeze()
    image = builders.asked(console.baseline)
    happens(console)

    def read(text):
        return worth(verdict.settle(image, builders.evidence(text), RUNNING))

    assert read(garble(console.text, *wrong)) <= read(console.text)


@settings(max_examples=1000)
@given(st.sampled_from([nothing, half_frozen, hook_failed, frozen_twice, died,
                        good]),
       st.sampled_from(EVENTS), GARBLED)
def test_no_wrong_character_at_the_request_makes_a_verdict_better(
        before, happens, wrong):
    console = builders.started()
    before(console)
    early = console.text
    happens(console)

    def read(text):
        image = builders.asked(witness.read(text).baseline)
        return worth(verdict.settle(
            image, builders.evidence(console.text), RUNNING))

    assert read(garble(early, *wrong)) <= read(early)


@given(st.permutations(range(5)))
def test_no_other_order_of_actions_is_consistent(order):
    console = builders.started()
    baseline = console.baseline
    console.freeze()
    done = [builders.action('lock'), SNAPSHOT,
            builders.action('reboot', builders.BEFORE),
            builders.action('createImage', 'req-old'),
            builders.action('create')]

    decision = decide(console, baseline, [done[index] for index in order])

    place = order.index
    own_alone = place(1) + 1 == place(2) < place(3)
    assert decision.verdict.consistent == own_alone
