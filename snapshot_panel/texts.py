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
import typing

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.utils.translation import pgettext_lazy

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import records
from snapshot_panel.consistency import restart
from snapshot_panel.consistency import retention
from snapshot_panel.consistency import verdict

Check = checklist.Check
Finding = checklist.Finding
Rule = verdict.Rule
Standing = retention.Standing
Cause = restart.Cause
Step = restart.Step
State = checklist.State
Verdict = verdict.Verdict


class Badge(typing.NamedTuple):
    """A word with its icon (Font Awesome) and its colour (Bootstrap)."""

    word: str
    icon: str
    color: str


VERDICTS = {
    Verdict.APPLICATION: Badge(_('Application-consistent'), 'check-circle',
                               'success'),
    Verdict.FILESYSTEM: Badge(_('File-system consistent'), 'check-circle',
                              'success'),
    Verdict.UNPROVEN: Badge(_('Unproven'), 'question-circle', 'warning'),
    Verdict.CRASH: Badge(_('Crash-consistent'), 'exclamation-triangle',
                         'warning'),
    Verdict.DISCARDED: Badge(_('Discarded'), 'times-circle', 'danger'),
    Verdict.PENDING: Badge(_('In progress'), 'hourglass-half', 'info'),
}

STATES = {
    State.PASS: Badge(pgettext_lazy('outcome of a check', 'Pass'),
                      'check-circle', 'success'),
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
}

# The way of a snapshot: how far it is, in per cent, and what happens.
STEPS = {
    'image_snapshot_pending': (10, _('Accepted by the compute service')),
    'image_snapshot': (30, _('Preparing the copy')),
    'image_pending_upload': (55, _('Freezing and copying the disk')),
    'image_uploading': (75, _('Uploading to the image service')),
}
FINISHING = (85, _('Finishing the image'))
WITNESSING = (95, _('Reading what the guest witnessed'))

CHECKS = {
    Check.STATE: _('Instance state'),
    Check.TASK: _('No other task'),
    Check.ROOT_DISK: _('Root disk'),
    Check.VOLUMES: _('Attached volumes'),
    Check.CHANNEL: _('Channel to the guest agent'),
    Check.DRIFT: _('Image since boot'),
    Check.AGENT: _('Guest agent'),
    Check.KIT: _('Guest kit'),
    Check.LAST_FREEZE: _('Last freeze'),
    Check.QUIESCE: _('Required quiescing'),
    Check.BACKEND: _('Storage of the cloud'),
    Check.STOP: _('Clean shutdown'),
}

# Where the property was read; the evidence of a finding says which.
SOURCES = {
    'embedded': _('copied at boot, from the compute service'),
    'snapshot': _('from a former snapshot of this instance'),
    'volume': _('from the image that the root volume was made of'),
    'image': _('from the image as it is today'),
    'none': _('this cloud does not show it'),
}

