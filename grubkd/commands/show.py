"""`grubkd show`: how this machine boots, and what each entry reserves."""

from __future__ import annotations

from grubkd import advice, render, render_show
from grubkd.boot import findings, inventory
from grubkd.boot.selector import select
from grubkd.commands import options
from grubkd.commands.declared import verb
from grubkd.commands.denied import denied
from grubkd.commands.unfinished import interrupted
from grubkd.machine import machine as machines
from grubkd.tree.root import Root


@verb(
    "show",
    options.ROOT,
    options.KERNEL,
    options.JSON,
)
def command(root: str, kernel: tuple[str, ...], json: bool) -> int:
    """Show the bootloaders and their files, every entry and what it reserves, and what new kernels will get."""
    tree = Root(root)
    with tree.near() as near:
        config = inventory.read(near)
    machine = machines.read(tree)
    selected = select(config, kernel).entries if kernel else config.entries
    recommended, warnings = advice.review(config, machine)
    found = (*config.warnings, *findings.warnings(config, tree), *interrupted(tree), *warnings, *denied(tree))
    if json:
        render.document(render_show.answer(config, selected, machine.running, recommended, found))
    else:
        for line in render_show.table(config, selected, machine.running, recommended):
            render.text(line)
        render.warnings(found)
        for problem in config.errors:
            render.complain(problem, "error")
    return max((problem.exit for problem in config.errors), default=0)
