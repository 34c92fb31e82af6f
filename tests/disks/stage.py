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

"""File systems in each state, by the kernel's own hand (fact 40).

Needs root, loop devices and the tools of the step ``disk``. Whatever happens,
nothing stays mounted, frozen or looped behind.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import time

from tests import tools

MB = 1 << 20


@dataclasses.dataclass(frozen=True)
class FileSystem:
    """How a file system is made, and what it can tell.

    :ivar tells: ``journal``: in each state; ``unmounted``: only when clean
        and not mounted for writing; ``nothing``: never
    :ivar driver: the kernel's name for it; '' where it is not mounted here
    """

    name: str
    kind: str
    make: tuple[str, ...]
    size: int = 32 * MB
    tells: str = 'nothing'
    driver: str = ''


def _ext(name: str, kind: str, *options: str,
         tells: str = 'journal') -> FileSystem:
    return FileSystem(name, kind, ('mke2fs', '-q', '-F', '-t', kind, *options),
                      tells=tells, driver=kind)


FILE_SYSTEMS = (
    _ext('ext4', 'ext4'),
    _ext('ext4, blocks of 1 kB', 'ext4', '-b', '1024'),
    _ext('ext4, 32 bit, no checksums', 'ext4', '-O',
         '^64bit,^metadata_csum'),
    _ext('ext4, bigalloc', 'ext4', '-O', 'bigalloc', '-C', '16384'),
    _ext('ext4, meta_bg, MMP', 'ext4', '-O', '^resize_inode,meta_bg,mmp'),
    _ext('ext4, orphan file, fast commit', 'ext4', '-O',
         'orphan_file,fast_commit'),
    _ext('ext4, sparse_super2, inline data', 'ext4', '-O',
         'sparse_super2,inline_data'),
    _ext('ext4 without journal', 'ext4', '-O', '^has_journal',
         tells='unmounted'),
    _ext('ext3', 'ext3'),
    _ext('ext2', 'ext2', tells='unmounted'),
    FileSystem('xfs', 'xfs', ('mkfs.xfs', '-q', '-f'), 304 * MB,
               driver='xfs'),
    FileSystem('btrfs', 'btrfs', ('mkfs.btrfs', '-q', '-f'), 128 * MB,
               driver='btrfs'),
    FileSystem('vfat', 'vfat', ('mkfs.vfat',)),
    FileSystem('ntfs', 'ntfs', ('mkfs.ntfs', '-q', '-F', '-Q')),
    FileSystem('swap', 'swap', ('mkswap', '-q')),
    FileSystem('luks', 'luks', (
        'cryptsetup', 'luksFormat', '-q', '--pbkdf', 'pbkdf2',
        '--pbkdf-force-iterations', '1000', '--key-file', __file__)),
)


class Stage:
    """One file system on a loop device, and copies of its disk."""

    def __init__(self, folder: pathlib.Path, kind: FileSystem) -> None:
        self.kind = kind
        self.disk = folder / 'disk'
        self.copy = folder / 'copy'
        self._mountpoint = folder / 'mnt'
        self._mountpoint.mkdir(exist_ok=True)
        self.device = ''

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """Make the file system, on a loop device for as long."""
        self.disk.unlink(missing_ok=True)
        with open(self.disk, 'wb') as disk:
            disk.truncate(self.kind.size)
        with looped(self.disk) as self.device:
            run(*self.kind.make, self.device)
            yield

    @contextlib.contextmanager
    def mounted(self, *options: str) -> Iterator[None]:
        """Mount it, and unmount it in the end."""
        run('mount', '-t', self.kind.driver, *options, self.device,
            str(self._mountpoint))
        try:
            yield
        finally:
            _patiently('umount', str(self._mountpoint))

    def remount_read_only(self) -> None:
        """Make it read-only while it stays mounted."""
        run('mount', '-o', 'remount,ro', str(self._mountpoint))

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Have another process write all the time."""
        writer = subprocess.Popen(
            ['sh', '-c', 'while :; do for n in 1 2 3 4 5 6 7 8; do '
             'date > $n; mkdir -p d$n; rm -rf d$n; '
             'dd if=/dev/zero of=s$n bs=4k count=9 conv=fsync; done; done'],
            cwd=self._mountpoint, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            time.sleep(0.2)
            yield
        finally:
            # With what it has started, which would keep the mount busy.
            os.killpg(writer.pid, signal.SIGKILL)
            writer.wait(30)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze it, and thaw it in the end."""
        run('fsfreeze', '-f', str(self._mountpoint))
        try:
            yield
        finally:
            run('fsfreeze', '-u', str(self._mountpoint))

    def write(self, name: str = 'file') -> None:
        """Write a file."""
        (self._mountpoint / name).write_bytes(os.urandom(50_000))

    def sync(self) -> None:
        """Write out all that waits."""
        run('sync', '-f', str(self._mountpoint))

    @contextlib.contextmanager
    def deleted_and_open(self) -> Iterator[None]:
        """Have a file that is deleted and still open."""
        path = self._mountpoint / 'orphan'
        with open(path, 'wb') as orphan:
            orphan.write(bytes(100_000))
            orphan.flush()
            path.unlink()
            yield

    def break_it(self) -> None:
        """Have the kernel find an error in it."""
        name = pathlib.Path(self.device).name
        pathlib.Path(f'/sys/fs/ext4/{name}/trigger_fs_error').write_text(
            'asked for by a test')

    def take(self) -> None:
        """Copy the disk as it is now."""
        self.copy.unlink(missing_ok=True)
        run('cp', '--sparse=always', str(self.disk), str(self.copy))


def _busy(stage: Stage) -> None:
    with stage.mounted(), stage.writing():
        stage.take()


def _idle(stage: Stage) -> None:
    with stage.mounted():
        stage.write()
        stage.sync()
        time.sleep(0.5)
        stage.take()


def _just_mounted(stage: Stage) -> None:
    with stage.mounted():
        stage.take()


def _frozen(stage: Stage) -> None:
    with stage.mounted(), stage.writing(), stage.frozen():
        stage.take()


def _frozen_with_orphan(stage: Stage) -> None:
    with stage.mounted(), stage.deleted_and_open(), stage.frozen():
        stage.take()


def _thawed(stage: Stage) -> None:
    with stage.mounted():
        stage.write()
        with stage.frozen():
            pass
        stage.take()


def _thawed_and_busy(stage: Stage) -> None:
    with stage.mounted(), stage.writing():
        with stage.frozen():
            pass
        stage.take()


def _read_only(stage: Stage) -> None:
    with stage.mounted():
        stage.write()
    with stage.mounted('-o', 'ro'):
        stage.take()


def _remounted_read_only(stage: Stage) -> None:
    with stage.mounted():
        stage.write()
        stage.remount_read_only()
        stage.take()


def _unmounted(stage: Stage) -> None:
    with stage.mounted():
        stage.write()
    stage.take()


def _made(stage: Stage) -> None:
    stage.take()


def _damaged(stage: Stage) -> None:
    with stage.mounted('-o', 'errors=continue'):
        stage.write()
        stage.break_it()
    stage.take()


def _damaged_and_frozen(stage: Stage) -> None:
    with stage.mounted('-o', 'errors=continue'):
        stage.break_it()
        with stage.writing(), stage.frozen():
            stage.take()


STATES: dict[str, Callable[[Stage], None]] = {
    'busy': _busy, 'idle': _idle, 'just mounted': _just_mounted,
    'frozen': _frozen, 'frozen with orphan': _frozen_with_orphan,
    'just thawed': _thawed, 'thawed and busy': _thawed_and_busy,
    'read-only': _read_only, 'remounted read-only': _remounted_read_only,
    'unmounted': _unmounted, 'made': _made, 'damaged': _damaged,
    'damaged and frozen': _damaged_and_frozen}
# Nothing was missing on the disk: all that was written is there.
RESTING = ('frozen', 'frozen with orphan', 'read-only',
           'remounted read-only', 'unmounted', 'made')
UNMOUNTED = ('read-only', 'remounted read-only', 'unmounted', 'made')
DAMAGED = ('damaged', 'damaged and frozen')


def states(kind: FileSystem) -> list[str]:
    """Return the states in which a file system can be put here."""
    if not kind.driver:
        return ['made']
    return [state for state in STATES
            if kind.tells != 'nothing' or state not in DAMAGED]


def expected(kind: FileSystem, state: str) -> str:
    """Return the word that a file system in a state must have."""
    if kind.tells == 'nothing':
        return 'cannot-tell'
    if state in DAMAGED:
        return 'damaged'
    if kind.tells == 'journal':
        return 'at-rest' if state in RESTING else 'in-use'
    return 'at-rest' if state in UNMOUNTED else 'cannot-tell'


def run(*command: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, 'PATH': tools.PATH, 'LC_ALL': 'C',
             'LVM_SUPPRESS_FD_WARNINGS': '1'})
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)}: {done.stderr.strip()}')
    return done.stdout


@contextlib.contextmanager
def looped(path: pathlib.Path, *options: str) -> Iterator[str]:
    """Have a loop device over a file."""
    device = run('losetup', '--find', '--show', *options, str(path)).strip()
    try:
        yield device
    finally:
        _patiently('losetup', '--detach', device)


def _patiently(*command: str) -> None:
    """Run a command, again while the last users of a mount are dying."""
    for _attempt in range(50):
        try:
            run(*command)
            return
        except RuntimeError:
            time.sleep(0.1)
    run(*command)


def hindrances() -> list[str]:
    """Return what is missing for real disks here."""
    found = []
    if os.geteuid():
        found.append('root is needed, for loop devices and mounts')
    lacking = tools.missing(['disk'])
    if lacking:
        found.append(tools.advice(lacking))
    if not os.path.exists('/dev/loop-control'):
        found.append('the kernel has no loop devices')
    known = pathlib.Path('/proc/filesystems').read_text().split()
    absent = sorted({kind.driver for kind in FILE_SYSTEMS if kind.driver}
                    - set(known))
    if absent:
        found.append('the kernel does not know (modprobe): '
                     + ' '.join(absent))
    return found
