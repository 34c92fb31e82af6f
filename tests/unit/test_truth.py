# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What ``make truth`` calls wrong: it must not pass when the panel is."""

import pytest

from tests.truth import oracle
from tests.truth import report

GOOD, BAD = 'filesystem-consistent', 'crash-consistent'
CLEAN, DIRTY = oracle.Disk.CLEAN, oracle.Disk.DIRTY


def snapshot(panel, disk, kit=True):
    return report.Snapshot('scenario', 'id', kit, 'active', panel, 'rule',
                           disk=disk)


@pytest.mark.parametrize('panel,disk,kit,agree', [
    (GOOD, CLEAN, True, 'yes'),
    (BAD, DIRTY, True, 'yes'),
    ('unproven', DIRTY, True, 'no claim'),
    ('unproven', CLEAN, False, 'no claim'),
    # Wrong: called consistent without being so, or not recognised.
    (GOOD, DIRTY, True, 'NO'),
    ('application-consistent', DIRTY, True, 'NO'),
    (GOOD, oracle.Disk.UNKNOWN, True, 'NO'),
    (GOOD, None, True, 'NO'),
    ('unproven', CLEAN, True, 'NO'),
    (BAD, CLEAN, True, 'NO'),
])
def test_one_word_against_the_other(panel, disk, kit, agree):
    assert snapshot(panel, disk, kit).agree == agree


def test_a_run_is_good_only_if_all_is(capsys):
    results = report.Report()
    assert not results.good
    results.add(snapshot(GOOD, CLEAN))
    assert results.good
    results.add(snapshot(GOOD, DIRTY))
    assert not results.good
    results.print()

    last = capsys.readouterr().out.splitlines()[-1]

    assert last == ('1 scenarios, 2 snapshots, false consistent: 1, '
                    'missed: 0')


def test_a_run_that_was_cut_short_is_not_good(capsys):
    results = report.Report(['hook failing'])
    results.add(snapshot(GOOD, CLEAN))
    results.print()

    assert not results.good
    assert 'NOT PLAYED hook failing' in capsys.readouterr().out


def test_the_table_counts_what_came_out_alike(capsys):
    results = report.Report()
    for word in (GOOD, BAD, GOOD):
        results.add(snapshot(word, CLEAN if word == GOOD else DIRTY))
    capsys.readouterr()
    results.print()

    table = capsys.readouterr().out.splitlines()[1:4]

    assert [line.split()[1] for line in table] == ['Times', '2', '1']


def test_a_scenario_that_broke_is_no_success():
    results = report.Report()
    results.add(snapshot(GOOD, CLEAN))
    results.broken['scenario'] = 'did not boot'

    assert not results.good


@pytest.mark.parametrize('kind', ['ext4', 'nothing'])
def test_a_disk_that_nobody_uses_is_at_rest(kind, tmp_path, monkeypatch):
    words = {'ext4': 'Filesystem features:      has_journal extent 64bit\n',
             'nothing': 'Bad magic number in super-block\n'}
    monkeypatch.setattr(oracle, '_output', lambda *_: words[kind])
    raw = tmp_path / 'raw'
    raw.write_bytes(bytes(8))

    expected = {'ext4': CLEAN, 'nothing': None}

    assert oracle._judge_ext4(raw) is expected[kind]
    assert oracle._judge_xfs(raw) is None
