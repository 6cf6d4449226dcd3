"""Finding and undoing a transaction that was interrupted: by a kill, a crash, a power failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.change import followups, journal
from grubkd.change.lock import STATE, busy, lock
from grubkd.errors import CommandFailed, Notice, Place, RollbackFailed
from grubkd.tree.root import system_failure

if TYPE_CHECKING:
    from grubkd.change.record import Record
    from grubkd.tree.root import Root


def pending(root: Root) -> Record | None:
    """The transaction that an interrupted run left, for a reader to report; None while one is really under way.

    Raises NotUnderstood for a damaged journal, PermissionDenied, InputOutput.
    """
    if not root.exists(journal.TRANSACTIONS) or busy(root):
        return None
    found = journal.ids(root, "pending")
    return journal.load(root, found[0], "pending") if found else None


def recover(root: Root, *, force: bool = False, run_followups: bool = False) -> tuple[Notice, ...]:
    """Undo what an interrupted run left, under the lock; returns what to tell about it.

    It is undone, never finished: its files may be all new, but nobody was told so, and its follow-ups may not have
    run. With `force` files that somebody else changed meanwhile are given back their old bytes too. Raises
    RollbackFailed, NotUnderstood for a damaged journal, PermissionDenied, InputOutput.
    """
    if not root.exists(journal.TRANSACTIONS):
        return ()
    with lock(root):
        found = [journal.load(root, id, "pending") for id in journal.ids(root, "pending")]
        for record in reversed(found):
            from grubkd.change.undo import undo  # seldom needed

            undo(root, record, force=force)
            if root.live or run_followups:
                _follow_up(root, record, force)
            _forget(root, record)
        if not found:
            _sweep(root)
    return tuple(_notice(root, record, run_followups) for record in found)


def _follow_up(root: Root, record: Record, force: bool) -> None:
    """Run the follow-ups after the undoing: they may have run for the interrupted change."""
    for command in record.followups:
        try:
            followups.run(command, root)
        except CommandFailed as problem:
            if not force:
                raise RollbackFailed(
                    f"transaction {record.id} was interrupted; its files are undone, but then: {problem}",
                    hint=f"run it by hand: {' '.join(command)}; then: grubkd rollback {record.id} --force",
                ) from None


def _forget(root: Root, record: Record) -> None:
    try:
        journal.abandon(root, record.id)
    except OSError as problem:
        raise RollbackFailed(
            f"transaction {record.id} is undone, but its journal cannot be removed: {problem.strerror}",
            hint=f"remove {journal.path_of(record.id, 'pending')}",
        ) from None


def _sweep(root: Root) -> None:
    try:
        journal.sweep(root)
    except OSError as problem:
        raise system_failure(STATE, "cannot be tidied", problem) from None


def _notice(root: Root, record: Record, run_followups: bool) -> Notice:
    due = "" if root.live or run_followups else "".join(f"; run: {' '.join(each)}" for each in record.followups)
    return Notice(
        "interrupted-undone",
        f"transaction {record.id} ({record.command}, {record.time}) had been interrupted and was undone",
        hint=f"its files are as they were before it{due}",
        place=Place(record.files[0].path) if record.files else None,
    )
