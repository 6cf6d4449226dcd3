"""What is wrong with what a kernel does with its line.

It is the one judgement of `set`, `show`, `check`, `plan` and `predict`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.advice.verdict import NOT_JUDGED
from grubkd.errors import Notice
from grubkd.memory.placement.search import WORTH_A_WARNING
from grubkd.memory.size import format_size, in_megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grubkd.advice.verdict import Verdict
    from grubkd.boot.model import Entry
    from grubkd.errors import Place

LOST = ("reserves-nothing", "would-not-boot")
"""The codes of values that leave no dump: `set` refuses them, unless it is forced."""

_PLAN = "grubkd plan shows a value that fits"
_ODDS = "grubkd plan --explain shows a value with better odds, if there is one"


class Judgement(NamedTuple):
    """A fault of a value. `said`: what the kernel does, to follow its name. `code` and `hint` are those of a Notice."""

    code: str
    said: str
    hint: str

    def notice(self, subject: str, place: Place | None = None) -> Notice:
        """The fault as a warning about a kernel or an entry."""
        return Notice(self.code, f"{subject} {self.said}", self.hint, place)


def judge(found: Verdict, *, ahead: bool = False) -> Iterator[Judgement]:
    """The faults of a value, the worst first. `ahead`: the line is not written yet.

    A line without a value, or with one that means no reservation, has none.
    """
    if found.status == "hang" or found.may_hang:
        sure = "would not boot" if ahead else "does not boot"
        said = sure if found.status == "hang" else "might not boot"
        yield Judgement("would-not-boot", f"{said}: {found.reason}", "choose a smaller value before the next boot")
    if found.reserves_nothing:
        said = "would reserve nothing" if ahead else "reserves nothing"
        yield Judgement("reserves-nothing", f"{said}: {found.reason}", _PLAN)
    if found.lacks_high_low:
        said = "does not know ,high and ,low: it reads the value without them"
        yield Judgement("lacks-high-low", said, "give this entry a value of its own with --kernel")
    if found.chance_of_nothing >= WORTH_A_WARNING:
        said = f"may reserve nothing, in {odds(found.chance_of_nothing)} of boots: {found.reason}"
        yield Judgement("may-reserve-nothing", said, _ODDS)
    if found.reserves_nothing or found.status == "hang" or found.may_hang:
        return
    size = found.size
    if found.ram and size * 2 > found.ram:
        said = f"loses {format_size(size)}, more than half of its RAM"
        yield Judgement("more-than-half", said, "a smaller value leaves more memory to the system")
    if 0 < size < found.image:
        said = f"reserves {format_size(size)}, less than the {in_megabytes(found.image)} that its kernel takes to start"
        yield Judgement("smaller-than-kernel", said, f"no capture kernel can be loaded: {_PLAN}")


def notices(rows: Iterable[tuple[Entry, Verdict]], *, ahead: bool = False) -> Iterator[Notice]:
    """The faults of the values of entries; of entries with the same kernel and fault the first is named."""
    seen = set()
    not_judged = None
    for entry, found in rows:
        if found.reason == NOT_JUDGED:
            not_judged = not_judged or entry
        for each in judge(found, ahead=ahead):
            if (entry.version, each) not in seen:
                seen.add((entry.version, each))
                yield each.notice(f"entry {entry.index} ({entry.title})", entry.source)
    if not_judged:
        name = f"entry {not_judged.index} ({not_judged.title})"
        said = f"some values are not judged, from {name} on: {NOT_JUDGED}"
        yield Notice("not-judged", said, f"judge one: grubkd predict --kernel {not_judged.index}", not_judged.source)


def odds(chance: float) -> str:
    """A probability in words: `96.4 %`. What is not certain is never `100 %`."""
    shown = f"{100 * chance:.3g}"
    return f"{'99.9' if shown == '100' else shown} %"
