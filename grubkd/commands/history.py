"""`grubkd history`: the changes made, oldest first. `grubkd rollback`: undo one of them."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import click

from grubkd.boot import cmdline
from grubkd.change import history
from grubkd.change.rollback import rollback
from grubkd.commands import completion, options
from grubkd.commands.change import print_outcome
from grubkd.commands.group import message_options
from grubkd.commands.warnings import interrupted
from grubkd.errors import carrying
from grubkd.render import output
from grubkd.text import to_line
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any


# The options of set that made the changes, by the word that history records.
_OPTIONS = {"set": "--arg", "add": "--add-arg", "remove": "--remove-arg"}


@click.command("history")
@options.ROOT
@options.JSON
@message_options
def history_command(root: str, json: bool) -> int:
    """List the changes that grubkd made, oldest first, and which rollback undid them."""
    past = history.read(Root(root))
    answer = {"transactions": [_row(each) for each in past.transactions], "errors": past.errors} if json else None
    return output.report(answer, _lines(past.transactions), errors=past.errors)


def _row(past: history.Past) -> dict[str, Any]:
    return {
        "id": past.id,
        **output.members(past.record, "time", "command"),
        **output.members(past, "wanted", "undone_by"),
        "files": [file.path for file in past.record.files],
    }


def _lines(transactions: Sequence[history.Past]) -> Iterator[str]:
    """For people: each transaction, then its files."""
    for past in transactions:
        undone = f"  (undone by {past.undone_by})" if past.undone_by else ""
        asked = " ".join(_asked(past.wanted))
        yield to_line(f"{past.id}  {past.record.time}  {past.record.command}  {asked}{undone}")
        yield from (to_line(f"    {each.path}") for each in past.record.files)
    if not transactions:
        yield "no changes yet"


def _asked(wanted: Mapping[str, Any]) -> Iterator[str]:
    """What was asked for, as words that can be typed again."""
    for name, value in wanted.items():
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            if name == "arguments":
                verb, _, tokens = str(each).partition(" ")
                yield from (f"{_OPTIONS.get(verb, verb)} {quote(token)}" for token in cmdline.tokens(tokens))
            elif name == "default":
                yield quote(str(each))
            else:
                yield f"--kernel {quote(str(each))}" if name == "kernel" else f"{name}={quote(str(each))}"


@click.command("rollback")
@click.argument("id", required=False, shell_complete=completion.transactions)
@click.option("--exact", is_flag=True, help="Restore the old files byte for byte, or refuse.")
@click.option("--force", is_flag=True, help="With --exact: also files that were changed since, whose changes are lost.")
@options.DRY_RUN
@options.RUN_FOLLOWUPS
@options.ROOT
@options.JSON
@message_options
def rollback_command(  # noqa: PLR0913 - one parameter an option
    *, id: str | None, exact: bool, force: bool, dry_run: bool, run_followups: bool, root: str, json: bool
) -> int:
    """Undo the latest change that is not undone yet, or the one with the given ID (see: grubkd history).

    Content, mode, owner, attributes and times of its files are restored, and files that it created are removed. If a
    file was changed since, the arguments in it get their old values and the rest stays. A rollback is itself a
    transaction: to undo it applies the change again.
    """
    tree = Root(root)
    waiting = interrupted(tree) if dry_run else ()
    with carrying(waiting):
        done = rollback(tree, id, force, exact=exact, dry_run=dry_run, run_followups=run_followups)
    done = done._replace(warnings=waiting + done.warnings)
    print_outcome(done, json=json, dry_run=dry_run, reboot_required=bool(done.files) and not dry_run)
    return 0
