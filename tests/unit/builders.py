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

"""Short ways to say what a test is about: guests, images, instances."""

import datetime
import hashlib
import json
import uuid

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from snapshot_panel import disk

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.timezone.utc)
BOOT = '3f2a91c0'
INSTANCE = '11111111-aaaa-4aaa-8aaa-111111111111'
SNAPSHOT = '22222222-bbbb-4bbb-8bbb-222222222222'
BASE_IMAGE = '33333333-cccc-4ccc-8ccc-333333333333'
VOLUMES = ('44444444-dddd-4ddd-8ddd-444444444440',
           '44444444-dddd-4ddd-8ddd-444444444441')
COPIES = ('55555555-eeee-4eee-8eee-555555555550',
          '55555555-eeee-4eee-8eee-555555555551')
BEFORE = 'req-before'
OWN = 'req-own'

CLEAN = {facts.AGENT_PROPERTY: 'yes', 'instance_uuid': INSTANCE,
         'image_type': 'snapshot'}

# Legal properties of an image, all of them, and to be left alone.
UNUSUAL = {
    'empty': '', 'spaces ': '  two  ', 'ünï': '雪 \t', 'a/b~c': "it's $HOME",
    'json': '{"a": [1, "<b>"]}', 'lines': 'one\ntwo\r\nthree', 'e=q': '=',
}


def ago(seconds):
    """Return the moment that many seconds before :data:`NOW`."""
    return NOW - datetime.timedelta(seconds=seconds)


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Console:
    """The console of a guest with the kit: each line proves the next."""

    def __init__(self, boot=BOOT, secret='guest'):
        self.boot, self.secret, self.seq = boot, secret, 0
        self.lines = []

    def say(self, event, prompt='', **fields):
        """Print one witness line and return it."""
        line = prompt + self.lose(event, **fields)
        self.lines.append(line)
        return line

    def lose(self, event, **fields):
        """Return a line that never reaches the console."""
        self.seq += 1
        up = 100 + self.seq
        words = ['boot=' + self.boot, 'seq=%d' % self.seq, 'up=%d.00' % up,
                 'event=' + event]
        words += ['%s=%s' % pair for pair in fields.items()]
        words.append('sum=' + _digest(' '.join(words))[:8])
        words += ['key=' + self._key(self.seq), 'next=' + self._next()]
        return '[%5d.000000] consistency-witness v1 %s' % (
            up, ' '.join(words))

    def _key(self, seq):
        text = '%s %s %d' % (self.secret, self.boot, seq)
        return hashlib.md5(text.encode()).hexdigest()

    def _next(self):
        key = self._key(self.seq + 1)
        return _digest(key)[:32]

    def noise(self, text='debian login: '):
        self.lines.append(text)

    def freeze(self, paths=('/',), still_open=(), hooks=None):
        """Print what an attempt to freeze prints; return its lines.

        :param hooks: the exit status of thawing by the hook's name.
        """
        hooks = hooks or {}
        lines = [self.say('freeze', fs=len(paths) + len(still_open))]
        lines += [self.say('frozen', path=path, type='ext4', disk='vda',
                           stall='0.06', proof='wait,superblock')
                  for path in paths]
        lines += [self.say('open', path=path, type='ext4', disk='vdb')
                  for path in still_open]
        lines += [self.say('hook', name=name, freeze=0, thaw=status)
                  for name, status in hooks.items()]
        lines.append(self.say('thaw', fs=len(paths), hooks=len(hooks)))
        return lines

    def reboot(self, boot='77777777'):
        self.boot, self.seq = boot, 0
        return self.say('started', agent='7.2.11')

    @property
    def text(self):
        return '\n'.join(self.lines)

    @property
    def baseline(self):
        return witness.read(self.text).baseline


def started(**options):
    """Return the console of a guest whose agent has just started."""
    console = Console(**options)
    console.say('started', agent='7.2.11')
    return console


def instance(**changes):
    values = {'id': INSTANCE, 'name': 'web', 'status': 'ACTIVE',
              'image_id': BASE_IMAGE, 'project_id': 'project',
              'properties': facts.Properties({facts.AGENT_PROPERTY: 'yes'},
                                             facts.Source.EMBEDDED)}
    return facts.Instance(**{**values, **changes})


def image(properties=None, **changes):
    """Return an active snapshot image that the panel did not take."""
    values = {'id': SNAPSHOT, 'name': 'web-1', 'status': 'active',
              'created': ago(60), 'updated': ago(50), 'size': 1024,
              'owner': 'project'}
    return facts.Image(properties={**CLEAN, **(properties or {})},
                       **{**values, **changes})


