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

"""Every verdict, step and error has its words, with all that they name."""

import re

import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import adoption
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict
from snapshot_panel.ui import words
from tests.unit import builders
from tests.unit.ui import examples

Rule = verdict.Rule


def test_every_rule_is_decided_here_and_has_its_words():
    assert {decision.rule for decision in examples.DECISIONS} == set(Rule)
    assert set(words.RULES) == set(Rule)


@pytest.mark.parametrize('decision', examples.DECISIONS, ids=examples.code)
def test_a_reason_names_only_what_the_rule_knows(decision):
    assert '?' not in words.reason(decision)


@pytest.mark.parametrize('decision', [
    decision for decision in examples.DECISIONS
    if decision.verdict.final], ids=examples.code)
def test_a_reason_is_the_same_once_it_was_sealed(decision):
    image = builders.asked(properties=decision.seal().properties())

    assert words.reason(verdict.look(image)) == words.reason(decision)


def test_every_step_and_end_of_a_restart_has_its_words():
    assert set(words.RESTART_STEPS) == set(restart.Phase) - {
        restart.Phase.OVER}
    # Who cancelled it knows.
    assert set(words.RESTART_CAUSES) == set(restart.Cause) - {
        restart.Cause.CANCELLED}


def test_whatever_becomes_of_older_snapshots_has_its_words():
    assert set(words.REPLACING) == set(retention.Standing) - {
        retention.Standing.NOTHING}


@pytest.mark.parametrize('words, things', [
    (words.STATES, checklist.State), (words.STEPS, facts.SnapshotTask),
    (words.VERDICTS, verdict.Verdict), (words.WAYS, adoption.Way),
    (words.HINDRANCES, adoption.Hindrance)],
    ids=['states', 'steps', 'verdicts', 'ways', 'hindrances'])
def test_everything_has_a_word(words, things):
    assert set(words) == set(things)


@pytest.mark.parametrize('seconds, text', [
    (0, '0 s'), (119.5, '119 s'), (120, '2 min'), (7200, '2 h'),
    (172800, '2 days')])
def test_a_duration_is_told_in_the_unit_that_fits(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize('kind, text', words.ERRORS.items(),
                         ids=lambda value: getattr(value, '__name__', ''))
def test_every_error_has_its_words(kind, text):
    assert words.error(kind('Nova', 'secret')) == text


def test_a_conflict_is_about_what_the_service_works_with():
    shown = words.error(errors.Conflict('Glance', ''))

    assert shown == words.CONFLICTS['Glance']
    assert 'compute service' not in str(shown)


@pytest.mark.parametrize('kind, shown', [
    (errors.Refused, True), (errors.Conflict, True),
    (errors.Forbidden, True), (errors.OverLimit, True),
    (errors.NotFound, False), (errors.Unavailable, False)])
def test_the_service_is_quoted_where_it_tells_the_cause(kind, shown):
    problem = kind('Nova', '')
    problem.said = 'field name'

    assert ('“field name”' in str(words.error(problem))) is shown


def test_a_refusal_sends_nobody_for_a_role_who_may_have_it():
    shown = str(words.error(errors.Forbidden('Nova', 'policy')))

    assert 'If you lack the role “member”' in shown


def test_an_error_of_no_kind_is_a_failure_of_the_service():
    problem = errors.CloudError('Nova', 'secret')

    assert words.error(problem) == words.ERRORS[errors.Unavailable]


@pytest.mark.parametrize('evidence', [
    {}, {'frozen': []}, {'frozen': {}}, {'frozen': {'/': None}},
    {'frozen': {'/': [1, 'x']}, 'hooks': 5}, {'frozen': 'x', 'open': {}},
    {'source': []}, {'source': {}}, {'source': None}, {'source': 5},
    {'frozen': {'/': 'x', '/srv': 1, '/home': None, '/var': [], '/opt': {}}},
    {'seconds': 'x', 'limit': [], 'freezes': {}, 'snapshots': None},
    {'hooks': [[]], 'open': 5, 'state': {}, 'action': [], 'hook': {}}])
@pytest.mark.parametrize('rule', Rule, ids=examples.code)
def test_evidence_edited_by_hand_can_be_shown(rule, evidence):
    assert words.reason(verdict.Decision(rule, evidence))


@pytest.mark.parametrize('stalls, longest', [
    ([9.5, 10.5], '10.5'), ([9, 10], '10'), (['99', 0.5], '0.5'),
    ([None, 0.5, []], '0.5'), (['x'], 'x')])
def test_the_longest_stall_is_told_as_a_number(stalls, longest):
    frozen = {'/%d' % index: stall for index, stall in enumerate(stalls)}

    decision = verdict.Decision(Rule.FREEZE_WITNESSED, {'frozen': frozen})

    shown = re.findall(r'[\w.]+', words.reason(decision))
    told = words.fill(words.RULES[Rule.FREEZE_WITNESSED],
                      {'paths': ', '.join(frozen), 'stall': longest})
    assert words.reason(decision) == told
    assert longest in shown
