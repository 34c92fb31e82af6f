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

"""One row for each finding of the checklist: its sentences and remedies.

A new finding is a member of :class:`checklist.Finding` and a row here; a new
check also has an entry in :data:`CHECKS`.
"""

import collections.abc
import dataclasses
import datetime
import typing

from django.utils.functional import Promise
from django.utils import safestring
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from django.utils.translation import pgettext_lazy

from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.ui import markup
from snapshot_panel.ui import remedies
from snapshot_panel.ui import words

Check = checklist.Check
Finding = checklist.Finding
Text = str | Promise


@dataclasses.dataclass(frozen=True)
class CheckText:
    """A check in words.

    ``why`` says in one sentence why it matters. ``evidence`` says what shows
    it, for the findings that have no evidence of their own.
    """

    title: Text
    why: Text
    evidence: Text = ''


@dataclasses.dataclass(frozen=True)
class Row:
    """A finding in words, and what can be done about it.

    ``remedy`` is '' where nothing is to be done; ``word`` is the finding in
    a word or two for a narrow column; ``short`` names it there as what
    stands in the way; ``links`` and ``command`` are makers of
    :mod:`.remedies`. Sentences are filled with the finding's evidence.
    """

    found: Text
    remedy: Text = ''
    evidence: Text = ''
    word: Text = ''
    short: Text = ''
    links: tuple[collections.abc.Callable[..., typing.Any], ...] = ()
    command: collections.abc.Callable[..., typing.Any] | None = None


# The evidence that several findings share.
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

# What shows that the root disk is a volume.
_ROOT_VOLUME = _('Compute service: it names no image, read now.')
_ROOT_VOLUME_IN_SPITE = _(
    'It was launched with an image, and boots from an attached volume: block '
    'storage service, or a former snapshot of it.')

_HOOK_DONE = pgettext_lazy('in a list of hooks', '%s (succeeded)')
_HOOK_FAILED = pgettext_lazy('in a list of hooks', '%s (failed)')
_NO_HOOKS = pgettext_lazy('no hooks', 'none')

_DISKS = _('File systems: %(kinds)s; %(read_on)s.')
_NO_DISK = _('No disk was read.')

CHECKS = {
    Check.STATE: CheckText(
        _('Instance state'),
        _(
            'Only a running guest can be frozen, and only one that shut down '
            'by itself needs no freeze.'),
        evidence=_('Compute service: status %(status)s, read now.')),
    Check.TASK: CheckText(
        _('No other task'),
        _('The compute service does one thing at a time with an instance.')),
    Check.LOCK: CheckText(
        _('Lock'),
        _(
            'The panel notes each snapshot on the instance, so that it can '
            'report one that vanishes.')),
    Check.QUOTA: CheckText(
        _('Quota'),
        _(
            'If a quota is used up, the snapshot is refused, or made and then '
            'thrown away.')),
    Check.ROOT_DISK: CheckText(
        _('Root disk'),
        _('It decides what the snapshot holds.')),
    Check.VOLUMES: CheckText(
        _('Attached volumes'),
        _('What the snapshot does not take is not in the copy.'),
        evidence=_(
            'Compute service: the volumes attached; block storage service: '
            'their names; read now.')),
    Check.OTHER_DISKS: CheckText(
        _('Other disks'),
        _('What the snapshot does not take is not in the copy.'),
        evidence=_('Compute service: the flavor, read now. Console log, read '
                   '%(heard)s: the disks of the last freeze.')),
    Check.CHANNEL: CheckText(
        _('Channel to the guest agent'),
        _(
            'Through it the cloud asks the guest to freeze; without it '
            'nobody asks.'),
        evidence=_PROPERTY),
    Check.DRIFT: CheckText(
        _('Image since boot'),
        _(
            'An instance keeps the properties that it booted with, whatever '
            'is changed on its image.'),
        evidence=_IMAGE_CHANGED),
    Check.NAMES: CheckText(
        _('Names of properties'),
        _('A name that nobody reads looks like protection but gives none.')),
    Check.AGENT: CheckText(
        _('Guest agent'),
        _(
            'It freezes the file systems. Only the guest itself knows whether '
            'it runs; no cloud service does.')),
    Check.KIT: CheckText(
        _('Guest kit'),
        _(
            'It tells of application hooks, and proves a freeze where the '
            'disk itself cannot tell.')),
    Check.PROOF: CheckText(
        _('Proof'),
        _(
            'A snapshot is called consistent only where something proves '
            'it.'),
        evidence=_DISKS),
    Check.LAST_FREEZE: CheckText(
        _('Last freeze'),
        _('What failed the last time is likely to fail again.'),
        evidence=_FROZE),
    Check.QUIESCE: CheckText(
        _('Required quiescing'),
        _(
            'The property promises that nothing is copied without a freeze, '
            'and does not always keep it.'),
        evidence=_PROPERTY),
    Check.BACKEND: CheckText(
        _('Storage of the cloud'),
        _('Not every storage lets the compute service freeze the guest.'),
        evidence=_(
            'Setting ephemeral_backend=%(backend)s, made by the operator.')),
    Check.STOP: CheckText(
        _('Clean shutdown'),
        _(
            'A guest that was cut off has not written everything to its disk, '
            'as after a power cut.')),
}

