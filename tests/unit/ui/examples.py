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

"""Each rule and each finding, as the rules and the checks come to them."""

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from snapshot_panel.ui import lines
from tests.unit import builders

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


def misfit(image, **changes):
    return lines.snapshot_line(image, builders.instance(**changes)).decision


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


def beside():
    """The console of a guest with a file system beside the root disk."""
    console = builders.started()
    console.say('freeze', fs=2)
    for path, disk_name in (('/', 'vda'), ('/srv', 'vdb')):
        console.say('frozen', path=path, type='ext4', disk=disk_name,
                    stall='0.06', proof='wait')
    console.say('thaw', fs=2, hooks=0)
    return console


def by_disk(console):
    return judging.judge(
        builders.asked(builders.started().baseline),
        builders.evidence(console.text), DEPLOYMENT, builders.reading())


# Each rule as the rules themselves decide it.
DECISIONS = [
    verdict.look(builders.sealed(signature=facts.Signature.FALSE)),
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
    misfit(builders.image(), image_id=None),
    misfit(builders.image(builders.mapping(), id=builders.SNAPSHOT)),
    misfit(builders.asked(properties=builders.mapping()), root_volume=False),
    verdict.look(builders.image()),
    judging.judge(builders.asked(properties={records.IMAGE: 'none'}), None,
                  DEPLOYMENT, builders.reading(disk.Word.CANNOT_TELL)),
    verdict.look(builders.asked(status='deactivated')),
    verdict.look(builders.asked(status='queued')),
    settled(talk(), updated=builders.NOW), verdict.look(builders.asked())]


def checked(console=None, deployment=DEPLOYMENT, done=None, asked=True,
            today=None, volumes=None, limits=None,
            image=builders.image(), history=None, witnessed=False, **changes):
    guest = checklist.Guest(asked, console and console.text, done, image,
                            witnessed)
    return checklist.check(
        builders.instance(**{'created': builders.NOW, **changes}), guest,
        deployment, today, volumes, limits, history).results


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


def saying(line):
    console = builders.Console()
    console.noise(line)
    return console


UNIT = 'qemu-guest-agent.service - QEMU Guest Agent'
EXT4 = facts.DiskHistory(('ext4',), facts.Source.IMAGE)
XFS = facts.DiskHistory(('ext4', 'xfs'), facts.Source.SNAPSHOT)

# Each finding as the checks themselves find it.
RESULTS = [result for results in [
    checked(saying('[  OK  ] Started ' + UNIT), history=EXT4),
    checked(saying('[FAILED] Failed to start ' + UNIT), history=XFS),
    checked(builders.Console(), history=facts.DiskHistory(
        ('ext4',), facts.Source.SNAPSHOT, builders.NOW)),
    checked(talk(), history=XFS),
    checked(builders.Console(), history=facts.DiskHistory()),
    checked(talk(**GOOD), facts.Deployment('qcow2')),
    checked(talk('stopped'), RBD, task_state='image_uploading'),
    checked(None, image_id=None, status='PAUSED'),
    checked(builders.Console(), status='ERROR', properties=known(
        facts.Source.IMAGE, hw_qemu_guest_agent='yes')),
    checked(properties=known(facts.Source.EMBEDDED,
                             os_require_quiesce='yes')),
    checked(properties=facts.UNKNOWN_PROPERTIES, asked=False),
    checked(two_accounts()), checked(lossy()),
    checked(builders.Console(), witnessed=True),
    checked(talk(still_open=('/srv',))), checked(torn()),
    checked(refusing()),
    checked(half_told()),
    checked(elsewhere()), checked(ephemeral=10, swap=512),
    checked(beside()),
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

# Nobody asked: that is no obstacle, and needs no remedy.
UNASKED = (checklist.Finding.AGENT_NOT_ASKED,
           checklist.Finding.STOP_NOT_ASKED)


def code(value):
    """Return the code of a decision, a result, a rule or a finding."""
    return getattr(value, 'rule', getattr(value, 'finding', value)).code
