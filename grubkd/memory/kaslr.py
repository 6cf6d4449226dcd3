"""Where an x86 kernel with KASLR may put itself, and what that does to a reservation."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from grubkd.memory.architecture import Architecture
from grubkd.memory.physical import subtract
from grubkd.memory.size import LIMIT, MIB, round_up
from grubkd.memory.x86free import kernel_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grubkd.memory.outcome import Outcome
    from grubkd.memory.physical import Extent

STEP = 2 * MIB
"""The places a kernel chooses from are this far apart (CONFIG_PHYSICAL_ALIGN)."""

LOWEST = 16 * MIB
"""It goes nowhere below where the boot loader put it: 16M as a rule."""

_MOST = 4096
_HIGHEST_I386 = 512 * MIB


def slots(
    ram: tuple[Extent, ...], machine: Architecture, size: int, initrd: Extent | None, within: Extent = (0, LIMIT)
) -> Iterator[range]:
    """The addresses, multiples of STEP, at which a kernel of size bytes may lie, in ascending pieces.

    It lies whole in one range of RAM, at 16M or higher, on i386 below 512M, and clear of the initrd. Only those are
    given whose kernel touches `within`.
    """
    ceiling = _HIGHEST_I386 if machine is Architecture.I386 else LIMIT
    for start, end in subtract(ram, [initrd] if initrd else []):
        first = round_up(max(start, LOWEST, within[0] - size + 1), STEP)
        last = min(min(end, ceiling) - size, within[1] - 1)
        if first <= last:
            yield range(first, last + 1, STEP)


def outcomes(
    attempt: Callable[[Extent | None], tuple[Outcome, tuple[Extent, ...]]],
    ram: tuple[Extent, ...],
    machine: Architecture,
    size: int,
    initrd: Extent | None,
) -> Counter[Outcome]:
    """How many of the kernel's possible places lead to which outcome.

    `attempt` gives, for a kernel's extent (None: no kernel), the outcome and the places of other allocations that
    would yield to a kernel. A search from the top finds the same regions whatever is taken elsewhere, so only the
    kernels that touch the regions or those allocations have to be tried.
    """
    undisturbed, movable = attempt(None)
    block = kernel_block((0, size))[1]
    found: Counter[Outcome] = Counter()
    touching: set[int] = set()
    for region in (*undisturbed.regions, *movable):
        for piece in slots(ram, machine, block, initrd, region):
            touching.update(piece)
    # A huge region is touched by too many kernels to try all; their outcomes follow each other in small steps.
    tried = sorted(touching)[:: len(touching) // _MOST + 1]
    for address in tried:
        found[attempt((address, address + size))[0]] += len(touching) // len(tried)
    found[undisturbed] += sum(map(len, slots(ram, machine, block, initrd))) - len(touching)
    return +found or Counter({undisturbed: 1})
