#!/bin/sh
# Boots systemd on a root directory of its own. It sees only /usr of the real machine, read-only: with more, its tmpfiles would
# empty the real /tmp, for example.
#
# boot.sh ROOT LOCAL NODE [COMMAND…]: runs as root inside unshare(1). ROOT is an empty directory, LOCAL becomes /usr/local, NODE its
# node. COMMAND runs instead of systemd.
set -eu
root=$1 local=$2 node=$3
shift 3
boot=$(dirname "$0")/../support/system/boot.sh

mount --make-rprivate /
mount -t tmpfs -o mode=0755,size=512m xtokend-root "$root"
cd "$root"
mkdir -p usr etc/systemd/system var/lib run tmp proc sys dev root home srv
chmod 1777 tmp
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$directory"; done

mount --bind /usr usr
mount -o remount,ro,bind usr
mount -t tmpfs -o mode=0755 xtokend-local usr/local
cp -R "$local/." usr/local
touch usr/local/bin/node
mount --bind "$node" usr/local/bin/node
mount -o remount,ro,bind usr/local/bin/node

cp /etc/ld.so.cache etc
printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'prosody:x:200:200::/:/bin/sh' 'nobody:x:65534:65534::/:/bin/sh' >etc/passwd
printf '%s\n' 'root:x:0:' 'prosody:x:200:' 'nobody:x:65534:' >etc/group
printf '%s\n' 'passwd: files systemd' 'group: files systemd' 'shadow: files' >etc/nsswitch.conf
# Start only the journal.
printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'Wants=systemd-journald.service' 'After=systemd-journald.service' \
    >etc/systemd/system/xtokend-test.target
# systemd would run all generators at each daemon-reload, to find file systems and terminals of a real machine.
mkdir etc/systemd/system-generators
for generator in usr/lib/systemd/system-generators/*; do ln -s /dev/null "etc/systemd/system-generators/${generator##*/}"; done

[ $# -gt 0 ] || set -- /lib/systemd/systemd --unit=xtokend-test.target --show-status=no
exec sh "$boot" "$root" "$@"
