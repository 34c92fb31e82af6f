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

"""What is known of an instance's snapshots, and what is left to be done."""

import json

import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from snapshot_panel.ui import words
from tests.unit import builders

Rule = verdict.Rule

DEPLOYMENT = facts.Deployment(settle_grace=30)
IDS = ['%08d-aaaa-4aaa-8aaa-aaaaaaaaaaaa' % number for number in range(3)]


def snapshots(instance=None, *images):
    return known.snapshots(instance or builders.instance(), images,
                           builders.NOW, DEPLOYMENT)


def only(*arguments):
    found, = snapshots(*arguments)
    return found


def unsettled(instance=None, *images):
    return known.unsettled(instance or builders.instance(), images,
                           builders.NOW, DEPLOYMENT)


# Which there are

def test_without_images_and_memories_there_are_none():
    assert snapshots() == []


def test_the_newest_comes_first_whether_it_has_an_image_or_not():
    instance = builders.remembering(
        builders.memory(image_id=IDS[1], at=builders.ago(20)))

    found = snapshots(
        instance, builders.image(id=IDS[0], created=builders.ago(30)),
        builders.image(id=IDS[2], created=builders.ago(10)))

    assert [snapshot.id for snapshot in found] == [IDS[2], IDS[1], IDS[0]]


def test_one_whose_time_nobody_knows_comes_last():
    instance = builders.remembering(builders.memory(image_id=IDS[0], at=None))

    found = snapshots(instance, builders.image(id=IDS[1], created=None),
                      builders.image(id=IDS[2], created=builders.ago(10 ** 9)))

    assert found[0].id == IDS[2]
    assert {snapshot.id for snapshot in found[1:]} == {IDS[0], IDS[1]}


def test_an_image_and_the_memory_of_it_are_one_snapshot():
    image = builders.sealed(Rule.FREEZE_WITNESSED)

    found = only(builders.remembering(builders.memory(by='bob')), image)

    assert (found.image, found.by) == (image, 'ann')
    assert found.decision.rule is Rule.FREEZE_WITNESSED


def test_a_memory_without_an_image_is_a_snapshot_that_runs():
    found = only(builders.remembering(builders.memory()))

    assert found == known.Snapshot(
        builders.SNAPSHOT, 'web-1', verdict.Decision(Rule.RUNNING),
        builders.ago(60), 'ann')
    assert found.pending


@pytest.mark.parametrize('status', ['deleted', 'pending_delete'])
def test_an_image_that_is_gone_is_no_snapshot(status):
    assert snapshots(None, builders.sealed(status=status)) == []


def test_an_image_that_was_given_up_is_shown():
    found = only(None, builders.image(status='killed', updated=builders.NOW))

    assert found.decision.rule is Rule.ABANDONED


@pytest.mark.parametrize('status', [
    'deactivated', 'queued', 'saving', 'importing', 'uploading', 'killed'])
def test_a_verdict_outlives_every_status(status):
    sealed = builders.sealed(Rule.FREEZE_WITNESSED, status=status,
                             updated=builders.ago(10 ** 6))

    assert only(None, sealed).decision.rule is Rule.FREEZE_WITNESSED


@pytest.mark.parametrize('status', ['importing', 'uploading'])
def test_what_glance_still_fetches_is_not_abandoned(status):
    image = builders.image(status=status, updated=builders.ago(10 ** 6))

    assert only(None, image).decision.rule is Rule.RUNNING


def test_what_the_operator_deactivated_is_said_whatever_its_verdict():
    for image in (builders.asked(status='deactivated'),
                  builders.sealed(status='deactivated')):
        found = only(None, image)

        assert 'deactivated' in (str(words.reason(found.decision))
                                 + str(words.availability(image)))


def test_of_an_image_that_is_gone_the_memory_stays():
    instance = builders.remembering(builders.memory(
        gone=builders.NOW, cause=Rule.GONE_AFTER_HOOK.code))

    found = only(instance, builders.asked(status='deleted'))

    assert found.decision.rule is Rule.GONE_AFTER_HOOK
    assert found.image is None
    assert found.gone


# The decision that holds

