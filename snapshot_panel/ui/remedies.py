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

"""What can be done about a finding: links to pages, and commands to copy."""

import typing

from django.urls import NoReverseMatch
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from snapshot_panel.consistency import adoption
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import commands
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.ui import systems
from snapshot_panel.ui import urls

Finding = checklist.Finding


class Link(typing.NamedTuple):
    """A page where something can be done about a finding."""

    code: str
    label: str
    url: str
    icon: str


class Command(typing.NamedTuple):
    """A command to copy, and where it is to be run."""

    where: str
    text: str


GUEST = _('In the guest, as root:')
CLOUD = _('With the openstack command:')


def image(instance):
    """Return the link to its image's properties, None without an image."""
    return instance.image_id and Link(
        'image', _('Properties of its image'),
        urls.reverse('image', instance.image_id), 'pencil')


def channel(instance):
    """Return the link to what gives its image the channel, likewise."""
    return instance.image_id and Link(
        'channel', _('Give new instances the channel…'),
        urls.preset(edits.Preset.READY.code, [instance.image_id]), 'pencil')


def setup(instance):
    return Link('setup', _('Guest setup'),
                urls.reverse('setup', instance.id), 'cog')


def fix(instance):
    """Return the link to the steps; on a volume they do not help."""
    if instance.volume_backed:
        return None
    return Link('fix', _('Make ready, step by step'),
                urls.reverse('fix', instance.id), 'list-alt')


def again(instance):
    return Link('again', _('Ask the guest again'), '%s?again=1' % urls.reverse(
        'instance', instance.id), 'refresh')


def _elsewhere(code, label, name, icon, *ids, query=''):
    """Return the link to a page of Horizon, None where it was removed."""
    try:
        url = reverse('horizon:project:' + name, args=ids)
    except NoReverseMatch:
        return None
    return Link(code, label, url + query, icon)


def actions(instance):
    return _elsewhere('actions', _('Actions of the instance'),
                      'instances:detail', 'server', instance.id)


def log(instance):
    return _elsewhere('log', _('Console log'), 'instances:detail', 'list-alt',
                      instance.id, query='?tab=instance_details__log')


def console(instance):
    return _elsewhere('console', _('Console'), 'instances:detail', 'desktop',
                      instance.id, query='?tab=instance_details__console')


def images(instance):
    return _elsewhere('images', _('Images of the project'), 'images:index',
                      'list-alt')


def volumes(instance):
    return _elsewhere('volumes', _('Volumes'), 'volumes:index', 'list-alt')


def copies(instance):
    return _elsewhere('copies', _('Volume snapshots'), 'snapshots:index',
                      'list-alt')


def _in_guest(*lines):
    return Command(GUEST, '\n'.join(lines))


def _in_cloud(*lines):
    return Command(CLOUD, '\n'.join(lines))


def awake(instance, evidence):
    verb = 'unpause' if instance.status == 'PAUSED' else 'resume'
    return _in_cloud(commands.on_instance(verb, instance.id))


# What ends a status in which no snapshot can be taken.
_WAYS_OUT = {
    'RESCUE': ('unrescue',),
    'SHELVED': ('unshelve',),
    'SHELVED_OFFLOADED': ('unshelve',),
    'SOFT_DELETED': ('restore',),
    'VERIFY_RESIZE': ('resize confirm', 'resize revert'),
    'ERROR': ('show --column fault', 'reboot --hard'),
}


def way_out(instance, evidence):
    verbs = _WAYS_OUT.get(instance.status)
    if not verbs:
        return None
    made = [commands.on_instance(verb, instance.id) for verb in verbs]
    # One after the other: whoever pastes all runs the first only.
    return _in_cloud(made[0], *['# %s' % other for other in made[1:]])


def on_instance(*verbs):
    return lambda instance, evidence: _in_cloud(
        *[commands.on_instance(verb, instance.id) for verb in verbs])


def guest(line):
    return lambda instance, evidence: _in_guest(line)


def rename(instance, evidence):
    # The dead name may be the one of a former snapshot, on an old cloud.
    return _in_cloud(
        commands.unset_property(instance.image_id, evidence['name']),
        commands.set_property(instance.image_id, evidence['right'], 'yes'),
    ) if instance.image_id else None


def unset(instance, evidence):
    return _in_cloud(commands.unset_metadata(instance.id, evidence['name']))


def port(instance, evidence):
    """Look for the channel, where the instance's system has a file for it."""
    name = systems.choose(None, instance.properties.values).port
    return _in_guest('ls -l ' + name) if name else None


JOURNAL = guest('journalctl -b -u qemu-guest-agent')


# Where the instance lacks a property that an image can give it.
_ADOPTED = (Finding.NO_CHANNEL, Finding.CHANNEL_TOO_LATE, Finding.DRIFT)


def ways(result: checklist.Result, instance: facts.Instance
         ) -> list[adoption.Adoption]:
    """Return the :class:`adoption.Adoption` s that resolve a finding."""
    wanted = result.evidence.get('wanted')
    if result.finding not in _ADOPTED or (
            # The missing channel has them already.
            result.finding is Finding.DRIFT
            and wanted.get(facts.AGENT_PROPERTY) == 'yes'):
        return []
    return adoption.ways(instance, wanted,
                         on_image=result.finding is not Finding.NO_CHANNEL)
