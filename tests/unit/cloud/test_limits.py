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

"""The quotas that can stop a snapshot, and when they are asked for."""

from cinderclient import exceptions as cinder_exceptions
from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
import pytest

from snapshot_panel.cloud import details
from snapshot_panel.consistency import facts
from tests.unit import builders

pytestmark = pytest.mark.usefixtures('now')

QUOTAS = {'usage': {'image_count_total': {'usage': 3, 'limit': 20},
                    'image_size_total': {'usage': 900, 'limit': 1000}}}
ON_IMAGE = builders.instance()
ON_VOLUMES = builders.instance(image_id=None, volume_ids=builders.VOLUMES)


@pytest.fixture(autouse=True)
def cloud(nova_client, glance_client, cinder_client):
    """All services answer unless a test says otherwise."""


@pytest.fixture
def asked(calls):
    """Return how often Nova was asked for its limits."""
    return lambda: [name for name, *_rest in calls.mock_calls].count(
        'limits.get')


def ask_glance(glance_client, answer):
    answers = [answer] if isinstance(answer, Exception) else [(None, answer)]
    glance_client.http_client.get.side_effect = answers


def test_the_quotas_are_asked_for(user_request, glance_client, cinder_client):
    ask_glance(glance_client, QUOTAS)

    found = details.ask_limits(user_request, ON_IMAGE)

    assert found == facts.Limits(facts.Usage(3, 20), facts.Usage(900, 1000),
                                 128, asked_at=builders.NOW)
    glance_client.http_client.get.assert_called_once_with('/v2/info/usage')
    assert not cinder_client.limits.get.called


def test_those_of_volumes_are_asked_for_where_volumes_are_copied(
        user_request):
    found = details.ask_limits(user_request, ON_VOLUMES)

    assert (found.copies, found.copies_gib) == (facts.Usage(2, 10),
                                                facts.Usage(30, 1000))
    assert details.ask_limits(user_request, ON_IMAGE).copies is None


def test_a_cloud_without_quotas_of_images_has_none(user_request):
    found = details.ask_limits(user_request, ON_IMAGE)

    assert found == facts.Limits(metadata=128, asked_at=builders.NOW)


def test_a_glance_too_old_to_tell_has_none(user_request, glance_client):
    ask_glance(glance_client, glance_exceptions.HTTPNotFound())

    found = details.ask_limits(user_request, ON_IMAGE)

    assert (found.images, found.unknown) == (None, ())


def test_the_quotas_are_shared_for_a_while(user_request, asked):
    details.ask_limits(user_request, ON_IMAGE)
    details.ask_limits(user_request, ON_IMAGE)

    assert asked() == 1


def test_what_cannot_be_asked_is_unknown_and_asked_again(
        user_request, nova_client, cinder_client, asked):
    nova_client.limits.get.side_effect = nova_exceptions.ClientException(500)
    cinder_client.limits.get.side_effect = cinder_exceptions.ClientException(
        503)

    found = details.ask_limits(user_request, ON_VOLUMES)
    details.ask_limits(user_request, ON_VOLUMES)

    assert found.unknown == ('Nova', 'Cinder')
    assert asked() == 2
