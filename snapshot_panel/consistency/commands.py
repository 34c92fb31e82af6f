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
    named = _option('--name', name)
    for pair in extra:
        named += _property('%s=%s' % tuple(pair))
    return line('openstack', 'server', 'image', 'create', '--wait', *named,
                instance_id)


def set_metadata(instance_id: str, name: str, value: str) -> str:
    """Return the command that sets a key of an instance's metadata."""
    return line('openstack', 'server', 'set',
                *_property('%s=%s' % (name, value)), instance_id)


def save_scheduled(instance_id: str, name: str, mark: str) -> str:
    """Return what saves a script that takes a snapshot, named by its time.

    Cron and systemd quote each in its own way, so neither gets more than
    the name of the file.

    :param name: what the image's name begins with, printable.
    :param mark: the property that is given the instance and the time.
    """
    return '\n'.join((
        'cat > "$HOME"/%s <<\'END\'' % _script(instance_id),
        '#!/bin/sh -e',
        'export OS_CLOUD="${OS_CLOUD:-openstack}"',
        'at="$(date -u +%Y%m%dT%H%M%SZ)"',
        'openstack server image create --name=%s-"$at" --property %s=%s/"$at" '
        '%s' % (quote(name), quote(mark), quote(instance_id),
                quote(instance_id)),
        'END'))


def cron(instance_id: str, hour: int, weekly: bool) -> str:
    """Return the line of a crontab that runs the script of a schedule."""
    return '0 %d * * %s sh "$HOME"/%s' % (
        hour, '0' if weekly else '*', _script(instance_id))


def timer(instance_id: str, hour: int, weekly: bool) -> str:
    """Return what makes systemd run the script of a schedule."""
    unit = '"$HOME"/.config/systemd/user/snapshot-%s' % quote(instance_id)
    return '\n'.join((
        'mkdir -p "$HOME"/.config/systemd/user',
        "cat > %s.service <<'END'" % unit,
        '[Service]',
        'Type=oneshot',
        'ExecStart=/bin/sh %%h/%s' % _script(instance_id),
        'END',
        "cat > %s.timer <<'END'" % unit,
        '[Timer]',
        'OnCalendar=%s*-*-* %02d:00:00' % ('Sun ' if weekly else '', hour),
        'Persistent=true',
        '[Install]',
        'WantedBy=timers.target',
        'END',
        'systemctl --user daemon-reload',
        'systemctl --user enable --now snapshot-%s.timer' % quote(instance_id),
        'loginctl enable-linger'))


def end_timer(instance_id: str) -> str:
    """Return the command that ends what :func:`timer` began."""
    return 'systemctl --user disable --now snapshot-%s.timer' % quote(
        instance_id)


def _script(instance_id: str) -> str:
    return quote('snapshot-%s.sh' % instance_id)


def restart(instance_id: str, name: str) -> list[str]:
    """Return the commands that stop, copy and start an instance."""
    status = line('openstack', 'server', 'show', '-f', 'value', '-c',
                  'status', instance_id)
    return [line('openstack', 'server', 'stop', instance_id),
            'until [ "$(%s)" = SHUTOFF ]; do sleep 5; done' % status,
            take(instance_id, name), start(instance_id)]


def start(instance_id: str) -> str:
    """Return the command that starts an instance."""
    return line('openstack', 'server', 'start', instance_id)


def delete_images(image_ids: Iterable[str]) -> str:
    """Return the command that deletes images."""
    return line('openstack', 'image', 'delete', *image_ids)


def show_seal(image_id: str) -> str:
    """Return the command that shows what is written on a snapshot."""
    return line('openstack', 'image', 'show', '-f', 'json', '-c',
                'properties', image_id)


def show_console(instance_id: str) -> str:
    """Return the command that shows the lines of the guest kit."""
    return '%s | grep -o %s' % (
        line('openstack', 'console', 'log', 'show', instance_id),
        quote('consistency-witness .*'))


def set_property(image_id: str, name: str, value: str) -> str:
    """Return the command that sets one property of an image."""
    return line('openstack', 'image', 'set',
                *_property('%s=%s' % (name, value)), image_id)


