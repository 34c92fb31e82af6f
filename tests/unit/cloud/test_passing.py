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


"""What lasts is not waited for, and what passes costs nothing."""

import contextlib
import dataclasses
import datetime

from cinderclient import exceptions as cinder_exceptions
from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
from oslo_utils import timeutils
import pytest

from snapshot_panel.cloud import details
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import taking
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from tests import images
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now', 'nova_client', 'glance_client')

Finding = checklist.Finding
NEVER = nova_exceptions.HTTPNotImplemented(501)
BROKEN = nova_exceptions.ClientException(500)
PASSING = nova_exceptions.ClientException(503)
GONE = nova_exceptions.NotFound(404)


@pytest.fixture
def glance_image(glance_client):
    """Let Glance hold a snapshot that the panel took, sealed or not."""
    image = builders.asked(builders.started().baseline)
    glance_client.images.get.side_effect = (
        lambda _id: answers.glance_image(image))
    return image


def patched(glance_client):
    return [call.kwargs['data']
            for call in glance_client.http_client.patch.call_args_list]


# Consoles

@pytest.mark.parametrize('raised', [NEVER, BROKEN])
def test_without_a_console_that_lasts_there_is_a_dialog_and_a_snapshot(
        user_request, nova_client, raised):
    nova_client.servers.get_console_output.side_effect = raised

    found = details.ask_before_snapshot(user_request, builders.instance())
    attempt = taking.take_if_ready(user_request, builders.INSTANCE,
                                   accept=verdict.Verdict.UNPROVEN)

    assert found.heard.guest.console is None
    assert attempt.checklist.has(Finding.AGENT_NO_CONSOLE)
    assert attempt.taken.image_id == builders.SNAPSHOT


def test_a_console_that_fails_for_now_takes_nothing(user_request,
                                                    nova_client):
    nova_client.servers.get_console_output.side_effect = PASSING

    with pytest.raises(errors.Unavailable):
        taking.take_if_ready(user_request, builders.INSTANCE,
                             accept=verdict.Verdict.CRASH)

    assert not nova_client.servers.create_image.called


def test_a_console_that_there_never_is_is_not_waited_for(
        user_request, nova_client, glance_client, glance_image):
    nova_client.servers.get_console_output.side_effect = NEVER

    settling.settle(user_request, builders.instance(), [glance_image])

    assert '"no-console"' in patched(glance_client)[0]


def test_a_broken_console_is_waited_for_a_while_only(
        user_request, nova_client, glance_client, glance_image):
    nova_client.servers.get_console_output.side_effect = BROKEN

    with pytest.raises(errors.Unavailable):
        settling.settle(user_request, builders.instance(), [glance_image])
    assert patched(glance_client) == []
    timeutils.utcnow.return_value += datetime.timedelta(minutes=15)
    settling.settle(user_request, builders.instance(), [glance_image])

    assert '"no-console"' in patched(glance_client)[0]


def test_an_empty_console_was_lost_where_there_was_a_witness(
        user_request, nova_client, glance_client, glance_image):
    nova_client.servers.get_console_output.return_value = answers.text(' \n')

    settling.settle(user_request, builders.instance(), [glance_image])

    assert '"no-console"' in patched(glance_client)[0]


@pytest.mark.parametrize('baseline, finding', [
    (builders.started().baseline, Finding.AGENT_CONSOLE_LOST),
    (None, Finding.AGENT_UNSEEN)])
def test_an_empty_console_is_no_kit_only_where_there_never_was_one(
        baseline, finding):
    guest = checklist.Guest(True, '', builders.actions(), witnessed=(
        known.had_kit([builders.asked(baseline)])))

    checks = checklist.check(builders.instance(), guest,
                             facts.Deployment())

    assert checks.find(checklist.Check.AGENT).finding is finding
    assert checks.has(Finding.KIT_UNSEEN) is (baseline is None)
    assert not checks.ready


