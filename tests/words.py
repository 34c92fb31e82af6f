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

Beside how many they showed once. ``--write`` writes doc/source/words.csv.
On a demo cloud of its own, or on the one whose ready.json DEMO_READY names.
The browser's tests hold each page to its number.
"""

import argparse
import contextlib
import csv
import os
import pathlib
import sys
import typing

from playwright import sync_api

from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import running
from tests import tools

TABLE = layouts.REPOSITORY / 'doc' / 'source' / 'words.csv'
FOLDER = layouts.REPOSITORY / '.demo' / 'words'
# How wide a telephone is, in pixels.
TELEPHONE = 390
# Guests are asked only for the rows that are in view: so are all.
DESK = {'width': 1400, 'height': 4000}


class Page(typing.NamedTuple):
    """A page below the panel's.

    ``answer`` is the selector of what users came for, before which at most
    ``most`` words may stand. ``then`` is how many words it showed in all at
    :data:`THEN`, and of a page that did not exist ``new`` is how many it may
    show. A list has as many rows as there are: ``each`` is how many words any
    of them may show, less than half of what the longest did.
    """

    path: str
    answer: str
    most: int
    then: int = 0
    new: int = 0
    each: int = 0

    @property
    def limit(self):
        """How many words it may show in all: half of those that it did."""
        return self.then // 2 or self.new


# The commit before the pages were shortened. DEMO_READY of a demo cloud of
# that tree, and this command of today's, count what they showed.
THEN = '3800129'
PAGES = {
    'index': Page('', '#instances tbody tr', 60, then=457, each=18),
    'instance, ready': Page('{db-hooks}/', '#snapshot-panel-standing', 20,
                            then=548),
    'instance, not ready': Page('{legacy-no-channel}/',
                                '#snapshot-panel-standing', 20, then=679),
    'instance, no snapshot yet': Page(
        '{stopped-clean}/', '#snapshot-panel-standing', 20, then=414),
    'dialog, ready': Page('{db-hooks}/snapshot/', '.snapshot-panel-badge', 15,
                          then=41),
    'dialog, not ready': Page('{legacy-no-channel}/snapshot/',
                              '[data-check]', 30, then=270),
    'dialog of a stop': Page('{legacy-no-channel}/restart/',
                             '.modal-body ol', 25, then=121),
    'guest setup': Page('{db-agent-no-kit}/setup/',
                        '.snapshot-panel-steps pre', 130, then=697),
    'guest setup, no channel': Page(
        '{legacy-no-channel}/setup/', '.snapshot-panel-steps .btn', 160,
        then=788),
    'guest setup, Windows': Page(
        '{db-agent-no-kit}/setup/?system=windows', '.snapshot-panel-steps',
        100, then=384),
    'images': Page('images/', '#own_images tbody tr', 60, then=153,
                   each=12),
    'image': Page('images/{debian-12-own}/',
                  '.snapshot-panel-form .form-control', 35, then=453),
    'preview': Page('images/preset/strict/?id={debian-12-own}', 'table', 80,
                    then=68),
    'step by step': Page('{legacy-no-channel}/fix/',
                         '#snapshot-panel-fix .btn', 40, new=80),
    'proof': Page('{db-hooks}/proof/{proven}/', '#snapshot-panel-standing',
                  20, new=140),
    'schedule': Page('{web-ready}/schedule/',
                     '.snapshot-panel-schedule select', 20, new=180),
    'restore': Page('{db-hooks}/restore/{proven}/', '.btn-launch', 40,
                    new=45),
}

# The words that are seen, in the order in which a screen reader reads them:
# before the first element of a selector, or all.
_WORDS = """([selector, within]) => {
    const answer = selector && document.querySelector(selector);
    const walker = document.createTreeWalker(
        document.querySelector(within), NodeFilter.SHOW_TEXT);
    let text = '';
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (answer && (answer.contains(node)
                || answer.compareDocumentPosition(node)
                    & Node.DOCUMENT_POSITION_FOLLOWING)) {
            break;
        }
        const folded = node.parentElement.closest('details:not([open])');
        if (node.parentElement.checkVisibility()
                && !node.parentElement.closest('.sr-only, script, option, '
                    + '.page-breadcrumb, .snapshot-panel-long')
                && (!folded || node.parentElement.closest('summary'))) {
            text += ' ' + node.data;
        }
    }
    // An age is one word, whatever it is.
    text = text.replace(/(an?|\\d+)\\s(second|minute|hour|day)s? ago/g, 'ago');
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


def read(window, selector=None, within='#content_body'):
    """Return the words that a window shows.

    :param selector: of the element before which they stand; all without one.
    :param within: the selector of the part of the page that is read.
    """
    return window.evaluate(_WORDS, [selector, within])


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
    """Print the table, and with ``--write`` write it; return the exit status.

    The status is 1 where a page shows more words than it may.
    """
    parser = argparse.ArgumentParser(prog='python -m tests.words',
                                     description='How many words pages show.')
    parser.add_argument('--write', action='store_true',
                        help='write the table of the documentation')
    write = parser.parse_args().write
    print('%-28s%8s%8s%8s%8s%8s' % ('words', 'before', 'at most', 'then',
                                    'now', 'at most'))
    now = {}
    with look(FOLDER, viewport=DESK) as (cloud, window):
        for name, page in PAGES.items():
            before, now[name] = count(cloud, window, page)
            print('%-28s%8d%8d%8d%8d%8d' % (
                name, before, page.most, page.then, now[name], page.limit))
    if write:
        with TABLE.open('w', newline='') as file:
            csv.writer(file, lineterminator='\n').writerows(
                rows(now))
    return int(any(now[name] > page.limit for name, page in PAGES.items()))


def count(cloud, window, page):
    """Return how many words a page shows before its answer, and in all.

    Once nothing is left to be asked. A page that does not exist has none.
    """
    if not window.goto(address(cloud, page.path)).ok:
        return 0, 0
    window.wait_for_function(
        "() => !document.querySelector('tr[data-unasked]')")
    return len(read(window, page.answer)), len(read(window))


def rows(now):
    """Return the table's rows: a page, then, now, and their ratio.

    :param dict now: the number of words, by a page's name.
    """
    return [(name, page.then or '–', now[name],
             '%.2f' % (now[name] / page.then) if page.then else '–')
            for name, page in PAGES.items()]


if __name__ == '__main__':
    sys.exit(main())
