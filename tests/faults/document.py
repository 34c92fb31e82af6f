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


"""The table of faults for the documentation."""

import csv
import pathlib

from tests.faults import looking

PATH = pathlib.Path(__file__).parents[2] / 'doc/source/faults.csv'
HEADINGS = ('Service', 'Fault', 'Page', 'The user sees', 'Seconds', 'Written')
# As many characters of what a page says are in the table.
LONGEST = 200
# Seconds differ from run to run; the table says which of these are enough.
STEPS = (5, *sorted({
    looking.bound(service, fault, page) for service in looking.SERVICES
    for fault in looking.FAULTS[service]
    for page in looking.PAGES[service]}), 1000)


def write(found):
    """Write the table; rows of services that did not fail stay.

    :param found: a :class:`looking.Look` by service, fault and page, for all
        faults and pages of a service
    """
    with PATH.open(newline='') as file:
        _headings, *old = map(tuple, csv.reader(file))
    new = rows(found)
    played = {service for service, _fault, _page in found}
    with PATH.open('w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows([HEADINGS, *(
            row for service in looking.SERVICES
            for row in (new if service in played else old)
            if row[0] == service)])


def _short(text):
    return text if len(text) < LONGEST else text[:LONGEST].rstrip() + '…'


def rows(found):
    """Return a row for all faults of a service that look the same."""
    faults = {}
    for (service, fault, page), look in found.items():
        same = (service, page, _short(look.said) or 'the page',
                'under %d' % next(step for step in STEPS
                                  if look.seconds < step),
                'a snapshot' if look.written else 'nothing')
        faults.setdefault(same, []).append(fault)
    return [(service, ', '.join(names), page, *rest)
            for (service, page, *rest), names in faults.items()]
