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

"""The sentences of the image pages."""

import html

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import images
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import records
from snapshot_panel.ui import urls
from snapshot_panel.ui import words

Effect = edits.Effect
Flaw = properties.Flaw
Lock = properties.Lock
Preset = edits.Preset

SCOPES = {
    images.OWN: _('Images of this project'),
    images.SNAPSHOTS: _('Its snapshots'),
    images.SHARED: _('Shared with us'),
    images.PUBLIC: pgettext_lazy('images', 'Public'),
    images.COMMUNITY: _('Of the community'),
}

# By the name of the page, the way back to a list.
LISTS = {
    'images': _('All images'),
    'image_snapshots': _('All snapshots'),
}

# Why a list is empty; what to do, and the page to do it on.
EMPTY = {
    images.OWN: (_('This project has no images of its own.'), _('Create one'),
                 'horizon:project:images:index'),
    images.SNAPSHOTS: (_('No snapshots yet.'), _('Take one'),
                       urls.name('index')),
    images.SHARED: (_('No image is shared with this project.'), '', ''),
    images.PUBLIC: (_('This cloud has no public images.'), '', ''),
    images.COMMUNITY: (_('The community has no images.'), '', ''),
}

# What Glance calls the status of an image, in words.
STATUSES = {
    'active': pgettext_lazy('status of an image', 'Active'),
    'queued': pgettext_lazy('status of an image', 'Queued'),
    'saving': pgettext_lazy('status of an image', 'Being saved'),
    'importing': pgettext_lazy('status of an image', 'Being imported'),
    'uploading': pgettext_lazy('status of an image', 'Being uploaded'),
    'killed': pgettext_lazy('status of an image', 'Given up'),
    'deactivated': pgettext_lazy('status of an image',
                                 'Deactivated by the operator'),
}

# What a property is.
TITLES = {
    facts.AGENT_PROPERTY: _('Channel to the guest agent'),
    facts.QUIESCE_PROPERTY: _('Required quiescing'),
    'os_type': _('Kind of operating system'),
    'os_distro': _('Distribution'),
    'os_version': _('Version of the operating system'),
    'os_admin_user': _('Administrator in the guest'),
    'hw_disk_bus': _('Disk bus'),
    'hw_scsi_model': _('SCSI controller'),
    facts.SHUTDOWN_TIMEOUT_PROPERTY: _('Time to shut down'),
}

# What it does. The cloud's own help stands beside it, as its own.
HELP = {
    'os_type': _('Decides how the disks of an instance are prepared.'),
    'os_distro': _('As libosinfo has it: debian, ubuntu, rocky, …'),
    'os_version': _('For example 12, 24.04 or 9.4.'),
    'os_admin_user': _('For example debian, cloud-user or Administrator.'),
    'hw_disk_bus': _('A guest without a driver for it does not boot.'),
    'hw_scsi_model': _('For disks it needs hw_disk_bus=scsi.'),
}

_CHANNEL = _('New instances get the channel; the agent has to be in the '
             'guest.')

# What users are surprised by, said instead.
NOTES = {
    facts.AGENT_PROPERTY: _CHANNEL,
    facts.QUIESCE_PROPERTY: _(
        'On volumes, a snapshot is refused unless the guest freezes. '
        'Elsewhere it does nothing.'),
    facts.SHUTDOWN_TIMEOUT_PROPERTY: _(
        'In seconds. A guest that is not down by then is powered off hard.'),
}

EFFECTS = {
    Effect.ADDED: words.Badge(pgettext_lazy('change of a property', 'Added'),
                              'plus', 'success'),
    Effect.CHANGED: words.Badge(
        pgettext_lazy('change of a property', 'Changed'), 'pencil', 'info'),
    Effect.REMOVED: words.Badge(
        pgettext_lazy('change of a property', 'Removed'), 'minus',
        'warning'),
}

LOCKS = {
    Lock.SEAL: _('The verdict on this snapshot. Nobody edits it here.'),
    Lock.SERVICES: _('Written by another service, which reads it again.'),
    Lock.SCHEMA: _('Belongs to the image service.'),
    Lock.PENDING: _('The verdict on this snapshot is still being made and '
                    'rests on it. Try again once it is there.'),
}

