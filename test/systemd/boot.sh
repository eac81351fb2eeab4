#!/bin/sh
# Boots systemd on a root directory of its own. It sees only /usr of the real machine, read-only: with more, its tmpfiles would
# empty the real /tmp, for example.
#
# boot.sh ROOT LOCAL NODE [COMMAND…]: runs as root inside unshare(1). ROOT is an empty directory, LOCAL becomes /usr/local, NODE its
# node. COMMAND runs instead of systemd.
set -eu
root=$1 local=$2 node=$3
shift 3

mount --make-rprivate /
mount -t tmpfs -o mode=0755,size=512m xtokend-root "$root"
cd "$root"
mkdir -p usr etc/systemd/system var/lib run tmp proc sys dev root home srv old
chmod 1777 tmp
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$directory"; done

mount --bind /usr usr
mount -o remount,ro,bind usr
mount -t tmpfs -o mode=0755 xtokend-local usr/local
cp -R "$local/." usr/local
touch usr/local/bin/node
mount --bind "$node" usr/local/bin/node
mount -o remount,ro,bind usr/local/bin/node

mount -t proc proc proc
# The kernel's settings belong to the real machine.
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 xtokend-dev dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts

cp /etc/ld.so.cache etc
printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'prosody:x:200:200::/:/bin/sh' 'nobody:x:65534:65534::/:/bin/sh' >etc/passwd
printf '%s\n' 'root:x:0:' 'prosody:x:200:' 'nobody:x:65534:' >etc/group
printf '%s\n' 'passwd: files systemd' 'group: files systemd' 'shadow: files' >etc/nsswitch.conf
echo 0123456789abcdef0123456789abcdef >etc/machine-id
# Start only the journal, without the kernel's audit, which is shared by the whole machine.
ln -s /dev/null etc/systemd/system/systemd-journald-audit.socket
printf '%s\n' '[Journal]' 'Audit=' 'ReadKMsg=no' >etc/systemd/journald.conf
printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'Wants=systemd-journald.service' 'After=systemd-journald.service' \
    >etc/systemd/system/xtokend-test.target

pivot_root . old
umount -l old
rmdir old
cd /
# Credentials are mounted in the namespace of one service and must propagate to others, but not outside of this namespace.
mount --make-rshared /
[ $# -gt 0 ] || set -- /lib/systemd/systemd --unit=xtokend-test.target --show-status=no
exec env -i container=xtokend-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin "$@"
