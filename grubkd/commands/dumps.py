"""`grubkd dumps`: the dumps that were saved."""

from __future__ import annotations

from grubkd import render, render_dumps
from grubkd.commands import options
from grubkd.commands.declared import verb
from grubkd.commands.denied import denied
from grubkd.errors import Notice
from grubkd.machine import dumps, kdump
from grubkd.machine.dump_target import TargetKind
from grubkd.tree.root import Root


@verb(
    "dumps",
    options.ROOT,
    options.JSON,
)
def command(root: str, json: bool) -> int:
    """List the dumps under the target, newest first: when, how large, whether whole, which kernel and why it stopped.

    Nothing is changed, and of each dump only the headers are read.
    """
    return answer(Root(root), json=json)


def answer(tree: Root, *, json: bool) -> int:
    """List the dumps of the tree, print the answer, return the exit code."""
    configured = kdump.read(tree)
    directory = configured.target.directory
    found = dumps.read(tree, directory) if directory else ()
    notices = (*(() if directory else (_elsewhere(configured),)), *denied(tree))
    if json:
        render.document(render_dumps.answer(found, configured, notices))
        return 0
    for line in render_dumps.lines(found, configured):
        render.text(line)
    render.warnings(notices)
    return 0


def _elsewhere(configured: kdump.Kdump) -> Notice:
    target = configured.target
    mounted = target.kind is TargetKind.FILESYSTEM
    return Notice(
        "not-mounted" if mounted else "elsewhere",
        f"dumps go to {target}, which {'is not mounted' if mounted else 'cannot be looked into from here'}",
        hint=f"mount {target.where}" if mounted else "look there",
        place=target.place,
    )
