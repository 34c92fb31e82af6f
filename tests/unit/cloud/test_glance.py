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

"""What is asked of Glance, and how its images are read."""

import datetime
import io
import json
import types
from unittest import mock
from urllib import parse

from glanceclient import exc
from openstack_dashboard.api import base
from openstack_dashboard.api import glance as horizon_glance
import pytest
import requests

from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from tests.unit import builders
from tests.unit.cloud import answers


def asked(glance_client):
    return glance_client.images.list.call_args.kwargs


@pytest.fixture
def limited(user_request):
    """A Glance that answers 429 to all, as requests gives it."""
    user_request.user.token.id = 'token'
    sent = []

    def answer(_adapter, request, **_options):
        made = requests.Response()
        made.status_code, made.reason = 429, ''
        made.url, made.request = request.url, request
        made.raw = io.BytesIO(limited.body)
        made.headers['Content-Type'] = 'application/json'
        sent.append(made)
        return made

    limited = types.SimpleNamespace(body=b'', sent=sent)
    with (mock.patch.object(requests.adapters.HTTPAdapter, 'send',
                            autospec=True, side_effect=answer),
          mock.patch.object(base, 'url_for', autospec=True,
                            return_value='http://glance')):
        yield limited


@pytest.mark.parametrize('body', [
    b'', b'{"error": {"message": "slow down"}}', b'[]', b'\xff'], ids=repr)
@pytest.mark.parametrize('ask', [
    glance.get_usage,
    lambda session: glance.get_image(session, builders.SNAPSHOT),
    lambda session: glance.list_images(session, {builders.SNAPSHOT}),
    lambda session: glance.delete_image(session, builders.SNAPSHOT),
    lambda session: glance.patch(session, builders.SNAPSHOT, []),
    lambda session: disks.read(session, builders.sealed(size=1 << 20))],
    ids=['usage', 'image', 'images', 'delete', 'patch', 'data'])
def test_too_many_requests_are_told_whatever_the_answer_says(
        user_request, limited, ask, body):
    limited.body = body

    with pytest.raises(errors.TooMany) as caught:
        ask(user_request)

    assert caught.value.service == 'Glance'
    assert errors.code(caught.value) == 429
    assert [answer.raw.closed for answer in limited.sent] == [True]


@pytest.mark.parametrize('timeout', [60, 5])
def test_the_client_does_not_wait_for_ever(settings, user_request, timeout):
    settings.SNAPSHOT_PANEL = {'request_timeout': timeout}

    with mock.patch.object(horizon_glance, 'glanceclient', autospec=True):
        client = glance.client(user_request)

    assert client.http_client.timeout == timeout


def test_the_projects_newest_snapshots_are_asked_for(
        settings, user_request, glance_client):
    settings.SNAPSHOT_PANEL = {'snapshots_listed': 7}

    glance.list_snapshots(user_request)

    assert [dict(parse.parse_qsl(call.args[0].partition('?')[2]))
            for call in glance_client.http_client.get.call_args_list] == [
        {'image_type': kind, 'owner': 'project', 'limit': '7',
         'sort': 'created_at:desc'} for kind in ('snapshot', 'backup')]


def test_backups_are_snapshots_too(user_request, glance_client):
    images = [builders.sealed(id=builders.BASE_IMAGE,
                              created=builders.ago(30),
                              properties={'image_type': 'backup'}),
              builders.sealed(created=builders.ago(60)),
              builders.image({'image_type': 'other'})]
    glance_client.images.list.return_value = [
        answers.glance_image(image) for image in images]

    everywhere = glance.list_snapshots(user_request)
    here = glance.list_snapshots(user_request, builders.INSTANCE)

    assert [image.id for image in everywhere] == [builders.BASE_IMAGE,
                                                  builders.SNAPSHOT]
    assert [image.id for image in here] == [image.id for image in images]


def test_snapshots_of_one_instance_are_asked_for(user_request,
                                                 glance_client):
    glance.list_snapshots(user_request, 'web')

    assert asked(glance_client)['instance_uuid'] == 'web'


def test_images_are_asked_for_by_id(user_request, glance_client):
    glance.list_images(user_request, {'b', 'a'})

    assert asked(glance_client)['id'] == 'in:a,b'
    assert asked(glance_client)['limit'] == '2'


def test_the_next_page_is_asked_for_while_it_is_wanted(user_request,
                                                       glance_client):
    image = answers.glance_image(builders.image())
    glance_client.http_client.get.side_effect = [
        (None, {'images': [image, image], 'next': '/v2/images?marker=b'}),
        (None, {'images': [image, image], 'next': '/v2/images?marker=d'})]

    found = list(glance.find(user_request, {'name': 'eq:ä'}, 2, 3))

    assert len(found) == 3
    assert [call.args for call in glance_client.http_client.get.mock_calls
            ] == [('/v2/images?name=eq%3A%C3%A4&limit=2&sort='
                   'created_at%3Adesc',), ('/v2/images?marker=b',)]


def test_no_images_are_not_asked_for(user_request, glance_client):
    assert glance.list_images(user_request, set()) == []
    assert not glance_client.images.list.called