@pytest.mark.parametrize('cause', [
    Rule.GONE, Rule.ABANDONED, Rule.GONE_AFTER_HOOK, Rule.GONE_AFTER_FREEZE,
    Rule.GONE_WITHOUT_AGENT, Rule.HOLDS_A_DISK])
def test_a_lost_snapshot_keeps_its_cause(cause):
    found = only(builders.remembering(
        builders.memory(gone=builders.NOW, cause=cause.code)))

    assert found.decision == verdict.Decision(cause)
    assert found.gone
    assert not found.pending


@pytest.mark.parametrize('cause', [
    None, '', 'forged', Rule.HOOKS_WITNESSED.code, Rule.NOT_OURS.code,
    Rule.NO_CHANNEL.code, Rule.RUNNING.code])
def test_a_cause_that_discards_nothing_is_not_believed(cause):
    found = only(builders.remembering(
        builders.memory(gone=builders.NOW, cause=cause)))

    assert found.decision.rule is Rule.GONE


@pytest.mark.parametrize('image, rule', [
    (builders.image(), Rule.UNREAD),
    (builders.sealed(Rule.SILENT), Rule.SILENT),
    (builders.asked(), Rule.UNSETTLED),
    (builders.asked(status='saving', updated=builders.ago(5)),
     Rule.RUNNING)],
    ids=['not taken here', 'sealed', 'finished', 'being made'])
def test_an_image_has_the_decision_that_it_carries(image, rule):
    assert only(None, image).decision.rule is rule


@pytest.mark.parametrize('changes, abandoned', [
    ({'status': 'queued', 'updated': builders.ago(31)}, True),
    ({'status': 'saving', 'updated': builders.ago(31)}, True),
    ({'status': 'queued', 'updated': builders.ago(30)}, False),
    ({'status': 'queued', 'updated': None}, False),
    ({'status': 'active', 'updated': builders.ago(10 ** 6)}, False)])
def test_an_image_that_nobody_goes_on_with_is_abandoned(changes, abandoned):
    found = only(None, builders.asked(**changes))

    assert (found.decision.rule is Rule.ABANDONED) == abandoned


def test_while_nova_is_at_work_no_image_is_abandoned():
    busy = builders.instance(task_state='image_uploading')

    found = only(busy, builders.asked(status='saving'))

    assert found.decision.rule is Rule.RUNNING


def test_who_asked_is_known_only_of_the_images_own_request():
    inherited = builders.asked(id=IDS[0])

    assert only(None, builders.asked()).by == 'ann'
    assert only(None, builders.image()).by == ''
    assert only(None, inherited).by == ''


# Which count

def test_an_abandoned_image_counts_only_where_somebody_was_told_nothing():
    """Nova makes the image before it refuses a request."""
    refused = builders.asked(properties={records.IMAGE: 'none'},
                             status='queued')
    begun = builders.asked(status='queued')

    assert not only(None, refused).counts
    assert only(None, begun).counts
    assert known.latest(snapshots(None, refused)) == []
    older = builders.aged(99)
    newest, = known.latest(snapshots(None, refused, older))
    assert newest.id == older.id


def test_every_other_snapshot_counts():
    lost = builders.remembering(
        builders.memory(gone=builders.NOW, cause=Rule.GONE.code, by=''))

    assert only(lost).counts
    assert only(None, builders.image()).counts


# What is left to be done

def test_of_nothing_nothing_is_left():
    assert not unsettled()
    assert not unsettled(None, builders.sealed(), builders.image(
        id=IDS[0], created=builders.ago(3600)))
    assert unsettled(None, builders.image())


@pytest.mark.parametrize('image', [
    builders.asked(),
    builders.asked(status='saving', updated=builders.ago(5))],
    ids=['finished', 'being made'])
def test_a_snapshot_without_a_verdict_is_left(image):
    assert unsettled(None, image)


def test_a_memory_is_left_even_where_the_image_is_sealed():
    remembering = builders.remembering(builders.memory())

    assert unsettled(remembering)
    assert unsettled(remembering, builders.sealed())


def test_a_loss_that_was_written_down_is_not_left():
    assert not unsettled(builders.remembering(
        builders.memory(gone=builders.NOW, cause=Rule.GONE.code)))


