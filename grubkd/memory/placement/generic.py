"""The generic search since 6.7 (reserve_crashkernel_generic), and placement on arm64, riscv64 and loongarch64.

x86 uses the search too. What else arm64, riscv64 and loongarch64 kernels allocate early is only roughly known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.memory_map import merged
from grubkd.memory.placement.search import FreeMemory, failed, from_variants, hang, reserved
from grubkd.memory.release import possible_images
from grubkd.memory.size import GIB, KIB, LIMIT, MIB, TIB, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.place import BootFacts
    from grubkd.memory.placement.search import Likelihood, PlacementOutcome
    from grubkd.memory.release import Release


IN_USE = "crashkernel reservation failed - memory is in use."


class Limits(NamedTuple):
    """align: of every region. low: the end of what DMA reaches. high: nothing is placed at or above it."""

    align: int
    low: int
    high: int


def limits(machine: Architecture, ram: tuple[Extent, ...]) -> Limits:
    """The limits of an architecture: CRASH_ALIGN, CRASH_ADDR_LOW_MAX and CRASH_ADDR_HIGH_MAX."""
    start, end = ram[0][0], ram[-1][1]
    if machine is Architecture.X86_64:
        return Limits(16 * MIB, 4 * GIB, 64 * TIB)
    if machine is Architecture.I386:
        return Limits(16 * MIB, 512 * MIB, 512 * MIB)
    if machine is Architecture.ARM64:
        # The end of ZONE_DMA, unless the device tree or the IORT table sets a lower one.
        return Limits(2 * MIB, end if start >= 4 * GIB else min(4 * GIB, end), 1 << 48)
    if machine is Architecture.RISCV64:
        return Limits(2 * MIB, min(4 * GIB, end), end)
    return Limits(2 * MIB, 4 * GIB, end)


def search(
    request: KernelRequest, era: Era, machine: Architecture, free: FreeMemory, bounds: Limits
) -> PlacementOutcome:
    """Where the region goes, and the one below `bounds.low` if the main one is above it."""
    size = request.size
    found, low = main_region(request, era, free, bounds)
    if found is None:
        if request.base:
            return failed(IN_USE)
        # If both limits are the same the kernel repeats the same search for ever; since 6.11 not for `,high`.
        if bounds.low == bounds.high and not (request.high and era.since(Era.V6_12)):
            return hang(f"no room for {size:#x} bytes below {bounds.low:#x}: the search repeats for ever")
        return failed(f"cannot allocate crashkernel (size:{size:#x})")
    if found < bounds.low or low == 0 or machine is Architecture.I386:
        return reserved(found, size)
    below = free.without((found, found + size)).from_top(low, bounds.align, 0, bounds.low)
    if below is None:
        return failed(f"cannot allocate crashkernel low memory (size:{low:#x}).")
    return reserved(found, size, (below, below + low))


def main_region(request: KernelRequest, era: Era, free: FreeMemory, bounds: Limits) -> tuple[int | None, int]:
    """The main region's address, and the bytes wanted below `bounds.low` if it is above."""
    size, align, low = request.size, bounds.align, request.low_beside
    if request.base:
        # Only `,high` and a search that goes on above the low limit ask for low memory.
        return free.from_top(size, align, request.base, min(request.base + size, LIMIT)), 0
    below = free.from_top(size, align, 0, bounds.low)
    above = free.from_top(size, align, bounds.low, bounds.high)
    if not request.high:
        return (below, 0) if below is not None else (above, low)
    if above is None and bounds.low == bounds.high and era.since(Era.V6_12):
        return None, 0
    return (above, low) if above is not None else (below, low)


_PAGE_STRUCT = 64
_WHY = "what else these kernels take at the top of memory (page tables, memory map, CMA) is only roughly known"
_EFI = "EFI firmware keeps data of its own in RAM"

# Measured on Debian's arm64 kernels booted without EFI: they take exactly this at the top.
_MEASURED = frozenset({(6, 1), (6, 12), (7, 2)})
DEBIAN_ARM64 = re.compile(r"\d+\.\d+\.\d+(?:-\d+|\+deb[0-9.]+)-arm64")


class _Top(NamedTuple):
    """Bytes of CMA, and bytes beside the page tables: the possible values of each, the likeliest first."""

    cma: tuple[int, ...]
    beyond: tuple[int, ...]


_KNOWN = _Top((64 * MIB,), (192 * KIB, 64 * KIB, 512 * KIB))
# Measured on Debian's riscv64 6.12 with 1G, 2G and 6G: 36M in pieces beside the memory map, and no CMA.
_RISCV64 = _Top((0, 64 * MIB), (34 * MIB + 256 * KIB, 2 * MIB, 66 * MIB))
_GUESSED = _Top((64 * MIB, 0, 32 * MIB, 16 * MIB, 128 * MIB), (192 * KIB, 0, 8 * MIB))


