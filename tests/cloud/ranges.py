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


"""A Glance that gives parts of an image as other stores do, or wrongly.

Its store can read at random (fact 35). What a word in the file ``SWITCH``,
in the demo's folder, names of ``WAYS`` becomes of a request with a Range
instead; so a test changes it while the cloud runs, and a person may too.
"""

import errno
import re

SWITCH = 'state/glance-ranges'
# By how much an answer is beside what was asked for, in bytes.
BESIDE = 512


def _refused(application, environ, start_response):
    """Answer as for a store that cannot: Ceph, Swift and others."""
    text = b'Getting images randomly from this store is not supported.'
    start_response('400 Bad Request', [
        ('Content-Type', 'text/plain; charset=UTF-8'),
        ('Content-Length', str(len(text)))])
    return [text]


def _ignored(application, environ, start_response):
    """Give the whole image, as HTTP allows."""
    del environ['HTTP_RANGE']
    return application(environ, start_response)


def _cut(application, environ, start_response):
    """Let the connection break in the middle of what was promised."""
    for piece in application(environ, start_response):
        yield piece[:len(piece) // 2]
        raise ConnectionResetError(errno.ECONNRESET, 'cut on purpose')


def _shifted(application, environ, start_response):
    """Give another part than was asked for, and say so."""
    environ['HTTP_RANGE'] = re.sub(
        r'\d+', lambda found: str(int(found[0]) + BESIDE),
        environ['HTTP_RANGE'])
    return application(environ, start_response)


WAYS = {'refused': _refused, 'ignored': _ignored, 'cut': _cut,
        'shifted': _shifted}


class Ranges:
    """A WSGI application before Glance's.

    :param switch: pathlib.Path of the file with the word; without it, and
        with any other word, Glance answers itself
    """

    def __init__(self, application, switch):
        self._application = application
        self._switch = switch

    def __call__(self, environ, start_response):
        way = self._way() if 'HTTP_RANGE' in environ else None
        if way is None:
            return self._application(environ, start_response)
        return way(self._application, environ, start_response)

    def _way(self):
        try:
            return WAYS.get(self._switch.read_text().strip())
        except OSError:
            return None