# What was found, and what to do about it ('' where nothing is to be done).
FINDINGS = {
    Finding.RUNNING: (_('The instance is running.'), ''),
    Finding.STOPPED: (_('The instance is shut off.'), ''),
    Finding.NEVER_FROZEN: (
        _('The instance is %(status)s: a guest that does not run cannot '
          'flush its disks, and the compute service does not freeze it.'),
        _('Resume the instance, then take the snapshot.')),
    Finding.NO_SNAPSHOT_STATE: (
        _('The compute service takes no snapshot of an instance whose status '
          'is %(status)s.'),
        _('Wait until the instance is running or shut off, or repair it.')),
    Finding.IDLE: (_('The compute service is not working on it.'), ''),
    Finding.BUSY: (
        _('The compute service is busy with this instance (%(task)s).'),
        _('Wait until it has finished.')),
    Finding.ROOT_IMAGE: (
        _('The root disk comes from an image. The snapshot takes this disk; '
          'attached volumes are not in it.'), ''),
    Finding.ROOT_VOLUME: (
        _('The root disk is a volume. The guest stays frozen while the block '
          'storage service copies all its volumes: ask for no second snapshot '
          'before this one has its verdict.'), ''),
    Finding.ROOT_VOLUME_OFF: (
        _('The root disk is a volume. Do not start the instance before the '
          'snapshot has its verdict: its volumes are copied until then.'), ''),
    Finding.VOLUMES_LEFT_OUT: (
        _('Not in the snapshot: %(volumes)s. It takes the root disk only.'),
        _('Take a snapshot of each under Volumes, with the instance shut '
          'down where they have to fit together.')),
    Finding.VOLUMES_LEFT_OUT_UNNAMED: (
        _('Not in the snapshot, which takes the root disk only: %(volumes)s. '
          'The block storage service did not tell their names.'),
        _('Take a snapshot of each under Volumes, with the instance shut '
          'down where they have to fit together.')),
    Finding.VOLUMES_TAKEN: (
        _('The snapshot takes all of them: %(volumes)s.'), ''),
    Finding.VOLUMES_SHARED: (
        _('Other instances may write to %(shared)s too, whatever is done to '
          'this one.'),
        _('Detach it from all other instances. A volume that may be attached '
          'to several cannot be proven: copy its data to another one.')),
    Finding.VOLUMES_UNNAMED: (
        _('The block storage service did not tell of them, and without it '
          'there is no snapshot: %(volumes)s.'),
        _('Try again when it answers, or ask the operator.')),
    Finding.CHANNEL: (
        _('hw_qemu_guest_agent=%(value)s (%(source)s).'), ''),
    Finding.CHANNEL_LIKELY: (
        _('hw_qemu_guest_agent=%(value)s (%(source)s). The instance may have '
          'booted without it.'), ''),
    Finding.NO_CHANNEL: (
        _('The instance has no channel to a guest agent: '
          'hw_qemu_guest_agent was not set when it booted (%(source)s).'),
        _('Set hw_qemu_guest_agent=yes on an image of your own and launch '
          'the instance from it again, or rebuild it. Running instances keep '
          'what they booted with. To keep the data: take a snapshot, set the '
          'property on it, and launch from it.')),
    Finding.CHANNEL_WITNESSED: (
        _('The guest’s agent runs, so it has its channel.'), ''),
    Finding.CHANNEL_UNKNOWN: (
        _('Nobody can tell whether the instance has a channel: %(source)s.'),
        _('Look in the guest for '
          '/dev/virtio-ports/org.qemu.guest_agent.0.')),
    Finding.NO_DRIFT: (
        _('The image still says what the instance booted with.'), ''),
    Finding.DRIFT: (
        _('The image has been changed since the instance booted: %(names)s. '
          'Running instances keep what they booted with.'),
        _('To adopt the change and keep the data, take a snapshot and launch '
          'from it. A rebuild adopts it and loses what is on the root disk. '
          'The operator can set it with nova-manage image_property set while '
          'the instance is stopped.')),
    Finding.AGENT_RUNNING: (
        _('Running: the guest said so on its console, the last time %(up)s '
          'seconds after its boot.'), ''),
    Finding.AGENT_STOPPED: (
        _('Stopped: the guest said so on its console %(up)s seconds after '
          'its boot.'),
        _('Start it in the guest: systemctl start qemu-guest-agent')),
    Finding.AGENT_UNREACHABLE: (
        _('Not reachable: without the channel nothing can talk to it.'),
        _('Give the instance the channel first.')),
    Finding.AGENT_UNSEEN: (
        _('Unknown: no cloud service can tell, and the guest has not said '
          'anything on its console.'),
        _('Install the guest kit: the guest then tells on its console when '
          'its agent starts, stops and freezes.')),
    Finding.AGENT_CONFLICT: (
        _('Unknown: what the console tells of the agent does not fit '
          'together. Lines are missing, or somebody else wrote there.'),
        _('Restart the agent in the guest: systemctl restart '
          'qemu-guest-agent. If that does not help, stop and start the '
          'instance: its console then begins anew.')),
    Finding.AGENT_NOT_ASKED: (_('Not asked yet.'), ''),
    Finding.AGENT_NO_CONSOLE: (
        _('Unknown: the console of the instance cannot be read.'),
        _('Ask for a role that may read consoles, or try again when the '
          'compute service answers.')),
    Finding.KIT: (_('Installed: the guest witnesses on its console.'), ''),
    Finding.KIT_UNSEEN: (
        _('No witness of the guest was seen on the console.'),
        _('Install the guest kit; without it nothing can prove a freeze.')),
    Finding.FREEZE_PROVEN: (
        _('The last freeze was witnessed; writing stood still for %(stall)s '
          'seconds.'), ''),
    Finding.FREEZE_FAILED: (
        _('The last freeze failed: not every file system was frozen.'),
        _('Look into the log of the guest agent in the guest.')),
    Finding.FREEZE_REFUSED: (
        _('The last freeze was refused by the hook %(hook)s.'),
        _('Run the hook by hand in the guest and repair it.')),
    Finding.FREEZE_OPEN_END: (
        _('The last freeze has no end: the guest has not said that it '
          'thawed.'),
        _('If the guest does not answer, thaw it: fsfreeze -u / in the '
          'guest, or ask the operator.')),
    Finding.QUIESCE_NOT_ENFORCED: (
        _('os_require_quiesce=%(value)s is set, but the compute service does '
          'not enforce it for this instance: with a dead agent the snapshot '
          'succeeds all the same.'),
        _('Do not rely on it; read the verdict.')),
    Finding.QUIESCE_ENFORCED: (
        _('os_require_quiesce=%(value)s (%(source)s): of an instance on '
          'volumes the compute service takes no snapshot where its guest '
          'cannot be frozen.'), ''),
    Finding.BACKEND_FREEZES: (
        _('The operator says %(backend)s: live snapshots freeze the '
          'guest.'), ''),
    Finding.BACKEND_NEVER_FREEZES: (
        _('The operator says %(backend)s: on this storage no live snapshot '
          'freezes the guest.'),
        _('Shut the instance down cleanly, then take the snapshot.')),
    Finding.STOP_CLEAN: (
        _('The guest went down by itself in %(seconds)s seconds, before the '
          'limit of %(limit)s.'), ''),
    Finding.STOP_HARD: (
        _('The guest did not go down within %(limit)s seconds and was '
          'powered off hard.'),
        _('Start the instance, shut it down from inside or repair its ACPI, '
          'and stop it again.')),
    Finding.STOP_UNKNOWN: (
        _('Nothing proves how the guest went down.'),
        _('Start the instance and stop it again with the compute service. '
          'The operator must have told the panel how long it waits '
          '(shutdown_timeout).')),
    Finding.STOP_NOT_ASKED: (_('Not asked yet.'), ''),
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
    Rule.NOT_OURS: _(
        'It was not taken with this panel, or its record was changed: '
        'nothing is known of a freeze.'),
    Rule.THAWED_EARLY: _(
        'The guest witnessed a freeze, but stood still for less time than '
        'its %(volumes)s volume snapshots took. Take it again.'),
    Rule.THAWED_TWICE: _(
        'The guest was told to thaw twice: the first time may have been too '
        'early, say because somebody else took a snapshot. Take it again.'),
    Rule.VOLUMES_FAILED: _(
        '%(failed)s of its %(volumes)s volume snapshots failed or were '
        'deleted: no instance can be launched from it. Delete it, delete '
        'what is left of it under Volume Snapshots, and take it again.'),
    Rule.VOLUMES_UNFINISHED: _(
        'After an hour its %(volumes)s volume snapshots were not all '
        'complete. Look under Volume Snapshots before you launch from it.'),
    Rule.VOLUMES_UNKNOWN: _(
        'Nobody could tell whether its volume snapshots are complete: the '
        'block storage service did not say so, or its list of them was '
        'changed. Look under Volume Snapshots before you launch from it.'),
    Rule.VOLUMES_DIFFER: _(
        'What was copied is not exactly the %(volumes)s volumes of the '
        'instance, or other instances may write to them too.'),
    Rule.NO_WITNESS: _(
        'A freeze may have happened, but the guest has no kit that could '
        'witness it.'),
    Rule.NO_CONSOLE: _(
        'The console with the guest’s witnesses could not be read any '
        'more.'),
    Rule.SHARED_WINDOW: _(
        '%(snapshots)s snapshots were taken at the same time; nobody can tell '
        'to which the freeze belongs.'),
    Rule.NO_RECORD: _(
        'The compute service’s record of actions does not show this snapshot '
        'any more.'),
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
        'The instance changed its state while the snapshot was asked for or '
        'made.'),
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
    Rule.STAYED_OPEN: _(
        'The guest witnessed that %(open)s stayed writable.'),
    Rule.HARD_STOP: _(
        'The guest had not gone down within %(limit)s s and was powered off '
        'hard.'),
    Rule.GONE: _(
        'The image vanished: the compute service threw the snapshot away, or '
        'somebody deleted it. Look into the log of the guest agent in the '
        'guest and take it again.'),
    Rule.ABANDONED: _(
        'The compute service does not work on it any more, and the image was '
        'never finished. Delete it and take it again.'),
    Rule.GONE_AFTER_HOOK: _(
        'The compute service threw the snapshot away, most likely because '
        'a hook in the guest refused the freeze. Repair the hook and take it '
        'again.'),
    Rule.GONE_AFTER_FREEZE: _(
        'The compute service threw the snapshot away, most likely because '
        'the freeze failed. Look into the log of the guest agent in the '
        'guest and take it again.'),
    Rule.GONE_WITHOUT_AGENT: _(
        'The compute service threw the snapshot away, most likely because '
        'the guest’s agent was stopped. Start it and take it again.'),
    Rule.RUNNING: _('The snapshot is being made.'),
    Rule.WAITING: _('Waiting for the guest’s witnesses.'),
    Rule.COPYING: _('Waiting until its volume snapshots are complete.'),
    Rule.UNSETTLED: _('The guest’s witnesses are still to be read.'),
}