def judge(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does, and how certain that is. For arm64, riscv64 and loongarch64."""
    release, ram, initrd = facts.release, facts.memory.ram, facts.initrd
    measured = release.version[:2] in _MEASURED and bool(DEBIAN_ARM64.fullmatch(release.text)) and not facts.efi
    top = _KNOWN if measured else _RISCV64 if facts.machine is Architecture.RISCV64 else _GUESSED
    outcomes = []
    for kernel in possible_images(release, facts.machine, ram[0][0], facts.kernel_image):
        for blob in _device_trees(facts) if measured else [None]:
            taken = [kernel, *facts.memory.held, *([initrd] if initrd else []), *([blob] if blob else [])]
            free = FreeMemory(ram).without(*(extent for extent in merged(taken) if extent not in facts.memory.crash))
            for layout in _layouts(free, ram, facts, top):
                outcomes.append(_attempt(request, release, facts.machine, layout, ram))
    return from_variants(outcomes, _EFI if facts.efi else _WHY)


def _device_trees(facts: BootFacts) -> list[Extent | None]:
    """Where the loader may have put the device tree: behind the initrd, 128M into RAM, or elsewhere (None)."""
    start = round_up(facts.initrd[1], 2 * MIB) if facts.initrd else facts.memory.ram[0][0] + 128 * MIB
    return [(start, start + MIB), None]


def _layouts(free: FreeMemory, ram: tuple[Extent, ...], facts: BootFacts, top: _Top) -> Iterator[FreeMemory]:
    """The possible free memory: page tables and the memory map at the top, CMA below what DMA reaches.

    Up to 6.12 the kernel allocates the memory map before it searches the region, 7.2 does it later.
    """
    release = facts.release
    total = sum(end - start for start, end in ram)
    page = 64 * KIB if release.pages_64k else 4 * KIB
    # arm64 maps its memory page by page, to be able to protect each.
    tables = total // 512 if facts.machine is Architecture.ARM64 and not release.pages_64k else 0
    # One struct page each, mapped by blocks of 2M.
    structs = 0 if release.era is Era.V7_2 else round_up(total // page * _PAGE_STRUCT, 2 * MIB)
    dma = min(4 * GIB, ram[-1][1]) if ram[0][0] < 4 * GIB else LIMIT
    for cma in top.cma:
        for beyond in top.beyond:
            left = _take(free, tables + beyond, 4 * KIB, LIMIT)
            left = _take(left, structs, 2 * MIB, LIMIT)
            yield _take(left, cma, 2 * MIB, dma)


def _take(free: FreeMemory, size: int, align: int, high: int) -> FreeMemory:
    found = free.from_top(size, align, 0, high) if size else None
    return free if found is None else free.without((found, found + size))


def _attempt(
    request: KernelRequest, release: Release, machine: Architecture, free: FreeMemory, ram: tuple[Extent, ...]
) -> PlacementOutcome:
    bounds = limits(machine, ram)
    if release.era.since(Era.V6_8):
        return search(request, release.era, machine, free, bounds)
    if machine is Architecture.ARM64:
        return _arm64(request, release, free, bounds, ram)
    return _before_common_code(request, machine, free, bounds, ram)


def _arm64(
    request: KernelRequest, release: Release, free: FreeMemory, bounds: Limits, ram: tuple[Extent, ...]
) -> PlacementOutcome:
    """Arm64 up to 6.6: sizes in whole pages, no fallback from one side of the DMA limit to the other."""
    size = round_up(request.size, 64 * KIB if release.pages_64k else 4 * KIB)
    if request.base and not release.era.since(Era.V6_1):
        return _arm64_given(request.base, size, bounds.align, free, ram)
    low = request.base
    high = bounds.high if request.high else bounds.low
    found = free.from_top(size, bounds.align, low, low + size if low else high)
    if found is None:
        return failed(f"cannot allocate crashkernel (size:{size:#x})")
    if found < bounds.low or not request.low:
        return reserved(found, size)
    below = free.without((found, found + size)).from_top(request.low, bounds.align, 0, bounds.low)
    if below is None:
        return failed(f"cannot allocate crashkernel low memory (size:{request.low:#x}).")
    return reserved(found, size, (below, below + request.low))


def _arm64_given(base: int, size: int, align: int, free: FreeMemory, ram: tuple[Extent, ...]) -> PlacementOutcome:
    if not FreeMemory(ram).covers(base, base + size):
        return failed("cannot reserve crashkernel: region is not memory")
    if not free.covers(base, base + size):
        return failed("cannot reserve crashkernel: region overlaps reserved memory")
    if base % align:
        return failed("cannot reserve crashkernel: base address is not 2MB aligned")
    return reserved(base, size)


def _before_common_code(
    request: KernelRequest, machine: Architecture, free: FreeMemory, bounds: Limits, ram: tuple[Extent, ...]
) -> PlacementOutcome:
    """Riscv64 and loongarch64 up to 6.6: below 4G, on riscv64 then anywhere."""
    size = round_up(request.size, 4 * KIB)
    first = ram[0][0]
    if request.base:
        found = free.from_top(size, bounds.align, request.base, request.base + size)
        return failed("crashkernel: requested region couldn't be reserved") if found is None else reserved(found, size)
    found = free.from_top(size, bounds.align, first, min(bounds.low, 4 * GIB))
    if found is None and machine is Architecture.RISCV64:
        found = free.from_top(size, bounds.align, first, bounds.high)
    return failed(f"crashkernel: couldn't allocate {size >> 10}KB") if found is None else reserved(found, size)
