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

"""Judging the snapshots of whole projects, with no page open.

What a page does for the instances that it shows is done here for all, by the
very same code. Whoever is killed in the middle loses nothing, and two at once
do no harm: see :mod:`.settling`.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import concurrent.futures
import contextlib
import dataclasses
import datetime
import hashlib
import itertools
import logging
import os
import pathlib
import stat
import tempfile
import threading
import time
import typing

from oslo_concurrency import lockutils
from oslo_utils import timeutils

from snapshot_panel.cloud import accounts
from snapshot_panel.cloud import asking
from snapshot_panel.cloud import dependents
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import images as project_images
from snapshot_panel.cloud import marks
from snapshot_panel.cloud import missed
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import rotating
from snapshot_panel.cloud import settling
from snapshot_panel.cloud import snapshots
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import journey
from snapshot_panel.consistency import known
from snapshot_panel.consistency import leftovers
from snapshot_panel.consistency import protection
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict

LOG = logging.getLogger(__name__)

_T = typing.TypeVar('_T')

# How many instances in a row may fail before the rest is left for the next
# round: a service is down then, or takes no more requests.
_FAILURES_IN_A_ROW = 8


@dataclasses.dataclass(frozen=True)
class Problem:
    """Why something was not judged.

    ``instance_id`` is None where it is about the project.
    """

    service: str
    reason: str
    instance_id: str | None = None

    @classmethod
    def of(cls, error: errors.CloudError, instance_id: str | None = None
           ) -> 'Problem':
        """Return what an error was about."""
        return cls(error.service, errors.brief(error.said or error.reason),
                   instance_id)


@dataclasses.dataclass(frozen=True)
class Judged:
    """An instance as it is after a round.

    ``snapshots`` are all that are known, newest first; ``frozen`` is whether
    its guest may stand frozen, None where it was not asked.
    """

    instance: facts.Instance
    snapshots: tuple[known.Snapshot, ...]
    frozen: bool | None = None

    @property
    def proven(self) -> known.Snapshot | None:
        """The newest snapshot that is proven consistent, or None."""
        return protection.last_proven(self.snapshots)

    def overdue(self, now: datetime.datetime) -> bool:
        """Return whether its proof is older than its schedule allows."""
        return schedules.overdue(
            self.instance, self.proven.at if self.proven else None, now)


@dataclasses.dataclass(frozen=True)
class Report:
    """What one round over one project found.

    ``at`` is when it ended, ``seconds`` how long it took. ``busy`` is true
    where another judge was at it, so that nothing was done. ``judged`` are
    all instances, None where that or a failure kept it from finding out what
    there is. ``sealed`` is how many snapshots have a verdict now that had none
    before; ``strays`` are the verdicts of those that belong to no instance of
    the project (any more), and are among no others. ``rotated`` are those
    that the rule lets go, newest first. ``made_up`` are the snapshots that
    schedules missed and that were taken now: instances and names.
    """

    cloud: str
    project: accounts.Project
    at: datetime.datetime
    seconds: float
    judged: tuple[Judged, ...] | None = None
    sealed: int = 0
    strays: tuple[verdict.Verdict, ...] = ()
    problems: tuple[Problem, ...] = ()
    busy: bool = False
    rotated: tuple[rotating.Rotated, ...] = ()
    made_up: tuple[tuple[facts.Instance, str], ...] = ()

    @property
    def verdicts(self) -> dict[verdict.Verdict, int]:
        """How many snapshots have each verdict."""
        verdicts = [snapshot.decision.verdict for each in self.judged or ()
                    for snapshot in each.snapshots]
        return {each: verdicts.count(each) for each in verdict.Verdict}


def judge_all(users: Iterable[accounts.Account], workers: int,
              patience: float, ask_guests: bool = False,
              keep: int | None = None, dry: bool = False,
              every: int | None = None) -> Iterator[Report]:
    """Judge the projects of some accounts, and give each report when it ends.

    :param workers: how many projects at the same time.
    :param patience: as :func:`judge` takes it, and all that follow.
    """
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        rounds = [pool.submit(judge, account, patience, ask_guests, keep, dry,
                              every) for account in users]
        for done in concurrent.futures.as_completed(rounds):
            yield done.result()


def choose(account: accounts.Account, names: Sequence[str], every: bool
           ) -> list[accounts.Account] | Report:
    """Return an account for each of the chosen projects.

    :param names: names or ids of projects; the account's own if empty.
    :param every: all that the user has a role in.
    :returns: the report of a failure in their place.
    """
    if not names and not every:
        return [account]
    begun = time.monotonic()
    try:
        return [account.scoped(project)
                for project in _projects(account, names, every)]
    except errors.CloudError as problem:
        return Report(
            account.cloud, accounts.Project('', ''), timeutils.utcnow(True),
            time.monotonic() - begun, problems=(Problem.of(problem),))


def _projects(account: accounts.Account, names: Sequence[str], every: bool
              ) -> list[accounts.Project]:
    projects = account.projects()
    if every:
        return projects
    for name in names:
        if not any(name in (each.id, each.name) for each in projects):
            raise errors.NotFound('Keystone', 'project %s' % name)
    return [each for each in projects
            if each.id in names or each.name in names]


def judge(account: accounts.Account, patience: float = 0,
          ask_guests: bool = False, keep: int | None = None,
          dry: bool = False, every: int | None = None) -> Report:
    """Judge the snapshots of one project.

    :param patience: for how many seconds to go along with instances that
        are shut off for a snapshot, so that they run again soon.
    :param ask_guests: look whether guests with the kit stand frozen.
    :param keep: and dry, as :func:`rotating.rule_of` takes them; a dry round
        writes nothing at all.
    :param every: after how many seconds the next round begins, None if
        unknown; pages tell it.
    """
    begun = time.monotonic()
    project = accounts.Project('', '')
    round_ = _Round(account, keep, dry, every)
    busy = False
    try:
        project = account.project()
        with _alone(account.address + project.id) as alone:
            busy = not alone
            if alone:
                round_.run(begun + patience, ask_guests)
    except errors.CloudError as problem:
        round_.note(problem)
    return Report(
        account.cloud, project, timeutils.utcnow(True),
        time.monotonic() - begun, round_.judged, round_.sealed,
        round_.stray_verdicts(), tuple(dict.fromkeys(round_.problems)), busy,
        tuple(round_.rotated), tuple(round_.made_up))


class _Round:
    """One round over one project, as far as it came."""

    def __init__(self, account: accounts.Account, keep: int | None,
                 dry: bool, every: int | None) -> None:
        self._account = account
        self._keep, self._dry, self._every = keep, dry, every
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._refused = False
        # Each instance with its snapshots, as they are by now.
        self._states: dict[str, tuple[
            facts.Instance, Sequence[facts.Image]]] = {}
        self.judged: tuple[Judged, ...] | None = None
        self.problems: list[Problem] = []
        self.sealed = 0
        self.rotated: list[rotating.Rotated] = []
        self.made_up: list[tuple[facts.Instance, str]] = []
        # Those that belong to no instance, as they are by now.
        self._strays: dict[str, facts.Image] = {}

    def run(self, until: float, ask_guests: bool) -> None:
        """Judge all that is there.

        :param until: by the monotonic clock, how long to follow plans.
        """
        everything = self._attempt(snapshots.everything)
        if everything is None:
            return
        self._group(*everything)
        if not self._dry:
            self._settle(until)
            self._make_up()
        self._rotate()
        self._conclude(ask_guests)

    def _settle(self, until: float) -> None:
        """Do what is to be done about snapshots and instances."""
        before = self._decided()
        unsettled = self._unsettled()
        disks_only = self._unread(unsettled, before)
        # Whoever waits to run again does not wait for others' disks.
        went = self._carry_on(unsettled, again=True)
        while (following := self._unfinished(went)) and not (
                self._gave_up() or time.monotonic() > until):
            time.sleep(conf.get_config()['poll_interval'])
            went = self._carry_on(following, again=True)
        self._carry_on(disks_only)
        asking.for_each(self._judge_stray, [
            image for image in self._strays.values()
            if known.unjudged(image)])
        if self._gave_up():
            self.note(errors.Unavailable(
                'judge', 'the rest waits for the next round'))
        self.sealed = len(self._decided(besides=before))

    def _make_up(self) -> None:
        """Take what schedules missed, once all has its verdict."""
        now = timeutils.utcnow(True)
        suspected = [instance for instance, images in self._states.values()
                     if missed.suspected(instance, images, now)]
        for answer in asking.for_each(self._make_up_one, suspected):
            self.made_up += asking.or_raise(answer)

    def _make_up_one(self, instance: facts.Instance
                     ) -> list[tuple[facts.Instance, str]]:
        if self._gave_up():
            return []
        name = self._attempt(
            lambda session: missed.take(session, instance), instance.id)
        return [(instance, name)] if name else []

    def _rotate(self) -> None:
        """Delete what the rule lets go, of each instance."""
        instances = [instance for instance, _images in self._states.values()]
        users = project_images.by_image(instances)
        ruled = [(instance, rule) for instance in instances
                 if (rule := rotating.rule_of(instance, self._keep,
                                              self._dry)) is not None]
        for answer in asking.for_each(
                lambda pair: self._rotate_one(*pair, users), ruled):
            self.rotated += asking.or_raise(answer)

    def _rotate_one(self, instance: facts.Instance, rule: rotating.Rule,
                    users: dependents.Users) -> list[rotating.Rotated]:
        if self._gave_up():
            return []
        images = self._states[instance.id][1]
        rotated = self._attempt(lambda session: rotating.rotate(
            session, instance, images, rule, users), instance.id) or []
        for each in rotated:
            if each.failed and each.kept is not None:
                self._count_failure()
                self.note(each.kept, instance.id)
        gone = {each.image.id for each in rotated if each.gone}
        self._states[instance.id] = instance, [
            image for image in images if image.id not in gone]
        return rotated

    def note(self, problem: errors.CloudError, instance_id: str | None = None
             ) -> None:
        """Write down why something was not judged."""
        LOG.warning('%s: %s', instance_id or self._account.cloud, problem)
        self.problems.append(Problem.of(problem, instance_id))

    def _group(self, instances: Iterable[facts.Instance],
               images: Iterable[facts.Image]) -> None:
        by_instance: dict[str, list[facts.Image]] = {
            instance.id: [] for instance in instances}
        self._states = {instance.id: (instance, by_instance[instance.id])
                        for instance in instances}
        for image in images:
            if image.instance_id in by_instance:
                by_instance[image.instance_id].append(image)
            else:
                self._strays[image.id] = image

    def _decided(self, besides: Collection[str] = ()) -> set[str]:
        """Return the ids of the snapshots that have a verdict on them.

        :param besides: ids of those that are known to have one: a project
            may have thousands, and nearly all do.
        """
        states = self._states.values()
        return {image.id for image in itertools.chain(
            self._strays.values(), *(images for _instance, images in states))
            if image.id not in besides
            and verdict.look(image).verdict.final}

    def stray_verdicts(self) -> tuple[verdict.Verdict, ...]:
        """Return the verdict of each snapshot that has no instance."""
        return tuple(verdict.look(image).verdict
                     for image in self._strays.values())

    def _unsettled(self) -> list[str]:
        """Return the ids of the instances with more left to do.

        What is written down of them tells what to look for, and what
        somebody deleted meanwhile must not pass for discarded: they are read
        again.
        """
        now, deployment = timeutils.utcnow(True), conf.deployment()
        return [instance.id for instance, images in self._states.values()
                if known.unsettled(instance, images, now, deployment,
                                   refused=None)
                or leftovers.suspects(instance, images, now)]

    def _unread(self, others: Collection[str], decided: Collection[str]
                ) -> list[str]:
        """Return the ids of the other instances with disks to be read.

        Nothing else is done for them, so they need not be read again.

        :param decided: ids of the snapshots that have a verdict on them.
        """
        others = set(others)
        return [instance_id for instance_id, (_instance, images)
                in self._states.items()
                if instance_id not in others and _unread(
                    image for image in images if image.id not in decided)]

    def _unfinished(self, instance_ids: Iterable[str]) -> list[str]:
        """Return those of these instances that wait to run again."""
        return [instance_id for instance_id in instance_ids
                if restart.unfinished(self._states[instance_id][0])]

    def _carry_on(self, instance_ids: Sequence[str], again: bool = False
                  ) -> list[str]:
        """Do for these what a page does for one.

        :param again: read them again before.
        :returns: the ids of those that did not fail.
        """
        answers = asking.for_each(
            lambda instance_id: self._carry_on_one(instance_id, again),
            instance_ids)
        return [instance_id for instance_id, answer
                in zip(instance_ids, answers) if answer is True]

    def _carry_on_one(self, instance_id: str, again: bool) -> bool:
        if again and not self._look_again(instance_id):
            return False
        size = conf.get_config()['disks_at_once']
        unread = _unread(self._states[instance_id][1])
        went = True
        for first in range(0, len(unread) or 1, size):
            if self._gave_up():
                return False
            went &= self._step(instance_id, unread[first:first + size])
        if went:
            self._failed_in_a_row = 0
        return went

    def _step(self, instance_id: str, unread: Sequence[str]) -> bool:
        """Carry one instance on, and read these disks; return whether."""
        if self._refused:
            unread = ()
        instance, images = self._states[instance_id]
        after = self._attempt(lambda session: restarting.carry_on(
            session, instance, images, unread), instance_id)
        if after is not None:
            self._states[instance_id] = after
            self._look_for_refusal(after[1], unread)
            return True
        if unread:
            # One disk that cannot be read spoils the answer, not the seals
            # of the others.
            self._states[instance_id] = (
                instance, self._fresh(images, unread))
        return False

    def _judge_stray(self, image: facts.Image) -> None:
        """Judge a snapshot whose instance is not there, by its disk alone.

        One whose instance came since is left to the next round.
        """
        if self._gave_up() or self._refused and image.readable:
            return
        after = self._attempt(lambda session: _settle_stray(session, image),
                              image.instance_id)
        if after is not None:
            self._failed_in_a_row = 0
            self._strays[image.id] = after
            self._look_for_refusal([after], [after.id])

    def _look_again(self, instance_id: str) -> bool:
        """Read an instance and its newest snapshots again; return whether."""
        one = self._attempt(
            lambda session: snapshots.one(session, instance_id), instance_id)
        if one is None:
            return False
        instance, newest = one
        if isinstance(newest, errors.CloudError):
            self.note(newest, instance_id)
            return False
        there = {image.id for image in newest}
        older = [image for image in self._states[instance_id][1]
                 if image.id not in there]
        if len(newest) < conf.get_config()['snapshots_listed']:
            # The list is whole: the others were deleted.
            older = []
        self._states[instance_id] = instance, [*newest, *older]
        return True

    def _fresh(self, images: Sequence[facts.Image], ids: Sequence[str]
               ) -> list[facts.Image]:
        """Return snapshots, those with these ids as they are now."""
        answer = self._attempt(
            lambda session: glance.list_images(session, ids))
        by_id = {image.id: image for image in answer or ()}
        return [by_id.get(image.id, image) for image in images]

    def _look_for_refusal(self, images: Iterable[facts.Image],
                          unread: Sequence[str]) -> None:
        """Note, once, that this user may not read disks."""
        waiting = [image for image in images if image.id in unread
                   and known.unjudged(image)]
        if not waiting or self._refused:
            return
        recalled = self._attempt(
            lambda session: disks.recall(session, waiting))
        if recalled is not None and recalled.refused:
            self._refused = True
            self.note(errors.Forbidden(
                'Glance', 'image data may not be read (download_image)'))

    def _attempt(self, call: Callable[[accounts.Session], _T],
                 instance_id: str | None = None) -> _T | None:
        """Return what a call gives, None where it failed, which is noted."""
        try:
            return self._signed_in(call)
        except errors.CloudError as problem:
            if isinstance(problem, (errors.TooMany, errors.Unavailable)):
                self._count_failure()
            if instance_id and isinstance(problem, errors.NotFound):
                # Somebody deleted it, or its snapshot, meanwhile.
                LOG.info('%s: %s', instance_id, problem)
            else:
                self.note(problem, instance_id)
            return None
        except Exception as error:
            # A bug that one instance brings out must not keep all others
            # from being judged, night after night.
            LOG.exception('%s was not judged', instance_id)
            self.note(errors.Unusable('snapshot_panel', repr(error)),
                      instance_id)
            return None

    def _signed_in(self, call: Callable[[accounts.Session], _T]) -> _T:
        """Return what a call gives; log in again if the token is refused."""
        try:
            return call(self._account.session())
        except errors.UNAUTHORIZED:
            self._account.renew()
        try:
            return call(self._account.session())
        except errors.UNAUTHORIZED as error:
            raise errors.Forbidden('Keystone', error) from error

    def _count_failure(self) -> None:
        with self._lock:
            self._failed_in_a_row += 1

    def _gave_up(self) -> bool:
        return self._failed_in_a_row >= _FAILURES_IN_A_ROW

    def _conclude(self, ask_guests: bool) -> None:
        now, deployment = timeutils.utcnow(True), conf.deployment()
        frozen = self._frozen() if ask_guests else {}
        self.judged = tuple(
            Judged(instance, tuple(known.snapshots(
                instance, images, now, deployment)), frozen.get(instance.id))
            for instance, images in self._states.values())
        if not self._gave_up() and not self._dry:
            marks.leave(self._account.session(), now, self._every)

    def _frozen(self) -> dict[str, bool]:
        """Ask each running guest with the kit whether it stands frozen."""
        asked = [instance for instance, images in self._states.values()
                 if instance.status == facts.RUNNING
                 and known.had_kit(images)]
        heard = self._attempt(
            lambda session: guests.hear_guests(session, asked)) or {}
        frozen = {}
        for instance in asked:
            answer = heard.get(instance.id)
            if isinstance(answer, errors.CloudError):
                self.note(answer, instance.id)
            elif answer is not None:
                frozen[instance.id] = journey.left_frozen(checklist.check(
                    instance, answer.guest, conf.deployment()))
        return frozen


def _settle_stray(session: asking.Session, image: facts.Image
                  ) -> facts.Image | None:
    """Do as :func:`settling.settle_orphan`, with what it may end with.

    :returns: the image as it was where this user may not read it; None where
        somebody deleted it meanwhile, or its instance exists.
    """
    try:
        return settling.settle_orphan(session, image.id)
    except errors.NotFound as problem:
        LOG.info('%s: %s', image.id, problem)
        return None
    except errors.Forbidden:
        if disks.recall(session, [image]).refused:
            return image
        raise


def _unread(images: Iterable[facts.Image]) -> list[str]:
    """Return the ids of the snapshots whose disk nobody has read yet."""
    return [image.id for image in images if known.awaits_disk(image)]


@contextlib.contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Keep other judges of this machine off; give False where one is there.

    Only to spare the services: two at once do no harm.
    """
    lock = lockutils.external_lock(
        hashlib.sha256(name.encode()).hexdigest(), lock_path=_lock_folder())
    if not lock.acquire(blocking=False):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock_folder() -> str:
    """Return a folder of this user's own, made if need be.

    :raises errors.CloudError: it cannot be made, or somebody else made it.
    """
    try:
        folder = pathlib.Path(tempfile.gettempdir(),
                              'snapshot-panel-judge-%d' % os.getuid())
        folder.mkdir(0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise errors.Unavailable('judge', error) from error
    if state.st_uid != os.getuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise errors.Conflict('judge', '%s belongs to others' % folder)
    return str(folder)
