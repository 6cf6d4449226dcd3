"""The headers of kernel images: for which architecture an image is, and how much memory it takes when it runs."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from grubkd.memory.architecture import Architecture

HEAD = 0x10020
"""Bytes of an image that are enough to tell."""


@dataclass(frozen=True, slots=True)
class Header:
    """`memory`: bytes from the image's start to the end of its bss once it runs, None where the header has it not."""

    architecture: Architecture | None
    memory: int | None = None


_ELF_MACHINES = {
    3: Architecture.I386,
    62: Architecture.X86_64,
    183: Architecture.ARM64,
    22: Architecture.S390X,
    243: Architecture.RISCV64,
    258: Architecture.LOONGARCH64,
}
_PPC64 = 21
_PE_MACHINES = {
    0x14C: Architecture.I386,
    0x8664: Architecture.X86_64,
    0xAA64: Architecture.ARM64,
    0x5064: Architecture.RISCV64,
    0x6264: Architecture.LOONGARCH64,
}
_XLOADFLAGS_SINCE, _INIT_SIZE_SINCE = 0x20C, 0x20A
_KERNEL_64 = 1


def parse(head: bytes) -> Header | None:
    """What the first HEAD bytes of a file tell, or None for no kernel image that is known here.

    x86 boot protocol (`HdrS` at 0x202): xloadflags bit 0 from 2.12 on says 64 bits, before it nothing does; init_size
    from 2.10 on. arm64 and riscv Image headers; ELF; EFI images by their PE header; s390 images by their magic.
    """
    if len(head) >= 0x264 and head[0x202:0x206] == b"HdrS":
        return _x86(head)
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        return Header(elf_machine(head))
    if head[56:60] == b"ARM\x64":
        return Header(Architecture.ARM64, struct.unpack_from("<Q", head, 16)[0] or None)
    if head[56:60] == b"RSC\x05" or head[48:56] == b"RISCV\0\0\0":
        return Header(Architecture.RISCV64, struct.unpack_from("<Q", head, 16)[0] or None)
    if head[0x10008:0x1000E] == b"S390EP":
        return Header(Architecture.S390X)
    return _efi(head)


def elf_machine(head: bytes) -> Architecture | None:
    """The architecture of an ELF file, by its first 20 bytes; None for another, or no ELF file."""
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return None
    little = head[5] == 1
    machine = struct.unpack_from("<H" if little else ">H", head, 18)[0]
    if machine == _PPC64:
        return Architecture.PPC64LE if little else Architecture.PPC64
    return _ELF_MACHINES.get(machine)


def _x86(head: bytes) -> Header:
    protocol = struct.unpack_from("<H", head, 0x206)[0]
    memory = struct.unpack_from("<I", head, 0x260)[0] if protocol >= _INIT_SIZE_SINCE else 0
    machine = None
    if protocol >= _XLOADFLAGS_SINCE:
        flags = struct.unpack_from("<H", head, 0x236)[0]
        machine = Architecture.X86_64 if flags & _KERNEL_64 else Architecture.I386
    return Header(machine, memory or None)


def _efi(head: bytes) -> Header | None:
    if head[:2] != b"MZ" or len(head) < 0x40:
        return None
    at = struct.unpack_from("<I", head, 0x3C)[0]
    if at + 6 > len(head) or head[at : at + 4] != b"PE\0\0":
        return None
    machine = _PE_MACHINES.get(struct.unpack_from("<H", head, at + 4)[0])
    return Header(machine) if machine else None


_BANNER = re.compile(rb"(\d+\.\d+[^ \0]{0,60}) ")


def banner(head: bytes) -> str | None:
    """The release that an x86 image names in its header (boot protocol 2.00, offset 0x20E), or None."""
    if head[0x202:0x206] != b"HdrS":
        return None
    at = struct.unpack_from("<H", head, 0x20E)[0]
    found = _BANNER.match(head, at + 0x200) if at else None
    return found[1].decode("latin-1") if found else None
