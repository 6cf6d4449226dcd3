"""A plan: the values to write, and why; and the draft that the planner works on."""

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
    """One step of a decision, and the source of its rule or fact."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class RefusedRegion:
    """A region that was tried and not taken, (start, end exclusive) in bytes, and why."""

    region: Extent
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The values to write, without `crashkernel=`: two for a high and a low region.

    `source`: whose rule the amount is. `size`: bytes reserved on the machine's RAM, 0 if that is unknown and the value
    depends on it. `cases`: the kernels that read the values. `refused`: places that were tried and not taken.
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
    """A value that is being worked out. `text` is the vendor's own as long as nothing is changed.

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
        """The draft with one more reason and, if given, another value."""
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
