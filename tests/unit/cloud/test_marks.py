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

"""When judges were there, and how often they come."""

import datetime
from unittest import mock

from django.core.cache import cache
from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.cloud import marks
from snapshot_panel.ui import words
from tests.unit import builders


@pytest.fixture
def session():
    made = mock.Mock()
    made.user.tenant_id = 'project'
    yield made
    cache.clear()


def visits(*ages, every=None):
    """Return visits so many seconds ago."""
    return marks.Visits(tuple(map(builders.ago, ages)), every)


@pytest.mark.parametrize('seen, interval', [
    (visits(0), None), (visits(0, 300), None), (visits(0, 300, 600), None),
    (visits(0, 300, 600, 900), 300), (visits(0, 310, 600, 899), 310),
    # Somebody ran it by hand, or two come in turns.
    (visits(0, 60, 600, 900), None), (visits(0, 5, 300, 305), None),
    (visits(0, 0, 0, 0), 0),
    (visits(0, every=60), 60), (visits(0, 60, 120, every=60), 60),
    # A round takes longer than it is given.
    (visits(0, 400, every=60), 400)])
def test_an_interval_is_told_or_seen(seen, interval):
    assert seen.interval == interval


@given(st.lists(st.integers(0, 3600), min_size=1, max_size=9),
       st.none() | st.integers(1, 3600))
def test_no_interval_is_shorter_than_what_was_told_or_seen_last(gaps, every):
    ages = [sum(gaps[:number]) for number in range(len(gaps))][:4]

    interval = visits(*ages, every=every).interval

    if interval is not None:
        assert all(interval >= gap for gap in gaps[:len(ages) - 1])
        assert interval >= (every or 0)


def test_a_few_visits_are_kept_of_each_project(session):
    other = mock.Mock()
    other.user.tenant_id = 'other'
    for number in range(6):
        marks.leave(session, builders.NOW + number * datetime.timedelta(
            minutes=5), None)

    kept = marks.visits(session)

    assert len(kept.at) == 4 and kept.interval == 300
    assert marks.last(session) == kept.at[0] == builders.NOW + (
        datetime.timedelta(minutes=25))
    assert marks.visits(other) is marks.last(other) is None


@pytest.mark.parametrize('interval, said', [
    (None, ''), (0, ''), (1, 'every 1 second.'), (30, 'every 30 seconds.'),
    (89, 'every 89 seconds.'), (90, 'every 2 minutes.'),
    (300, 'every 5 minutes.'), (313.2, 'every 5 minutes.'),
    (3600, 'every 60 minutes.')])
def test_an_interval_is_told_in_words(interval, said):
    text = words.judged(interval)

    assert text == (said and 'Judged by the operator ' + said)