# The state of the agent, or how the guest went down, for a narrow column.
AGENT_WORDS = {
    Finding.AGENT_RUNNING: pgettext_lazy('state of the agent', 'Running'),
    Finding.AGENT_STOPPED: pgettext_lazy('state of the agent', 'Stopped'),
    Finding.AGENT_UNREACHABLE: pgettext_lazy('state of the agent',
                                             'No channel'),
    Finding.AGENT_NOT_ASKED: pgettext_lazy('state of the agent',
                                           'Asking the guest…'),
    Finding.STOP_NOT_ASKED: pgettext_lazy('state of the agent',
                                          'Asking how it stopped…'),
    Finding.STOP_CLEAN: pgettext_lazy('state of the agent',
                                      'Shut down cleanly'),
    Finding.STOP_HARD: pgettext_lazy('state of the agent',
                                     'Powered off hard'),
    Finding.STOP_UNKNOWN: pgettext_lazy('state of the agent',
                                        'Shut off, nobody knows how'),
}
AGENT_UNKNOWN = pgettext_lazy('state of the agent', 'Unknown')

# The button that takes a snapshot which nothing promises to be consistent.
ANYWAY = {
    Verdict.FILESYSTEM: _('Take consistent snapshot'),
    Verdict.UNPROVEN: _('Take it anyway: unproven'),
    Verdict.CRASH: _('Take it anyway: crash-consistent'),
}

