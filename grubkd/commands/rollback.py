"""`grubkd rollback`: undo a change."""

from __future__ import annotations

import click

from grubkd.change.history import rollback
from grubkd.commands import completion, options
from grubkd.commands.change import print_outcome
from grubkd.commands.group import message_options
from grubkd.tree.root import Root


@click.command("rollback")
@click.argument("id", required=False, shell_complete=completion.transactions)
@click.option("--force", is_flag=True, help="Undo it even if a file was changed since; that change is lost.")
@options.DRY_RUN
@options.RUN_FOLLOWUPS
@options.ROOT
@options.JSON
@message_options
def rollback_command(  # noqa: PLR0913 - one parameter an option
    *, id: str | None, force: bool, dry_run: bool, run_followups: bool, root: str, json: bool
) -> int:
    """Undo the latest change that is not undone yet, or the one with the given ID (see: grubkd history).

    Content, mode, owner, attributes and times of its files are restored, and files that it created are removed. A
    rollback is itself a transaction: to undo it applies the change again.
    """
    done = rollback(Root(root), id, force, dry_run=dry_run, run_followups=run_followups)
    print_outcome(done, json=json, dry_run=dry_run, reboot_required=bool(done.files) and not dry_run)
    return 0
