"""`grubkd crash`: crash this machine, to test that it leaves a dump."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from grubkd.advice import check
from grubkd.advice.finding import Status
from grubkd.boot import inventory
from grubkd.change.sysrq import Trigger, leave, take_back
from grubkd.commands import options
from grubkd.commands.group import message_options
from grubkd.errors import Failed, Refused
from grubkd.machine import crash_test
from grubkd.machine import kdump as kdumps
from grubkd.machine import machine as machines
from grubkd.memory.size import format_size
from grubkd.render import output
from grubkd.text import to_line
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grubkd.machine.kdump import Kdump
    from grubkd.machine.machine import Machine

_WORD = "crash"


@click.command("crash")
@click.option("--yes-crash-now", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Print what would happen; do not crash.")
@options.ROOT
@message_options
def crash_command(*, yes_crash_now: bool, dry_run: bool, root: str) -> int:
    """Crash this machine, to test that it leaves a dump: it stops at once, and nothing is shut down.

    Refused unless a capture kernel is loaded. Asks first, and accepts only the word `crash`.
    """
    return carry_out(Root(root), sure=yes_crash_now, dry_run=dry_run)


def carry_out(tree: Root, *, sure: bool, dry_run: bool = False) -> int:
    """Print what will happen, ask, and crash; returns the exit code of a dry run.

    Raises Refused if no dump would be saved, if nobody agrees, and for any tree but the running system; Failed if the
    kernel does not crash.
    """
    if not tree.live:
        raise Refused("only the running system can crash", hint="run grubkd crash there, without --root")
    with nullcontext() if dry_run else Trigger(tree) as trigger:
        kept = _announce(tree)
        if trigger is None:
            return 0
        if not sure:
            _ask()
        leave(tree, crash_test.PATH, kept)
        trigger.pull()
    take_back(tree, crash_test.PATH)
    raise Failed("the kernel did not crash", hint="look for the reason in its log: dmesg | tail")


def _announce(tree: Root) -> bytes:
    """Print what will happen; returns what to keep of it over the boot. Raises Refused if no dump would be saved."""
    machine, kdump = machines.read(tree), kdumps.read(tree)
    report = check.report(inventory.read(tree), machine, kdump, tree)
    for each in report.findings:
        if each.check == "loaded" and each.status is not Status.OK:
            said = f"{each.message}: {each.why}" if each.why else each.message
            hint = f"{each.fix}; see: grubkd check" if each.fix else "see: grubkd check"
            raise Refused(said, hint=hint, commands=each.commands)
    problems = [each for each in report.findings if each.status is Status.PROBLEM]
    warnings = [each.notice for each in problems]
    output.report(None, map(to_line, _announcement(machine, kdump)), warnings=warnings)
    running = machine.running
    release, reserved = (running.release, running.reserved or 0) if running else ("", 0)
    return crash_test.begin(tree, release, str(kdump.target), reserved)


def _announcement(machine: Machine, kdump: Kdump) -> Iterator[str]:
    yield "The kernel of this machine crashes: it stops at once, nothing is shut down, no user is warned,"
    yield "and unsaved data of programs is lost. Saved data is written to the disks first."
    reserved = machine.running.reserved if machine.running else None
    where = f" in the {format_size(reserved)} reserved for it" if reserved else ""
    who = "The firmware" if kdump.firmware else f"The capture kernel{where}"
    yield f"{who} then saves a dump to {kdump.target} and restarts the machine, which may take minutes."
    yield "Then run: grubkd dumps"


def _ask() -> None:
    """Ask the person at the terminal to type the word. Raises Refused."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on", hint="give --yes-crash-now if you are sure")
    output.text(f"Type {_WORD} to crash, anything else to stop:")
    if sys.stdin.readline().strip() != _WORD:
        raise Refused("nothing was done", hint=f"type {_WORD} to crash the machine")
