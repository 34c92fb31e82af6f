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


"""Whatever anybody wrote is read as a plain value, or refused."""

import datetime
import json
import re

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from tests.unit import builders

# Texts with halves of characters too, as JSON can hold them.
TEXTS = st.text(st.characters())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-10 ** 17, 10 ** 17)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6)
RECORDS = st.one_of(
    VALUES.map(json.dumps), TEXTS,
    st.dictionaries(
        st.sampled_from(['name', 'by', 'at', 'gone', 'cause', 'step',
                         'after', 'since', 'image']),
        VALUES | st.sampled_from([
            '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z',
            '2026-11-22T12:00:00Z', 'stopping', builders.SNAPSHOT]),
    ).map(json.dumps))


def show(value):
    """Do with a value what a page does."""
    return str(value).encode()


@given(PLAIN)
def test_a_plain_value_is_read_as_it_was_written(value):
    text = json.dumps(value)

    assert bounded.load(text) == value


@given(VALUES.map(json.dumps) | TEXTS)
def test_what_is_read_can_be_shown_and_written(text):
    try:
        value = bounded.load(text)
    except ValueError:
        return

    show(value)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@given(st.text())
def test_a_cache_takes_whatever_a_service_calls_a_state(text):
    assert re.fullmatch('[A-Za-z0-9_]{0,40}', bounded.key_part(text))
    assert bounded.key_part('VERIFY_RESIZE') == 'VERIFY_RESIZE'


@pytest.mark.parametrize('text', [
    '[' * 13 + ']' * 13, '[' * 100000, '{"a":' * 100000, 'Infinity', 'NaN',
    '[1e999]', '[-Infinity]', '9' * 41, '9' * 5000, '"' + 'x' * 131072 + '"',
    '', '{', 'null null'])
def test_what_has_no_bounds_is_refused(text):
    with pytest.raises(ValueError):
        bounded.load(text)


def test_half_a_character_becomes_a_question_mark():
    text = r'{"\udfff": ["a\ud800b"], "\ud83d\ude00": 1}'

    assert bounded.load(text) == {'?': ['a?b'], '\U0001f600': 1}


@pytest.mark.parametrize('text', [
    None, '', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z',
    '1969-12-31T23:59:59Z', '9000-01-01T00:00:00Z', '2026-02-30T00:00:00Z',
    '2026-11-22T12:00:00+14:00', '2026-11-22T12:00:60Z', '2026-11-22',
    '2026-11-22T12:00:00Z' * 1000])
def test_a_time_that_is_none_or_far_from_ours_is_unknown(text):
    assert bounded.moment(text) is None


def test_the_first_and_the_last_moment_allow_arithmetic():
    week = datetime.timedelta(days=7)

    for text in ('1970-01-01T00:00:00Z', '8999-12-31T23:59:59Z'):
        assert bounded.moment(text) - week + 2 * week


@given(RECORDS)
def test_whatever_metadata_says_can_be_shown_and_written_again(text):
    instance = builders.instance(metadata={
        records.MEMORY_PREFIX + builders.SNAPSHOT: text,
        records.PLAN_KEY: text})

    memory, = records.read_memories(instance)
    plan = records.read_plan(instance)

    show(memory)
    memory.value().encode()
    if plan is not None:
        show(plan)
        for value in plan.metadata().values():
            value.encode()


@given(RECORDS, RECORDS)
def test_whatever_properties_say_can_be_shown(text, other):
    image = builders.sealed(properties={
        records.EVIDENCE: text, facts.MAPPING_PROPERTY: other,
        records.REQUESTED_AT: other, records.SECONDS: text,
        records.REPLACES: other})

    show(records.read_request(image))
    show(records.read_seal(image))
    show(records.volume_snapshots(image))
    show(records.read_replaces(image))


@given(RECORDS)
def test_whatever_is_posted_is_an_edit_or_refused(text):
    try:
        edit = edits.Edit.load(text)
    except ValueError:
        return

    show(edit)


def test_a_limit_of_endless_digits_is_no_limit_that_anybody_knows():
    deployment = facts.Deployment(shutdown_timeout=60)
    endless = {facts.SHUTDOWN_TIMEOUT_PROPERTY: '9' * 4000}

    assert verdict.shutdown_limit(endless, deployment) is None
    assert verdict.shutdown_limit({}, deployment) == 60
