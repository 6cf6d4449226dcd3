"""What a kernel's configuration file (/boot/config-RELEASE) says about reserving and capturing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grubkd.memory.architecture import Architecture
from grubkd.memory.size import KIB


@dataclass(frozen=True, slots=True)
class Config:
    """None where the file does not tell: an option that is neither set nor said to be unset says nothing.

    page_size and physical_start in bytes; `physical_start` is where an x86 kernel is linked to run. `kexec`: it can
    load another kernel, without which it ignores crashkernel=. `crash_dump`: it can be the one that is loaded, and
    `vmcore`: then shows the memory of the other as /proc/vmcore.
    """

    architecture: Architecture | None = None
    page_size: int | None = None
    kexec: bool | None = None
    crash_dump: bool | None = None
    vmcore: bool | None = None
    relocatable: bool | None = None
    physical_start: int | None = None
    kaslr: bool | None = None


UNTOLD = Config()
"""Of a kernel without a configuration file."""

_WANTED = re.compile(
    rb"^(?:# )?CONFIG_(64BIT|X86|X86_32|X86_64|ARM64|PPC64|CPU_LITTLE_ENDIAN|S390|RISCV|LOONGARCH|KEXEC|KEXEC_FILE"
    rb"|KEXEC_CORE|CRASH_DUMP|PROC_VMCORE|RELOCATABLE|PHYSICAL_START|RANDOMIZE_BASE|ARM64_64K_PAGES|ARM64_16K_PAGES|ARM64_4K_PAGES"
    rb"|PPC_64K_PAGES|PPC_4K_PAGES|PAGE_SIZE_64KB|PAGE_SIZE_16KB|PAGE_SIZE_4KB)(?:=(\S+)| is not set)$",
    re.MULTILINE,
)
_PAGES = {
    "ARM64_64K_PAGES": 64 * KIB,
    "ARM64_16K_PAGES": 16 * KIB,
    "ARM64_4K_PAGES": 4 * KIB,
    "PPC_64K_PAGES": 64 * KIB,
    "PPC_4K_PAGES": 4 * KIB,
    "PAGE_SIZE_64KB": 64 * KIB,
    "PAGE_SIZE_16KB": 16 * KIB,
    "PAGE_SIZE_4KB": 4 * KIB,
}
_ARCHITECTURES = (
    ("X86_64", Architecture.X86_64),
    ("X86_32", Architecture.I386),
    ("ARM64", Architecture.ARM64),
    ("S390", Architecture.S390X),
    ("RISCV", Architecture.RISCV64),
    ("LOONGARCH", Architecture.LOONGARCH64),
)


def parse(data: bytes) -> Config:
    """What the file says; UNTOLD's equal for a text that holds none of it."""
    said = {name.decode(): value.decode("latin-1") for name, value in _WANTED.findall(data)}
    machine = _architecture(said)
    kexec = [said[name] == "y" for name in ("KEXEC", "KEXEC_FILE", "KEXEC_CORE") if name in said]
    start = said.get("PHYSICAL_START", "")
    pages = [size for name, size in _PAGES.items() if said.get(name) == "y"]
    return Config(
        architecture=machine,
        page_size=pages[0] if pages else 4 * KIB if machine and machine.is_x86 else None,
        kexec=any(kexec) if kexec else None,
        crash_dump=_flag(said, "CRASH_DUMP"),
        vmcore=_flag(said, "PROC_VMCORE"),
        relocatable=_flag(said, "RELOCATABLE"),
        physical_start=int(start, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", start) else None,
        kaslr=_flag(said, "RANDOMIZE_BASE"),
    )


def _flag(said: dict[str, str], name: str) -> bool | None:
    return said[name] == "y" if name in said else None


def _architecture(said: dict[str, str]) -> Architecture | None:
    if said.get("PPC64") == "y":
        return Architecture.PPC64LE if said.get("CPU_LITTLE_ENDIAN") == "y" else Architecture.PPC64
    for name, machine in _ARCHITECTURES:
        if said.get(name) == "y":
            return machine
    return None
