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

"""What a user does with a browser on the image pages."""

import io
import uuid

from playwright.sync_api import expect
import pytest

from tests.browser import looking
from tests import clients

IMAGES = clients.PANEL + 'images/'
UNUSUAL = {'lines': 'one\ntwo\r\nthree', 'empty': '', 'spaces ': '  two  ',
           'html': '<b>&amp;"\'</b>', 'hw_disk_bus': ' Odd',
           'hw_qemu_guest_agent': 'TRUE', 'os_version': ''}


@pytest.fixture
def make(api):
    """Make an image: ``make(name=value, ...)`` returns (id, name)."""
    made = []

    def make_image(**properties):
        name = 'test-' + uuid.uuid4().hex[:8]
        image_id = api.glance.images.create(
            name=name, disk_format='raw', container_format='bare',
            visibility='private', **properties)['id']
        api.glance.images.upload(image_id, io.BytesIO(b'x' * 512))
        made.append(image_id)
        return image_id, name

    yield make_image
    for image_id in made:
        api.glance.images.delete(image_id)


@pytest.fixture
def goto(cloud):
    def go(page, path=''):
        page.goto(cloud.url.rstrip('/') + IMAGES + path)
    return go


def row(page, name):
    return page.locator('#own_images tbody tr').filter(
        has=page.get_by_role('link', name=name, exact=True))


def save(page):
    page.get_by_role('button', name='Save').click()


def preview(page):
    page.get_by_role('button', name='Preview the change').click()


def verified(page):
    expect(page.locator('.alert-success')).to_contain_text(
        'read back from the image service')


def test_several_at_once(browse, goto, make, api):
    made = [make(), make(hw_qemu_guest_agent='1')]
    page = browse()
    goto(page)

    for _image_id, name in made:
        # Horizon draws the box in the label that stands beside it.
        row(page, name).locator('.themable-checkbox label').click()
    page.locator('.table_actions').get_by_role(
        'button', name='Give new instances the channel…').click()
    expect(page.locator('#content_body')).to_contain_text(
        'Nothing would change')
    save(page)

    verified(page)
    assert [api.glance.images.get(image_id)['hw_qemu_guest_agent']
            for image_id, _name in made] == ['yes', '1']


def test_a_whole_edit_with_a_way_back(browse, goto, make, api):
    image_id, name = make(**UNUSUAL, gone='x')
    page = browse()
    goto(page)
    row(page, name).get_by_role('link', name=name, exact=True).click()

    page.get_by_label('Remove gone').check()
    page.locator('[name=os_distro]').fill('debian')
    page.get_by_label('Name of the new property').first.fill('own ü')
    page.get_by_label('Value of the new property').first.fill("it's")
    preview(page)
    page.get_by_role('button', name='Back to the form').click()
    page.locator('[name=os_type]').select_option('linux')
    # Enter does not remove or add anything by itself.
    page.locator('[name=os_distro]').press('Enter')
    for text in ('Added', 'Removed', 'own ü', 'linux'):
        expect(page.locator('table')).to_contain_text(text)
    save(page)

    verified(page)
    image = api.glance.images.get(image_id)
    wanted = {**UNUSUAL, 'os_distro': 'debian', 'own ü': "it's",
              'os_type': 'linux'}
    assert {key: image.get(key) for key in (*wanted, 'gone')} == {
        **wanted, 'gone': None}


def test_two_editors_choose(browse, goto, make, api):
    image_id, _name = make(os_distro='debian')
    first, second = browse('demo'), browse('demo2')
    for page, value in ((first, 'rocky'), (second, 'ubuntu')):
        goto(page, image_id + '/')
        page.locator('[name=os_distro]').fill(value)
        preview(page)

    save(first)
    verified(first)
    save(second)
    expect(second.locator('.alert-warning')).to_contain_text(
        'Somebody changed this image')
    contested = second.locator('tr', has_text='os_distro')
    for value in ('debian', 'rocky', 'ubuntu'):
        expect(contested).to_contain_text(value)
    contested.get_by_label('ubuntu').check()
    second.get_by_role('button', name='Save what is chosen').click()

    verified(second)
    assert api.glance.images.get(image_id)['os_distro'] == 'ubuntu'


