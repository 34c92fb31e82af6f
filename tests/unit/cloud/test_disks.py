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
import json
import logging
import time
from unittest import mock

from glanceclient import exc
import pytest
import requests

from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import settling
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from tests import images
from tests.unit import builders
from tests.unit.cloud import answers
from tests.unit import fakes

DISK = images.ext4_image()


def image(data=DISK, **changes):
    return builders.image(size=len(data), **{'checksum': 'sum', **changes})


def hold(client, data=DISK, **options):
    """Let Glance hold this data; return what was asked of it."""
    client.data.data = data
    for name, value in options.items():
        setattr(client.data, name, value)
    return client.data.asked


def answering(*answers):
    return mock.patch.object(glance, 'open_data', side_effect=answers)


def part(body, first=0, length=None, size=len(DISK), status=206):
    last = first + (len(body) if length is None else length) - 1
    return fakes.Answer(status, body, {
        'Content-Range': 'bytes %d-%d/%d' % (first, last, size)})


@pytest.mark.parametrize('data, word', [
    (images.ext4_image(), facts.AT_REST),
    (images.ext4_image(in_use=True), facts.IN_USE),
    (images.ext4_image(damaged=True), facts.DAMAGED),
    (b'\0' * 2048, facts.CANNOT_TELL)])
def test_a_disk_is_read_in_parts(user_request, glance_client, data, word):
    asked = hold(glance_client, data)

    reading = disks.read(user_request, image(data))

    assert reading.word == word
    assert asked and None not in asked
    assert len(asked) <= 10


def test_what_was_read_is_kept_for_the_project(user_request, glance_client):
    asked = hold(glance_client)
    first = disks.read(user_request, image())
    del asked[:]

    again = disks.read(user_request, image())
    known = disks.known(user_request, image())

    assert again == first == known
    assert asked == []


def test_another_project_or_other_data_is_read_by_itself(user_request,
                                                         glance_client):
    hold(glance_client)
    disks.read(user_request, image())

    other = disks.known(user_request, image(checksum='other'))
    user_request.user.tenant_id = 'another'

    assert other is None
    assert disks.known(user_request, image()) is None


@pytest.mark.parametrize('in_use, word', [(False, facts.AT_REST),
                                          (True, facts.IN_USE)])
def test_a_store_without_ranges_is_read_from_the_beginning(
        user_request, glance_client, in_use, word):
    data = images.ext4_image(in_use=in_use)
    asked = hold(glance_client, data, ranges=False)

    reading = disks.read(user_request, image(data))

    assert reading.word == word
    assert asked[1:] == [None]


def test_no_more_of_a_stream_is_read_than_allowed(user_request, settings,
                                                  glance_client):
    settings.SNAPSHOT_PANEL = {'disk_stream_mib': 0}
    hold(glance_client, ranges=False)

    reading = disks.read(user_request, image())

    assert reading.word == facts.CANNOT_TELL
    assert reading.report['reason'] == 'out-of-reach'


def test_a_range_that_is_ignored_is_taken_as_a_stream(user_request,
                                                      glance_client):
    opened = [fakes.Answer(200, DISK), fakes.Answer(200, DISK)]
    with answering(*opened):
        reading = disks.read(user_request, image())

    assert reading.word == facts.AT_REST
    assert all(answer.closed for answer in opened)


@pytest.mark.parametrize('answer', [
    part(DISK[:9000]),
    part(DISK[:9000], length=24 << 10),
    part(DISK[:24 << 10], first=4096),
    part(DISK[:24 << 10], size=len(DISK) + 1),
    fakes.Answer(206, DISK[:24 << 10]),
    fakes.Answer(204), fakes.Answer(302), fakes.Answer(500),
    fakes.Answer(503), fakes.Answer(429)],
    ids=['short', 'cut', 'another range', 'another size', 'unnamed', 'empty',
         'redirect', '500', '503', '429'])
def test_an_answer_that_does_not_fit_is_no_reading(user_request,
                                                   glance_client, answer):
    with answering(answer), pytest.raises(errors.CloudError):
        disks.read(user_request, image())

    assert disks.known(user_request, image()) is None
    assert answer.closed


def test_a_stream_that_is_cut_is_no_reading(user_request, glance_client):
    opened = [fakes.Answer(400), fakes.Answer(200, DISK[:100])]
    with answering(*opened), pytest.raises(errors.Unavailable):
        disks.read(user_request, image())

    assert all(answer.closed for answer in opened)


