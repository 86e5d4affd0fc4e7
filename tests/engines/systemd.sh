# Hosts that systemd boots, in namespaces: `sh -c "$SCRIPT" systemd.sh WHAT ARGUMENTS…`, where WHAT is one of the functions below.
#
# All that they make is in namespaces of `room`, whose first process ends with its standard input: then the kernel takes processes,
# mounts, links and network namespaces away. Only the cgroups are the machine's own, and they are removed by `room`'s parent.
set -eu

# The folder of the machine's cgroup v2 hierarchy: all of it, or beside hierarchies of version 1.
cgroups() {
    awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts
}

# room: where hosts are. Says `ready`, and ends when nobody holds its standard input any more.
room() {
    own=$(cgroups)/$CGROUP
    mkdir "$own"
    # Whatever ends it.
    trap 'trap "" INT TERM; leave' EXIT
    trap 'exit 1' INT TERM
    # Limits are those of the machine, as far as it has them to give away.
    for controller in $(cat "$own/cgroup.controllers"); do
        echo "+$controller" > "$own/cgroup.subtree_control" || true
    done
    unshare --mount --propagation=private --net --pid --fork --kill-child sh -euc '
        mount -t proc proc /proc
        ip link set lo up
        ip link add lan type bridge
        ip link set lan up
        echo ready
        cat > /dev/null' || true
}

leave() {
    [ ! -e "$own/cgroup.kill" ] || echo 1 > "$own/cgroup.kill" || true
    # The kernel takes its time over processes that are gone.
    for _ in $(seq 100); do
        find "$own" -depth -type d -exec rmdir {} + 2> /dev/null || true
        [ -d "$own" ] || break
        sleep 0.1
    done
}

# boot DEBIAN FOLDER NAME ADDRESS UNITS: becomes a host, until it is powered off. FOLDER keeps its disk; ADDRESS and UNITS may be `none`.
boot() {
    own=$(cgroups)/$CGROUP/$3
    mkdir -p "$own"
    echo $$ > "$own/cgroup.procs"
    ip link add "v$$" type veth peer name "e$$"
    ip link set "v$$" master lan up
    exec unshare --net sh -c "$SCRIPT" systemd.sh plug "$@"
}

plug() {
    nsenter --net=/proc/1/ns/net ip link set "e$$" netns $$
    ip link set lo up
    ip link set "e$$" name eth0
    ip link set eth0 up
    [ "$4" = none ] || ip address add "$4" dev eth0
    exec unshare --mount --propagation=private --pid --fork --kill-child --uts --ipc --cgroup sh -c "$SCRIPT" systemd.sh init "$@"
}

init() {
    debian=$1 folder=$2 name=$3 units=$5 root=$2/root
    first=false
    [ -d "$folder/disk" ] || first=true
    mkdir -p "$folder/disk" "$folder/work" "$folder/containers" "$root"
    mount -t overlay overlay "$root" -o "lowerdir=$debian,upperdir=$folder/disk,workdir=$folder/work"
    # Overlays over overlays do not work: containers have a folder of the machine's own disk.
    mkdir -p "$root/var/lib/containers" "$root/etc/containers/systemd"
    mount --bind "$folder/containers" "$root/var/lib/containers"
    mount -t proc proc "$root/proc" -o nosuid,nodev,noexec
    mount -t sysfs sysfs "$root/sys" -o ro,nosuid,nodev,noexec
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" -o nosuid,nodev,noexec
    # systemd would write settings of the machine's kernel.
    mount --bind "$root/proc/sys" "$root/proc/sys"
    mount -o remount,ro,bind "$root/proc/sys"
    mount --bind /proc/sys/net "$root/proc/sys/net"
    mount -t tmpfs tmpfs "$root/dev" -o mode=755,nosuid
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
    mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666,mode=620,gid=5
    ln -s pts/ptmx "$root/dev/ptmx"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t mqueue mqueue "$root/dev/mqueue"
    ln -s /proc/self/fd "$root/dev/fd"
    for stream in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${stream%:*}" "$root/dev/${stream#*:}"; done
    mount -t tmpfs tmpfs "$root/run" -o mode=755
    mount -t tmpfs tmpfs "$root/tmp" -o mode=1777
    if $first; then
        [ "$units" = none ] || cp "$units"/* "$root/etc/containers/systemd"
        configure "$root"
    fi
    cd "$root"
    mkdir -p .machine
    pivot_root . .machine
    umount -l /.machine
    if $first && [ "$units" != none ]; then images; fi
    exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
}

# configure ROOT: what this host has of its own.
configure() {
    echo "$name" > "$1/etc/hostname"
    : > "$1/etc/machine-id"
    # What a container of this kind has no use for, and what would ask the network.
    for unit in systemd-udevd.service systemd-modules-load.service getty.target console-getty.service apt-daily.timer \
        apt-daily-upgrade.timer dpkg-db-backup.timer; do
        ln -sf /dev/null "$1/etc/systemd/system/$unit"
    done
    for controller in memory pids; do
        grep -qw "$controller" "$1/sys/fs/cgroup/cgroup.controllers" || without_limits "$1"
    done
}

# without_limits ROOT: a runtime that drops limits which the machine's hierarchy of version 2 has no controllers for. All else is crun's.
without_limits() {
    cat > "$1/usr/local/bin/crun-without-limits" << 'END'
#!/bin/sh
for argument in "$@"; do
    case $before in --bundle | -b) config=$argument/config.json ;; esac
    before=$argument
done
if [ -f "$config" ]; then
    changed=$(jq 'del(.linux.resources.memory, .linux.resources.pids, .linux.resources.cpu, .linux.resources.blockIO)' "$config")
    printf '%s\n' "$changed" > "$config"
fi
exec /usr/bin/crun "$@"
END
    chmod +x "$1/usr/local/bin/crun-without-limits"
    printf '[engine]\nruntime = "without-limits"\n[engine.runtimes]\nwithout-limits = ["/usr/local/bin/crun-without-limits"]\n' \
        > "$1/etc/containers/containers.conf"
}

# images: stand-ins for the images that the units name.
images() {
    sh -c "$STAND_IN" stand_in.sh /tmp/image /usr/bin/busybox
    names=$(sed -n 's/^Image=//p' /etc/containers/systemd/*.container)
    first=$(echo "$names" | head -1)
    tar -C /tmp/image -c . | podman import --quiet --change 'USER 10001:10001' - "$first" > /dev/null
    # shellcheck disable=SC2086 # They are words.
    podman tag "$first" $names
    rm -r /tmp/image
}

"$@"
