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

# Say each argument, an event and its fields, on the console; fail if that is
# not possible. Events never share a number: who does not get the lock in time
# says nothing.
say() {
    [ -w "$KMSG" ] && [ -d "$RUN" ] || return 1
    say_in_turn "$@" 9>>"$RUN/lock"
} 2>/dev/null

say_in_turn() {
    flock -w 3 9 || return 1
    read -r boot <"$R/proc/sys/kernel/random/boot_id"
    boot=${boot%%-*}
    read -r seq <"$RUN/seq" || seq=$(last_said)
    [ -n "$seq" ] || seq=0
    for event do
        seq=$((seq + 1))
        [ -s "$RUN/next.$seq" ] || make_keys "$seq"
        # Counted before it is said: a number is never said twice.
        printf '%-10d\n' "$seq" 1<>"$RUN/seq" || return 1
        key='' next=''
        read -r key <"$RUN/key.$seq"
        read -r next <"$RUN/next.$seq"
        [ "${#key}${#next}" = 3232 ] || return 1
        read -r up _ <"$R/proc/uptime"
        words="boot=$boot seq=$seq up=$up event=$event"
        sum=$(printf %s "$words" | sha256sum)
        printf '<1>consistency-witness v1 %s sum=%.8s key=%s next=%s\n' \
            "$words" "$sum" "$key" "$next" >>"$KMSG" || return 1
    done
    # So that the next freeze finds its keys ready.
    case $event in
        freeze*) ;;
        *) [ -s "$RUN/next.$((seq + 16))" ] || make_keys $((seq + 1)) ;;
    esac
    return 0
}

# Print the number of this boot's last witness in the kernel's log: the kit may
# have been uninstalled since.
last_said() {
    said="consistency-witness v1 boot=$boot seq"
    dmesg | sed -n "s/.*$said=\([0-9]*\) .*/\1/p" | tail -n 1
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
        [ -n "$key" ] || { shift; IFS=; key="$*"; unset IFS; set -- "$last"; }
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
    now=0
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
            case $seen in *" $number "*) continue ;; esac
            case $wanted,$mount,,$options, in
                /,/,,* | r?,*,,"$wanted",*) ;;
                *) continue ;;
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
            printf '%s\n' "$kind $number $type $disk $device $id $mount"
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
    while read -r kind number type _ device id mount; do
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
    # machine that is too busy for that does not hold it up.
    clock
    start=$now
    for line in ${started-}; do
        until [ -e "$EVENT/tries.$line" ] && [ -e "$EVENT/looks.$line" ]; do
            clock
            [ $((now - start)) -lt 100 ] || return 0
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
    od -An -tu1 -j1120 -N1 - "$R$device" >"$EVENT/flag.$line"
}

