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


"""Which older snapshots go, and that a consistent one always stays."""

import dataclasses
import uuid

from hypothesis import given
from hypothesis import settings
from hypothesis import stateful
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import records
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from tests.unit import builders

Rule = verdict.Rule
Standing = retention.Standing
RULES = [rule for rule in Rule if rule.verdict.final]

made = builders.aged


def named(images, keep, instance=None):
    """Return the names of those that go."""
    found = retention.candidates(instance or builders.instance(), images)
    ids = retention.going(found, keep)
    return [image.name for image in images if image.id in ids]


@pytest.mark.parametrize('keep, gone', [
    (None, []), (1, ['1', '2', '3']), (2, ['2', '3']), (3, ['3']), (4, [])])
def test_the_newest_stay_with_the_new_one_counted(keep, gone):
    images = [made(age) for age in (1, 2, 3)]

    assert named(images, keep) == gone


def test_what_is_not_proven_takes_no_place_and_goes_with_its_age():
    images = [made(1, Rule.SILENT), made(2), made(3, Rule.NO_CHANNEL),
              made(4), made(5, Rule.SILENT)]

    assert named(images, 2) == ['3', '4', '5']
    assert named(images, 1) == ['1', '2', '3', '4', '5']


@pytest.mark.parametrize('other', [
    builders.image(), builders.asked(),
    builders.asked(status='saving'),
    made(9, status='queued'),
    made(9, owner='another'),
    made(9, properties={'instance_uuid': 'another'}),
    made(9, properties={records.IMAGE: builders.BASE_IMAGE}),
    made(9, properties={records.RULE: 'changed by hand'}),
    dataclasses.replace(made(9), created=None),
    made(9, protected=True)],
    ids=['not ours', 'not settled', 'being made', 'not finished',
         'of another project', 'of another instance', 'inherited',
         'changed by hand', 'of no age', 'protected'])
def test_nothing_else_ever_goes(other):
    assert named([other], 1) == []


def test_a_protected_one_takes_its_place():
    images = [made(1, protected=True), made(2)]

    assert named(images, 2) == ['2']
    assert named(images, 3) == []


@given(st.lists(st.tuples(st.sampled_from(RULES), st.booleans()),
                max_size=12), st.integers(1, 12))
def test_so_many_consistent_ones_are_left_as_there_can_be(kinds, keep):
    images = [made(age, rule, protected=protected)
              for age, (rule, protected) in enumerate(kinds)]
    consistent = [image.name for image in images
                  if verdict.look(image).verdict.consistent]

    left = set(consistent) - set(named(images, keep))

    assert set(consistent[:keep - 1]) <= left
    assert all(images[int(name)].protected
               for name in left - set(consistent[:keep - 1]))


@given(st.lists(st.sampled_from(RULES), max_size=12), st.integers(1, 12))
def test_to_keep_more_never_deletes_more(rules, keep):
    images = [made(age, rule) for age, rule in enumerate(rules)]

    assert set(named(images, keep + 1)) <= set(named(images, keep))


# What was chosen, and whether it may still go.

OLD = made(1)


def successor(rule=Rule.FREEZE_WITNESSED, replaces=OLD.id, **changes):
    return made(0, rule, properties={records.REPLACES: replaces,
                                     **changes.pop('properties', {})},
                **changes)


DUE = successor()


def test_what_was_chosen_goes_once_the_new_one_is_proven():
    assert retention.due(builders.instance(), DUE) == (OLD.id,)
    assert retention.may_go(builders.instance(), OLD, DUE)


@pytest.mark.parametrize('image, standing', [
    (made(0), Standing.NOTHING),
    (successor(replaces='none'), Standing.NOTHING),
    (successor(replaces='../../x ' + DUE.id), Standing.NOTHING),
    (successor(properties={records.IMAGE: builders.BASE_IMAGE}),
     Standing.NOTHING),
    (successor(properties={records.VERDICT: 'pending'}), Standing.WAITING),
    (DUE, Standing.DUE),
    (successor(properties={records.REPLACED: 'done'}), Standing.DONE),
    (successor(Rule.SILENT), Standing.DROPPED),
    (successor(Rule.NO_CHANNEL), Standing.DROPPED)])
def test_how_it_stands_with_what_an_image_replaces(image, standing):
    assert retention.standing(image) is standing
    assert bool(retention.due(builders.instance(), image)) == (
        standing is Standing.DUE)


@pytest.mark.parametrize('image, new', [
    (made(2), DUE),
    (made(1, protected=True), DUE),
    # Renamed since, say.
    (made(1, updated=builders.ago(-1)), DUE),
    (dataclasses.replace(OLD, updated=None), DUE),
    (made(1, owner='another'), DUE),
    (made(1, properties={'instance_uuid': 'another'}), DUE),
    (made(1, properties={records.VERDICT: 'pending'}), DUE),
    (OLD, successor(Rule.SILENT)),
    (OLD, successor(properties={records.REPLACED: 'done'})),
    (OLD, successor(owner='another')),
    (OLD, successor(status='deactivated')),
    (OLD, successor(properties={'instance_uuid': 'another'}))])
