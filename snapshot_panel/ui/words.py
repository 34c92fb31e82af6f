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

from django.contrib.humanize.templatetags import humanize
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.utils.translation import pgettext_lazy

from snapshot_panel.cloud import errors
from snapshot_panel.consistency import adoption
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
Phase = restart.Phase
State = checklist.State
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
    Check.LOCK: _('Lock'),
    Check.QUOTA: _('Quota'),
    Check.ROOT_DISK: _('Root disk'),
    Check.VOLUMES: _('Attached volumes'),
    Check.CHANNEL: _('Channel to the guest agent'),
    Check.DRIFT: _('Image since boot'),
    Check.NAMES: _('Names of properties'),
    Check.AGENT: _('Guest agent'),
    Check.KIT: _('Guest kit'),
    Check.LAST_FREEZE: _('Last freeze'),
    Check.QUIESCE: _('Required quiescing'),
    Check.BACKEND: _('Storage of the cloud'),
    Check.STOP: _('Clean shutdown'),
}

# Why a check matters, in one sentence.
WHYS = {
    Check.STATE: _(
        'Only a running guest can be frozen, and only one that went down by '
        'itself needs no freeze.'),
    Check.TASK: _('The compute service does one thing at a time with an '
                  'instance.'),
    Check.LOCK: _(
        'The panel keeps a note of each snapshot on the instance, so that '
        'one that vanishes is reported.'),
    Check.QUOTA: _(
        'Where a quota is used up, the snapshot is refused, or thrown away '
        'after it was made.'),
    Check.ROOT_DISK: _('It decides what the snapshot holds.'),
    Check.VOLUMES: _('What the snapshot does not take is not in the '
                     'copy.'),
    Check.CHANNEL: _(
        'Through it the cloud asks the guest to freeze; without it nobody '
        'asks.'),
    Check.DRIFT: _(
        'An instance keeps the properties that it booted with, whatever is '
        'changed on its image.'),
    Check.NAMES: _('A name that nobody reads looks like protection and is '
                   'none.'),
    Check.AGENT: _(
        'It freezes the file systems; no cloud service tells whether it '
        'runs, only the guest itself.'),
    Check.KIT: _('What the guest says on its console is the only proof of a '
                 'freeze.'),
    Check.LAST_FREEZE: _('What failed the last time is likely to fail '
                         'again.'),
    Check.QUIESCE: _('The property promises that nothing is copied without '
                     'a freeze, and does not always keep it.'),
    Check.BACKEND: _('Not every storage lets the compute service freeze the '
                     'guest.'),
    Check.STOP: _('A guest that was cut off has not written out everything, '
                  'as with a power cut.'),
}

# What says so, and how old it is.
_LAST_WORD = _('Console log, read %(heard)s; the guest’s last word: '
               '%(event)s, %(up)s after its boot.')
_NO_WORD = _('Console log, read %(heard)s: no line of the guest kit.')
_FROZE = _('Console log, read %(heard)s: freeze asked for %(up)s after the '
           'guest’s boot. Hooks: %(hooks)s.')
_STOPPED = _('Compute service’s record of actions, read %(heard)s: stopped '
             'in %(seconds)s s, %(at)s. Limit: %(source)s.')
_PROPERTY = _('%(setting)s; %(booted)s.')
_IMAGES_USED = _('Image service, image_count_total: %(used)s of %(allowed)s, '
                 'read %(asked)s.')
_COPIES_USED = _('Block storage service, maxTotalSnapshots: %(used)s of '
                 '%(allowed)s, read %(asked)s.')
_IMAGE_CHANGED = _('Image service, read now: the image was changed '
                   '%(updated)s, the instance was created %(created)s.')
_UNNAMED = _('Compute service: the volumes attached, read now; block storage '
             'service: no answer.')
