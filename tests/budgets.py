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

"""How many requests to the services may be sent, and for what.

Without what every page of Horizon asks for its frame. Held by
tests/functional/test_budgets.py for one user, and by tests.load for many.
"""

# The page of instances, the project's snapshots and its backups; at first, and
# then once in an hour, Nova's version.
INDEX = 4
# The parts of one disk, which are read once.
DISK = 10
# What a page shows of a guest that runs: its console.
LISTEN = 1
# Of each guest, before something is done: its actions and its console, or the
# times of its stop (and its image, which the page of a stopped instance does
# not ask for again).
GUEST = 2
# The instance, its snapshots, and those that are hidden.
INSTANCE = 3
# The index once more, and the project's hidden snapshots.
ROWS = INDEX
# The image that an instance was launched from, and at first its disk.
TODAY = 1 + DISK
# The quotas of Nova and of Glance, kept for a while.
LIMITS = 2
# A click: the instance, its snapshots and its guest, once more, and how many
# notes it may keep; createImage, and what proves it later on the image and on
# the server; then the index.
TAKEN = INSTANCE + GUEST + 1 + 3 + INDEX - 1
# What stands in the way of one, before it is taken all the same.
FORM = INSTANCE + TODAY + GUEST + LIMITS
# A verdict, beside the rows: the disk; the guest, its actions once more behind
# the console; the image before, at and after the seal; the server forgets;
# and the guest for the row.
SETTLED = DISK + GUEST + 1 + 3 + 1 + GUEST
