"""Placement on 32-bit ARM (armhf)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.memory_map import merged
from grubkd.memory.placement.generic import IN_USE, NO_AREA, WHY, or_without_kexec
from grubkd.memory.placement.search import FreeMemory, allocate, failed, from_variants, reserved
from grubkd.memory.release import possible_images
from grubkd.memory.size import GIB, MIB

if TYPE_CHECKING:
    from grubkd.memory.kernel_parser import KernelRequest
    from grubkd.memory.placement.boot_facts import BootFacts
    from grubkd.memory.placement.search import Likelihood, PlacementOutcome

# Low memory ends 240M of vmalloc area and 8M below 0xff800000, for a kernel at 3G; other splits have more of it.
ARM_LOW_MEMORY = 768 * MIB
_LOW_MEMORY_SIZES = (ARM_LOW_MEMORY, 1792 * MIB)
# CRASH_ALIGN; and bytes of CMA, memory map and page tables at the top of low memory.
_ARM_ALIGNMENT = 128 * MIB
_TAKEN = (24 * MIB, MIB, 72 * MIB, 140 * MIB)


def judge_arm(request: KernelRequest, facts: BootFacts) -> Likelihood:
    """What an armhf kernel does: reserve_crashkernel() of arch/arm/kernel/setup.c, 5.10 to 7.2."""
    ram, initrd = facts.memory.ram, facts.initrd
    outcomes = []
    for low in _LOW_MEMORY_SIZES:
        end = ram[0][0] + low
        for image in possible_images(facts.release, facts.machine, ram[0][0], facts.kernel_image):
            free = FreeMemory(ram).without(*merged([image, *([initrd] if initrd else [])]))
            outcomes += [_attempt_arm(request, allocate(free, taken, MIB, (0, end), []), end) for taken in _TAKEN]
    return or_without_kexec(from_variants(outcomes, WHY), facts)


def _attempt_arm(request: KernelRequest, free: FreeMemory, end: int) -> PlacementOutcome:
    if request.base:
        found = free.from_top(request.size, MIB, request.base, request.base + request.size)
    else:
        found = free.from_top(request.size, _ARM_ALIGNMENT, _ARM_ALIGNMENT, min(end, 4 * GIB))
    if found is None:
        return failed(IN_USE if request.base else NO_AREA)
    return reserved(found, request.size)
