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

"""What the panel does, as commands for a shell, quoted."""

from collections.abc import Iterable
from collections.abc import Mapping
import shlex

from snapshot_panel.consistency import facts


def take(
        instance_id: str, name: str, extra: Iterable[tuple[str, str]] = ()
        ) -> str:
    """Return the command that takes a snapshot, without the panel's record.

    :param extra: (name, value) of each property to give to it.
    """
    # A name that begins with a dash would be taken for an option.
    named = ['--name=' + name] if name.startswith('-') else ['--name', name]
    for pair in extra:
        named += ['--property', '%s=%s' % tuple(pair)]
    return _line('openstack', 'server', 'image', 'create', '--wait', *named,
                 instance_id)


def restart(instance_id: str, name: str) -> list[str]:
    """Return the commands that stop, copy and start an instance."""
    status = _line('openstack', 'server', 'show', '-f', 'value', '-c',
                   'status', instance_id)
    return [_line('openstack', 'server', 'stop', instance_id),
            'until [ "$(%s)" = SHUTOFF ]; do sleep 5; done' % status,
            take(instance_id, name), start(instance_id)]


def start(instance_id: str) -> str:
    """Return the command that starts an instance."""
    return _line('openstack', 'server', 'start', instance_id)


def delete_images(image_ids: Iterable[str]) -> str:
    """Return the command that deletes images."""
    return _line('openstack', 'image', 'delete', *image_ids)


def show_seal(image_id: str) -> str:
    """Return the command that shows what is written on a snapshot."""
    return _line('openstack', 'image', 'show', '-f', 'json', '-c',
                 'properties', image_id)


def show_console(instance_id: str) -> str:
    """Return the command that shows the lines of the guest kit."""
    return '%s | grep -o %s' % (
        _line('openstack', 'console', 'log', 'show', instance_id),
        shlex.quote('consistency-witness .*'))


def set_property(image_id: str, name: str, value: str) -> str:
    """Return the command that sets one property of an image."""
    return _line('openstack', 'image', 'set', '--property',
                 '%s=%s' % (name, value), image_id)


def unset_property(image_id: str, name: str) -> str:
    """Return the command that removes one property of an image."""
    return _line('openstack', 'image', 'unset', '--property', name, image_id)


def unset_metadata(instance_id: str, name: str) -> str:
    """Return the command that removes a key of an instance's metadata."""
    return _line('openstack', 'server', 'unset', '--property', name,
                 instance_id)


def on_instance(verb: str, instance_id: str) -> str:
    """Return the command that starts, stops or unpauses an instance.

    :param verb: what to do, as ``openstack server`` calls it.
    """
    return _line('openstack', 'server', verb, instance_id)


def set_properties(image: str, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return the commands that give an image these properties.

    :param image: its id or its name.
    :param wanted: values by name.
    """
    return tuple(_line('openstack', 'image', 'set', '--property',
                       '%s=%s' % pair, *_named(image))
                 for pair in wanted.items())


def set_embedded(instance_id: str, wanted: Mapping[str, str]) -> str:
    """Return the operator's command that changes what was copied at boot.

    :param wanted: values of image properties by name.
    """
    options = [word for pair in wanted.items()
               for word in ('--property', '%s=%s' % pair)]
    return _line('nova-manage', 'image_property', 'set', *options,
                 instance_id)


def rebuild(instance_id: str, image_id: str) -> str:
    """Return the command that rebuilds an instance: its root disk is lost."""
    return _line('openstack', 'server', 'rebuild', '--wait', '--image',
                 image_id, instance_id)


def launch(image: str, instance: facts.Instance) -> str:
    """Return the command that launches a copy of an instance.

    :param image: the name of the image to launch it from.
    """
    networks = ['--network=' + name for name in instance.networks]
    return _line('openstack', 'server', 'create', '--wait',
                 '--image=' + image,
                 '--flavor=' + (instance.flavor or 'FLAVOR'),
                 *networks, *_named(instance.name))


def _named(name: str) -> tuple[str, ...]:
    # A name that begins with a dash would be taken for an option.
    return ('--', name) if name.startswith('-') else (name,)


def _line(*words: str) -> str:
    return ' '.join(shlex.quote(word) for word in words)
