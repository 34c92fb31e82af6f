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

"""The index: pages, filters, and what it asks."""

import html
import re

import pytest

from tests import clients


@pytest.fixture
def small_pages(cloud):
    """Horizon for a user who wants four rows a page."""
    horizon = clients.Dashboard(cloud)
    horizon.http.cookies.set('API_RESULT_PAGE_SIZE', '4')
    return horizon


def names(page):
    return re.findall(r'data-display="([^"]+)"', page.text)


def turned(page, link):
    """Return where the page's link of this name leads, or None."""
    found = re.search(rf'href="([^"]+)">[^<]*{link}', page.text)
    return found and clients.PANEL + html.unescape(found.group(1))


def test_pages_are_turned_by_the_server(small_pages, cloud):
    seen = []
    following = clients.PANEL
    while following:
        page = small_pages.get(following)
        assert 0 < len(names(page)) <= 4
        assert not set(names(page)) & set(seen)
        seen += names(page)
        following = turned(page, 'Next')

    assert sorted(seen) == sorted(set(cloud.instances) - {'other-web'})


def test_the_page_before_comes_back(small_pages):
    first = small_pages.get(clients.PANEL)
    second = small_pages.get(turned(first, 'Next'))

    again = small_pages.get(turned(second, 'Prev'))

    assert names(again) == names(first)
    assert not set(names(again)) & set(names(second))


def test_a_page_whose_mark_was_deleted_is_the_first(small_pages):
    first = small_pages.get(clients.PANEL)

    page = small_pages.get(clients.PANEL, marker='no-such-instance')

    assert names(page) == names(first)


@pytest.mark.parametrize('field, value, found', [
    ('name', 'stopped', ['stopped-clean', 'stopped-hard',
                         'app-agent-stopped']),
    ('name', '.*', []),
    ('status', 'paused', ['paused']),
    ('status', 'no such status', []),
])
def test_the_service_filters(field, value, found, cloud):
    horizon = clients.Dashboard(cloud)

    page = horizon.post(clients.PANEL, instances__filter__q=value,
                        instances__filter__q_field=field,
                        action='instances__filter')

    assert page.status_code == 200
    assert sorted(names(page)) == sorted(found)
