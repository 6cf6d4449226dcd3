"""`grubkd report`: what a kernel developer asks of a dump first. `grubkd open`: open a dump in crash or drgn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from grubkd import run
from grubkd.commands import completion, options
from grubkd.commands.group import message_options
from grubkd.errors import Failed, NotUnderstood, Place, Refused
from grubkd.machine import crash_report, debuginfo, distribution, dump_target, packages
from grubkd.machine import dumps as saved
from grubkd.machine import kdump as kdumps
from grubkd.render import dumps, output
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from grubkd.machine.dumps import Dump
    from grubkd.memory.vendors import Distribution

_LIST = "grubkd dumps lists the dumps"
_DUMP = click.argument("dump", required=False, shell_complete=completion.files)


@click.command("report")
@_DUMP
@options.ROOT
@options.JSON
@message_options
def report_command(*, dump: str | None, root: str, json: bool) -> int:
    """Say what a kernel developer asks first of DUMP, a directory or a file; by default of the newest dump.

    Release, uptime, taint, the panic line, the stack of the task that panicked, the last 100 messages, modules and
    memory. Asks crash or drgn, or for the messages alone makedumpfile. Exits 1 if nothing could be read but the header.
    """
    return write_report(Root(root), dump, json=json)


def write_report(tree: Root, dump: str | None, *, json: bool) -> int:
    """Print the report, return the exit code. Raises Refused, NotUnderstood: there is no such dump."""
    found = _named(tree, dump)
    openable = debuginfo.openable(tree, found, distribution.read(tree))
    written = crash_report.write(tree, openable, _here(tree))
    answer = dumps.report_answer(found, written) if json else None
    output.report(answer, dumps.report_lines(found, written), warnings=written.notices)
    return 0 if written.facts.stack or written.facts.log else Failed.exit


@click.command("open")
@_DUMP
@click.option("--with", "tool", type=click.Choice(crash_report.TOOLS), help="The program; by default an installed one.")
@options.ROOT
@message_options
def open_command(dump: str | None, tool: str | None, root: str) -> int:
    """Open DUMP, a directory or a file, by default the newest dump, in crash or drgn, with the symbols of its kernel.

    Exits 4 if the symbols are not installed, and says how to install them.
    """
    return open_dump(Root(root), dump, tool)


def open_dump(tree: Root, dump: str | None, tool: str | None) -> int:
    """Replace this process by crash or drgn. Raises Refused, NotUnderstood; Failed if the program is not installed."""
    found = debuginfo.openable(tree, _named(tree, dump), distribution.read(tree))
    if not found.command:
        other = f", and {found.symbols.other} is of another build of it" if found.symbols.other else ""
        why = f"no kernel with symbols opens this dump{other}" if found.dump.form else "the dump holds no memory"
        fix = found.missing
        raise Refused(why, hint=fix.text or _LIST, place=Place(found.dump.path), commands=fix.commands)
    tool = tool or next((each for each in crash_report.TOOLS if run.installed(each)), crash_report.TOOLS[0])
    run.become(crash_report.debugger(tree, found, tool))
    how = packages.install_tool(_here(tree), tool)
    raise Failed(f"{tool} is not installed", hint=how.text, commands=how.commands)


def _here(tree: Root) -> Distribution:
    """The distribution of this system, on which the programs are installed; the tree may be another one's."""
    return distribution.read(tree if tree.live else Root())


def _named(tree: Root, given: str | None) -> Dump:
    """The dump with that path, or that name in the dump target; without one, the newest that holds memory."""
    target = kdumps.read(tree).target
    directory = dump_target.reachable(tree, target)
    if given is None:
        every = saved.read(tree, directory) if directory else ()
        newest = next((each for each in every if each.form), every[0] if every else None)
        if newest is None:
            raise Refused(f"there is no dump ({target})", hint="name one: a directory, or a file")
        return newest
    name = from_user(given)
    path = from_user(str(Path(given).absolute() if tree.live else Path("/", given)))
    if "/" not in name and directory and not tree.exists(path):
        path = f"{directory.rstrip('/')}/{name}"
    found = saved.at(tree, path)
    if found is None and not tree.exists(path):
        raise Refused("there is no such dump", hint=_LIST, place=Place(path))
    if found is None:
        raise NotUnderstood("this is not a dump", hint=_LIST, place=Place(path))
    return found