EVIDENCE = {
    Check.STATE: _('Compute service: status %(status)s, read now.'),
    Finding.IDLE: _('Compute service: no task, read now.'),
    Finding.BUSY: _('Compute service: task %(task)s, read now.'),
    Finding.UNLOCKED: _('Compute service, read now.'),
    Finding.LOCKED: _('Compute service, read now; reason: %(reason)s'),
    Finding.QUOTA_ROOM: _IMAGES_USED,
    Finding.QUOTA_IMAGES: _IMAGES_USED,
    Finding.QUOTA_SIZE: _('Image service, image_size_total: %(used)s of '
                          '%(allowed)s MiB, read %(asked)s.'),
    Finding.QUOTA_ROOM_COPIES: _COPIES_USED,
    Finding.QUOTA_COPIES: _COPIES_USED,
    Finding.QUOTA_COPIES_SIZE: _(
        'Block storage service, maxTotalVolumeGigabytes: %(used)s of '
        '%(allowed)s GiB, read %(asked)s.'),
    Finding.QUOTA_METADATA: _('Compute service, maxServerMeta: %(used)s of '
                              '%(allowed)s, read %(asked)s.'),
    Finding.QUOTA_UNKNOWN: _('No answer, asked %(asked)s: %(services)s.'),
    Finding.ROOT_IMAGE: _('Compute service: launched from the image '
                          '%(image)s, read now.'),
    Finding.ROOT_VOLUME: _('Compute service: it names no image, read now.'),
    Finding.ROOT_VOLUME_OFF: _('Compute service: it names no image, read '
                               'now.'),
    Check.VOLUMES: _('Compute service: the volumes attached; block storage '
                     'service: their names; read now.'),
    Finding.VOLUMES_LEFT_OUT_UNNAMED: _UNNAMED,
    Finding.VOLUMES_UNNAMED: _UNNAMED,
    Finding.CHANNEL_WITNESSED: _('Console log, read %(heard)s: the agent '
                                 'reported.'),
    Check.CHANNEL: _PROPERTY,
    Finding.CHANNEL_UNKNOWN: _('hw_qemu_guest_agent: %(booted)s.'),
    Check.DRIFT: _IMAGE_CHANGED,
    Finding.DEAD_ON_IMAGE: _('Image service: %(name)s on the image, read '
                             'now.'),
    Finding.DEAD_ON_INSTANCE: _('Compute service: %(name)s in the metadata '
                                'of the instance, read now.'),
    Finding.AGENT_RUNNING: _LAST_WORD,
    Finding.AGENT_STOPPED: _LAST_WORD,
    Finding.AGENT_UNREACHABLE: _('See the channel.'),
    Finding.AGENT_UNSEEN: _NO_WORD,
    Finding.AGENT_CONFLICT: _('Console log, read %(heard)s.'),
    Finding.AGENT_NOT_ASKED: _('Console log: not read yet.'),
    Finding.AGENT_NO_CONSOLE: _('Compute service, asked %(heard)s: no '
                                'console log.'),
    Finding.KIT: _('Console log, read %(heard)s; its last line is number '
                   '%(seq)s of this boot (%(boot)s).'),
    Finding.KIT_UNSEEN: _NO_WORD,
    Check.LAST_FREEZE: _FROZE,
    Check.QUIESCE: _PROPERTY,
    Check.BACKEND: _('Setting ephemeral_backend=%(backend)s, made by the '
                     'operator.'),
    Finding.STOP_CLEAN: _STOPPED,
    Finding.STOP_HARD: _STOPPED,
    Finding.STOP_UNKNOWN: _('Compute service’s record of actions, read '
                            '%(heard)s.'),
    Finding.STOP_NOT_ASKED: _('Compute service’s record of actions: not '
                              'read yet.'),
    Finding.STOP_LIMIT_UNKNOWN: _STOPPED,
    Finding.STOP_LIMIT_UNTOLD: _STOPPED,
}

# Where the instance's properties were read.
BOOTED = {
    'embedded': _('copied when the instance booted; compute service (API '
                  '2.98), read now'),
    'snapshot': _('on a former snapshot of this instance; image service, '
                  'read now'),
    'volume': _('on the image that the root volume was made of; block '
                'storage service, read now'),
    'image': _('on the image as it is today; image service, read now'),
    'none': _('neither the compute service nor the image service shows it'),
}

# Who tells how long the compute service waits for a guest to go down.
LIMITS = {
    'embedded': _('%(limit)s s, os_shutdown_timeout copied at boot'),
    'image': _('%(limit)s s, os_shutdown_timeout of the image, which is as '
               'it was at the launch'),
    'operator': _('%(limit)s s, shutdown_timeout in this panel’s settings'),
    None: _('unknown'),
}

