"""The searches of x86 kernels up to 6.6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.eras import Era
from grubkd.memory.freememory import PAGE
from grubkd.memory.genericsearch import IN_USE
from grubkd.memory.outcome import failed, hang, reserved
from grubkd.memory.size import GIB, LIMIT, MIB, TIB, round_down, round_up

if TYPE_CHECKING:
    from grubkd.memory.freememory import FreeMemory
    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent
    from grubkd.memory.reading import Request

ALIGN = 16 * MIB
LOW_MEMORY = 0x377FE000
"""The end of i386's low memory with 1G of kernel address space, the usual split: about 887M."""

NO_AREA = "crashkernel reservation failed - No suitable area found."
_RHEL6_CEILING = 896 * MIB
_TOP = 64 * TIB
_CEILINGS: dict[Era, tuple[int, ...]] = {
    Era.V3_0: (896 * MIB,),
    Era.RHEL7: (896 * MIB, 4 * GIB, _TOP),
    Era.V4_4: (896 * MIB,),
    Era.V4_18: (896 * MIB,),
    Era.RHEL8: (4 * GIB, _TOP),
    Era.V5_10: (4 * GIB, _TOP),
    Era.V6_1: (4 * GIB, _TOP),
}


def from_top(request: Request, era: Era, machine: Architecture, free: FreeMemory) -> Outcome:
    """Memblock kernels, 2.6.37 to 6.6: the highest 16M-aligned address below the era's ceiling, then the next one."""
    size = request.size
    found = main(request, era, machine, free)
    if found is None:
        return failed(IN_USE if request.base else NO_AREA)
    low = request.low_beside
    if found < 4 * GIB or low == 0 or machine is Architecture.I386 or era is Era.V3_0:
        return reserved(found, size)
    # In 4.4 the search for it begins at the address that equals its size.
    lowest = low if era in {Era.RHEL7, Era.V4_4} else 0
    below = free.without((found, found + size)).from_top(low, ALIGN, lowest, 4 * GIB)
    if below is None:
        return failed(f"Cannot reserve {low >> 20}MB crashkernel low memory, please try smaller size.")
    return reserved(found, size, (below, below + low))


def main(request: Request, era: Era, machine: Architecture, free: FreeMemory) -> int | None:
    """The address of the main region, which is sought first; None where there is none."""
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
    request: Request, era: Era, machine: Architecture, free: FreeMemory, ram: tuple[Extent, ...]
) -> Outcome:
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
    # What lies in low memory is taken page by page first; only then does the rest hit the end of bootmem's map.
    if first < top and not free.covers(first, min(last, top)):
        return failed(IN_USE)
    if machine is Architecture.I386 and last > top:
        return hang(f"the region ends at {end:#x}, beyond low memory ({top:#x}): BUG() in mark_bootmem")
    if last > top:
        return failed(IN_USE)
    return reserved(start, request.size)
