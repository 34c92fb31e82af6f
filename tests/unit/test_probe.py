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

"""What install finds out about a Horizon: its settings, policies, services."""

import json
from unittest import mock

from django.test.utils import override_settings
from horizon import exceptions as horizon_exceptions
from openstack_auth import policy
import pytest
import requests

from snapshot_panel.cloud import accounts
from snapshot_panel.cloud import cinder
from snapshot_panel.cloud import disks
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import glance
from snapshot_panel.cloud import nova
from snapshot_panel import policies
from snapshot_panel import probe
from tests.unit import builders
from tests.unit import fakes

CREATE = 'os_compute_api:servers:create_image'
MEMBER = 'role:admin or role:member and project_id:%(project_id)s'


def wanted(check=MEMBER, **changes):
    """Return policy files of both services that know all rules."""
    files = {service: {} for service in policies.SERVICES}
    for action in policies.ACTIONS:
        for service, rule in action.rules:
            files[service][rule] = check
    for service, rules in changes.items():
        files[service].update(rules)
    return files


@pytest.fixture
def look(tmp_path):
    """Look at policy files: ``look(files)``, by service what is in them."""
    def looked(files, **more):
        for service, rules in files.items():
            text = rules if isinstance(rules, str) else json.dumps(rules)
            (tmp_path / service).write_text(text)
        with override_settings(**{
                'POLICY_FILES': {service: str(tmp_path / service)
                                 for service in files},
                'POLICY_DIRS': {}, 'DEFAULT_POLICY_FILES': {},
                'POLICY_CHECK_FUNCTION': 'openstack_auth.policy.check',
                **more}):
            policy.reset()
            # Without defaults Horizon says so; what it says is tried apart.
            with mock.patch.object(policy, '_load_default_rules'):
                lines = list(probe.look_at_policies())
        policy.reset()
        return lines
    return looked


def test_policy_files_that_know_all_rules_are_right(look):
    [line] = look(wanted())

    assert line.text.startswith('Policies: all rules are known (')
    assert not line.wrong


def test_a_rule_that_the_file_does_not_know_is_named_with_what_it_means(look):
    files = wanted()
    del files['compute'][CREATE]

    [line] = look(files)

    assert line.wrong
    assert 'does not know %s. Horizon then offers to everybody' % CREATE in (
        line.text)
    assert 'Nova may refuse: take a snapshot, have a snapshot judged' in (
        line.text)


def test_a_rule_of_default_decides_what_the_file_does_not_know(look):
    files = wanted(compute={'default': '!'})
    del files['compute'][CREATE]

    [line] = look(files)

    assert 'whom its rule "default" lets' in line.text


def test_horizon_itself_lets_everybody_where_a_rule_is_unknown():
    # What the lines above say of Horizon.
    enforcer = mock.Mock(rules={}, **{'enforce.return_value': False})

    assert policy._check_credentials(enforcer, CREATE, {}, {})

    enforcer.rules = {'default': '!'}

    assert not policy._check_credentials(enforcer, CREATE, {}, {})


def test_a_service_without_a_policy_file_is_named(look):
    files = wanted()
    del files['image']

    [line] = look(files)

    assert line.wrong
    assert 'no rules of Glance' in line.text


def test_a_file_that_cannot_be_read_is_named_in_horizons_words(look):
    lines = look({**wanted(), 'image': 'foo: [bar'})

    assert all(line.wrong for line in lines)
    assert any("service 'image'" in line.text and 'ValueError' in line.text
               for line in lines)


def test_what_is_wrong_with_files_of_other_services_is_not_ours(look):
    [line] = look({**wanted(), 'network': 'foo: [bar'})

    assert not line.wrong


def test_what_a_member_is_not_offered_is_told_and_no_fault(look):
    known, line = look(wanted(image={'delete_image': 'role:admin'}))

    assert not line.wrong
    assert line.text.endswith(
        'to the role member: keep the last N, delete a snapshot.')


def test_what_a_reader_is_offered_is_told_and_no_fault(look):
    known, line = look(wanted(compute={
        'os_compute_api:os-console-output': '@'}))

    assert not line.wrong
    assert 'role reader' in line.text
    assert ': have hooks, XFS and volumes proven;' in line.text


