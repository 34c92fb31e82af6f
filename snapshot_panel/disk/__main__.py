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

"""``python -m snapshot_panel.disk FILE``: what a local file's disk says.

For operators, and for doubts: the same code as the panel's, on an image file
or a block device, which is only read. The first line is the word.
"""

import argparse
import json
import os
import sys
import time

from snapshot_panel import disk

_EXIT = {disk.Word.AT_REST: 0, disk.Word.IN_USE: 1, disk.Word.DAMAGED: 3,
         disk.Word.CANNOT_TELL: 4}
_EPILOG = """\
exit status: 0 at rest, 1 in use, 2 the file could not be read,
3 damaged, 4 cannot tell"""


def main(arguments: list[str] | None = None) -> int:
    """Read the file that is named, print what it says; return the status."""
    parser = argparse.ArgumentParser(
        prog='python -m snapshot_panel.disk', epilog=_EPILOG,
        description='Say whether the file systems in a disk image were at '
        'rest when it was copied, by their own word.',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', metavar='FILE',
                        help='a raw or qcow2 image, or a block device')
    parser.add_argument('--json', action='store_true',
                        help='print what was read as JSON')
    options = parser.parse_args(arguments)
    try:
        reading = _read(options.file)
    except OSError as error:
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return 2
    print('\n'.join([_as_json(reading)] if options.json
                    else _lines(reading)))
    return _EXIT[reading.word]


def _read(path: str) -> disk.Reading:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Not from stat(), which knows no size of a block device.
        size = os.lseek(descriptor, 0, os.SEEK_END)
        return disk.read_disk(
            lambda offset, length: os.pread(descriptor, length, offset),
            size, clock=time.monotonic)
    finally:
        os.close(descriptor)


def _as_json(reading: disk.Reading) -> str:
    return json.dumps({'word': reading.word.value, **reading.as_json(),
                       'requests': reading.requests,
                       'bytes': reading.fetched}, indent=1)


def _lines(reading: disk.Reading) -> list[str]:
    rows = [(part.place, part.kind, _text(part.word), part.reason,
             part.field) for part in reading.parts]
    widths = [max((len(row[column]) for row in rows), default=0)
              for column in range(4)]
    lines = [_text(reading.word), '',
             f'format {reading.format}, layout {reading.layout or "not read"}'
             + (f': {reading.reason}' if reading.reason else '')]
    for row in rows:
        lines.append('  '.join(
            [text.ljust(width) for text, width in zip(row, widths)]
            + [row[4]]).rstrip())
    lines.append(f'{reading.requests} requests, {reading.fetched} bytes')
    return lines


def _text(word: disk.Word | None) -> str:
    """Return a word as people read it."""
    return word.value.replace('-', ' ') if word else 'does not count'


if __name__ == '__main__':
    sys.exit(main())
