"""Placing on s390x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.freememory import FreeMemory
from grubkd.memory.judgement import of_variants
from grubkd.memory.outcome import failed, reserved
from grubkd.memory.size import LIMIT, MIB, round_up

if TYPE_CHECKING:
    from grubkd.memory.judgement import Judgement
    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent
    from grubkd.memory.reading import Request

_FAILED = "crashkernel reservation failed: "
_WHY = "which way this kernel searches, and its hardware system area (HSA), are not known"
# The HSA at the start of memory is not to be used: machines have none, or 32M, or 512M.
_HSA = (0, 32 * MIB, 512 * MIB)


def judge(request: Request, ram: tuple[Extent, ...], images: list[Extent], initrd: Extent | None) -> Judgement:
    """What comes of it, sizes and addresses rounded up to 1M. The kernel is clear of the region or it fails."""
    size, base = round_up(request.size, MIB), round_up(request.base, MIB)
    if ram[0][1] - ram[0][0] < size:
        return of_variants([failed(_FAILED + "first memory chunk must be at least crashkernel size")], "")
    outcomes = []
    for image in images:
        free = FreeMemory(ram).without(image, *([initrd] if initrd else []))
        for hsa in _HSA:
            outcomes.extend(_attempts(size, base, max(size, hsa), free))
    return of_variants(outcomes, _WHY)


def _attempts(size: int, base: int, low: int, free: FreeMemory) -> list[Outcome]:
    if base and base < low:
        return [failed(_FAILED + "crash_base too low")]
    if base:
        places = [free.from_top(size, MIB, base, base + size)]
    else:
        places = [free.from_top(size, MIB, low, LIMIT), free.from_bottom(size, MIB, low, LIMIT)]
    return [failed(_FAILED + "no suitable area found") if at is None else reserved(at, size) for at in places]
