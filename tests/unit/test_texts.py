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

"""Every finding and every verdict has its words, with all that they name."""

import datetime
import re

from oslo_utils import timeutils
import pytest

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import adoption
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from snapshot_panel.ui import findings
from snapshot_panel.ui import lines
from snapshot_panel.ui import words
from tests.unit import builders

Finding = checklist.Finding
Rule = verdict.Rule

DEPLOYMENT = facts.Deployment(shutdown_timeout=60)
RBD = facts.Deployment(ephemeral_backend='rbd')
SNAPSHOT = builders.taken()
GOOD = {'paths': ('/',)}


def talk(*events, **freeze):
    """Return a console that says these events, then freezes if asked to."""
    console = builders.started()
    for event in events:
        console.say(event)
    if freeze:
        console.freeze(**freeze)
    return console


def refusing():
    console = talk()
    console.say('freeze', fs=1)
    console.say('aborted', name='20-postgresql', status=1)
    return console


def torn():
    console = talk()
    console.say('freeze', fs=1)
    console.say('frozen', path='/', type='ext4', disk='vda+vdb',
                stall='0.06', proof='wait')
    console.say('thaw', fs=1, hooks=0)
    return console


def settled(console=None, done=None, deployment=DEPLOYMENT, says=None,
            copies=None, **changes):
    """Decide on a snapshot asked for when the guest had said ``says``."""
    says = says or talk()
    changes.setdefault('baseline', says.baseline)
    return verdict.settle(
        builders.asked(**changes),
        builders.evidence(console and console.text, done), deployment, copies)


def stopped(seconds, **changes):
    return settled(state='SHUTOFF', done=builders.actions(
        SNAPSHOT, before=builders.stop(seconds)), **changes)


def of_volumes(*copies, **changes):
    """Decide on a snapshot that is made of volume snapshots."""
    return settled(talk(**GOOD), properties=builders.mapping(),
                   copies=builders.copies(*copies) if copies else None,
                   **changes)


def lost(console):
    return verdict.vanished(builders.memory(),
                            builders.evidence(console.text))


def abandoned():
    image = builders.asked(status='queued',
                           updated=builders.NOW.replace(year=2000))
    return lines.snapshot_line(image, builders.instance()).decision


def twice():
    console = talk(paths=('/',))
    console.freeze()
    return console


def thawed_twice():
    console = talk(paths=('/',))
    console.say('rethaw')
    return console


def rebooted():
    console = talk()
    console.reboot()
    return console


def elsewhere():
    """The console of a guest whose root is on another disk."""
    console = builders.started()
    console.say('freeze', fs=1)
    console.say('frozen', path='/', type='ext4', disk='vdb', stall='0.06',
                proof='wait')
    console.say('thaw', fs=1, hooks=0)
    return console


def by_disk(console):
    return judging.judge(
        builders.asked(builders.started().baseline),
        builders.evidence(console.text), DEPLOYMENT, builders.reading())


# Each rule as the rules themselves decide it.
DECISIONS = [
    settled(talk(paths=('/', '/srv'), hooks={'20-postgresql': 0})),
    settled(talk(**GOOD)), stopped(5),
    of_volumes(builders.copy(0), builders.copy(1)),
    of_volumes(builders.copy(0, created=builders.ago(50)), builders.copy(1)),
    settled(thawed_twice()), settled(torn()),
    of_volumes(builders.copy(0), builders.copy(1, status='error')),
    of_volumes(builders.copy(0, status='creating')),
    of_volumes(builders.copy(0, status='creating'),
               updated=builders.ago(verdict.VOLUMES_PATIENCE)),
    of_volumes(updated=builders.ago(verdict.VOLUMES_PATIENCE)),
    stopped(5, properties=builders.mapping(),
            copies=builders.copies(builders.copy(0))),
    settled(baseline=None), settled(),
    settled(talk(**GOOD), builders.actions(
        builders.action('createImage', 'req-other'), SNAPSHOT)),
    settled(talk(**GOOD), []), settled(rebooted()), settled(twice()),
    settled(talk()), settled(talk(paths=('/srv',))), stopped(1),
    settled(state='RESCUE'),
    settled(talk(**GOOD), builders.actions(SNAPSHOT,
                                           builders.action('start'))),
    settled(properties={facts.AGENT_PROPERTY: 'no'}),
    settled(state='PAUSED'), settled(deployment=RBD),
    settled(talk('stopped'), says=talk('stopped')),
    settled(refusing()), settled(talk(still_open=('/srv',))), stopped(60),
    lost(talk()), lost(refusing()), lost(talk(still_open=('/srv',))),
    lost(talk('stopped')), abandoned(),
    *[judging.judge(builders.image(), None, DEPLOYMENT,
                    builders.reading(word)) for word in disk.Word],
    judging.judge(builders.image(), None, DEPLOYMENT,
                  builders.reading(torn=True)),
    by_disk(talk(paths=('/',), hooks={'20-postgresql': 0})),
    by_disk(elsewhere()),
    verdict.look(builders.image()),
    verdict.look(builders.asked(status='deactivated')),
    verdict.look(builders.asked(status='queued')),
    settled(talk(), updated=builders.NOW), verdict.look(builders.asked())]


