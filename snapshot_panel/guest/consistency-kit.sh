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
# where it is missing, a drop-in for the agent's unit, a configuration for the
# agent beside its own, a link in systemd's shutdown folder, and
# /var/lib/consistency-kit, where it remembers what to undo and keeps what the
# application hooks print. Under SELinux also a label for itself and two
# booleans that let the agent freeze and call it. The system's own files stay
# as they are.
#
# The agent calls it with freeze and thaw; systemd calls it with configure,
# started, stopped and, after the file systems were put away, poweroff.
#
# It runs as root. So it writes and reads only where nobody else can write:
# never in /tmp or /var/tmp.

set -u
LC_ALL=C
export LC_ALL
umask 077

R=${CONSISTENCY_KIT_ROOT-}      # another root folder, for the kit's own tests
PATH=${R:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
KIT=/usr/local/sbin/consistency-kit
STATE=$R/var/lib/consistency-kit
RUN=$R/run/consistency-kit
KMSG=$R/dev/kmsg
CHANNEL=$R/dev/virtio-ports/org.qemu.guest_agent.0
HOOK_LOG=$STATE/hooks.log
SHUTDOWN=/usr/lib/systemd/system-shutdown
CONF=/etc/qemu/qemu-ga.conf
COPY=/etc/qemu/consistency-kit.conf
# The last drop-in counts: the owner's own may replace the command too.
DROP_IN=zz-consistency-kit.conf
# What the hypervisor asks the agent for a freeze.
COMMANDS=guest-sync,guest-sync-delimited,guest-fsfreeze-status,\
guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,guest-fsfreeze-thaw

HOOK_SECONDS=120        # an application hook that takes longer has failed
WATCH_SECONDS=300       # no background process tries longer than this
TIGHT_SECONDS=30        # after which they pause between tries
READY_SECONDS=5         # the most that a freeze waits for those who watch it
EARLY=300               # 1/100 s that a stall may end before the thaw's hook

# No file system takes a name this long (ZFS up to 1023). Opening it to write
# asks for leave to write, for which a frozen file system makes wait, and then
# fails: this tries to write without ever writing, on a full disk too.
LONG=________________
LONG=$LONG$LONG$LONG$LONG
LONG=$LONG$LONG$LONG$LONG
LONG=$LONG$LONG$LONG$LONG

# --- Witnesses --------------------------------------------------------------

# Say each argument, an event and its fields, on the console; fail if that is
# not possible. Events never share a number: who does not get the lock in time
# says nothing.
say() {
    [ -w "$KMSG" ] && [ -d "$RUN" ] || return 1
    say_in_turn "$@" 9>>"$RUN/lock"
} 2>/dev/null

say_in_turn() {
    flock -w 5 9 || return 1
    read -r boot <"$R/proc/sys/kernel/random/boot_id"
    boot=${boot%%-*}
    key=''
    read -r seq key <"$RUN/next" || seq=$(last_said)
    for event do
        seq=$((${seq:-0} + 1))
        [ -n "$key" ] || make_key
        this=$key
        make_key
        # Counted before it is said: no number and no key is said twice.
        printf '%-10d %s\n' "$seq" "$key" 1<>"$RUN/next" || return 1
        read -r up _ <"$R/proc/uptime"
        words="boot=$boot seq=$seq up=$up event=$event"
        printf '<1>consistency-witness v1 %s sum=%.8s key=%s next=%.32s\n' \
            "$words" "$(digest "$words")" "$this" "$(digest "$key")" \
            >>"$KMSG" || return 1
    done
}

# Print the number of this boot's last witness in the kernel's log: the kit may
# have been uninstalled since.
last_said() {
    said="consistency-witness v1 boot=$boot seq"
    dmesg | sed -n "s/.*$said=\([0-9]*\) .*/\1/p" | tail -n 1
}

# Set $key to a new one. Each line shows the digest of its successor's: whoever
# shows a key that fits it wrote both lines.
make_key() {
    # shellcheck disable=SC2046  # two words
    set -- $(od -An -tx8 -N16 /dev/urandom)
    key=${1-}${2-}
}

digest() {
    printf %s "$1" | sha256sum
}

prepare() {
    [ -d "$RUN" ] || mkdir -m 700 "$RUN"
} 2>/dev/null

# Set $word to $1 as a value of a witness: percent-encoded, and a long one cut,
# with its digest. Different texts stay different: the panel tells file systems
# apart by it.
to_word() {
    word=$1
    case $word in
        *[!A-Za-z0-9/._,:+@-]*) word=$(percent_encode "$word") ;;
    esac
    [ "${#word}" -le 200 ] ||
        word=$(printf '%.150s%%~%.32s' "$word" "$(digest "$1")")
}

percent_encode() {
    printf %s "$1" | od -An -v -to1 | while read -r bytes; do
        for byte in $bytes; do
            case $byte in
                # Control characters and space, % = \ and what is no ASCII.
                0[0-3]? | 040 | 045 | 075 | 134 | 177 | [23]??)
                    printf %%%02X "0$byte" ;;
                *) printf %b "\\0$byte" ;;
            esac
        done
    done
}

# Set $path to the mount point that is written as $1 in the table of mounts.
unescape() {
    path=$1
    case $path in *\\*)
        path=$(printf '%s\n' "$path" | sed 's/\\/\\0/g')
        # A line break at the end of it would get lost.
        path=$(printf '%b/' "$path") path=${path%/} ;;
    esac
}