def asked(baseline=None, properties=None, state='ACTIVE', **changes):
    """Return an active snapshot image that the panel took."""
    request = records.Request(at=ago(60), by='ann', state=state,
                              baseline=baseline, after_action=BEFORE)
    return image({**request.properties(), **records.bind(SNAPSHOT, OWN),
                  **(properties or {})}, **changes)


def mapping(*disks):
    """Return the properties of an image that is made of volume snapshots."""
    disks = disks or [{'source_type': 'snapshot', 'snapshot_id': copy,
                       'destination_type': 'volume'} for copy in COPIES]
    return {facts.MAPPING_PROPERTY: json.dumps(disks), 'bdm_v2': 'True'}


def volume(number=0, **changes):
    """Return a volume that is attached to the instance alone."""
    values = {'id': VOLUMES[number], 'name': 'web-%d' % number, 'size': 1,
              'devices': {INSTANCE: '/dev/vd' + 'ab'[number]}}
    return facts.Volume(**{**values, **changes})


def copy(number=0, **changes):
    """Return the complete snapshot of a volume of the instance."""
    values = {'id': COPIES[number], 'status': 'available',
              'progress': '100%', 'volume_id': VOLUMES[number],
              'created': ago(45.04), 'updated': ago(45)}
    return facts.VolumeSnapshot(**{**values, **changes})


def copies(*snapshots, **changes):
    """Return the snapshots of all of the instance's volumes by default."""
    return verdict.Copies(**{
        'instance_id': INSTANCE,
        'snapshots': snapshots or (copy(0), copy(1)), 'attached': VOLUMES,
        'volumes': (volume(0), volume(1)), 'seen_for': 60, **changes})


def sealed(rule=verdict.Rule.CLEAN_STOP, evidence=None, properties=None,
           **changes):
    """Return a snapshot image with its verdict on it."""
    seal = verdict.Decision(rule, evidence or {}).seal()
    return asked(properties={**seal.properties(), **(properties or {})},
                 **changes)


def aged(age, rule=verdict.Rule.FREEZE_WITNESSED, **changes):
    """Return a sealed snapshot that old, in seconds; its name is its age."""
    image_id = str(uuid.UUID(int=age + 1))
    changes.setdefault('updated', ago(age))
    properties = {**verdict.Decision(rule).seal().properties(),
                  records.IMAGE: image_id, **changes.pop('properties', {})}
    return asked(id=image_id, name=str(age), properties=properties,
                 created=ago(age), **changes)


def action(name, request_id=None, **changes):
    return facts.Action(name, request_id or 'req-' + name,
                        **{'user_id': 'user', **changes})


def taken(**changes):
    """Return Nova's record of the snapshot that :func:`asked` returns."""
    return action('createImage', OWN, **changes)


def stop(seconds=5, **changes):
    """Return a stop asked for by a user that took so many seconds."""
    values = {'started': ago(600), 'finished': ago(600 - seconds),
              'succeeded': True}
    return action('stop', BEFORE, **{**values, **changes})


def actions(*newer, before=None):
    """Return actions, newest first: those given, the one before, a birth."""
    return [*newer, before or action('reboot', BEFORE), action('create')]


def evidence(console=None, done=None, now=NOW):
    """Return evidence with one snapshot since the request by default."""
    if done is None:
        done = actions(taken())
    return verdict.Evidence(console=console, actions=done, now=now)


def reading(word=disk.Word.AT_REST, kind='ext4', torn=False):
    """Return what a disk with one file system says."""
    reasons = {disk.Word.AT_REST: disk.Reason.NO_REPLAY_NEEDED,
               disk.Word.IN_USE: disk.Reason.REPLAY_NEEDED,
               disk.Word.DAMAGED: disk.Reason.ERRORS_RECORDED,
               disk.Word.CANNOT_TELL: disk.Reason.NOT_TOLD}
    parts = [disk.Part('disk', kind, word, reasons[word].value,
                       'superblock')]
    if torn:
        parts.append(disk.Part('group vg', 'lvm2', disk.Word.CANNOT_TELL,
                               disk.Reason.MISSING_VOLUME.value, ''))
    made = disk.Reading('raw', 'disk', tuple(parts))
    return facts.DiskReading(made.word.value, made.torn, (kind,),
                             made.as_json())


def memory(**changes):
    values = {'image_id': SNAPSHOT, 'name': 'web-1', 'at': ago(60),
              'by': 'ann'}
    return records.Memory(**{**values, **changes})


def remembering(*memories, **changes):
    """Return an instance whose metadata holds these memories."""
    return instance(metadata={m.key: m.value() for m in memories}, **changes)


def plan(step=restart.Phase.STOPPING, **changes):
    """Return a plan to stop an instance, take its snapshot and start it."""
    values = {'step': step.value, 'at': ago(60), 'by': 'ann',
              'after': BEFORE, 'since': ago(10)}
    return records.Plan(**{**values, **changes})
