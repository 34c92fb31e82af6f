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

"""What an instance is counted as, and which is the worst."""

import datetime

import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import protection
from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from tests.unit import builders

Group = protection.Group
Rule = verdict.Rule

DAY = 24 * 3600
WEEK = datetime.timedelta(days=7)
DEPLOYMENT = facts.Deployment(settle_grace=30)
IDS = ['%08d-aaaa-4aaa-8aaa-aaaaaaaaaaaa' % number for number in range(3)]


def snapshots(*images, instance=None):
    return known.snapshots(instance or builders.instance(), images,
                           builders.NOW, DEPLOYMENT)


def checks(*findings):
    return checklist.Checklist(tuple(map(checklist.Result, findings)))


def groups(*images, found=(), instance=None, **how):
    how.setdefault('age', WEEK)
    instance = instance or builders.instance()
    return protection.groups(instance, checks(*found),
                             snapshots(*images, instance=instance),
                             builders.NOW, **how)


def sealed(rule=Rule.DISK_AT_REST, days=1, number=0, **changes):
    values = {'created': builders.ago(days * DAY), **changes}
    return builders.sealed(rule, id=IDS[number],
                           properties={records.IMAGE: IDS[number]}, **values)


def test_a_proof_that_is_new_enough_protects():
    assert groups(sealed(days=7)) == {Group.PROTECTED}
    assert groups(sealed(days=7.1)) == set()
    assert groups(sealed(days=20), age=4 * WEEK) == {Group.PROTECTED}


def test_a_proof_of_an_unknown_time_protects_nothing():
    assert groups(sealed(created=None)) == set()


def test_an_older_proof_protects_behind_a_newer_failure():
    assert groups(sealed(Rule.DISK_IN_USE), sealed(days=2, number=1)) == {
        Group.PROTECTED, Group.FAILING}


def test_an_image_that_cannot_be_used_protects_nothing():
    assert groups(sealed(status='deactivated')) == set()


@pytest.mark.parametrize('rule', [
    Rule.DISK_IN_USE, Rule.DISK_DAMAGED, Rule.HARD_STOP,
    Rule.VOLUMES_FAILED])
def test_the_latest_of_no_use_is_a_failure(rule):
    assert Group.FAILING in groups(sealed(rule))


def test_a_snapshot_that_vanished_is_a_failure():
    lost = builders.memory(gone=builders.NOW, at=builders.NOW)

    assert groups(sealed(number=1), instance=builders.remembering(lost)) == {
        Group.PROTECTED, Group.FAILING}


def test_what_was_mended_since_is_no_failure():
    assert groups(sealed(days=1), sealed(Rule.DISK_IN_USE, 2, 1)) == {
        Group.PROTECTED}


def test_what_nothing_proves_is_no_failure():
    assert groups(sealed(Rule.SILENT)) == {Group.NEVER}


def test_without_any_proof_it_is_never_proven():
    assert groups() == {Group.NEVER}


def test_what_may_exist_unseen_is_not_said_to_be_missing():
    assert groups(whole=False) == set()


@pytest.mark.parametrize('found, counted', [
    ((), False),
    ((checklist.Finding.NO_CHANNEL,), True),
    # Waiting, or asking, is all that it takes.
    ((checklist.Finding.BUSY,), False),
    ((checklist.Finding.AGENT_NOT_ASKED, checklist.Finding.PROOF_UNKNOWN),
     False),
    ((checklist.Finding.BUSY, checklist.Finding.AGENT_STOPPED), True)])
def test_only_what_must_be_mended_makes_it_not_ready(found, counted):
    assert (Group.NOT_READY in groups(sealed(), found=found)) == counted


def test_the_newest_proof_is_the_last():
    found = protection.last_proven(snapshots(
        sealed(Rule.SILENT, 1), sealed(days=2, number=1),
        sealed(days=3, number=2)))

    assert found is not None
    assert found.id == IDS[1]
    assert protection.last_proven(snapshots(sealed(Rule.SILENT))) is None


def test_the_worst_comes_first():
    order = [{Group.FAILING, Group.NOT_READY, Group.NEVER},
             {Group.FAILING, Group.NEVER}, {Group.FAILING, Group.PROTECTED},
             {Group.NOT_READY, Group.NEVER},
             {Group.NOT_READY, Group.PROTECTED}, {Group.NEVER}, set(),
             {Group.PROTECTED}]

    assert sorted(reversed(order), key=protection.rank) == order


SCHEDULED = builders.instance(metadata={
    schedules.KEY: 'daily 3 7 2026-10-01T00:00:00Z'})


@pytest.mark.parametrize('days, whole, overdue', [
    (1, True, False), (2, True, True), (2, False, True)])
def test_a_proof_that_the_schedule_does_not_allow_is_overdue(days, whole,
                                                             overdue):
    found = groups(sealed(days=days), instance=SCHEDULED, whole=whole)

    assert (Group.OVERDUE in found) is overdue


def test_nobody_is_alarmed_for_want_of_knowledge():
    assert Group.OVERDUE in groups(instance=SCHEDULED)
    assert Group.OVERDUE not in groups(instance=SCHEDULED, whole=False)
    assert Group.OVERDUE not in groups(sealed(days=20))


def test_a_guest_that_may_stand_frozen_comes_first():
    found = groups(sealed(), found=[checklist.Finding.FREEZE_OPEN_END])

    assert Group.FROZEN in found
    assert protection.rank(found) < protection.rank({
        Group.FAILING, Group.NOT_READY, Group.NEVER})