def unset_property(image_id: str, name: str) -> str:
    """Return the command that removes one property of an image."""
    return line('openstack', 'image', 'unset', *_property(name), image_id)


def unset_metadata(instance_id: str, name: str) -> str:
    """Return the command that removes a key of an instance's metadata."""
    return line('openstack', 'server', 'unset', *_property(name),
                instance_id)


def on_instance(verb: str, instance_id: str) -> str:
    """Return the command that starts, stops or unpauses an instance.

    :param verb: what to do, as ``openstack server`` calls it, in one word or
        several.
    """
    return line('openstack', 'server', *verb.split(), instance_id)


def set_properties(image: str, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return the commands that give an image these properties.

    :param image: its id or its name.
    :param wanted: values by name.
    """
    return tuple(line('openstack', 'image', 'set',
                      *_property('%s=%s' % pair), *_named(image))
                 for pair in wanted.items())


def show_properties(image: str) -> str:
    """Return the command that shows all properties of an image."""
    return line('openstack', 'image', 'show', '-f', 'value', '-c',
                'properties', *_named(image))


def change_properties(image_id: str, wanted: Mapping[str, str],
                      unwanted: Iterable[str]) -> list[str]:
    """Return the commands that set and remove properties of an image.

    :param wanted: values by name.
    :param unwanted: names.
    """
    sets = [word for pair in wanted.items()
            for word in _property('%s=%s' % pair)]
    unsets = [word for name in unwanted for word in _property(name)]
    return [line('openstack', 'image', verb, *options, image_id)
            for verb, options in (('set', sets), ('unset', unsets))
            if options]


def set_embedded(instance_id: str, wanted: Mapping[str, str]) -> str:
    """Return the operator's command that changes what was copied at boot.

    :param wanted: values of image properties by name.
    """
    options = [word for pair in wanted.items()
               for word in _property('%s=%s' % pair)]
    return line('nova-manage', 'image_property', 'set', *options,
                instance_id)


def rebuild(instance_id: str, image_id: str) -> str:
    """Return the command that rebuilds an instance: its root disk is lost."""
    return line('openstack', 'server', 'rebuild', '--wait', '--image',
                image_id, instance_id)


def launch(image: str, instance: facts.Instance) -> str:
    """Return the command that launches a copy of an instance.

    :param image: the name of the image to launch it from.
    """
    networks = ['--network=' + network for network
                in instance.network_ids or instance.networks]
    groups = ['--security-group=' + name for name in instance.security_groups]
    key = ['--key-name=' + instance.key_name] if instance.key_name else []
    return line('openstack', 'server', 'create', '--wait',
                '--image=' + image,
                '--flavor=' + (instance.flavor or 'FLAVOR'),
                *networks, *groups, *key, *_named(instance.name))


def _named(name: str) -> tuple[str, ...]:
    # A name that begins with a dash would be taken for an option.
    return ('--', name) if name.startswith('-') else (name,)


def _option(option: str, value: str) -> list[str]:
    # A value that begins with a dash would be taken for another option.
    if value.startswith('-'):
        return ['%s=%s' % (option, value)]
    return [option, value]


def _property(value: str) -> list[str]:
    return _option('--property', value)


def line(*words: str) -> str:
    """Return a command of these words, each quoted."""
    return ' '.join(quote(word) for word in words)


def quote(word: str) -> str:
    r"""Return a word as a shell takes it, without a control character.

    Pasted as they are, some of them would act on the terminal, and a line
    end would run what stands before it. Bash, Zsh and Ksh know how they are
    written here: ``$'a\x0ab'``. The same goes for what does not show or
    turns the direction of the text. No argument can hold NUL, so it becomes
    a replacement character.
    """
    if word.isprintable():
        return shlex.quote(word)
    return "$'%s'" % ''.join(map(_escaped, word.replace('\0', '\ufffd')))


def _escaped(character: str) -> str:
    if character in "'\\":
        return '\\' + character
    if character.isprintable():
        return character
    return ''.join('\\x%02x' % byte for byte in character.encode(
        errors='surrogatepass'))
