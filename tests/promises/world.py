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

"""A small world in which it is known what was at rest, and services of it.

Guests print what the kit prints, Nova keeps its record, images hold disks.
Beside what can be asked stands the truth, which nobody can ask for. The
panel's own code settles; what it writes is held against the truth at once.

Deliberately simple: a guest with one or two file systems, one disk or two
volumes. Whoever settles sees as much as chance lets him: a console that was
cut, damaged, typed into or replayed, no record of actions, no disk.
"""

import contextlib
import dataclasses
import datetime
import typing
from unittest import mock
import uuid

from oslo_utils import timeutils

from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import replacing
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from snapshot_panel import disk
from tests.unit import builders

Verdict = verdict.Verdict
# What the kit may have measured, by the name of what happened; whether that
# is a freeze of all that is written to, and whether every hook succeeded.
FREEZES = {
    'good': (True, False), 'hooks': (True, True), 'hook-failed': (True, False),
    'two': (True, False), 'elsewhere': (True, False),
    'silent': (False, False), 'refused': (False, False),
    'open': (False, False), 'no-stall': (False, False),
    'cut': (False, False), 'miscounted': (False, False),
    'no-root': (False, False), 'thawed-again': (False, False),
    'twice': (False, False)}
# What Cinder's copies are, and whether a freeze of 0.06 s held them all.
COPIES = {'quick': True, 'slow': False, 'failed': False, 'copying': False,
          'shared': False, 'one': False, 'unknown': False, 'clock': False}
VIEWS = ('whole', 'rotated', 'damaged', 'typed', 'replayed', 'empty', 'none')
ACTIONS = ('whole', 'none', 'cut', 'down')
DISKS = ('read', 'refused', 'down')
# For how many seconds a disk that cannot be read now is waited for.
_PATIENCE = 600
_WORTH = {Verdict.APPLICATION: 4, Verdict.FILESYSTEM: 3, Verdict.UNPROVEN: 2,
          Verdict.CRASH: 1, Verdict.DISCARDED: 0}


class Broken(AssertionError):
    """A promise of the panel was broken."""


@dataclasses.dataclass
class Truth:
    """What really was of one snapshot.

    :ivar word: what its disk says, None for one made of volumes
    :ivar witnessed: the guest's kit measured this snapshot's own freeze
    :ivar hooks: and every hook that ran succeeded
    :ivar clean: the guest had gone down by itself, and stayed so
    :ivar contained: the guest's root is in the image
    :ivar copies: a key of :data:`COPIES`
    :ivar told: the panel's record leads to what the guest said of it
    :ivar stranger: it only names the instance, and holds another's disk
    """

    word: disk.Word | None
    torn: bool
    witnessed: bool
    hooks: bool
    clean: bool
    contained: bool
    copies: str = 'quick'
    told: bool = False
    stranger: bool = False


@dataclasses.dataclass
class Settler:
    """Somebody who settles, and what the services let him see.

    ``meanwhile`` is called between his looks at the console and at the
    actions. ``readings`` are what he has read by image id; ``heard`` is
    whether he has read all of the console, ``looked`` whether he has begun.
    """

    view: str = 'whole'
    place: int = 0
    actions: str = 'whole'
    disk: str = 'read'
    seen_for: float = 60
    meanwhile: typing.Callable[[], None] | None = None
    readings: dict[str, facts.DiskReading] = dataclasses.field(
        default_factory=dict)
    heard: bool = False
    looked: bool = False