def test_a_store_that_is_too_slow_is_given_up(user_request, glance_client):
    hold(glance_client)
    ticks = iter(range(0, 10000, 11))
    with mock.patch.object(time, 'monotonic', lambda: next(ticks)):
        with pytest.raises(errors.Unavailable):
            disks.read(user_request, image())

    assert disks.known(user_request, image()) is None


@pytest.mark.parametrize('status, kind', [
    (403, errors.Forbidden), (404, errors.NotFound)])
def test_who_may_not_read_it_is_told(user_request, glance_client, status,
                                     kind):
    with answering(fakes.Answer(status)), pytest.raises(kind):
        disks.read(user_request, image())


@pytest.mark.parametrize('ranges', [True, False])
def test_a_store_is_asked_what_it_can_do_and_nothing_is_read(
        user_request, glance_client, ranges):
    asked = hold(glance_client, ranges=ranges)

    assert disks.gives_parts(user_request, image()) == ranges
    assert asked == ['bytes=0-0'] + [None] * (not ranges)


@pytest.mark.parametrize('opened', [
    [403], [400, 403]], ids=['in parts', 'from the beginning'])
def test_a_store_that_refuses_says_not_what_it_can_do(
        user_request, glance_client, opened):
    with answering(*map(fakes.Answer, opened)):
        with pytest.raises(errors.Forbidden):
            disks.gives_parts(user_request, image())


def test_an_expired_token_leads_to_the_login(user_request, glance_client):
    with answering(fakes.Answer(401)), pytest.raises(exc.HTTPUnauthorized):
        disks.read(user_request, image())


def test_a_connection_that_breaks_is_our_error(user_request, glance_client):
    with answering(requests.ConnectionError()):
        with pytest.raises(errors.Unavailable):
            disks.read(user_request, image())


def patched(client):
    return {operation['path'][1:]: operation['value']
            for call in client.http_client.patch.call_args_list
            for operation in json.loads(call.kwargs['data'])}


def settle(user_request, client, known, unread=()):
    client.images.get.return_value = answers.glance_image(known)
    settling.settle(user_request, builders.instance(), [known], unread)
    return patched(client)


@pytest.mark.parametrize('in_use, sealed', [
    (False, 'filesystem-consistent'), (True, 'crash-consistent')])
def test_a_snapshot_taken_by_any_tool_is_judged_and_sealed(
        user_request, nova_client, glance_client, now, in_use, sealed):
    data = images.ext4_image(in_use=in_use)
    hold(glance_client, data)

    written = settle(user_request, glance_client, image(data),
                     [builders.SNAPSHOT])

    assert written[records.VERDICT] == sealed
    assert written[records.IMAGE] == builders.SNAPSHOT
    nova_client.servers.get_console_output.assert_not_called()


def test_only_the_disks_that_are_asked_for_are_read(user_request,
                                                    nova_client,
                                                    glance_client, now):
    asked = hold(glance_client)

    written = settle(user_request, glance_client, image())

    assert written == {}
    assert asked == []


def test_a_disk_that_decides_needs_no_guest_without_the_kit(
        user_request, nova_client, glance_client, now):
    hold(glance_client)
    known = builders.asked(size=len(DISK))

    written = settle(user_request, glance_client, known)

    assert written[records.RULE] == 'disk-at-rest'
    nova_client.servers.get_console_output.assert_not_called()


def test_a_contradiction_is_logged_as_an_error(user_request, nova_client,
                                               glance_client, now, caplog):
    data = images.ext4_image(in_use=True)
    hold(glance_client, data)
    console = builders.started()
    known = builders.asked(console.baseline, size=len(data))
    console.freeze()
    nova_client.servers.get_console_output.return_value = answers.text(
        console.text)
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('reboot')]

    with caplog.at_level(logging.ERROR):
        written = settle(user_request, glance_client, known)

    assert written[records.RULE] == 'disk-in-use'
    assert 'freeze-witnessed' in caplog.text


def test_a_disk_that_cannot_be_read_now_seals_nothing(user_request,
                                                      nova_client,
                                                      glance_client, now):
    with answering(*[fakes.Answer(503)] * 3), pytest.raises(
            errors.Unavailable):
        settle(user_request, glance_client, image(), [builders.SNAPSHOT])

    assert patched(glance_client) == {}
