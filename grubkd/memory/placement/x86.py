"""Placement on x86: the search of the kernel's era, on every memory layout that the known facts allow."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.behaviours import Era
from grubkd.memory.memory_map import merged, subtract
from grubkd.memory.placement import generic, x86_search
from grubkd.memory.placement.search import FreeMemory, combined, failed, from_counts, from_variants
from grubkd.memory.placement.x86_search import (
    Top,
    free_from_bottom,
    free_from_top,
    free_of_fixed,
    kernel_block,
    usable_pages,
)
from grubkd.memory.placement.x86_tops import possible_tops
from grubkd.memory.release import AUTOMATIC_SINCE, possible_images
from grubkd.memory.size import GIB, LIMIT, MIB, round_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.search import Likelihood, PlacementOutcome

    Attempt: TypeAlias = Callable[[Extent | None, Top], tuple[PlacementOutcome, tuple[Extent, ...]]]

_BOOTMEM = frozenset({Era.V2_6_29, Era.V2_6_32, Era.RHEL6})
_UBUNTU = re.compile(r"-(?:generic|server|virtual|386)\b")

# What GRUB allocates for a kernel of 5.10 to 7.2 beyond its size (init_size of the header), and what OVMF has at 16M.
_UNPACKING = 18 * MIB
_OVMF_AT_16M = 6 * MIB

# KASLR: the distance between possible places (CONFIG_PHYSICAL_ALIGN), and the lowest one: a kernel does not move below
# the place where the boot loader loaded it, usually 16M.
_KASLR_STEP = 2 * MIB
_KASLR_LOWEST = 16 * MIB
_KASLR_CEILING_I386 = 512 * MIB
_MOST_TRIED = 4096
_SAMPLE = 32
# passes_quick_test: one of twenty boots.
_OFTEN = 0.05


def judge(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does, and how certain that is."""
    ram = _addressable(facts)
    if not ram:
        return from_variants([failed("no RAM below what this kernel can address")], "")
    if facts.release.era in _BOOTMEM:
        return _judge_bootmem(request, facts, ram)
    if facts.release.behaviours[0].aligned_base and request.base % x86_search.ALIGN:
        return from_variants([failed("cannot reserve crashkernel: base address is not 16MB aligned")], "")
    tops = list(possible_tops(facts, ram))
    touched: set[Extent] = set()
    found = _judge_memblock(request, facts, ram, tops, _attempts(request, facts, ram, tops, touched))
    if not touched:
        return found._replace(touched=())  # no room, whatever else is allocated
    # The kernel moves an initrd that is not in its RAM.
    end = tops[0].low_end if facts.machine is Architecture.I386 else LIMIT
    elsewhere = subtract([(0, LIMIT)], [(start, min(stop, end)) for start, stop in usable_pages(ram) if start < end])
    return found._replace(touched=tuple(merged([*touched, *elsewhere])))


def _judge_memblock(
    request: KernelRequest, facts: BootFacts, ram: tuple[Extent, ...], tops: Sequence[Top], attempt: Attempt
) -> Likelihood:
    images = possible_images(facts.release, facts.machine, 0, facts.kernel_image)
    if not facts.kaslr:
        outcomes = [attempt(image, top)[0] for image in _moved_by_efi(images, facts) for top in tops]
        return from_variants([*outcomes, *_in_the_way(request, facts)], _why(facts, len(images)))
    counted = _kaslr_outcomes(lambda kernel: attempt(kernel, tops[0]), ram, facts, images[0][1] - images[0][0])
    chances = from_counts(counted, strict=request.base != 0, why="KASLR may put the kernel itself there")
    # Other layouts, with the kernel elsewhere.
    rest = [attempt(None, top)[0] for top in tops[1:]]
    variants = from_variants([chances.likeliest, *rest, *_in_the_way(request, facts)], _why(facts, 1))
    return combined(chances, variants)


