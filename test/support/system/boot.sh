#!/bin/sh
# Boots systemd on a root directory, and changes nothing of the real machine.
#
# boot.sh ROOT COMMAND…: runs as root inside unshare(1). ROOT is the mount point of a file system that can be written to, with the
# directories of Debian. COMMAND is systemd, or a command that runs instead of it.
set -eu
root=$1
shift
cd "$root"

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

echo 0123456789abcdef0123456789abcdef >etc/machine-id
# The kernel's audit is shared by the whole machine.
ln -s /dev/null etc/systemd/system/systemd-journald-audit.socket
mkdir -p etc/systemd/journald.conf.d
printf '%s\n' '[Journal]' 'Audit=' 'ReadKMsg=no' >etc/systemd/journald.conf.d/namespaces.conf

mkdir old
pivot_root . old
umount -l old
rmdir old
cd /
# Credentials are mounted in the namespace of one service and must propagate to others, but not outside of this namespace.
mount --make-rshared /
# Without these capabilities, systemd does not load kernel modules, set the clock or mount debugfs.
set -- setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog "$@"
exec env -i container=xtokend-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
