"""The history of a tree: its transactions, the value that the last `set --auto` chose, and rollback.

A rollback is a transaction of its own that brings back the files as they were before another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.change import disk, journal, transaction
from grubkd.change.edit import FileChange
from grubkd.change.lock import lock
from grubkd.change.record import ID
from grubkd.change.transaction import Step
from grubkd.errors import NothingToRollBack, NotUnderstood, Place, Refused, UntrustedJournal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from grubkd.change.record import Record
    from grubkd.errors import GrubkdError, Notice
    from grubkd.tree.root import Root


@dataclass(frozen=True, slots=True)
class Past:
    """A transaction that was done; `undone_by` is the rollback that took it back and was not itself taken back."""

    record: Record
    undone_by: str | None

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id

    @property
    def wanted(self) -> Mapping[str, Any]:
        """What was wanted, with `by`: "auto" or "given"."""
        return {**self.record.wanted, "by": self.record.by}


@dataclass(frozen=True, slots=True)
class History:
    """The transactions that could be read, oldest first, and the errors of the journals that could not."""

    transactions: tuple[Past, ...]
    errors: tuple[GrubkdError, ...]


def read(root: Root) -> History:
    """The history of a tree, no longer than grubkd keeps it.

    Raises UntrustedJournal where the directory is another user's, PermissionDenied, InputOutput.
    """
    records: list[Record] = []
    errors: list[GrubkdError] = []
    total = 0
    # From the latest one backwards, and no further than prune() leaves: the tree may be anybody's.
    for id in reversed(journal.ids(root, "done")[-journal.MOST_TRANSACTIONS :]):
        status = root.stat(journal.path_of(id, "done"))
        total += status.st_size if status else 0
        if records and total > journal.MOST_BYTES:
            break
        try:
            records.append(journal.load(root, id, "done"))
        except (NotUnderstood, UntrustedJournal) as problem:
            errors.append(problem)
    undone: dict[str, str] = {}
    for record in records:  # latest first: a rollback that was itself taken back undoes nothing
        if record.undoes is not None and record.id not in undone:
            undone.setdefault(record.undoes, record.id)
    records.reverse()
    return History(tuple(Past(each, undone.get(each.id)) for each in records), tuple(errors))


@dataclass(frozen=True, slots=True)
class LastAutoValue:
    """The values that the last `set --auto` chose for new kernels; None if a later choice replaced them or for `why`.

    `beside`: other values that the same run chose for single entries. `transaction`: its id.
    """

    values: tuple[str, ...] | None
    why: str = ""
    beside: tuple[tuple[str, ...], ...] = ()
    transaction: str = ""


def last_auto_value(past: History) -> LastAutoValue:
    """The last automatic value in a history. Transactions that were taken back or for single entries do not count."""
    found = next((each for each in reversed(past.transactions) if _is_for_all(each)), None)
    latest = journal.path_of(found.id if found else "", "done")
    if any(problem.place is not None and problem.place.file > latest for problem in past.errors):
        return LastAutoValue(None, "the history cannot be read whole: see grubkd history")
    if found is None:
        return LastAutoValue(None, "no value chosen by --auto is recorded")
    if found.record.by != "auto":
        return LastAutoValue(
            None, f"the last value was given, not chosen by --auto ({found.record.command}, {found.id})"
        )
    values = _texts(found.wanted["crashkernel"])
    if not values:
        return LastAutoValue(None, f"the record of {found.id} holds no value")
    beside = (tuple(text.split()) for text in _texts(found.wanted.get("beside")))
    return LastAutoValue(values, "", tuple(beside), found.id)


def _is_for_all(past: Past) -> bool:
    """Whether a transaction set the value of all kernels."""
    wanted = past.wanted
    return past.undone_by is None and wanted.get("crashkernel") is not None and not wanted.get("kernel")


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


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
        record = transaction.new_record(
            root,
            steps,
            command="rollback",
            wanted={"undo": past.id},
            by="given",
            followups=past.record.followups,
            undoes=past.id,
        )
        empty = past.record.directories
        done = transaction.carry_out(root, record, steps, empty=empty, run_followups=run_followups)
    return replace(planned, transaction=done.id, followups=done.followups, warnings=warnings)


def _plan(root: Root, id: str | None, force: bool) -> tuple[RolledBack, list[Step], Past]:
    """The transaction to take back, and the steps for it."""
    past = read(root)
    chosen = _chosen(past, id)
    if not force:
        _check_not_overtaken(past.transactions, chosen)
    steps = []
    for file in chosen.record.files:
        present = transaction.read(root, file.path)
        if not force and not file.is_old_or_new(present):
            raise Refused(
                f"the file was changed since transaction {chosen.id}",
                hint="look at it; to have the old one back all the same, add --force",
                place=Place(file.path),
            )
        before = file.before.executable_as(present) if file.before else None
        if not disk.same(present, before):
            steps.append(Step(file.path, present, before, file.link))
    changes = tuple(
        FileChange(each.path, each.before.data if each.before else None, each.after.data if each.after else None)
        for each in steps
    )
    return RolledBack(chosen.id, changes, None, chosen.record.followups, ()), steps, chosen


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
