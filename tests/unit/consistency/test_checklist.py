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

"""Each finding, and what the checklist as a whole promises."""

import dataclasses

import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from tests.unit import builders

Check = checklist.Check
Finding = checklist.Finding
State = checklist.State
Verdict = verdict.Verdict

DEPLOYMENT = facts.Deployment(shutdown_timeout=60)
NOT_TOLD = facts.Deployment()
STOPPED = {'status': 'SHUTOFF'}


def properties(source=facts.Source.EMBEDDED, **values):
    return facts.Properties(values, source)


def of(console=None, deployment=DEPLOYMENT, done=None, history=None,
       **changes):
    """Return the checklist of an instance whose guest was asked."""
    guest = checklist.Guest(
        True, console.text if console else console, done)
    return checklist.check(builders.instance(**changes), guest, deployment,
                           history=history)


def unasked(**changes):
    return checklist.check(builders.instance(**changes), checklist.Guest(),
                           DEPLOYMENT)


def of_stopped(done, deployment=DEPLOYMENT, image=..., **changes):
    """Return the checklist of a stopped instance.

    :param image: as it is today; one not changed since the launch if left
        out.
    """
    guest = checklist.Guest(True, actions=done,
                            image=OF_OLD if image is ... else image)
    instance = builders.instance(**{
        **STOPPED, 'created': builders.ago(LAUNCHED), **changes})
    return checklist.check(instance, guest, deployment)


@pytest.fixture
def console():
    return builders.started()


def test_each_finding_has_a_code_of_its_own():
    assert len({finding.code for finding in Finding}) == len(Finding)


# State, task and root disk

@pytest.mark.parametrize('status, finding', [
    ('ACTIVE', Finding.RUNNING), ('SHUTOFF', Finding.STOPPED),
    ('PAUSED', Finding.NEVER_FROZEN), ('SUSPENDED', Finding.NEVER_FROZEN),
    ('ERROR', Finding.NO_SNAPSHOT_STATE)])
def test_the_status_decides_what_nova_does(console, status, finding):
    result = of(console, status=status).find(Check.STATE)

    assert result == checklist.Result(finding, {'status': status})


@pytest.mark.parametrize('task, finding', [
    (None, Finding.IDLE), ('image_uploading', Finding.BUSY)])
def test_a_task_stands_in_the_way(console, task, finding):
    checks = of(console, task_state=task)

    assert checks.find(Check.TASK).finding is finding
    assert checks.possible == (task is None)


@pytest.mark.parametrize('image_id, finding', [
    ('image', Finding.ROOT_IMAGE), (None, Finding.ROOT_VOLUME)])
def test_the_root_disk_is_an_image_or_a_volume(console, image_id, finding):
    checks = of(console, image_id=image_id)

    assert checks.find(Check.ROOT_DISK).finding is finding
    assert checks.ready


@pytest.mark.parametrize('seconds, ready', [(5, True), (60, False)])
def test_volumes_of_a_stopped_instance_can_be_proven(seconds, ready):
    checks = of_stopped([builders.stop(seconds)], image_id=None,
                        volume_ids=builders.VOLUMES)

    assert checks.find(Check.ROOT_DISK).finding is Finding.ROOT_VOLUME_OFF
    assert checks.ready is ready


@pytest.mark.parametrize('event, finding', [
    ('stopped', Finding.CHANNEL_UNKNOWN),
    ('poweroff', Finding.CHANNEL_UNKNOWN),
    ('started', Finding.CHANNEL_WITNESSED)])
def test_an_agent_that_runs_has_its_channel(console, event, finding):
    console.say(event)

    checks = of(console, properties=facts.UNKNOWN_PROPERTIES)

    assert checks.find(Check.CHANNEL).finding is finding


def test_without_any_word_the_channel_is_unknown():
    checks = of(None, properties=facts.UNKNOWN_PROPERTIES)

    assert checks.find(Check.CHANNEL).finding is Finding.CHANNEL_UNKNOWN
    assert checks.prediction is Verdict.UNPROVEN


# Attached volumes

ATTACHED = (checklist.AttachedVolume('web-0', 1, '/dev/vda'),
            checklist.AttachedVolume('web-1', 1, '/dev/vdb'))
IDS = tuple(checklist.AttachedVolume(volume_id)
            for volume_id in builders.VOLUMES)
OTHER = '66666666-ffff-4fff-8fff-666666666666'


def of_volumes(volumes, **changes):
    return checklist.check(
        builders.instance(volume_ids=builders.VOLUMES, **changes),
        checklist.Guest(True, builders.started().text, [builders.stop(5)]),
        DEPLOYMENT, volumes=volumes)


