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


"""Who may do what: every address, by every method, counted at the services."""

import uuid

import pytest

from tests import addresses
from tests import clients
from tests.cloud import wire

WRITES = ('DELETE', 'PATCH', 'POST', 'PUT')
NOBODY = str(uuid.UUID(int=7))
MALFORMED = "x' OR 1=1 <b>"
# What the forms of all pages send.
FIELDS = {'name': 'x', 'promise': 'unproven', 'step': 'save', 'edit': '{}'}


@pytest.fixture(scope='module')
def users(cloud):
    """Horizon as each user of the demo."""
    return {name: clients.Dashboard(cloud, name) for name in cloud.users}


@pytest.fixture(scope='module')
def walk(cloud, users, openstack):
    """Walk all addresses; give the answers' statuses and what was written.

    By a user, a method, and the ids of an instance and an image.
    """
    def go(user, method, instance, image, fields=None):
        dashboard = users[user]
        statuses = {}
        own = cloud.instances['web-ready']
        begun = len(openstack.nova.instance_action.list(own))
        with wire.Wire(cloud).listen() as sent:
            for name, path in addresses.PATHS.items():
                path = clients.PANEL + addresses.fill(path, instance, image)
                statuses[name] = dashboard.http.request(
                    method, dashboard.url + path, data=fields and {
                        'csrfmiddlewaretoken':
                            dashboard.http.cookies['csrftoken'],
                        'id': instance, **fields,
                        'action': 'instances__take__' + instance},
                    headers={'Referer': dashboard.url + path},
                    timeout=clients.PATIENCE).status_code
        assert sent, 'nothing was asked at all'
        return statuses, [*(each for each in sent if each.changes),
                          *openstack.nova.instance_action.list(own)[begun:]]

    return go


@pytest.mark.parametrize('method', addresses.LOOKS)
@pytest.mark.parametrize('user', ['demo', 'reader', 'admin', 'other'])
def test_a_look_writes_nothing_whoever_looks(user, method, cloud, walk):
    statuses, written = walk(user, method, cloud.instances['web-ready'],
                             cloud.images['debian-12-own'])

    assert not written
    assert 500 not in statuses.values(), statuses


@pytest.mark.parametrize('user', ['reader', 'other'])
def test_who_may_not_writes_nothing_by_any_form(user, cloud, walk):
    statuses, written = walk(user, 'POST', cloud.instances['web-ready'],
                             cloud.images['debian-12-own'], FIELDS)

    assert not written
    assert 500 not in statuses.values(), statuses


@pytest.mark.parametrize('user', ['demo', 'admin'])
@pytest.mark.parametrize('which', ['foreign', 'deleted', 'malformed'])
def test_no_form_reaches_what_is_not_the_projects(user, which, cloud, walk):
    instance, image = {
        'foreign': (cloud.instances['other-web'],
                    cloud.images['other-image']),
        'deleted': (NOBODY, NOBODY), 'malformed': (MALFORMED, 'x' * 36),
    }[which]

    statuses, written = walk(user, 'POST', instance, image, FIELDS)

    assert not written
    assert 500 not in statuses.values(), statuses


@pytest.mark.parametrize('method', WRITES)
def test_without_its_token_nothing_is_written(method, cloud, walk, users):
    users['demo'].http.get(users['demo'].url + '/settings/')
    _statuses, written = walk('demo', method, cloud.instances['web-ready'],
                              cloud.images['debian-12-own'])

    assert not written
