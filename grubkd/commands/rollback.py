"""`grubkd rollback`: take a change back."""

from __future__ import annotations

from grubkd import render, render_change
from grubkd.change.rollback import rollback
from grubkd.commands import options
from grubkd.commands.declared import argument, option, verb
from grubkd.tree.root import Root


@verb(
    "rollback",
    argument("id", required=False),
    option("--force", is_flag=True, help="Also where a file was changed since: that change is lost."),
    option("--dry-run", is_flag=True, help="Print the unified diff that would be applied; write nothing."),
    option("--run-followups", is_flag=True, help="With --root: run follow-ups such as zipl in the tree."),
    options.ROOT,
    options.JSON,
)
def command(  # noqa: PLR0913 - one parameter an option
    *, id: str | None, force: bool, dry_run: bool, run_followups: bool, root: str, json: bool
) -> int:
    """Take back the latest change that still stands, or the one with the given ID (see: grubkd history).

    Bytes, mode, owner, attributes and times of its files come back, and what it created goes. A rollback is itself a
    transaction: rolled back in turn, it applies the change again.
    """
    done = rollback(Root(root), id, force, dry_run=dry_run, run_followups=run_followups)
    if json:
        answer = render_change.answer(
            done.files,
            dry_run=dry_run,
            transaction=done.transaction,
            followups=done.followups,
            reboot_required=bool(done.files) and not dry_run,
            warnings=done.warnings,
        )
        render.document(answer)
        return 0
    render.warnings(done.warnings)
    for line in render_change.lines(done.files, dry_run=dry_run, transaction=done.transaction):
        render.text(line)
    for followup in done.followups:
        render.text(f"now run, in that system: {' '.join(followup)}")
    return 0
