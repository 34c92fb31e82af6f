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

"""``python -m snapshot_panel.disk``."""

import json
import subprocess
import sys

import pytest

from snapshot_panel.disk import __main__ as command
from tests import images


@pytest.fixture
def said(tmp_path, capsys):
    """Return what the command says of an image: status and lines."""
    def run(image, *options):
        path = tmp_path / 'image'
        path.write_bytes(image)
        status = command.main([*options, str(path)])
        return status, capsys.readouterr().out.splitlines()
    return run


@pytest.mark.parametrize('image, status, word', [
    (images.ext4_image(), 0, 'at rest'),
    (images.ext4_image(in_use=True), 1, 'in use'),
    (images.ext4_image(damaged=True), 3, 'damaged'),
    (images.marked_image('xfs'), 4, 'cannot tell')])
def test_the_first_line_is_the_word(said, image, status, word):
    found, lines = said(image)

    assert (found, lines[0]) == (status, word)


def test_what_was_read_is_listed(said):
    _, lines = said(images.qcow2(images.ext4_image()))

    assert lines[2:] == [
        'format qcow2, layout gpt',
        'partition 1  bios-boot  does not count  boot-loader       '
        'partition type: boot loader',
        'partition 2  efi        does not count  efi               '
        'partition type: EFI system, holds vfat',
        'partition 3  ext4       at rest         no-replay-needed  '
        'ext4 superblock s_feature_incompat=0x2c2, RECOVER clear',
        '3 requests, 36864 bytes']


def test_a_whole_that_cannot_be_told_says_why(said):
    status, lines = said(b'KDMV'.ljust(1024, b'\0'))

    assert status == 4
    assert lines[2] == 'format vmdk, layout not read: format'


def test_json_has_the_same(said):
    _, lines = said(images.ext4_image(), '--json')

    found = json.loads('\n'.join(lines))

    assert (found['word'], found['requests']) == ('at-rest', 4)


def test_a_file_that_is_not_there_is_an_error(tmp_path, capsys):
    assert command.main([str(tmp_path / 'none')]) == 2
    assert 'No such file' in capsys.readouterr().err


def test_it_needs_no_django(tmp_path):
    path = tmp_path / 'image'
    path.write_bytes(images.ext4_image())
    code = ('import sys; from snapshot_panel.disk import __main__ as m; '
            'assert m.main(sys.argv[1:]) == 0; '
            'assert not [n for n in sys.modules if n.startswith(("django", '
            '"horizon", "openstack"))]')

    subprocess.run([sys.executable, '-c', code, str(path)], check=True)
