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

"""What stands in the place of a service."""

import urllib.parse


class Data:
    """Image data as :func:`glance.open_data` opens it.

    :param data: the whole image; None where it is refused.
    :param ranges: whether the store can give parts of it.
    :param refusal: the status of that: 403, this user may not read it; 404,
        nobody can.
    """

    def __init__(self, data=None, ranges=True, refusal=403):
        self.data, self.ranges, self.refusal = data, ranges, refusal
        self.asked = []

    def __call__(self, _request, _image_id, part=None):
        self.asked.append(part)
        if self.data is None:
            return Answer(self.refusal)
        if part is None:
            return Answer(200, self.data)
        if not self.ranges:
            return Answer(400)
        first, last = map(int, part.partition('=')[2].split('-'))
        return Answer(206, self.data[first:last + 1], {
            'Content-Range': 'bytes %d-%d/%d' % (first, last,
                                                 len(self.data))})


class Answer:
    """An answer as the library requests gives it, as far as we look."""

    def __init__(self, status_code, body=b'', headers=None):
        self.status_code, self.body = status_code, body
        self.headers, self.closed = headers or {}, False
        self.text = ''

    def iter_content(self, size):
        for first in range(0, len(self.body), size):
            yield self.body[first:first + size]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def close(self):
        self.closed = True


def answer_images(images, url):
    """Answer a GET of images as Glance's client does.

    :param images: has ``list``, which takes the query by name, and ``get``.
    """
    path, _, query = url.partition('?')
    if path == '/v2/info/usage':
        # Glance's answer where the operator set no quotas.
        return None, {'usage': {}}
    if path == '/v2/images':
        options = dict(urllib.parse.parse_qsl(query))
        wanted = options.get('image_type')
        return None, {'images': [
            image for image in images.list(**options)
            if wanted in (None, image.get('image_type'))
            and image.get('os_hidden', False) == (
                options.get('os_hidden') == 'true')]}
    return None, images.get(path.rpartition('/')[2])
