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

"""Every finding has its texts, which name only what the check knows."""

import datetime
import re

from django.utils import timezone
import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.ui import findings
from tests.unit import builders
from tests.unit.ui import examples

Finding = checklist.Finding


def names(text):
    return set(re.findall(r'%\((\w+)\)', str(text)))


def test_every_finding_is_found_here_and_has_its_words():
    assert {result.finding for result in examples.RESULTS} == set(Finding)
    assert set(findings.FINDINGS) == set(Finding)


@pytest.mark.parametrize('result', examples.RESULTS, ids=examples.code)
def test_a_finding_names_only_what_the_check_knows(result):
    row = findings.FINDINGS[result.finding]
    found, remedy = row.found, row.remedy

    known = set(result.evidence)
    if 'status' in known:
        # Both are made of it.
        known |= {'condition', 'way_out'}
    if 'paths' in known:
        known |= {'left_out'}
    assert names(found) | names(remedy) <= known


@pytest.mark.parametrize('finding', [
    finding for finding in Finding if finding not in examples.UNASKED
    and finding.state in (checklist.State.FAIL, checklist.State.UNKNOWN)],
    ids=examples.code)
def test_whatever_stands_in_the_way_has_a_remedy(finding):
    row = findings.FINDINGS[finding]
    found, remedy = row.found, row.remedy

    assert found
    assert remedy


@pytest.mark.parametrize('finding', [
    finding for finding in Finding if finding.in_the_way],
    ids=examples.code)
def test_whatever_stands_in_the_way_is_named_in_a_few_words(finding):
    assert len(str(findings.in_short(finding)).split()) <= 4


@pytest.mark.parametrize('texts, things', [
    (findings.CHECKS, checklist.Check),
    (findings.BOOTED, [source.value for source in facts.Source])],
    ids=['checks', 'sources'])
def test_everything_has_its_text(texts, things):
    assert set(texts) == set(things)


def test_a_moment_is_told_in_the_users_zone(settings):
    at = datetime.datetime(2026, 11, 22, 23, 30,
                           tzinfo=datetime.timezone.utc)
    result = checklist.Result(Finding.AGENT_FROZE, {'at': at})

    with timezone.override('Europe/Moscow'):
        text = findings.fill(findings.FINDINGS[Finding.AGENT_FROZE].found,
                             result)

    assert '11/23/2026 2:30 a.m.' in text


@pytest.mark.parametrize('kinds, text', [
    (('xfs',), 'File systems: xfs; read on the image that it was launched '
               'from.'),
    ((), 'No disk was read.')])
def test_what_was_not_read_is_not_listed(kinds, text):
    source = facts.Source.IMAGE if kinds else facts.Source.NONE
    result = checklist.Result(Finding.PROOF_KIT, {
        'kinds': kinds, 'source': source.value})

    assert findings.evidence(result, builders.instance()) == text