# In the order of the checks.
FINDINGS = {
    Finding.RUNNING: Row(_('The instance is running.')),
    Finding.STOPPED: Row(_('The instance is shut off.')),
    Finding.NEVER_FROZEN: Row(
        _(
            'The instance is %(status)s: a guest that does not run cannot '
            'flush its disks, and the compute service does not freeze it.'),
        remedy=_('Resume the instance, then take the snapshot.'),
        links=(remedies.actions,),
        command=remedies.awake,
        short=pgettext_lazy('stands in the way', 'Not in this state')),
    Finding.NO_SNAPSHOT_STATE: Row(
        _(
            'The compute service takes no snapshot of an instance in this '
            'status: %(condition)s.'),
        # Each status has its own.
        remedy='%(way_out)s',
        links=(remedies.actions,),
        command=remedies.way_out,
        short=pgettext_lazy('stands in the way', 'Not in this state')),
    Finding.IDLE: Row(
        _('The compute service is not working on it.'),
        evidence=_('Compute service: no task, read now.')),
    Finding.BUSY: Row(
        _('The compute service is busy with this instance (%(task)s).'),
        remedy=_('Wait until it has finished.'),
        evidence=_('Compute service: task %(task)s, read now.'),
        short=pgettext_lazy('stands in the way', 'Busy')),
    Finding.UNLOCKED: Row(
        _('The instance is not locked.'),
        evidence=_('Compute service, read now.')),
    Finding.LOCKED: Row(
        _(
            'The instance is locked. A snapshot can be taken, but without the '
            'panel’s note: one that vanishes is not reported.'),
        remedy=_(
            'Unlock it; only an administrator can undo an administrator’s '
            'lock. A locked instance cannot be stopped, started or rebuilt '
            'either.'),
        evidence=_('Compute service, read now; reason: %(reason)s'),
        links=(remedies.actions,),
        command=remedies.on_instance('unlock')),
    Finding.QUOTA_ROOM: Row(
        _(
            'There is room for one more image: %(used)s of %(allowed)s are '
            'used.'),
        evidence=_IMAGES_USED),
    Finding.QUOTA_IMAGES: Row(
        _(
            'The project has as many images as it may: %(used)s of '
            '%(allowed)s. The snapshot would be refused.'),
        remedy=_(
            'Delete images or snapshots that nobody needs, or ask the '
            'operator for more.'),
        evidence=_IMAGES_USED,
        links=(remedies.images,),
        short=pgettext_lazy('stands in the way', 'No quota')),
    Finding.QUOTA_SIZE: Row(
        _(
            'The project’s images take more space than they may: %(used)s '
            'of %(allowed)s MiB. The snapshot would be made and thrown away.'),
        remedy=_(
            'Delete images or snapshots that nobody needs, or ask the '
            'operator for more.'),
        evidence=_(
            'Image service, image_size_total: %(used)s of %(allowed)s MiB, '
            'read %(asked)s.'),
        links=(remedies.images,),
        short=pgettext_lazy('stands in the way', 'No quota')),
    Finding.QUOTA_ROOM_COPIES: Row(
        _(
            'There is room for a snapshot of each volume: %(used)s of '
            '%(allowed)s are used.'),
        evidence=_COPIES_USED),
    Finding.QUOTA_COPIES: Row(
        _(
            'The project has too many snapshots of volumes for one more of '
            'each volume: %(used)s of %(allowed)s. The snapshot would be '
            'refused.'),
        remedy=_(
            'Delete volume snapshots that no image needs, or ask the '
            'operator for more.'),
        evidence=_COPIES_USED,
        links=(remedies.copies,),
        short=pgettext_lazy('stands in the way', 'No quota')),
    Finding.QUOTA_COPIES_SIZE: Row(
        _(
            'The project’s volumes and their snapshots take %(used)s of '
            '%(allowed)s GiB: too much for a copy of each volume. Where the '
            'cloud counts snapshots, this one would be refused.'),
        remedy=_(
            'Delete volumes or volume snapshots that nobody needs, or ask '
            'the operator for more.'),
        evidence=_(
            'Block storage service, maxTotalVolumeGigabytes: %(used)s of '
            '%(allowed)s GiB, read %(asked)s.'),
        links=(remedies.copies, remedies.volumes)),
    Finding.QUOTA_METADATA: Row(
        _(
            'The metadata of the instance is full: %(used)s of %(allowed)s '
            'keys. A snapshot can be taken, but without the panel’s note: '
            'one that vanishes is not reported.'),
        remedy=_('Remove metadata that nobody needs.'),
        evidence=_(
            'Compute service, maxServerMeta: %(used)s of %(allowed)s, read '
            '%(asked)s.'),
        links=(remedies.actions,)),
    Finding.QUOTA_UNKNOWN: Row(
        _('Unknown: the quotas could not be read.'),
        remedy=_(
            'A snapshot can be taken; if a quota is used up, the service '
            'refuses it.'),
        evidence=_('No answer, asked %(asked)s: %(services)s.')),
    Finding.ROOT_IMAGE: Row(
        _(
            'The root disk comes from an image. The snapshot takes this '
            'disk; attached volumes are not in it.'),
        evidence=_(
            'Compute service: launched from the image %(image)s, read now.')),
    Finding.ROOT_UNDECIDED: Row(
        _(
            'Unknown: the instance was launched with an image, and may boot '
            'from an attached volume all the same. The verdict goes by what '
            'the snapshot is made of.'),
        remedy=_('Look at its volumes: is one of them the first disk?'),
        evidence=_UNNAMED,
        links=(remedies.volumes,)),
    Finding.ROOT_VOLUME: Row(
        _(
            'The root disk is a volume. The guest stays frozen while the '
            'block storage service copies all its volumes: take no second '
            'snapshot before this one has its verdict.'),
        evidence='%(root)s'),
    Finding.ROOT_VOLUME_OFF: Row(
        _(
            'The root disk is a volume. Do not start the instance before '
            'the snapshot has its verdict: its volumes are copied until '
            'then.'),
        evidence='%(root)s'),
    Finding.VOLUMES_LEFT_OUT: Row(
        _('Not in the snapshot: %(volumes)s. It takes the root disk only.'),
        remedy=_(
            'Take a snapshot of each under Volumes. If they have to fit '
            'together, shut the instance down first.'),
        links=(remedies.volumes,)),
    Finding.VOLUMES_LEFT_OUT_UNNAMED: Row(
        _(
            'Not in the snapshot, which takes the root disk only: '
            '%(volumes)s. The block storage service did not give their '
            'names.'),
        remedy=_(
            'Take a snapshot of each under Volumes. If they have to fit '
            'together, shut the instance down first.'),
        evidence=_UNNAMED,
        links=(remedies.volumes,)),
    Finding.VOLUMES_TAKEN: Row(
        _('The snapshot takes all of them: %(volumes)s.')),
    Finding.VOLUMES_SHARED: Row(
        _(
            'Other instances may write to %(shared)s too, whatever is done '
            'to this one.'),
        remedy=_(
            'Detach it from all other instances. A volume that may be '
            'attached to several cannot be proven: copy its data to another '
            'one.'),
        links=(remedies.volumes,),
        short=pgettext_lazy('stands in the way', 'Shared volume')),
    Finding.VOLUMES_UNNAMED: Row(
        _(
            'The block storage service said nothing about these volumes, and '
            'without it there is no snapshot: %(volumes)s.'),
        remedy=_('Try again when it answers, or ask the operator.'),
        evidence=_UNNAMED,
        links=(remedies.again,),
        short=pgettext_lazy('stands in the way', 'Volumes unknown')),
    Finding.DISKS_LEFT_OUT: Row(
        _('Not in the snapshot: %(left_out)s.'),
        remedy=_(
            'Copy what you need from there in the guest, or keep it on the '
            'root disk or on a volume.'),
        command=remedies.guest('lsblk')),
    Finding.ROOT_ELSEWHERE: Row(
        _(
            'The guest’s system is on %(disks)s, and the snapshot takes the '
            'first disk only.'),
        remedy=_('Take a snapshot of its volume under Volumes.'),
        links=(remedies.volumes,),
        command=remedies.guest('lsblk'),
        short=pgettext_lazy('stands in the way', 'System elsewhere')),
    Finding.CHANNEL: Row(_('The instance has a channel to the guest agent.')),
    Finding.CHANNEL_LIKELY: Row(
        _(
            'The instance probably has a channel to the guest agent; it may '
            'have booted without one.'),
        remedy=_(
            'If the agent does not report, look for the channel in the '
            'guest.'),
        links=(remedies.setup,),
        command=remedies.port),
    Finding.NO_CHANNEL: Row(
        _(
            'The instance has no channel to a guest agent: '
            'hw_qemu_guest_agent was not set when it booted.'),
        remedy=_(
            'Give it the property in one of these ways; set on the image, '
            'it helps new instances only.'),
        links=(remedies.fix, remedies.channel),
        short=pgettext_lazy('stands in the way', 'No channel')),
    Finding.CHANNEL_TOO_LATE: Row(
        _(
            'The instance has no channel to a guest agent: '
            'hw_qemu_guest_agent was set on its image only after it had '
            'booted.'),
        remedy=_('Adopt what the image has today in one of these ways.'),
        links=(remedies.fix,),
        short=pgettext_lazy('stands in the way', 'No channel')),
    Finding.CHANNEL_WITNESSED: Row(
        _('The guest’s agent runs, so it has its channel.'),
        evidence=_('Console log, read %(heard)s: the agent reported.')),
    Finding.CHANNEL_UNKNOWN: Row(
        _(
            'Nobody can tell from outside whether the instance has a '
            'channel to the guest agent.'),
        remedy=_('Look for it in the guest.'),
        evidence=_('hw_qemu_guest_agent: %(booted)s.'),
        links=(remedies.setup,),
        command=remedies.port,
        short=pgettext_lazy('stands in the way', 'Channel unknown')),
    Finding.NO_DRIFT: Row(
        _('The image still says what the instance booted with.')),
    Finding.DRIFT: Row(
        _('The image has been changed since the instance booted: %(names)s.'),
        remedy=_(
            'Adopt the change, or leave it: the instance keeps what it '
            'booted with.'),
        links=(remedies.image,)),
    Finding.DEAD_ON_IMAGE: Row(
        _(
            'The property %(name)s of the image does nothing: no compute '
            'service reads it.'),
        remedy=_(
            'Remove it. What was meant is %(right)s; running instances keep '
            'what they booted with.'),
        evidence=_('Image service: %(name)s on the image, read now.'),
        links=(remedies.image,),
        command=remedies.rename),
    Finding.DEAD_ON_INSTANCE: Row(
        _(
            '%(name)s in the metadata of the instance does nothing: the '
            'compute service reads properties of images only.'),
        remedy=_(
            'Remove it. What works is the property %(right)s of the image, '
            'set before the instance is launched.'),
        evidence=_(
            'Compute service: %(name)s in the metadata of the instance, '
            'read now.'),
        links=(remedies.image,),
        command=remedies.unset),
    Finding.AGENT_RUNNING: Row(
        _('Running: the guest said so on its console.'),
        evidence=_LAST_WORD,
        word=pgettext_lazy('state of the agent', 'Running')),
    Finding.AGENT_STOPPED: Row(
        _('Stopped: the guest said so on its console.'),
        remedy=_('Start it in the guest.'),
        evidence=_LAST_WORD,
        word=pgettext_lazy('state of the agent', 'Stopped'),
        links=(remedies.setup,),
        command=remedies.guest('systemctl start qemu-guest-agent'),
        short=pgettext_lazy('stands in the way', 'Agent stopped')),
    Finding.AGENT_UNREACHABLE: Row(
        _('Not reachable: without the channel nothing can talk to it.'),
        remedy=_('Give the instance the channel first.'),
        evidence=_('See the channel.'),
        word=pgettext_lazy('state of the agent', 'No channel'),
        short=pgettext_lazy('stands in the way', 'No channel')),
    Finding.AGENT_UNSEEN: Row(
        _(
            'Unknown: no cloud service can tell, and the guest has not said '
            'anything on its console.'),
        remedy=_(
            'Install and start it in the guest. The disk of the next '
            'snapshot tells whether it froze.'),
        evidence=_NO_WORD,
        links=(remedies.setup,),
        short=pgettext_lazy('stands in the way', 'Agent unknown')),
    Finding.AGENT_STARTED: Row(
        _('Started when the guest booted, by its console.'),
        evidence=_('Console log, read %(heard)s: “%(line)s” of the agent’s '
                   'service.'),
        word=pgettext_lazy('state of the agent', 'Started at boot')),
    Finding.AGENT_FROZE: Row(
        _('It froze the guest for the snapshot of %(at)s: that disk was at '
          'rest.'),
        evidence=_('The disk of that snapshot.'),
        word=pgettext_lazy('state of the agent', 'Froze the last time')),
    Finding.AGENT_NOT_STARTED: Row(
        _('Not running, by the guest’s console at boot: %(line)s.'),
        remedy=_('Start it in the guest.'),
        evidence=_('Console log, read %(heard)s: “%(line)s” of the agent’s '
                   'service.'),
        word=pgettext_lazy('state of the agent', 'Not started'),
        links=(remedies.setup,),
        command=remedies.guest('systemctl start qemu-guest-agent'),
        short=pgettext_lazy('stands in the way', 'Agent not started')),
    Finding.AGENT_CONFLICT: Row(
        _(
            'Unknown: what the console says about the agent does not fit '
            'together. Lines are missing, or somebody else wrote there.'),
        remedy=_(
            'Restart the agent in the guest. If that does not help, stop '
            'and start the instance: its console then starts over.'),
        evidence=_('Console log, read %(heard)s.'),
        links=(remedies.log, remedies.again),
        command=remedies.guest('systemctl restart qemu-guest-agent'),
        short=pgettext_lazy('stands in the way', 'Agent unknown')),
    Finding.AGENT_NOT_ASKED: Row(
        _('Not asked yet.'),
        evidence=_('Console log: not read yet.'),
        word=pgettext_lazy('state of the agent', 'Asking the guest…'),
        short=pgettext_lazy('stands in the way', 'Not asked yet')),
    Finding.AGENT_NO_CONSOLE: Row(
        _('Unknown: the console of the instance cannot be read.'),
        remedy=_(
            'Ask for a role that may read consoles, or try again when the '
            'compute service answers.'),
        evidence=_('Compute service, asked %(heard)s: no console log.'),
        links=(remedies.again,),
        short=pgettext_lazy('stands in the way', 'No console')),
    Finding.AGENT_CONSOLE_LOST: Row(
        _(
            'Unknown: the console is empty, and lost what the guest kit had '
            'said there.'),
        remedy=_(
            'Restart the agent in the guest: the guest kit then speaks '
            'again.'),
        evidence=_(
            'Console, read %(heard)s: empty; an earlier snapshot holds a '
            'witness of the guest.'),
        links=(remedies.again,),
        short=pgettext_lazy('stands in the way', 'Console empty')),
    Finding.KIT: Row(
        _('Installed: the guest witnesses on its console.'),
        evidence=_(
            'Console log, read %(heard)s; its last line is number %(seq)s '
            'of this boot (%(boot)s).')),
    Finding.KIT_UNSEEN: Row(
        _('No witness of the guest was seen on the console.'),
        remedy=_(
            'Install it where applications have hooks, or where the disk '
            'cannot tell (see Proof).'),
        evidence=_NO_WORD,
        links=(remedies.setup,),
        short=pgettext_lazy('stands in the way', 'No guest kit')),
    Finding.KIT_UNNEEDED: Row(
        _('Not seen, and not needed: the disk itself will tell.'),
        remedy=_('Install it where applications have hooks.'),
        evidence=_NO_WORD,
        links=(remedies.setup,)),
    Finding.PROOF_DISK: Row(
        _('The disk itself will tell (%(kinds)s).')),
    Finding.PROOF_KIT: Row(
        _('The disk may not be able to tell; the guest kit will.')),
    Finding.PROOF_NEEDS_KIT: Row(
        _('The disk cannot tell (%(kinds)s).'),
        remedy=_('Install the guest kit: the guest then proves the freeze.'),
        links=(remedies.setup,),
        short=pgettext_lazy('stands in the way', 'Kit needed')),
    Finding.PROOF_UNKNOWN: Row(
        _('Nobody has read a disk of this instance yet.'),
        remedy=_('Take a snapshot: with ext4 its disk will tell.'),
        evidence=_NO_DISK,
        links=(remedies.setup,),
        short=pgettext_lazy('stands in the way', 'No disk read yet')),
    Finding.FREEZE_PROVEN: Row(
        _(
            'The last freeze was witnessed; writing stood still for '
            '%(stall)s seconds.')),
    Finding.FREEZE_UNPROVEN: Row(
        _(
            'The last freeze was not proven: not every file system was seen '
            'to stand still.'),
        remedy=_('Read the log of the guest agent in the guest.'),
        links=(remedies.log, remedies.setup),
        command=remedies.JOURNAL),
    Finding.FREEZE_TORN: Row(
        _(
            'The last freeze was witnessed, but %(torn)s lies on several '
            'disks. A snapshot holds the root disk alone, and its part of '
            'that cannot be used.'),
        remedy=_(
            'Keep such a file system on one disk, or copy the disk and the '
            'volumes while the instance is shut off.'),
        links=(remedies.volumes,),
        command=remedies.guest('lsblk')),
    Finding.FREEZE_REFUSED: Row(
        _('The last freeze was refused by the hook %(hook)s.'),
        remedy=_('Run the hook by hand in the guest and repair it.'),
        links=(remedies.log, remedies.setup),
        command=remedies.JOURNAL,
        short=pgettext_lazy('stands in the way', 'Hook refused')),
    Finding.FREEZE_OPEN_END: Row(
        _(
            'The last freeze has no end: the guest has not said that it '
            'thawed.'),
        remedy=_(
            'If the guest does not answer, thaw it (each file system that '
            'was frozen), or ask the operator.'),
        links=(remedies.log,),
        command=remedies.guest('fsfreeze -u /')),
    Finding.QUIESCE_NOT_ENFORCED: Row(
        _(
            'os_require_quiesce=%(value)s is set, but the compute service '
            'does not enforce it for this instance: with a dead agent the '
            'snapshot succeeds all the same.'),
        remedy=_('Do not rely on it; read the verdict.')),
    Finding.QUIESCE_ENFORCED: Row(
        _(
            'os_require_quiesce=%(value)s: the compute service takes no '
            'snapshot of an instance on volumes if its guest cannot be '
            'frozen.')),
    Finding.QUIESCE_FORBIDS: Row(
        _(
            'os_require_quiesce=%(value)s is set and there is no channel: '
            'the compute service refuses the snapshot, or throws it away.'),
        remedy=_(
            'Give the instance the channel first, or stop it with the '
            'compute service and take the snapshot then.'),
        short=pgettext_lazy('stands in the way', 'No channel')),
    Finding.BACKEND_FREEZES: Row(
        _('The operator says %(backend)s: live snapshots freeze the guest.')),
    Finding.BACKEND_NEVER_FREEZES: Row(
        _(
            'The operator says %(backend)s: on this storage no live '
            'snapshot freezes the guest.'),
        remedy=_(
            'Stop the instance with the compute service, then take the '
            'snapshot.'),
        links=(remedies.actions,),
        command=remedies.on_instance('stop'),
        short=pgettext_lazy('stands in the way', 'Storage never freezes')),
    Finding.STOP_CLEAN: Row(
        _(
            'The guest went down by itself in %(seconds)s seconds, before '
            'the limit of %(limit)s.'),
        evidence=_STOPPED,
        word=pgettext_lazy('state of the agent', 'Shut down cleanly')),
    Finding.STOP_HARD: Row(
        _(
            'The guest did not go down within %(limit)s seconds and was '
            'powered off hard.'),
        remedy=_(
            'Start the instance, make its guest obey the power button (ACPI), '
            'and stop it again with the compute service. A shutdown from '
            'inside proves nothing.'),
        evidence=_STOPPED,
        word=pgettext_lazy('state of the agent', 'Powered off hard'),
        links=(remedies.actions,),
        command=remedies.on_instance('start'),
        short=pgettext_lazy('stands in the way', 'Powered off hard')),
    Finding.STOP_UNKNOWN: Row(
        _('Nothing proves how the guest went down.'),
        remedy=_(
            'Start the instance and stop it again with the compute service.'),
        evidence=_('Compute service’s record of actions, read %(heard)s.'),
        word=pgettext_lazy('state of the agent', 'Shut off, nobody knows how'),
        links=(remedies.actions,),
        command=remedies.on_instance('start', 'stop'),
        short=pgettext_lazy('stands in the way', 'Stop unknown')),
    Finding.STOP_LIMIT_UNKNOWN: Row(
        _(
            'The guest went down in %(seconds)s seconds, but nobody can '
            'tell how long the compute service would have waited: its image '
            '(os_shutdown_timeout) is gone, was changed since the launch or '
            'right before it, or its root disk is a volume.'),
        remedy=_(
            'A snapshot can be taken: it carries what was copied at boot, '
            'and its verdict reads that.'),
        evidence=_STOPPED,
        links=(remedies.actions,),
        short=pgettext_lazy('stands in the way', 'Limit unknown')),
    Finding.STOP_LIMIT_UNTOLD: Row(
        _(
            'The guest went down in %(seconds)s seconds, but the operator '
            'has not told this panel how long the compute service waits '
            'before it powers off hard.'),
        remedy=_(
            'Ask the operator to set shutdown_timeout in the settings of '
            'this panel.'),
        evidence=_STOPPED,
        short=pgettext_lazy('stands in the way', 'Limit unknown')),
    Finding.STOP_NOT_ASKED: Row(
        _('Not asked yet.'),
        evidence=_('Compute service’s record of actions: not read yet.'),
        word=pgettext_lazy('state of the agent', 'Asking how it stopped…'),
        short=pgettext_lazy('stands in the way', 'Not asked yet')),
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

# Where the file systems were read.
READ_ON = {
    'snapshot': _('read on a former snapshot of this instance'),
    'image': _('read on the image that it was launched from'),
}

# Who says how long the compute service waits for a guest to go down.
LIMITS = {
    'embedded': _('%(limit)s s, os_shutdown_timeout copied at boot'),
    'image': _('%(limit)s s, os_shutdown_timeout of the image, which is as '
               'it was at the launch'),
    'operator': _('%(limit)s s, shutdown_timeout in this panel’s settings'),
    None: pgettext_lazy('limit of a shutdown', 'unknown'),
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


def evidence(result: checklist.Result, instance: facts.Instance,
             heard_at: datetime.datetime | None = None
             ) -> safestring.SafeString:
    """Return the sentence about what shows a finding, and how old that is.

    It is HTML, in which ages tick.

    :param result: a :class:`checklist.Result`.
    :param heard_at: when the guest was asked, None where that was just now.
    """
    finding = result.finding
    text = FINDINGS[finding].evidence or CHECKS[finding.check].evidence
    if text is _DISKS and not result.evidence['kinds']:
        text = _NO_DISK
    return words.fill_html(text, {**_values(result),
                                  **_said(result, instance),
                                  'heard': _when(heard_at)})


def fill(text: Text, result: checklist.Result) -> str:
    """Return a sentence filled with the evidence of a result."""
    return words.fill(text, _values(result))


def _values(result):
    """Return what sentences name of a result, by name."""
    volumes = {name: [_volume(volume) for volume in result.evidence[name]]
               for name in ('volumes', 'shared') if name in result.evidence}
    named = {name: words.plain(result.evidence[name])
             for name in ('open', 'torn', 'hook') if name in result.evidence}
    return {**result.evidence, **volumes, **named,
            'left_out': _left_out(result.evidence), **_status(result)}


def _left_out(known):
    """Return the disks that a snapshot does not take, in words."""
    found = []
    if known.get('ephemeral'):
        found.append(_('the ephemeral disk (%s GiB)') % known['ephemeral'])
    if known.get('swap'):
        found.append(_('the swap disk (%s MiB)') % known['swap'])
    found += [_('%(path)s (on %(disk)s)') % {'path': words.plain(path),
                                             'disk': disk}
              for path, disk in known.get('paths', {}).items()]
    return list(map(str, found))


def _status(result):
    status = result.evidence.get('status')
    return {'condition': words.INSTANCE_STATUSES.get(status, status),
            'way_out': words.WAYS_OUT.get(status, words.NO_WAY_OUT)}


def _volume(volume):
    """Return a :class:`checklist.AttachedVolume` in words."""
    size = None if volume.size is None else _('%s GiB') % volume.size
    about = [each for each in (size, volume.device) if each]
    return ('%s (%s)' % (volume.name, words.listed(about)) if about
            else volume.name)


def _said(result, instance):
    """Return what evidence names beyond the facts of a finding, in words."""
    known = result.evidence
    source = known.get('source', instance.properties.source.value)
    return {
        'root': (_ROOT_VOLUME_IN_SPITE if instance.image_id
                 else _ROOT_VOLUME),
        'image': instance.image_id, 'created': _when(instance.created, '?'),
        'setting': _setting(known),
        'booted': BOOTED.get(source), 'at': _when(known.get('at'), '?'),
        'updated': _when(known.get('updated'), '?'),
        'asked': _when(known.get('asked')),
        'reason': (known.get('reason')
                   or pgettext('reason of a lock', 'none given')),
        'event': EVENTS.get(known.get('event'), known.get('event')),
        'up': words.duration(known.get('up', 0)),
        'hooks': words.listed(
            (_HOOK_DONE if good else _HOOK_FAILED) % words.plain(name)
            for name, good in known.get('hooks', {}).items()) or _NO_HOOKS,
        'read_on': READ_ON.get(source), 'source': _limit(known)}


def _limit(known):
    told = known.get('source') if known.get('limit') is not None else None
    return words.fill(LIMITS.get(told, ''), known)


def _setting(known):
    if known.get('value') is None:
        return _('%s is not set') % known.get('property')
    return '%s=%s' % (known.get('property'), known['value'])


def _when(moment, unknown=_('now')):
    return markup.age(moment) if moment else unknown


def in_short(finding: checklist.Finding) -> Text:
    """Return what stands in the way, in a word or two."""
    return FINDINGS[finding].short or CHECKS[finding.check].title


def links(result: checklist.Result, instance: facts.Instance
          ) -> list[remedies.Link]:
    """Return the :class:`remedies.Link` s that help with a finding."""
    made = [make(instance) for make in FINDINGS[result.finding].links]
    return list(filter(None, made))


def command(result: checklist.Result, instance: facts.Instance
            ) -> remedies.Command | None:
    """Return the :class:`remedies.Command` for a finding, or None."""
    make = FINDINGS[result.finding].command
    return make(instance, result.evidence) if make else None
