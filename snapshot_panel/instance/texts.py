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

"""The words of an instance's page."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.utils.translation import pgettext_lazy

from snapshot_panel.consistency import journey
from snapshot_panel.consistency import schedules
from snapshot_panel import disk
from snapshot_panel.ui import disks
from snapshot_panel.ui.words import Badge

Light = journey.Light
Period = schedules.Period
Step = journey.Step

# Title, and what happens there.
STEPS = {
    Step.API: (_('Request'), _(
        'The compute service accepts the request and registers an image.')),
    Step.NOVA: (_('Compute service'), _(
        'It hands the work to the host that the instance runs on.')),
    Step.LIBVIRT: (_('Hypervisor'), _(
        'It begins to copy the disk and calls the guest’s agent through '
        'the channel.')),
    Step.FREEZE: (_('Guest: hooks and freeze'), _(
        'The agent runs the application hooks, then the file systems write '
        'everything to the disk and stand still.')),
    Step.COPY: (pgettext_lazy('step of a snapshot', 'Copy'), _(
        'The copy of the disk is brought to this one moment.')),
    Step.THAW: (_('Guest: thaw'), _(
        'The file systems go on. A guest with the kit tells on its console '
        'how long they stood still.')),
    Step.UPLOAD: (pgettext_lazy('step of a snapshot', 'Upload'), _(
        'The copy is written to the image service.')),
    Step.VERDICT: (_('Verdict'), _(
        'The panel reads the disk in the image and what the guest told, and '
        'writes the verdict on the image.')),
}

# What is different where Nova copies volumes (``snapshot_volume_backed``).
STEPS_ON_VOLUMES = {
    **STEPS,
    Step.LIBVIRT: (_('Hypervisor'), _(
        'It calls the guest’s agent through the channel.')),
    Step.COPY: (pgettext_lazy('step of a snapshot', 'Copy'), _(
        'The block storage service makes a snapshot of each attached '
        'volume.')),
    Step.UPLOAD: (_('Image'), _(
        'The image service keeps the list of the volume snapshots; no data '
        'goes there.')),
    Step.VERDICT: (_('Verdict'), _(
        'The panel reads what the guest told, and writes the verdict on the '
        'image.')),
}

LIGHTS = {
    Light.CLEAR: Badge(pgettext_lazy('step of a snapshot', 'Clear'),
                       'check', 'success'),
    Light.NOTED: Badge(pgettext_lazy('step of a snapshot',
                                     'Clear, with a warning'),
                       'exclamation-triangle', 'warning'),
    Light.BLOCKED: Badge(pgettext_lazy('step of a snapshot', 'Blocked'),
                         'times-circle', 'danger'),
    Light.DOUBTFUL: Badge(pgettext_lazy('step of a snapshot', 'Doubtful'),
                          'question-circle', 'warning'),
    Light.UNCHECKED: Badge(pgettext_lazy('step of a snapshot',
                                         'Nothing to check before'),
                           'minus', 'default'),
    Light.UNNEEDED: Badge(pgettext_lazy('step of a snapshot',
                                        'Not needed: shut off'),
                          'minus', 'default'),
    Light.DONE: Badge(pgettext_lazy('step of a snapshot', 'Done'),
                      'check', 'success'),
    Light.OVER: Badge(pgettext_lazy('step of a snapshot',
                                    'Over: proof still to be read'),
                      'question-circle', 'default'),
    Light.NOW: Badge(pgettext_lazy('step of a snapshot', 'Now'),
                     'play', 'info'),
    Light.AHEAD: Badge(pgettext_lazy('step of a snapshot', 'Ahead'),
                       'calendar', 'default'),
}

COMMANDS = {
    'take': _('Take a snapshot (judged by its disk alone)'),
    'console': _('Read what the guest witnessed'),
    'seal': _('Read the verdict and its evidence on the newest snapshot'),
    'channel': _('Give the instances that will be launched from its image '
                 'the channel'),
}

SCHEDULE_TELL = _('Tell the panel and the judge')
SCHEDULE_SAVE = _('Save the command on a machine that has the openstack '
                  'client and clouds.yaml')
SCHEDULE_CRON = _('With cron, add this line (crontab -e)')
SCHEDULE_TIMER = _('Or with a systemd timer')
# Of the workflow service.
ENGINE = {
    Period.DAILY: ngettext_lazy(
        'Daily; the last %(keep)d proven consistent is kept.',
        'Daily; the last %(keep)d proven consistent are kept.', 'keep'),
    Period.WEEKLY: ngettext_lazy(
        'Weekly; the last %(keep)d proven consistent is kept.',
        'Weekly; the last %(keep)d proven consistent are kept.', 'keep')}
ENGINE_ZONE = _('In your time zone, %(zone)s. Where that has summer time, it '
                'moves by an hour then.')
ENGINE_NO_REASON = _('The service does not say why.')

# What the last snapshot showed of a step.
LAST_STALL = _('The last one stood still for %s s.')
LAST_TOOK = _('The last one was made in %s s at most.')
LAST_VERDICT = _('The last one: %s.')

RULE = _('rule %s')
FROZEN = _('%(path)s stood still for %(stall)s s')
HOOK_DONE = _('hook %s succeeded')
HOOK_FAILED = _('hook %s failed')
VOLUMES = ngettext_lazy('%(count)d volume snapshot',
                        '%(count)d volume snapshots', 'count')
# What of the instance is not in an image.
PATH_LEFT_OUT = _('not in this image: %(path)s, on %(disk)s')
LEFT_OUT = {
    'volumes': ngettext_lazy('not in this image: %(count)d attached volume',
                             'not in this image: %(count)d attached volumes',
                             'count'),
    'ephemeral': _('not in this image: the ephemeral disk (%(count)d GiB)'),
    'swap': _('not in this image: the swap disk (%(count)d MiB)'),
}
CONTRADICTS = _('the guest witnessed otherwise (rule %s), which is an error: '
                'tell the operator')
OPERATOR = _('Ask the operator for the log of nova-compute about the image '
             '%(image)s and the instance %(instance)s.')
WITNESS = _('boot %(boot)s, witness %(seq)s')

# What a proof is made of. A service's clock is named, because no two agree.
PROOF_ASKED = pgettext_lazy('part of a proof', 'Asked for')
PROOF_HOOKS = _('Application hooks')
PROOF_FREEZE = pgettext_lazy('part of a proof', 'Freeze')
PROOF_THAW = pgettext_lazy('part of a proof', 'Thaw')
PROOF_UPLOAD = _('Image')
PROOF_DISK = _('What its disk says')
PROOF_VERDICT = _('Verdict')

ASKED_BY = _('by %s, with this panel')
ASKED_STATE = _('The instance was: %s.')
ASKED_ELSEWHERE = _('Not with this panel, so nobody noted who asked. The time '
                    'is that of the image’s registration.')
STOOD_STILL_AT_MOST = _('The guest went on after %s s at most.')
NOT_STILL = _('not seen to stand still: %s')
HOOK_REFUSED = _('hook %s refused the freeze')
UPLOADED = _('By the image service’s clock, at the latest.')
VANISHED = _('The image is gone. The time is when that was noticed.')
SEALED = _('Written on the image at this time at the latest.')
NOT_SEALED = _('Not written on the image yet.')

FACTS = {
    'noted': Badge(pgettext_lazy('part of a proof', 'Noted'), 'check',
                   'success'),
    'witnessed': Badge(pgettext_lazy('part of a proof',
                                     'Witnessed by the guest'), 'check',
                       'success'),
    'against': Badge(pgettext_lazy('part of a proof',
                                   'The guest says otherwise'),
                     'times-circle', 'danger'),
    'unneeded': LIGHTS[Light.UNNEEDED],
    'silent': Badge(pgettext_lazy('part of a proof', 'Not reported'),
                    'minus', 'default'),
    'whole': Badge(pgettext_lazy('part of a proof', 'Complete'), 'check',
                   'success'),
    'gone': Badge(pgettext_lazy('part of a proof', 'Gone'), 'times-circle',
                  'danger'),
    'unfinished': Badge(pgettext_lazy('part of a proof', 'Not finished'),
                        'refresh', 'info'),
    'unread': Badge(pgettext_lazy('part of a proof', 'Not read'), 'minus',
                    'default'),
}
DISK = {
    disk.Word.AT_REST: Badge(disks.WORDS[disk.Word.AT_REST], 'check',
                             'success'),
    disk.Word.IN_USE: Badge(disks.WORDS[disk.Word.IN_USE],
                            'exclamation-triangle', 'warning'),
    disk.Word.DAMAGED: Badge(disks.WORDS[disk.Word.DAMAGED], 'times-circle',
                             'danger'),
    disk.Word.CANNOT_TELL: Badge(disks.WORDS[disk.Word.CANNOT_TELL],
                                 'question-circle', 'default'),
}

MARK = _('%(name)s: %(verdict)s')
MARK_AFTER = _('%s after the one before')
MARK_STILL = _('stood still for %s s')
