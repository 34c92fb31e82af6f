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

"""``python -m tests.cloud``: the demo cloud's commands."""

import argparse
import os
import shutil
import signal
import sys

from tests.cloud import hypervisor
from tests.cloud import launcher
from tests.cloud import layout as layouts
from tests.cloud import processes


def main():
    """Run one command; return the exit status."""
    arguments = _parser().parse_args()
    try:
        layout = layouts.make_layout(
            arguments.folder or FOLDERS[arguments.hypervisor],
            arguments.port_base, arguments.hypervisor, arguments.workflows)
        return COMMANDS[arguments.command](layout, arguments)
    except layouts.SetupError as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(layout, arguments):
    """Start and run until Ctrl-C."""
    # A SIGTERM ends everything as Ctrl-C does; a second one does not
    # interrupt the end.
    signal.signal(signal.SIGTERM, _interrupt)
    launcher.run(layout, arguments.attached)
    return 0


def _interrupt(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _stop(layout, arguments):
    """Stop a demo that runs elsewhere."""
    names = processes.stop_by_files(layout)
    hypervisor.end_guests(layout)
    print(f'Stopped: {", ".join(names)}' if names else 'Nothing runs.')
    return 0


def _status(layout, arguments):
    """Say what runs."""
    running = {path.stem: processes.running_pid(path)
               for path in sorted(layout.pids.glob('*.pid'))}
    for name, pid in running.items():
        print(f'{name:12}{pid or "not running (its pid file is old)"}')
    ready = layout.ready_file.exists() and all(running.values())
    print(f'ready, see {layout.ready_file}' if ready else 'not ready')
    return 0 if ready else 1


def _reset(layout, arguments):
    """Remove a demo's data: the next start seeds afresh."""
    processes.take_over(layout)
    if not _is_ours(layout.folder):
        raise layouts.SetupError(
            f'{layout.folder} holds other things than a demo: not removed.')
    shutil.rmtree(layout.folder)
    print(f'Removed {layout.folder}')
    return 0


def _is_ours(folder):
    return {path.name for path in folder.iterdir()} <= {'pids'} or (
        folder / 'etc' / 'keystone.conf').exists()


FOLDERS = {'model': layouts.REPOSITORY / '.demo',
           'qemu': layouts.REPOSITORY / '.demo' / 'qemu'}
COMMANDS = {'up': _up, 'stop': _stop, 'status': _status, 'reset': _reset}


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m tests.cloud', description='The demo cloud.')
    parser.add_argument(
        'command', choices=COMMANDS,
        help='up: start, and run until Ctrl-C; stop: stop one that runs '
             'elsewhere; status: what runs; reset: remove its data')
    parser.add_argument(
        '--folder', default=os.environ.get('DEMO_DIR'),
        help='where its data lie (DEMO_DIR; default: .demo, with QEMU '
             '.demo/qemu)')
    parser.add_argument(
        '--hypervisor', choices=FOLDERS,
        default=os.environ.get('HYPERVISOR') or 'model',
        help='model: of ours, fast and without root (default); qemu: the '
             'real one, as root (HYPERVISOR)')
    parser.add_argument(
        '--workflows', action='store_true',
        default=bool(os.environ.get('WORKFLOWS')),
        help='with Mistral, the workflow service (WORKFLOWS=1)')
    parser.add_argument(
        '--port-base', type=_port,
        default=os.environ.get('DEMO_PORT', '18000'),
        help=f'the first of {len(layouts.LISTENERS)} ports (DEMO_PORT; '
             f'default: 18000)')
    parser.add_argument(
        '--attached', action='store_true',
        help='up: stop also when the process that started it has ended')
    return parser


def _port(text):
    last = 65535 - len(layouts.LISTENERS)
    if not text.isdecimal() or not 1024 <= int(text) <= last:
        raise argparse.ArgumentTypeError(f'not a port from 1024 to {last}')
    return int(text)


if __name__ == '__main__':
    sys.exit(main())
