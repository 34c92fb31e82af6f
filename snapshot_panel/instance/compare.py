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

"""Two snapshots of an instance side by side."""

import dataclasses
import typing

from snapshot_panel.consistency import records


@dataclasses.dataclass(frozen=True)
class Property:
    """One property of two images, None where an image does not have it."""

    name: str
    values: typing.Tuple[typing.Optional[str], typing.Optional[str]]

    @property
    def differs(self):
        return self.values[0] != self.values[1]


@dataclasses.dataclass(frozen=True)
class Properties:
    """The properties of two images: those that differ, and the others.

    ``records`` are what the panel wrote: most of it can never be the same.
    """

    different: typing.Sequence[Property]
    same: typing.Sequence[Property]
    records: typing.Sequence[Property]


def properties(older, newer):
    """Return the :class:`Properties` of two :class:`facts.Image`."""
    both = [Property(name, (older.properties.get(name),
                            newer.properties.get(name)))
            for name in sorted({**older.properties, **newer.properties})]
    others = [each for each in both
              if not each.name.startswith(records.PREFIX)]
    return Properties(
        [each for each in others if each.differs],
        [each for each in others if not each.differs],
        [each for each in both if each not in others])