# Set $now to the time since boot in 1/100 s.
clock() {
    now=0
    read -r now _ <"$R/proc/uptime"
    now=${now%.*}${now#*.}
}

# --- What there is to freeze ------------------------------------------------

# Write a line for each writable file system on a block device to the table $1:
# kind, device number, type, disk, id of the mount, devices and mount point.
# Set $count to how many of them need proof.
list_file_systems() {
    count=0
    seen=' '
    list_elsewhere
    # The same file system may be mounted in many places: take the root, or
    # one where writing can be tried. What only other processes see comes last.
    for wanted in / rw ro hidden; do
        from=$R/proc/self/mountinfo
        [ "$wanted" != hidden ] || from=$EVENT/elsewhere
        while read -r id _ number _ mount options rest; do
            case $seen in *" $number "*) continue ;; esac
            case $wanted,$mount,,$options, in
                /,/,,* | r?,*,,"$wanted",* | hidden,*) ;;
                *) continue ;;
            esac
            rest=${rest#*- }
            type=${rest%% *} rest=${rest#* }
            source=${rest%% *}
            case ${rest#* }, in rw,*) ;; *) continue ;; esac
            is_on_disk || continue
            seen="$seen$number "
            find_disks
            case $wanted,$type in
                # The agent freezes what it sees itself.
                hidden,*) kind=hidden ;;
                # These cannot be frozen, and the agent passes them over. They
                # count as left alone when their device sees no write.
                *,vfat | *,msdos | *,exfat) kind=still ;;
                # These cannot either. A program behind one may hang: it is
                # not even opened.
                *,zfs | *,fuse*) kind=never count=$((count + 1)) ;;
                *) kind=freeze count=$((count + 1)) ;;
            esac
            printf '%s\n' "$kind $number $type $disk $id $devices $mount"
        done <"$from"
    done >"$EVENT/$1"
}

# Tell whether the file system $type with the device $number lies on a block
# device. That is the kernel's word, and the agent's rule. The source is the
# word of whoever mounted it: any user may mount a tmpfs or a program of theirs
# as "/dev/vda1".
is_on_disk() {
    case $number,$type in
        # No device, but for those that span many.
        0:*,btrfs | 0:*,zfs | 0:*,bcachefs) ;;
        0:*) return 1 ;;
    esac
}

# Set $disk to what the file system $source with the device $number lies on in
# the end, as vda, or as vda+vdb: not every snapshot takes all disks. Set
# $devices to all that are on the way.
find_disks() {
    disk=${source#/dev/} disk=${disk%%/*} found='' devices=+
    set -- "$R/sys/dev/block/$number"
    if [ ! -e "$1" ]; then
        # A btrfs names one of its disks.
        name=$(readlink -f "$R$source") || name=$source
        name=${name##*/}
        set -- "$R/sys/class/block/$name"
        for name in "$R"/sys/fs/btrfs/*/devices/"$name"; do
            [ ! -e "$name" ] || set -- "${name%/*}"/*
        done
    fi
    while [ $# != 0 ]; do
        device=$1 under=''
        shift
        devices=$devices${device##*/}+
        [ ! -e "$device/partition" ] || device=$device/..
        [ ! -e "$device/dm" ] || look_at_mapping
        for name in "$device"/slaves/*; do
            [ ! -e "$name" ] || { set -- "$@" "$name"; under=1; }
        done
        if [ -z "$under" ] && [ -e "$device" ]; then
            name=$(readlink -f "$device") name=${name##*/}
            devices=$devices$name+
            case +$found+ in
                *"+$name+"*) ;;
                *) found=$found${found:++}$name ;;
            esac
        fi
    done
    to_word "${found:-${disk:-none}}"
    disk=$word
}

# Note what can hold up a freeze of a device-mapper device: a snapshot and its
# origin, by the names that LVM gives them, and one that is suspended.
look_at_mapping() {
    value=''
    read -r value <"$device/dm/uuid"
    case $value in *-real | *-cow) devices=${devices}snapshot+ ;; esac
    read -r value <"$device/dm/suspended"
    [ "$value" != 1 ] || devices=${devices}suspended+
} 2>/dev/null

# Containers and services may have mounts of their own. Note one of each
# device, because there are many processes.
list_elsewhere() {
    sed -n '/^[0-9]* [0-9]* [1-9]\| - \(btrfs\|zfs\|bcachefs\) /p' \
        "$R"/proc/[0-9]*/mountinfo | sort -u -k 3,3 >"$EVENT/elsewhere"
} 2>/dev/null

# Tell whether the folder that is open as 8 is in the mount $1: another may lie
# over it.
is_in_mount() {
    value=''
    while read -r field value; do
        [ "$field" != mnt_id: ] || break
    done <"$R/proc/self/fdinfo/8"
    [ "$value" = "$1" ]
}

# --- Proof ------------------------------------------------------------------

# Start to watch the file systems of the table: for each a writer, and a
# watcher that looks what the writer waits for.
watch_file_systems() {
    read -r comm <"$R/proc/$AGENT/comm"
    # Called by anybody else, there is nothing to prove.
    [ "$comm" = qemu-ga ] || return 0
    line=0
    while read -r kind number type _ id _ mount; do
        line=$((line + 1))
        unescape "$mount"
        # From here on by the open folder: whoever owns a folder above it can
        # put another one in its place.
        case $kind in
            freeze) { is_in_mount "$id" && watch; } 8<"$path/" ;;
            still) { is_in_mount "$id" && note_writes; } 8<"$path/" ;;
        esac
    done <"$EVENT/table"
    # The freeze may be over soon: it begins when all of them look. But a
    # machine that is too busy for that does not hold it up; then nobody knows
    # what they missed.
    clock
    start=$now
    for line in ${started-}; do
        until [ -e "$EVENT/tries.$line" ] && [ -e "$EVENT/looks.$line" ]; do
            clock
            [ $((now - start)) -lt "${READY_SECONDS}00" ] ||
                { { :; } >"$EVENT/late"; return 0; }
        done
    done
}

