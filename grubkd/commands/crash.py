"""`grubkd crash`: the test of it all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from grubkd import render
from grubkd.advice import check
from grubkd.advice.finding import Status
from grubkd.boot import inventory
from grubkd.change.sysrq import Trigger
from grubkd.commands import options
from grubkd.commands.declared import option, verb
from grubkd.errors import Failed, Notice, Refused
from grubkd.machine import kdump as kdumps
from grubkd.machine import machine as machines
from grubkd.memory.size import format_size
from grubkd.text import to_display
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine

_WORD = "crash"


@verb(
    "crash",
    option("--yes-crash-now", is_flag=True, help="Do not ask."),
    option("--dry-run", is_flag=True, help="Tell what would happen; crash nothing."),
    options.ROOT,
)
def command(*, yes_crash_now: bool, dry_run: bool, root: str) -> int:
    """Crash this machine, to see that it leaves a dump: it stops at once, and nothing is shut down.

    Refused unless a capture kernel is loaded. Asks first, and takes the word `crash` only.
    """
    return carry_out(Root(root), sure=yes_crash_now, dry_run=dry_run)


def carry_out(tree: Root, *, sure: bool, dry_run: bool = False) -> int:
    """Tell what will happen, ask, and crash; returns the exit code of a dry run.

    Raises Refused where no dump could come of it, where nobody agrees, and for any tree but the running system;
    Failed where the kernel did not crash.
    """
    if not tree.live:
        raise Refused("only the running system can crash", hint="run grubkd crash there, without --root")
    machine, kdump = machines.read(tree), kdumps.read(tree)
    report = check.report(inventory.read(tree), machine, kdump)
    for each in report.findings:
        if each.check == "loaded" and each.status is not Status.OK:
            raise Refused(f"{each.message}: {each.why}", hint=f"{each.fix}; grubkd check tells more")
    for line in _foretold(machine, kdump):
        render.text(to_display(line))
    problems = [each for each in report.findings if each.status is Status.PROBLEM]
    render.warnings(Notice(each.code, each.message, each.fix, each.place) for each in problems)
    if dry_run:
        return 0
    with Trigger(tree) as trigger:
        if not sure:
            _ask()
        trigger.pull()
    raise Failed("the kernel did not crash", hint="see whether its log says why: dmesg | tail")


def _foretold(machine: Machine, kdump: Kdump) -> Iterator[str]:
    yield "The kernel of this machine crashes: it stops at once, nothing is shut down, nobody is warned,"
    yield "and what programs have not saved is lost. What they have saved is written to the disks first."
    reserved = machine.running.reserved if machine.running else None
    where = f" in the {format_size(reserved)} reserved for it" if reserved else ""
    who = "The firmware" if kdump.firmware else f"The capture kernel{where}"
    yield f"{who} then saves a dump to {kdump.target} and restarts the machine, which may take minutes."
    yield "Afterwards see: grubkd dumps"


def _ask() -> None:
    """Have a person at a terminal type the word. Raises Refused."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refused("there is no terminal to ask at", hint="give --yes-crash-now if you are sure")
    render.text(f"Type {_WORD} to go on, anything else to stop:")
    if sys.stdin.readline().strip() != _WORD:
        raise Refused("nothing was done", hint=f"only the word {_WORD} goes on")
