"""What is to be written, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grubkd.memory.case import Reason, Refused

if TYPE_CHECKING:
    from grubkd.errors import Notice
    from grubkd.memory.case import Case

__all__ = ["Plan", "Reason", "Refused"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`values`: without `crashkernel=`; two for a high and a low region. `source`: whose rule gave the amount.

    `size`: bytes asked for on the machine's RAM, 0 where that is unknown and the value depends on it. `cases`: the
    kernels that are to read the values. `refused`: places that were thought of and not taken.
    """

    values: tuple[str, ...]
    source: str
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Notice, ...] = ()
    size: int = 0
    cases: tuple[Case, ...] = ()
    refused: tuple[Refused, ...] = ()
