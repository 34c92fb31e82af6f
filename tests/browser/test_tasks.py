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

"""What users came for: how many clicks it takes, and how many words."""

import contextlib
import csv
import io
import uuid

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect
import pytest

from tests.browser import looking
from tests import clients
from tests import words

DIALOG = '#consistent_snapshot_modal'
# In the page, before any script of it: what a test's own script clicks is not
# trusted, and a click that leads elsewhere is counted before it leaves.
COUNT = """document.addEventListener('click', event => {
    if (event.isTrusted) {
        sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1;
    }
}, true);"""


@contextlib.contextmanager
def at_most(clicks, page):
    """Let a task take so many clicks, and no address that is typed in."""
    def refuse(*_args, **_kwargs):
        raise AssertionError('a user has no address to type in')
    page.evaluate('sessionStorage.clicks = 0')
    kept, page.goto = page.goto, refuse
    try:
        yield
    finally:
        page.goto = kept
    taken = int(page.evaluate('sessionStorage.clicks'))
    # None at all would mean that nobody counted.
    assert 0 < taken <= clicks, taken


@pytest.fixture
def arrive(browse, cloud):
    """Open a page whose clicks are counted: ``arrive('images/')``."""
    def open_page(path='', whole=False, **window):
        page = browse(**window)
        page.context.add_init_script(COUNT)
        page.goto(cloud.url.rstrip('/') + (
            path if whole else clients.PANEL + path))
        return page
    return open_page


@pytest.fixture
def own_image(api):
    """The id of an image that gives no instance the channel."""
    image_id = api.glance.images.create(
        name='test-' + uuid.uuid4().hex[:8], disk_format='raw',
        container_format='bare', visibility='private', kept=' ')['id']
    api.glance.images.upload(image_id, io.BytesIO(b'x' * 512))
    yield image_id
    api.glance.images.delete(image_id)


def test_from_the_front_page_to_a_verdict_its_proof_and_a_new_instance(
        arrive, cloud, api):
    instance_id = cloud.instances['web-ready']
    clients.wait_for(lambda: api.idle(instance_id), 'Nova to be idle')
    before = {image['id'] for image in api.snapshots(instance_id)}
    # Where Horizon leads after logging in.
    page = arrive('/project/', whole=True)
    row = looking.row(page, 'web-ready')

    with at_most(2, page):
        page.get_by_role('link', name='Consistent Snapshots').click()
        looking.bring(row)
        looking.shows(row, 'Ready')
        row.locator('.actions_column .btn').first.click()
        looking.said(page, 'being taken')
        expect(row.locator('.progress-bar')).to_be_visible()
        looking.shows(row, 'The disk itself says so')
        looking.shows(row, 'File-system consistent')
    [made] = [image for image in api.snapshots(instance_id)
              if image['id'] not in before]
    assert (made['status'], made['consistency_verdict']) == (
        'active', 'filesystem-consistent')

    row.get_by_role('link', name='web-ready', exact=True).click()
    newest = page.locator('#history tbody tr').first
    with at_most(1, page):
        newest.get_by_role('link', name='Proof').click()
        expect(page.locator('.snapshot-panel-proof')).to_contain_text(
            made['id'])
    page.go_back()
    with at_most(2, page):
        newest.get_by_text('Restore as new instance').click()
        expect(page.locator('.snapshot-panel-choices')).to_contain_text(
            'demo.small')
        page.get_by_role('button', name='Launch…').click()
        expect(page.locator('.modal-dialog')).to_contain_text(
            'Launch Instance')


def test_why_an_instance_is_not_ready_and_its_property_set_and_verified(
        arrive, api, boot, own_image):
    name = 'test-' + uuid.uuid4().hex[:8]
    boot(name, own_image, meta={'demo_guest': 'agent-dead'})
    page = arrive()
    row = looking.row(page, name)
    # In a word without any click.
    looking.bring(row)
    looking.shows(row, 'No channel')

    with at_most(1, page):
        row.locator('.actions_column .btn').first.click()
        dialog = page.locator(DIALOG)
        expect(dialog).to_contain_text('no channel to a guest agent')
        expect(dialog).to_contain_text('Give it the property in one of these')
        expect(dialog.locator('.btn-primary')).to_have_count(1)
    # That was the first of three.
    with at_most(2, page):
        dialog.get_by_role('link', name='Give new instances').click()
        page.get_by_role('button', name='Save').click()
        expect(page.locator('.snapshot-panel-preview')).to_contain_text(
            'Verified')
    image = api.glance.images.get(own_image)
    assert (image['hw_qemu_guest_agent'], image['kept']) == ('yes', ' ')


