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

"""A few thousand hostile inputs of each kind; the disk's are in disk/."""

import pytest

from snapshot_panel.consistency import witness
from tests.fuzz import posts
from tests.fuzz import records
from tests.fuzz import witness as consoles


@pytest.mark.parametrize('kind, inputs', [
    (consoles, 2000), (records, 600), (posts, 600)])
def test_hostile_inputs_raise_nothing_and_lead_to_nothing(kind, inputs):
    wrong, _longest = kind.run(inputs)

    assert wrong == []


def test_half_a_character_in_a_line_is_no_error():
    """Found by the fuzzer."""
    assert witness.checksum('path=\ud800') == witness.checksum('path=?')


def test_what_the_inputs_look_for_would_be_found(monkeypatch):
    """The measure itself: a reader that checks no keys."""
    monkeypatch.setattr(witness, 'follows', lambda earlier, later: True)

    wrong, _longest = consoles.run(1000)

    assert wrong


def test_an_input_that_raises_is_told(monkeypatch):
    def fail(text):
        raise RuntimeError('boom')

    monkeypatch.setattr(posts.edits.Edit, 'load', fail)

    assert posts.run(1)[0] == ['input 0: RuntimeError: boom']
