"""What an interrupted run left, for those who only look."""

from grubkd.errors import GrubkdError, Notice, Place
from grubkd.root import Root
from grubkd.write.lock import STATE


def interrupted(tree: Root) -> tuple[Notice, ...]:
    """A transaction that a power cut or a kill left half done, reported and left alone."""
    if not tree.exists(STATE):
        return ()
    names = tree.list(f"{STATE}/transactions")
    if names and not any(name.endswith(".pending") for name in names):
        return ()
    # Whether one is really under way, and what it says, takes most of what writes.
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
