"""What a machine is: read from small trees with the files of real ones."""

import json
import os
import struct
from pathlib import Path

import pytest

from grubkd.machine import distribution, hardware, kernels, machine
from grubkd.machine.hardware import Hardware
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import Architecture
from grubkd.memory.size import GIB, KIB, MIB
from grubkd.memory.vendors import Distribution
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


class Live(Root):
    """A tree that says it is the running system's own: its /proc and /sys are read."""

    @property
    def live(self) -> bool:
        return True


def grow(top: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return top


def read(top: Path, files: dict[str, str | bytes], *, live: bool = False, **given: object) -> Machine:
    grow(top, files)
    return machine.read((Live if live else Root)(str(top)), **given)  # type: ignore[arg-type]


def memmap(ranges: list[tuple[int, int, str]]) -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = {}
    for number, (start, end, kind) in enumerate(ranges):
        for name, text in (("start", f"{start:#x}"), ("end", f"{end - 1:#x}"), ("type", kind)):
            found[f"sys/firmware/memmap/{number}/{name}"] = f"{text}\n"
    return found


class TestRam:
    def test_the_sum_of_system_ram(self, tmp_path: Path) -> None:
        found = read(tmp_path, {"proc/iomem": IOMEM, "proc/meminfo": MEMINFO}, live=True)
        assert (found.ram, found.ram_estimated, found.ram_source) == (RAM, False, "/proc/iomem")
        assert found.memory_map is not None
        assert found.memory_map.kernel == (0x1000000, 0x4400000)
        assert found.memory_map.crash == ((0x6F000000, 0x7F000000),)

    def test_other_users_than_root_see_zeros(self, tmp_path: Path) -> None:
        firmware = memmap(
            [(0, 0x9FC00, "System RAM"), (0x100000, 2 * GIB, "System RAM"), (2 * GIB, 3 * GIB, "Reserved")]
        )
        found = read(tmp_path, {"proc/iomem": IOMEM_OF_OTHERS, **firmware}, live=True)
        assert (found.ram, found.ram_source) == (0x9FC00 + 2 * GIB - MIB, "/sys/firmware/memmap")
        assert not found.ram_estimated

    @pytest.mark.parametrize(("total", "reserved"), [(1000964, 0), (738820, 256 * MIB)])
    def test_what_is_left_and_what_is_reserved(self, tmp_path: Path, total: int, reserved: int) -> None:
        """A guest of 1 GiB shows 1000964 kB without a reservation, 738820 kB with one of 256M: the same machine."""
        files: dict[str, str | bytes] = {
            "proc/iomem": IOMEM_OF_OTHERS,
            "proc/meminfo": MEMINFO.replace("738820", str(total)),
            "sys/kernel/kexec_crash_size": f"{reserved}\n",
        }
        found = read(tmp_path, files, live=True)
        assert (found.ram, found.ram_estimated) == (1 * GIB, True)
        assert found.memory_map is None

    def test_nothing_tells(self, tmp_path: Path) -> None:
        found = read(tmp_path, {"proc/iomem": "garbage\n", "sys/firmware/memmap/0/start": "x"}, live=True)
        assert (found.ram, found.ram_source) == (None, "")

    def test_a_persons_word_wins(self, tmp_path: Path) -> None:
        found = read(tmp_path, {"proc/iomem": IOMEM}, live=True, ram=64 * GIB)
        assert (found.ram, found.ram_source, found.memory_map) == (64 * GIB, "given", None)

    def test_an_image_tree_is_not_this_machine(self, tmp_path: Path) -> None:
        """Neither its own leftovers of /proc nor the host's count."""
        found = read(tmp_path, {"proc/iomem": IOMEM, "proc/cmdline": "crashkernel=1G"})
        assert (found.ram, found.memory_map, found.running, found.architecture) == (None, None, None, None)
        assert not found.live

    def test_in_an_installer_s_chroot_what_runs_is_not_the_tree(self, tmp_path: Path) -> None:
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

    def test_unless_asked_for(self, tmp_path: Path) -> None:
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
    found = read(tmp_path, files, live=True)
    assert found.architecture is Architecture.X86_64
    running = found.running
    assert running is not None
    assert running.release == "6.1.0-50-amd64"
    assert running.cmdline == "BOOT_IMAGE=/vmlinuz root=/dev/sda1 crashkernel=256M"
    assert (running.reserved, running.loaded) == (256 * MIB, True)


def test_a_running_kernel_without_kexec(tmp_path: Path) -> None:
    found = read(tmp_path, {"proc/sys/kernel/osrelease": "6.1.0\n"}, live=True)
    assert found.running is not None
    assert (found.running.reserved, found.running.loaded) == (None, False)


class TestHardware:
    def flags(self, tmp_path: Path, flags: str, cmdline: str = "quiet") -> bool:
        files: dict[str, str | bytes] = {
            "proc/cpuinfo": f"processor\t: 0\nflags\t\t: {flags}\n",
            "proc/cmdline": cmdline,
        }
        return read(tmp_path, files, live=True).hardware.encrypted

    def test_encrypted_memory(self, tmp_path: Path) -> None:
        """A host's CPU that could is not one that does."""
        assert not self.flags(tmp_path, "fpu sme sev")
        assert self.flags(tmp_path, "fpu sme sev", "quiet mem_encrypt=on")
        assert self.flags(tmp_path, "fpu hypervisor sev")
        assert not self.flags(tmp_path, "fpu hypervisor")
        assert not self.flags(tmp_path, "fpu", "mem_encrypt=on")

    def test_what_is_there(self, tmp_path: Path) -> None:
        parameters = bytearray(4096)
        struct.pack_into("<II", parameters, 0x218, 0x7C000000, 0x2000000)
        files: dict[str, str | bytes] = {
            "proc/modules": "ext4 1048576 2 - Live 0x0\nmlx5_core 2097152 0 - Live 0x0\n",
            "sys/devices/platform/arm-smmu-v3.0.auto/uevent": "",
            "sys/bus/pci/drivers/mlx5_core/0000:00:04.0": "",
            "sys/firmware/efi/runtime": "",
            "sys/kernel/boot_params/data": bytes(parameters),
            "sys/devices/system/memory/block_size_bytes": "8000000\n",
            "sys/devices/system/node/node0/memory0": "",
            "sys/devices/system/node/node0/memory7": "",
            "sys/devices/system/node/node1/memory8": "",
            "sys/devices/system/node/node1/memory15": "",
            "etc/sysconfig/kdump": '# nr_cpus=1\nKDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=16 reset_devices"\n',
        }
        found = read(tmp_path, files, live=True)
        hardware = found.hardware
        assert hardware.modules == 3 * MIB
        assert (hardware.smmu, hardware.mlx5, hardware.efi) == (True, True, True)
        assert hardware.initrd == (0x7C000000, 0x7E000000)
        assert hardware.borders == (1 * GIB,)
        assert found.capture_cpus == 16

    @pytest.mark.parametrize(
        ("kind", "capabilities", "wanted"), [("PV\n", "", True), ("PV\n", "control_d\n", False), ("HVM\n", "", False)]
    )
    def test_guest_of_xen(self, tmp_path: Path, kind: str, capabilities: str, wanted: bool) -> None:
        files: dict[str, str | bytes] = {"sys/hypervisor/guest_type": kind, "proc/xen/capabilities": capabilities}
        assert read(tmp_path, files, live=True).hardware.pv_guest is wanted

    def test_nothing_is_there(self, tmp_path: Path) -> None:
        hardware = read(tmp_path, {"sys/kernel/boot_params/data": b"short"}, live=True).hardware
        assert hardware == Hardware(modules=None, efi=False)

    @pytest.mark.parametrize("cell", [4, 8])
    def test_initrd_of_a_device_tree(self, tmp_path: Path, cell: int) -> None:
        chosen = "sys/firmware/devicetree/base/chosen/linux,initrd"
        start, end = 0x88200000, 0x882FDB5C
        files = {f"{chosen}-start": start.to_bytes(cell, "big"), f"{chosen}-end": end.to_bytes(cell, "big")}
        assert read(tmp_path / "both", files, live=True).hardware.initrd == (start, end)
        files[f"{chosen}-end"] = files[f"{chosen}-start"]
        assert read(tmp_path / "empty", files, live=True).hardware.initrd is None
        assert read(tmp_path / "odd", {f"{chosen}-start": b"\x01"}, live=True).hardware.initrd is None


def header(memory: dict[str, int], version: int = 2, magic: bytes = b"LUKS\xba\xbe") -> bytes:
    """A LUKS2 header: binary part, then JSON, padded with zeros."""
    slots = {name: {"type": "luks2", "kdf": {"type": "argon2id", "memory": kib}} for name, kib in memory.items()}
    text = json.dumps({"keyslots": slots, "segments": {}}).encode()
    return (magic + struct.pack(">HQ", version, 16384)).ljust(4096, b"\0") + text.ljust(12288, b"\0")


class TestLuks:
    def memory(self, tmp_path: Path, crypttab: str, **files: bytes) -> int:
        grow(tmp_path, {"etc/crypttab": crypttab, **files})
        return hardware.keyslot_memory(Root(str(tmp_path)), devices=False)

    def test_the_most_demanding_keyslot(self, tmp_path: Path) -> None:
        crypttab = "# volumes\nroot UUID=12-34 none luks\nswap /swap.img none\nbroken\n"
        files = {"dev/disk/by-uuid/12-34": header({"0": 65536, "1": 1048576}), "swap.img": header({"0": 4096})}
        assert self.memory(tmp_path, crypttab, **files) == 1 * GIB

    @pytest.mark.parametrize(
        "content",
        [b"", b"LUKS\xba\xbe", header({"0": 1024}, version=1), header({"0": 1024}, magic=b"SKUL\xba\xbe"), header({})],
    )
    def test_other_volumes_ask_for_nothing(self, tmp_path: Path, content: bytes) -> None:
        assert self.memory(tmp_path, "root /disk none\n", disk=content) == 0

    @pytest.mark.parametrize("text", [b"[]", b'{"keyslots": 3}', b"{", b"[" * 5000])
    def test_a_header_that_is_none(self, tmp_path: Path, text: bytes) -> None:
        content = header({})[:4096] + text.ljust(12288, b"\0")
        assert self.memory(tmp_path, "root /disk none\n", disk=content) == 0

    def test_no_volumes(self, tmp_path: Path) -> None:
        assert hardware.keyslot_memory(Root(str(tmp_path)), devices=True) == 0
        assert self.memory(tmp_path, "root /dev/does-not-exist none\n") == 0


class TestDistribution:
    @pytest.mark.parametrize(
        ("files", "wanted"),
        [
            (
                {"etc/os-release": 'ID="rhel"\nVERSION_ID="9.5"\nID_LIKE="fedora"\nPRETTY_NAME="RHEL 9.5"\n'},
                Distribution("rhel", (9, 5), ("fedora",), "RHEL 9.5"),
            ),
            (
                {"usr/lib/os-release": "ID=debian\nNAME=Debian\nVERSION_CODENAME=forky\n"},
                Distribution("debian", (14,), (), "Debian"),
            ),
            (
                {"etc/os-release": "ID=debian\n", "etc/debian_version": "trixie/sid\n"},
                Distribution("debian", (13,), (), "debian"),
            ),
            (
                {"etc/redhat-release": "CentOS Linux release 7.9.2009 (Core)\n"},
                Distribution(
                    "centos",
                    (7, 9, 2009),
                    ("rhel", "fedora"),
                    "CentOS Linux release 7.9.2009 (Core)",
                ),
            ),
            (
                {"etc/fedora-release": "Fedora release 11 (Leonidas)\n", "etc/redhat-release": "Fedora release 11\n"},
                Distribution("fedora", (11,), (), "Fedora release 11 (Leonidas)"),
            ),
            (
                {"etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n"},
                Distribution("sles", (11, 4), ("suse",), "SUSE Linux Enterprise Server 11 (x86_64)"),
            ),
            (
                {
                    "etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=8.04\n",
                    "etc/debian_version": "lenny/sid\n",
                },
                Distribution("ubuntu", (8, 4), (), "Ubuntu 8.04"),
            ),
            (
                {"etc/debian_version": "5.0.10\n"},
                Distribution("debian", (5, 0, 10), (), "Debian 5.0.10"),
            ),
            (
                {"etc/debian_version": "squeeze/sid\n"},
                Distribution("debian", (6,), (), "Debian squeeze/sid"),
            ),
            ({"etc/redhat-release": "\n", "etc/SuSE-release": "", "etc/lsb-release": "X=1\n"}, distribution.UNKNOWN),
            ({}, distribution.UNKNOWN),
        ],
        ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
    )
    def test_release_files(self, tmp_path: Path, files: dict[str, str | bytes], wanted: Distribution) -> None:
        assert distribution.read(Root(str(grow(tmp_path, files)))) == wanted


def bzimage(*, protocol: int, flags: int, memory: int = 0) -> bytes:
    head = bytearray(0x1000)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<H", head, 0x236, flags)
    struct.pack_into("<I", head, 0x260, memory)
    return bytes(head)


def elf(kind: int, *, little: bool = True) -> bytes:
    head = b"\x7fELF\x02" + (b"\x01" if little else b"\x02") + bytes(10)
    return head + struct.pack("<HH" if little else ">HH", 2, kind) + bytes(44)


def at(offset: int, magic: bytes, *more: tuple[int, bytes]) -> bytes:
    head = bytearray(0x10020)
    for place, text in ((offset, magic), *more):
        head[place : place + len(text)] = text
    return bytes(head)


class TestImage:
    @pytest.mark.parametrize(
        ("head", "wanted"),
        [
            (bzimage(protocol=0x20F, flags=0x7F, memory=60 * MIB), (Architecture.X86_64, 60 * MIB)),
            (bzimage(protocol=0x20F, flags=0x7C, memory=30 * MIB), (Architecture.I386, 30 * MIB)),
            # Before 2.12 nothing tells 32 from 64 bits, before 2.10 nothing the size.
            (bzimage(protocol=0x20A, flags=1, memory=10 * MIB), (None, 10 * MIB)),
            (bzimage(protocol=0x209, flags=1, memory=10 * MIB), (None, None)),
            (elf(62), (Architecture.X86_64, None)),
            (elf(21), (Architecture.PPC64LE, None)),
            (elf(21, little=False), (Architecture.PPC64, None)),
            (elf(22, little=False), (Architecture.S390X, None)),
            (at(56, b"ARM\x64", (16, struct.pack("<Q", 50 * MIB))), (Architecture.ARM64, 50 * MIB)),
            (at(56, b"RSC\x05", (48, b"RISCV\0\0\0")), (Architecture.RISCV64, None)),
            (at(0x10008, b"S390EP"), (Architecture.S390X, None)),
            (at(0, b"MZ", (0x3C, b"\x80"), (0x80, b"PE\0\0\x64\xaa")), (Architecture.ARM64, None)),
            (at(0, b"MZ", (0x3C, b"\x80"), (0x80, b"PE\0\0\x64\x62")), (Architecture.LOONGARCH64, None)),
        ],
    )
    def test_header(self, head: bytes, wanted: tuple[Architecture | None, int | None]) -> None:
        found = kernels.parse_image(head)
        assert found is not None
        assert (found.architecture, found.memory) == wanted

    @pytest.mark.parametrize(
        "head", [b"", b"MZ", b"placeholder for vmlinuz-6.8.0", at(0, b"MZ"), at(0, b"MZ", (0x3C, b"\xff" * 4))]
    )
    def test_no_image(self, head: bytes) -> None:
        assert kernels.parse_image(head) is None


class TestConfig:
    def test_arm64(self) -> None:
        text = b"# Linux/arm64 5.14.0\nCONFIG_ARM64=y\n# CONFIG_ARM64_4K_PAGES is not set\nCONFIG_ARM64_64K_PAGES=y\n"
        found = kernels.parse_config(text + b"CONFIG_KEXEC=y\nCONFIG_CRASH_DUMP=y\nCONFIG_RANDOMIZE_BASE=y\n")
        assert found == kernels.Config(Architecture.ARM64, 64 * KIB, True, True, None, None, True)

    def test_i386(self) -> None:
        text = (
            b"# CONFIG_64BIT is not set\nCONFIG_X86_32=y\n# CONFIG_X86_64 is not set\nCONFIG_PHYSICAL_START=0x400000\n"
        )
        found = kernels.parse_config(
            text + b"# CONFIG_KEXEC is not set\n# CONFIG_KEXEC_FILE is not set\nCONFIG_RELOCATABLE=y\n"
        )
        assert found == kernels.Config(Architecture.I386, 4 * KIB, False, None, None, 4 * MIB, None)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            (b"CONFIG_PPC64=y\nCONFIG_CPU_LITTLE_ENDIAN=y\n", Architecture.PPC64LE),
            (b"CONFIG_PPC64=y\n# CONFIG_CPU_LITTLE_ENDIAN is not set\n", Architecture.PPC64),
            (b"CONFIG_S390=y\n", Architecture.S390X),
            (b"CONFIG_LOONGARCH=y\nCONFIG_64BIT=y\n", Architecture.LOONGARCH64),
            (b"CONFIG_64BIT=y\nCONFIG_X86_64=y\nCONFIG_X86=y\n", Architecture.X86_64),
            (b"CONFIG_MIPS=y\n", None),
        ],
    )
    def test_architecture(self, text: bytes, wanted: Architecture | None) -> None:
        assert kernels.parse_config(text).architecture is wanted

    def test_what_is_not_said_is_not_known(self) -> None:
        assert kernels.parse_config(b"placeholder\n") == kernels.NO_CONFIG


