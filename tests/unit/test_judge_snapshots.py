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

"""``manage.py judge_snapshots``: what it prints, and how it ends."""

import builtins
import io
import json
import math
import pathlib
import re
import shutil
import subprocess
import time
from unittest import mock

from django.core import management
from django.core.management import base
from prometheus_client import parser
import pytest

from snapshot_panel.cloud import accounts
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import judge
from snapshot_panel.cloud import rotating
from snapshot_panel.consistency import known
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.management.commands import judge_snapshots
from snapshot_panel.management import reports
from tests.unit import builders

DOCUMENTS = pathlib.Path(__file__).parents[2] / 'doc/source/judge'
WEB = accounts.Project('web-id', 'web')


def snapshot(age, rule=verdict.Rule.DISK_AT_REST):
    return known.Snapshot(str(age), 'nightly', verdict.Decision(rule),
                          builders.ago(age))


def judged(*snapshots, frozen=None, **changes):
    return judge.Judged(builders.instance(**changes), snapshots, frozen)


def report(*instances, **changes):
    """Return a report; with ``judged=None`` nobody could look."""
    return judge.Report(**{
        'cloud': 'demo', 'project': WEB, 'at': builders.NOW, 'seconds': 1.25,
        'judged': instances, **changes})


FAILED = judge.Problem('Glance', 'down', builders.INSTANCE)
NOT_LET_IN = report(judged=None, project=accounts.Project('', ''), problems=(
    judge.Problem('Keystone', 'wrong password'),))


@pytest.fixture
def found():
    """What a round finds; change the list."""
    reports_found = [report(judged(snapshot(90)))]
    with mock.patch.object(accounts, 'accounts', autospec=True,
                           return_value=['account']), mock.patch.object(
            judge, 'choose', autospec=True, return_value=['account']), \
            mock.patch.object(judge, 'judge_all', autospec=True,
                              side_effect=lambda *_args: iter(
                                  reports_found)):
        yield reports_found


def run(*arguments):
    """Return what the command prints, and its exit status."""
    output, problems, status = io.StringIO(), io.StringIO(), 0
    try:
        management.call_command('judge_snapshots', *arguments,
                                stdout=output, stderr=problems)
    except base.CommandError as error:
        status = error.returncode
        problems.write(str(error))
    return output.getvalue(), problems.getvalue(), status


def test_a_round_is_one_line_for_each_project(found):
    output, problems, status = run()

    assert output == ('demo/web: instances 1, snapshots 1 (filesystem-'
                      'consistent 1); judged now 0, failures 0, 1.2 s\n')
    assert (problems, status) == ('', 0)


def test_a_failure_is_told_and_ends_with_one(found):
    found[:] = [report(judged(), problems=(FAILED,)), NOT_LET_IN]

    output, problems, status = run()

    assert 'failures 1' in output
    assert 'demo: not judged: Keystone: wrong password' in output
    assert 'demo/web: %s: Glance: down' % builders.INSTANCE in problems
    assert status == judge_snapshots.FAILED


def test_another_judge_is_no_failure(found):
    found[:] = [report(busy=True, judged=None)]

    output, _problems, status = run()

    assert output == 'demo/web: another judge is at it\n'
    assert status == 0


def test_a_project_that_is_not_found_is_a_failure(found):
    judge.choose.return_value = NOT_LET_IN
    found.clear()

    _output, problems, status = run('--project', 'x')

    assert 'wrong password' in problems
    assert status == judge_snapshots.FAILED


def test_what_a_service_says_cannot_move_the_cursor(found):
    found[:] = [report(judged(), problems=(judge.Problem(
        'Nova', 'a\x1b[2Jb\nc' + 'x' * 5000),))]

    output, problems, _status = run()

    assert '\x1b' not in output + problems
    assert len(problems) < 1000