# The ways to adopt an image's property, and what each costs.
WAYS = {
    adoption.Way.OPERATOR: (
        _('Ask the operator'),
        _('Keeps everything. The instance is shut off for a moment; only '
          'the operator of the cloud can run nova-manage.')),
    adoption.Way.RELAUNCH: (
        _('Take a snapshot, set it there, launch anew from it'),
        _('Keeps the data of the root disk and the old instance. The new one '
          'has another id and another address.')),
    adoption.Way.REBUILD: (
        _('Rebuild'),
        _('Destroys everything on the root disk. Keeps id, addresses and '
          'attached volumes.')),
}
HINDRANCES = {
    adoption.Hindrance.BUSY: _('Not now: the compute service is busy with '
                               'the instance.'),
    adoption.Hindrance.LOCKED: _('Not now: the instance is locked.'),
    adoption.Hindrance.STATE: _('Not now: not in this state of the '
                                'instance.'),
    adoption.Hindrance.NO_IMAGE: _('Not for this instance: its root disk is '
                                   'a volume.'),
}

# What the guest's kit says, in words.
EVENTS = {
    'started': _('agent started'),
    'stopped': _('agent stopped'),
    'freeze': _('freeze begins'),
    'frozen': _('a file system was frozen'),
    'open': _('a file system was not seen to stand still'),
    'hook': _('a hook has run'),
    'thaw': _('thawed'),
    'aborted': _('a hook refused the freeze'),
    'poweroff': _('shutting down'),
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
    Finding.UNLOCKED: (_('The instance is not locked.'), ''),
    Finding.LOCKED: (
        _('The instance is locked. Snapshots are taken all the same, but '
          'without the panel’s note: one that vanishes is not reported.'),
        _('Unlock it; what an administrator locked, only an administrator '
          'unlocks. A locked instance is not stopped, started or rebuilt '
          'either.')),
    Finding.QUOTA_ROOM: (
        _('There is room for one more image: %(used)s of %(allowed)s are '
          'used.'), ''),
    Finding.QUOTA_IMAGES: (
        _('The project has all the images that it may have: %(used)s of '
          '%(allowed)s. The snapshot would be refused.'),
        _('Delete images or snapshots that nobody needs, or ask the operator '
          'for more.')),
    Finding.QUOTA_SIZE: (
        _('The project’s images take more space than they may: %(used)s of '
          '%(allowed)s MiB. The snapshot would be made and thrown away.'),
        _('Delete images or snapshots that nobody needs, or ask the operator '
          'for more.')),
    Finding.QUOTA_ROOM_COPIES: (
        _('There is room for a snapshot of each volume: %(used)s of '
          '%(allowed)s are used.'), ''),
    Finding.QUOTA_COPIES: (
        _('The project has too many snapshots of volumes for one more of '
          'each volume: %(used)s of %(allowed)s. The snapshot would be '
          'refused.'),
        _('Delete volume snapshots that no image needs, or ask the operator '
          'for more.')),
    Finding.QUOTA_COPIES_SIZE: (
        _('The project’s volumes and their snapshots take %(used)s of '
          '%(allowed)s GiB: too much for a copy of each volume. Where the '
          'cloud counts snapshots, this one would be refused.'),
        _('Delete volumes or volume snapshots that nobody needs, or ask the '
          'operator for more.')),
    Finding.QUOTA_METADATA: (
        _('The metadata of the instance is full: %(used)s of %(allowed)s '
          'keys. A snapshot can be taken, but without the panel’s note: one '
          'that vanishes is not reported.'),
        _('Remove metadata that nobody needs.')),
    Finding.QUOTA_UNKNOWN: (
        _('Unknown: the quotas could not be read.'),
        _('A snapshot can be taken; if a quota is used up, the service '
          'refuses it.')),
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
        _('The instance has a channel to the guest agent.'), ''),
    Finding.CHANNEL_LIKELY: (
        _('The instance probably has a channel to the guest agent; it may '
          'have booted without one.'),
        _('If the agent does not report, look for the channel in the '
          'guest.')),
    Finding.NO_CHANNEL: (
        _('The instance has no channel to a guest agent: '
          'hw_qemu_guest_agent was not set when it booted.'),
        _('Give it the property in one of these ways; on the image alone it '
          'changes nothing for an instance that runs.')),
    Finding.CHANNEL_TOO_LATE: (
        _('The instance has no channel to a guest agent: '
          'hw_qemu_guest_agent was set on its image only after it had '
          'booted.'),
        _('Adopt what the image has today in one of these ways.')),
    Finding.CHANNEL_WITNESSED: (
        _('The guest’s agent runs, so it has its channel.'), ''),
    Finding.CHANNEL_UNKNOWN: (
        _('Nobody can tell from outside whether the instance has a channel '
          'to the guest agent.'),
        _('Look for it in the guest.')),
    Finding.NO_DRIFT: (
        _('The image still says what the instance booted with.'), ''),
    Finding.DRIFT: (
        _('The image has been changed since the instance booted: '
          '%(names)s.'),
        _('Adopt the change, or leave it: the instance keeps what it booted '
          'with.')),
    Finding.DEAD_ON_IMAGE: (
        _('The property %(name)s of the image does nothing: no compute '
          'service reads it.'),
        _('Remove it. What was meant is %(right)s; instances that run keep '
          'what they booted with.')),
    Finding.DEAD_ON_INSTANCE: (
        _('%(name)s in the metadata of the instance does nothing: the '
          'compute service reads properties of images only.'),
        _('Remove it. Where it works is the property %(right)s of the '
          'image, before the instance is launched.')),
    Finding.AGENT_RUNNING: (
        _('Running: the guest said so on its console.'), ''),
    Finding.AGENT_STOPPED: (
        _('Stopped: the guest said so on its console.'),
        _('Start it in the guest.')),
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
        _('Restart the agent in the guest. If that does not help, stop and '
          'start the instance: its console then begins anew.')),
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
    Finding.FREEZE_UNPROVEN: (
        _('The last freeze was not proven: not every file system was seen '
          'to stand still.'),
        _('Look into the log of the guest agent in the guest.')),
    Finding.FREEZE_TORN: (
        _('The last freeze was witnessed, but %(torn)s lies on several disks: '
          'a snapshot holds the root disk alone, and what it has of that '
          'cannot be used.'),
        _('Keep such a file system on one disk, or copy the disk and the '
          'volumes while the instance is shut off.')),
    Finding.FREEZE_REFUSED: (
        _('The last freeze was refused by the hook %(hook)s.'),
        _('Run the hook by hand in the guest and repair it.')),
    Finding.FREEZE_OPEN_END: (
        _('The last freeze has no end: the guest has not said that it '
          'thawed.'),
        _('If the guest does not answer, thaw it (each file system that '
          'was frozen), or ask the operator.')),
    Finding.QUIESCE_NOT_ENFORCED: (
        _('os_require_quiesce=%(value)s is set, but the compute service does '
          'not enforce it for this instance: with a dead agent the snapshot '
          'succeeds all the same.'),
        _('Do not rely on it; read the verdict.')),
    Finding.QUIESCE_ENFORCED: (
        _('os_require_quiesce=%(value)s: of an instance on volumes the '
          'compute service takes no snapshot where its guest cannot be '
          'frozen.'), ''),
    Finding.QUIESCE_FORBIDS: (
        _('os_require_quiesce=%(value)s is set and there is no channel: the '
          'compute service refuses the snapshot, or throws it away.'),
        _('Give the instance the channel first, or stop it with the compute '
          'service and take the snapshot then.')),
    Finding.BACKEND_FREEZES: (
        _('The operator says %(backend)s: live snapshots freeze the '
          'guest.'), ''),
    Finding.BACKEND_NEVER_FREEZES: (
        _('The operator says %(backend)s: on this storage no live snapshot '
          'freezes the guest.'),
        _('Stop the instance with the compute service, then take the '
          'snapshot.')),
    Finding.STOP_CLEAN: (
        _('The guest went down by itself in %(seconds)s seconds, before the '
          'limit of %(limit)s.'), ''),
    Finding.STOP_HARD: (
        _('The guest did not go down within %(limit)s seconds and was '
          'powered off hard.'),
        _('Start the instance, let its guest obey the power button (ACPI), '
          'and stop it again with the compute service; what is shut down '
          'from inside proves nothing.')),
    Finding.STOP_UNKNOWN: (
        _('Nothing proves how the guest went down.'),
        _('Start the instance and stop it again with the compute '
          'service.')),
    Finding.STOP_LIMIT_UNKNOWN: (
        _('The guest went down in %(seconds)s seconds, but nobody can tell '
          'how long the compute service would have waited: its image '
          '(os_shutdown_timeout) is gone, was changed since the launch or '
          'right before it, or its root disk is a volume.'),
        _('A snapshot can be taken: it carries what was copied at boot, and '
          'its verdict reads that.')),
    Finding.STOP_LIMIT_UNTOLD: (
        _('The guest went down in %(seconds)s seconds, but the operator has '
          'not told this panel how long the compute service waits before it '
          'powers off hard.'),
        _('Ask the operator to set shutdown_timeout in the settings of this '
          'panel.')),
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
    Rule.TORN: _(
        'The guest was frozen, but %(torn)s lies on several disks, and the '
        'image holds the root disk alone: what it has of it cannot be used. '
        'Copy the volumes too, or keep such a file system on one disk.'),
    Rule.VOLUMES_FAILED: _(
        '%(failed)s of its %(volumes)s volume snapshots failed or were '
        'deleted: no instance can be launched from it. Delete it, delete '
        'what is left of it under Volumes, Snapshots, and take it again.'),
    Rule.VOLUMES_UNFINISHED: _(
        'After an hour its %(volumes)s volume snapshots were not all '
        'complete. Look under Volumes, Snapshots before you launch from it.'),
    Rule.VOLUMES_UNKNOWN: _(
        'Nobody could tell whether its volume snapshots are complete: the '
        'block storage service did not say so, or its list of them was '
        'changed. Look under Volumes, Snapshots before you launch from it.'),
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
    Rule.NOT_SEEN_FROZEN: _(
        'The guest did not see %(open)s stand still: the freeze failed '
        'there, or the guest was too busy to see it. Take it again, and if '
        'that is no better, look into the log of the guest agent.'),
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
    Phase.STOPPING: (15, _('Shutting the guest down')),
    Phase.TAKING: (50, _('Shut off, taking the snapshot')),
    Phase.STARTING: (85, _('Starting the instance again')),
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
    return str(text) % collections.defaultdict(lambda: '?', values)


