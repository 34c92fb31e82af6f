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

"""What the panel asks of Glance."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import heapq
import itertools
import json
import logging
import typing
import urllib.parse

from django.utils.encoding import iri_to_uri
from openstack_dashboard.api import glance as horizon_glance
import requests

from snapshot_panel.cloud import asking
from snapshot_panel.cloud.clients import glance_exceptions
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import patience
from snapshot_panel.cloud import reading
from snapshot_panel import conf
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties as rules
from snapshot_panel.consistency import signing

LOG = logging.getLogger(__name__)

# The most that Glance gives at once, unless its operator set another limit.
_PAGE = 1000
_PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'


def client(session: asking.Session) -> typing.Any:
    """Return Horizon's client, with a bound on how long it waits."""
    errors.require('Glance')
    made = horizon_glance.glanceclient(session)
    made.http_client.timeout = conf.get_config()['request_timeout']
    verify = asking.verification(session)
    if verify is not None:
        made.http_client.session.verify = verify
    patience.bound(session, made.http_client.session, 'Glance')
    made.http_client.session.hooks['response'] = [_check_rate]
    return made


def _check_rate(answer: requests.Response, **_options: typing.Any) -> None:
    """Refuse an answer of status 429.

    Glance's client has no exception for it, and forgets the status.

    :raises glance_exceptions.HTTPException: it is one; ``code`` says so.
    """
    if answer.status_code == 429:
        answer.close()
        refusal = glance_exceptions.HTTPException(
            '%d %s' % (answer.status_code, answer.reason))
        refusal.code = answer.status_code
        raise refusal


def list_snapshots(session: asking.Session, instance_id: str | None = None,
                   limit: int | None = None) -> list[facts.Image]:
    """Return the project's newest snapshot images, newest first.

    :param instance_id: only those that name that instance, also what is no
        snapshot of it.
    :param limit: how many, as the operator set it if None.
    """
    limit = limit or conf.get_config()['snapshots_listed']
    filters = {'owner': session.user.tenant_id}
    if instance_id:
        # Some have inherited that property from another's: see roots.py.
        return list(find_all(
            session, {**filters, 'instance_uuid': instance_id}, limit, limit))
    # Glance cannot look for two values of a property at once.
    images = [image for kind in facts.SNAPSHOT_TYPES
              for image in _list(session, {**filters, 'image_type': kind},
                                 limit)]
    return sorted(images, key=newest_first)[:limit]


def all_snapshots(session: asking.Session) -> list[facts.Image]:
    """Return all of the project's snapshot images, newest first."""
    images = [image for kind in facts.SNAPSHOT_TYPES for image in find(
        session, {'owner': session.user.tenant_id, 'image_type': kind},
        _PAGE, None)]
    return sorted(images, key=newest_first)


def newest_first(image: facts.Image) -> float:
    """Return a key by which images are sorted, the newest first."""
    return -image.created.timestamp() if image.created else 0


def list_images(session: asking.Session, image_ids: Collection[str]
                ) -> list[facts.Image]:
    """Return the images with these ids that the project can see."""
    if not image_ids:
        return []
    found = _by_ids(session, image_ids)
    missing = set(image_ids) - {image.id for image in found}
    # Few are hidden: they are asked for where something is missing only.
    return found + (_by_ids(session, missing, os_hidden='true')
                    if missing else [])


def list_hidden(session: asking.Session) -> list[facts.Image]:
    """Return the project's newest hidden snapshot images, newest first."""
    filters = {'owner': session.user.tenant_id, 'os_hidden': 'true'}
    limit = conf.get_config()['snapshots_listed']
    return [image for image in _list(session, filters, limit)
            if image.is_snapshot]


def _by_ids(session: asking.Session, image_ids: Collection[str],
            **filters: str) -> list[facts.Image]:
    names = 'in:' + ','.join(sorted(image_ids))
    return _list(session, {'id': names, **filters}, len(image_ids))


def _list(session: asking.Session, filters: Mapping[str, str], limit: int
          ) -> list[facts.Image]:
    return list(find(session, filters, limit, limit))


def find(session: asking.Session, filters: Mapping[str, str], page_size: int,
         limit: int | None, sort: str = 'created_at:desc',
         marker: str | None = None) -> Iterator[facts.Image]:
    """Give images, newest first, as far as somebody takes them.

    :param filters: Glance's, by name.
    :param page_size: how many one request asks for.
    :param limit: how many there are at most, None for all.
    """
    options = {**filters, 'limit': str(page_size), 'sort': sort}
    if marker:
        options['marker'] = marker
    return itertools.islice(_follow(session, options), limit)


def find_all(session: asking.Session, filters: Mapping[str, str],
             page_size: int, limit: int, backwards: bool = False,
             marker: str | None = None) -> Iterator[facts.Image]:
    """Give images as :func:`find` does, the hidden ones among them.

    Glance lists either (fact 44), so both are asked for at the same time.

    :param backwards: oldest first.
    :raises errors.CloudError: where either list failed.
    """
    direction = 'asc' if backwards else 'desc'
    lists = [find(session, {**filters, **hidden}, page_size, limit,
                  'created_at:%s,id:%s' % (direction, direction), marker)
             for hidden in ({}, {'os_hidden': 'true'})]
    firsts = asking.for_each(_first, lists)
    merged = heapq.merge(
        *(itertools.chain(asking.or_raise(first), rest)
          for first, rest in zip(firsts, lists)),
        key=_age, reverse=not backwards)
    return itertools.islice(merged, limit)


