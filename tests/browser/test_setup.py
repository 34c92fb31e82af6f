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

"""Guest setup as a user goes through it."""

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect
import pytest

from snapshot_panel.guest_setup import kit
from snapshot_panel.ui import systems
from tests import clients

OURS = '.snapshot-panel-setup'
TAB = 'instance_details__consistent_snapshots'
# It has the channel, and no kit yet.
NAME = 'db-agent-no-kit'
# The page looks every few seconds; in milliseconds.
PATIENCE = clients.PATIENCE * 1000


@pytest.fixture
def newborn(boot):
    """An instance without the kit: what a console said stays there."""
    return boot('test-setup', meta={'demo_guest': 'no-kit'})


@pytest.fixture
def goto(cloud):
    def go(page, name, rest=''):
        page.goto('%s%s%s/setup/%s' % (
            cloud.url.rstrip('/'), clients.PANEL, cloud.instances[name],
            rest))
    return go


@pytest.fixture
def themed(cloud):
    def choose(page, theme):
        page.context.add_cookies([
            {'name': 'theme', 'value': theme, 'url': cloud.url}])
    return choose


def violations(page):
    # The colours of a button are the theme's.
    found = axe.Axe().run(page, context={
        'include': [[OURS]], 'exclude': [[OURS + ' .btn-primary']]})
    return [(each['id'], [node['html'] for node in each['nodes']])
            for each in found.response['violations']]


def test_from_the_index_to_the_kit_in_the_clipboard(browse, cloud):
    page = browse()
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    row = page.locator('#instances tr[data-object-id="%s"]'
                       % cloud.instances[NAME])
    row.locator('.dropdown-toggle').click()
    row.get_by_role('link', name='Guest setup').click()

    page.get_by_role('button', name='Copy: Install the kit').click()

    expect(page.get_by_text('Copied.')).to_be_visible()
    assert page.evaluate('navigator.clipboard.readText()') == kit.block()


def test_the_agents_line_is_the_first_to_copy(browse, goto):
    page = browse()
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    goto(page, NAME)

    first = page.locator(OURS).get_by_role('button', name='Copy: ').first
    first.press('Enter')

    expect(page.get_by_text('Copied.')).to_be_visible()
    assert page.evaluate('navigator.clipboard.readText()') == (
        systems.SYSTEMS[0].agent)


def test_another_system_is_chosen_by_keyboard(browse, goto):
    page = browse()
    goto(page, NAME)

    page.get_by_text('Another system').press('Enter')
    page.get_by_role('link', name='SLE Micro, MicroOS').press('Enter')

    expect(page.locator(OURS)).to_contain_text('transactional-update')
    expect(page.locator(OURS)).to_contain_text('The image says otherwise')


def test_without_a_clipboard_the_block_is_selected_and_copied(browse, goto):
    page = browse()
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});")
    goto(page, NAME)

    page.get_by_text('Try a hook that only takes notes').click()
    page.get_by_role('button', name='Copy: Read the notes').click()

    assert page.evaluate('String(getSelection())').strip() == (
        'cat /var/lib/fsfreeze-test')


def test_the_page_tells_when_the_agent_reports(browse, cloud, newborn, api):
    page = browse()
    page.goto('%s%s%s/setup/' % (
        cloud.url.rstrip('/'), clients.PANEL, newborn))
    expect(page.locator('#snapshot-panel-status')).to_contain_text(
        'The agent was started', timeout=PATIENCE)

    api.become(newborn, 'ready')

    expect(page.locator('#snapshot-panel-ago')).to_contain_text(
        'The agent reported', timeout=PATIENCE)
    expect(page.locator('#snapshot-panel-status')).to_contain_text(
        'The agent reports')
    # From here it is two clicks to a snapshot that is proven.
    page.get_by_role('link', name='Consistent snapshot…').click()
    page.locator('.modal input[type=submit]').click()
    row = page.locator('#instances tr[data-object-id="%s"]' % newborn)
    expect(row).to_contain_text('File-system consistent', timeout=PATIENCE)


def test_the_page_stops_looking_and_looks_again(browse, goto):
    page = browse()
    goto(page, NAME)
    page.evaluate("document.getElementById('snapshot-panel-status')"
                  ".dataset.looks = '1'")

    again = page.get_by_role('button', name='Look again')
    expect(again).to_be_visible(timeout=PATIENCE)
    with page.expect_response('**/setup/status/'):
        again.click()


def test_an_outage_is_said_and_survived(browse, goto):
    page = browse()
    down = []
    page.route('**/setup/status/', lambda route: (
        route.continue_() if down else route.abort()))
    goto(page, 'web-ready')
    trouble = page.locator('#snapshot-panel-trouble')
    expect(trouble).to_contain_text('does not answer', timeout=PATIENCE)

    down.append(False)

    expect(trouble).to_be_empty(timeout=PATIENCE)


@pytest.mark.parametrize('system, theme', [
    ('debian', 'default'), ('debian', 'material'), ('windows', 'default'),
    ('microos', 'default'), ('talos', 'material'), ('other', 'default')])
def test_our_markup_is_accessible_and_fits(browse, goto, themed, theme,
                                           system):
    page = browse(width=800)
    themed(page, theme)
    goto(page, NAME, '?system=' + system)
    page.evaluate("document.querySelectorAll('details')"
                  ".forEach(function (each) { each.open = true; })")

    assert violations(page) == []
    assert page.evaluate(
        'document.documentElement.scrollWidth - innerWidth') <= 0


@pytest.mark.parametrize('theme', ['default', 'material'])
def test_the_tab_is_loaded_when_it_is_opened(browse, cloud, themed, theme):
    page = browse()
    themed(page, theme)
    page.goto('%s/project/instances/%s/' % (
        cloud.url.rstrip('/'), cloud.instances[NAME]))
    tab = page.locator('#' + TAB)
    expect(tab.locator(OURS)).to_have_count(0)

    page.locator('a[data-target="#%s"]' % TAB).click()

    expect(tab).to_contain_text('Channel to the guest agent')
    assert violations(page) == []
