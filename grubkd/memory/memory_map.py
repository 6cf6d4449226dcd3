"""Physical memory maps: which addresses have RAM, and what is known to be in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.errors import NotUnderstood
from grubkd.memory.architecture import Architecture, architecture
from grubkd.memory.size import GIB, KIB, LIMIT, MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


RAM_TYPES = frozenset({"usable", "System RAM"})
"""The names of RAM: `usable` up to 6.12, `System RAM` in /proc/iomem, and everywhere since 7.2."""

MOST_RANGES = 1024
"""Separate pieces of RAM in a map. The largest machines have some hundred; time and memory grow with them."""

Extent = tuple[int, int]
"""A start and an end, exclusive, in bytes."""


class BadMemoryMap(NotUnderstood):
    """A memory map that is not valid."""

    code = "bad-memory-map"


class Range(NamedTuple):
    """Addresses from start to below end, and their type as the firmware or the kernel names it."""

    start: int
    end: int
    type: str


class MemoryMap(NamedTuple):
    """Ranges in ascending order of start; they may overlap, as firmware's do.

    source: "iomem", "firmware", "log" or "typical". Only some sources have: kernel, the running kernel's image from the
    start of its code to the end of its bss; initrd; crash, the crash kernel regions; held, other reserved memory inside
    RAM; efi, whether EFI firmware made the map; nodes, the NUMA nodes' (start, end exclusive, node); hotplug, what can
    be unplugged.
    """

    ranges: tuple[Range, ...]
    source: str = "firmware"
    kernel: Extent | None = None
    initrd: Extent | None = None
    crash: tuple[Extent, ...] = ()
    held: tuple[Extent, ...] = ()
    efi: bool = False
    nodes: tuple[tuple[int, int, int], ...] = ()
    hotplug: tuple[Extent, ...] = ()

    @property
    def ram(self) -> tuple[Extent, ...]:
        """The RAM, ascending and disjoint. If ranges overlap, what is not RAM wins, as in the kernel."""
        usable = merged((r.start, r.end) for r in self.ranges if r.type in RAM_TYPES)
        other = merged((r.start, r.end) for r in self.ranges if r.type not in RAM_TYPES)
        return subtract(usable, other)

    @property
    def is_broken(self) -> bool:
        """Whether something else is between the RAM from 1M to 4G of a PC.

        Maps of EFI firmware are like that (OVMF has ACPI memory at 8M and near the top); a BIOS keeps its own above.
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
        """The end of the last RAM, which x86 kernels up to RHEL 6 take for the amount of RAM."""
        return max((end for _, end in self.ram), default=0)


def from_firmware(ranges: Iterable[tuple[int, int, str]], *, source: str = "firmware") -> MemoryMap:
    """Make a map of ranges (start, end exclusive, type), in any order. Raises BadMemoryMap."""
    found = []
    for number, (start, end, kind) in enumerate(ranges, 1):
        if not 0 <= start <= end <= LIMIT:
            raise BadMemoryMap(
                f"range {number}: {start:#x} to {end:#x} is not a range of addresses",
                hint="give start and end (exclusive) in bytes, end not below start",
            )
        found.append(Range(start, end, kind))
    found.sort()
    result = MemoryMap(tuple(found), source)
    ram = result.ram
    if not ram:
        raise BadMemoryMap(
            "the memory map has no RAM",
            hint="RAM is called 'usable' or 'System RAM'; only root sees real addresses: run as root",
        )
    if len(found) <= MOST_RANGES:
        return result
    # /proc/iomem lists devices and memory that was added later, too.
    if len(ram) > MOST_RANGES:
        raise BadMemoryMap(f"the memory map has more than {MOST_RANGES} pieces of RAM", hint="give that of one machine")
    return result._replace(ranges=tuple(Range(start, end, "usable") for start, end in ram))