class TestKernels:
    def test_of_every_layout(self, tmp_path: Path) -> None:
        token = "3c2b1a0f9e8d4c7b8a695847362514f0"
        files: dict[str, str | bytes] = {
            "boot/vmlinuz-6.1.0-50-amd64": bzimage(protocol=0x20F, flags=1, memory=60 * MIB),
            "boot/config-6.1.0-50-amd64": "CONFIG_X86_64=y\nCONFIG_PHYSICAL_START=0x1000000\n",
            "boot/initrd.img-6.1.0-50-amd64": bytes(3000),
            "var/lib/kdump/initrd.img-6.1.0-50-amd64": bytes(1000),
            f"boot/{token}/6.12.1-1-default/linux": b"x",
            f"boot/{token}/6.12.1-1-default/initrd": b"y",
            "boot/initramfs-5.14.0-1.el9.aarch64.img": bytes(2000),
            "boot/initramfs-5.14.0-1.el9.aarch64kdump.img": bytes(700),
            "usr/lib/modules/5.14.0-1.el9.aarch64/vmlinuz": b"z",
            "boot/xen-4.17-amd64.gz": b"",
            "boot/memtest86+.bin": b"",
            "boot/grub/grub.cfg": "",
        }
        kernels = read(tmp_path, files).kernels
        assert list(kernels) == ["5.14.0-1.el9.aarch64", "6.1.0-50-amd64", "6.12.1-1-default"]
        debian = kernels["6.1.0-50-amd64"]
        assert (debian.architecture, debian.memory, debian.initrd, debian.capture) == (
            Architecture.X86_64,
            60 * MIB,
            3000,
            1000,
        )
        assert debian.config.physical_start == 16 * MIB
        red_hat = kernels["5.14.0-1.el9.aarch64"]
        assert (red_hat.architecture, red_hat.initrd, red_hat.capture) == (Architecture.ARM64, 2000, 700)
        assert kernels["6.12.1-1-default"].image == 1

    def test_their_architecture_is_the_trees(self, tmp_path: Path) -> None:
        files: dict[str, str | bytes] = {"boot/vmlinuz-6.8.0-49-generic": bzimage(protocol=0x20F, flags=1)}
        found = read(tmp_path, files)
        assert found.architecture is Architecture.X86_64
        assert found.architecture_of("6.8.0-49-generic") is Architecture.X86_64
        assert found.architecture_of("6.8.0-50-generic") is Architecture.X86_64
        assert found.architecture_of(None) is Architecture.X86_64

    def test_where_they_differ_each_has_its_own(self, tmp_path: Path) -> None:
        """Debian i386 with a kernel of 64 bits beside one of 32."""
        files: dict[str, str | bytes] = {
            "boot/vmlinuz-6.1.0-50-686-pae": b"x",
            "boot/vmlinuz-6.1.0-50-amd64": b"x",
            "bin/sh": elf(3),
        }
        found = read(tmp_path, files)
        assert found.architecture is Architecture.I386
        assert found.architecture_of("6.1.0-50-amd64") is Architecture.X86_64
        given = read(tmp_path, files, arch="x86_64")
        assert given.architecture_of("6.1.0-50-686-pae") is Architecture.X86_64

    def test_what_may_not_be_read_says_nothing(self, tmp_path: Path) -> None:
        os.mkfifo(grow(tmp_path, {"boot/x": ""}) / "boot/vmlinuz-6.1.0-50-amd64")
        kernel = read(tmp_path, {}).kernels["6.1.0-50-amd64"]
        assert (kernel.architecture, kernel.memory) == (Architecture.X86_64, None)


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
