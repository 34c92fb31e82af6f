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

"""The guests of the demo cloud, and the proof in their witnesses' keys."""

import hashlib
import json
import re

import pytest

from snapshot_panel.disk import read_disk
from tests.cloud import disk
from tests.cloud import guests

# Written here a second time on purpose: the demo must print what the guest
# kit prints, not what its own code finds right.
LINE = re.compile(
    r'\[ *(?P<stamp>[0-9]+\.[0-9]{6})\] consistency-witness v1 '
    r'boot=(?P<boot>[0-9a-f]{8}) seq=(?P<seq>[0-9]+) '
    r'up=(?P<up>[0-9]+\.[0-9]{2}) event=(?P<event>[a-z]+)(?P<rest>.*?) '
    r'sum=(?P<sum>[0-9a-f]{8}) key=(?P<key>[0-9a-f]{32}) '
    r'next=(?P<next>[0-9a-f]{32})$', re.M)
START = 1_000_000.0
GOOD = ['freeze', 'frozen', 'thaw']


def make(profile, channel=True):
    guest = guests.Guest('debian', channel)
    guest.catch_up(START, profile)
    guest.boot(START)
    return guest


def snapshot(guest, now, profile=None):
    """Do to a guest what the driver does for a snapshot."""
    guest.catch_up(now, profile or guest.profile_name)
    guest.requested(now)
    answer = guest.freeze(now + 1)
    if answer is guests.Answer.FROZEN:
        guest.thaw(now + 1.06)
    return answer


def read(text):
    return list(LINE.finditer(text))


def events(lines):
    return [line['event'] for line in lines]


def follows(line, before):
    digest = hashlib.sha256(line['key'].encode()).hexdigest()
    return digest[:32] == before['next']


def assert_chain(lines):
    for before, line in zip(lines, lines[1:]):
        assert int(line['seq']) == int(before['seq']) + 1
        assert float(line['stamp']) > float(before['stamp'])
        assert follows(line, before)
        words = re.search('boot=.*(?= sum=)', line[0])[0].encode()
        assert hashlib.sha256(words).hexdigest()[:8] == line['sum']


class TestBoot:

    def test_kit_tells_that_the_agent_started(self):
        first, = read(make('ready').console)

        assert first['event'] == 'started'
        assert first['rest'] == ' agent=7.2.11'
        assert first['seq'] == '1'

    @pytest.mark.parametrize(('profile', 'channel'), [
        ('ready', False), ('no-kit', True), ('agent-dead', True)])
    def test_no_word_without_kit_or_channel(self, profile, channel):
        assert read(make(profile, channel).console) == []

    def test_agent_unit_does_not_start_without_channel(self):
        unit = 'Started qemu-guest-agent.service'

        assert unit in make('ready').console
        assert unit not in make('ready', channel=False).console

    def test_stopped_agent_is_told_of(self):
        assert events(read(make('agent-stopped').console)) == [
            'started', 'stopped']

    def test_ends_with_a_login_prompt(self):
        assert make('ready').console.endswith('\ndebian login: ')

    def test_witness_follows_the_prompt_on_its_line(self):
        guest = make('ready')

        snapshot(guest, START + 60)

        assert re.search(r'^debian login: \[ +\d+\.\d{6}\] consistency-witness'
                         r' v1 .* event=freeze fs=1 sum=', guest.console,
                         re.M)

    def test_second_power_on_begins_log_and_chain_anew(self):
        guest = make('ready')
        before = read(guest.console)[0]

        guest.shut_down(START + 50)
        guest.boot(START + 60)

        after, = read(guest.console)
        assert after['boot'] != before['boot']
        assert after['seq'] == '1'
        assert guest.console.count('Linux version') == 1


