"""Physical memory: which addresses hold RAM, and what is known to lie in it.

MERGED: Memory maps from what systems show: /proc/iomem, the files of /sys/firmware/memmap, the kernel's boot messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import NotUnderstood, Place
from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.size import GIB, KIB, LIMIT, MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


RAM_TYPES = frozenset({"usable", "System RAM"})
"""What kernels call RAM: `usable` up to 6.12, `System RAM` in /proc/iomem, and everywhere from 7.2 on."""

Extent = tuple[int, int]
"""A start and an end, exclusive, in bytes."""


class BadMemoryMap(NotUnderstood):
    """A memory map that cannot be one."""

    code = "bad-memory-map"


class Range(NamedTuple):
    """Addresses from start to below end, and what the firmware or the kernel calls them."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Ranges in ascending order of start; they may overlap, as firmware's do.

    source: "iomem", "firmware", "log" or "typical". What only some sources tell: kernel, the running kernel's image
    (from the start of its code to the end of its bss); initrd; crash, the crash kernel regions; held, other reserved
    memory inside RAM; efi, that EFI firmware made the map.
    """

    ranges: tuple[Range, ...]
    source: str = "firmware"
    kernel: Extent | None = None
    initrd: Extent | None = None
    crash: tuple[Extent, ...] = ()
    held: tuple[Extent, ...] = ()
    efi: bool = False

    @property
    def ram(self) -> tuple[Extent, ...]:
        """The RAM, ascending and disjoint: where ranges overlap, what is not RAM wins, as in the kernel."""
        usable = merged((r.start, r.end) for r in self.ranges if r.type in RAM_TYPES)
        other = merged((r.start, r.end) for r in self.ranges if r.type not in RAM_TYPES)
        return subtract(usable, other)

    @property
    def is_broken(self) -> bool:
        """Whether something else lies amid the RAM between 1M and 4G of a PC.

        EFI firmware leaves such maps (OVMF has ACPI memory from 8M on and near the top); a BIOS keeps its own above.
        """
        low = [(start, end) for start, end in self.ram if MIB <= start < 4 * GIB]
        other = (r for r in self.ranges if r.type not in RAM_TYPES and r.start < r.end)
        return any(low and low[0][1] <= r.start and r.end <= low[-1][0] for r in other)

    @property
    def ram_total(self) -> int:
        """Bytes of RAM."""
        return sum(end - start for start, end in self.ram)

    @property
    def span(self) -> int:
        """The end of the last RAM: what x86 kernels up to RHEL 6 take for the amount of RAM."""
        return max((end for _, end in self.ram), default=0)


def from_firmware(ranges: Iterable[tuple[int, int, str]], *, source: str = "firmware") -> MemoryMap:
    """The map of ranges (start, end exclusive, type), in any order. Raises BadMemoryMap."""
    found = []
    for number, (start, end, kind) in enumerate(ranges, 1):
        if not 0 <= start <= end <= LIMIT:
            raise BadMemoryMap(
                f"range {number}: {start:#x} to {end:#x} is no range of addresses",
                hint="give start and end (exclusive) in bytes, end not below start",
            )
        found.append(Range(start, end, kind))
    found.sort()
    result = MemoryMap(tuple(found), source)
    if not result.ram:
        raise BadMemoryMap(
            "the memory map holds no RAM", hint="RAM is called 'usable' or 'System RAM'; others read zeros than root"
        )
    return result


def typical(ram: int, arch: str) -> MemoryMap:
    """A map of a machine with that many bytes of RAM, where nothing but the amount is known.

    x86: a PC with BIOS. 640K less 1K, RAM from 1M on; with 3.5G and more a hole from 3G to 4G, the rest above 4G; the
    last 128K below the hole are the firmware's. arm64: RAM from 1G on in one piece; riscv64: from 2G; loongarch64:
    256M at 0, the rest from 2304M; POWER and s390x: from 0.
    """
    machine = architecture(arch)
    ranges: list[tuple[int, int, str]]
    if machine.is_x86:
        low = ram if ram < 3 * GIB + 512 * MIB else 3 * GIB
        ranges = [(0, 639 * KIB, "usable"), (639 * KIB, 640 * KIB, "reserved"), (960 * KIB, MIB, "reserved")]
        ranges += [(MIB, max(low - 128 * KIB, MIB), "usable"), (max(low - 128 * KIB, MIB), max(low, MIB), "reserved")]
        if ram > low:
            ranges.append((4 * GIB, 4 * GIB + ram - low, "usable"))
    elif machine is Architecture.LOONGARCH64:
        low = min(ram, 256 * MIB)
        ranges = [(0, low, "usable"), (2304 * MIB, 2304 * MIB + ram - low, "usable")]
    else:
        start = {Architecture.ARM64: GIB, Architecture.RISCV64: 2 * GIB}.get(machine, 0)
        ranges = [(start, start + ram, "usable")]
    return from_firmware((r for r in ranges if r[0] < r[1]), source="typical")


def subtract(ranges: Iterable[Extent], holes: Iterable[Extent]) -> tuple[Extent, ...]:
    """The ranges without the holes. Both ascending and disjoint; so is the result."""
    result: list[Extent] = []
    taken = list(holes)
    for start, end in ranges:
        at = start
        for hole_start, hole_end in taken:
            if hole_end <= at or hole_start >= end:
                continue
            if hole_start > at:
                result.append((at, hole_start))
            at = hole_end
        if at < end:
            result.append((at, end))
    return tuple(result)


def merged(ranges: Iterable[Extent]) -> list[Extent]:
    """Ascending and disjoint; ranges that touch become one."""
    result: list[Extent] = []
    for start, end in sorted(ranges):
        if start == end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


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
