# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""A few lines of HTTP with JSON, for the services' own interfaces."""

import json
import urllib.error
import urllib.request

# How long one request may take, in seconds.
TIMEOUT = 60
# Loopback never goes through a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HttpError(Exception):
    """A service answered with an error.

    :ivar status: the HTTP status
    """

    def __init__(self, method, url, status, body):
        super().__init__(f'{method} {url}: {status} {body[:400]}')
        self.status = status


def request(method, url, body=None, token=None, content_type=None,
            headers=None):
    """Send a request; return (headers, parsed JSON or None).

    :param body: bytes, or anything that JSON can hold
    :raises HttpError: the answer's status is 400 or more
    :raises OSError: nobody answers
    """
    data = body
    if body is not None and not isinstance(body, bytes):
        data = json.dumps(body).encode()
        content_type = content_type or 'application/json'
    message = urllib.request.Request(url, data=data, method=method)
    for name, value in {'X-Auth-Token': token, 'Content-Type': content_type,
                        'Accept': 'application/json',
                        **(headers or {})}.items():
        if value:
            message.add_header(name, value)
    try:
        with _OPENER.open(message, timeout=TIMEOUT) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        raise HttpError(method, url, error.code,
                        error.read().decode(errors='replace')) from None


def answers(url):
    """Return whether a service answers: a page, or that it wants a token."""
    try:
        with _OPENER.open(url, timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError as error:
        return error.code in (300, 401)
    except OSError:
        return False


class Session:
    """One user in one project.

    :param auth_url: Keystone's address, with the version
    :param endpoints: addresses of the services by name
    """

    def __init__(self, auth_url, endpoints, user, password, project):
        headers, body = request('POST', f'{auth_url}/auth/tokens', {
            'auth': {
                'identity': {'methods': ['password'], 'password': {'user': {
                    'name': user, 'password': password,
                    'domain': {'id': 'default'}}}},
                'scope': {'project': {
                    'name': project, 'domain': {'id': 'default'}}}}})
        self.token = headers['X-Subject-Token']
        self.project_id = body['token']['project']['id']
        self.user_id = body['token']['user']['id']
        self.user = user
        self._endpoints = {**endpoints, 'keystone': auth_url}

    def __call__(self, service, method, path, body=None, content_type=None):
        """Send a request to a service; return the parsed answer."""
        headers = {}
        if service == 'nova':
            headers['OpenStack-API-Version'] = 'compute 2.98'
        return request(method, self._endpoints[service] + path, body,
                       self.token, content_type, headers)[1]