def test_without_volumes_there_is_nothing_to_say(console):
    assert of(console).find(Check.VOLUMES) is None


@pytest.mark.parametrize('image_id, volumes, finding, attached', [
    ('image', (builders.volume(0), builders.volume(1)),
     Finding.VOLUMES_LEFT_OUT, ATTACHED),
    ('image', None, Finding.VOLUMES_LEFT_OUT, IDS),
    ('image', (), Finding.VOLUMES_LEFT_OUT_UNNAMED, IDS),
    (None, (builders.volume(0), builders.volume(1)),
     Finding.VOLUMES_TAKEN, ATTACHED),
    (None, None, Finding.VOLUMES_TAKEN, IDS),
    (None, (), Finding.VOLUMES_UNNAMED, IDS)])
def test_each_volume_is_named_as_far_as_known(image_id, volumes, finding,
                                              attached):
    checks = of_volumes(volumes, image_id=image_id)

    assert checks.find(Check.VOLUMES) == checklist.Result(
        finding, {'volumes': attached})


@pytest.mark.parametrize('volumes', [None, (), (builders.volume(),)])
def test_volumes_that_are_left_out_do_not_stand_in_the_way(volumes):
    assert of_volumes(volumes).ready


@pytest.mark.parametrize('volumes, ready', [
    (None, True), ((builders.volume(),), True), ((), False),
    ((builders.volume(multiattach=True),), False)])
def test_volumes_that_are_taken_must_be_known_and_its_own(volumes, ready):
    checks = of_volumes(volumes, image_id=None, **STOPPED)

    # How long Nova waited for a guest on volumes nobody can tell.
    assert [result.finding.check for result in checks.missing] == (
        [Check.STOP] if ready else [Check.VOLUMES, Check.STOP])


def test_a_volume_without_a_name_goes_by_its_id():
    checks = of_volumes((builders.volume(name='', devices={}),))

    assert checks.find(Check.VOLUMES).evidence == {
        'volumes': (checklist.AttachedVolume(builders.VOLUMES[0], 1),
                    checklist.AttachedVolume(builders.VOLUMES[1]))}


@pytest.mark.parametrize('status', ['ACTIVE', 'SHUTOFF'])
@pytest.mark.parametrize('image_id', ['image', None])
def test_the_disks_of_the_flavor_are_named_before(status, image_id):
    checks = of(status=status, image_id=image_id, ephemeral=10, swap=512)

    assert checks.find(Check.OTHER_DISKS) == checklist.Result(
        Finding.DISKS_LEFT_OUT, {'ephemeral': 10, 'swap': 512, 'paths': {}})


def test_without_other_disks_nothing_is_said_of_them():
    assert of(builders.started()).find(Check.OTHER_DISKS) is None


def beside(root, other):
    console = builders.started()
    console.say('freeze', fs=2)
    for path, name in (('/', root), ('/srv', other)):
        console.say('frozen', path=path, type='ext4', disk=name,
                    stall='0.06', proof='wait')
    console.say('thaw', fs=2, hooks=0)
    return console


def test_what_the_guest_has_beside_its_root_disk_is_named_before():
    on_image, on_volumes = (
        of(beside('vda', 'vdb'), image_id=image_id).find(Check.OTHER_DISKS)
        for image_id in ('image', None))

    assert on_image.evidence['paths'] == {'/srv': 'vdb'}
    # Which of them is a volume, only the guest knows.
    assert on_volumes is None


def test_of_a_root_elsewhere_nothing_is_promised():
    checks = of(beside('vdb', 'vda'), history=facts.DiskHistory(
        ('ext4',), facts.Source.IMAGE))

    assert checks.has(Finding.ROOT_ELSEWHERE)
    assert not checks.ready
    assert not checks.prediction.consistent


def test_shared_volumes_are_named():
    shared = builders.volume(1, devices={
        builders.INSTANCE: '/dev/vdb', OTHER: '/dev/vdc'})

    checks = of_volumes((builders.volume(0), shared), image_id=None)

    assert checks.find(Check.VOLUMES) == checklist.Result(
        Finding.VOLUMES_SHARED, {'shared': ATTACHED[1:]})


def test_the_storage_of_images_says_nothing_of_volumes():
    checks = of_volumes(None, image_id=None)

    assert checklist.check(
        builders.instance(image_id=None), checklist.Guest(),
        facts.Deployment('rbd')).find(Check.BACKEND) is None
    assert checks.find(Check.BACKEND) is None


# The channel

@pytest.mark.parametrize('value', ['yes', 'true', 'True', '1', 'on'])
def test_nova_reads_the_property_as_a_flag(console, value):
    checks = of(console, properties=properties(hw_qemu_guest_agent=value))

    assert checks.find(Check.CHANNEL) == checklist.Result(
        Finding.CHANNEL, {'property': 'hw_qemu_guest_agent',
                          'source': 'embedded', 'value': value})


