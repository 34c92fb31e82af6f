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
        return None, {'images': list(images.list(**options))}
    return None, images.get(path.rpartition('/')[2])
