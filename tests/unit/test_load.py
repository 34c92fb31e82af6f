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

"""What ``python -m tests.load`` makes of what it measured."""

import pytest

from tests.load import measuring


@pytest.mark.parametrize('sizes, slope', [
    ([100] * 9, 0), ([100 + each for each in range(9)], 30),
    # What it takes to get warm is not counted.
    ([10, 50, 90] + [100] * 6, 0), ([100], 0)])
def test_the_slope_of_the_memory_is_that_of_a_warm_dashboard(sizes, slope):
    found = measuring.Found()
    found.memory = [(2.0 * at, size) for at, size in enumerate(sizes)]

    assert found.slope == pytest.approx(slope)


def test_requests_are_told_for_each_look():
    found = measuring.Found()
    found.memory = [(0.0, 200.0), (2.0, 210.0)]
    found.requests.update({'nova': 30, 'glance': 5})

    assert found.text(10) == (
        'memory 200 to 210 MiB, slope +0.0 MiB a minute; requests for each '
        'look: glance 0.5, nova 3.0')