@pytest.mark.parametrize('source, finding', [
    (facts.Source.EMBEDDED, Finding.CHANNEL),
    (facts.Source.SNAPSHOT, Finding.CHANNEL_LIKELY),
    (facts.Source.IMAGE, Finding.CHANNEL_LIKELY),
    (facts.Source.NONE, Finding.CHANNEL_WITNESSED)])
def test_the_source_says_how_sure_the_channel_is(console, source, finding):
    checks = of(console, properties=properties(source,
                                               hw_qemu_guest_agent='yes'))

    assert checks.find(Check.CHANNEL).finding is finding


@pytest.mark.parametrize('source', [facts.Source.SNAPSHOT,
                                    facts.Source.IMAGE])
def test_a_likely_channel_is_a_warning(console, source):
    checks = of(console, properties=properties(source,
                                               hw_qemu_guest_agent='yes'))

    assert checks.find(Check.CHANNEL).state is State.WARNING
    assert checks.ready


@pytest.mark.parametrize('source', [
    facts.Source.EMBEDDED, facts.Source.SNAPSHOT, facts.Source.IMAGE])
def test_whatever_the_source_no_property_is_no_channel(console, source):
    checks = of(console, properties=properties(source))

    assert checks.find(Check.CHANNEL).finding is Finding.NO_CHANNEL


@pytest.mark.parametrize('values', [
    {}, {'hw_qemu_guest_agent': 'no'}, {'hw_qemu_guest_agent': 'maybe'}])
def test_without_the_property_there_is_no_channel(console, values):
    checks = of(console, properties=properties(**values))

    assert checks.find(Check.CHANNEL).finding is Finding.NO_CHANNEL
    assert checks.find(Check.AGENT).finding is Finding.AGENT_UNREACHABLE
    assert checks.prediction is Verdict.CRASH


# The agent and the kit

def test_nobody_asked_yet():
    checks = unasked()

    assert checks.find(Check.AGENT).finding is Finding.AGENT_NOT_ASKED
    assert checks.undecided


def test_a_console_that_cannot_be_read_tells_nothing():
    checks = of(None)

    assert checks.find(Check.AGENT).finding is Finding.AGENT_NO_CONSOLE
    assert not checks.ready
    assert not checks.undecided


def test_a_guest_without_a_kit_tells_nothing():
    checks = of(builders.Console())

    assert checks.find(Check.AGENT).finding is Finding.AGENT_UNSEEN
    assert checks.find(Check.KIT).finding is Finding.KIT_UNSEEN
    assert checks.prediction is Verdict.UNPROVEN


def test_the_guests_last_word_is_that_its_agent_runs(console):
    console.freeze()

    checks = of(console)

    assert checks.find(Check.AGENT) == checklist.Result(
        Finding.AGENT_RUNNING, {'event': 'thaw', 'up': 104.0})
    assert checks.find(Check.KIT).finding is Finding.KIT


@pytest.mark.parametrize('event', ['stopped', 'poweroff'])
def test_the_guests_last_word_is_that_its_agent_is_down(console, event):
    console.say(event)

    checks = of(console)

    assert checks.find(Check.AGENT) == checklist.Result(
        Finding.AGENT_STOPPED, {'event': event, 'up': 102.0})
    assert checks.prediction is Verdict.CRASH


def test_two_accounts_tell_nothing(console):
    console.noise(builders.started(boot='77777777', secret='liar').text)
    console.say('stopped')

    checks = of(console)

    assert checks.find(Check.AGENT).finding is Finding.AGENT_CONFLICT
    assert checks.find(Check.LAST_FREEZE) is None
    assert not checks.ready


def test_an_account_with_a_gap_tells_nothing(console):
    console.lose('stopped')
    console.say('freeze', fs=1)

    checks = of(console)

    assert checks.find(Check.AGENT).finding is Finding.AGENT_CONFLICT
    assert not checks.ready


def test_an_account_that_begins_anew_behind_a_gap_counts(console):
    console.lose('stopped')
    console.say('poweroff')
    console.say('started', agent='7.2.11')

    checks = of(console)

    assert checks.find(Check.AGENT).finding is Finding.AGENT_RUNNING
    assert checks.ready


# The last freeze

def test_without_a_freeze_there_is_none_to_judge(console):
    assert of(console).find(Check.LAST_FREEZE) is None


