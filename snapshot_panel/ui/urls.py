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

"""The addresses of the panel's own pages."""

from collections.abc import Iterable
import urllib.parse

from django import urls

_PANEL = 'horizon:project:consistent_snapshots:'


def name(page: str) -> str:
    """Return the full name of a page, as Django knows it.

    :param page: its name in one of the panel's ``urls.py``.
    """
    return _PANEL + page


def reverse(page: str, *arguments: str) -> str:
    """Return the address of a page.

    :param page: as :func:`name` takes it.
    :param arguments: what the address holds, such as an instance's id.
    :raises django.urls.NoReverseMatch: there is no such page.
    """
    return urls.reverse(name(page), args=arguments)


def preset(code: str, image_ids: Iterable[str]) -> str:
    """Return the address of what a preset would change on images.

    :param code: that of an :class:`edits.Preset`.
    """
    return '%s?%s' % (reverse('preset_images', code), urllib.parse.urlencode(
        {'id': list(image_ids)}, doseq=True))