def test_what_changed_since_stays(image, new):
    assert not retention.may_go(builders.instance(), image, new)


@pytest.mark.parametrize('changes', [
    {'owner': 'another'}, {'status': 'deactivated'},
    {'properties': {'instance_uuid': 'another'}}])
def test_nothing_is_due_for_a_proof_that_is_not_of_this_instance(changes):
    assert retention.due(builders.instance(), successor(**changes)) == ()


# Rotation: the same rule, without a new one to wait for.

def scheduled(age, rule=Rule.DISK_AT_REST, **changes):
    """Return a snapshot that the schedule had made."""
    moment = '20261122T%06dZ' % age
    properties = {schedules.MARK: schedules.mark(builders.INSTANCE, moment),
                  records.STATE: 'none', **changes.pop('properties', {})}
    name = changes.pop('name', 'web-' + moment)
    return dataclasses.replace(
        made(age, rule, properties=properties, **changes), name=name)


def rotated(images, keep, makers=retention.SCHEDULED):
    """Return the ages of those that go, in seconds."""
    offered = retention.candidates(builders.instance(), images, makers)
    ids = retention.going(offered, keep, coming=0)
    return [images.index(image) for image in images if image.id in ids]


@pytest.mark.parametrize('keep, gone', [
    (1, [1, 2, 3, 4]), (2, [3, 4]), (3, [4]), (4, [])])
def test_rotation_keeps_so_many_proven_ones_and_what_is_younger(keep, gone):
    images = [scheduled(0), scheduled(1, Rule.DISK_IN_USE), scheduled(2),
              scheduled(3), scheduled(4)]

    assert rotated(images, keep) == gone


def test_without_a_proven_one_nothing_goes():
    images = [scheduled(age, Rule.DISK_IN_USE) for age in range(9)]

    assert rotated(images, 1) == []


@pytest.mark.parametrize('other', [
    scheduled(9, name='before the upgrade'),
    scheduled(9, protected=True), scheduled(9, visibility='public'),
    scheduled(9, visibility='community'), scheduled(9, status='deactivated'),
    scheduled(9, owner='another'),
    scheduled(9, properties={'instance_uuid': 'another'}),
    scheduled(9, properties={schedules.MARK: 'another/20261122T000009Z'}),
    scheduled(9, properties={records.VERDICT: 'pending'}),
    made(9), builders.image(created=builders.ago(9))],
    ids=['renamed', 'protected', 'public', 'community', 'deactivated',
         'of another project', 'of another instance', 'inherited',
         'not judged', 'clicked', 'not ours'])
def test_a_schedule_deletes_nothing_else(other):
    assert rotated([scheduled(0), scheduled(1), other], 1) == [1]


def test_a_schedules_snapshot_with_a_record_is_the_schedules():
    request = records.Request(builders.NOW, 'ann', 'ACTIVE', None, 'req-0',
                              console='x').properties()
    images = [scheduled(age, properties={
        **request, **records.bind(scheduled(age).id, builders.OWN),
        **verdict.Decision(Rule.DISK_AT_REST).seal().properties()})
        for age in range(3)]
    assert all(map(records.read_request, images))

    assert rotated(images, 1) == [1, 2]
    assert rotated(images, 1, retention.CLICKED) == []


def test_what_was_clicked_counts_only_where_all_take_part():
    images = [made(0), scheduled(1), made(2)]

    assert rotated(images, 1) == []
    assert rotated(images, 1, retention.ALL) == [1, 2]


# Proven more often than not, so that there is something to delete.
KINDS = st.sampled_from([Rule.FREEZE_WITNESSED, Rule.DISK_AT_REST,
                         Rule.DISK_IN_USE])


