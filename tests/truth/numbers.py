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

"""The second word on a disk: numbers that the guest wrote.

A program in the guest appends numbered records to a file, one after the
other, and never tells the kernel to bring them to the disk. So most of them
wait in memory. A freeze writes them all out and holds the next back. A copy
that was made while the file system was frozen therefore has each record whose
write had returned before the freeze, and none of those that came after it.

What it has written the program notes in memory (``/run``), which no freeze
holds. Another process beside it notes when it sees the program wait for the
thaw. Knows nothing of the panel, its kit, or the flags of file systems.
"""

import dataclasses
import enum

FILE = '/numbers'
# Divides each block and page, so none is written in two.
RECORD = 64

# Notes: ``announced`` before each write, ``returned`` after it, ``frozen``
# what had returned whenever the writer waited for a thaw. Where the kernel
# holds it back is the kernel's to name: the first since 5.7.
_PROGRAM = r'''
use strict;
use Fcntl;
my ($file, $notes, $least) = ('/numbers', '/run/numbers', 10);
mkdir $notes;
my $mode = O_RDWR | O_CREAT | O_TRUNC;
my $run = time . ".$$";
my %note;
for my $name ('announced', 'returned', 'frozen') {
    sysopen $note{$name}, "$notes/$name", $mode or die $!;
}
sub note {
    sysseek $note{$_[0]}, 0, 0;
    syswrite $note{$_[0]}, sprintf '%012d', $_[1];
}
sub noted {
    my $text;
    sysseek $note{$_[0]}, 0, 0;
    sysread $note{$_[0]}, $text, 12;
    return $text;
}
sub pause { select undef, undef, undef, $_[0] }
unlink $file;
sysopen my $numbers, $file, $mode | O_APPEND or die $!;
my $number = 0;
sub write_next {
    note 'announced', $number + 1;
    # A full disk takes none: the same again.
    my $written = syswrite $numbers, sprintf "%-31s%032d\n", $run, $number + 1;
    note 'returned', ++$number if ($written || 0) == 64;
    pause 0.05;
}
note 'returned', 0;
write_next for 1 .. $least;
print "$run $number";
close STDOUT;
exit if fork;
my $writer = $$;
if (!fork) {
    # Not those of the writer, whose place in them is the writer's.
    open $note{returned}, '<', "$notes/returned";
    my $last = '';
    while (kill 0, $writer) {
        my $before = noted 'returned';
        open my $where, '<', "/proc/$writer/wchan" or last;
        my $place = <$where> || '';
        if ($place =~ /percpu_rwsem_wait|percpu_down_read|sb_start_write/
            && $before eq noted('returned') && $before ne $last) {
            syswrite $note{frozen}, "$before\n";
            $last = $before;
        }
        pause 0.005;
    }
    exit;
}
open my $pid, '>', "$notes/pid";
print $pid $writer;
close $pid;
write_next while 1;
'''
START = f'''kill $(cat /run/numbers/pid 2>/dev/null) 2>/dev/null
cat >/run/numbers.pl <<'END'{_PROGRAM}END
perl /run/numbers.pl
'''
# Fails where there are no notes: the guest was restarted.
STOP = '''set -e
cat /run/numbers/announced; echo
cat /run/numbers/frozen
kill $(cat /run/numbers/pid) 2>/dev/null || true
'''


@dataclasses.dataclass(frozen=True)
class Account:
    """What the writer knows of one snapshot.

    ``run`` is in each of its records, so that nobody takes those of an older
    run, which may still be on the disk, for its own. ``returned`` is the last
    record whose write had returned before the snapshot was asked for;
    ``announced`` the last that can have begun before it was made, None where
    nobody knows; ``frozen`` what had returned each time that the file system
    was seen frozen meanwhile.
    """

    run: str
    returned: int
    announced: int | None = None
    frozen: tuple[int, ...] = ()


class Word(enum.Enum):
    """What the records in an image say of it."""

    HOLDS = 'all there'
    LACKS = 'some missing'
    LATER = 'some later'
    BROKEN = 'broken'

    @property
    def against(self):
        """Whether the file system was not at rest when it was copied."""
        return self is not Word.HOLDS


def begin(run):
    """Have a guest write; return its :class:`Account` up to now.

    :param run: runs a script in the guest and returns its output.
    """
    mark, returned = run(START).split()
    return Account(mark, int(returned))


def end(run, account):
    """Have it stop; return its :class:`Account` up to now."""
    announced, *frozen = run(STOP).split()
    return dataclasses.replace(
        account, announced=int(announced),
        frozen=tuple(int(number) for number in frozen))


def compare(content, account):
    """Return the :class:`Word` of a file's content in an image.

    :param content: None where it cannot be read.
    :returns: None where there is nothing to compare.
    """
    if content is None or not account.returned:
        return None
    if content[:RECORD] != _record(account, 1):
        # An older run's, if any.
        content = b''
    found = len(content) // RECORD
    if content != b''.join(_record(account, number)
                           for number in range(1, found + 1)):
        return Word.BROKEN
    seen = account.frozen
    if found < max(account.returned, min(seen, default=0)):
        return Word.LACKS
    last = max(seen) + 1 if seen else account.announced
    if last is not None and found > last:
        return Word.LATER
    return Word.HOLDS


def _record(account, number):
    return b'%-31s%032d\n' % (account.run.encode(), number)