def test_the_longest_stall_of_a_good_freeze_is_shown(console):
    console.say('freeze', fs=2)
    for path, stall in (('/', '0.06'), ('/srv', '10.50')):
        console.say('frozen', path=path, stall=stall, proof='wait')
    console.say('thaw', fs=2, hooks=0)

    assert of(console).find(Check.LAST_FREEZE) == checklist.Result(
        Finding.FREEZE_PROVEN, {'stall': 10.5, 'up': 102.0, 'hooks': {}})


def test_a_failed_freeze_is_a_warning(console):
    console.freeze(still_open=('/srv', '/home'))

    checks = of(console)

    assert checks.find(Check.LAST_FREEZE) == checklist.Result(
        Finding.FREEZE_UNPROVEN,
        {'open': ('/srv', '/home'), 'up': 102.0, 'hooks': {}})
    assert checks.ready


@pytest.mark.parametrize('image_id, finding', [
    (builders.BASE_IMAGE, Finding.FREEZE_TORN),
    (None, Finding.FREEZE_PROVEN)])
def test_what_lies_on_several_disks_is_torn_by_an_image(console, image_id,
                                                        finding):
    console.say('freeze', fs=1)
    console.say('frozen', path='/', type='ext4', disk='vda+vdb',
                stall='0.06', proof='wait')
    console.say('thaw', fs=1, hooks=0)

    found = of(console, image_id=image_id).find(Check.LAST_FREEZE)

    assert found.finding is finding


def test_a_refused_freeze_is_a_warning(console):
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)

    assert of(console).find(Check.LAST_FREEZE) == checklist.Result(
        Finding.FREEZE_REFUSED,
        {'hook': '20-postgresql', 'up': 102.0, 'hooks': {}})


def test_a_freeze_without_an_end_is_a_warning(console):
    console.say('freeze', fs=1)

    result = of(console).find(Check.LAST_FREEZE)

    assert result.finding is Finding.FREEZE_OPEN_END


def test_only_the_last_freeze_counts(console):
    console.freeze(still_open=('/srv',))
    console.freeze()

    result = of(console).find(Check.LAST_FREEZE)

    assert result.finding is Finding.FREEZE_PROVEN


# What is required, and the storage

def test_a_required_quiesce_promises_too_much(console):
    checks = of(console, properties=properties(
        hw_qemu_guest_agent='yes', os_require_quiesce='yes'))

    assert checks.find(Check.QUIESCE) == checklist.Result(
        Finding.QUIESCE_NOT_ENFORCED,
        {'property': 'os_require_quiesce', 'source': 'embedded',
         'value': 'yes'})
    assert checks.ready


def test_on_volumes_a_required_quiesce_is_enforced(console):
    checks = of(console, image_id=None, properties=properties(
        facts.Source.VOLUME, hw_qemu_guest_agent='yes',
        os_require_quiesce='yes'))

    assert checks.find(Check.QUIESCE) == checklist.Result(
        Finding.QUIESCE_ENFORCED,
        {'property': 'os_require_quiesce', 'source': 'volume',
         'value': 'yes'})


@pytest.mark.parametrize('image_id, value', [
    (None, 'no'), ('image', 'no'), ('image', None)])
def test_elsewhere_there_is_nothing_to_say_of_it(console, image_id, value):
    checks = of(console, image_id=image_id, properties=properties(
        hw_qemu_guest_agent='yes', os_require_quiesce=value))

    assert checks.find(Check.QUIESCE) is None


@pytest.mark.parametrize('backend, finding', [
    ('qcow2', Finding.BACKEND_FREEZES),
    ('rbd', Finding.BACKEND_NEVER_FREEZES),
    ('lvm', Finding.BACKEND_NEVER_FREEZES)])
def test_the_operator_tells_the_storage(console, backend, finding):
    checks = of(console, facts.Deployment(ephemeral_backend=backend))

    assert checks.find(Check.BACKEND) == checklist.Result(
        finding, {'backend': backend})
    assert checks.ready == (finding is Finding.BACKEND_FREEZES)


@pytest.mark.parametrize('backend', [None, 'rdb', 'ploop', 'RBD', ''])
def test_a_storage_that_nobody_knows_promises_nothing(console, backend):
    checks = of(console, facts.Deployment(ephemeral_backend=backend))

    assert checks.find(Check.BACKEND) is None


# A stopped instance

def test_a_stopped_instance_has_checks_of_its_own():
    checks = of_stopped([builders.stop()])

    assert [result.finding.check for result in checks.results] == [
        Check.STATE, Check.TASK, Check.LOCK, Check.ROOT_DISK, Check.STOP]


def image(seconds, **properties):
    """Return the image today, last changed that long before the launch."""
    return facts.Image(builders.BASE_IMAGE, 'debian', 'active', properties,
                       updated=builders.ago(LAUNCHED + seconds))


