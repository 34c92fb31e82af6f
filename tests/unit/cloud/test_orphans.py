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

"""Snapshots of instances that were deleted before the verdict."""

import dataclasses
import json
from unittest import mock

from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import settling
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from tests import images
from tests.unit import builders
from tests.unit.cloud import answers

Rule = verdict.Rule


@pytest.fixture
def written():
    """What is written on the image."""
    with mock.patch.object(glance, 'add_properties',
                           autospec=True) as add_properties:
        yield add_properties


def hold(client, image, data):
    """Let Glance hold a snapshot with this disk."""
    client.data.data = data
    client.images.get.return_value = answers.glance_image(image)


def snapshot(make, data=b''):
    return make(size=len(data) or 1, checksum='sum')


@pytest.fixture
def deleted(nova_client):
    nova_client.servers.get.side_effect = nova_exceptions.NotFound(404)


@pytest.mark.parametrize('make', [builders.image, builders.asked])
@pytest.mark.parametrize('data, rule', [
    (images.ext4_image(), Rule.DISK_AT_REST),
    (images.ext4_image(in_use=True), Rule.DISK_IN_USE)])
def test_its_disk_alone_decides(user_request, deleted, glance_client, written,
                                make, data, rule):
    hold(glance_client, snapshot(make, data), data)

    settling.settle_orphan(user_request, builders.SNAPSHOT)

    _session, image_id, values = written.call_args.args
    assert image_id == builders.SNAPSHOT
    assert values['consistency_rule'] == rule.code


@pytest.mark.parametrize('make, rule', [
    (builders.asked, Rule.NO_CONSOLE), (builders.image, Rule.NOT_OURS)])
def test_a_disk_that_cannot_tell_proves_nothing(user_request, deleted,
                                                glance_client, written, make,
                                                rule):
    data = images.marked_image('xfs')
    hold(glance_client, snapshot(make, data), data)

    settling.settle_orphan(user_request, builders.SNAPSHOT)

    values = written.call_args.args[2]
    assert (values['consistency_verdict'],
            values['consistency_rule']) == ('unproven', rule.code)
    assert 'xfs' in json.dumps(json.loads(values['consistency_evidence']))


def test_an_instance_that_exists_is_left_to_its_page(
        user_request, nova_client, glance_client, written):
    hold(glance_client, snapshot(builders.asked), None)
    # One node lags behind the others.
    nova_client.servers.get.side_effect = [
        nova_exceptions.NotFound(404), answers.server()]

    assert settling.settle_orphan(user_request, builders.SNAPSHOT) is None
    assert not written.called


@pytest.mark.parametrize('make', [builders.image, builders.asked])
def test_a_disk_that_may_not_be_read_is_left_to_others(
        user_request, deleted, glance_client, written, make):
    hold(glance_client, snapshot(make), None)
    glance_client.data.refusal = 403

    with pytest.raises(errors.Forbidden):
        settling.settle_orphan(user_request, builders.SNAPSHOT)

    assert not written.called


def test_what_another_project_shares_is_left_to_it(
        user_request, deleted, glance_client, written):
    data = images.ext4_image()
    hold(glance_client, builders.image(size=len(data), checksum='sum',
                                       owner='another'), data)

    with pytest.raises(errors.NotFound):
        settling.settle_orphan(user_request, builders.SNAPSHOT)

    assert not glance_client.data.asked
    assert not written.called


def test_what_has_its_verdict_keeps_it(user_request, deleted, glance_client,
                                       written):
    hold(glance_client, builders.sealed(Rule.DISK_IN_USE), None)

    image = settling.settle_orphan(user_request, builders.SNAPSHOT)

    assert verdict.look(image).rule is Rule.DISK_IN_USE
    assert not written.called


KEY = 'a secret of thirty-two characters'


def sealed(rule, data, **changes):
    return builders.sealed(rule, size=len(data), checksum='sum', **changes)


def test_a_seal_is_signed_with_the_operators_key(
        user_request, deleted, glance_client, written, settings):
    settings.SNAPSHOT_PANEL = {'signing_keys': [KEY]}
    data = images.ext4_image()
    image = snapshot(builders.image, data)
    hold(glance_client, image, data)

    settling.settle_orphan(user_request, builders.SNAPSHOT)

    after = glance.image_of(answers.glance_image(dataclasses.replace(
        image, properties={**image.properties, **written.call_args.args[2]})))
    assert after.signature is facts.Signature.HERE
    settings.SNAPSHOT_PANEL = {}
    assert verdict.look(after).rule is Rule.DISK_AT_REST


def test_without_a_key_nothing_is_signed(user_request, deleted, glance_client,
                                         written):
    data = images.ext4_image()
    hold(glance_client, snapshot(builders.image, data), data)

    settling.settle_orphan(user_request, builders.SNAPSHOT)

    assert 'consistency_signature' not in written.call_args.args[2]


def test_an_image_comes_in_with_what_its_signature_says(settings):
    settings.SNAPSHOT_PANEL = {'signing_keys': [KEY]}
    forged = builders.sealed(properties={'consistency_signature': 'x'})

    image = glance.image_of(answers.glance_image(forged))

    assert verdict.look(image).rule is Rule.FORGED


@pytest.mark.parametrize('rule, data, found', [
    (Rule.DISK_AT_REST, images.ext4_image(), 'confirmed'),
    (Rule.FREEZE_WITNESSED, images.ext4_image(), 'confirmed'),
    (Rule.DISK_IN_USE, images.ext4_image(in_use=True), 'confirmed'),
    (Rule.DISK_AT_REST, images.ext4_image(in_use=True), 'contradicted'),
    (Rule.DISK_AT_REST, images.marked_image('xfs'), 'contradicted'),
    (Rule.DISK_IN_USE, images.ext4_image(), 'contradicted'),
    (Rule.FREEZE_WITNESSED, images.ext4_image(in_use=True), 'contradicted'),
    (Rule.FREEZE_WITNESSED, images.marked_image('xfs'), 'open'),
    (Rule.SILENT, images.ext4_image(), 'open')])
def test_a_disk_that_is_read_again_is_compared_and_nothing_written(
        user_request, glance_client, written, caplog, rule, data, found):
    hold(glance_client, sealed(rule, data), data)

    assert settling.check_again(
        user_request, builders.SNAPSHOT).value == found

    assert not written.called
    assert ('read again, says' in caplog.text) == (found == 'contradicted')


def test_it_is_read_again_and_not_remembered(user_request, glance_client,
                                             written):
    resting, busy = (images.ext4_image(in_use=each) for each in (False, True))
    image = sealed(Rule.DISK_AT_REST, resting)
    hold(glance_client, image, resting)
    settling.check_again(user_request, builders.SNAPSHOT)
    hold(glance_client, image, busy)

    assert settling.check_again(
        user_request, builders.SNAPSHOT).value == 'contradicted'


def test_another_projects_disk_is_not_read_again(user_request, glance_client):
    data = images.ext4_image()
    hold(glance_client, sealed(Rule.DISK_AT_REST, data, owner='another'),
         data)

    with pytest.raises(errors.NotFound):
        settling.check_again(user_request, builders.SNAPSHOT)

    assert not glance_client.data.asked


def test_what_has_no_data_cannot_be_checked(user_request, glance_client):
    hold(glance_client, builders.sealed(size=0), b'')

    with pytest.raises(errors.Conflict):
        settling.check_again(user_request, builders.SNAPSHOT)
