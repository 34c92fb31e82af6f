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

"""An image is deleted, deactivated or edited in the middle of the work."""

import contextlib
from unittest import mock

from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance as images
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from tests import images as disks
from tests.unit import builders
from tests.unit.cloud import answers
from tests.unit import fakes

pytestmark = pytest.mark.usefixtures('now')

DISK = disks.ext4_image()
# So old that nobody waits for its disk any more.
LONG_AGO = builders.ago(7200)
# A guest without the kit: its disk alone can prove it.
SNAPSHOT = builders.asked(size=len(DISK), checksum='sum', updated=LONG_AGO,
                          created=LONG_AGO)
REMEMBERING = builders.remembering(builders.memory())


@pytest.fixture
def glance(nova_client, glance_client):
    nova_client.servers.list.return_value = []
    nova_client.servers.get_console_output.return_value = 'login: '
    glance_client.data.data = DISK
    return answers.Glance(glance_client, SNAPSHOT)


@pytest.fixture
def reading(glance, glance_client):
    """Let something happen when the disk's data are first asked for."""
    # Not by monkeypatch, which may be undone after what glance_client does
    # and leaves its data behind then.
    with contextlib.ExitStack() as stack:
        def meanwhile(happens):
            waiting = [happens]

            def data(*args):
                if waiting:
                    waiting.pop()()
                image = glance.images.get(args[1])
                if image is None:
                    return fakes.Answer(404)
                if image['status'] == 'deactivated':
                    return fakes.Answer(403)
                return glance_client.data(*args)
            stack.enter_context(
                mock.patch.object(images, 'open_data', data))
        yield meanwhile


def status(glance, value):
    return lambda: glance.images[SNAPSHOT.id].update(status=value)


def settle(user_request, glance, instance=REMEMBERING):
    return settling.settle(user_request, instance, [
        images.image_of(values) for values in glance.images.values()])


def sealed(glance):
    rule = glance.images[SNAPSHOT.id].get(records.RULE)
    # What is written until then keeps an inherited one from counting.
    return None if rule == 'none' else rule


def test_what_is_deactivated_before_its_disk_is_read_waits_for_it(
        user_request, glance, reading, nova_client):
    reading(status(glance, 'deactivated'))

    settle(user_request, glance)
    assert sealed(glance) is None

    status(glance, 'active')()
    settle(user_request, glance)
    assert sealed(glance) == verdict.Rule.DISK_AT_REST.code


def test_what_is_deactivated_once_it_was_read_is_sealed_when_it_is_back(
        user_request, glance, glance_client):
    read = glance_client.images.get.side_effect

    def get(image_id):
        status(glance, 'deactivated')()
        return read(image_id)
    glance_client.images.get.side_effect = get
    settle(user_request, glance)
    assert sealed(glance) is None

    glance_client.images.get.side_effect = read
    status(glance, 'active')()
    settle(user_request, glance)
    assert sealed(glance) == verdict.Rule.DISK_AT_REST.code


@pytest.mark.parametrize('left', [0, 1, 2])
def test_what_is_deleted_is_not_sealed_and_reported_by_the_next_look(
        user_request, glance, reading, glance_client, nova_client, left):
    """Before its disk is read, before it is read again, before the seal."""
    def delete():
        glance.images.pop(SNAPSHOT.id, None)
    if not left:
        reading(delete)
    else:
        name = 'get' if left == 1 else 'patch'
        place = (glance_client.images if left == 1
                 else glance_client.http_client)
        former = getattr(place, name).side_effect

        def gone(*args, **options):
            delete()
            if left == 2:
                raise glance_exceptions.HTTPNotFound()
            return former(*args, **options)
        getattr(place, name).side_effect = gone

    with pytest.raises(errors.NotFound):
        settle(user_request, glance)

    assert not nova_client.servers.delete_meta.called
    instance, left = settle(user_request, glance)
    memory, = records.read_memories(instance)
    assert left == []
    assert memory.cause == verdict.Rule.GONE.code


def test_one_that_is_deleted_costs_the_others_one_look(user_request, glance,
                                                       reading):
    other = builders.asked(
        size=len(DISK), checksum='other', updated=LONG_AGO, created=LONG_AGO,
        id=builders.COPIES[0],
        properties={records.IMAGE: builders.COPIES[0]})
    glance.images[other.id] = answers.glance_image(other)
    reading(lambda: glance.images.pop(SNAPSHOT.id))

    with pytest.raises(errors.NotFound):
        settle(user_request, glance, builders.instance())
    settle(user_request, glance, builders.instance())

    assert glance.images[other.id][records.RULE] == (
        verdict.Rule.DISK_AT_REST.code)


@pytest.mark.parametrize('changes', [
    {records.VERDICT: 'application-consistent'},
    {records.RULE: 'hooks-witnessed'}, {records.RULE: 'none'},
    {records.IMAGE: builders.COPIES[0]}])
def test_a_seal_that_is_edited_replaces_nothing(user_request, glance,
                                                glance_client, changes):
    """Right behind the seal, before what it replaces is deleted."""
    old = builders.aged(9000, verdict.Rule.DISK_AT_REST)
    glance.images[old.id] = answers.glance_image(old)
    glance.images[SNAPSHOT.id][records.REPLACES] = old.id

    def patch(url, data, **options):
        glance.patch(url, data, **options)
        glance.images[SNAPSHOT.id].update(changes)
    glance_client.http_client.patch.side_effect = patch

    settle(user_request, glance)

    assert old.id in glance.images


def test_a_seal_that_is_left_alone_replaces(user_request, glance):
    """The measure of the test above."""
    old = builders.aged(9000, verdict.Rule.DISK_AT_REST)
    glance.images[old.id] = answers.glance_image(old)
    glance.images[SNAPSHOT.id][records.REPLACES] = old.id

    settle(user_request, glance)

    assert old.id not in glance.images


@pytest.mark.parametrize('kit', [False, True])
def test_one_that_is_shelved_before_the_verdict_gets_that_of_its_disk(
        user_request, glance, nova_client, kit):
    """Its guest's console went with it."""
    if kit:
        asked = builders.asked(builders.started().baseline)
        glance.images[SNAPSHOT.id].update({
            **answers.glance_image(asked), 'size': len(DISK)})
    nova_client.servers.get_console_output.side_effect = (
        nova_exceptions.Conflict(409))

    shelved = builders.instance(status='SHELVED_OFFLOADED')
    settle(user_request, glance, shelved)
    heard, = guests.hear_guests(user_request, [shelved], again=True).values()

    assert sealed(glance) == verdict.Rule.DISK_AT_REST.code
    assert heard.guest.console is None


@pytest.mark.parametrize('raised, kind', [
    (nova_exceptions.NotFound(404), errors.NotFound),
    (nova_exceptions.Conflict(409), errors.Conflict)])
def test_an_instance_that_goes_between_the_look_and_the_click_is_said(
        user_request, glance, nova_client, raised, kind):
    nova_client.servers.create_image.side_effect = raised

    with pytest.raises(kind):
        taking.take_if_ready(user_request, builders.INSTANCE,
                             accept=verdict.Verdict.UNPROVEN)

    assert not nova_client.servers.set_meta.called
