"""`grubkd check`: whether this machine saves a dump when it crashes."""

from __future__ import annotations

import click

from grubkd import advice
from grubkd.advice import check as checks
from grubkd.boot import findings, inventory
from grubkd.commands import options
from grubkd.commands.group import message_options
from grubkd.commands.warnings import interrupted, unreadable
from grubkd.errors import Refused
from grubkd.machine import kdump as kdumps
from grubkd.machine import machine as machines
from grubkd.render import check, output
from grubkd.render.json import document
from grubkd.tree.root import Root


@click.command("check")
@options.RAM
@options.ARCH
@options.ROOT
@options.JSON
@message_options
def check_command(ram: int | None, arch: str | None, root: str, json: bool) -> int:
    """Check whether a crash will leave a dump, now and after the next boot; if not, show how to fix it.

    Exits 4 if no dump would be saved, for monitoring. Nothing is changed.
    """
    return answer(Root(root), json=json, ram=ram, arch=arch)


def answer(tree: Root, *, json: bool, ram: int | None = None, arch: str | None = None) -> int:
    """Check the tree, print the answer, return the exit code."""
    config = inventory.read(tree)
    machine = machines.read(tree, ram=ram, arch=arch)
    kdump = kdumps.read(tree)
    _, warnings = advice.review(config, machine)
    notices = (*config.warnings, *findings.warnings(config, tree), *interrupted(tree), *warnings, *unreadable(tree))
    report = checks.report(config, machine, kdump, tree, notices)
    if json:
        document(check.answer(report, config, machine, kdump))
        status = output.exit_code(config.errors)
    else:
        output.lines(check.lines(report))
        status = output.errors(config.errors)
    return Refused.exit if False in (report.now, report.next) else status
