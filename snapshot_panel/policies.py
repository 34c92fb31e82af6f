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

"""Which rules of the services each action asks for: the one list of them.

Pages check these, the documentation's table is made of :data:`ACTIONS`
(``python -m tests.policies_list``), and ``install --check`` holds them against
the policy files that Horizon reads.
"""

import typing

Rules = tuple[tuple[str, str], ...]

_NOTES: Rules = (('compute', 'os_compute_api:server-metadata:create'),
                 ('compute', 'os_compute_api:server-metadata:delete'))

TAKE: Rules = (('compute', 'os_compute_api:servers:create_image'),)

# What changing an image asks of Glance.
EDIT: Rules = (('image', 'modify_image'),)

# Many dashboards do not have Glance's own policy: who takes no snapshots
# settles none.
SETTLE: Rules = TAKE + (('image', 'download_image'),) + EDIT

# What asking a running guest asks of Nova.
ASK: Rules = (('compute', 'os_compute_api:os-console-output'),)

# What stopping, copying and starting an instance asks of Nova.
RESTART: Rules = TAKE + (('compute', 'os_compute_api:servers:stop'),
                         ('compute', 'os_compute_api:servers:start')) + _NOTES

# What a schedule of the workflow service asks; it takes the snapshots as the
# user who set it up. Mistral has policies of its own.
SCHEDULE: Rules = TAKE + _NOTES

FORGET: Rules = (('compute', 'os_compute_api:server-metadata:delete'),)

# What the server remembers of a snapshot is deleted with it.
DELETE: Rules = (('image', 'delete_image'),) + FORGET

# What deleting older snapshots asks of the services.
REPLACE: Rules = DELETE + EDIT

# What looking at the disk of any image asks of Glance.
CHECK: Rules = (('image', 'download_image'),)

# What Horizon's dialog asks of Nova.
LAUNCH: Rules = (('compute', 'os_compute_api:servers:create'),)


class Action(typing.NamedTuple):
    """What a user does, for operators (plain English).

    ``lack`` says what somebody meets whom the rules do not allow it.
    """

    name: str
    rules: Rules
    lack: str


ACTIONS = (
    Action('take a snapshot', TAKE, 'No button takes one.'),
    Action('have a snapshot judged', SETTLE,
           'Only verdicts that others had made are seen.'),
    Action('have hooks, XFS and volumes proven', ASK,
           'What a running guest says is unknown.'),
    Action('have a snapshot reported if it vanishes', _NOTES,
           'One that vanishes leaves no trace.'),
    Action('have the workflow service take snapshots', SCHEDULE,
           'Its schedule is shown, and nothing changes it.'),
    Action('stop, snapshot and start', RESTART, 'It is not offered.'),
    Action('keep the last N', REPLACE, 'All older snapshots are kept.'),
    Action('delete a snapshot', DELETE, 'No button deletes one.'),
    Action('dismiss a discarded snapshot', FORGET, 'It stays in the list.'),
    Action('change image properties', EDIT,
           'They can be read only.'),
    Action('look at the disk of any image', CHECK, 'No button does it.'),
    Action('launch from an image, restore a snapshot', LAUNCH,
           'No button leads to the dialog.'))
SERVICES = {'compute': 'Nova', 'image': 'Glance'}
