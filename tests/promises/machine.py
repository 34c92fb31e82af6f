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

"""Any order of events in the world, as hypothesis makes it up."""

from hypothesis import stateful
from hypothesis import strategies as st

from snapshot_panel import disk
from tests.promises import world

PLACES = st.integers(0, 2000)
SETTLERS = {'view': st.sampled_from(world.VIEWS), 'place': PLACES,
            'actions': st.sampled_from(world.ACTIONS),
            'reads': st.sampled_from(world.DISKS),
            'seen_for': st.sampled_from([0, 60])}
MOSTLY = st.sampled_from([True] * 7 + [False])
# What is told in full is what proves most: half of all see it so.
WHOLE = {'view': st.just('whole'), 'place': st.just(0),
         'actions': st.just('whole'), 'seen_for': st.just(60),
         'reads': st.sampled_from(['read', 'read', *world.DISKS])}
DISKS = {'word': st.sampled_from([disk.Word.CANNOT_TELL, *disk.Word]),
         'torn': st.integers(0, 9).map(
             lambda number: number == 9)}
# Half of them prove something.
HAPPENS = st.sampled_from(
    [name for name, (witnessed, _hooks) in world.FREEZES.items()
     if witnessed] + list(world.FREEZES))
COPIES = st.sampled_from(['quick'] * 8 + list(world.COPIES))


