# stand_in.sh FOLDER BUSYBOX: the root of a stand-in for every image: one program that stays, and is healthy as soon as it has started.
set -eu
for folder in bin usr/local/bin tmp app/logs app/data app/models app/config; do mkdir -p "$1/$folder"; done
chmod 1777 "$1/tmp"
cp "$2" "$1/bin/busybox"
ln -s busybox "$1/bin/sh"
cat > "$1/usr/local/bin/agent-supervisor" << 'END'
#!/bin/sh
case $1 in
    check) exec busybox test -e /tmp/started ;;
esac
trap 'exit 0' TERM
: > /tmp/started
while :; do
    busybox sleep 1000 &
    wait
done
END
chmod +x "$1/usr/local/bin/agent-supervisor"
chown -R 10001:10001 "$1/app"
