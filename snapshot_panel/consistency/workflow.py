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

"""What the workflow service is given to take an instance's snapshots.

A workflow and a cron trigger of the same name for each instance. What people
named is never part of the workflow's text, whose expressions the service
evaluates: it is the trigger's input, which the service takes as it is
(fact 47).
"""

from collections.abc import Mapping
import datetime
import re

from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import witness

# What the workflow does; not every Mistral has it (fact 50).
ACTION = 'nova.servers_create_image'
# What it asks before, where the service can.
_SERVER, _CONSOLE = 'nova.servers_get', 'nova.servers_get_console_output'
ASKS = (_SERVER, _CONSOLE)
# How many lines of the console it asks for, and how long it waits, in seconds.
_LINES, _PATIENCE = 1000, 60
# How a workflow is found among those of others.
TAG = 'consistent-snapshots'
# The length of a moment with the dash before it, at the end of a name.
MOMENT = len('-20261122T120000Z')

_DAY = 24 * 60
# As many characters of it are looked at: anybody in the project may write it.
_LOOKED_AT = 4000
# As Mistral's engine writes what an action raised (fact 48).
_MESSAGE = re.compile(r"\bmsg='(?:\w+\.servers\.create_image failed: )?"
                      r"(.*?)'\]$", re.DOTALL | re.MULTILINE)
# The moment is that of the start, so that name and mark have the same.
_TEXT = '''\
---
version: '2.0'
%(name)s:
  description: >-
    Takes the snapshots of instance %(id)s.
    Made by Horizon's panel Consistent Snapshots; changed, paused and deleted
    on the page Schedule of the instance.
  tags:
    - %(tag)s
  input:
    - server
    - name
    - by: ''
  vars:
    at: <%% now().format("%%Y%%m%%dT%%H%%M%%SZ") %%>
    heard: false
    record: {}
  tasks:
%(asks)s\
    snapshot:
      action: %(action)s
      input:
        server: <%% $.server %%>
        image_name: <%% $.name + "-" + $.at %%>
        metadata: >-
          <%% {"%(mark)s" => $.server + "/" + $.at} +
          switch($.heard => $.record, true => {}) %%>
'''
# First the instance, with the note of what was done before, then where its
# console ends, then the snapshot: the order is part of the proof. Whatever
# fails, the snapshot is taken. A guest without the kit says nothing that
# counts: what is taken of it has no record.
_ASKS = '''\
    look:
      action: %(server)s
      input:
        server: <%% $.server %%>
      timeout: %(patience)d
      publish:
        idle: >-
          <%% task().result.status = "%(running)s" and
          not task().result.get("OS-EXT-STS:task_state") %%>
        after: <%% task().result.metadata.get("%(after)s") %%>
      on-success:
        - listen: <%% $.idle and $.after %%>
        - snapshot: <%% not ($.idle and $.after) %%>
      on-error:
        - snapshot
    listen:
      action: %(console)s
      input:
        server: <%% $.server %%>
        length: %(lines)d
      timeout: %(patience)d
      publish:
        heard: <%% "%(witness)s" in task().result %%>
        record:
%(record)s
      on-complete:
        - snapshot
'''


def name(instance_id: str) -> str:
    """Return the name of an instance's workflow and of its trigger.

    :raises ValueError: that is no id, and could mean something else there.
    """
    if not bounded.is_id(instance_id):
        raise ValueError('no id of an instance: %.100r' % instance_id)
    return 'consistent-snapshot-' + instance_id


def text(instance_id: str, asks: bool = True) -> str:
    """Return the workflow of an instance, in the service's language.

    :param asks: whether it can do :data:`ASKS`. Without, the guest's
        witnesses cannot be told from those of before.
    :raises ValueError: that is no id.
    """
    return _TEXT % {'name': name(instance_id), 'id': instance_id, 'tag': TAG,
                    'action': ACTION, 'mark': schedules.MARK,
                    'asks': _asks() if asks else ''}


def _asks() -> str:
    return _ASKS % {
        'server': _SERVER, 'console': _CONSOLE, 'running': facts.RUNNING,
        'after': schedules.AFTER, 'patience': _PATIENCE, 'lines': _LINES,
        'witness': witness.MARK, 'record': '\n'.join(
            '%s%s: %s' % (' ' * 10, name, value)
            for name, value in _record().items())}


def _record() -> dict[str, str]:
    """Return the record of a request as the workflow writes it (YAQL)."""
    return {**records.Request(None, '', facts.RUNNING, None, None
                              ).properties(),
            records.REQUESTED_AT: '<% now().format("%Y-%m-%dT%H:%M:%SZ") %>',
            records.REQUESTED_BY: '<% $.by %>',
            records.AFTER_ACTION: '<% $.after %>',
            # As witness.end does.
            records.CONSOLE:
                '<% let(regex("[^!-~]").replace(task().result, "")) -> '
                '$.substring(max(0, len($) - {0:d})) %>'.format(witness.END)}


def given(instance: facts.Instance, by: str) -> Mapping[str, str]:
    """Return the input of the workflow.

    :param by: the name of the user as whom it runs.
    """
    return {'server': instance.id, 'name': begin_name(instance),
            'by': records.for_services(by)}


def begin_name(instance: facts.Instance) -> str:
    """Return what the names of a schedule's snapshots begin with."""
    # Nova takes no name that begins with a space.
    return records.for_services(instance.name).lstrip()[
        :records.METADATA_LIMIT - MOMENT]


def pattern(period: schedules.Period, hour: int, offset: datetime.timedelta
            ) -> tuple[str, int]:
    """Return the trigger's pattern, and the hour in it; both are UTC.

    :param hour: in the user's zone; weekly is on Sundays there.
    :param offset: of that zone to UTC.
    """
    days, minutes = divmod(hour * 60 - _minutes(offset), _DAY)
    hour, minute = divmod(minutes, 60)
    weekday = str(days % 7) if period is schedules.Period.WEEKLY else '*'
    return '%d %d * * %s' % (minute, hour, weekday), hour


def local_hour(hour: int, offset: datetime.timedelta) -> int:
    """Return the hour in a zone that :func:`pattern` was given.

    :param hour: as it returned it.
    """
    # The minutes went down with the offset: a started hour is a whole one.
    return -(-(hour * 60 + _minutes(offset)) // 60) % 24


def cause(text: str) -> str:
    """Return why a run failed, of what the service says of it.

    That names each task and each action twice, with objects in memory; what
    somebody can act on is the message of the first. All of it where there is
    none.
    """
    found = _MESSAGE.search(text[:_LOOKED_AT])
    return found[1] if found else text


def _minutes(offset: datetime.timedelta) -> int:
    return offset // datetime.timedelta(minutes=1)
