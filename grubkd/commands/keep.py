"""`grubkd keep`: a newly installed kernel's entry gets the value that the others have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import render, render_change
from grubkd.advice import PlanOptions
from grubkd.advice.keeping import keeping
from grubkd.boot import inventory
from grubkd.change import history
from grubkd.change.history import LastAutoValue
from grubkd.change.lock import STATE
from grubkd.change.request import reservation
from grubkd.commands import change, options
from grubkd.commands.change import Decision, Outcome
from grubkd.commands.declared import argument, option, verb
from grubkd.commands.setting import Request, admitted
from grubkd.errors import GrubkdError
from grubkd.machine import machine as machines
from grubkd.text import from_user, to_display
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.boot.model import BootConfig, Entry
    from grubkd.boot.selector import Selection
    from grubkd.change.request import ArgChange

_UNCHANGED = Outcome((), None, (), ())


@verb(
    "keep",
    argument("release"),
    options.ROOT,
    option("--dry-run", is_flag=True, help="Say what would be done; write nothing."),
    option("--run-followups", is_flag=True, help="With --root: run follow-ups such as zipl in the tree."),
    options.JSON,
)
def command(*, release: str, root: str, dry_run: bool, run_followups: bool, json: bool) -> int:
    """Give the entries of a newly installed kernel the value that `set --auto` chose, where they have none.

    RELEASE is the kernel's, as uname -r prints it. A value that somebody set stays. What was done, or why nothing, is
    one line on stderr: this is what the hooks of kernel packages call.
    """
    try:
        why, word, outcome = _keep(from_user(release), root, dry_run=dry_run, run_followups=run_followups)
    except GrubkdError as problem:
        if json:
            raise
        # A hook's story is one line of a journal.
        where = f"{problem.place}: " if problem.place else ""
        hint = f" ({problem.hint})" if problem.hint else ""
        render.tell(to_display(f"grubkd: error: kernel {from_user(release)}: {where}{problem.message}{hint}"))
        return problem.exit
    if json:
        answer = render_change.answer(
            outcome.files,
            dry_run=dry_run,
            transaction=outcome.transaction,
            followups=outcome.followups,
            reboot_required=False,
            warnings=outcome.warnings,
        )
        render.document({"release": release, "values": list(word.values or ()), "reason": why or None, **answer})
        return 0
    render.tell(f"grubkd: kernel {release}: {to_display(_told(why, word, outcome, dry_run=dry_run))}")
    return 0


def _told(why: str, word: LastAutoValue, outcome: Outcome, *, dry_run: bool) -> str:
    if why:
        return f"nothing to do: {why}"
    value = " ".join(f"crashkernel={each}" for each in word.values or ())
    if dry_run:
        return f"would get {value}"
    left = "".join(f"; now run, in that system: {' '.join(each)}" for each in outcome.followups)
    return f"{value} set, transaction {outcome.transaction}{left}"


def _keep(release: str, root: str, *, dry_run: bool, run_followups: bool) -> tuple[str, LastAutoValue, Outcome]:
    """Why nothing was done, or ""; the value that stands; and what was done."""
    tree = Root(root)
    if not tree.exists(STATE) and STATE not in tree.denied:
        # A machine on which grubkd never changed anything pays for nothing else.
        return "no value chosen by --auto is recorded", LastAutoValue(None), _UNCHANGED
    word = history.last_auto_value(history.read(tree))
    if word.values is None:
        return word.why, word, _UNCHANGED
    config = inventory.read(tree)
    found = keeping(config, release, word)
    if not found.entries:
        if config.errors:
            raise config.errors[0]
        return found.why, word, _UNCHANGED
    machine = machines.read(tree)
    request = Request("keep", root, (), PlanOptions(), values=word.values, auto=True, dry_run=dry_run)

    def decide(config: BootConfig, selection: Selection) -> Decision:
        wishes: Sequence[ArgChange] = (reservation(word.values or ()),)
        # Read again under the lock: somebody may have been quicker.
        lacking = {entry.index for entry in keeping(config, release, word).entries}

        def wishes_for(entry: Entry | None) -> Sequence[ArgChange]:
            return wishes if entry and entry.index in lacking else ()

        return Decision(
            wishes_for=wishes_for,
            wanted={"crashkernel": list(word.values or ()), "arguments": [], "kernel": [release]},
            by="auto",
            architecture=machine.architecture.value if machine.architecture else None,
            admit=lambda planned: tuple(admitted(request, machine, config, selection, planned)),
        )

    selectors = [str(entry.index) for entry in found.entries]
    outcome = change.run(tree, selectors, decide, change.Manner("keep", dry_run, run_followups))
    return "" if outcome.files else "its entry has the value", word, outcome
