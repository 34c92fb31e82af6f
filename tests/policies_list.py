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

"""``python -m tests.policies_list``: write the documentation's policies.

What ``snapshot_panel/policies.py`` has becomes the table that
``doc/source/configuration.rst`` includes.
"""

import pathlib

from snapshot_panel import policies

PATH = pathlib.Path(__file__).parents[1] / 'doc/source/policies.txt'
HEAD = '''\
.. Made of snapshot_panel/policies.py by "python -m tests.policies_list".

.. list-table::
   :header-rows: 1
   :widths: 25 45 30

   * - To
     - The rules
     - Without them
'''


def document() -> str:
    """Return the actions as a table in reStructuredText."""
    return HEAD + ''.join(map(row, policies.ACTIONS))


def row(action: policies.Action) -> str:
    """Return the row of one action; rules one below the other."""
    lines = ['| %s: ``%s``' % (policies.SERVICES[service], rule)
             for service, rule in action.rules]
    return '   * - %s\n     - %s\n     - %s\n' % (
        action.name, '\n       '.join(lines), action.lack)


if __name__ == '__main__':
    PATH.write_text(document())
