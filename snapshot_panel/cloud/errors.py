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

"""What can go wrong when a service is asked, whichever service it is."""

from collections.abc import Iterator
import contextlib
import html
import logging
import re

from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions as keystone_exceptions
import requests

from snapshot_panel.cloud import clients
from snapshot_panel.cloud.clients import cinder_exceptions
from snapshot_panel.cloud.clients import glance_exceptions
from snapshot_panel.cloud.clients import nova_exceptions
from snapshot_panel.cloud import refusals

LOG = logging.getLogger(__name__)


def one_line(text: str) -> str:
    """Return a text for a log: a space for all that is not printable."""
    return ' '.join(''.join(
        character if character.isprintable() else ' '
        for character in text).split())


class CloudError(Exception):
    """A service did not do what it was asked.

    ``service`` is its name ('Nova', 'Glance', 'Cinder', 'Mistral'); ``reason``
    is what the service said, untrusted text; ``said`` is the same for people,
    '' where the service gave no cause of its own. As a text it is one line,
    for logs: services repeat names, and whoever gave one must not write a log.
    """

    status = 502
    said = ''

    def __init__(self, service: str, reason: object) -> None:
        super().__init__('%s: %s' % (service, one_line(str(reason))))
        self.service = service
        self.reason = str(reason)


class NotFound(CloudError):
    """There is no such thing, or not for this project."""

    status = 404


class Forbidden(CloudError):
    """The user may not do that."""

    status = 403


class Conflict(CloudError):
    """The state of things does not allow it."""

    status = 409


# Why something is not done, found out before it was asked for.
LOCKED = 'locked'
IMAGES_FULL = 'images-full'
COPIES_FULL = 'copies-full'
METADATA_FULL = 'metadata-full'
SHELVED = 'shelved'
RUN_FROM = 'run-from'
MEMBERS = 'members'
RENAMED = 'renamed'
PROTECTED = 'protected'
OPEN = 'open'
NO_ACTION = 'no-action'


class InUse(Conflict):
    """Something stands against it, so nothing was asked for.

    ``cause`` is one of the above, ``names`` is who or what, for people.
    """

    def __init__(self, service: str, cause: str,
                 names: tuple[str, ...] = ()) -> None:
        super().__init__(service, '%s %s' % (cause, names))
        self.cause = cause
        self.names = names


class Refused(CloudError):
    """The service did not accept the request as it was."""

    status = 400


class OverLimit(CloudError):
    """A quota is used up."""

    status = 403


class TooMany(CloudError):
    """Too many requests came at once; the service did nothing."""

    status = 429


class Unavailable(CloudError):
    """The service could not be reached, or failed."""

    status = 503


class Missing(Unavailable):
    """Horizon does not have the service's client; ``reason`` names it."""


class Unanswered(Unavailable):
    """No answer came to what changes something: it may have happened."""


class Unusable(CloudError):
    """The service answered with something that is no answer."""

    status = 502


# The first that fits counts.
_MEANINGS = (
    (NotFound, (refusals.NotFound,
                nova_exceptions.NotFound, cinder_exceptions.NotFound,
                glance_exceptions.HTTPNotFound, glance_exceptions.NotFound)),
    (TooMany, (refusals.RateLimit, nova_exceptions.RateLimit)),
    (OverLimit, (refusals.OverLimit,
                 nova_exceptions.OverLimit, cinder_exceptions.OverLimit,
                 glance_exceptions.HTTPOverLimit)),
    (Forbidden, (refusals.Forbidden,
                 nova_exceptions.Forbidden, cinder_exceptions.Forbidden,
                 glance_exceptions.HTTPForbidden,
                 glance_exceptions.Forbidden)),
    (Conflict, (refusals.Conflict, nova_exceptions.Conflict,
                glance_exceptions.HTTPConflict)),
    (Refused, (refusals.BadRequest,
               nova_exceptions.BadRequest, cinder_exceptions.BadRequest,
               glance_exceptions.HTTPBadRequest,
               glance_exceptions.BadRequest)),
    (Unusable, (glance_exceptions.HTTPMultipleChoices,
                requests.exceptions.InvalidJSONError,
                requests.exceptions.ContentDecodingError)),
)
# The user's token is not valid any more.
UNAUTHORIZED = (refusals.Unauthorized, nova_exceptions.Unauthorized,
                cinder_exceptions.Unauthorized,
                glance_exceptions.HTTPUnauthorized,
                glance_exceptions.Unauthorized)
