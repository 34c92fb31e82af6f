#!/bin/sh
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

# The consistency kit: installs the QEMU guest agent and lets this machine
# prove, by lines on its console, that its file systems really were frozen
# while a snapshot was taken. The lines are called witnesses.
#
#   sh consistency-kit.sh install           as root; again does no harm
#   sh consistency-kit.sh check [--freeze]  says what works and what does not;
#                                           with --freeze after a trial freeze
#   sh consistency-kit.sh uninstall         back to what was there before
#
# What it adds: itself as /usr/local/sbin/consistency-kit, the agent's package
# where it is missing, one line in the agent's configuration, a drop-in for
# the agent's unit, a link in systemd's shutdown folder, and
# /var/lib/consistency-kit, where it remembers what to undo.
#
# The agent calls it with freeze and thaw; systemd calls it with started,
# stopped and, after the file systems were put away, poweroff.

set -u
LC_ALL=C
export LC_ALL
PATH=${PATH:-/bin}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077

R=${CONSISTENCY_KIT_ROOT-}      # another root folder, for the kit's own tests
KIT=/usr/local/sbin/consistency-kit
STATE=$R/var/lib/consistency-kit
RUN=$R/run/consistency-kit
KMSG=$R/dev/kmsg
CHANNEL=$R/dev/virtio-ports/org.qemu.guest_agent.0
HOOK_LOG=$R/var/log/qga-fsfreeze-hook.log

HOOK_SECONDS=120        # an application hook that takes longer has failed
WATCH_SECONDS=300       # no background process tries longer than this
TIGHT_SECONDS=30        # after which they pause between tries
EARLY=300               # 1/100 s that a stall may end before the thaw's hook

# No file system takes a name this long. Opening it to write asks for leave to
# write, for which a frozen file system makes wait, and then fails: this tries
# to write without ever writing, on a full disk too.
LONG=________________
LONG=$LONG$LONG$LONG$LONG
LONG=$LONG$LONG$LONG$LONG

# --- Witnesses --------------------------------------------------------------

# Say each argument, an event and its fields, on the console. Events never
# share a number: who does not get the lock in time says nothing.
say() {
    [ -w "$KMSG" ] && [ -d "$RUN" ] || return 0
    say_in_turn "$@" 9>>"$RUN/lock"
} 2>/dev/null

say_in_turn() {
    flock -w 3 9 || return 0
    read -r boot <"$R/proc/sys/kernel/random/boot_id"
    boot=${boot%%-*}
    seq=0
    [ ! -s "$RUN/seq" ] || read -r seq <"$RUN/seq"
    for event do
        seq=$((seq + 1))
        [ -s "$RUN/next.$seq" ] || make_keys "$seq"
        # Counted before it is said: a number is never said twice.
        printf '%-10d\n' "$seq" 1<>"$RUN/seq" || return 0
        key='' next=''
        read -r key <"$RUN/key.$seq"
        read -r next <"$RUN/next.$seq"
        [ "${#key}${#next}" = 3232 ] || return 0
        read -r up _ <"$R/proc/uptime"
        printf '<1>consistency-witness v1 boot=%s seq=%d up=%s %s\n' \
            "$boot" "$seq" "$up" "event=$event key=$key next=$next" >>"$KMSG"
    done
    # So that the next freeze finds its keys ready.
    case $event in
        freeze*) ;;
        *) [ -s "$RUN/next.$((seq + 16))" ] || make_keys $((seq + 1)) ;;
    esac
}

# Make keys for the lines from $1 on, and for each line the digest of its
# successor's key. Whoever shows a key that fits the digest wrote both lines.
make_keys() {
    key=''
    read -r key <"$RUN/key.$1"
    rm -f "$RUN"/key.* "$RUN"/next.*
    od -An -v -tx1 -w16 -N 528 /dev/urandom >"$RUN/random"
    last=$1
    while read -r bytes; do
        # shellcheck disable=SC2086  # 16 words made one
        set -- "$last" $bytes
        [ -n "$key" ] || { shift; IFS=; key=$*; unset IFS; set -- "$last"; }
        printf '%s' "$key" >"$RUN/key.$last"
        key=''
        last=$((last + 1))
    done <"$RUN/random"
    rm -f "$RUN/random"
    sha256sum "$RUN"/key.* >"$RUN/digests"
    while read -r digest file; do
        printf '%.32s\n' "$digest" >"$RUN/next.$((${file##*.} - 1))"
    done <"$RUN/digests"
}

prepare() {
    [ -d "$RUN" ] || mkdir -m 700 "$RUN"
} 2>/dev/null

