"""`grubkd show`: how this machine boots, and what each entry reserves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grubkd.boot.selector import select
from grubkd.commands import options, warnings
from grubkd.commands.group import message_options
from grubkd.render import output, show
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from typing import Any


@click.command("show")
@options.ROOT
@options.MACHINE
@options.KERNEL
@options.GRUB_CFG
@options.JSON
@message_options
def show_command(*, root: str, kernel: tuple[str, ...], grub_cfg: str | None, json: bool, **known: Any) -> int:
    """Show the boot loaders and their files, every entry and what it reserves, and what new kernels get."""
    config, machine, recommended, found = warnings.read(Root(root), grub_cfg=grub_cfg, **known)
    running = machine.running
    selected = select(config, kernel, running=machine.running_release).entries if kernel else config.entries
    return output.report(
        show.answer(config, selected, running, recommended, found) if json else None,
        show.lines(config, selected, running, recommended, found),
        warnings=found,
        errors=config.errors,
    )
