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

"""The guest kit in the forms in which a user takes it along."""

import base64
import gzip
import hashlib

from snapshot_panel import guest

# In the guest's memory: it is needed until the kit has installed itself.
PLACE = '/run/' + guest.SCRIPT
_WIDTH = 76

# Each file that can be downloaded, with what makes it.
FILES = {
    guest.SCRIPT: guest.script,
    'cloud-init.yaml': guest.user_data,
    guest.WINDOWS_CHECK: guest.windows_check,
    **{name: (lambda name=name: guest.hook(name)) for name in guest.HOOKS},
}


def block():
    """Return what a root shell takes to write the kit and install it.

    Short lines, and few of them, because they may go through a slow console.
    A character that is lost on the way fails gzip's own check, and then
    nothing is run.
    """
    packed = _packed(guest.script())
    lines = [packed[start:start + _WIDTH]
             for start in range(0, len(packed), _WIDTH)]
    return '\n'.join([
        "base64 -d <<'END-OF-KIT' | gzip -d >%s && sh %s install" % (
            PLACE, PLACE), *lines, 'END-OF-KIT', ''])


def user_data():
    """Return :func:`guest.user_data` packed, without the kit's comments.

    Horizon's form takes 16 KiB in its older series; the readable one is
    longer.
    """
    return '\n'.join([
        '#cloud-config', 'write_files:', '  - path: ' + PLACE,
        "    permissions: '0755'", '    encoding: gz+b64',
        '    content: ' + _packed(guest.bare_script()),
        'runcmd:', '  - [sh, %s, install]' % PLACE, ''])


def _packed(script):
    return base64.b64encode(gzip.compress(
        script.encode('utf-8'), mtime=0)).decode()


def digest():
    """Return the SHA-256 of the script, as sha256sum prints it."""
    return hashlib.sha256(guest.script().encode('utf-8')).hexdigest()


def hook_block(name, folder, number):
    """Return what a root shell takes to install a hook, in readable form.

    :param str folder: where the agent looks for hooks.
    :param int number: two digits; hooks run in the order of their names.
    """
    path = '%s/%s-%s' % (folder, number, name)
    return '\n'.join([
        'mkdir -p %s' % folder,
        "cat >%s <<'END-OF-HOOK'" % path,
        guest.hook(name).rstrip('\n'), 'END-OF-HOOK',
        'chmod 755 %s' % path, ''])
