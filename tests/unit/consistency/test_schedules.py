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


"""Schedules: what is written down, and what a shell makes of the commands."""

import dataclasses
import datetime
import os
import pathlib
import re
import shutil
import subprocess

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import commands
from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from tests.unit import builders

Period = schedules.Period
NIGHTLY = schedules.Schedule(Period.DAILY, 3, 7, builders.NOW)
# Each argument on a line of its own, NUL between the calls.
STUB = ('#!/bin/sh\n'
        'printf "%%s\\n" %s "$@" >> "$CALLS"; printf "\\0" >> "$CALLS"\n')


def scheduled(value, **changes):
    return builders.instance(metadata={schedules.KEY: value}, **changes)


@given(st.sampled_from(Period), st.integers(0, 23),
       st.integers(1, schedules.MOST))
def test_what_is_written_down_is_read_again(period, hour, keep):
    schedule = schedules.Schedule(period, hour, keep, builders.NOW)

    assert schedules.read(scheduled(schedule.value())) == schedule
    assert len(schedule.value()) <= records.METADATA_LIMIT


@pytest.mark.parametrize('value', [
    '', 'daily', 'hourly 3 7 2026-11-22T12:00:00Z',
    'daily 24 7 2026-11-22T12:00:00Z', 'daily 3 0 2026-11-22T12:00:00Z',
    'daily 3 101 2026-11-22T12:00:00Z', 'daily -3 7 2026-11-22T12:00:00Z',
    'daily 3 7 yesterday', 'daily 3 7', 'daily ٣ 7 2026-11-22T12:00:00Z',
    'daily 3 7 2026-11-22T12:00:00Z and more'])
def test_what_is_no_schedule_is_none(value):
    assert schedules.read(scheduled(value)) is None


@given(st.text(max_size=60))
def test_whatever_is_written_there_can_be_read(value):
    schedules.read(scheduled(value))
    assert not schedules.made(builders.instance(), builders.image(
        {schedules.MARK: value}, name='web'))


def test_a_schedule_that_rests_deletes_nothing_and_is_never_overdue():
    instance = scheduled(schedules.paused_value(NIGHTLY))

    assert schedules.read(instance) is None
    assert schedules.read_paused(instance) == NIGHTLY
    assert not schedules.overdue(instance, None, builders.NOW + 999 * HOURS)
    assert schedules.read_paused(scheduled(NIGHTLY.value())) is None
    assert schedules.read_paused(scheduled(' paused')) is None
    assert schedules.read_paused(builders.instance()) is None


HOURS = datetime.timedelta(hours=1)


@pytest.mark.parametrize('period, allowed', [
    (Period.DAILY, 30 * HOURS), (Period.WEEKLY, 174 * HOURS)])
@pytest.mark.parametrize('late', [False, True])
def test_a_proof_is_overdue_after_a_period_and_some_hours(period, allowed,
                                                          late):
    value = dataclasses.replace(NIGHTLY, period=period,
                                since=builders.ago(10 ** 7)).value()
    now = builders.NOW + allowed + datetime.timedelta(seconds=late)

    assert schedules.overdue(scheduled(value), builders.NOW, now) is late


def test_a_schedule_that_was_just_set_up_is_not_overdue():
    instance = scheduled(NIGHTLY.value())

    assert not schedules.overdue(instance, None, builders.NOW + 29 * HOURS)
    assert not schedules.overdue(instance, builders.ago(10 ** 7),
                                 builders.NOW + 29 * HOURS)
    assert schedules.overdue(instance, None, builders.NOW + 31 * HOURS)


def test_without_a_schedule_nothing_is_overdue():
    assert not schedules.overdue(builders.instance(), None, builders.NOW)


class Shell:
    """A home where commands are run as they were copied."""

    def __init__(self, folder):
        self.home, self.calls = folder / 'a home', folder / 'calls'
        programs = folder / 'programs'
        for each in (self.home, programs):
            each.mkdir()
        for name in ('openstack', 'systemctl', 'loginctl'):
            (programs / name).write_text(STUB % name)
            (programs / name).chmod(0o755)
        self.environment = {
            'HOME': str(self.home), 'CALLS': str(self.calls),
            'PATH': '%s:%s' % (programs, os.environ['PATH'])}

    def run(self, text, shell='sh'):
        """Return what was called, as lists of words."""
        self.calls.write_bytes(b'')
        subprocess.run([shell, '-c', text], env=self.environment, check=True,
                       cwd=self.home.parent)
        return [call.split('\n')[:-1] for call in
                self.calls.read_text().split('\0')[:-1]]


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