def _first(images: Iterator[facts.Image]) -> list[facts.Image]:
    return list(itertools.islice(images, 1))


def _age(image: facts.Image) -> tuple[float, str]:
    return (image.created.timestamp() if image.created else 0, image.id)


def _follow(session: asking.Session, options: Mapping[str, str]
            ) -> Iterator[facts.Image]:
    path: str | None = '/v2/images?' + urllib.parse.urlencode(options)
    while path:
        with errors.asking('Glance'):
            body = ask(session, path)
            images = [image_of(each) for each in reading.entries(
                body['images'])]
            path = reading.text_or_none(body.get('next'))
        yield from images
        if not images:
            return


def get_image(session: asking.Session, image_id: str) -> facts.Image:
    """Return one image.

    :raises errors.NotFound: where it does not exist (any more).
    """
    with errors.asking('Glance'):
        return image_of(ask(session, '/v2/images/' + urllib.parse.quote(
            image_id, safe='')))


def ask(session: asking.Session, path: str) -> dict[str, typing.Any]:
    """Return what Glance answers, as it is.

    Its client's own lists ask for the schema of an image first, each time,
    and hold every image against it.
    """
    with errors.asking('Glance'):
        _response, body = client(session).http_client.get(iri_to_uri(path))
        return reading.mapping(body)


def open_data(session: asking.Session, image_id: str,
              part: str | None = None) -> requests.Response:
    """Return the answer with an image's data, not read yet.

    Not by Glance's client: it reads whole what does not look like an image.

    :param part: the range to ask for, as HTTP writes it; None for all.
    :returns: the answer, for the caller to close.
    """
    http = client(session).http_client
    headers = {'X-Auth-Token': session.user.token.id,
               # Else a proxy might pack what is to be counted.
               'Accept-Encoding': 'identity'}
    if part:
        headers['Range'] = part
    answer: requests.Response = http.session.get(
        '%s/v2/images/%s/file' % (http.endpoint.rstrip('/'),
                                  urllib.parse.quote(image_id, safe='')),
        headers=headers, stream=True, timeout=http.timeout,
        allow_redirects=False)
    return answer


def check_data(answer: requests.Response, status: int) -> None:
    """Close an answer of another status, and raise its error."""
    if answer.status_code == status:
        return
    answer.close()
    if answer.status_code < 400:
        raise errors.Unavailable('Glance', 'status %s' % answer.status_code)
    raise glance_exceptions.from_response(answer, '')


def find_image(session: asking.Session, image_id: str) -> facts.Image | None:
    """Return one image, None where it does not exist (any more)."""
    # The id becomes a part of an address.
    if not bounded.is_id(image_id):
        return None
    try:
        image = get_image(session, image_id)
    except errors.NotFound:
        return None
    return None if image.gone else image


def image_of(values: typing.Any) -> facts.Image:
    """Read an image as Glance gives it."""
    values = reading.mapping(values)
    size = values.get('size')
    return signing.checked(facts.Image(
        id=reading.identifier(values['id']),
        name=reading.name(values.get('name')),
        status=reading.text(values['status']),
        properties=reading.properties({
            name: value for name, value in values.items()
            if name not in rules.SCHEMA}),
        created=reading.moment(values['created_at']),
        updated=reading.moment(values['updated_at']),
        size=None if size is None else reading.size(size),
        owner=reading.text_or_none(values.get('owner')),
        protected=bool(values.get('protected')),
        checksum=reading.text_or_none(
            values.get('os_hash_value') or values.get('checksum')) or '',
        visibility=reading.name(values.get('visibility')),
        hidden=values.get('os_hidden') is True), conf.signing_keys())


def count_members(session: asking.Session, image_id: str) -> int:
    """Return with how many projects an image is shared."""
    with errors.asking('Glance'):
        try:
            answer = ask(session, '/v2/images/%s/members'
                         % urllib.parse.quote(image_id, safe=''))
        except errors.NotFound:
            # It is not shared (any more).
            return 0
        return sum(reading.text(member.get('status')) != 'rejected'
                   for member in reading.entries(answer['members']))


def get_usage(session: asking.Session) -> dict[str, facts.Usage]:
    """Return the project's quotas of images by name.

    Empty where the cloud has none, or a Glance too old to have them.
    """
    with errors.asking('Glance'):
        try:
            answer = ask(session, '/v2/info/usage')
        except errors.NotFound:
            return {}
        return {name: facts.Usage(reading.number(quota['usage']),
                                  reading.number(quota['limit']))
                for name, quota in reading.mapping(answer['usage']).items()}


def add_properties(session: asking.Session, image_id: str,
                   properties: Mapping[str, str]) -> None:
    """Write properties on an image and leave all others alone."""
    patch(session, image_id, [
        {'op': 'add', 'path': edits.pointer(name), 'value': value}
        for name, value in sorted(properties.items())])


def patch(session: asking.Session, image_id: str,
          operations: Iterable[Mapping[str, str | None]]) -> None:
    """Apply a JSON patch to an image: all of it, or nothing.

    :param operations: as Glance's JSON patch 2.1 has them.
    """
    data = json.dumps(list(operations))
    with errors.changing('Glance'):
        client(session).http_client.patch(
            '/v2/images/%s' % image_id, headers={'Content-Type': _PATCH_TYPE},
            data=data)


def delete_image(session: asking.Session, image_id: str) -> None:
    """Delete an image; it may be gone already."""
    with errors.changing('Glance'):
        try:
            client(session).images.delete(image_id)
        except glance_exceptions.HTTPNotFound:
            LOG.debug('Image %s was gone already', image_id)
