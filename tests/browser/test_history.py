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

"""What a user does with a browser in the history of an instance."""

import contextlib
import io
import json
import re
import uuid

from axe_playwright_python import sync_playwright as axe
from glanceclient import exc as glance_exceptions
from playwright.sync_api import expect
import pytest

from tests import clients

COMPARE = '.snapshot-panel-compare'
ROWS = '#history tbody tr[data-object-id]'
# Glance's MySQL form knows three bytes a character, so none of four.
UNUSUAL = '<b onmouseover=alert(1)>&amp;"\' العربية שלום 日本語 é '
LONGEST = UNUSUAL + 'x' * (255 - len(UNUSUAL))


@pytest.fixture
def newborn(boot):
    """An instance without any snapshot."""
    return boot('test-history')


@pytest.fixture
def seed(api, newborn):
    """Give it a snapshot with a verdict: ``seed(name)`` returns its id."""
    made = []

    def make(name, **properties):
        image_id = str(uuid.uuid4())
        api.glance.images.create(**{
            'id': image_id, 'name': name, 'disk_format': 'raw',
            'container_format': 'bare', 'image_type': 'snapshot',
            'instance_uuid': newborn, 'consistency_image': image_id,
            'consistency_verdict': 'crash-consistent',
            'consistency_rule': 'no-channel', 'consistency_evidence': '{}',
            'consistency_state': 'ACTIVE', 'consistency_requested_by': 'ann',
            **properties})
        made.append(image_id)
        api.glance.images.upload(image_id, io.BytesIO(b'x'))
        return image_id

    yield make
    for image_id in made:
        # A test may have deleted it.
        with contextlib.suppress(glance_exceptions.HTTPNotFound):
            api.glance.images.delete(image_id)


@pytest.fixture
def show(browse, cloud, newborn):
    """Open the page of that instance: ``show()``."""
    def open_page(page=None, path='', **window):
        page = page or browse(**window)
        page.goto('%s%s%s/%s' % (cloud.url.rstrip('/'), clients.PANEL,
                                 newborn, path))
        return page
    return open_page


def choose(page, *image_ids):
    for image_id in image_ids:
        # Horizon draws the box in the label that stands beside it.
        page.locator('#history tr[data-object-id="%s"]' % image_id).locator(
            '.themable-checkbox label').click()


def compare(page):
    page.get_by_role('button', name='Compare two').click()


def test_none_is_said(show):
    page = show()

    expect(page.locator('#history')).to_contain_text(
        'No snapshots yet: take one.')
    for name in ('Compare two', 'Delete snapshot'):
        expect(page.get_by_role('button', name=name)).to_have_count(0)
    assert page.locator('.snapshot-panel-pages').count() == 0


@pytest.mark.long
def test_hundreds_have_pages_and_filters(show, seed):
    for number in range(120):
        seed('many-%03d' % number)
    only = seed('needle', consistency_verdict='unproven',
                consistency_rule='silent')
    page = show()

    expect(page.locator(ROWS)).to_have_count(20)
    expect(page.locator('.snapshot-panel-pages')).to_contain_text(
        '1 to 20 of 100')
    # No list is longer than what the operator configured.
    expect(page.get_by_text('Only the newest 100 snapshots')).to_be_visible()
    page.get_by_role('link', name='Older').click()
    expect(page.locator('.snapshot-panel-pages')).to_contain_text(
        '21 to 40 of 100')
    page.get_by_label('Name contains').fill('NEEDLE')
    page.get_by_role('button', name='Filter', exact=True).click()
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.locator(ROWS).get_attribute('data-object-id') == only
    page.get_by_role('link', name='Show all').click()
    page.get_by_label('Verdict', exact=True).select_option('Unproven')
    page.get_by_role('button', name='Filter', exact=True).click()
    expect(page.locator(ROWS)).to_have_count(1)


def test_comparing_takes_two_no_more_and_no_less(show, seed):
    one, two, three = seed('one'), seed('two'), seed('three')
    page = show()
    button = page.get_by_role('button', name='Compare two')

    for image_id, able in ((one, False), (two, True), (three, False),
                           (three, True)):
        choose(page, image_id)
        expect(button).to_have_attribute('aria-disabled',
                                         str(not able).lower())


def test_a_row_is_a_card_on_a_telephone(show, seed):
    seed('one')
    page = show(width=390)

    cells = [cell.bounding_box() for cell in
             page.locator(ROWS + ' > td:visible:not(.multi_select_column)'
                          ).all()]

    assert len({round(cell['y']) for cell in cells}) == len(cells) > 3
    expect(page.locator('#history thead')).to_be_hidden()


def test_an_age_ticks_and_has_its_zone(show, seed):
    seed('one', consistency_requested_at='2026-01-02T03:04:05Z')
    page = show()
    page.clock.install()
    page = show(page)
    time = page.locator(ROWS + ' time')
    expect(time).to_have_attribute('title', re.compile('UTC$'))
    before = time.inner_text()

    page.clock.fast_forward(100 * 3600 * 1000)

    expect(time).not_to_have_text(before)