def _moved_by_efi(images: Sequence[Extent], facts: BootFacts) -> Sequence[Extent]:
    """The kernel's possible places without KASLR: its EFI stub finds another one where the usual one is taken.

    efi_relocate_kernel() and efi_decompress_kernel() of drivers/firmware/efi/libstub. Measured on 5.10, 6.1, 6.12 and
    7.2: behind the copy that GRUB loaded to the usual place; with QEMU's -kernel 6M higher, as OVMF has its own there.
    """
    if not facts.efi or facts.kernel_image:
        return images
    start, end = images[0]
    moved = [(start + shift, end + shift) for shift in (end - start + _UNPACKING, _OVMF_AT_16M)]
    return [*images, *moved]


def passes_quick_test(request: KernelRequest, facts: BootFacts) -> bool:
    """As in place.passes_quick_test, for x86_64: the first attempt alone, without the kernels that disturb it."""
    ram = facts.memory.ram
    if not ram or facts.release.era in _BOOTMEM:
        return False
    top = next(possible_tops(facts, ram))
    attempt = _attempts(request, facts, ram, [top], set())
    image = possible_images(facts.release, facts.machine, 0, facts.kernel_image)[0]
    if not facts.kaslr:
        return attempt(image, top)[0].status == "reserved"
    outcome, movable = attempt(None, top)
    if outcome.status != "reserved":
        return False
    block = kernel_block((0, image[1] - image[0]))[1]
    disturbing = sum(
        len(piece) for region in (*outcome.regions, *movable) for piece in _kaslr_slots(ram, facts, block, region)
    )
    return disturbing < (1 - _OFTEN) * sum(map(len, _kaslr_slots(ram, facts, block)))


def _in_the_way(request: KernelRequest, facts: BootFacts) -> Iterator[PlacementOutcome]:
    """EFI's boot services may hold memory anywhere, and the kernel frees it only late in its start.

    A search skips such memory; a fixed place fails.
    """
    if facts.efi and request.base:
        yield failed("memory is in use")


def _attempts(
    request: KernelRequest, facts: BootFacts, ram: tuple[Extent, ...], tops: Sequence[Top], touched: set[Extent]
) -> Attempt:
    """A function from a kernel's extent (None: no kernel) and a top to the outcome.

    It also returns the other allocations that move if a kernel is in their place, and adds all allocations to
    `touched`. KASLR tries thousands of extents: what is the same for all of them is computed once here.
    """
    fixed = {top: free_of_fixed(facts, ram, top) for top in tops}
    mapped = FreeMemory(usable_pages(facts.memory.ram))
    era, machine = facts.release.era, facts.machine
    bounds = generic.limits(machine, ram)

    def search(free: FreeMemory) -> PlacementOutcome:
        if era.since(Era.V6_8):
            return generic.search(request, era, machine, free, bounds)
        return x86_search.from_top(request, era, machine, free)

    def main_region(free: FreeMemory) -> int | None:
        if era.since(Era.V6_8):
            return generic.main_region(request, era, free, bounds)[0]
        return x86_search.main_region(request, era, machine, free)

    without_room = {top: search(free) for top, free in fixed.items() if main_region(free) is None}

    def attempt(kernel: Extent | None, top: Top) -> tuple[PlacementOutcome, tuple[Extent, ...]]:
        if top in without_room:
            return without_room[top], ()
        free, movable = free_from_top(fixed[top], mapped, facts, kernel, top)
        outcome = search(free)
        found = main_region(free) if outcome.status == "failed" else None
        if found is not None:
            # Only the region below 4G failed. With a kernel in the place of this one the main region is elsewhere, and
            # may not need one below 4G.
            movable = (*movable, (found, found + request.size))
        touched.update(outcome.regions, movable)
        return outcome, movable

    return attempt


