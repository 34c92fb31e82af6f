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

"""Rows that have much alike, against Horizon's own way to render them."""

import dataclasses
import itertools
from unittest import mock
import uuid

from django.template import loader
from horizon import tables as horizon_tables

from snapshot_panel.cloud import details
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.consistency import verdict
from snapshot_panel import tables
from snapshot_panel.ui import lines
from snapshot_panel.ui import tables as ui_tables
from tests.unit import builders
from tests.unit import cases


def row_of(number, *images, **changes):
    """Return the row of an instance whose guest was asked."""
    instance = builders.instance(**{
        'id': str(uuid.UUID(int=number + 1)), 'name': 'web-%d' % number,
        **changes})
    return lines.instance_row(instance, list(images), details.Details(
        guests.Heard(cases.guest(), builders.NOW)))


class AlikeTest(cases.PanelTestCase):

    def table(self, *rows):
        return tables.InstancesTable(self.request, data=rows)

    def test_a_row_is_as_horizon_renders_it(self):
        table = self.table(
            row_of(1), row_of(2, status='SHUTOFF'), row_of(3, name=cases.EVIL),
            row_of(4, builders.sealed(name=cases.EVIL)))

        for row in table.get_rows():
            self.assertHTMLEqual(horizon_tables.Row.render(row), row.render())

    def assert_buttons(self, rows):
        table = self.table(*rows)
        for row in rows:
            self.assertHTMLEqual(
                horizon_tables.DataTable.render_row_actions(table, row),
                table.render_row_actions(row))

    def test_buttons_are_those_that_horizon_renders_for_each_row(self):
        ready, stopped, unready = 'ACTIVE', 'SHUTOFF', 'ERROR'
        rows = [row_of(number, status=status) for number, status in enumerate(
            [ready, stopped, unready, ready, unready, ready])]
        # Of what is on a volume there is no schedule.
        rows.append(row_of(7, image_id=None))
        self.assert_buttons(rows)

    def test_an_id_that_is_a_part_of_a_word_stays_one(self):
        rows = [row_of(1, id='a'), row_of(2, id='e"<')]
        self.assert_buttons(rows)

    def test_a_template_is_looked_for_once_in_each_table(self):
        """Tables of other users may be of other themes."""
        with mock.patch.object(loader, 'get_template',
                               side_effect=loader.get_template) as look:
            for _table in range(2):
                self.table(row_of(1), row_of(2), row_of(3)).get_rows()

        found = [call.args[0] for call in look.call_args_list]
        for name in ('_readiness', '_agent', '_proven', '_latest'):
            self.assertEqual(2, found.count(
                'consistent_snapshots/%s.html' % name), name)

    def test_a_cell_is_as_if_it_was_rendered_for_its_row_alone(self):
        images = [
            builders.sealed(name=cases.EVIL), builders.asked(),
            builders.sealed(verdict.Rule.FREEZE_WITNESSED),
            builders.asked(status='saving'), builders.image()]
        rows = [
            row_of(number, *([image] if image else []), id=builders.INSTANCE,
                   name='%d %s' % (number, cases.EVIL), **changes)
            for number, (image, changes) in enumerate(itertools.product(
                [None, *images], [{}, {}, {'status': 'SHUTOFF'},
                                  {'locked': True}, {'task_state': 'spawning'},
                                  {'status': 'ERROR'}]))]
        rows += [lines.instance_row(row.instance, row.images, **given)
                 for row in rows for given in (
                     {}, {'may_ask': False}, {'snapshots_known': False},
                     {'snapshots_reached': False},
                     {'asked': details.Details(
                         errors.Unavailable('Nova', ''))})]
        table = self.table(*rows)

        for name in ('readiness', 'agent', 'proven', 'latest'):
            for row in rows:
                alone = self.table(row).columns[name].get_raw_data(row)
                self.assertEqual(
                    alone, table.columns[name].get_raw_data(row))
                self.assertNotIn(cases.EVIL, alone)

    def test_cells_that_say_the_same_are_rendered_once(self):
        image = builders.sealed(verdict.Rule.FREEZE_WITNESSED)
        rows = [row_of(number, dataclasses.replace(image, name=name),
                       id=builders.INSTANCE, name=name)
                for number, name in enumerate(['one', 'two', 'three'])]
        with mock.patch.object(
                ui_tables.TemplateColumn, 'render', autospec=True,
                side_effect=ui_tables.TemplateColumn.render) as render:
            column = self.table(*rows).columns['latest']
            told = [column.get_raw_data(row) for row in rows]

        self.assertEqual(1, render.call_count)
        for row, text in zip(rows, told):
            self.assertIn('>%s</a>' % row.name, text)

    def test_a_cell_leads_where_horizon_lets_it_lead(self):
        rows = [row_of(1), row_of(2), row_of(3, id='a'), row_of(4, id='b c')]
        table = self.table(*rows)

        for row in table.get_rows():
            for cell in row:
                self.assertEqual(horizon_tables.base.Cell.url.fget(cell),
                                 cell.url)

    def test_the_box_of_a_row_says_what_it_chooses(self):
        table = self.table(row_of(1, name='{id} %s ' + cases.EVIL))
        row, = table.get_rows()

        box = row.cells['multi_select'].value

        self.assertHTMLEqual(
            '<div class="themable-checkbox"><input type="checkbox" '
            'name="object_ids" value="{0}" class="table-row-multi-select" '
            'id="choose-{0}" aria-label="Choose {1}">'
            '<label for="choose-{0}"></label></div>'.format(
                row.datum.id, '{id} %s ' + cases.ESCAPED + '日' * 230), box)
