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

"""What the guest says of its agent right now, for whoever waits for it."""

import dataclasses
import typing

from django.utils.translation import gettext_lazy as _

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import witness
from snapshot_panel.ui import lines as ui_lines
from snapshot_panel.ui import words

Finding = checklist.Finding
# In this order below the headline.
_SHOWN = (checklist.Check.AGENT, checklist.Check.KIT,
          checklist.Check.LAST_FREEZE)

WAITING = words.Badge(_('Waiting for the guest…'), 'refresh', 'info')
REPORTED = words.Badge(_('The agent reports'), 'check', 'success')
STARTED = words.Badge(_('The agent was started'), 'check', 'success')
FROZE = words.Badge(_('The agent froze the last time'), 'check', 'success')
STOPPED = words.Badge(_('The agent is stopped'), 'times-circle', 'danger')
UNCLEAR = words.Badge(_('The guest’s words do not fit together'),
                      'question-circle', 'warning')
NO_CHANNEL = words.Badge(_('No channel to the agent'), 'times-circle',
                         'danger')
NOT_RUNNING = words.Badge(_('The instance does not run'),
                          'exclamation-triangle', 'warning')
UNKNOWN = words.Badge(_('Nobody could ask the guest'), 'question-circle',
                      'warning')

_HEADLINES = {
    Finding.AGENT_RUNNING: REPORTED,
    Finding.AGENT_STOPPED: STOPPED,
    Finding.AGENT_CONFLICT: UNCLEAR,
    Finding.AGENT_UNREACHABLE: NO_CHANNEL,
    Finding.AGENT_NO_CONSOLE: UNKNOWN,
    Finding.AGENT_NOT_ASKED: UNKNOWN,
    Finding.AGENT_UNSEEN: WAITING,
    Finding.AGENT_STARTED: STARTED,
    Finding.AGENT_FROZE: FROZE,
    Finding.AGENT_NOT_STARTED: STOPPED,
    Finding.AGENT_CONSOLE_LOST: UNKNOWN,
}


@dataclasses.dataclass(frozen=True)
class Status:
    """The live part of the page.

    ``last`` names the guest's last word, '' if there is none: when it
    changes, the guest has just spoken. ``again`` says whether asking again
    can bring another answer.
    """

    headline: words.Badge
    lines: typing.Tuple[ui_lines.CheckLine, ...] = ()
    text: typing.Any = ''
    last: str = ''
    again: bool = True


def status(row, heard):
    """Return the :class:`Status` of an instance.

    :param row: its :class:`ui_lines.InstanceRow`.
    :param heard: :class:`snapshots.Heard`, or the
        :class:`errors.CloudError` that kept us from asking.
    """
    if isinstance(heard, errors.Forbidden):
        return Status(UNKNOWN, again=False, text=_(
            'Your role may not read consoles, so this page cannot tell '
            'whether the agent reports. Ask for the role “member”. The kit '
            'can be installed all the same.'))
    if isinstance(heard, errors.CloudError):
        return Status(UNKNOWN, text=_(
            'The guest could not be asked now: the compute service did not '
            'give its console.'))
    lines = [row.line(check) for check in _SHOWN]
    if lines[0] is None:
        return Status(NOT_RUNNING, text=_(
            'A guest can only be set up, and can only report, while it '
            'runs. Start the instance.'))
    finding = lines[0].result.finding
    tip = witness.read(heard.guest.console).tip
    return Status(
        _HEADLINES[finding], last='%s:%d' % (tip.boot, tip.seq) if tip else '',
        again=finding is not Finding.AGENT_UNREACHABLE,
        lines=tuple(line for line in lines if line is not None))
