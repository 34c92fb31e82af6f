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

import json
import subprocess

import pytest

from tests.disks import layouts
from tests.disks import stage
from tests.truth import numbers
from tests.truth import oracle
from tests.truth import parts
from tests.truth import report
from tests.truth import scenarios

GOOD, BAD = 'filesystem-consistent', 'crash-consistent'
CLEAN, DIRTY = oracle.Disk.CLEAN, oracle.Disk.DIRTY
LACKS, HOLDS = numbers.Word.LACKS, numbers.Word.HOLDS
EXT4, XFS = frozenset({'ext4'}), frozenset({'xfs'})
MB = stage.MB


def snapshot(panel, disk, kit=True, kinds=EXT4, written=None, volumes=False):
    return report.Snapshot(
        'scenario', 'guest', report.PANEL, 'id', kit, volumes, 'active',
        panel, 'rule', opinion=disk and oracle.Opinion(disk, kinds, written))


@pytest.mark.parametrize('panel,disk,kit,agree', [
    (GOOD, CLEAN, True, 'yes'),
    (GOOD, CLEAN, False, 'yes'),
    (BAD, DIRTY, True, 'yes'),
    (BAD, oracle.Disk.DAMAGED, True, 'yes'),
    # Wrong: called consistent without being so, or not recognised, which a
    # disk with ext4 is without any kit.
    (GOOD, DIRTY, True, 'NO'),
    ('application-consistent', DIRTY, True, 'NO'),
    (GOOD, oracle.Disk.DAMAGED, True, 'NO'),
    (GOOD, oracle.Disk.UNKNOWN, True, 'NO'),
    (GOOD, None, True, 'NO'),
    ('unproven', CLEAN, True, 'NO'),
    ('unproven', CLEAN, False, 'NO'),
    ('nothing', CLEAN, False, 'NO'),
    (BAD, CLEAN, False, 'NO'),
    # Wrong: the disk could have told.
    ('unproven', DIRTY, False, 'NO'),
    ('pending', DIRTY, True, 'NO'),
])
def test_one_word_against_the_other(panel, disk, kit, agree):
    assert snapshot(panel, disk, kit).agree == agree


@pytest.mark.parametrize('kinds,volumes', [
    (XFS, False), (EXT4 | XFS, False), (EXT4, True)])
def test_what_the_disk_cannot_tell_needs_the_kit(kinds, volumes):
    def agree(panel, disk, kit):
        return snapshot(panel, disk, kit, kinds, volumes=volumes).agree

    assert agree('unproven', CLEAN, False) == 'no claim'
    assert agree('unproven', DIRTY, True) == 'no claim'
    assert agree('unproven', CLEAN, True) == 'NO'
    assert agree(GOOD, DIRTY, True) == 'NO'


def test_what_the_guest_wrote_counts_where_the_flag_says_at_rest():
    assert snapshot(GOOD, CLEAN, written=HOLDS).agree == 'yes'
    for word in set(numbers.Word) - {HOLDS}:
        wrong = snapshot(GOOD, CLEAN, written=word)
        assert wrong.false_consistent and wrong.agree == 'NO'
        assert not snapshot(BAD, CLEAN, written=word).missed


def test_what_the_guest_wrote_makes_no_disk_better():
    assert snapshot(GOOD, DIRTY, written=HOLDS).false_consistent
    assert not snapshot('unproven', DIRTY, written=HOLDS).missed


def test_a_run_is_good_only_if_all_is(capsys):
    results = report.Report()
    assert not results.good
    results.add(snapshot(GOOD, CLEAN))
    assert results.good
    results.add(snapshot(GOOD, DIRTY))
    assert not results.good
    results.add(snapshot('unproven', CLEAN))
    results.add(snapshot('unproven', DIRTY))
    results.print()

    last = capsys.readouterr().out.splitlines()[-1]

    assert last == ('1 scenarios, 4 snapshots, false consistent: 1, '
                    'missed: 1, undecided on ext4: 2')


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

    assert [line.split()[3] for line in table] == ['Times', '2', '1']


def test_a_scenario_that_broke_is_no_success():
    results = report.Report()
    results.add(snapshot(GOOD, CLEAN))
    results.broken['scenario'] = 'did not boot'

    assert not results.good


def test_a_run_is_kept_for_programs(tmp_path):
    results = report.Report()
    results.add(snapshot(GOOD, CLEAN, written=LACKS))
    results.snapshots[0].account = account(10, 20, (12,))

    results.write(tmp_path / 'results' / 'truth.json')

    kept = json.loads((tmp_path / 'results' / 'truth.json').read_text())
    assert kept['good'] is False
    entry, = kept['snapshots']
    assert entry['opinion'] == {
        'disk': 'clean', 'kinds': ['ext4'], 'written': 'some missing'}
    assert entry['account']['frozen'] == [12]


