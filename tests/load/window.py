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

"""A user's window with the index, kept up to date as the page's script does.

See static/snapshot_panel/panel.js and asking.js: it settles what is not
settled, asks for guests that nobody has asked, so many at a time, and does so
again after a pause, until nothing is left. All rows are in view.
"""

import re

from tests.bench import pages
from tests import clients
from tests.cloud import layout as layouts

PAGE, SCRIPT = f'{pages.INDEX}, the page', f'{pages.INDEX}, its script'
INSTANCES = f'Horizon\'s {pages.INSTANCES}'
SCRIPT_FILE = layouts.REPOSITORY / 'static/snapshot_panel/panel.js'
GUESTS_PER_REQUEST = int(re.search(
    r'\bGUESTS_PER_REQUEST = (\d+);', SCRIPT_FILE.read_text()).group(1))
_ROW = re.compile(r'<tr\b[^>]*\bdata-object-id="([^"]+)"[^>]*>')
_INTERVAL = re.compile(r'id="snapshot-panel-watch"[^>]*\bdata-interval="(\d+)')
_SHOWN = re.compile(r'id="snapshot-panel-watch"[^>]*\bdata-shown="([^"]*)"')
_ERROR = re.compile(r'class="alert alert-danger alert-dismissable')


class Window:
    """One user's window.

    :param visitor: a :class:`pages.Visitor`
    :param tally: a :class:`measuring.Tally`, for what is asked
    """

    def __init__(self, visitor, tally):
        self._visitor = visitor
        self._tally = tally
        self._rows = {}
        self._shown = ''

    @property
    def unsettled(self):
        """The ids of the rows whose snapshots run or have no verdict yet."""
        return self._marked('data-unsettled')

    @property
    def _unasked(self):
        return self._marked('data-unasked')

    def look(self):
        """Do what the script does between two pauses.

        Where nothing was left for it, the user opens the page again.
        """
        if not self.unsettled and not self._unasked:
            self._open()
        if self.unsettled:
            self._ask(self._visitor.dashboard.post, self.unsettled)
        while self._unasked:
            wanted = self._unasked[:GUESTS_PER_REQUEST]
            self._ask(self._visitor.dashboard.get, wanted,
                      shown=self._shown)
            if set(wanted) & set(self._unasked):
                return

    def compare(self):
        """Open Horizon's own page."""
        with self._tally.timed(INSTANCES):
            self._visitor.get(pages.INSTANCES)

    def _marked(self, mark):
        return [key for key, tag in self._rows.items() if f'{mark}=' in tag]

    def _open(self):
        with self._tally.timed(PAGE):
            text = self._visitor.get(pages.INDEX).text
            assert not _ERROR.search(text), 'the page says an error'
            self._rows = tags(text)
            found = _SHOWN.search(text)
            self._shown = found.group(1) if found else ''
            assert self._rows, 'the page has no instances'

    def _ask(self, ask, wanted, **how):
        with self._tally.timed(SCRIPT):
            answer = ask(f'{clients.PANEL}rows/', id=wanted, **how)
            assert answer.status_code == 200, answer.status_code
            told = answer.json()
            assert not told['problem'], told['problem']
            assert not told['gone'], 'instances are gone'
            for row in told['rows'].values():
                self._rows |= tags(row)


def interval(visitor):
    """Return how often the page says that its script asks, in seconds."""
    return int(_INTERVAL.search(visitor.get(pages.INDEX).text).group(1))


def tags(text):
    """Return the first tag of each row of the index, by instance id."""
    return {found.group(1): found.group(0) for found in _ROW.finditer(text)}
