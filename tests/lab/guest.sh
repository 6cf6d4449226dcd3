#!/bin/sh
# Process 1 of the lab's Debian. It runs the script on the second disk, which prints sections after lines "@@@ NAME".
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -o remount,rw /
# The kernel's late messages would be printed inside the sections.
dmesg -n 1

# Copied from the lab's other init.
# shellcheck source=/dev/null
. /lab/functions

tr -d '\0' </dev/vdb >/run/job
# shellcheck source=/dev/null
. /run/job

section end
sync
mount -o remount,ro /
# With QEMU's -no-reboot this ends the machine.
echo b >/proc/sysrq-trigger
while :; do sleep 1; done
