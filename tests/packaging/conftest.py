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

"""Build the sdist and the wheel once for all tests of this folder."""

import shutil

import pytest

from tests.packaging import building


@pytest.fixture(scope='session')
def source(tmp_path_factory):
    """A copy of the sources alone.

    What earlier builds left in the checkout would get into the wheel, and
    what this build leaves is no business of the checkout.
    """
    folder = tmp_path_factory.mktemp('source')
    for name in building.source_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(building.ROOT / name, folder / name,
                     follow_symlinks=False)
    return folder


@pytest.fixture(scope='session')
def dists(source, tmp_path_factory):
    """The folder with the sdist and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp('dists')
    building.build(source, folder)
    return folder


@pytest.fixture(scope='session')
def wheel(dists):
    """The wheel, built from the sdist as PyPI's users would."""
    return next(dists.glob('*.whl'))


@pytest.fixture(scope='session')
def sdist(dists):
    """The sdist."""
    return next(dists.glob('*.tar.gz'))
