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

"""What the panel adds to Horizon's page of instances, and when it does not."""

import pathlib
import re
from unittest import mock

from django.conf import settings
from django.core.cache import cache
from django.template import loader
from django.test.utils import override_settings
from horizon import tables
from openstack_dashboard.dashboards.project import instances
from openstack_dashboard.dashboards.project.instances import (
    tables as instances_tables)
from openstack_dashboard.dashboards.project.instances import views
import pytest

from snapshot_panel.consistency import verdict
from snapshot_panel import native
from snapshot_panel import tabs
from snapshot_panel.ui import standings
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls
from snapshot_panel.ui import words
from tests.unit import builders
from tests.unit import cases

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures('no_image_of_today')


def server(**changes):
    """Return a server as Horizon's table has it."""
    return mock.Mock(**{
        'id': builders.INSTANCE, 'tenant_id': builders.instance().project_id,
        'status': 'ACTIVE', 'OS-EXT-STS:task_state': None, **changes})


class Plain(tables.DataTable):
    """A table of instances that knows nothing of what Horizon's has."""

    name = tables.Column('name')

    class Meta(object):
        name = 'instances'
        row_actions = ()


class NativeTestCase(cases.PanelTestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(cache.clear)
        # Who asks for Horizon's page, None for whoever is logged in.
        self.asking = None

    def table(self, *servers):
        request = self.factory.get('/')
        request.user = self.asking or request.user
        return views.IndexView.table_class(request, data=list(servers))

    def actions(self, **changes):
        """Return our actions of a row."""
        table = self.table()
        action = table.base_actions[native.ConsistentSnapshot.name]
        return [action] * bool(table._filter_action(
            action, table.request, server(**changes)))

    def readiness(self, *servers):
        """Return what the cells of each row say."""
        table = self.table(*servers)
        return [str(table.columns['readiness'].get_data(each) or '')
                for each in servers]


class ActionTest(NativeTestCase):

    def test_it_leads_to_the_dialog(self):
        action, = self.actions()

        self.assertEqual(cases.SNAPSHOT, action.get_link_url(server()))
        self.assertIn('ajax-modal', action.classes)

    def test_it_is_next_to_horizons_own(self):
        names = [action.name for action
                 in views.IndexView.table_class._meta.row_actions]

        self.assertEqual(names.index('snapshot') + 1,
                         names.index('consistent_snapshot'))

    def test_a_reader_has_none(self):
        self.act_as('reader')

        self.assertEqual([], self.actions())

    def test_a_member_has_it(self):
        self.act_as('member')

        self.assertEqual(1, len(self.actions()))

    def test_who_may_not_see_the_panel_has_none(self):
        self.asking = mock.Mock(**{'has_perms.return_value': False})

        self.assertEqual([], self.actions())

    def test_there_is_none_where_the_site_took_the_panel_away(self):
        with mock.patch.object(
                native.horizon, 'get_dashboard',
                side_effect=native.base.NotRegistered), self.assertNoLogs():
            self.assertEqual([], self.actions())

    def test_only_what_can_be_copied_has_it(self):
        for status, count in (('ACTIVE', 1), ('SHUTOFF', 1), ('PAUSED', 1),
                              ('SUSPENDED', 1), ('BUILD', 0), ('ERROR', 0),
                              ('SHELVED_OFFLOADED', 0)):
            self.assertEqual(count, len(self.actions(status=status)), status)


class ReadinessTest(NativeTestCase):

    def test_no_status_spoils_the_key_that_a_cache_takes(self):
        with mock.patch.object(standings, 'cache') as asked:
            asked.get_many.return_value = {}

            standings.recall([server(status='日 <b>' * 99)])

        key, = asked.get_many.call_args.args[0]
        assert key.isprintable() and key.isascii() and len(key) < 200
        assert not set(' <>') & set(key)

    def test_nothing_is_said_where_nobody_asked(self):
        self.assertEqual([''], self.readiness(server()))

    def test_what_the_panel_said_is_said(self):
        self.client.get(cases.INSTANCE)

        shown, = self.readiness(server())

        self.assertIn('Ready', shown)
        self.assertIn('just now', shown)
        self.assertIn('href="%s"' % cases.INSTANCE, shown)

    def test_what_is_in_the_way_is_said(self):
        self.show(builders.instance(
            properties=builders.facts.Properties(
                {}, builders.facts.Source.EMBEDDED)))
        self.client.get(cases.INDEX)

        shown, = self.readiness(server())

        self.assertIn('Not ready: No channel', shown)

    def test_what_is_not_known_yet_is_not_kept(self):
        # The index does not ask guests.
        self.client.get(cases.INDEX)

        self.assertEqual([''], self.readiness(server()))

    def test_the_dialog_and_the_tab_and_the_script_are_heard_too(self):
        for path, data in ((cases.SNAPSHOT, {}),
                           (cases.ROWS, {'id': builders.INSTANCE})):
            cache.clear()
            self.client.get(path, data)

            self.assertIn('Ready', self.readiness(server())[0], path)

    def test_an_instance_in_another_state_was_not_asked(self):
        self.client.get(cases.INSTANCE)

        self.assertEqual(['', '', ''], self.readiness(
            server(status='SHUTOFF'), server(tenant_id='other'),
            server(**{'OS-EXT-STS:task_state': 'rebooting'})))

    def test_it_is_forgotten(self):
        with mock.patch.object(standings, 'AGE', 0):
            self.client.get(cases.INSTANCE)

        self.assertEqual([''], self.readiness(server()))

    def test_the_age_is_said(self):
        self.client.get(cases.INSTANCE)
        known, = standings.recall([server()]).values()

        with mock.patch.object(standings.timeutils, 'utcnow',
                               return_value=known.at
                               + builders.datetime.timedelta(minutes=7)):
            self.assertIn('7 minutes ago', self.readiness(server())[0])

    def test_the_cache_is_asked_once_for_a_page(self):
        with mock.patch.object(standings, 'cache') as asked:
            asked.get_many.return_value = {}
            self.readiness(*(server(id=str(number)) for number in range(20)))

        self.assertEqual(1, asked.get_many.call_count)

    def test_a_row_that_is_asked_for_alone_has_it(self):
        self.client.get(cases.INSTANCE)
        table = self.table()

        self.assertIn('Ready',
                      table.columns['readiness'].get_data(server()))

    def test_a_failing_cache_is_asked_once(self):
        with (mock.patch.object(standings, 'cache') as asked,
              self.assertLogs(native.LOG)):
            asked.get_many.side_effect = OSError('no memcached')
            shown = self.readiness(server(id='1'), server(id='2'))

        self.assertEqual(['', ''], shown)
        self.assertEqual(1, asked.get_many.call_count)


class BrokenTest(NativeTestCase):
    """A broken part of ours is left out of Horizon's page."""

    def test_an_action_that_fails_is_left_out(self):
        for module, name in ((ui_tables, 'may_take'), (urls, 'reverse'),
                             (native, 'is_shown_to')):
            with (mock.patch.object(module, name, side_effect=ValueError),
                  self.assertLogs(native.LOG)):
                self.assertEqual([], self.actions(), name)

    def test_readiness_that_cannot_be_shown_is_left_out(self):
        self.client.get(cases.INSTANCE)

        with (mock.patch.object(loader, 'get_template',
                                side_effect=ValueError),
              self.assertLogs(native.LOG)):
            self.assertEqual([''], self.readiness(server()))

    def test_what_somebody_else_wrote_into_the_cache_is_left_out(self):
        self.client.get(cases.INSTANCE)

        for junk in ('no standing', standings.Standing(None, 'x', None)):
            cache.set(standings._key(server().tenant_id, server().id,
                                     'ACTIVE'), junk)

            with self.assertLogs(native.LOG):
                self.assertEqual([''], self.readiness(server()))


class HookTest(NativeTestCase):
    """How Horizon's table becomes ours."""

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(views.IndexView, 'table_class',
                                  instances_tables.InstancesTable)
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_panel_adds_to_the_table_once(self):
        native.extend()
        first = views.IndexView.table_class
        native.extend()

        self.assertIs(first, views.IndexView.table_class)
        self.assertIsNot(first, instances_tables.InstancesTable)

    def test_nothing_of_horizons_is_lost_or_moved(self):
        native.extend()
        ours, horizons = (views.IndexView.table_class,
                          instances_tables.InstancesTable)

        self.assertEqual(
            list(horizons.base_columns),
            [name for name in ours._columns
             if name not in ('readiness', 'multi_select', 'actions')])
        self.assertEqual(
            list(horizons._meta.row_actions),
            [action for action in ours._meta.row_actions
             if action is not native.ConsistentSnapshot])
        for option in ('name', 'verbose_name', 'row_class', 'table_actions',
                       'table_actions_menu', 'status_columns'):
            self.assertEqual(getattr(horizons._meta, option),
                             getattr(ours._meta, option), option)

    @override_settings(SNAPSHOT_PANEL={'on_instances_page': False})
    def test_the_operator_can_turn_it_off(self):
        native.extend()

        self.assertIs(instances_tables.InstancesTable,
                      views.IndexView.table_class)

    def test_a_table_without_the_neighbours_gets_both_at_its_end(self):
        views.IndexView.table_class = Plain
        native.extend()
        ours = views.IndexView.table_class

        self.assertEqual([native.ConsistentSnapshot],
                         list(ours._meta.row_actions))
        self.assertEqual(['name', 'readiness'], list(ours._columns)[:2])

    def test_a_series_without_the_hook_is_left_as_it_is(self):
        for gone in ({'IndexView': object()},
                     {'IndexView': mock.Mock(table_class='tables.Table')}):
            with (mock.patch.multiple(views, **gone),
                  self.assertLogs(native.LOG)):
                native.extend()

    def test_a_page_that_cannot_be_imported_is_left_as_it_is(self):
        self.addCleanup(setattr, instances, 'views', views)
        del instances.views

        with (mock.patch.dict('sys.modules', {views.__name__: None}),
              self.assertLogs(native.LOG)):
            native.extend()


class ScriptTest(NativeTestCase):
    """The script for images has no rules and no words of its own."""

    text = (ROOT / 'static/snapshot_panel/native.js').read_text()

    def test_each_rule_leads_to_the_same_verdict(self):
        block = self.text[self.text.index('var RULES'):
                          self.text.index('var words')]
        known = {(code, rule) for code, rules
                 in re.findall(r"'([a-z-]+)': \[([^]]*)\]", block)
                 for rule in re.findall(r"'([a-z-]+)'", rules)}

        # What is not in the list is unproven.
        self.assertEqual({
            (rule.verdict.value, rule.code) for rule in verdict.Rule
            if rule.verdict.final
            and rule.verdict is not verdict.Verdict.UNPROVEN}, known)

    def test_each_verdict_has_the_same_word(self):
        said = dict(re.findall(r"'([a-z-]+)': gettext\('([^']+)'\)",
                               self.text))

        self.assertEqual(
            {verdict.value: str(badge.word)
             for verdict, badge in words.VERDICTS.items()}
            | {'unread': str(words.UNREAD.word)}, said)

    def test_horizon_loads_it_after_its_own_images(self):
        files = settings.HORIZON_CONFIG['js_files']

        self.assertLess(files.index('app/core/images/images.module.js'),
                        files.index('snapshot_panel/native.js'))

    def test_horizon_serves_its_words(self):
        self.assertIn('snapshot_panel', self.context['JS_CATALOG'])


class TabTest(cases.PanelTestCase):

    @override_settings(SNAPSHOT_PANEL={'on_instance_details': False})
    def test_the_operator_can_turn_the_tab_off(self):
        tab = tabs.ChecklistTab(mock.Mock(kwargs={
            'instance': mock.Mock(tenant_id=self.tenant.id)}), self.request)

        self.assertFalse(tab.allowed(self.request))