class TestFreeze:

    @pytest.mark.parametrize(('profile', 'answer', 'expected'), [
        ('ready', 'FROZEN', GOOD),
        ('no-kit', 'FROZEN', []),
        ('agent-stopped', 'SILENCE', []),
        ('agent-dead', 'SILENCE', []),
        ('freeze-fails', 'REFUSED', ['freeze', 'open', 'thaw']),
        ('partial', 'REFUSED', ['freeze', 'frozen', 'open', 'thaw']),
        ('hook-ok', 'FROZEN', ['freeze', 'frozen', 'hook', 'thaw']),
        ('hook-fails', 'REFUSED', ['freeze', 'aborted']),
        ('discard', 'BROKEN', ['freeze', 'aborted']),
        ('reboot', 'FROZEN', ['stopped', 'started', *GOOD]),
        ('cut', 'FROZEN', ['freeze', 'frozen']),
        ('stuck', 'FROZEN', ['freeze']),
        ('extra-freeze', 'FROZEN', GOOD + GOOD),
        ('late', 'FROZEN', ['freeze']),
        ('claims', 'SILENCE', GOOD),
        ('whole-disk', 'FROZEN', []),
        ('lvm', 'FROZEN', []),
        ('xfs', 'FROZEN', GOOD),
        ('xfs-no-kit', 'FROZEN', []),
        ('damaged', 'FROZEN', GOOD),
        ('ignores-acpi', 'FROZEN', GOOD),
        # These are lies: the agent hangs.
        ('replay', 'SILENCE', GOOD),
        ('xfs-replay', 'SILENCE', GOOD),
        ('typed', 'SILENCE', GOOD),
    ])
    def test_profile(self, profile, answer, expected):
        guest = make(profile)
        before = len(guest.console)

        assert snapshot(guest, START + 60) is guests.Answer[answer]
        assert events(read(guest.console[before:])) == expected

    def test_every_profile_is_tested(self):
        mark, = self.test_profile.pytestmark
        tested = {each[0] for each in mark.args[1]}

        # The flood pushes out what that test compares with.
        assert tested | {'rotated'} == set(guests.PROFILES)

    @pytest.mark.parametrize('profile', [
        'ready', 'agent-stopped', 'freeze-fails', 'partial', 'hook-ok',
        'hook-fails', 'extra-freeze', 'stuck', 'late'])
    def test_every_line_proves_to_follow_the_one_before(self, profile):
        guest = make(profile)

        snapshot(guest, START + 60)
        snapshot(guest, START + 90, 'ready')

        lines = read(guest.console)
        assert len(lines) >= 5
        assert_chain(lines)

    def test_good_freeze_reads_as_the_kit_writes_it(self):
        guest = make('ready')

        snapshot(guest, START + 60)

        assert [line['rest'] for line in read(guest.console)[1:]] == [
            ' fs=1', ' path=/ type=ext4 disk=vda stall=0.06 '
            'proof=wait,superblock', ' fs=1 hooks=0']

    def test_keys_are_never_used_twice(self):
        guest = make('extra-freeze')

        snapshot(guest, START + 60)
        guest.boot(START + 90)
        snapshot(guest, START + 120)

        keys = [line['key'] for line in read(guest.console)]
        assert len(set(keys)) == len(keys)

    @pytest.mark.parametrize('stop', [
        lambda guest: guest.pause(START + 50),
        lambda guest: guest.suspend(START + 50),
        lambda guest: guest.shut_down(START + 50),
        lambda guest: guest.cut()])
    def test_nothing_freezes_unless_it_runs(self, stop):
        guest = make('ready')
        stop(guest)
        console = guest.console

        assert snapshot(guest, START + 60) is guests.Answer.SILENCE
        assert guest.console == console

    def test_nothing_freezes_without_channel(self):
        guest = make('ready', channel=False)

        assert snapshot(guest, START + 60) is guests.Answer.SILENCE
        assert read(guest.console) == []

    def test_is_frozen_until_the_thaw(self):
        guest = make('ready')

        guest.freeze(START + 60)
        assert guest.frozen
        guest.thaw(START + 61)
        assert not guest.frozen

    @pytest.mark.parametrize('profile', ['freeze-fails', 'partial',
                                         'hook-fails', 'agent-stopped'])
    def test_is_not_frozen_after_a_failure(self, profile):
        guest = make(profile)

        guest.freeze(START + 60)

        assert not guest.frozen

    @pytest.mark.parametrize('profile', ['replay', 'typed'])
    def test_forged_lines_do_not_follow_the_chain(self, profile):
        guest = make('ready')
        snapshot(guest, START + 60)
        last = read(guest.console)[-1]
        before = len(guest.console)

        snapshot(guest, START + 90, profile)

        forged = read(guest.console[before:])
        assert events(forged) == GOOD
        assert not any(follows(line, last) for line in forged)

    def test_replay_repeats_old_lines_to_the_letter(self):
        guest = make('ready')
        snapshot(guest, START + 60)
        old = [line[0] for line in read(guest.console)[1:]]

        snapshot(guest, START + 90, 'replay')

        assert [line[0] for line in read(guest.console)[4:]] == old

    def test_true_lines_follow_over_forged_ones(self):
        guest = make('typed')
        started = read(guest.console)[0]
        snapshot(guest, START + 60)
        before = len(guest.console)

        snapshot(guest, START + 90, 'ready')

        assert follows(read(guest.console[before:])[0], started)

    def test_reboot_makes_a_chain_of_its_own_in_the_same_log(self):
        guest = make('reboot')

        snapshot(guest, START + 60)

        lines = read(guest.console)
        boots = {line['boot'] for line in lines}
        assert len(boots) == 2
        for boot in boots:
            assert_chain([line for line in lines if line['boot'] == boot])
        assert [line['seq'] for line in lines] == list('121234')
        # All of the new boot lies between the request and the copy.
        assert all(float(line['up']) < 2 for line in lines[2:])

    def test_cut_line_ends_in_the_middle_of_its_key(self):
        guest = make('cut')

        snapshot(guest, START + 60)

        assert re.search(r'event=thaw fs=1 hooks=0 sum=[0-9a-f]{8} '
                         r'key=[0-9a-f]{1,31}\n$', guest.console)

    def test_late_lines_come_late_and_whole(self):
        guest = make('late')
        snapshot(guest, START + 60)

        guest.catch_up(START + 61 + guests.LATE_SECONDS, 'late')
        assert events(read(guest.console)) == ['started', 'freeze']
        guest.catch_up(START + 62 + guests.LATE_SECONDS, 'late')

        lines = read(guest.console)
        assert events(lines) == ['started', *GOOD]
        assert_chain(lines)

    def test_flood_leaves_the_freeze_and_no_baseline(self):
        guest = make('rotated')

        snapshot(guest, START + 60)

        assert len(guest.console) == guests.CONSOLE_SIZE
        assert events(read(guest.console)) == GOOD


