#!/bin/sh
# Boots Debian. What it writes goes to memory, not to the directory of its root file system.
#
# boot.sh ROOT DEBIAN [COMMAND…]: runs as root inside unshare(1). ROOT is an empty directory, DEBIAN one that scripts/test-roots has
# made. COMMAND runs instead of systemd.
set -eu
root=$1 debian=$2
shift 2
boot=$(dirname "$0")/../support/system/boot.sh

mount --make-rprivate /
mount -t tmpfs -o mode=0755,size=2g xtokend-root "$root"
mkdir "$root/upper" "$root/work" "$root/debian"
mount -t overlay -o "lowerdir=$debian,upperdir=$root/upper,workdir=$root/work" xtokend-debian "$root/debian"
cd "$root/debian"

ip link set lo up
hostname debian
echo debian >etc/hostname
printf '%s\n' '127.0.0.1 localhost debian' '::1 localhost' >etc/hosts
: >etc/resolv.conf

[ $# -gt 0 ] || set -- /lib/systemd/systemd --show-status=no
exec sh "$boot" "$root/debian" "$@"
