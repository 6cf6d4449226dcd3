"""Placement on 64-bit POWER, where the kernel does not search, and on s390x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.behaviours import Era
from grubkd.memory.placement import early
from grubkd.memory.placement.generic import or_without_kexec
from grubkd.memory.placement.search import FreeMemory, failed, from_variants, hang, reserved
from grubkd.memory.release import possible_images
from grubkd.memory.size import GIB, LIMIT, MIB, round_down, round_up

if TYPE_CHECKING:
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.search import Likelihood, PlacementOutcome
    from grubkd.memory.release import Release

_FADUMP_ON = ("fadump=on", "fadump=nocma")
_WHY_POWER = (
    "whether this is a partition, its real mode area (RMA), the kernel's own size and its page size are not known"
)
_OVERLAP = "Crash kernel can not overlap current kernel"
_OVERWRITTEN = "the region overlaps the kernel, and the machine may not boot"


# Seen on PowerVM, where neither the map nor the amount of RAM shows it.
_AREAS_OF_POWERVM = (512 * MIB, 768 * MIB)
# Stable releases of these and vendors' kernels got the rule of 5.18 in April 2022; which builds have it is not known.
_MAY_USE_MIDDLE = frozenset({(4, 14), (4, 18), (4, 19), (5, 3), (5, 4), (5, 14), (5, 15), (5, 16), (5, 17)})


def judge_power(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does. The RMA is taken to be the first range of RAM, or one of PowerVM's."""
    ram = facts.memory.ram
    images = possible_images(facts.release, facts.machine, ram[0][0], facts.kernel_image)
    outcomes = [
        _attempt_power(request, place, ram, image, page)
        for page in facts.release.power_page_sizes
        for image in images
        for place in ([request.base] if request.base else _fixed_places(facts.release, ram[0][1]))
    ]
    if request.base and failed(_OVERLAP) in outcomes:
        # overlaps_crashkernel() is asked late: what the kernel took before may lie in the region.
        return from_variants([*outcomes, hang(_OVERWRITTEN)], _OVERWRITTEN)
    return from_variants(outcomes, _WHY_POWER)


_FADUMP_LEAST = 256 * MIB
_FADUMP_STEP = 256 * MIB
_FADUMP = "firmware-assisted dump adds a few megabytes for the state of its processors"


def uses_fadump(facts: BootFacts) -> bool:
    """Whether the line turns on POWER's firmware-assisted dump."""
    return facts.machine.is_powerpc and any(word in _FADUMP_ON for word in early.words(facts.cmdline, "fadump="))


def judge_fadump(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel reserves for a firmware-assisted dump: fadump_calculate_reserve_size() of 6.1.

    The size without its offset, at most a quarter of RAM; without a valid size 5 % of RAM in steps of 256M, at least
    256M. The area begins where as much boot memory ends.
    """
    ram, total = facts.memory.ram, facts.memory.ram_total
    if request.status == "ok":
        size = min(request.size, total // 4)
    else:
        size = max(round_down(total // 20, _FADUMP_STEP), _FADUMP_LEAST)
    taken = [facts.initrd] if facts.initrd else []
    page = facts.release.power_page_sizes[0]
    base = FreeMemory(ram).without(*taken).from_bottom(round_up(size, page), page, size, LIMIT)
    found = failed("no memory for the firmware-assisted dump") if base is None else reserved(base, round_up(size, page))
    return from_variants([found], "")._replace(certain=base is None, why=_FADUMP if base is not None else "")


def _fixed_places(release: Release, area: int) -> list[int]:
    """Where the region may begin, the likeliest first: reserve_crashkernel() of arch/powerpc/kexec/core.c.

    At most 128M, in the middle of the RMA. In a partition (LPAR) of 5.18 and later it is the middle without that limit,
    since 5.19 (seen in 6.1) at most 512M; bare metal keeps 128M.
    """
    areas = [area, *(each for each in _AREAS_OF_POWERVM if each < area), *([area // 2] if area < GIB else [])]
    bare = [min(each // 2, 128 * MIB) for each in areas]
    middle = [min(each // 2, 512 * MIB) if release.era.since(Era.V6_1) else each // 2 for each in areas]
    if release.version >= (5, 18) or release.version[:2] == (5, 10):
        return [*middle, *bare]
    return [*bare, *middle] if release.version[:2] in _MAY_USE_MIDDLE else bare


def _attempt_power(
    request: KernelRequest, base: int, ram: tuple[Extent, ...], image: Extent, page: int
) -> PlacementOutcome:
    base, size = round_up(base, page), round_up(request.size, page)
    if base < image[1] and image[0] < base + size:
        return failed(_OVERLAP)
    if not FreeMemory(ram).covers(base, base + size):
        return failed("Failed to reserve memory for crashkernel!")
    return reserved(base, size)


_FAILED = "crashkernel reservation failed: "
_WHY_S390 = "the direction of this kernel's search and the size of the hardware system area (HSA) are not known"
# Nothing is reserved in the HSA at the start of memory. Machines have none, or 32M, or 512M.
_HSA = (0, 32 * MIB, 512 * MIB)


def judge_s390(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does. It rounds sizes and addresses up to 1M."""
    ram = facts.memory.ram
    size, base = round_up(request.size, MIB), round_up(request.base, MIB)
    if ram[0][1] - ram[0][0] < size:
        return from_variants([failed(_FAILED + "first memory chunk must be at least crashkernel size")], "")
    outcomes = []
    for image in possible_images(facts.release, facts.machine, ram[0][0], facts.kernel_image):
        free = FreeMemory(ram).without(image, *([facts.initrd] if facts.initrd else []))
        for hsa in _HSA:
            outcomes.extend(_attempts_s390(size, base, max(size, hsa), free))
    return or_without_kexec(from_variants(outcomes, _WHY_S390), facts)


def _attempts_s390(size: int, base: int, low: int, free: FreeMemory) -> list[PlacementOutcome]:
    if base and base < low:
        return [failed(_FAILED + "crash_base too low")]
    if base:
        places = [free.from_top(size, MIB, base, base + size)]
    else:
        places = [free.from_top(size, MIB, low, LIMIT), free.from_bottom(size, MIB, low, LIMIT)]
    return [failed(_FAILED + "no suitable area found") if at is None else reserved(at, size) for at in places]
