"""What grubkd did to a tree, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
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
    """The history of a tree, as much of it as is ever kept.

    Raises UntrustedJournal where the directory is another user's, PermissionDenied, InputOutput.
    """
    records: list[Record] = []
    errors: list[GrubkdError] = []
    total = 0
    # From the latest one backwards, and no further than pruning would have left: the tree may be anybody's.
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
    for record in records:  # a rollback that was taken back is known as such before what it undid is looked at
        if record.undoes is not None and record.id not in undone:
            undone.setdefault(record.undoes, record.id)
    records.reverse()
    return History(tuple(Past(each, undone.get(each.id)) for each in records), tuple(errors))
