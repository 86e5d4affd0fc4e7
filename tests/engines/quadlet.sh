# quadlet.sh DEBIAN UNITS: what Quadlet and systemd of the Debian in that folder say of units; the services that come of them.
# It runs in mount and process namespaces of its own: nothing of it stays.
set -eu
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
mkdir "$1/tmp/units" "$1/tmp/services"
cp "$2"/* "$1/tmp/units"
exec chroot "$1" sh -eu -c '
    export QUADLET_UNIT_DIRS=/tmp/units
    said=0
    /usr/libexec/podman/quadlet --dryrun >/dev/null 2>/tmp/said || said=$?
    # What it reads is no complaint.
    sed "/: Loading source unit file /d" /tmp/said >&2
    [ "$said" = 0 ] || exit "$said"
    cd /tmp/services
    /usr/lib/systemd/system-generators/podman-system-generator . . . 2>/dev/null
    systemd-analyze verify --man=no ./*.service >&2
    ls ./*.service
' sh
