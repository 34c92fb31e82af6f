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

"""The short form of ``python -m tests.disks``, as a test."""

import os
import pathlib

import pytest

from tests.disks import __main__ as command
from tests.disks import stage

HINDRANCES = stage.hindrances()


# In CI nothing is skipped: there it fails instead, and says why.
@pytest.mark.skipif(bool(HINDRANCES) and not os.environ.get('CI'),
                    reason='; '.join(HINDRANCES))
def test_the_disks_word_is_what_was_done(tmp_path: pathlib.Path) -> None:
    assert HINDRANCES == []
    rows = list(command.rows(True, tmp_path))

    print(command.summary(rows))

    assert [str(row) for row in rows if row.is_wrong] == []
    assert {row.word for row in rows} == {
        'at-rest', 'in-use', 'damaged', 'cannot-tell'}
