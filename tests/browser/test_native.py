# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What a user meets of the panel on Horizon's own pages."""

import io
import itertools
import re

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect
import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from tests import clients

INSTANCES, IMAGES = '/project/instances/', '/project/images'
DIALOG = '#consistent_snapshot_modal'
# axe's rules without the one about colours.
PLAIN = {'rules': {'color-contrast': {'enabled': False}}}
OTHER = '99999999-9999-4999-8999-999999999999'
OWN = '22222222-bbbb-4bbb-8bbb-222222222222'


@pytest.fixture
def visit(browse, cloud):
    """Open one of Horizon's pages: ``visit('/project/images')``."""
    def open_page(path, page=None, theme='default', **window):
        page = page or browse(**window)
        page.context.add_cookies([
            {'name': 'theme', 'value': theme, 'url': cloud.url}])
        page.goto(cloud.url.rstrip('/') + path)
        return page
    return open_page


def row(page, name):
    return page.locator('tr').filter(
        has=page.get_by_role('link', name=name, exact=True))


def say(page, *images):
    """Return what the script says of images as Glance has them.

    They are of the user's project where they name no owner.
    """
    # Then the script knows whose project it is.
    expect(row(page, 'debian-12-agent').first).to_be_visible()
    return page.evaluate("""async images => {
        const injector = angular.element(document.body).injector();
        const session = await injector.get(
            'horizon.app.core.openstack-service-api.userSession').get();
        return images.map(image => injector.get('$filter')(
            'snapshotPanelVerdict')({owner: session.project_id, ...image}));
    }""", list(images))


def test_the_action_of_a_row_takes_a_snapshot(visit, cloud, api):
    web = cloud.instances['web-ready']
    before = {image['id'] for image in api.snapshots(web)}
    page = visit(INSTANCES)
    toggle = row(page, 'web-ready').locator('.dropdown-toggle')

    # With the keyboard alone.
    toggle.focus()
    page.keyboard.press('Enter')
    action = row(page, 'web-ready').get_by_role(
        'link', name='Consistent snapshot…')
    expect(action).to_be_visible()
    action.focus()
    page.keyboard.press('Enter')
    expect(page.locator(DIALOG)).to_contain_text('Snapshot of web-ready')
    # It begins where it is read, and ends where it was opened: also the
    # first, which brings the script.
    for _time in range(2):
        expect(page.locator(DIALOG + ' .modal-title')).to_be_focused()
        page.keyboard.press('Escape')
        expect(page.locator(DIALOG)).to_have_count(0)
        expect(toggle).to_be_focused()
        page.keyboard.press('Enter')
        action.focus()
        page.keyboard.press('Enter')
        expect(page.locator(DIALOG)).to_be_visible()
    page.locator(DIALOG + ' input[type=submit]').click()

    expect(page.locator('.alert-success')).to_contain_text('being taken')
    made = [image for image in api.snapshots(web)
            if image['id'] not in before]
    assert [image['consistency_state'] for image in made] == ['ACTIVE']


def test_the_readiness_is_what_the_panel_found_out(visit, cloud):
    page = visit('%s%s/' % (clients.PANEL,
                            cloud.instances['legacy-no-channel']))
    expect(page.locator('#snapshot-panel-checks')).to_be_visible()

    visit(INSTANCES, page)

    link = row(page, 'legacy-no-channel').get_by_role(
        'link', name='Not ready: No channel')
    expect(link).to_be_visible()
    link.click()
    expect(page.locator('#snapshot-panel-checks')).to_be_visible()


