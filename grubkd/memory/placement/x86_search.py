"""The searches of x86 kernels up to 6.6, and the memory that is free when x86 kernels of any version search."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.placement.early import NOTHING as NO_TAKES
from grubkd.memory.placement.early import EarlyTakes
from grubkd.memory.placement.generic import IN_USE, NO_AREA
from grubkd.memory.placement.search import PAGE, FreeMemory, allocate, failed, hang, reserved
from grubkd.memory.release import BRK
from grubkd.memory.size import GIB, LIMIT, MIB, TIB, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.early import Take
    from grubkd.memory.placement.search import PlacementOutcome


ALIGN = 16 * MIB
_CACHE_LINE = 64
_LARGE_PAGE = 2 * MIB
_LARGE_PIECE = 64 * MIB
_FAR = 32 * MIB
LOW_MEMORY = 0x377FE000
"""The end of i386's low memory, about 887M, with the usual split of 1G for the kernel."""

_RHEL6_CEILING = 896 * MIB
_TOP = 64 * TIB
_CEILINGS: dict[Era, tuple[int, ...]] = {
    Era.V3_0: (896 * MIB,),
    Era.RHEL7: (896 * MIB, 4 * GIB, _TOP),
    Era.V4_4: (896 * MIB,),
    Era.V4_18: (896 * MIB,),
    Era.RHEL8_0: (896 * MIB, 4 * GIB, _TOP),
    Era.RHEL8: (4 * GIB, _TOP),
    Era.V5_10: (4 * GIB, _TOP),
    Era.V6_1: (4 * GIB, _TOP),
}


def from_top(request: KernelRequest, era: Era, machine: Architecture, free: FreeMemory) -> PlacementOutcome:
    """Memblock kernels, 2.6.37 to 6.6: the highest 16M-aligned address below the era's ceiling, then the next one."""
    size = request.size
    found = main_region(request, era, machine, free)
    if found is None:
        return failed(IN_USE if request.base else NO_AREA)
    low = request.low_beside
    if found < 4 * GIB or low == 0 or machine is Architecture.I386 or era is Era.V3_0:
        return reserved(found, size)
    # 4.4 starts the search for it at the address that equals its size.
    lowest = low if era in {Era.RHEL7, Era.V4_4} else 0
    below = free.without((found, found + size)).from_top(low, ALIGN, lowest, 4 * GIB)
    if below is None:
        return failed(f"Cannot reserve {low >> 20}MB crashkernel low memory, please try smaller size.")
    return reserved(found, size, (below, below + low))


def main_region(request: KernelRequest, era: Era, machine: Architecture, free: FreeMemory) -> int | None:
    """The address of the main region, which is searched first; None if there is no room."""
    size = request.size
    if request.base:
        found = free.from_top(size, MIB, request.base, min(request.base + size, LIMIT))
        return found if found == request.base else None
    ceilings: tuple[int, ...] = (_TOP,) if request.high else _CEILINGS[era]
    if machine is Architecture.I386:
        ceilings = (512 * MIB,)
    tried = (free.from_top(size, ALIGN, ALIGN, ceiling) for ceiling in ceilings)
    return next((place for place in tried if place is not None), None)


def from_bottom(
    request: KernelRequest, era: Era, machine: Architecture, free: FreeMemory, ram: tuple[Extent, ...]
) -> PlacementOutcome:
    """Bootmem kernels, 2.6.27 to 2.6.36 and RHEL 6: the lowest free 16M-aligned address, or the given one."""
    start = request.base
    if not start:
        found = free.from_bottom(request.size, ALIGN, 0, 4 * GIB if machine is Architecture.I386 else LIMIT)
        if found is None:
            return failed("crashkernel reservation failed. No suitable area found.")
        start = found
    end = start + request.size
    if era is Era.RHEL6 and end > _RHEL6_CEILING:
        return failed(NO_AREA)
    first, last = round_down(start, PAGE), round_up(end, PAGE)
    top = max(stop for _, stop in ram)
    if machine is Architecture.I386:
        top = min(top, LOW_MEMORY)
    # The kernel takes the pages in low memory first; only then does the rest reach the end of bootmem's map.
    if first < top and not free.covers(first, min(last, top)):
        return failed(IN_USE)
    if machine is Architecture.I386 and last > top:
        return hang(f"the region ends at {end:#x}, beyond low memory ({top:#x}): BUG() in mark_bootmem")
    if last > top:
        return failed(IN_USE)
    return reserved(start, request.size)


class Top(NamedTuple):
    """What is allocated before the search: bytes of each NUMA node's data and of page tables.

    firmware: what EFI firmware keeps at the top of the RAM below 4G, and of that above; of_pieces: at the top of each
    large piece below 4G. takes: the allocations of early parameters. borders: the first address of each NUMA node but
    the lowest. low_end: the end of i386's low memory.
    """

    node_data: int
    tables: int
    firmware: tuple[int, int] = (0, 0)
    takes: EarlyTakes = NO_TAKES
    borders: tuple[int, ...] = ()
    low_end: int = LOW_MEMORY
    of_pieces: int = 0


def usable_pages(ram: tuple[Extent, ...]) -> tuple[Extent, ...]:
    """RAM as x86 uses it: whole pages, without the first megabyte."""
    cut = ((max(round_up(start, PAGE), MIB), round_down(end, PAGE)) for start, end in ram)
    return tuple((start, end) for start, end in cut if start < end)


