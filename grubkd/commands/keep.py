"""`grubkd keep`: the entries of a newly installed kernel get the value that the others have."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from grubkd.advice.keeping import keeping
from grubkd.boot import inventory
from grubkd.change import STATE, history
from grubkd.change.history import LastAutoValue
from grubkd.change.request import reservation
from grubkd.commands import change, options
from grubkd.commands.change import Decision, Outcome, Request
from grubkd.commands.decide import admitted
from grubkd.commands.group import message_options
from grubkd.errors import GrubkdError
from grubkd.machine import machine as machines
from grubkd.render import fix, output
from grubkd.text import from_user
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.boot.selector import Selection
    from grubkd.change.request import ArgChange

_UNCHANGED = Outcome((), None, (), ())


@click.command("keep")
@click.argument("release")
@options.ROOT
@options.DRY_RUN
@options.RUN_FOLLOWUPS
@options.JSON
@message_options
def keep_command(*, release: str, root: str, dry_run: bool, run_followups: bool, json: bool) -> int:
    """Give the entries of a newly installed kernel the value that `set --auto` chose, if they have none.

    RELEASE is the kernel's, as uname -r prints it. An entry that holds a value keeps it. What was done, or why
    nothing, is one line on stderr. The hooks of kernel packages call this.
    """
    release = from_user(release)
    try:
        why, chosen, outcome = _keep(release, root, dry_run=dry_run, run_followups=run_followups)
    except GrubkdError as problem:
        if json:
            raise
        # A hook's message is one line of the journal.
        where = f"{problem.place}: " if problem.place else ""
        said, _ = fix.of(problem)
        hint = f" ({said})" if said else ""
        output.complain_of(problem.warnings, "warning")
        output.message(f"error: kernel {release}: {where}{problem.message}{hint}")
        return problem.exit
    if json:
        answer = change.outcome_answer(outcome, dry_run=dry_run, reboot_required=False)
        with nullcontext() if dry_run else output.optional():
            output.document({"release": release, "values": chosen.values or (), "reason": why or None, **answer})
    else:
        output.complain_of((each for each in outcome.warnings if each.code == "interrupted-undone"), "warning")
        output.message(f"kernel {release}: {_summary(why, chosen, outcome, dry_run=dry_run)}")
    return 0


def _summary(why: str, chosen: LastAutoValue, outcome: Outcome, *, dry_run: bool) -> str:
    if why:
        return f"nothing to do: {why}"
    value = " ".join(f"crashkernel={each}" for each in chosen.values or ())
    if dry_run:
        return f"would get {value}"
    pending = "".join(f"; now run, in that system: {' '.join(each)}" for each in outcome.followups)
    return f"{value} set, transaction {outcome.transaction}{pending}"


def _keep(release: str, root: str, *, dry_run: bool, run_followups: bool) -> tuple[str, LastAutoValue, Outcome]:
    """Why nothing was done, or ""; the value to keep; what was done."""
    tree = Root(root)
    if not tree.exists(STATE) and STATE not in tree.denied:
        # grubkd never changed this machine: nothing else is read.
        return "no value chosen by --auto is recorded", LastAutoValue(None), _UNCHANGED
    chosen = history.last_auto_value(history.read(tree))
    if chosen.values is None:
        return chosen.why, chosen, _UNCHANGED
    config = inventory.read(tree)
    found = keeping(config, release, chosen)
    if not found.entries:
        if config.errors:
            raise config.errors[0]
        return found.why, chosen, _UNCHANGED
    selectors = tuple(str(entry.index) for entry in found.entries)
    request = Request("keep", selectors, chosen.values, auto=True, dry_run=dry_run, run_followups=run_followups)
    outcome = _give(tree, request, release, chosen)
    return "" if outcome.files else "its entry has the value", chosen, outcome


def _give(tree: Root, request: Request, release: str, chosen: LastAutoValue) -> Outcome:
    """Give the value to the entries that lack it, as one transaction."""
    machine = machines.read(tree)
    given: Sequence[ArgChange] = (reservation(chosen.values or ()),)

    def decide(config: BootConfig, selection: Selection) -> Decision:
        # Read again under the lock: another program may have set the value since.
        lacking = {entry.index for entry in keeping(config, release, chosen).entries}

        def changes_for(entry: Entry | None) -> Sequence[ArgChange]:
            return given if entry and entry.index in lacking else ()

        return Decision(
            changes_for=changes_for,
            wanted={"crashkernel": list(chosen.values or ()), "arguments": [], "kernel": [release]},
            by="auto",
            architecture=machine.architecture,
            admit=lambda planned: tuple(admitted(request, machine, config, selection, planned)),
        )

    return change.run(tree, request, decide)
