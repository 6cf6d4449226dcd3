"""The whole way on a machine with systemd: enable, reboot, crash, capture, reboot, and what grubkd then says.

Each step is a job that the machine runs once its services are up; it ends with a reboot, and so does each run.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab import disks
from lab.debian import ARCHIVE, SYSTEM, Debian, Recipe, archive, install, unpack
from lab.kernels import Kernel
from lab.report import part, parts

MEMORY = 2048
"""MiB. `crash` needs a gibibyte for the symbols."""
LONG = 1500
"""Seconds for a run: each first load of a capture kernel makes its initrd."""
# What enable installs, besides crash; the machine has no network.
DUMP_TOOLS = ("kdump-tools", "makedumpfile")
UNIT = """[Unit]
Description=The lab's job
After=kdump-tools.service systemd-user-sessions.service
[Service]
Type=oneshot
ExecStart=/bin/sh /lab/job
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
"""
# asked NAME COMMAND...: sections with its output, and with its messages and exit code.
JOB = """exec >/dev/ttyS0 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
dmesg -n 1
. /lab/functions
asked() {
    section "$1"
    name=$1
    shift
    "$@" 2>/run/said
    status=$?
    section "${name}_said"
    cat /run/said
    echo "exit $status"
}
tr -d '\\0' </dev/vdb >/run/job
. /run/job
section end
sync
systemctl --no-block reboot
"""
FILES: tuple[tuple[str, str | Path], ...] = (
    ("etc/hostname", "lab\n"),
    ("etc/hosts", "127.0.0.1 localhost lab\n"),
    ("etc/apt/sources.list", f"deb [trusted=yes] file:/{ARCHIVE} ./\n"),
    ("etc/systemd/system/lab.service", UNIT),
    # What ends a machine that hangs, and what would make an initrd once more.
    ("etc/sysctl.d/lab.conf", "vm.panic_on_oom=1\n"),
    ("etc/initramfs-tools/update-initramfs.conf", "update_initramfs=no\n"),
    ("lab/job", JOB),
)
INSIDE = """apt-get -qq update
apt-get -qq install --yes --no-install-recommends grubkd
systemctl enable --quiet lab
systemctl mask --quiet serial-getty@ttyS0 apt-daily.timer apt-daily-upgrade.timer
"""
# As on a server whose serial console is kept, and which boots again when it panics. The separate page tables against
# Meltdown make the emulation several times slower.
DEFAULT = """GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="console=ttyS0,115200 mitigations=off systemd.show_status=false panic=-1"
GRUB_TERMINAL=serial
"""

ENABLE = """asked enable grubkd enable --yes --with-analysis --json
section hook
systemctl enable grubkd-capture-memory
"""
# Becomes the capture kernel, and ends when that boots the machine again.
CRASH = """report
asked ready grubkd enable --json
asked check grubkd check --json
section crash
grubkd crash --yes-crash-now
section survived
"""
# Debian 12 with its cloud kernel and 2G needs 81M, by the hook. With 64M the capture kernel hangs without a message.
SMALL = """asked small grubkd set 72M --force --json
"""
MENDED = """asked mended grubkd set --auto --json
"""
JUDGED = """asked check grubkd check --json
asked measure grubkd measure --json
"""
TOLD = f"""{JUDGED}asked dumps grubkd dumps --json
asked report grubkd report --json
section open
printf 'bt\\nquit\\n' | grubkd open 2>&1 | cat
"""


def machine(directory: Path, kernel: Kernel) -> Debian:
    """A Debian for amd64 with grubkd's package, and the symbols of its kernel where the package -dbg has them.

    Needs root. Raises Unavailable.
    """
    packages = ("grub2-common", "grub-pc-bin", kernel.package, *SYSTEM)
    recipe = Recipe(packages, 2500, grubkd=False, inside=INSIDE, source=kernel.source)
    files = (
        *FILES,
        ("etc/fstab", "/dev/vda1 / ext4 errors=remount-ro 0 1\n"),
        ("etc/default/grub", DEFAULT),
        (ARCHIVE, archive(directory, recipe, *DUMP_TOOLS, "crash")),
        (f"usr/lib/debug/boot/{kernel.symbols.name}", kernel.symbols),
    )
    return replace(install(directory, files, recipe), memory=MEMORY)


def the_page(directory: Path, kernel: Kernel, menu: str) -> Debian:
    """A Debian for i386 with grubkd's package, that GRUB legacy boots by this menu. Needs root. Raises Unavailable."""
    recipe = Recipe((kernel.package, *SYSTEM), grubkd=False, inside=INSIDE, source=kernel.source)
    files = (
        *FILES,
        ("etc/fstab", "/dev/vda2 / ext2 errors=remount-ro 0 1\n/dev/vda1 /boot ext2 defaults 0 2\n"),
        (ARCHIVE, archive(directory, recipe, *DUMP_TOOLS)),
        ("boot/grub/grub.conf", menu),
    )
    tree = unpack(directory, files, recipe)
    (tree / "boot/grub/menu.lst").symlink_to("./grub.conf")
    (tree / "etc/default/grub").unlink()
    disk = directory / "disk"
    disks.grub_legacy(tree, disk, size=1500)
    shutil.rmtree(tree)
    return Debian(disk, "i386", 512)


def crashed(machine: Debian, *, analysis: bool = True) -> str:
    """Let the machine go all the way to the boot after the crash; returns what it wrote there."""
    enabled = machine.boot(ENABLE if analysis else ENABLE.replace(" --with-analysis", ""), LONG)
    assert answer(enabled.text, "enable")["state"] == "reboot", enabled.tail(40)
    crash = machine.boot(CRASH, LONG).text
    assert answer(crash, "ready")["state"] == "ready", part(crash, "ready_said")
    assert answer(crash, "check")["will_dump"]["now"], crash
    assert "survived" not in dict(parts(crash)), crash[-3000:]
    return machine.boot(TOLD, LONG).text


def with_console(console: str, job: str) -> str:
    """The job on a machine whose serial console is kept beside the dumps, as a console server's log may be."""
    return f"cat >/var/crash/console.log <<'END OF CONSOLE'\n{console}\nEND OF CONSOLE\n{job}"


def judged(text: str) -> dict[str, Any]:
    """The finding of `check` about the last test crash."""
    (found,) = (each for each in answer(text, "check")["checks"] if each["check"] == "test")
    return found  # type: ignore[no-any-return]


def answer(text: str, name: str) -> dict[str, Any]:
    """The JSON answer of a command of the guest. Services that it starts may write on the console before it."""
    printed = part(text, name)
    found, _ = json.JSONDecoder().raw_decode(printed[printed.index("{\n") :])
    return found  # type: ignore[no-any-return]
