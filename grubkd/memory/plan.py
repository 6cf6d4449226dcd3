"""What is to be written, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grubkd.errors import Notice, WouldNotReserve
from grubkd.memory.case import Case, Reason
from grubkd.memory.crashkernel import parse_value
from grubkd.memory.size import GIB

__all__ = ["Plan", "Reason", "largest"]

_SCALE = tuple(GIB << power for power in range(11))


@dataclass(frozen=True, slots=True)
class Plan:
    """`values`: without `crashkernel=`; two for a high and a low region. `source`: whose rule gave the amount.

    `size`: bytes asked for on the machine's RAM, 0 where that is unknown and the value depends on it. `cases`: the
    kernels that are to read the values.
    """

    values: tuple[str, ...]
    source: str
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Notice, ...] = ()
    size: int = 0
    cases: tuple[Case, ...] = ()


def largest(plans: Sequence[Plan]) -> Plan:
    """One plan for several kernels: the largest whose values each of them can read and place.

    Raises WouldNotReserve where none of the plans suits them all.
    """
    cases = tuple(dict.fromkeys(case for plan in plans for case in plan.cases))
    warnings = tuple(dict.fromkeys(notice for plan in plans for notice in plan.warnings))
    for plan in sorted(plans, key=_weight, reverse=True):
        problem = next((problem for case in cases if (problem := unsuited(case, plan.values))), "")
        if not problem:
            return replace(plan, cases=cases, warnings=warnings)
    names = ", ".join(dict.fromkeys(case.release.text for case in cases))
    raise WouldNotReserve(
        f"no value suits all kernels that share one place: {names}",
        hint="choose entries with --kernel, and give each its own value",
    )


def _weight(plan: Plan) -> tuple[int, ...]:
    """How much a plan asks for: on this machine, then on machines of every size."""
    values = [parse_value(text) for text in plan.values]
    return (plan.size, *(sum(value.size_for(ram) for value in values) for ram in _SCALE))


def unsuited(case: Case, values: Sequence[str]) -> str:
    """Why that kernel cannot read or place the values, "" where it can, or nothing is known against it."""
    for text in values:
        value = parse_value(text)
        if value.spans and not case.reads_ranges:
            return f"{case.release} is not to be given ranges"
        if case.needs_offset and value.offset is None:
            return f"{case.release} reserves nothing without an offset"
    return case.problem(values)
