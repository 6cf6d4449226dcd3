"""RAM, the running kernel and the architecture of a machine, from small trees with the files of real ones."""

import struct
from pathlib import Path

import pytest
from support.livetree import Live, grow, machine_of

from grubkd.machine import machine
from grubkd.memory.architecture import Architecture
from grubkd.memory.size import GIB, MIB
from grubkd.tree.root import Root

IOMEM = """\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000f0000-000fffff : System ROM
00100000-7ffdffff : System RAM
  01000000-01e01d30 : Kernel code
  02000000-028e6fff : Kernel rodata
  02a00000-02c489bf : Kernel data
  0330d000-043fffff : Kernel bss
  6f000000-7effffff : Crash kernel
7ffe0000-7fffffff : Reserved
fec00000-fec003ff : IOAPIC 0
"""


RAM = (0x9FC00 - 0x1000) + (0x7FFE0000 - 0x100000)


IOMEM_OF_OTHERS = "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n00000000-00000000 : Reserved\n"


MEMINFO = """\
MemTotal: 738820 kB
MemFree: 100000 kB
MemAvailable: 200000 kB
Buffers: 1000 kB
Cached: 5000 kB
Active: 3000 kB
Inactive: 2000 kB
Shmem: 100 kB
Slab: 90 kB
SReclaimable: 50 kB
"""


def memmap(ranges: list[tuple[int, int, str]]) -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = {}
    for number, (start, end, kind) in enumerate(ranges):
        for name, text in (("start", f"{start:#x}"), ("end", f"{end - 1:#x}"), ("type", kind)):
            found[f"sys/firmware/memmap/{number}/{name}"] = f"{text}\n"
    return found


class TestRam:
    def test_the_sum_of_system_ram(self, tmp_path: Path) -> None:
        found = machine_of(tmp_path, {"proc/iomem": IOMEM, "proc/meminfo": MEMINFO}, live=True)
        assert (found.ram, found.ram_estimated, found.ram_source) == (RAM, False, "/proc/iomem")
        assert found.memory_map is not None
        assert found.memory_map.kernel == (0x1000000, 0x4400000)
        assert found.memory_map.crash == ((0x6F000000, 0x7F000000),)

    def test_a_map_of_zeros_is_replaced_by_that_of_the_firmware(self, tmp_path: Path) -> None:
        firmware = memmap(
            [(0, 0x9FC00, "System RAM"), (0x100000, 2 * GIB, "System RAM"), (2 * GIB, 3 * GIB, "Reserved")]
        )
        found = machine_of(tmp_path, {"proc/iomem": IOMEM_OF_OTHERS, **firmware}, live=True)
        assert (found.ram, found.ram_source) == (0x9FC00 + 2 * GIB - MIB, "/sys/firmware/memmap")
        assert not found.ram_estimated

    @pytest.mark.parametrize(("total", "reserved"), [(1000964, 0), (738820, 256 * MIB)])
    def test_ram_is_total_memory_and_the_reservation_rounded_up(
        self, tmp_path: Path, total: int, reserved: int
    ) -> None:
        """A guest of 1 GiB shows 1000964 kB without a reservation, 738820 kB with one of 256M: the same machine."""
        files: dict[str, str | bytes] = {
            "proc/iomem": IOMEM_OF_OTHERS,
            "proc/meminfo": MEMINFO.replace("738820", str(total)),
            "sys/kernel/kexec_crash_size": f"{reserved}\n",
        }
        found = machine_of(tmp_path, files, live=True)
        assert (found.ram, found.ram_estimated) == (1 * GIB, True)
        assert found.memory_map is None

    def test_without_any_source_the_ram_is_unknown(self, tmp_path: Path) -> None:
        found = machine_of(tmp_path, {"proc/iomem": "garbage\n", "sys/firmware/memmap/0/start": "x"}, live=True)
        assert (found.ram, found.ram_source) == (None, "")

    def test_ram_that_the_user_gives_wins(self, tmp_path: Path) -> None:
        found = machine_of(tmp_path, {"proc/iomem": IOMEM}, live=True, ram=64 * GIB)
        assert (found.ram, found.ram_source, found.memory_map) == (64 * GIB, "given", None)

    def test_an_image_tree_is_not_this_machine(self, tmp_path: Path) -> None:
        """Neither its own leftovers of /proc nor the host's count."""
        found = machine_of(tmp_path, {"proc/iomem": IOMEM, "proc/cmdline": "crashkernel=1G"})
        assert (found.ram, found.memory_map, found.running, found.architecture) == (None, None, None, None)
        assert not found.live

    def test_in_the_chroot_of_an_installer_the_running_kernel_is_not_that_of_the_tree(self, tmp_path: Path) -> None:
        """There / is the new system, and /proc the installer's: only memory and architecture count."""
        files = {
            "proc/iomem": IOMEM,
            "proc/cmdline": "mem_encrypt=on crashkernel=1G\n",
            "proc/cpuinfo": "flags\t\t: fpu sme\n",
            "proc/modules": "xfs 1000000 1 - Live 0x0\n",
            "proc/sys/kernel/osrelease": "5.14.0-1.el9.x86_64\n",
            "proc/sys/kernel/arch": "aarch64\n",
        }
        tree = Live(str(grow(tmp_path, files)))
        found = machine.read(tree, this_machine=True)
        assert (found.ram, found.architecture) == (RAM, Architecture.ARM64)
        assert (found.live, found.running, found.hardware.modules, found.hardware.encrypted) == (
            False, None, None, False,
        )  # fmt: skip
        assert machine.read(tree).hardware.encrypted

    def test_this_machine_gives_ram_and_architecture_to_an_image(self, tmp_path: Path) -> None:
        """An installer: RAM and architecture of the machine it runs on, all else of the tree."""
        host = Live(str(grow(tmp_path / "host", {"proc/iomem": IOMEM, "proc/sys/kernel/arch": "aarch64\n"})))
        tree = Root(str(grow(tmp_path / "tree", {"etc/fedora-release": "Fedora release 16 (Verne)\n"})))
        found = machine.read(tree, this_machine=True, host=host)
        assert (found.ram, found.architecture) == (RAM, Architecture.ARM64)
        assert (found.live, found.running, found.hardware.modules) == (False, None, None)
        assert found.distribution.version == (16,)


