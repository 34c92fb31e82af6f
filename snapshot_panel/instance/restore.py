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

"""What to choose in Horizon's dialog, to have an instance once more.

The dialog takes the image that it begins with, and nothing else: its own
code chooses all the rest again each time that it opens.
"""

import typing

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from snapshot_panel.cloud import errors
from snapshot_panel.ui import words


# With a context, because series of Horizon differ in what they call it in
# Russian, and ours would come before theirs on their own pages.
FLAVOR = pgettext_lazy('of an instance', 'Flavor')


class Choice(typing.NamedTuple):
    """One thing to choose: what the old instance has, and what to do."""

    title: str
    values: typing.Sequence[str]
    hint: str = ''


def choices(instance, volumes, image):
    """Return a :class:`Choice` for each thing that the dialog asks for.

    :param volumes: as :func:`volumes.of_instance` returns them.
    :param image: the snapshot.
    """
    made = [
        Choice(FLAVOR, [instance.flavor]),
        Choice(_('Networks'), [
            _('%(network)s: %(addresses)s') % {
                'network': name, 'addresses': words.listed(addresses)}
            if addresses else name
            for name, addresses in instance.addresses.items()],
            _('The new instance gets other addresses. To keep one, choose a '
              'port that has it: it is free once the old instance is '
              'deleted or its interface is detached.')),
        Choice(_('Security groups'), instance.security_groups),
        Choice(_('Key pair'), [instance.key_name],
               _('It opens the new instance only where the guest still '
                 'takes it.')),
        Choice(_('Volumes'), volume_lines(volumes), _volume_hint(image)),
    ]
    return [each._replace(values=list(filter(None, each.values)))
            for each in made if any(each.values)]


def volume_lines(volumes):
    """Return the name and size of each volume, or why nobody knows.

    :param volumes: as :func:`volumes.of_instance` returns them.
    """
    if isinstance(volumes, errors.CloudError):
        return [words.say(volumes)]
    return [_('%(name)s (%(size)s GiB)') % {
        'name': volume.name or volume.id, 'size': volume.size}
        for volume in volumes]


def _volume_hint(image):
    if image.volume_backed:
        return _('The snapshot holds copies of them: the new instance gets '
                 'new volumes.')
    return _('They are not in the snapshot. Attach them once the new '
             'instance runs.')
