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

"""The guest kit: what a guest needs to prove that it was frozen.

The files beside this module are for the guest; nothing of them runs here.
"""

import pathlib

_FOLDER = pathlib.Path(__file__).parent

SCRIPT = 'consistency-kit.sh'
WINDOWS_CHECK = 'windows-check.ps1'
HOOKS = ('test', 'postgresql', 'mysql')

# In the guest's memory: it is needed until the kit has installed itself.
_PLACE = f'/run/{SCRIPT}'


def script():
    """Return the kit, a POSIX shell script, as text."""
    return _read(SCRIPT)


def bare_script():
    """Return the kit as text, without its comments but with its licence.

    For where there is little room: a third of the packed script is comments.
    """
    lines = script().splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines)
                  if not line.startswith('#'))
    return ''.join(lines[:header] + [
        line for line in lines[header:] if not line.lstrip().startswith('#')])


def user_data():
    """Return cloud-init user data that installs the kit at the first boot.

    The script is in it as it is, to be read like the script itself.
    """
    content = ''.join(f'      {line}' if line.strip() else line
                      for line in script().splitlines(keepends=True))
    return (
        '#cloud-config\n'
        'write_files:\n'
        f'  - path: {_PLACE}\n'
        "    permissions: '0755'\n"
        '    content: |\n'
        f'{content}'
        'runcmd:\n'
        f'  - [sh, {_PLACE}, install]\n')


def hook(name):
    """Return an example of an application hook as text.

    :param name: one of :data:`HOOKS`.
    """
    if name not in HOOKS:
        raise ValueError(f'no such hook: {name}')
    return _read(f'hooks/{name}')


def windows_check():
    """Return the check for Windows guests, for PowerShell, as text."""
    return _read(WINDOWS_CHECK)


def _read(name):
    return _FOLDER.joinpath(name).read_text(encoding='utf-8')