watch() {
    start_writer
    case $type in
        ext[34]) watcher "$line" "$writer" | read_flag ;;
        *) watcher "$line" "$writer" ;;
    esac &
    started="${started-} $line"
}

start_writer() {
    writer "$line" "/proc/self/fd/8/$LONG" >/dev/null 2>&1 &
    writer=$!
}

# Try to write until the thaw. A try during which the watcher saw the proof is
# noted: how long it took and when it ended, in 1/100 s.
writer() {
    # A process that waits for a thaw cannot be killed. In the agent's own
    # control group it would hold up a restart of a dead agent.
    echo 0 >"$R/sys/fs/cgroup/cgroup.procs"
    clock
    start=$now
    until is_over || [ -e "$EVENT/proof.$1" ]; do
        clock
        before=$now
        { :; } >>"$2"
        clock
        [ -e "$EVENT/tries.$1" ] || { :; } >"$EVENT/tries.$1"
    done
    # A file system that takes names of any length.
    [ ! -f "$2" ] || rm -f "$2"
    echo "$((now - before)) $now" >"$EVENT/stall.$1.new"
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
        [ -e "$EVENT/looks.$1" ] || { :; } >"$EVENT/looks.$1"
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
    od -An -tu1 -j1120 -N1 - "$R/dev/block/$number" >"$EVENT/flag.$line"
}

# Tell whether the superblock was clean when the proof was seen, and is in use
# again.
was_clean() {
    flag=''
    read -r flag <"$EVENT/flag.$line"
    after=$(od -An -tu1 -j1120 -N1 "$R/dev/block/$number")
    [ -n "$flag" ] && [ -n "$after" ] &&
        [ $((flag & 4)) = 0 ] && [ $((after & 4)) = 4 ]
}

# Note how much was written to the device, once all is written.
note_writes() {
    timeout 10 sync -f /proc/self/fd/8 && count_writes "$number" &&
        echo "$sectors" >"$EVENT/sectors.$line"
}

count_writes() {
    read -r _ _ _ _ _ _ sectors _ <"$R/sys/dev/block/$1/stat"
}

# Tell whether a device saw no write since then.
was_left_alone() {
    noted=''
    read -r noted <"$EVENT/sectors.$line" && count_writes "$number" &&
        [ "$noted" = "$sectors" ]
}

# Tell whether the file system of a line was frozen until the thaw; set $stall
# in seconds and $proof.
was_frozen() {
    proof='' took=0 ended=0
    [ -s "$EVENT/proof.$line" ] || return 1
    until [ -e "$EVENT/stall.$line" ]; do
        clock
        [ $((now - thawed)) -lt 500 ] || return 1
        sleep 0.05
    done
    read -r proof <"$EVENT/proof.$line"
    read -r took ended <"$EVENT/stall.$line"
    # Somebody else thawed it, maybe before the copy.
    [ "$ended" -ge $((thawed - EARLY)) ] || return 1
    ! was_clean || proof=$proof,superblock
    # Less than the clock can tell.
    [ "$took" -gt 0 ] || took=1
    stall=$(printf '%d.%02d' $((took / 100)) $((took % 100)))
}

# --- Application hooks ------------------------------------------------------

# Call $1 for each application hook, as $hook, until it fails.
for_each_hook() {
    former=''
    [ ! -r "$STATE/former-hook" ] || read -r former <"$STATE/former-hook"
    for hook in ${former:+"$R$former"} "$R"/etc/qemu/fsfreeze-hook.d/* \
            "$R"/etc/qemu-ga/fsfreeze-hook.d/*; do
        case $hook in
            *~ | *.bak | *.sample | *.rpm* | *.dpkg-*) continue ;;
        esac
        if [ -f "$hook" ] && [ -x "$hook" ]; then
            "$1" || return 1
        fi
    done
}

# Run a hook with freeze; it is kept in a list with its status.
freeze_hook() {
    run_hook freeze
    printf '%s\n' "$status $hook" >>"$EVENT/hooks"
    [ "$status" = 0 ]
}

thaw_hook() {
    run_hook thaw
}

run_hook() {
    status=0
    log=$HOOK_LOG
    { { :; } >>"$log"; } 2>/dev/null || log=/dev/null
    timeout -k 5 "$HOOK_SECONDS" "$hook" "$1" >>"$log" 2>&1 </dev/null ||
        status=$?
}

# Run the hooks of the list with thaw; keep what to say of them.
thaw_hooks() {
    if [ ! -d "$EVENT" ]; then
        # Which ones ran is not known: thaw all, as the agent asks.
        for_each_hook thaw_hook
        return 0
    fi
    [ -e "$EVENT/hooks" ] || return 0
    while read -r frozen hook; do
        run_hook thaw
        to_word "${hook##*/}"
        echo "hook name=$word freeze=$frozen thaw=$status"
    done <"$EVENT/hooks" >"$EVENT/words"
}