def evidence(result, instance, heard_at=None):
    """Return the sentence that tells what says so, and how old it is.

    :param result: a :class:`checklist.Result`.
    :param heard_at: when the guest was asked, None where that was just now.
    """
    finding = result.finding
    text = EVIDENCE.get(finding) or EVIDENCE.get(finding.check, '')
    return fill(text, {**result.evidence, **_said(result, instance),
                       'heard': _when(heard_at)})


def _said(result, instance):
    """Return what evidence names beyond the facts of a finding, in words."""
    known = result.evidence
    source = known.get('source', instance.properties.source.value)
    return {
        'image': instance.image_id, 'created': _when(instance.created, '?'),
        'setting': _setting(known),
        'booted': BOOTED.get(source), 'at': _when(known.get('at'), '?'),
        'updated': _when(known.get('updated'), '?'),
        'asked': _when(known.get('asked')),
        'reason': known.get('reason') or _('none given'),
        'event': EVENTS.get(known.get('event'), known.get('event')),
        'up': duration(known.get('up', 0)),
        'hooks': ', '.join(
            '%s (%s)' % (name, _('succeeded') if good else _('failed'))
            for name, good in known.get('hooks', {}).items()) or _('none'),
        'source': _limit(known)}


def _limit(known):
    told = known.get('source') if known.get('limit') is not None else None
    return fill(LIMITS.get(told, ''), known)


def _setting(known):
    if known.get('value') is None:
        return _('%s is not set') % known.get('property')
    return '%s=%s' % (known.get('property'), known['value'])


def _when(moment, unknown=_('now')):
    return humanize.naturaltime(moment) if moment else unknown


def duration(seconds):
    """Return seconds in words, in the unit that fits."""
    for size, words in ((86400, _('%d days')), (3600, _('%d h')),
                        (60, _('%d min'))):
        if seconds >= 2 * size:
            return str(words) % (seconds // size)
    return str(_('%d s')) % seconds


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
    for name in ('hooks', 'open', 'torn'):
        if isinstance(evidence.get(name), (dict, list)):
            evidence[name] = ', '.join(map(str, evidence[name]))
    return fill(RULES[decision.rule], evidence)
