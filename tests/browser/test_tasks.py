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
import io
import uuid

from playwright.sync_api import expect
import pytest

from tests.browser import looking
from tests import clients

# In the page, before any script of it: what a test's own script clicks is not
# trusted, and a click that leads elsewhere is counted before it leaves.
COUNT = """document.addEventListener('click', event => {
    if (event.isTrusted) {
        sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1;
    }
}, true);"""
# The words that are seen before the answer, in the order in which a screen
# reader reads them.
WORDS = """selector => {
    const answer = document.querySelector(selector);
    const walker = document.createTreeWalker(
        document.querySelector('#content_body'), NodeFilter.SHOW_TEXT);
    let text = '';
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (answer.contains(node) || answer.compareDocumentPosition(node)
                & Node.DOCUMENT_POSITION_FOLLOWING) {
            break;
        }
        if (node.parentElement.checkVisibility()
                && !node.parentElement.closest('.sr-only, script, option')) {
            text += ' ' + node.data;
        }
    }
    return text.split(/\\s+/).filter(word => /[\\p{L}\\p{N}]/u.test(word));
}"""


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
    """Open a page below the panel's: ``arrive('images/')``."""
    def open_page(path='', whole=False, **window):
        page = browse(**window)
        page.context.add_init_script(COUNT)
        page.goto(cloud.url.rstrip('/') + (
            path if whole else clients.PANEL + path))
        return page
    return open_page


def test_from_the_front_page_to_a_verdict_and_a_new_instance(arrive, make):
    # Where Horizon leads after logging in.
    page = arrive('/project/', whole=True)
    _instance_id, name = make('ready')
    row = looking.row(page, name)

    with at_most(2, page):
        page.get_by_role('link', name='Consistent Snapshots').click()
        looking.shows(row, 'Ready')
        row.locator('.actions_column .btn').first.click()
        looking.shows(row, 'File-system consistent')

    row.get_by_role('link', name=name, exact=True).click()
    newest = page.locator('#history tbody tr').first
    looking.shows(newest, 'File-system consistent')
    # Its proof, and back.
    with at_most(1, page):
        newest.get_by_role('link', name='Proof').click()
        expect(page.locator('.snapshot-panel-proof')).to_contain_text(
            'Nothing was waiting in its journal', ignore_case=True)
    page.go_back()
    with at_most(2, page):
        newest.get_by_text('Restore as new instance').click()
        page.get_by_role('button', name='Launch…').click()
        expect(page.locator('.modal-dialog')).to_contain_text(
            'Launch Instance')


def test_why_an_instance_is_not_ready(arrive):
    page = arrive()
    row = looking.row(page, 'legacy-no-channel')
    # The word is there without any click.
    looking.shows(row, 'No channel')

    with at_most(1, page):
        row.locator('.actions_column .btn').first.click()
        dialog = page.locator('#consistent_snapshot_modal')
        expect(dialog).to_contain_text('no channel to a guest agent')
        expect(dialog.get_by_text('Give it the property')).to_be_visible()


def test_a_property_is_set_and_verified(arrive, api):
    image_id = api.glance.images.create(
        name='test-' + uuid.uuid4().hex[:8], disk_format='raw',
        container_format='bare', visibility='private')['id']
    api.glance.images.upload(image_id, io.BytesIO(b'x' * 512))
    page = arrive()
    try:
        with at_most(3, page):
            page.get_by_role('link', name='Image properties').click()
            page.locator('#own_images tr[data-object-id="%s"]' % image_id
                         ).get_by_role('button', name='Give new instances'
                                       ).click()
            page.get_by_role('button', name='Save').click()
            expect(page.locator('.snapshot-panel-preview')).to_contain_text(
                'Verified')
        assert api.glance.images.get(image_id)['hw_qemu_guest_agent'] == 'yes'
    finally:
        api.glance.images.delete(image_id)


# By the page: the answer, and how many words may stand before it.
ANSWERS = {
    '': ('#instances tbody tr', 60),
    '{web-ready}/': ('#snapshot-panel-standing', 20),
    '{legacy-no-channel}/': ('#snapshot-panel-standing', 20),
    '{legacy-no-channel}/snapshot/': ('[data-check]', 30),
    '{db-agent-no-kit}/setup/': ('.snapshot-panel-steps pre', 130),
    '{web-ready}/schedule/': ('form select', 20),
    '{db-hooks}/proof/{former}/': ('#snapshot-panel-standing', 20),
    'images/': ('#own_images tbody tr', 60),
    'images/{debian-12-own}/': ('.snapshot-panel-form .form-control', 35),
}


def test_the_answer_comes_before_the_words_and_all_fits_a_telephone(
        arrive, cloud):
    page = arrive(width=390)
    former = next(image_id for name, image_id in cloud.images.items()
                  if name.startswith('db-hooks-'))
    names = {**cloud.images, **cloud.instances, 'former': former}

    wide, wordy = [], {}
    for path, (answer, most) in ANSWERS.items():
        page.goto(cloud.url.rstrip('/') + clients.PANEL
                  + path.format(**names))
        words = page.evaluate(WORDS, answer)
        if len(words) > most:
            wordy[path] = len(words), ' '.join(words)
        if page.evaluate('document.documentElement.scrollWidth') > 390:
            wide.append(path)

    assert not wordy
    assert not wide
