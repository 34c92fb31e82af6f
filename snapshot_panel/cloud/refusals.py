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

"""What a service refuses that is asked without a client of its own.

Their names and meanings are those of python-novaclient's and
python-cinderclient's exceptions.
"""

import http
import typing

import requests

from snapshot_panel.cloud import reading


class ClientException(Exception):
    """A service refused, or failed.

    ``code`` is its answer's status; ``message`` what it said, untrusted text,
    '' where it said nothing; ``retry_after`` after how many seconds it wants
    to be asked again, 0 where it does not say.
    """

    def __init__(self, code: int, message: str = '', request_id: str = '',
                 retry_after: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        status = 'HTTP %d' % self.code
        said = '%s (%s)' % (self.message, status) if self.message else status
        return said + (' (Request-ID: %s)' % self.request_id
                       if self.request_id else '')


class BadRequest(ClientException):
    """It does not accept the request as it is."""


class Unauthorized(ClientException):
    """The user's token is not valid any more."""


class Forbidden(ClientException):
    """The user may not do that, or has no quota left for it."""


class NotFound(ClientException):
    """There is no such thing."""


class Conflict(ClientException):
    """The state of things does not allow it."""


class OverLimit(ClientException):
    """A quota is used up, or too many requests came at once."""


class RateLimit(ClientException):
    """Too many requests came at once."""


_KINDS: dict[int, type[ClientException]] = {
    http.HTTPStatus.BAD_REQUEST: BadRequest,
    http.HTTPStatus.UNAUTHORIZED: Unauthorized,
    http.HTTPStatus.FORBIDDEN: Forbidden,
    http.HTTPStatus.NOT_FOUND: NotFound,
    http.HTTPStatus.CONFLICT: Conflict,
    http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE: OverLimit,
    http.HTTPStatus.TOO_MANY_REQUESTS: RateLimit}


def check(answer: requests.Response) -> None:
    """Raise what an answer means.

    :raises ClientException: the service refused, or failed.
    """
    if answer.status_code < 400:
        return
    after = answer.headers.get('Retry-After', '')
    raise _KINDS.get(answer.status_code, ClientException)(
        answer.status_code, _message(answer), request_id(answer),
        int(after) if after.isdecimal() else 0)


def request_id(answer: requests.Response) -> str:
    """Return by which id the service's log knows the request, or ''."""
    return (answer.headers.get('X-Openstack-Request-Id')
            or answer.headers.get('X-Compute-Request-Id') or '')


def _message(answer: requests.Response) -> str:
    """Return what the service says of a refusal, '' where it is nothing."""
    try:
        body = reading.mapping(answer.json())
    except (RecursionError, TypeError, ValueError):
        return ''
    # Nova and Cinder name the kind first, Mistral does not.
    for each in (body, *body.values()):
        if isinstance(each, dict):
            said: typing.Any = each.get('message') or each.get('faultstring')
            if isinstance(said, str):
                return reading.text(said)
    return ''