def test_a_run_goes_on_where_another_was_ended(tmp_path):
    first = report.Report(['agent stopped', 'XFS root'], 'abc')
    first.add(snapshot(GOOD, CLEAN, written=LACKS))
    first.add(snapshot('not taken', None))
    first.snapshots[0].account = account(10, 20, (12,))
    first.snapshots[0].to_active, first.snapshots[0].timed = 2, True
    first.played.append(first.ahead.pop(0))
    first.write(tmp_path / 'truth.json')

    second = report.Report(['agent stopped', 'XFS root'], 'def')
    second.go_on(tmp_path / 'truth.json')
    second.add(snapshot(BAD, DIRTY))

    assert second.ahead == ['XFS root']
    assert [each.revision for each in second.snapshots] == [
        'abc', 'abc', 'def']
    assert [each.row() for each in second.snapshots[:2]] == [
        each.row() for each in first.snapshots]
    assert second.numbers() == first.numbers()


def test_what_broke_is_played_again(tmp_path):
    first = report.Report(['agent stopped'])
    first.broken[first.ahead.pop(0)] = 'did not boot'
    first.write(tmp_path / 'truth.json')

    second = report.Report(['agent stopped'])
    second.go_on(tmp_path / 'truth.json')

    assert second.ahead == ['agent stopped']


def test_each_scenario_is_played_with_each_of_its_guests():
    assert {'agent stopped / agent alone', 'agent stopped / agent and kit',
            'agent running / LVM, agent alone', 'XFS root'
            } <= set(scenarios.ALL)
    assert set(scenarios.SHORT) < set(scenarios.ALL)


# The guest's numbers -------------------------------------------------------

def account(*numbers_):
    return numbers.Account('run', *numbers_)


def records(count, run=b'run'):
    return b''.join(b'%-31s%032d\n' % (run, number)
                    for number in range(1, count + 1))


@pytest.mark.parametrize('found,written,word', [
    # Seen frozen after the 50th: that many, and the one that was on its way.
    (50, account(10, 90, (50,)), HOLDS),
    (51, account(10, 90, (50,)), HOLDS),
    (49, account(10, 90, (50,)), LACKS),
    (52, account(10, 90, (50,)), numbers.Word.LATER),
    # Twice: nobody knows when it was copied.
    (50, account(10, 90, (50, 70)), HOLDS),
    (71, account(10, 90, (50, 70)), HOLDS),
    (72, account(10, 90, (50, 70)), numbers.Word.LATER),
    # Not seen: between the request and the end.
    (10, account(10, 90), HOLDS),
    (9, account(10, 90), LACKS),
    (0, account(10, 90), LACKS),
    (90, account(10, 90), HOLDS),
    (91, account(10, 90), numbers.Word.LATER),
    # Shut down before anybody could ask again.
    (500, account(10), HOLDS),
    # It wrote nothing: its disk was full.
    (0, account(0, 1), None),
])
def test_a_copy_holds_what_was_written_before_the_freeze_and_no_more(
        found, written, word):
    assert numbers.compare(records(found), written) is word


@pytest.mark.parametrize('content', [
    records(20)[:-1], records(5) + bytes(640) + records(20)[15 * 64:],
    records(5) + records(20)[6 * 64:], records(10) + records(20, b'old')[640:]
])
def test_records_with_gaps_are_broken(content):
    assert numbers.compare(content, account(10)) is numbers.Word.BROKEN


@pytest.mark.parametrize('content', [
    b'', records(20, b'old'), bytes(1280), records(20)[64:]])
def test_records_of_another_run_are_none(content):
    assert numbers.compare(content, account(10)) is LACKS


def test_what_cannot_be_read_says_nothing():
    assert numbers.compare(None, account(10)) is None


def test_the_guest_tells_what_it_wrote():
    said = {numbers.START: 'run 10', numbers.STOP:
            '000000000123\n000000000050\n000000000070\n'}
    begun = numbers.begin(said.get)

    assert begun == account(10)
    assert numbers.end(said.get, begun) == account(10, 123, (50, 70))


def test_a_guest_that_was_restarted_tells_nothing(tmp_path):
    script = numbers.STOP.replace('/run/numbers', str(tmp_path))

    assert subprocess.run(['sh', '-c', script],
                          stderr=subprocess.DEVNULL).returncode


# Disks ---------------------------------------------------------------------

