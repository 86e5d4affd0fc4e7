# docker.sh DOCKER FOLDER ADDRESS…: a Docker of its own, in namespaces, with what it keeps in FOLDER and its socket there. Says `ready`, and ends
# when nobody holds its standard input any more. Only its cgroups are the machine's, and are removed at the end.
set -eu
leave() {
    # The kernel takes its time over processes that are gone.
    for _ in $(seq 100); do
        left=$(find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*")
        [ -n "$left" ] || break
        # shellcheck disable=SC2086 # They are words.
        rmdir $left 2> /dev/null || sleep 0.1
    done
}
trap 'trap "" INT TERM; leave' EXIT
trap 'exit 1' INT TERM
unshare --mount --propagation=private --net --pid --fork --kill-child sh -euc '
    docker=$1 folder=$2
    shift 2
    mount -t proc proc /proc
    mount -t tmpfs tmpfs /run
    ip link set lo up
    ip link add lan type bridge
    ip link set lan up
    for address in "$@"; do ip address add "$address" dev lan; done
    export PATH="$docker/usr/sbin:$docker/usr/bin:$PATH"
    # It is started again when it was told to end, as systemd does at boot.
    while dockerd --data-root "$folder/data" --exec-root /run/docker --pidfile /run/docker.pid --host "unix://$folder/socket" \
        --cgroup-parent "/$CGROUP" --ip6tables=false --default-ulimit nofile=20000:20000 >> "$folder/log" 2>&1; do :; done &
    echo ready
    cat > /dev/null' sh "$@" || true
