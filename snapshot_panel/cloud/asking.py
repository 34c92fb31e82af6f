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

"""Asking services: who asks, and several things at the same time."""

from collections.abc import Callable
from collections.abc import Iterable
import concurrent.futures
import functools
import typing

from snapshot_panel.cloud import errors
from snapshot_panel import conf

_A = typing.TypeVar('_A')
_B = typing.TypeVar('_B')
_C = typing.TypeVar('_C')
_D = typing.TypeVar('_D')

# What ask_services takes: our module that asks a service, and the call.
_Question = tuple[typing.Any, Callable[[], _A]]


class Token(typing.Protocol):
    """A token of Keystone."""

    @property
    def id(self) -> str:
        """What is sent with each request."""


class User(typing.Protocol):
    """Who asks, with the project that is asked about."""

    @property
    def token(self) -> Token:
        """Proves to the services who asks."""

    @property
    def tenant_id(self) -> str:
        """The id of the project."""

    @property
    def username(self) -> str:
        """The user's name, for people."""

    @property
    def services_region(self) -> str | None:
        """The region whose services are asked."""

    @property
    def is_superuser(self) -> bool:
        """Whether the user administers the cloud."""

    def has_perm(self, perm: str) -> bool:
        """Return whether the user has a permission of Horizon's."""


class Session(typing.Protocol):
    """What the layer needs of whoever asks, such as Django's request."""

    @property
    def user(self) -> User:
        """The user on whose behalf the services are asked."""


@typing.overload
def together(first: Callable[[], _A], second: Callable[[], _B], /
             ) -> tuple[_A | errors.CloudError, _B | errors.CloudError]: ...


@typing.overload
def together(first: Callable[[], _A], second: Callable[[], _B],
             third: Callable[[], _C], /
             ) -> tuple[_A | errors.CloudError, _B | errors.CloudError,
                        _C | errors.CloudError]: ...


@typing.overload
def together(first: Callable[[], _A], second: Callable[[], _B],
             third: Callable[[], _C], fourth: Callable[[], _D], /
             ) -> tuple[_A | errors.CloudError, _B | errors.CloudError,
                        _C | errors.CloudError, _D | errors.CloudError]: ...


@typing.overload
def together(*calls: Callable[[], _A]
             ) -> tuple[_A | errors.CloudError, ...]: ...


def together(*calls: Callable[[], typing.Any]) -> tuple[typing.Any, ...]:
    """Run calls that do not depend on each other at the same time.

    Returns their results in order; a :class:`errors.CloudError` is returned
    in place of the result, so that one failing service spoils one part only.
    """
    _nothing, answers = meanwhile(lambda: None, *calls)
    return answers


def meanwhile(here: Callable[[], _A], *calls: Callable[[], _B]
              ) -> tuple[_A, tuple[_B | errors.CloudError, ...]]:
    """Run calls as :func:`together` does, and one in this thread meanwhile.

    Returns the result of that one, and theirs.
    """
    with concurrent.futures.ThreadPoolExecutor(
            max_workers=conf.get_config()['guests_at_once']) as pool:
        answers = pool.map(outcome, calls)
        return here(), tuple(answers)


def outcome(call: Callable[[], _A]) -> _A | errors.CloudError:
    """Return what a call gives, or the :class:`errors.CloudError` of it."""
    try:
        return call()
    except errors.CloudError as error:
        return error


def for_each(call: Callable[[_A], _B], items: Iterable[_A]
             ) -> list[_B | errors.CloudError]:
    """Run a call with each of some items, as :func:`together` does."""
    return list(together(*[functools.partial(call, item) for item in items]))


@typing.overload
def ask_services(session: Session, first: _Question[_A],
                 second: _Question[_B], /
                 ) -> tuple[_A | errors.CloudError,
                            _B | errors.CloudError]: ...


@typing.overload
def ask_services(session: Session, first: _Question[_A],
                 second: _Question[_B], third: _Question[_C], /
                 ) -> tuple[_A | errors.CloudError, _B | errors.CloudError,
                            _C | errors.CloudError]: ...


@typing.overload
def ask_services(session: Session, *questions: _Question[_A]
                 ) -> tuple[_A | errors.CloudError, ...]: ...


def ask_services(session: Session, *questions: _Question[typing.Any]
                 ) -> tuple[typing.Any, ...]:
    """Ask services, all at the same time.

    :param questions: each our module that asks the service, and the call.
    :returns: as :func:`together`.
    """
    # The clients are made before the threads start, so that each is made
    # once and a service that is not in the catalog spoils its part only.
    made = {module: outcome(functools.partial(make_client, session, module))
            for module, _call in questions}
    return together(*[
        functools.partial(or_raise, made[module])
        if isinstance(made[module], errors.CloudError) else call
        for module, call in questions])


def make_client(session: Session, module: typing.Any) -> typing.Any:
    """Return the client of a service; ``module`` is ours that asks it.

    :raises errors.CloudError: the service cannot be asked.
    """
    with errors.asking(module.__name__.rpartition('.')[2].title()):
        return module.client(session)


def verification(session: Session) -> bool | str | None:
    """Return how this session wants certificates checked.

    As the library requests takes it; None where Horizon's settings say it.
    """
    own: bool | str | None = getattr(session, 'verify', None)
    return own


def confirmed(call: Callable[[], _A | None]) -> _A | None:
    """Return what a call gives, asked once more where it found nothing.

    One node of a service that lags behind the others must not cost a proof.
    """
    answer = call()
    return call() if answer is None else answer


def or_raise(answer: _A | errors.CloudError) -> _A:
    """Return an answer, or raise it where it is an error.

    :param answer: as :func:`together` returns it.
    """
    if isinstance(answer, errors.CloudError):
        raise answer
    return answer
