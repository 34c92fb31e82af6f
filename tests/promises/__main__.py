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

"""``python -m tests.promises --examples 20000``: the long run.

Each example is a sequence of up to ``--steps`` events that nobody played
before. The first that breaks a promise is printed in its shortest form.
"""

import argparse
import os
import sys
import time

import django
import hypothesis
from hypothesis import stateful


def main() -> int:
    """Play as many as asked for; the status is 0 where none was broken."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.promises', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--examples', type=int, default=20_000)
    parser.add_argument('--steps', type=int, default=30)
    options = parser.parse_args()
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')
    django.setup()
    from tests.promises import machine
    begun = time.monotonic()
    stateful.run_state_machine_as_test(
        machine.Promises, settings=hypothesis.settings(
            max_examples=options.examples, deadline=None, database=None,
            stateful_step_count=options.steps,
            suppress_health_check=list(hypothesis.HealthCheck)))
    print('%d examples of up to %d events in %d s, broken: 0' % (
        options.examples, options.steps, time.monotonic() - begun))
    return 0


if __name__ == '__main__':
    sys.exit(main())