def test_those_without_an_instance_are_counted_apart(found):
    found[:] = [report(judged(snapshot(50)), strays=(
        verdict.Verdict.FILESYSTEM, verdict.Verdict.UNPROVEN))]

    output, _problems, _status = run()

    assert 'snapshots 1 (filesystem-consistent 1), without instance 2;' in (
        output)


def test_machines_get_an_object_a_line(found):
    found[:] = [report(
        judged(snapshot(50, verdict.Rule.GONE),
               snapshot(90), frozen=True), judged(), problems=(FAILED,),
        sealed=3, strays=(verdict.Verdict.CRASH, verdict.Verdict.PENDING)),
        NOT_LET_IN]

    output, problems, _status = run('--json')

    first, second = map(json.loads, output.splitlines())
    assert first['snapshots']['filesystem-consistent'] == 1
    assert first['snapshots']['discarded'] == 1
    assert first['instances'][0]['newest_proven'] == {
        'id': '90', 'name': 'nightly', 'verdict': 'filesystem-consistent',
        'at': '2026-11-22T11:58:30Z', 'age': 90}
    assert [each['frozen'] for each in first['instances']] == [True, None]
    assert first['instances'][1]['newest_proven'] is None
    assert first['discarded'] == [{
        'instance': builders.INSTANCE, 'id': '50', 'name': 'nightly',
        'at': '2026-11-22T11:59:10Z', 'rule': 'gone'}]
    assert first['failures'] == [{
        'instance': builders.INSTANCE, 'service': 'Glance',
        'reason': 'down'}]
    assert (first['judged_now'], first['snapshots_without_instance'],
            first['busy']) == (3, 2, False)
    told = first['verdicts_without_instance']
    assert {name for name, count in told.items() if count} == {
        'crash-consistent', 'pending'}
    assert second['failures'][0]['instance'] is None
    assert second['verdicts_without_instance'] is None
    assert second['snapshots'] is second['instances'] is None
    assert 'instances 2' in problems


NIGHTLY = {schedules.KEY: 'daily 3 7 2026-10-01T00:00:00Z'}


def test_alarms_are_lines_that_a_mail_tool_can_take(found):
    late = judged(snapshot(10 ** 6, verdict.Rule.DISK_AT_REST),
                  snapshot(10 ** 7, verdict.Rule.GONE), frozen=True,
                  metadata=NIGHTLY)
    fine = judged(snapshot(90), metadata=NIGHTLY)
    found[:] = [report(late, fine, judged())]

    output, _problems, _status = run('--json')

    told = json.loads(output)
    assert [each['alarm'] for each in told['alarms']] == [
        'overdue', 'frozen', 'discarded']
    assert told['alarms'][0] == {
        'alarm': 'overdue', 'instance': builders.INSTANCE, 'name': 'web',
        'newest_proven': '2026-11-10T22:13:20Z'}
    assert told['alarms'][2]['snapshot'] == 'nightly'
    assert [each['overdue'] for each in told['instances']] == [
        True, False, False]
    assert [each['schedule'] and each['schedule']['keep']
            for each in told['instances']] == [7, 7, None]


def test_metrics_tell_what_is_overdue(found, tmp_path):
    path = tmp_path / 'judge.prom'
    found[:] = [report(
        judged(metadata=NIGHTLY),
        judged(snapshot(90), metadata=NIGHTLY, id=builders.COPIES[0]),
        judged(id=builders.COPIES[1]))]

    run('--metrics', str(path))

    assert {instance_id: value for (name, instance_id), value in samples(
        path).items() if name == 'schedule_overdue'} == {
            builders.INSTANCE: 1, builders.COPIES[0]: 0}


def samples(path):
    """Return the values of a file of metrics by name and finest label."""
    return {(sample.name.removeprefix('snapshot_panel_'),
             next(sample.labels[label] for label in (
                 'verdict', 'instance_id', 'project_id')
                 if label in sample.labels)): sample.value
            for family in parser.text_string_to_metric_families(
                path.read_text()) for sample in family.samples}