FLAWS = {
    Flaw.NAME_MISSING: _('A property needs a name.'),
    Flaw.NAME_LONG: _('A name has at most %(name_limit)s characters.'),
    Flaw.NAME_EDGES: _('A name does not begin or end with a space.'),
    Flaw.NAME_CONTROL: _('This name has a character that cannot be '
                         'printed.'),
    Flaw.NAME_EQUALS: _('A name does not hold “=”: the openstack command '
                        'could not name it.'),
    Flaw.NAME_RESERVED: _('This name is reserved: it belongs to the image '
                          'itself, to a service, or to a verdict.'),
    Flaw.NAME_TWICE: _('The image has this property already, or there is a '
                       'field for it above.'),
    Flaw.VALUE_LONG: _('A value has at most %(value_limit)s bytes.'),
    Flaw.VALUE_NUL: _('This value has a character that cannot be stored.'),
    Flaw.FOUR_BYTES: _('The image service does not take characters such as '
                       'emoji.'),
    Flaw.NOT_A_CHOICE: _('Allowed are: %(choices)s.'),
    Flaw.NOT_A_NUMBER: _('This is not a number.'),
    Flaw.NOT_A_FLAG: _('Write true or false.'),
    Flaw.OUT_OF_RANGE: _('Allowed are numbers from %(lowest)s to '
                         '%(highest)s.'),
    Flaw.NO_EQUALS: _('Write it as name=value.'),
    Flaw.NAME_REPEATED: _('This name is there twice.'),
    Flaw.NAME_FOR_NOVA: _('With a snapshot the compute service takes names '
                          'of plain letters, digits, spaces and “-_:.” '
                          'only. Set it on the image afterwards.'),
    Flaw.VALUE_FOR_NOVA: _('With a snapshot the compute service takes values '
                           'of at most %(nova_limit)s characters. Set it on '
                           'the image afterwards.'),
}

# The same where there is no other end.
AT_LEAST = _('Allowed are numbers from %(lowest)s.')
AT_MOST = _('Allowed are numbers up to %(highest)s.')

PRESETS = {
    Preset.READY: _('Give new instances the channel'),
    Preset.STRICT: _('The channel, and refuse what cannot freeze'),
}
PRESET_HELP = {
    Preset.READY: _CHANNEL,
    Preset.STRICT: _(
        'On volumes, no snapshot without a freeze.'),
}


def flaw(which, definition=None):
    """Return the sentence about a :class:`properties.Flaw`.

    :param definition: the :class:`properties.Definition`, if any.
    """
    values = {'name_limit': properties.NAME_LIMIT,
              'value_limit': properties.VALUE_LIMIT,
              'nova_limit': records.METADATA_LIMIT}
    if definition is not None:
        values.update(choices=definition.choices, lowest=definition.lowest,
                      highest=definition.highest)
    return words.fill(_flaw(which, definition), values)


def _flaw(which, definition):
    if which is not Flaw.OUT_OF_RANGE or definition is None:
        return FLAWS[which]
    if definition.highest is None:
        return AT_LEAST
    return AT_MOST if definition.lowest is None else FLAWS[which]


def refusal(problem):
    """Return the sentence about a :class:`errors.CloudError` of an image."""
    if isinstance(problem, errors.InUse):
        return words.error(problem)
    if isinstance(problem, errors.Forbidden):
        return _('The image service does not let you: your role in this '
                 'project does not allow it, the image belongs to another '
                 'project, or the operator protects a property.')
    if isinstance(problem, errors.OverLimit):
        return _('The image would have more properties than the operator '
                 'allows. Remove what nobody needs.')
    if isinstance(problem, errors.Refused):
        return _('The image service does not accept it.')
    if isinstance(problem, errors.Conflict):
        return _('The image was changed meanwhile, or its state does not '
                 'allow it. Look again.')
    return words.error(problem)


def reason(problem):
    """Return what the service itself said, as plain (untrusted) text."""
    # Glance escapes it for a page of its own.
    return html.unescape(problem.reason)


READER = _('Your role may look at images and not change them. Ask for the '
           'role “member”.')
FOREIGN = _('This image belongs to another project, so only that project or '
            'the operator can change it. An image of your own can be had: '
            'launch an instance from it and take a snapshot.')
