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

"""When a judge last looked at a project: a mark in Django's cache.

Pages find it where the judge shares Horizon's cache. Elsewhere they say
nothing of a judge, which is what they know.
"""

import datetime

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import cache

# Nobody counts on a judge that has not come for so long, in seconds.
_TTL = 3600


def leave(session: asking.Session, now: datetime.datetime) -> None:
    """Leave a mark that a judge has looked at all of a project."""
    cache.set(_key(session), now, _TTL)


def last(session: asking.Session) -> datetime.datetime | None:
    """Return when a judge last looked at the project, None if unknown."""
    moment: datetime.datetime | None = cache.get(_key(session))
    return moment


def _key(session: asking.Session) -> str:
    return 'snapshot_panel:judged:' + session.user.tenant_id