# Tell whether the superblock was clean when the proof was seen, and is in use
# again.
was_clean() {
    flag=''
    read -r flag <"$EVENT/flag.$line"
    after=$(od -An -tu1 -j1120 -N1 "$R$device")
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
    hooks=/etc/qemu/fsfreeze-hook.d former=''
    [ ! -r "$STATE/hooks" ] || read -r hooks <"$STATE/hooks"
    [ ! -r "$STATE/former-hook" ] || read -r former <"$STATE/former-hook"
    for hook in ${former:+"$R$former"} "$R$hooks"/*; do
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
    for_each_hook freeze_hook || abort
    # Inherited by what watches: a busy machine must not make it miss a freeze.
    renice -n -5 $$
    (watch_file_systems)
}

announce() {
    prepare
    rm -rf "$RUN"/event*
    mkdir "$EVENT"
    list_file_systems
    echo "$EVENT" >"$RUN/event"
    say "freeze fs=$count" && { :; } >"$EVENT/said"
}

abort() {
    refused=$status
    name=${hook##*/}
    thaw_hooks
    (to_word "$name"; say "aborted name=$word status=$refused")
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
    frozen=0 hooked=0 line=0
    while read -r kind number type disk device _ mount; do
        line=$((line + 1))
        to_word "$mount"
        where="path=$word type=$type disk=$disk"
        if [ "$kind" = still ]; then
            was_left_alone || set -- "$@" "open $where"
        elif was_frozen; then
            frozen=$((frozen + 1))
            set -- "$@" "frozen $where stall=$stall proof=$proof"
        else
            set -- "$@" "open $where"
        fi
    done <"$EVENT/table"
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
    while read -r source _ _ options _; do
        case $source,$options, in /dev/*,rw,*) return 0 ;; esac
    done <"$R/proc/mounts"
    prepare
    say poweroff
}

# --- Distributions: one entry each ------------------------------------------

# What is set for each: how to install the package and whether it is there,
# how to remove it, how to list packages; the configuration that the agent
# really reads (conf: its own file; sysconfig: variables of its unit); the
# folder of the application hooks.
find_distribution() {
    ID='' ID_LIKE='' PRETTY_NAME=''
    # shellcheck source=/dev/null
    [ ! -r "$R/etc/os-release" ] || . "$R/etc/os-release"
    conf=/etc/qemu/qemu-ga.conf sysconfig='' hooks=/etc/qemu/fsfreeze-hook.d
    case " $ID $ID_LIKE " in
        *' debian '* | *' ubuntu '*) family=debian ;;
        *' rhel '* | *' fedora '* | *' centos '*) family=redhat
            conf='' sysconfig=/etc/sysconfig/qemu-ga
            hooks=/etc/qemu-ga/fsfreeze-hook.d ;;
        *suse*) family=suse sysconfig=/etc/sysconfig/qemu-ga ;;
        *) fail "This kit does not know ${PRETTY_NAME:-this system}." \
            "By hand: install the QEMU guest agent, tell it to use a freeze" \
            "hook (fsfreeze-hook=$KIT under [general] in its qemu-ga.conf)," \
            "copy this script to $KIT and let the agent's unit call it" \
            "with started and stopped (ExecStartPost=, ExecStopPost=)." ;;
    esac
}

# Set $unit, and $units as a pattern of what runs: older releases of SUSE have
# a template.
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
    find_distribution
    make_folder "$STATE"
    add_package
    find_unit
    old=''
    ! systemctl is-enabled --quiet "$unit" 2>/dev/null || old=enabled
    ! systemctl is-active --quiet "$units" || old="$old active"
    remember service "$old"
    make_folder "$R${KIT%/*}"
    if ! cmp -s "$0" "$R$KIT"; then
        cat "$0" >"$R$KIT.new"
        chmod 755 "$R$KIT.new"
        mv "$R$KIT.new" "$R$KIT"
    fi
    [ -z "$conf" ] || configure_agent
    echo "$hooks" >"$STATE/hooks"
    write_drop_in
    allow_in_selinux
    for folder in /usr/lib/systemd/system-shutdown \
            /lib/systemd/system-shutdown; do
        [ -d "$R$folder" ] || continue
        [ -h "$R$folder/consistency-kit" ] ||
            ln -s "$KIT" "$R$folder/consistency-kit"
        break
    done
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

# Add the hook to the agent's own configuration file, and let it freeze.
configure_agent() {
    make_folder "$R${conf%/*}"
    remember_hook "$(sed -n 's/^ *fsfreeze-hook *= *//p' "$R$conf" \
        2>/dev/null)"
    # Again: from what was there at first, unless it was changed since.
    if [ -e "$STATE/conf.ours" ] && ! cmp -s "$STATE/conf.ours" "$R$conf"
    then
        rm "$STATE/conf.ours"
    fi
    if [ ! -e "$STATE/conf.ours" ]; then
        rm -f "$STATE/conf.before"
        [ ! -e "$R$conf" ] || cp -p "$R$conf" "$STATE/conf.before"
    fi
    { sed -e '/^ *fsfreeze-hook *=/d' -e "/^\[general\]/a fsfreeze-hook=$KIT" \
        "$STATE/conf.before" 2>/dev/null || printf '[general]\n%s\n' \
        "fsfreeze-hook=$KIT"; } | unblock >"$STATE/conf.ours"
    grep -q '^\[general\]' "$STATE/conf.ours" ||
        printf '[general]\n%s\n' "fsfreeze-hook=$KIT" >>"$STATE/conf.ours"
    [ -e "$R$conf" ] || { : >"$R$conf"; chmod 644 "$R$conf"; }
    cat "$STATE/conf.ours" >"$R$conf"
}

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

