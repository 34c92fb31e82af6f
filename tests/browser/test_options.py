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


"""What a user does with a browser to take a snapshot with options."""

import re

from playwright.sync_api import expect
import pytest

from tests.browser import looking
from tests import clients


# What is kept of what was typed in a form.
KEPT = "sessionStorage.getItem('snapshot-panel-typed')"


def open_form(page, name):
    looking.row(page, name).locator('.dropdown-toggle').click()
    looking.row(page, name).get_by_text('With options…').click()
    dialog = page.locator('#consistent_snapshot_modal')
    # Where the reading begins, and not what is to be typed last.
    expect(dialog.locator('.modal-title')).to_be_focused()
    expect(dialog.locator('[name=name]')).to_be_visible()
    return dialog


def sealed(api, server_id):
    """Return the snapshots that have a verdict, by name."""
    return {image['name']: image for image in api.snapshots(server_id)
            if image.get('consistency_verdict', 'pending') != 'pending'}


def take(dashboard, api, server_id, *names):
    """Take snapshots, one after the other, with a verdict each."""
    for name in names:
        before = len(sealed(api, server_id))
        page = dashboard.get('%s%s/snapshot/' % (clients.PANEL, server_id))
        fields = dict(dashboard.inputs(page, 'promise'))
        answer = dashboard.post('%s%s/snapshot/' % (clients.PANEL, server_id),
                                name=name, strict='on', **fields)
        assert '/snapshot/' not in answer.url, answer.text
        dashboard.settle([server_id])
        assert len(sealed(api, server_id)) == before + 1


@pytest.fixture(scope='module')
def dashboard(cloud):
    return clients.Dashboard(cloud)


def test_what_goes_is_shown_and_goes(browse, make, api, dashboard):
    server_id, name = make()
    take(dashboard, api, server_id, 'one', 'two', 'three')
    api.glance.images.update(sealed(api, server_id)['two']['id'],
                             protected=True)
    page = browse()
    dialog = open_form(page, name)
    leaving = dialog.locator('.snapshot-panel-leaving li')
    expect(leaving.filter(visible=True)).to_have_count(0)

    dialog.locator('[name=keep]').select_option('1')
    expect(leaving.filter(visible=True)).to_have_count(3)
    expect(leaving.filter(has_text='It stays: it is protected.')
           ).to_contain_text('two')
    dialog.locator('[name=keep]').select_option('3')
    expect(leaving.filter(visible=True)).to_have_count(1)
    expect(leaving.filter(visible=True)).to_contain_text('one')
    dialog.locator('[name=name]').fill('four')
    dialog.locator('[name=properties]').fill('release=7\nnote = a b')
    dialog.get_by_role('button', name='Take consistent snapshot').click()

    looking.said(page, '1 older snapshot will be deleted', 'info')
    looking.shows(looking.row(page, name), 'It replaced 1 older snapshot')
    found = sealed(api, server_id)
    assert set(found) == {'two', 'three', 'four'}
    assert (found['four']['release'], found['four']['note']) == ('7', 'a b')


def test_without_proof_nothing_goes(browse, make, api, dashboard):
    server_id, name = make()
    take(dashboard, api, server_id, 'one')
    page = browse()
    dialog = open_form(page, name)
    dialog.locator('[name=keep]').select_option('1')
    dialog.locator('[name=name]').fill('two')
    # The guest changes its mind, and nothing outside can tell.
    api.become(server_id, 'freeze-fails')

    dialog.get_by_role('button', name='Take consistent snapshot').click()

    looking.shows(looking.row(page, name), 'nothing was deleted')
    assert set(sealed(api, server_id)) == {'one', 'two'}


@pytest.mark.long
def test_a_closed_browser_replaces_all_the_same(browse, make, api, dashboard):
    server_id, name = make()
    take(dashboard, api, server_id, 'one')
    first = browse()
    dialog = open_form(first, name)
    dialog.locator('[name=keep]').select_option('1')
    dialog.locator('[name=name]').fill('two')
    dialog.get_by_role('button', name='Take consistent snapshot').click()
    looking.said(first, 'will be deleted', 'info')
    first.context.close()
    clients.wait_for(lambda: api.idle(server_id), 'Nova')

    second = browse('demo2')

    looking.shows(looking.row(second, name), 'It replaced 1 older snapshot')
    assert set(sealed(api, server_id)) == {'two'}