def test_the_running_kernel(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "proc/sys/kernel/osrelease": "6.1.0-50-amd64\n",
        "proc/sys/kernel/arch": "x86_64\n",
        "proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 crashkernel=256M\n",
        "sys/kernel/kexec_crash_size": "268435456\n",
        "sys/kernel/kexec_crash_loaded": "1\n",
    }
    found = machine_of(tmp_path, files, live=True)
    assert found.architecture is Architecture.X86_64
    running = found.running
    assert running is not None
    assert running.release == "6.1.0-50-amd64"
    assert running.cmdline == "BOOT_IMAGE=/vmlinuz root=/dev/sda1 crashkernel=256M"
    assert (running.reserved, running.loaded) == (256 * MIB, True)


def test_a_running_kernel_without_kexec(tmp_path: Path) -> None:
    found = machine_of(tmp_path, {"proc/cmdline": "ro\n", "proc/sys/kernel/osrelease": "6.1.0\n"}, live=True)
    assert found.running is not None
    assert (found.running.reserved, found.running.loaded) == (None, False)


def elf(kind: int, *, little: bool = True) -> bytes:
    head = b"\x7fELF\x02" + (b"\x01" if little else b"\x02") + bytes(10)
    return head + struct.pack("<HH" if little else ">HH", 2, kind) + bytes(44)


class TestUserland:
    @pytest.mark.parametrize(
        ("files", "wanted"),
        [
            ({"sbin/init": "#!/bin/sh\n", "bin/sh": elf(183)}, Architecture.ARM64),
            ({"var/lib/dpkg/arch": "amd64\ni386\n"}, Architecture.X86_64),
            ({"etc/rpm/platform": "ppc64le-redhat-linux\n"}, Architecture.PPC64LE),
            ({"etc/rpm/platform": "vax-dec\n", "boot/grub2/arm64-efi/core.efi": ""}, Architecture.ARM64),
            ({"boot/grub/i386-pc/core.img": ""}, None),
            ({}, None),
        ],
    )
    def test_read(self, tmp_path: Path, files: dict[str, str | bytes], wanted: Architecture | None) -> None:
        assert machine.userland_architecture(Root(str(grow(tmp_path, files)))) is wanted
