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

"""What a line of the checklist says, rests on and leads to."""

import datetime
import re

from django.template import loader
from django.utils import html
from oslo_utils import timeutils
import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.ui import lines
from tests.unit import builders
from tests.unit.ui import examples

Finding = checklist.Finding

NOTHING_TO_DO_HERE = (
    # Waiting, or what another check says, is all there is to do.
    Finding.BUSY, Finding.AGENT_UNREACHABLE,
    Finding.ROOT_VOLUME, Finding.QUIESCE_NOT_ENFORCED,
    Finding.QUIESCE_FORBIDS, Finding.QUOTA_UNKNOWN,
    Finding.STOP_LIMIT_UNTOLD)


@pytest.mark.parametrize('result', examples.RESULTS, ids=examples.code)
def test_whatever_is_found_says_what_it_rests_on_and_why_it_matters(result):
    line = lines.CheckLine(result, builders.instance(created=builders.NOW),
                           builders.ago(12))

    assert line.evidence
    assert '?' not in line.evidence
    assert 'None' not in line.evidence
    assert line.why


def test_the_source_of_a_property_is_said_in_words():
    checks = examples.checked(examples.talk())
    channel = next(result for result in checks
                   if result.finding is Finding.CHANNEL)

    line = lines.CheckLine(channel, builders.instance())

    assert line.evidence == ('hw_qemu_guest_agent=yes; copied when the '
                             'instance booted; compute service (API 2.98), '
                             'read now.')


def test_the_age_of_what_the_guest_said_is_told():
    agent = next(result for result in examples.checked(examples.talk())
                 if result.finding is Finding.AGENT_RUNNING)
    asked = timeutils.utcnow(True) - datetime.timedelta(seconds=12)

    line = lines.CheckLine(agent, builders.instance(), asked)

    text = html.strip_tags(line.evidence)
    assert text.replace('\xa0', ' ') == (
        'Console log, read 12 seconds ago; the guest’s last word: agent '
        'started, 101 s after its boot.')


@pytest.mark.parametrize('result', examples.RESULTS, ids=examples.code)
def test_each_age_in_a_finding_ticks_as_it_does_elsewhere(result):
    line = lines.CheckLine(result, builders.instance(created=builders.NOW),
                           builders.ago(12))

    shown = loader.render_to_string('consistent_snapshots/_basis.html',
                                    {'line': line})

    unticked = re.sub('<time [^>]*data-ticks[^>]*>[^<]*</time>', '', shown)
    assert 'ago' not in unticked
    assert '&lt;' not in unticked


def test_what_somebody_wrote_is_no_markup_in_a_finding():
    result = checklist.Result(Finding.LOCKED, {
        'reason': '<time data-ticks>%(heard)s</time> & {0}'})

    line = lines.CheckLine(result, builders.instance())

    assert line.evidence == (
        'Compute service, read now; reason: &lt;time data-ticks&gt;%(heard)s'
        '&lt;/time&gt; &amp; {0}')


@pytest.mark.parametrize('result', [
    result for result in examples.RESULTS
    if result.finding not in examples.UNASKED
    and result.finding not in NOTHING_TO_DO_HERE
    and result.state is not checklist.State.PASS], ids=examples.code)
def test_whatever_does_not_hold_can_be_acted_on(result):
    line = lines.CheckLine(result, builders.instance())

    assert line.remedy
    assert line.links or line.command or line.ways


def test_the_ways_to_adopt_a_change_are_shown_once():
    today = builders.image({facts.QUIESCE_PROPERTY: 'yes'})
    instance = builders.instance(
        properties=examples.known(facts.Source.EMBEDDED))

    results = examples.checked(properties=instance.properties, today=today)

    shown = [lines.CheckLine(result, instance) for result in results
             if lines.CheckLine(result, instance).ways]
    assert [line.code for line in shown] == ['channel']
    assert '--property os_require_quiesce=yes' in shown[0].ways[1].commands


def copying(properties=None, age=740):
    """Return the line of a snapshot that has been copying so long."""
    now = timeutils.utcnow(True)
    image = builders.asked(
        status='queued', size=None, created=now - datetime.timedelta(days=1))
    instance = builders.instance(
        task_state=facts.SnapshotTask.COPYING.value,
        updated=now - datetime.timedelta(seconds=age),
        properties=facts.Properties(
            {facts.AGENT_PROPERTY: 'yes', **(properties or {})},
            facts.Source.EMBEDDED))
    row = lines.instance_row(instance, [image])
    assert row.latest == lines.snapshot_line(image, row.instance)
    return row.latest


def test_a_copy_that_takes_long_says_what_may_be_and_what_to_do():
    line = copying()

    assert line.delay == (
        'At this step for 12 min. Perhaps the disk is large; perhaps the '
        'compute service waits for the guest’s agent. If the agent hangs, '
        'restart it in the guest: systemctl restart qemu-guest-agent')
    # It is a remark: the step and the verdict are what they were.
    before = copying(age=9)
    assert before.delay == ''
    assert (line.step, line.decision) == (before.step, before.decision)


@pytest.mark.parametrize('properties, command', [
    ({'os_type': 'windows'}, 'Restart-Service QEMU-GA'),
    ({'os_distro': 'alpine'}, 'rc-service qemu-guest-agent restart')])
def test_the_agent_is_restarted_as_the_system_of_the_guest_has_it(
        properties, command):
    assert copying(properties).delay.endswith(': ' + command)


def test_a_system_without_an_agent_is_not_said_to_have_one_that_hangs():
    assert copying({'os_distro': 'cirros'}).delay == ''


@pytest.mark.parametrize('template', ['_line.html', '_step.html'])
def test_the_page_says_it_below_the_step_and_is_no_longer_without_it(
        template):
    shown, without = (
        loader.render_to_string('consistent_snapshots/' + template,
                                {'line': line, 'id': line.id})
        for line in (copying(), copying(age=9)))

    sentence = '<div class="small">%s</div>' % html.escape(copying().delay)
    assert sentence in shown
    assert without == shown.replace(sentence, '')
