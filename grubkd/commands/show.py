"""`grubkd show`: how this machine boots, and what each entry reserves."""

from __future__ import annotations

import click

from grubkd import advice
from grubkd.boot import findings, inventory
from grubkd.boot.selector import select
from grubkd.commands import options
from grubkd.commands.group import message_options
from grubkd.commands.warnings import interrupted, unreadable
from grubkd.machine import machine as machines
from grubkd.render import output, show
from grubkd.render.json import document
from grubkd.tree.root import Root


@click.command("show")
@options.ROOT
@options.KERNEL
@options.GRUB_CFG
@options.JSON
@message_options
def show_command(root: str, kernel: tuple[str, ...], grub_cfg: str | None, json: bool) -> int:
    """Show the boot loaders and their files, every entry and what it reserves, and what new kernels get."""
    tree = Root(root)
    config = inventory.read(tree, grub_cfg=grub_cfg)
    machine = machines.read(tree)
    selected = select(config, kernel).entries if kernel else config.entries
    recommended, warnings = advice.review(config, machine)
    found = (*config.warnings, *findings.warnings(config, tree), *interrupted(tree), *warnings, *unreadable(tree))
    if json:
        document(show.answer(config, selected, machine.running, recommended, found))
        return output.exit_code(config.errors)
    output.lines(show.lines(config, selected, machine.running, recommended))
    output.warnings(found)
    return output.errors(config.errors)
