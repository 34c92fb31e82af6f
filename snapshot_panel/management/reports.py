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

"""What the judge found, as a line for people, JSON and metrics."""

import json
import math

from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.ui import words

Verdict = verdict.Verdict

_PROJECT = ('cloud', 'project', 'project_id')
_INSTANCE = _PROJECT + ('instance', 'instance_id')


def line(report):
    """Return what a round over one project found, in one line."""
    name = _name(report)
    if report.busy:
        return '%s: another judge is at it' % name
    if report.judged is None:
        return '%s: not judged: %s' % (name, _said(report.problems[0]))
    verdicts = ', '.join('%s %d' % (each.value, count) for each, count
                         in report.verdicts.items() if count)
    return ('%s: instances %d, snapshots %d%s%s; judged now %d, failures %d, '
            '%.1f s' % (
                name, len(report.judged), sum(report.verdicts.values()),
                ' (%s)' % verdicts if verdicts else '',
                ', without instance %d' % len(report.strays)
                if report.strays else '', report.sealed,
                len(report.problems), report.seconds))


def problem_lines(report):
    """Return a line for each thing that could not be judged."""
    return ['%s: %s: %s' % (
        _name(report), problem.instance_id or 'project', _said(problem))
        for problem in report.problems]


def missed_lines(report):
    """Return a line for each snapshot that a schedule had missed."""
    return ['%s: %s: %s was taken: the schedule had missed it' % (
        _name(report), _printable(instance.name), _printable(name))
        for instance, name in report.made_up]


def rotation_lines(report, dry):
    """Return a line for each snapshot that the rule lets go.

    :param bool dry: nothing was to be deleted.
    """
    return ['%s: %s: %s (%s): %s' % (
        _name(report), _printable(each.instance.name),
        _printable(each.image.name), words.badge(verdict.look(
            each.image)).word, _fate(each, dry)) for each in report.rotated]


def _fate(rotated, dry):
    if rotated.kept is not None:
        return _printable(words.error(rotated.kept))
    if rotated.gone:
        return words.WENT % {'keep': rotated.newer}
    # As the dialog of a snapshot says it.
    return (words.GOES if dry else words.GOES_LATER) % {'keep': rotated.newer}


def _name(report):
    return '/'.join(filter(None, (report.cloud, report.project.name)))


def _said(problem):
    return '%s: %s' % (problem.service, _printable(problem.reason)[:300])


def _printable(text):
    # What a service says is untrusted, and so are names: a terminal obeys.
    return ''.join(each if each.isprintable() else ' ' for each in str(text))


def as_json(report):
    """Return the report as one line of JSON; doc/source/judge.rst tells it."""
    return json.dumps({
        **_round(report), **_found(report),
        'rotated': [_rotated(each) for each in report.rotated],
        'made_up': [{'instance': instance.id, 'name': instance.name,
                     'snapshot': name} for instance, name in report.made_up],
        'failures': [{'instance': problem.instance_id,
                      'service': problem.service, 'reason': problem.reason}
                     for problem in report.problems]})


def _round(report):
    return {
        'cloud': report.cloud,
        'project': {'id': report.project.id, 'name': report.project.name},
        'at': bounded.format_moment(report.at),
        'seconds': round(report.seconds, 3),
        'busy': report.busy,
        'judged_now': report.sealed}


def _found(report):
    """Return what there is; each is None where nobody could look."""
    if report.judged is None:
        return dict.fromkeys(('snapshots', 'snapshots_without_instance',
                              'verdicts_without_instance', 'instances',
                              'discarded', 'alarms'))
    return {
        'snapshots': {each.value: count
                      for each, count in report.verdicts.items()},
        'snapshots_without_instance': len(report.strays),
        'verdicts_without_instance': {
            each.value: report.strays.count(each) for each in Verdict},
        'instances': [_instance(each, report.at) for each in report.judged],
        'alarms': [alarm for each in report.judged
                   for alarm in _alarms(each, report.at)],
        'discarded': [_discarded(each.instance, snapshot)
                      for each in report.judged
                      for snapshot in each.snapshots
                      if snapshot.decision.verdict is Verdict.DISCARDED]}


