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

"""Empty images of requests that Nova refused: gone only where it is proven."""

import logging

from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import settling
from snapshot_panel.consistency import leftovers
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now', 'nova_client', 'glance_client')

LONG_AGO = builders.ago(2 * leftovers.AGE)
LATELY = builders.ago(leftovers.AGE / 2)
LEFT = '33333333-cccc-4ccc-8ccc-333333333333'


def left(properties=None, requested=LONG_AGO, **changes):
    """Return the image that a refused request left behind."""
    return builders.asked(**{
        'id': LEFT, 'status': 'queued', 'size': None, 'created': LONG_AGO,
        'updated': LONG_AGO, 'properties': {
            records.IMAGE: 'none', records.ACTION: 'none',
            records.REQUESTED_AT: records.format_time(requested),
            **(properties or {})}, **changes})


def winner(**changes):
    """Return the snapshot that Nova was busy with."""
    return builders.sealed(**changes)


@pytest.fixture
def actions(nova_client):
    """Let Nova record these snapshots, newest first, since the request."""
    def record(*request_ids, name='createImage'):
        nova_client.instance_action.list.return_value = [
            *[answers.nova_action(name, each) for each in request_ids],
            answers.nova_action('reboot')]

    record(builders.OWN)
    return record


@pytest.fixture
def settle(user_request, nova_client, glance_client):
    """Settle an instance with these images; give the ids that went."""
    def settled(*images, instance=None, now=None):
        held = {each.id: answers.glance_image(each) for each in images}
        held.update(now or {})
        glance_client.images.get.side_effect = lambda image_id: dict(
            held[image_id])
        instance = instance or builders.instance()
        _instance, rest = settling.settle(user_request, instance, images)
        gone = [call.args[0] for call
                in glance_client.images.delete.call_args_list]
        assert {image.id for image in rest} == {
            image.id for image in images} - set(gone)
        return gone

    return settled


@pytest.mark.usefixtures('actions')
def test_what_a_refused_request_left_is_deleted_with_its_reason(settle,
                                                                caplog):
    with caplog.at_level(logging.WARNING):
        gone = settle(winner(), left())

    assert gone == [LEFT]
    assert LEFT in caplog.text
    assert 'Nova had refused the request' in caplog.text


@pytest.mark.usefixtures('actions')
def test_an_images_name_writes_no_line_of_its_own_into_the_log(settle,
                                                               caplog):
    with caplog.at_level(logging.WARNING):
        settle(winner(), left(name='x\n2026 ERROR forged \x1b[2J\u202e'))

    assert LEFT in caplog.text
    for record in caplog.records:
        assert record.getMessage().isprintable()


def test_it_goes_where_nova_began_no_snapshot_at_all(settle, actions):
    actions()

    assert settle(left()) == [LEFT]


@pytest.mark.usefixtures('actions')
@pytest.mark.parametrize('image', [
    left(status='saving'), left(status='active'), left(status='uploading'),
    left(status='importing'), left(size=1), left(checksum='sum'),
    left(protected=True), left(owner='another'), left(owner=None),
    left(created=LATELY), left(updated=LATELY), left(requested=LATELY),
    left({records.REQUESTED_AT: 'none'}),
    left({records.IMAGE: LEFT}), left({records.VERDICT: 'crash-consistent'}),
    left({records.STATE: 'none'}), left({'image_type': 'image'}),
    left({'instance_uuid': builders.VOLUMES[0]}),
    left(builders.mapping())], ids=lambda image: repr(image)[-60:])
def test_what_may_be_anything_else_stays(settle, image):
    assert settle(winner(), image) == []


@pytest.mark.usefixtures('actions')
@pytest.mark.parametrize('instance', [
    builders.instance(task_state='image_pending_upload'),
    builders.remembering(builders.memory(image_id=LEFT)),
    builders.instance(metadata=builders.plan(
        restart.Phase.TAKING).metadata())])
def test_what_may_still_be_made_stays(instance):
    assert leftovers.suspects(instance, [left()], builders.NOW) == []
    assert leftovers.suspects(builders.instance(), [left()], builders.NOW)
    assert leftovers.suspects(builders.instance(), [left(created=None)],
                              builders.NOW) == []


@pytest.mark.parametrize('accepted', [
    [builders.OWN, 'req-of-horizon'], ['req-of-horizon']])
def test_a_snapshot_that_nobody_can_match_may_be_this_one(settle, actions,
                                                          accepted):
    actions(*accepted)

    assert settle(winner(), left()) == []


def test_a_request_that_nova_no_longer_records_proves_nothing(settle,
                                                              nova_client):
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN)]

    assert settle(winner(), left()) == []


@pytest.mark.usefixtures('actions')
def test_the_winner_has_to_be_bound_itself(settle):
    inherited = winner(id=builders.COPIES[0])

    assert not records.is_bound(inherited)
    assert settle(inherited, left()) == []


@pytest.mark.usefixtures('actions')
def test_it_is_read_again_right_before(settle, nova_client):
    changed = answers.glance_image(left(status='saving'))

    assert settle(winner(), left(), now={LEFT: changed}) == []

    nova_client.servers.get.return_value = answers.server(
        **{'OS-EXT-STS:task_state': 'image_snapshot'})
    assert settle(winner(), left()) == []


@pytest.mark.usefixtures('actions')
def test_who_may_not_delete_it_is_not_kept_from_the_rest(
        user_request, glance_client, settle):
    glance_client.images.delete.side_effect = glance_exceptions.HTTPForbidden()
    glance_client.images.get.side_effect = lambda _id: answers.glance_image(
        left())

    _instance, rest = settling.settle(user_request, builders.instance(),
                                      [winner(), left()])

    assert glance_client.images.delete.called
    assert len(rest) == 2


def test_where_nova_does_not_say_what_it_began_it_stays(settle, nova_client):
    nova_client.instance_action.list.side_effect = (
        nova_exceptions.ClientException(503))

    assert settle(winner(), left()) == []


def test_without_a_suspect_nobody_asks(settle, nova_client):
    assert settle(winner()) == []
    assert not nova_client.instance_action.list.called


def test_it_goes_while_others_of_many_stay(settle, actions):
    actions(builders.OWN)
    many = [left(id='%08d-cccc-4ccc-8ccc-333333333333' % number)
            for number in range(15)]

    gone = settle(winner(), *many)

    # The next look takes the rest.
    assert len(gone) == 10


def test_a_plan_takes_the_snapshot_and_not_what_a_refusal_left():
    made = builders.plan(restart.Phase.TAKING, image_id=None)
    done = [builders.action('stop'), builders.action('reboot', made.after)]
    since = {records.AFTER_ACTION: done[0].request_id}
    own = winner(properties=since)

    assert restart.own_image(made, done, [left(since), own]) == own
    assert restart.own_image(made, done, [left(since)]) == left(since)
