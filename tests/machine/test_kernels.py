"""Kernel images, configuration files and initrds of a tree."""

import os
import struct
from pathlib import Path

import pytest
from support.livetree import grow, machine_of

from grubkd.machine import kernels
from grubkd.memory.architecture import Architecture
from grubkd.memory.size import KIB, MIB


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
    def test_other_files_are_not_images(self, head: bytes) -> None:
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

    def test_options_that_are_not_mentioned_are_unknown(self) -> None:
        assert kernels.parse_config(b"placeholder\n") == kernels.NO_CONFIG


class TestKernels:
    def test_kernels_of_every_layout(self, tmp_path: Path) -> None:
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
        kernels = machine_of(tmp_path, files).kernels
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

    def test_the_architecture_of_all_kernels_is_that_of_the_tree(self, tmp_path: Path) -> None:
        files: dict[str, str | bytes] = {"boot/vmlinuz-6.8.0-49-generic": bzimage(protocol=0x20F, flags=1)}
        found = machine_of(tmp_path, files)
        assert found.architecture is Architecture.X86_64
        assert found.architecture_of("6.8.0-49-generic") is Architecture.X86_64
        assert found.architecture_of("6.8.0-50-generic") is Architecture.X86_64
        assert found.architecture_of(None) is Architecture.X86_64

    def test_kernels_of_different_architectures(self, tmp_path: Path) -> None:
        """Debian i386 with a kernel of 64 bits beside one of 32."""
        files: dict[str, str | bytes] = {
            "boot/vmlinuz-6.1.0-50-686-pae": b"x",
            "boot/vmlinuz-6.1.0-50-amd64": b"x",
            "bin/sh": elf(3),
        }
        found = machine_of(tmp_path, files)
        assert found.architecture is Architecture.I386
        assert found.architecture_of("6.1.0-50-amd64") is Architecture.X86_64
        given = machine_of(tmp_path, files, arch="x86_64")
        assert given.architecture_of("6.1.0-50-686-pae") is Architecture.X86_64

    def test_unreadable_files_count_as_missing(self, tmp_path: Path) -> None:
        os.mkfifo(grow(tmp_path, {"boot/x": ""}) / "boot/vmlinuz-6.1.0-50-amd64")
        kernel = machine_of(tmp_path, {}).kernels["6.1.0-50-amd64"]
        assert (kernel.architecture, kernel.memory) == (Architecture.X86_64, None)
