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

"""What a user sees where something is slow, fails or goes away."""

import contextlib
import time

from glanceclient import exc as glance_exceptions
from playwright.sync_api import expect
import pytest

from tests import clients

NEWS = '#snapshot-panel-news'
DOWN = 'The dashboard does not answer. Trying again'
# Long enough to be seen, in seconds.
SLOW = 3


@pytest.fixture
def newborn(boot):
    """An instance that may be deleted."""
    return boot('test-robust')


@pytest.fixture
def leave(api, newborn):
    """Leave an unfinished snapshot of it: ``leave(name)`` returns its id.

    Nobody works on it, so after the grace it counts as abandoned.
    """
    made = []

    def make(name='unfinished'):
        made.append(api.glance.images.create(
            name=name, disk_format='raw', container_format='bare',
            image_type='snapshot', instance_uuid=newborn)['id'])
        return made[-1]

    yield make
    for image_id in made:
        # A test may have deleted it.
        with contextlib.suppress(glance_exceptions.HTTPNotFound):
            api.glance.images.delete(image_id)


@pytest.fixture
def visit(browse, cloud):
    def go(path='', page=None, **window):
        page = page or browse(**window)
        page.goto(cloud.url.rstrip('/') + clients.PANEL + path)
        return page
    return go


def delay(route):
    time.sleep(SLOW)
    route.continue_()


class Failing:
    """Answer so many requests as a broken dashboard does."""

    def __init__(self, times, status=500):
        self.left, self.seen, self.status = times, 0, status

    def __call__(self, route):
        self.seen += 1
        if self.seen > self.left:
            route.continue_()
        else:
            route.fulfill(status=self.status, body='<h1>Server Error</h1>',
                          content_type='text/html')


def test_slow_news_do_not_keep_the_page(visit, leave):
    page = visit()
    leave()
    page.route('**/news/**', delay)
    page.route('**/rows/**', delay)
    visit(page=page)

    # The page is whole and can be used before the first answer.
    expect(page.get_by_role('link', name='test-robust')).to_be_visible()
    page.get_by_role('link', name='test-robust').click()
    expect(page.locator('#snapshot-panel-checks')).to_contain_text(
        'Instance state')
    page.get_by_text('openstack command').click()
    expect(page.get_by_text('openstack server image create')).to_be_visible()


def test_a_failing_index_says_so_and_recovers(visit, boot):
    page = visit()
    # After that page, which asks the guests that it lists: nobody asked this
    # one before, and its row is the first that is seen.
    boot('test-robust')
    broken = Failing(2)
    page.route('**/rows/**', broken)
    visit(page=page)

    expect(page.locator(NEWS)).to_contain_text(DOWN)
    expect(page.locator('#instances')).to_contain_text('web-ready')
    expect(page.locator(NEWS)).to_be_empty()
    assert broken.seen > 2


def test_failing_news_say_so_and_recover(visit, newborn, leave):
    page = visit()
    leave()
    broken = Failing(1)
    page.route('**/news/**', broken)
    visit(newborn + '/', page)

    expect(page.locator(NEWS)).to_contain_text(DOWN)
    expect(page.locator('#history')).to_contain_text('unfinished')
    expect(page.locator('#history')).to_contain_text('Discarded')
    # The same place announces verdicts.
    expect(page.locator(NEWS)).not_to_contain_text(DOWN)


def test_an_expired_session_leads_to_the_login_and_back(visit, cloud):
    # This page asks for minutes: nobody installs a kit there.
    path = cloud.instances['db-agent-no-kit'] + '/setup/'
    page = visit(path)

    page.context.clear_cookies(name='sessionid')

    page.wait_for_selector('#id_password')
    page.fill('#id_username', 'demo')
    page.fill('#id_password', cloud.users['demo']['password'])
    page.press('#id_password', 'Enter')
    page.wait_for_selector('#snapshot-panel-status')
    assert page.url.endswith(path)


def test_an_instance_deleted_meanwhile_is_said(visit, newborn, leave, api):
    page = visit()
    leave()
    visit(newborn + '/', page)
    api.nova.servers.delete(newborn)
    clients.wait_for(lambda: newborn not in [
        server.id for server in api.nova.servers.list()], 'the end')

    expect(page.locator(NEWS)).to_contain_text('Nova: It does not exist')
    visit(newborn + '/', page)
    expect(page.locator('.alert-danger')).to_contain_text(
        'It does not exist')
    page.get_by_role('link', name='Back to the list').click()
    expect(page.locator('#instances')).to_contain_text('web-ready')


def test_a_snapshot_deleted_meanwhile_leaves_the_page(visit, newborn, leave,
                                                      api):
    page = visit()
    first = leave()
    leave('kept')
    visit(newborn + '/', page)
    expect(page.locator('#history')).to_contain_text('unfinished')

    api.glance.images.delete(first)

    expect(page.locator('#history')).not_to_contain_text('unfinished')
    expect(page.locator('#history')).to_contain_text('kept')


@pytest.mark.long
def test_the_focus_stays_where_the_user_is(visit, newborn, leave):
    page = visit()
    leave()
    visit(newborn + '/', page)
    row = page.locator('#history tbody tr').first
    row.locator('.btn').first.focus()
    page.evaluate('window.focused = document.activeElement')

    # The row is another one once the snapshot counts as abandoned.
    expect(row).to_contain_text('Discarded')

    assert page.evaluate(
        'document.activeElement !== window.focused &&'
        ' document.activeElement.closest("#history tbody tr") !== null')
