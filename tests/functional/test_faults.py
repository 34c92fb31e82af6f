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


"""What a user meets while a service fails; all of it: ``tests.faults``."""

import pytest

from tests.faults import looking

# In the order of the table: what is asked first, the worst ways to fail.
SHORT = ('down', 'hung', '500', 'HTML')


@pytest.fixture(scope='module', params=('Nova', 'Glance'))
def failing(cloud, request):
    """Return the name of a service that fails, and what looks at pages."""
    with looking.Stage(cloud, request.param).set() as look:
        yield request.param, look


@pytest.mark.parametrize('fault', SHORT)
def test_the_index_says_who_fails_and_waits_for_nobody(fault, failing):
    service, look = failing

    seen, = look(fault, 'Index')

    assert not seen.wrong
    assert service in seen.said


def test_a_click_on_a_hung_nova_takes_nothing_and_says_so(cloud):
    with looking.Stage(cloud, 'Nova').set() as look:
        seen, = look('hung', looking.CLICK)

    assert not seen.wrong
    assert not seen.written
    assert 'Nova' in seen.said
