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
# where it is missing, a drop-in for the agent's unit, a copy of the agent's
# configuration beside it, a link in systemd's shutdown folder, and
# /var/lib/consistency-kit, where it remembers what to undo. Under SELinux also
# a label for itself and two booleans that let the agent freeze and call it.
# The system's own files stay as they are.
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
SHUTDOWN=/usr/lib/systemd/system-shutdown
CONF=/etc/qemu/qemu-ga.conf
COPY=/etc/qemu/consistency-kit.conf
SYSCONFIG=/etc/sysconfig/qemu-ga        # variables of the unit, where it is

HOOK_SECONDS=120        # an application hook that takes longer has failed
WATCH_SECONDS=300       # no background process tries longer than this
TIGHT_SECONDS=30        # after which they pause between tries
READY_SECONDS=5         # the most that a freeze waits for those who watch it
EARLY=300               # 1/100 s that a stall may end before the thaw's hook

# No file system takes a name this long. Opening it to write asks for leave to
# write, for which a frozen file system makes wait, and then fails: this tries
# to write without ever writing, on a full disk too.
LONG=________________
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

# Print $1 in a form that fits into a witness as a value.
to_word() {
    printf %.200s "$1" | tr -c '!-<>-~' _
}

# Set $now to the time since boot in 1/100 s.
clock() {
    now=0
    read -r now _ <"$R/proc/uptime"
    now=${now%.*}${now#*.}
}

# --- What there is to freeze ------------------------------------------------

# Write a line for each writable file system on a block device to the table $1:
# kind, device number, type, disk, id of the mount and mount point.
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
            case $type,$source,${rest#* }, in
                # A program's own name for what it gave none: no disk.
                fuse*,/dev/fuse,*) continue ;;
                *,/dev/*,rw,* | zfs,*,rw,*) ;;
                *) continue ;;
            esac
            seen="$seen$number "
            find_disks
            case $wanted,$type in
                # The agent freezes what it sees itself.
                hidden,*) kind=hidden ;;
                # These cannot be frozen, and the agent passes them over. They
                # count as left alone when their device sees no write.
                *,vfat | *,msdos | *,exfat) kind=still ;;
                *) kind=freeze count=$((count + 1)) ;;
            esac
            printf '%s\n' "$kind $number $type $disk $id $mount"
        done <"$from"
    done >"$EVENT/$1"
}

# Set $disk to what the file system $source with the device $number lies on in
# the end, as vda, or as vda+vdb: not every snapshot takes all disks.
find_disks() {
    disk=${source#/dev/} disk=${disk%%/*} found=''
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
        [ ! -e "$device/partition" ] || device=$device/..
        for name in "$device"/slaves/*; do
            [ ! -e "$name" ] || { set -- "$@" "$name"; under=1; }
        done
        if [ -z "$under" ] && [ -e "$device" ]; then
            name=$(readlink -f "$device") name=${name##*/}
            case +$found+ in
                *"+$name+"*) ;;
                *) found=$found${found:++}$name ;;
            esac
        fi
    done
    disk=${found:-$disk}
}

# Containers and services may have mounts of their own. Note one of each
# device, because there are many processes.
list_elsewhere() {
    sed -n '/ - \(zfs [^ ]*\|[^ ]* \/dev\/[^ ]*\) rw/p' \
        "$R"/proc/[0-9]*/mountinfo | sort -u -k 3,3 >"$EVENT/elsewhere"
} 2>/dev/null

# Tell whether the folder $2 is in the mount $1: another may lie over it.
leads_to_mount() {
    value=''
    { while read -r field value; do
        [ "$field" != mnt_id: ] || break
      done <"$R/proc/self/fdinfo/8"; } 8<"$2"
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
    while read -r kind number type _ id mount; do
        line=$((line + 1))
        case $mount in *\\*) mount=$(printf '%b' "$mount") ;; esac
        leads_to_mount "$id" "$mount" || continue
        [ "$kind" = freeze ] || { note_writes "$number" "$mount"; continue; }
        start_writer
        case $type in
            ext[34]) watcher "$line" "$writer" | read_flag ;;
            *) watcher "$line" "$writer" ;;
        esac &
        started="${started-} $line"
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

