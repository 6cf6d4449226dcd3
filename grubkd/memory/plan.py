"""What is to be written, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grubkd.errors import Notice
    from grubkd.memory.case import Case
    from grubkd.memory.memory_map import Extent
    from grubkd.memory.value import CrashkernelValue


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of a decision, and whose rule or fact it rests on."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class RefusedRegion:
    """A region that was thought of and not taken, (start, end exclusive), and why."""

    region: Extent
    why: str


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
    refused: tuple[RefusedRegion, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A value on its way: `text` is the vendor's own wording as long as nothing had to be changed.

    `beside`: a second value that belongs to it (`72M,low`).
    """

    text: str
    value: CrashkernelValue
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Notice, ...] = ()
    refused: tuple[RefusedRegion, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All values to write."""
        return (self.text, *self.beside)

    def because(self, text: str, source: str, value: CrashkernelValue | None = None) -> PlanDraft:
        """The draft with one more reason and, where a value is given, with that value."""
        reasons = (*self.reasons, Reason(text, source))
        if value is None:
            return replace(self, reasons=reasons)
        return replace(self, reasons=reasons, value=value, text=str(value))

    def warned(self, notice: Notice) -> PlanDraft:
        """The draft with one more warning."""
        return replace(self, warnings=(*self.warnings, notice))

    def without(self, region: Extent, why: str) -> PlanDraft:
        """The draft with one more region that was not taken."""
        return replace(self, refused=(*self.refused, RefusedRegion(region, why)))
