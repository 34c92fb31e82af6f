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

"""The steps of a snapshot and their lights."""

import datetime

import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from tests.unit import builders

Light = journey.Light
Check = checklist.Check
Step = journey.Step


def check(instance, console=None, deployment=None):
    guest = checklist.Guest(
        True, console and console.text,
        builders.actions(before=builders.stop(5)),
        builders.image(updated=builders.ago(9000)))
    return checklist.check(instance, guest,
                           deployment or facts.Deployment())


def lights(stages):
    return {stage.step: stage.light for stage in stages}


def ahead(instance=None, **options):
    instance = instance or builders.instance()
    return lights(journey.ahead(instance, check(instance, **options)))


def under_way(instance, image, console=None):
    return lights(journey.under_way(
        instance, image, check(instance, console or builders.started())))


def frozen():
    console = builders.started()
    console.say('freeze', fs=1)
    return console


def test_a_ready_instance_has_nothing_in_the_way():
    console = builders.started()
    console.freeze()

    found = ahead(console=console)

    assert list(found) == list(Step)
    assert {step for step in found if found[step] is Light.UNCHECKED} == {
        Step.COPY, Step.UPLOAD}
    assert {found[step] for step in Step
            if step not in (Step.COPY, Step.UPLOAD)} == {Light.CLEAR}


def test_a_missing_channel_blocks_the_hypervisor_and_the_guest():
    found = ahead(builders.instance(properties=facts.Properties(
        {}, facts.Source.EMBEDDED)), console=builders.started())

    assert found[Step.LIBVIRT] is Light.BLOCKED
    assert found[Step.FREEZE] is Light.BLOCKED
    assert found[Step.VERDICT] is Light.BLOCKED
    assert found[Step.NOVA] is Light.CLEAR


def test_a_paused_guest_is_not_frozen():
    found = ahead(builders.instance(status='PAUSED'),
                  console=builders.started())

    assert found[Step.FREEZE] is found[Step.THAW] is Light.BLOCKED
    assert found[Step.API] is Light.CLEAR


def test_an_image_that_has_drifted_is_a_light():
    instance = builders.instance()
    guest = checklist.Guest(True, builders.started().text)
    today = facts.Image('id', 'debian', 'active', {})

    found = lights(journey.ahead(instance, checklist.check(
        instance, guest, facts.Deployment(), today)))

    assert found[Step.LIBVIRT] is Light.NOTED
    assert found[Step.VERDICT] is Light.CLEAR


def test_a_used_up_quota_blocks_the_request_and_the_verdict():
    instance = builders.instance()
    guest = checklist.Guest(True, builders.started().text)

    found = lights(journey.ahead(instance, checklist.check(
        instance, guest, facts.Deployment(),
        limits=facts.Limits(images=facts.Usage(2, 2)))))

    assert found[Step.API] is found[Step.VERDICT] is Light.BLOCKED


def test_what_nobody_knows_is_doubtful():
    found = ahead(console=builders.Console())

    assert found[Step.FREEZE] is Light.DOUBTFUL
    assert found[Step.VERDICT] is Light.DOUBTFUL


def test_a_failure_outweighs_a_doubt():
    found = ahead(builders.instance(properties=facts.Properties(
        {facts.QUIESCE_PROPERTY: 'yes'}, facts.Source.EMBEDDED)),
        console=builders.started())

    assert found[Step.LIBVIRT] is Light.BLOCKED


def test_a_stopped_guest_is_not_asked():
    found = ahead(builders.instance(status='SHUTOFF',
                                    created=builders.ago(5000)),
                  deployment=facts.Deployment(shutdown_timeout=60))

    assert {step for step in found if found[step] is Light.UNNEEDED} == {
        Step.LIBVIRT, Step.FREEZE, Step.THAW}
    assert found[Step.VERDICT] is Light.CLEAR


@pytest.mark.parametrize('task', facts.SnapshotTask)
def test_each_task_of_a_snapshot_is_a_place_on_the_journey(task):
    lights = under_way(builders.instance(task_state=task.value),
                       builders.asked(status='queued'))

    assert Light.NOW in lights.values()


@pytest.mark.parametrize('task, now', [
    ('image_snapshot_pending', [Step.NOVA]),
    ('image_snapshot', [Step.LIBVIRT]),
    ('image_pending_upload', [Step.FREEZE, Step.COPY, Step.THAW]),
    ('image_uploading', [Step.UPLOAD]),
    (None, [Step.UPLOAD]),
])
def test_a_running_snapshot_is_where_nova_says(task, now):
    found = under_way(builders.instance(task_state=task),
                      builders.asked(status='queued'))

    order = list(Step)
    assert [step for step in order if found[step] is Light.NOW] == now
    assert all(found[step] in (Light.DONE, Light.OVER)
               for step in order[:order.index(now[0])])
    assert all(found[step] is Light.AHEAD
               for step in order[order.index(now[-1]) + 1:])