def _judge_bootmem(request: KernelRequest, facts: BootFacts, ram: tuple[Extent, ...]) -> Likelihood:
    if facts.release.version < AUTOMATIC_SINCE and not request.base:
        return from_variants([failed("crashkernel reservation failed - you have to specify a base address")], "")
    images = possible_images(facts.release, facts.machine, 0, facts.kernel_image)
    if facts.machine is Architecture.I386 and facts.kernel_image is None and _UBUNTU.search(facts.release.text):
        # Seen in 2.6.31-14-generic of Ubuntu: it is still at 1M (CONFIG_PHYSICAL_START).
        images = (*images, (MIB, MIB + images[0][1] - images[0][0]))
    outcomes = [
        x86_search.from_bottom(
            request, facts.release.era, facts.machine, free_from_bottom(ram, image, facts.initrd), ram
        )
        for image in images
    ]
    found = from_variants(outcomes, _why(facts, len(images)))
    end = request.base + request.size
    if request.base and facts.machine is Architecture.X86_64 and request.base < ram[-1][1] < end:
        # By the sources only: depending on its nodes the kernel returns an error or meets a BUG_ON.
        return found._replace(certain=False, why="a region beyond the end of RAM may also stop the boot")
    return found


def _addressable(facts: BootFacts) -> tuple[Extent, ...]:
    """The RAM that the kernel can use: on i386 below 4G, with PAE below 64G."""
    if facts.machine is not Architecture.I386:
        return facts.memory.ram
    limit = 64 * GIB if facts.release.pae or facts.release.architecture is None else 4 * GIB
    return tuple((start, min(end, limit)) for start, end in facts.memory.ram if start < limit)


def _why(facts: BootFacts, images: int) -> str:
    if facts.efi:
        return "EFI firmware keeps data of its own in RAM"
    if not facts.measured:
        return f"{facts.release.note or 'this kernel was never measured'}, and about a megabyte decides"
    if images > 1:
        return "the kernel's own size decides, and only a typical one is known"
    return "the kernel's page tables at the top of memory decide"


def _kaslr_slots(ram: tuple[Extent, ...], facts: BootFacts, size: int, within: Extent = (0, LIMIT)) -> Iterator[range]:
    """The addresses where KASLR may put a kernel of `size` bytes, in ascending ranges of multiples of _KASLR_STEP.

    The kernel lies in one range of RAM, at 16M or above, on i386 below 512M, and does not overlap the initrd. Only
    addresses whose kernel overlaps `within` are yielded.
    """
    ceiling = _KASLR_CEILING_I386 if facts.machine is Architecture.I386 else LIMIT
    for start, end in subtract(ram, [facts.initrd] if facts.initrd else []):
        first = round_up(max(start, _KASLR_LOWEST, within[0] - size + 1), _KASLR_STEP)
        last = min(min(end, ceiling) - size, within[1] - 1)
        if first <= last:
            yield range(first, last + 1, _KASLR_STEP)


def _kaslr_outcomes(
    attempt: Callable[[Extent | None], tuple[PlacementOutcome, tuple[Extent, ...]]],
    ram: tuple[Extent, ...],
    facts: BootFacts,
    size: int,
) -> Counter[PlacementOutcome]:
    """How many of the possible places of a kernel of `size` bytes lead to which outcome.

    A search from the top finds the same regions whatever lies elsewhere. So only the kernels that overlap the regions,
    or an allocation that would move, are tried.
    """
    undisturbed, movable = attempt(None)
    block = kernel_block((0, size))[1]
    found: Counter[PlacementOutcome] = Counter()
    touching: set[int] = set()
    for region in (*undisturbed.regions, *movable):
        for piece in _kaslr_slots(ram, facts, block, region):
            touching.update(piece)
    # Too many kernels overlap a huge region to try all; their outcomes change in small steps.
    step = len(touching) // (_SAMPLE if facts.sampled else _MOST_TRIED) + 1
    for index, address in enumerate(sorted(touching)[::step]):
        found[attempt((address, address + size))[0]] += min(step, len(touching) - index * step)
    found[undisturbed] += sum(map(len, _kaslr_slots(ram, facts, block))) - len(touching)
    return +found or Counter({undisturbed: 1})