def _instance(judged, now):
    proven = judged.proven
    return {
        'id': judged.instance.id, 'name': judged.instance.name,
        'status': judged.instance.status,
        'snapshots': len(judged.snapshots),
        'frozen': judged.frozen,
        'schedule': _schedule(judged.instance),
        'overdue': judged.overdue(now),
        'newest_proven': proven and {
            'id': proven.id, 'name': proven.name,
            'verdict': proven.decision.verdict.value,
            'at': _moment(proven.at), 'age': _age(proven, now)}}


def _schedule(instance):
    schedule = schedules.read(instance)
    return schedule and {'period': schedule.period.value,
                         'hour': schedule.hour, 'keep': schedule.keep}


def _alarms(judged, now):
    """Return what somebody should be told of an instance, as plain values."""
    instance = judged.instance
    named = {'instance': instance.id, 'name': instance.name}
    if judged.overdue(now):
        yield {'alarm': 'overdue', **named, 'newest_proven': _moment(
            judged.proven and judged.proven.at)}
    if judged.frozen:
        yield {'alarm': 'frozen', **named}
    for snapshot in judged.snapshots:
        if snapshot.decision.verdict is Verdict.DISCARDED:
            yield {'alarm': 'discarded', **named, 'snapshot': snapshot.name,
                   'at': _moment(snapshot.at)}


def _rotated(rotated):
    return {'instance': rotated.instance.id, 'id': rotated.image.id,
            'name': rotated.image.name,
            'verdict': verdict.look(rotated.image).verdict.value,
            'newer_proven': rotated.newer, 'deleted': rotated.gone,
            'stays': None if rotated.kept is None
            else rotated.kept.said or rotated.kept.reason}


def _discarded(instance, snapshot):
    return {'instance': instance.id, 'id': snapshot.id,
            'name': snapshot.name, 'at': _moment(snapshot.at),
            'rule': snapshot.decision.rule.code}


def _moment(moment):
    return bounded.format_moment(moment) if moment else None


def _age(snapshot, now):
    """Return how many seconds old a snapshot is, None if unknown."""
    return (max(0, round((now - snapshot.at).total_seconds()))
            if snapshot.at else None)


def write_metrics(path, reports):
    """Write what Prometheus' node_exporter collects from text files.

    The file is whole at any moment. It stays as it is where another judge is
    at one of the projects: a number that is left out ends an alarm.

    :param reports: the newest of each project.
    :raises ImportError: without prometheus_client.
    :raises OSError: the file cannot be written.
    """
    import prometheus_client

    if any(report.busy for report in reports):
        # The other one tells.
        return
    registry = prometheus_client.CollectorRegistry()

    def gauge(name, text, labels=_PROJECT):
        return prometheus_client.Gauge('snapshot_panel_' + name, text, labels,
                                       registry=registry)

    snapshots = gauge('snapshots', 'Snapshots by verdict',
                      _PROJECT + ('verdict',))
    proven = gauge(
        'newest_proven_age_seconds', 'Age of an instance\'s newest snapshot '
        'that is proven consistent; +Inf where it has none', _INSTANCE)
    frozen = gauge('guest_frozen', 'Whether a guest with the kit may stand '
                   'frozen; of those that were asked', _INSTANCE)
    overdue = gauge('schedule_overdue', 'Whether the newest proven snapshot '
                    'is older than the schedule allows; of those that have '
                    'one', _INSTANCE)
    failures = gauge('failures', 'What could not be judged')
    seconds = gauge('judge_seconds', 'How long the round took')
    ended = gauge('judge_timestamp_seconds', 'When the last round ended '
                  'that found out what there is')
    for report in reports:
        labels = (report.cloud, report.project.name, report.project.id)
        failures.labels(*labels).set(len(report.problems))
        seconds.labels(*labels).set(report.seconds)
        if report.judged is None:
            # No number is better than a wrong one.
            continue
        ended.labels(*labels).set(report.at.timestamp())
        for each, count in report.verdicts.items():
            snapshots.labels(*labels, each.value).set(count)
        for judged in report.judged:
            whose = (*labels, judged.instance.name, judged.instance.id)
            age = judged.proven and _age(judged.proven, report.at)
            proven.labels(*whose).set(math.inf if age is None else age)
            if schedules.read(judged.instance) is not None:
                overdue.labels(*whose).set(judged.overdue(report.at))
            if judged.frozen is not None:
                frozen.labels(*whose).set(judged.frozen)
    prometheus_client.write_to_textfile(path, registry)
