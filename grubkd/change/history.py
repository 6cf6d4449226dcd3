"""The history of a tree: its transactions, and the value that the last `set --auto` chose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grubkd.change import journal
from grubkd.errors import NotUnderstood, UntrustedJournal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from grubkd.change.record import Record
    from grubkd.errors import GrubkdError
    from grubkd.tree.root import Root


@dataclass(frozen=True, slots=True)
class Past:
    """A transaction that was done; `undone_by` is the rollback that took it back and was not itself taken back.

    The record is without its slots and kernels; `whole` reads them.
    """

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


def whole(root: Root, past: Past) -> Past:
    """The transaction with its slots and kernels. Raises as journal.load."""
    return replace(past, record=journal.load(root, past.id, "done"))


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
            # A large menu has thousands of slots, and there are 64 journals.
            records.append(journal.load(root, id, "done", whole=False))
        except (NotUnderstood, UntrustedJournal) as problem:
            problem.__context__ = None  # its frames hold the journal's text and members
            errors.append(problem.with_traceback(None))
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
