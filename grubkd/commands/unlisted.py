"""The plan for a kernel that no entry starts: `plan --release`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import advice
from grubkd.machine import machine as machines
from grubkd.machine.machine import Machine
from grubkd.memory.architecture import architecture, implied
from grubkd.memory.release import Release
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from grubkd.advice import Plan, PlanOptions


def plan(release: str, root: str, asked: PlanOptions) -> tuple[Machine, Plan]:
    """The plan, and the machine it is for: with RAM of its own and no tree, nothing of this machine counts.

    Raises Usage for what is no release, and as advice.plan_entry does.
    """
    parsed = Release.parse(from_user(release))
    if root == "/" and asked.ram is not None:
        known = architecture(asked.arch) if asked.arch else implied(parsed.text)
        machine = Machine(live=False, architecture=known, given=known is not None, ram=asked.ram, ram_source="given")
    else:
        machine = machines.read(Root(root), ram=asked.ram, arch=asked.arch, this_machine=asked.this_machine)
    return machine, advice.plan_release(parsed, machine, asked)
