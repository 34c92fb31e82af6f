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
import dataclasses
import itertools

import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from tests.unit import builders

Rule = verdict.Rule
Word = disk.Word
DEPLOYMENT = facts.Deployment(shutdown_timeout=60)


def frozen(hooks=None, **options):
    console = builders.started()
    baseline = console.baseline
    console.freeze(hooks=hooks, **options)
    return baseline, console.text


def hooked():
    return frozen({'20-postgresql': 0})


def silent():
    console = builders.started()
    return console.baseline, console.text


def refused():
    console = builders.started()
    baseline = console.baseline
    console.say('freeze', fs=1)
    console.say('aborted', name='20-app')
    return baseline, console.text


def without_kit():
    return None, 'login:'


GUESTS = (frozen, hooked, silent, refused, without_kit)
READINGS = [builders.reading(word) for word in Word] + [
    builders.reading(torn=True), builders.reading(Word.IN_USE, torn=True),
    None]


def judge(guest=without_kit, reading=None, state='ACTIVE', **options):
    baseline, console = guest()
    image = builders.asked(baseline, state=state)
    return judging.judge(image, builders.evidence(console), DEPLOYMENT,
                         reading, **options)


@pytest.mark.parametrize('guest, word, rule', [
    (without_kit, Word.AT_REST, Rule.DISK_AT_REST),
    (without_kit, Word.IN_USE, Rule.DISK_IN_USE),
    (without_kit, Word.DAMAGED, Rule.DISK_DAMAGED),
    (without_kit, Word.CANNOT_TELL, Rule.NO_WITNESS),
    (frozen, Word.AT_REST, Rule.DISK_AT_REST),
    (frozen, Word.IN_USE, Rule.DISK_IN_USE),
    (frozen, Word.DAMAGED, Rule.DISK_DAMAGED),
    (frozen, Word.CANNOT_TELL, Rule.FREEZE_WITNESSED),
    (hooked, Word.AT_REST, Rule.DISK_AT_REST_HOOKS),
    (hooked, Word.IN_USE, Rule.DISK_IN_USE),
    (hooked, Word.CANNOT_TELL, Rule.HOOKS_WITNESSED),
    (silent, Word.AT_REST, Rule.DISK_AT_REST),
    (refused, Word.AT_REST, Rule.DISK_AT_REST),
    (refused, Word.CANNOT_TELL, Rule.HOOK_REFUSED)])
def test_the_disk_decides_wherever_it_can(guest, word, rule):
    decision = judge(guest, builders.reading(word))

    assert decision.rule is rule
    assert decision.evidence['disk'] == builders.reading(word).report


def test_a_witness_that_the_disk_denies_is_an_error():
    denied = judge(hooked, builders.reading(Word.IN_USE))
    agreed = judge(silent, builders.reading(Word.IN_USE))

    assert judging.contradicts(denied)
    assert denied.evidence['contradicts'] == 'hooks-witnessed'
    assert not judging.contradicts(agreed)


@pytest.mark.parametrize('guest', GUESTS)
@pytest.mark.parametrize('reading', READINGS)
@pytest.mark.parametrize('state', ['ACTIVE', 'SHUTOFF', 'PAUSED', 'RESCUE'])
@pytest.mark.parametrize('failed', [False, True])
def test_nothing_is_consistent_that_the_disk_denies(guest, reading, state,
                                                    failed):
    decision = judge(guest, reading, state, failed=failed)

    denied = reading is not None and (
        reading.word in (facts.IN_USE, facts.DAMAGED) or reading.torn)
    assert not (denied and decision.verdict.consistent)


def test_a_torn_disk_is_never_consistent():
    assert judge(frozen, builders.reading(torn=True)).rule is Rule.DISK_TORN


@pytest.mark.parametrize('state', ['SHUTOFF', 'PAUSED'])
@pytest.mark.parametrize('word, rule', [
    (Word.AT_REST, Rule.DISK_AT_REST), (Word.IN_USE, Rule.DISK_IN_USE)])
def test_a_guest_that_does_not_run_is_judged_by_its_disk(state, word, rule):
    decision = judge(without_kit, builders.reading(word), state)

    assert decision.rule is rule


def test_what_the_panel_did_not_take_is_judged_by_its_disk_alone():
    for word, rule in ((Word.AT_REST, Rule.DISK_AT_REST),
                       (Word.IN_USE, Rule.DISK_IN_USE),
                       (Word.CANNOT_TELL, Rule.NOT_OURS)):
        decision = judging.judge(builders.image(), None, DEPLOYMENT,
                                 builders.reading(word))

        assert decision.rule is rule