_FAILURES = (refusals.ClientException, nova_exceptions.ClientException,
             cinder_exceptions.ClientException,
             cinder_exceptions.ConnectionError,
             cinder_exceptions.EndpointNotFound,
             # What its own try for a new token ends with.
             cinder_exceptions.AuthorizationFailure,
             # Those of HTTP and those of the client itself are two families.
             glance_exceptions.ClientException,
             glance_exceptions.BaseException,
             keystone_exceptions.ClientException,
             horizon_exceptions.ServiceCatalogException,
             requests.RequestException)


def code(problem: CloudError) -> int | None:
    """Return the status that the service answered with, None without one."""
    # The clients call it code, what is below them http_status.
    for name in ('code', 'http_status'):
        answered = getattr(problem.__cause__, name, None)
        if isinstance(answered, int):
            return answered
    return None


def require(service: str) -> None:
    """Make sure that there is a client for a service.

    :raises Missing: there is none
    """
    if service in clients.MISSING:
        raise Missing(service, clients.MISSING[service])


def lasts(problem: CloudError) -> bool:
    """Return whether asking again will most likely bring the same.

    Nova answers 501 where a hypervisor has no such thing, and 500 where it
    ran into an error, such as a console's log that it may not read.
    """
    return (isinstance(problem, (Forbidden, Missing))
            or code(problem) in (500, 501))


# What reading something else than the answer that is expected ends with, here
# and in the clients.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError,
               TypeError, ValueError)


# How the services say that a quota is used up where they answer 403.
_QUOTA = re.compile(r'quota|over limit|maximum number', re.IGNORECASE)
# Clients that have no exception for 429 keep its words only.
_TOO_MANY = re.compile(r'too many requests|rate.limit', re.IGNORECASE)
# Who comes second of two at once gets 500 of Nova, and this for a cause: it
# compares the state in its database as it writes, and did nothing.
_CAME_SECOND = re.compile(
    r"'nova\.exception\.Unexpected(VM|(Deleting)?Task)StateError'")
# What the clients add to what the service said.
_ADDED = re.compile(r'^HTTP( \d{3} [\w ]+:)? |\(HTTP [\w/]+\)'
                    r'|\(Request-ID: [^)]*\)|<[^<>]*>')
# As much of it as a person is told.
_SAID_LIMIT = 300


@contextlib.contextmanager
def changing(service: str) -> Iterator[None]:
    """Do as :func:`asking`, for what creates, changes or deletes.

    Only then can a quota be used up.
    """
    with asking(service, changes=True):
        yield


@contextlib.contextmanager
def asking(service: str, changes: bool = False) -> Iterator[None]:
    """Turn what asking and reading the answer end with into our errors.

    Nothing else belongs into such a block: a bug of ours in it would pass
    for a fault of the service.

    A token that is not valid any more is left to Horizon, which sends the
    user to the login page.
    """
    try:
        yield
    except UNAUTHORIZED:
        raise
    except _FAILURES as error:
        problem = _meaning(error, changes)(service, error)
        problem.said = _said(error)
        raise problem from error
    except _UNREADABLE as error:
        LOG.exception('%s gave no usable answer', service)
        raise Unusable(service, error) from error


def _meaning(error: Exception, changes: bool) -> type[CloudError]:
    """Return the kind of error that a client's exception is."""
    code = getattr(error, 'code', None)
    if not isinstance(code, int):
        code = getattr(error, 'http_status', None)
    kind = next((meaning for meaning, kinds in _MEANINGS
                 if isinstance(error, kinds)), Unavailable)
    if kind is Unavailable:
        if code == 409 or _CAME_SECOND.search(str(error)):
            return Conflict
        if code == 429 or code is None and _TOO_MANY.search(str(error)):
            return TooMany
    if kind is Forbidden and changes and _QUOTA.search(str(error)):
        return OverLimit
    if kind is OverLimit and (
            not changes or getattr(error, 'retry_after', None)
            or _TOO_MANY.search(str(error))):
        return TooMany
    return kind


def _said(error: Exception) -> str:
    """Return the cause that a service gave, as plain short text.

    '' where there is none but the name of the status.
    """
    if _CAME_SECOND.search(str(error)):
        return ''
    own = getattr(error, 'message', None) or getattr(error, 'details', None)
    if not own or own in (getattr(type(error), 'message', None),
                          type(error).__name__):
        return ''
    # Glance escapes it for a page of its own.
    text = html.unescape(_ADDED.sub(' ', str(error)[:2 * _SAID_LIMIT]))
    return brief(text)


def brief(text: str) -> str:
    """Return as much of what a service said as a person is told."""
    text = one_line(text)
    return text if len(text) <= _SAID_LIMIT else text[:_SAID_LIMIT] + '…'
