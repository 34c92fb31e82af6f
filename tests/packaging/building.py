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

"""The project's files, and the commands that build and install them."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def run(*command, **options):
    """Run a command and return its output; fail with that output."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        **options)
    if done.returncode:
        pytest.fail(f'{command}: status {done.returncode}\n{done.stdout}',
                    pytrace=False)
    return done.stdout


def source_files():
    """Return the project's files, committed or not, as relative paths."""
    listed = run('git', 'ls-files', '-z', '--cached', '--others',
                 '--exclude-standard', cwd=ROOT)
    names = [name for name in listed.split('\0') if name]
    return sorted(name for name in names if (ROOT / name).exists())


def build(source, target, *options):
    """Build what `options` name from the folder `source` into `target`."""
    run(sys.executable, '-m', 'build', *options, '--outdir', target, source)
