# Things of others on this host: a network with a running container and a published port, rules of an administrator, a table of
# nft, a bridge, a namespace as Podman names its own, in which nothing runs. Argument: an image to run.
set -eu
podman network create --subnet=10.201.7.0/24 shop_default >/dev/null
podman run --detach --name=shop-web --network=shop_default --publish=127.0.0.1:28080:80 "$1" /waits -P >/dev/null
iptables -N ADMIN
iptables -A ADMIN -s 172.30.97.77/32 -p tcp --dport 5432 -j DROP
iptables -A FORWARD -d 172.30.97.0/24 -j ADMIN
iptables -A FORWARD -s 172.30.97.10/32 -p udp -j DROP
iptables -A NETAVARK_FORWARD -s 172.30.97.66/32 -j DROP
iptables -t nat -N ADMIN
iptables -t nat -A ADMIN -s 172.30.97.0/24 -j RETURN
iptables -t nat -A POSTROUTING -s 172.30.97.0/24 -d 203.0.113.9/32 -j ADMIN
nft add table inet guard
nft add chain inet guard inspect '{ type filter hook forward priority 10; policy accept; }'
nft add rule inet guard inspect ip saddr 172.30.97.0/24 ip daddr 203.0.113.7 drop
# As netavark's nftables driver writes it for a network; nothing says whose this is.
nft add table inet netavark
nft add chain inet netavark POSTROUTING '{ type nat hook postrouting priority 100; policy accept; }'
nft add chain inet netavark nv_0badcafe_172_30_97_0_nm24
nft add rule inet netavark nv_0badcafe_172_30_97_0_nm24 ip daddr != 224.0.0.0/4 return
nft add rule inet netavark POSTROUTING ip saddr 172.30.97.0/24 jump nv_0badcafe_172_30_97_0_nm24
ip link add br-shop type bridge
ip address add 10.201.9.1/24 dev br-shop
ip link set br-shop up
ip netns add netns-5f0c0de5-0000-4000-8000-00000000beef
ip -netns netns-5f0c0de5-0000-4000-8000-00000000beef link add inner0 type bridge
ip -netns netns-5f0c0de5-0000-4000-8000-00000000beef address add 172.30.97.88/24 dev inner0
