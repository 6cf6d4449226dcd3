"""The search of free physical memory, its outcome, and how likely an outcome is where memory is not exactly known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grubkd.memory.memory_map import merged, subtract
from grubkd.memory.size import round_down, round_up

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from grubkd.memory.memory_map import Extent

PAGE = 4096


class FreeMemory:
    """Free ranges, ascending and disjoint. Immutable. A region is always found within one range."""

    __slots__ = ("ranges",)

    def __init__(self, ranges: Iterable[Extent]) -> None:
        self.ranges = tuple(ranges)

    def without(self, *taken: Extent) -> FreeMemory:
        """The memory without the extents."""
        return FreeMemory(
            subtract(self.ranges, taken if len(taken) == 1 and taken[0][0] < taken[0][1] else merged(taken))
        )

    def split(self, borders: Iterable[int]) -> FreeMemory:
        """The same memory with its ranges split at these addresses."""
        cuts = sorted(set(borders))
        pieces = []
        for start, end in self.ranges:
            at = start
            for cut in cuts:
                if at < cut < end:
                    pieces.append((at, cut))
                    at = cut
            pieces.append((at, end))
        return FreeMemory(pieces)

    def covers(self, start: int, end: int) -> bool:
        """Whether one free range holds all of start to end."""
        return any(low <= start and end <= high for low, high in self.ranges)

    def from_top(self, size: int, align: int, low: int, high: int) -> int | None:
        """The highest aligned address for size bytes within [low, high): memblock's search from the top down.

        The ranges are tried from the highest down. Each is clamped; its highest aligned start must be in it.
        """
        low = max(low, PAGE)
        for start, end in reversed(self.ranges):
            start, end = max(start, low), min(end, high)  # noqa: PLW2901 (clamped as the kernel does)
            if end - start < size:
                continue
            found = round_down(end - size, align)
            if found >= start:
                return found
        return None

    def from_bottom(self, size: int, align: int, low: int, high: int) -> int | None:
        """The lowest aligned address for size bytes within [low, high): find_e820_area() of x86 up to 2.6.36."""
        for start, end in self.ranges:
            found = round_up(max(start, low), align)
            if found + size <= min(end, high):
                return found
        return None


SLACK = 0.05
"""A result is certain if at least nineteen of twenty boots have it."""


class PlacementOutcome(NamedTuple):
    """The result of one attempt on memory that is exactly known.

    status: "reserved" with ascending regions; "failed" or "hang" (the machine does not boot) with none. reason: the
    kernel's message.
    """

    status: Literal["reserved", "failed", "hang"]
    regions: tuple[Extent, ...]
    reason: str


def reserved(main: int, size: int, low: Extent | None = None) -> PlacementOutcome:
    """A region of `size` bytes at `main`, and perhaps one below 4G."""
    regions = [(main, main + size)] + ([low] if low else [])
    return PlacementOutcome("reserved", tuple(sorted(regions)), "")


def failed(reason: str) -> PlacementOutcome:
    """Nothing is reserved."""
    return PlacementOutcome("failed", (), reason)


def hang(reason: str) -> PlacementOutcome:
    """The machine does not boot."""
    return PlacementOutcome("hang", (), reason)


class Likelihood(NamedTuple):
    """The likeliest outcome, the others by falling likelihood, whether the first is certain, and why it is not."""

    likeliest: PlacementOutcome
    others: tuple[PlacementOutcome, ...]
    certain: bool
    why: str


def from_variants(outcomes: Sequence[PlacementOutcome], why: str) -> Likelihood:
    """Of outcomes whose odds are not known, the likeliest first: certain only if all of them agree."""
    distinct = _distinct(outcomes)
    return Likelihood(distinct[0], distinct[1:], len(distinct) == 1, why if len(distinct) > 1 else "")


def from_counts(counted: Counter[PlacementOutcome], *, strict: bool, why: str) -> Likelihood:
    """Of outcomes with how often each occurs. Outcomes rarer than SLACK are ignored, unless `strict`."""
    distinct = _distinct([outcome for outcome, _ in counted.most_common()])
    if len(distinct) == 1:
        return Likelihood(distinct[0], (), True, "")
    first = sum(count for outcome, count in counted.items() if _same(outcome, distinct[0]))
    chance = 1 - first / counted.total()
    certain = not strict and chance < SLACK
    return Likelihood(distinct[0], distinct[1:], certain, f"{why} (about {max(chance, 0.001):.1%} of boots)")


def combined(first: Likelihood, second: Likelihood) -> Likelihood:
    """Two independent doubts about one boot. The likeliest outcome is that of the first."""
    others = _distinct([first.likeliest, *first.others, second.likeliest, *second.others])[1:]
    certain = first.certain and second.certain and _same(first.likeliest, second.likeliest)
    why = "; ".join(part for part in (first.why, second.why) if part)
    return Likelihood(first.likeliest, others, certain, why)


def _same(one: PlacementOutcome, other: PlacementOutcome) -> bool:
    return (one.status, one.regions) == (other.status, other.regions)


def _distinct(outcomes: Sequence[PlacementOutcome]) -> tuple[PlacementOutcome, ...]:
    """One outcome for each status and regions, in order of first appearance."""
    found: dict[object, PlacementOutcome] = {}
    for outcome in outcomes:
        found.setdefault((outcome.status, outcome.regions), outcome)
    return tuple(found.values())
