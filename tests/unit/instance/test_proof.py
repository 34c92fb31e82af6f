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

"""A proof in its parts, and the picture of the snapshots of an instance."""

import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from snapshot_panel.instance import history
from snapshot_panel.instance import proof
from snapshot_panel.instance import texts
from snapshot_panel.instance import timeline
from snapshot_panel.ui import lines
from tests.unit import builders

FACTS = texts.FACTS


def entry(rule=verdict.Rule.DISK_AT_REST, evidence=None, **changes):
    values = {'at': builders.ago(60), 'image': builders.sealed(rule)}
    return history.Entry(lines.SnapshotLine(known.Snapshot(
        builders.SNAPSHOT, 'web', verdict.Decision(rule, evidence or {}),
        **{**values, **changes})), builders.instance())


def parts(*arguments, **changes):
    return {part.code: part
            for part in proof.parts(entry(*arguments, **changes))}


def badges(found, *names):
    return [found[name].badge for name in names]


@pytest.mark.parametrize('rule', verdict.Rule)
def test_every_rule_has_a_proof_that_ends_with_its_verdict(rule):
    for image in (None, builders.image(), builders.asked(status='saving')):
        found = list(parts(rule, image=image, gone=image is None).values())

        assert [part.code for part in found] == [
            'asked', 'hooks', 'freeze', 'thaw', 'upload', 'disk', 'verdict']
        assert texts.RULE % rule.code in found[-1].sentences or (
            rule.verdict is verdict.Verdict.PENDING)


def test_a_disk_at_rest_witnesses_no_freeze():
    found = parts(evidence={'disk': builders.reading().report})

    assert badges(found, 'hooks', 'freeze', 'thaw') == [FACTS['silent']] * 3
    assert found['disk'].badge is texts.DISK[disk.Word.AT_REST]


def test_a_guest_that_was_shut_off_needed_no_freeze():
    found = parts(verdict.Rule.CLEAN_STOP, image=builders.asked(
        state=facts.STOPPED))

    assert badges(found, 'freeze', 'thaw') == [FACTS['unneeded']] * 2


@pytest.mark.parametrize('rule, evidence, said', [
    (verdict.Rule.HOOK_REFUSED, {'hook': '20-postgresql'}, {
        'hooks': 'against', 'freeze': 'against', 'thaw': 'silent'}),
    (verdict.Rule.NOT_SEEN_FROZEN, {'open': ['/', '/srv']}, {
        'hooks': 'silent', 'freeze': 'against'}),
    (verdict.Rule.FREEZE_WITNESSED, {
        'frozen': {'/': 0.06}, 'hooks': {'a': True, 'b': False}}, {
            'hooks': 'against', 'freeze': 'witnessed', 'thaw': 'witnessed'}),
    (verdict.Rule.HOOKS_WITNESSED, {
        'frozen': {'/': 0.06}, 'hooks': {'a': True}}, {
            'hooks': 'witnessed', 'freeze': 'witnessed'})])
def test_what_the_guest_told_of_is_at_its_own_step(rule, evidence, said):
    found = parts(rule, evidence)

    assert badges(found, *said) == [FACTS[name] for name in said.values()]


@pytest.mark.parametrize('seconds, at', [
    ('18', builders.ago(42)), ('none', None), ('x', None)])
def test_an_upload_has_a_time_where_one_was_measured(seconds, at):
    found = parts(image=builders.sealed(
        properties={'consistency_seconds': seconds}))

    assert found['upload'].at == at
    assert (texts.UPLOADED in found['upload'].sentences) is bool(at)


def test_only_a_seal_is_called_written():
    sealed, unsealed = parts(), parts(image=builders.asked())

    assert sealed['verdict'].at == builders.sealed().updated
    assert texts.SEALED in sealed['verdict'].sentences
    assert unsealed['verdict'].at is None
    assert texts.NOT_SEALED in unsealed['verdict'].sentences


@pytest.mark.parametrize('rule', verdict.Rule)
def test_why_it_has_its_verdict_is_left_to_the_top_of_the_page(rule):
    shown = entry(rule)

    said = [sentence for part in proof.parts(shown)
            for sentence in part.sentences]

    assert shown.line.reason not in said


def draw(*ages, now=builders.NOW):
    return timeline.draw([entry(at=age if age is None else builders.ago(age))
                          for age in ages], now)


def test_each_mark_stands_as_far_as_its_time():
    drawn = draw(200, 400, 1000, None)

    assert [mark.gap for mark in drawn.marks] == [None, 600, 200]
    assert [mark.share for mark in drawn.marks] == [0, 750, 250]
    # 250, rounded.
    assert drawn.since == 224


def test_the_picture_stays_while_somebody_looks():
    drawn = {draw(400 + seconds, 1000 + seconds).since
             for seconds in range(60)}

    assert len(drawn) <= 2


def test_a_clock_that_is_behind_makes_no_negative_gap():
    drawn = draw(-100, 0)

    assert [mark.share for mark in drawn.marks] == [0, timeline.WHOLE]
    assert drawn.since == 0


def test_all_at_once_and_none_at_all_can_be_drawn():
    assert [mark.share for mark in draw(0, 0).marks] == [0, 0]
    assert (draw().marks, draw().since) == ([], 0)


def test_the_legend_counts_each_verdict():
    drawn = timeline.draw([entry(), entry(), entry(
        verdict.Rule.GONE, image=None, gone=True)], builders.NOW)

    assert [(badge.word, count) for badge, count in drawn.legend] == [
        ('File-system consistent', 2), ('Discarded', 1)]
