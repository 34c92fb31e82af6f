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

"""What a Debian guest of the demo writes on its console while it boots."""

# Seconds from the kernel's first line to the login prompt.
BOOT_SECONDS = 8.0
# When systemd starts the guest agent.
AGENT_STARTS = 6.2

# Seconds since boot and text; a text with no time is systemd's and bears no
# stamp of the kernel's.
_LINES = (
    (0.0, 'Linux version 6.1.0-27-cloud-amd64 '
          '(debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0,'
          ' GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC '
          'Debian 6.1.115-1 (2024-11-01)'),
    (0.0, 'Command line: BOOT_IMAGE=/boot/vmlinuz-6.1.0-27-cloud-amd64 '
          'root=/dev/vda ro console=tty0 console=ttyS0,115200'),
    (0.0, 'BIOS-provided physical RAM map:'),
    (0.0, 'BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable'),
    (0.0, 'BIOS-e820: [mem 0x0000000000100000-0x000000001ffdcfff] usable'),
    (0.0, 'NX (Execute Disable) protection: active'),
    (0.0, 'SMBIOS 2.8 present.'),
    (0.0, 'DMI: OpenStack Foundation OpenStack Nova, BIOS 1.16.2-debian'
          '-1.16.2-1 04/01/2014'),
    (0.0, 'Hypervisor detected: KVM'),
    (0.0, 'kvm-clock: Using msrs 4b564d01 and 4b564d00'),
    (0.000004, 'tsc: Detected 2794.748 MHz processor'),
    (0.012874, 'last_pfn = 0x1ffdd max_arch_pfn = 0x400000000'),
    (0.093412, 'Kernel command line: BOOT_IMAGE=/boot/vmlinuz-6.1.0-27-cloud'
               '-amd64 root=/dev/vda ro console=tty0 console=ttyS0,115200'),
    (0.148120, 'Memory: 478912K/523756K available (14342K kernel code, 2332K '
               'rwdata, 9080K rodata, 2796K init, 5300K bss, 44584K reserved,'
               ' 0K cma-reserved)'),
    (0.301877, 'smp: Bringing up secondary CPUs ...'),
    (0.301920, 'smp: Brought up 1 node, 1 CPU'),
    (0.482315, 'NET: Registered PF_INET protocol family'),
    (0.611204, 'Serial: 8250/16550 driver, 4 ports, IRQ sharing enabled'),
    (0.633471, '00:00: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a '
               '16550A'),
    (0.902233, 'virtio_blk virtio2: [vda] 1433600 512-byte logical blocks '
               '(734 MB/700 MiB)'),
    (1.204518, 'Run /init as init process'),
    (None, 'Loading, please wait...'),
    (None, 'Starting systemd-udevd version 252.31-1~deb12u1'),
    (1.710921, 'virtio_net virtio0 ens3: renamed from eth0'),
    (None, 'Begin: Running /scripts/local-premount ... done.'),
    (None, 'Begin: Will now check root file system ... fsck from util-linux '
           '2.38.1'),
    (None, '/dev/vda: clean, 18644/44832 files, 122310/179200 blocks'),
    (2.430117, 'EXT4-fs (vda): mounted filesystem with ordered data mode. '
               'Quota mode: none.'),
    (3.010466, 'systemd[1]: systemd 252.31-1~deb12u1 running in system mode '
               '(+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP)'),
    (3.011902, 'systemd[1]: Detected virtualization kvm.'),
    (None, ''),
    (None, 'Welcome to Debian GNU/Linux 12 (bookworm)!'),
    (None, ''),
    (3.206633, 'systemd[1]: Hostname set to <{host}>.'),
    (None, '[  OK  ] Created slice system-getty.slice - Slice '
           '/system/getty.'),
    (None, '[  OK  ] Listening on systemd-journald.socket - Journal Socket.'),
    (4.118201, 'EXT4-fs (vda): re-mounted. Quota mode: none.'),
    (None, '[  OK  ] Finished systemd-remount-fs.service - Remount Root and '
           'Kernel File Systems.'),
    (None, '[  OK  ] Started systemd-journald.service - Journal Service.'),
    (None, '[  OK  ] Reached target network.target - Network.'),
    (None, '[  OK  ] Reached target basic.target - Basic System.'),
)
_AGENT = '[  OK  ] Started qemu-guest-agent.service - QEMU Guest Agent.'
_END = (
    '[  OK  ] Started ssh.service - OpenBSD Secure Shell server.',
    '[  OK  ] Started serial-getty@ttyS0.service - Serial Getty on ttyS0.',
    '[  OK  ] Reached target multi-user.target - Multi-User System.',
)
_DOWN = (
    '[  OK  ] Stopped target multi-user.target - Multi-User System.',
    '[  OK  ] Unmounted boot-efi.mount - /boot/efi.',
    '[  OK  ] Reached target umount.target - Unmount All Filesystems.',
    '[  OK  ] Reached target {goal}',
)


def stamp(seconds):
    """Return the kernel's prefix of a console line, with a space after it.

    :param seconds: since boot
    """
    return f'[{seconds:12.6f}] '


def up(host, agent, pace=1.0):
    """Yield what is written until the agent has started.

    :param host: name of the guest
    :param agent: whether there is an agent unit that starts
    :param pace: multiplies every time, for a guest that boots faster
    """
    for seconds, text in _LINES:
        text = text.replace('{host}', host)
        yield (text if seconds is None else
               stamp(seconds * pace) + text) + '\n'
    if agent:
        yield _AGENT + '\n'


def end(host):
    """Yield what follows, up to the login prompt, which ends no line."""
    yield from (text + '\n' for text in _END)
    yield f'\nDebian GNU/Linux 12 {host} ttyS0\n\n{prompt(host)}'


def prompt(host):
    """Return the login prompt; the cursor stays behind it."""
    return f'{host} login: '


def down(goal):
    """Yield systemd's last lines before a power-off or a reboot.

    :param goal: 'poweroff' or 'reboot'
    """
    target = {'poweroff': 'poweroff.target - System Power Off.',
              'reboot': 'reboot.target - System Reboot.'}[goal]
    yield from (text.replace('{goal}', target) + '\n' for text in _DOWN)
