"""Free physical memory, and the kernel's two ways to search it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grubkd.memory.memory_map import merged, subtract
from grubkd.memory.size import round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Iterable

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
