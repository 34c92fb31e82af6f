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

"""What is inside the sdist and the wheel."""

import tarfile
import zipfile

from tests.packaging import conftest

LINKS = ('snapshot_panel/templates', 'snapshot_panel/static')
DATA = ('templates/', 'static/')


def packaged_sources():
    """Return the source files that users need, as paths in the sources."""
    return {name for name in conftest.source_files()
            if name.startswith(('snapshot_panel/', *DATA))
            and name not in LINKS}


def installed_names():
    """Return where the same files are in the wheel."""
    return {f'snapshot_panel/{name}' if name.startswith(DATA) else name
            for name in packaged_sources()}


def names_in_wheel(wheel):
    """Return the files of a wheel without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist()
                if '.dist-info/' not in name}


def test_the_wheel_holds_the_sources_and_nothing_else(wheel):
    names = names_in_wheel(wheel)

    assert names == installed_names()


def test_the_wheel_has_no_file_twice(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert len(names) == len(set(names))


def test_a_wheel_from_the_tree_is_the_same(source, wheel, tmp_path):
    conftest.build(source, tmp_path, '--wheel')

    assert names_in_wheel(next(tmp_path.glob('*.whl'))) == names_in_wheel(
        wheel)


def test_the_sdist_holds_the_project_and_nothing_twice(sdist):
    with tarfile.open(sdist) as archive:
        names = [member.name.partition('/')[2] for member in archive
                 if not member.isdir()]

    made = {name for name in names
            if name == 'PKG-INFO' or '.egg-info/' in name}
    assert len(names) == len(set(names))
    # The links' targets are there.
    assert set(names) - made == set(conftest.source_files()) - set(LINKS)


def test_the_licence_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert [name for name in names if name.endswith('/LICENSE')]
