"""The generic search since 6.7 (reserve_crashkernel_generic), and placement on riscv64 and loongarch64.

x86 and arm64 use the search too. What else riscv64 and loongarch64 kernels allocate early is only roughly known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.memory_map import merged
from grubkd.memory.placement.search import (
    UNKNOWN,
    FreeMemory,
    Likelihood,
    allocate,
    failed,
    from_variants,
    hang,
    reserved,
)
from grubkd.memory.release import possible_images
from grubkd.memory.size import GIB, KIB, LIMIT, MIB, TIB, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.search import PlacementOutcome


IN_USE = "crashkernel reservation failed - memory is in use."
NO_AREA = "crashkernel reservation failed - No suitable area found."


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
        # The end of ZONE_DMA, unless something sets a lower one.
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


WHY = "what else these kernels take at the top of memory (page tables, memory map, CMA) is only roughly known"
EFI = "EFI firmware keeps data of its own in RAM"
NO_KEXEC = "a kernel without CONFIG_KEXEC or CONFIG_CRASH_DUMP reserves nothing"
_PAGE_STRUCT = 64

# Measured on Debian's riscv64 6.12 with 1G, 2G and 6G: 36M in pieces beside the memory map, and no CMA. CMA, beyond.
_RISCV64 = (
    *((cma, beyond) for cma in (0, 64 * MIB) for beyond in (34 * MIB + 256 * KIB, 2 * MIB, 66 * MIB)),
    *((0, step * 2 * MIB) for step in range(22)),
)
# arch_mem_init() of loongarch64 reserves the region before its own tables, on 7.2 at the very end of RAM.
_LOONGARCH64 = ((0, 0), (0, 2 * MIB), (64 * MIB, 0), (0, 16 * MIB), (0, 8 * MIB), (0, 32 * MIB))


def judge(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does, and how certain that is. For riscv64 and loongarch64."""
    ram, initrd = facts.memory.ram, facts.initrd
    outcomes = []
    for kernel in possible_images(facts.release, facts.machine, ram[0][0], facts.kernel_image):
        taken = [kernel, *facts.memory.held, *([initrd] if initrd else [])]
        free = FreeMemory(ram).split(facts.borders)
        free = free.without(*(extent for extent in merged(taken) if extent not in facts.memory.crash))
        for layout in _layouts(free, ram, facts):
            outcomes.append(_attempt(request, facts, layout, ram))
    return or_without_kexec(from_variants(outcomes, EFI if facts.efi else WHY), facts)


def or_without_kexec(found: Likelihood, facts: BootFacts) -> Likelihood:
    """The likelihood with "nothing" as one more outcome, unless the kernel is known to have kexec.

    How likely that is is not known: its chance is UNKNOWN, and the others are those of a kernel with kexec.
    """
    has_kexec = facts.release.has_kexec if facts.kexec is None else facts.kexec
    if has_kexec or all(outcome.status != "reserved" for outcome, _ in found.outcomes):
        return found
    if has_kexec is False:
        return from_variants([failed(NO_KEXEC)], "")
    why = "; ".join(filter(None, (NO_KEXEC, found.why)))
    return Likelihood((*found.outcomes, (failed(NO_KEXEC), UNKNOWN)), False, why)


def _layouts(free: FreeMemory, ram: tuple[Extent, ...], facts: BootFacts) -> Iterator[FreeMemory]:
    """The possible free memory: the memory map and others at the top, CMA below what DMA reaches.

    Up to 6.12 the kernel allocates the memory map before it searches the region, 7.2 does it later.
    """
    riscv = facts.machine is Architecture.RISCV64
    total = sum(end - start for start, end in ram)
    # One struct page each, mapped by blocks of 2M.
    structs = round_up(total // (4 * KIB) * _PAGE_STRUCT, 2 * MIB)
    versions = [0] if not riscv or facts.release.version >= (7, 2) else [structs]
    if riscv and (6, 13) <= facts.release.version < (7, 2):
        versions = [structs, 0]
    dma = min(4 * GIB, ram[-1][1]) if ram[0][0] < 4 * GIB else LIMIT
    for size in versions:
        for cma, beyond in _RISCV64 if riscv else _LOONGARCH64:
            left = free
            for taken, align, end in ((beyond, 4 * KIB, LIMIT), (size, 2 * MIB, LIMIT), (cma, 2 * MIB, dma)):
                left = allocate(left, taken, align, (0, end), [])
            yield left


def _attempt(request: KernelRequest, facts: BootFacts, free: FreeMemory, ram: tuple[Extent, ...]) -> PlacementOutcome:
    bounds = limits(facts.machine, ram)
    if facts.release.era.since(Era.V6_8):
        return search(request, facts.release.era, facts.machine, free, bounds)
    return _before_common_code(request, facts.machine, free, bounds, ram)


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