# Long before what builders.stop tells, in seconds before builders.NOW.
LAUNCHED = 90000
OF_OLD = image(3600)


@pytest.mark.parametrize('done, finding, evidence', [
    ([builders.stop(5)], Finding.STOP_CLEAN, {'seconds': 5.0}),
    ([builders.stop(61)], Finding.STOP_HARD, {'seconds': 61.0}),
    ([builders.stop(1)], Finding.STOP_UNKNOWN, {'seconds': 1.0})])
def test_the_stop_tells_how_the_guest_went_down(done, finding, evidence):
    result = of_stopped(done).find(Check.STOP)

    assert result == checklist.Result(finding, {
        **evidence, 'limit': 60, 'source': 'operator',
        'at': done[0].finished})


@pytest.mark.parametrize('done', [[], None])
def test_without_a_stop_nothing_tells_how_the_guest_went_down(done):
    result = of_stopped(done).find(Check.STOP)

    assert result == checklist.Result(Finding.STOP_UNKNOWN, {})


@pytest.mark.parametrize('seconds', [1, 5, 61, 3600])
def test_an_operator_who_does_not_tell_the_limit_leaves_it_open(seconds):
    checks = of_stopped([builders.stop(seconds)], NOT_TOLD)

    assert checks.find(Check.STOP).finding is Finding.STOP_LIMIT_UNTOLD
    assert checks.prediction is Verdict.UNPROVEN
    assert not checks.ready


@pytest.mark.parametrize('limit, finding', [
    ('10', Finding.STOP_CLEAN), ('5', Finding.STOP_HARD)])
def test_an_image_that_was_not_changed_may_tell_the_limit(limit, finding):
    checks = of_stopped([builders.stop(5)], NOT_TOLD, image=image(
        3600, os_shutdown_timeout=limit))

    result = checks.find(Check.STOP)
    assert result.finding is finding
    assert result.evidence['source'] == 'image'


# What was copied at boot is not to be seen: nobody can tell by which limit
# the verdict will judge.
@pytest.mark.parametrize('today', [
    None, image(0), image(5), image(-3600),
    image(-3600, os_shutdown_timeout='10')])
def test_an_image_changed_since_the_launch_tells_no_limit(today):
    checks = of_stopped([builders.stop(5)], image=today)

    assert checks.find(Check.STOP).finding is Finding.STOP_LIMIT_UNKNOWN
    assert checks.prediction is Verdict.UNPROVEN


def test_a_nova_that_shows_the_limit_is_believed():
    checks = of_stopped([builders.stop(5)], NOT_TOLD, image=None,
                        properties=properties(os_shutdown_timeout='10'))

    assert checks.find(Check.STOP).finding is Finding.STOP_CLEAN


@pytest.mark.parametrize('told', [None, 4, 60])
@pytest.mark.parametrize('copied', [None, '4', '60'])
@pytest.mark.parametrize('today', [None, '4', '60'])
@pytest.mark.parametrize('changed', [True, False])
@pytest.mark.parametrize('seconds', [1, 5, 30, 61])
def test_a_stop_never_promises_more_than_the_verdict_gives(
        told, copied, today, changed, seconds):
    if not changed and today != copied:
        return
    deployment = facts.Deployment(shutdown_timeout=told)
    now, booted = ({} if value is None else {'os_shutdown_timeout': value}
                   for value in (today, copied))
    before = builders.stop(seconds)

    checks = of_stopped([before], deployment, image=image(
        -3600 if changed else 3600, **now))
    done = builders.actions(builders.taken(), before=before)
    decision = verdict.settle(
        builders.asked(state='SHUTOFF', properties=booted),
        builders.evidence(None, done), deployment)

    assert checks.prediction in (decision.verdict, Verdict.UNPROVEN)


def test_nobody_asked_for_the_stop_yet():
    checks = unasked(**STOPPED)

    assert checks.find(Check.STOP).finding is Finding.STOP_NOT_ASKED
    assert checks.undecided


# The whole

def test_a_witnessing_guest_is_ready(console):
    checks = of(console)

    assert checks.ready
    assert checks.possible
    assert checks.missing == []
    assert checks.passed == len(checks.results) == 7
    assert checks.prediction is Verdict.FILESYSTEM


def test_what_is_missing_is_named(console):
    checks = of(builders.Console(), task_state='image_uploading')

    assert [result.finding for result in checks.missing] == [
        Finding.BUSY, Finding.AGENT_UNSEEN, Finding.KIT_UNSEEN]


def test_only_the_guest_can_still_decide():
    decided = unasked(task_state='image_uploading')

    assert unasked().undecided
    assert not decided.undecided


