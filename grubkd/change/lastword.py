"""Which value stands for every kernel of a tree: that of the last --auto, unless someone decided otherwise since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.change import journal

if TYPE_CHECKING:
    from grubkd.change.history import History, Past


@dataclass(frozen=True, slots=True)
class LastWord:
    """`values`: those that --auto chose for kernels to come; None where no choice of its stands, for the reason `why`.

    `beside`: what the same run chose for single entries, where that differed. `transaction`: its id.
    """

    values: tuple[str, ...] | None
    why: str = ""
    beside: tuple[tuple[str, ...], ...] = ()
    transaction: str = ""


def of(past: History) -> LastWord:
    """The last word of a history. What was taken back never counted, nor what was said of single entries only."""
    found = next((each for each in reversed(past.transactions) if _speaks(each)), None)
    latest = journal.path_of(found.id if found else "", "done")
    if any(problem.place is not None and problem.place.file > latest for problem in past.errors):
        return LastWord(None, "the history cannot be read whole: see grubkd history")
    if found is None:
        return LastWord(None, "no value chosen by --auto is recorded")
    if found.record.by != "auto":
        return LastWord(None, f"the last value was given, not chosen by --auto ({found.record.command}, {found.id})")
    values = _texts(found.wanted["crashkernel"])
    if not values:
        return LastWord(None, f"the record of {found.id} holds no value")
    beside = (tuple(text.split()) for text in _texts(found.wanted.get("beside")))
    return LastWord(values, "", tuple(beside), found.id)


def _speaks(past: Past) -> bool:
    """Whether a transaction says which value every kernel is to have; one from before selections were recorded does."""
    wanted = past.wanted
    return past.undone_by is None and wanted.get("crashkernel") is not None and not wanted.get("kernel")


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
