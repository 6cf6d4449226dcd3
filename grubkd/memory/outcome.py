"""What comes of one attempt to reserve, on memory that is exactly known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal

    from grubkd.memory.physical import Extent


class Outcome(NamedTuple):
    """status "reserved" with its regions ascending, "failed" or "hang" with none; reason: the kernel's message."""

    status: Literal["reserved", "failed", "hang"]
    regions: tuple[Extent, ...]
    reason: str


def reserved(main: int, size: int, low: Extent | None = None) -> Outcome:
    """A region of size bytes at main, and perhaps one below 4G."""
    regions = [(main, main + size)] + ([low] if low else [])
    return Outcome("reserved", tuple(sorted(regions)), "")


def failed(reason: str) -> Outcome:
    """Nothing reserved."""
    return Outcome("failed", (), reason)


def hang(reason: str) -> Outcome:
    """The machine does not boot."""
    return Outcome("hang", (), reason)
