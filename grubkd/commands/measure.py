"""`grubkd measure`: how much memory capture kernels needed, by the logs beside the dumps."""

from __future__ import annotations

import click

from grubkd.commands import options, warnings
from grubkd.commands.check import elsewhere
from grubkd.commands.group import message_options
from grubkd.errors import Refused
from grubkd.machine import capture_log, dump_target
from grubkd.machine import kdump as kdumps
from grubkd.render import dumps, output
from grubkd.tree.root import Root


@click.command("measure")
@options.ROOT
@options.JSON
@message_options
def measure_command(root: str, json: bool) -> int:
    """Show how much memory capture kernels needed, by their logs in the dump target, newest first.

    plan, set --auto and check use the largest figure. Exits 4 if the target is elsewhere. Nothing is changed.
    """
    return measure_tree(Root(root), json=json)


def measure_tree(tree: Root, *, json: bool) -> int:
    """Read the logs of the tree, print the answer, return the exit code."""
    kdump = kdumps.read(tree)
    directory = dump_target.reachable(tree, kdump.target)
    logs = capture_log.read(tree, directory) if directory else ()
    need = capture_log.need(logs)
    notices = (*(() if directory else (elsewhere(kdump),)), *warnings.unreadable(tree))
    answer = dumps.measure_answer(logs, need, kdump, notices) if json else None
    lines = dumps.measure_lines(logs, need, kdump) if directory else ()
    status = output.report(answer, lines, warnings=notices)
    return status if directory else Refused.exit
