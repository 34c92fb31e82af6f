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

"""``python -m tests.neighbour``: Horizon's own unit tests beside the panel.

They run twice, without the panel and with it. Fails where one that passes
without it does not pass with it. Of the pages that the panel adds to, in a
few minutes; ``--all`` of all pages, in about an hour.
"""

import argparse
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree  # nosec B405 # pytest wrote it

# Below Horizon's dashboards: whose tables and tabs the panel adds to.
PAGES = ('project/instances', 'project/images', 'project/key_pairs',
         'admin/instances', 'admin/images')
# Without the panel, and with it.
SETTINGS = ('openstack_dashboard.test.settings', 'tests.neighbour.settings')


def main():
    """Run them; return the exit status."""
    arguments = _parser().parse_args()
    home = pathlib.Path(importlib.util.find_spec(
        'openstack_dashboard').origin).parent
    folders = [home / 'dashboards' / page
               for page in ([''] if arguments.all else PAGES)]
    plain, beside = (_passed(settings, home, folders)
                     for settings in SETTINGS)
    lost = sorted(plain - beside)
    for name in lost:
        print('WRONG:', name, file=sys.stderr)
    print(f'{len(plain)} of Horizon\'s tests pass without the panel, '
          f'{len(lost)} of them not with it')
    return 1 if lost or not plain else 0


def _passed(settings, home, folders):
    """Return the names of the tests that pass with these settings."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, 'report.xml')
        subprocess.call(
            [sys.executable, '-m', 'pytest', '-q', '-n', '0', '-c',
             os.devnull, '--rootdir', str(home), '-p', 'no:cacheprovider',
             '-W', 'ignore', '--continue-on-collection-errors',
             '-o', 'python_files=tests.py test_*.py',
             '--junitxml', str(report), '--tb=short', *map(str, folders)],
            env=os.environ | {'DJANGO_SETTINGS_MODULE': settings,
                              'PYTHONPATH': os.getcwd()})
        cases = xml.etree.ElementTree.parse(report).iter(  # nosec B314
            'testcase')
        return {'%s.%s' % (case.get('classname'), case.get('name'))
                for case in cases
                if case.find('failure') is case.find('error') is None}


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.neighbour',
        description=__doc__.partition('\n\n')[0])
    parser.add_argument('--all', action='store_true',
                        help='the tests of all of Horizon\'s pages')
    return parser


if __name__ == '__main__':
    sys.exit(main())
