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

"""``make constraints``: renew the exact versions.

Each file of exact versions says in a line ``# From: ...`` what it is made
from, in pip's words. pip resolves that with the newest versions that this
Python can have, without installing anything.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
DEFAULT = ('tests/constraints.txt',)
SOURCE = re.compile(r'^# From: (.+)$', re.MULTILINE)
# The project itself is no constraint.
OURS = 'snapshot-panel'


class ConstraintsError(Exception):
    """A file cannot be renewed; the text says why."""


def sources(text: str) -> list[str]:
    """Return pip's arguments that a file of constraints is made from."""
    return shlex.split(' '.join(SOURCE.findall(text)))


def header(text: str) -> str:
    """Return the comments at the top of a file of constraints."""
    lines = text.splitlines(keepends=True)
    count = next((number for number, line in enumerate(lines)
                  if not line.startswith('#')), len(lines))
    return ''.join(lines[:count])


def pins(report: str) -> list[str]:
    """Return ``name==version`` of each package in pip's report.

    :param report: what ``pip install --report -`` printed, JSON
    """
    packages = [item['metadata'] for item in json.loads(report)['install']]
    return sorted((f'{package["name"]}=={package["version"]}'
                   for package in packages if package['name'] != OURS),
                  key=str.lower)


def resolve(arguments: list[str]) -> str:
    """Return pip's report of what it would install.

    :raises ConstraintsError: pip finds no versions that fit together
    """
    environment = {name: value for name, value in os.environ.items()
                   if name != 'PIP_CONSTRAINT'}
    result = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--quiet', '--dry-run',
         '--ignore-installed', '--report', '-', *arguments],
        cwd=ROOT, env=environment, text=True, capture_output=True)
    if result.returncode:
        raise ConstraintsError(result.stderr[-2000:])
    return result.stdout


def renew(path: pathlib.Path) -> None:
    """Write the newest versions into a file, and print what changed.

    :raises ConstraintsError: the file does not say what it is made from, or
        pip finds no versions that fit together
    """
    text = path.read_text()
    arguments = sources(text)
    if not arguments:
        raise ConstraintsError(f'{path} has no line "# From: ..."')
    found = pins(resolve(arguments))
    before = set(text.splitlines())
    path.write_text(header(text) + '\n'.join(found) + '\n')
    new = sorted(set(found) - before)
    print(f'{path}: {len(found)} packages, {len(new)} changed')
    for line in new:
        print(f'  {line}')


def main(names: list[str]) -> int:
    """Renew the named files; return the exit status."""
    try:
        for name in names or DEFAULT:
            renew(ROOT / name)
    except (ConstraintsError, OSError) as error:
        print(f'constraints: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