def test_another_way_to_check_policies_is_not_looked_at(look):
    [line] = look(wanted(), POLICY_CHECK_FUNCTION='builtins.bool')

    assert not line.wrong
    assert 'not looked at' in line.text


def signed_in(**addresses):
    """Return a session of the region north; the catalogue has these."""
    return accounts.Session(accounts.User(
        accounts.Token('token'), 'project', 'demo', 'north', [
            {'type': kind, 'endpoints': [{
                'region': 'north', 'region_id': 'north',
                'interface': 'public', 'url': url}]}
            for kind, url in addresses.items()]))


@pytest.fixture
def workflows():
    """Mistral on the wire."""
    made = fakes.Workflows()
    with mock.patch.object(requests.adapters.HTTPAdapter, 'send',
                           autospec=True, side_effect=made):
        yield made


@pytest.fixture
def account(workflows):
    """An account that is at hand, and services that answer."""
    found = mock.Mock(spec=accounts.Account)
    found.session.return_value = signed_in(workflowv2=workflows.url)
    with mock.patch.object(accounts, 'at_hand', return_value=True), \
            mock.patch.object(accounts, 'accounts', autospec=True,
                              return_value=[found]), \
            mock.patch.object(nova, 'list_instances', autospec=True), \
            mock.patch.object(glance, 'ask', autospec=True), \
            mock.patch.object(glance, 'find', autospec=True,
                              return_value=iter([builders.image()])), \
            mock.patch.object(disks, 'gives_parts', autospec=True,
                              return_value=True), \
            mock.patch.object(cinder, 'get_usage', autospec=True):
        yield found


def test_each_service_that_answers_is_told(account):
    lines = list(probe.look_at_services(None))

    assert lines == [(f'Services: {text}.', False) for text in (
        'Nova answers', 'Glance answers',
        'Glance lets this account read images, in parts', 'Cinder answers',
        'Mistral answers')]


def test_a_glance_that_lets_nobody_read_is_a_fault(account):
    disks.gives_parts.side_effect = errors.Forbidden('Glance', 'no')

    _nova, _glance, line, *_others = probe.look_at_services(None)

    assert line.wrong
    assert '(policy download_image)' in line.text


def test_a_store_that_fails_is_not_called_a_policy(account):
    disks.gives_parts.side_effect = errors.Unavailable('Glance', 'down')

    _nova, _glance, line, *_others = probe.look_at_services(None)

    assert line.wrong
    assert 'down' in line.text and 'policy' not in line.text


def test_a_store_that_gives_no_parts_is_told(account):
    disks.gives_parts.return_value = False

    _nova, _glance, line, *_others = probe.look_at_services(None)

    assert not line.wrong
    assert 'disk_stream_mib' in line.text


def test_where_there_is_no_image_none_is_read(account):
    glance.find.return_value = iter([])

    _nova, _glance, line, *_others = probe.look_at_services(None)

    assert not line.wrong
    assert 'not looked at' in line.text
    assert not disks.gives_parts.called


def test_a_service_that_does_not_answer_is_a_fault_and_the_others_are_asked(
        account):
    nova.list_instances.side_effect = errors.Unavailable('Nova', 'down')
    glance.ask.side_effect = errors.UNAUTHORIZED[0](401)

    lines = list(probe.look_at_services(None))

    assert [line.wrong for line in lines] == [True, True, False, False]
    assert lines[0].text == 'Services: Nova: down'


def test_a_page_in_the_place_of_an_answer_is_cut(account):
    glance.ask.side_effect = errors.Unusable('Glance', '<p>' * 1000)

    _nova, line, *_others = probe.look_at_services(None)

    assert line.text == 'Services: ' + errors.brief(
        'Glance: ' + '<p>' * 1000)
    assert len(line.text) < 400


def test_a_cloud_without_cinder_is_no_fault(account):
    def ask(session):
        with errors.asking('Cinder'):
            raise horizon_exceptions.ServiceCatalogException('volume')

    cinder.get_usage.side_effect = ask

    *_others, line, _mistral = probe.look_at_services(None)

    assert not line.wrong
    assert 'no Cinder' in line.text


