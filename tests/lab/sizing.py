"""The smallest reservation with which a kernel captures a dump, found by bisection."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.report import part

STEP = 16
"""MiB: a region ends on a multiple of this on x86."""


@dataclass(frozen=True, slots=True)
class Smallest:
    """MiB that captured, the next smaller amount that did not, and the number of boots."""

    captures: int
    fails: int
    boots: int


def smallest(captures: Callable[[int], bool], low: int, high: int) -> Smallest | None:
    """The smallest multiple of STEP in (low, high] MiB that captures, None if `high` does not.

    `low` must be known to fail: 0 does.
    """
    boots = 1
    if not captures(high):
        return None
    while high - low > STEP:
        middle = (low + high) // (2 * STEP) * STEP
        boots += 1
        if captures(middle):
            high = middle
        else:
            low = middle
    return Smallest(high, low, boots)


def captured(text: str) -> bool:
    """Whether the capture kernel saved a dump and the machine found it after the reboot."""
    return "vmcore" in part(text, "saved")