def test_a_snapshot_that_cannot_be_proven_any_more_is_refused(browse, make,
                                                              api):
    server_id, name = make()
    page = browse()
    dialog = open_form(page, name)
    dialog.locator('[name=properties]').fill('size=1\nok=1')
    dialog.get_by_role('button', name='Take consistent snapshot').click()
    looking.shows(dialog, 'Line 1, “size”')
    dialog.locator('[name=properties]').fill('ok=1')
    api.nova.servers.pause(server_id)
    clients.wait_for(lambda: api.status(server_id) == 'PAUSED', 'the pause')

    dialog.get_by_role('button', name='Take consistent snapshot').click()

    looking.shows(dialog, 'What is missing now: Instance state')
    assert api.snapshots(server_id) == []
    # The dialog now offers what can be had.
    dialog.get_by_role('button', name='Take it anyway: crash').click()
    looking.said(page, 'being taken')


def test_who_does_not_insist_gets_what_there_is(browse, make, api):
    server_id, name = make()
    page = browse()
    dialog = open_form(page, name)
    dialog.get_by_text('Only if provable').click()
    api.nova.servers.pause(server_id)
    clients.wait_for(lambda: api.status(server_id) == 'PAUSED', 'the pause')

    dialog.get_by_role('button', name='Take consistent snapshot').click()

    looking.shows(looking.row(page, name), 'Crash-consistent')


@pytest.mark.parametrize('start', [
    '', '{}/', '{}/snapshot/?from=instance', '/project/instances/'])
def test_an_expired_session_loses_nothing_that_was_typed(
        start, browse, make, api, cloud, dashboard):
    server_id, name = make()
    take(dashboard, api, server_id, 'one')
    page = browse()
    where = start if start.startswith('/') else clients.PANEL + start
    page.goto(cloud.url.rstrip('/') + where.format(server_id))
    if '/snapshot/' not in start:
        # In whichever menu the page has it.
        page.locator('a.ajax-modal[href*="%s/snapshot/"]' % server_id
                     ).first.dispatch_event('click')
    form = page.locator('#consistent_snapshot_modal')
    form.locator('[name=keep]').select_option('1')
    form.locator('[name=name]').fill('two ü')
    form.locator('[name=properties]').fill('release=7\nnote = a b')
    form.get_by_text('Only if provable').click()

    looking.without_session(page, cloud, form.get_by_role(
        'button', name='Take consistent snapshot'))

    expect(form.locator('[name=name]')).to_have_value('two ü')
    expect(form.locator('[name=properties]')).to_have_value(
        'release=7\nnote = a b')
    expect(form.locator('[name=keep]')).to_have_value('1')
    expect(form.locator('[name=strict]')).not_to_be_checked()
    # What the choice would delete is shown with it.
    expect(form.locator('.snapshot-panel-leaving li')).to_be_visible()
    assert set(sealed(api, server_id)) == {'one'}
    # It is used once.
    assert page.evaluate(KEPT) is None
    form.get_by_role('button', name='Take consistent snapshot').click()
    looking.said(page, 'being taken')
    assert page.evaluate(KEPT) is None


def test_a_reload_keeps_what_was_typed_for_that_instance_alone(
        browse, cloud):
    page = browse()
    name = page.locator('[name=name]')

    def visit(instance):
        page.goto('%s%s%s/snapshot/' % (
            cloud.url.rstrip('/'), clients.PANEL, cloud.instances[instance]))

    visit('web-ready')
    name.fill('typed')
    page.reload()
    expect(name).to_have_value('typed')
    visit('db-hooks')
    expect(name).to_have_value(re.compile('^db-hooks-'))

    # Whoever cancels does not want it any more.
    name.fill('typed')
    page.get_by_role('link', name='Cancel').click()
    expect(page.locator('#instances')).to_be_visible()
    visit('db-hooks')
    expect(name).to_have_value(re.compile('^db-hooks-'))


def test_what_was_typed_to_take_it_anyway_is_seen_again(browse, make, api,
                                                        cloud):
    server_id, name = make('agent-stopped')
    page = browse()
    looking.row(page, name).get_by_role(
        'link', name='Consistent snapshot…').click()
    form = page.locator('#consistent_snapshot_modal')
    form.get_by_text('Or take it anyway').click()
    form.locator('[name=name]').fill('typed')

    looking.without_session(page, cloud, form.get_by_role(
        'button', name='Take it anyway: crash'))

    expect(form.locator('[name=name]')).to_have_value('typed')
    expect(form.locator('[name=name]')).to_be_visible()
    assert api.snapshots(server_id) == []
