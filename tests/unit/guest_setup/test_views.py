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

"""Guest setup: what it gives away, what it says of the guest, and the tab."""

import base64
import gzip
import html
import subprocess
from unittest import mock

from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from horizon import exceptions
from openstack_dashboard.dashboards.admin.instances import tabs as admin_tabs
from openstack_dashboard.dashboards.project.instances import (
    tabs as instance_tabs)
import pytest
import yaml

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import verdict
from snapshot_panel import guest
from snapshot_panel.guest_setup import kit
from snapshot_panel.guest_setup import status
from snapshot_panel import tabs
from snapshot_panel.ui import systems
from snapshot_panel.ui import words
from tests.unit import builders
from tests.unit import cases

pytestmark = pytest.mark.usefixtures('no_image_of_today')

# Horizon's form for user data takes that much, in its older series.
FORM_LIMIT = 16 * 1024

SETUP, STATUS = (
    reverse('horizon:project:consistent_snapshots:' + name,
            args=[builders.INSTANCE]) for name in ('setup', 'setup_status'))


def known(**properties):
    return facts.Properties(properties, facts.Source.EMBEDDED)


class SetupTestCase(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        self.ask_now = self.patch('listen', cases.guest(), guests)

    def tell(self, told):
        """Let the guest tell this, kept and asked again."""
        heard = told
        if isinstance(told, checklist.Guest):
            heard = guests.Heard(told, builders.NOW)
            self.ask_now.return_value = told
        else:
            self.ask_now.side_effect = told
        self.hear.return_value = {builders.INSTANCE: heard}


class PageTest(SetupTestCase):

    def shown(self, **parameters):
        return html.unescape(self.text(SETUP, **parameters))

    def test_the_very_script_can_be_pasted(self):
        page = self.shown()

        self.assertIn(kit.block(), page)
        self.assertIn(guest.script(), page)
        self.assertIn(kit.user_data(), page)
        self.assertIn(kit.digest(), page)

    def test_each_system_has_its_page(self):
        for system in systems.SYSTEMS:
            page = self.shown(system=system.code)

            self.assertRegex(page, 'class="active"><a href="[?]system=%s"'
                             % system.code)
            for text in system.agent, system.note, system.no_kit:
                if system is not systems.WINDOWS:
                    self.assertIn(str(text), page)
            self.assertEqual(system.kit, kit.block() in page)
            self.assertEqual(system.kit, "“I'm frozen”" in page)
            self.assertEqual(system.speaks, 'snapshot-panel-status' in page)

    def test_the_agents_line_comes_first_and_the_kit_after_it(self):
        page = self.shown(system='debian')

        places = [page.index(text) for text in (
            systems.SYSTEMS[0].agent, 'The guest kit, if you need it',
            kit.block())]
        self.assertEqual(sorted(places), places)

    def test_the_console_is_where_the_agents_line_is_typed(self):
        page = self.shown(system='debian')

        link = 'href="%s?tab=instance_details__console"' % reverse(
            'horizon:project:instances:detail', args=[builders.INSTANCE])
        self.assertLess(page.index(link), page.index('In the guest, as root'))
        self.assertLess(page.index('>The agent<'), page.index(link))

    def test_the_channel_is_a_step_only_where_it_is_missing(self):
        step = '<h3 class="h4">The channel</h3>'
        self.assertNotIn(step, self.shown())
        self.show(builders.instance(properties=known()))

        for system in 'debian', 'windows', 'freebsd':
            page = self.shown(system=system)

            self.assertLess(page.index(step), page.index('<h3 class="h4">',
                                                         page.index(step) + 1))

    def test_an_image_based_system_gets_its_own_way_and_no_kit(self):
        self.show(builders.instance(properties=known(
            os_distro='sle-micro', os_version='5.5', os_type='linux')))

        page = self.shown()

        self.assertIn('transactional-update pkg install', page)
        self.assertNotIn('zypper', page.split('END-OF-KIT')[0])
        self.assertNotIn(kit.block(), page)

    def test_where_nothing_can_freeze_the_stop_is_offered(self):
        self.show(builders.instance(properties=known(os_distro='cirros')))

        page = self.shown()

        self.assertIn('Not possible', page)
        self.assertIn('shut the instance down first', page)
        self.assertNotIn('With ext4', page)

    def test_what_a_former_disk_said_stands_beside_the_agent(self):
        self.tell(checklist.Guest(True, 'login:', builders.actions()))
        self.assertNotIn('data-check="proof"', self.shown())
        for kind, text in (('ext4', 'The disk itself will tell (ext4)'),
                           ('xfs', 'The disk cannot tell (xfs)')):
            self.show(builders.instance(), builders.sealed(
                verdict.Rule.DISK_AT_REST,
                {'disk': dict(builders.reading(kind=kind).report)}))

            self.assertIn(text, self.shown())

    def test_an_agent_that_started_at_boot_is_confirmed(self):
        self.tell(checklist.Guest(
            True, '[  OK  ] Started qemu-guest-agent.service - QEMU Guest '
            'Agent.\n', builders.actions()))

        self.assertIn('The agent was started', self.shown())

    def test_an_agent_that_froze_the_last_time_is_confirmed(self):
        self.tell(checklist.Guest(True, 'login:', builders.actions()))
        self.show(builders.instance(), builders.sealed(
            verdict.Rule.DISK_AT_REST,
            {'disk': dict(builders.reading().report)}))

        self.assertIn('The agent froze the last time', self.shown())
        self.assertIn('The agent froze the last time',
                      self.client.get(STATUS).json()['html'])

    def test_hooks_go_where_the_system_looks_for_them(self):
        page = self.shown(system='redhat')

        self.assertIn('>/etc/qemu-ga/fsfreeze-hook.d/10-test', page)
        self.assertNotIn('>/etc/qemu/fsfreeze-hook.d/10-test', page)

    def test_windows_stays_unproven_and_is_not_waited_for(self):
        page = self.shown(system='windows')

        self.assertIn('<strong>unproven</strong>', page)
        self.assertIn('Get-Service QEMU-GA', page)
        self.assertIn(guest.windows_check(), page)
        self.assertNotIn('snapshot-panel-status', page)

    def test_the_system_is_guessed_from_the_embedded_properties(self):
        self.show(builders.instance(properties=known(os_type='windows')))

        page = self.shown()

        self.assertRegex(page, 'class="active"><a href="[?]system=windows"')

    def test_a_choice_against_the_image_is_said(self):
        self.show(builders.instance(properties=known(os_distro='rocky')))

        self.assertIn('The image says otherwise: Red Hat family',
                      self.shown(system='debian'))

    def test_an_image_that_does_not_say_its_system(self):
        self.assertIn('The image does not say', self.shown())

    def test_names_are_escaped(self):
        self.show(builders.instance(name=cases.EVIL))

        page = self.text(SETUP)

        self.assertIn(cases.ESCAPED, page)
        self.assertNotIn(cases.EVIL, page)

    def test_a_missing_channel_leads_to_the_image(self):
        self.show(builders.instance(properties=known()))

        response = self.client.get(SETUP)

        self.assertContains(response, cases.CHANNEL)
        self.assertContains(response, 'No channel to the agent')
        self.assertNotContains(response, 'data-again')

    def test_an_instance_that_does_not_run(self):
        self.show(builders.instance(status='SHUTOFF'))

        self.assertContains(self.client.get(SETUP), 'Start the instance')

    def test_glance_is_not_needed(self):
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)

        self.assertEqual(200, self.client.get(SETUP).status_code)

    def test_a_reader_is_told_and_nobody_asks_again(self):
        self.tell(errors.Forbidden('Nova', 'secret'))

        response = self.client.get(SETUP)

        self.assertContains(response, 'may not read consoles')
        self.assertNotContains(response, 'data-again')
        self.assertContains(response, 'END-OF-KIT')

    def test_a_silent_service_spoils_the_live_part_only(self):
        self.tell(cases.NOVA_DOWN)

        response = self.client.get(SETUP)

        self.assertContains(response, 'could not be asked now')
        self.assertContains(response, 'data-again')
        self.assertNotContains(response, 'secret')

    def test_a_refusal_has_its_status(self):
        for problem in cases.PROBLEMS:
            self.one.side_effect = problem('Nova', 'secret')

            response = self.client.get(SETUP)

            self.assertContains(response, words.error(problem('', '')),
                                status_code=problem.status, html=False)

    def test_an_expired_token_leads_to_the_login(self):
        self.one.side_effect = cases.EXPIRED

        self.assert_login(self.client.get(SETUP))


