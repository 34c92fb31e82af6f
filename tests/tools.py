# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Programs that the tests need from the system, and how to get them.

``python -m tests.tools STEP...`` looks for what those steps need. Root gets
the missing Debian packages installed. Others get a browser of Playwright's in
the project's folder, where it can be downloaded, and are told the rest.
"""

from collections.abc import Iterable
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

ROOT = pathlib.Path(__file__).parents[1]
# Playwright's own browser; tox.ini names the same folder.
BROWSERS = ROOT / '.make' / 'browsers'
CHROMIUM = 'chromium'
# Debian's users have no sbin in their PATH.
PATH = os.pathsep.join((os.environ.get('PATH', ''), '/usr/sbin', '/sbin'))

# By step, Debian's packages; each with a program or a file that it brings.
NEEDED: dict[str, dict[str, str]] = {
    'browser': {
        CHROMIUM: 'chromium',
        # Without any font Chromium draws boxes, and widths are not real.
        'fonts-dejavu-core': '/usr/share/fonts/**/*.[ot]tf',
    },
    # Disks with real file systems, and other programs' opinion of them.
    'disk': {
        'btrfs-progs': 'mkfs.btrfs',
        'cryptsetup-bin': 'cryptsetup',
        'dosfstools': 'mkfs.vfat',
        'e2fsprogs': 'dumpe2fs',
        'fdisk': 'sfdisk',
        'gdisk': 'sgdisk',
        'lvm2': 'lvm',
        'ntfs-3g': 'mkntfs',
        'qemu-utils': 'qemu-img',
        'xfsprogs': 'xfs_logprint',
    },
    # A guest for the tests of the guest kit.
    'guest': {
        'e2fsprogs': 'dumpe2fs',
        'mmdebstrap': 'mmdebstrap',
        'qemu-system-x86': 'qemu-system-x86_64',
    },
    'hypervisor': {
        'dosfstools': 'mkfs.vfat',
        'e2fsprogs': 'dumpe2fs',
        'fdisk': 'sfdisk',
        'libvirt-daemon-driver-qemu':
            '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so',
        'libvirt-daemon-system': '/lib/systemd/system/libvirtd.service',
        'lvm2': 'lvm',
        'mmdebstrap': 'mmdebstrap',
        'qemu-system-x86': 'qemu-system-x86_64',
        'qemu-utils': 'qemu-img',
        'xfsprogs': 'xfs_logprint',
        # Nova's bindings for libvirt are built with these.
        'gcc': 'gcc',
        'libc6-dev': '/usr/include/stdlib.h',
        'libvirt-dev': '/usr/include/libvirt/libvirt.h',
        'pkg-config': 'pkg-config',
        'python3-dev': sysconfig.get_path('include') + '/Python.h',
    },
}


class ToolsError(Exception):
    """Something is missing; the text says what, and what helps."""


def missing(steps: Iterable[str]) -> list[str]:
    """Return the Debian packages that these steps need and do not find."""
    needed = {package: sign for step in steps
              for package, sign in NEEDED[step].items()}
    return sorted(package for package, sign in needed.items()
                  if not _is_there(sign))


def install(packages: list[str]) -> None:
    """Install Debian packages, as root.

    :raises ToolsError: apt-get failed; the text has the end of its output
    """
    print('Installing ' + ' '.join(packages), flush=True)
    environment = os.environ | {'DEBIAN_FRONTEND': 'noninteractive'}
    for command in (['update', '-q'],
                    ['install', '-qy', '--no-install-recommends', *packages]):
        # Another apt may be at work, on a machine that has just started.
        result = subprocess.run(
            ['apt-get', '-o', 'DPkg::Lock::Timeout=120', *command],
            env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        if result.returncode:
            raise ToolsError(
                f'apt-get {command[0]} failed:\n{result.stdout[-2000:]}')


def advice(packages: list[str]) -> str:
    """Return what a person has to do about missing packages."""
    return ('Missing here; on Debian: apt-get install --no-install-recommends '
            + ' '.join(packages))


def provide(steps: Iterable[str]) -> None:
    """Make sure that these steps find what they need.

    :raises ToolsError: something is missing and cannot be installed
    """
    packages = missing(steps)
    if packages and os.geteuid() == 0 and shutil.which('apt-get'):
        install(packages)
        return
    if CHROMIUM in packages and _playwright_browser():
        packages.remove(CHROMIUM)
    if packages:
        raise ToolsError(advice(packages))


def chromium() -> str | None:
    """Return the system's Chromium; None stands for Playwright's own."""
    return shutil.which('chromium')


def _is_there(sign: str) -> bool:
    if sign.startswith('/'):
        return any(glob.iglob(sign, recursive=True))
    return shutil.which(sign, path=PATH) is not None


def _playwright_browser() -> bool:
    """Return whether Playwright's own browser could be had, and starts."""
    if not BROWSERS.exists():
        print(f'No Chromium: trying Playwright\'s own, in {BROWSERS}',
              flush=True)
    environment = os.environ | {'PLAYWRIGHT_BROWSERS_PATH': str(BROWSERS)}
    start = ('from playwright import sync_api\n'
             'with sync_api.sync_playwright() as playwright:\n'
             '    playwright.chromium.launch().close()\n')
    # This Python is make's own environment (see the Makefile).
    return all(
        subprocess.run([sys.executable, *arguments], env=environment,
                       cwd=ROOT).returncode == 0
        for arguments in (
            ['-m', 'pip', 'install', '-q', '-c', 'tests/constraints.txt',
             'playwright'],
            ['-m', 'playwright', 'install', '--only-shell', 'chromium'],
            ['-c', start]))


def main(steps: list[str]) -> int:
    """Provide what the named steps need; return the exit status."""
    unknown = [step for step in steps if step not in NEEDED]
    if unknown or not steps:
        print('usage: python -m tests.tools STEP...; steps: '
              + ' '.join(NEEDED), file=sys.stderr)
        return 2
    try:
        provide(steps)
    except ToolsError as error:
        print(f'make: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
