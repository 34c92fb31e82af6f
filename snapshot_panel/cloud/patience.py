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


"""How long a page waits for a service that does not answer.

A hung service costs a page one wait, however much the page has to ask of it:
the requests that run meanwhile end with the first, and those that would come
later are not sent. Where the user acts, and behind a page, the wait is as long
as the setting ``request_timeout`` says; what changes something is always sent.
"""

import dataclasses
import typing

from keystoneauth1 import session as keystone_session
import requests

from snapshot_panel.cloud import asking
from snapshot_panel import conf

# Django's request is where a page's wait is kept.
_ATTRIBUTE = 'snapshot_panel_wait'
_LOOKS = ('GET', 'HEAD')


@dataclasses.dataclass(frozen=True)
class Wait:
    """One page's wait for each service.

    ``seconds`` bounds it; ``hung`` are the services that were waited for in
    vain, as :func:`bound` names them.
    """

    seconds: float
    hung: set[str]


def limit(session: asking.Session, acts: bool = False) -> None:
    """Let a page wait for each service once.

    :param acts: the user does something, which a slow service must not stop:
        that wait is as long as the setting ``request_timeout`` says, any
        other at most ``page_timeout``.
    """
    config = conf.get_config()
    seconds = config['request_timeout']
    if not acts:
        seconds = min(seconds, config['page_timeout'])
    setattr(session, _ATTRIBUTE, Wait(seconds, set()))


def bound(session: asking.Session, http: requests.Session, service: str
          ) -> None:
    """Keep a client's requests within the page's wait, where there is one.

    :param http: what the client sends its requests with.
    :param service: the name of the service that it asks.
    """
    wait: Wait | None = getattr(session, _ATTRIBUTE, None)
    # Some clients are kept: a new adapter would lose their connections.
    if wait is None or isinstance(http.adapters.get('http://'), _Adapter):
        return
    for scheme in ('http://', 'https://'):
        http.mount(scheme, _Adapter(wait, service))


# Without types, as all of keystoneauth is for mypy here.
class _Adapter(keystone_session.TCPKeepAliveAdapter):  # type: ignore[misc]
    """Sends requests, and gives up a service that has not answered once."""

    def __init__(self, wait: Wait, service: str) -> None:
        super().__init__()
        self._wait = wait
        self._service = service

    def send(self, request: requests.PreparedRequest, **options: typing.Any
             ) -> requests.Response:
        if request.method not in _LOOKS:
            return self._send(request, options)
        if self._service in self._wait.hung:
            raise requests.ConnectTimeout(
                '%s has not answered this page before' % self._service,
                request=request)
        try:
            return self._send(request, {**options,
                                        'timeout': self._wait.seconds})
        except requests.Timeout:
            self._wait.hung.add(self._service)
            raise

    def _send(self, request: requests.PreparedRequest,
              options: dict[str, typing.Any]) -> requests.Response:
        answer: requests.Response = super().send(request, **options)
        return answer