# --- What the agent calls ---------------------------------------------------

# The hooks decide how this ends. All about witnesses is in subshells: an error
# there ends the subshell only.
freeze() {
    AGENT=$PPID
    EVENT=$RUN/event.$$
    (announce)
    # Of the last freeze only.
    { :; } >"$HOOK_LOG"
    for_each_hook freeze_hook || abort
    # Inherited by what watches: a busy machine must not make it miss a freeze.
    renice -n -5 $$
    (watch_file_systems)
}

announce() {
    prepare
    rm -rf "$RUN"/event*
    mkdir "$EVENT"
    list_file_systems table
    echo "$EVENT" >"$RUN/event"
    say "freeze fs=$count" && { :; } >"$EVENT/said"
}

abort() {
    to_word "${hook##*/}"
    refused="name=$word status=$status"
    thaw_hooks
    (say "aborted $refused")
    rm -rf "$RUN/event" "$EVENT"
    exit 1
}

thaw() {
    EVENT=$RUN/nowhere
    [ ! -s "$RUN/event" ] || read -r EVENT <"$RUN/event"
    clock
    { :; } >"$EVENT/end"
    thaw_hooks
    (thawed=$now; say_thaw)
    rm -rf "$RUN/event" "$EVENT"
}

say_thaw() {
    # What was not said to begin must not be said to end. But a freeze before
    # this may have ended too early for whoever thaws now.
    [ -e "$EVENT/said" ] || { prepare; say rethaw; return 0; }
    frozen=0 hooked=0 line=0 open=open known=' '
    [ ! -e "$EVENT/late" ] || open=unseen
    while read -r kind number type disk _ _ mount; do
        line=$((line + 1))
        known="$known$number "
        name_place
        if [ "$kind" = still ]; then
            was_left_alone || set -- "$@" "$open $where"
        elif was_frozen; then
            frozen=$((frozen + 1))
            set -- "$@" "frozen $where stall=$stall proof=$proof"
        else
            set -- "$@" "$open $where"
        fi
    done <"$EVENT/table"
    # What became writable meanwhile was watched by nobody.
    list_file_systems after
    while read -r _ number type disk _ _ mount; do
        case $known in *" $number "*) continue ;; esac
        name_place
        set -- "$@" "open $where"
    done <"$EVENT/after"
    [ ! -e "$EVENT/words" ] || while read -r words; do
        hooked=$((hooked + 1))
        set -- "$@" "$words"
    done <"$EVENT/words"
    say "$@" "thaw fs=$frozen hooks=$hooked"
}

# Set $where to how the witnesses name the file system of a line, and $place to
# how it is named on a terminal.
name_place() {
    to_word "$type"
    where="type=$word disk=$disk" place=$word
    unescape "$mount"
    to_word "$path"
    where="path=$word $where" place="$word ($place)"
}

# --- What systemd calls -----------------------------------------------------

started() {
    prepare
    version=$(qemu-ga --version)
    version=${version#QEMU Guest Agent }
    to_word "${version%% *}"
    say "started agent=${word:-unknown}"
} 2>/dev/null

stopped() {
    prepare
    say stopped
}

# At the very end of a shutdown. A disk that is still writable was not put
# away in order.
powered_off() {
    while read -r _ _ number _ _ rest; do
        rest=${rest#*- }
        type=${rest%% *} rest=${rest#* }
        case ${rest#* }, in rw,*) ! is_on_disk || return 0 ;; esac
    done <"$R/proc/self/mountinfo" || return 0
    prepare
    say poweroff
}

# --- The agent's configuration ----------------------------------------------

# The agent is told by its arguments, by variables of its unit and by a file;
# what all that comes to only the agent itself knows. So it is asked, with
# --dump-conf, and says that as a configuration.

# Called before each start with the command of the unit, as systemd reads it.
# What the agent says to that becomes its configuration, with this kit as the
# hook and the commands of a freeze let through. It is kept where it cannot be
# made anew: without it the agent would forget what its owner forbids.
configure() {
    umask 022
    # The owner's own, before the kit's took its place.
    theirs=${QGA_CONF-}
    [ "$theirs" != "$COPY" ] || read -r theirs <"$STATE/conf"
    use_configuration "$theirs"
    said=$(timeout 20 "$@" --dump-conf)
    # An agent that died while it had frozen all must come back to thaw: until
    # then nothing can be written.
    [ -e "$R$(value_of statedir)/qga.state.isfrozen" ] ||
        case $said in *'[general]'*) keep_what_was_said "$@" ;; esac
    [ -s "$STATE/variables" ]
}

keep_what_was_said() {
    mkdir -p "$STATE" "$R${COPY%/*}"
    echo "$theirs" >"$STATE/conf"
    set_former_hook "$(value_of fsfreeze-hook)"
    {   printf '%s\n' "$said" |
            grep -v '^\(fsfreeze-hook\|allow-rpcs\|block-rpcs\|blacklist\)='
        let_through
        echo "fsfreeze-hook=$KIT"
    } | replace "$R$COPY" &&
        printf '%s\n' "QGA_CONF=$COPY" \
            "CONSISTENCY_KIT_FLAGS=$(other_flags "$@")" |
        replace "$STATE/variables"
}

# Replace a file by what is read, all of it or not at all.
replace() {
    if cat >"$1.new" && mv "$1.new" "$1"; then return 0; fi
    rm -f "$1.new"
    return 1
}

# Let the agent read the file $1 when it is asked, or its own where that is
# empty.
use_configuration() {
    QGA_CONF=$1
    export QGA_CONF
    [ -n "$QGA_CONF" ] || unset QGA_CONF
}

# Print the value of a key in what the agent said.
value_of() {
    printf '%s\n' "$said" | sed -n "s/^\($1\)=//p"
}

# Print the lists of allowed or blocked commands without what forbids a freeze.
# The agent takes one of both only; a blocked command is not an allowed one.
let_through() {
    key=block-rpcs
    case $said in *blacklist=*) key=blacklist ;; esac
    allowed=$(value_of allow-rpcs)
    blocked=$(value_of "$key")
    if [ -n "$allowed" ]; then
        allowed=$(without "$allowed" "$blocked,$COMMANDS")
        echo "allow-rpcs=$COMMANDS${allowed:+,$allowed}"
    else
        blocked=$(without "$blocked" "$COMMANDS")
        [ -z "$blocked" ] || echo "$key=$blocked"
    fi
}

# Print the items of the list $1 that are not in the list $2.
without() {
    printf '%s\n' "$1" | tr , '\n' |
        grep -vxF -e "$(printf '%s\n' "$2" | tr , '\n')" | paste -s -d , -
}

# Print the commands of a freeze that the agent does not let through, by what
# it said.
forbidden() {
    allowed=$(value_of allow-rpcs)
    blocked=$(value_of 'block-rpcs\|blacklist')
    [ -z "$allowed" ] || without "$COMMANDS" "$allowed"
    [ -z "$blocked" ] ||
        without "$COMMANDS" "$(without "$COMMANDS" "$blocked")"
}

# Print the options that the agent does not tell of, such as --confidential of
# newer ones: they go on to it. It tells of all those below, and takes their
# first letters for them.
other_flags() {
    flags='' known=' --allow-rpcs --block-rpcs --blacklist --config'
    known="$known --daemonize --fsfreeze-hook --logfile --method --path"
    known="$known --pidfile --retry-path --statedir --verbose"
    for word do
        case $known,$word in
            *" ${word%%=*}"*,--* | *,-[abcdFflmprtv]*) ;;
            *,-*) flags="$flags $word" ;;
        esac
    done
    echo "${flags# }"
}

