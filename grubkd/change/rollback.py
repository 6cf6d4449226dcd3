"""Rollback: a transaction of its own that brings back the files as they were before another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.change import history, journal, transaction
from grubkd.change.apply import Step
from grubkd.change.edit import FileChange
from grubkd.change.lock import lock
from grubkd.change.record import ID
from grubkd.errors import NothingToRollBack, Place, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grubkd.change.history import History, Past
    from grubkd.change.record import FileRecord
    from grubkd.errors import Notice
    from grubkd.tree.root import Root


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did, or would do.

    `undoes`: the transaction that was taken back. `files`: the changes. `transaction`: the id of the rollback, which
    can be taken back in turn; None for a dry run. `followups`: the commands that are left to run by hand.
    """

    undoes: str
    files: tuple[FileChange, ...]
    transaction: str | None
    followups: tuple[tuple[str, ...], ...]
    warnings: tuple[Notice, ...]


def rollback(
    root: Root, id: str | None = None, force: bool = False, *, dry_run: bool = False, run_followups: bool = False
) -> RolledBack:
    """Take back a transaction: the named one, or the latest that is no rollback and is not yet taken back.

    An interrupted transaction is undone first; if it is the named one, nothing else happens. Raises NothingToRollBack,
    Refused where a later transaction or somebody else changed one of its files (unless `force`), and as commit does.
    """
    if dry_run:
        return _plan(root, id, force)[0]
    with lock(root):
        interrupted = journal.ids(root, "pending")
        warnings = transaction.recover(root, force=force, run_followups=run_followups)
        if id is not None and id in interrupted:
            return RolledBack(id, (), None, (), warnings)
        planned, steps, past = _plan(root, id, force)
        done = transaction.carry_out(
            root,
            steps,
            command="rollback",
            wanted={"undo": planned.undoes},
            by="given",
            undoes=planned.undoes,
            empty=past.record.directories,
            followups=past.record.followups,
            run_followups=run_followups,
        )
    return RolledBack(planned.undoes, planned.files, done.id, done.followups, warnings + planned.warnings)


def _plan(root: Root, id: str | None, force: bool) -> tuple[RolledBack, list[Step], Past]:
    """The transaction to take back, and the steps for it."""
    past = history.read(root)
    chosen = _chosen(past, id)
    if not force:
        _check_not_overtaken(past.transactions, chosen)
    steps = []
    for file in chosen.record.files:
        present = transaction.read(root, file.path)
        if not force and (present.digest if present else None) not in (file.after, _digest(file)):
            raise Refused(
                f"the file was changed since transaction {chosen.id}",
                hint="look at it; to have the old one back all the same, add --force",
                place=Place(file.path),
            )
        before = file.before.executable_as(present) if file.before else None
        step = Step(file.path, present, before, file.link)
        if not step.idle:
            steps.append(step)
    changes = tuple(
        FileChange(each.path, each.before.data if each.before else None, each.after.data if each.after else None)
        for each in steps
    )
    return RolledBack(chosen.id, changes, None, chosen.record.followups, ()), steps, chosen


def _digest(file: FileRecord) -> str | None:
    return file.before.digest if file.before else None


def _chosen(past: History, id: str | None) -> Past:
    """The transaction to take back. Raises NothingToRollBack, and for a damaged journal its error."""
    if id is not None and not ID.fullmatch(id):
        raise NothingToRollBack("this is not the id of a transaction", hint="see: grubkd history")
    if id is None:
        for each in reversed(past.transactions):
            _check_readable(past, after=each.id)
            if each.record.undoes is None and each.undone_by is None:
                return each
        _check_readable(past)
        raise NothingToRollBack("no transaction is left to take back", hint="see: grubkd history")
    for each in past.transactions:
        if each.id == id:
            _check_readable(past, after=id)
            if each.undone_by is not None:
                raise NothingToRollBack(
                    f"transaction {id} was taken back already, by {each.undone_by}",
                    hint=f"to have it again: grubkd rollback {each.undone_by}",
                )
            return each
    _check_readable(past)
    raise NothingToRollBack(f"there is no transaction {id}", hint="see: grubkd history")


def _check_readable(past: History, after: str = "") -> None:
    """Raise the error of a damaged journal later than a transaction: what it did is not known."""
    for problem in past.errors:
        if problem.place and problem.place.file > journal.path_of(after, "done"):
            raise problem


def _check_not_overtaken(transactions: Sequence[Past], chosen: Past) -> None:
    """Raise Refused where a later transaction, itself not taken back, changed one of the files."""
    paths = {each.path for each in chosen.record.files}
    for later in reversed(transactions):
        if later.id <= chosen.id:
            return
        # A rollback of a later transaction only brought back what the chosen one left.
        cancels = later.record.undoes is not None and later.record.undoes > chosen.id
        shared = paths & {each.path for each in later.record.files}
        if later.undone_by is None and not cancels and shared:
            raise Refused(
                f"transaction {later.id} ({later.record.command}) changed the same file later",
                hint=f"take that one back first: grubkd rollback {later.id}; or add --force",
                place=Place(min(shared)),
            )
