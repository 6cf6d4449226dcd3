"""Recorded machines: trees that count as the running system, with /proc and /sys as ordinary files."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from grubkd.boot import inventory
from grubkd.boot.model import BootConfig
from grubkd.commands import check
from grubkd.machine import machine
from grubkd.tree.root import Root
from support.answered import Run, answer

FIXTURES = Path(__file__).parents[2] / "fixtures"
GIB = 1 << 30
MIB = 1 << 20
IOMEM = """\
00001000-0009fbff : System RAM
00100000-bffdffff : System RAM
  01000000-01e01d30 : Kernel code
  02000000-028e6fff : Kernel rodata
  02a00000-02c489bf : Kernel data
  0330d000-043fffff : Kernel bss
  {region} : Crash kernel
100000000-13fffffff : System RAM
"""
# Only some 100 MiB are neither free, file cache nor programs: a dump of that fits on any disk.
MEMINFO = """\
MemTotal:        3900000 kB
MemFree:         3400000 kB
Buffers:          100000 kB
Cached:           300000 kB
SwapCached:            0 kB
AnonPages:        150000 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""
Files = Mapping[str, str | None]


class Live(Root):
    """A tree that says that it is the running system's."""

    @property
    def live(self) -> bool:
        return True


def put(top: Path, files: Files) -> None:
    """Write files. `-> PATH` makes a link, a name that ends in / a directory, None removes the file."""
    for name, text in files.items():
        path = top / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        elif text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)


def debian(top: Path) -> Path:
    """Debian 12 with kdump-tools, booted with the value of its menu, ready to dump."""
    tree = top / "debian"
    shutil.copytree(FIXTURES / "debian-12" / "root", tree, symlinks=True)
    unit = "lib/systemd/system/kdump-tools.service"
    put(
        tree,
        {
            unit: "[Install]\nWantedBy=basic.target\n",
            "etc/systemd/system/basic.target.wants/kdump-tools.service": f"-> /{unit}",
            "etc/default/kdump-tools": 'USE_KDUMP=1\nKDUMP_COREDIR="/var/crash"\n',
            "var/crash/": "",
            **running("6.1.0-50-amd64", "quiet crashkernel=384M-:128M", 128 * MIB),
            "proc/cmdline": "BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=UUID=e3f8a1f4-3a0a-4b8e-8b8c-1b7f3d0a9f52 "
            "ro quiet crashkernel=384M-:128M\n",
        },
    )
    return tree


def red_hat(top: Path) -> Path:
    """RHEL 9 with kexec-tools, its value set, booted and ready to dump."""
    from grubkd.cli import main

    tree = top / "rhel"
    shutil.copytree(FIXTURES / "rhel-9" / "root", tree, symlinks=True)
    (tree / "var/lib").mkdir(parents=True)
    assert answer(lambda: main(["set", "--auto", "--ram", "4G", "--root", str(tree), "--json"])).exit == 0
    unit = "usr/lib/systemd/system/kdump.service"
    line = "root=/dev/mapper/rhel-root ro resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap"
    line += " skew_tick=1 tsc=reliable crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M"
    put(
        tree,
        {
            unit: "[Install]\nWantedBy=multi-user.target\n",
            "etc/systemd/system/multi-user.target.wants/kdump.service": f"-> /{unit}",
            "usr/bin/kdumpctl": "#!/bin/bash\nkdump_get_conf_val auto_reset_crashkernel\n",
            "etc/kdump.conf": "auto_reset_crashkernel no\npath /var/crash\n"
            "core_collector makedumpfile -l --message-level 7 -d 31\n",
            "var/crash/": "",
            **running("5.14.0-503.11.1.el9_5.x86_64", line, 256 * MIB),
            # 64M less than of Debian's machine, which reserves so much less.
            "proc/meminfo": MEMINFO.replace("3900000", "3834464").replace("3400000", "3334464"),
        },
    )
    return tree


def running(release: str, line: str, reserved: int) -> dict[str, str | None]:
    """The files of a running kernel."""
    return {
        "proc/cmdline": f"{line}\n",
        "proc/iomem": IOMEM.format(region=f"{0xBF000000 - reserved:08x}-beffffff"),
        "proc/meminfo": MEMINFO,
        "proc/mounts": "/dev/sda2 / ext4 rw,relatime 0 0\n/dev/sda1 /boot ext4 rw,relatime 0 0\n",
        "proc/sys/kernel/osrelease": f"{release}\n",
        "proc/sys/kernel/arch": "x86_64\n",
        "proc/sys/kernel/panic_on_oops": "1\n",
        "sys/kernel/kexec_crash_size": f"{reserved}\n",
        "sys/kernel/kexec_crash_loaded": "1\n",
    }


def grow(top: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a directory, by their paths in it; returns the directory."""
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return top


def machine_of(top: Path, files: dict[str, str | bytes], *, live: bool = False, **given: object) -> machine.Machine:
    """The machine of a tree that gets these files, `live`: as the running system. `given`: as machine.read takes it."""
    grow(top, files)
    return machine.read((Live if live else Root)(str(top)), **given)  # type: ignore[arg-type]


def checked(tree: Path) -> Run:
    """What check says of a tree as the running system."""
    return answer(lambda: check.check_tree(Live(str(tree)), json=True))


def findings(found: Run) -> list[tuple[str, str, str]]:
    return [(each["check"], each["status"], each["code"]) for each in found.json["checks"]]


def wrong(found: Run) -> list[tuple[str, str, str]]:
    return [each for each in findings(found) if each[1] != "ok"]


def boot_and_machine(
    fixture: str, ram: int | None = None, arch: str | None = None
) -> tuple[BootConfig, machine.Machine]:
    """The boot configuration and the machine of a tree of fixtures/."""
    root = Root(str(FIXTURES / fixture / "root"))
    return inventory.read(root), machine.read(root, ram=ram, arch=arch)
