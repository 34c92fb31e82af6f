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

"""An instance with an image may boot from a volume: what tells, and what fits.

Fact 41.
"""

import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import roots
from snapshot_panel.consistency import verdict
from tests.unit import builders

Finding = checklist.Finding
Rule = verdict.Rule


def with_volumes(*volumes, **changes):
    return roots.with_root(builders.instance(
        volume_ids=builders.VOLUMES[:len(volumes)] or builders.VOLUMES,
        **changes), volumes)


def volume(device, number=0, bootable=True):
    return builders.volume(number, bootable=bootable,
                           devices={builders.INSTANCE: device})


@pytest.mark.parametrize('device', ['/dev/vda', '/dev/sda', '/dev/xvda',
                                    '/dev/hda', '/dev/nvme0n1', 'vda'])
def test_a_bootable_volume_on_the_first_device_is_the_root_disk(device):
    assert with_volumes(volume(device)).volume_backed


@pytest.mark.parametrize('device', ['/dev/vdb', '/dev/sdaa', '/dev/nvme1n1',
                                    '/dev/vda1'])
def test_a_bootable_volume_elsewhere_is_not(device):
    instance = with_volumes(volume(device))

    assert instance.root_volume is False
    assert not instance.volume_backed


def test_the_name_of_the_root_disk_decides_where_nova_tells_it():
    named = {'root_device': '/dev/vdb'}

    assert with_volumes(volume('/dev/vdb', bootable=False),
                        **named).volume_backed
    assert with_volumes(volume('/dev/vda'), **named).root_volume is False


@pytest.mark.parametrize('volumes', [
    (), (volume('/dev/sda', bootable=False),), (volume(''),)])
def test_what_does_not_tell_leaves_it_open(volumes):
    instance = with_volumes(*volumes)

    assert instance.root_volume is None
    assert instance.may_be_volume_backed


def test_a_volume_that_cinder_did_not_tell_of_may_be_the_root():
    instance = roots.with_root(
        builders.instance(volume_ids=builders.VOLUMES),
        [volume('/dev/vdb', 1)])

    assert instance.root_volume is None


def test_without_an_image_it_is_a_volume_whoever_says_what():
    instance = with_volumes(volume('/dev/vdb'), image_id=None)

    assert instance.volume_backed


def test_the_newest_snapshot_of_the_panel_tells_where_volumes_do_not():
    instance = builders.instance(volume_ids=builders.VOLUMES)
    of_volumes = builders.asked(properties=builders.mapping())

    assert roots.with_root(instance, images=[of_volumes,
                                             builders.asked()]).root_volume
    assert roots.with_root(instance, images=[
        builders.asked(), of_volumes]).root_volume is False


@pytest.mark.parametrize('image', [
    builders.image(builders.mapping()),
    builders.asked(properties=builders.mapping(), status='queued'),
    builders.asked(properties={**builders.mapping(),
                               records.IMAGE: builders.BASE_IMAGE})])
def test_what_the_panel_did_not_take_tells_nothing(image):
    instance = builders.instance(volume_ids=builders.VOLUMES)

    assert roots.with_root(instance, images=[image]).root_volume is None


def check(instance, volumes):
    return checklist.check(instance, checklist.Guest(), facts.Deployment(),
                           volumes=volumes)


def test_its_root_volume_is_not_left_out():
    volumes = (volume('/dev/vda'), volume('/dev/vdb', 1))
    instance = with_volumes(*volumes)

    checks = check(instance, volumes)

    assert checks.has(Finding.ROOT_VOLUME)
    assert checks.has(Finding.VOLUMES_TAKEN)
    assert not checks.has(Finding.VOLUMES_LEFT_OUT)


def test_what_nobody_told_is_said():
    instance = builders.instance(volume_ids=builders.VOLUMES)

    assert check(instance, ()).has(Finding.ROOT_UNDECIDED)
    # Nobody asked yet.
    assert not check(instance, None).has(Finding.ROOT_UNDECIDED)


def only(instance, image):
    found, = known.snapshots(instance, [image], builders.NOW,
                             facts.Deployment())
    return found


@pytest.mark.parametrize('rule, image, changes', [
    (Rule.HOLDS_A_DISK, builders.sealed(Rule.DISK_AT_REST),
     {'image_id': None}),
    (Rule.HOLDS_VOLUMES, builders.sealed(
        Rule.FREEZE_WITNESSED, properties=builders.mapping()),
     {'root_volume': False}),
    (Rule.OF_ANOTHER, builders.sealed(
        properties=builders.mapping(), id=builders.BASE_IMAGE), {}),
    (Rule.OF_ANOTHER, builders.image(
        {'instance_uuid': builders.BASE_IMAGE}), {}),
    (Rule.OF_ANOTHER, builders.image({'image_type': 'base'}), {})])
def test_what_does_not_fit_is_shown_and_not_believed(rule, image, changes):
    found = only(builders.instance(**changes), image)

    assert found.decision.rule is rule
    assert not (found.pending or found.unread or found.counts)
    assert not found.decision.verdict.consistent


@pytest.mark.parametrize('image, changes', [
    (builders.asked(), {}), (builders.asked(), {'root_volume': False}),
    (builders.asked(properties=builders.mapping()), {'image_id': None}),
    (builders.asked(properties=builders.mapping()), {}),
    # The list of its volume snapshots is gone: it holds no data.
    (builders.asked(size=0), {'image_id': None}),
    (builders.asked(properties={'image_type': 'base'}), {}),
    (builders.image({'image_type': 'backup'}), {})])
def test_everything_else_fits(image, changes):
    assert roots.misfit(builders.instance(**changes), image) is None


def test_nothing_is_left_to_do_about_what_does_not_fit():
    instance = builders.instance(image_id=None)

    assert not known.unsettled(instance, [builders.asked()], builders.NOW,
                               facts.Deployment())