# What becomes of the older snapshots that a snapshot replaces.
REPLACING = {
    Standing.WAITING: ngettext_lazy(
        'Once it is proven consistent, %(count)d older snapshot goes.',
        'Once it is proven consistent, %(count)d older snapshots go.',
        'count'),
    Standing.DUE: ngettext_lazy(
        '%(count)d older snapshot is being deleted.',
        '%(count)d older snapshots are being deleted.', 'count'),
    Standing.DONE: ngettext_lazy(
        'It replaced %(count)d older snapshot.',
        'It replaced %(count)d older snapshots; what was protected '
        'meanwhile stayed.', 'count'),
    Standing.DROPPED: ngettext_lazy(
        'It was to replace %(count)d older snapshot. It is not proven '
        'consistent, so nothing was deleted.',
        'It was to replace %(count)d older snapshots. It is not proven '
        'consistent, so nothing was deleted.', 'count'),
}

# Stop, snapshot and start again: where it is, and how far, in per cent.
RESTART_STEPS = {
    Step.STOPPING: (15, _('Shutting the guest down')),
    Step.TAKING: (50, _('Shut off, taking the snapshot')),
    Step.STARTING: (85, _('Starting the instance again')),
}
# Why that did not come to its end, as far as anybody can tell.
RESTART_CAUSES = {
    Cause.NOT_BEGUN: _(
        'The instance was to be stopped for a snapshot, and the compute '
        'service never got the request. Nothing was done to it.'),
    Cause.STOP_FAILED: _(
        'The instance did not stop, or was started again at once. No '
        'snapshot was taken. Look at its action log.'),
    Cause.INTERFERED: _(
        'Somebody started, stopped or changed the instance while it was '
        'stopped for a snapshot, so the panel leaves it alone.'),
    Cause.NOT_TAKEN: _(
        'The instance was stopped, but the compute service did not take the '
        'snapshot. A quota may be used up.'),
    Cause.START_FAILED: _(
        'The instance was stopped for a snapshot and could not be started '
        'again. It may be locked, or its host may lack room.'),
}
RESTART_BROKEN = _('The record of a stop for a snapshot was changed by hand.')
# What the user can do about it, by the name of the button.
RESTART_DEEDS = {
    'cancel': _('Cancel: start it again without a snapshot'),
    'leave': _('Leave it shut off afterwards'),
    'start': _('Start the instance'),
    'dismiss': _('Dismiss'),
}