@pytest.fixture
def sealed(api):
    """Make some snapshots; return the name and id of each by its verdict.

    One has inherited the record of another image. They are of an instance
    that is not there, or the panel's pages would judge them.
    """
    made = {}
    for word, rule, image_id in (
            ('File-system consistent', verdict.Rule.DISK_AT_REST, None),
            ('Crash-consistent', verdict.Rule.DISK_IN_USE, None),
            ('Not judged yet', verdict.Rule.DISK_AT_REST, OTHER)):
        image = api.glance.images.create(
            # On the first page, whatever there is.
            name='0-native-' + word.split()[0].lower(), disk_format='raw',
            container_format='bare', image_type='snapshot',
            instance_uuid=OTHER)
        api.glance.images.upload(image['id'], io.BytesIO(b'x' * 512))
        api.glance.images.update(
            image['id'], consistency_image=image_id or image['id'],
            consistency_verdict=rule.verdict.value,
            consistency_rule=rule.code, consistency_evidence='{"raw": 1}')
        made[word] = image['name'], image['id']
    yield made
    for _name, image_id in made.values():
        api.glance.images.delete(image_id)


def test_the_images_page_says_the_verdict_in_a_word(visit, sealed):
    page = visit(IMAGES)
    expect(page.get_by_role('columnheader', name='Consistency')).to_have_count(
        1)

    for word, (name, _id) in sealed.items():
        expect(row(page, name)).to_contain_text(word)
    expect(row(page, 'debian-12-agent').first).not_to_contain_text(
        re.compile('consistent|judged|Unproven'))


def test_the_drawer_and_the_details_say_it_too(visit, sealed):
    name, image_id = sealed['Crash-consistent']
    page = visit(IMAGES)
    row(page, name).locator('.expander .fa').click()
    drawer = page.locator('tr.detail-row').filter(has_text=image_id)
    expect(drawer).to_contain_text('Crash-consistent')
    # Horizon's own is there as well.
    expect(drawer).to_contain_text('Min. Disk')

    visit('/ngdetails/OS::Glance::Image/' + image_id, page)
    details = page.locator('.tab-details, hz-details').first
    expect(details).to_contain_text('Custom Properties')
    expect(details).to_contain_text('Crash-consistent')
    expect(details).not_to_contain_text('consistency_')
    expect(details).not_to_contain_text('"raw"')


def test_the_launch_dialog_says_it_of_what_was_chosen(visit, sealed):
    name, _id = sealed['File-system consistent']
    page = visit(IMAGES)
    row(page, name).get_by_text('Launch', exact=True).click()
    dialog = page.locator('.modal-dialog')
    dialog.get_by_role('link', name='Source').click()

    expect(dialog.locator('[role=status]').filter(
        has_text='Consistency of the chosen snapshot')).to_contain_text(
            'File-system consistent')
    # Horizon's own step is there as well.
    expect(dialog).to_contain_text('Select Boot Source')


def test_what_another_project_sealed_is_not_repeated(visit):
    page = visit(IMAGES)
    sealed = {'id': OWN, 'status': 'active', 'size': 5, 'properties': {
        'image_type': 'snapshot', 'consistency_image': OWN,
        'consistency_verdict': 'filesystem-consistent',
        'consistency_rule': 'disk-at-rest'}}

    assert say(page, sealed, {**sealed, 'owner': OTHER},
               {**sealed, 'owner': None}) == ['File-system consistent', '', '']


def test_the_script_reads_an_image_as_the_rules_do(visit):
    page = visit(IMAGES)
    kinds = ({'image_type': 'snapshot'}, {'image_type': 'backup'},
             {'image_type': 'snapshot', 'block_device_mapping': '[]'})
    bound = ({}, *({'consistency_image': image, 'consistency_state': state}
                   for image in (OWN, OTHER, 'none')
                   for state in ('ACTIVE', 'none', '')))
    seals = ({}, *({'consistency_verdict': sealed, 'consistency_rule': rule}
                   for sealed in ('pending', 'perfect', '', 'constructor',
                                  *(each.value for each in verdict.Verdict))
                   for rule in ('', 'constructor',
                                *(each.code for each in verdict.Rule))))
    states = (('active', 5), ('active', 0), ('queued', None),
              ('deactivated', 5))
    # Each seal in a few places, and a few seals in each place.
    images = [facts.Image(OWN, 'x', status, {**kind, **record, **seal},
                          size=size)
              for kind, record, seal, (status, size) in itertools.chain(
                  itertools.product(kinds, bound[:2], seals, states[:1]),
                  itertools.product(kinds, bound, seals[::19], states))]
    said = say(page, *({'id': image.id, 'status': image.status,
                        'size': image.size,
                        'properties': dict(image.properties)}
                       for image in images))

    wrong = [(image, one) for image, one in zip(images, said)
             if WORDS[_code(verdict.look(image))] != one]
    assert not wrong, (len(wrong), wrong[:3])


