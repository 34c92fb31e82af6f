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


"""The table of who may do what, for the documentation."""

import csv
import pathlib

from tests.walls import walking

PATH = pathlib.Path(__file__).parents[2] / 'doc/source/security.csv'
# The columns: who comes, and to what.
COLUMNS = {
    'Not logged in': (walking.NOBODY, (walking.OWN,)),
    'Reader': (walking.READER, (walking.OWN,)),
    'Member': (walking.MEMBER, (walking.OWN,)),
    'Admin': (walking.ADMIN, (walking.OWN,)),
    'Member elsewhere': (walking.OUTSIDER, (walking.OWN,)),
    'Admin elsewhere': (walking.FOREIGN_ADMIN, (walking.OWN,)),
    'No such id': (walking.MEMBER, (walking.DELETED, walking.MALFORMED))}
HEADINGS = ('What', *COLUMNS, 'Rights')
# What all rules of Nova begin with; the page says it once.
_PREFIX = 'os_compute_api:'
YES, NO, LOGIN = 'yes', 'no', 'login'
# What stands for all of an instance's id and an image's in an address.
_NAMES = walking.Ids('INSTANCE', '1' * 36, '1' * 36)


def cell(seen, act=None):
    """Return the word for what came of a look, or of an act.

    :raises AssertionError: what must not be
    """
    assert seen.status < 500 and not seen.told, seen
    if seen.login:
        assert not seen.asked, seen
        return LOGIN
    if act is None:
        assert not seen.written, seen
        return YES if seen.status == 200 else NO
    done = act.does in seen.did
    assert done or not seen.written, seen
    return YES if done else NO


def _all(cells):
    """Return what is the same of all of these."""
    cells = list(cells)
    assert len(set(cells)) == 1, cells
    return cells[0]


def row_of_act(walker, act):
    """Return the row of an act without its rights."""
    return (act.title, *(
        _all(cell(walker.do(act, visitor, each), act) for each in ids)
        for visitor, ids in COLUMNS.values()))


def rights(walker, acts, rules=tuple(walking.RULES)):
    """Return those of some rules without which a member cannot do an act.

    A list for each of the acts, in their order.
    """
    needed = {act.title: [] for act in acts}
    for rule in rules:
        # Horizon reads its rules again for each, which takes a while.
        with walker.taken_away(rule):
            for act in acts:
                seen = walker.do(act, walking.MEMBER, without=(rule,))
                if cell(seen, act) == NO:
                    needed[act.title].append(rule)
    return list(needed.values())


def rows_of_looks(walker):
    """Return a row for all addresses that look the same to everybody."""
    rows = {}
    for name in walking.PARTS:
        cells = tuple(_all(_look(walker, visitor, name, each) for each in ids)
                      for visitor, ids in COLUMNS.values())
        # The others only take forms.
        if YES in cells:
            rows.setdefault(cells, []).append(_path(name))
    return [('Look at ' + ', '.join(paths), *cells, '')
            for cells, paths in rows.items()]


def _look(walker, visitor, name, ids):
    """Return the cell of a look; no look writes, or tells of others."""
    path = walking.address(name, ids) + walking.query(name, ids)
    return cell(walker.visit(visitor, 'get', path))


def _path(name):
    path = walking.address(name, _NAMES).replace('1' * 36, 'IMAGE')
    return path.removeprefix(walking.address('index')) or 'the index'


def rows(walker):
    """Return the whole table without its headings."""
    return [*rows_of_looks(walker), *(
        (*row_of_act(walker, act), told(rules)) for act, rules
        in zip(walking.ACTS, rights(walker, walking.ACTS)))]


def told(rules):
    """Return rules as the table has them."""
    return ', '.join(rule.removeprefix(_PREFIX) for rule in rules)


def write(table):
    """Write the table."""
    with PATH.open('w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([HEADINGS, *table])


def read():
    """Return the rows of the table as it was written."""
    with PATH.open(newline='') as file:
        return list(csv.DictReader(file))