def test_metrics_tell_prometheus_the_same(found, tmp_path):
    path = tmp_path / 'judge.prom'
    found[:] = [report(
        judged(snapshot(90), snapshot(95), frozen=False),
        judged(id=builders.COPIES[0], name='a"b\\c\nd'),
        problems=(FAILED,))]

    run('--metrics', str(path))

    told = samples(path)
    assert told['snapshots', 'filesystem-consistent'] == 2
    assert told['snapshots', 'crash-consistent'] == 0
    assert told['newest_proven_age_seconds', builders.INSTANCE] == 90
    assert told['newest_proven_age_seconds', builders.COPIES[0]] == math.inf
    assert told['guest_frozen', builders.INSTANCE] == 0
    assert ('guest_frozen', builders.COPIES[0]) not in told
    assert told['failures', 'web-id'] == 1
    assert told['judge_seconds', 'web-id'] == 1.25
    assert told['judge_timestamp_seconds', 'web-id'] == (
        builders.NOW.timestamp())
    assert list(tmp_path.iterdir()) == [path]


def test_no_number_is_made_of_what_nobody_saw(found, tmp_path):
    path = tmp_path / 'judge.prom'
    found[:] = [NOT_LET_IN]

    run('--metrics', str(path))

    assert samples(path) == {('failures', ''): 1, ('judge_seconds', ''): 1.25}


def test_what_another_judge_is_at_stays_in_the_metrics(found, tmp_path):
    path = tmp_path / 'judge.prom'
    run('--metrics', str(path))
    before = samples(path)
    found[:] = [report(busy=True, judged=None)]

    run('--metrics', str(path))

    assert samples(path) == before


def test_metrics_that_cannot_be_written_are_a_failure(found, tmp_path):
    _output, problems, status = run('--metrics',
                                    str(tmp_path / 'no' / 'judge.prom'))

    assert 'cannot be written' in problems
    assert status == judge_snapshots.FAILED


@pytest.mark.parametrize('missing, arguments, extra', [
    ('prometheus_client', ['--metrics', 'x'], 'metrics'),
    ('snapshot_panel.cloud', [], 'judge')])
def test_what_is_not_installed_is_named(missing, arguments, extra, found):
    real = builtins.__import__

    def fail(name, *rest, **more):
        if name == missing and (missing != 'snapshot_panel.cloud'
                                or 'accounts' in rest[2]):
            raise ImportError('No module named %s' % missing)
        return real(name, *rest, **more)

    with mock.patch.object(builtins, '__import__', fail):
        _output, problems, status = run(*arguments)

    assert 'snapshot-panel[%s]' % extra in problems
    assert status == judge_snapshots.USAGE


def test_a_wrong_account_is_a_mistake_of_the_command_line(found):
    accounts.accounts.side_effect = accounts.Misconfigured('no cloud x')

    output, problems, status = run('--os-cloud', 'x')

    assert (output, problems, status) == ('', 'no cloud x',
                                          judge_snapshots.USAGE)


@pytest.mark.parametrize('arguments, reached', [
    ([], (4, 300, False, None, False, None)),
    (['--workers', '9', '--patience', '0', '--guests', '--keep', '3',
      '--dry-run'], (9, 0, True, 3, True, None))])
def test_options_reach_the_judge(arguments, reached, found):
    run(*arguments)

    judge.judge_all.assert_called_once_with(['account'], *reached)


def test_what_goes_is_told_as_the_dialog_tells_it(found):
    going, used = builders.aged(90), builders.aged(95)
    web = builders.instance(name='w\x1beb')
    found[:] = [report(judged(), rotated=(
        rotating.Rotated(web, going, 2),
        rotating.Rotated(web, used, 3, errors.InUse(
            'Nova', errors.RUN_FROM, ('copy',)))))]

    output, _problems, _status = run('--keep', '2', '--dry-run')

    _line, first, second = output.splitlines()
    assert first == ('demo/web: w eb: 90 (File-system consistent): '
                     '(goes if at most the last 2 are kept)')
    assert 'It stays: instances run from it (copy)' in second