@pytest.mark.parametrize('changes, prediction', [
    ({}, Verdict.FILESYSTEM), ({'image_id': None}, Verdict.FILESYSTEM),
    ({'status': 'PAUSED'}, Verdict.CRASH),
    ({'properties': facts.UNKNOWN_PROPERTIES}, Verdict.FILESYSTEM),
    ({'status': 'ERROR'}, Verdict.UNPROVEN)])
def test_the_best_verdict_is_predicted(console, changes, prediction):
    assert of(console, **changes).prediction is prediction


def test_a_hard_stop_and_a_dead_storage_predict_the_worst(console):
    deployment = facts.Deployment(ephemeral_backend='rbd')

    assert of_stopped([builders.stop(61)]).prediction is Verdict.CRASH
    assert of(console, deployment).prediction is Verdict.CRASH


@pytest.mark.parametrize('least, kept', [
    (Verdict.APPLICATION, False), (Verdict.FILESYSTEM, False),
    (Verdict.UNPROVEN, True), (Verdict.CRASH, True)])
def test_a_promise_is_kept_by_what_is_at_least_as_good(least, kept):
    checks = of(builders.Console())

    assert checks.promises(least) is kept


def test_a_prediction_of_readiness_comes_true(console):
    assert of(console).ready
    baseline = console.baseline

    console.freeze()

    decision = verdict.settle(builders.asked(baseline),
                              builders.evidence(console.text), DEPLOYMENT)
    assert decision.verdict is of(console).prediction


def drift(today, **booted):
    """Return what the check finds where the image is now as it is."""
    instance = builders.instance(properties=properties(**booted))
    image = facts.Image(builders.BASE_IMAGE, 'debian', 'active', today,
                        updated=builders.ago(50))
    result = checklist.check(instance, checklist.Guest(), DEPLOYMENT,
                             today=image).find(Check.DRIFT)
    return result.finding, dict(result.evidence)


@pytest.mark.parametrize('now', ['yes', 'true', '1'])
def test_an_image_that_says_the_same_has_not_drifted(now):
    found = drift({facts.AGENT_PROPERTY: now}, hw_qemu_guest_agent='yes')

    assert found == (Finding.NO_DRIFT, {'updated': builders.ago(50)})


@pytest.mark.parametrize('now, booted, wanted', [
    ({facts.AGENT_PROPERTY: 'yes'}, {}, {'hw_qemu_guest_agent': 'yes'}),
    ({}, {facts.AGENT_PROPERTY: 'yes'}, {'hw_qemu_guest_agent': 'no'}),
    ({facts.QUIESCE_PROPERTY: 'yes', facts.AGENT_PROPERTY: 'yes'}, {},
     {'hw_qemu_guest_agent': 'yes', 'os_require_quiesce': 'yes'}),
])
def test_an_image_changed_since_the_boot_is_named(now, booted, wanted):
    found = drift(now, **booted)

    assert found == (Finding.DRIFT, {
        'names': tuple(wanted), 'wanted': wanted,
        'updated': builders.ago(50)})


def test_nothing_is_said_of_an_image_that_is_gone():
    assert unasked().find(Check.DRIFT) is None


def test_nothing_is_said_where_the_boot_is_not_known():
    likely = properties(facts.Source.SNAPSHOT, hw_qemu_guest_agent='yes')

    checks = checklist.check(
        builders.instance(properties=likely), checklist.Guest(), DEPLOYMENT,
        today=builders.image())

    assert checks.find(Check.DRIFT) is None


# The lock and the quotas

@pytest.mark.parametrize('locked, finding', [
    (False, Finding.UNLOCKED), (True, Finding.LOCKED)])
def test_a_lock_is_pointed_out_and_forbids_no_snapshot(console, locked,
                                                       finding):
    checks = of(console, locked=locked)

    assert checks.find(Check.LOCK).finding is finding
    assert checks.possible
    assert checks.ready


def quota(limits, volumes=None, **changes):
    checks = checklist.check(
        builders.instance(**changes), checklist.Guest(), DEPLOYMENT,
        volumes=volumes, limits=limits)
    found = checks.find(Check.QUOTA)
    return found and found.finding, checks


def limits(images=(1, 20), mib=(1, 20), metadata=128, unknown=(),
           copies=(0, 10), gib=(1, 1000)):
    return facts.Limits(*[
        usage and facts.Usage(*usage) for usage in (images, mib)], metadata,
        *[usage and facts.Usage(*usage) for usage in (copies, gib)], unknown)


