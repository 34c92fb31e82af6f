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

"""Bad input and forged requests: a clear message and the right status."""

import uuid

import pytest

from tests import clients

NOBODY = str(uuid.UUID(int=7))


def form(instance_id):
    return '%s%s/snapshot/' % (clients.PANEL, instance_id)


@pytest.fixture(scope='module')
def foreign(cloud):
    """The id of an instance of another project."""
    return cloud.instances['other-web']


@pytest.mark.parametrize('path', ['{}/', '{}/snapshot/'])
@pytest.mark.parametrize('name', ['unknown', 'foreign', 'nonsense', 'dots'])
def test_what_is_not_ours_is_not_found(name, path, foreign, dashboard):
    instance_id = {'unknown': NOBODY, 'foreign': foreign,
                   'nonsense': "x' OR 1=1 <b>", 'dots': '%2e%2e'}[name]

    page = dashboard.get(clients.PANEL + path.format(instance_id))

    assert page.status_code == 404
    assert 'does not exist, or it belongs to another project' in page.text


def test_an_administrator_does_not_reach_other_projects(cloud, foreign):
    admin = clients.Dashboard(cloud, 'admin')

    page = admin.get(clients.PANEL + foreign + '/')

    assert page.status_code == 404


@pytest.mark.parametrize('which', ['unknown', 'foreign'])
def test_a_forged_click_takes_nothing(which, foreign, dashboard):
    page = dashboard.click(NOBODY if which == 'unknown' else foreign)

    assert page.status_code == 200
    assert any('does not exist' in text for text in dashboard.messages(page))


@pytest.mark.parametrize('name', ['', '   ', 'x' * 256])
def test_a_bad_name_is_refused_with_the_form(name, cloud, dashboard,
                                             openstack):
    instance_id = cloud.instances['db-agent-no-kit']
    before = len(openstack.snapshots(instance_id))

    page = dashboard.post(form(instance_id), name=name, promise='unproven')

    assert page.status_code == 200
    assert 'has-error' in page.text
    assert len(openstack.snapshots(instance_id)) == before


def test_an_unknown_promise_is_refused(cloud, dashboard):
    instance_id = cloud.instances['db-agent-no-kit']

    page = dashboard.post(form(instance_id), name='x', promise='perfect')

    assert 'This form is broken' in page.text


def test_a_form_that_promised_more_takes_nothing(cloud, dashboard,
                                                 openstack):
    instance_id = cloud.instances['app-agent-stopped']
    before = len(openstack.snapshots(instance_id))

    page = dashboard.post(form(instance_id), name='x', strict='on',
                          promise='filesystem-consistent')

    assert 'No snapshot was taken' in page.text
    assert len(openstack.snapshots(instance_id)) == before


def test_a_click_without_a_token_is_refused(cloud, dashboard):
    page = dashboard.post(clients.PANEL, csrfmiddlewaretoken='x',
                          action='instances__take__' + NOBODY)

    # Horizon sends whoever has no valid token to its login page.
    assert '/auth/login/' in page.history[0].headers['Location']


def test_a_reader_sees_everything_and_can_take_nothing(cloud, reader):
    page = reader.get(clients.PANEL)

    assert 'web-ready' in page.text
    assert 'instances__take' not in page.text
    answer = reader.click(cloud.instances['web-ready'])
    assert any('The service refuses' in text
               for text in reader.messages(answer))


def test_the_script_of_somebody_logged_out_gets_no_rows(cloud):
    stranger = clients.Dashboard(cloud)
    stranger.http.cookies.clear()

    answer = stranger.get(clients.PANEL + 'rows/')

    assert '/auth/login/' in answer.url


def test_several_at_once_take_what_is_ready_and_name_the_others(
        cloud, dashboard, openstack):
    ready = cloud.instances['db-hooks']
    unready = cloud.instances['legacy-no-channel']
    before = {each: len(openstack.snapshots(each))
              for each in (ready, unready)}

    page = dashboard.click(ready, unready)

    said = ' '.join(dashboard.messages(page))
    assert 'of db-hooks is being taken' in said
    assert 'legacy-no-channel is not ready' in said
    dashboard.settle([ready])
    assert len(openstack.snapshots(ready)) == before[ready] + 1
    assert len(openstack.snapshots(unready)) == before[unready]


def test_no_row_selected_is_said(dashboard):
    page = dashboard.post(clients.PANEL, action='instances__take')

    assert any('select a row' in text for text in dashboard.messages(page))