def test_an_abandoned_image_is_not_left_nor_the_memory_of_it():
    abandoned = builders.asked(status='queued')

    assert not unsettled(None, abandoned)
    assert not unsettled(builders.remembering(builders.memory()), abandoned)


def test_another_memory_beside_an_abandoned_image_is_left():
    instance = builders.remembering(builders.memory(image_id=IDS[0]))

    assert unsettled(instance, builders.asked(status='queued'))


@pytest.mark.parametrize('rule, replaced, left', [
    (Rule.FREEZE_WITNESSED, 'none', True),
    (Rule.FREEZE_WITNESSED, records.DONE, False),
    (Rule.SILENT, 'none', False)])
def test_what_a_proven_snapshot_replaces_is_left_until_it_went(
        rule, replaced, left):
    image = builders.sealed(rule, properties={
        records.REPLACES: IDS[0], records.REPLACED: replaced})

    assert unsettled(None, image) == left


@pytest.mark.parametrize('refused, left', [
    ((), True), ({builders.SNAPSHOT}, False), ({IDS[0]}, True),
    (None, False)])
def test_a_disk_that_this_user_may_not_read_is_left_to_others(refused, left):
    assert known.unsettled(
        builders.instance(), [builders.image()], builders.NOW, DEPLOYMENT,
        refused) is left


def test_what_a_page_has_read_of_each_is_taken():
    found, = known.snapshots(
        builders.instance(), [builders.image()], builders.NOW, DEPLOYMENT,
        {builders.SNAPSHOT: builders.reading()})

    assert found.decision.rule is Rule.DISK_AT_REST


@pytest.mark.parametrize('plan, left', [
    (builders.plan(restart.Phase.TAKING), True),
    (builders.plan(restart.Phase.OVER, cause='interfered'), False)])
def test_a_stop_for_a_snapshot_is_left_until_it_is_over(plan, left):
    instance = builders.instance(metadata=plan.metadata())

    assert unsettled(instance) == left
    # What cannot be written down is not done.
    locked = builders.instance(metadata=plan.metadata(), locked=True)
    assert not unsettled(locked)


@pytest.mark.parametrize('image, awaits', [
    (builders.asked(), True), (builders.asked(status='saving'), False),
    (builders.image(), False), (builders.sealed(), False)],
    ids=['finished', 'being made', 'not taken here', 'sealed'])
def test_a_verdict_is_awaited_by_finished_images_that_have_none(image,
                                                                awaits):
    assert known.awaits_verdict(image) == awaits


@pytest.mark.parametrize('baseline, rule', [
    (None, Rule.DISK_AT_REST),
    (builders.started().baseline, Rule.UNSETTLED)])
def test_a_disk_is_not_the_last_word_on_a_guest_that_can_say_more(baseline,
                                                                  rule):
    image = builders.asked(baseline)

    shown = known.of_image(image, builders.instance(), builders.NOW,
                           DEPLOYMENT, builders.reading())

    assert shown.decision.rule is rule
    assert shown.pending


def test_what_a_page_has_read_is_still_to_be_sealed():
    shown = known.of_image(builders.image(), builders.instance(),
                           builders.NOW, DEPLOYMENT, builders.reading())

    assert shown.decision.rule is Rule.DISK_AT_REST
    assert shown.unread


@pytest.mark.parametrize('image, changes, rule', [
    (builders.image(), {'image_id': None}, Rule.HOLDS_A_DISK),
    (builders.asked(), {'image_id': None}, Rule.HOLDS_A_DISK),
    (builders.image(properties={'instance_uuid': builders.BASE_IMAGE}), {},
     Rule.OF_ANOTHER)])
def test_no_disk_makes_a_snapshot_of_what_is_none(image, changes, rule):
    shown = known.of_image(image, builders.instance(**changes), builders.NOW,
                           DEPLOYMENT, builders.reading())

    assert shown.decision.rule is rule
    assert not (shown.counts or shown.pending or shown.unread)


@pytest.mark.parametrize('rule', [Rule.DISK_IN_USE, Rule.SILENT,
                                  Rule.NO_CHANNEL])