class TestAgent:

    def test_changes_are_told_once(self):
        guest = make('ready')

        for number, profile in enumerate(
                ['agent-stopped', 'agent-stopped', 'ready', 'hook-ok']):
            guest.catch_up(START + 60 + number, profile)

        lines = read(guest.console)
        assert events(lines) == ['started', 'stopped', 'started']
        assert_chain(lines)

    def test_unknown_profile_is_the_default(self):
        guest = make('../../etc/passwd')

        assert guest.profile_name == guests.DEFAULT_PROFILE

    def test_agent_that_hangs_says_nothing_of_it(self):
        assert events(read(make('typed').console)) == ['started']


class TestPower:

    def test_guest_that_goes_down_says_so(self):
        guest = make('ready')

        guest.shut_down(START + 60)

        lines = read(guest.console)
        assert events(lines) == ['started', 'stopped', 'poweroff']
        assert_chain(lines)
        assert guest.power is guests.Power.OFF
        assert guest.clean

    def test_guest_that_is_cut_says_nothing(self):
        guest = make('ready')

        guest.cut()

        assert events(read(guest.console)) == ['started']
        assert guest.power is guests.Power.OFF
        assert not guest.clean

    def test_second_cut_changes_nothing(self):
        guest = make('ready')
        guest.shut_down(START + 60)

        guest.cut()

        assert guest.clean

    def test_suspended_guest_that_is_cut_is_not_clean(self):
        guest = make('ready')
        guest.suspend(START + 60)

        guest.cut()

        assert not guest.clean

    def test_clock_stands_still_in_a_pause(self):
        guest = make('ready')
        guest.pause(START + 60)

        guest.go_on(START + 1060)
        snapshot(guest, START + 1061)

        assert 60 < float(read(guest.console)[1]['up']) < 80

    def test_paused_log_goes_on_and_suspended_log_begins_anew(self):
        guest = make('ready')
        guest.pause(START + 10)
        guest.go_on(START + 20)
        assert events(read(guest.console)) == ['started']

        guest.suspend(START + 30)
        guest.go_on(START + 40)
        assert guest.console == ''


