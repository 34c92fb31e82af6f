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

"""The page of an instance, on a real cloud."""

import re

import pytest

from tests import clients


def path(instance_id, part=''):
    return '%s%s/%s' % (clients.PANEL, instance_id, part)


@pytest.fixture
def settled(cloud, openstack, dashboard):
    """Take a snapshot of web-ready and settle it; return its id."""
    instance_id = cloud.instances['web-ready']
    clients.wait_for(lambda: openstack.idle(instance_id), 'Nova to be idle')
    before = {image['id'] for image in openstack.snapshots(instance_id)}
    dashboard.take(instance_id)
    clients.wait_for(lambda: not dashboard.post(
        path(instance_id, 'news/')).json()['unsettled'], 'the verdict')
    made, = [image['id'] for image in openstack.snapshots(instance_id)
             if image['id'] not in before]
    return made


def test_every_seeded_page_answers(cloud, dashboard):
    for name, instance_id in cloud.instances.items():
        wanted = 404 if name == 'other-web' else 200

        page = dashboard.get(path(instance_id))
        assert page.status_code == wanted, name
        assert dashboard.get(
            path(instance_id, 'news/')).status_code == wanted, name


def test_a_snapshot_is_followed_settled_and_deleted(cloud, openstack,
                                                    dashboard, settled):
    instance_id = cloud.instances['web-ready']

    page = dashboard.get(path(instance_id))
    assert 'history__delete__' + settled in page.text
    assert 'openstack image show -f json -c properties ' + settled in (
        page.text)
    page = dashboard.post(path(instance_id),
                          action='history__delete__' + settled)

    assert any('was deleted' in text for text in dashboard.messages(page))
    assert settled not in [image['id'] for image in
                           openstack.snapshots(instance_id)]
    # Whoever deleted it knows, so it is not called discarded.
    metadata = openstack.nova.servers.get(instance_id).metadata
    assert not [key for key in metadata if settled in key]


def test_a_snapshot_of_another_instance_is_not_deleted(cloud, openstack,
                                                       dashboard):
    image = openstack.snapshots(cloud.instances['db-hooks'])[0]['id']

    dashboard.post(path(cloud.instances['web-ready']),
                   action='history__delete__' + image)

    assert openstack.glance.images.get(image)['status'] == 'active'


@pytest.fixture
def locked(cloud, openstack):
    """The id of an instance that is locked."""
    instance_id = cloud.instances['db-hooks']
    openstack.nova.servers.lock(instance_id)
    yield instance_id
    openstack.nova.servers.unlock(instance_id)


def test_a_locked_instance_is_taken_without_a_note(locked, openstack,
                                                   dashboard):
    before = len(openstack.snapshots(locked))

    assert ('Locked: a lost snapshot is not reported'
            in dashboard.rows(locked)[locked])
    page = dashboard.click(locked)

    said = ' '.join(dashboard.messages(page))
    assert 'is being taken' in said
    # It was said before.
    assert 'could not be written' not in said
    dashboard.settle([locked])
    assert len(openstack.snapshots(locked)) == before + 1
    assert not [key for key in openstack.nova.servers.get(locked).metadata
                if key.startswith('consistency_snapshot_')]


@pytest.fixture
def crowded(cloud):
    """Let instances of the project have no more metadata."""
    admin = clients.OpenStack(cloud, 'admin')
    project = admin.nova.client.session.get_project_id()
    admin.nova.quotas.update(project, metadata_items=1)
    yield cloud.instances['web-ready']
    admin.nova.quotas.update(project, metadata_items=128)


def test_metadata_that_is_full_is_a_check(crowded, dashboard):
    # The quotas are kept for a while; a note of a snapshot may be there too.
    clients.wait_for(
        lambda: re.search('The metadata of the instance is full: [1-9] of 1 '
                          'keys', dashboard.get(path(crowded)).text),
        'the quota')


def test_a_name_that_does_nothing_is_pointed_out(cloud, openstack,
                                                 dashboard):
    instance_id = cloud.instances['paused']
    openstack.nova.servers.set_meta(instance_id,
                                    {'hw_require_fsfreeze': 'yes'})
    try:
        page = dashboard.get(path(instance_id))
    finally:
        openstack.nova.servers.delete_meta(instance_id,
                                           ['hw_require_fsfreeze'])

    assert ('openstack server unset --property hw_require_fsfreeze '
            + instance_id) in page.text


def test_administrators_get_the_tab_for_the_chosen_project(cloud,
                                                           openstack):
    admin = clients.Dashboard(cloud, 'admin')
    project = openstack.nova.servers.get(
        cloud.instances['web-ready']).tenant_id
    admin.get('/auth/switch/%s/' % project, next='/')

    for name, shown in (('web-ready', True), ('other-web', False)):
        page = admin.get('/admin/instances/%s/detail'
                         % cloud.instances[name])

        assert page.status_code == 200
        assert ('instance_details__consistent_snapshots' in page.text
                ) is shown, name


def test_a_reader_looks_and_cannot_delete(cloud, openstack, reader):
    instance_id = cloud.instances['db-hooks']
    image = openstack.snapshots(instance_id)[0]['id']

    page = reader.get(path(instance_id))
    reader.post(path(instance_id), action='history__delete__' + image)

    assert 'rule hooks-witnessed' in page.text
    assert 'history__delete' not in page.text
    assert openstack.glance.images.get(image)['status'] == 'active'