def test_an_active_image_waits_for_its_verdict():
    found = under_way(builders.instance(), builders.asked())

    assert found[Step.UPLOAD] is Light.DONE
    # Nobody knows yet whether the guest did its part.
    assert found[Step.FREEZE] is found[Step.THAW] is Light.OVER
    assert found[Step.VERDICT] is Light.NOW


@pytest.mark.parametrize('task', ['image_snapshot', 'image_pending_upload'])
def test_a_stopped_instance_is_only_copied(task):
    found = under_way(
        builders.instance(status='SHUTOFF', task_state=task), None)

    assert found[Step.COPY] is Light.NOW
    assert found[Step.FREEZE] is Light.UNNEEDED
    assert found[Step.NOVA] is Light.DONE


def test_a_thaw_that_was_not_witnessed_is_doubtful():
    found = under_way(builders.instance(), builders.asked(), frozen())

    assert found[Step.THAW] is Light.DOUBTFUL


def test_a_guest_without_a_channel_is_never_said_to_freeze():
    instance = builders.instance(properties=facts.Properties(
        {}, facts.Source.EMBEDDED), task_state='image_pending_upload')

    found = under_way(instance, builders.asked(status='queued'))

    assert found[Step.FREEZE] is found[Step.THAW] is Light.BLOCKED
    assert found[Step.COPY] is Light.NOW


def test_a_freeze_without_an_end_is_an_alarm():
    assert journey.left_frozen(check(builders.instance(), frozen()))


def test_a_freeze_that_is_going_on_is_none():
    assert not journey.left_frozen(check(
        builders.instance(task_state='image_pending_upload'), frozen()))


def test_a_guest_whose_agent_died_may_stand_frozen():
    console = frozen()
    console.say('stopped')

    assert journey.left_frozen(check(builders.instance(), console))


@pytest.mark.parametrize('event', ['started', 'poweroff', 'thaw'])
def test_a_guest_that_went_on_does_not_stand_frozen(event):
    console = frozen()
    console.say(event, fs=7, hooks=7)

    assert not journey.left_frozen(check(builders.instance(), console))


def test_a_guest_that_was_restarted_does_not_stand_frozen():
    console = frozen()
    console.reboot()

    assert not journey.left_frozen(check(builders.instance(), console))


def test_every_check_stands_on_one_step():
    steps = [check for step in Step for check in step.checks]

    assert sorted(steps, key=list(Check).index) == list(Check)


COPYING = facts.SnapshotTask.COPYING.value
BOUND = journey.LONG.total_seconds()


def copying_long(age=BOUND, image=None, deployment=facts.Deployment(),
                 **changes):
    """Return what is said of a snapshot whose task is that old."""
    instance = builders.instance(**{
        'task_state': COPYING, 'updated': builders.ago(age), **changes})
    return journey.copying_long(
        instance, image or builders.asked(
            status='queued', size=None, created=builders.ago(9000)),
        builders.NOW, deployment)


@pytest.mark.parametrize('age', [BOUND, 740, 8999])
def test_a_copy_that_takes_long_is_told_with_its_time(age):
    assert copying_long(age) == datetime.timedelta(seconds=age)


def test_a_copy_that_somebody_else_began_is_told_as_well():
    image = builders.image(status='queued', created=builders.ago(9000))

    assert copying_long(image=image) == journey.LONG


@pytest.mark.parametrize('age', [BOUND - 1, 0, -1, -10 ** 9])
def test_a_copy_that_has_just_begun_or_begins_in_the_future_is_not(age):
    assert copying_long(age) is None


@pytest.mark.parametrize('task', [
    None, 'image_snapshot_pending', 'image_snapshot', 'image_uploading',
    'image_backup', 'shelving_image_pending_upload', 'rebooting', ''])
def test_at_another_task_nobody_waits_for_the_guest(task):
    assert copying_long(task_state=task) is None


@pytest.mark.parametrize('status', [
    'saving', 'active', 'importing', 'killed', 'deactivated', 'deleted', ''])
def test_a_snapshot_whose_data_has_come_waits_for_nobody(status):
    assert copying_long(image=builders.asked(
        status=status, created=builders.ago(9000))) is None


@pytest.mark.parametrize('created', [
    None, builders.ago(BOUND - 1), builders.ago(-9000)])
def test_an_image_is_told_of_only_if_it_is_as_old(created):
    assert copying_long(image=builders.asked(
        status='queued', created=created)) is None


def test_nothing_is_told_where_nova_does_not_say_since_when():
    assert copying_long(updated=None) is None


@pytest.mark.parametrize('changes', [
    {'status': 'SHUTOFF'}, {'status': 'PAUSED'}, {'status': 'SUSPENDED'},
    {'deployment': facts.Deployment(ephemeral_backend='lvm')},
    *({'image': builders.asked(properties={facts.AGENT_PROPERTY: value},
                               status='queued', created=builders.ago(9000))}
      for value in ('', 'no', 'hostile'))])
def test_a_guest_that_nobody_asks_is_not_blamed(changes):
    assert copying_long(**changes) is None