def checked(console=None, deployment=DEPLOYMENT, done=None, asked=True,
            today=None, volumes=None, limits=None,
            image=builders.image(), **changes):
    guest = checklist.Guest(asked, console and console.text, done, image)
    return checklist.check(
        builders.instance(**{'created': builders.NOW, **changes}), guest,
        deployment, today, volumes, limits).results


def limited(images=(1, 2), mib=(1, 2), metadata=9, unknown=(),
            copies=(1, 3), gib=(1, 3)):
    images, mib, copies, gib = (facts.Usage(*usage) for usage in (
        images, mib, copies, gib))
    return facts.Limits(images, mib, metadata, copies, gib, unknown,
                        builders.NOW)


def limited_on_volumes(**quotas):
    return checked(limits=limited(**quotas), image_id=None,
                   volume_ids=builders.VOLUMES,
                   volumes=(builders.volume(0), builders.volume(1)))


def known(source, **values):
    return facts.Properties(values, source)


def two_accounts():
    console = talk()
    console.noise(builders.started(boot='77777777', secret='liar').text)
    console.say('stopped')
    return console


def lossy():
    console = talk()
    console.lose('stopped')
    console.say('poweroff')
    return console


def half_told():
    console = talk()
    console.say('freeze', fs=1)
    return console


# Each finding as the checks themselves find it.
RESULTS = [result for results in [
    checked(talk(**GOOD), facts.Deployment('qcow2')),
    checked(talk('stopped'), RBD, task_state='image_uploading'),
    checked(None, image_id=None, status='PAUSED'),
    checked(builders.Console(), status='ERROR', properties=known(
        facts.Source.IMAGE, hw_qemu_guest_agent='yes')),
    checked(properties=known(facts.Source.EMBEDDED,
                             os_require_quiesce='yes')),
    checked(properties=facts.UNKNOWN_PROPERTIES, asked=False),
    checked(two_accounts()), checked(lossy()),
    checked(talk(still_open=('/srv',))), checked(torn()),
    checked(refusing()),
    checked(half_told()),
    checked(today=builders.image()),
    checked(today=builders.image({facts.QUIESCE_PROPERTY: 'yes'})),
    checked(today=builders.image({'hw_require_fsfreeze': 'yes'})),
    checked(metadata={'hw-require-fsfreeze': 'yes'}),
    checked(properties=known(facts.Source.EMBEDDED), today=builders.image()),
    checked(image_id=None, properties=known(
        facts.Source.EMBEDDED, os_require_quiesce='yes',
        hw_qemu_guest_agent='yes')),
    checked(talk(), properties=known(
        facts.Source.EMBEDDED, os_require_quiesce='yes',
        hw_qemu_guest_agent='yes')),
    checked(locked=True), checked(limits=limited()),
    checked(limits=limited(images=(2, 2))),
    checked(limits=limited(mib=(3, 2))),
    checked(limits=limited(metadata=0)),
    checked(limits=limited(unknown=('Glance',))),
    limited_on_volumes(), limited_on_volumes(copies=(2, 3)),
    limited_on_volumes(gib=(2, 3)),
    checked(status='SHUTOFF', asked=False),
    checked(status='SHUTOFF', done=[builders.stop(5)], image=None),
    checked(status='SHUTOFF', done=[builders.stop(5)]),
    checked(status='SHUTOFF', done=[builders.stop(60)]),
    checked(status='SHUTOFF', done=[]),
    checked(status='SHUTOFF', done=[builders.stop(5)],
            deployment=facts.Deployment()),
    checked(volume_ids=builders.VOLUMES),
    checked(talk(), properties=facts.UNKNOWN_PROPERTIES),
    checked(volume_ids=builders.VOLUMES, volumes=()),
    checked(image_id=None, status='SHUTOFF', volume_ids=builders.VOLUMES),
    checked(image_id=None, volume_ids=builders.VOLUMES, volumes=(),
            properties=known(facts.Source.VOLUME, os_require_quiesce='yes')),
    checked(image_id=None, volume_ids=builders.VOLUMES,
            volumes=(builders.volume(multiattach=True),)),
] for result in results]


