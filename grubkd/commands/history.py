"""`grubkd history`: the changes made, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd import render
from grubkd.change import history
from grubkd.commands import options
from grubkd.commands.declared import verb
from grubkd.text import to_display
from grubkd.tree.root import Root

if TYPE_CHECKING:
    from typing import Any


@verb(
    "history",
    options.ROOT,
    options.JSON,
)
def command(root: str, json: bool) -> int:
    """List the changes that grubkd made, oldest first, and which of them were taken back by which."""
    past = history.read(Root(root))
    if json:
        render.document({"transactions": [_members(each) for each in past.transactions]})
    elif past.transactions:
        for each in past.transactions:
            render.text("\n".join(_lines(each)))
    else:
        render.text("no changes yet")
    for problem in past.errors:
        render.complain(problem, "error")
    return past.errors[0].exit if past.errors else 0


def _members(past: history.Past) -> dict[str, Any]:
    return {
        "id": past.id,
        "time": past.record.time,
        "command": past.record.command,
        "wanted": past.wanted,
        "files": [to_display(each.path) for each in past.record.files],
        "undone_by": past.undone_by,
    }


def _lines(past: history.Past) -> list[str]:
    """A transaction for people: what it was, then its files."""
    undone = f"  (undone by {past.undone_by})" if past.undone_by else ""
    files = [to_display(each.path) for each in past.record.files]
    return [
        f"{past.id}  {past.record.time}  {past.record.command}  {_wanted(past)}{undone}",
        *(f"    {each}" for each in files),
    ]


def _wanted(past: history.Past) -> str:
    """What was wanted, in a few words."""
    parts: list[str] = []
    for name, value in past.wanted.items():
        words = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        if value is not None and value != []:
            parts.append(f"{name}={','.join(words)}")
    return " ".join(parts)
