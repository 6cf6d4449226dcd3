"""The picture of memory for an entry and its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grubkd.advice.casing import case_of, release_of
from grubkd.boot.build import main_boot
from grubkd.memory.picture import picture

if TYPE_CHECKING:
    from grubkd.advice.verdict import Verdict
    from grubkd.boot.model import Entry
    from grubkd.machine.machine import Machine
    from grubkd.memory.picture import Picture
    from grubkd.memory.plan import Plan


def draw(entry: Entry, plan: Plan, verdict: Verdict, machine: Machine) -> Picture:
    """The memory as the entry's kernel will find and divide it. Raises RamUnknown, ArchitectureUnknown."""
    boot = main_boot(entry.boots)
    case = plan.cases[0]
    release = release_of(entry, machine)
    if release is not None:
        case = case_of(entry, machine, release)
    case = replace(case, cmdline=boot.line.text() if boot else "")
    parts = [f"entry {entry.index}: {' '.join(plan.values)}", str(case.release), verdict.assumption]
    title = ", ".join(part for part in parts if part)
    return picture(title, case, verdict.regions, verdict.alternatives, plan.refused)