class World:
    """One instance with its guest, its snapshots and all who look."""

    def __init__(self, on_volumes: bool, kit: bool = True,
                 channel: bool = True, backend: str | None = None) -> None:
        self.on_volumes, self.backend = on_volumes, backend
        self.now = builders.NOW
        self.status, self.clean = 'ACTIVE', False
        self.agent = kit
        self.console = builders.Console()
        if kit:
            self.console.say('started', agent='7.2.11')
        self.actions = [builders.action('create', 'req-0')]
        self.embedded = {facts.AGENT_PROPERTY: 'yes'} if channel else {}
        # A schedule was set up when the instance was new.
        self.metadata = {schedules.AFTER: 'req-0'}
        self.images: dict[str, facts.Image] = {}
        self.truths: dict[str, Truth] = {}
        self.sealed: dict[str, Verdict] = {}
        self.settlers: list[Settler] = []
        self.consistent = 0

    # What happens

    def act(self, name: str, **changes: typing.Any) -> str:
        """Let Nova write down that something was done; return its id."""
        request_id = 'req-%d' % len(self.actions)
        self.actions.insert(0, builders.action(name, request_id, **changes))
        return request_id

    def wait(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)

    def stop(self, how: str) -> None:
        """Stop the guest: by itself, hard, or after a crash of its own."""
        seconds = {'clean': 5, 'hard': 60, 'crashed': 0.5, 'unasked': 5}[how]
        if how == 'clean' and self.agent:
            self.console.say('poweroff')
        self.act('stop', started=self.now, succeeded=True,
                 user_id=None if how == 'unasked' else 'user',
                 finished=self.now + datetime.timedelta(seconds=seconds))
        self.wait(seconds)
        self.status, self.clean = 'SHUTOFF', how == 'clean'

    def start(self) -> None:
        self.act('start')
        self.status, self.clean = 'ACTIVE', False
        for image_id, truth in self.truths.items():
            # Nova does not hold a start back while Cinder copies.
            if self.on_volumes and image_id not in self.sealed:
                truth.clean = False
        self._boot()

    def reboot(self) -> None:
        self.act('reboot')
        self._boot()

    def _boot(self) -> None:
        if self.agent:
            self.console.reboot('%08x' % (len(self.actions) + 1))

    def rebuild(self, image_id: str) -> None:
        """Rebuild the instance from a snapshot, which leaves its marks."""
        self.act('rebuild')
        self.embedded = dict(self.images[image_id].properties)
        self.clean = False
        self._boot()

    def take(self, happens: str, word: disk.Word, torn: bool, copies: str,
             panel: bool = True, bound: bool = True, told: bool = True,
             view: str = 'whole', place: int = 0, late: bool = False
             ) -> None:
        """Take a snapshot.

        :param panel: by the panel; else by a plain command
        :param bound: the panel could write its id on the image
        :param told: Nova told the panel its action
        :param late: a plain command comes between the panel's looks
        """
        after = self.actions[0].request_id if told else None
        if late:
            self.take(happens, word, torn, copies, panel=False)
        baseline = witness.read(self._view(view, place)).baseline
        image_id = str(uuid.UUID(int=len(self.images) + 1))
        request = records.Request(self.now, 'ann', self.status, baseline,
                                  after)
        own = self.act('createImage')
        witnessed, hooks = self._freeze(happens)
        properties = {**self.embedded, **builders.CLEAN,
                      facts.AGENT_PROPERTY: self.embedded.get(
                          facts.AGENT_PROPERTY, 'no')}
        if self.on_volumes:
            properties |= builders.mapping()
        if panel:
            properties |= request.properties()
            memory = records.Memory(image_id, 'web', self.now, 'ann')
            self.metadata[memory.key] = memory.value()
            if bound:
                properties |= records.bind(image_id, own if told else None)
        self.images[image_id] = builders.image(
            properties, id=image_id, created=self.now, updated=self.now,
            size=0 if self.on_volumes else 1024)
        self.truths[image_id] = Truth(
            None if self.on_volumes else word, torn and not self.on_volumes,
            witnessed, hooks, self.clean, happens != 'elsewhere', copies,
            told=panel and bound and view == 'whole' and not late
            and baseline is not None and witnessed)

    def take_by_schedule(self, happens: str, word: disk.Word, torn: bool,
                         view: str = 'whole', place: int = 0,
                         meanwhile: str = '', unseen: int = 0) -> None:
        """Take a snapshot as the workflow of a schedule does.

        :param view: of the console, and place, as :meth:`_view` takes them
        :param meanwhile: what happens between its looks and the snapshot:
            another one (a key of :data:`FREEZES`), or an action by its name
        :param unseen: how many of the last characters it did not see yet
        """
        after, status = self.metadata[schedules.AFTER], self.status
        console = self._view(view, place) or ''
        mark = witness.end(console[:len(console) - unseen])
        if meanwhile in FREEZES:
            self.take(meanwhile, word, torn, 'quick', panel=False)
        elif meanwhile:
            self.act(meanwhile)
        self.take(happens, word, torn, 'quick', panel=False)
        image_id = list(self.images)[-1]
        image = self.images[image_id]
        moment = self.now.strftime('%Y%m%dT%H%M%SZ')
        record = records.Request(
            self.now, 'ann', status, None, after, console=mark).properties()
        self.images[image_id] = dataclasses.replace(
            image, name='web-' + moment, properties={
                **image.properties, **(record if (
                    status == 'ACTIVE' and witness.MARK in console) else {}),
                schedules.MARK: schedules.mark(builders.INSTANCE, moment)})

    def find_a_stranger(self, word: disk.Word, panel: bool) -> None:
        """Let an image name the instance, which has no disk but volumes.

        :param panel: with a record of the panel's, as somebody wrote it
        """
        self.take('good', word, False, 'quick', panel=panel)
        image_id = list(self.images)[-1]
        properties = dict(self.images[image_id].properties)
        for name in builders.mapping():
            properties.pop(name)
        self.images[image_id] = dataclasses.replace(
            self.images[image_id], properties=properties, size=1024)
        self.truths[image_id] = dataclasses.replace(
            self.truths[image_id], word=word, stranger=True)

    def _freeze(self, happens: str) -> tuple[bool, bool]:
        """Let Nova ask for a freeze; return what was witnessed of it."""
        if (self.status != 'ACTIVE' or not self.agent
                or facts.AGENT_PROPERTY not in self.embedded
                or self.backend and not self.on_volumes):
            return False, False
        say = self.console.say
        mount = {'path': '/', 'type': 'ext4', 'stall': '0.06',
                 'proof': 'wait', 'disk': 'vda'}
        if happens == 'elsewhere':
            mount['disk'] = 'vdc'
        if happens == 'silent':
            return FREEZES[happens]
        say('freeze', fs=2 if happens in ('two', 'open', 'miscounted') else 1)
        if happens == 'refused':
            say('aborted', name='20-app')
            return FREEZES[happens]
        if happens == 'no-stall':
            mount['stall'] = '0'
        if happens == 'no-root':
            mount['path'] = '/srv'
        say('frozen', **mount)
        if happens == 'two':
            say('frozen', **{**mount, 'path': '/srv'})
        if happens == 'open':
            say('open', path='/srv', type='ext4', disk='vda')
        hook = {'hooks': 0, 'hook-failed': 1}.get(happens)
        if hook is not None:
            say('hook', name='20-app', freeze=0, thaw=hook)
        if happens != 'cut':
            say('thaw', fs=2 if happens == 'two' else 1,
                hooks=0 if hook is None else 1)
        if happens == 'thawed-again':
            say('rethaw')
        if happens == 'twice':
            self.console.freeze()
        return FREEZES[happens]

    # What is asked

    @property
    def instance(self) -> facts.Instance:
        return builders.instance(
            status=self.status, metadata=dict(self.metadata),
            image_id=None if self.on_volumes else builders.BASE_IMAGE,
            volume_ids=builders.VOLUMES if self.on_volumes else ())

    @property
    def deployment(self) -> facts.Deployment:
        return facts.Deployment(ephemeral_backend=self.backend,
                                shutdown_timeout=60)

    def _view(self, view: str, place: int) -> str | None:
        """Return the console as somebody sees it."""
        lines = list(self.console.lines)
        if view == 'none':
            return None
        if view == 'empty' or not lines:
            return ''
        at = place % len(lines)
        if view == 'rotated':
            return '\n'.join(lines)[place % 500:]
        if view == 'damaged':
            column = place % len(lines[at])
            lines[at] = lines[at][:column] + lines[at][column + 1:]
        if view == 'replayed':
            lines += lines[at:at + 4]
        if view == 'typed':
            liar = builders.started(boot=self.console.boot, secret='liar')
            liar.seq = self.console.seq
            liar.freeze()
            lines[at:at] = liar.lines
        return '\n'.join(lines)

    def settle(self, settler: Settler) -> None:
        """Let somebody settle all that waits, with the panel's own code."""
        self.settlers.append(settler)
        with self._services():
            with contextlib.suppress(errors.CloudError):
                settling.settle(_SESSION, self.instance,
                                list(self.images.values()),
                                unread=list(self.images))
        self.settlers.pop()

    def settle_orphan(self, image_id: str, settler: Settler) -> None:
        """The same for one image, as if its instance were gone."""
        self.settlers.append(settler)
        with self._services(), contextlib.suppress(errors.CloudError):
            settling.settle_orphan(_SESSION, image_id)
        self.settlers.pop()

    def reopen(self, image_id: str) -> None:
        """Let a member take a verdict off by hand."""
        image = self.images[image_id]
        self.images[image_id] = dataclasses.replace(image, properties={
            **image.properties, records.VERDICT: records.PENDING})
        self.sealed.pop(image_id, None)

    @contextlib.contextmanager
    def _services(self) -> typing.Iterator[None]:
        fakes: tuple[tuple[object, str, typing.Any], ...] = (
            (glance, 'find_image', lambda _, key: self.images.get(key)),
            (glance, 'get_image', lambda _, key: self.images[key]),
            (glance, 'add_properties', self._write),
            (nova, 'get_instance', self._no_instance),
            (nova, 'get_console', self._get_console),
            (nova, 'list_actions', self._list_actions),
            (nova, 'time_action', lambda _session, _id, action: action),
            (nova, 'remember', lambda *_: None),
            (nova, 'forget', self._forget),
            (nova, 'set_metadata',
             lambda _session, _id, items: self.metadata.update(items)),
            (snapshots, 'image_today', lambda *_: None),
            (disks, 'read', self._read),
            (disks, 'refuse', lambda *_: None),
            (volumes, 'copies', self._copies),
            (replacing, 'carry_out', lambda _s, _i, images: list(images)),
            (conf, 'deployment', lambda: self.deployment),
            (timeutils, 'utcnow', lambda *_: self.now))
        with contextlib.ExitStack() as stack:
            for home, name, fake in fakes:
                stack.enter_context(mock.patch.object(home, name, fake))
            yield

    def _no_instance(self, _session: object, instance_id: str) -> None:
        raise errors.NotFound('Nova', instance_id)

    def _get_console(self, _session: object, _id: str) -> str | None:
        settler = self._look()
        console = self._view(settler.view, settler.place)
        settler.heard = settler.view == 'whole'
        return console

    def _look(self) -> Settler:
        """Return who looks; let happen what does between his two looks."""
        settler = self.settlers[-1]
        if settler.looked and settler.meanwhile is not None:
            happens, settler.meanwhile = settler.meanwhile, None
            happens()
        settler.looked = True
        return settler

    def _list_actions(self, _session: object, _id: str
                      ) -> list[facts.Action] | None:
        settler = self._look()
        if settler.actions == 'down':
            raise errors.Unavailable('Nova', 'down')
        if settler.actions == 'none':
            return None
        cut = settler.place if settler.actions == 'cut' else 0
        return self.actions[:len(self.actions) - cut % len(self.actions)]

    def _read(self, _session: object, image: facts.Image
              ) -> facts.DiskReading:
        settler, truth = self.settlers[-1], self.truths[image.id]
        if settler.disk == 'refused':
            raise errors.Forbidden('Glance', '')
        if settler.disk == 'down':
            raise errors.Unavailable('Glance', '')
        settler.readings[image.id] = builders.reading(truth.word,
                                                      torn=truth.torn)
        return settler.readings[image.id]

    def _copies(self, _session: object, _instance: object,
                image: facts.Image) -> verdict.Copies | None:
        kind = self.truths[image.id].copies
        if kind == 'unknown':
            return None
        first, second = builders.copy(0), builders.copy(1)
        others = {
            'slow': {'updated': builders.ago(40)},
            'failed': {'status': 'error'}, 'copying': {'status': 'creating'},
            'clock': {'updated': builders.ago(50)}}
        changed = dataclasses.replace(second, **others.get(kind, {}))
        held = (builders.volume(0), builders.volume(
            1, multiattach=kind == 'shared'))
        return builders.copies(
            *([first] if kind == 'one' else [first, changed]), volumes=held,
            seen_for=self.settlers[-1].seen_for)

    def _forget(self, _session: object, _id: str, memory: records.Memory
                ) -> None:
        self.metadata.pop(memory.key, None)

    def _write(self, _session: object, image_id: str,
               properties: typing.Mapping[str, str]) -> None:
        """Take what the panel writes, and hold it against the truth."""
        image = self.images[image_id]
        self.images[image_id] = after = dataclasses.replace(
            image, properties={**image.properties, **properties})
        decision = verdict.look(after)
        if decision.verdict.consistent:
            self._hold(after, decision, self.settlers[-1])

    # What was promised

    def _hold(self, image: facts.Image, decision: verdict.Decision,
              settler: Settler) -> None:
        """Raise :class:`Broken` where a seal is better than the truth."""
        self.consistent += 1
        wrong = self._better(image, decision, settler)
        if wrong:
            raise Broken('%s: %s; %s, %s' % (
                wrong, decision, self.truths[image.id], settler))

    def _better(self, image: facts.Image, decision: verdict.Decision,
                settler: Settler) -> str:
        """Return in what a seal is better than the truth, or ''."""
        truth = self.truths[image.id]
        reading = settler.readings.get(image.id)
        guest = truth.witnessed or truth.clean
        if truth.stranger:
            return 'it is no snapshot of the instance'
        if decision.verdict is Verdict.APPLICATION and not (
                truth.witnessed and truth.hooks):
            return 'no hook succeeded'
        if image.volume_backed and not COPIES[truth.copies] and not (
                truth.clean and truth.copies in ('slow', 'clock')):
            return 'not what was frozen was copied'
        if reading is not None and (
                reading.word in (facts.IN_USE, facts.DAMAGED)
                or reading.torn):
            return 'the disk denies it'
        if reading is not None and reading.word == facts.AT_REST:
            return ('the guest says that its root is elsewhere'
                    if settler.heard and truth.told and not truth.contained
                    else '')
        if not guest:
            return 'neither the disk nor the guest says so'
        if truth.witnessed and not truth.contained and not truth.clean:
            return 'the root is not in it'
        waited = (self.now - image.updated).total_seconds()
        if (not image.volume_backed and settler.disk == 'down'
                and waited < _PATIENCE):
            return 'the disk can be read soon'
        return ''

    def check(self) -> None:
        """Raise :class:`Broken` where what is seen is better than before."""
        for image in self.images.values():
            decision = verdict.look(image)
            before = self.sealed.get(image.id)
            if before is not None and (
                    not decision.verdict.final
                    or _WORTH[decision.verdict] > _WORTH[before]):
                raise Broken('%s became %s' % (before, decision))
            if records.is_sealed(image):
                self.sealed[image.id] = decision.verdict
                self._judge_again(image, decision)
            elif decision.verdict.consistent:
                raise Broken('nobody sealed %s' % (image,))
            self._check_shown(image)

    def _judge_again(self, image: facts.Image, sealed: verdict.Decision
                     ) -> None:
        """Look at what has its verdict, with the best there could be."""
        again = judging.judge(
            image, verdict.Evidence('', self.actions, self.now),
            self.deployment, builders.reading())
        if again != sealed:
            raise Broken('%s judged again is %s' % (sealed, again))

    def _check_shown(self, image: facts.Image) -> None:
        """Look as a page does that knows what the disk says."""
        truth = self.truths[image.id]
        if truth.word is None or records.is_sealed(image):
            return
        shown = known.of_image(
            image, self.instance, self.now, self.deployment,
            builders.reading(truth.word, torn=truth.torn)).decision
        if shown.verdict.consistent and (
                truth.stranger or truth.torn
                or truth.word is not disk.Word.AT_REST):
            raise Broken('shown as %s; %s' % (shown, truth))


_SESSION = mock.Mock()
_SESSION.user.tenant_id = 'project'
