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

"""How an instance can adopt an image property that it did not boot with.

What was copied at boot stays (fact 7). There are three ways to change it, and
each has its price.
"""

from collections.abc import Mapping
import dataclasses
import enum

from snapshot_panel.consistency import commands
from snapshot_panel.consistency import facts


class Way(enum.Enum):
    """The ways to adopt a property, the one that costs least data first."""

    # The operator changes the copy: needs a stopped instance.
    OPERATOR = 'operator'
    # A snapshot carries the property to an instance launched from it.
    RELAUNCH = 'relaunch'
    # Reads the image again, and destroys what is on the root disk.
    REBUILD = 'rebuild'


class Hindrance(enum.Enum):
    """Why a way is not open now."""

    BUSY = 'busy'
    LOCKED = 'locked'
    STATE = 'state'
    NO_IMAGE = 'no-image'


@dataclasses.dataclass(frozen=True)
class Adoption:
    """One way with its commands, in the order to run them.

    ``hindrance`` is None where nothing prevents it now. ``by_name`` is whether
    the commands name networks as people do, because their ids are not known.
    """

    way: Way
    commands: tuple[str, ...]
    hindrance: Hindrance | None = None
    by_name: bool = False


# Nova's names of the states in which it rebuilds, and takes snapshots.
_REBUILT = (facts.RUNNING, facts.STOPPED, 'ERROR')
_COPIED = (facts.RUNNING, facts.STOPPED) + facts.NEVER_FROZEN


def ways(
        instance: facts.Instance, wanted: Mapping[str, str], on_image: bool
        ) -> list[Adoption]:
    """Return an :class:`Adoption` for each way, the best one now first.

    :param wanted: the properties to adopt, values by name.
    :param on_image: whether the instance's image has them already.
    """
    adoptions = {
        Way.OPERATOR: _by_the_operator(instance, wanted),
        Way.RELAUNCH: _by_a_launch(instance, wanted),
        Way.REBUILD: _by_a_rebuild(instance, wanted, on_image)}
    order = [Way.OPERATOR, Way.RELAUNCH, Way.REBUILD]
    if instance.status != facts.STOPPED:
        # What needs no operator and keeps the instance up comes first.
        order = [Way.RELAUNCH, Way.OPERATOR, Way.REBUILD]
    return sorted((adoptions[way] for way in order),
                  key=lambda adoption: adoption.hindrance is not None)


def _by_the_operator(
        instance: facts.Instance, wanted: Mapping[str, str]) -> Adoption:
    changing = commands.set_embedded(instance.id, wanted)
    start = commands.on_instance('start', instance.id)
    if instance.status == facts.STOPPED:
        return Adoption(Way.OPERATOR, (changing, start), _busy(instance))
    stop = commands.on_instance('stop', instance.id)
    return Adoption(Way.OPERATOR, (stop, changing, start), _changing(
        instance, (facts.RUNNING, 'ERROR')))


def _by_a_launch(
        instance: facts.Instance, wanted: Mapping[str, str]) -> Adoption:
    # Without the time of day, so that the name is the same on every look.
    name = '%s-adopting-%s' % (instance.name[:200], instance.id[:8])
    lines = (commands.take(instance.id, name),
             *commands.set_properties(name, wanted),
             commands.launch(name, instance))
    hindrance = (Hindrance.STATE if instance.status not in _COPIED
                 else _busy(instance))
    return Adoption(Way.RELAUNCH, lines, hindrance, by_name=bool(
        instance.networks and not instance.network_ids))


def _by_a_rebuild(instance: facts.Instance, wanted: Mapping[str, str],
                  on_image: bool) -> Adoption:
    if not instance.image_id or instance.volume_backed:
        return Adoption(Way.REBUILD, (), Hindrance.NO_IMAGE)
    lines = () if on_image else commands.set_properties(
        instance.image_id, wanted)
    lines += (commands.rebuild(instance.id, instance.image_id),)
    return Adoption(Way.REBUILD, lines, _changing(instance, _REBUILT))


def _changing(
        instance: facts.Instance, states: tuple[str, ...]) -> Hindrance | None:
    """Return what prevents an action that changes the instance, or None."""
    if instance.locked:
        return Hindrance.LOCKED
    return (Hindrance.STATE if instance.status not in states
            else _busy(instance))


def _busy(instance: facts.Instance) -> Hindrance | None:
    return Hindrance.BUSY if instance.task_state else None
