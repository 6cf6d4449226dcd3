"""Parsers for memory maps: /proc/iomem, /sys/firmware/memmap, the kernel's boot messages, JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from grubkd.errors import Place
from grubkd.memory.memory_map import RAM_TYPES, BadMemoryMap, MemoryMap, from_firmware, merged
from grubkd.memory.size import LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grubkd.memory.memory_map import Extent

_IOMEM = r"( *)([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16}) : (.*\S)\s*"
_KERNEL = {"Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"}
_CRASH = "Crash kernel"


def from_iomem(text: str, *, file: str = "/proc/iomem") -> MemoryMap:
    """Parse /proc/iomem, or a saved copy. Raises BadMemoryMap with the line.

    Lines nested in "System RAM" are the running kernel's image, its crash kernel regions and, on arm64 and riscv, other
    reserved memory.
    """
    ranges: list[tuple[int, int, str]] = []
    kernel: list[Extent] = []
    crash: list[Extent] = []
    held: list[Extent] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = re.fullmatch(_IOMEM, line)
        if found is None:
            raise _not_understood(line, file, number, "lines look like '00100000-7fffffff : System RAM'")
        start, end, kind = int(found[2], 16), int(found[3], 16) + 1, found[4]
        if end <= start:
            raise _not_understood(line, file, number, "the end must not be below the start")
        if start == 0 and end == 1:
            # Only root sees real addresses; others see zeros.
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
        if any(kind in RAM_TYPES for _, _, kind in ranges):
            raise
        raise BadMemoryMap(
            "no System RAM is listed", hint="only root sees real addresses: run as root", place=Place(file)
        ) from None
    image = (min(start for start, _ in kernel), max(end for _, end in kernel)) if kernel else None
    return MemoryMap(plain.ranges, "iomem", image, None, tuple(sorted(crash)), tuple(sorted(held)))


def from_firmware_memmap_files(entries: Mapping[str, Mapping[str, str]]) -> MemoryMap:
    """Parse /sys/firmware/memmap, given as the name of each directory with the texts of its files.

    The files are start, end (inclusive) and type. Raises BadMemoryMap with the name of the directory.
    """
    ranges = []
    for name, files in entries.items():
        try:
            start, end = int(files["start"].strip(), 16), int(files["end"].strip(), 16) + 1
            kind = files["type"].strip()
        except (KeyError, ValueError):
            raise BadMemoryMap(
                "not an entry of the firmware's memory map",
                hint="the files start and end hold a hex number each, type a word",
                place=Place(f"/sys/firmware/memmap/{name}"),
            ) from None
        ranges.append((start, end, kind))
    return from_firmware(ranges)


# Since 3.3 `BIOS-e820: [mem 0x0-0x9fbff] usable`, ends inclusive; 7.2 prints `[gap ...]` for what no range covers.
# Before: `BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)`, ends exclusive.
_E820 = (
    r"BIOS-e820: (?:\[(mem|gap) 0x([0-9a-fA-F]+)-0x([0-9a-fA-F]+)\]\s*(.*?)"
    r"|([0-9a-fA-F]{1,16}) - ([0-9a-fA-F]{1,16}) \((.*?)\))\s*"
)
_RAMDISK = r"RAMDISK: (?:\[mem 0x([0-9a-fA-F]+)-0x([0-9a-fA-F]+)\]|([0-9a-fA-F]+) - ([0-9a-fA-F]+))"
# `ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]`, since 3.3; before `SRAT: Node 1 PXM 1 40000000-80000000`, ends
# exclusive. The nodes themselves, where there is no SRAT: `Initmem setup node 1 [mem 0x40000000-0x7ffdffff]`.
_NODE_RANGE = r"(?:\[mem 0x([0-9a-fA-F]+)-0x([0-9a-fA-F]+)\]|([0-9a-fA-F]+)-([0-9a-fA-F]+))"
_SRAT = r"SRAT: Node (\d{1,5}) PXM \d+ " + _NODE_RANGE + "( hotplug)?"
_INITMEM = r"Initmem setup node (\d{1,5}) " + _NODE_RANGE + "()"
# `efi: EFI v2.70 by EDK II`; before 3.9 without the prefix.
_EFI = r"\bEFI v\d+\.\d+ by "
# `grep . /sys/firmware/memmap/*/*` saves all of them in one file.
_LISTED = r"(?:.*/)?(\d+)/(start|end|type):(.*)"


def from_e820_log(text: str, *, file: str = "dmesg") -> MemoryMap:
    """Parse the `BIOS-e820` lines of an x86 kernel's boot messages, in the form of any version.

    The RAMDISK line and those of NUMA nodes (SRAT) are read too, other messages are ignored. Raises BadMemoryMap with
    the line, and if there is no BIOS-e820 line.
    """
    ranges: list[tuple[int, int, str]] = []
    initrd: Extent | None = None
    for number, line in enumerate(text.splitlines(), 1):
        at = line.find("BIOS-e820:")
        if at >= 0:
            start, end, kind = _e820(line, at, file, number)
            if kind is not None:
                ranges.append((start, end, kind))
        elif "RAMDISK: " in line:
            initrd = _ramdisk(line) or initrd
    if not ranges:
        hint = "save the messages right after boot with: dmesg"
        raise BadMemoryMap("there is no BIOS-e820 line", hint=hint, place=Place(file))
    plain = from_firmware(ranges, source="log")
    nodes, hotplug = _nodes(text)
    efi = re.search(_EFI, text) is not None
    return MemoryMap(plain.ranges, "log", None, initrd, efi=efi, nodes=nodes, hotplug=hotplug)


def from_saved(text: str, *, file: str) -> MemoryMap:
    """Parse a saved file: boot messages if there is a BIOS-e820 line, else /proc/iomem. Raises BadMemoryMap."""
    return from_e820_log(text, file=file) if "BIOS-e820:" in text else from_iomem(text, file=file)


def from_saved_firmware(text: str, *, file: str) -> MemoryMap:
    """Parse a saved firmware map. Raises BadMemoryMap.

    Boot messages with BIOS-e820; JSON, a list of [start, end exclusive, type]; or the output of
    `grep . /sys/firmware/memmap/*/*`.
    """
    if "BIOS-e820:" in text:
        return from_e820_log(text, file=file)
    if text.lstrip().startswith("["):
        return _from_json(text, file)
    entries: dict[str, dict[str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = re.fullmatch(_LISTED, line)
        if not found:
            hint = "save it with: grep . /sys/firmware/memmap/*/*, or: dmesg"
            raise _not_understood(line, file, number, hint)
        entries.setdefault(found[1], {})[found[2]] = found[3]
    return from_firmware_memmap_files(entries)


def _from_json(text: str, file: str) -> MemoryMap:
    try:
        rows = [(start, end, kind) for start, end, kind in json.loads(text)]
        if any(
            type(start) is not int or type(end) is not int or not isinstance(kind, str) for start, end, kind in rows
        ):
            raise ValueError("each range is [start, end, type], addresses in bytes")
    except (ValueError, TypeError, RecursionError) as problem:
        raise BadMemoryMap(
            f"not understood: {problem}", hint="a JSON list of [start, end exclusive, type]", place=Place(file)
        ) from None
    return from_firmware(rows)


def _e820(line: str, at: int, file: str, number: int) -> tuple[int, int, str | None]:
    """Start, end (exclusive) and type of a BIOS-e820 line; the type of a gap is None."""
    found = re.compile(_E820).fullmatch(line, at)
    if found is None:
        raise _not_understood(line, file, number, "lines look like 'BIOS-e820: [mem 0x0-0x9fbff] usable'")
    if found[1]:
        start, end, kind = int(found[2], 16), int(found[3], 16) + 1, found[4] if found[1] == "mem" else None
    else:
        start, end, kind = int(found[5], 16), int(found[6], 16), found[7]
    if not start <= end <= LIMIT:
        raise _not_understood(line, file, number, "the end must not be below the start")
    return start, end, kind


def _nodes(text: str) -> tuple[tuple[tuple[int, int, int], ...], tuple[Extent, ...]]:
    """The NUMA nodes by the firmware's table (SRAT), else as the kernel set them up; and what can be unplugged."""
    for pattern in (_SRAT, _INITMEM):
        found, hotplug = [], []
        for node, first, last, start, end, movable in re.findall(pattern, text):
            extent = (int(first, 16), int(last, 16) + 1) if first else (int(start, 16), int(end, 16))
            if extent[0] < extent[1] <= LIMIT:
                found.append((*extent, int(node)))
                hotplug += [extent] if movable else []
        if found:
            return tuple(found), tuple(merged(hotplug))
    return (), ()


def _ramdisk(line: str) -> Extent | None:
    found = re.search(_RAMDISK, line)
    if found is None:
        return None
    return (int(found[1], 16), int(found[2], 16) + 1) if found[1] else (int(found[3], 16), int(found[4], 16))


def _not_understood(line: str, file: str, number: int, hint: str) -> BadMemoryMap:
    return BadMemoryMap(f"not understood: '{line.strip()[:60]}'", hint=hint, place=Place(file, number, 1))
