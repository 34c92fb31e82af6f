# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Stores that give parts of an image, that do not, and that do it wrongly."""

import pytest
import requests

from tests import clients


@pytest.fixture
def image(cloud, openstack):
    """Return the address of an image's data, and all of its bytes."""
    image_id = cloud.images['debian-12-agent']
    return ('%s/v2/images/%s/file' % (
        openstack.glance.http_client.get_endpoint().rstrip('/'), image_id),
        openstack.content(image_id))


def part(openstack, url, first, last):
    token = openstack.nova.client.session.get_token()
    with requests.Session() as http:
        http.trust_env = False
        return http.get(url, timeout=60, headers={
            'X-Auth-Token': token, 'Range': 'bytes=%d-%d' % (first, last)})


def test_a_part_is_given(openstack, image):
    url, data = image

    answer = part(openstack, url, 1000, 1999)

    assert answer.status_code == 206
    assert answer.content == data[1000:2000]
    assert answer.headers['Content-Range'] == (
        'bytes 1000-1999/%d' % len(data))


def test_a_store_may_not_give_parts(openstack, image, ranges):
    ranges('refused')

    answer = part(openstack, image[0], 1000, 1999)

    assert answer.status_code == 400


def test_a_range_may_be_ignored(openstack, image, ranges):
    url, data = image
    ranges('ignored')

    answer = part(openstack, url, 1000, 1999)

    assert answer.status_code == 200
    assert answer.content == data


def test_a_part_may_be_cut(openstack, image, ranges):
    ranges('cut')

    with pytest.raises(requests.exceptions.RequestException):
        part(openstack, image[0], 1000, 1999)


def test_another_part_may_come(openstack, image, ranges):
    url, data = image
    ranges('shifted')

    answer = part(openstack, url, 1000, 1999)

    assert answer.status_code == 206
    assert answer.content == data[1512:2512]
    assert answer.headers['Content-Range'] == (
        'bytes 1512-2511/%d' % len(data))


@pytest.fixture
def taken(cloud, openstack):
    """Take one with Nova's own API, unread yet; return it and its instance."""
    instance_id = cloud.instances['db-agent-no-kit']
    image_id = openstack.nova.servers.create_image(instance_id, 'to-read')
    clients.wait_for(lambda: openstack.glance.images.get(
        image_id)['status'] == 'active', 'a snapshot')
    clients.wait_for(lambda: openstack.idle(instance_id), 'Nova to be idle')
    yield instance_id, image_id
    openstack.glance.images.delete(image_id)


def judge(dashboard, openstack, instance_id, image_id):
    """Look at the instance as the page's script does; return the rule."""
    answer = dashboard.post('%s%s/news/' % (clients.PANEL, instance_id))
    assert answer.status_code == 200, answer.text
    image = openstack.glance.images.get(image_id)
    return (image.get('consistency_verdict'), image.get('consistency_rule'))


@pytest.mark.parametrize('way', ['', 'refused', 'ignored'])
def test_a_snapshot_taken_by_command_is_judged_whatever_the_store_can(
        way, taken, ranges, openstack, dashboard):
    if way:
        ranges(way)

    found = judge(dashboard, openstack, *taken)

    assert found == ('filesystem-consistent', 'disk-at-rest')


@pytest.mark.parametrize('way', ['cut', 'shifted'])
def test_a_part_that_came_wrong_decides_nothing_and_is_read_again(
        way, taken, ranges, openstack, dashboard):
    ranges(way)
    wrong = judge(dashboard, openstack, *taken)
    ranges('')

    right = judge(dashboard, openstack, *taken)

    assert wrong == (None, None)
    assert right == ('filesystem-consistent', 'disk-at-rest')