def file_system(folder, count, *flags):
    """Return an ext4 file system with so many records, and flags set."""
    root, disk = folder / 'root', folder / 'content'
    root.mkdir()
    (root / 'numbers').write_bytes(records(count))
    with disk.open('wb') as file:
        file.truncate(16 * MB)
    stage.run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', str(root), str(disk))
    for flag in flags:
        stage.run('debugfs', '-w', '-R', flag, str(disk))
    return disk


def opinion(disk, account=None):
    image = disk.with_name('image')
    stage.run('qemu-img', 'convert', '-O', 'qcow2', str(disk), str(image))
    return oracle.judge([image], account)


@pytest.mark.parametrize('flags,disk', [
    ([], CLEAN),
    (['feature needs_recovery'], DIRTY),
    (['ssv state 2'], oracle.Disk.DAMAGED),
    (['ssv state 2', 'feature needs_recovery'], oracle.Disk.DAMAGED),
])
def test_a_file_system_says_itself_whether_it_was_at_rest(
        flags, disk, tmp_path):
    found = opinion(file_system(tmp_path, 0, *flags))

    assert found == oracle.Opinion(disk, EXT4)


@pytest.mark.parametrize('count,word', [
    (40, HOLDS), (41, HOLDS), (39, LACKS), (0, LACKS),
    (42, numbers.Word.LATER)])
def test_a_flag_does_not_hide_what_the_disk_lacks(count, word, tmp_path):
    found = opinion(file_system(tmp_path, count),
                    account(10, 90, (40,)))

    assert found == oracle.Opinion(CLEAN, EXT4, word)
    assert found.at_rest is (word is HOLDS)


def test_a_disk_without_the_records_lacks_them(tmp_path):
    disk = file_system(tmp_path, 10, 'rm numbers')

    assert opinion(disk, account(10)).written is LACKS


@pytest.mark.parametrize('name', ['mbr', 'mbr logical', 'gpt',
                                  'gpt with efi'])
def test_the_root_is_found_behind_a_partition_table(name, tmp_path):
    disk = tmp_path / 'disk'
    layouts.LAYOUTS[name](
        file_system(tmp_path, 20, 'feature needs_recovery'), disk)

    assert opinion(disk, account(10)) == oracle.Opinion(
        DIRTY, EXT4, HOLDS)


def test_one_part_in_use_is_enough(tmp_path):
    clean, dirty = tmp_path / 'clean', tmp_path / 'dirty'
    clean.mkdir()
    dirty.mkdir()
    images = [file_system(clean, 1),
              file_system(dirty, 1, 'feature needs_recovery')]

    assert oracle.judge(images).disk is DIRTY
    assert oracle.judge([*images[:1], None]).disk is oracle.Disk.UNKNOWN


@pytest.mark.parametrize('content', [
    # With ids, because pytest gives the name of a test to what it starts.
    pytest.param(bytes(MB), id='zeros'),
    pytest.param(b'XFSB' + bytes(MB), id='XFS'),
    pytest.param(b'LABELONE' * 4096, id='LVM')])
def test_what_is_not_understood_is_not_at_rest(content, tmp_path):
    disk = tmp_path / 'disk'
    disk.write_bytes(content)

    found = oracle.judge([disk], account(10))

    assert found.disk is oracle.Disk.UNKNOWN
    assert found.written is None


def test_a_volume_that_is_not_all_there_is_not_read(tmp_path, monkeypatch):
    answers = {'pvs': [{'pv_name': '/dev/loop7', 'pe_start': '1048576'}],
               'lvs': [{'vg_name': 'vg', 'lv_name': name, 'segtype': kind,
                        'seg_start': start, 'seg_size': '4194304',
                        'devices': devices, 'vg_extent_size': '4194304'}
                       for name, kind, start, devices in (
                           ('root', 'linear', '4194304', '/dev/loop7(0)'),
                           ('root', 'linear', '0', '/dev/loop7(1)'),
                           ('torn', 'linear', '0', '/dev/loop7(2)'),
                           ('torn', 'linear', '4194304', '[unknown](0)'),
                           ('fast', 'striped', '0',
                            '/dev/loop7(3),/dev/loop7(4)'))]}
    monkeypatch.setattr(parts.stage, 'run', lambda command, *_: json.dumps(
        {'report': [{command: answers[command]}]}))
    monkeypatch.setattr(parts, '_kind', lambda path: path)
    member = tmp_path / 'member'

    found = parts._read_volumes({'/dev/loop7': member},
                                lambda *pieces: pieces)

    # The pieces in the order of the volume, by their offsets.
    assert [(part.name, part.path) for part in found] == [
        ('vg-root', ((member, 5 * MB, 4 * MB), (member, MB, 4 * MB))),
        ('vg-torn', None), ('vg-fast', None)]
    assert [part.kind for part in found[1:]] == ['', '']
