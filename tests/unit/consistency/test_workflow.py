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

"""What Mistral is given: its text, its input, and when it runs."""

import datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest
import yaml

from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import workflow
from tests.unit import builders

Period = schedules.Period
HOSTILE = ['<% $.x %>', '{{ _.x }}', '{% for %}', 'a"b: \\ <%', "it's\n- x: y",
           '\ud83d', '😀' * 255, 'x' * 255, ' ', '']


def offset(hours=0, minutes=0):
    return datetime.timedelta(hours=hours, minutes=minutes)


def spec():
    return yaml.safe_load(workflow.text(builders.INSTANCE))


def test_the_workflow_is_one_named_after_the_instance_and_the_panel():
    name = workflow.name(builders.INSTANCE)

    assert set(spec()) == {'version', name}
    assert builders.INSTANCE in name
    assert workflow.TAG in spec()[name]['tags']
    assert "Horizon's panel" in spec()[name]['description']


def test_the_workflow_marks_what_it_takes_as_the_commands_do():
    body = spec()[workflow.name(builders.INSTANCE)]

    assert body['input'] == ['server', 'name', {'by': ''}]
    assert body['tasks']['snapshot'] == {
        'action': workflow.ACTION, 'input': {
            'server': '<% $.server %>',
            'image_name': '<% $.name + "-" + $.at %>',
            'metadata': '<% {"consistency_scheduled" => $.server + "/" + $.at}'
                        ' + switch($.heard => $.record, true => {}) %>'}}
    at = body['vars']['at'].removeprefix('<% now().format("')
    moment = builders.NOW.strftime(at.removesuffix('") %>'))
    assert schedules.made(builders.instance(), builders.image(
        {schedules.MARK: builders.INSTANCE + '/' + moment},
        name='web-' + moment))


def test_the_workflow_writes_each_property_of_a_request():
    record = spec()[workflow.name(builders.INSTANCE)]['tasks']['listen'][
        'publish']['record']

    assert set(record) == set(records.Request(
        builders.NOW, 'ann', 'ACTIVE', None, None).properties())
    image = builders.image({**record, records.AFTER_ACTION: 'req-0'})
    assert records.is_unbound(image)
    assert not records.is_sealed(image)
    assert records.made_since(image, [builders.action('create', 'req-0')]
                              ) == []


@pytest.mark.parametrize('asks', [True, False])
def test_whatever_fails_before_the_snapshot_is_taken(asks):
    tasks = yaml.safe_load(workflow.text(builders.INSTANCE, asks))[
        workflow.name(builders.INSTANCE)]['tasks']

    assert set(tasks) - {'snapshot'} == (
        {'look', 'listen'} if asks else set())
    for name in set(tasks) - {'snapshot'}:
        task = tasks[name]
        leads = [*task.get('on-error', ()), *task.get('on-complete', ())]
        assert 'snapshot' in leads
        assert task['timeout'] <= 60
        assert task['action'] in workflow.ASKS


@pytest.mark.parametrize('name', HOSTILE)
def test_what_people_named_is_input_and_never_text(name):
    instance = builders.instance(name=name)

    assert workflow.text(instance.id) == workflow.text(builders.INSTANCE)
    given = workflow.given(instance, name)
    assert given['server'] == instance.id
    assert given['by'] == records.for_services(name)
    assert given['name'] == records.for_services(name).lstrip()[:238]


@pytest.mark.parametrize('instance_id', [
    '', 'x', '<% 1 %>', builders.INSTANCE + '\n', '{%s}' % builders.INSTANCE,
    '../' + builders.INSTANCE, builders.INSTANCE.upper()])
def test_what_is_no_id_gets_neither_name_nor_text(instance_id):
    for make in (workflow.name, workflow.text):
        with pytest.raises(ValueError):
            make(instance_id)


@pytest.mark.parametrize('period, hour, zone, pattern', [
    (Period.DAILY, 3, offset(), '0 3 * * *'),
    (Period.DAILY, 3, offset(1), '0 2 * * *'),
    (Period.DAILY, 0, offset(1), '0 23 * * *'),
    (Period.DAILY, 23, offset(-8), '0 7 * * *'),
    (Period.DAILY, 3, offset(5, 30), '30 21 * * *'),
    (Period.WEEKLY, 3, offset(), '0 3 * * 0'),
    # Sunday there is still Saturday, or Monday already, in Greenwich.
    (Period.WEEKLY, 0, offset(1), '0 23 * * 6'),
    (Period.WEEKLY, 22, offset(-8), '0 6 * * 1'),
    (Period.WEEKLY, 3, offset(5, 45), '15 21 * * 6')])
def test_an_hour_of_the_users_zone_is_one_of_utc(period, hour, zone, pattern):
    assert workflow.pattern(period, hour, zone) == (
        pattern, int(pattern.split()[1]))


@given(st.sampled_from(Period), st.integers(0, 23),
       st.integers(-12 * 4, 14 * 4))
def test_the_hour_comes_back_in_the_same_zone(period, hour, quarters):
    zone = offset(minutes=15 * quarters)

    pattern, utc = workflow.pattern(period, hour, zone)

    assert workflow.local_hour(utc, zone) == hour
    assert 0 <= utc <= 23
    minute, same, _day, _month, weekday = pattern.split()
    assert int(same) == utc and int(minute) < 60
    # The moment that it names is that hour, on a Sunday, in the zone.
    sunday = datetime.datetime(2026, 11, 22)
    day = 0 if weekday == '*' else int(weekday)
    there = sunday + datetime.timedelta(
        days=day, hours=utc, minutes=int(minute)) + zone
    assert (there.hour, there.minute) == (hour, 0)
    assert period is Period.DAILY or there.isoweekday() == 7


# As Mistral 23.0.0 told it.
FAILED = """Failure caused by error in tasks: snapshot

  snapshot [task_ex_id=fd36debf] -> The action raised an exception \
[action=<mistral_lib.actions.providers.python.NovaAction object at 0x7f>, \
action_ex_id=6537b25c, msg='NovaAction.servers.create_image failed: %s']
    [action_ex_id=6537b25c, idx=0]: The action raised an exception \
[action=<object at 0x7f>, action_ex_id=6537b25c, msg='%s']
"""


@pytest.mark.parametrize('said', [
    "Cannot 'createImage' instance while it is in vm_state error (HTTP 409)",
    "it's [gone]", 'two\nlines', ''])
def test_a_failure_is_told_by_its_message(said):
    assert workflow.cause(FAILED % (said, said)) == said


@given(st.text())
def test_what_has_no_message_is_told_as_it_is(said):
    assert workflow.cause(said.replace('msg=', '')) == said.replace('msg=', '')
