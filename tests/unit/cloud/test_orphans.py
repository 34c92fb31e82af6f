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

import json
from unittest import mock

from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import settling
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