def test_a_row_adds_itself_once_the_last_is_used(browse, goto, make, api):
    image_id, _name = make(**UNUSUAL)
    page = browse()
    goto(page, image_id + '/')
    names = page.get_by_label('Name of the new property')

    page.locator('[name=os_distro]').fill('debian')
    assert names.count() == 1
    names.nth(0).fill('new')
    names.nth(1).fill('second')
    assert names.count() == 3
    preview(page)
    save(page)

    verified(page)
    image = api.glance.images.get(image_id)
    wanted = {**UNUSUAL, 'new': '', 'second': '', 'os_distro': 'debian'}
    assert {key: image.get(key) for key in wanted} == wanted


def test_the_first_error_is_in_view_and_has_the_focus(browse, goto, make):
    image_id, _name = make(**UNUSUAL)
    page = browse()
    goto(page, image_id + '/')
    page.locator('tr[data-free] input').nth(1).fill('a value')

    preview(page)

    wrong = page.locator('.has-error input')
    expect(wrong).to_be_focused()
    expect(wrong).to_be_in_viewport()
    expect(page.get_by_text('A property needs a name.')).to_be_in_viewport()


@pytest.mark.parametrize('button', ['Preview the change', 'Save'])
def test_an_expired_session_loses_nothing_that_was_typed(
        button, browse, goto, make, api, cloud):
    image_id, _name = make(a='1')
    page = browse()
    goto(page, image_id + '/')
    page.locator('[name=os_distro]').fill('debian')
    page.get_by_label('Name of the new property').first.fill('new')
    if button == 'Save':
        preview(page)

    looking.without_session(page, cloud,
                            page.get_by_role('button', name=button))
    page.get_by_role('button', name='Show it again').click()

    expect(page.locator('[name=os_distro]')).to_have_value('debian')
    preview(page)
    save(page)
    verified(page)
    image = api.glance.images.get(image_id)
    assert (image['os_distro'], image['new']) == ('debian', '')
    goto(page, image_id + '/')
    expect(page.locator('#snapshot-panel-kept')).to_be_hidden()


def test_a_reload_loses_nothing_that_was_typed(browse, goto, make):
    image_id, _name = make()
    page = browse()
    goto(page, image_id + '/')
    page.locator('[name=os_distro]').fill('debian')

    page.reload()
    page.get_by_role('button', name='Show it again').click()

    expect(page.locator('[name=os_distro]')).to_have_value('debian')


def test_saved_loaded_again_undone_and_launched(browse, goto, make, api):
    image_id, name = make(a='1')
    page = browse()
    goto(page, image_id + '/')
    page.locator('[name=os_distro]').fill('debian')
    preview(page)
    save(page)
    # The page that follows is there before it is loaded again.
    verified(page)

    page.reload()
    verified(page)
    page.get_by_role('button', name='Launch…').click()
    dialog = page.locator('.modal-dialog')
    expect(dialog).to_contain_text('Launch Instance')
    dialog.get_by_role('button', name='Cancel').click()
    page.get_by_role('button', name='Undo…').click()
    expect(page.locator('table')).to_contain_text('Removed')
    save(page)

    verified(page)
    assert 'os_distro' not in api.glance.images.get(image_id)


def test_a_list_without_rows_has_no_buttons_for_them(browse, goto):
    page = browse('other')
    button = page.get_by_role('button', name='Give new instances the channel')
    goto(page)
    expect(button.first).to_be_visible()

    goto(page, 'snapshots/')

    expect(page.get_by_text('No snapshots yet.')).to_be_visible()
    expect(button).to_have_count(0)
    expect(page.get_by_text('More Actions')).to_be_hidden()


def test_from_an_image_to_its_instances(browse, goto, cloud):
    page = browse()
    goto(page, cloud.images['debian-12-own'] + '/')

    expect(page.locator('.snapshot-panel-users')).to_contain_text(
        'Booted with other properties')
    page.locator('.snapshot-panel-users').get_by_role(
        'link', name='drifted').click()

    page.wait_for_url('**' + clients.PANEL
                      + cloud.instances['drifted'] + '/')


def test_a_reader_sees_and_cannot_change(browse, goto, cloud):
    page = browse('reader')
    goto(page, cloud.images['debian-12-own'] + '/')

    expect(page.locator('.alert-info')).to_contain_text(
        'may look at images and not change them')
    assert page.get_by_role('button', name='Preview the change').count() == 0
