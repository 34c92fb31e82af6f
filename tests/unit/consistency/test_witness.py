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

"""Which lines of a console are the guest's own word, and what they prove."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import witness
from tests.unit import builders

WORDS = 'boot=3f2a91c0 seq=2 up=431.52 event=freeze fs=1'
LINE = '[  431.520000] consistency-witness v1 %s sum=%s key=%s next=%s' % (
    WORDS, hashlib.sha256(WORDS.encode()).hexdigest()[:8], 'a' * 32, 'b' * 32)
TYPED = 'debian login: ' + LINE


def events(log):
    return [line.event for line in log.chain]


def the_freeze(console):
    """Return the only attempt to freeze that a console shows."""
    found, = witness.freezes(witness.read(console.text).chain)
    return found


# parse

def test_a_line_is_read_with_all_its_fields():
    line, = witness.parse(LINE)

    assert line == witness.Witness('3f2a91c0', 2, 431.52, 'freeze',
                                   {'fs': '1'}, 'a' * 32, 'b' * 32)


@pytest.mark.parametrize('caller', ['[  T123]', '[T12345]', '[    C0]'])
def test_a_kernel_may_print_who_called_it(caller):
    line, = witness.parse(LINE.replace('] ', ']' + caller + ' ', 1))

    assert line.event == 'freeze'


def test_a_line_counts_behind_a_login_prompt():
    console = builders.Console()
    console.say('started', prompt='debian login: ', agent='7.2.11')

    assert events(witness.read(console.text)) == ['started']


@pytest.mark.parametrize('console', [None, '', 'debian login: \n'])
def test_a_console_without_witnesses_is_empty(console):
    assert witness.parse(console) == []


@pytest.mark.parametrize('cut', range(1, 40))
def test_a_line_cut_at_its_end_does_not_count(cut):
    line = builders.Console().say('stopped')

    assert witness.parse(line[:-cut]) == []


def test_a_line_whose_key_goes_on_does_not_count():
    line = builders.Console().say('stopped')

    assert witness.parse(line + 'a') == []


def test_a_line_without_the_kernels_time_does_not_count():
    line = builders.Console().say('stopped')

    assert witness.parse(line.partition('] ')[2]) == []


def test_garbage_within_a_line_spoils_it_and_no_other():
    console = builders.started()
    line = console.say('stopped')
    console.lines[-1] = line[:60] + '\n[  9.000000] usb 1-1: new\n' + line[60:]

    assert [found.event for found in witness.parse(console.text)] == [
        'started']


@given(st.text())
def test_any_text_can_be_parsed(text):
    assert witness.parse(text) == []


@given(st.text(alphabet='[]0123456789abcdef. =\n'), st.integers(0, 200))
def test_any_text_within_a_line_can_be_parsed(text, position):
    line = builders.Console().say('frozen', path='/', stall='0.06')

    found = witness.parse(line[:position] + text + line[position:])

    assert len(found) <= 1


@pytest.mark.parametrize('text', ['x', '', '²', 'nan'])
def test_a_field_that_is_no_number_is_none(text):
    line = witness.Witness('3f2a91c0', 1, 1.0, 'freeze', {'fs': text},
                           'a' * 32, 'b' * 32)

    assert line.number('fs') is None


def test_a_field_that_is_missing_is_none():
    line, = witness.parse(builders.Console().say('freeze'))

    assert line.number('fs') is None


# Baseline

@given(boot=st.from_regex(r'[0-9a-f]{8}', fullmatch=True),
       seq=st.integers(0, 999999999),
       following=st.from_regex(r'[0-9a-f]{32}', fullmatch=True),
       event=st.from_regex(r'[a-z]{1,20}', fullmatch=True))
def test_a_baseline_survives_being_written(boot, seq, following, event):
    baseline = witness.Baseline(boot, seq, following, event)

    assert witness.Baseline.parse(str(baseline)) == baseline


@pytest.mark.parametrize('text', [
    None, '', 'none', '3f2a91c0:1:%s:started\n' % ('a' * 32),
    '3f2a91c0:1:%s' % ('a' * 32), '3F2A91C0:1:%s:started' % ('a' * 32),
    '3f2a91c0:-1:%s:started' % ('a' * 32)])
def test_any_other_text_is_no_baseline(text):
    assert witness.Baseline.parse(text) is None


# read

def test_linked_lines_are_a_chain():
    console = builders.started()
    console.noise()
    console.freeze()

    log = witness.read(console.text)

    assert events(log) == ['started', 'freeze', 'frozen', 'thaw']
    assert log.tip.event == 'thaw'


def test_a_chain_may_begin_where_the_log_was_rotated():
    console = builders.started()
    console.freeze()
    del console.lines[:2]

    assert events(witness.read(console.text)) == ['frozen', 'thaw']


def test_text_typed_at_a_login_prompt_does_not_count():
    console = builders.started()
    console.noise(TYPED)

    assert events(witness.read(console.text)) == ['started']


def test_the_chain_goes_on_behind_typed_text():
    console = builders.started()
    console.noise(TYPED)
    console.say('stopped')

    log = witness.read(console.text)

    assert (events(log), log.conflict) == (['started', 'stopped'], False)


def test_a_replayed_line_does_not_count():
    console = builders.started()
    console.noise(console.say('stopped'))
    console.say('started', agent='7.2.11')
    console.noise(console.lines[1])

    assert events(witness.read(console.text)) == ['started', 'stopped',
                                                  'started']


def test_lines_in_the_wrong_order_do_not_count():
    console = builders.started()
    console.freeze()
    console.lines[1:3] = reversed(console.lines[1:3])

    assert events(witness.read(console.text)) == ['started', 'freeze']


def test_behind_a_lost_line_nothing_counts_until_the_agent_starts():
    console = builders.started()
    console.lose('stopped')
    console.say('poweroff')
    console.say('started', agent='7.2.11')

    assert events(witness.read(console.text)) == ['started', 'started']


def test_a_restarted_guest_begins_a_new_chain():
    console = builders.started()
    console.reboot()
    console.say('stopped')

    log = witness.read(console.text)

    assert (log.tip.boot, log.tip.event) == ('77777777', 'stopped')
    assert not log.conflict


def test_the_start_of_another_boot_must_be_its_first_line():
    console = builders.started()
    other = builders.Console(boot='77777777')
    other.lose('started')
    console.noise(other.say('started', agent='7.2.11'))

    assert witness.read(console.text).tip.boot == builders.BOOT


def test_an_older_start_of_the_same_boot_begins_nothing():
    console = builders.started()
    console.say('stopped')
    forged = builders.Console(secret='liar')
    console.noise(forged.say('started', agent='7.2.11'))

    assert witness.read(console.text).tip.event == 'stopped'


def test_two_chains_side_by_side_conflict():
    console = builders.started()
    forged = builders.started(boot='77777777', secret='liar')
    console.noise(forged.text)
    console.say('stopped')

    log = witness.read(console.text)

    assert log.conflict
    assert log.tip is None


def conflicting():
    """Return a guest beside which somebody else tells of another boot."""
    console = builders.started()
    console.noise(builders.started(boot='77777777', secret='liar').text)
    console.say('stopped')
    return console


def test_a_conflict_lasts_as_long_as_the_log_shows_it():
    console = conflicting()
    console.reboot(boot='88888888')
    console.freeze()

    log = witness.read(console.text)

    assert log.conflict
    assert log.tip is None


def test_a_chain_beside_the_baselines_is_a_conflict():
    console = builders.started()
    forged = builders.started(boot='77777777', secret='liar')
    baseline = witness.Baseline.of(witness.parse(forged.text)[-1])
    console.noise(forged.text)
    console.say('stopped')
    console.noise('\n'.join(forged.freeze()))

    log = witness.since(console.text, baseline)

    assert log.conflict


def test_a_conflict_does_not_end_with_any_other_line():
    console = conflicting()
    console.say('freeze', fs=1)
    console.lose('stopped')
    console.say('poweroff')

    assert witness.read(console.text).conflict


def test_a_conflict_may_begin_again():
    console = conflicting()
    console.reboot(boot='88888888')
    console.noise(builders.started(boot='99999999', secret='liar').text)
    console.say('stopped')

    assert witness.read(console.text).conflict


@pytest.mark.parametrize('event', ['stopped', 'freeze', 'thaw'])
def test_behind_lost_lines_of_the_same_boot_there_is_a_gap(event):
    console = builders.started()
    console.lose('stopped')
    console.say(event)

    log = witness.read(console.text)

    assert (log.gap, log.conflict) == (True, False)
    assert events(log) == ['started']


def test_a_whole_chain_has_no_gap():
    console = builders.started()
    console.freeze()

    assert not witness.read(console.text).gap


def test_a_gap_ends_where_the_chain_goes_on():
    console = builders.started()
    console.noise(TYPED)
    assert witness.read(console.text).gap
    console.say('freeze', fs=1)

    log = witness.read(console.text)

    assert (log.gap, log.tip.event) == (False, 'freeze')


@pytest.mark.parametrize('restart', [
    lambda console: console.reboot(),
    lambda console: console.say('started', agent='7.2.11')],
    ids=['guest', 'agent'])
def test_a_gap_ends_where_the_agent_starts(restart):
    console = builders.started()
    console.lose('stopped')
    console.say('poweroff')
    restart(console)

    log = witness.read(console.text)

    assert (log.gap, log.tip.event) == (False, 'started')


@pytest.mark.parametrize('line', [
    builders.started().text,
    builders.Console(secret='liar').say('stopped'),
    builders.started(boot='77777777').say('stopped')],
    ids=['replayed', 'typed with a count that was', 'another boot'])
def test_a_line_that_is_not_later_in_this_boot_makes_no_gap(line):
    console = builders.started()
    console.noise(line)

    assert not witness.read(console.text).gap


# since

def test_only_what_follows_the_baseline_counts():
    console = builders.started()
    console.freeze()
    baseline = console.baseline
    console.say('stopped')

    assert events(witness.since(console.text, baseline)) == ['stopped']


def test_a_replay_of_everything_before_the_baseline_does_not_count():
    console = builders.started()
    console.freeze()
    baseline = console.baseline
    console.noise(console.text)

    log = witness.since(console.text, baseline)

    assert events(log) == []


def test_the_chain_goes_on_where_the_baselines_line_was_rotated_away():
    console = builders.started()
    baseline = console.baseline
    console.freeze()
    del console.lines[0]

    log = witness.since(console.text, baseline)

    assert events(log) == ['freeze', 'frozen', 'thaw']


def test_behind_a_gap_after_the_baseline_nothing_counts():
    console = builders.started()
    baseline = console.baseline
    console.lose('stopped')
    console.freeze()

    assert events(witness.since(console.text, baseline)) == []


def test_an_agent_restarted_in_the_same_boot_belongs_to_the_chain():
    console = builders.started()
    baseline = console.baseline
    console.say('stopped')
    console.say('started', agent='7.2.11')

    log = witness.since(console.text, baseline)

    assert events(log) == ['stopped', 'started']
    assert not log.conflict


def test_a_restart_of_the_guest_after_the_baseline_conflicts():
    console = builders.started()
    baseline = console.baseline
    console.reboot()

    assert witness.since(console.text, baseline).conflict


def test_a_start_behind_a_gap_conflicts():
    console = builders.started()
    baseline = console.baseline
    console.lose('stopped')
    console.say('started', agent='7.2.11')

    assert witness.since(console.text, baseline).conflict


def test_a_start_before_the_baseline_does_not_conflict():
    console = builders.started()
    console.reboot()
    baseline = console.baseline
    console.freeze()

    assert not witness.since(console.text, baseline).conflict


# freezes

def test_a_good_freeze_is_proven():
    console = builders.Console()
    console.freeze(paths=('/', '/srv'), hooks={'20-postgresql': 0})

    freeze = the_freeze(console)

    assert freeze.proven
    assert freeze.frozen == {'/': 0.06, '/srv': 0.06}
    assert freeze.hooks == {'20-postgresql': True}
    assert freeze.seq == 1


def test_a_hook_that_failed_to_thaw_did_not_succeed():
    console = builders.Console()
    console.freeze(hooks={'20-postgresql': 1})

    assert the_freeze(console).hooks == {'20-postgresql': False}


@pytest.mark.parametrize('statuses, succeeded', [
    ((0, 0), True), ((0, 1), False), ((1, 0), False)])
def test_hooks_of_the_same_name_count_each(statuses, succeeded):
    console = builders.started()
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0.06', proof='wait')
    for status in statuses:
        console.say('hook', name='10-db', freeze=0, thaw=status)
    console.say('thaw', fs=1, hooks=2)

    attempt, = witness.freezes(witness.read(console.text).chain)
    assert attempt.proven
    assert attempt.hooks == {'10-db': succeeded}


def test_a_hook_without_a_status_did_not_succeed():
    console = builders.Console()
    console.say('freeze', fs=1)
    console.say('hook', name='20-postgresql', thaw=0)

    assert the_freeze(console).hooks == {'20-postgresql': False}


@pytest.mark.parametrize('count', range(1, 4))
def test_a_freeze_whose_end_is_missing_is_not_proven(count):
    console = builders.Console()
    console.freeze(hooks={'20-postgresql': 0})
    del console.lines[count:]

    assert not the_freeze(console).thawed
    assert not the_freeze(console).proven


def test_a_file_system_that_stayed_open_is_named():
    console = builders.Console()
    console.freeze(still_open=('/srv',))

    assert the_freeze(console).open == ('/srv',)
    assert not the_freeze(console).proven


def test_a_hook_that_refused_is_named():
    console = builders.Console()
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)

    assert the_freeze(console).aborted == '20-postgresql'
    assert not the_freeze(console).proven


@pytest.mark.parametrize('proof', [
    {'stall': '0', 'proof': 'wait'}, {'stall': '-1', 'proof': 'wait'},
    {'stall': 'nan', 'proof': 'wait'}, {'stall': 'inf', 'proof': 'wait'},
    {'stall': 'x', 'proof': 'wait'}, {'proof': 'wait'},
    {'stall': '0.06', 'proof': 'none'}, {'stall': '0.06'}])
def test_a_stall_without_its_proof_is_none(proof):
    console = builders.Console()
    console.say('freeze', fs=1)
    console.say('frozen', path='/', **proof)
    console.say('thaw', fs=1, hooks=0)

    assert the_freeze(console).frozen == {}
    assert not the_freeze(console).proven


@pytest.mark.parametrize('proof', ['wait', 'superblock', 'superblock,wait'])
def test_either_proof_is_enough(proof):
    console = builders.Console()
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0.06', proof=proof)
    console.say('thaw', fs=1, hooks=0)

    assert the_freeze(console).proven


@pytest.mark.parametrize('head, paths, tail', [
    ({'fs': 0}, (), {'fs': 0, 'hooks': 0}),
    ({'fs': 2}, ('/',), {'fs': 1, 'hooks': 0}),
    ({'fs': 1}, ('/srv',), {'fs': 1, 'hooks': 0}),
    ({'fs': 1}, ('/',), {'fs': 2, 'hooks': 0}),
    ({'fs': 1}, ('/',), {'fs': 1, 'hooks': 1}),
    ({'fs': 1}, ('/',), {'fs': 1}),
    ({}, ('/',), {'fs': 1, 'hooks': 0}),
    ({'fs': 2}, ('/', '/'), {'fs': 2, 'hooks': 0})],
    ids=['of nothing', 'one of two', 'not the root', 'lost file system',
         'lost hook', 'no count of hooks', 'no count at all', 'one twice'])
def test_a_freeze_whose_counts_do_not_match_is_not_proven(head, paths, tail):
    console = builders.Console()
    console.say('freeze', **head)
    for path in paths:
        console.say('frozen', path=path, stall='0.06', proof='wait')
    console.say('thaw', **tail)

    assert not the_freeze(console).proven


def test_a_second_attempt_is_one_of_its_own():
    console = builders.Console()
    console.say('freeze', fs=1)
    console.freeze()

    found = witness.freezes(witness.read(console.text).chain)

    assert [(freeze.seq, freeze.proven) for freeze in found] == [
        (1, False), (2, True)]


@pytest.mark.parametrize('event', ['stopped', 'started', 'poweroff'])
def test_an_agent_that_went_away_ends_the_attempt(event):
    console = builders.Console()
    console.say('freeze', fs=1)
    console.say('frozen', path='/', stall='0.06', proof='wait')
    console.say(event)
    console.say('thaw', fs=1, hooks=0)

    assert not the_freeze(console).proven


def test_what_follows_the_thaw_is_not_part_of_the_freeze():
    console = builders.Console()
    console.freeze()
    console.say('open', path='/srv')

    assert the_freeze(console).proven


def test_the_end_of_a_freeze_that_began_before_is_no_freeze():
    console = builders.Console()
    console.freeze()
    del console.lines[0]

    assert witness.freezes(witness.read(console.text).chain) == []


# Where a console ended

MESSAGES = st.sampled_from(['say', 'freeze', 'noise', 'again', 'cut', 'blank'])


@given(st.lists(MESSAGES, max_size=12), st.lists(MESSAGES, max_size=8),
       st.integers(0, 400), st.integers(0, 3000), st.data())
def test_what_was_said_before_is_never_taken_for_newer(
        before, after, half, lost, data):
    console = builders.started()

    def play(message):
        if message == 'say':
            console.say('stopped')
            console.say('started', agent='7.2.11')
        elif message == 'freeze':
            console.freeze()
        elif message == 'again':
            console.lines += data.draw(st.lists(
                st.sampled_from(console.lines), max_size=3))
        elif message == 'cut':
            console.noise(console.lines[-1][:half])
        else:
            console.noise('debian login: é€ ' if message == 'noise' else ' ')

    for message in before:
        play(message)
    then = console.text[:len(console.text) - half]
    for message in after:
        play(message)
    now = console.text[lost:]

    baseline = witness.baseline_at(now, witness.end(then))

    if baseline is not None:
        said = witness.parse(then)
        assert not [line for line in witness.since(now, baseline).chain
                    if line in said]


def test_a_console_that_has_grown_is_known_by_where_it_ended():
    console = builders.started()
    console.noise('debian login: é\t')
    mark, told = witness.end(console.text), console.baseline
    console.noise('\r\n')
    frozen = console.freeze()

    baseline = witness.baseline_at(console.text, mark)

    assert baseline == told
    assert len(witness.since(console.text, baseline).chain) == len(frozen)
    # Also where its beginning is cut off.
    assert witness.baseline_at(console.text[20:], mark) is None
    assert witness.baseline_at('x\n' * 9 + console.text, mark) == told


@pytest.mark.parametrize('change', [
    lambda text, mark: None, lambda text, mark: '',
    lambda text, mark: text.replace('seq=1 ', 'seq=2 '),
    lambda text, mark: text + mark, lambda text, mark: mark + text,
    lambda text, mark: text[-150:]])
def test_where_it_ended_has_to_be_there_once(change):
    console = builders.started()
    mark = witness.end(console.text)
    console.freeze()

    assert witness.baseline_at(change(console.text, mark), mark) is None


@pytest.mark.parametrize('text', ['', '\n', 'é', 'debian login: '])
def test_where_nothing_was_said_nothing_is_known(text):
    console = builders.Console()
    console.noise(text)
    mark = witness.end(console.text)
    console.say('started', agent='7.2.11')
    console.freeze()

    assert witness.baseline_at(console.text, mark) is None


def test_half_a_line_at_the_end_is_no_word():
    console = builders.started()
    half = len(console.text) - 20
    mark = witness.end(console.text[:half])

    assert witness.baseline_at(console.text, mark) is None


@pytest.mark.parametrize('text', [LINE * 9, 'a' * 999, '\0€\x1b[0m' * 99])
def test_where_it_ended_is_told_in_what_every_service_keeps(text):
    mark = witness.end(text)

    assert len(mark) <= witness.END < 255
    assert mark.isascii() and mark.isprintable() and ' ' not in mark
    assert text.replace(' ', '').endswith(mark) or '€' in text
