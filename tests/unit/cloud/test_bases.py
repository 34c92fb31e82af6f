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

"""The disks in the images that instances were launched from."""

from glanceclient import exc
import pytest

from snapshot_panel.cloud import details
from tests import images
from tests.unit import builders
from tests.unit.cloud import answers

INSTANCES = [builders.instance(id=name) for name in ('one', 'two')]


@pytest.fixture
def xfs(glance_client):
    glance_client.data.data = images.marked_image('xfs')
    glance_client.images.get.return_value = answers.glance_image(
        builders.image(id=builders.BASE_IMAGE, checksum='sum',
                       size=len(glance_client.data.data)))
    return glance_client


def test_many_instances_of_one_image_have_it_read_once(user_request, xfs):
    assert details.recall_bases(user_request, INSTANCES) == {}

    details.read_bases(user_request, INSTANCES)
    once = len(xfs.data.asked)
    details.read_bases(user_request, INSTANCES)

    recalled = details.recall_bases(user_request, INSTANCES)
    assert recalled[builders.BASE_IMAGE].kinds == ('xfs',)
    assert xfs.images.get.call_count == 1
    assert len(xfs.data.asked) == once


def test_the_page_of_one_instance_reads_it_for_all(user_request, nova_client,
                                                   xfs):
    details.ask_about(user_request, INSTANCES[0])

    recalled = details.recall_bases(user_request, INSTANCES)
    assert recalled[builders.BASE_IMAGE].kinds == ('xfs',)


@pytest.mark.parametrize('failing', [
    exc.HTTPNotFound(), exc.HTTPForbidden(), exc.HTTPInternalServerError()])
def test_one_that_cannot_be_read_is_not_asked_for_at_each_look(
        user_request, glance_client, failing):
    glance_client.images.get.side_effect = failing

    for _look in range(3):
        details.read_bases(user_request, INSTANCES)

    assert glance_client.images.get.call_count == 1
    assert details.recall_bases(user_request, INSTANCES) == {
        builders.BASE_IMAGE: None}


def test_an_instance_on_volumes_has_none(user_request, glance_client):
    details.read_bases(user_request, [builders.instance(image_id=None)])

    assert not glance_client.images.get.called
