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


"""Rotation by a judge: what goes, what stays and why."""

import dataclasses
from unittest import mock

from glanceclient import exc as glance_exceptions
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import images as project_images
from snapshot_panel.cloud import rotating
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import schedules
from tests.unit import builders
from tests.unit.cloud import answers

made = builders.aged
NIGHTLY = {schedules.KEY: 'daily 3 2 2026-11-20T00:00:00Z'}
RULE = rotating.Rule(2, retention.ALL)


@pytest.fixture
def glance(nova_client, glance_client):
    # No instance runs from any of them.
    nova_client.servers.list.return_value = []
    return answers.Glance(glance_client, *[made(age) for age in range(5)])


def rotate(session, glance, rule=RULE, users=(), **changes):
    """Do a judge's part; return why each stays that the rule lets go."""
    images = [rotating.glance.image_of(values)
              for values in glance.images.values()]
    found = rotating.rotate(session, builders.instance(**changes), images,
                            rule, project_images.by_image(users))
    return {int(each.image.name): each.kept for each in found}


def left(glance):
    return {int(image['name']) for image in glance.images.values()}


def test_what_is_older_than_those_to_keep_goes_the_oldest_first(
        user_request, glance):
    assert rotate(user_request, glance) == {2: None, 3: None, 4: None}
    assert left(glance) == {0, 1}
    assert glance.deleted == [made(age).id for age in (4, 3, 2)]


def test_a_second_round_does_nothing(user_request, glance):
    rotate(user_request, glance)

    assert rotate(user_request, glance) == {}


class Died(BaseException):
    """The judge is not there any more."""


@pytest.mark.parametrize('deletions', range(1, 4))
def test_a_judge_that_dies_after_a_deletion_is_followed_by_the_next(
        deletions, user_request, glance, glance_client):
    def delete(image_id):
        answers.Glance.delete(glance, image_id)
        if len(glance.deleted) == deletions:
            raise Died

    glance_client.images.delete.side_effect = delete
    with pytest.raises(Died):
        rotate(user_request, glance)
    # The newest are left, and among them those that are kept.
    assert left(glance) == set(range(5 - deletions))

    rotate(user_request, glance)

    assert left(glance) == {0, 1}


def test_a_dry_run_shows_the_same_and_deletes_nothing(user_request, glance):
    glance.images[made(3).id]['protected'] = True

    found = rotate(user_request, glance, rotating.Rule(2, retention.ALL, True))

    assert left(glance) == set(range(5))
    assert list(found) == [2, 3, 4]
    assert found[3].cause == errors.PROTECTED


def test_what_an_instance_runs_from_stays(user_request, glance):
    found = rotate(user_request, glance, users=[
        builders.instance(name='copy', image_id=made(3).id)])

    assert (found[3].cause, found[3].names) == (errors.RUN_FROM, ('copy',))
    assert left(glance) == {0, 1, 3}


def test_what_is_shared_stays(user_request, glance):
    glance.images[made(3).id]['visibility'] = 'shared'

    with mock.patch.object(rotating.glance, 'count_members', autospec=True,
                           return_value=1):
        assert rotate(user_request, glance)[3].cause == errors.MEMBERS

    assert left(glance) == {0, 1, 3}


def test_the_last_proven_one_stays_where_the_newer_ones_go_meanwhile(
        user_request, glance, glance_client):
    """Somebody deletes both that are kept, once the round has begun."""
    ids = [made(0).id, made(1).id]

    def vanish(id, **_options):
        for each in ids:
            glance.images.pop(each, None)
        return answers.Glance.list(glance, id)

    glance_client.images.list.side_effect = vanish

    found = rotate(user_request, glance)

    assert left(glance) == {2, 3, 4}
    assert all(isinstance(kept, errors.Conflict) for kept in found.values())


def test_one_that_was_protected_meanwhile_stays(user_request, glance,
                                                glance_client):
    def protect(id, **_options):
        glance.images[made(4).id]['protected'] = True
        return answers.Glance.list(glance, id)

    glance_client.images.list.side_effect = protect

    rotate(user_request, glance)

    assert left(glance) == {0, 1, 4}


def test_a_service_that_fails_ends_the_round(user_request, glance,
                                             glance_client):
    glance_client.images.delete.side_effect = (
        glance_exceptions.HTTPServiceUnavailable())

    found = rotate(user_request, glance)

    assert glance_client.images.delete.call_count == 1
    assert isinstance(found[4], errors.Unavailable)
    assert left(glance) == set(range(5))


def test_each_deletion_is_logged_with_its_reason(user_request, glance, caplog):
    rotate(user_request, glance)

    assert ('(4) of %s was deleted: the last 2 proven consistent are kept, '
            'and 4 are newer' % builders.INSTANCE) in caplog.text


@pytest.mark.parametrize('metadata, keep, expected', [
    ({}, None, None),
    (NIGHTLY, None, rotating.Rule(2, retention.SCHEDULED)),
    ({schedules.KEY: 'daily 3 0 2026-11-20T00:00:00Z'}, None, None),
    (NIGHTLY, 5, rotating.Rule(5, retention.ALL)),
    ({}, 5, rotating.Rule(5, retention.ALL))])
def test_a_schedule_says_how_many_unless_the_operator_does(
        metadata, keep, expected):
    instance = builders.instance(metadata=metadata)

    assert rotating.rule_of(instance, keep, False) == expected


@pytest.mark.parametrize('stays', [False, True])
def test_a_name_writes_no_line_of_its_own_into_the_log(
        user_request, glance, glance_client, caplog, stays):
    images = [rotating.glance.image_of(values)
              for values in glance.images.values()]
    images[4] = dataclasses.replace(
        images[4], name='x\n2026 ERROR forged \x1b[2J\u202e')
    if stays:
        glance_client.images.delete.side_effect = errors.Conflict('Glance', '')

    rotating.rotate(user_request, builders.instance(), images, RULE, {})

    assert 'forged' in caplog.text
    assert all(record.getMessage().isprintable() for record in caplog.records)