def test_one_young_snapshot_is_reason_enough_to_wait_for_a_console(
        user_request, nova_client, glance_client, glance_image):
    nova_client.servers.get_console_output.side_effect = BROKEN
    old = builders.asked(builders.started().baseline,
                         updated=builders.ago(7200))

    with pytest.raises(errors.Unavailable):
        settling.settle(user_request, builders.instance(), [
            dataclasses.replace(old, id=builders.COPIES[0], properties={
                **old.properties, records.IMAGE: builders.COPIES[0]}),
            glance_image])

    assert patched(glance_client) == []


# Disks

DISK = images.ext4(64 * images.KB)


@pytest.fixture
def readable(glance_client):
    """Let Glance hold one whose disk is at rest."""
    image = builders.asked(builders.started().baseline, size=len(DISK))
    glance_client.images.get.side_effect = (
        lambda _id: answers.glance_image(image))
    glance_client.data.data = DISK
    return image


def test_a_disk_alone_seals_nothing_that_the_guest_may_still_add_to(
        user_request, nova_client, glance_client, readable):
    """It may say that its root is elsewhere."""
    nova_client.instance_action.list.side_effect = PASSING

    with pytest.raises(errors.Unavailable):
        settling.settle(user_request, builders.instance(), [readable])
    assert patched(glance_client) == []
    nova_client.instance_action.list.side_effect = None
    settling.settle(user_request, builders.instance(), [readable])

    assert '"disk-at-rest"' in patched(glance_client)[0]


@pytest.mark.parametrize('refusal, refused', [(403, True), (503, False),
                                              (404, False)])
def test_only_a_refusal_to_read_a_disk_is_remembered(
        user_request, glance_client, readable, refusal, refused):
    glance_client.data.data = None
    glance_client.data.refusal = refusal

    with contextlib.suppress(errors.CloudError):
        settling.settle(user_request, builders.instance(), [readable])

    assert disks.recall(user_request, [readable]).refused == (
        {readable.id} if refused else set())


def test_a_disk_that_was_read_is_not_taken_for_refused(
        user_request, nova_client, readable):
    nova_client.instance_action.list.side_effect = PASSING

    with contextlib.suppress(errors.CloudError):
        settling.settle(user_request, builders.instance(), [readable])

    recalled = disks.recall(user_request, [readable])
    assert (set(recalled.readings), recalled.refused) == (
        {readable.id}, set())


# One answer that there is nothing

def test_while_nova_fails_no_loss_is_written_down(
        user_request, nova_client, glance_client):
    glance_client.images.get.side_effect = glance_exceptions.HTTPNotFound()
    nova_client.instance_action.list.side_effect = PASSING

    with pytest.raises(errors.Unavailable):
        settling.settle(user_request, builders.remembering(
            builders.memory()), [])

    assert not nova_client.servers.set_meta.called


def test_an_image_that_is_missed_once_is_not_lost(user_request, nova_client,
                                                  glance_client):
    glance_client.images.get.side_effect = [
        glance_exceptions.HTTPNotFound(),
        answers.glance_image(builders.asked())]

    instance, _images = settling.settle(
        user_request, builders.remembering(builders.memory()), [])

    assert not nova_client.servers.set_meta.called
    assert instance == builders.remembering(builders.memory())


@pytest.mark.parametrize('manager, method', [
    ('servers', 'get_console_output'), ('instance_action', 'list')])
def test_what_nova_misses_once_spoils_no_proof(
        user_request, nova_client, glance_client, glance_image, manager,
        method):
    console = builders.started()
    console.freeze()
    nova_client.servers.get_console_output.return_value = answers.text(
        console.text)
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('reboot')]
    call = getattr(getattr(nova_client, manager), method)
    call.side_effect = [GONE, call.return_value]

    settling.settle(user_request, builders.instance(), [glance_image])

    assert '"freeze-witnessed"' in patched(glance_client)[0]


def test_a_copy_that_cinder_misses_once_is_not_gone(user_request,
                                                    cinder_client):
    cinder_client.volume_snapshots.get.side_effect = [
        cinder_exceptions.NotFound(404), answers.cinder_copy(0)]

    copy = volumes._copy(user_request, builders.COPIES[0])

    assert copy.complete
