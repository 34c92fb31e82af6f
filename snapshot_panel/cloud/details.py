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

"""What is asked of one instance beyond the lists, all at the same time."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import typing

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts


@dataclasses.dataclass(frozen=True)
class Details:
    """What is known of one instance beyond the lists.

    ``heard`` is what its guest said, or the :class:`errors.CloudError` that
    kept us from asking; ``today`` the image that it was launched from as it
    is now; ``volumes`` what :func:`volumes.of_instance` returns; ``limits``
    the project's; ``base`` what the disk of ``today`` says; ``networks`` the
    id of each interface's network. Each is None where nobody asked.
    """

    heard: guests.Heard | errors.CloudError | None = None
    today: facts.Image | None = None
    volumes: tuple[facts.Volume, ...] | errors.CloudError | None = None
    limits: facts.Limits | None = None
    base: facts.DiskReading | None = None
    networks: tuple[str, ...] | None = None


def ask_about(session: asking.Session, instance: facts.Instance,
              again: bool = False) -> Details:
    """Return the :class:`Details` that the page of one instance shows.

    :param again: ask the guest now, however lately it was asked.
    """
    return _ask(session, instance, lambda: guests.hear_guests(
        session, [instance], again)[instance.id])


def ask_before_snapshot(session: asking.Session, instance: facts.Instance
                        ) -> Details:
    """Return the :class:`Details` with the guest asked now, for nobody else.

    :raises errors.CloudError: where the guest could not be asked.
    """
    details = _ask(session, instance, lambda: guests.Heard(
        guests.ask_guest_if_allowed(session, instance), None))
    asking.or_raise(details.heard)
    return details


def _ask(session: asking.Session, instance: facts.Instance,
         hear: Callable[[], guests.Heard | errors.CloudError]) -> Details:
    # Of a stopped instance the guest's answer holds the image already.
    stopped = instance.status == facts.STOPPED
    heard, origin, attached, limits = asking.together(
        hear,
        lambda: _origin(session, instance),
        lambda: volumes.of_instance(session, instance),
        lambda: ask_limits(session, instance))
    today, base = asking.or_raise(origin)
    return Details(heard, None if stopped else today, attached,
                   asking.or_raise(limits), base,
                   ask_networks(session, instance, today))


def ask_networks(session: asking.Session, instance: facts.Instance,
                 today: facts.Image | None = None) -> tuple[str, ...] | None:
    """Return the id of each interface's network, where a command needs it.

    :param today: the image that it was launched from as it is now.
    :returns: None where no command does, or Nova did not say.
    """
    if not (instance.networks and checklist.may_adopt(instance, today)):
        return None
    networks = asking.outcome(
        lambda: nova.list_networks(session, instance.id))
    return None if isinstance(networks, errors.CloudError) else networks


def _origin(session: asking.Session, instance: facts.Instance
            ) -> tuple[facts.Image | None, facts.DiskReading | None]:
    """Return the image that an instance was launched from, and its disk.

    The disk tells which file systems there are before the first snapshot.
    """
    image = snapshots.image_today(session, instance)
    if instance.image_id is None:
        return image, None
    return image, disks.read_base(session, instance.image_id, image)


def recall_bases(session: asking.Session,
                 instances: Iterable[facts.Instance]
                 ) -> dict[str, facts.DiskReading | None]:
    """Return what is known of the images that instances were launched from.

    :returns: by image id, see :func:`disks.recall_bases`.
    """
    return disks.recall_bases(session, {
        instance.image_id for instance in instances if instance.image_id})


def read_bases(session: asking.Session,
               instances: Sequence[facts.Instance]) -> None:
    """Read the images that instances were launched from, each once.

    What they say is kept: :func:`recall_bases` returns it.
    """
    known = recall_bases(session, instances)
    by_image = {instance.image_id: instance for instance in instances
                if instance.image_id and instance.image_id not in known}
    asking.for_each(lambda instance: _origin(session, instance),
                    list(by_image.values()))


def ask_limits(session: asking.Session, instance: facts.Instance
               ) -> facts.Limits:
    """Return the :class:`facts.Limits` that bear on an instance's snapshot.

    A request to each service at the same time, shared by a project's users
    for a while. Cinder is asked where the snapshot may be made of volumes.
    """
    key = cache.of_release('snapshot_panel:limits:%s:%s' % (
        session.user.tenant_id,
        'volumes' if instance.may_be_volume_backed else 'image'))
    limits: facts.Limits | None = cache.get(key)
    if limits is None:
        limits = _ask_limits_now(session, instance)
        if not limits.unknown:
            cache.set(key, limits, conf.get_config()['evidence_age'])
    return limits


def _ask_limits_now(session: asking.Session, instance: facts.Instance
                    ) -> facts.Limits:
    questions: list[tuple[typing.Any, Callable[[], typing.Any]]] = [
        (nova, lambda: nova.get_metadata_limit(session)),
        (glance, lambda: glance.get_usage(session))]
    if instance.may_be_volume_backed:
        questions.append((cinder, lambda: cinder.get_usage(session)))
    answers = asking.ask_services(session, *questions)
    answered = {
        module: answer
        for (module, _call), answer in zip(questions, answers)
        if not isinstance(answer, errors.CloudError)}
    images, copies = answered.get(glance, {}), answered.get(cinder, {})
    return facts.Limits(
        images.get('image_count_total'), images.get('image_size_total'),
        answered.get(nova), copies.get('snapshots'), copies.get('gigabytes'),
        unknown=tuple(answer.service for answer in answers
                      if isinstance(answer, errors.CloudError)),
        asked_at=timeutils.utcnow(True))
