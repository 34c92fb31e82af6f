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

"""The successor of an instance that has no channel to a guest agent.

The channel is there from the boot on or not at all (fact 7). A snapshot that
is given the property hands it on to what is launched from it (fact 11), so
such an instance takes the place of the one that lacks it. Nobody writes down
how far that is: what there is says it.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import enum
import hashlib
import json
import typing

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import roots

# What the name of a successor ends with.
SUFFIX = '-ready'
# Nova's names of the states that an instance is built in and ends in.
BUILT, FAILED = 'BUILD', 'ERROR'


class Step(enum.Enum):
    """The steps to the first proven snapshot, in their order."""

    SNAPSHOT = 'snapshot'
    PROPERTY = 'property'
    LAUNCH = 'launch'
    AGENT = 'agent'
    TRIAL = 'trial'


class State(enum.Enum):
    """How far a step is."""

    DONE = 'done'
    # The instance has its channel: there is nothing to replace.
    UNNEEDED = 'unneeded'
    NOW = 'now'
    # A service is at work on it; looking again shows more.
    MOVING = 'moving'
    # It cannot help yet.
    LATER = 'later'

    @property
    def over(self) -> bool:
        """Whether the next step may begin."""
        return self in (State.DONE, State.UNNEEDED)


class Stage(typing.NamedTuple):
    """A step, and how far it is."""

    step: Step
    state: State


def carries(image: facts.Image) -> bool:
    """Return whether what is launched from an image gets the channel."""
    return bool(facts.Properties(image.properties, facts.Source.IMAGE).flag(
        facts.AGENT_PROPERTY))


def sources(instance: facts.Instance, images: Iterable[facts.Image]
            ) -> list[facts.Image]:
    """Return the snapshots that a successor can be launched from.

    :param images: those of the instance, newest first.
    """
    return [image for image in images
            if image.readable and not retention.is_shelved_name(image)
            and roots.misfit(instance, image) is None]


def choose(made: Iterable[facts.Image], launched: Iterable[facts.Instance]
           ) -> facts.Instance | None:
    """Return the instance that takes another's place, None without one.

    Whoever was launched before its snapshot had the property, or could not
    be built, does not.

    :param made: what :func:`sources` returns.
    :param launched: the instances that run from any of these.
    """
    ready = {image.id for image in made if carries(image)}
    return next((each for each in _newest_first(launched)
                 if each.image_id in ready and each.status != FAILED
                 and each.properties.flag(facts.AGENT_PROPERTY) is not False),
                None)


def failed(source: facts.Image | None, launched: Iterable[facts.Instance]
           ) -> facts.Instance | None:
    """Return the newest that could not be built from a snapshot, or None."""
    return next((each for each in _newest_first(launched)
                 if source is not None and each.image_id == source.id
                 and each.status == FAILED), None)


def _newest_first(instances: Iterable[facts.Instance]
                  ) -> list[facts.Instance]:
    return sorted(instances, key=lambda each: (
        each.created.timestamp() if each.created else 0), reverse=True)


@dataclasses.dataclass(frozen=True)
class Known:
    """What the cloud says of an instance on its way.

    ``channel`` is whether it has one itself; ``source`` the snapshot to
    launch from, and ``sealing`` whether its verdict is still to come, which
    reads the property; ``heir`` what :func:`choose` returns. ``agent`` is
    what is known of the agent of whoever has the channel, None where there
    is nothing to ask; ``trying`` is whether a snapshot of it is under way,
    and ``proven`` whether one is proven consistent.
    """

    instance: facts.Instance
    channel: bool = False
    source: facts.Image | None = None
    sealing: bool = False
    heir: facts.Instance | None = None
    agent: checklist.State | None = None
    trying: bool = False
    proven: bool = False

    @property
    def subject(self) -> facts.Instance | None:
        """Whoever has the channel, and is asked for a proof."""
        return self.instance if self.channel else self.heir

    @property
    def copying(self) -> bool:
        """Whether a snapshot to launch from is being made."""
        return (facts.SnapshotTask.of(self.instance.task_state) is not None
                or restart.unfinished(self.instance))


def way(known: Known) -> list[Stage]:
    """Return every :class:`Stage`, in the order of the steps.

    What cannot help yet is closed. Only of an agent that nobody heard,
    because its guest prints nothing, a trial tells as well: both are open.
    """
    begun = (_launch(known) if known.subject is None else
             dict.fromkeys((Step.SNAPSHOT, Step.PROPERTY, Step.LAUNCH),
                           State.UNNEEDED if known.channel else State.DONE))
    if (not known.channel and known.heir is not None
            and known.heir.status == BUILT):
        begun[Step.LAUNCH] = State.MOVING
    states = {**begun, Step.AGENT: _agent(known), Step.TRIAL: _trial(known)}
    stages, closed = [], False
    for step in Step:
        state = State.LATER if closed else states[step]
        stages.append(Stage(step, state))
        closed = closed or not state.over and not (
            step is Step.AGENT and known.agent is checklist.State.UNKNOWN)
    return stages


def _launch(known: Known) -> dict[Step, State]:
    """Return the states of what leads to the successor."""
    taken = bool(known.source)
    return {
        Step.SNAPSHOT: (State.MOVING if known.copying else
                        State.DONE if taken else State.NOW),
        Step.PROPERTY: (State.DONE if known.source and carries(known.source)
                        else State.MOVING if known.sealing else State.NOW),
        Step.LAUNCH: State.NOW}


def _agent(known: Known) -> State:
    heard = known.agent is checklist.State.PASS
    return State.DONE if heard or known.proven else State.NOW


def _trial(known: Known) -> State:
    if known.proven:
        return State.DONE
    return State.MOVING if known.trying else State.NOW


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """What a successor is launched with, all of it.

    ``flavor`` and ``networks`` are ids, a network as often as it has an
    interface; ``security_groups``, ``key_name`` and ``zone`` are names, ''
    where Nova chooses or there is none.
    """

    name: str
    image_id: str
    flavor: str
    networks: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    key_name: str = ''
    zone: str = ''
    config_drive: bool = False

    @property
    def digest(self) -> str:
        """What differs wherever anything in it does."""
        return hashlib.sha256(json.dumps(
            dataclasses.asdict(self)).encode()).hexdigest()


def blueprint(instance: facts.Instance, source: facts.Image, flavor: str,
              networks: Sequence[str], keys: Collection[str],
              user_id: str | None) -> Blueprint:
    """Return the :class:`Blueprint` of an instance's successor.

    Security groups are those of interfaces: without one Nova takes none.

    :param flavor: the id of the instance's flavor.
    :param networks: the id of the network of each of its interfaces.
    :param keys: the names of the user's key pairs.
    :param user_id: the user. A key pair belongs to one: by the same name,
        others have another.
    """
    own_key = instance.user_id == user_id and instance.key_name in keys
    return Blueprint(
        successor_name(instance), source.id, flavor, tuple(networks),
        instance.security_groups if networks else (),
        instance.key_name if own_key else '', instance.zone,
        instance.config_drive)


def successor_name(instance: facts.Instance) -> str:
    """Return the name of an instance's successor, as Nova accepts it."""
    name = records.for_services(instance.name).strip()
    return name[:records.METADATA_LIMIT - len(SUFFIX)] + SUFFIX
