"""Placement on arm64."""

from __future__ import annotations

import re
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.kernel_value import memparse
from grubkd.memory.memory_map import merged
from grubkd.memory.placement import early
from grubkd.memory.placement.generic import EFI, IN_USE, NO_AREA, WHY, Limits, limits, search
from grubkd.memory.placement.search import FreeMemory, allocate, failed, from_variants, overlap, reserved
from grubkd.memory.release import possible_images
from grubkd.memory.size import GIB, KIB, LIMIT, MIB, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.search import Likelihood, PlacementOutcome
    from grubkd.memory.release import Release

# Measured on Debian's arm64 kernels booted without EFI: they take exactly this at the top.
_MEASURED = frozenset({(6, 1), (6, 12), (7, 2)})
DEBIAN_ARM64 = r"\d+\.\d+(?:\.\d+)?(?:-\d+|\+deb[0-9.]+)-arm64"
_DEBIAN_16K = r"\d+\.\d+(?:\.\d+)?(?:-\d+|\+deb[0-9.]+)-arm64-16k"

# 6c4dcaddbd36, `arm64: kdump: simplify the reservation behaviour of crashkernel=,high`: as the common code of 6.7 does.
_SIMPLIFIED_SINCE = (6, 5, 0)
_LOW_BESIDE = 128 * MIB
_DEVICE_TREE = MIB
_PAGE_STRUCT = 64
_SECTION = 128 * MIB
# The descriptors of a page of page tables map 512 pages of 4K, 2048 of 16K, 8192 of 64K.
_DESCRIPTOR = 8
_DEBIAN_CMA = (64 * MIB,)
# None in the logs of 5.14.0-349 and -611.
_RHEL_9_CMA = (0, 64 * MIB)
_ANY_CMA = (64 * MIB, 0, 32 * MIB, 16 * MIB, 128 * MIB)
# Bytes beside page tables, memory map and CMA: the device tree and small allocations; EFI firmware's tables and logs.
_BEYOND = (192 * KIB, 64 * KIB, 512 * KIB)
_BEYOND_GUESSED = (192 * KIB, 0, 8 * MIB)
_BEYOND_EFI = tuple(192 * KIB + step * 2 * MIB for step in range(20))


class _Layout(NamedTuple):
    """What is allocated before the search, in bytes. structs: the memory map, 0 where it comes later."""

    tables: int
    structs: int
    cma: int
    beyond: int


