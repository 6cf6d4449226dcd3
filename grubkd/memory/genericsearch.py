"""The common search of x86, arm64, riscv64 and loongarch64 kernels since 6.7 (reserve_crashkernel_generic)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.eras import Era
from grubkd.memory.outcome import failed, hang, reserved
from grubkd.memory.size import GIB, LIMIT, MIB, TIB

if TYPE_CHECKING:
    from grubkd.memory.freememory import FreeMemory
    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent
    from grubkd.memory.reading import Request

IN_USE = "crashkernel reservation failed - memory is in use."


class Limits(NamedTuple):
    """align: of every region. low: what DMA reaches ends there; high: nothing is placed at or above it."""

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
        # The end of ZONE_DMA, unless the device tree or the IORT table draws it lower.
        return Limits(2 * MIB, end if start >= 4 * GIB else min(4 * GIB, end), 1 << 48)
    if machine is Architecture.RISCV64:
        return Limits(2 * MIB, min(4 * GIB, end), end)
    return Limits(2 * MIB, 4 * GIB, end)


def search(request: Request, era: Era, machine: Architecture, free: FreeMemory, bounds: Limits) -> Outcome:
    """Where the region goes, and the one below `bounds.low` where the main one lies above it."""
    size = request.size
    found, low = main(request, era, free, bounds)
    if found is None:
        if request.base:
            return failed(IN_USE)
        # Where both limits are the same the kernel takes one search for the other and repeats it for ever;
        # from 6.11 on no longer for `,high`.
        if bounds.low == bounds.high and not (request.high and era.since(Era.V6_12)):
            return hang(f"no room for {size:#x} bytes below {bounds.low:#x}: the search repeats for ever")
        return failed(f"cannot allocate crashkernel (size:{size:#x})")
    if found < bounds.low or low == 0 or machine is Architecture.I386:
        return reserved(found, size)
    below = free.without((found, found + size)).from_top(low, bounds.align, 0, bounds.low)
    if below is None:
        return failed(f"cannot allocate crashkernel low memory (size:{low:#x}).")
    return reserved(found, size, (below, below + low))


def main(request: Request, era: Era, free: FreeMemory, bounds: Limits) -> tuple[int | None, int]:
    """The main region's address, and the bytes wanted below `bounds.low` if it lies above."""
    size, align, low = request.size, bounds.align, request.low_beside
    if request.base:
        # Only `,high` or the way up from a search below asks for low memory.
        return free.from_top(size, align, request.base, min(request.base + size, LIMIT)), 0
    below = free.from_top(size, align, 0, bounds.low)
    above = free.from_top(size, align, bounds.low, bounds.high)
    if not request.high:
        return (below, 0) if below is not None else (above, low)
    if above is None and bounds.low == bounds.high and era.since(Era.V6_12):
        return None, 0
    return (above, low) if above is not None else (below, low)
