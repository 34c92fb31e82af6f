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


"""``python -m tests.screenshots``: the pictures of the documentation.

On a demo cloud of its own, or on the one whose ready.json DEMO_READY names.
With names as arguments only those, in doc/source/images/.
"""

import contextlib
import io
import os
import pathlib
import sys

from playwright import sync_api

from tests import clients
from tests.cloud import layout as layouts
from tests.cloud import running
from tests import tools

IMAGES = layouts.REPOSITORY / 'doc' / 'source' / 'images'
FOLDER = layouts.REPOSITORY / '.demo' / 'screenshots'
# In bytes, of a picture in the repository.
MOST = 150 * 1000
# Pages are in colours of few kinds: so many look the same and weigh a third.
COLOURS = 128
DESK, TELEPHONE = (1400, 900), (390, 844)
# By the name of the file: the window, the page below the panel's.
PAGES = {
    'index': (DESK, ''),
    'index-telephone': (TELEPHONE, ''),
    'instance-ready': (DESK, '{db-hooks}/'),
    'instance-not-ready': (DESK, '{legacy-no-channel}/'),
    'proof': (DESK, '{db-hooks}/'),
    'image': (DESK, 'images/{debian-12-own}/'),
    'setup': (DESK, '{db-agent-no-kit}/setup/'),
}
# Of this one a snapshot is taken before: with one alone there is no picture.
TAKEN = 'db-hooks'
# Nothing is left to come: all in the window was asked and judged.
STILL = """() => ![...document.querySelectorAll(
    'tr[data-unasked], tr[data-unsettled]')].some(
        each => each.getBoundingClientRect().top < innerHeight)"""


def main():
    """Make the pictures; return the exit status."""
    names = sys.argv[1:] or list(PAGES)
    if set(names) - set(PAGES):
        print('screenshots: there are %s' % ', '.join(PAGES), file=sys.stderr)
        return 2
    with _cloud() as cloud, sync_api.sync_playwright() as playwright:
        dashboard = clients.Dashboard(cloud)
        dashboard.take(cloud.instances[TAKEN])
        dashboard.settle([cloud.instances[TAKEN]])
        browser = playwright.chromium.launch(
            executable_path=tools.chromium(),
            args=['--no-sandbox', '--disable-gpu'])
        pictures = {name: _shrunk(_look(browser, cloud, name))
                    for name in names}
        browser.close()
    for name, picture in pictures.items():
        (IMAGES / f'{name}.png').write_bytes(picture)
        print(f'{name}: {len(picture)} bytes')
    return int(any(len(picture) > MOST for picture in pictures.values()))


def _cloud():
    ready = os.environ.get('DEMO_READY')
    return contextlib.nullcontext(
        running.load(pathlib.Path(ready))) if ready else running.run(FOLDER)


def _look(browser, cloud, name):
    """Return a page as a picture, once nothing of it is left to come."""
    (width, height), path = PAGES[name]
    context = browser.new_context(
        viewport={'width': width, 'height': height}, reduced_motion='reduce')
    context.set_default_timeout(clients.PATIENCE * 1000)
    page = context.new_page()
    url = cloud.url.rstrip('/')
    page.goto(url + '/auth/login/')
    page.fill('#id_username', 'demo')
    page.fill('#id_password', cloud.users['demo']['password'])
    page.press('#id_password', 'Enter')
    page.wait_for_selector('#sidebar-accordion, .openstack-dashboard')
    page.goto(url + clients.PANEL + path.format(**cloud.images,
                                                **cloud.instances))
    if name == 'proof':
        page.locator('#history').get_by_role(
            'link', name='Proof').first.click()
        page.wait_for_selector('.snapshot-panel-proof')
    page.wait_for_function(STILL)
    picture = page.screenshot()
    context.close()
    return picture


def _shrunk(picture):
    # Only who makes pictures needs it; each Horizon of today brings it.
    from PIL import Image
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert('RGB').quantize(
        COLOURS, method=Image.Quantize.MEDIANCUT,
        dither=Image.Dither.NONE).save(small, 'PNG', optimize=True)
    return small.getvalue()


if __name__ == '__main__':
    sys.exit(main())
