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

"""Reads a form from a page and sends it back as a browser does."""

import html.parser


class Form(html.parser.HTMLParser):
    """The fields of a page, or of a part of it, in ``data``.

    :param str text: HTML.
    """

    def __init__(self, text):
        super().__init__()
        self.data = {}
        self._select = self._area = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == 'input' and values.get('name'):
            self._input(values)
        elif tag == 'select':
            self._select = values.get('name')
        elif tag == 'option' and 'selected' in values:
            self.data[self._select] = values.get('value') or ''
        elif tag == 'textarea':
            self._area = values['name']
            self.data[self._area] = ''

    def _input(self, values):
        value = values.get('value') or ''
        kind = values.get('type', 'text')
        if kind in ('checkbox', 'radio'):
            if 'checked' in values:
                self.data[values['name']] = value or 'on'
            return
        if kind != 'hidden':
            # A field of one line cannot hold the end of a line.
            value = value.replace('\n', '').replace('\r', '')
        self.data[values['name']] = value

    def handle_data(self, data):
        if self._area:
            self.data[self._area] += data

    def handle_endtag(self, tag):
        if tag == 'textarea':
            text = _unify(self.data[self._area])
            # HTML swallows the first line end, and sends the others so.
            text = text[1:] if text.startswith('\n') else text
            self.data[self._area] = text.replace('\n', '\r\n')
            self._area = None


def _unify(text):
    return text.replace('\r\n', '\n').replace('\r', '\n')