class StatusTest(SetupTestCase):

    def look(self):
        return self.client.get(STATUS).json()

    def test_the_guest_is_waited_for(self):
        self.tell(checklist.Guest(True, 'login:', builders.actions()))

        answer = self.look()

        self.assertIn('Waiting for the guest', answer['html'])
        self.assertEqual(('', True), (answer['last'], answer['again']))

    def test_a_ready_guest_leads_to_its_snapshot(self):
        self.tell(cases.guest(builders.started()))
        member = self.look()
        self.act_as('reader')
        reader = self.look()

        self.assertIn(cases.SNAPSHOT, member['html'])
        self.assertNotIn(cases.SNAPSHOT, reader['html'])

    def test_a_guest_that_is_not_ready_does_not(self):
        self.tell(checklist.Guest(True, 'login:', builders.actions()))

        self.assertNotIn(cases.SNAPSHOT, self.look()['html'])

    def test_a_guest_that_spoke_is_asked_anew(self):
        console = builders.started()
        self.tell(cases.guest(console))
        first = self.look()
        console.freeze()
        self.tell(cases.guest(console))

        second = self.look()

        self.assertIn('The agent reports', first['html'])
        self.assertEqual(builders.BOOT + ':1', first['last'])
        self.assertEqual(builders.BOOT + ':4', second['last'])
        self.assertIn('writing stood still', second['html'])
        self.hear.assert_not_called()

    def test_a_stopped_agent_and_lines_that_do_not_fit(self):
        stopped = builders.started()
        stopped.say('stopped')
        lossy = builders.started()
        lossy.lose('stopped')
        lossy.say('poweroff')
        for console, text in ((stopped, 'The agent is stopped'),
                              (lossy, 'do not fit together')):
            self.tell(cases.guest(console))

            self.assertIn(text, self.look()['html'])

    def test_nothing_is_written(self):
        self.look()

        self.assertEqual(405, self.client.post(STATUS).status_code)
        for call in (self.settle, self.take, self.dismiss):
            call.assert_not_called()

    def test_a_reader_needs_not_ask_again(self):
        self.tell(errors.Forbidden('Nova', 'secret'))

        self.assertFalse(self.look()['again'])

    def test_a_refusal_is_said(self):
        self.one.side_effect = errors.NotFound('Nova', 'secret')

        response = self.client.get(STATUS)

        self.assertEqual(404, response.status_code)
        self.assertIn('deleted', response.json()['problem'])

    def test_an_expired_token_leads_to_the_login(self):
        self.ask_now.side_effect = cases.EXPIRED

        self.assert_login(self.client.get(STATUS))


