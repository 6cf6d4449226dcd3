#!/bin/sh
# enter.sh WORK FSTYPE [DIRECTORY]...: a copy of this system under WORK/root, nothing of which reaches the original:
# an overlay on /, in memory, with WORK/image as a file system of FSTYPE mounted at /boot, and the DIRECTORYs as they
# are. Then runs WORK/inside by chroot in it, or WORK/outside beside it. To be run in a mount namespace of its own.
set -eu
work=$1 kind=$2
shift 2
mkdir -p "$work/memory" "$work/root"
mount -t tmpfs tmpfs "$work/memory"
mkdir "$work/memory/upper" "$work/memory/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/memory/upper,workdir=$work/memory/work" "$work/root"
for directory in "$work" "$@"; do
    mkdir -p "$work/root$directory"
    mount --bind "$directory" "$work/root$directory"
done
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
truncate -s 64M "$work/image"
case $kind in
ext4) mkfs.ext4 -q -F "$work/image" ;;
vfat) mkfs.vfat "$work/image" >"$work/mkfs.log" ;;
esac
mkdir -p "$work/root/boot"
mount -o loop "$work/image" "$work/root/boot"
if [ -e "$work/inside" ]; then
    # shellcheck disable=SC2046 # the command is words
    exec chroot "$work/root" $(cat "$work/inside")
fi
# shellcheck disable=SC2046
exec $(cat "$work/outside")
