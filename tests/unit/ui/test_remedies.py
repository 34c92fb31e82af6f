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

"""Where a finding leads."""

from unittest import mock

from django.urls import NoReverseMatch
import pytest

from snapshot_panel.consistency import checklist
from snapshot_panel.ui import findings
from snapshot_panel.ui import remedies
from tests.unit import builders

Finding = checklist.Finding


def links(finding):
    return findings.links(checklist.Result(finding, {}), builders.instance())


@pytest.mark.parametrize('finding', Finding)
def test_every_page_that_a_finding_leads_to_exists(finding):
    for link in links(finding):
        assert link.url.startswith('/project/')


def test_a_missing_channel_leads_to_what_gives_the_image_one():
    way, channel = links(Finding.NO_CHANNEL)

    assert way.code == 'fix'
    assert channel.url.endswith(
        '/images/preset/ready/?id=' + builders.BASE_IMAGE)
    # Of a volume, or of an image that is gone.
    assert 'channel' not in [link.code for link in findings.links(
        checklist.Result(Finding.NO_CHANNEL, {}),
        builders.instance(image_id=None))]


# Those of Nova's API in which it takes no snapshot.
@pytest.mark.parametrize('status, remedy, command', [
    ('RESCUE', 'rescue mode', 'openstack server unrescue ID'),
    ('SHELVED', 'Unshelve', 'openstack server unshelve ID'),
    ('SHELVED_OFFLOADED', 'Unshelve', 'openstack server unshelve ID'),
    ('SOFT_DELETED', 'Restore', 'openstack server restore ID'),
    ('VERIFY_RESIZE', 'Confirm', 'openstack server resize confirm ID\n'
     '# openstack server resize revert ID'),
    ('ERROR', 'failed', 'openstack server show --column fault ID\n'
     '# openstack server reboot --hard ID'),
    ('BUILD', 'Wait', None), ('REBUILD', 'Wait', None),
    ('REBOOT', 'Wait', None), ('HARD_REBOOT', 'Wait', None),
    ('PASSWORD', 'Wait', None), ('MIGRATING', 'other host', None),
    ('RESIZE', 'Wait', None), ('REVERT_RESIZE', 'Wait', None),
    ('DELETED', 'gone', None), ('UNKNOWN', 'operator', None),
    ('NEW_ONE', 'running or shut off', None)])
def test_each_status_has_its_own_way_out(status, remedy, command):
    instance = builders.instance(status=status)

    result = checklist.Result(Finding.NO_SNAPSHOT_STATE,
                              {'status': status})

    row = findings.FINDINGS[result.finding]
    assert remedy in findings.fill(row.remedy, result)
    found = findings.fill(row.found, result)
    assert (status in found) is (status == 'NEW_ONE')
    made = findings.command(result, instance)
    assert (made and made.text.replace(builders.INSTANCE, 'ID')) == command


def test_a_page_that_the_operator_removed_is_no_remedy():
    removed = 'horizon:project:snapshots:index'

    def find(name, args):
        if name == removed:
            raise NoReverseMatch(name)
        return '/' + name

    with mock.patch.object(remedies, 'reverse', find):
        found = links(Finding.QUOTA_COPIES_SIZE)

    assert [link.code for link in found] == ['volumes']