def kernel_block(image: Extent) -> Extent:
    """What a running kernel takes: from code to bss in whole pages, and its early page tables behind it."""
    return image[0], round_up(image[1], PAGE) + BRK


def free_of_fixed(facts: BootFacts, ram: tuple[Extent, ...], top: Top) -> FreeMemory:
    """What is free before the kernel is placed. It is the same for every place that KASLR may choose."""
    free = FreeMemory(usable_pages(ram)).split(top.borders)
    if facts.machine is Architecture.I386:
        return free
    if facts.initrd:
        free = free.without(_in_pages(facts.initrd))
    for kept, (start, end) in zip(top.firmware, ((0, 4 * GIB), (4 * GIB, LIMIT)), strict=True):
        last = max((min(high, end) for low, high in ram if start <= low < end), default=0)
        free = free.without((last - kept, last)) if kept and last else free
    if top.of_pieces:
        free = free.without(*((max(low, high - top.of_pieces), high) for low, high in _large_pieces(ram)))
    return free


def _large_pieces(ram: tuple[Extent, ...]) -> list[Extent]:
    """The pieces of RAM below 4G that firmware may have split, and that have room for a region."""
    return [(low, high) for low, high in ram if high <= 4 * GIB and high - low >= _LARGE_PIECE]


def has_far_pieces(ram: tuple[Extent, ...]) -> bool:
    """Whether a large piece ends far below the end of the RAM below 4G, as with real EFI firmware, not OVMF."""
    last = max((high for _, high in ram if high <= 4 * GIB), default=0)
    return any(last - high > _FAR for _, high in _large_pieces(ram))


def free_from_top(
    fixed: FreeMemory, mapped: FreeMemory, facts: BootFacts, kernel: Extent | None, top: Top
) -> tuple[FreeMemory, tuple[Extent, ...]]:
    """What memblock kernels with a BIOS have free, and the allocations that move if a kernel is in their place.

    Measured on 5.10, 6.1, 6.12 and 7.2. fixed, mapped: from free_of_fixed and usable_pages, the same for every kernel.
    kernel: from code to bss, None to ignore it.
    """
    free = fixed.without(kernel_block(kernel)) if kernel else fixed
    movable: list[Extent] = []
    i386 = facts.machine is Architecture.I386
    accessible = top.low_end if i386 else LIMIT
    if top.tables and not top.takes.bottom_up:
        limit = _table_limit(free)
        # Memory that is taken from that block moves the limit.
        movable.append((limit - _LARGE_PAGE, limit))
        free = allocate(free, top.tables, PAGE, (0, limit), movable)
    if not top.takes.bottom_up:
        free = _take_all(free, top.takes.before, accessible, movable)
    free = _with_initrd(free, mapped, facts, accessible, movable)
    for within in pairwise([0, *top.borders, LIMIT]):
        free = allocate(free, top.node_data, _CACHE_LINE, within, movable)
    for take in top.takes.after:
        free = _take_area(free, take, movable)
    return free, tuple(movable)


def _table_limit(free: FreeMemory) -> int:
    """The end of the highest free 2M block: memory_map_top_down() of arch/x86/mm/init.c maps that one first."""
    block = free.from_top(_LARGE_PAGE, _LARGE_PAGE, MIB, LIMIT)
    return LIMIT if block is None else block + _LARGE_PAGE


def _take_all(free: FreeMemory, takes: Sequence[Take], end: int, movable: list[Extent]) -> FreeMemory:
    """All of the allocations or, as setup_log_buf() frees what it has if one fails, none."""
    left = free
    found: list[Extent] = []
    for take in takes:
        left = allocate(left, take.size, take.align, (0, end), found)
    if len(found) < len(takes):
        return free
    movable.extend(found)
    return left


def _take_area(free: FreeMemory, take: Take, movable: list[Extent]) -> FreeMemory:
    """A CMA area: the lowest free place above 4G if there is one (cma_declare_contiguous_nid()), else the highest."""
    found = free.from_bottom(take.size, take.align, 4 * GIB, LIMIT) if take.low else None
    if found is None:
        return allocate(free, take.size, take.align, (0, LIMIT), movable)
    movable.append((found, found + take.size))
    return free.without((found, found + take.size))


def _with_initrd(free: FreeMemory, mapped: FreeMemory, facts: BootFacts, end: int, movable: list[Extent]) -> FreeMemory:
    """The kernel moves an initrd that is not in mapped RAM to the top of it, and keeps the old place during the copy.

    relocate_initrd() of arch/x86/kernel/setup.c.
    """
    initrd = facts.initrd
    if initrd is None:
        return free
    if facts.machine is Architecture.I386:
        free = free.without(_in_pages(initrd))
    if initrd[1] <= end and mapped.covers(*initrd):
        return free
    size = round_up(initrd[1] - initrd[0], PAGE)
    return allocate(free, size, PAGE, (0, end), movable)


def free_from_bottom(ram: tuple[Extent, ...], kernel: Extent | None, initrd: Extent | None) -> FreeMemory:
    """What bootmem kernels have free: RAM without the first megabyte, the kernel and the initrd."""
    free = FreeMemory(usable_pages(ram))
    if kernel:
        free = free.without((round_down(kernel[0], PAGE), round_up(kernel[1], PAGE)))
    return free.without(_in_pages(initrd)) if initrd else free


def _in_pages(initrd: Extent) -> Extent:
    return initrd[0], round_up(initrd[1], PAGE)
