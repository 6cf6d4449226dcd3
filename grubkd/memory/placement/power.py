"""Placement on 64-bit POWER: the kernel does not search; the region goes to the given or to a fixed address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.behaviours import Era
from grubkd.memory.kernel_image import possible_images
from grubkd.memory.placement.free_memory import FreeMemory
from grubkd.memory.placement.likelihood import failed, from_variants, reserved
from grubkd.memory.size import GIB, KIB, MIB, round_up

if TYPE_CHECKING:
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.placement.likelihood import Likelihood, PlacementOutcome
    from grubkd.memory.placement.place import BootFacts
    from grubkd.memory.release import Release

_PAGE = 64 * KIB
_WHY = "the kernel's own size and the partition's real mode area (RMA) are not known"


def judge(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does. The RMA is taken to be the first range of RAM; one below 1G may really be half of it."""
    ram = facts.memory.ram
    area = ram[0][1]
    areas = [area] if request.base or area >= GIB else [area, area // 2]
    images = possible_images(facts.release, facts.machine, ram[0][0], facts.kernel_image)
    outcomes = [
        _attempt(request, request.base or _fixed_place(facts.release, rma), ram, image)
        for image in images
        for rma in areas
    ]
    return from_variants(outcomes, _WHY)


def _fixed_place(release: Release, rma: int) -> int:
    """The middle of the RMA: at most 512M from 5.19 on (seen in 6.1), at most 128M before; without a limit in 5.10."""
    middle = rma // 2
    if release.era.since(Era.V6_1):
        return min(middle, 512 * MIB)
    return middle if release.version[:2] == (5, 10) else min(middle, 128 * MIB)


def _attempt(request: KernelRequest, base: int, ram: tuple[Extent, ...], image: Extent) -> PlacementOutcome:
    base, size = round_up(base, _PAGE), round_up(request.size, _PAGE)
    if base < image[1] and image[0] < base + size:
        return failed("Crash kernel can not overlap current kernel")
    if not FreeMemory(ram).covers(base, base + size):
        return failed("Failed to reserve memory for crashkernel!")
    return reserved(base, size)
