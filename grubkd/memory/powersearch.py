"""Placing on 64-bit POWER: no search; the region goes where it is given, or to a fixed place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.eras import Era
from grubkd.memory.freememory import FreeMemory
from grubkd.memory.judgement import of_variants
from grubkd.memory.outcome import failed, reserved
from grubkd.memory.size import GIB, KIB, MIB, round_up

if TYPE_CHECKING:
    from grubkd.memory.judgement import Judgement
    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent
    from grubkd.memory.reading import Request
    from grubkd.memory.release import Release

_PAGE = 64 * KIB
_WHY = "the kernel's own size and the partition's real mode area (RMA) are not known"


def judge(request: Request, release: Release, ram: tuple[Extent, ...], images: list[Extent]) -> Judgement:
    """What comes of it. The RMA is taken to be the first range of RAM; with less than 1G it may be smaller still."""
    area = ram[0][1]
    areas = [area] if request.base or area >= GIB else [area, area // 2]
    outcomes = [
        _attempt(request, request.base or _place(release, rma), ram, image) for image in images for rma in areas
    ]
    return of_variants(outcomes, _WHY)


def _place(release: Release, rma: int) -> int:
    """The middle of the RMA, at most 512M from 5.19 on (seen in 6.1), at most 128M before; 5.10 alone has no limit."""
    middle = rma // 2
    if release.era.since(Era.V6_1):
        return min(middle, 512 * MIB)
    return middle if release.version[:2] == (5, 10) else min(middle, 128 * MIB)


def _attempt(request: Request, base: int, ram: tuple[Extent, ...], image: Extent) -> Outcome:
    base, size = round_up(base, _PAGE), round_up(request.size, _PAGE)
    if base < image[1] and image[0] < base + size:
        return failed("Crash kernel can not overlap current kernel")
    if not FreeMemory(ram).covers(base, base + size):
        return failed("Failed to reserve memory for crashkernel!")
    return reserved(base, size)
