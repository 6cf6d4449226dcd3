"""What a verb that only reads warns of: an interrupted change, and files that it was not allowed to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError, Notice, Place

if TYPE_CHECKING:
    from grubkd.tree.root import Root


def interrupted(tree: Root) -> tuple[Notice, ...]:
    """The transaction that a power cut or a kill interrupted. It is reported, not undone."""
    from grubkd.change import transaction

    try:
        record = transaction.pending(tree)
    except GrubkdError as problem:
        return (Notice("history-unreadable", problem.message, problem.hint, problem.place),)
    if record is None:
        return ()
    return (
        Notice(
            "interrupted",
            f"transaction {record.id} ({record.command}, {record.time}) was interrupted",
            hint="the next command that writes undoes it first",
            place=Place(record.files[0].path) if record.files else None,
        ),
    )


def unreadable(tree: Root) -> tuple[Notice, ...]:
    """The files and directories that this user may not read: the answer is incomplete without them."""
    return tuple(
        Notice("permission-denied", "cannot be read by this user, and is left out", "run grubkd as root", Place(path))
        for path in sorted(tree.denied)
    )
