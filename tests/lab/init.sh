#!/bin/sh
# Process 1 of the lab's machines. The kernel's command line says what it does: lab.do=report, kdump or crash.
# What it prints for the host is in sections, each after a line "@@@ NAME".
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
# The kernel's late messages would be printed inside the sections.
dmesg -n 1

section() {
    echo "@@@ $1"
}

# argument NAME: the value of NAME= on the command line.
argument() {
    read -r line </proc/cmdline
    for word in $line; do
        case $word in "$1="*) echo "${word#*=}" && return ;; esac
    done
}

finish() {
    section end
    sync
    "$1" -f
    while :; do sleep 1; done
}

report() {
    section release
    uname -r
    section cmdline
    cat /proc/cmdline
    section iomem
    cat /proc/iomem
    section size
    cat /sys/kernel/kexec_crash_size
    section initrd
    for end in start end; do
        chosen=/sys/firmware/devicetree/base/chosen/linux,initrd-$end
        [ ! -e "$chosen" ] || od -An -v -tx1 "$chosen"
    done
    section messages
    dmesg | grep -E 'BIOS-e820|RAMDISK:|efi: EFI v|SRAT: |[Cc]rash ?[Kk]ernel'
}

# disk: mount the partition lab.disk= on /mnt and, if /boot is a separate one, lab.boot= on /mnt/boot.
disk() {
    while read -r module; do insmod "/modules/$module"; done </modules/order
    tries=0
    until [ -e "/dev/$(argument lab.disk)" ] || [ "$tries" -ge 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    mkdir -p /mnt
    if mount -t ext4 "/dev/$(argument lab.disk)" /mnt; then
        [ -z "$(argument lab.boot)" ] || mount -t ext4 -o ro "/dev/$(argument lab.boot)" /mnt/boot
        return
    fi
    section trouble
    echo "cannot mount $(argument lab.disk)"
    finish poweroff
}

release() {
    [ -z "$(argument lab.boot)" ] || umount /mnt/boot
    umount /mnt
}

# The capture kernel: save the dump, then boot the machine as usual.
capture() {
    section capture
    grep MemTotal /proc/meminfo
    disk
    date=$(date +%Y-%m-%d-%H:%M:%S)
    saved=/mnt/var/crash/$date
    mkdir -p "$saved"
    makedumpfile -E -d 31 --message-level 1 /proc/vmcore "$saved/vmcore"
    echo "saved $date $?"
    release
    finish reboot
}

# Load the capture kernel from the disk and crash; after the crash, print what was saved. A capture kernel that dies
# without saving also boots the machine again: this must not repeat for ever.
kdump() {
    disk
    if ls /mnt/var/crash/*/vmcore >/dev/null 2>&1; then
        section saved
        ls -l /mnt/var/crash/*
        release
        finish poweroff
    fi
    if [ -e /mnt/var/crash/tried ]; then
        section lost
        release
        finish poweroff
    fi
    section load
    kexec -p /mnt/boot/"$(argument lab.kernel)" --initrd=/mnt/boot/"$(argument lab.initrd)" \
        --append="console=ttyS0,115200 nr_cpus=1 irqpoll reset_devices panic=-1 lab.disk=$(argument lab.disk) \
root=/dev/$(argument lab.disk) rootfstype=ext4 rw fastboot init=/init" 2>&1
    echo "loaded $(cat /sys/kernel/kexec_crash_loaded)"
    : >/mnt/var/crash/tried
    release
    [ "$(cat /sys/kernel/kexec_crash_loaded)" = 1 ] || finish poweroff
    section crash
    echo 1 >/proc/sys/kernel/sysrq
    echo c >/proc/sysrq-trigger
}

[ ! -e /proc/vmcore ] || capture
report
[ "$(argument lab.do)" != kdump ] || kdump
finish poweroff
