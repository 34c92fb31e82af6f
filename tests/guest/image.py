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

"""The disk of the guest that the kit is tested in.

A small Debian without the agent, made from the packages of the mirror that
this machine's own apt uses, and kept in a cache folder. The agent's packages
lie inside the guest in a repository of its own, so that the kit installs
them with apt although the guest has no network.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess

CACHE = pathlib.Path(os.environ.get('GUEST_CACHE', '.demo/guest')).resolve()

SUITE = 'bookworm'
PACKAGES = ('linux-image-cloud-amd64', 'systemd-sysv', 'udev', 'dbus',
            'xfsprogs', 'dosfstools',
            # Its initrd then finds a root on LVM too (tests/truth).
            'lvm2')
# Nobody reads these there, and every snapshot would carry them.
UNREAD = ('doc', 'info', 'locale', 'man')
ROOT_SIZE = '900M'

# A root shell for the tests on a channel of its own. It must work while the
# guest's file systems are frozen, so it writes to /run alone.
_SHELL = '''#!/bin/sh
exec 3<>/dev/virtio-ports/test.shell
while :; do
    # Nobody is connected: try again.
    read -r request <&3 || { sleep 0.2; continue; }
    echo "$request" | base64 -d >/run/test-request
    setsid sh /run/test-request >/run/test-output 2>&1 </dev/null
    status=$?
    echo "$status $(base64 -w0 /run/test-output)" >&3
done
'''

_SHELL_UNIT = '''[Unit]
BindsTo=dev-virtio\\x2dports-test.shell.device
After=dev-virtio\\x2dports-test.shell.device
[Service]
ExecStart=/srv/test-shell
StandardOutput=null
StandardError=null
KillMode=process
Restart=always
'''

_SHELL_RULE = '''SUBSYSTEM=="virtio-ports", ATTR{name}=="test.shell", \
SYMLINK+="virtio-ports/test.shell", TAG+="systemd", \
ENV{SYSTEMD_WANTS}="test-shell.service"
'''

_FILES = {
    'srv/test-shell': _SHELL,
    'etc/systemd/system/test-shell.service': _SHELL_UNIT,
    'etc/udev/rules.d/99-test-shell.rules': _SHELL_RULE,
    'etc/fstab': '/dev/vda / ext4 rw 0 1\n',
    'etc/hostname': 'guest\n',
    'etc/apt/sources.list': 'deb [trusted=yes] file:/srv/repository ./\n',
}


def build():
    """Return the folder with ``disk.raw``, ``vmlinuz`` and ``initrd.img``."""
    done = CACHE / _fingerprint()
    if not done.exists():
        # Renamed at the end: what is half done never looks finished.
        work = CACHE / 'new'
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _build_in(work)
        work.rename(done)
    return done


def _fingerprint():
    source = pathlib.Path(__file__).read_bytes()
    return hashlib.sha256(source).hexdigest()[:12]


def _build_in(work):
    root = work / 'root'
    root.mkdir()
    archive = work / 'root.tar'
    _run('mmdebstrap', '--quiet', '--variant=minbase',
         f'--include={",".join(PACKAGES)}',
         *(f'--dpkgopt=path-exclude=/usr/share/{name}/*' for name in UNREAD),
         # What came for the guest itself is not for its repository.
         '--customize-hook=chroot "$1" apt-get clean',
         '--customize-hook=chroot "$1" apt-get install --yes --quiet'
         ' --no-install-recommends --download-only qemu-guest-agent',
         '--customize-hook=mkdir "$1/srv/repository"',
         '--customize-hook=mv "$1"/var/cache/apt/archives/*.deb'
         ' "$1/srv/repository/"',
         SUITE, str(archive))
    _run('tar', '-C', str(root), '-xf', str(archive))
    archive.unlink()
    for name, text in _FILES.items():
        (root / name).write_text(text)
    (root / 'srv/test-shell').chmod(0o755)
    _index(root / 'srv/repository')
    for name in ('vmlinuz', 'initrd.img'):
        shutil.copy((root / name).resolve() if not (root / name).is_symlink()
                    else root / os.readlink(root / name), work / name)
    _run('mke2fs', '-q', '-t', 'ext4', '-d', str(root),
         str(work / 'disk.raw'), ROOT_SIZE)
    shutil.rmtree(root)


def _index(repository):
    """Write the list of packages that apt reads."""
    entries = []
    for package in sorted(repository.glob('*.deb')):
        content = package.read_bytes()
        fields = _run('dpkg-deb', '-f', str(package)).strip()
        entries.append(f'{fields}\nFilename: ./{package.name}\n'
                       f'Size: {len(content)}\n'
                       f'SHA256: {hashlib.sha256(content).hexdigest()}\n')
    (repository / 'Packages').write_text('\n'.join(entries))


def _run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise RuntimeError(f'{command[0]}: {result.stderr[-2000:]}')
    return result.stdout