# Keep a hook that was used before. The distributions' own one runs the folder
# of application hooks, which the kit does itself.
remember_hook() {
    case $1 in '' | "$KIT" | /dev/null) return 0 ;; esac
    [ -x "$R$1" ] && ! grep -q 'fsfreeze-hook\.d' "$R$1" || return 0
    remember former-hook "$1"
}

# Tell the unit to call the kit, and where the unit takes the hook from
# variables, set them: later files of variables win.
write_drop_in() {
    folder=$R/etc/systemd/system/$unit.d
    make_folder "$folder"
    {   echo '[Service]'
        [ -z "$sysconfig" ] || echo "EnvironmentFile=-$STATE/variables"
        echo "ExecStartPost=-$KIT started"
        echo "ExecStopPost=-$KIT stopped"
    } >"$folder/consistency-kit.conf"
    chmod 755 "$folder"
    chmod 644 "$folder/consistency-kit.conf"
    [ -n "$sysconfig" ] || return 0
    remember_hook "$(sed -n 's/^FSFREEZE_HOOK_PATHNAME=//p' \
        "$R$sysconfig" 2>/dev/null | tr -d "\"'")"
    # Lists only where they block the freeze: others stay the owner's.
    {   echo "FSFREEZE_HOOK_PATHNAME=$KIT"
        grep -E '^(BLACKLIST_RPC|BLOCK_RPCS)=.*guest-fsfreeze' "$R$sysconfig"
        grep -E '^FILTER_RPC_ARGS=.*(-b|--bl).*guest-fsfreeze' "$R$sysconfig"
        grep -E '^FILTER_RPC_ARGS=.*allow-rpcs' "$R$sysconfig" |
            grep -v guest-fsfreeze-freeze,
    } 2>/dev/null | unblock >"$STATE/variables"
}

# Let the kit out of the agent's confinement: it reads what other processes
# wait for, and the agent reads every mount point.
allow_in_selinux() {
    command -v selinuxenabled >/dev/null && selinuxenabled || return 0
    chcon -t virt_qemu_ga_unconfined_exec_t "$R$KIT"
    ! semanage fcontext -a -t virt_qemu_ga_unconfined_exec_t "$KIT" \
        2>/dev/null || remember label yes
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
    find_unit
    left=''
    [ ! -e "$STATE/conf.ours" ] || restore_configuration
    [ ! -e "$STATE/booleans" ] || while read -r name; do
        setsebool -P "$name" off
    done <"$STATE/booleans"
    [ ! -e "$STATE/label" ] || semanage fcontext -d "$KIT"
    rm -f "$R/etc/systemd/system/$unit.d/consistency-kit.conf" \
        "$R/usr/lib/systemd/system-shutdown/consistency-kit" \
        "$R/lib/systemd/system-shutdown/consistency-kit"
    systemctl daemon-reload
    old=''
    [ ! -r "$STATE/service" ] || read -r old <"$STATE/service"
    case $old in
        *active*) systemctl restart "$units" ;;
        *) systemctl stop "$units" ;;
    esac
    case $old in *enabled*) ;; *) systemctl disable --quiet "$unit"
    esac 2>/dev/null
    if [ -e "$STATE/packages" ] && ! remove_packages; then
        left="$left the package qemu-guest-agent;"
    fi
    systemctl daemon-reload
    rm -f "$R$KIT"
    rm -rf "$RUN"
    [ ! -e "$STATE/folders" ] || sort -r "$STATE/folders" | xargs rmdir
    rm -rf "$STATE"
    echo "Uninstalled.${left:+ Left, because it is needed or changed:$left}"
}

