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

"""The way from no channel to a proven snapshot, and what is launched on it."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import successor
from tests.unit import builders

State = successor.State
Step = successor.Step
Agent = checklist.State

WITHOUT = facts.Properties({}, facts.Source.EMBEDDED)
WITH = facts.Properties({facts.AGENT_PROPERTY: 'yes'}, facts.Source.EMBEDDED)
OTHER = '22222222-bbbb-4bbb-8bbb-222222222223'


def old(**changes):
    return builders.instance(**{'properties': WITHOUT, **changes})


def snapshot(channel='no', **changes):
    return builders.image({facts.AGENT_PROPERTY: channel}, **changes)


def heir(**changes):
    return builders.instance(**{
        'id': 'heir', 'image_id': builders.SNAPSHOT,
        'created': builders.NOW, **changes})


def states(**known):
    known.setdefault('instance', old())
    return [stage.state for stage in successor.way(successor.Known(**known))]


KNOWN = st.builds(
    successor.Known,
    instance=st.builds(
        old, task_state=st.sampled_from([None, 'image_uploading', 'resize'])),
    channel=st.booleans(),
    source=st.sampled_from([None, snapshot(), snapshot('yes')]),
    sealing=st.booleans(),
    heir=st.sampled_from([None, heir(), heir(status='BUILD'),
                          heir(status='SHUTOFF')]),
    agent=st.sampled_from([None, *Agent]),
    trying=st.booleans(), proven=st.booleans())


@given(KNOWN)
def test_what_is_over_comes_first_and_what_cannot_help_yet_is_closed(known):
    stages = successor.way(known)

    assert [stage.step for stage in stages] == list(Step)
    kinds = [0 if stage.state.over else 2 if stage.state is State.LATER else 1
             for stage in stages]
    silent = known.agent is Agent.UNKNOWN and kinds[3] == 1
    assert kinds == sorted(kinds)
    assert kinds.count(1) <= (2 if silent else 1)


@given(KNOWN)
def test_there_is_something_to_do_until_a_snapshot_is_proven(known):
    stages = successor.way(known)

    if all(stage.state.over for stage in stages):
        assert known.proven and known.subject is not None
    else:
        assert any(stage.state in (State.NOW, State.MOVING)
                   for stage in stages)


@given(KNOWN)
def test_nothing_is_replaced_that_has_its_channel(known):
    stages = successor.way(dataclasses.replace(known, channel=True))

    assert {stage.state for stage in stages[:3]} == {State.UNNEEDED}


LATER = State.LATER


@pytest.mark.parametrize('known, wanted', [
    ({}, [State.NOW, LATER, LATER, LATER, LATER]),
    ({'instance': old(task_state='image_uploading')},
     [State.MOVING, LATER, LATER, LATER, LATER]),
    ({'source': snapshot()}, [State.DONE, State.NOW, LATER, LATER, LATER]),
    ({'source': snapshot(), 'sealing': True},
     [State.DONE, State.MOVING, LATER, LATER, LATER]),
    ({'source': snapshot('yes'), 'sealing': True},
     [State.DONE, State.DONE, State.NOW, LATER, LATER]),
    # A newer snapshot is worth waiting for.
    ({'source': snapshot('yes'), 'instance': old(task_state='image_uploading'
                                                 )},
     [State.MOVING, LATER, LATER, LATER, LATER]),
    ({'heir': heir(status='BUILD')},
     [State.DONE, State.DONE, State.MOVING, LATER, LATER]),
    ({'heir': heir(), 'agent': Agent.FAIL},
     [State.DONE] * 3 + [State.NOW, LATER]),
    ({'heir': heir(status='SHUTOFF')},
     [State.DONE] * 3 + [State.NOW, LATER]),
    # A guest without the kit may run its agent in silence.
    ({'heir': heir(), 'agent': Agent.UNKNOWN},
     [State.DONE] * 3 + [State.NOW, State.NOW]),
    ({'heir': heir(), 'agent': Agent.PASS},
     [State.DONE] * 4 + [State.NOW]),
    ({'heir': heir(), 'agent': Agent.PASS, 'trying': True},
     [State.DONE] * 4 + [State.MOVING]),
    ({'heir': heir(), 'agent': Agent.UNKNOWN, 'proven': True},
     [State.DONE] * 5),
])
def test_each_step_ticks_by_what_there_is(known, wanted):
    assert states(**known) == wanted


@pytest.mark.parametrize('image', [
    snapshot(status='saving'), snapshot(status='deactivated'),
    snapshot(status='killed'), snapshot(size=0),
    snapshot(name='web-shelved'),
    builders.image(builders.mapping()),
    builders.image({'instance_uuid': OTHER})])
def test_only_a_whole_snapshot_of_its_own_disk_is_launched_from(image):
    good = snapshot(id=OTHER)

    assert successor.sources(old(), [image, good]) == [good]


@pytest.mark.parametrize('source, launched, chosen', [
    (snapshot('yes'), heir(), True),
    (snapshot('yes'), heir(status='BUILD'), True),
    (snapshot('yes'), heir(properties=facts.UNKNOWN_PROPERTIES), True),
    # Launched before the snapshot had the property.
    (snapshot('yes'), heir(properties=WITHOUT), False),
    (snapshot(), heir(), False),
    (snapshot('yes'), heir(status='ERROR'), False),
    (snapshot('yes'), heir(image_id=OTHER), False)])
def test_who_takes_its_place_has_its_disk_and_the_channel(source, launched,
                                                          chosen):
    assert successor.choose([source], [launched]) == (
        launched if chosen else None)


def test_the_newest_takes_its_place():
    older = heir(id='older', created=builders.ago(60))

    assert successor.choose([snapshot('yes')], [older, heir()]).id == 'heir'


def test_one_that_could_not_be_built_is_named():
    lost = heir(status='ERROR')

    assert successor.failed(snapshot(), [heir(), lost]) == lost
    assert successor.failed(snapshot(), [heir()]) is None
    assert successor.failed(None, [lost]) is None


# What is launched

@given(st.text(min_size=1))
def test_every_name_makes_one_that_nova_takes(name):
    made = successor.successor_name(old(name=name))

    assert made.endswith(successor.SUFFIX)
    assert len(made) <= records.METADATA_LIMIT
    assert made == records.for_services(made) == made.strip()


def blueprint(keys=('ann',), networks=('net',), **changes):
    values = {'key_name': 'ann', 'user_id': 'me', 'security_groups': ('web',),
              'zone': 'az1', 'config_drive': True, **changes}
    return successor.blueprint(old(**values), snapshot(), 'flavor', networks,
                               keys, 'me')


def test_it_has_what_the_old_one_has():
    assert blueprint(networks=('net', 'net')) == successor.Blueprint(
        'web-ready', builders.SNAPSHOT, 'flavor', ('net', 'net'), ('web',),
        'ann', 'az1', True)


def test_a_key_pair_of_that_name_may_be_another_users():
    assert blueprint(user_id='other').key_name == ''
    assert blueprint(user_id=None).key_name == ''
    assert blueprint(keys=()).key_name == ''


def test_without_interfaces_there_are_no_security_groups():
    assert blueprint(networks=()).security_groups == ()


def test_whatever_differs_has_another_digest():
    one = blueprint()
    changed = {'name': 'x', 'image_id': 'x', 'flavor': 'x',
               'networks': ('x',), 'security_groups': ('x',), 'key_name': 'x',
               'zone': 'x', 'config_drive': False}
    assert set(changed) == {field.name for field in dataclasses.fields(one)}

    digests = {dataclasses.replace(one, **{name: value}).digest
               for name, value in changed.items()}

    assert len(digests | {one.digest}) == len(changed) + 1
    assert blueprint().digest == one.digest
