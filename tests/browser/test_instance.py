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

import re

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect
import pytest

from tests import clients

OURS = ('.snapshot-panel-around', '.snapshot-panel-status',
        '#snapshot-panel-checks',
        '#snapshot-panel-alarm', '.snapshot-panel-commands',
        '.snapshot-panel-filter', '.snapshot-panel-pages',
        '.snapshot-panel-compare', '#snapshot-panel-timeline',
        '#history .snapshot-panel-name', '#history time',
        '#history .snapshot-panel-details')
NOW = '[aria-current=step]'
CARD = '#snapshot-panel-card'


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
    address = page.url
    page.locator(CARD).get_by_role(
        'button', name='Consistent snapshot', exact=True).click()
    expect(page.locator('.alert-success')).to_contain_text('being taken')
    assert page.url == address


def unfold(page):
    """Open all that is folded."""
    page.evaluate("document.querySelectorAll('#content_body details')"
                  ".forEach(function (each) { each.open = true; })")


def test_a_schedule_is_chosen_and_copied(show):
    page = show('web-ready')
    page.get_by_role('link', name='Schedule', exact=True).click()
    page.get_by_label('How often').select_option('weekly')
    page.get_by_label('Hour').fill('22')
    page.get_by_label('Keep the last').fill('4')

    page.get_by_role('button', name='Show the commands').click()

    expect(page.locator('#snapshot-panel-1')).to_contain_text(
        'consistency_schedule=weekly 22 4 ')
    expect(page.locator('#snapshot-panel-3')).to_contain_text('0 22 * * 0 sh')
    found = axe.Axe().run(page, context={'include': [
        ['.snapshot-panel-schedule']]})
    assert found.violations_count == 0, found.generate_report()


def test_the_picture_follows_a_snapshot_to_its_verdict(show, api, cloud):
    clients.wait_for(lambda: api.idle(cloud.instances['web-ready']),
                     'Nova to be idle')
    page = show('web-ready')
    steps = page.locator('#snapshot-panel-journey')
    expect(steps).to_be_hidden()

    take(page)

    expect(page.locator(NOW).first).to_be_visible()
    expect(page.locator(CARD)).to_contain_text('A snapshot is being made')
    seen = set()

    def watch():
        seen.update(page.locator(NOW + ' strong').all_inner_texts())
        return not page.locator(NOW).count()
    clients.wait_for(watch, 'the verdict', pause=0.2)

    assert seen & {'Upload', 'Verdict'}
    expect(page.locator('#history tbody tr').first).to_contain_text(
        'File-system consistent')
    # Who watched keeps the picture, with what was measured; who did not
    # look at the page reads it in the title of the tab.
    expect(page.locator('#snapshot-panel-news')).to_contain_text(
        'File-system consistent')
    assert 'File-system consistent' in page.title()
    expect(steps).to_be_visible()
    expect(steps).to_contain_text('The last one stood still for')
    page.reload()
    expect(steps).to_be_hidden()


def test_the_answer_is_on_the_first_screen_and_the_rest_is_folded(show):
    for name, words in (('web-ready', ['Ready', 'Consistent snapshot']),
                        ('legacy-no-channel', [
                            'Not ready', 'hw_qemu_guest_agent',
                            'Give new instances the channel'])):
        page = show(name)
        card = page.locator(CARD)

        for word in words:
            expect(card).to_contain_text(word)
        assert card.bounding_box()['y'] + card.bounding_box()['height'] < 1000
        primary = page.locator('#content_body .btn-primary:visible')
        expect(primary).to_have_count(1)
        assert page.locator('#snapshot-panel-standing').bounding_box()['y'] < (
            page.locator('#history').bounding_box()['y'])
        expect(page.locator('[data-check=state]')).to_be_hidden()


def test_a_snapshot_with_options_stays_on_the_page(show, api, cloud):
    page = show('web-ready')
    clients.wait_for(lambda: api.idle(cloud.instances['web-ready']),
                     'Nova to be idle')
    page.reload()
    address = page.url

    page.locator(CARD).get_by_role('link', name='With options…').click()
    page.locator('.modal input[type=submit]').click()

    expect(page.locator('.alert-success')).to_contain_text('being taken')
    assert page.url == address
    expect(page.locator('#history tbody tr').first).to_contain_text(
        'File-system consistent')


def test_the_history_is_filtered_and_deleted(show, api, cloud):
    page = show('web-ready')
    take(page)
    newest = page.locator('#history tbody tr').first
    expect(newest).to_contain_text('File-system consistent',
                                   timeout=clients.PATIENCE * 1000)
    image_id = newest.get_attribute('data-object-id')

    page.goto(page.url + '?name=no+such+snapshot')
    expect(page.locator('#history tr[data-object-id]')).to_have_count(0)

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


def test_each_check_says_what_it_rests_on_and_why(show):
    page = show('web-ready')
    # The page may still settle what an earlier test took.
    page.wait_for_load_state('networkidle')
    unfold(page)

    lines = page.locator('[data-check]').all()
    assert len(lines) > 5
    for line in lines:
        text = line.inner_text()
        for word in ('Evidence:', 'Why it matters:'):
            assert text.partition(word)[2].strip(), text
    expect(page.locator('[data-check=channel]')).to_contain_text(
        'hw_qemu_guest_agent=yes; copied when the instance booted')
    agent = page.locator('[data-check=agent]')
    expect(agent).to_contain_text('Console log, read')
    expect(agent).to_contain_text('after its boot')
    expect(page.locator('.snapshot-panel-commands')).to_contain_text(
        'openstack server image create')