def names(text):
    return set(re.findall(r'%\((\w+)\)', str(text)))


def code(value):
    return getattr(value, 'rule', getattr(value, 'finding', value)).code


def test_every_rule_is_decided_here_and_has_its_words():
    assert {decision.rule for decision in DECISIONS} == set(Rule)
    assert set(words.RULES) == set(Rule)


@pytest.mark.parametrize('decision', DECISIONS, ids=code)
def test_a_reason_names_only_what_the_rule_knows(decision):
    assert '?' not in words.reason(decision)


@pytest.mark.parametrize('decision', [
    decision for decision in DECISIONS if decision.verdict.final], ids=code)
def test_a_reason_is_the_same_once_it_was_sealed(decision):
    image = builders.asked(properties=decision.seal().properties())

    assert words.reason(verdict.look(image)) == words.reason(decision)


def test_every_step_and_end_of_a_restart_has_its_words():
    assert set(words.RESTART_STEPS) == set(restart.Phase) - {
        restart.Phase.OVER}
    # Who cancelled it knows.
    assert set(words.RESTART_CAUSES) == set(restart.Cause) - {
        restart.Cause.CANCELLED}


def test_whatever_becomes_of_older_snapshots_has_its_words():
    assert set(words.REPLACING) == set(retention.Standing) - {
        retention.Standing.NOTHING}


def test_every_finding_is_found_here_and_has_its_words():
    assert {result.finding for result in RESULTS} == set(Finding)
    assert set(findings.FINDINGS) == set(Finding)


@pytest.mark.parametrize('result', RESULTS, ids=code)
def test_a_finding_names_only_what_the_check_knows(result):
    row = findings.FINDINGS[result.finding]
    found, remedy = row.found, row.remedy

    assert names(found) | names(remedy) <= set(result.evidence)


UNASKED = (Finding.AGENT_NOT_ASKED, Finding.STOP_NOT_ASKED)


@pytest.mark.parametrize('finding', [
    finding for finding in Finding if finding not in UNASKED
    and finding.state in (checklist.State.FAIL, checklist.State.UNKNOWN)],
    ids=code)
def test_whatever_stands_in_the_way_has_a_remedy(finding):
    row = findings.FINDINGS[finding]
    found, remedy = row.found, row.remedy

    assert found
    assert remedy


@pytest.mark.parametrize('words, things', [
    (findings.CHECKS, checklist.Check), (words.STATES, checklist.State),
    (words.VERDICTS, verdict.Verdict), (findings.BOOTED, [
        source.value for source in facts.Source]),
    (words.WAYS, adoption.Way),
    (words.HINDRANCES, adoption.Hindrance)],
    ids=['checks', 'states', 'verdicts', 'sources', 'ways', 'hindrances'])
def test_everything_has_a_word(words, things):
    assert set(words) == set(things)


@pytest.mark.parametrize('result', RESULTS, ids=code)
def test_whatever_is_found_says_what_it_rests_on_and_why_it_matters(result):
    line = lines.CheckLine(result, builders.instance(created=builders.NOW),
                           builders.ago(12))

    assert line.evidence
    assert '?' not in line.evidence
    assert 'None' not in line.evidence
    assert line.why


def test_the_source_of_a_property_is_said_in_words():
    checks = checked(talk())
    channel = next(result for result in checks
                   if result.finding is Finding.CHANNEL)

    line = lines.CheckLine(channel, builders.instance())

    assert line.evidence == ('hw_qemu_guest_agent=yes; copied when the '
                             'instance booted; compute service (API 2.98), '
                             'read now.')


