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

"""What Cinder tells of volumes and their snapshots, and when it is asked."""

import json
from unittest import mock

from cinderclient import exceptions as cinder_exceptions
from horizon import exceptions as horizon_exceptions
import pytest

from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import taking
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now')

CINDER_DOWN = cinder_exceptions.ClientException(503)
ON_VOLUMES = builders.instance(image_id=None, volume_ids=builders.VOLUMES)


@pytest.fixture
def clock():
    """The seconds that the dashboard's own clock shows."""
    with mock.patch.object(volumes.time, 'monotonic', autospec=True,
                           return_value=0) as shown:
        yield shown


@pytest.fixture(autouse=True)
def cloud(nova_client, glance_client, cinder_client):
    """All services answer unless a test says otherwise."""


# The volumes of an instance

def test_the_volumes_of_an_instance_come_by_device(user_request):
    instance = builders.instance(volume_ids=builders.VOLUMES[::-1])

    assert volumes.of_instance(user_request, instance) == (
        builders.volume(0), builders.volume(1))


def test_an_instance_without_volumes_costs_nothing(user_request, calls):
    assert volumes.of_instance(user_request, builders.instance()) == ()
    assert calls.mock_calls == []
    assert not cinder.client.called


def test_a_volume_that_was_deleted_meanwhile_is_left_out(user_request,
                                                         cinder_client):
    cinder_client.volumes.get.side_effect = [
        cinder_exceptions.NotFound(404), answers.cinder_volume(1)]
    with mock.patch.dict(snapshots.conf.get_config(), guests_at_once=1):
        found = volumes.of_instance(user_request, ON_VOLUMES)

    assert found == (builders.volume(1),)


@pytest.mark.parametrize('raised, kind', [
    (CINDER_DOWN, errors.Unavailable),
    (cinder_exceptions.Forbidden(403), errors.Forbidden)])
def test_volumes_that_cinder_does_not_tell_are_a_problem(
        user_request, cinder_client, raised, kind):
    cinder_client.volumes.get.side_effect = raised

    problem = volumes.of_instance(user_request, ON_VOLUMES)

    assert type(problem) is kind
    assert problem.service == 'Cinder'


def test_a_cloud_without_cinder_is_a_problem(user_request):
    cinder.client.side_effect = horizon_exceptions.ServiceCatalogException(
        'volume')

    problem = volumes.of_instance(user_request, ON_VOLUMES)

    assert type(problem) is errors.Unavailable


def test_a_volume_is_what_cinder_tells(user_request, cinder_client):
    cinder_client.volumes.get.side_effect = [answers.cinder_volume(
        name=None, multiattach=True, attachments=[
            {'server_id': 'one', 'device': None}, {'server_id': 'two'}],
        volume_image_metadata={'hw_qemu_guest_agent': 'yes'})]

    assert cinder.get_volume(user_request, 'id') == facts.Volume(
        builders.VOLUMES[0], '', 1, {'one': '', 'two': ''}, True,
        {'hw_qemu_guest_agent': 'yes'})


@pytest.mark.parametrize('root, source', [
    ({'hw_qemu_guest_agent': 'yes'}, facts.Source.VOLUME),
    ({}, facts.Source.NONE)])
def test_the_root_volume_speaks_for_the_instance(root, source):
    instance = builders.instance(image_id=None,
                                 properties=facts.UNKNOWN_PROPERTIES)
    found = [builders.volume(1), builders.volume(0, properties=root)]

    properties = facts.proxy_properties(instance, found)

    assert (properties.source, properties.values) == (source, root)


@pytest.mark.parametrize('changes', [
    {}, {'image_id': None}, {'properties': facts.UNKNOWN_PROPERTIES}])
def test_nova_and_images_speak_for_themselves(changes):
    instance = builders.instance(**changes)
    found = [builders.volume(properties={'hw_qemu_guest_agent': 'no'})]

    assert facts.proxy_properties(instance, found) is instance.properties


# The snapshots that an image is made of

def made_of_volumes(state='ACTIVE', **properties):
    return builders.asked(builders.started().baseline, {
        **builders.mapping(), **properties}, state)


def test_each_copy_and_its_volume_is_asked_for(user_request, calls):
    found = volumes.copies(user_request, ON_VOLUMES, made_of_volumes())

    assert found == builders.copies(seen_for=0)
    assert sorted(name for name, *_rest in calls.mock_calls) == [
        'copies.get', 'copies.get', 'volumes.get', 'volumes.get']


@pytest.mark.parametrize('image', [
    builders.asked(), made_of_volumes(**{facts.MAPPING_PROPERTY: 'x'})])
def test_an_image_without_copies_costs_nothing(user_request, calls, image):
    assert volumes.copies(user_request, ON_VOLUMES, image) is None
    assert calls.mock_calls == []


def test_a_copy_that_is_gone_is_known(user_request, cinder_client):
    cinder_client.volume_snapshots.get.side_effect = (
        cinder_exceptions.NotFound(404))

    found = volumes.copies(user_request, ON_VOLUMES, made_of_volumes())

    assert found.snapshots == tuple(
        facts.VolumeSnapshot(copy, None) for copy in builders.COPIES)


