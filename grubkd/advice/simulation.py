"""What a kernel of some release would do with some line, on this machine or another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.advice.casing import case_of
from grubkd.advice.verdict import judge
from grubkd.errors import RamUnknown

if TYPE_CHECKING:
    from grubkd.advice.verdict import Verdict
    from grubkd.machine.machine import Machine
    from grubkd.memory.case import Case
    from grubkd.memory.release import Release


@dataclass(frozen=True, slots=True)
class Simulation:
    """The case, the bytes of RAM it was judged on, and the verdict."""

    case: Case
    ram: int
    verdict: Verdict


def simulate(line: str, release: Release, machine: Machine, *, initrd_size: int | None) -> Simulation:
    """The verdict on the line as that kernel receives it. `initrd_size` in bytes, 0 for none, None for the tree's own.

    Raises RamUnknown, ArchitectureUnknown.
    """
    case = replace(case_of(None, machine, release), cmdline=line)
    if initrd_size is not None:
        case = replace(case, initrd_size=initrd_size)
    memory = case.memory_map()
    if memory is None:
        raise RamUnknown(
            "what the kernel does depends on the amount of RAM",
            hint="give it: --ram=SIZE, or a memory map: --iomem=FILE, --firmware-map=FILE",
        )
    return Simulation(case, case.ram or memory.ram_total, replace(judge(case), note=release.note))
