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


"""Deleting what a proven snapshot replaces, whatever happens meanwhile."""

from unittest import mock

from glanceclient import exc as glance_exceptions
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import replacing
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from tests.unit import builders
from tests.unit.cloud import answers

made = builders.aged
GLANCE_DOWN = glance_exceptions.HTTPServiceUnavailable()


OLD = [made(age) for age in (1, 2, 3)]


def new(*replaced, rule=verdict.Rule.FREEZE_WITNESSED):
    return made(0, rule, properties={
        records.REPLACES: ' '.join(image.id for image in replaced)})


@pytest.fixture
def glance(nova_client, glance_client):
    # No instance runs from any of them.
    nova_client.servers.list.return_value = []
    return answers.Glance(glance_client, new(*OLD[1:]), *OLD)


def look(user_request, glance):
    """Do what whoever looks does; return the ids of what is left."""
    images = [replacing.glance.image_of(values)
              for values in glance.images.values()]
    left = replacing.carry_out(user_request, builders.instance(), images)
    assert {image.id for image in left} == set(glance.images)
    return {int(image.name) for image in left}


def done(glance):
    return glance.images[new().id].get(records.REPLACED) == 'done'


def test_what_was_chosen_goes_and_nothing_else(user_request, glance):
    assert look(user_request, glance) == {0, 1}
    assert done(glance)


def test_it_is_carried_out_once(user_request, glance):
    look(user_request, glance)
    glance.images[OLD[1].id] = answers.glance_image(OLD[1])

    assert look(user_request, glance) == {0, 1, 2}


@pytest.mark.parametrize('rule', [verdict.Rule.SILENT,
                                  verdict.Rule.NO_CHANNEL])
def test_without_proof_nothing_goes(user_request, nova_client, glance_client,
                                    rule):
    glance = answers.Glance(glance_client, new(*OLD, rule=rule), *OLD)

    assert look(user_request, glance) == {0, 1, 2, 3}
    assert not glance_client.http_client.patch.called


@pytest.mark.parametrize('deletions', [0, 1, 2])
def test_a_process_that_dies_is_followed_by_the_next(
        user_request, glance, glance_client, deletions):
    """It dies before a deletion, between two, or before it is marked."""
    steps = iter([glance.delete] * deletions + [mock.Mock(
        side_effect=GLANCE_DOWN)])
    glance_client.images.delete.side_effect = lambda image_id: next(steps)(
        image_id)
    if deletions == 2:
        glance_client.http_client.patch.side_effect = GLANCE_DOWN

    with pytest.raises(errors.Unavailable):
        look(user_request, glance)
    assert not done(glance)
    assert len(glance.deleted) == deletions

    glance_client.images.delete.side_effect = glance.delete
    glance_client.http_client.patch.side_effect = glance.patch

    assert look(user_request, glance) == {0, 1}
    assert done(glance)


def test_two_at_once_do_the_same(user_request, glance, glance_client):
    """The other one is always just ahead."""
    def ahead(image_id):
        glance.delete(image_id)
        glance.delete(image_id)
    glance_client.images.delete.side_effect = ahead

    assert look(user_request, glance) == {0, 1}
    assert done(glance)


@pytest.mark.parametrize('raised', [glance_exceptions.HTTPForbidden(),
                                    glance_exceptions.HTTPConflict()])
def test_what_the_cloud_does_not_let_go_stays(user_request, glance,
                                              glance_client, raised):
    glance_client.images.delete.side_effect = raised

    assert look(user_request, glance) == {0, 1, 2, 3}
    assert done(glance)


def test_what_was_protected_meanwhile_stays(user_request, glance,
                                            glance_client):
    glance.images[OLD[2].id]['protected'] = True

    assert look(user_request, glance) == {0, 1, 3}


def test_what_is_deleted_meanwhile_deletes_nothing(user_request, glance,
                                                   glance_client):
    """The new one goes, just before the second deletion."""
    def delete(image_id):
        glance.delete(image_id)
        del glance.images[new().id]
    glance_client.images.delete.side_effect = delete

    with pytest.raises(errors.NotFound):
        look(user_request, glance)

    assert len(glance.images) == 2


def test_many_are_asked_for_in_parts(user_request, nova_client,
                                     glance_client):
    nova_client.servers.list.return_value = []
    many = [made(age) for age in range(1, 121)]
    glance = answers.Glance(glance_client, new(*many), *many)

    assert look(user_request, glance) == {0}
    assert glance_client.images.list.call_count == 3


def test_a_name_writes_no_line_of_its_own_into_the_log(user_request, glance,
                                                       caplog):
    glance.images[OLD[1].id]['name'] = 'x\n2026 ERROR forged \x1b[2J\u202e'
    images = [replacing.glance.image_of(values)
              for values in glance.images.values()]

    replacing.carry_out(user_request, builders.instance(), images)

    assert 'forged' in caplog.text
    assert all(record.getMessage().isprintable() for record in caplog.records)