class Promises(stateful.RuleBasedStateMachine):
    """No sequence makes a verdict better than the truth."""

    @stateful.initialize(
        on_volumes=st.sampled_from([False, False, True]),
        kit=MOSTLY, channel=MOSTLY,
        backend=MOSTLY.map(lambda freezes: None if freezes else 'rbd'))
    def begin(self, **options):
        self.world = world.World(**options)

    @stateful.rule(happens=HAPPENS, copies=COPIES, **DISKS)
    def take(self, **options):
        self.world.take(**options)

    @stateful.rule(happens=HAPPENS, copies=COPIES,
                   by=st.fixed_dictionaries(WHOLE), **DISKS)
    def take_and_settle(self, by, **options):
        """What mostly happens, and what proves anything."""
        self.world.take(**options)
        self.world.wait(3601)
        self.world.settle(world.Settler(disk=by.pop('reads'), **by))

    @stateful.precondition(lambda self: self.world.status == 'ACTIVE')
    @stateful.rule(how=st.sampled_from(['clean', 'hard', 'crashed']),
                   copies=COPIES, by=st.fixed_dictionaries(WHOLE), **DISKS)
    def take_of_a_stopped_one(self, how, by, **options):
        self.world.stop(how)
        self.world.take('silent', **options)
        self.world.wait(3601)
        self.world.settle(world.Settler(disk=by.pop('reads'), **by))
        self.world.start()

    @stateful.rule(happens=HAPPENS, copies=COPIES, bound=st.booleans(),
                   told=st.booleans(), late=st.booleans(),
                   view=SETTLERS['view'], place=PLACES, **DISKS)
    def take_under_difficulties(self, **options):
        self.world.take(**options)

    @stateful.rule(happens=HAPPENS, copies=COPIES, **DISKS)
    def take_by_command(self, **options):
        self.world.take(panel=False, **options)

    @stateful.precondition(lambda self: not self.world.on_volumes)
    @stateful.rule(happens=HAPPENS, **DISKS)
    def take_by_schedule(self, **options):
        self.world.take_by_schedule(**options)

    @stateful.precondition(lambda self: not self.world.on_volumes)
    @stateful.rule(happens=HAPPENS, by=st.fixed_dictionaries(WHOLE), **DISKS)
    def take_by_schedule_and_settle(self, by, **options):
        self.world.take_by_schedule(**options)
        self.world.wait(3601)
        self.world.settle(world.Settler(disk=by.pop('reads'), **by))

    @stateful.precondition(lambda self: not self.world.on_volumes)
    @stateful.rule(
        happens=HAPPENS, view=SETTLERS['view'], place=PLACES,
        meanwhile=st.sampled_from(['', 'reboot', 'lock', 'silent', 'good']),
        unseen=st.sampled_from([0, 0, 1, 100, 600]), **DISKS)
    def take_by_schedule_under_difficulties(self, **options):
        self.world.take_by_schedule(**options)

    @stateful.precondition(lambda self: self.world.on_volumes)
    @stateful.rule(word=DISKS['word'], panel=st.booleans())
    def find_a_stranger(self, word, panel):
        self.world.find_a_stranger(word, panel)

    @stateful.rule(seconds=st.sampled_from([1, 31, 601, 3601]))
    def wait(self, seconds):
        self.world.wait(seconds)

    @stateful.rule()
    def wait_for_everything(self):
        self.world.wait(3601)

    @stateful.precondition(lambda self: self.world.status == 'ACTIVE')
    @stateful.rule(how=st.sampled_from(
        ['clean', 'clean', 'hard', 'crashed', 'unasked']))
    def stop(self, how):
        self.world.stop(how)

    @stateful.precondition(lambda self: self.world.status == 'SHUTOFF')
    @stateful.rule()
    def start(self):
        self.world.start()

    @stateful.precondition(lambda self: self.world.status == 'ACTIVE')
    @stateful.rule(name=st.sampled_from(['lock', 'reboot', 'pause']))
    def act(self, name):
        if name == 'reboot':
            self.world.reboot()
        else:
            self.world.act(name)
            self.world.status = 'PAUSED' if name == 'pause' else 'ACTIVE'

    @stateful.precondition(lambda self: self.world.status == 'PAUSED')
    @stateful.rule()
    def unpause(self):
        self.world.act('unpause')
        self.world.status = 'ACTIVE'

    @stateful.precondition(lambda self: self.world.agent
                           and self.world.status == 'ACTIVE')
    @stateful.rule(event=st.sampled_from(['stopped', 'started']))
    def agent_says(self, event):
        self.world.console.say(event, agent='7.2.11')

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(which=PLACES)
    def rebuild(self, which):
        if self.world.status == 'ACTIVE':
            self.world.rebuild(self._one(which))

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(**WHOLE)
    def settle(self, reads, **options):
        self.world.settle(world.Settler(disk=reads, **options))

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(**SETTLERS)
    def settle_under_difficulties(self, reads, **options):
        self.world.settle(world.Settler(disk=reads, **options))

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(first=st.fixed_dictionaries(WHOLE),
                   second=st.fixed_dictionaries(SETTLERS))
    def settle_at_once(self, first, second):
        """One is overtaken by another between two looks of his."""
        overtakes = world.Settler(disk=second.pop('reads'), **second)
        self.world.settle(world.Settler(
            disk=first.pop('reads'), **first,
            meanwhile=lambda: self.world.settle(overtakes)))

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(happens=HAPPENS, by=st.fixed_dictionaries(WHOLE), **DISKS)
    def settle_while_another_is_taken(self, happens, by, word, torn):
        self.world.settle(world.Settler(
            disk=by.pop('reads'), **by, meanwhile=lambda: self.world.take(
                happens, word, torn, 'quick', panel=False)))

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(which=PLACES, reads=SETTLERS['reads'])
    def settle_as_an_orphan(self, which, reads):
        # Without its instance nobody knows that it is another's.
        if self.world.truths[self._one(which)].stranger:
            return
        self.world.settle_orphan(self._one(which),
                                 world.Settler(disk=reads))

    @stateful.precondition(lambda self: self.world.images)
    @stateful.rule(which=PLACES)
    def reopen(self, which):
        self.world.reopen(self._one(which))

    def _one(self, which):
        return list(self.world.images)[which % len(self.world.images)]

    @stateful.invariant()
    def nothing_is_better_than_the_truth(self):
        self.world.check()