def test_it_is_remembered_since_when_all_are_complete(user_request, clock,
                                                      cinder_client):
    complete = cinder_client.volume_snapshots.get.side_effect
    cinder_client.volume_snapshots.get.side_effect = lambda copy_id: (
        answers.cinder_copy(status='creating'))
    seen = [volumes.copies(user_request, ON_VOLUMES, made_of_volumes())]

    cinder_client.volume_snapshots.get.side_effect = complete
    for clock.return_value in (100, 140):
        seen.append(volumes.copies(user_request, ON_VOLUMES,
                                   made_of_volumes()))

    assert [copies.seen_for for copies in seen] == [0, 0, 40]


def test_another_hosts_clock_says_nothing_of_how_long_they_were_seen(
        user_request, clock):
    """Two hosts share a cache, and the second was booted long before."""
    clock.return_value = 100
    volumes.copies(user_request, ON_VOLUMES, made_of_volumes())

    clock.return_value = 10 ** 6
    with mock.patch.object(volumes, '_clock', autospec=True,
                           return_value='another'):
        copies = volumes.copies(user_request, ON_VOLUMES, made_of_volumes())

    assert copies.seen_for == 0


def test_processes_of_a_host_have_one_clock_and_others_their_own(tmp_path):
    named = volumes._clock.__wrapped__
    here = tmp_path / 'boot_id'
    here.write_text('a-boot\n')

    with mock.patch.object(volumes, '_BOOT_ID', here):
        assert named() == named() == 'a-boot'
    with mock.patch.object(volumes, '_BOOT_ID', tmp_path / 'none'):
        assert named() != named()


@pytest.mark.parametrize('part', ['volume_snapshots', 'volumes'])
@pytest.mark.parametrize('raised', [
    CINDER_DOWN, cinder_exceptions.Forbidden(403),
    cinder_exceptions.ConnectionError()])
def test_what_cinder_does_not_tell_is_not_known(user_request, cinder_client,
                                                raised, part):
    getattr(cinder_client, part).get.side_effect = raised

    assert volumes.copies(user_request, ON_VOLUMES,
                          made_of_volumes(facts.STOPPED)) is None


# Settling

@pytest.fixture
def sealed(glance_client):
    """Return the properties that settling an image has written on it."""
    def settle(request, image, instance=ON_VOLUMES):
        known = answers.glance_image(image)
        glance_client.images.get.return_value = known

        def write(_path, data, headers):
            known.update({each['path'][1:]: each['value']
                          for each in json.loads(data)})

        glance_client.http_client.patch.side_effect = write
        settling.settle(request, instance, [image])
        return known
    return settle


def test_volumes_of_a_guest_that_stood_still_are_sealed_consistent(
        user_request, nova_client, sealed, clock):
    console = builders.started()
    baseline = console.baseline
    console.freeze()
    nova_client.servers.get_console_output.return_value = answers.text(
        console.text)
    nova_client.instance_action.list.return_value = [
        answers.nova_action('createImage', builders.OWN),
        answers.nova_action('reboot')]
    image = builders.asked(baseline, builders.mapping())

    at_first = dict(sealed(user_request, image))
    clock.return_value = 30
    properties = sealed(user_request, image)

    assert at_first[records.VERDICT] == records.PENDING
    assert properties[records.RULE] == verdict.Rule.FREEZE_WITNESSED.code
    assert json.loads(properties[records.EVIDENCE])['volumes'] == 2


def test_cinder_is_asked_before_the_actions(user_request, sealed, calls):
    image = made_of_volumes(facts.STOPPED)

    sealed(user_request, image,
           builders.instance(status='SHUTOFF', volume_ids=builders.VOLUMES))

    names = [name for name, *_rest in calls.mock_calls]
    assert max(index for index, name in enumerate(names) if name in (
        'copies.get', 'volumes.get')) < names.index('actions.list')


def test_while_cinder_is_down_nothing_is_sealed(user_request, cinder_client,
                                                sealed):
    cinder_client.volume_snapshots.get.side_effect = CINDER_DOWN

    properties = sealed(user_request, made_of_volumes())

    assert properties[records.VERDICT] == records.PENDING


# Taking

@pytest.mark.parametrize('root, ready', [
    ({'hw_qemu_guest_agent': 'yes'}, True),
    ({'hw_qemu_guest_agent': 'no'}, False)])
def test_the_root_volume_is_asked_before_a_snapshot(
        user_request, nova_client, cinder_client, root, ready):
    nova_client.servers.get.return_value = answers.server(
        image='', **{'os-extended-volumes:volumes_attached': [
            {'id': volume_id} for volume_id in builders.VOLUMES]})
    cinder_client.volumes.get.side_effect = lambda volume_id: (
        answers.cinder_volume(builders.VOLUMES.index(volume_id),
                              volume_image_metadata=root))

    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert (attempt.taken is not None) is ready


def test_without_cinder_the_guest_alone_may_tell(user_request, nova_client,
                                                 cinder_client):
    nova_client.servers.get.return_value = answers.server(
        image='', **{'os-extended-volumes:volumes_attached': [
            {'id': builders.VOLUMES[0]}]})
    cinder_client.volumes.get.side_effect = CINDER_DOWN

    attempt = taking.take_if_ready(user_request, builders.INSTANCE)

    assert attempt.taken is None
    assert attempt.checklist.has(checklist.Finding.VOLUMES_UNNAMED)
