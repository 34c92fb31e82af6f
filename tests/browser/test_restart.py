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


"""Stop, snapshot and start again, as a user does it with a browser."""

import re

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect
import pytest

from tests.browser import looking
from tests import clients


@pytest.fixture
def ask(browse):
    """Open the dialog that asks: ``ask(name)`` returns (page, button)."""
    def go(name):
        page = browse()
        # The guest is asked first.
        looking.row(page, name).get_by_role(
            'link', name='Consistent snapshot…').click()
        dialog = page.locator('#consistent_snapshot_modal')
        for text in ('Not ready: fix it', 'Or stop it for the snapshot',
                     'Or take it anyway'):
            looking.shows(dialog, text)
        dialog.get_by_role('link', name=re.compile('downtime')).click()
        asked = page.locator('#consistent_restart_modal')
        looking.shows(asked, 'Down for some minutes')
        return page, asked.get_by_role(
            'button', name='Stop, snapshot and start again')
    return go


@pytest.fixture
def begin(ask):
    """Go the whole way of the dialog: ``begin(name)`` returns the page."""
    def go(name):
        page, button = ask(name)
        button.click()
        looking.said(page, 'is being shut down')
        return page
    return go


def runs(api, server_id):
    def look():
        return api.status(server_id) == 'ACTIVE' and api.idle(
            server_id) and 'consistency_restart' not in (
                api.nova.servers.get(server_id).metadata)
    clients.wait_for(look, 'the instance to run again')


def test_a_stopped_guest_gives_a_consistent_snapshot(begin, make, api):
    server_id, name = make('agent-stopped')
    page = begin(name)
    seen = set()

    def watch():
        text = looking.row(page, name).inner_text()
        seen.update(re.findall('Down for a snapshot: (\\w+)', text))
        return 'Down for' not in text and 'File-system consistent' in text
    clients.wait_for(watch, 'the instance to be back', pause=0.2)

    runs(api, server_id)
    assert {'Shutting', 'Shut'} & seen
    image, = api.snapshots(server_id)
    assert (image['consistency_verdict'], image['consistency_rule']) == (
        'filesystem-consistent', 'disk-at-rest')


def test_an_expired_session_stops_nothing_and_asks_again(ask, make, api,
                                                         cloud):
    server_id, name = make('agent-stopped')
    page, button = ask(name)

    looking.without_session(page, cloud, button)

    page.wait_for_url('**%s%s/restart/' % (clients.PANEL, server_id))
    expect(button).to_be_visible()
    assert api.status(server_id) == 'ACTIVE'
    assert 'consistency_restart' not in api.nova.servers.get(
        server_id).metadata


def test_a_closed_browser_is_followed_by_whoever_looks(begin, browse, make,
                                                       api, cloud):
    server_id, name = make('agent-stopped')
    first = begin(name)
    first.context.close()
    clients.wait_for(lambda: api.status(server_id) == 'SHUTOFF', 'the stop')

    second = browse('demo2')
    second.goto('%s%s%s/' % (cloud.url.rstrip('/'), clients.PANEL,
                             server_id))
    expect(second.locator('#snapshot-panel-restart .alert')).to_be_hidden(
        timeout=clients.PATIENCE * 1000)

    runs(api, server_id)
    image, = api.snapshots(server_id)
    assert image['consistency_rule'] == 'disk-at-rest'
    assert image['consistency_requested_by'] == 'demo'


@pytest.mark.long
def test_a_guest_that_does_not_listen_is_called_what_it_is(begin, make, api):
    server_id, name = make('ignores-acpi', image='debian-12')
    page = begin(name)

    looking.shows(looking.row(page, name), 'Crash-consistent')
    runs(api, server_id)
    image, = api.snapshots(server_id)
    assert image['consistency_rule'] == 'disk-in-use'


@pytest.mark.long
def test_somebody_else_is_not_worked_against(begin, browse, make, api,
                                             cloud):
    server_id, name = make('agent-stopped')
    begin(name).context.close()
    clients.wait_for(lambda: api.status(server_id) == 'SHUTOFF', 'the stop')
    api.nova.servers.start(server_id)
    clients.wait_for(lambda: api.status(server_id) == 'ACTIVE', 'the start')

    page = browse()
    page.goto('%s%s%s/' % (cloud.url.rstrip('/'), clients.PANEL, server_id))
    notice = page.locator('#snapshot-panel-restart')
    looking.shows(notice, 'the panel leaves it alone')
    found = axe.Axe().run(page, context='#snapshot-panel-restart')
    assert not found.violations_count, found.generate_report()
    notice.get_by_role('button', name='Dismiss').press('Enter')

    looking.said(page, 'will not be shown')
    assert api.snapshots(server_id) == []
    assert api.status(server_id) == 'ACTIVE'


def test_who_leaves_is_asked_and_it_can_be_cancelled_while_it_stops(
        begin, make, api):
    # It takes its whole minute to stop.
    server_id, name = make('ignores-acpi', image='debian-12')
    page = begin(name)
    link = looking.row(page, name).get_by_role('link', name=name, exact=True)

    # Who leaves the pages that follow it is asked.
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()
    page.on('dialog', stay)
    page.get_by_role('link', name='Image properties').click()
    assert asked == ['beforeunload']
    link.click()
    page.wait_for_url('**/%s/' % server_id)
    looking.shows(page.locator('#snapshot-panel-restart'),
                  'Leave this page open until then')
    page.get_by_role('button', name='Cancel: start it again').click()

    looking.said(page, 'is started again')
    runs(api, server_id)
    assert api.snapshots(server_id) == []
    # From one of these pages to another nobody is.
    assert asked == ['beforeunload']


@pytest.mark.long
def test_a_lock_is_waited_for_and_blocks_nobody_else(begin, browse, make, api,
                                                     cloud):
    server_id, name = make('agent-stopped')
    _other_id, other = make('agent-stopped')
    begin(name).context.close()
    clients.wait_for(lambda: api.status(server_id) == 'SHUTOFF', 'the stop')
    # Nova lets nobody but an operator write on a locked server.
    operator = clients.OpenStack(cloud, 'admin', 'demo').nova.servers
    operator.lock(server_id)
    try:
        page = browse('demo2')
        looking.shows(looking.row(page, name), 'Waiting: the instance is '
                                               'locked')
        looking.shows(looking.row(page, other), 'Not ready')
        assert api.snapshots(server_id) == []
    finally:
        operator.unlock(server_id)

    # The page looks now and then, and carries on by itself.
    runs(api, server_id)
    assert len(api.snapshots(server_id)) == 1
