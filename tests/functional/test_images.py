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

"""The image pages against the real Glance.

The demo's Glance protects properties whose name begins with ``licence_``:
only an administrator changes them.
"""

import io
import json
import re
import uuid

import pytest

from tests import clients
from tests import forms

IMAGES = clients.PANEL + 'images/'
PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'

# Legal, all of them; whoever edits anything else must leave them alone.
UNUSUAL = {
    'empty': '', 'spaces ': '  two  ', 'ünï': '雪 <b>&amp;</b>',
    'a/b~c': "it's $HOME", 'json': '{"a": [1, "x"]}', 'e=q': '=',
    'lines': 'one\ntwo\r\nthree', 'long': 'x' * 1000, 'os_version': '',
    'hw_disk_bus': ' Odd', 'os_shutdown_timeout': '12x',
    'hw_qemu_guest_agent': 'TRUE', 'licence_code': 'L-1',
}


@pytest.fixture(scope='module')
def admin(cloud):
    return clients.OpenStack(cloud, 'admin')


@pytest.fixture(scope='module')
def other(cloud):
    return clients.OpenStack(cloud, 'other', 'other')


@pytest.fixture
def make(openstack, admin, other):
    """Make an image of a project: ``make('demo', name=value, ...)``."""
    owners = {name: cloud.nova.client.session.get_project_id()
              for name, cloud in (('demo', openstack), ('other', other))}
    made = []

    def make_image(project='demo', visibility='private', **properties):
        image_id = admin.glance.images.create(
            name='test-' + uuid.uuid4().hex, owner=owners[project],
            disk_format='raw', container_format='bare',
            visibility=visibility, **properties)['id']
        admin.glance.images.upload(image_id, io.BytesIO(b'x' * 512))
        made.append(image_id)
        return image_id

    yield make_image
    for image_id in made:
        admin.glance.images.delete(image_id)


@pytest.fixture
def properties(openstack):
    """Return the properties of an image: ``properties(image_id)``."""
    schema = set(openstack.glance.schemas.get('image').raw()['properties'])
    extra = {'os_distro', 'os_version', 'os_admin_user', 'architecture',
             'instance_uuid', 'kernel_id', 'ramdisk_id'}

    def read(image_id):
        return {name: value for name, value
                in openstack.glance.images.get(image_id).items()
                if name not in schema - extra}
    return read


def patch(client, image_id, *operations):
    client.glance.http_client.patch(
        '/v2/images/' + image_id, headers={'Content-Type': PATCH_TYPE},
        data=json.dumps(operations))


def edit(dashboard, image_id, change=None, rows=None):
    """Open the form, change fields, and return the preview.

    :param change: new values of fields.
    :param rows: new values by the name of a property in the table.
    """
    page = dashboard.get(IMAGES + image_id + '/')
    fields = forms.Form(page.text).data
    fields.update(change or {}, step='preview')
    for name, value in (rows or {}).items():
        prefix = row(fields, name)
        fields[prefix + 'name'] = name
        fields[prefix + ('remove' if value is None else 'value')] = (
            'on' if value is None else value)
    return dashboard.post(IMAGES + image_id + '/', **fields)


def row(fields, name):
    """Return the prefix of the fields of a property, or of a free row."""
    names = {value: field for field, value in reversed(fields.items())
             if re.fullmatch(r'others-\d+-name', field)}
    return (names.get(name) or names[''])[:-len('name')]


def save(dashboard, preview, **fields):
    """Press the button of a preview, or of a choice."""
    edit = forms.Form(preview.text.partition('images/save/')[2]).data['edit']
    return dashboard.post(IMAGES + 'save/', edit=edit, **fields)


def test_a_form_sent_as_it_is_would_change_nothing(make, dashboard,
                                                   properties):
    image_id = make(**UNUSUAL)

    preview = edit(dashboard, image_id)

    assert 'Nothing would change' in preview.text
    assert properties(image_id) == UNUSUAL


def test_what_was_changed_is_changed_and_nothing_else(make, dashboard,
                                                      properties):
    image_id = make(**UNUSUAL)

    preview = edit(
        dashboard, image_id,
        {'hw_qemu_guest_agent': '=yes', 'hw_disk_bus': '',
         'os_distro': 'debian'},
        {'json': '{}', 'empty': None, 'a/b~c': "ain't", 'new': ' 雪 '})
    saved = save(dashboard, preview)

    wanted = {**UNUSUAL, 'hw_qemu_guest_agent': 'yes', 'json': '{}',
              'os_distro': 'debian', 'a/b~c': "ain't", 'new': ' 雪 '}
    del wanted['empty'], wanted['hw_disk_bus']
    assert properties(image_id) == wanted
    assert 'read back from the image service' in saved.text
    assert saved.text.count('Verified') == 7


