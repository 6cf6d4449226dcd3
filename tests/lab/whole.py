"""The whole way on a machine with systemd: enable, reboot, crash, capture, reboot, and what grubkd then says.

Each step is a job that the machine runs once its services are up; it ends with a reboot, and so does each run.
"""

from dataclasses import replace
from pathlib import Path

from lab.debian import ARCHIVE, SYSTEM, Debian, Recipe, archive, install
from lab.packages import Source
from lab.qemu import ERST_SIZE

MEMORY = 2048
"""MiB. `crash` needs a gibibyte for the symbols."""
DUMP_TOOLS = ("kdump-tools", "makedumpfile")
# What enable installs; the machine has no network.
WANTED = (*DUMP_TOOLS, "crash")
UNIT = """[Unit]
Description=The lab's job
After=kdump-tools.service systemd-pstore.service systemd-user-sessions.service
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
    ("etc/fstab", "/dev/vda1 / ext4 errors=remount-ro 0 1\n"),
    ("etc/hostname", "lab\n"),
    ("etc/hosts", "127.0.0.1 localhost lab\n"),
    ("etc/apt/sources.list", f"deb [trusted=yes] file:/{ARCHIVE} ./\n"),
    ("etc/systemd/system/lab.service", UNIT),
    ("lab/job", JOB),
)
INSIDE = """apt-get -qq update
apt-get -qq install --yes --no-install-recommends grubkd
systemctl enable --quiet lab
systemctl mask --quiet serial-getty@ttyS0 apt-daily.timer apt-daily-upgrade.timer
"""
# As grub-pc's package leaves it, except for the timeout, and for what the lab must see if the machine hangs. The
# separate page tables against Meltdown make the emulation several times slower.
DEFAULT = """GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 mitigations=off panic=-1"
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
TOLD = """asked check grubkd check --json
asked dumps grubkd dumps --json
asked measure grubkd measure --json
asked report grubkd report --json
section open
printf 'bt\\nquit\\n' | grubkd open
"""


def machine(directory: Path, suite: str, symbols: Path, *wanted: str) -> Debian:
    """A Debian for amd64 with grubkd's package; `symbols`: the kernel with symbols, which is put where Debian does.

    Its firmware keeps error records. Needs root. Raises Unavailable.
    """
    packages = ("grub2-common", "grub-pc-bin", "linux-image-cloud-amd64", *SYSTEM)
    recipe = Recipe(packages, 2500, grubkd=False, inside=INSIDE, source=Source(suite, "amd64"))
    files = (
        *FILES,
        ("etc/default/grub", DEFAULT),
        (ARCHIVE, archive(directory, recipe, *WANTED, *wanted)),
        (f"usr/lib/debug/boot/{symbols.name}", symbols),
    )
    made = install(directory, files, recipe)
    erst = directory / "erst"
    erst.write_bytes(bytes(ERST_SIZE))
    return replace(made, memory=MEMORY, erst=erst)
