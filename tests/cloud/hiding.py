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

"""A panel without the clients of Nova and Cinder, in a Horizon that has them.

Horizon of today cannot be without. So only the panel's one import of them
fails; what Horizon imports is there.
"""

import importlib
import sys

CLIENTS = ('novaclient', 'cinderclient')


def hide(*packages):
    """Let the panel be imported without some packages, in this process.

    :param packages: their names, such as :data:`CLIENTS`.
    :raises AssertionError: it has been imported with them already.
    """
    ours = 'snapshot_panel.cloud.clients'
    assert ours not in sys.modules, 'too late to hide a client'
    hidden = {name: module for name, module in sys.modules.items()
              if name.partition('.')[0] in packages}
    for name in hidden:
        del sys.modules[name]
    # The import of what is None there fails.
    sys.modules.update(dict.fromkeys(packages))
    try:
        importlib.import_module(ours)
    finally:
        for name in packages:
            del sys.modules[name]
        sys.modules.update(hidden)
