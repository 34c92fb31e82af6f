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

import shlex


def take(instance_id, name, extra=()):
    """Return the command that takes a snapshot, without its evidence.

    :param extra: (name, value) of each property to give to it.
    """
    # A name that begins with a dash would be taken for an option.
    named = ['--name=' + name] if name.startswith('-') else ['--name', name]
    for pair in extra:
        named += ['--property', '%s=%s' % tuple(pair)]
    return _line('openstack', 'server', 'image', 'create', '--wait', *named,
                 instance_id)


def restart(instance_id, name):
    """Return the commands that stop, copy and start an instance."""
    status = _line('openstack', 'server', 'show', '-f', 'value', '-c',
                   'status', instance_id)
    return [_line('openstack', 'server', 'stop', instance_id),
            'until [ "$(%s)" = SHUTOFF ]; do sleep 5; done' % status,
            take(instance_id, name), start(instance_id)]


def start(instance_id):
    """Return the command that starts an instance."""
    return _line('openstack', 'server', 'start', instance_id)


def delete_images(image_ids):
    """Return the command that deletes images."""
    return _line('openstack', 'image', 'delete', *image_ids)


def show_seal(image_id):
    """Return the command that shows what is written on a snapshot."""
    return _line('openstack', 'image', 'show', '-f', 'json', '-c',
                 'properties', image_id)


def show_console(instance_id):
    """Return the command that shows the guest's witnesses."""
    return '%s | grep -o %s' % (
        _line('openstack', 'console', 'log', 'show', instance_id),
        shlex.quote('consistency-witness .*'))


def set_property(image_id, name, value):
    """Return the command that sets one property of an image."""
    return _line('openstack', 'image', 'set', '--property',
                 '%s=%s' % (name, value), image_id)


def unset_property(image_id, name):
    """Return the command that removes one property of an image."""
    return _line('openstack', 'image', 'unset', '--property', name, image_id)


def unset_metadata(instance_id, name):
    """Return the command that removes a key of an instance's metadata."""
    return _line('openstack', 'server', 'unset', '--property', name,
                 instance_id)


def on_instance(verb, instance_id):
    """Return the command that starts, stops, unpauses... an instance."""
    return _line('openstack', 'server', verb, instance_id)


def set_properties(image, wanted):
    """Return the commands that give an image these properties, as a tuple.

    :param str image: its id or its name.
    :param wanted: values by name.
    """
    return tuple(_line('openstack', 'image', 'set', '--property',
                       '%s=%s' % pair, *_named(image))
                 for pair in wanted.items())


def set_embedded(instance_id, wanted):
    """Return the operator's command that changes what was copied at boot."""
    options = [word for pair in wanted.items()
               for word in ('--property', '%s=%s' % pair)]
    return _line('nova-manage', 'image_property', 'set', *options,
                 instance_id)


def rebuild(instance_id, image_id):
    """Return the command that reads the image again: the disk is lost."""
    return _line('openstack', 'server', 'rebuild', '--wait', '--image',
                 image_id, instance_id)


def launch(image, instance):
    """Return the command that launches a copy of an instance.

    :param str image: the name of the image to launch it from.
    :param instance: a :class:`facts.Instance`.
    """
    networks = ['--network=' + name for name in instance.networks]
    return _line('openstack', 'server', 'create', '--wait',
                 '--image=' + image,
                 '--flavor=' + (instance.flavor or 'FLAVOR'),
                 *networks, *_named(instance.name))


def _named(name):
    # A name that begins with a dash would be taken for an option.
    return ('--', name) if name.startswith('-') else (name,)


def _line(*words):
    return ' '.join(shlex.quote(word) for word in words)
