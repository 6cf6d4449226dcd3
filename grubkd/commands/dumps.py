"""`grubkd dumps`: the dumps that were saved."""

from __future__ import annotations

import click

from grubkd.commands import options
from grubkd.commands.group import message_options
from grubkd.commands.warnings import unreadable
from grubkd.errors import Notice
from grubkd.machine import dumps as saved
from grubkd.machine import kdump
from grubkd.machine.dump_target import TargetKind
from grubkd.render import dumps, output
from grubkd.render.json import document
from grubkd.tree.root import Root


@click.command("dumps")
@options.ROOT
@options.JSON
@message_options
def dumps_command(root: str, json: bool) -> int:
    """List the dumps in the dump target, newest first: time, size, completeness, kernel, and why it crashed.

    Nothing is changed. Only the headers of each dump are read.
    """
    return answer(Root(root), json=json)


def answer(tree: Root, *, json: bool) -> int:
    """List the dumps of the tree, print the answer, return the exit code."""
    configured = kdump.read(tree)
    directory = configured.target.directory
    found = saved.read(tree, directory) if directory else ()
    warnings = (*(() if directory else (_elsewhere(configured),)), *unreadable(tree))
    if json:
        document(dumps.answer(found, configured, warnings))
    else:
        output.lines(dumps.lines(found, configured))
        output.warnings(warnings)
    return 0


def _elsewhere(configured: kdump.Kdump) -> Notice:
    target = configured.target
    unmounted = target.kind is TargetKind.FILESYSTEM
    return Notice(
        "not-mounted" if unmounted else "elsewhere",
        f"dumps go to {target}, which {'is not mounted' if unmounted else 'cannot be read from here'}",
        hint=f"mount {target.where}" if unmounted else f"look at {target}",
        place=target.place,
    )