class Rotation(stateful.RuleBasedStateMachine):
    """Clicks, schedules, judges and people, each acting on what it read."""

    def __init__(self):
        super().__init__()
        self.images, self.chosen, self.taken = {}, [], 0
        # Enough to begin with: most steps delete.
        for make in (scheduled, made, scheduled, made):
            self._next(make(self._now))

    def _add(self, image):
        self.images[image.id] = image

    def _pick(self, number):
        return list(self.images)[number % len(self.images)]

    def _proven(self):
        return [image for image in self.images.values()
                if image.active and verdict.look(image).verdict.consistent]

    @property
    def _now(self):
        # Those of the same second too: two in three are.
        self.taken += 1
        return 1000 - self.taken // 3

    def _next(self, image):
        image_id = str(uuid.UUID(int=10_000 + self.taken))
        self._add(dataclasses.replace(image, id=image_id, properties={
            **image.properties, records.IMAGE: image_id}))

    @stateful.rule(rule=KINDS)
    def the_schedule_takes_one(self, rule):
        self._next(scheduled(self._now, rule))

    @stateful.rule(rule=KINDS, keep=st.integers(1, 3))
    def somebody_clicks(self, rule, keep):
        offered = retention.candidates(builders.instance(),
                                       self.images.values())
        self._next(made(self._now, rule, properties={
            records.REPLACES: ' '.join(retention.going(offered, keep))
            or 'none'}))

    @stateful.rule(keep=st.integers(1, 3),
                   makers=st.sampled_from([retention.SCHEDULED,
                                           retention.ALL]))
    def a_judge_chooses(self, keep, makers):
        offered = retention.candidates(builders.instance(),
                                       self.images.values(), makers)
        self.chosen += [(image_id, keep, makers, retention.keepers(
            offered, keep)) for image_id in retention.going(
                offered, keep, coming=0)]

    @stateful.precondition(lambda self: self.chosen)
    @stateful.rule(number=st.integers(0, 99))
    def a_judge_deletes(self, number):
        image_id, keep, makers, kept = self.chosen.pop(
            number % len(self.chosen))
        fresh = [self.images[each] for each in kept if each in self.images]
        if image_id in self.images and retention.lets_go(
                builders.instance(), self.images[image_id], fresh, keep,
                makers):
            self._delete(image_id)

    @stateful.precondition(lambda self: self.images)
    @stateful.rule(number=st.integers(0, 99))
    def a_page_deletes(self, number):
        successor = self.images[self._pick(number)]
        for image_id in retention.due(builders.instance(), successor):
            if image_id in self.images and retention.may_go(
                    builders.instance(), self.images[image_id], successor):
                self._delete(image_id)

    def _delete(self, image_id):
        del self.images[image_id]
        assert self._proven(), 'the last proven one was deleted'

    @stateful.precondition(lambda self: self.images)
    @stateful.rule(number=st.integers(0, 99), changes=st.sampled_from([
        {'protected': True}, {'protected': False}, {'name': 'kept'},
        {'status': 'deactivated'}, {'status': 'active'},
        {'visibility': 'public'}]))
    def somebody_changes_one(self, number, changes):
        image_id = self._pick(number)
        self.images[image_id] = dataclasses.replace(
            self.images[image_id], **changes)

    @stateful.precondition(lambda self: self.images)
    @stateful.rule()
    def somebody_deletes_the_newest(self):
        del self.images[max(self.images.values(), key=lambda image: (
            image.created, image.id)).id]


TestTheLastProvenOneNeverGoes = Rotation.TestCase
TestTheLastProvenOneNeverGoes.settings = settings(
    settings(), max_examples=150, stateful_step_count=15)


# One that is asked about alone, right before it is deleted.

@pytest.mark.parametrize('others, keep, goes', [
    ([made(0)], 1, True), ([made(0)], 2, False),
    ([made(0), made(-1)], 2, True), ([], 1, False),
    # As it was read before: it is no proof that replaces itself.
    ([OLD], 1, False), ([made(2)], 1, False),
    ([made(0, Rule.SILENT)], 1, False)])
def test_one_goes_where_as_many_proven_ones_are_newer(others, keep, goes):
    assert retention.lets_go(builders.instance(), OLD, others, keep) is goes


@pytest.mark.parametrize('keep, kept', [
    (1, ['2']), (2, ['2', '4']), (3, ['2', '4', '5']),
    (9, ['2', '4', '5'])])
def test_what_the_rule_keeps_are_the_newest_that_are_proven(keep, kept):
    images = [made(1, Rule.SILENT), made(2), made(3, Rule.SILENT), made(4),
              made(5)]

    ids = retention.keepers(retention.candidates(
        builders.instance(), images), keep)

    assert [image.name for image in images if image.id in ids] == kept


def test_each_names_the_largest_number_for_which_it_goes():
    offered = retention.candidates(builders.instance(), [
        made(1), made(2, Rule.SILENT), made(3), made(4)])

    for each in offered:
        assert each.image.id in retention.going(offered, each.keeping)
        assert each.image.id not in retention.going(offered, each.keeping + 1)
    assert [each.keeping for each in offered] == [1, 2, 2, 3]


@pytest.mark.parametrize('changes', [
    {'protected': True}, {'visibility': 'public'},
    {'visibility': 'community'}])
def test_what_is_spared_is_told_and_does_not_go(changes):
    images = [made(1), made(2, **changes)]

    assert [each.image for each in retention.spared(
        builders.instance(), images)] == images[1:]
    assert [each.image for each in retention.candidates(
        builders.instance(), images)] == images[:1]


@pytest.mark.parametrize('status, image, holds', [
    ('SHELVED_OFFLOADED', builders.image(name='web-shelved'), True),
    ('SHELVED', builders.image(name='another-shelved'), True),
    ('ACTIVE', builders.image(name='web-shelved'), False),
    ('SHELVED', builders.image(name='web-1'), False),
    ('SHELVED', builders.asked(name='web-shelved'), False)])
def test_a_shelved_instance_has_its_only_disk_in_an_image(
        status, image, holds):
    assert retention.holds_disk(
        builders.instance(status=status), image) is holds
