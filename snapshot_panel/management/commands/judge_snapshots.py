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

"""``manage.py judge_snapshots``: verdicts while nobody looks."""

import contextlib
import signal
import time

from django.core.management import base
from django.utils.translation import gettext as _

from snapshot_panel.management import reports

# What the command ends with; doc/source/judge.rst tells them.
FAILED, USAGE = 1, 2


def _number(text):
    """Return a whole number above zero."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _seconds(text):
    """Return a number of seconds, zero or more."""
    seconds = float(text)
    if not 0 <= seconds < float('inf'):
        raise ValueError(text)
    return seconds


class Command(base.BaseCommand):
    help = _('Judge the snapshots of projects: read their disks, seal the '
             'verdicts, carry on what was begun on the pages. Accounts come '
             'from clouds.yaml or the environment (OS_...).')
    # Nothing here depends on Horizon's pages being right.
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument(
            '--os-cloud', action='append', default=[], metavar='NAME',
            help=_('a cloud of clouds.yaml; may be repeated'))
        parser.add_argument('--all-clouds', action='store_true',
                            help=_('each cloud of clouds.yaml'))
        parser.add_argument(
            '--project', action='append', default=[], metavar='PROJECT',
            help=_('another project of the account, by name or id; may be '
                   'repeated'))
        parser.add_argument(
            '--all-projects', action='store_true',
            help=_('each project that the account has a role in'))
        often = parser.add_mutually_exclusive_group()
        often.add_argument('--once', action='store_true',
                           help=_('one round, then end (the default)'))
        often.add_argument('--watch', type=_number, metavar='SECONDS',
                           help=_('begin a round every so many seconds'))
        parser.add_argument(
            '--workers', type=_number, default=4, metavar='NUMBER',
            help=_('how many projects at the same time (4)'))
        parser.add_argument(
            '--patience', type=_seconds, default=300, metavar='SECONDS',
            help=_('how long to go along with instances that are shut off '
                   'for a snapshot (300)'))
        parser.add_argument(
            '--guests', action='store_true',
            help=_('ask guests with the kit whether they stand frozen: one '
                   'request for each'))
        parser.add_argument(
            '--keep', type=_number, metavar='NUMBER',
            help=_('delete what the panel and its schedules made and is older '
                   'than so many proven snapshots of an instance; without '
                   'this, each schedule says how many'))
        parser.add_argument(
            '--dry-run', action='store_true', dest='dry',
            help=_('only show what would be deleted; nothing is judged'))
        parser.add_argument(
            '--json', action='store_true', dest='as_json',
            help=_('a line of JSON for each project'))
        parser.add_argument(
            '--metrics', metavar='FILE',
            help=_('write this file for Prometheus after each round'))

    def handle(self, **options):
        users = _accounts(options)
        if options['metrics']:
            _check_metrics()
        with _killable():
            failed = self._round(users, options)
            while options['watch'] is not None:
                time.sleep(max(0, self.begun + options['watch']
                               - time.monotonic()))
                failed = self._round(users, options)
        if failed:
            raise base.CommandError(
                _('Not everything could be judged.'), returncode=FAILED)

    def _round(self, users, options):
        """Judge once; return whether something could not be judged."""
        from snapshot_panel.cloud import judge

        self.begun = time.monotonic()
        ended, chosen = [], []
        for user in users:
            projects = judge.choose(user, options['project'],
                                    options['all_projects'])
            if isinstance(projects, judge.Report):
                ended.append(projects)
                self._print(projects, options)
            else:
                chosen += projects
        for report in judge.judge_all(chosen, options['workers'],
                                      options['patience'],
                                      options['guests'], options['keep'],
                                      options['dry'], options['watch']):
            ended.append(report)
            self._print(report, options)
        if options['metrics']:
            self._write(options['metrics'], ended)
        return any(report.problems for report in ended)

    def _print(self, report, options):
        """Say at once what came of one project."""
        if options['as_json']:
            self.stdout.write(reports.as_json(report))
            self.stdout.flush()
        progress = self.stderr if options['as_json'] else self.stdout
        progress.write(reports.line(report))
        for line in (*reports.missed_lines(report),
                     *reports.rotation_lines(report, options['dry'])):
            progress.write(line)
        progress.flush()
        for line in reports.problem_lines(report):
            self.stderr.write(line)

    def _write(self, path, ended):
        try:
            reports.write_metrics(path, ended)
        except OSError as error:
            raise base.CommandError(
                _('The metrics cannot be written: %s') % error,
                returncode=FAILED)


def _accounts(options):
    """Return the accounts that were asked for."""
    try:
        from snapshot_panel.cloud import accounts
    except ImportError as error:
        raise base.CommandError(
            _('%s. Install snapshot-panel[judge].') % error,
            returncode=USAGE)
    try:
        return accounts.accounts(options['os_cloud'], options['all_clouds'])
    except accounts.Misconfigured as error:
        raise base.CommandError(str(error), returncode=USAGE)


def _check_metrics():
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise base.CommandError(
            _('%s. Install snapshot-panel[metrics].') % error,
            returncode=USAGE)


@contextlib.contextmanager
def _killable():
    """Let Ctrl-C end it at once: nothing is lost, and threads would wait."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