@pytest.mark.parametrize('found, finding', [
    (None, None), (limits(None, None), None),
    (limits(images=(5, -1)), None),
    (limits(), Finding.QUOTA_ROOM),
    (limits(images=(19, 20)), Finding.QUOTA_ROOM),
    (limits(images=(20, 20)), Finding.QUOTA_IMAGES),
    (limits(images=(21, 20)), Finding.QUOTA_IMAGES),
    # Glance looks at what is there, not at what is to come.
    (limits(mib=(20, 20)), Finding.QUOTA_ROOM),
    (limits(mib=(21, 20)), Finding.QUOTA_SIZE),
    (limits(mib=(21, -1)), Finding.QUOTA_ROOM),
    (limits(metadata=0), Finding.QUOTA_METADATA),
    (limits(metadata=-1), Finding.QUOTA_ROOM),
    (limits(metadata=None), Finding.QUOTA_ROOM),
    (limits(None, None, unknown=('Glance',)), Finding.QUOTA_UNKNOWN),
    (limits(metadata=None, unknown=('Nova',)), Finding.QUOTA_UNKNOWN),
    (limits(None, None, 0, ('Glance',)), Finding.QUOTA_METADATA)])
def test_a_quota_is_a_check_where_it_is_known(found, finding):
    assert quota(found)[0] is finding


@pytest.mark.parametrize('found, finding', [
    # An image without data takes no space in the image service.
    (limits(mib=(21, 20)), Finding.QUOTA_ROOM_COPIES),
    (limits(images=(20, 20)), Finding.QUOTA_IMAGES),
    (limits(copies=(8, 10)), Finding.QUOTA_ROOM_COPIES),
    (limits(copies=(9, 10)), Finding.QUOTA_COPIES),
    (limits(copies=(9, -1)), None),
    (limits(gib=(998, 1000)), Finding.QUOTA_ROOM_COPIES),
    (limits(gib=(999, 1000)), Finding.QUOTA_COPIES_SIZE),
    (limits(gib=(999, -1)), Finding.QUOTA_ROOM_COPIES),
    (limits(copies=None, gib=None, unknown=('Cinder',)),
     Finding.QUOTA_UNKNOWN),
    (limits(metadata=0), Finding.QUOTA_METADATA)])
def test_a_snapshot_of_volumes_needs_room_in_block_storage(found, finding):
    assert quota(found, (builders.volume(0), builders.volume(1)),
                 image_id=None, volume_ids=builders.VOLUMES)[0] is finding


def test_the_size_of_volumes_that_cinder_does_not_tell_is_left_out():
    finding, _checks = quota(limits(gib=(999, 1000)), (), image_id=None,
                             volume_ids=builders.VOLUMES)

    assert finding is Finding.QUOTA_ROOM_COPIES


@pytest.mark.parametrize('found, volumes', [
    (limits(images=(20, 20)), {}), (limits(mib=(21, 20)), {}),
    (limits(copies=(9, 10)), {'image_id': None,
                              'volume_ids': builders.VOLUMES})])
def test_what_a_quota_stops_is_not_offered(found, volumes):
    assert not quota(found, **volumes)[1].possible


def test_an_unknown_quota_says_nothing_of_the_proof(console):
    guest = checklist.Guest(True, console.text)

    checks = checklist.check(builders.instance(), guest, DEPLOYMENT,
                             limits=limits(None, None, None, ('Nova',)))

    assert checks.find(Check.QUOTA).state is State.UNKNOWN
    assert checks.ready
    assert checks.missing == []


# Names that do nothing

@pytest.mark.parametrize('name, right', [
    ('hw_require_fsfreeze', 'os_require_quiesce'),
    ('HW_Require_FSFreeze', 'os_require_quiesce'),
    ('hw-qemu-guest-agent', 'hw_qemu_guest_agent'),
    ('OS_REQUIRE_QUIESCE', 'os_require_quiesce')])
def test_a_name_that_nova_does_not_read_is_pointed_out(name, right):
    evidence = {'name': name, 'right': right}

    assert names(image={name: 'yes'}) == checklist.Result(
        Finding.DEAD_ON_IMAGE, evidence)
    assert names(metadata={name: 'yes'}) == checklist.Result(
        Finding.DEAD_ON_INSTANCE, evidence)


def test_the_right_name_does_nothing_on_the_instance():
    assert names(image={'hw_qemu_guest_agent': 'yes'}) is None
    assert names(metadata={'hw_qemu_guest_agent': 'yes'}).finding is (
        Finding.DEAD_ON_INSTANCE)


@pytest.mark.parametrize('name', ['os_distro', '', ' ', '日本', 'agent'])
def test_other_names_are_left_alone(name):
    assert names(image={name: 'x'}) is None
    assert names(metadata={name: 'x'}) is None


def names(image=None, metadata=None):
    return checklist.check(
        builders.instance(metadata=metadata or {}), checklist.Guest(),
        DEPLOYMENT, today=facts.Image('id', 'debian', 'active', image or {})
    ).find(Check.NAMES)