def test_the_property_of_an_image_is_set_and_verified(arrive, api, own_image):
    page = arrive()

    with at_most(3, page):
        page.get_by_role('link', name='Image properties').click()
        page.locator('#own_images tr[data-object-id="%s"]' % own_image
                     ).get_by_role('button', name='Give new instances').click()
        expect(page.locator('pre')).to_have_text(
            'openstack image set --property hw_qemu_guest_agent=yes '
            + own_image)
        page.get_by_role('button', name='Save').click()
        expect(page.locator('.snapshot-panel-preview')).to_contain_text(
            'Verified')
    assert api.glance.images.get(own_image)['hw_qemu_guest_agent'] == 'yes'


def test_the_answer_comes_before_the_words_and_all_fits_a_telephone(
        browse, cloud):
    page = browse(width=words.TELEPHONE)
    wordy, wide = {}, []

    for name, each in words.PAGES.items():
        page.goto(words.address(cloud, each.path))
        page.set_viewport_size({'width': words.TELEPHONE, 'height': 1000})
        before = words.read(page, each.answer)
        if len(before) > each.most:
            wordy[name] = len(before), ' '.join(before)
        # What is folded has to fit too.
        page.evaluate("document.querySelectorAll('#content_body details')"
                      ".forEach(function (each) { each.open = true; })")
        for width in (words.TELEPHONE, 768):
            page.set_viewport_size({'width': width, 'height': 1000})
            if page.evaluate('document.documentElement.scrollWidth') > width:
                wide.append((name, width))

    assert not wordy
    assert not wide


def row_words(page, selector):
    """Return how many words each row shows."""
    return [len(words.read(page, within='%s:nth-of-type(%d)' % (
        selector, number + 1)))
        for number in range(page.locator(selector).count())]


def test_no_page_grows_beyond_half_of_the_words_that_it_had(browse, cloud):
    page = browse()
    page.set_viewport_size(words.DESK)
    wordy = {}

    for name, each in words.PAGES.items():
        _before, now = words.count(cloud, page, each)
        # Of a list only its rows, of a history one: other tests make more.
        counts = (row_words(page, each.answer) if each.each else
                  [now - sum(row_words(page, '#history tbody tr')[1:])])
        assert 0 < min(counts)
        if max(counts) > (each.each or each.limit):
            wordy[name] = counts, ' '.join(words.read(page))

    assert not wordy


def test_the_documents_table_of_words_is_of_these_pages():
    with words.TABLE.open(newline='') as file:
        told = list(csv.reader(file))

    assert {name: then for name, then, now, ratio in told} == {
        name: str(page.then or '–') for name, page in words.PAGES.items()}
    assert [name for name, then, now, ratio in told
            if not 0 < int(now) <= words.PAGES[name].limit] == []


@pytest.mark.long
@pytest.mark.parametrize('theme', ['default', 'material'])
def test_our_markup_is_accessible_on_each_page(browse, cloud, theme):
    page = browse()
    page.context.add_cookies([{'name': 'theme', 'value': theme,
                               'url': cloud.url}])
    found = {}

    for name, each in words.PAGES.items():
        page.goto(words.address(cloud, each.path))
        page.evaluate("document.querySelectorAll('#content_body details')"
                      ".forEach(function (each) { each.open = true; })")
        # Horizon's: the heads of tables, the title of a dialog, and the
        # colours of a theme's buttons.
        answer = axe.Axe().run(page, context={
            'include': [['#content_body']],
            'exclude': [['.page-breadcrumb'], ['.table_actions'],
                        ['.actions_column'], ['thead'], ['.modal-title'],
                        ['.btn-primary'], ['.btn-danger']]})
        if answer.violations_count:
            found[name] = answer.generate_report()

    assert not found


@pytest.mark.parametrize('theme', ['default', 'material'])
def test_a_message_can_be_read_in_each_of_its_colours(browse, cloud, theme):
    page = browse()
    page.context.add_cookies([{'name': 'theme', 'value': theme,
                               'url': cloud.url}])
    # The page of images underlines all its links.
    page.goto(words.address(cloud, '{web-ready}/fix/'))
    message = page.locator('#content_body .alert')
    expect(message).to_contain_text('has a proven snapshot')
    found = {}

    for kind in ('info', 'success', 'warning', 'danger'):
        message.evaluate(
            "(each, kind) => { each.className = 'alert alert-' + kind;"
            " each.innerHTML += ' <a href=\"#\">A link</a>'; }", kind)
        # Of the words' colour, so it has to look like a link.
        expect(message.get_by_role('link').last).to_have_css(
            'text-decoration-line', 'underline')
        answer = axe.Axe().run(page, context='#content_body .alert')
        if answer.violations_count:
            found[kind] = answer.generate_report()

    assert not found
