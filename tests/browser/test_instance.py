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

"""What a user does with a browser on the page of an instance."""

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect
import pytest

from tests import clients

OURS = ('#snapshot-panel-way', '#snapshot-panel-checks',
        '#snapshot-panel-alarm', '.snapshot-panel-commands')
NOW = '[aria-current=step]'


@pytest.fixture
def api(cloud):
    return clients.OpenStack(cloud)


@pytest.fixture
def show(browse, cloud):
    """Open the page of an instance: ``show('web-ready')``."""
    def open_page(name, page=None, **window):
        page = page or browse(**window)
        page.goto('%s%s%s/' % (cloud.url.rstrip('/'), clients.PANEL,
                               cloud.instances[name]))
        return page
    return open_page


def take(page):
    page.get_by_role('link', name='Consistent snapshot…').click()
    page.locator('.modal input[type=submit]').click()
    expect(page.locator('.alert-success')).to_contain_text('being taken')


def test_the_picture_follows_a_snapshot_to_its_verdict(show):
    page = show('web-ready')
    take(page)

    show('web-ready', page)
    expect(page.locator(NOW).first).to_be_visible()
    seen = set()

    def watch():
        seen.update(page.locator(NOW + ' strong').all_inner_texts())
        return not page.locator(NOW).count()
    clients.wait_for(watch, 'the verdict', pause=0.2)

    assert seen & {'Upload', 'Verdict'}
    expect(page.locator('#history tbody tr').first).to_contain_text(
        'File-system consistent')


def test_the_history_is_filtered_launched_from_and_deleted(show, api, cloud):
    page = show('web-ready')
    take(page)
    show('web-ready', page)
    newest = page.locator('#history tbody tr').first
    expect(newest).to_contain_text('File-system consistent',
                                   timeout=clients.PATIENCE * 1000)
    image_id = newest.get_attribute('data-object-id')

    # The rows are new since the page came: the dialog opens all the same.
    newest.get_by_text('Launch instance').click()
    expect(page.locator('.modal-dialog')).to_contain_text('Launch Instance')
    show('web-ready', page)
    page.get_by_placeholder('Filter').fill('no such snapshot')
    page.get_by_placeholder('Filter').press('End')
    expect(newest).to_be_hidden()

    show('web-ready', page)
    row = page.locator('#history tr[data-object-id="%s"]' % image_id)
    row.locator('.dropdown-toggle').click()
    row.get_by_role('button', name='Delete snapshot').click()
    page.locator('.modal-footer .btn-danger').click()
    expect(page.locator('.alert-success')).to_contain_text('was deleted')
    assert image_id not in [image['id'] for image in api.snapshots(
        cloud.instances['web-ready'])]


def test_a_guest_that_stands_frozen_is_an_alarm(show, api, cloud):
    instance_id = cloud.instances['web-ready']
    api.become(instance_id, 'stuck')
    try:
        page = show('web-ready')
        take(page)
        show('web-ready', page)

        expect(page.locator('#snapshot-panel-alarm')).to_contain_text(
            'openstack server reboot --hard ' + instance_id,
            timeout=clients.PATIENCE * 1000)
        page.goto(cloud.url.rstrip('/') + clients.PANEL)
        expect(page.locator('#instances')).to_contain_text(
            'The guest may stand frozen.')
    finally:
        clients.wait_for(lambda: api.idle(instance_id), 'Nova to be idle')
        api.become(instance_id, 'ready')
        api.nova.servers.reboot(instance_id, 'HARD')
        clients.wait_for(lambda: api.idle(instance_id), 'the reboot')


def test_the_page_fits_a_narrow_window(show):
    for name in ('db-hooks', 'legacy-no-channel', 'stopped-clean'):
        page = show(name, width=800)

        assert page.evaluate('document.documentElement.scrollWidth') <= 800
        page.get_by_text('The same with the openstack command').click()
        expect(page.locator('.snapshot-panel-commands')).to_contain_text(
            'openstack server image create')


@pytest.mark.parametrize('name', ['web-ready', 'legacy-no-channel',
                                  'stopped-hard'])
def test_our_own_markup_is_accessible(show, name):
    page = show(name)
    page.get_by_text('The same with the openstack command').click()

    # The table is Horizon's, whose own filter has no label, and the colour
    # of links is the theme's.
    found = axe.Axe().run(page, context={
        'include': [[selector] for selector in OURS],
        'exclude': [[selector + ' a'] for selector in OURS]})

    assert not found.violations_count, found.generate_report()
