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

"""What is asked of Glance and Nova, and what becomes of the answers."""

from unittest import mock

import pytest

from snapshot_panel.cloud import editing
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import images
from snapshot_panel.cloud import metadefs
from snapshot_panel.cloud import nova
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import properties
from tests.unit import builders

ID = builders.BASE_IMAGE
OTHER = '44444444-dddd-4ddd-8ddd-444444444444'


def edit(opened, **wanted):
    return edits.Edit(ID, opened, tuple(
        edits.Change(name, opened.get(name), new)
        for name, new in sorted(wanted.items())))


def test_a_page_of_own_images_is_asked_of_the_server(service, instances,
                                                     request_):
    service.add(ID)
    service.add(OTHER)

    page = images.list_page(request_, images.OWN, 1, marker='m',
                            name='a:b', os_distro='debian')

    assert service.listed[0] == {
        'name': 'eq:a:b', 'os_distro': 'debian', 'owner': 'project',
        'marker': 'm', 'limit': '100', 'sort': 'created_at:desc,id:desc'}
    assert [image.id for image in page.images] == [ID]
    assert (page.more, page.previous) == (True, True)
    assert [user.name for user in page.users[ID]] == ['web']
    assert instances.call_count == 1


@pytest.mark.parametrize('count, limit, cut', [
    (3, 5, False), (4, 5, True), (4, 2, False)])
def test_a_search_that_ended_early_is_said(count, limit, cut, service,
                                           instances, request_):
    for number in range(count):
        service.add('%08d-0000-4000-8000-000000000000' % number,
                    owner='other')

    with mock.patch.object(images, 'SEARCHED', 4):
        page = images.list_page(request_, images.PUBLIC, limit)

    assert page.cut is cut


def test_images_and_snapshots_of_the_project_are_apart(service, instances,
                                                       request_):
    service.add(ID)
    for number, kind in enumerate(('snapshot', 'backup')):
        service.add('copy-%d' % number, image_type=kind)

    own, copies = (images.list_page(request_, scope, 5)
                   for scope in (images.OWN, images.SNAPSHOTS))

    assert [image.id for image in own.images] == [ID]
    assert {image.id for image in copies.images} == {'copy-0', 'copy-1'}
    assert {listed['owner'] for listed in service.listed} == {
        request_.user.tenant_id}


@pytest.mark.parametrize('scope', [images.SHARED, images.PUBLIC])
def test_images_of_others_leave_out_our_own(scope, service, instances,
                                            request_):
    service.add(ID, owner='project')
    service.add(OTHER, owner='other')

    page = images.list_page(request_, scope, 5)

    assert service.listed[0]['visibility'] == scope
    assert 'owner' not in service.listed[0]
    assert [image.id for image in page.images] == [OTHER]
    assert not page.more


def test_the_page_before_is_turned_round(service, instances, request_):
    for number in range(3):
        service.add('image-%d' % number)

    page = images.list_page(request_, images.OWN, 2, marker='m',
                            backwards=True)

    assert service.listed[0]['sort'] == 'created_at:asc,id:asc'
    assert [image.id for image in page.images] == ['image-1', 'image-0']
    assert (page.more, page.previous) == (True, True)


def test_a_marker_that_is_gone_leads_to_the_first_page(service, instances,
                                                       request_):
    service.add(ID)

    page = images.list_page(request_, images.OWN, 2, marker='gone')

    assert [image.id for image in page.images] == [ID]


def test_a_silent_nova_spoils_its_part_only(service, instances, request_):
    service.add(ID)
    instances.side_effect = errors.Unavailable('Nova', 'x')

    page = images.list_page(request_, images.OWN, 2)
    sheet = editing.open_sheet(request_, ID)
    preview = editing.preview(request_, edit({}, a='1'))

    assert page.users is None
    assert isinstance(page.problem, errors.Unavailable)
    assert sheet.users is None
    assert preview.users is None


