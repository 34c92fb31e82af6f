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

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import records
from snapshot_panel.consistency import retention
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
    made(9, protected=True)],
    ids=['not ours', 'not settled', 'being made', 'not finished',
         'of another project', 'of another instance', 'inherited',
         'changed by hand', 'protected'])
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
