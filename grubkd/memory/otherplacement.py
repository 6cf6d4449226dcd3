"""Placing on arm64, riscv64 and loongarch64, whose other early allocations are only roughly known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory import powersearch, s390search
from grubkd.memory.architecture import Architecture
from grubkd.memory.eras import Era
from grubkd.memory.freememory import FreeMemory
from grubkd.memory.genericsearch import limits, search
from grubkd.memory.judgement import of_variants
from grubkd.memory.kernelimage import typical_image
from grubkd.memory.outcome import failed, reserved
from grubkd.memory.physical import merged
from grubkd.memory.size import GIB, KIB, LIMIT, MIB, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.memory.bootfacts import Boot
    from grubkd.memory.genericsearch import Limits
    from grubkd.memory.judgement import Judgement
    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent
    from grubkd.memory.reading import Request
    from grubkd.memory.release import Release

_PAGE_STRUCT = 64
_WHY = "what else these kernels take at the top of memory (page tables, memory map, CMA) is only roughly known"
_EFI = "EFI firmware keeps data of its own in RAM"

# Debian's arm64 kernels of these versions were booted without EFI and seen to take just this at the top.
_MEASURED = frozenset({(6, 1), (6, 12), (7, 2)})
_DEBIAN_ARM64 = re.compile(r"\d+\.\d+\.\d+(?:-\d+|\+deb[0-9.]+)-arm64")


class _Top(NamedTuple):
    """Bytes of CMA, and bytes beyond the page tables themselves, each with its possible values, the likeliest first."""

    cma: tuple[int, ...]
    beyond: tuple[int, ...]


_KNOWN = _Top((64 * MIB,), (192 * KIB, 64 * KIB, 512 * KIB))
# Debian's riscv64 6.12 was seen to take 36M beside the memory map with 1G, 2G and 6G, in pieces; it has no CMA.
_RISCV64 = _Top((0, 64 * MIB), (34 * MIB + 256 * KIB, 2 * MIB, 66 * MIB))
_GUESSED = _Top((64 * MIB, 0, 32 * MIB, 16 * MIB, 128 * MIB), (192 * KIB, 0, 8 * MIB))


def judge(request: Request, boot: Boot) -> Judgement:
    """What comes of it, and how sure that is."""
    release, machine, initrd = boot.release, boot.machine, boot.initrd
    ram = boot.memory.ram
    images = _images(boot)
    if machine.is_powerpc:
        return powersearch.judge(request, release, ram, images)
    if machine is Architecture.S390X:
        return s390search.judge(request, ram, images, initrd)
    measured = release.version[:2] in _MEASURED and bool(_DEBIAN_ARM64.fullmatch(release.text)) and not boot.efi
    top = _KNOWN if measured else _RISCV64 if machine is Architecture.RISCV64 else _GUESSED
    outcomes = []
    for kernel in images:
        for blob in _device_trees(boot) if measured else [None]:
            taken = [kernel, *boot.memory.held, *([initrd] if initrd else []), *([blob] if blob else [])]
            free = FreeMemory(ram).without(*(extent for extent in merged(taken) if extent not in boot.memory.crash))
            for layout in _layouts(free, ram, boot, top):
                outcomes.append(_attempt(request, release, machine, layout, ram))
    return of_variants(outcomes, _EFI if boot.efi else _WHY)


def _device_trees(boot: Boot) -> list[Extent | None]:
    """Where the loader may have put the device tree: behind the initrd, 128M into RAM, or out of the way."""
    start = round_up(boot.initrd[1], 2 * MIB) if boot.initrd else boot.memory.ram[0][0] + 128 * MIB
    return [(start, start + MIB), None]


def _images(boot: Boot) -> list[Extent]:
    if boot.kernel_image:
        return [boot.kernel_image]
    image = typical_image(boot.release, boot.machine, boot.memory.ram[0][0])
    start, end = image.extent
    return [(start, end), (start, end - image.less), (start, end + image.more)]


def _layouts(free: FreeMemory, ram: tuple[Extent, ...], boot: Boot, top: _Top) -> Iterator[FreeMemory]:
    """The free memory as it may look: page tables and the memory map at the top, CMA below what DMA reaches.

    Up to 6.12 the memory map is there before the crash kernel's region is sought, in 7.2 it comes later.
    """
    release = boot.release
    total = sum(end - start for start, end in ram)
    page = 64 * KIB if release.pages_64k else 4 * KIB
    # arm64 maps its memory page by page, so as to be able to protect each.
    tables = total // 512 if boot.machine is Architecture.ARM64 and not release.pages_64k else 0
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
    request: Request, release: Release, machine: Architecture, free: FreeMemory, ram: tuple[Extent, ...]
) -> Outcome:
    bounds = limits(machine, ram)
    if release.era.since(Era.V6_8):
        return search(request, release.era, machine, free, bounds)
    if machine is Architecture.ARM64:
        return _arm64(request, release, free, bounds, ram)
    return _before_common_code(request, machine, free, bounds, ram)


def _arm64(request: Request, release: Release, free: FreeMemory, bounds: Limits, ram: tuple[Extent, ...]) -> Outcome:
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


def _arm64_given(base: int, size: int, align: int, free: FreeMemory, ram: tuple[Extent, ...]) -> Outcome:
    if not FreeMemory(ram).covers(base, base + size):
        return failed("cannot reserve crashkernel: region is not memory")
    if not free.covers(base, base + size):
        return failed("cannot reserve crashkernel: region overlaps reserved memory")
    if base % align:
        return failed("cannot reserve crashkernel: base address is not 2MB aligned")
    return reserved(base, size)


def _before_common_code(
    request: Request, machine: Architecture, free: FreeMemory, bounds: Limits, ram: tuple[Extent, ...]
) -> Outcome:
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
