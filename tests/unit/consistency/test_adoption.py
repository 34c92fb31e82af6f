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

"""The ways to adopt an image's property, and which of them fits."""

import pytest

from snapshot_panel.consistency import adoption
from snapshot_panel.consistency import facts
from tests.unit import builders

Hindrance = adoption.Hindrance
Way = adoption.Way
WANTED = {facts.AGENT_PROPERTY: 'yes'}
NAME = 'web-adopting-11111111'


def ways(on_image=True, **changes):
    return adoption.ways(builders.instance(**changes), WANTED, on_image)


def lines(way, **options):
    return next(found.commands for found in ways(**options)
                if found.way is way)


def hindrances(**changes):
    return {found.way: found.hindrance for found in ways(**changes)}


@pytest.mark.parametrize('changes, order', [
    ({}, [Way.RELAUNCH, Way.OPERATOR, Way.REBUILD]),
    ({'status': 'SHUTOFF'}, [Way.OPERATOR, Way.RELAUNCH, Way.REBUILD]),
    ({'status': 'PAUSED'}, [Way.RELAUNCH, Way.OPERATOR, Way.REBUILD]),
    ({'status': 'ERROR'}, [Way.OPERATOR, Way.REBUILD, Way.RELAUNCH]),
    ({'locked': True}, [Way.RELAUNCH, Way.OPERATOR, Way.REBUILD])])
def test_what_fits_best_comes_first(changes, order):
    assert [found.way for found in ways(**changes)] == order


@pytest.mark.parametrize('changes, expected', [
    ({}, {Way.OPERATOR: None, Way.RELAUNCH: None, Way.REBUILD: None}),
    ({'task_state': 'rebooting'}, dict.fromkeys(Way, Hindrance.BUSY)),
    ({'locked': True}, {
        Way.OPERATOR: Hindrance.LOCKED, Way.RELAUNCH: None,
        Way.REBUILD: Hindrance.LOCKED}),
    ({'status': 'PAUSED'}, {
        Way.OPERATOR: Hindrance.STATE, Way.RELAUNCH: None,
        Way.REBUILD: Hindrance.STATE}),
    ({'status': 'RESCUE'}, dict.fromkeys(Way, Hindrance.STATE)),
    ({'image_id': None}, {
        Way.OPERATOR: None, Way.RELAUNCH: None,
        Way.REBUILD: Hindrance.NO_IMAGE})])
def test_what_is_in_the_way_is_said(changes, expected):
    assert hindrances(**changes) == expected


def test_a_snapshot_carries_the_property_to_a_new_instance():
    assert lines(Way.RELAUNCH, flavor='small', networks=('lan',)) == (
        'openstack server image create --wait --name %s %s' % (
            NAME, builders.INSTANCE),
        'openstack image set --property hw_qemu_guest_agent=yes ' + NAME,
        'openstack server create --wait --image=%s --flavor=small '
        '--network=lan web' % NAME)


def test_a_copy_has_each_interface_though_two_networks_share_their_name():
    found = next(each for each in ways(
        networks=('lan',), network_ids=('id-1', 'id-2', 'id-1'))
        if each.way is Way.RELAUNCH)

    assert found.commands[-1].split()[-4:-1] == [
        '--network=id-1', '--network=id-2', '--network=id-1']
    assert not found.by_name


@pytest.mark.parametrize('changes, by_name', [
    ({'networks': ('lan',)}, True),
    ({'networks': ('lan',), 'network_ids': ()}, True), ({}, False)])
def test_networks_that_are_only_known_by_name_are_said_to_be(changes,
                                                             by_name):
    assert {each.way: each.by_name for each in ways(**changes)} == {
        Way.OPERATOR: False, Way.RELAUNCH: by_name, Way.REBUILD: False}


@pytest.mark.parametrize('on_image', [True, False])
def test_a_rebuild_needs_the_property_on_the_image(on_image):
    found = lines(Way.REBUILD, on_image=on_image)

    assert found[-1] == 'openstack server rebuild --wait --image %s %s' % (
        builders.BASE_IMAGE, builders.INSTANCE)
    assert found[:-1] == (() if on_image else (
        'openstack image set --property hw_qemu_guest_agent=yes '
        + builders.BASE_IMAGE,))


@pytest.mark.parametrize('status, verbs', [
    ('ACTIVE', ['stop', 'nova-manage', 'start']),
    ('SHUTOFF', ['nova-manage', 'start'])])
def test_the_operator_needs_a_stopped_instance(status, verbs):
    found = lines(Way.OPERATOR, status=status)

    assert [line.split()[0 if line.startswith('nova') else 2]
            for line in found] == verbs


def test_a_long_name_leaves_room_for_what_follows():
    name = lines(Way.RELAUNCH, name='x' * 255)[0].split()[6]

    assert len(name) <= 255