def judge_arm64(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What an arm64 kernel does, and how certain that is."""
    release, ram = facts.release, facts.memory.ram
    measured = release.version[:2] in _MEASURED and bool(re.fullmatch(DEBIAN_ARM64, release.text))
    measured = measured and not facts.efi and not facts.borders
    images = possible_images(release, facts.machine, ram[0][0], facts.kernel_image)
    if facts.efi and not facts.kernel_image:
        images += tuple(_loaded_by_efi(images[0][1] - images[0][0], ram))
    layouts: list[_Layout | None] = list(_arm64_layouts(facts, measured=measured))
    if release.version < (5, 15):
        # Before 5.11 the region is reserved before all of it: arm64_memblock_init(). Stable kernels vary.
        layouts.append(None)
    attempt = _attempts(request, facts)
    blobs = [None] if facts.efi else _device_trees(facts)
    outcomes: list[PlacementOutcome] = []
    touched: set[Extent] = set()
    for each in product(images, _limits(facts), blobs, layouts):
        outcome, taken = attempt(*each)
        outcomes.append(outcome)
        touched.update(taken)
    if facts.efi and request.base:
        # The firmware may hold memory anywhere, and KASLR moves the kernel.
        outcomes.append(failed("memory is in use"))
    why = "where DMA ends is not known" if len(_limits(facts)) > 1 else EFI if facts.efi else WHY
    return from_variants(outcomes, why)._replace(touched=tuple(_before_device_tree(touched, blobs)))


def _before_device_tree(touched: Collection[Extent], blobs: Sequence[Extent | None]) -> Iterator[Extent]:
    """The extents, and the memory below them: an initrd there puts the device tree into them."""
    for start, end in merged(touched):
        yield start - _DEVICE_TREE - 2 * MIB, end
    if any(blob and overlap(blob, touched) for blob in blobs):
        yield 0, LIMIT


def _attempts(request: KernelRequest, facts: BootFacts) -> Callable[..., tuple[PlacementOutcome, Collection[Extent]]]:
    """A function from a kernel, limits, a device tree and a layout (None: the search comes first) to the outcome.

    It also returns the memory that decides about it. A search finds the same regions whatever lies elsewhere: only a
    kernel and a device tree that overlap that memory are tried.
    """
    ram, initrd = facts.memory.ram, facts.initrd
    taken = merged([*facts.memory.held, *([initrd] if initrd else [])])
    fixed = FreeMemory(ram).split(facts.borders)
    fixed = fixed.without(*(extent for extent in taken if extent not in facts.memory.crash))

    @cache
    def has_room(bounds: Limits) -> bool:
        """Whether the main region fits where nothing else is allocated."""
        if request.base:
            return fixed.covers(request.base, request.base + request.size) and not request.base % bounds.align
        return fixed.from_top(request.size, bounds.align, 0, bounds.high) is not None

    def tried(free: FreeMemory, bounds: Limits, layout: _Layout | None) -> tuple[PlacementOutcome, Collection[Extent]]:
        if not has_room(bounds):
            return _attempt(request, facts.release, fixed, bounds, ram), ()
        taken: list[Extent] = []
        left = _left(free, layout, facts, bounds, taken) if layout else free
        outcome = _attempt(request, facts.release, left, bounds, ram)
        return outcome, [*taken, *outcome.regions] if outcome.regions else ram

    undisturbed = cache(partial(tried, fixed))

    def attempt(
        kernel: Extent, bounds: Limits, blob: Extent | None, layout: _Layout | None
    ) -> tuple[PlacementOutcome, Collection[Extent]]:
        outcome, touched = undisturbed(bounds, layout)
        extents = [kernel, *([blob] if blob else [])]
        if any(overlap(extent, touched) for extent in extents):
            return tried(fixed.without(*extents), bounds, layout)
        return outcome, touched

    return attempt


def _limits(facts: BootFacts) -> list[Limits]:
    """The possible limits: since 5.11 the device tree or ACPI's IORT may lower that of DMA, as on the Raspberry Pi 4.

    zone_sizes_init() of arch/arm64/mm/init.c; max_zone_phys() ignores a limit that is below all RAM.
    """
    usual = limits(facts.machine, facts.memory.ram)
    if facts.dma_limit is not None and facts.release.version >= (5, 11):
        return [usual._replace(low=min(facts.dma_limit, usual.low))]
    if facts.release.version >= (5, 10) and facts.memory.ram[0][0] < GIB < usual.low:
        return [usual, usual._replace(low=GIB)]
    return [usual]


def _loaded_by_efi(size: int, ram: tuple[Extent, ...]) -> Iterator[Extent]:
    """Where EFI firmware may have loaded the kernel: at the top, below up to two copies of its file, in steps of 2M.

    efi_allocate_pages_aligned() of the EFI stub, 5.15 and later; seen on Debian's 6.12 by AAVMF below two copies.
    """
    top = max(ram, key=lambda extent: extent[1] - extent[0])[1]
    for copies, step in product((3, 2, 1), (1, 0, 2, -1)):
        start = round_down(top - copies * size, 2 * MIB) + step * 2 * MIB
        if ram[0][0] <= start and start + size <= top:
            yield start, start + size


def _device_trees(facts: BootFacts) -> list[Extent | None]:
    """Where the loader may have put the device tree: behind the initrd, 128M into RAM, or elsewhere (None)."""
    start = round_up(facts.initrd[1], 2 * MIB) if facts.initrd else facts.memory.ram[0][0] + 128 * MIB
    return [(start, start + _DEVICE_TREE), None]


def _arm64_layouts(facts: BootFacts, *, measured: bool) -> Iterator[_Layout]:
    """The possible layouts, the likeliest first. Measured on 6.1, 6.12 and 7.2 with pages of 4K."""
    release = facts.release
    page = release.page_size
    total = facts.memory.ram_total
    # The kernel maps its memory page by page, to be able to protect each; since 6.18 some processors need not.
    tables = [total // page * _DESCRIPTOR] if page < 64 * KIB else [0]
    if not measured and (release.version >= (6, 18) or next(early.words(facts.cmdline, "rodata="), None)):
        tables.append(0)
    # Since 7.0 sparse_init() runs after the reservation.
    structs = [0] if release.version >= (7, 0) else [total // page * _PAGE_STRUCT]
    if (6, 17) <= release.version < (7, 2) and not measured:
        structs = [structs[0], 0 if structs[0] else total // page * _PAGE_STRUCT]
    debian = re.fullmatch(DEBIAN_ARM64, release.text) or re.fullmatch(_DEBIAN_16K, release.text)
    areas: tuple[int, ...] = _DEBIAN_CMA if debian else _RHEL_9_CMA if ".el9" in release.text else _ANY_CMA
    words = list(early.words(facts.cmdline, "cma="))
    if words:
        size = memparse(words[-1], len("cma="), release.rules)[0]
        # A place may be given.
        areas = (size, 0) if "@" in words[-1] else (size,)
    beyond = _BEYOND if measured else _BEYOND_EFI if facts.efi and debian else _BEYOND_GUESSED
    for each in product(areas, structs, tables, beyond):
        yield _Layout(each[2], each[1], each[0], each[3])


def _left(free: FreeMemory, layout: _Layout, facts: BootFacts, bounds: Limits, taken: list[Extent]) -> FreeMemory:
    """What is free after the layout's allocations, from the top down; CMA below what DMA reaches."""
    page = facts.release.page_size
    left = allocate(free, layout.tables + layout.beyond, page, (0, LIMIT), taken)
    block = page * page // _DESCRIPTOR
    if page == 4 * KIB or not layout.structs:
        left = allocate(left, round_up(layout.structs, 2 * MIB), 2 * MIB, (0, LIMIT), taken)
    else:
        # sparse_buffer_init() takes a block for each section, uses the start of the buffer and frees the rest.
        buffer: list[Extent] = []
        allocate(left, facts.memory.ram_total // _SECTION * block, block, (0, LIMIT), buffer)
        taken += buffer
        left = (
            left.without((buffer[0][0], buffer[0][0] + layout.structs))
            if buffer
            else allocate(left, layout.structs, page, (0, LIMIT), taken)
        )
    # CMA is aligned to a page block: the larger of both up to 5.17.
    align = max(block, 4 * MIB) if facts.release.version < (5, 18) else block
    return allocate(left, round_up(layout.cma, align), align, (0, bounds.low), taken)


def _attempt(
    request: KernelRequest, release: Release, free: FreeMemory, bounds: Limits, ram: tuple[Extent, ...]
) -> PlacementOutcome:
    """Up to 6.6 sizes are whole pages."""
    if release.era.since(Era.V6_8):
        return search(request, release.era, Architecture.ARM64, free, bounds)
    behaviour = release.behaviours[0]
    if behaviour.arm_as_x86:
        return _as_x86(request, free, bounds, top_first=behaviour.arm_top_first)
    size = round_up(request.size, release.page_size)
    if request.base and not release.era.since(Era.V6_1):
        return _given(request.base, size, bounds.align, free, ram)
    if release.version >= _SIMPLIFIED_SINCE:
        asked = request._replace(size=size, low_beside=request.low if request.high else _LOW_BESIDE)
        return search(asked, release.era, Architecture.ARM64, free, bounds)
    return _before_simplified(request._replace(size=size), release, free, bounds)


def _before_simplified(request: KernelRequest, release: Release, free: FreeMemory, bounds: Limits) -> PlacementOutcome:
    """Up to 6.4; up to 6.1 there is no fallback from one side of the DMA limit to the other."""
    size, base, low = request.size, request.base, request.low
    high = base + size if base else bounds.high if request.high else bounds.low
    if release.behaviours[0].arm_from_bottom and not base and not request.high:
        found = free.from_bottom(size, bounds.align, 0, bounds.high)
    else:
        found = free.from_top(size, bounds.align, base, high)
    falls_back = release.behaviours[0].arm_falls_back
    if found is None and falls_back and high == bounds.low:
        low = falls_back
        found = free.from_top(size, bounds.align, 0, bounds.high)
    if found is None:
        return failed(f"cannot allocate crashkernel (size:{size:#x})")
    if found < bounds.low - (low if falls_back else 0) or not low:
        return reserved(found, size)
    below = free.without((found, found + size)).from_top(low, bounds.align, 0, bounds.low)
    if below is None:
        return failed(f"cannot allocate crashkernel low memory (size:{low:#x}).")
    return reserved(found, size, (below, below + low))


def _as_x86(request: KernelRequest, free: FreeMemory, bounds: Limits, *, top_first: bool) -> PlacementOutcome:
    """As x86 kernels of 5.2 to 6.6: below the DMA limit, then anywhere; at or above the limit with memory below it.

    reserve_crashkernel() of openEuler's 5.10, kernel/crash_core.c. top_first: as Behaviour.arm_top_first.
    """
    size, align = request.size, bounds.align
    if request.base:
        if request.base % align:
            return failed("cannot reserve crashkernel: base address is not 2MB aligned")
        found = free.from_top(size, align, request.base, request.base + size)
        if found is None:
            return failed(IN_USE)
    else:
        top = free.from_top(size, align, 0, bounds.high)
        held = [(top, top + size)] if top_first and top is not None else []
        below = None if request.high else free.without(*held).from_top(size, align, 0, bounds.low)
        found = top if below is None else below
        if found is None:
            return failed(NO_AREA)
    low = request.low_beside
    if found < bounds.low or not low:
        return reserved(found, size)
    beside = free.without((found, found + size)).from_top(low, align, 0, bounds.low)
    if beside is None:
        return failed(f"Cannot reserve {low >> 20}MB crashkernel low memory, please try smaller size.")
    return reserved(found, size, (beside, beside + low))


def _given(base: int, size: int, align: int, free: FreeMemory, ram: tuple[Extent, ...]) -> PlacementOutcome:
    if not FreeMemory(ram).covers(base, base + size):
        return failed("cannot reserve crashkernel: region is not memory")
    if not free.covers(base, base + size):
        return failed("cannot reserve crashkernel: region overlaps reserved memory")
    if base % align:
        return failed("cannot reserve crashkernel: base address is not 2MB aligned")
    return reserved(base, size)
