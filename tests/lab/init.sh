#!/bin/sh
# Process 1 of the lab's machines. What it does stands on the kernel's command line: lab.do=report, kdump or crash.
# Everything that it tells the host stands between a line "@@@ NAME" and the next such line.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
# The kernel's late messages would land inside of what is told.
dmesg -n 1

told() {
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
    told end
    sync
    "$1" -f
    while :; do sleep 1; done
}

report() {
    told release
    uname -r
    told cmdline
    cat /proc/cmdline
    told iomem
    cat /proc/iomem
    told size
    cat /sys/kernel/kexec_crash_size
    told initrd
    for end in start end; do
        chosen=/sys/firmware/devicetree/base/chosen/linux,initrd-$end
        [ ! -e "$chosen" ] || od -An -v -tx1 "$chosen"
    done
    told messages
    dmesg | grep -E 'BIOS-e820|RAMDISK:|efi: EFI v|[Cc]rash ?[Kk]ernel'
}

# disk: mount the partition lab.disk= on /mnt, and lab.boot=, where /boot is one of its own, on /mnt/boot.
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
    told trouble
    echo "cannot mount $(argument lab.disk)"
    finish poweroff
}

release() {
    [ -z "$(argument lab.boot)" ] || umount /mnt/boot
    umount /mnt
}

# The capture kernel: save the dump, then boot as the machine boots.
capture() {
    told capture
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

# Load the capture kernel from the disk, and crash; after the crash, tell what was saved. A capture kernel that dies with
# nothing saved boots the machine again as well: that must not go round and round.
kdump() {
    disk
    if ls /mnt/var/crash/*/vmcore >/dev/null 2>&1; then
        told saved
        ls -l /mnt/var/crash/*
        release
        finish poweroff
    fi
    if [ -e /mnt/var/crash/tried ]; then
        told lost
        release
        finish poweroff
    fi
    told load
    kexec -p /mnt/boot/"$(argument lab.kernel)" --initrd=/mnt/boot/"$(argument lab.initrd)" \
        --append="console=ttyS0,115200 nr_cpus=1 irqpoll reset_devices panic=-1 lab.disk=$(argument lab.disk)" 2>&1
    echo "loaded $(cat /sys/kernel/kexec_crash_loaded)"
    : >/mnt/var/crash/tried
    release
    [ "$(cat /sys/kernel/kexec_crash_loaded)" = 1 ] || finish poweroff
    told crash
    echo 1 >/proc/sys/kernel/sysrq
    echo c >/proc/sysrq-trigger
}

[ ! -e /proc/vmcore ] || capture
report
[ "$(argument lab.do)" != kdump ] || kdump
finish poweroff
