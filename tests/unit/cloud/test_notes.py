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

"""What the instance cannot keep a note of is said before the click."""

from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
from novaclient.v2 import limits
import pytest

from snapshot_panel.cloud import taking
from snapshot_panel.consistency import checklist
from tests.unit import builders
from tests.unit.cloud import answers

pytestmark = pytest.mark.usefixtures('now', 'glance_client')

Finding = checklist.Finding
REFUSED = nova_exceptions.Conflict(409)


def click(user_request, **options):
    return taking.take_if_ready(user_request, builders.INSTANCE, **options)


def fill(nova_client, allowed=1):
    nova_client.servers.get.return_value = answers.server(
        metadata={'role': 'db'})
    nova_client.limits.get.return_value = limits.Limits(
        None, {'absolute': {'maxServerMeta': allowed}}, loaded=True)


def test_full_metadata_is_said_before_anything_is_taken(user_request,
                                                        nova_client):
    fill(nova_client)

    attempt = click(user_request)

    assert attempt.taken is None
    assert attempt.untold.finding is Finding.QUOTA_METADATA
    assert attempt.untold.evidence['used'] == 1
    assert not nova_client.servers.create_image.called


@pytest.mark.parametrize('allowed', [2, -1])
def test_where_there_is_room_one_click_is_enough(user_request, nova_client,
                                                 allowed):
    fill(nova_client, allowed)

    assert click(user_request).taken


def test_a_limit_that_nobody_can_read_forbids_nothing(user_request,
                                                      nova_client):
    nova_client.limits.get.side_effect = nova_exceptions.ClientException(503)

    assert click(user_request).taken


def test_whoever_was_told_gets_the_snapshot_and_no_surprise(user_request,
                                                            nova_client):
    fill(nova_client)
    nova_client.servers.set_meta.side_effect = nova_exceptions.Forbidden(
        403, 'Maximum number of metadata items exceeds 1')

    attempt = click(user_request, told=True)

    assert attempt.taken.image_id == builders.SNAPSHOT
    assert attempt.taken.problems == ()


def test_a_locked_instance_is_taken_without_a_surprise(user_request,
                                                       nova_client):
    nova_client.servers.get.return_value = answers.server(locked=True)
    nova_client.servers.set_meta.side_effect = REFUSED

    attempt = click(user_request)

    assert attempt.checklist.has(Finding.LOCKED)
    assert attempt.taken.problems == ()


def test_a_lock_that_came_after_the_look_is_told_afterwards(user_request,
                                                            nova_client):
    nova_client.servers.set_meta.side_effect = REFUSED

    attempt = click(user_request)

    problem, = attempt.taken.problems
    assert problem.service == 'Nova'


def test_an_image_that_was_not_bound_is_told_also_of_a_locked_instance(
        user_request, nova_client, glance_client):
    nova_client.servers.get.return_value = answers.server(locked=True)
    nova_client.servers.set_meta.side_effect = REFUSED
    glance_client.http_client.patch.side_effect = (
        glance_exceptions.HTTPServiceUnavailable())

    problem, = click(user_request).taken.problems

    assert problem.service == 'Glance'
