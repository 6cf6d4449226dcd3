"""What an interrupted run left, for those who only look."""

from __future__ import annotations

from grubkd.errors import GrubkdError, Notice, Place
from grubkd.write.left import nothing_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grubkd.root import Root


def interrupted(tree: Root) -> tuple[Notice, ...]:
    """A transaction that a power cut or a kill left half done, reported and left alone."""
    if nothing_left(tree):
        return ()
    from grubkd.write import transaction

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