# The distributions' own hook runs the folder of application hooks, which the
# kit does itself. Another one is run like them.
set_former_hook() {
    if [ -x "$R$1" ] && [ -f "$R$1" ] && [ "$1" != "$KIT" ] &&
            ! grep -q 'fsfreeze-hook\.d' "$R$1"; then
        echo "$1" >"$STATE/former-hook"
    else
        rm -f "$STATE/former-hook"
    fi
}

# Set $said to what the agent that runs says to its own arguments, and $pid.
ask_running_agent() {
    pid=$(systemctl show --property MainPID "$units" |
        sed -n 's/^MainPID=\([1-9]\)/\1/p' | head -n 1)
    process=$R/proc/${pid:-none}
    use_configuration "$(tr '\0' '\n' <"$process/environ" |
        sed -n 's/^QGA_CONF=//p')"
    # shellcheck disable=SC2016  # for the inner shell
    said=$(xargs -0 sh -c 'agent=$1; shift 2; exec "$agent" "$@" --dump-conf' \
        sh "$process/exe" <"$process/cmdline")
} 2>/dev/null

# --- Distributions: one entry each ------------------------------------------

# What is told of each: how to install the package, how to list packages, and
# how to remove them.
find_distribution() {
    ID='' ID_LIKE='' PRETTY_NAME=''
    # shellcheck source=/dev/null
    [ ! -r "$R/etc/os-release" ] || . "$R/etc/os-release"
    case " $ID $ID_LIKE " in
        *' debian '* | *' ubuntu '*) family=debian ;;
        *' rhel '* | *' fedora '* | *' centos '*) family=redhat ;;
        *suse*) family=suse ;;
        *) fail "This kit does not know ${PRETTY_NAME:-this system}." \
            "By hand: install the QEMU guest agent, tell it to use a freeze" \
            "hook (fsfreeze-hook=$KIT under [general] in its qemu-ga.conf)," \
            "copy this script to $KIT and let the agent's unit call it" \
            "with started and stopped (ExecStartPost=, ExecStopPost=)." ;;
    esac
    find_unit
}

# Older releases of SUSE have a template; a pattern finds what runs of it.
find_unit() {
    unit=qemu-guest-agent.service units=$unit
    [ "$family" != suse ] || systemctl cat "$unit" >/dev/null 2>&1 ||
        unit=qemu-ga@.service units='qemu-ga@*.service'
}

install_package() {
    case $family in
        debian)
            DEBIAN_FRONTEND=noninteractive
            export DEBIAN_FRONTEND
            set -- apt-get install -qy --no-install-recommends
            "$@" qemu-guest-agent ||
                { apt-get update -q && "$@" qemu-guest-agent; } ;;
        redhat) "$(command -v dnf || echo yum)" install -qy qemu-guest-agent ;;
        suse) zypper --non-interactive install qemu-guest-agent ;;
    esac >&2
}

# A system that is updated as a whole takes packages by a command of its own,
# and has them after the next boot.
must_take_packages() {
    if [ -e "$R/run/ostree-booted" ]; then
        way='rpm-ostree install'
    elif is_root_read_only; then
        way='transactional-update pkg install'
    else
        return 0
    fi
    fail "The packages of this system come with its image. Run $way" \
        "qemu-guest-agent and reboot; on ext4 that is enough. Nobody has" \
        "tried this kit here: if you run install again then, trust only" \
        "what consistency-kit check says."
}