def test_a_sheet_has_all_of_an_image(service, instances, request_):
    service.add(ID, licence='x', os_type='linux')

    sheet = editing.open_sheet(request_, ID)

    assert sheet.image.properties == {'licence': 'x', 'os_type': 'linux'}
    assert sheet.editable
    assert [user.name for user in sheet.users] == ['web']


@pytest.mark.parametrize('readonly', [False, True])
def test_looking_asks_and_tries_nothing(readonly, service, instances,
                                        request_):
    service.add(ID, licence='x')
    service.protected = {'licence'}
    service.readonly = readonly

    editing.open_sheet(request_, ID)
    editing.preview_preset(request_, edits.Preset.READY, [ID])

    assert set(service.requests) == {'GET'}


@pytest.mark.parametrize('owner, administers, readonly, editable', [
    ('project', False, False, True), ('project', False, True, False),
    ('other', False, False, False), (None, False, False, False),
    ('other', True, False, True), ('other', True, True, False)])
def test_who_may_edit_an_image_is_known_beforehand(
        owner, administers, readonly, editable, service, instances,
        request_):
    service.add(ID, owner=owner)
    service.readonly = readonly
    request_.user.is_superuser = administers

    sheet = editing.open_sheet(request_, ID)

    assert sheet.editable is editable


def test_the_operators_rule_is_asked_of_the_images_owner(service, request_):
    service.add(ID)

    editing.may_edit(request_, images.glance.get_image(request_, ID))

    (rules, asked, target), _named = editing.policy.check.call_args
    assert rules == (('image', 'modify_image'),)
    assert asked is request_
    assert target == {'project_id': 'project', 'owner': 'project'}


def test_a_preview_names_what_was_refused(service, instances, request_):
    service.add(ID)
    service.protected = {'licence', 'other'}

    preview = editing.preview(request_, edit({}, a='1', licence='1',
                                             other='1'))

    assert preview.refused_names == ('licence',)
    assert service.patches == []


def test_a_preset_of_a_reader_is_refused_beforehand(service, instances,
                                                    request_):
    service.add(ID)
    service.readonly = True

    preview, = editing.preview_preset(request_, edits.Preset.READY, [ID])

    assert isinstance(preview.refusal, errors.Forbidden)


@pytest.mark.parametrize('change, problem', [
    ({'a': '1'}, None),
    ({'licence': '1'}, errors.Forbidden),
    ({'x%d' % number: '' for number in range(150)}, errors.OverLimit),
])
def test_a_preview_tells_what_saving_would(change, problem, service,
                                           instances, request_):
    service.add(ID)
    service.protected = {'licence'}

    preview = editing.preview(request_, edit({}, **change))

    assert (preview.refusal if problem is None
            else isinstance(preview.refusal, problem)) in (None, True)
    assert service.patches == []


def test_a_preview_of_what_is_gone(service, instances, request_):
    with pytest.raises(errors.NotFound):
        editing.preview(request_, edit({}, a='1'))


def test_a_preset_is_looked_at_for_several_images(service, instances,
                                                  request_):
    service.add(ID)
    service.add(OTHER, hw_qemu_guest_agent='yes')

    found = editing.preview_preset(
        request_, edits.Preset.READY, [ID, OTHER, builders.SNAPSHOT])

    assert [change.new for change in found[0].edit.changes] == ['yes']
    assert [user.name for user in found[0].users] == ['web']
    assert found[1].edit.changes == ()
    assert isinstance(found[2], errors.NotFound)
    assert instances.call_count == 1


def test_saving_sends_the_change_and_reads_it_back(service, request_):
    service.add(ID, kept='  ', a='1', gone='')

    outcome = editing.save(request_, edit(
        {'kept': '  ', 'a': '1', 'gone': ''}, a='2', gone=None, new='n'))

    assert outcome.verified
    assert service.patches == [[
        {'op': 'replace', 'path': '/a', 'value': '2'},
        {'op': 'remove', 'path': '/gone'},
        {'op': 'add', 'path': '/new', 'value': 'n'}]]
    assert outcome.image.properties == {'kept': '  ', 'a': '2', 'new': 'n'}


