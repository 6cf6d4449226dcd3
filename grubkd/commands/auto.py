"""The plans of `set --auto`, which `plan` shows: one for each entry and one for kernels to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import advice, log
from grubkd.change.request import sharing_groups

if TYPE_CHECKING:
    from grubkd.advice import Plan, PlanOptions
    from grubkd.boot.model import BootConfig
    from grubkd.boot.selector import Selection
    from grubkd.machine.machine import Machine


def plans(config: BootConfig, selection: Selection, machine: Machine, options: PlanOptions) -> dict[int | None, Plan]:
    """The plan for each selected entry by its index, and, where all are selected, for kernels to come (None).

    Entries that share a slot or a source get the largest of their plans; kernels to come the largest of all. Raises as
    advice.plan_entry does.
    """
    alone = {entry.index: advice.plan_entry(entry, config, machine, options) for entry in selection.entries}
    found: dict[int | None, Plan] = {}
    if selection.everything:
        coming = advice.largest(list(alone.values())) if alone else advice.plan_future(config, machine, options)
        found[None] = coming
    for entries, shares_with_coming in sharing_groups(config, selection):
        shared = found[None] if shares_with_coming else advice.largest([alone[entry.index] for entry in entries])
        found.update((entry.index, shared) for entry in entries)
    for index, plan in found.items():
        subject = "kernels to come" if index is None else f"entry {index}"
        log.decided(f"chose {' '.join(plan.values)} for {subject} ({plan.source})")
        for reason in plan.reasons:
            log.read(f"because {reason.text} [{reason.source}]")
    return found
