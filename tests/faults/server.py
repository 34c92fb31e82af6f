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


"""A stand-in for a service, which fails in one way for all who ask.

It knows no more of HTTP than where a request ends: what it sends are bytes,
because most of its answers are wrong on purpose.
"""

import contextlib
import socketserver
import threading

from tests.cloud import layout as layouts

HUNG_SECONDS = 40
_REASONS = {401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found',
            409: 'Conflict', 413: 'Request Entity Too Large',
            429: 'Too Many Requests', 500: 'Internal Server Error',
            503: 'Service Unavailable'}


def _answer(status, reason, kind, body, length=None):
    return (f'HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\n'
            f'Content-Length: {len(body) if length is None else length}\r\n'
            'Connection: close\r\n\r\n').encode() + body


def _json(body, length=None):
    return _answer(200, 'OK', 'application/json', body, length)


# What is sent by the name of the fault; `down` and `hung` send nothing.
ANSWERS = {'down': b'', 'hung': b''} | {
    str(status): _answer(status, reason, 'application/json',
                         b'{"error": {"message": "%d"}}' % status)
    for status, reason in _REASONS.items()} | {
    'cut': _json(b'{"servers": [{"id": "', 1000),
    'HTML': _answer(200, 'OK', 'text/html',
                    b'<html><body><h1>Welcome</h1></body></html>'),
    'junk': _json(bytes(range(256))),
    '{}': _json(b'{}'), '[]': _json(b'[]'), 'null': _json(b'null'),
    'empty': _json(b'')}
# How it fails between two faults.
RESTING = '500'


class Service:
    """The stand-in, which listens while it is entered.

    ``fault`` is the name of how it fails, one of :data:`ANSWERS`.
    """

    def __init__(self):
        self.fault = RESTING
        self._over = threading.Event()
        self._server = None
        self._port = 0

    @property
    def url(self):
        return f'http://{layouts.HOST}:{self._port}'

    def __enter__(self):
        self._listen()
        return self

    def __exit__(self, *_error):
        self._over.set()
        self._close()

    @contextlib.contextmanager
    def failing(self, fault):
        """Fail in this way while the block runs."""
        self.fault = fault
        if fault == 'down':
            self._close()
        try:
            yield
        finally:
            # Those who still wait for an answer get none.
            self._over.set()
            self._over = threading.Event()
            # Whoever logs in for the next must not wait.
            self.fault = RESTING
            if fault == 'down':
                self._listen()

    def _listen(self):
        self._server = _Server((layouts.HOST, self._port), self._handle)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever,
                         kwargs={'poll_interval': 0.05}, daemon=True).start()

    def _close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, connection, _address, _server):
        connection.settimeout(HUNG_SECONDS)
        with contextlib.suppress(OSError):
            _read_request(connection)
            if self.fault == 'hung':
                self._over.wait(HUNG_SECONDS)
            connection.sendall(ANSWERS[self.fault])


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


def _read_request(connection):
    """Read a request to its end, or its sender would miss the answer."""
    with connection.makefile('rb') as file:
        length = 0
        for line in iter(file.readline, b'\r\n'):
            if not line:
                return
            name, _colon, value = line.partition(b':')
            if name.lower() == b'content-length':
                length = int(value)
        file.read(length)
