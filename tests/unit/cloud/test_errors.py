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

"""Whatever a client raises becomes one of our errors."""

from cinderclient import exceptions as cinder_exceptions
from glanceclient import exc as glance_exceptions
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions as keystone_exceptions
from novaclient import exceptions as nova_exceptions
import pytest
import requests

from snapshot_panel.cloud import errors

# What Nova 34 answers to the second of two requests at once.
SECOND = ('Unexpected API Error. Please contact the administrator\n'
          "<class 'nova.exception.UnexpectedTaskStateError'>")


@pytest.mark.parametrize('raised, kind, status', [
    (nova_exceptions.NotFound(404), errors.NotFound, 404),
    (glance_exceptions.HTTPNotFound(), errors.NotFound, 404),
    (nova_exceptions.Forbidden(403), errors.Forbidden, 403),
    (glance_exceptions.HTTPForbidden(), errors.Forbidden, 403),
    (nova_exceptions.Conflict(409), errors.Conflict, 409),
    (glance_exceptions.HTTPConflict(), errors.Conflict, 409),
    (nova_exceptions.ClientException(500, SECOND), errors.Conflict, 409),
    (nova_exceptions.ClientException(500, SECOND.replace(
        'TaskState', 'Other')), errors.Unavailable, 503),
    (nova_exceptions.BadRequest(400), errors.Refused, 400),
    (glance_exceptions.HTTPBadRequest(), errors.Refused, 400),
    (nova_exceptions.OverLimit(413), errors.TooMany, 429),
    (nova_exceptions.RateLimit(429), errors.TooMany, 429),
    (glance_exceptions.HTTPOverLimit(), errors.TooMany, 429),
    (glance_exceptions.HTTPException('429 Too Many Requests'),
     errors.TooMany, 429),
    (nova_exceptions.ClientException(500), errors.Unavailable, 503),
    (glance_exceptions.HTTPServiceUnavailable(), errors.Unavailable, 503),
    (glance_exceptions.CommunicationError(), errors.Unavailable, 503),
    (keystone_exceptions.ConnectFailure(), errors.Unavailable, 503),
    (keystone_exceptions.RequestTimeout(), errors.Unavailable, 503),
    (horizon_exceptions.ServiceCatalogException('image'),
     errors.Unavailable, 503),
    (requests.ConnectionError(), errors.Unavailable, 503),
    (cinder_exceptions.NotFound(404), errors.NotFound, 404),
    (cinder_exceptions.Forbidden(403), errors.Forbidden, 403),
    (cinder_exceptions.BadRequest(400), errors.Refused, 400),
    (cinder_exceptions.OverLimit(413), errors.TooMany, 429),
    (cinder_exceptions.ClientException(429), errors.TooMany, 429),
    (cinder_exceptions.ClientException(409), errors.Conflict, 409),
    (keystone_exceptions.HttpError(http_status=429), errors.TooMany, 429),
    (cinder_exceptions.ClientException(500), errors.Unavailable, 503),
    (cinder_exceptions.ConnectionError(), errors.Unavailable, 503),
    (cinder_exceptions.EndpointNotFound(), errors.Unavailable, 503),
    (cinder_exceptions.AuthorizationFailure(), errors.Unavailable, 503)],
    ids=lambda value: getattr(value, '__name__', None))
def test_a_clients_exception_is_one_of_ours(raised, kind, status):
    with pytest.raises(errors.CloudError) as caught, errors.asking('Nova'):
        raise raised

    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.service == 'Nova'
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize('raised', [
    nova_exceptions.Unauthorized(401), glance_exceptions.HTTPUnauthorized(),
    cinder_exceptions.Unauthorized(401), AssertionError('a bug of ours')],
    ids=['Nova', 'Glance', 'Cinder', 'bug'])
def test_what_is_not_ours_to_explain_is_left_alone(raised):
    with pytest.raises(type(raised)), errors.asking('Nova'):
        raise raised


def test_what_the_service_said_is_kept():
    with pytest.raises(errors.Refused) as caught, errors.asking('Nova'):
        raise nova_exceptions.BadRequest(400, 'Bad name')

    assert 'Bad name' in caught.value.reason
    assert str(caught.value).startswith('Nova: Bad name')


@pytest.mark.parametrize('raised, kind', [
    (nova_exceptions.OverLimit(413), errors.OverLimit),
    (nova_exceptions.OverLimit(413, retry_after=30), errors.TooMany),
    (nova_exceptions.OverLimit(413, 'This request was rate-limited.'),
     errors.TooMany),
    (nova_exceptions.RateLimit(429), errors.TooMany),
    (nova_exceptions.Forbidden(403, 'Quota exceeded, too many images'),
     errors.OverLimit),
    (nova_exceptions.Forbidden(
        403, 'Maximum number of metadata items exceeds 128'),
     errors.OverLimit),
    (nova_exceptions.Forbidden(403, "Policy doesn't allow it"),
     errors.Forbidden),
    (glance_exceptions.HTTPOverLimit(
        'Resource image_count_total is over limit of 429'),
     errors.OverLimit)], ids=str)
def test_only_a_change_can_use_up_a_quota(raised, kind):
    with pytest.raises(errors.CloudError) as caught, errors.changing('Nova'):
        raise raised

    assert type(caught.value) is kind


@pytest.mark.parametrize('raised, said', [
    (nova_exceptions.BadRequest(
        400, "Invalid input for field/attribute name. Value: x.",
        request_id='req-1'),
     'Invalid input for field/attribute name. Value: x.'),
    (nova_exceptions.BadRequest(400), ''),
    (glance_exceptions.HTTPConflict(), ''),
    (nova_exceptions.ClientException(500, SECOND), ''),
    (glance_exceptions.HTTPConflict(
        '409 Conflict: Image x &#x27;y&#x27; is in use'),
     "Image x 'y' is in use"),
    (nova_exceptions.Conflict(409, '<b>a</b>\x1b[2J\n\u202eb'), 'a [2J b'),
    (nova_exceptions.Conflict(409, 'x' * 5000), 'x' * 300 + '…')],
    ids=lambda value: str(value)[:20])
def test_what_the_service_said_is_plain_and_short(raised, said):
    with pytest.raises(errors.CloudError) as caught, errors.asking('Nova'):
        raise raised

    assert caught.value.said == said


@pytest.mark.parametrize('kind', [
    errors.Unavailable, errors.NotFound, errors.InUse])
def test_what_a_service_said_is_one_line_of_a_log(kind):
    hostile = ('web\r\n2026 ERROR forged\x85\u2028\x1b[2J\u202e'
               + '\U00020bb7' * 255)

    assert str(kind('Nova', hostile)).isprintable()
    assert 'forged' in str(kind('Nova', hostile))
