"""What an interrupted run left, for those who only look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.errors import GrubkdError, Notice, Place

if TYPE_CHECKING:
    from grubkd.tree.root import Root


def interrupted(tree: Root) -> tuple[Notice, ...]:
    """A transaction that a power cut or a kill left half done, reported and left alone."""
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
