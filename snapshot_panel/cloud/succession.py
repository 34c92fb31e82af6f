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

"""What is launched in place of an instance that has no channel."""

from collections.abc import Sequence
import dataclasses
import enum

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import volumes
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import successor

# Whose instances are looked for, and how many of each: there is one way.
_SOURCES = 5
_LAUNCHED = 10
# How long a second click is taken for the first, in seconds.
_PATIENCE = 60


class Outcome(enum.Enum):
    """What came of the wish to launch."""

    LAUNCHED = 'launched'
    # Somebody was faster, or clicked twice.
    ALREADY = 'already'
    # It would not be what the user was shown.
    MOVED = 'moved'


@dataclasses.dataclass(frozen=True)
class Offer:
    """What a successor would be launched with.

    ``blueprint`` is None where ``problems`` say what nobody can find out;
    ``flavor`` is None where there is none of that name any more. ``volumes``
    are the old one's, which stay there, as :func:`volumes.of_instance`
    returns them.
    """

    blueprint: successor.Blueprint | None = None
    flavor: nova.Flavor | None = None
    volumes: tuple[facts.Volume, ...] | errors.CloudError = ()
    problems: tuple[errors.CloudError, ...] = ()


def launched_from(session: asking.Session, made: Sequence[facts.Image]
                  ) -> list[facts.Instance]:
    """Return the project's instances that run from these snapshots.

    Only those that hand on the channel are looked for, and the newest.

    :param made: newest first.
    :raises errors.CloudError: where Nova failed.
    """
    wanted = [image for image in made
              if image is made[0] or successor.carries(image)][:_SOURCES]
    answers = asking.for_each(
        lambda image: nova.list_instances(session, _LAUNCHED, image=image.id),
        wanted)
    return [instance for answer in answers
            for instance in asking.or_raise(answer).instances]


def offer(session: asking.Session, instance: facts.Instance,
          source: facts.Image, user_id: str) -> Offer:
    """Return the :class:`Offer` of an instance. Changes nothing.

    :param source: the snapshot to launch from.
    :param user_id: whose key pairs there are.
    """
    flavor, networks, keys, attached = asking.together(
        lambda: nova.find_flavor(session, instance.flavor),
        lambda: nova.list_networks(session, instance.id),
        lambda: nova.list_keys(session),
        lambda: volumes.of_instance(session, instance))
    # Without the list the key pair is left out, which is said.
    keys = frozenset() if isinstance(keys, errors.CloudError) else keys
    attached = asking.or_raise(attached)
    if isinstance(flavor, errors.CloudError) or isinstance(
            networks, errors.CloudError):
        return Offer(volumes=attached, problems=tuple(
            each for each in (flavor, networks)
            if isinstance(each, errors.CloudError)))
    return Offer(
        successor.blueprint(instance, source, flavor.id, networks, keys,
                            user_id) if flavor else None,
        flavor, attached)


def launch(session: asking.Session, instance: facts.Instance,
           source: facts.Image, user_id: str, shown: str) -> Outcome:
    """Launch a successor as it was shown, unless there is one.

    Nova takes the same request twice: there is nothing it would know the
    second by. So what runs from the snapshot is looked for just before, and
    whoever comes while that is done is turned away.

    :param source: and user_id, as :func:`offer` takes them.
    :param shown: the :attr:`successor.Blueprint.digest` of what the user
        saw.
    :raises errors.CloudError: nothing was launched; of
        :class:`errors.Unanswered` nobody knows.
    """
    key = 'snapshot_panel:launch:' + source.id
    if not cache.add(key, True, _PATIENCE):
        return Outcome.ALREADY
    try:
        outcome = _launch(session, instance, source, user_id, shown)
    except errors.Unanswered:
        raise
    except errors.CloudError:
        cache.delete(key)
        raise
    if outcome is not Outcome.LAUNCHED:
        cache.delete(key)
    return outcome


def _launch(session: asking.Session, instance: facts.Instance,
            source: facts.Image, user_id: str, shown: str) -> Outcome:
    if any(each.status != successor.FAILED
           for each in launched_from(session, [source])):
        return Outcome.ALREADY
    found = offer(session, instance, source, user_id)
    if found.blueprint is None or found.blueprint.digest != shown:
        return Outcome.MOVED
    nova.create_server(session, found.blueprint)
    return Outcome.LAUNCHED