is_root_read_only() {
    while read -r _ _ _ _ mount options _; do
        case $mount,$options, in /,ro,*) return 0 ;; esac
    done <"$R/proc/self/mountinfo"
    return 1
}

list_packages() {
    case $family in
        debian) dpkg-query -W -f '${Package}\n' ;;
        *) rpm -qa --queryformat '%{NAME}\n' ;;
    esac | sort -u
}

# Remove what came with the agent; what something else needs now stays.
remove_packages() {
    case $family in
        debian) xargs dpkg --purge <"$STATE/packages" ;;
        *)  rpm -e qemu-guest-agent
            xargs -n 1 rpm -e <"$STATE/packages" ;;
    esac >/dev/null 2>&1
    ! command -v qemu-ga >/dev/null
}

# --- Install ----------------------------------------------------------------

install() {
    must_be_root
    [ -r "$0" ] || fail "Save this script as a file and run that."
    [ -w "$R${KIT%/*}" ] || fail "${KIT%/*} cannot be written: this kit" \
        "cannot be installed here."
    umask 022
    find_distribution
    mkdir -p "$STATE"
    add_package
    # The unit came with the package.
    find_unit
    # What was there before the first install.
    if [ ! -e "$STATE/service" ]; then
        old=''
        ! systemctl is-enabled --quiet "$unit" 2>/dev/null || old=enabled
        ! systemctl is-active --quiet "$units" || old="$old active"
        echo "$old" >"$STATE/service"
    fi
    if ! cmp -s "$0" "$R$KIT"; then
        new=$(mktemp "$R$KIT.XXXXXX")
        cat "$0" >"$new"
        chmod 755 "$new"
        mv "$new" "$R$KIT"
    fi
    add_drop_in
    [ ! -w "$R$SHUTDOWN" ] || [ -h "$R$SHUTDOWN/consistency-kit" ] ||
        ln -s "$KIT" "$R$SHUTDOWN/consistency-kit"
    allow_in_selinux
    systemctl daemon-reload
    # Its own rule starts the agent where there is a channel.
    udevadm control --reload
    udevadm trigger --subsystem-match=virtio-ports
    udevadm settle --timeout=10
    systemctl enable --quiet "$unit" 2>/dev/null
    [ ! -e "$CHANNEL" ] || systemctl restart "$units" ||
        fail "The agent did not start: systemctl status $unit"
    echo 'Installed. To see what works: consistency-kit check'
    survey | grep '^risk'
    return 0
}

add_drop_in() {
    command=$(start_command)
    # What precedes the path are marks for systemd, such as "-".
    case ${command%% *} in
        [!@]*/qemu-ga | /*/qemu-ga) ;;
        *) fail "The unit $unit starts the agent in a way of its own. Give" \
            "it a line like ExecStart=/usr/sbin/qemu-ga (systemctl edit" \
            "$unit), and run install again." ;;
    esac
    echo "$command" >"$STATE/command"
    folder=$R/etc/systemd/system/$unit.d
    mkdir -p "$folder"
    cat >"$folder/$DROP_IN" <<END
[Service]
EnvironmentFile=-$STATE/variables
ExecStartPre=$KIT configure /${command#*/}
ExecStart=
ExecStart=${command%% *} \$CONSISTENCY_KIT_FLAGS
ExecStartPost=-$KIT started
ExecStopPost=-$KIT stopped
END
    # The name of an older kit.
    rm -f "$folder/consistency-kit.conf" "$STATE/variables"
}

# Print how the unit starts the agent without the kit, as its files say it.
start_command() {
    unit_files | sed -n 's/^ *ExecStart *= *\([^ ]\)/\1/p' | tail -n 1
}

# Print the files of the unit but the kit's, each line in one.
unit_files() {
    systemctl cat "$unit" 2>/dev/null |
        sed '/^# .*consistency-kit\.conf$/,/^# \/.*\.\(conf\|service\)$/d' |
        sed -e ':more' -e '/\\$/{' -e 'N' -e 's/ *\\\n */ /' -e 'b more' -e '}'
}

add_package() {
    ! command -v qemu-ga >/dev/null || return 0
    must_take_packages
    list_packages >"$STATE/packages.before"
    install_package || fail "The package qemu-guest-agent could not be" \
        "installed. Is there a network, and does it reach a mirror of this" \
        "distribution? See the package manager's words above."
    list_packages | comm -13 "$STATE/packages.before" - >"$STATE/packages"
    rm "$STATE/packages.before"
}

# Let the kit out of the agent's confinement: it reads what other processes
# wait for, and the agent reads every mount point.
allow_in_selinux() {
    command -v selinuxenabled >/dev/null && selinuxenabled || return 0
    chcon -t virt_qemu_ga_unconfined_exec_t "$R$KIT"
    ! semanage fcontext -a -t virt_qemu_ga_unconfined_exec_t "$KIT" \
        2>/dev/null || : >"$STATE/label"
    for name in $(missing_booleans); do
        setsebool -P "$name" on && echo "$name" >>"$STATE/booleans"
    done
}

missing_booleans() {
    for name in virt_qemu_ga_read_nonsecurity_files \
            virt_qemu_ga_run_unconfined; do
        case $(getsebool "$name" 2>/dev/null) in *off) echo "$name" ;; esac
    done
}

