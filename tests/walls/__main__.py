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


"""``python -m tests.walls``: who may do what, by every address of the panel.

Everybody walks them, with ids of his own and of others, and sends each form.
Writes the table of the documentation, and fails where somebody does what he
may not. Minutes; in .tox/py3, without a cloud.
"""

import logging
import os
import sys
import unittest

import django
from django.test import runner as test_runner


def main():
    """Walk; return the exit status."""
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')
    django.setup()
    from tests.walls import document
    from tests.walls import walking

    class Walk(walking.Walker):
        def runTest(self):
            table = document.rows(self)
            document.write(table)
            print('%d rows' % len(table))

    logging.disable(logging.ERROR)
    runner = test_runner.DiscoverRunner(interactive=False)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    outcome = runner.run_suite(unittest.TestSuite([Walk()]))
    runner.teardown_databases(databases)
    return 0 if outcome.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
