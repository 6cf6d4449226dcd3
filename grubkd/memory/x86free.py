"""What is free on x86 at the moment the crash kernel's region is sought."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.freememory import PAGE, FreeMemory
from grubkd.memory.kernelimage import BRK
from grubkd.memory.size import GIB, LIMIT, MIB, round_down, round_up
from grubkd.memory.x86search import LOW_MEMORY

if TYPE_CHECKING:
    from grubkd.memory.physical import Extent


class Top(NamedTuple):
    """Bytes at the top of memory: a NUMA node's own data, and above it, with RAM beyond 4G, some page tables.

    firmware: what is not to be had at the top of the RAM below and of that above 4G, whatever lies there.
    """

    node_data: int
    tables: int
    firmware: tuple[int, int] = (0, 0)


_LINE = 64


class Held(NamedTuple):
    """What lies in RAM at that moment.

    kernel: from code to bss, None to leave it out of account. borders: addresses where one NUMA node ends and the
    next begins. top: what is taken at the top of memory; a machine without NUMA has one node.
    """

    kernel: Extent | None
    initrd: Extent | None
    borders: tuple[int, ...]
    top: Top


class Free(NamedTuple):
    """The free memory, and the places of the allocations that a kernel elsewhere would have moved."""

    memory: FreeMemory
    movable: tuple[Extent, ...]


def pages(ram: tuple[Extent, ...]) -> tuple[Extent, ...]:
    """RAM as x86 uses it: cut inward to whole pages, without the first megabyte."""
    cut = ((max(round_up(start, PAGE), MIB), round_down(end, PAGE)) for start, end in ram)
    return tuple((start, end) for start, end in cut if start < end)


def kernel_block(image: Extent) -> Extent:
    """What a running kernel takes: from code to bss in one block, page up, and its early page tables behind it."""
    return image[0], round_up(image[1], PAGE) + BRK


def free_from_top(ram: tuple[Extent, ...], machine: Architecture, held: Held) -> Free:
    """Memblock kernels, with a BIOS; measured on 5.10, 6.1, 6.12 and 7.2."""
    i386 = machine is Architecture.I386
    free = _fixed(ram, held.borders, None if i386 else held.initrd, (0, 0) if i386 else held.top.firmware)
    if held.kernel:
        free = free.without(kernel_block(held.kernel))
    movable: list[Extent] = []
    if i386:
        free = _with_initrd_i386(free, held.initrd, movable)
    elif ram[-1][1] > 4 * GIB:
        free = _take(free, held.top.tables, PAGE, (0, LIMIT), movable)
    for within in pairwise([0, *sorted(held.borders), LIMIT]):
        free = _take(free, held.top.node_data, _LINE, within, movable)
    return Free(free, tuple(movable))


@lru_cache(maxsize=64)
def _fixed(
    ram: tuple[Extent, ...], borders: tuple[int, ...], initrd: Extent | None, firmware: tuple[int, int]
) -> FreeMemory:
    """What is free wherever the kernel lies: of the many places that KASLR may choose each starts from it."""
    free = FreeMemory(pages(ram)).split(borders)
    if initrd:
        free = free.without(_in_pages(initrd))
    for kept, (start, end) in zip(firmware, ((0, 4 * GIB), (4 * GIB, LIMIT)), strict=True):
        top = max((min(high, end) for low, high in ram if start <= low < end), default=0)
        free = free.without((top - kept, top)) if kept and top else free
    return free


def _take(free: FreeMemory, size: int, align: int, within: Extent, movable: list[Extent]) -> FreeMemory:
    found = free.from_top(size, align, *within) if size else None
    if found is None:
        return free
    movable.append((found, found + size))
    return free.without((found, found + size))


def _with_initrd_i386(free: FreeMemory, initrd: Extent | None, movable: list[Extent]) -> FreeMemory:
    """An initrd beyond low memory is moved to the top of low memory, and its old place is free."""
    if initrd is None:
        return free
    if initrd[1] <= LOW_MEMORY:
        return free.without(_in_pages(initrd))
    # Both places are taken while it is copied; the old one never was room for a crash kernel, being above 512M.
    size = round_up(initrd[1] - initrd[0], PAGE)
    return _take(free.without(_in_pages(initrd)), size, PAGE, (0, LOW_MEMORY), movable)


def free_from_bottom(ram: tuple[Extent, ...], kernel: Extent | None, initrd: Extent | None) -> FreeMemory:
    """Bootmem kernels: RAM without the first megabyte, the kernel and the initrd."""
    free = FreeMemory(pages(ram))
    if kernel:
        free = free.without((round_down(kernel[0], PAGE), round_up(kernel[1], PAGE)))
    return free.without(_in_pages(initrd)) if initrd else free


def _in_pages(initrd: Extent) -> Extent:
    return initrd[0], round_up(initrd[1], PAGE)