def typical(ram: int, arch: str) -> MemoryMap:
    """The map to assume for a machine with that many bytes of RAM.

    x86: a PC with BIOS, with 639K and RAM from 1M on; from 3.5G on with a hole from 3G to 4G and the rest above 4G; the
    last 128K below the hole are the firmware's. arm64: RAM from 1G on in one piece; riscv64: from 2G; loongarch64: 256M
    at 0, the rest from 2304M; POWER and s390x: from 0.
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


# Where the hole below 4G begins, and the RAM from which a machine has one: QEMU's pc and q35, EC2, Azure, servers.
_HOLES = ((3 * GIB, 3 * GIB + 512 * MIB), (2 * GIB, 2 * GIB + 768 * MIB), (3 * GIB, 3 * GIB), (3968 * MIB, 3968 * MIB))
_KEPT_BY_EFI = ((8 * MIB + 24 * KIB, 8 * MIB + 32 * KIB), (8 * MIB + 64 * KIB, 9 * MIB))
_TOP_OF_EFI = 24 * MIB
# AAVMF of Debian 12 on QEMU's virt: the pieces at the end of RAM, by their distance from it.
_KEPT_BY_AAVMF = ((0x3BC0000, 0x38D0000), (4 * MIB, 128 * KIB))
_LOW_OF_LOONGARCH64 = 256 * MIB


def typical_maps(ram: int, arch: str) -> Iterator[MemoryMap]:
    """The maps that a machine with that many bytes of RAM may have; `typical` is the first.

    x86: with the hole below 4G of QEMU's pc (from 3G, if there is 3.5G) and q35 (from 2G, if there is 2.75G), of EC2
    and servers (from 3G) and Azure (from 3968M), by BIOS and by EFI, which keeps memory at 8M and at the top of low
    RAM. arm64: also by EFI. loongarch64: also with RAM from 2G on.
    """
    first, machine = typical(ram, arch), architecture(arch)
    yield first
    if machine.is_x86:
        seen = {(first.ram, first.efi)}
        for each in (found for hole, since in _HOLES for found in _of_pc(ram, ram if ram < since else hole)):
            if (each.ram, each.efi) not in seen:
                seen.add((each.ram, each.efi))
                yield each
    elif machine is Architecture.LOONGARCH64 and ram > _LOW_OF_LOONGARCH64:
        ranges = ((0, _LOW_OF_LOONGARCH64), (2 * GIB, 2 * GIB + ram - _LOW_OF_LOONGARCH64))
        yield from_firmware(((*each, "usable") for each in ranges), source="typical")
    elif machine is Architecture.ARM64 and ram > 2 * _KEPT_BY_AAVMF[0][0]:
        kept = [(first.span - start, first.span - end) for start, end in _KEPT_BY_AAVMF]
        yield _by_efi(subtract(first.ram, kept), kept)


def _of_pc(ram: int, low: int) -> Iterator[MemoryMap]:
    """A PC's map by BIOS, and by EFI. `low`: the RAM below 4G."""
    rest = [(4 * GIB, 4 * GIB + ram - low)] if ram > low else []
    bios = [(0, 639 * KIB), (MIB, max(low - 128 * KIB, 2 * MIB)), *rest]
    yield from_firmware(((*each, "usable") for each in bios), source="typical")
    if low > 128 * MIB:
        pieces = subtract([(MIB, low - _TOP_OF_EFI)], _KEPT_BY_EFI)
        yield _by_efi([(0, 640 * KIB), *pieces, *rest], [*_KEPT_BY_EFI, (low - _TOP_OF_EFI, low)])


def _by_efi(usable: Iterable[Extent], kept: Iterable[Extent]) -> MemoryMap:
    ranges = [*((*each, "usable") for each in usable), *((*each, "reserved") for each in kept)]
    return from_firmware(ranges, source="typical")._replace(efi=True)


def subtract(ranges: Iterable[Extent], holes: Iterable[Extent]) -> tuple[Extent, ...]:
    """The ranges without the holes. Both must be ascending and disjoint, and so is the result."""
    result: list[Extent] = []
    pending = iter(holes)
    hole_start, hole_end = next(pending, (LIMIT, LIMIT))
    for start, end in ranges:
        at = start
        while hole_start < end:
            if hole_end > at:
                if hole_start > at:
                    result.append((at, hole_start))
                at = hole_end
                if hole_end > end:  # it reaches into the next range
                    break
            hole_start, hole_end = next(pending, (LIMIT, LIMIT))
        if at < end:
            result.append((at, end))
    return tuple(result)


def merged(ranges: Iterable[Extent]) -> list[Extent]:
    """The ranges ascending and disjoint. Adjacent ranges become one."""
    result: list[Extent] = []
    for start, end in sorted(ranges):
        if start == end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
