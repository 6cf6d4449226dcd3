"""`grubkd check`: whether this machine saves a dump when it crashes. `grubkd dumps`: the dumps that it saved."""

from __future__ import annotations

import click

from grubkd.advice import check as checks
from grubkd.commands import options, warnings
from grubkd.commands.group import message_options
from grubkd.errors import Notice, Refused
from grubkd.machine import dumps as saved
from grubkd.machine import kdump as kdumps
from grubkd.machine.dump_target import TargetKind
from grubkd.render import check, output
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
    return check_tree(Root(root), json=json, ram=ram, arch=arch)


def check_tree(tree: Root, *, json: bool, ram: int | None = None, arch: str | None = None) -> int:
    """Check the tree, print the answer, return the exit code."""
    config, machine, _, found = warnings.read(tree, ram=ram, arch=arch)
    kdump = kdumps.read(tree)
    report = checks.report(config, machine, kdump, tree, found)
    answer = check.answer(report, config, machine, kdump, found) if json else None
    status = output.report(answer, check.lines(report), errors=config.errors)
    return Refused.exit if False in (report.now, report.next) else status


@click.command("dumps")
@options.ROOT
@options.JSON
@message_options
def dumps_command(root: str, json: bool) -> int:
    """List the dumps in the dump target, newest first: time, size, completeness, kernel, and why it crashed.

    Nothing is changed. Only the headers of each dump are read.
    """
    return list_dumps(Root(root), json=json)


def list_dumps(tree: Root, *, json: bool) -> int:
    """List the dumps of the tree, print the answer, return the exit code."""
    kdump = kdumps.read(tree)
    directory = kdump.target.directory
    found = saved.read(tree, directory) if directory else ()
    notices = (*(() if directory else (_elsewhere(kdump),)), *warnings.unreadable(tree))
    answer = check.dumps_answer(found, kdump, notices) if json else None
    return output.report(answer, check.dumps_lines(found, kdump), warnings=notices)


def _elsewhere(kdump: kdumps.Kdump) -> Notice:
    target = kdump.target
    if target.kind is TargetKind.FILESYSTEM:
        message = f"dumps go to {target}, which is not mounted"
        return Notice("not-mounted", message, f"mount {target.where}", target.place)
    message = f"dumps go to {target}, which cannot be read from here"
    return Notice("elsewhere", message, f"look at {target}", target.place)
