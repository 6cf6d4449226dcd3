"""`grubkd check`: whether this machine will dump when it crashes."""

from __future__ import annotations

from grubkd import advice, render, render_check
from grubkd.advice import check
from grubkd.boot import findings, inventory
from grubkd.commands import options
from grubkd.commands.declared import verb
from grubkd.commands.denied import denied
from grubkd.commands.unfinished import interrupted
from grubkd.errors import Refused
from grubkd.machine import kdump as kdumps
from grubkd.machine import machine as machines
from grubkd.tree.root import Root


@verb(
    "check",
    options.RAM,
    options.ARCH,
    options.ROOT,
    options.JSON,
)
def command(ram: int | None, arch: str | None, root: str, json: bool) -> int:
    """Say whether a crash will leave a dump: now, and after the next boot; and if not, what is to be done.

    Ends 4 where something stands in the way, so that a monitoring job can call it. Nothing is changed.
    """
    return answer(Root(root), json=json, ram=ram, arch=arch)


def answer(tree: Root, *, json: bool, ram: int | None = None, arch: str | None = None) -> int:
    """Check the tree, print the answer, return the exit code."""
    config = inventory.read(tree)
    machine = machines.read(tree, ram=ram, arch=arch)
    kdump = kdumps.read(tree)
    _, warnings = advice.review(config, machine)
    notices = (*config.warnings, *findings.warnings(config, tree), *interrupted(tree), *warnings, *denied(tree))
    report = check.report(config, machine, kdump, notices)
    if json:
        render.document(render_check.answer(report, config, machine, kdump))
    else:
        for line in render_check.lines(report):
            render.text(line)
        for problem in config.errors:
            render.complain(problem, "error")
    if False in (report.now, report.next):
        return Refused.exit
    return max((problem.exit for problem in config.errors), default=0)
