"""Placement on s390x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.kernel_image import possible_images
from grubkd.memory.placement.free_memory import FreeMemory
from grubkd.memory.placement.likelihood import failed, from_variants, reserved
from grubkd.memory.size import LIMIT, MIB, round_up

if TYPE_CHECKING:
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.placement.likelihood import Likelihood, PlacementOutcome
    from grubkd.memory.placement.place import BootFacts

_FAILED = "crashkernel reservation failed: "
_WHY = "the direction of this kernel's search and the size of the hardware system area (HSA) are not known"
# Nothing is reserved in the HSA at the start of memory. Machines have none, or 32M, or 512M.
_HSA = (0, 32 * MIB, 512 * MIB)


def judge(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What the kernel does. It rounds sizes and addresses up to 1M."""
    ram = facts.memory.ram
    size, base = round_up(request.size, MIB), round_up(request.base, MIB)
    if ram[0][1] - ram[0][0] < size:
        return from_variants([failed(_FAILED + "first memory chunk must be at least crashkernel size")], "")
    outcomes = []
    for image in possible_images(facts.release, facts.machine, ram[0][0], facts.kernel_image):
        free = FreeMemory(ram).without(image, *([facts.initrd] if facts.initrd else []))
        for hsa in _HSA:
            outcomes.extend(_attempts(size, base, max(size, hsa), free))
    return from_variants(outcomes, _WHY)


def _attempts(size: int, base: int, low: int, free: FreeMemory) -> list[PlacementOutcome]:
    if base and base < low:
        return [failed(_FAILED + "crash_base too low")]
    if base:
        places = [free.from_top(size, MIB, base, base + size)]
    else:
        places = [free.from_top(size, MIB, low, LIMIT), free.from_bottom(size, MIB, low, LIMIT)]
    return [failed(_FAILED + "no suitable area found") if at is None else reserved(at, size) for at in places]