def test_a_way_out_of_drift_is_copied_with_the_real_ids(show, cloud):
    page = show('drifted')
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    line = page.locator('[data-check=channel]')
    expect(line.locator('summary').first).to_contain_text('fits best now')

    line.get_by_text('Other ways').click()
    line.locator('summary', has_text='Ask the operator').click()
    line.get_by_role('button', name='Copy: Ask the operator').click()

    expect(line.get_by_text('Copied.')).to_be_visible()
    instance_id = cloud.instances['drifted']
    assert page.evaluate('navigator.clipboard.readText()') == (
        'openstack server stop {0}\nnova-manage image_property set '
        '--property hw_qemu_guest_agent=yes {0}\n'
        'openstack server start {0}'.format(instance_id))


def test_the_remedy_of_a_missing_kit_leads_to_the_setup(show):
    page = show('db-agent-no-kit')
    unfold(page)

    page.locator('[data-check=kit]').get_by_role(
        'link', name='Guest setup').click()

    expect(page.locator('h1')).to_contain_text('Guest Setup')


def test_a_lock_is_pointed_out_with_its_reason(show, api, cloud):
    instance_id = cloud.instances['db-hooks']
    api.nova.servers.lock(instance_id, reason='payroll runs')
    try:
        lock = show('db-hooks').locator('[data-check=lock]')

        expect(lock).to_contain_text('payroll runs')
        expect(lock).to_contain_text('openstack server unlock ' + instance_id)
    finally:
        api.nova.servers.unlock(instance_id)


def test_a_screen_reader_hears_the_picture_as_a_list(show):
    page = show('drifted')

    page.get_by_text('The steps of a snapshot').click()
    tree = page.locator('#snapshot-panel-journey').aria_snapshot()

    assert tree.count('- listitem') == 8
    for words in ('Guest: hooks and freeze', 'Blocked', 'Image since boot'):
        assert words in tree


# The other theme has other colours. Each state is seen in one of them.
@pytest.mark.parametrize('name, theme', [
    ('web-ready', 'default'), ('legacy-no-channel', 'material'),
    ('pay-requires-quiesce', 'default'), ('stopped-hard', 'material'),
    ('drifted', 'default'), ('paused', 'material')])
def test_our_own_markup_is_accessible(show, cloud, name, theme):
    page = show(name)
    page.context.add_cookies([
        {'name': 'theme', 'value': theme, 'url': cloud.url}])
    page.reload()
    unfold(page)

    # The table is Horizon's, and the colour of buttons is the theme's.
    found = axe.Axe().run(page, context={
        'include': [[selector] for selector in OURS],
        'exclude': [[selector + ' .btn'] for selector in OURS]})

    assert not found.violations_count, found.generate_report()


@pytest.mark.parametrize('name, words', [
    ('mail-on-volumes', ['The root disk is a volume',
                         'The snapshot takes all of them',
                         'mail-spool (1 GiB, /dev/']),
    ('files-data-volume', ['The root disk comes from an image',
                           'Not in the snapshot: files-data (1 GiB, /dev/'])])
def test_the_checklist_names_each_volume(name, words, show):
    checks = show(name).locator('#snapshot-panel-checks')

    for word in words:
        expect(checks).to_contain_text(word)


def test_volumes_that_are_left_out_are_told_and_can_be_found(show):
    page = show('files-data-volume')
    page.locator(CARD).get_by_role(
        'link', name=re.compile('Consistent snapshot…|With options…')).click()
    dialog = page.locator('.modal-dialog')

    expect(dialog).to_contain_text('Not in the snapshot: files-data')

    dialog.get_by_role('link', name='Volumes').click()
    expect(page.locator('#volumes')).to_contain_text('files-data')


def step(page, name):
    return page.locator('[data-step=%s]' % name)


def test_from_no_channel_to_a_proven_snapshot(show, make, api, cloud,
                                              request):
    instance_id, name = make('agent-dead', image='debian-12')
    page = show('web-ready')
    page.goto(page.url.replace(cloud.instances['web-ready'], instance_id))
    page.locator(CARD).get_by_role(
        'link', name='Make ready, step by step').click()
    expect(page.locator(NOW)).to_have_count(1)

    step(page, 'snapshot').get_by_role('link', name='without a stop').click()
    page.locator('.modal').get_by_text('Or take it anyway').click()
    page.locator('.modal').get_by_role('button', name='Take it anyway').click()
    # The page follows by itself.
    step(page, 'property').get_by_role(
        'button', name='Give it the channel').click()

    launch = step(page, 'launch')
    expect(launch).to_contain_text('demo.small')
    expect(launch).to_contain_text('may start as after a power cut')
    # The colour of buttons is the theme's.
    found = axe.Axe().run(page, context={
        'include': [['#snapshot-panel-fix']],
        'exclude': [['#snapshot-panel-fix .btn']]})
    assert not found.violations_count, found.generate_report()
    launch.get_by_role('button', name='Launch %s-ready' % name).click()
    link = launch.get_by_role('link', name=name + '-ready')
    expect(link).to_be_visible()
    heir = re.search('[0-9a-f-]{36}', link.get_attribute('href')).group()
    request.addfinalizer(lambda: api.delete([heir]))
    expect(step(page, 'agent')).to_have_attribute('data-state', 'now')

    api.become(heir, 'ready')
    page.reload()
    page.goto(page.url)
    step(page, 'trial').get_by_role(
        'button', name='Consistent snapshot').click()

    expect(step(page, 'trial')).to_contain_text('File-system consistent')
    expect(page.locator('[data-state=done]')).to_have_count(5)
    page.set_viewport_size({'width': 390, 'height': 800})
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
    for image in api.snapshots(heir):
        api.glance.images.delete(image['id'])