restore_configuration() {
    if ! cmp -s "$STATE/conf.ours" "$R$conf"; then
        left="$left $conf (the line fsfreeze-hook is taken out);"
        sed -i "\|^fsfreeze-hook=$KIT\$|d" "$R$conf"
    elif [ -e "$STATE/conf.before" ]; then
        cp -p "$STATE/conf.before" "$R$conf"
    else
        rm -f "$R$conf"
    fi
}

# --- Check ------------------------------------------------------------------

check() {
    must_be_root
    bad=0
    find_distribution
    find_unit
    told 'The channel to the hypervisor exists.' \
        'There is no channel. Set hw_qemu_guest_agent=yes on the image and' \
        'boot a new instance from it.' -- test -e "$CHANNEL"
    told 'The agent runs.' "The agent does not run: systemctl status $unit" \
        -- systemctl is-active --quiet "$units"
    told 'The agent calls the kit.' 'The agent does not know of the kit:' \
        'run install again.' -- agent_calls_kit
    told 'The agent may freeze.' 'Freezing is blocked in the configuration' \
        'of the agent.' -- agent_may_freeze
    told 'Kernel messages reach a serial console.' 'No kernel messages on a' \
        'serial console: add console=ttyS0 to the kernel command line.' \
        -- grep -q '^\(tty[^0-9]\|hvc\)' "$R/proc/consoles"
    told 'Witnesses are let through.' 'Witnesses do not get through: look' \
        'at kernel.printk (above 1), kernel.printk_devkmsg (not off) and' \
        'printk.time.' -- witnesses_get_through
    told 'Witnesses were said since boot.' 'No witness since boot yet:' \
        "systemctl restart $unit" -- test -s "$RUN/seq"
    describe_file_systems
    [ "${1-}" != --freeze ] || trial_freeze
    [ "$bad" = 0 ]
}

# told GOOD BAD... -- COMMAND: say GOOD or BAD, as the command ends.
told() {
    good=$1 words=''
    shift
    while [ "$1" != -- ]; do
        words="$words $1"
        shift
    done
    shift
    if "$@" >/dev/null 2>&1; then
        echo "ok    $good"
    else
        echo "WRONG$words"
        bad=1
    fi
}

# The agent's own view: its arguments, or the configuration that it reads.
agent_words() {
    pid=$(systemctl show --property MainPID --value "$units")
    tr '\0' '\n' <"$R/proc/$pid/cmdline" && qemu-ga --dump-conf
}

agent_calls_kit() {
    agent_words | grep -q "$KIT"
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
    prepare
    EVENT=$(mktemp -d "$RUN/event.XXXXXX")
    list_file_systems
    while read -r kind _ type _ device _ mount; do
        case $kind,$device in
            freeze,/dev/loop*) echo "note  $mount lies on a loop device:" \
                'freezing it can hang the agent.' ;;
            freeze,*) echo "note  $mount ($type) needs a proof." ;;
            *) echo "note  $mount ($type) cannot be frozen; it counts as" \
                'left alone if nothing is written there meanwhile.' ;;
        esac
    done <"$EVENT/table"
    [ "$count" != 0 ] ||
        echo 'note  Nothing is writable: a freeze cannot be proven.'
    rm -r "$EVENT"
}

# Freeze for a second without the agent, and see whether each writer waits.
# No witness is said: a snapshot just now must not take this for its freeze.
trial_freeze() {
    EVENT=$(mktemp -d "$RUN/event.XXXXXX")
    AGENT=$$
    list_file_systems
    mounts='' writers='' line=0
    while read -r kind _ _ _ _ _ mount; do
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
        -- test "$waiting" = "$count"
    sleep 0.2
    rm -r "$EVENT"
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

# Keep what was there before the first install.
remember() {
    [ -e "$STATE/$1" ] || echo "$2" >"$STATE/$1"
}

# Make a folder with its parents; what was not there goes at uninstall.
make_folder() {
    [ ! -d "$1" ] || return 0
    make_folder "${1%/*}"
    mkdir -m 755 "$1"
    [ "$1" = "$STATE" ] || echo "$1" >>"$STATE/folders"
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
