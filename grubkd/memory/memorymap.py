"""Memory maps from what systems show: /proc/iomem, the files of /sys/firmware/memmap, the kernel's boot messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grubkd.errors import Place
from grubkd.memory.physical import BadMemoryMap, Extent, MemoryMap, Range, from_firmware, typical
from grubkd.memory.size import LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BadMemoryMap",
    "Extent",
    "MemoryMap",
    "Range",
    "from_e820_log",
    "from_firmware",
    "from_firmware_memmap_files",
    "from_iomem",
    "from_lines",
    "typical",
]

_IOMEM = re.compile(r"( *)([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16}) : (.*\S)\s*")
_KERNEL = {"Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"}
_CRASH = "Crash kernel"


def from_iomem(text: str, *, file: str = "/proc/iomem") -> MemoryMap:
    """The map of /proc/iomem, or of a saved copy. Raises BadMemoryMap at the line that is none of its lines.

    Lines nested in "System RAM" tell the running kernel's image, its crash kernel regions, and on arm64 and riscv
    what else was reserved.
    """
    ranges: list[tuple[int, int, str]] = []
    kernel: list[Extent] = []
    crash: list[Extent] = []
    held: list[Extent] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _IOMEM.fullmatch(line)
        if found is None:
            raise _not_understood(line, file, number, "lines look like '00100000-7fffffff : System RAM'")
        start, end, kind = int(found[2], 16), int(found[3], 16) + 1, found[4]
        if end <= start:
            raise _not_understood(line, file, number, "the end must not be below the start")
        if start == 0 and end == 1:
            # Readers without the right see zeros in place of every address.
            continue
        if kind in _KERNEL:
            kernel.append((start, end))
        elif kind == _CRASH:
            crash.append((start, end))
        elif not found[1]:
            ranges.append((start, end, kind))
        elif kind.lower() == "reserved":
            held.append((start, end))
    try:
        plain = from_firmware(ranges, source="iomem")
    except BadMemoryMap:
        raise BadMemoryMap(
            "no System RAM is listed", hint="only root sees the addresses: run as root", place=Place(file)
        ) from None
    image = (min(start for start, _ in kernel), max(end for _, end in kernel)) if kernel else None
    return MemoryMap(plain.ranges, "iomem", image, None, tuple(sorted(crash)), tuple(sorted(held)))


def from_firmware_memmap_files(entries: Mapping[str, Mapping[str, str]]) -> MemoryMap:
    """The map of /sys/firmware/memmap: for each directory's name the texts of its files start, end (inclusive), type.

    Raises BadMemoryMap, with the directory's name.
    """
    ranges = []
    for name, files in entries.items():
        try:
            start, end = int(files["start"].strip(), 16), int(files["end"].strip(), 16) + 1
            kind = files["type"].strip()
        except (KeyError, ValueError):
            raise BadMemoryMap(
                "not an entry of the firmware's memory map",
                hint="the files start, end and type hold two hex numbers and a word",
                place=Place(f"/sys/firmware/memmap/{name}"),
            ) from None
        ranges.append((start, end, kind))
    return from_firmware(ranges)


# Since 3.3: `BIOS-e820: [mem 0x0-0x9fbff] usable`, ends inclusive; 7.2 prints `[gap ...]` for what no range covers.
_E820 = re.compile(r"BIOS-e820: \[(mem|gap) 0x([0-9a-fA-F]+)-0x([0-9a-fA-F]+)\]\s*(.*?)\s*")
# Before: `BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)`, ends exclusive.
_OLD_E820 = re.compile(r"BIOS-e820: ([0-9a-fA-F]{1,16}) - ([0-9a-fA-F]{1,16}) \((.*?)\)\s*")
_RAMDISK = re.compile(r"RAMDISK: \[mem 0x([0-9a-fA-F]+)-0x([0-9a-fA-F]+)\]")
# `efi: EFI v2.70 by EDK II`; before 3.9 without the prefix.
_EFI = re.compile(r"\bEFI v\d+\.\d+ by ")
_OLD_RAMDISK = re.compile(r"RAMDISK: ([0-9a-fA-F]+) - ([0-9a-fA-F]+)")


def from_e820_log(text: str, *, file: str = "dmesg") -> MemoryMap:
    """The map that an x86 kernel's boot messages list as `BIOS-e820`, in the form of any version; and the RAMDISK.

    Other messages are passed over. Raises BadMemoryMap at a BIOS-e820 line that is not understood, and where there
    is none.
    """
    ranges: list[tuple[int, int, str]] = []
    initrd: Extent | None = None
    efi = False
    for number, line in enumerate(text.splitlines(), 1):
        at = line.find("BIOS-e820:")
        if at >= 0:
            found = _E820.fullmatch(line, at)
            old = None if found else _OLD_E820.fullmatch(line, at)
            if found:
                start, end, kind = int(found[2], 16), int(found[3], 16) + 1, found[4]
            elif old:
                start, end, kind = int(old[1], 16), int(old[2], 16), old[3]
            else:
                raise _not_understood(line, file, number, "lines look like 'BIOS-e820: [mem 0x0-0x9fbff] usable'")
            if not start <= end <= LIMIT:
                raise _not_understood(line, file, number, "the end must not be below the start")
            if not found or found[1] == "mem":
                ranges.append((start, end, kind))
        elif "RAMDISK: " in line:
            disk = _RAMDISK.search(line)
            old = None if disk else _OLD_RAMDISK.search(line)
            if disk:
                initrd = int(disk[1], 16), int(disk[2], 16) + 1
            elif old:
                initrd = int(old[1], 16), int(old[2], 16)
        efi = efi or bool(_EFI.search(line))
    if not ranges:
        raise BadMemoryMap(
            "no BIOS-e820 line is listed", hint="save it right after boot with: dmesg", place=Place(file)
        )
    plain = from_firmware(ranges, source="log")
    return MemoryMap(plain.ranges, "log", None, initrd, efi=efi)


def from_lines(text: str, *, file: str) -> MemoryMap:
    """The map of a saved file of either form: boot messages where a line holds BIOS-e820, else /proc/iomem."""
    return from_e820_log(text, file=file) if "BIOS-e820:" in text else from_iomem(text, file=file)


def _not_understood(line: str, file: str, number: int, hint: str) -> BadMemoryMap:
    return BadMemoryMap(f"not understood: '{line.strip()[:60]}'", hint=hint, place=Place(file, number, 1))
