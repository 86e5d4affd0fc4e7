# What is in the stack's way: its names without its label, networks inside its subnet, its gateway's address, names of its lab.
set -eu
podman network create --subnet=172.30.97.128/25 shop_inside >/dev/null
podman network create --subnet=10.201.8.0/24 beside_away >/dev/null
podman volume create beside_home_logs >/dev/null
echo "somebody's own" > "$(podman volume inspect --format '{{.Mountpoint}}' beside_home_logs)/kept"
podman pod create --name=beside-ear-pod --network=none >/dev/null
podman create --name=beside-hub --network=none "$1" >/dev/null
podman run --detach --name=beside-far --network=shop_inside "$1" /waits -P >/dev/null
podman create --name=smoke-4294967295-0-beside --network=none "$1" >/dev/null
ip link add br-gateway type bridge
ip address add 172.30.97.1/24 dev br-gateway
ip netns add beside-home
mkdir /run/beside-lab
echo /etc > /run/beside-lab/folder
echo "somebody's own" > /run/beside-lab/kept