# What is required without a channel, or of volumes

def test_what_is_required_without_a_channel_is_thrown_away(console):
    checks = of(console, properties=properties(os_require_quiesce='yes'))

    assert checks.find(Check.QUIESCE).finding is Finding.QUIESCE_FORBIDS
    assert not checks.possible


@pytest.mark.parametrize('changes', [
    STOPPED, {'status': 'PAUSED'}, {'properties': properties(
        facts.Source.IMAGE, os_require_quiesce='yes')}])
def test_elsewhere_it_forbids_nothing(changes):
    checks = unasked(**{'properties': properties(os_require_quiesce='yes'),
                        **changes})

    assert not checks.has(Finding.QUIESCE_FORBIDS)


def test_what_is_required_of_volumes_is_kept(console):
    checks = of(console, image_id=None, properties=properties(
        hw_qemu_guest_agent='yes', os_require_quiesce='yes'))

    assert checks.find(Check.QUIESCE).finding is Finding.QUIESCE_ENFORCED


def test_a_channel_that_came_too_late_is_told_from_none(console):
    guest = checklist.Guest(True, console.text)
    instance = builders.instance(properties=properties())

    found = [checklist.check(instance, guest, DEPLOYMENT, today=today).find(
        Check.CHANNEL).finding
        for today in (None, builders.image(), image(0))]

    assert found == [Finding.NO_CHANNEL, Finding.CHANNEL_TOO_LATE,
                     Finding.NO_CHANNEL]


EXT4 = facts.DiskHistory(('ext4',), facts.Source.SNAPSHOT)
XFS = facts.DiskHistory(('ext4', 'xfs'), facts.Source.IMAGE)
NOTHING = facts.DiskHistory()
STARTED = '[  OK  ] Started qemu-guest-agent.service - QEMU Guest Agent.'


def forecast(console='login:', history=EXT4, done=None, **changes):
    guest = checklist.Guest(True, console, done)
    return checklist.check(builders.instance(**changes), guest,
                           facts.Deployment(), history=history)


@pytest.mark.parametrize('console, history, standing', [
    (STARTED, EXT4, 'ready'), ('login:', EXT4, 'likely'),
    ('login:', NOTHING, 'likely'), (STARTED, NOTHING, 'likely'),
    ('login:', XFS, 'unknown'), (STARTED, XFS, 'unknown'),
    ('[FAILED] Failed to start qemu-guest-agent.service', EXT4, 'not-ready'),
    (STARTED + '\nStopped qemu-guest-agent.service', EXT4, 'not-ready'),
    ('Stopped QEMU Guest Agent\nStarted QEMU Guest Agent', EXT4, 'ready'),
    (None, EXT4, 'unknown')])
def test_a_guest_without_the_kit_is_forecast_by_its_disk(console, history,
                                                         standing):
    checks = forecast(console, history)

    assert checks.standing.value == standing
    assert checks.prediction.consistent is (standing in ('ready', 'likely'))


def test_a_channel_that_is_missing_is_against_it():
    checks = forecast(properties=facts.Properties({}, facts.Source.EMBEDDED))

    assert checks.standing is checklist.Standing.NOT_READY
    assert checks.blocker.finding is Finding.NO_CHANNEL


def test_the_last_disk_at_rest_says_that_the_agent_froze():
    checks = forecast(history=dataclasses.replace(EXT4,
                                                  at_rest=builders.NOW))

    assert checks.has(Finding.AGENT_FROZE)
    assert checks.standing is checklist.Standing.READY


@pytest.mark.parametrize('hooks, refused, prediction', [
    ({'20-db': 0}, False, 'application-consistent'),
    ({'20-db': 1}, False, 'filesystem-consistent'),
    (None, False, 'filesystem-consistent'),
    (None, True, 'crash-consistent')])
def test_the_forecast_follows_the_last_freeze(hooks, refused, prediction):
    console = builders.started()
    if refused:
        console.say('freeze', fs=1)
        console.say('aborted', name='20-db')
    else:
        console.freeze(hooks=hooks)

    assert forecast(console.text).prediction.value == prediction


def test_volumes_need_the_kit_whatever_was_read():
    checks = forecast(image_id=None)

    assert checks.has(Finding.PROOF_NEEDS_KIT, Finding.KIT_UNSEEN)
    assert checks.standing is checklist.Standing.UNKNOWN


def test_the_disk_of_a_stopped_instance_tells_what_its_stop_does_not():
    assert forecast(status='SHUTOFF').standing is checklist.Standing.LIKELY
    assert forecast(status='SHUTOFF', history=XFS).standing is (
        checklist.Standing.UNKNOWN)
