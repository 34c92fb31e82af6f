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

"""What the index counts, shows and links to."""

import types
from urllib import parse

from django import http
import pytest

from snapshot_panel.consistency import protection
from snapshot_panel.ui import strip
from snapshot_panel.ui import words

Group = protection.Group


def row(*groups, incomplete=False):
    return types.SimpleNamespace(groups=frozenset(groups),
                                 incomplete=incomplete)


def choice(query=''):
    return strip.Choice.of(http.QueryDict(query))


def parameters(url):
    assert url.startswith('?')
    return dict(parse.parse_qsl(url[1:]))


def test_every_group_has_its_words():
    assert set(words.GROUPS) == set(Group)


@pytest.mark.parametrize('query', [
    '', 'show=all&age=0&order=best', 'show=<script>&age=7x&order=',
    'age=99999999999999999999', 'show=%00&age=-1'])
def test_what_nobody_offered_is_not_chosen(query):
    found = choice(query)

    assert (found.show, found.days, found.worst) == (None, 7, False)


def test_a_link_keeps_the_place_and_what_else_was_chosen():
    found = strip.Strip(
        choice('marker=x&age=30&order=worst&show=never&id=1&id=2&again=1'),
        [], False)

    failing = next(link for link in found.groups if link.code == 'failing')
    assert parameters(failing.url) == {
        'marker': 'x', 'age': '30', 'order': 'worst', 'show': 'failing'}
    assert parameters(found.everything) == {
        'marker': 'x', 'age': '30', 'order': 'worst'}
    assert parameters(found.worst.url) == {
        'marker': 'x', 'age': '30', 'show': 'never'}
    assert parameters(found.ages[0].url) == {
        'marker': 'x', 'age': '1', 'order': 'worst', 'show': 'never'}


def test_a_link_carries_what_is_hostile_as_text():
    url = choice('marker="><script>&show=never').link(show='failing')

    assert '<' not in url
    assert '"' not in url


def test_rows_are_counted_whichever_are_shown():
    found = strip.Strip(choice('show=failing'), [
        row(Group.NEVER, Group.FAILING), row(Group.NEVER),
        row(Group.PROTECTED), row(incomplete=True)], False)

    assert [(link.code, link.count, link.current)
            for link in found.groups] == [
        ('protected', 1, False), ('not-ready', 0, False),
        ('failing', 1, True), ('never', 2, False), ('overdue', 0, False),
        ('frozen', 0, False)]
    assert found.unasked == 1


def test_an_alarm_is_shown_where_there_is_one():
    found = strip.Strip(choice(), [row(Group.OVERDUE)], False)
    chosen = strip.Strip(choice('show=frozen'), [], False)

    assert [link.code for link in found.groups if link.hidden] == ['frozen']
    assert [link.code for link in chosen.groups if link.hidden] == ['overdue']


def test_a_row_that_may_yet_belong_is_shown():
    failing, never, unasked = (row(Group.FAILING), row(Group.NEVER),
                               row(incomplete=True))

    assert choice('show=failing').arrange([never, failing, unasked]) == [
        failing, unasked]
    assert choice().arrange([never, failing]) == [never, failing]


def test_the_worst_come_first_on_demand_alone():
    good, bad = row(Group.PROTECTED), row(Group.FAILING)

    assert choice('order=worst').arrange([good, bad]) == [bad, good]
    assert choice().arrange([good, bad]) == [good, bad]


def test_what_is_shown_is_said_in_a_sentence():
    assert strip.Strip(choice(), [], False).meaning == ''
    assert '30 days' in strip.Strip(choice('show=protected&age=30'), [],
                                    False).meaning
    assert 'latest snapshot' in strip.Strip(choice('show=failing'), [],
                                            False).meaning


def test_the_script_is_told_what_a_row_is_counted_as():
    assert strip.marks(row(Group.NEVER, Group.FAILING)) == 'failing never'
    assert strip.marks(row(incomplete=True)) == 'unasked'
    assert strip.marks(row()) == ''