class TestState:

    def test_chain_goes_on_after_a_restart_of_the_demo(self):
        guest = make('late')
        snapshot(guest, START + 60)

        state = json.loads(json.dumps(guest.save()))
        restored = guests.Guest.restore(state, guest.console)
        restored.catch_up(START + 90, 'late')
        snapshot(restored, START + 100, 'ready')

        lines = read(restored.console)
        assert events(lines) == ['started', *GOOD, *GOOD]
        assert_chain(lines)

    def test_power_survives(self):
        guest = make('ready')
        guest.pause(START + 60)

        restored = guests.Guest.restore(
            json.loads(json.dumps(guest.save())), guest.console)

        assert restored.power is guests.Power.PAUSED


class TestAtRest:

    def after(self, *steps, profile='ready'):
        guest = make(profile)
        for step in steps:
            getattr(guest, step)(*([] if step == 'cut' else [START + 60]))
        return guest.at_rest

    @pytest.mark.parametrize(('steps', 'at_rest'), [
        ([], False),
        (['freeze'], True),
        (['freeze', 'thaw'], False),
        (['pause'], False),
        (['suspend'], False),
        (['suspend', 'cut'], False),
        (['shut_down'], True),
        (['cut'], False),
        (['cut', 'boot', 'shut_down'], True),
        (['shut_down', 'boot'], False)])
    def test_a_disk_is_at_rest_frozen_or_unmounted(self, steps, at_rest):
        assert self.after(*steps) is at_rest

    @pytest.mark.parametrize(('profile', 'at_rest'), [
        ('no-kit', True), ('lvm', True), ('hook-ok', True),
        ('agent-stopped', False), ('agent-dead', False),
        ('hook-fails', False), ('freeze-fails', False), ('partial', False),
        ('replay', False), ('typed', False), ('claims', False)])
    def test_only_a_freeze_brings_a_running_guest_to_rest(self, profile,
                                                          at_rest):
        assert self.after('freeze', profile=profile) is at_rest

    def test_root_can_claim_a_freeze_that_never_was(self):
        guest = make('claims')

        answer = snapshot(guest, START + 60)

        assert answer is guests.Answer.SILENCE
        lines = read(guest.console)
        assert events(lines)[-3:] == GOOD
        assert_chain(lines)


class TestDisk:

    WORDS = [
        ('ready', True, 'at-rest'), ('ready', False, 'in-use'),
        ('whole-disk', True, 'at-rest'), ('whole-disk', False, 'in-use'),
        ('lvm', True, 'at-rest'), ('lvm', False, 'in-use'),
        ('partial', True, 'at-rest'), ('partial', False, 'in-use'),
        ('damaged', True, 'damaged'), ('damaged', False, 'damaged'),
        ('xfs', True, 'cannot-tell'), ('xfs', False, 'cannot-tell')]

    @pytest.mark.parametrize('disk_format', ['qcow2', 'raw'])
    @pytest.mark.parametrize(('profile', 'at_rest', 'word'), WORDS)
    def test_tells_its_state(self, profile, at_rest, word, disk_format):
        image = disk.make(guests.PROFILES[profile], at_rest,
                          disk_format=disk_format)

        reading = read_disk(
            lambda offset, length: image[offset:offset + length], len(image))

        assert reading.word.value == word
        assert reading.format == disk_format
        assert disk.is_clean(image) is at_rest

    def test_the_layouts_are_what_they_are_called(self):
        found = {}

        for profile in ('ready', 'whole-disk', 'lvm'):
            image = disk.make(guests.PROFILES[profile], True)
            reading = read_disk(
                lambda offset, length: image[offset:offset + length],
                len(image))
            found[profile] = (reading.layout, [
                f'{part.place}: {part.kind}' for part in reading.parts])

        assert found == {
            'whole-disk': ('disk', ['disk: ext4']),
            'ready': ('gpt', ['partition 1: bios-boot', 'partition 2: efi',
                              'partition 3: ext4']),
            'lvm': ('gpt', ['volume vg/root: ext4', 'volume vg/swap: swap'])}

    def test_is_as_large_as_wanted(self):
        image = disk.make(guests.PROFILES['ready'], True, megabytes=3)

        assert len(image) == 3 << 20

    def test_other_disks_tell_nothing(self):
        with pytest.raises(ValueError):
            disk.is_clean(b'QFI\xfb' + bytes(1 << 20))
