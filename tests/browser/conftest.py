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

"""A real browser: the system's Chromium, or Playwright's own."""

import functools
import pathlib
import uuid

from playwright import sync_api
import pytest

from tests import clients
from tests import tools

RESULTS = pathlib.Path(__file__).parents[2] / 'test-results'
# A page takes its time on a busy machine.
sync_api.expect.set_options(timeout=clients.PATIENCE * 1000)
# The background requests of a fresh Chromium go to hosts of its maker.
ARGUMENTS = ('--no-sandbox', '--disable-gpu', '--disable-quic',
             '--no-first-run', '--disable-background-networking',
             '--disable-component-update', '--disable-sync')


@pytest.fixture(scope='session')
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=tools.chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def api(cloud):
    return clients.OpenStack(cloud)


@pytest.fixture
def boot(cloud, api):
    """Boot an instance: ``boot(name)`` returns its id.

    Its image is named as the seed names it, or by its id.
    """
    made = []

    def boot_instance(name, image='debian-12-agent', meta=None):
        made.append(api.nova.servers.create(
            name, cloud.images.get(image, image), api.nova.flavors.list()[0],
            nics='none', meta=meta).id)
        clients.wait_for(lambda: api.status(made[-1]) == 'ACTIVE', name)
        return made[-1]

    yield boot_instance
    # A test may have deleted it.
    left = {server.id for server in api.nova.servers.list(limit=-1)}
    api.delete(left.intersection(made))


@pytest.fixture
def make(boot, api):
    """Make an instance: ``make('ready')`` returns (id, name)."""
    made = []

    def make_instance(profile='ready', image='debian-12-agent'):
        name = 'test-' + uuid.uuid4().hex[:8]
        made.append(boot(name, image, meta={'demo_guest': profile}))
        return made[-1], name

    yield make_instance
    for server_id in made:
        for image in api.snapshots(server_id):
            api.glance.images.update(image['id'], protected=False)
            api.glance.images.delete(image['id'])


@pytest.fixture(scope='session')
def login(cloud, chromium):
    """Log a user in once; return what a browser keeps of that."""
    @functools.cache
    def log_in(user):
        context = chromium.new_context()
        context.set_default_timeout(clients.PATIENCE * 1000)
        page = context.new_page()
        page.goto(cloud.url.rstrip('/') + '/auth/login/')
        page.fill('#id_username', user)
        page.fill('#id_password', cloud.users[user]['password'])
        page.press('#id_password', 'Enter')
        page.wait_for_selector('#sidebar-accordion, .openstack-dashboard')
        kept = context.storage_state()
        context.close()
        return kept
    return log_in


@pytest.fixture
def browse(cloud, chromium, login, request):
    """Open a window of a logged-in user: ``browse('demo')``."""
    contexts = []

    def open_window(user='demo', width=1400, height=1000, language=None):
        context = chromium.new_context(
            storage_state=login(user),
            # What moves costs most of a core where no graphics card draws.
            reduced_motion='reduce',
            viewport={'width': width, 'height': height})
        context.set_default_timeout(clients.PATIENCE * 1000)
        contexts.append(context)
        if language:
            # Before the first page: Horizon lets browsers keep its scripts'
            # words, in whatever language they came.
            context.add_cookies([{'name': 'horizon_language',
                                  'value': language, 'url': cloud.url}])
        page = context.new_page()
        page.goto(cloud.url.rstrip('/') + clients.PANEL)
        return page

    yield open_window
    failed = request.node.stash.get(FAILED, False)
    for number, context in enumerate(contexts):
        if failed and context.pages:
            RESULTS.mkdir(exist_ok=True)
            context.pages[-1].screenshot(
                path=RESULTS / ('%s-%d.png' % (request.node.name, number)),
                full_page=True)
        context.close()


FAILED = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == 'call':
        item.stash[FAILED] = report.failed
    return report