class FileTest(cases.PanelTestCase):

    def get(self, name):
        return self.client.get(
            reverse('horizon:project:consistent_snapshots:setup_file',
                    args=[builders.INSTANCE, name]))

    def test_each_file_is_what_the_package_has(self):
        for name, text in (
                ('consistency-kit.sh', guest.script()),
                ('cloud-init.yaml', guest.user_data()),
                ('windows-check.ps1', guest.windows_check()),
                ('mysql', guest.hook('mysql'))):
            response = self.get(name)

            self.assertEqual(text, response.content.decode())
            self.assertEqual('attachment; filename="%s"' % name,
                             response['Content-Disposition'])

    def test_there_are_no_other_files(self):
        for name in ('__init__.py', '..', 'hooks'):
            self.assertEqual(404, self.get(name).status_code)


class WaysTest(cases.PanelTestCase):
    """How users come to the page."""

    def test_from_the_index(self):
        self.assertContains(self.client.get(cases.INDEX), SETUP)

    def test_from_what_is_mended_in_the_guest(self):
        self.hear.return_value = {builders.INSTANCE: guests.Heard(
            checklist.Guest(True, '', builders.actions()), builders.NOW)}

        self.assertContains(self.client.get(cases.INSTANCE), SETUP)


class TabTest(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        self.request.user = mock.Mock(tenant_id=self.tenant.id)

    def render(self):
        group = mock.Mock(slug='instance_details', active=None,
                          kwargs={'instance': mock.Mock(
                              id=builders.INSTANCE)})
        self.request.GET = MultiValueDict()
        tab = tabs.ChecklistTab(group, self.request)
        # The user of a request made by hand has no catalog in old series.
        tab._active = tab._allowed = True
        return tab.render()

    def test_horizon_knows_the_tab(self):
        # Making the whole group would ask the services.
        for kind in (instance_tabs.InstanceDetailTabs,
                     admin_tabs.AdminInstanceDetailTabs):
            group = object.__new__(kind)

            self.assertIn(tabs.ChecklistTab, group._load_tabs_from_config())

    def test_instances_of_other_projects_have_no_tab(self):
        for project, allowed in ((self.tenant.id, True), ('other', False)):
            tab = tabs.ChecklistTab(mock.Mock(kwargs={
                'instance': mock.Mock(tenant_id=project)}), self.request)

            self.assertEqual(allowed, tab.allowed(self.request))

    def test_the_tab_asks_nothing_before_it_is_opened(self):
        self.assertFalse(tabs.ChecklistTab.preload)

    def test_the_checklist(self):
        shown = self.render()

        self.assertIn('Ready', shown)
        self.assertIn('Channel to the guest agent', shown)
        self.assertIn(SETUP, shown)

    def test_what_failed_is_said(self):
        self.one.return_value = (builders.instance(), cases.GLANCE_DOWN)
        self.hear.return_value = {builders.INSTANCE: cases.NOVA_DOWN}

        shown = self.render()

        self.assertIn('the image service did not answer', shown)
        self.assertIn('could not be asked now', shown)

    def test_a_refusal_is_said_in_the_tab(self):
        for problem in cases.PROBLEMS:
            self.one.side_effect = problem('Nova', 'secret')

            shown = html.unescape(self.render())

            self.assertIn(str(words.error(problem('', ''))), shown)
            self.assertNotIn('secret', shown)

    def test_an_expired_token_is_left_to_horizon(self):
        self.one.side_effect = cases.EXPIRED
        tab = tabs.ChecklistTab(mock.Mock(kwargs={
            'instance': mock.Mock(id=builders.INSTANCE)}), self.request)

        with self.assertRaises(exceptions.NotAuthenticated):
            tab.get_context_data(self.request)


def paste(block, folder, command='cat'):
    """Let a shell read a block, which runs another command than the kit."""
    return subprocess.run(
        ['sh'], input=block.replace(' /run/', ' %s/' % folder)
        .replace('>/run/', '>%s/' % folder)
        .replace('&& sh ', '&& %s ' % command).replace(' install\n', '\n'),
        capture_output=True, text=True, timeout=60)


def test_a_shell_makes_the_script_out_of_the_block(tmp_path):
    done = paste(kit.block(), tmp_path)

    assert (done.stdout, done.stderr) == (guest.script(), '')
    assert (tmp_path / guest.SCRIPT).read_text() == guest.script()


@pytest.mark.parametrize('place', [200, 5000, -40])
def test_nothing_runs_when_a_character_was_lost(tmp_path, place):
    block = kit.block()

    done = paste(block[:place] + block[place + 1:], tmp_path, 'echo ran')

    assert 'ran' not in done.stdout


def test_a_block_suits_a_slow_console():
    assert max(map(len, kit.block().splitlines())) < 100
    assert '\t' not in kit.block()


def test_user_data_fits_into_every_form_and_holds_the_script():
    data = yaml.safe_load(kit.user_data())

    content = base64.b64decode(data['write_files'][0]['content'])
    assert gzip.decompress(content).decode() == guest.bare_script()
    assert data['write_files'][0]['encoding'] == 'gz+b64'
    assert data['runcmd'] == yaml.safe_load(guest.user_data())['runcmd']
    assert len(kit.user_data()) < FORM_LIMIT


@pytest.mark.parametrize('name', guest.HOOKS)
def test_a_shell_installs_a_hook(tmp_path, name):
    done = paste(kit.hook_block(name, tmp_path / 'x', 10), tmp_path)

    made = tmp_path / 'x' / ('10-' + name)
    assert done.stderr == ''
    assert made.read_text() == guest.hook(name)
    assert made.stat().st_mode & 0o777 == 0o755


def test_every_finding_about_the_agent_has_a_headline():
    assert set(status._HEADLINES) == {
        finding for finding in checklist.Finding
        if finding.check is checklist.Check.AGENT}