# Why no older snapshot can go.
KEPT_UNKNOWN = _('The image service does not answer, so nobody can say which '
                 'older snapshots could go: all are kept.')
KEPT_NONE = _('There is no older snapshot that this panel made of this '
              'instance and that may go.')
KEPT_FORBIDDEN = _('Older snapshots are kept: your role may not delete '
                   'images.')

ERRORS = {
    errors.NotFound: _(
        'It does not exist, or it belongs to another project. It may have '
        'been deleted meanwhile: go back to the list and look again.'),
    errors.Forbidden: _(
        'Your role in this project does not allow it. Ask for the role '
        '“member”.'),
    errors.Conflict: _(
        'The compute service is busy with this instance, its state does not '
        'allow it, or its guest could not be frozen although its image '
        'requires that (os_require_quiesce). Wait a moment and try again.'),
    errors.OverLimit: _(
        'A quota of your project is used up. Delete what you do not need, or '
        'ask the operator for more.'),
    errors.Refused: _('The service did not accept it.'),
    errors.Unavailable: _(
        'The service does not answer. Nothing is lost: try again in a '
        'moment.'),
}


def replacing(image):
    """Return what becomes of the snapshots that a snapshot replaces, or ''.

    :param image: a :class:`facts.Image`.
    """
    text = REPLACING.get(retention.standing(image))
    return text and text % {'count': len(records.read_replaces(image))} or ''


def error(problem):
    """Return what to tell a user about a :class:`errors.CloudError`."""
    for kind, text in ERRORS.items():
        if isinstance(problem, kind):
            return text
    return ERRORS[errors.Unavailable]


def fill(text, values):
    """Fill a sentence with evidence; what is missing shows as “?”."""
    known = dict(values)
    if str(known.get('source')) in SOURCES:
        known['source'] = SOURCES[known['source']]
    return str(text) % collections.defaultdict(lambda: '?', known)


def _seconds(value):
    """Return a number to sort by, whatever somebody wrote there."""
    return value if isinstance(value, (int, float)) else -1


def reason(decision):
    """Return the sentence that tells why a snapshot has its verdict.

    :param decision: a :class:`verdict.Decision`.
    """
    evidence = dict(decision.evidence)
    frozen = evidence.get('frozen')
    if isinstance(frozen, dict) and frozen:
        evidence['paths'] = ', '.join(map(str, frozen))
        evidence['stall'] = max(frozen.values(), key=_seconds)
    for name in ('hooks', 'open'):
        if isinstance(evidence.get(name), (dict, list)):
            evidence[name] = ', '.join(map(str, evidence[name]))
    return fill(RULES[decision.rule], evidence)
