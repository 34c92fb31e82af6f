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

"""How many requests to the services each page of the panel may cost.

They are counted on the wire (see tests/cloud/wire.py). What every page of
Horizon asks for its frame (the project's name, the menu) is not the panel's:
it is what Horizon's emptiest page asks, and is taken off.
"""

import collections
import functools

import pytest

from tests.bench import pages
from tests.budgets import DISK
from tests.budgets import FORM
from tests.budgets import GUEST
from tests.budgets import INDEX
from tests.budgets import INSTANCE
from tests.budgets import LIMITS
from tests.budgets import LISTEN
from tests.budgets import ROWS
from tests.budgets import SETTLED
from tests.budgets import TAKEN
from tests.budgets import TODAY
from tests import clients
from tests.cloud import wire

FRAME = '/settings/'


@pytest.fixture(scope='module')
def asked(cloud):
    """Give what the panel asked meanwhile: ``asked(dashboard.get, path)``.

    Of a :class:`clients.Dashboard`, one of its methods.
    """
    listen = wire.Wire(cloud).listen

    def count(look, *arguments, **named):
        with listen() as found:
            answer = look(*arguments, **named)
        assert answer.status_code == 200, answer.text
        return collections.Counter(map(str, found))

    @functools.cache
    def frame(dashboard):
        found = count(dashboard.get, FRAME)
        assert 1 <= found.total() <= 5, found
        return found

    def ask(look, *arguments, **named):
        around = frame(look.__self__)
        return sorted((count(look, *arguments, **named) - around).elements())

    return ask


def within(budget, requests):
    """Return whether so many were asked; pytest shows which."""
    return 0 < len(requests) <= budget


PAGES = {
    'index': ('', INDEX),
    'a running instance': ('{paused}/', INSTANCE + TODAY + LISTEN + LIMITS),
    'a stopped instance': ('{stopped-clean}/',
                           INSTANCE + TODAY + GUEST + LIMITS),
    # Each attached volume is asked for, and the quotas of volumes (one may be
    # the root disk); there is no image of the root disk.
    'an instance on volumes': ('{mail-on-volumes}/',
                               INSTANCE + LISTEN + LIMITS + 2 + 1),
    'an attached volume': ('{files-data-volume}/',
                           INSTANCE + TODAY + LISTEN + LIMITS + 1 + 1),
    'news of an instance': ('{paused}/news/',
                            INSTANCE + TODAY + LISTEN + LIMITS),
    'form of a snapshot': ('{db-agent-no-kit}/snapshot/', FORM),
    'guest setup': ('{drifted}/setup/', INSTANCE + LISTEN),
    'status of guest setup': ('{drifted}/setup/status/', INSTANCE + LISTEN),
    # The images, the hidden ones, and the instances that run from them.
    'own images': ('images/', 3),
    'own snapshots': ('images/snapshots/', 3),
    'shared images': ('images/shared/', 3),
    'public images': ('images/public/', 3),
    'community images': ('images/community/', 3),
    # Nova's version, the instances that run from them, and each image.
    'what a preset changes': ('images/preset/ready/?id={debian-12-own}', 3),
}


@pytest.mark.parametrize('page', PAGES)
def test_a_page_stays_within_its_budget(page, cloud, dashboard, asked):
    path, budget = PAGES[page]

    requests = asked(dashboard.get, clients.PANEL + path.format(
        **cloud.instances, **cloud.images))

    assert within(budget, requests)


def test_the_definitions_of_properties_are_asked_for_seldom(
        cloud, dashboard, asked):
    own, foreign = (clients.PANEL + 'images/%s/' % cloud.images[name]
                    for name in ('debian-12-own', 'debian-12'))

    # Once in ten minutes a list of name spaces (20 in Glance's own
    # collection) and each of them.
    assert within(2 + 25, asked(dashboard.get, own))
    # The image and the instances that run from it.
    assert within(2, asked(dashboard.get, own))
    assert within(2, asked(dashboard.get, foreign))


def test_the_index_asks_three_questions_whoever_looks(cloud, dashboard,
                                                      asked):
    other = clients.Dashboard(cloud, 'other')
    dashboard.get(clients.PANEL)

    of_many = asked(dashboard.get, clients.PANEL)
    of_one = asked(other.get, clients.PANEL)

    for requests in (of_many, of_one):
        assert [each.partition('?')[0] for each in requests] == [
            'GET glance /v2/images', 'GET glance /v2/images',
            'GET nova /v2.1/servers/detail']


# The images that they were launched from are read once a month.
@pytest.mark.parametrize('count, bases', [(1, 1), (5, 4)])
def test_rows_cost_their_guests_and_no_more(count, bases, cloud, dashboard,
                                            asked):
    running = ('web-ready', 'db-hooks', 'drifted', 'legacy-no-channel',
               'app-agent-stopped')
    chosen = [cloud.instances[name] for name in running[:count]]

    requests = asked(dashboard.get, clients.PANEL + 'rows/', id=chosen)

    assert within(ROWS + count * LISTEN + bases * (1 + DISK), requests)


def test_what_a_guest_said_is_not_asked_again(cloud, dashboard, asked):
    chosen = [cloud.instances['web-ready'], cloud.instances['db-hooks']]
    # What was heard before may be too old by the second request.
    dashboard.get(clients.PANEL + 'rows/', id=chosen, again='1')

    requests = asked(dashboard.get, clients.PANEL + 'rows/', id=chosen)

    assert within(ROWS, requests)


def test_the_tab_costs_what_it_shows(cloud, dashboard, asked):
    path = '/project/instances/%s/' % cloud.instances['drifted']
    horizon = collections.Counter(asked(dashboard.get, path))

    page = collections.Counter(asked(
        dashboard.get, path, tab='instance_details__consistent_snapshots'))

    assert within(INSTANCE + TODAY + GUEST + LIMITS,
                  list((page - horizon).elements()))


@pytest.mark.parametrize('path, least', [
    ('/project/instances/', 1), ('/settings/', 0), (clients.PANEL, 1000)])
def test_a_page_stays_light(path, least, dashboard):
    # The menu's line and the script in Horizon's bundle on each page; other
    # scripts and styles on our own alone.
    most = 18 if path == clients.PANEL else 10
    assert least <= pages.weight(dashboard, path) < most * 1000
    assert path == clients.PANEL or (
        'static/snapshot_panel/' not in dashboard.get(path).text)


def test_a_snapshot_stays_within_its_budget(cloud, dashboard, asked):
    instance_id = cloud.instances['web-ready']

    assert within(TAKEN, asked(dashboard.click, instance_id))

    settled = []

    def settle():
        settled.append(asked(dashboard.post, clients.PANEL + 'rows/',
                             id=[instance_id]))
        return 'data-unsettled' not in dashboard.rows(instance_id)[
            instance_id]
    clients.wait_for(settle, 'the verdict', pause=2)

    assert all(within(2 * ROWS + SETTLED, each) for each in settled)