# --- Uninstall --------------------------------------------------------------

uninstall() {
    must_be_root
    [ -d "$STATE" ] || { echo 'Not installed.'; return 0; }
    find_distribution
    [ ! -e "$STATE/booleans" ] || while read -r name; do
        setsebool -P "$name" off
    done <"$STATE/booleans"
    [ ! -e "$STATE/label" ] || semanage fcontext -d "$KIT"
    rm -f "$R/etc/systemd/system/$unit.d/$DROP_IN" \
        "$R$SHUTDOWN/consistency-kit" "$R$COPY"
    rmdir "$R/etc/systemd/system/$unit.d" "$R${COPY%/*}" 2>/dev/null
    systemctl daemon-reload
    old=''
    [ ! -r "$STATE/service" ] || read -r old <"$STATE/service"
    case $old in
        *active) systemctl restart "$units" ;;
        *) systemctl stop "$units" ;;
    esac
    case $old in enabled*) ;; *) systemctl disable --quiet "$unit"
    esac 2>/dev/null
    left=''
    [ ! -e "$STATE/packages" ] || remove_packages ||
        left=' Left, because it is needed: the package qemu-guest-agent.'
    systemctl daemon-reload
    rm -rf "$R$KIT" "$RUN" "$STATE"
    echo "Uninstalled.$left"
}

# --- Check ------------------------------------------------------------------

check() {
    must_be_root
    bad=0
    find_distribution
    ask_running_agent
    see_what_the_agent_sees "$@"
    told 'The channel to the hypervisor exists.' \
        'There is no channel. Set hw_qemu_guest_agent=yes on the image and boot
      a new instance from it.' test -e "$CHANNEL"
    told 'The agent runs.' "The agent does not run: systemctl status $unit" \
        systemctl is-active --quiet "$units"
    # One that does not run says nothing.
    [ -z "$pid" ] || check_agent
    told 'The configuration of the agent was not changed since.' \
        'The configuration of the agent was changed: run install again.' \
        nothing_changed
    told 'Kernel messages reach a serial console.' \
        'No kernel messages on a serial console: add console=ttyS0 to the
      kernel command line.' grep -q '^\(tty[^0-9]\|hvc\)' "$R/proc/consoles"
    told 'Witnesses are let through.' \
        'Witnesses do not get through: look at kernel.printk (above 1),
      kernel.printk_devkmsg (not off) and printk.time.' witnesses_get_through
    told 'Witnesses were said since boot.' \
        "No witness since boot yet: systemctl restart $unit" \
        test -s "$RUN/next"
    survey
    [ "${1-}" != --freeze ] || in_survey trial_freeze
    say_confinement
    [ "$bad" = 0 ]
}

# A unit can have mounts of its own (ProtectHome=, PrivateMounts=): what is not
# among them, the agent does not freeze.
see_what_the_agent_sees() {
    theirs=$(readlink "$R/proc/$pid/ns/mnt") || return 0
    [ "$theirs" = "$(readlink "$R/proc/self/ns/mnt")" ] ||
        exec nsenter --target "$pid" --mount sh "$KIT" check "$@"
}

check_agent() {
    told 'The agent calls the kit.' \
        'The agent does not know of the kit: run install again.' \
        test "$(value_of fsfreeze-hook)" = "$KIT"
    names=$(forbidden)
    told 'The agent may freeze.' \
        "The agent is told to refuse what a freeze needs: run install again.
      Its options and files forbid $names." test -z "$names"
}

# told GOOD BAD COMMAND...: say GOOD or BAD, as the command ends.
told() {
    good=$1 wrong=$2
    shift 2
    if "$@" >/dev/null 2>&1; then
        echo "ok    $good"
    else
        echo "WRONG $wrong"
        bad=1
    fi
}

# The unit and the files that it and the agent read, whatever their names.
nothing_changed() {
    command='' theirs=''
    read -r command <"$STATE/command"
    read -r theirs <"$STATE/conf"
    set -- "$R${theirs:-$CONF}"
    for name in $(unit_files | sed -n 's/^ *EnvironmentFile *= *-*//p'); do
        set -- "$@" "$R$name"
    done
    [ "$command" = "$(start_command)" ] &&
        [ -z "$(find "$@" -newer "$R$COPY")" ]
} 2>/dev/null

witnesses_get_through() {
    # With cat: this file gives all at once or not at all.
    level=$(cat "$R/proc/sys/kernel/printk")
    [ "${level%%[!0-9]*}" -gt 1 ] &&
        ! grep -q off "$R/proc/sys/kernel/printk_devkmsg" &&
        grep -q Y "$R/sys/module/printk/parameters/time"
}

# Say what there is to freeze, and what is known to hold up a freeze.
survey() {
    in_survey describe_file_systems
}

in_survey() {
    prepare
    EVENT=$(mktemp -d "$RUN/event.XXXXXX") || return 1
    list_file_systems table
    "$1"
    rm -r "$EVENT"
}

describe_file_systems() {
    while read -r kind _ type _ id devices mount; do
        name_place
        case $kind in
            freeze) echo "note  $place needs a proof." ;;
            hidden) echo "note  $place is mounted where the agent does not" \
                'see it: nothing is proven as long as it is.' ;;
            never) echo "note  $place cannot be frozen: nothing is proven as" \
                'long as it is mounted writable.' ;;
            *) echo "note  $place cannot be frozen; it counts as left alone" \
                'if nothing is written there meanwhile.' ;;
        esac
        describe_risk
    done <"$EVENT/table"
    [ "$count" != 0 ] ||
        echo 'note  Nothing is writable: a freeze cannot be proven.'
    describe_network
}

