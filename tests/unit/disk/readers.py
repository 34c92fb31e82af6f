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

"""Reading images that are bytes."""

from snapshot_panel import disk


class Reader:
    """Serves an image, and records what it is asked for.

    :param reach: bytes that it can serve; all, if not given
    """

    def __init__(self, image: bytes, reach: int | None = None) -> None:
        self.image = image
        self.reach = len(image) if reach is None else reach
        self.asked: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        if offset + length > self.reach < len(self.image):
            raise disk.OutOfReach
        return self.image[offset:offset + length]


def read(image: bytes) -> disk.Reading:
    """Return what an image says."""
    return disk.read_disk(Reader(image), len(image))


def only(image: bytes) -> disk.Part:
    """Return the one part of an image that counts, or the only one."""
    parts = read(image).parts
    counting = [part for part in parts if part.word] or list(parts)
    assert len(counting) == 1, parts
    return counting[0]
