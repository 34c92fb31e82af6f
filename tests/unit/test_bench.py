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

"""The report of make bench: medians, ratios, goals."""

import csv
import dataclasses
import json
from unittest import mock

import pytest

from tests.bench import disks
from tests.bench import document
from tests.bench import judging
from tests.bench import pages
from tests.bench import report
from tests.bench import taking


def visit(seconds, requests=3, size=1000):
    return pages.Visit(seconds, requests, size, rows=20, cpu=0.1,
                       cloud_cpu=0.2)


def case(ours=(1.0,), theirs=(8.0,), requests=5, complete=()):
    return report.Case(100, 20, {
        pages.INDEX: [visit(each, requests) for each in ours],
        pages.INSTANCES: [visit(each, 19) for each in theirs],
        pages.IMAGES: [visit(2.0, 2)], pages.FRAME: [visit(0.5, 3)]},
        {pages.INDEX: [3.0, 1.0, 2.0], pages.INSTANCES: complete})


def test_what_horizons_frame_asks_is_taken_off():
    made = case()

    assert [made.requests(page) for page in pages.PAGES] == [2, 16, 2, 0]


def test_the_pages_of_one_round_are_compared():
    # The machine was ten times as slow in the second round.
    made = case(ours=(1.0, 10.0, 1.0), theirs=(5.0, 50.0, 5.0))

    assert made.share == pytest.approx(0.2)


def test_medians_are_shown_for_each_page():
    numbers = case().table()

    assert numbers[pages.INDEX]['complete'] == 2.0
    assert numbers[pages.INDEX]['of Instances'] == pytest.approx(0.125)
    assert numbers[pages.IMAGES]['complete'] is None


def test_a_page_is_complete_beside_the_other_of_its_round():
    # Twice as slow in the second round, both of them.
    made = case(complete=[6.0, 2.0, 5.0])

    assert made.complete_share == pytest.approx(0.5)
    assert case().complete_share is None


@pytest.mark.parametrize('made, weight, good', [
    (case(), 0, True),
    (case(complete=[6.0, 2.0, 4.0]), 0, True),
    (case(complete=[5.0, 1.9, 3.9]), 0, False),
    (case(ours=(1.2,)), 0, True),
    (case(ours=(1.3,)), 0, False),
    (case(requests=6), 0, True),
    (case(requests=7), 0, False),
    (case(), 10 ** 4, False)])
def test_a_missed_goal_is_no_success(made, weight, good):
    assert report.Report(cases=[made], weight=weight).good is good


def test_nothing_measured_is_no_success():
    assert not report.Report().good


def test_everything_is_printed_and_written(tmp_path, capsys):
    made = report.Report(
        [case(ours=(9.0,))], weight=100,
        accepted={way: [1.0, 3.0] for way in taking.WAYS}, sealed=[0.5],
        followed={20: (300.0, 60.0, 12.0)},
        crowds={(100, 10, pages.INDEX): (2.0, 5.0)})
    file = tmp_path / 'results' / 'bench.json'

    made.print()
    made.write(file)

    printed = capsys.readouterr().out
    assert 'NOT MET index, 100 instances, 20 rows a page' in printed
    assert 'click: 2.00 s' in printed
    assert '300 row updates and 60 requests to Nova a minute' in printed
    numbers = json.loads(file.read_text())
    assert numbers['accepted'][taking.CLICK] == 2.0
    assert [goal['met'] for goal in numbers['goals']] == [False, True, True]


def test_the_documents_numbers_are_those_of_the_run(tmp_path):
    made = report.Report(
        [report.Case(size, 20, case().visits, case().complete)
         for size in (3, 100, 1000)], 100,
        {way: [1.25] for way in taking.WAYS}, [0.5], {20: (30.0, 60.0, 12.0)},
        crowds={(size, 10, page): (4.75, 2.0) for size in (3, 100, 1000)
                for page in document.COMPARED},
        disks={disks.EXT4: judged()})
    made.write(tmp_path / 'bench.json')

    with mock.patch.multiple(document, RESULTS=tmp_path / 'bench.json',
                             PAGE=tmp_path / 'numbers.txt'):
        document.main()

    text = (tmp_path / 'numbers.txt').read_text()
    assert '- 4.75\n' in text
    # Nobody let 100 users look: what ten had a second is reckoned with.
    assert '- ~50.00\n' in text
    assert 'To createImage accepted: click\n     - 1.25' in text
    assert 'Nova was asked 60 times a minute' in text
    assert (f'* - {disks.EXT4}\n     - 100\n     - 7.00\n     - 126.98\n'
            in text)


def judged(requests=700, size=126976, consistent=100):
    return disks.Judged(100, requests, size, 1000, 20.0,
                        {'filesystem-consistent': consistent,
                         'unproven': 100 - consistent})


@pytest.mark.parametrize('changes, good', [
    ({}, True), ({'requests': 1000}, True), ({'requests': 1001}, False),
    ({'size': 262144}, True), ({'size': 262145}, False),
    ({'consistent': 99}, False)])
def test_a_disk_is_read_within_its_ceilings_and_decides(changes, good):
    made = report.Report(cases=[case()], disks={disks.EXT4: judged(**changes)})

    assert made.good is good


def test_the_judge_asks_for_what_is_new_and_no_more():
    first, following = judging.grow([3])

    assert (first.wrong, following.wrong) == ('', '')
    assert (first.disks, following.disks) == (3, 0)
    assert first.lists == following.lists == 4
    assert following.data + following.other == 0


@pytest.mark.parametrize('changes, wrong', [
    ({'lists': 15}, '15 lists instead of 14'),
    ({'disks': 999}, '999 disks read, new: 1000'),
    ({'disks': 1001}, '1001 disks read, new: 1000'),
    ({'other': 5000}, '5000 other requests'), ({}, '')])
def test_a_judge_that_asks_for_more_than_it_promises_is_told(changes, wrong):
    measured = judging.Round(1000, 'first', 1000, 14, 1000, 1000, 3000, 9.0)

    assert dataclasses.replace(measured, **changes).wrong == wrong


def test_the_table_of_the_judge_keeps_what_is_promised():
    with judging.PATH.open(newline='') as file:
        rows = list(csv.DictReader(file))

    assert [int(row['Instances']) for row in rows] == [
        size for size in judging.SIZES for _round in range(2)]
    for row in rows:
        new = int(row['Instances']) if row['Round'] == 'first' else 0
        assert int(row['Disks read']) == new
        assert int(row['Lists']) <= int(row['Images']) // 1000 + 5