@pytest.mark.parametrize('failed', [False, True])
def test_what_nobody_could_read_waits_for_somebody_who_can(failed):
    decision = judging.judge(builders.image(), None, DEPLOYMENT, None,
                             failed=failed)

    assert decision.rule is Rule.UNREAD


def test_a_disk_that_cannot_be_read_now_is_waited_for():
    baseline, console = silent()
    for seconds, rule in ((judging.DISK_PATIENCE - 1, Rule.UNSETTLED),
                          (judging.DISK_PATIENCE + 1, Rule.SILENT)):
        image = builders.asked(baseline, updated=builders.ago(seconds))

        for why in ('failed', 'refused'):
            decision = judging.judge(image, builders.evidence(console),
                                     DEPLOYMENT, None, **{why: True})

            assert decision.rule is rule, why


def test_who_may_not_read_it_leaves_the_other_evidence():
    baseline, console = frozen()
    image = builders.asked(baseline)

    decision = judging.judge(image, builders.evidence(console), DEPLOYMENT,
                             None, refused=True)

    # A witness proves as much to whoever reads the disk later.
    assert decision.rule is Rule.FREEZE_WITNESSED
    assert judge(frozen, None).rule is Rule.FREEZE_WITNESSED


def test_hooks_that_are_being_told_of_are_waited_for():
    console = builders.started()
    baseline = console.baseline
    console.say('freeze', fs=1)
    image = builders.asked(baseline, updated=builders.NOW)

    decision = judging.judge(image, builders.evidence(console.text),
                             DEPLOYMENT, builders.reading())

    assert decision.rule is Rule.WAITING


def test_without_a_word_of_the_guest_there_is_no_grace():
    baseline, console = silent()
    image = builders.asked(baseline, updated=builders.NOW)

    decision = judging.judge(image, builders.evidence(console), DEPLOYMENT,
                             builders.reading())

    assert decision.rule is Rule.DISK_AT_REST


@pytest.mark.parametrize('disks, contained', [
    ('vda', True), ('sda', True), ('xvda', True), ('nvme0n1', True),
    ('vdb', False), ('sdab', False), ('nvme1n1', False), ('hdc', False),
    ('vda+vdb', True), ('vdb+vdc', False), ('', True), ('dm-0', True),
    ('md0', True)])
def test_a_root_elsewhere_is_never_consistent(disks, contained):
    console = builders.started()
    baseline = console.baseline
    console.say('freeze', fs=1)
    console.say('frozen', path='/', type='ext4', disk=disks or '-',
                stall='0.06', proof='wait')
    console.say('thaw', fs=1, hooks=0)

    decision = judging.judge(
        builders.asked(baseline), builders.evidence(console.text),
        DEPLOYMENT, builders.reading())

    assert decision.verdict.consistent is contained


@pytest.mark.parametrize('reading', [None, builders.reading(
    Word.CANNOT_TELL, 'xfs')], ids=['unread', 'cannot tell'])
@pytest.mark.parametrize('disks', [
    'vda', 'sda', 'xvda', 'nvme0n1', '-', 'none', 'vdb', 'sdb', 'hdc',
    'nvme1n1', 'dm-0', 'md0', 'vdb+vdc', 'vda1x', 'sr0'])
def test_a_witness_alone_has_to_name_the_disk_in_the_image(disks, reading):
    baseline, console = rooted_on(disks)

    decision = judging.judge(builders.asked(baseline),
                             builders.evidence(console), DEPLOYMENT, reading)

    contained = disks in ('vda', 'sda', 'xvda', 'nvme0n1', '-', 'none')
    assert decision.verdict.consistent is contained
    assert contained or decision.rule in (Rule.NOT_CONTAINED, Rule.TORN)


def test_a_refusal_stays_a_refusal_wherever_the_root_is():
    console = builders.started()
    baseline = console.baseline
    console.say('freeze', fs=2)
    console.say('frozen', path='/', type='ext4', disk='vdb', stall='0.06',
                proof='wait')
    console.say('open', path='/srv', type='ext4', disk='vdc')
    console.say('thaw', fs=1, hooks=0)

    decision = judging.judge(builders.asked(baseline), builders.evidence(
        console.text), DEPLOYMENT)

    assert decision.rule is Rule.NOT_SEEN_FROZEN


@pytest.mark.parametrize('disks, copied', [
    ('vda', True), ('vdb', True), ('vdc', False), ('dm-0', False),
    ('vdb+vdc', True), ('-', True)])