def test_a_refused_form_shows_why_and_keeps_what_was_typed(make, dashboard,
                                                           properties):
    image_id = make()

    page = edit(dashboard, image_id, {'os_shutdown_timeout': 'soon'},
                {'visibility': 'public'})

    assert 'This is not a number' in page.text
    assert 'This name is reserved' in page.text
    assert forms.Form(page.text).data['os_shutdown_timeout'] == 'soon'


def test_a_character_that_glance_refuses_is_refused_before(make, dashboard):
    page = edit(dashboard, make(), rows={'smile': '😀'})

    assert 'such as emoji' in page.text


def test_two_editors_at_once(make, dashboard, openstack, properties):
    image_id = make(a='1', b='1')
    preview = edit(dashboard, image_id, rows={'a': 'mine', 'new': 'mine'})
    patch(openstack, image_id,
          {'op': 'replace', 'path': '/a', 'value': 'theirs'},
          {'op': 'remove', 'path': '/b'})

    stopped = save(dashboard, preview)
    after_stop = properties(image_id)
    saved = save(dashboard, stopped, **{'side-a': 'theirs',
                                        'side-new': 'mine'})

    assert 'Nothing was saved.' in stopped.text
    assert after_stop == {'a': 'theirs'}
    assert 'read back from the image service' in saved.text
    assert properties(image_id) == {'a': 'theirs', 'new': 'mine'}


def test_a_new_protected_property_is_refused_in_the_preview(make, dashboard):
    preview = edit(dashboard, make(), rows={'licence_new': 'x'})

    assert 'the operator protects a property' in preview.text
    assert 'Refused: licence_new.' in preview.text
    assert '>Save<' not in preview.text


def forge(dashboard, image_id, opened, **wanted):
    return dashboard.post(IMAGES + 'save/', edit=json.dumps(
        {'image': image_id, 'opened': opened, 'set': wanted}))


@pytest.mark.parametrize('name, said', [
    ('licence_code', 'does not let you'),
    ('consistency_verdict', 'does not accept it'),
    ('visibility', 'does not accept it'),
    ('image_type', 'does not accept it'),
])
def test_a_forged_save_changes_nothing(name, said, make, dashboard,
                                       properties):
    image_id = make(licence_code='L-1')

    page = forge(dashboard, image_id, {'licence_code': 'L-1'},
                 **{name: 'public'})

    assert 'Not saved.' in page.text
    assert said in page.text
    assert properties(image_id) == {'licence_code': 'L-1'}


@pytest.mark.parametrize('visibility', ['public', 'community'])
def test_an_image_of_another_project_is_only_shown(
        visibility, make, dashboard, properties):
    image_id = make('other', visibility, os_distro='rocky')

    page = dashboard.get(IMAGES + image_id + '/')
    forged = forge(dashboard, image_id, {'os_distro': 'rocky'}, a='1')

    assert 'belongs to another project' in page.text
    assert 'rocky' in page.text
    assert 'name="step"' not in page.text
    assert 'does not let you' in forged.text
    assert properties(image_id) == {'os_distro': 'rocky'}


def test_a_saved_change_is_undone_from_its_page(make, dashboard, properties):
    image_id = make(a='before', kept='x')
    saved = save(dashboard, edit(dashboard, image_id,
                                 rows={'a': 'after', 'new': '1'}))
    undo = forms.Form(saved.text.partition('value="undo"')[0].rpartition(
        '<form')[2]).data['edit']

    preview = dashboard.post(IMAGES + image_id + '/', edit=undo, step='undo')
    between = properties(image_id)
    undone = save(dashboard, preview)
    again = dashboard.get(saved.url[len(dashboard.url):])

    assert between == {'a': 'after', 'kept': 'x', 'new': '1'}
    assert 'read back from the image service' in undone.text
    assert properties(image_id) == {'a': 'before', 'kept': 'x'}
    # To load the page of the first save again writes nothing.
    assert 'has something else now' in again.text
    assert properties(image_id) == {'a': 'before', 'kept': 'x'}


def test_a_private_image_of_another_project_is_not_found(make, dashboard):
    image_id = make('other')

    page = dashboard.get(IMAGES + image_id + '/')

    assert page.status_code == 404


def test_a_reader_is_told_before(make, reader, properties):
    image_id = make()

    page = reader.get(IMAGES + image_id + '/')
    listed = reader.get(IMAGES)
    forged = forge(reader, image_id, {}, a='1')

    assert 'may look at images and not change' in page.text
    assert 'name="step"' not in page.text
    assert '__ready__' not in listed.text
    assert 'does not let you' in forged.text
    assert properties(image_id) == {}