def test_saving_twice_writes_once(service, request_):
    service.add(ID)

    editing.save(request_, edit({}, a='1'))
    again = editing.save(request_, edit({}, a='1'))

    assert again.verified
    assert len(service.patches) == 1


def test_whoever_was_faster_is_not_overwritten(service, request_):
    service.add(ID, a='theirs')

    outcome = editing.save(request_, edit({'a': '1'}, a='mine'))

    assert not outcome.verified
    assert outcome.disputes == (
        edits.Dispute('a', '1', 'theirs', 'mine'),)
    assert service.patches == []


def test_a_change_right_after_is_noticed(service, request_):
    service.add(ID)
    service.after_write = lambda: service.stored[ID].update(a='theirs')

    outcome = editing.save(request_, edit({}, a='1', b='2'))

    assert not outcome.verified
    assert outcome.unlike == ('a',)


def test_a_removal_just_before_the_write_is_refused_by_glance(service,
                                                              request_):
    service.add(ID, a='1')
    get, reads = service.get, []

    def get_and_lose(image_id):
        found = get(image_id)
        if not reads:
            service.stored[ID].pop('a')
        reads.append(image_id)
        return found
    service.get = get_and_lose

    outcome = editing.save(request_, edit({'a': '1'}, a='2'))

    assert isinstance(outcome.problem, errors.Conflict)


@pytest.mark.parametrize('name', ['consistency_verdict', 'visibility',
                                  'image_type'])
def test_a_forged_plan_is_refused(name, service, request_):
    service.add(ID)

    outcome = editing.save(request_, edit({}, **{name: 'x'}))

    assert isinstance(outcome.problem, errors.Refused)
    assert service.patches == []


def test_the_evidence_of_a_verdict_in_the_making_is_not_touched(service,
                                                                request_):
    image = builders.asked()
    service.add(image.id, **image.properties)
    made = edits.Edit(image.id, image.properties, (
        edits.Change('os_shutdown_timeout', None, '900'),))

    outcome = editing.save(request_, made)

    assert isinstance(outcome.problem, errors.Refused)


def test_definitions_come_from_the_cloud_and_are_kept(service, request_):
    service.definitions = {
        'B': {'properties': {'hw_x': {'title': 'second'}}},
        'A': {'properties': {'hw_x': {
            'title': 'X', 'description': 'Help', 'type': 'integer',
            'minimum': 1, 'maximum': 9, 'default': 3}},
            'objects': [{'properties': {'os_y': {
                'type': 'array', 'enum': ['a', 'b']}}}]},
    }

    found = metadefs.definitions(request_)
    service.definitions = {}

    assert metadefs.definitions(request_) == found == {
        'hw_x': properties.Definition(
            'hw_x', properties.Kind.INTEGER, lowest=1, highest=9,
            default='3', title='X', help='Help'),
        'os_y': properties.Definition('os_y', choices=('a', 'b'))}


def test_a_cloud_without_definitions_has_none(service, request_):
    def fail(url):
        raise errors.glance_exceptions.HTTPForbidden()
    service.http_client.get = fail

    assert metadefs.definitions(request_) == {}


def test_more_instances_than_are_looked_at_are_said(service, instances,
                                                    request_):
    service.add(ID)
    instances.return_value = nova.InstancePage((), more=True)

    assert images.list_page(request_, images.OWN, 1).users_cut
    assert editing.open_sheet(request_, ID).users_cut


def test_an_image_that_was_renamed_meanwhile_is_not_changed(service, request_):
    image_id = service.add(name='new name')
    edit = edits.Edit(image_id, {}, (
        edits.Change('os_type', None, 'linux'),), 'old name')

    outcome = editing.save(request_, edits.Edit.load(edit.dump()))

    assert isinstance(outcome.problem, errors.InUse)
    assert 'os_type' not in service.stored[image_id]