def test_of_volumes_the_root_has_to_be_on_one_that_was_copied(disks, copied):
    baseline, console = rooted_on(disks)
    image = builders.asked(baseline, properties=builders.mapping())

    decision = judging.judge(image, builders.evidence(console), DEPLOYMENT,
                             copies=builders.copies())

    assert decision.verdict.consistent is copied
    assert copied or decision.rule is Rule.NOT_CONTAINED


def test_volumes_whose_devices_nobody_knows_disprove_nothing():
    baseline, console = rooted_on('vdc')
    volumes = tuple(builders.volume(number, devices={builders.INSTANCE: ''})
                    for number in (0, 1))

    decision = judging.judge(
        builders.asked(baseline, properties=builders.mapping()),
        builders.evidence(console), DEPLOYMENT,
        copies=builders.copies(volumes=volumes))

    assert decision.verdict.consistent


def rooted_on(disks):
    """Return the baseline and the console of a guest with such a root."""
    console = builders.started()
    baseline = console.baseline
    console.say('freeze', fs=1)
    console.say('frozen', path='/', type='ext4', disk=disks, stall='0.06',
                proof='wait')
    console.say('thaw', fs=1, hooks=0)
    return baseline, console.text


def test_volume_snapshots_have_no_disk_to_read():
    image = builders.asked(builders.started().baseline,
                           properties=builders.mapping())

    decision = judging.judge(
        image, builders.evidence('', now=builders.NOW), DEPLOYMENT,
        builders.reading(), copies=builders.copies())

    assert decision.rule is not Rule.DISK_AT_REST


def test_a_seal_is_not_judged_again():
    sealed = builders.sealed(Rule.SILENT)

    decision = judging.judge(sealed, None, DEPLOYMENT, builders.reading())

    assert decision.rule is Rule.SILENT


@pytest.mark.parametrize('guest, reading, needed', [
    (without_kit, builders.reading(), False),
    (without_kit, builders.reading(Word.CANNOT_TELL), True),
    (without_kit, None, True),
    (silent, builders.reading(), True)])
def test_the_guest_is_asked_where_it_can_add_something(guest, reading,
                                                       needed):
    image = builders.asked(guest()[0])

    assert judging.needs_guest(image, reading) is needed
    assert not judging.needs_guest(builders.image(), reading)


def test_what_an_image_does_not_hold_is_named():
    console = builders.started()
    baseline = console.baseline
    console.say('freeze', fs=2)
    console.say('frozen', path='/', type='ext4', disk='vda', stall='0.06',
                proof='wait')
    console.say('frozen', path='/srv', type='ext4', disk='vdb', stall='0.06',
                proof='wait')
    instance = builders.instance(volume_ids=builders.VOLUMES, ephemeral=10,
                                 swap=512)

    left_out = judging.left_out(instance, builders.asked(baseline),
                                builders.evidence(console.text))

    assert left_out == {'paths': {'/srv': 'vdb'}, 'volumes': 2,
                        'ephemeral': 10, 'swap': 512}
    assert judging.left_out(builders.instance(), builders.image()) == {}


def test_a_snapshot_of_volumes_leaves_the_disks_of_the_flavor_out():
    instance = builders.instance(volume_ids=builders.VOLUMES, swap=512)
    image = builders.asked(properties=builders.mapping())

    assert judging.left_out(instance, image) == {'swap': 512}


def test_every_order_of_looks_comes_to_the_same():
    baseline, console = frozen()
    image = builders.asked(baseline)
    evidences = [None, builders.evidence(console), builders.evidence('')]
    readings = [None, builders.reading(Word.IN_USE)]

    rules = {judging.judge(image, evidence, DEPLOYMENT, reading,
                           failed=True).rule
             for evidence, reading in itertools.product(evidences, readings)}

    assert rules <= {Rule.UNSETTLED, Rule.DISK_IN_USE}


def test_a_seal_on_what_the_panel_did_not_take_counts():
    inherited = dataclasses.replace(builders.asked(), id=builders.BASE_IMAGE)
    seal = judging.judge(inherited, None, DEPLOYMENT,
                         builders.reading()).seal()

    sealed = dataclasses.replace(inherited, properties={
        **inherited.properties, **records.adopt(inherited),
        **seal.properties()})

    assert verdict.look(sealed).rule is Rule.DISK_AT_REST
    assert records.read_request(sealed) is None
    assert records.read_replaces(sealed) == ()