def test_no_disk_is_better_than_a_seal(rule):
    shown = known.of_image(builders.sealed(rule), builders.instance(),
                           builders.NOW, DEPLOYMENT, builders.reading())

    assert shown.decision.rule is rule


@pytest.mark.parametrize('image, awaits', [
    (builders.image(), True), (builders.asked(), False),
    (builders.sealed(), False), (builders.image(status='saving'), False)],
    ids=['not taken here', 'taken here', 'sealed', 'being made'])
def test_a_disk_is_awaited_where_it_alone_can_tell(image, awaits):
    assert known.awaits_disk(image) == awaits


@pytest.mark.parametrize('image, waits', [
    (builders.image(), True), (builders.asked(), True),
    (builders.sealed(), False), (builders.sealed(Rule.SILENT), False),
    (builders.image(status='saving'), False)],
    ids=['not taken here', 'taken here', 'sealed', 'sealed without proof',
         'being made'])
def test_a_finished_image_is_unjudged_until_it_is_sealed(image, waits):
    assert known.unjudged(image) == waits


def test_one_snapshot_with_a_witness_is_enough_to_know_of_the_kit():
    kit = builders.asked(builders.started().baseline)

    assert known.had_kit([builders.asked(), kit, builders.image()])
    assert not known.had_kit([builders.asked(), builders.image()])
    assert not known.had_kit([])


def judged(rule, word=disk.Word.AT_REST, kind='ext4', **changes):
    return builders.sealed(rule, {'disk': dict(builders.reading(
        word, kind).report)}, **changes)


def aged(age, rule, kind='ext4', state='ACTIVE'):
    """Return one whose disk was read, that old, in seconds."""
    return builders.aged(age, rule, properties={
        records.STATE: state, records.EVIDENCE: json.dumps(
            {'disk': dict(builders.reading(kind=kind).report)})})


def history(*images, base=None):
    return known.disk_history(known.snapshots(
        builders.instance(), images, builders.NOW, facts.Deployment()), base)


def test_the_newest_disk_says_which_file_systems_there_are():
    newest = aged(1, Rule.DISK_AT_REST, kind='xfs')
    older = aged(2, Rule.DISK_AT_REST)

    assert history(newest, older).kinds == ('xfs',)
    assert history(newest).source is facts.Source.SNAPSHOT
    assert history(older).kinds == ('ext4',)


@pytest.mark.parametrize('newest, froze', [
    (('ACTIVE', Rule.DISK_IN_USE), None), (('ACTIVE', Rule.DISK_AT_REST), 1),
    # Of a guest that was shut down it says nothing.
    (('SHUTOFF', Rule.DISK_AT_REST), 2)])
def test_the_newest_of_a_running_guest_says_whether_it_froze(newest, froze):
    state, rule = newest

    found = history(aged(1, rule, state=state), aged(2, Rule.DISK_AT_REST))

    assert found.at_rest == (froze and builders.ago(froze))


def test_before_the_first_snapshot_the_image_tells():
    found = history(base=builders.reading())

    assert (found.kinds, found.source) == (('ext4',), facts.Source.IMAGE)
    assert history() == facts.DiskHistory()
    assert history(base=facts.DiskReading(
        facts.CANNOT_TELL)) == facts.DiskHistory()


@pytest.mark.parametrize('rule, state, froze', [
    (Rule.DISK_AT_REST, 'ACTIVE', True), (Rule.DISK_IN_USE, 'ACTIVE', False),
    (Rule.DISK_AT_REST, 'SHUTOFF', False)])
def test_a_running_guest_whose_disk_was_at_rest_was_frozen(rule, state,
                                                           froze):
    image = judged(rule, properties={records.STATE: state})

    assert (history(image).at_rest is not None) is froze


@pytest.mark.parametrize('report', [
    None, 'x', [], {}, {'parts': 'x'}, {'parts': [1, [], ['a', 2, 'b']]},
    {'parts': [['a', 'ext4'], ['a', 'swap', None]]}])
def test_a_report_changed_by_hand_names_nothing(report):
    image = builders.sealed(Rule.DISK_AT_REST, {'disk': report})

    assert history(image).kinds == ()
