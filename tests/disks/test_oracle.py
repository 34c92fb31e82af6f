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

"""The oracle of ``make truth`` against file systems that are really frozen.

What it is played with there are guests; here the writer of numbers runs on
this machine, and writes to a mounted file.
"""

from collections.abc import Callable
from collections.abc import Iterator
import pathlib
import subprocess
import time

import pytest

from tests.disks import stage
from tests.truth import numbers
from tests.truth import oracle

HINDRANCES = stage.hindrances()
pytestmark = pytest.mark.skipif(bool(HINDRANCES),
                                reason='; '.join(HINDRANCES))


@pytest.fixture(params=['ext4', 'xfs'])
def mounted(request: pytest.FixtureRequest, tmp_path: pathlib.Path
            ) -> Iterator[stage.Stage]:
    kind, = [each for each in stage.FILE_SYSTEMS
             if each.name == request.param]
    made = stage.Stage(tmp_path, kind)
    with made.made(), made.mounted():
        yield made


def run_for(disk: stage.Stage) -> Callable[[str], str]:
    """Return what runs the writer's scripts for a mounted file system."""
    folder = disk.disk.parent

    def run(script: str) -> str:
        script = script.replace('/run/numbers', str(folder / 'notes'))
        script = script.replace(f"'{numbers.FILE}'",
                                f"'{folder}/mnt{numbers.FILE}'")
        return subprocess.run(['sh', '-c', script], text=True, check=True,
                              stdout=subprocess.PIPE).stdout
    return run


def wait_for_more(disk: stage.Stage, count: int) -> None:
    """Wait until so many more numbers were written."""
    returned = disk.disk.parent / 'notes' / 'returned'
    wanted = int(returned.read_text()) + count
    deadline = time.monotonic() + 60
    while int(returned.read_text()) < wanted:
        assert time.monotonic() < deadline, 'it does not write'
        time.sleep(0.05)


def judged(disk: stage.Stage, account: numbers.Account) -> oracle.Opinion:
    account = numbers.end(run_for(disk), account)
    # What had returned before each freeze that it saw.
    assert all(10 <= each < (account.announced or 0)
               for each in account.frozen)
    return oracle.judge([disk.copy], account)


def test_a_copy_of_a_frozen_disk_holds_all_that_was_written(
        mounted: stage.Stage) -> None:
    account = numbers.begin(run_for(mounted))
    with mounted.frozen():
        # So that the writer is seen to wait.
        time.sleep(0.5)
        mounted.take()
    wait_for_more(mounted, 5)

    found = judged(mounted, account)

    assert found.written is numbers.Word.HOLDS
    assert found.at_rest


def test_a_copy_of_a_disk_in_use_lacks_what_waits_in_memory(
        mounted: stage.Stage) -> None:
    account = numbers.begin(run_for(mounted))
    mounted.take()
    wait_for_more(mounted, 5)

    assert judged(mounted, account).written is numbers.Word.LACKS


def test_a_copy_that_goes_on_after_the_thaw_holds_too_much(
        mounted: stage.Stage) -> None:
    account = numbers.begin(run_for(mounted))
    with mounted.frozen():
        time.sleep(0.5)
    wait_for_more(mounted, 5)
    mounted.sync()
    with mounted.frozen():
        mounted.take()
    first, *_later = numbers.end(run_for(mounted), account).frozen

    # As if the second freeze had never been.
    found = oracle.judge([mounted.copy], numbers.Account(
        account.run, 10, first + 100, (first,)))

    assert found.disk is oracle.Disk.CLEAN
    assert found.written is numbers.Word.LATER
    assert not found.at_rest
