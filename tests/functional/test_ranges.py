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

"""The demo's Glance gives parts of an image, or what it is told instead."""

import pytest
import requests

from tests.functional import test_model


@pytest.fixture
def image(cloud, openstack):
    """Return the address of an image's data, and all of its bytes."""
    image_id = cloud.images['debian-12-agent']
    return ('%s/v2/images/%s/file' % (
        openstack.glance.http_client.get_endpoint().rstrip('/'), image_id),
        test_model.content(openstack, image_id))


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
