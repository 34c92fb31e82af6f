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

"""Which snapshots of an instance are shown, and what is said of each."""

import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import known
from snapshot_panel.consistency import verdict
from snapshot_panel.instance import compare
from snapshot_panel.instance import history
from snapshot_panel.ui import lines
from tests.unit import builders

FROZEN = {'frozen': {'/': 0.06}, 'boot': '3f2a91c0', 'seq': 12,
          'hooks': {'20-postgresql': True, '30-app': False}}


def snapshot_line(decision, name='web', at=None):
    return lines.SnapshotLine(known.Snapshot(builders.SNAPSHOT, name,
                                             decision, at))


def test_the_evidence_of_a_verdict_in_sentences():
    line = snapshot_line(verdict.Decision(
        verdict.Rule.FREEZE_WITNESSED, FROZEN))

    assert history.evidence(line) == [
        '/ stood still for 0.06 s', 'hook 20-postgresql succeeded',
        'hook 30-app failed', 'boot 3f2a91c0, witness 12',
        'rule freeze-witnessed']


def test_the_evidence_counts_the_volume_snapshots():
    line = snapshot_line(verdict.Decision(
        verdict.Rule.CLEAN_STOP, {'volumes': 2}))

    assert '2 volume snapshots' in history.evidence(line)


def test_forged_evidence_breaks_nothing():
    for frozen in (None, 7, 'x', [1], {'/': None}, {'/': {'%s': 1}}):
        line = snapshot_line(verdict.Decision(
            verdict.Rule.FREEZE_WITNESSED, {'frozen': frozen, 'hooks': 1}))

        assert history.evidence(line)


def test_what_was_measured_is_known_by_step():
    line = snapshot_line(verdict.Decision(verdict.Rule.FREEZE_WITNESSED,
                                          {'frozen': {'/': 0.06, '/b': 2}}))

    measured = history.measured(line)

    assert '2 s' in measured[journey.Step.FREEZE]
    assert 'File-system' in measured[journey.Step.VERDICT]
    assert journey.Step.UPLOAD not in measured


@pytest.mark.parametrize('frozen', [
    None, 7, 'x', [1], {'/': None}, {'/': {'%s': 1}}, {'/': True}, {}])
def test_a_forged_measure_is_none(frozen):
    line = snapshot_line(verdict.Decision(
        verdict.Rule.FREEZE_WITNESSED, {'frozen': frozen}))

    assert journey.Step.FREEZE not in history.measured(line)


def entries(*names, rule=verdict.Rule.SILENT):
    return [history.Entry(
        snapshot_line(verdict.Decision(rule), name),
        builders.instance()) for name in names]


def names(found):
    return [entry.name for entry in found.entries]


def test_a_filter_is_offered_where_there_is_something_to_filter():
    for number, query, offered in ((5, {}, False), (6, {}, True),
                                   (1, {'name': 'x'}, True),
                                   (1, {'verdict': 'crash-consistent'}, True),
                                   (1, {'verdict': 'forged'}, False)):
        found = history.choose(entries(*'abcdef'[:number]), query, 20)

        assert found.filter is offered, (number, query)


def test_none_is_one_empty_page():
    found = history.choose([], {}, 20)

    assert (names(found), found.pages, found.total) == ([], 1, 0)
    assert (found.before, found.after) == ('', '')


def test_hundreds_are_shown_in_pages():
    made = entries(*map(str, range(45)))

    first, last = (history.choose(made, {'page': page}, 20)
                   for page in ('1', '3'))

    assert names(first) == list(map(str, range(20)))
    assert (first.before, first.after) == ('', 'name=&verdict=&page=2')
    assert (last.first, last.last, last.total) == (41, 45, 45)
    assert (last.before, last.after) == ('name=&verdict=&page=2', '')


@pytest.mark.parametrize('page, number', [
    ('0', 1), ('-1', 1), ('99', 3), ('x', 1), ('', 1), ('9' * 5000, 1)])
def test_a_page_that_is_not_there_is_the_nearest(page, number):
    found = history.choose(entries(*map(str, range(45))), {'page': page}, 20)

    assert found.number == number


def test_the_name_is_a_part_in_any_case():
    made = entries('Web-1', 'web.2', 'db')

    assert names(history.choose(made, {'name': ' WEB'}, 20)) == [
        'Web-1', 'web.2']
    assert names(history.choose(made, {'name': 'web.'}, 20)) == ['web.2']


def test_the_verdict_is_one_of_them():
    made = entries('a') + entries('b', rule=verdict.Rule.CLEAN_STOP)

    for code, expected in (('filesystem-consistent', ['b']), ('forged', [
            'a', 'b']), ('pending', [])):
        assert names(history.choose(made, {'verdict': code}, 20)) == expected


def test_the_next_page_keeps_what_was_asked_for():
    found = history.choose(entries('a&b', 'a&c'),
                           {'name': 'a&', 'verdict': 'unproven'}, 1)

    assert found.after == 'name=a%26&verdict=unproven&page=2'


def where(rule, **changes):
    line = snapshot_line(verdict.Decision(rule), at=builders.NOW)
    return history.Where.of(line, builders.instance(**changes))


def test_a_consistent_snapshot_leads_nowhere():
    for rule in verdict.Rule:
        if rule.verdict.consistent:
            assert where(rule) is None


def test_each_discarded_one_says_where_to_look():
    for rule in verdict.Rule:
        if rule.verdict is verdict.Verdict.DISCARDED:
            assert where(rule).logs or where(rule).operator


def test_the_logs_are_those_of_the_moment():
    assert where(verdict.Rule.GONE_AFTER_HOOK).logs.splitlines() == [
        'journalctl --since "2026-11-22 11:59:00 UTC" -u qemu-guest-agent',
        'cat /var/lib/consistency-kit/hooks.log']


def test_windows_has_logs_of_its_own():
    windows = facts.Properties({'os_type': 'windows'}, facts.Source.EMBEDDED)

    assert 'journalctl' not in where(verdict.Rule.GONE,
                                     properties=windows).logs


def test_the_operator_gets_the_ids():
    told = where(verdict.Rule.ABANDONED)

    assert told.logs == ''
    assert builders.SNAPSHOT in told.operator
    assert builders.INSTANCE in told.operator


def test_only_what_differs_comes_first():
    older = builders.sealed(properties={'os_distro': 'debian', 'a': '1'})
    newer = builders.sealed(properties={'os_distro': 'debian', 'a': '2',
                                        'b': ''})

    found = compare.properties(older, newer)

    assert [(each.name, each.values) for each in found.different] == [
        ('a', ('1', '2')), ('b', (None, ''))]
    assert 'os_distro' in [each.name for each in found.same]
    assert {each.name.partition('_')[0] for each in found.records} == {
        'consistency'}
