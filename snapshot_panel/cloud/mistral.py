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

"""What the panel asks of Mistral, the workflow service.

By its REST API and not by python-mistralclient, which Horizon does not bring
and which few dashboards have.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import datetime
import logging
import typing

from horizon import exceptions as horizon_exceptions
from keystoneauth1 import adapter

from horizon.utils import memoized

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import reading
from snapshot_panel.cloud import refusals
from snapshot_panel.cloud import sessions

LOG = logging.getLogger(__name__)

# What catalogs call it; the first that is there counts.
_TYPES = ('workflowv2', 'workflow')
_VERSION = '/v2'
# States of a run in which nothing happens any more without success.
_FAILED = ('ERROR', 'CANCELLED')
_ENDED = ('SUCCESS', *_FAILED)


@dataclasses.dataclass(frozen=True)
class Trigger:
    """What starts a workflow by the clock.

    ``next_at`` is when it does so next, aware.
    """

    pattern: str
    next_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a workflow.

    ``at`` is when it began, aware; ``reason`` is why it failed, untrusted
    text, '' where the service does not say. One that the service was killed
    in may never be ``ended``.
    """

    at: datetime.datetime
    failed: bool
    reason: str = ''
    ended: bool = True


def _make_client(session: asking.Session) -> typing.Any:
    """Return what sends requests to the second version of the API.

    :raises horizon_exceptions.ServiceCatalogException: there is no Mistral.
    """
    url = sessions.find_url(session, _TYPES).rstrip('/')
    if not url.endswith(_VERSION):
        url += _VERSION
    return adapter.Adapter(sessions.make(session, url, 'Mistral'),
                           endpoint_override=url)


client: Callable[[asking.Session], typing.Any] = memoized.memoized(
    _make_client)


def offered(session: asking.Session) -> bool:
    """Return whether the catalog has the service; nobody is asked."""
    try:
        sessions.find_url(session, _TYPES)
    except horizon_exceptions.ServiceCatalogException:
        return False
    return True


def _ask(session: asking.Session, method: str, path: str,
         **options: typing.Any) -> typing.Any:
    """Return the service's answer.

    :raises errors.CloudError: it refused or failed; ``said`` is in its words.
    """
    with errors.asking('Mistral'):
        # keystoneauth1's exceptions do not find what it says.
        answer = client(session).request(path, method, raise_exc=False,
                                         **options)
        refusals.check(answer)
        return answer


def has_action(session: asking.Session, action: str) -> bool:
    """Return whether workflows can do something.

    Mistral takes a workflow that names what it does not have (fact 48).
    """
    return _is_there(session, '/actions/' + action)


def _is_there(session: asking.Session, path: str) -> bool:
    try:
        answer = _ask(session, 'GET', path)
    except errors.NotFound:
        return False
    with errors.asking('Mistral'):
        # A proxy may have answered with a page.
        reading.mapping(answer.json())
        return True


def put_workflow(session: asking.Session, text: str) -> None:
    """Write a workflow, whether it is there or not."""
    options = {'data': text.encode(), 'headers': {
        'Content-Type': 'text/plain'}}
    try:
        _ask(session, 'PUT', '/workflows', **options)
    except errors.NotFound:
        _ask(session, 'POST', '/workflows', **options)


def has_workflow(session: asking.Session, name: str) -> bool:
    """Return whether there is a workflow, whatever it does."""
    return _is_there(session, '/workflows/' + name)


def delete_workflow(session: asking.Session, name: str) -> None:
    """Delete a workflow; it may be gone already."""
    _delete(session, '/workflows/' + name)


def create_trigger(session: asking.Session, name: str, pattern: str,
                   given: Mapping[str, str]) -> None:
    """Have the workflow of the same name run by the clock, as this user.

    Mistral has Keystone make a trust of the user's roles (fact 49).

    :param pattern: five fields as cron has them, in UTC.
    :param given: the workflow's input.
    """
    _ask(session, 'POST', '/cron_triggers', json={
        'name': name, 'workflow_name': name, 'pattern': pattern,
        'workflow_input': dict(given)})


def delete_trigger(session: asking.Session, name: str) -> None:
    """Delete a trigger; it may be gone already."""
    _delete(session, '/cron_triggers/' + name)


def _delete(session: asking.Session, path: str) -> None:
    try:
        _ask(session, 'DELETE', path)
    except errors.NotFound:
        LOG.debug('There is no %s', path)


def get_trigger(session: asking.Session, name: str) -> Trigger | None:
    """Return a trigger, None where there is none."""
    try:
        answer = _ask(session, 'GET', '/cron_triggers/' + name)
    except errors.NotFound:
        return None
    with errors.asking('Mistral'):
        found = reading.mapping(answer.json())
        return Trigger(
            reading.name(found.get('pattern')),
            reading.moment_or_none(found.get('next_execution_time')))


def get_last_run(session: asking.Session, workflow: str) -> Run | None:
    """Return the newest run of a workflow, None where there is none."""
    answer = _ask(session, 'GET', '/executions', params={
        'workflow_name': workflow, 'limit': 1,
        'sort_keys': 'created_at', 'sort_dirs': 'desc',
        'fields': 'state,state_info,created_at'})
    with errors.asking('Mistral'):
        for found in reading.entries(answer.json()['executions'])[:1]:
            return Run(reading.moment(found['created_at']),
                       found['state'] in _FAILED,
                       reading.name(found.get('state_info')),
                       found['state'] in _ENDED)
        return None