def test_a_cloud_without_mistral_is_no_fault_and_nobody_is_asked(
        account, workflows):
    account.session.return_value = signed_in()

    *_others, line = probe.look_at_services(None)

    assert line == (
        'Services: there is no Mistral in the catalogue of the region north; '
        'users get commands to copy for their schedules.', False)
    assert workflows.asked == []


def test_mistral_is_found_by_its_other_name_and_asked_once(
        account, workflows):
    account.session.return_value = signed_in(workflow=workflows.url)

    *_others, line = probe.look_at_services(None)

    assert line == ('Services: Mistral answers.', False)
    assert workflows.asked == ['GET /actions/nova.servers_create_image']


def test_a_mistral_without_the_action_is_a_fault(account, workflows):
    workflows.actions.clear()

    *_others, line = probe.look_at_services(None)

    assert line == ('Services: Mistral cannot take snapshots: it has no '
                    'action nova.servers_create_image (mistral-extra).', True)


@pytest.mark.parametrize('answer, said', [
    ((403, 'not for you'), 'not for you'), ((401, b''), 'HTTP 401'),
    ((429, b''), 'HTTP 429'), ((503, b'<p>' * 1000), 'HTTP 503'),
    ((200, b'<p>' * 1000), ''), ((200, b'[' * 100000), ''), ((200, []), ''),
    # Horizon's own test data change what keystoneauth1's exceptions say.
    ((None, requests.ConnectionError()), ''),
    ((None, requests.Timeout()), '')])
def test_a_mistral_that_does_not_answer_is_a_fault_with_what_to_do(
        account, workflows, answer, said):
    workflows.refusals['GET', '/actions'] = answer

    *_others, line = probe.look_at_services(None)

    assert line.wrong
    assert line.text.startswith('Services: Mistral: ')
    assert said in line.text
    assert line.text.endswith('; repair it or take it out of the catalogue: '
                              'users are offered schedules by it.')
    assert len(line.text) < 600


def test_nova_that_is_not_in_the_catalogue_is_a_fault(account):
    def ask(session, limit):
        with errors.asking('Nova'):
            raise horizon_exceptions.ServiceCatalogException('compute')

    nova.list_instances.side_effect = ask

    line, *_others = probe.look_at_services(None)

    assert line == ('Services: there is no Nova in the catalogue of the '
                    'region north.', True)


def test_who_is_not_let_in_is_a_fault(account):
    account.session.side_effect = errors.Forbidden('Keystone', 'wrong')

    assert list(probe.look_at_services('ours')) == [
        ('Services: Keystone: wrong', True)]


def test_without_credentials_no_service_is_looked_at_and_nothing_fails(
        account):
    accounts.at_hand.return_value = False

    [line] = probe.look_at_services(None)

    assert line == ('Services: not looked at: no credentials (clouds.yaml or '
                    'OS_... variables).', False)


@pytest.mark.parametrize('cloud', [None, 'ours'])
def test_an_account_that_is_not_described_is_a_fault_only_where_it_was_named(
        account, cloud):
    accounts.accounts.side_effect = accounts.Misconfigured('no auth_url')

    [line] = probe.look_at_services(cloud)

    assert line.wrong == bool(cloud)
    assert 'no auth_url' in line.text


@pytest.mark.parametrize('what, expected', [
    (['settings'], {'static', 'offline', 'manifest', 'problems'}),
    (['check', 'ours'], [['a', True], ['b', False]])])
def test_the_last_line_is_what_install_reads(what, expected, capsys):
    with mock.patch.object(probe.django, 'setup'), \
            mock.patch.object(probe, 'look_at_policies',
                              return_value=[probe.Line('a', True)]), \
            mock.patch.object(probe, 'look_at_services',
                              return_value=[probe.Line('b')]) as services:
        print('noise')
        probe.main(what)

    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (set(told) if isinstance(told, dict) else told) == expected
    assert services.call_args_list == [mock.call('ours')] * len(what[1:])