NAMES = ['web', '--help', "it's $HOME `id` \\n %d \"x\" ; rm -rf *", 'END',
         'снимок', '', ' ']


@pytest.mark.parametrize('name', NAMES)
def test_a_night_takes_a_snapshot_that_is_known_again(name, shell):
    assert shell.run(commands.save_scheduled(
        builders.INSTANCE, name, schedules.MARK)) == []
    # As cron does: sh, and little in the environment.
    line = commands.cron(builders.INSTANCE, 3, weekly=False)
    call, = shell.run(line.removeprefix('0 3 * * * '))

    assert call[:4] == ['openstack', 'server', 'image', 'create']
    named, option, value, instance_id = call[4:]
    image_name = named.removeprefix('--name=')
    assert re.fullmatch(re.escape(name) + '-[0-9]{8}T[0-9]{6}Z', image_name)
    assert (option, instance_id) == ('--property', builders.INSTANCE)
    key, _, mark = value.partition('=')
    image = builders.image({key: mark}, name=image_name)
    assert schedules.made(builders.instance(), image)


def test_a_night_that_fails_ends_with_a_failure(shell):
    shell.run(commands.save_scheduled(builders.INSTANCE, 'web',
                                      schedules.MARK))

    with pytest.raises(subprocess.CalledProcessError):
        shell.run('PATH=/nowhere; ' + '/bin/sh "$HOME"/snapshot-%s.sh'
                  % builders.INSTANCE)


@pytest.mark.parametrize('hour, weekly, when', [
    (0, False, '0 0 * * *'), (23, True, '0 23 * * 0')])
def test_cron_gets_five_fields_and_no_sign_that_means_something(
        hour, weekly, when):
    line = commands.cron(builders.INSTANCE, hour, weekly)

    assert line.startswith(when + ' sh ')
    assert not set('%\\\n') & set(line)


@pytest.mark.parametrize('weekly, when', [
    (False, '*-*-* 03:00:00'), (True, 'Sun *-*-* 03:00:00')])
def test_systemd_gets_a_timer_and_what_it_runs(weekly, when, shell):
    called = shell.run(commands.timer(builders.INSTANCE, 3, weekly))

    name = 'snapshot-%s' % builders.INSTANCE
    units = shell.home / '.config/systemd/user'
    assert 'OnCalendar=%s\n' % when in (units / (name + '.timer')).read_text()
    service = (units / (name + '.service')).read_text()
    # systemd puts the home there itself.
    assert 'ExecStart=/bin/sh %%h/%s.sh\n' % name in service
    assert called == [
        ['systemctl', '--user', 'daemon-reload'],
        ['systemctl', '--user', 'enable', '--now', name + '.timer'],
        ['loginctl', 'enable-linger']]
    checker = shutil.which('systemd-analyze')
    if checker:
        subprocess.run([checker, 'calendar', when], check=True)
        # What it would ignore is on the error output alone.
        verified = subprocess.run(
            [checker, 'verify', '--user', units / (name + '.timer')],
            env={**shell.environment, 'XDG_RUNTIME_DIR': str(shell.home)},
            check=True, stderr=subprocess.PIPE, text=True)
        assert verified.stderr == ''


def test_the_schedule_is_told_and_ended_by_commands(shell):
    told, = shell.run(commands.set_metadata(
        builders.INSTANCE, schedules.KEY, NIGHTLY.value()))
    ended, stopped = shell.run('\n'.join((
        commands.unset_metadata(builders.INSTANCE, schedules.KEY),
        commands.end_timer(builders.INSTANCE))))

    assert told == ['openstack', 'server', 'set', '--property', '%s=%s' % (
        schedules.KEY, NIGHTLY.value()), builders.INSTANCE]
    assert ended[:3] == ['openstack', 'server', 'unset']
    assert stopped[1:4] == ['--user', 'disable', '--now']


def test_the_script_holds_no_password(shell):
    shell.run(commands.save_scheduled(builders.INSTANCE, 'web',
                                      schedules.MARK))

    script, = shell.home.iterdir()
    assert 'OS_CLOUD' in script.read_text()
    assert pathlib.Path(script).name == 'snapshot-%s.sh' % builders.INSTANCE