@pytest.mark.parametrize('width', [1400, 800, 390])
def test_any_name_is_only_text(show, seed, width):
    ids = [seed(LONGEST, os_distro=LONGEST), seed('B' * 255)]
    page = show(width=width)

    expect(page.locator(ROWS).filter(has_text='العربية')).to_be_visible()
    assert page.locator(ROWS + ' b').count() == 0
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    page = show(page, path='compare/?snapshot=%s&snapshot=%s' % tuple(ids))
    expect(page.locator(COMPARE)).to_contain_text(LONGEST.strip()[:40])
    assert page.evaluate('document.documentElement.scrollWidth') <= width


def test_two_are_compared_by_keyboard_alone(show, seed):
    older = seed('before', os_distro='debian', os_version='11')
    newer = seed('after', os_distro='debian', os_version='12',
                 consistency_verdict='filesystem-consistent',
                 consistency_rule='freeze-witnessed',
                 consistency_evidence=json.dumps(
                     {'frozen': {'/': 0.06}, 'boot': '3f2a91c0', 'seq': 12}))
    page = show()

    def press(wanted, key):
        for _press in range(200):
            page.keyboard.press('Tab')
            if page.evaluate(
                    'wanted => document.activeElement.matches(wanted)',
                    wanted):
                break
        page.keyboard.press(key)
    for image_id in (newer, older):
        press('#choose-' + image_id, 'Space')
    # Back to where the table begins.
    page.evaluate('document.querySelector(".snapshot-panel-status summary")'
                  '.focus()')
    press('#history button[name=action][value$=compare]', 'Enter')

    page.wait_for_url('**/compare/**')
    heads = page.locator(COMPARE + ' thead th').all_inner_texts()
    # Both may have been made in the same second: either can come first.
    assert {head.split()[-1] for head in heads[:2]} == {'before', 'after'}
    facts = page.get_by_role('table', name='What is known of both')
    expect(facts).to_contain_text('Crash-consistent')
    expect(facts).to_contain_text('/ stood still for 0.06 s')
    different = page.get_by_role('table', name='Properties that differ')
    expect(different).to_contain_text('os_version')
    assert 'os_distro' not in different.inner_text()
    press('summary', 'Enter')
    expect(page.get_by_role('table', name='Properties that are the same')
           ).to_contain_text('os_distro')


def test_what_cannot_be_compared_is_said(show, seed, api, browse, cloud):
    one, two, three = seed('one'), seed('two'), seed('three')
    page = show()
    errors = page.locator('.alert-danger')

    for ids, text in (((one,), '1 was chosen'),
                      ((one, two, three), '3 were chosen')):
        show(page, 'compare/?' + '&'.join(
            'snapshot=' + image_id for image_id in ids))
        expect(errors).to_contain_text(text)
    address = 'compare/?snapshot=%s&snapshot=%s'
    show(page, address % (one, cloud.images['debian-12-agent']))
    expect(errors).to_contain_text('cannot be compared')
    show(page, address % (one, '../../etc'))
    expect(errors).to_contain_text('cannot be compared')
    # The page has not heard of it yet, and so still offers the button.
    page.route('**/news/**', lambda route: route.abort())
    choose(show(page), one, two)
    api.glance.images.delete(two)
    compare(page)
    expect(errors).to_contain_text('cannot be compared')
    # Nobody of another project sees them.
    other = show(browse('other'), address % (one, three))
    expect(other.locator('#content_body')).to_contain_text('does not exist')


def test_the_evidence_unfolds_with_its_command(show, seed):
    image_id = seed('one')
    page = show()

    page.locator(ROWS + ' summary').click()

    expect(page.locator(ROWS)).to_contain_text(
        'openstack image show -f json -c properties ' + image_id)
    expect(page.locator(ROWS)).to_contain_text('rule no-channel')


def test_one_deleted_meanwhile_is_said(show, seed, api):
    image_id = seed('one')
    page = show()
    api.glance.images.delete(image_id)

    row = page.locator(ROWS)
    row.locator('.dropdown-toggle').click()
    row.get_by_role('button', name='Delete snapshot').click()
    page.locator('.modal-footer .btn-danger').click()

    expect(page.locator('.alert-danger')).to_contain_text(
        'It does not exist')
    expect(page.locator('#history')).to_contain_text('No snapshots yet')


@pytest.mark.parametrize('theme', ['default', 'material'])
def test_comparing_and_a_proof_are_accessible(show, seed, cloud, theme):
    ids = seed('one', a='1', b='2'), seed('two', a='1')
    page = show()
    page.context.add_cookies([{'name': 'theme', 'value': theme,
                               'url': cloud.url}])
    page = show(page, 'compare/?snapshot=%s&snapshot=%s' % ids)
    for summary in page.locator(COMPARE + ' summary').all():
        summary.click()

    found = axe.Axe().run(page, context=COMPARE)

    assert not found.violations_count, found.generate_report()
    show(page, 'proof/%s/' % ids[0])
    found = axe.Axe().run(page, context='.snapshot-panel-proof')
    assert not found.violations_count, found.generate_report()
    # It is printed without what is around it.
    expect(page.locator('#sidebar')).to_be_visible()
    page.emulate_media(media='print')
    expect(page.locator('#sidebar')).to_be_hidden()
    expect(page.locator('.snapshot-panel-around')).to_be_hidden()
    expect(page.locator('.snapshot-panel-proof')).to_be_visible()
