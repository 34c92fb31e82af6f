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

"""``make dist``: the sdist and the wheel as a release uploads them.

Made of what is committed, whatever else lies in the checkout, and checked by
twine and check-wheel-contents. The version is ``__version__`` of the package;
a tag on the commit has to be the same.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
FOLDER = ROOT / 'dist'


class DistError(Exception):
    """There is nothing to upload; the text says why."""


def output(*command: str) -> str:
    """Return what Git prints.

    :raises DistError: it failed
    """
    done = subprocess.run(['git', *command], cwd=ROOT, text=True,
                          capture_output=True)
    if done.returncode:
        raise DistError(done.stderr.strip())
    return done.stdout


def version(source: str) -> str:
    """Return the version that the text of the package's module names."""
    return re.search(r"^__version__ = '(.+)'$", source, re.MULTILINE)[1]


def check_tags(version: str, tags: list[str]) -> None:
    """Look whether what is built may bear its version.

    :param tags: those of the commit, none before a release
    :raises DistError: the commit is tagged as something else
    """
    if tags and version not in tags:
        raise DistError('the commit is tagged %s, and __version__ is %s' % (
            ', '.join(tags), version))


def make(folder: pathlib.Path) -> list[pathlib.Path]:
    """Build and check both files in a folder, which is emptied first.

    :raises DistError: something is wrong with them
    """
    check_tags(version(output('show', 'HEAD:snapshot_panel/__init__.py')),
               output('tag', '--points-at', 'HEAD').split())
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as made:
        archive = pathlib.Path(made, 'source.tar')
        output('archive', '--output', str(archive), 'HEAD')
        source = pathlib.Path(made, 'source')
        shutil.unpack_archive(archive, source)
        run('build', '--outdir', str(folder), str(source))
    files = sorted(folder.iterdir())
    run('twine', 'check', '--strict', *map(str, files))
    run('check_wheel_contents', *(
        str(each) for each in files if each.suffix == '.whl'))
    return files


def run(module: str, *arguments: str) -> None:
    """Run a tool of this Python's.

    :raises DistError: it failed; it has said why
    """
    if subprocess.run([sys.executable, '-m', module, *arguments]).returncode:
        raise DistError('%s is not content' % module)


def main() -> int:
    try:
        if output('status', '--porcelain'):
            print('dist: what is not committed is left out', file=sys.stderr)
        for each in make(FOLDER):
            print(each.relative_to(ROOT))
    except DistError as error:
        print('dist: %s' % error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