start_writer() {
    writer "$line" "${mount%/}/$LONG" >/dev/null 2>&1 &
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
        { :; } >"$2"
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

# Note how much was written to a device, once all is written.
note_writes() {
    timeout 10 sync -f "$2" && count_writes "$1" &&
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
        name=$(to_word "${hook##*/}")
        echo "hook name=$name freeze=$frozen thaw=$status"
    done <"$EVENT/hooks" >"$EVENT/words"
}

# --- What the agent calls ---------------------------------------------------

# The hooks decide how this ends. All about witnesses is in subshells: an error
# there ends the subshell only.
freeze() {
    AGENT=$PPID
    EVENT=$RUN/event.$$
    (announce)
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
    refused="name=$(to_word "${hook##*/}") status=$status"
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
    while read -r kind number type disk _ mount; do
        line=$((line + 1))
        known="$known$number "
        where="path=$(to_word "$mount") type=$type disk=$disk"
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
    while read -r _ number type disk _ mount; do
        case $known in *" $number "*) continue ;; esac
        set -- "$@" "open path=$(to_word "$mount") type=$type disk=$disk"
    done <"$EVENT/after"
    [ ! -e "$EVENT/words" ] || while read -r words; do
        hooked=$((hooked + 1))
        set -- "$@" "$words"
    done <"$EVENT/words"
    say "$@" "thaw fs=$frozen hooks=$hooked"
}

# --- What systemd calls -----------------------------------------------------

started() {
    prepare
    version=$(qemu-ga --version)
    version=${version#QEMU Guest Agent }
    version=$(to_word "${version%% *}")
    say "started agent=${version:-unknown}"
} 2>/dev/null

stopped() {
    prepare
    say stopped
}

# At the very end of a shutdown. A disk that is still writable was not put
# away in order.
powered_off() {
    while read -r source _ _ options _; do
        case $source,$options, in /dev/*,rw,*) return 0 ;; esac
    done <"$R/proc/mounts"
    prepare
    say poweroff
}

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
        [ ! -e "$HOOK_LOG" ] || : >"$STATE/log"
    fi
    if ! cmp -s "$0" "$R$KIT"; then
        cat "$0" >"$R$KIT.new"
        chmod 755 "$R$KIT.new"
        mv "$R$KIT.new" "$R$KIT"
    fi
    configure
    mkdir -p "$R/etc/systemd/system/$unit.d"
    cat >"$R/etc/systemd/system/$unit.d/consistency-kit.conf" <<END
[Service]
EnvironmentFile=-$STATE/variables
ExecStartPost=-$KIT started
ExecStopPost=-$KIT stopped
END
    [ ! -d "$R$SHUTDOWN" ] || [ -h "$R$SHUTDOWN/consistency-kit" ] ||
        ln -s "$KIT" "$R$SHUTDOWN/consistency-kit"
    allow_in_selinux
    systemctl daemon-reload
    # Its own rule starts the agent where there is a channel.
    udevadm control --reload
    udevadm trigger --subsystem-match=virtio-ports
    udevadm settle --timeout=10
    systemctl enable --quiet "$unit" 2>/dev/null
    [ ! -e "$CHANNEL" ] || systemctl restart "$units"
    echo 'Installed. To see what works: consistency-kit check'
}

add_package() {
    ! command -v qemu-ga >/dev/null || return 0
    list_packages >"$STATE/packages.before"
    install_package || fail "The package qemu-guest-agent could not be" \
        "installed. Is there a network, and does it reach a mirror of this" \
        "distribution? See the package manager's words above."
    list_packages | comm -13 "$STATE/packages.before" - >"$STATE/packages"
    rm "$STATE/packages.before"
}

# Copy the agent's configuration, and the variables that some distributions
# make its arguments of, with this kit as the hook and the freeze commands let
# through.
configure() {
    mkdir -p "$R${COPY%/*}"
    former=$(sed -n -e 's/^ *fsfreeze-hook *= *//p' \
        -e "s/^FSFREEZE_HOOK_PATHNAME=[\"']*\([^\"']*\).*/\1/p" \
        "$R$CONF" "$R$SYSCONFIG" | tail -n 1)
    # The distributions' own hook runs the folder of application hooks, which
    # the kit does itself.
    if [ -x "$R$former" ] && [ -f "$R$former" ] && [ "$former" != "$KIT" ] &&
            ! grep -q 'fsfreeze-hook\.d' "$R$former"; then
        echo "$former" >"$STATE/former-hook"
    else
        rm -f "$STATE/former-hook"
    fi
    {   sed '/^ *fsfreeze-hook *=/d' "$R$CONF" | unblock
        printf '\n[general]\nfsfreeze-hook=%s\n' "$KIT"
    } >"$R$COPY"
    {   grep -E '^(BLACKLIST_RPC|BLOCK_RPCS)=.*guest-fsfreeze' "$R$SYSCONFIG"
        grep -E '^FILTER_RPC_ARGS=.*(-b|--bl).*guest-fsfreeze' "$R$SYSCONFIG"
        grep -E '^FILTER_RPC_ARGS=.*allow-rpcs' "$R$SYSCONFIG" |
            grep -v guest-fsfreeze-freeze,
        printf '%s\n' "QGA_CONF=$COPY" "FSFREEZE_HOOK_PATHNAME=$KIT"
    } | unblock >"$STATE/variables"
} 2>/dev/null

# Take the freeze commands from lists of blocked ones and add them to lists of
# allowed ones.
unblock() {
    sed -e '/^ *\(block-rpcs\|blacklist\|BLOCK_RPCS\|BLACKLIST_RPC\)/b block' \
        -e '/--block-rpcs\|--blacklist/b block' \
        -e 's/\(allow-rpcs *= *\)/\1guest-fsfreeze-status,guest-fsfreeze-f'\
'reeze,guest-fsfreeze-freeze-list,guest-fsfreeze-thaw,/' -e b -e ': block' \
        -e 's/guest-fsfreeze-[a-z-]*//g; s/,,*/,/g; s/\(= *"\{0,1\}\),/\1/' \
        -e 's/,\("\{0,1\}\) *$/\1/'
}

# Let the kit out of the agent's confinement: it reads what other processes
# wait for, and the agent reads every mount point.
allow_in_selinux() {
    command -v selinuxenabled >/dev/null && selinuxenabled || return 0
    chcon -t virt_qemu_ga_unconfined_exec_t "$R$KIT"
    ! semanage fcontext -a -t virt_qemu_ga_unconfined_exec_t "$KIT" \
        2>/dev/null || : >"$STATE/label"
    for name in virt_qemu_ga_read_nonsecurity_files \
            virt_qemu_ga_run_unconfined; do
        case $(getsebool "$name" 2>/dev/null) in
            *off) setsebool -P "$name" on && echo "$name" >>"$STATE/booleans"
        esac
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
    [ -e "$STATE/log" ] || rm -f "$HOOK_LOG"
    rm -f "$R/etc/systemd/system/$unit.d/consistency-kit.conf" \
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
    told 'The channel to the hypervisor exists.' \
        'There is no channel. Set hw_qemu_guest_agent=yes on the image and boot
      a new instance from it.' test -e "$CHANNEL"
    told 'The agent runs.' "The agent does not run: systemctl status $unit" \
        systemctl is-active --quiet "$units"
    told 'The agent calls the kit.' \
        'The agent does not know of the kit: run install again.' \
        agent_calls_kit
    told 'The configuration of the agent was not changed since.' \
        'The configuration of the agent was changed: run install again.' \
        nothing_changed
    told 'The agent may freeze.' \
        'Freezing is blocked in the configuration of the agent.' \
        agent_may_freeze
    told 'Kernel messages reach a serial console.' \
        'No kernel messages on a serial console: add console=ttyS0 to the
      kernel command line.' grep -q '^\(tty[^0-9]\|hvc\)' "$R/proc/consoles"
    told 'Witnesses are let through.' \
        'Witnesses do not get through: look at kernel.printk (above 1),
      kernel.printk_devkmsg (not off) and printk.time.' witnesses_get_through
    told 'Witnesses were said since boot.' \
        "No witness since boot yet: systemctl restart $unit" \
        test -s "$RUN/next"
    prepare
    EVENT=$(mktemp -d "$RUN/event.XXXXXX")
    list_file_systems table
    describe_file_systems
    [ "${1-}" != --freeze ] || trial_freeze
    rm -r "$EVENT"
    [ "$bad" = 0 ]
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

# The agent's own view: its arguments, or the configuration that it reads.
agent_words() {
    pid=$(systemctl show --property MainPID --value "$units")
    QGA_CONF=$(tr '\0' '\n' <"$R/proc/$pid/environ" |
        sed -n 's/^QGA_CONF=//p')
    export QGA_CONF="${QGA_CONF:-$CONF}"
    tr '\0' '\n' <"$R/proc/$pid/cmdline" && qemu-ga --dump-conf
}

agent_calls_kit() {
    agent_words | grep -q "$KIT"
}

nothing_changed() {
    [ -z "$(find "$R$CONF" "$R$SYSCONFIG" -newer "$R$COPY")" ]
}

agent_may_freeze() {
    ! agent_words | grep '^\(-b\|.*block-rpcs\|.*blacklist\)' |
        grep -q guest-fsfreeze
}

witnesses_get_through() {
    # With cat: this file gives all at once or not at all.
    level=$(cat "$R/proc/sys/kernel/printk")
    [ "${level%%[!0-9]*}" -gt 1 ] &&
        ! grep -q off "$R/proc/sys/kernel/printk_devkmsg" &&
        grep -q Y "$R/sys/module/printk/parameters/time"
}

describe_file_systems() {
    while read -r kind _ type disk _ mount; do
        case $kind,$disk in
            freeze,loop*) echo "note  $mount lies on a loop device:" \
                'freezing it can hang the agent.' ;;
            freeze,*) echo "note  $mount ($type) needs a proof." ;;
            hidden,*) echo "note  $mount ($type) is mounted where the agent" \
                'does not see it: nothing is proven as long as it is.' ;;
            *) echo "note  $mount ($type) cannot be frozen; it counts as" \
                'left alone if nothing is written there meanwhile.' ;;
        esac
    done <"$EVENT/table"
    [ "$count" != 0 ] ||
        echo 'note  Nothing is writable: a freeze cannot be proven.'
}

# Freeze for a second without the agent, and see whether each writer waits.
# No witness is said: a snapshot just now must not take this for its freeze.
trial_freeze() {
    AGENT=$$
    mounts='' writers='' line=0
    while read -r kind _ _ _ _ mount; do
        line=$((line + 1))
        [ "$kind" = freeze ] || continue
        mounts="$mount $mounts"
        mount=$(printf '%b' "$mount")
        start_writer
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

on_each_mount() {
    for mount in $mounts; do
        fsfreeze "$1" "$(printf '%b' "$mount")" || [ "$1" = -u ] || return 1
    done
}

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
