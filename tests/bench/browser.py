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

"""What a user waits for: pages in a real browser."""

import contextlib
import time

from playwright import sync_api

from tests.bench import pages
from tests.bench import seed
from tests import clients
from tests.cloud import wire
from tests import tools

# When nothing of a page is left to come. Of the index: no row in the window
# has something to be asked.
COMPLETE = {
    pages.INDEX: """() => {
        const rows = document.querySelectorAll('#instances [data-object-id]');
        return rows.length && ![...rows].some(row => row.dataset.unasked
            && row.getBoundingClientRect().top < window.innerHeight);
    }""",
    pages.INSTANCES: """() => document.querySelector(
        '#instances [data-object-id]') !== null""",
    pages.IMAGES: """() => document.querySelector(
        'hz-resource-table tbody tr[hz-expand-detail], hz-dynamic-table ' +
        'tbody tr') !== null""",
}
# After so many seconds the panel asks the guests again (`evidence_age`).
FORGOTTEN = 31
PATHS = pages.PATHS | {pages.IMAGES: '/project/images'}
COUNT = """() => {
    window.updates = 0;
    new MutationObserver(changes => changes.forEach(change =>
        change.addedNodes.forEach(node => {
            window.updates += node.nodeName === 'TR';
        }))).observe(document.querySelector('#instances tbody'),
                     {childList: true});
}"""


@contextlib.contextmanager
def open_browser():
    """Give a Chromium."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=tools.chromium(),
            args=['--no-sandbox', '--disable-gpu',
                  '--disable-background-networking'])
        try:
            yield browser
        finally:
            browser.close()


def open_window(browser, cloud, size, rows):
    """Return a window of a user who has logged in."""
    visitor = pages.Visitor(cloud, seed.user(size), rows)
    context = browser.new_context(viewport={'width': 1400, 'height': 1000})
    context.set_default_timeout(clients.PATIENCE * 1000)
    context.add_cookies([
        {'name': cookie.name, 'value': cookie.value, 'url': cloud.url}
        for cookie in visitor.dashboard.http.cookies])
    return context.new_page()


def take_turns(browser, cloud, size, rows, rounds):
    """Return seconds until a page is complete, by page: the first left out.

    The first round fills the browser's cache. Each is a first look: what the
    guests said in the round before is forgotten by then.
    """
    window = open_window(browser, cloud, size, rows)
    seconds = {page: [] for page in COMPLETE}
    for number in range(rounds + 1):
        if number:
            time.sleep(FORGOTTEN)
        for page, complete in COMPLETE.items():
            begin = time.monotonic()
            window.goto(cloud.url.rstrip('/') + PATHS[page])
            window.wait_for_function(complete)
            if number:
                seconds[page].append(time.monotonic() - begin)
    window.context.close()
    return seconds


def follow(browser, cloud, size, count):
    """Take snapshots of a page of instances at once, and watch the page.

    :returns: (row updates a minute, requests to Nova a minute, seconds until
        the last verdict).
    """
    window = open_window(browser, cloud, size, count)
    window.goto(cloud.url.rstrip('/') + clients.PANEL)
    window.wait_for_function(COMPLETE[pages.INDEX])
    # Horizon's themes hide the box itself.
    window.evaluate(
        "document.querySelector('#instances thead input[type=checkbox]')"
        '.click()')
    window.click('#instances__action_take')
    window.wait_for_selector('.messages .alert-success')
    with wire.Wire(cloud).listen() as asked:
        window.evaluate(COUNT)
        begin = time.monotonic()
        window.wait_for_function(
            "() => !document.querySelector('#instances [data-unsettled]')")
        seconds = time.monotonic() - begin
        updates = window.evaluate('window.updates')
    window.context.close()
    nova = sum(request.service == 'nova' for request in asked)
    return updates * 60 / seconds, nova * 60 / seconds, seconds
