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

"""Taking snapshots."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import logging

from oslo_utils import timeutils

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import nova
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel.cloud import volumes
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import known
from snapshot_panel.consistency import records
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import roots
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness

LOG = logging.getLogger(__name__)

# A field of Attempt hides the module.
_Result = checklist.Result


@dataclasses.dataclass(frozen=True)
class Taken:
    """A snapshot that Nova accepted.

    ``problems`` are the :class:`errors.CloudError` of what could not be
    written down beside it, and was not known before. ``action`` is the
    request id by which Nova's record of actions knows it, None if unknown.
    """

    image_id: str
    problems: tuple[errors.CloudError, ...] = ()
    action: str | None = None


def take(session: asking.Session, instance: facts.Instance,
         guest: checklist.Guest, name: str,
         extra: Mapping[str, str] | None = None, replaces: Sequence[str] = (),
         by: str | None = None, noted: bool = True) -> Taken:
    """Ask Nova for a snapshot and write down what proves it later.

    :param guest: as asked just before.
    :param extra: properties that the user wants on the image besides.
    :param replaces: ids of the snapshots that go once this one is proven.
    :param by: who asked for it, if not this user.
    :param noted: the instance can keep the note, as far as is known.
    :raises errors.Unanswered: it may have been begun.
    """
    by = by or session.user.username
    now = timeutils.utcnow(True)
    asked = records.Request(
        at=now, by=by, state=instance.status,
        baseline=witness.read(guest.console).baseline,
        after_action=guest.actions[0].request_id if guest.actions else None)
    image_id, action = _create(session, instance, name, asked, extra or {})
    memory = records.Memory(image_id, name, now, by)
    # What must survive a vanished image comes first.
    outcomes = [
        asking.outcome(lambda: nova.remember(session, instance.id, memory)),
        asking.outcome(lambda: glance.add_properties(
            session, image_id, records.bind(image_id, action, replaces)))]
    problems = [outcome for outcome in outcomes
                if isinstance(outcome, errors.CloudError)]
    for problem in problems:
        LOG.warning('Snapshot %s of %s: %s', image_id, instance.id, problem)
    return Taken(image_id, tuple(
        problem for problem in problems
        if noted or problem is not outcomes[0]
        or not isinstance(problem, _NO_NOTE)), action)


# What writing a note on a locked instance, or a full one, ends with.
_NO_NOTE = (errors.Conflict, errors.Forbidden, errors.OverLimit)


def _create(session: asking.Session, instance: facts.Instance, name: str,
            asked: records.Request, extra: Mapping[str, str]
            ) -> tuple[str, str | None]:
    """Do as :func:`nova.create_image`, and look once where no answer came."""
    try:
        return nova.create_image(session, instance.id, name, {
            **extra, **asked.properties(), **records.kinship(instance)})
    except errors.Unanswered as problem:
        LOG.warning('Snapshot of %s: %s', instance.id, problem)
        image_id = asking.outcome(
            lambda: find_again(session, instance, asked))
        if image_id is None or isinstance(image_id, errors.CloudError):
            raise
        return image_id, None


def find_again(session: asking.Session, instance: facts.Instance,
               request: records.Request) -> str | None:
    """Return the id of the image that was made for a request.

    It has what the request writes on an image, and was not bound since. None
    where there is no such image, or more than one: of somebody else who
    asked for the same in the same second.

    :raises errors.CloudError: where Glance failed.
    """
    written = request.properties().items()
    ids = [image.id for image in glance.list_snapshots(
        session, instance.id, snapshots.LATEST)
        if not image.gone and written <= image.properties.items()]
    return ids[0] if len(ids) == 1 else None


@dataclasses.dataclass(frozen=True)
class Attempt:
    """What came of one click.

    ``taken`` is None where it was not ready, where the snapshots that would
    go are not those that the user was shown (``moved``), or where there is
    something to know before (``untold``).
    """

    instance: facts.Instance
    checklist: checklist.Checklist
    name: str
    taken: Taken | None = None
    moved: bool = False
    untold: _Result | None = None


def take_if_ready(session: asking.Session, instance_id: str,
                  name: str | None = None,
                  accept: verdict.Verdict | None = None,
                  extra: Mapping[str, str] | None = None,
                  keep: int | None = None,
                  shown: Mapping[str, str] | None = None,
                  told: bool = False) -> Attempt:
    """Take a snapshot if the checks, asked again, promise enough.

    :param name: of the image; made from the instance's if None.
    :param accept: the least verdict to promise, filesystem-consistent if
        None.
    :param extra: see :func:`take`.
    :param keep: how many snapshots proven consistent to keep, None for all.
    :param shown: those that the user was shown to go: names by id.
    :param told: the user was shown what is to be known before.
    :raises errors.CloudError: a service failed, and nothing was taken; of
        :class:`errors.Unanswered` nobody knows.
    """
    instance, images = snapshots.one(session, instance_id)
    images = settle_before(session, instance, images)
    guest = guests.ask_guest_if_allowed(session, instance)
    if not isinstance(images, errors.CloudError):
        guest = dataclasses.replace(guest, witnessed=known.had_kit(images))
    root, keys = asking.together(
        lambda: volumes.of_root(session, instance),
        lambda: nova.get_metadata_limit(session))
    if isinstance(root, errors.CloudError):
        root = ()
    instance = roots.with_root(
        instance, root or (),
        () if isinstance(images, errors.CloudError) else images)
    instance = dataclasses.replace(instance, properties=(
        facts.proxy_properties(instance, root or ())))
    checks = checklist.check(instance, guest, conf.deployment(), volumes=root,
                             limits=facts.Limits(
                                 metadata=keys if isinstance(keys, int)
                                 else None, asked_at=timeutils.utcnow(True)),
                             history=_disk_history(session, instance, images))
    name = name or default_name(instance)
    accept = accept or verdict.Verdict.FILESYSTEM
    if not checks.possible or not checks.promises(accept):
        return Attempt(instance, checks, name)
    full = checks.has(checklist.Finding.QUOTA_METADATA)
    if full and not told:
        return Attempt(instance, checks, name,
                       untold=checks.find(checklist.Check.QUOTA))
    shown = shown or {}
    if keep is not None and _going(instance, images, keep) != shown:
        return Attempt(instance, checks, name, moved=True)
    return Attempt(instance, checks, name, take(
        session, instance, guest, name, extra, tuple(shown) if keep else (),
        noted=not (full or instance.locked)))


def _disk_history(session: asking.Session, instance: facts.Instance,
                  images: Sequence[facts.Image] | errors.CloudError
                  ) -> facts.DiskHistory:
    if isinstance(images, errors.CloudError):
        return facts.DiskHistory()
    recalled = disks.recall(session, images)
    return known.disk_history(known.snapshots(
        instance, images, timeutils.utcnow(True), conf.deployment(),
        recalled.readings))


def _going(instance: facts.Instance,
           images: list[facts.Image] | errors.CloudError, keep: int
           ) -> dict[str, str]:
    """Return the names of the snapshots that go now, by id."""
    names = {image.id: image.name for image in asking.or_raise(images)}
    return {image_id: names[image_id] for image_id in retention.going(
        retention.candidates(instance, asking.or_raise(images)), keep)}


def settle_before(session: asking.Session, instance: facts.Instance,
                  images: list[facts.Image] | errors.CloudError
                  ) -> list[facts.Image] | errors.CloudError:
    """Settle what is unsettled, as far as possible; return the snapshots.

    Once there is another snapshot, a witness could belong to either.
    """
    if isinstance(images, errors.CloudError):
        return images
    unbound = [image.id for image in images
               if schedules.unbound(instance, image)]
    if unbound or any(known.awaits_verdict(image) for image in images):
        settled = asking.outcome(
            lambda: settling.settle(session, instance, images, unbound))
        if not isinstance(settled, errors.CloudError):
            return settled[1]
        LOG.warning('Snapshots of %s: %s', instance.id, settled)
    return images


def default_name(instance: facts.Instance) -> str:
    """Return the name of a new snapshot: the instance's and the time."""
    now: str = timeutils.utcnow(True).strftime('-%Y%m%dT%H%M%SZ')
    room = records.METADATA_LIMIT - len(now)
    if instance.may_be_volume_backed:
        # Nova puts it into the names of the volume snapshots.
        room -= len('snapshot for ')
    # Nova takes no name that begins with a space.
    return records.for_services(instance.name).lstrip()[:room] + now