def test_own_shared_and_public_are_apart(make, dashboard, openstack, other):
    own = make()
    public = make('other', 'public')
    shared = make('other', 'shared')
    project = openstack.nova.client.session.get_project_id()
    other.glance.image_members.create(shared, project)
    openstack.glance.image_members.update(shared, project, 'accepted')

    pages = [dashboard.get(IMAGES + path).text
             for path in ('', 'shared/', 'public/')]

    for image_id, expected in ((own, 0), (shared, 1), (public, 2)):
        assert [image_id in page for page in pages] == [
            number == expected for number in range(3)]


def test_pages_and_filters_are_the_servers(make, dashboard, openstack):
    made = [openstack.glance.images.create(
        name='paged-%d' % number, os_distro='paged',
        container_format='bare', disk_format='raw')['id']
        for number in range(23)]
    post = {'own_images__filter__q_field': 'os_distro',
            'own_images__filter__q': 'paged'}

    first = dashboard.post(IMAGES, **post)
    found = [listed(first)]
    second = dashboard.get(link(first, 'Next'))
    found.append(listed(second))
    back = dashboard.get(link(second, 'Prev'))
    dashboard.post(IMAGES, own_images__filter__q_field='os_distro',
                   own_images__filter__q='')
    for image_id in made:
        openstack.glance.images.delete(image_id)

    assert [len(page) for page in found] == [20, 3]
    assert set(made) == {each for page in found for each in page}
    assert listed(back) == found[0]


def listed(page):
    return re.findall(r'data-object-id="([^"]+)"', page.text)


def link(page, word):
    found = re.search(r'href="(\?[^"]+)">[^<]*%s' % word, page.text)
    return IMAGES + found.group(1).replace('&amp;', '&')


def test_a_preset_for_several_images(make, dashboard, properties):
    plain, ready = make(kept=' '), make(hw_qemu_guest_agent='1')
    foreign = make('other', 'public')

    preview = dashboard.get(IMAGES + 'preset/ready/',
                            id=[plain, ready, foreign])
    previewed = re.findall(r'name="edit" value="([^"]*)"', preview.text)
    saved = save(dashboard, preview)

    assert len(previewed) == 1
    assert 'Nothing would change' in preview.text
    assert 'launch an instance from it and take a snapshot' in preview.text
    assert 'openstack image set --property hw_qemu_guest_agent=yes %s' % (
        plain) in preview.text
    assert 'read back from the image service' in saved.text
    assert properties(plain) == {'kept': ' ', 'hw_qemu_guest_agent': 'yes'}
    assert properties(ready) == {'hw_qemu_guest_agent': '1'}
    assert properties(foreign) == {}


def test_looking_changes_nothing(make, dashboard, openstack):
    image_id = make(a='1', licence_code='x')
    before = dict(openstack.glance.images.get(image_id))

    dashboard.get(IMAGES)
    dashboard.get(IMAGES + image_id + '/')
    dashboard.get(IMAGES + 'preset/ready/', id=image_id)
    edit(dashboard, image_id, rows={'a': '2'})

    assert dict(openstack.glance.images.get(image_id)) == before


def test_instances_and_what_they_booted_with(cloud, dashboard):
    image_id = cloud.images['debian-12-own']

    listed_page = dashboard.get(IMAGES)
    page = dashboard.get(IMAGES + image_id + '/')

    assert cloud.instances['drifted'] in listed_page.text
    assert cloud.instances['drifted'] in page.text
    assert 'Booted with other properties' in page.text
    assert 'os_version</code>:' not in page.text


def test_a_seal_is_shown_and_not_editable(cloud, dashboard):
    image_id = cloud.images['web-ready-' + max(
        name.partition('web-ready-')[2] for name in cloud.images)]

    page = dashboard.get(IMAGES + image_id + '/')

    assert 'File-system consistent' in page.text
    assert 'Nobody edits it here' in page.text
    assert not [name for name, value in forms.Form(page.text).data.items()
                if value.startswith('consistency_')]


@pytest.mark.parametrize('path, status', [
    ('nonsense/', 404), (str(uuid.UUID(int=7)) + '/', 404),
    ('preset/other/', 404), ('preset/ready/?id=../x', 400),
    ('save/', 200), ('saved/', 200)])
def test_bad_addresses(path, status, dashboard):
    assert dashboard.get(IMAGES + path).status_code == status


def test_the_drift_check_leads_to_the_image(cloud, dashboard):
    page = dashboard.get('%s%s/' % (clients.PANEL,
                                    cloud.instances['drifted']))

    assert 'The image has been changed since the instance booted' in page.text
    link = '%simages/%s/' % (clients.PANEL, cloud.images['debian-12-own'])
    assert 'href="%s"' % link in page.text
    assert dashboard.get(link).status_code == 200
