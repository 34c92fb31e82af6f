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

"""Markup that is made without a template."""

from django.utils import safestring

from snapshot_panel.ui import markup


def marked(text):
    return safestring.mark_safe(text % markup.MARKS)


def test_what_is_put_in_is_escaped_unless_it_is_safe():
    assert markup.put_in(marked('<a>%(name)s</a> %(age)s'), {
        'name': '<b> & "c"', 'age': safestring.mark_safe('<time>')}) == (
            '<a>&lt;b&gt; &amp; &quot;c&quot;</a> <time>')


def test_a_mark_in_a_value_stays_as_it_is():
    name = '%(age)s' % markup.MARKS

    assert markup.put_in(marked('%(name)s, %(age)s'), {
        'name': name, 'age': 'old'}) == name + ', old'


def test_markup_without_marks_stays_as_it_is():
    assert markup.put_in(safestring.mark_safe('<b>{name} %s</b>'), {}) == (
        '<b>{name} %s</b>')


def test_a_row_of_a_table_is_escaped():
    assert markup.table_row({'id': '"'}, [
        (safestring.mark_safe(' class="a"'), '<b>'),
        (safestring.mark_safe(''), safestring.mark_safe('<i>x</i>'))]) == (
            '<tr id="&quot;"><td class="a">&lt;b&gt;</td>'
            '<td><i>x</i></td></tr>')