# Set $word to $1 in a form that fits into a witness as a value.
to_word() {
    word='' rest=$1
    while [ -n "$rest" ] && [ ${#word} -lt 200 ]; do
        tail=${rest#?}
        first=${rest%"$tail"}
        case $first in [!!-~] | =) first=_ ;; esac
        word=$word$first
        rest=$tail
    done
}

# Set $now to the time since boot in 1/100 s.
clock() {
    read -r now _ <"$R/proc/uptime"
    now=${now%.*}${now#*.}
    now=${now#0}
    now=${now#0}
}

# --- What there is to freeze ------------------------------------------------

# Write a line for each writable file system on a block device to the table:
# kind, device number, type, disk, device, id of the mount and mount point.
# Set $count to how many of them need proof.
list_file_systems() {
    count=0
    seen=' '
    # The same file system may be mounted in many places: take the root, or
    # one where writing can be tried.
    for wanted in / rw ro; do
        while read -r id _ number _ mount options rest; do
            case $wanted,$mount,$seen in
                /,/,*) ;;
                /,* | *" $number "*) continue ;;
            esac
            case $wanted,$options, in /* | rw,rw,* | ro,ro,*) ;; *) continue ;;
            esac
            rest=${rest#*- }
            type=${rest%% *} rest=${rest#* }
            source=${rest%% *}
            case $type,$source,${rest#* }, in
                *,/dev/*,rw,* | zfs,*,rw,*) ;;
                *) continue ;;
            esac
            seen="$seen$number "
            find_device "$number" "$source"
            case $type in
                # These cannot be frozen, and the agent passes them over. They
                # count as left alone when their device sees no write.
                vfat | msdos | exfat) kind=still ;;
                *) kind=freeze count=$((count + 1)) ;;
            esac
            echo "$kind $number $type $disk $device $id $mount"
        done <"$R/proc/self/mountinfo"
    done >"$EVENT/table"
}

# Set $device to the block device's file and $disk to the disk's name.
find_device() {
    device=$2 disk=${2##*/}
    folder=$R/sys/dev/block/$1
    [ -e "$folder/uevent" ] || return 0
    read_name "$folder/uevent" && device=/dev/$name
    [ ! -e "$folder/partition" ] || folder=$folder/..
    read_name "$folder/uevent" && disk=$name
}

read_name() {
    while IFS='=' read -r field name; do
        [ "$field" != DEVNAME ] || return 0
    done <"$1"
    return 1
}

# Tell whether the folder $2 is in the mount $1: another may lie over it.
leads_to_mount() {
    { while read -r field value; do
        [ "$field" != mnt_id: ] || break
      done <"$R/proc/self/fdinfo/8"; } 8<"$2"
    [ "$value" = "$1" ]
}

# --- Proof ------------------------------------------------------------------

# Start to watch the file systems of the table: for each a writer, and a
# watcher that looks what the writer waits for.
watch_file_systems() {
    line=0
    while read -r kind number _ _ device id mount; do
        line=$((line + 1))
        case $mount in *\\*) mount=$(printf '%b' "$mount") ;; esac
        [ "$kind" = freeze ] || { note_writes "$number" "$mount"; continue; }
        leads_to_mount "$id" "$mount" || continue
        writer "$line" "${mount%/}/$LONG" </dev/null >/dev/null 2>&1 &
        { watcher "$line" $! | read_flag "$line" "$device"; } \
            </dev/null >/dev/null 2>&1 &
    done <"$EVENT/table"
} 2>/dev/null 3>&- 4>&- 5>&- 6>&- 7>&-

# Try to write until the thaw; note the longest try and when it ended.
writer() {
    # A process that waits for a thaw cannot be killed. In the agent's own
    # control group it would hold up a restart of a dead agent.
    echo 0 >"$R/sys/fs/cgroup/cgroup.procs"
    longest=0 ended=0
    clock
    start=$now
    until is_over; do
        before=$now
        { :; } >"$2"
        clock
        if [ $((now - before)) -gt "$longest" ]; then
            longest=$((now - before)) ended=$now
        fi
    done
    # A file system that takes names of any length.
    [ ! -f "$2" ] || rm -f "$2"
    echo "$longest $ended" >"$EVENT/stall.$1.new"
    mv "$EVENT/stall.$1.new" "$EVENT/stall.$1"
}

# Wait for the proof: the writer waits for a thaw while the agent is done and
# waits for its next command. While it still freezes, or thaws again because
# one file system failed, it does not. No process is started here: that takes
# as long as a short freeze.
watcher() {
    clock
    start=$now
    until is_over; do
        if waits_for_thaw "$2" && agent_is_idle && waits_for_thaw "$2"; then
            echo wait >"$EVENT/proof.$1"
            return 0
        fi
        clock
    done
    return 0
}

waits_for_thaw() {
    state=''
    read -r state <"$R/proc/$1/wchan"
    case $state in
        percpu_rwsem_wait* | __percpu_down_read* | *sb_start_write*) ;;
        *) return 1 ;;
    esac
}