def test_the_age_of_what_the_guest_said_is_told():
    agent = next(result for result in checked(talk())
                 if result.finding is Finding.AGENT_RUNNING)
    asked = timeutils.utcnow(True) - datetime.timedelta(seconds=12)

    line = lines.CheckLine(agent, builders.instance(), asked)

    assert line.evidence.replace('\xa0', ' ') == (
        'Console log, read 12 seconds ago; the guest’s last word: agent '
        'started, 101 s after its boot.')


@pytest.mark.parametrize('seconds, text', [
    (0, '0 s'), (119.5, '119 s'), (120, '2 min'), (7200, '2 h'),
    (172800, '2 days')])
def test_a_duration_is_told_in_the_unit_that_fits(seconds, text):
    assert words.duration(seconds) == text


NOTHING_TO_DO_HERE = (
    # Waiting, or what another check says, is all there is to do.
    Finding.BUSY, Finding.AGENT_UNREACHABLE,
    Finding.ROOT_VOLUME, Finding.QUIESCE_NOT_ENFORCED,
    Finding.QUIESCE_FORBIDS, Finding.QUOTA_UNKNOWN,
    Finding.STOP_LIMIT_UNTOLD)


@pytest.mark.parametrize('result', [
    result for result in RESULTS if result.finding not in UNASKED
    and result.finding not in NOTHING_TO_DO_HERE
    and result.state is not checklist.State.PASS], ids=code)
def test_whatever_does_not_hold_can_be_acted_on(result):
    line = lines.CheckLine(result, builders.instance())

    assert line.remedy
    assert line.links or line.command or line.ways


@pytest.mark.parametrize('kind, text', words.ERRORS.items(),
                         ids=lambda value: getattr(value, '__name__', ''))
def test_every_error_has_its_words(kind, text):
    assert words.error(kind('Nova', 'secret')) == text


def test_an_error_of_no_kind_is_a_failure_of_the_service():
    problem = errors.CloudError('Nova', 'secret')

    assert words.error(problem) == words.ERRORS[errors.Unavailable]


@pytest.mark.parametrize('evidence', [
    {}, {'frozen': []}, {'frozen': {}}, {'frozen': {'/': None}},
    {'frozen': {'/': [1, 'x']}, 'hooks': 5}, {'frozen': 'x', 'open': {}},
    {'source': []}, {'source': {}}, {'source': None}, {'source': 5},
    {'frozen': {'/': 'x', '/srv': 1, '/home': None, '/var': [], '/opt': {}}},
    {'seconds': 'x', 'limit': [], 'freezes': {}, 'snapshots': None},
    {'hooks': [[]], 'open': 5, 'state': {}, 'action': [], 'hook': {}}])
@pytest.mark.parametrize('rule', Rule, ids=code)
def test_evidence_edited_by_hand_can_be_shown(rule, evidence):
    assert words.reason(verdict.Decision(rule, evidence))


@pytest.mark.parametrize('stalls, longest', [
    ([9.5, 10.5], '10.5'), ([9, 10], '10'), (['99', 0.5], '0.5'),
    ([None, 0.5, []], '0.5'), (['x'], 'x')])
def test_the_longest_stall_is_told_as_a_number(stalls, longest):
    frozen = {'/%d' % index: stall for index, stall in enumerate(stalls)}

    decision = verdict.Decision(Rule.FREEZE_WITNESSED, {'frozen': frozen})

    shown = re.findall(r'[\w.]+', words.reason(decision))
    told = words.fill(words.RULES[Rule.FREEZE_WITNESSED],
                      {'paths': ', '.join(frozen), 'stall': longest})
    assert words.reason(decision) == told
    assert longest in shown


def test_the_ways_to_adopt_a_change_are_shown_once():
    today = builders.image({facts.QUIESCE_PROPERTY: 'yes'})
    instance = builders.instance(properties=known(facts.Source.EMBEDDED))

    results = checked(properties=instance.properties, today=today)

    shown = [lines.CheckLine(result, instance) for result in results
             if lines.CheckLine(result, instance).ways]
    assert [line.code for line in shown] == ['channel']
    assert '--property os_require_quiesce=yes' in shown[0].ways[1].commands