def test_machines_are_told_what_went(found):
    found[:] = [report(judged(), rotated=(rotating.Rotated(
        builders.instance(), builders.aged(90), 2, gone=True),))]

    output, _problems, _status = run('--json')

    assert json.loads(output)['rotated'] == [{
        'instance': builders.INSTANCE, 'id': builders.aged(90).id,
        'name': '90', 'verdict': 'filesystem-consistent', 'newer_proven': 2,
        'deleted': True, 'stays': None}]


def test_clouds_and_projects_are_as_named(found):
    run('--os-cloud', 'a', '--os-cloud', 'b', '--project', 'web')

    accounts.accounts.assert_called_once_with(['a', 'b'], False)
    judge.choose.assert_called_once_with('account', ['web'], False)


def test_what_a_schedule_missed_is_told(found):
    web = builders.instance(name='we\nb')
    found[:] = [report(judged(), made_up=((web, 'web-20261122T090000Z'),))]

    lines = run()[0]
    told = json.loads(run('--json')[0])['made_up']

    assert lines.splitlines()[1] == (
        'demo/web: we b: web-20261122T090000Z was taken: the schedule had '
        'missed it')
    assert told == [{'instance': web.id, 'name': 'we\nb',
                     'snapshot': 'web-20261122T090000Z'}]


def test_watching_begins_a_round_so_often(found):
    class Enough(Exception):
        pass

    with mock.patch.object(time, 'sleep', autospec=True, side_effect=[
            None, None, Enough]) as sleep, pytest.raises(Enough):
        run('--watch', '60')

    assert judge.judge_all.call_count == 3
    # Pages tell it.
    assert {call.args[-1] for call in judge.judge_all.call_args_list} == {60}
    assert all(0 < call.args[0] <= 60 for call in sleep.call_args_list)


@pytest.mark.parametrize('arguments', [
    ['--watch', '0'], ['--watch', '-1'], ['--patience', 'nan'],
    ['--workers', '0'], ['--keep', '0'], ['--once', '--watch', '5']])
def test_a_number_without_sense_is_refused(arguments, found):
    with pytest.raises(base.CommandError):
        management.call_command('judge_snapshots', *arguments)

    assert not judge.judge_all.called


@pytest.mark.parametrize('name', ['snapshot-panel-judge.service',
                                  'snapshot-panel-judge.cron'])
def test_the_documented_options_exist(name):
    line = re.search(r'judge_snapshots (.*?)( >|$)',
                     (DOCUMENTS / name).read_text(), re.MULTILINE)[1]

    parsed = judge_snapshots.Command().create_parser(
        'manage.py', 'judge_snapshots').parse_args(line.split())

    assert parsed.os_cloud == ['judge']


def test_systemd_takes_the_documented_units(tmp_path):
    # The unit must be there: systemd's own look at the timer does not tell.
    program = tmp_path / 'manage.py'
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    timer, service = (tmp_path / ('snapshot-panel-judge' + kind)
                      for kind in ('.timer', '.service'))
    for unit in timer, service:
        unit.write_text((DOCUMENTS / unit.name).read_text().replace(
            '/usr/share/openstack-dashboard/manage.py', str(program)))

    assert 'Unit=' not in timer.read_text()
    assert 'OnUnitInactiveSec=5min\n' in timer.read_text()
    assert 'ExecStart=%s judge_snapshots ' % program in service.read_text()
    checker = shutil.which('systemd-analyze')
    if checker:
        for unit in timer, service:
            # What it would ignore is on the error output alone.
            verified = subprocess.run([checker, 'verify', unit], check=True,
                                      stderr=subprocess.PIPE, text=True)
            assert verified.stderr == ''


def test_a_line_names_what_it_can():
    assert reports.line(NOT_LET_IN).startswith('demo: ')
