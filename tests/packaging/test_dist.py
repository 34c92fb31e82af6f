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

"""What a release would upload."""

import subprocess
import sys

import pytest

import snapshot_panel
from tests import dist
from tests.packaging import building


def test_the_version_has_one_place(wheel, sdist):
    read = dist.version(
        (building.ROOT / 'snapshot_panel/__init__.py').read_text())

    assert read == snapshot_panel.__version__
    assert wheel.name.split('-')[1] == read
    assert sdist.name == f'snapshot_panel-{read}.tar.gz'


@pytest.mark.parametrize('tags', [[], ['1.2.3'], ['latest', '1.2.3']])
def test_a_commit_without_a_tag_or_with_its_own_may_be_built(tags):
    dist.check_tags('1.2.3', tags)


def test_a_commit_that_is_tagged_otherwise_is_not_built():
    with pytest.raises(dist.DistError, match='1.2.4, and __version__ is 1.2'):
        dist.check_tags('1.2.3', ['1.2.4'])


@pytest.mark.parametrize('tool, arguments', [
    ('twine', ['check', '--strict']), ('check_wheel_contents', [])])
def test_the_tools_accept_what_is_built(wheel, sdist, tool, arguments):
    files = [wheel, sdist] if tool == 'twine' else [wheel]

    done = subprocess.run(
        [sys.executable, '-m', tool, *arguments, *files], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    assert done.returncode == 0, done.stdout


def test_a_broken_description_is_refused(tmp_path, sdist):
    # So that the test above can fail.
    broken = tmp_path / sdist.name
    broken.write_bytes(sdist.read_bytes()[:100])

    done = subprocess.run(
        [sys.executable, '-m', 'twine', 'check', '--strict', broken],
        capture_output=True)

    assert done.returncode != 0
