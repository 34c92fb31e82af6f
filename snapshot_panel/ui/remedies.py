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
from snapshot_panel.consistency import facts

Finding = checklist.Finding
OURS = 'horizon:project:consistent_snapshots:'


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


def _image(instance):
    return Link('image', _('Properties of its image'),
                reverse(OURS + 'image', args=[instance.image_id]), 'pencil')


def _setup(instance):
    return Link('setup', _('Guest setup'),
                reverse(OURS + 'setup', args=[instance.id]), 'cog')


def _again(instance):
    return Link('again', _('Ask the guest again'), '%s?again=1' % reverse(
        OURS + 'instance', args=[instance.id]), 'refresh')


def _elsewhere(code, label, name, icon, *ids, query=''):
    """Return the link to a page of Horizon, None where it was removed."""
    try:
        url = reverse('horizon:project:' + name, args=ids)
    except NoReverseMatch:
        return None
    return Link(code, label, url + query, icon)


def _actions(instance):
    return _elsewhere('actions', _('Actions of the instance'),
                      'instances:detail', 'server', instance.id)


def _log(instance):
    return _elsewhere('log', _('Console log'), 'instances:detail', 'list-alt',
                      instance.id, query='?tab=instance_details__log')


def _images(instance):
    return _elsewhere('images', _('Images of the project'), 'images:index',
                      'list-alt')


def _volumes(instance):
    return _elsewhere('volumes', _('Volumes'), 'volumes:index', 'list-alt')


def _copies(instance):
    return _elsewhere('copies', _('Volume snapshots'), 'snapshots:index',
                      'list-alt')


# What each link makes needs the instance only.
_LINKS = {
    Finding.NEVER_FROZEN: (_actions,),
    Finding.NO_SNAPSHOT_STATE: (_actions,),
    Finding.LOCKED: (_actions,),
    Finding.QUOTA_IMAGES: (_images,),
    Finding.QUOTA_SIZE: (_images,),
    Finding.QUOTA_COPIES: (_copies,),
    Finding.QUOTA_COPIES_SIZE: (_copies, _volumes),
    Finding.QUOTA_METADATA: (_actions,),
    Finding.VOLUMES_LEFT_OUT: (_volumes,),
    Finding.VOLUMES_LEFT_OUT_UNNAMED: (_volumes,),
    Finding.VOLUMES_SHARED: (_volumes,),
    Finding.VOLUMES_UNNAMED: (_again,),
    Finding.NO_CHANNEL: (_image,),
    Finding.CHANNEL_LIKELY: (_setup,),
    Finding.CHANNEL_UNKNOWN: (_setup,),
    Finding.DRIFT: (_image,),
    Finding.DEAD_ON_IMAGE: (_image,),
    Finding.DEAD_ON_INSTANCE: (_image,),
    Finding.AGENT_STOPPED: (_setup,),
    Finding.AGENT_UNSEEN: (_setup,),
    Finding.AGENT_CONFLICT: (_log, _again),
    Finding.AGENT_NO_CONSOLE: (_again,),
    Finding.KIT_UNSEEN: (_setup,),
    Finding.FREEZE_UNPROVEN: (_log, _setup),
    Finding.FREEZE_TORN: (_volumes,),
    Finding.FREEZE_REFUSED: (_log, _setup),
    Finding.FREEZE_OPEN_END: (_log,),
    Finding.BACKEND_NEVER_FREEZES: (_actions,),
    Finding.STOP_HARD: (_actions,),
    Finding.STOP_UNKNOWN: (_actions,),
    Finding.STOP_LIMIT_UNKNOWN: (_actions,),
}


def links(result, instance):
    """Return the :class:`Link` s to where a finding can be mended."""
    made = [make(instance) for make in _LINKS.get(result.finding, ())
            if make is not _image or instance.image_id]
    return [link for link in made if link is not None]


def _in_guest(*lines):
    return Command(GUEST, '\n'.join(lines))


def _in_cloud(*lines):
    return Command(CLOUD, '\n'.join(lines))


def _awake(instance, evidence):
    verb = 'unpause' if instance.status == 'PAUSED' else 'resume'
    return _in_cloud(commands.on_instance(verb, instance.id))


def _on_instance(*verbs):
    return lambda instance, evidence: _in_cloud(
        *[commands.on_instance(verb, instance.id) for verb in verbs])


def _guest(line):
    return lambda instance, evidence: _in_guest(line)


def _rename(instance, evidence):
    # The dead name may be the one of a former snapshot, on an old cloud.
    return _in_cloud(
        commands.unset_property(instance.image_id, evidence['name']),
        commands.set_property(instance.image_id, evidence['right'], 'yes'),
    ) if instance.image_id else None


def _unset(instance, evidence):
    return _in_cloud(commands.unset_metadata(instance.id, evidence['name']))


_PORT = _guest('ls -l /dev/virtio-ports/org.qemu.guest_agent.0')
_JOURNAL = _guest('journalctl -b -u qemu-guest-agent')
_COMMANDS = {
    Finding.NEVER_FROZEN: _awake,
    Finding.LOCKED: _on_instance('unlock'),
    Finding.CHANNEL_LIKELY: _PORT,
    Finding.CHANNEL_UNKNOWN: _PORT,
    Finding.DEAD_ON_IMAGE: _rename,
    Finding.DEAD_ON_INSTANCE: _unset,
    Finding.AGENT_STOPPED: _guest('systemctl start qemu-guest-agent'),
    Finding.AGENT_CONFLICT: _guest('systemctl restart qemu-guest-agent'),
    Finding.FREEZE_UNPROVEN: _JOURNAL,
    Finding.FREEZE_TORN: _guest('lsblk'),
    Finding.FREEZE_REFUSED: _JOURNAL,
    Finding.FREEZE_OPEN_END: _guest('fsfreeze -u /'),
    Finding.BACKEND_NEVER_FREEZES: _on_instance('stop'),
    Finding.STOP_HARD: _on_instance('start'),
    Finding.STOP_UNKNOWN: _on_instance('start', 'stop'),
}


def command(result, instance):
    """Return the :class:`Command` that mends a finding, or None."""
    make = _COMMANDS.get(result.finding)
    return make(instance, result.evidence) if make else None


# Where the instance lacks a property that an image can give it.
_ADOPTED = (Finding.NO_CHANNEL, Finding.CHANNEL_TOO_LATE, Finding.DRIFT)


def ways(result, instance):
    """Return the :class:`adoption.Adoption` s that mend a finding."""
    wanted = result.evidence.get('wanted')
    if result.finding not in _ADOPTED or (
            # The missing channel has them already.
            result.finding is Finding.DRIFT
            and wanted.get(facts.AGENT_PROPERTY) == 'yes'):
        return []
    return adoption.ways(instance, wanted,
                         on_image=result.finding is not Finding.NO_CHANNEL)