WORDS = {'application-consistent': 'Application-consistent',
         'filesystem-consistent': 'File-system consistent',
         'unproven': 'Unproven', 'crash-consistent': 'Crash-consistent',
         'discarded': 'Discarded', 'pending': 'In progress',
         'unread': 'Not judged yet'}


def _code(decision):
    return ('unread' if decision.rule is verdict.Rule.UNREAD
            else decision.verdict.value)


@pytest.mark.long
@pytest.mark.parametrize('hook, gone', [
    (r"var IMAGES\s*=\s*'horizon", "var IMAGES='nothing"),
    (r"LAUNCH\s*\+\s*'.workflow'", "LAUNCH+'.nothing'"),
    (r'answer\.data\)', 'answer.nothing)')])
def test_a_horizon_without_a_hook_is_as_it_was(hook, gone, visit, sealed):
    page = visit('/settings/')
    changed = []

    def change(route):
        answer = route.fetch()
        text, count = re.subn(hook, lambda _found: gone, answer.text())
        changed.append(count)
        route.fulfill(response=answer, body=text)
    page.route('**/*.js', change)

    visit(IMAGES, page)
    name, _id = sealed['Crash-consistent']
    expect(row(page, name)).to_contain_text('Snapshot')
    row(page, name).get_by_text('Launch', exact=True).click()
    dialog = page.locator('.modal-dialog')
    dialog.get_by_role('link', name='Source').click()
    expect(dialog).to_contain_text('Select Boot Source')

    # Else the test would show nothing.
    assert sum(changed) >= 1, hook


def check(page, ours):
    """Let axe look at some markup. The colour of links is the theme's."""
    text = axe.Axe().run(page, context={
        'include': [[ours]], 'exclude': [[ours + ' a']]})
    links = axe.Axe().run(page, context=ours, options=PLAIN)
    for found in (text, links):
        assert not found.violations_count, found.generate_report()


@pytest.mark.parametrize('theme', ['default', 'material'])
def test_our_markup_on_horizons_pages_is_accessible(visit, cloud, theme):
    page = visit('%s%s/' % (clients.PANEL, cloud.instances['web-ready']))
    visit(INSTANCES, page, theme)
    # Not the name's, where case does not count.
    cell = row(page, 'web-ready').locator('td', has_text=re.compile('Ready'))
    expect(cell).to_be_visible()
    cell.evaluate('cell => cell.id = "ours"')
    row(page, 'web-ready').locator('.dropdown-toggle').click()
    action = row(page, 'web-ready').get_by_role(
        'link', name='Consistent snapshot…')
    action.evaluate('action => action.id = "our-action"')
    check(page, '#ours')
    # A menu's entry, which is a link and nothing else.
    links = axe.Axe().run(page, context='#our-action', options=PLAIN)
    assert not links.violations_count, links.generate_report()

    page.goto('%s%s%s/?tab=instance_details__consistent_snapshots' % (
        cloud.url.rstrip('/'), INSTANCES, cloud.instances['web-ready']))
    expect(page.locator('.snapshot-panel-setup .btn-primary')).to_be_visible()
    check(page, '.snapshot-panel-setup')


def test_the_tab_takes_a_snapshot(visit, cloud):
    page = visit('%s%s/?tab=instance_details__consistent_snapshots' % (
        INSTANCES, cloud.instances['web-ready']))

    page.locator('.snapshot-panel-setup').get_by_role(
        'link', name='Consistent snapshot…').click()
    page.locator(DIALOG + ' input[type=submit]').click()

    expect(page.locator('.alert-success')).to_contain_text('being taken')