def test_an_image_is_read(user_request, glance_client):
    glance_client.images.get.return_value = {
        'id': 'x', 'name': 'web-1', 'status': 'active', 'size': 12,
        'owner': 'project', 'tags': ['a'], 'min_disk': 1,
        'created_at': '2026-11-22T11:00:00Z',
        'updated_at': '2026-11-22T11:01:00Z',
        'instance_uuid': 'web', 'os_version': 12, 'os_distro': None}

    image = glance.get_image(user_request, 'x')

    assert image.properties == {'instance_uuid': 'web', 'os_version': '12'}
    assert (image.instance_id, image.size, image.owner) == ('web', 12,
                                                            'project')
    assert image.created == datetime.datetime(
        2026, 11, 22, 11, tzinfo=datetime.timezone.utc)
    assert image.updated - image.created == datetime.timedelta(minutes=1)


def test_an_image_without_a_name_has_an_empty_one(user_request,
                                                  glance_client):
    glance_client.images.get.return_value = {
        **answers.glance_image(builders.image()), 'name': None}

    assert glance.get_image(user_request, 'x').name == ''


def test_what_is_read_is_what_was_written(user_request, glance_client):
    glance_client.images.list.return_value = [
        answers.glance_image(builders.sealed())]

    image, = glance.list_snapshots(user_request)

    assert image == builders.sealed(owner='project', visibility='private')


@pytest.mark.parametrize('status, active, gone', [
    ('active', True, False), ('queued', False, False),
    ('saving', False, False), ('deleted', False, True),
    ('killed', False, False), ('pending_delete', False, True)])
def test_a_status_says_whether_the_image_is_there(status, active, gone):
    image = builders.image(status=status)

    assert (image.active, image.gone) == (active, gone)


def test_an_image_that_does_not_exist_is_not_found(user_request,
                                                   glance_client):
    glance_client.images.get.side_effect = exc.HTTPNotFound()

    with pytest.raises(errors.NotFound):
        glance.get_image(user_request, 'x')


def test_a_page_that_fails_while_it_is_read_is_our_error(user_request,
                                                         glance_client):
    def broken():
        yield answers.glance_image(builders.image())
        raise exc.HTTPServiceUnavailable()
    glance_client.images.list.return_value = broken()

    with pytest.raises(errors.Unavailable):
        glance.list_snapshots(user_request)


def test_properties_are_added_and_names_escaped(user_request,
                                                glance_client):
    glance.add_properties(user_request, 'x', {'b/c~d': '2', 'a': '1'})

    call = glance_client.http_client.patch.call_args
    assert call.args == ('/v2/images/x',)
    assert call.kwargs['headers'] == {
        'Content-Type': 'application/openstack-images-v2.1-json-patch'}
    assert json.loads(call.kwargs['data']) == [
        {'op': 'add', 'path': '/a', 'value': '1'},
        {'op': 'add', 'path': '/b~1c~0d', 'value': '2'}]


def test_a_refused_patch_is_our_error(user_request, glance_client):
    glance_client.http_client.patch.side_effect = exc.HTTPForbidden()

    with pytest.raises(errors.Forbidden):
        glance.add_properties(user_request, 'x', {'a': '1'})


def test_an_image_is_deleted_even_if_it_is_gone(user_request, glance_client):
    glance.delete_image(user_request, 'x')
    glance_client.images.delete.side_effect = exc.HTTPNotFound()
    glance.delete_image(user_request, 'x')

    assert glance_client.images.delete.call_args.args == ('x',)


def test_an_image_that_may_not_be_deleted_is_refused(user_request,
                                                     glance_client):
    glance_client.images.delete.side_effect = exc.HTTPForbidden()

    with pytest.raises(errors.Forbidden):
        glance.delete_image(user_request, 'x')


def hidden(**changes):
    return {**answers.glance_image(builders.sealed(**changes)),
            'os_hidden': True}


def test_hidden_snapshots_of_an_instance_are_among_the_others(
        user_request, glance_client):
    glance_client.images.list.return_value = [
        answers.glance_image(builders.sealed(
            id=builders.BASE_IMAGE, created=builders.ago(30))),
        hidden(created=builders.ago(20)),
        answers.glance_image(builders.sealed(
            id=builders.COPIES[0], created=builders.ago(10)))]
    glance_client.images.list.return_value.reverse()

    found = glance.list_snapshots(user_request, builders.INSTANCE)

    assert [image.id for image in found] == [
        builders.COPIES[0], builders.SNAPSHOT, builders.BASE_IMAGE]
    assert [image.hidden for image in found] == [False, True, False]


@pytest.mark.parametrize('limit', [1, 2, 3])
def test_both_lists_together_give_no_more_than_was_asked_for(
        limit, user_request, glance_client):
    glance_client.images.list.return_value = [
        hidden(), answers.glance_image(builders.sealed(
            id=builders.BASE_IMAGE))]

    found = glance.list_snapshots(user_request, builders.INSTANCE, limit)

    assert len(found) == min(limit, 2)


def test_a_hidden_image_is_found_by_its_id(user_request, glance_client):
    glance_client.images.list.return_value = [hidden()]

    found = glance.list_images(user_request, [builders.SNAPSHOT])

    assert [image.id for image in found] == [builders.SNAPSHOT]


def test_where_nothing_is_missing_nobody_asks_for_hidden_ones(
        user_request, glance_client):
    glance_client.images.list.return_value = [
        answers.glance_image(builders.sealed())]

    glance.list_images(user_request, [builders.SNAPSHOT])

    assert glance_client.images.list.call_count == 1