# Say what is known of the line to hold up a freeze or to make it fail.
describe_risk() {
    case $type,$devices in
        *+loop*) risk 'lies in a file of another file system: if that is' \
            'frozen first, the freeze hangs. Unmount it before a snapshot,' \
            'or give it a disk of its own.' ;;
        *+drbd*) risk 'lies on DRBD: a peer that is away or has to wait' \
            'makes the freeze hang. Unmount it before a snapshot, or take' \
            'the snapshot on the other side.' ;;
        *+snapshot+*) risk 'has a device-mapper (LVM) snapshot: one that is' \
            'full or merged makes the freeze hang or fail. Remove it' \
            'before.' ;;
        *+suspended+*) risk 'lies on a suspended device: the freeze waits' \
            'until dmsetup resume.' ;;
        *+nbd* | *+rbd*) risk 'comes over the network and is not in the' \
            'snapshot: a server that does not answer makes the freeze hang.' \
            'Unmount it before.' ;;
        gfs2,* | ocfs2,*) risk 'belongs to a cluster: a freeze holds up all' \
            'its nodes. Unmount it here before a snapshot.' ;;
    esac
    [ "$kind" = freeze ] && [ -e "$R/proc/self/fdinfo" ] || return 0
    { is_in_mount "$id"; } 8<"$path/" || risk 'lies under another mount: the' \
        'agent freezes that one twice, and this one never. Unmount one.'
} 2>/dev/null

# Name what is kept elsewhere. The agent passes it over, but goes through it to
# what is mounted below.
describe_network() {
    disk=''
    while read -r _ _ number _ mount rest; do
        rest=${rest#*- }
        type=${rest%% *}
        case $number,$type in
            0:*,nfs* | 0:*,cifs* | 0:*,smb* | 0:*,ceph* | 0:*,9p* | \
                0:*,afs* | 0:*,virtiofs* | 0:*,lustre* | 0:*,fuse.*)
                name_place
                risk 'is not in the snapshot. While it does not answer, a' \
                    'freeze hangs at what is mounted below it.' ;;
        esac
    done <"$R/proc/self/mountinfo"
}

risk() {
    echo "risk  $place $*"
}

# Freeze for a second without the agent, and see whether each writer waits.
# No witness is said: a snapshot just now must not take this for its freeze.
trial_freeze() {
    AGENT=$$
    mounts='' writers='' line=0
    while read -r kind _ _ _ id _ mount; do
        line=$((line + 1))
        [ "$kind" = freeze ] || continue
        mounts="$mount $mounts"
        unescape "$mount"
        { is_in_mount "$id" && start_writer; } 8<"$path/" &&
            writers="$writers $writer"
    done <"$EVENT/table"
    # Whatever happens to this process, the file systems are thawed. Nothing
    # is printed meanwhile: that could wait for the thaw itself.
    (sleep 8; on_each_mount -u) >/dev/null 2>&1 &
    guard=$!
    waiting=0
    if on_each_mount -f 2>/dev/null; then
        sleep 1
        for writer in $writers; do
            ! waits_for_thaw "$writer" || waiting=$((waiting + 1))
        done
    fi
    on_each_mount -u 2>/dev/null
    kill "$guard"
    { :; } >"$EVENT/end"
    told "A trial froze all $count file systems, and it could be seen." \
        "A trial: $waiting of $count file systems were seen frozen." \
        test "$waiting" = "$count"
    sleep 0.2
}

# In a subshell, where a "*" in a name is none.
on_each_mount() (
    set -f
    for mount in $mounts; do
        unescape "$mount"
        fsfreeze "$1" "$path" || [ "$1" = -u ] || return 1
    done
)

# The agent's way would be to run the agent's own program: no other one gets
# under what confines it.
say_confinement() {
    context=''
    [ -z "$pid" ] || context=$(tr -d '\0' <"$R/proc/$pid/attr/current")
    case $context in
        # AppArmor
        *'(enforce)') ;;
        *:virt_qemu_ga_t:*) [ "$(getenforce)" = Enforcing ] || return 0
            told 'SELinux lets the agent freeze and call the kit.' \
                'SELinux does not let the agent freeze: run install again.' \
                test -z "$(missing_booleans)" ;;
        *) return 0 ;;
    esac
    echo "note  The agent is confined ($context). A trial freeze is root's" \
        'and is not: what the agent is denied shows at its first freeze' \
        'only, in the kernel log and in ausearch -m avc -c qemu-ga.'
} 2>/dev/null

# --- Small things -----------------------------------------------------------

fail() {
    echo "consistency-kit: $*" >&2
    exit 1
}

must_be_root() {
    [ "$(id -u)" = 0 ] || fail 'This needs root.'
}

case ${1-} in
    install | uninstall) "$1" ;;
    check) check "${2-}" ;;
    configure) shift; configure "$@" ;;
    freeze | thaw)
        # Nothing of the agent's may stay open in what runs on: an agent that
        # reads what its hook prints would wait for the end of that.
        exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
        "$1"
        exit 0 ;;
    started | stopped) "$1"; exit 0 ;;
    poweroff | halt) powered_off; exit 0 ;;
    reboot | kexec) ;;
    *) fail 'usage: consistency-kit install | check [--freeze] | uninstall' ;;
esac
