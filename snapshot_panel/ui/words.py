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

"""Every sentence that the panel says about a check, a verdict or an error."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import datetime
import typing

from django.utils import formats
from django.utils.functional import Promise
from django.utils import safestring
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.utils.translation import pgettext
from django.utils.translation import pgettext_lazy

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import adoption
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import protection
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel.consistency import witness
from snapshot_panel import disk
from snapshot_panel.ui import disks
from snapshot_panel.ui import markup

Check = checklist.Check
Finding = checklist.Finding
Group = protection.Group
Rule = verdict.Rule
Replacement = retention.Standing
Period = schedules.Period
Cause = restart.Cause
Phase = restart.Phase
Standing = checklist.Standing
State = checklist.State
Task = facts.SnapshotTask
Verdict = verdict.Verdict


class Badge(typing.NamedTuple):
    """A word with its icon (Font Awesome) and its colour (Bootstrap)."""

    word: str
    icon: str
    color: str


VERDICTS = {
    Verdict.APPLICATION: Badge(_('Application-consistent'), 'check',
                               'success'),
    Verdict.FILESYSTEM: Badge(_('File-system consistent'), 'check',
                              'success'),
    Verdict.UNPROVEN: Badge(_('Unproven'), 'question-circle', 'warning'),
    Verdict.CRASH: Badge(_('Crash-consistent'), 'exclamation-triangle',
                         'warning'),
    Verdict.DISCARDED: Badge(_('Discarded'), 'times-circle', 'danger'),
    Verdict.PENDING: Badge(_('In progress'), 'refresh', 'info'),
}

# What a snapshot taken now can be expected to be.
STANDINGS = {
    Standing.READY: Badge(pgettext_lazy('for a consistent snapshot',
                                        'Ready'), 'check', 'success'),
    Standing.LIKELY: Badge(pgettext_lazy('for a consistent snapshot',
                                         'Likely'), 'check', 'info'),
    Standing.NOT_READY: Badge(pgettext_lazy(
        'for a consistent snapshot', 'Not ready'), 'exclamation-triangle',
        'warning'),
    Standing.UNKNOWN: Badge(pgettext_lazy('for a consistent snapshot',
                                          'Unknown'), 'question-circle',
                            'warning'),
}
# What instances are counted as: behind their number, and in a sentence.
GROUPS = {
    Group.PROTECTED: (
        pgettext_lazy('so many instances', 'protected'),
        ngettext_lazy(
            'Protected: a snapshot of the last %(count)d day is proven '
            'consistent.',
            'Protected: a snapshot of the last %(count)d days is proven '
            'consistent.', 'count')),
    Group.NOT_READY: (
        pgettext_lazy('so many instances', 'not ready'),
        _('Not ready: something stands in the way of a proven snapshot.')),
    Group.FAILING: (
        pgettext_lazy('so many instances', 'failing'),
        _('Failing: the latest snapshot is discarded, crash-consistent or '
          'damaged.')),
    Group.NEVER: (
        pgettext_lazy('so many instances', 'never proven'),
        _('Never proven: no snapshot is proven consistent.')),
    Group.OVERDUE: (
        pgettext_lazy('so many instances', 'overdue'),
        _('Overdue: the newest proven snapshot is older than the schedule '
          'allows.')),
    Group.FROZEN: (
        pgettext_lazy('so many instances', 'may stand frozen'),
        _('May stand frozen: as long as the guest does, nothing in it can '
          'write.')),
}
DAYS = ngettext_lazy('%(count)d day', '%(count)d days', 'count')
LIKELY = _('Nothing stands in the way; the disk itself will tell afterwards.')

# Something names the instance that is no snapshot of it.
MISFIT = Badge(_('Does not fit'), 'question-circle', 'warning')
# Nobody has looked yet.
UNREAD = Badge(_('Not judged yet'), 'panel-hourglass', 'muted')

STATES = {
    State.PASS: Badge(pgettext_lazy('outcome of a check', 'Pass'),
                      'check', 'success'),
    State.FAIL: Badge(pgettext_lazy('outcome of a check', 'Fail'),
                      'times-circle', 'danger'),
    State.WARNING: Badge(pgettext_lazy('outcome of a check', 'Warning'),
                         'exclamation-triangle', 'warning'),
    State.UNKNOWN: Badge(pgettext_lazy('outcome of a check', 'Unknown'),
                         'question-circle', 'warning'),
}

# What Nova calls the status of an instance, in words.
INSTANCE_STATUSES = {
    'ACTIVE': pgettext_lazy('status of an instance', 'Running'),
    'SHUTOFF': pgettext_lazy('status of an instance', 'Shut off'),
    'PAUSED': pgettext_lazy('status of an instance', 'Paused'),
    'SUSPENDED': pgettext_lazy('status of an instance', 'Suspended'),
    'BUILD': pgettext_lazy('status of an instance', 'Being built'),
    'ERROR': pgettext_lazy('status of an instance', 'Error'),
    'REBUILD': pgettext_lazy('status of an instance', 'Being rebuilt'),
    'REBOOT': pgettext_lazy('status of an instance', 'Being rebooted'),
    'HARD_REBOOT': pgettext_lazy('status of an instance',
                                 'Being hard rebooted'),
    'PASSWORD': pgettext_lazy('status of an instance',
                              'Getting a new password'),
    'MIGRATING': pgettext_lazy('status of an instance',
                               'Moving to another host'),
    'RESIZE': pgettext_lazy('status of an instance', 'Being resized'),
    'VERIFY_RESIZE': pgettext_lazy('status of an instance',
                                   'Resized, to be confirmed'),
    'REVERT_RESIZE': pgettext_lazy('status of an instance',
                                   'Resize being undone'),
    'RESCUE': pgettext_lazy('status of an instance', 'In rescue mode'),
    'SHELVED': pgettext_lazy('status of an instance', 'Shelved'),
    'SHELVED_OFFLOADED': pgettext_lazy('status of an instance',
                                       'Shelved, off its host'),
    'SOFT_DELETED': pgettext_lazy('status of an instance',
                                  'Deleted, can be restored'),
    'DELETED': pgettext_lazy('status of an instance', 'Deleted'),
    'UNKNOWN': pgettext_lazy('status of an instance', 'Unknown'),
}

_WAIT = _('Wait until the compute service has finished.')
# What leads out of a status in which no snapshot can be taken.
WAYS_OUT = {
    'BUILD': _('Wait until it is built.'),
    'REBUILD': _WAIT, 'REBOOT': _WAIT, 'HARD_REBOOT': _WAIT,
    'PASSWORD': _WAIT, 'RESIZE': _WAIT, 'REVERT_RESIZE': _WAIT,
    'MIGRATING': _('Wait until it has arrived on the other host.'),
    'VERIFY_RESIZE': _('Confirm the resize, or undo it.'),
    'RESCUE': _('End the rescue mode: it runs from another disk now, and its '
                'own disk is only attached.'),
    'SHELVED': _('Unshelve it. Until then the image that shelving made is '
                 'its only disk: do not delete that.'),
    'SHELVED_OFFLOADED': _('Unshelve it. Until then the image that shelving '
                           'made is its only disk: do not delete that.'),
    'ERROR': _('Read what failed, then hard reboot it; if that does not '
               'help, ask the operator.'),
    'SOFT_DELETED': _('Restore it before the compute service removes it for '
                      'good.'),
    'DELETED': _('It is gone: there is nothing to take a snapshot of.'),
    'UNKNOWN': _('Its host does not answer. Wait, or ask the operator.'),
}
NO_WAY_OUT = _('Wait until the instance is running or shut off.')

# How far a snapshot is, in per cent, and what happens to it.
STEPS = {
    Task.ACCEPTED: (10, _('Accepted by the compute service')),
    Task.PREPARING: (30, _('Preparing the copy')),
    Task.COPYING: (55, _('Freezing and copying the disk')),
    Task.UPLOADING: (75, _('Uploading to the image service')),
}
FINISHING = (85, _('Finishing the image'))
WITNESSING = (95, _('Reading the disk and what the guest witnessed'))
# Where a guest that hangs may be the cause, see journey.copying_long.
COPYING_LONG = _(
    'At this step for %(time)s. Perhaps the disk is large; perhaps the '
    'compute service waits for the guest’s agent. If the agent hangs, restart '
    'it in the guest: %(command)s')


# The ways to adopt an image's property, and what each costs.
WAYS = {
    adoption.Way.OPERATOR: (
        _('Ask the operator'),
        _('Keeps everything. The instance is shut off for a moment; only '
          'the operator of the cloud can run nova-manage.')),
    adoption.Way.RELAUNCH: (
        _('Take a snapshot, set it there, launch again from it'),
        _('Keeps the data of the root disk and the old instance. The new one '
          'has another id and another address.')),
    adoption.Way.REBUILD: (
        _('Rebuild'),
        _('Destroys everything on the root disk. Keeps id, addresses and '
          'attached volumes.')),
}
NETWORKS_BY_NAME = _(
    'The networks go by name, because the compute service did not tell their '
    'ids. Where several have the same name, write the id.')
HINDRANCES = {
    adoption.Hindrance.BUSY: _('Not now: the compute service is busy with '
                               'the instance.'),
    adoption.Hindrance.LOCKED: _('Not now: the instance is locked.'),
    adoption.Hindrance.STATE: _('Not now: not in this state of the '
                                'instance.'),
    adoption.Hindrance.NO_IMAGE: _('Not for this instance: its root disk is '
                                   'a volume.'),
}


# Why a snapshot has its verdict.
RULES = {
    Rule.HOOKS_WITNESSED: _(
        'The guest witnessed the freeze of %(paths)s (writing stood still '
        'for %(stall)s s), and its application hooks succeeded: '
        '%(hooks)s.'),
    Rule.FREEZE_WITNESSED: _(
        'The guest witnessed the freeze of %(paths)s: writing stood still '
        'for %(stall)s s.'),
    Rule.CLEAN_STOP: _(
        'The guest had shut down by itself in %(seconds)s s before the '
        'snapshot.'),
    Rule.DISK_AT_REST_HOOKS: _(
        'The disk itself says so: nothing was waiting to be written on '
        '%(disk)s when it was copied. The guest’s application hooks '
        'succeeded: %(hooks)s.'),
    Rule.DISK_AT_REST: _(
        'The disk itself says so: nothing was waiting to be written on '
        '%(disk)s when it was copied.'),
    Rule.NOT_CONTAINED: _(
        'The guest’s system is on another disk than the one in this image. '
        'Take a snapshot of its volume.'),
    Rule.DISK_TORN: _(
        'A volume group on the disk also lies on other disks, which the image '
        'does not hold: its part of the group cannot be used. Copy the '
        'volumes too, or keep the group on one disk.'),
    Rule.HOLDS_A_DISK: _(
        'Does not fit: the root disk of the instance is a volume, and this '
        'image holds the data of a disk. Nobody can say whose.'),
    Rule.HOLDS_VOLUMES: _(
        'Does not fit: the root disk of the instance is no volume, and this '
        'image is made of snapshots of volumes. Nobody can say whose.'),
    Rule.OF_ANOTHER: _(
        'Does not fit: the image names this instance, and its record is '
        'another’s. It was inherited, say from the snapshot that another '
        'instance was launched from.'),
    Rule.DEACTIVATED: _(
        'The operator has deactivated the image: its disk cannot be read '
        'until it is reactivated.'),
    Rule.NOT_OURS: _(
        'It was not taken with this panel, and its disk does not say '
        'whether it was at rest.'),
    Rule.UNBOUND: _(
        'It was taken with this panel, but its record could not be written '
        'on it, so nobody knows which request made it. Its disk does not say '
        'whether it was at rest.'),
    Rule.FORGED: _(
        'Do not trust it: its signature does not fit. What is written on the '
        'image is not what was signed. Tell the operator.'),
    Rule.THAWED_EARLY: _(
        'The guest witnessed a freeze, but stood still for less time than its '
        '%(volumes)s volume snapshots took. Take the snapshot again.'),
    Rule.THAWED_TWICE: _(
        'The guest was told to thaw twice: the first time may have been too '
        'early, perhaps because somebody else took a snapshot. Take the '
        'snapshot again.'),
    Rule.TORN: _(
        'The guest was frozen, but %(torn)s lies on several disks, and the '
        'image holds the root disk alone: its part of that cannot be used. '
        'Copy the volumes too, or keep such a file system on one disk.'),
    Rule.VOLUMES_FAILED: _(
        '%(failed)s of its %(volumes)s volume snapshots failed or were '
        'deleted: no instance can be launched from it. Delete it, delete '
        'what is left of it under Volumes, Snapshots, and take it again.'),
    Rule.VOLUMES_UNFINISHED: _(
        'After an hour its %(volumes)s volume snapshots were not all '
        'complete. Look under Volumes, Snapshots before you launch from it.'),
    Rule.VOLUMES_UNKNOWN: _(
        'Whether its volume snapshots are complete is unknown: the block '
        'storage service did not say so, or its list of them was changed. '
        'Look under Volumes, Snapshots before you launch from it.'),
    Rule.VOLUMES_DIFFER: _(
        'What was copied is not exactly the %(volumes)s volumes of the '
        'instance, or other instances may write to them too.'),
    Rule.NO_WITNESS: _(
        'A freeze may have happened, but the guest has no kit that could '
        'witness it.'),
    Rule.NO_CONSOLE: _(
        'The console with the guest’s witnesses could no longer be read.'),
    Rule.SHARED_WINDOW: _(
        '%(snapshots)s snapshots were taken at the same time; nobody can tell '
        'which one the freeze belongs to.'),
    Rule.NO_RECORD: _(
        'The compute service’s record of actions no longer shows this '
        'snapshot.'),
    Rule.REBOOTED: _('The guest was restarted in the meantime.'),
    Rule.SEVERAL_FREEZES: _(
        'The guest was frozen %(freezes)s times in the meantime; nobody can '
        'tell which was for this snapshot.'),
    Rule.SILENT: _('The guest did not witness any freeze.'),
    Rule.CUT_SHORT: _(
        'The guest began to freeze, but its account is not complete.'),
    Rule.STOP_UNKNOWN: _(
        'The instance was shut off, and nothing proves that its guest had '
        'gone down by itself.'),
    Rule.STATE_UNKNOWN: _(
        'The state of the instance changed while the snapshot was asked for '
        'or made.'),
    Rule.NO_CHANNEL: _(
        'The instance has no channel to a guest agent, so it was not '
        'frozen.'),
    Rule.NEVER_FROZEN: _(
        'The instance was %(state)s; such instances are never frozen.'),
    Rule.BACKEND: _(
        'On the storage of this cloud (%(backend)s) live snapshots are not '
        'frozen.'),
    Rule.AGENT_STOPPED: _(
        'The guest’s agent was stopped, so it was not frozen.'),
    Rule.HOOK_REFUSED: _(
        'The hook %(hook)s refused the freeze, so the guest was not frozen.'),
    Rule.NOT_SEEN_FROZEN: _(
        'The guest did not see %(open)s stand still: the freeze failed there, '
        'or the guest was too busy to see it. Take the snapshot again, and if '
        'that is no better, read the log of the guest agent.'),
    Rule.HARD_STOP: _(
        'The guest had not gone down within %(limit)s s and was powered off '
        'hard.'),
    Rule.DISK_IN_USE: _(
        'The disk itself says so: %(in_use)s was in use when it was copied, '
        'as after a power cut.'),
    Rule.DISK_DAMAGED: _(
        '%(damaged)s on the disk has recorded errors. Check it in the guest '
        'with fsck, then take the snapshot again.'),
    Rule.GONE: _(
        'The image vanished: the compute service threw the snapshot away, or '
        'somebody deleted it. Read the log of the guest agent in the guest '
        'and take the snapshot again.'),
    Rule.ABANDONED: _(
        'The compute service no longer works on it, and the image was never '
        'finished. Delete it and take the snapshot again.'),
    Rule.GONE_AFTER_HOOK: _(
        'The compute service threw the snapshot away, most likely because a '
        'hook in the guest refused the freeze. Repair the hook and take the '
        'snapshot again.'),
    Rule.GONE_AFTER_FREEZE: _(
        'The compute service threw the snapshot away, most likely because the '
        'freeze failed. Read the log of the guest agent in the guest and take '
        'the snapshot again.'),
    Rule.GONE_WITHOUT_AGENT: _(
        'The compute service threw the snapshot away, most likely because the '
        'guest’s agent was stopped. Start the agent and take the snapshot '
        'again.'),
    Rule.RUNNING: _('The snapshot is being made.'),
    Rule.WAITING: _('Waiting for the guest’s witnesses.'),
    Rule.COPYING: _('Waiting until its volume snapshots are complete.'),
    Rule.UNREAD: _('Its disk has not been read yet.'),
    Rule.UNSETTLED: _(
        'The disk and the guest’s witnesses are still to be read.'),
}

# Why a snapshot could not be bound, where somebody found out.
UNBOUND = {
    records.Unbound.TOO_LONG_AGO.value: _(
        'It was taken with this panel, but its record could not be written '
        'on it, and the request is too long ago for the compute service’s '
        'record. Its disk does not say whether it was at rest.'),
    records.Unbound.NONE_SINCE.value: _(
        'It was taken with this panel, but its record could not be written '
        'on it, and the compute service’s record shows no snapshot since the '
        'request. Its disk does not say whether it was at rest.'),
    records.Unbound.SEVERAL_SINCE.value: _(
        'It was taken with this panel, but its record could not be written '
        'on it, and several snapshots were taken since the request. Its disk '
        'does not say whether it was at rest.'),
}

AGENT_UNKNOWN = pgettext_lazy('state of the agent', 'Unknown')

# The button that takes a snapshot which nothing promises to be consistent.
ANYWAY = {
    Verdict.APPLICATION: _('Take consistent snapshot'),
    Verdict.FILESYSTEM: _('Take consistent snapshot'),
    Verdict.UNPROVEN: _('Take it anyway: unproven'),
    Verdict.CRASH: _('Take it anyway: crash-consistent'),
}

# What becomes of the older snapshots that a snapshot replaces.
REPLACING = {
    Replacement.WAITING: ngettext_lazy(
        'Once it is proven consistent, %(count)d older snapshot goes.',
        'Once it is proven consistent, %(count)d older snapshots go.',
        'count'),
    Replacement.DUE: ngettext_lazy(
        '%(count)d older snapshot is being deleted.',
        '%(count)d older snapshots are being deleted.', 'count'),
    Replacement.DONE: ngettext_lazy(
        'It replaced %(count)d older snapshot.',
        'It replaced %(count)d older snapshots; what was protected, changed '
        'or needed meanwhile stayed.', 'count'),
    Replacement.DROPPED: ngettext_lazy(
        'It was to replace %(count)d older snapshot. It is not proven '
        'consistent, so nothing was deleted.',
        'It was to replace %(count)d older snapshots. It is not proven '
        'consistent, so nothing was deleted.', 'count'),
}

# Stop, snapshot and start again: where it is, and how far, in per cent.
RESTART_STEPS = {
    Phase.STOPPING: (15, _('Shutting the guest down')),
    Phase.TAKING: (50, _('Shut off, taking the snapshot')),
    Phase.STARTING: (85, _('Starting the instance again')),
}
# Why a restart did not finish, as far as anybody can tell.
RESTART_CAUSES = {
    Cause.NOT_BEGUN: _(
        'The instance was to be stopped for a snapshot, and the compute '
        'service never got the request. Nothing was done to it.'),
    Cause.STOP_FAILED: _(
        'The instance still runs, so no snapshot was taken. Its action log '
        'says what became of the stop.'),
    Cause.INTERFERED: _(
        'Somebody started, stopped or changed the instance while it was '
        'stopped for a snapshot, so the panel leaves it alone.'),
    Cause.NOT_TAKEN: _(
        'The instance was stopped, but the compute service did not take the '
        'snapshot.'),
    Cause.OVER_QUOTA: _(
        'The instance was stopped, but no snapshot was taken: a quota is used '
        'up. Delete what is not needed.'),
    Cause.START_FAILED: _(
        'The instance was stopped for a snapshot and could not be started '
        'again. Its action log says why: fix that, then start it.'),
}
# While nobody can change the metadata, where the plan is.
RESTART_LOCKED = _('Waiting: the instance is locked. Unlock it; an open page '
                   'then carries on by itself.')
RESTART_HELD = _('Waiting: the status of the instance allows no change. End '
                 'that status; an open page then carries on by itself.')
RESTART_BROKEN = _('The record of a stop for a snapshot was changed by hand.')
# What the user can do about a restart, by the name of the button.
RESTART_CHOICES = {
    'cancel': _('Cancel: start it again without a snapshot'),
    'leave': _('Leave it shut off afterwards'),
    'start': _('Start the instance'),
    'dismiss': _('Dismiss'),
}

# What came of a snapshot, by its name.
TOLD = _('%(name)s: %(verdict)s')

# What is to be known of an image beside its verdict.
DEACTIVATED = _('The operator has deactivated the image: nothing can be '
                'launched from it until it is reactivated.')
HIDDEN = _('The image is hidden: other lists do not show it.')

# What the signature of a verdict says.
SIGNATURES = {
    facts.Signature.HERE: _('signed by this dashboard'),
    facts.Signature.ELSEWHERE: _(
        'signed with a key that this dashboard does not have'),
    facts.Signature.MISSING: _('not signed'),
    facts.Signature.FALSE: _('the signature does not fit'),
}

# Why no older snapshot can go.
KEPT_UNKNOWN = _('The image service does not answer, so nobody can say which '
                 'older snapshots could go: all are kept.')
KEPT_NONE = _('No older snapshot of this panel can go.')
KEPT_FORBIDDEN = _('Older snapshots are kept: your role may not delete '
                   'images.')
KEPT_PROTECTED = _('It stays: it is protected.')
KEPT_OPEN = _('It stays: other projects can see it.')
# How often a schedule takes a snapshot, and the whole of it.
PERIODS = {Period.DAILY: _('Daily'), Period.WEEKLY: _('Weekly, on Sundays')}
SCHEDULES = {
    Period.DAILY: ngettext_lazy(
        'Daily at %(hour)s; the last %(keep)d proven consistent is kept.',
        'Daily at %(hour)s; the last %(keep)d proven consistent are kept.',
        'keep'),
    Period.WEEKLY: ngettext_lazy(
        'Sundays at %(hour)s; the last %(keep)d proven consistent is kept.',
        'Sundays at %(hour)s; the last %(keep)d proven consistent are kept.',
        'keep')}
# With which number to keep a snapshot goes.
GOES = ngettext_lazy('(goes if only the last one is kept)',
                     '(goes if at most the last %(keep)s are kept)', 'keep')
GOES_LATER = ngettext_lazy(
    'goes with a later round: %(keep)d proven consistent is newer',
    'goes with a later round: %(keep)d proven consistent are newer', 'keep')
WENT = ngettext_lazy('deleted: %(keep)d proven consistent is newer',
                     'deleted: %(keep)d proven consistent are newer', 'keep')
KEPT_IN_DOUBT = _('Not everything could be checked. What turns out to be '
                  'needed stays.')

ERRORS = {
    errors.NotFound: _(
        'It does not exist, or it belongs to another project. It may have '
        'been deleted meanwhile: go back to the list and look again.'),
    errors.Forbidden: _(
        'The service refuses: your roles in this project, or the rules of '
        'this cloud, do not allow it. If you lack the role “member”, ask for '
        'it; otherwise ask the operator.'),
    errors.Conflict: _(
        'The compute service is busy with this instance, its state does not '
        'allow it, or its guest could not be frozen although its image '
        'requires that (os_require_quiesce). Wait a moment and try again.'),
    errors.OverLimit: _(
        'A quota of your project is used up. Delete what you do not need, or '
        'ask the operator for more.'),
    errors.TooMany: _(
        'Too many requests came at once, so the service did nothing. Wait a '
        'minute and try again.'),
    errors.Refused: _('The service did not accept it.'),
    errors.Unusable: _(
        'The service gave no usable answer. Try again in a moment; if that '
        'does not help, tell the operator.'),
    # Only the call that takes a snapshot may end like this.
    errors.Unanswered: _(
        'The service did not answer. The snapshot may have been begun: look '
        'at the instance\'s snapshots before you take another.'),
    errors.Unavailable: _(
        'The service does not answer. Nothing is lost: try again in a '
        'moment.'),
}

# Why something is not done, by :class:`errors.InUse`'s cause.
IN_USE = {
    errors.LOCKED: _(
        '%(names)s is locked, so it cannot be stopped. Nothing was done. '
        'Unlock it first.'),
    errors.IMAGES_FULL: _(
        'The project has no room for another image, so the instance was not '
        'stopped. Delete what nobody needs, or ask the operator for more.'),
    errors.COPIES_FULL: _(
        'The project has no room for more volume snapshots, so the instance '
        'was not stopped. Delete what nobody needs, or ask the operator for '
        'more.'),
    errors.METADATA_FULL: _(
        'The metadata of the instance is full, so the plan could not be '
        'written down and the instance was not stopped. Remove metadata that '
        'nobody needs.'),
    errors.NO_ACTION: _(
        'The workflow service cannot take snapshots: it has no action '
        '%(names)s (mistral-extra). Tell the operator. Nothing was done.'),
    errors.SHELVED: _(
        'It stays: it may be the only disk of %(names)s, which is shelved. '
        'Unshelve the instance first (openstack server unshelve).'),
    errors.RUN_FROM: _(
        'It stays: instances run from it (%(names)s), and may need it when '
        'they are moved or rebuilt. If it has to go all the same, delete it '
        'under Images.'),
    errors.MEMBERS: _(
        'It stays: it is shared with other projects. If it has to go all the '
        'same, stop sharing it, or delete it under Images.'),
    errors.PROTECTED: KEPT_PROTECTED,
    errors.OPEN: KEPT_OPEN,
    errors.RENAMED: _(
        'Nothing was done: meanwhile it has another name (before and now: '
        '%(names)s). Look at it again.'),
}

# What a conflict is to a service that does not work with instances.
CONFLICTS = {
    'Glance': _(
        'The image was changed or deleted meanwhile, or it is in use, or its '
        'state does not allow it. Look at it again.'),
    'Mistral': _(
        'Somebody else set up this schedule at the same time. Look at it '
        'again.'),
    'Cinder': _(
        'The state of the volume does not allow it. Wait a moment and try '
        'again.'),
}
# What the service says of these tells more than we know.
_EXPLAINED = (errors.Conflict, errors.Forbidden, errors.OverLimit,
              errors.Refused)


def badge(decision: verdict.Decision) -> Badge:
    """Return the :class:`Badge` of a :class:`verdict.Decision`."""
    if decision.rule.misfit:
        return MISFIT
    return (UNREAD if decision.rule is Rule.UNREAD
            else VERDICTS[decision.verdict])


def replacing(image: facts.Image) -> str:
    """Return what becomes of the snapshots that a snapshot replaces, or ''.

    :param image: a :class:`facts.Image`.
    """
    text = REPLACING.get(retention.standing(image))
    return text and text % {'count': len(records.read_replaces(image))} or ''


def availability(image: facts.Image) -> str | Promise:
    """Return why an image is not to be had like others, or ''."""
    # Without a verdict the rule says so.
    if image.deactivated and records.is_sealed(image):
        return DEACTIVATED
    return HIDDEN if image.hidden else ''


def error(problem):
    """Return what to tell a user about a :class:`errors.CloudError`."""
    if isinstance(problem, errors.InUse):
        return fill(IN_USE[problem.cause], {'names': problem.names})
    if isinstance(problem, errors.Missing):
        return _('%(package)s is not installed. Tell the operator.') % {
            'package': problem.reason}
    text = next((text for kind, text in ERRORS.items()
                 if isinstance(problem, kind)), ERRORS[errors.Unavailable])
    if isinstance(problem, errors.Conflict):
        text = CONFLICTS.get(problem.service, text)
    if problem.said and isinstance(problem, _EXPLAINED):
        return _('%(text)s The service says: “%(said)s”') % {
            'text': text, 'said': problem.said}
    return text


def say(problem: errors.CloudError) -> str:
    """Return one line about a :class:`errors.CloudError`: who, and what."""
    return _('%(service)s: %(text)s') % {
        'service': problem.service, 'text': error(problem)}


def fill(text, values):
    """Return a sentence filled with evidence.

    Several values are listed; what is missing shows as “?”.
    """
    return str(text) % collections.defaultdict(lambda: '?', {
        name: joined(value) for name, value in values.items()})


def fill_html(text: str | Promise, values: Mapping[str, object]
              ) -> safestring.SafeString:
    """Return the same as HTML, with whatever is not safe in it escaped."""
    return markup.fill(text, {
        name: joined(value) for name, value in values.items()})


def joined(value):
    """Return several values as text, as a list; one as it is.

    A moment is written as the user's language and time zone want it, a
    fraction with the language's point.
    """
    if isinstance(value, float):
        return formats.number_format(value)
    if isinstance(value, datetime.datetime):
        return formats.date_format(timezone.localtime(value),
                                   'SHORT_DATETIME_FORMAT')
    return (listed(value)
            if isinstance(value, (dict, list, tuple)) else value)


def listed(values: Iterable[object]) -> str:
    """Return values one after the other, as the language separates them."""
    return pgettext('between the items of a list', ', ').join(
        map(str, values))


def plain(names):
    """Return names as people write them, decoded from the guest's kit.

    :param names: one path or name of a hook, or several.
    """
    if isinstance(names, str):
        return witness.path_for_people(names)
    if isinstance(names, (dict, list, tuple)):
        return [witness.path_for_people(str(name)) for name in names]
    return names


def duration(seconds: float) -> str:
    """Return seconds in words, in the unit that fits."""
    # Translators: two or more of each, before “after the guest’s boot”
    # and behind “At this step for”.
    for size, words in ((86400, _('%d days')), (3600, _('%d h')),
                        (60, _('%d min'))):
        if seconds >= 2 * size:
            return str(words) % (seconds // size)
    return str(_('%d s')) % seconds


# How often a judge comes, and in how many seconds of it: whole minutes are
# told from where they are exact enough.
_JUDGED = (
    (60, 90, ngettext_lazy(
        'Judged by the operator every %(count)d minute.',
        'Judged by the operator every %(count)d minutes.', 'count')),
    (1, 1, ngettext_lazy(
        'Judged by the operator every %(count)d second.',
        'Judged by the operator every %(count)d seconds.', 'count')))


def judged(interval: float | None) -> str:
    """Return how often a judge comes, as a sentence, '' where nobody knows.

    :param interval: in seconds.
    """
    for unit, least, text in _JUDGED:
        if interval is not None and interval >= least:
            return str(text % {'count': round(interval / unit)})
    return ''


def _seconds(value):
    """Return a number to sort by, whatever somebody wrote there."""
    return value if isinstance(value, (int, float)) else -1


def reason(decision: verdict.Decision) -> str:
    """Return the sentence that says why a snapshot has its verdict.

    :param decision: a :class:`verdict.Decision`.
    """
    evidence = dict(decision.evidence)
    frozen = evidence.get('frozen')
    if isinstance(frozen, dict) and frozen:
        evidence['paths'] = joined(plain(frozen))
        evidence['stall'] = max(frozen.values(), key=_seconds)
    for name in ('hooks', 'hook', 'open', 'torn'):
        evidence[name] = plain(evidence.get(name, '?'))
    report = evidence.get('disk')
    evidence.update(
        disk=disks.kinds(report),
        in_use=disks.kinds(report, disk.Word.IN_USE),
        damaged=disks.kinds(report, disk.Word.DAMAGED))
    text = RULES[decision.rule]
    if decision.rule is Rule.UNBOUND:
        text = UNBOUND.get(str(evidence.get('cause')), text)
    return fill(text, evidence)
