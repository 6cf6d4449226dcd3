"""`grubkd history`: the changes made, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grubkd.change import history
from grubkd.commands import options
from grubkd.commands.group import message_options
from grubkd.render import output
from grubkd.render.json import document, encode
from grubkd.text import to_display
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command("history")
@options.ROOT
@options.JSON
@message_options
def history_command(root: str, json: bool) -> int:
    """List the changes that grubkd made, oldest first, and which rollback undid them."""
    past = history.read(Root(root))
    if json:
        rows = [
            {
                "id": each.id,
                "time": each.record.time,
                "command": each.record.command,
                "wanted": each.wanted,
                "files": [file.path for file in each.record.files],
                "undone_by": each.undone_by,
            }
            for each in past.transactions
        ]
        document({"transactions": rows})
    for each in () if json else past.transactions:
        output.lines(_lines(each))
    if not json and not past.transactions:
        output.text("no changes yet")
    output.errors(past.errors)
    return past.errors[0].exit if past.errors else 0


def _lines(past: history.Past) -> Iterator[str]:
    """A transaction for people: what it was, then its files."""
    undone = f"  (undone by {past.undone_by})" if past.undone_by else ""
    yield f"{past.id}  {past.record.time}  {past.record.command}  {_wanted(past)}{undone}"
    for each in past.record.files:
        yield f"    {to_display(each.path)}"


def _wanted(past: history.Past) -> str:
    """What was wanted, in a few words."""
    parts: list[str] = []
    for name, value in encode(past.wanted).items():
        words = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        if value is not None and value != []:
            parts.append(f"{name}={','.join(words)}")
    return " ".join(parts)
