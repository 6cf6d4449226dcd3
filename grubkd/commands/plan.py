"""`grubkd plan`: what `set --auto` would choose, and why."""

from typing import Any

import click

from grubkd import advice, render, render_plan
from grubkd.advice import PlanOptions
from grubkd.boot import inventory
from grubkd.boot.selector import select
from grubkd.commands import auto, options
from grubkd.machine import machine as machines
from grubkd.root import Root


@click.command("plan")
@options.root_option
@options.plan_options
@options.kernel_option
@click.option("--explain", is_flag=True, help="Tell every step that led to each value, and whose rule it is.")
@options.json_option
def command(root: str, kernel: tuple[str, ...], explain: bool, json: bool, **given: Any) -> int:
    """Say what `set --auto` would choose for each entry, what its kernel would do with it, and why."""
    asked = PlanOptions(**given)
    tree = Root(root)
    machine = machines.read(tree, ram=asked.ram, arch=asked.arch, this_machine=asked.this_machine)
    config = inventory.read(tree)
    selection = select(config, kernel)
    plans = auto.plans(config, selection, machine, asked)
    rows = [
        (entry, plans[entry.index], advice.foreseen(entry, plans[entry.index], machine)) for entry in selection.entries
    ]
    warnings = tuple(dict.fromkeys(notice for plan in plans.values() for notice in plan.warnings))
    if json:
        render.document(render_plan.answer(machine, rows, plans.get(None), warnings))
    else:
        for line in render_plan.table(machine, rows, plans.get(None), explain=explain):
            render.text(line)
        render.warnings(warnings)
    return 0
