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


def allocate(free: FreeMemory, size: int, align: int, within: Extent, taken: list[Extent]) -> FreeMemory:
    """The memory without the highest aligned piece of that size, which is added to `taken`; the same if none fits."""
    found = free.from_top(size, align, *within) if size else None
    if found is None:
        return free
    taken.append((found, found + size))
    return free.without((found, found + size))


SLACK = 0.001
"""A result is certain if at least 999 of 1000 boots have it."""

WORTH_A_WARNING = 0.01
"""A chance of nothing from which on a value is warned of, and another one is looked for."""


UNKNOWN = 0.0
"""The chance of an outcome that is possible, and nobody knows how likely."""


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
    """The possible outcomes with the chance of each, the likeliest first; whether it is certain, and why it is not.

    The chances add up to 1. Where the odds are not known, each of the layouts that were tried counts the same; what
    cannot be tried is UNKNOWN. touched: an initrd that does not overlap it changes nothing but the number of places
    that KASLR has; None if that is not known.
    """

    outcomes: tuple[tuple[PlacementOutcome, float], ...]
    certain: bool
    why: str
    touched: tuple[Extent, ...] | None = None

    @property
    def likeliest(self) -> PlacementOutcome:
        """The first outcome."""
        return self.outcomes[0][0]


def from_variants(outcomes: Sequence[PlacementOutcome], why: str) -> Likelihood:
    """Of outcomes whose odds are not known, the likeliest first: certain only if all of them agree."""
    shares = _added((outcome, 1 / len(outcomes)) for outcome in outcomes)
    return Likelihood(shares, len(shares) == 1, why if len(shares) > 1 else "")


def from_counts(counted: Counter[PlacementOutcome], *, strict: bool, why: str) -> Likelihood:
    """Of outcomes with how often each occurs. Outcomes rarer than SLACK are ignored, unless `strict`."""
    total = counted.total()
    shares = sorted(_added((outcome, count / total) for outcome, count in counted.items()), key=_chance, reverse=True)
    if len(shares) == 1:
        return Likelihood(tuple(shares), True, "")
    doubt = 1 - shares[0][1]
    certain = not strict and doubt <= SLACK
    return Likelihood(tuple(shares), certain, f"{why} (about {max(doubt, 0.001):.1%} of boots)")


def combined(first: Likelihood, second: Likelihood) -> Likelihood:
    """Two independent doubts about one boot. The likeliest outcome is that of the first."""
    same = next((chance for outcome, chance in second.outcomes if _key(outcome) == _key(first.likeliest)), 0.0)
    others = [(outcome, chance) for outcome, chance in second.outcomes if _key(outcome) != _key(first.likeliest)]
    likeliest, *rest = ((outcome, chance * same) for outcome, chance in first.outcomes)
    shares = _added([likeliest, *others, *rest])
    certain = first.certain and second.certain and same > 0
    why = "; ".join(part for part in (first.why, second.why) if part)
    return Likelihood(shares, certain, why)


def overlap(extent: Extent, others: Iterable[Extent]) -> bool:
    """Whether an extent has a byte in common with one of the others."""
    return any(extent[0] < end and start < extent[1] for start, end in others)


def _chance(share: tuple[PlacementOutcome, float]) -> float:
    return share[1]


def _key(outcome: PlacementOutcome) -> object:
    return outcome.status, outcome.regions


def _added(shares: Iterable[tuple[PlacementOutcome, float]]) -> tuple[tuple[PlacementOutcome, float], ...]:
    """One share for each status and regions, in order of first appearance."""
    found: dict[object, tuple[PlacementOutcome, float]] = {}
    for outcome, chance in shares:
        before = found.get(_key(outcome))
        found[_key(outcome)] = (before[0], before[1] + chance) if before else (outcome, chance)
    return tuple(found.values())
