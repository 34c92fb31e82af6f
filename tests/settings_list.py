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

"""``python -m tests.settings_list``: write the documentation's settings.

Their definitions in ``snapshot_panel/conf.py`` become the lists that
``doc/source/configuration.rst`` includes.
"""

import pathlib
import textwrap

from oslo_config import cfg
from oslo_config import types

from snapshot_panel import conf

PATH = pathlib.Path(__file__).parents[1] / 'doc/source/settings.txt'
HEAD = '''\
.. Made of snapshot_panel/conf.py by "python -m tests.settings_list".
'''


def document() -> str:
    """Return the settings as reStructuredText, a section for each group."""
    return '\n'.join([HEAD, *map(section, conf.GROUPS)])


def section(title: str) -> str:
    """Return one group's settings, below its title."""
    return '\n'.join([title, '=' * len(title), '',
                      *map(entry, conf.GROUPS[title])])


def entry(option: cfg.Opt) -> str:
    """Return one setting: its name, what it may be, and its text."""
    text = textwrap.fill(
        option.help, 79, initial_indent=' ' * 4, subsequent_indent=' ' * 4,
        break_long_words=False, break_on_hyphens=False)
    return '``%s`` (%s; default: ``%r``%s)\n%s\n' % (
        option.name, allowed(option), option.default,
        ', not told' if option.default is None else '', text)


def allowed(option: cfg.Opt) -> str:
    """Return what one setting may be."""
    if isinstance(option.type, types.Boolean):
        return '``True`` or ``False``'
    if isinstance(option.type, types.List):
        return 'a list of texts, secret'
    if option.type.choices:
        return 'one of ' + ', '.join(
            '``%r``' % choice for choice in option.type.choices)
    bounds = 'a whole number from {0.min:,} to {0.max:,}'.format(option.type)
    unit = option.type.type_name
    return bounds + (', in %s' % unit if unit else '')


if __name__ == '__main__':
    PATH.write_text(document())
