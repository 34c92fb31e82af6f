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

"""``python -m tests.words``: how many words the pages show, as a table.

On a demo cloud of its own, or on the one whose ready.json DEMO_READY names.
The browser's tests hold each page to its number.
"""

import contextlib
import os
import pathlib
import typing

from playwright import sync_api

from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import running
from tests import tools

FOLDER = layouts.REPOSITORY / '.demo' / 'words'
# How wide a telephone is, in pixels.
TELEPHONE = 390


class Page(typing.NamedTuple):
    """A page below the panel's.

    ``answer`` is the selector of what users came for, before which at most
    ``most`` words may stand.
    """

    path: str
    answer: str
    most: int


PAGES = {
    'index': Page('', '#instances tbody tr', 60),
    'instance, ready': Page('{db-hooks}/', '#snapshot-panel-standing', 20),
    'instance, not ready': Page('{legacy-no-channel}/',
                                '#snapshot-panel-standing', 20),
    'instance, shut off': Page('{stopped-clean}/',
                               '#snapshot-panel-standing', 20),
    'dialog': Page('{legacy-no-channel}/snapshot/', '[data-check]', 30),
    'step by step': Page('{legacy-no-channel}/fix/',
                         '#snapshot-panel-fix .btn', 40),
    'proof': Page('{db-hooks}/proof/{proven}/', '#snapshot-panel-standing',
                  20),
    'schedule': Page('{web-ready}/schedule/',
                     '.snapshot-panel-schedule select', 20),
    'guest setup': Page('{db-agent-no-kit}/setup/',
                        '.snapshot-panel-steps pre', 130),
    'images': Page('images/', '#own_images tbody tr', 60),
    'image': Page('images/{debian-12-own}/',
                  '.snapshot-panel-form .form-control', 35),
    'preview': Page('images/preset/strict/?id={debian-12-own}', 'table', 80),
}

# The words that are seen, in the order in which a screen reader reads them:
# before the first element of a selector, or all.
_WORDS = """selector => {
    const answer = selector && document.querySelector(selector);
    const walker = document.createTreeWalker(
        document.querySelector('#content_body'), NodeFilter.SHOW_TEXT);
    let text = '';
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (answer && (answer.contains(node)
                || answer.compareDocumentPosition(node)
                    & Node.DOCUMENT_POSITION_FOLLOWING)) {
            break;
        }
        if (node.parentElement.checkVisibility()
                && !node.parentElement.closest('.sr-only, script, option')) {
            text += ' ' + node.data;
        }
    }
    return text.split(/\\s+/).filter(word => /[\\p{L}\\p{N}]/u.test(word));
}"""


def address(cloud, path):
    """Return the address of a path below the panel's, with its ids.

    :param path: with the names of instances and images in braces.
    """
    proven = next(image_id for name, image_id in cloud.images.items()
                  if name.startswith('db-hooks-'))
    return cloud.url.rstrip('/') + clients.PANEL + path.format(
        **{**cloud.images, **cloud.instances, 'proven': proven})


def read(window, selector=None):
    """Return the words that a window shows.

    :param selector: of the element before which they stand; all without one.
    """
    return window.evaluate(_WORDS, selector)


@contextlib.contextmanager
def look(folder, **window):
    """Give a demo cloud and a window of its user who has logged in.

    :param folder: where the cloud lies, if DEMO_READY names none.
    :param window: as Playwright's ``new_context`` takes it.
    """
    ready = os.environ.get('DEMO_READY')
    with contextlib.ExitStack() as stack:
        cloud = (running.load(pathlib.Path(ready)) if ready
                 else stack.enter_context(running.run(folder)))
        browser = stack.enter_context(
            sync_api.sync_playwright()).chromium.launch(
                executable_path=tools.chromium(),
                args=['--no-sandbox', '--disable-gpu'])
        stack.callback(browser.close)
        context = browser.new_context(reduced_motion='reduce', **window)
        context.set_default_timeout(clients.PATIENCE * 1000)
        context.add_cookies([
            {'name': cookie.name, 'value': cookie.value, 'url': cloud.url}
            for cookie in clients.Dashboard(cloud).http.cookies])
        yield cloud, context.new_page()


def main():
    """Print the table."""
    print('%-22s%10s%10s%10s' % ('words', 'before', 'at most', 'in all'))
    with look(FOLDER, viewport={'width': 1400, 'height': 1000}) as (
            cloud, window):
        for name, page in PAGES.items():
            window.goto(address(cloud, page.path))
            print('%-22s%10d%10d%10d' % (
                name, len(read(window, page.answer)), page.most,
                len(read(window))))


if __name__ == '__main__':
    main()