agent_is_idle() {
    state=''
    read -r state <"$R/proc/$AGENT/wchan"
    case $state in *poll*) ;; *) return 1 ;; esac
}

is_over() {
    [ ! -e "$EVENT/end" ] && [ -d "$R/proc/$AGENT" ] || return 0
    [ $((now - start)) -lt "${TIGHT_SECONDS}00" ] || sleep 0.02
    [ $((now - start)) -ge "${WATCH_SECONDS}00" ]
}

# When the watcher ends, read the flags of an ext4 superblock: a bit says
# that the journal is in use. The reader is started before the freeze.
read_flag() {
    od -An -tu1 -j1120 -N1 - "$R$2" >"$EVENT/flag.$1"
}

# Tell whether the superblock of line $1, device $2 was clean when the proof
# was seen, and is in use again.
was_clean() {
    flag=''
    read -r flag <"$EVENT/flag.$1"
    after=$(od -An -tu1 -j1120 -N1 "$R$2")
    [ -n "$flag" ] && [ -n "$after" ] &&
        [ $((flag & 4)) = 0 ] && [ $((after & 4)) = 4 ]
} 2>/dev/null

# Note how much was written to a device, once all is written.
note_writes() {
    timeout 10 sync -f "$2" && count_writes "$1" &&
        echo "$sectors" >"$EVENT/sectors.$line"
}

count_writes() {
    read -r _ _ _ _ _ _ sectors _ <"$R/sys/dev/block/$1/stat"
}

# --- Application hooks ------------------------------------------------------

# Set $hooks and $former as install found them.
read_settings() {
    hooks=/etc/qemu/fsfreeze-hook.d former=''
    [ ! -r "$STATE/hooks" ] || read -r hooks <"$STATE/hooks"
    [ ! -r "$STATE/former-hook" ] || read -r former <"$STATE/former-hook"
}

# Run every application hook with freeze, until one fails. The list of those
# that ran, with their status, is kept.
freeze_hooks() {
    read_settings
    for hook in ${former:+"$former"} "$R$hooks"/*; do
        case $hook in
            *~ | *.bak | *.sample | *.rpm* | *.dpkg-* | "$R$KIT") continue ;;
        esac
        [ -f "$hook" ] && [ -x "$hook" ] || continue
        run_hook "$hook" freeze
        echo "$status $hook" >>"$EVENT/hooks"
        [ "$status" = 0 ] || return 1
    done
}

run_hook() {
    status=0
    log=$HOOK_LOG
    { :; } 2>/dev/null >>"$log" || log=/dev/null
    timeout -k 5 "$HOOK_SECONDS" "$1" "$2" </dev/null >>"$log" 2>&1 || status=$?
}

# Run the same hooks with thaw; add a witness for each to $EVENT/words.
thaw_hooks() {
    [ -e "$EVENT/hooks" ] || return 0
    while read -r frozen hook; do
        run_hook "$hook" thaw
        to_word "${hook##*/}"
        echo "hook name=$word freeze=$frozen thaw=$status"
    done <"$EVENT/hooks" >"$EVENT/words"
}

# --- Freeze and thaw: what the agent calls ----------------------------------

freeze() {
    prepare
    AGENT=$PPID
    EVENT=$(mktemp -d "$RUN/event.XXXXXX") || EVENT=$RUN/nowhere
    list_file_systems 2>/dev/null
    say "freeze fs=$count"
    if ! freeze_hooks; then
        thaw_hooks
        to_word "${hook##*/}"
        frozen=$(sed -n '$s/ .*//p' "$EVENT/hooks")
        say "aborted name=$word status=${frozen:-1}"
        rm -rf "$EVENT"
        exit 1
    fi
    echo "$EVENT" >"$RUN/event"
    comm=''
    read -r comm <"$R/proc/$AGENT/comm"
    [ "$comm" != qemu-ga ] || watch_file_systems
}

thaw() {
    EVENT=$RUN/nowhere
    [ ! -s "$RUN/event" ] || read -r EVENT <"$RUN/event"
    [ -d "$EVENT" ] || return 0
    clock
    thawed=$now
    { :; } >"$EVENT/end"
    thaw_hooks
    collect
    say "$@"
    rm -rf "$RUN/event" "$EVENT"
}
