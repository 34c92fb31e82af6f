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

"""``python -m tests.audit [FILE]``: known vulnerabilities of what is pinned.

By pip-audit, which asks pypi.org. Fails where it knows one, or knows only some
of the packages. Where it has no data at all, the last line says NOT RUN: a
machine without a way to pypi.org cannot tell.
"""

import json
import pathlib
import subprocess
import sys

PINNED = pathlib.Path(__file__).parent / 'constraints.txt'
# How long it may take, in seconds.
PATIENCE = 300


def main() -> int:
    """Audit a file of requirements; return the exit status."""
    path = sys.argv[1] if len(sys.argv) > 1 else str(PINNED)
    try:
        done = subprocess.run(
            ['pip-audit', '--no-deps', '--disable-pip', '--format', 'json',
             '--progress-spinner', 'off', '-r', path],
            text=True, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        print(f'NOT RUN: pypi.org gave no data within {PATIENCE} s')
        return 0
    try:
        told = json.loads(done.stdout)['dependencies']
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ['it said nothing'])[-1]
        print(f'NOT RUN: no data of pypi.org: {reason}')
        return 0
    return report(told)


def report(told: list[dict]) -> int:
    """Print what pip-audit found; return the exit status.

    :param told: its account of each package.
    """
    unknown = [each['name'] for each in told if 'skip_reason' in each]
    if len(unknown) == len(told):
        print(f'NOT RUN: pypi.org has no data here, of none of {len(told)} '
              'packages')
        return 0
    found = [f'{each["name"]} {each["version"]}: {one["id"]}, corrected in '
             f'{", ".join(one["fix_versions"]) or "no version"}'
             for each in told for one in each.get('vulns', ())]
    print(*found, *(f'{name}: unknown to pypi.org' for name in unknown),
          sep='\n')
    print(f'{len(told)} packages, vulnerabilities: {len(found)}, unknown: '
          f'{len(unknown)}')
    return 1 if found or unknown else 0


if __name__ == '__main__':
    sys.exit(main())
